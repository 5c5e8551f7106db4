//! Those who may hold a run up or take it back.

use serin_api::flagger::{CanaryPhase as Phase, CanaryWebhook, HookKind, Severity};

use super::{Stage, words};
use crate::desk::{Desk, Halt};

/// Whether a person has called the run off.
pub(super) fn is_aborted(desk: &mut Desk<'_>, stage: &Stage<'_>) -> bool {
    use Phase::{Progressing, Waiting, WaitingPromotion};
    let is_open = matches!(desk.status.phase, Some(Progressing | Waiting | WaitingPromotion));
    let Some(by) = desk.granted.abort.as_deref().filter(|_| is_open).map(words::by) else { return false };
    if !stage.was_led_back {
        desk.warning(format!("Rolling back {} aborted {by}", desk.called()));
        desk.alert(Severity::Warn, &format!("Rolling back, aborted {by}"), false);
    }
    true
}

/// Whether somebody has taken the run back. Asked also while a version waits for its start (Flagger's documentation says so,
/// Flagger does not: defect 5).
pub(super) fn is_taken_back(desk: &mut Desk<'_>, stage: &Stage<'_>) -> Result<bool, Halt> {
    use Phase::{Progressing, Waiting, WaitingPromotion};
    if !matches!(desk.status.phase, Some(Progressing | Waiting | WaitingPromotion)) {
        return Ok(false);
    }
    let hooks = desk.canary.spec.analysis.iter().flat_map(|it| it.webhooks.iter().enumerate());
    for (index, hook) in hooks.filter(|(_, hook)| hook.hook_kind() == Some(HookKind::Rollback)) {
        if desk.hook(index, hook, desk.status.phase)?.is_ok() {
            if stage.was_led_back {
                return Ok(true);
            }
            desk.warning(format!("Rollback check {} passed", hook.name));
            desk.warning(format!("Rolling back {} manual webhook invoked", desk.called()));
            if !hook.mute_alert {
                desk.alert(Severity::Warn, "Rolling back manual webhook invoked", false);
            }
            return Ok(true);
        }
        desk.normal(format!("Rollback hook {} not signaling a rollback", hook.name));
    }
    Ok(false)
}

/// Whether the weight may grow.
pub(super) fn may_grow(desk: &mut Desk<'_>) -> Result<bool, Halt> {
    let passed = |desk: &mut Desk<'_>, hook: &CanaryWebhook| {
        desk.normal(format!("Confirm-traffic-increase check {} passed", hook.name));
    };
    let Err((hook, _)) = desk.hooks(HookKind::ConfirmTrafficIncrease, Some(Phase::Progressing), passed)?
    else {
        return Ok(true);
    };
    let text =
        format!("Halt {} advancement waiting for traffic increase approval {}", desk.called(), hook.name);
    desk.warning(text);
    if !hook.mute_alert {
        desk.alert(Severity::Warn, "Canary traffic increase is waiting for approval.", false);
    }
    Ok(false)
}

/// Whether the new version may be promoted. While it may not, the run waits: its weight stays in the status as it is live, and
/// it is asked at each look (Flagger shows 0 and asks every other time: defect 6).
pub(super) fn may_promote(desk: &mut Desk<'_>) -> Result<bool, Halt> {
    let passed = |desk: &mut Desk<'_>, hook: &CanaryWebhook| {
        desk.normal(format!("Confirm-promotion check {} passed", hook.name));
    };
    let Err((hook, _)) = desk.hooks(HookKind::ConfirmPromotion, Some(Phase::Progressing), passed)? else {
        return Ok(true);
    };
    if desk.status.phase != Some(Phase::WaitingPromotion) {
        let text = format!("Halt {} advancement waiting for promotion approval {}", desk.called(), hook.name);
        desk.warning(text);
        if !hook.mute_alert {
            desk.alert(Severity::Warn, "Canary promotion is waiting for approval.", false);
        }
        desk.enter(Phase::WaitingPromotion);
    }
    Ok(false)
}
