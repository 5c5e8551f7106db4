//! How a run ends: promotion in its three looks, roll back, and a promotion that fails.

use serin_api::flagger::{
    CanaryAnalysis, CanaryPhase as Phase, CanaryWebhook, HookKind, Provider, Severity, Strategy,
};
use serin_kernel::{Reading, Weight};
use serin_traffic::Split;

use super::{Stage, is_plain, news, words};
use crate::{
    desk::{Desk, Halt},
    strategy::{self, percent},
};

/// Copies the new version to the primary.
pub(super) fn promote(desk: &mut Desk<'_>, stage: &Stage<'_>) -> Result<(), Halt> {
    copy(desk, stage)?;
    desk.enter(Phase::Promoting);
    Ok(())
}

/// A person has called for it: the rest of the analysis is left out, and everything else goes its ordinary way.
pub(super) fn promote_by_word(desk: &mut Desk<'_>, stage: &Stage<'_>) -> Result<(), Halt> {
    let by = words::by(desk.granted.promote.as_deref().unwrap_or_default());
    desk.normal(format!("Promoting {} called {by}, skipping the rest of the analysis", desk.called()));
    let text = format!("Promotion called {by}, skipping the rest of the analysis.");
    desk.alert(Severity::Info, &text, false);
    promote(desk, stage)
}

fn copy(desk: &mut Desk<'_>, stage: &Stage<'_>) -> Result<(), Halt> {
    let text = format!("Copying {} template spec to {}", desk.target(), desk.primary());
    desk.normal(text);
    let writes = desk.must(stage.target.promote())?;
    desk.write(writes);
    Ok(())
}

/// The primary has the new version: the traffic goes back to it, at once or in parts.
pub(super) fn promoting(desk: &mut Desk<'_>, stage: &Stage<'_>) -> Result<(), Halt> {
    let writes = desk.must(stage.target.sync_scaler())?;
    desk.write(writes);
    if is_plain(desk) {
        settle(desk);
        return Ok(());
    }
    let analysis = desk.canary.spec.analysis.as_ref();
    let step = analysis.map_or(0, CanaryAnalysis::step_weight_promotion);
    // Where requests are matched by the ingress there is no weight to take back in parts (in Flagger that never ends, as does
    // a canary without weight: defect 9).
    let is_matched = Provider::of(desk.provider()) == Provider::Nginx
        && desk.canary.spec.strategy() == Strategy::AbTesting;
    if step <= 0 || is_matched || stage.live.canary == Weight::NONE {
        desk.normal("Routing all traffic to primary");
        stage.routes.set(desk, Split::PRIMARY)?;
        desk.measure_weights(Split::PRIMARY);
        settle(desk);
        return Ok(());
    }
    let split = strategy::promotion(stage.live, step);
    stage.routes.set(desk, split)?;
    desk.measure_weights(split);
    desk.normal(format!("Advance {} primary weight {}", desk.called(), split.primary));
    if split.canary == Weight::NONE {
        settle(desk);
    } else {
        desk.status.canary_weight = percent(split.canary);
    }
    Ok(())
}

fn settle(desk: &mut Desk<'_>) {
    (desk.status.canary_weight, desk.status.iterations) = (0, 0);
    desk.enter(Phase::Finalising);
}

/// All traffic is at the primary: the new version's own pods go.
pub(super) fn finalising(desk: &mut Desk<'_>, stage: &Stage<'_>) -> Result<(), Halt> {
    let how = if desk.granted.promote.is_some() { "skipped" } else { "completed" };
    succeed(desk, stage, how)?;
    desk.normal(format!("Promotion completed! Scaling down {}", desk.target()));
    desk.alert(Severity::Info, "Canary analysis completed successfully, promotion finished.", false);
    Ok(())
}

/// Promotes without analysis.
pub(super) fn skip(desk: &mut Desk<'_>, stage: &Stage<'_>) -> Result<(), Halt> {
    stage.routes.set(desk, Split::PRIMARY)?;
    if has_users(desk, stage) {
        desk.until_users_have_left(false)?;
    }
    copy(desk, stage)?;
    let writes = desk.must(stage.target.sync_scaler())?;
    desk.write(writes);
    succeed(desk, stage, "skipped")?;
    desk.normal(format!("Promotion completed! Canary analysis was skipped for {}", desk.target()));
    desk.alert(Severity::Info, "Canary analysis was skipped, promotion finished.", false);
    Ok(())
}

fn succeed(desk: &mut Desk<'_>, stage: &Stage<'_>, how: &str) -> Result<(), Halt> {
    desk.write(stage.target.pause_scaler());
    desk.write(stage.target.to_zero());
    desk.told = Some(Phase::Succeeded);
    after(desk, Phase::Succeeded)?;
    desk.status.last_promoted_spec.clone_from(&desk.status.last_applied_spec);
    if desk.canary.spec.skip_analysis {
        news::record(desk, &stage.target)?;
        desk.status.last_promoted_spec.clone_from(&desk.status.last_applied_spec);
    }
    // Failed checks stay in the status, as in Flagger, until the next run begins.
    (desk.status.canary_weight, desk.status.iterations) = (0, 0);
    desk.enter(Phase::Succeeded);
    count(desk, "flagger_canary_successes_total", how);
    desk.measure_weights(Split::PRIMARY);
    Ok(())
}

/// A person has called the run off. As at every roll back, users go to a primary that can take them: it is waited for also
/// where nothing is analysed.
pub(super) fn abort(desk: &mut Desk<'_>, stage: &Stage<'_>) -> Result<(), Halt> {
    if !super::carries_the_users(desk, stage) {
        super::primary_is_ready(desk, stage)?;
    }
    roll_back(desk, stage)
}

/// Takes the new version back. Users never go to a primary that cannot take them: then everything stays with the new version.
pub(super) fn roll_back(desk: &mut Desk<'_>, stage: &Stage<'_>) -> Result<(), Halt> {
    if super::carries_the_users(desk, stage) {
        return keep_with_canary(desk, stage);
    }
    stage.routes.set(desk, Split::PRIMARY)?;
    desk.measure_weights(Split::PRIMARY);
    // Whoever stopped in the midst of it has left no word of when they were led away.
    let are_leaving = stage.was_led_back && !stage.target.to_zero().is_empty();
    if are_leaving || has_users(desk, stage) {
        desk.memory.is_rolling_back = true;
        desk.explain();
        desk.until_users_have_left(false)?;
    }
    take_away(desk, stage)
}

/// Whether users come to pods that are about to go: those stay until all have heard of the new way.
fn has_users(desk: &Desk<'_>, stage: &Stage<'_>) -> bool {
    !is_plain(desk) && stage.live.canary != Weight::NONE && !stage.target.to_zero().is_empty()
}

/// The end of a roll back, when nobody is led to the new version any more.
pub(super) fn take_away(desk: &mut Desk<'_>, stage: &Stage<'_>) -> Result<(), Halt> {
    desk.memory.is_rolling_back = false;
    let before = desk.told;
    desk.told = Some(Phase::Failed);
    desk.warning(format!("Canary failed! Scaling down {}", desk.called()));
    desk.write(stage.target.pause_scaler());
    desk.write(stage.target.to_zero());
    desk.told = before;
    after(desk, Phase::Failed)?;
    desk.reset();
    fail(desk, stage)?;
    Err(Halt::Over)
}

/// The primary does not become ready with the new version, which has proved itself: it goes on serving.
pub(super) fn fail_promotion(desk: &mut Desk<'_>, stage: &Stage<'_>, why: &str) -> Result<(), Halt> {
    desk.warning(format!("Promotion of {} failed, primary not ready: {why}", desk.called()));
    desk.alert(Severity::Error, &format!("Promotion failed, primary not ready: {why}"), false);
    keep_with_canary(desk, stage)
}

fn keep_with_canary(desk: &mut Desk<'_>, stage: &Stage<'_>) -> Result<(), Halt> {
    let split = Split::new(0, 100);
    stage.routes.set(desk, split)?;
    desk.measure_weights(split);
    after(desk, Phase::Failed)?;
    desk.reset();
    desk.status.canary_weight = percent(split.canary);
    fail(desk, stage)?;
    Err(Halt::Over)
}

fn fail(desk: &mut Desk<'_>, stage: &Stage<'_>) -> Result<(), Halt> {
    news::record(desk, &stage.target)?;
    desk.enter(Phase::Failed);
    desk.explain();
    count(desk, "flagger_canary_failures_total", "completed");
    Ok(())
}

/// Calls those who wait for the end; the first that fails ends it.
fn after(desk: &mut Desk<'_>, phase: Phase) -> Result<(), Halt> {
    let passed = |desk: &mut Desk<'_>, hook: &CanaryWebhook| {
        desk.normal(format!("Post-rollout check {} passed", hook.name));
    };
    if let Err((hook, why)) = desk.hooks(HookKind::PostRollout, Some(phase), passed)? {
        desk.warning(format!("Post-rollout hook {} failed {why}", hook.name));
    }
    Ok(())
}

fn count(desk: &mut Desk<'_>, name: &'static str, how: &str) {
    let strategy = desk.canary.spec.strategy().as_str();
    desk.measure(name, &[("analysis_status", how), ("deployment_strategy", strategy)], Reading::Count(1.0));
}
