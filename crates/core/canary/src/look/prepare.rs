//! Everything in its place: Services, primary, autoscaler, routes; and the first of all looks, after which the Canary waits
//! for its first new version.

use serin_api::flagger::{CanaryPhase as Phase, Provider, Severity};

use crate::{
    desk::{Desk, Halt},
    look::news,
    objects::{Readiness, Target},
    routes::Routes,
};

/// Puts what is missing or has drifted back into its place.
pub(super) fn prepare<'a>(desk: &mut Desk<'a>) -> Result<(Target<'a>, Routes), Halt> {
    if desk.status.phase.is_none() {
        desk.enter(Phase::Initializing);
        desk.save();
    }
    let is_first = desk.status.phase == Some(Phase::Initializing);
    let target = desk.must(Target::look(desk.observed, desk.canary, &desk.settings.objects))?;
    news::adopt(&mut desk.status, &target);
    let writes = desk.must(target.services())?;
    desk.write(writes);
    if is_first && !desk.canary.spec.skip_analysis {
        crate::checks::probe(desk)?;
    }
    let routes = Routes::new(desk, &target);
    // App Mesh's pods find their node only when it is there before them.
    let is_mesh_first = matches!(Provider::of(desk.provider()), Provider::AppMesh | Provider::AppMeshV1Beta2);
    if is_mesh_first {
        routes.reconcile(desk)?;
    }
    primary(desk, &target, is_first)?;
    let writes = desk.must(target.create_scaler())?;
    desk.write(writes);
    let before = desk.writes();
    let writes = desk.must(target.apex())?;
    desk.write(writes);
    if !is_mesh_first {
        routes.reconcile(desk)?;
    }
    if is_first {
        if !target.to_zero().is_empty() {
            desk.until_users_have_left(before == desk.writes())?;
        }
        desk.write(target.pause_scaler());
        desk.write(target.to_zero());
        initialized(desk, &target)?;
    }
    Ok((target, routes))
}

/// The primary is made if it is missing; the first time it must be ready before anything points at it, also when nothing is
/// to be analysed (Flagger leads users to it and takes the target's pods away before it has any).
fn primary(desk: &mut Desk<'_>, target: &Target<'_>, is_first: bool) -> Result<(), Halt> {
    let made = desk.must(target.create())?;
    desk.write(made.writes);
    if let Some(warning) = made.warning {
        desk.warning(warning);
    }
    if !is_first {
        return Ok(());
    }
    super::primary_has_pods(desk, target)?;
    match target.primary_ready(desk.now) {
        Readiness::Ready => Ok(()),
        Readiness::Waiting(why) | Readiness::Failed(why) => desk.stop(why),
    }
}

fn initialized(desk: &mut Desk<'_>, target: &Target<'_>) -> Result<(), Halt> {
    news::record(desk, target)?;
    desk.status.last_promoted_spec.clone_from(&desk.status.last_applied_spec);
    desk.reset();
    desk.enter(Phase::Initialized);
    let text = format!("Initialization done! {}", desk.called());
    desk.normal(text);
    let kind = &desk.canary.spec.target_ref.kind;
    desk.alert(Severity::Info, &format!("New {kind} detected, initialization completed."), true);
    Ok(())
}
