//! A run under way: is the new version good, and how far does it go now?

use serin_api::flagger::{CanaryPhase as Phase, CanaryWebhook, HookKind, Severity, Strategy};
use serin_kernel::{Reading, Weight};
use serin_traffic::Split;

use super::{Stage, confirm, finish, is_plain};
use crate::{
    desk::{Desk, Halt},
    status,
    strategy::{self, Weighted, percent},
};

/// Judges the new version and takes the run one step on.
pub(super) fn analyse(desk: &mut Desk<'_>, stage: &Stage<'_>) -> Result<(), Halt> {
    let Some(analysis) = desk.canary.spec.analysis.as_ref() else { return Ok(()) };
    if confirm::is_taken_back(desk, stage)? {
        return finish::roll_back(desk, stage);
    }
    if analysis.threshold() <= desk.status.failed_checks {
        let failed = desk.status.failed_checks;
        desk.why = status::explanation(&desk.status, &desk.canary.spec.target_ref.kind);
        if !stage.was_led_back {
            desk.warning(format!("Rolling back {} failed checks threshold reached {failed}", desk.called()));
            desk.alert(Severity::Error, &format!("Failed checks threshold reached {failed}"), false);
        }
        return finish::roll_back(desk, stage);
    }
    desk.measure("flagger_canary_duration_seconds", &[], Reading::Elapsed);
    let is_good = is_good(desk, stage)?;
    // The last check counts: it is what the run fails on, if it does.
    desk.explain();
    if !is_good {
        desk.status.failed_checks += 1;
        return Ok(());
    }
    let (strategy, iterations) = means(desk);
    match strategy {
        Strategy::AbTesting => by_match(desk, stage, iterations),
        Strategy::BlueGreen => by_iterations(desk, stage, iterations),
        Strategy::Canary => by_weight(desk, stage),
    }
}

/// Whether the new version passes: before its first traffic what is asked before it, after that hooks and metrics.
fn is_good(desk: &mut Desk<'_>, stage: &Stage<'_>) -> Result<bool, Halt> {
    let is_untouched =
        stage.live.canary == Weight::NONE && desk.status.iterations == 0 && !stage.live.mirrored;
    if is_untouched {
        desk.normal(format!("Starting canary analysis for {}", desk.target()));
        let passed = |desk: &mut Desk<'_>, hook: &CanaryWebhook| {
            desk.normal(format!("Pre-rollout check {} passed", hook.name));
        };
        let asked = desk.hooks(HookKind::PreRollout, Some(Phase::Progressing), passed)?;
        return Ok(is_yes(desk, asked, "pre-rollout"));
    }
    let asked = desk.hooks(HookKind::Rollout, Some(Phase::Progressing), |_, _| {})?;
    Ok(is_yes(desk, asked, "external") && crate::checks::pass(desk)?)
}

fn is_yes(desk: &mut Desk<'_>, asked: Result<(), (CanaryWebhook, String)>, what: &str) -> bool {
    let Err((hook, why)) = asked else { return true };
    desk.warning(format!("Halt {} advancement {what} check {} failed {why}", desk.called(), hook.name));
    false
}

/// The strategy, and how many iterations it has. Services alone can neither tell requests apart nor weigh them.
fn means(desk: &mut Desk<'_>) -> (Strategy, i32) {
    let Some(analysis) = desk.canary.spec.analysis.as_ref() else { return (Strategy::Canary, 0) };
    let is_plain = is_plain(desk);
    let (strategy, iterations) = strategy::course(analysis, is_plain);
    if is_plain && !analysis.matches.is_empty() {
        desk.warning("A/B testing is not supported when using the kubernetes provider");
    }
    if is_plain && analysis.iterations() <= 0 {
        desk.warning("Progressive traffic is not supported when using the kubernetes provider");
        desk.warning(format!("Setting canaryAnalysis.iterations: {iterations}"));
    }
    (strategy, iterations)
}

fn by_weight(desk: &mut Desk<'_>, stage: &Stage<'_>) -> Result<(), Halt> {
    let Some(analysis) = desk.canary.spec.analysis.as_ref() else { return Ok(()) };
    if !stage.live.mirrored && desk.status.phase != Some(Phase::WaitingPromotion) && !confirm::may_grow(desk)?
    {
        return Ok(());
    }
    let mirrors = analysis.mirror && stage.routes.can_mirror_weighted();
    match strategy::weighted(analysis, stage.live, mirrors) {
        Weighted::Promote => promote_if_confirmed(desk, stage),
        Weighted::Mirror => shift(desk, stage, Split { mirrored: true, ..Split::PRIMARY }),
        Weighted::Shift(split) => shift(desk, stage, split),
    }
}

fn shift(desk: &mut Desk<'_>, stage: &Stage<'_>, split: Split) -> Result<(), Halt> {
    stage.routes.set(desk, split)?;
    desk.measure_weights(split);
    desk.status.canary_weight = percent(split.canary);
    desk.normal(format!("Advance {} canary weight {}", desk.called(), split.canary));
    Ok(())
}

fn by_match(desk: &mut Desk<'_>, stage: &Stage<'_>, iterations: i32) -> Result<(), Halt> {
    if desk.status.iterations < iterations {
        let split = Split::new(0, 100);
        stage.routes.set(desk, split)?;
        desk.measure_weights(split);
        iterate(desk, iterations);
        return Ok(());
    }
    promote_if_confirmed(desk, stage)
}

fn by_iterations(desk: &mut Desk<'_>, stage: &Stage<'_>, iterations: i32) -> Result<(), Halt> {
    let Some(analysis) = desk.canary.spec.analysis.as_ref() else { return Ok(()) };
    if desk.status.iterations < iterations {
        if analysis.mirror && !stage.live.mirrored && stage.routes.can_mirror() {
            stage.routes.set(desk, Split { mirrored: true, ..Split::PRIMARY })?;
        }
        iterate(desk, iterations);
        return Ok(());
    }
    if !confirm::may_promote(desk)? {
        return Ok(());
    }
    if iterations < desk.status.iterations {
        return finish::promote(desk, stage);
    }
    // One look with all traffic at the new version, before it is promoted.
    if !is_plain(desk) {
        let text = if analysis.mirror && stage.routes.can_mirror() {
            "Stop traffic mirroring and route all traffic to canary"
        } else {
            "Routing all traffic to canary"
        };
        desk.normal(text);
        let split = Split::new(0, 100);
        stage.routes.set(desk, split)?;
        desk.measure_weights(split);
    }
    desk.status.iterations += 1;
    Ok(())
}

fn iterate(desk: &mut Desk<'_>, iterations: i32) {
    desk.status.iterations += 1;
    let count = desk.status.iterations;
    desk.normal(format!("Advance {} canary iteration {count}/{iterations}", desk.called()));
}

fn promote_if_confirmed(desk: &mut Desk<'_>, stage: &Stage<'_>) -> Result<(), Halt> {
    if confirm::may_promote(desk)? { finish::promote(desk, stage) } else { Ok(()) }
}
