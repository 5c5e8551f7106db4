//! A new version is seen, and its run begins.

use serin_api::flagger::{CanaryPhase as Phase, HookKind, Severity};
use serin_traffic::Split;

use super::{Stage, confirm, is_running, news};
use crate::{
    chats,
    desk::{Desk, Halt},
    objects::Target,
};

/// Whether there is anything to do beyond keeping things in their place.
pub(super) fn is_due(desk: &mut Desk<'_>, target: &Target<'_>) -> Result<bool, Halt> {
    if is_running(desk.status.phase) {
        return Ok(true);
    }
    let has_changed = desk.must(news::has_changed(&desk.status, target))?;
    let is_taken_back = desk.must(news::is_taken_back(&desk.status, target))?;
    let is_due = match desk.status.phase {
        // A version that waits for its start and is taken back by its author waits no more (in Flagger it does: defect 5).
        Some(Phase::Waiting) if is_taken_back => {
            news::record(desk, target)?;
            desk.enter(Phase::Initialized);
            desk.because("the version that waited was taken back");
            false
        }
        Some(Phase::Waiting) => true,
        // What failed and was taken back may come again.
        Some(Phase::Failed) if !has_changed => {
            news::record(desk, target)?;
            false
        }
        _ => has_changed,
    };
    Ok(is_due)
}

/// Begins a run, if those who are asked agree.
pub(super) fn start(desk: &mut Desk<'_>, stage: &Stage<'_>) -> Result<(), Halt> {
    chats::begin(desk, &stage.target);
    if confirm::is_aborted(desk, stage) || confirm::is_taken_back(desk, stage)? {
        return give_up(desk, stage);
    }
    let asked = desk.status.phase;
    let passed = |desk: &mut Desk<'_>, hook: &serin_api::flagger::CanaryWebhook| {
        desk.normal(format!("Confirm-rollout check {} passed", hook.name));
    };
    if let Err((hook, _)) = desk.hooks(HookKind::ConfirmRollout, asked, passed)? {
        if desk.status.phase != Some(Phase::Waiting) {
            desk.warning(format!("Halt {} advancement waiting for approval {}", desk.called(), hook.name));
            if !hook.mute_alert {
                desk.alert(Severity::Warn, "Canary is waiting for approval.", false);
            }
            desk.reset();
            desk.enter(Phase::Waiting);
        }
        return Err(Halt::Over);
    }
    desk.told = Some(Phase::Progressing);
    desk.normal(format!("New revision detected! Scaling up {}", desk.target()));
    desk.tell_variant();
    desk.alert(Severity::Info, "New revision detected, progressing canary analysis.", true);
    scale_up(desk, stage);
    begin(desk, stage)
}

/// A person has called off what waits for its start.
pub(super) fn call_off(desk: &mut Desk<'_>, stage: &Stage<'_>) -> Result<(), Halt> {
    chats::begin(desk, &stage.target);
    if confirm::is_aborted(desk, stage) { give_up(desk, stage) } else { Ok(()) }
}

/// What waited for its start never begins.
fn give_up(desk: &mut Desk<'_>, stage: &Stage<'_>) -> Result<(), Halt> {
    news::record(desk, &stage.target)?;
    desk.reset();
    desk.enter(Phase::Failed);
    Err(Halt::Over)
}

/// Begins a run anew, because there is a newer version.
pub(super) fn restart(desk: &mut Desk<'_>, stage: &Stage<'_>) -> Result<(), Halt> {
    chats::begin(desk, &stage.target);
    desk.normal(format!("New revision detected! Restarting analysis for {}", desk.target()));
    desk.tell_variant();
    scale_up(desk, stage);
    if !super::carries_the_users(desk, stage) {
        stage.routes.set(desk, Split::PRIMARY)?;
        desk.measure_weights(Split::PRIMARY);
    }
    begin(desk, stage)
}

pub(super) fn scale_up(desk: &mut Desk<'_>, stage: &Stage<'_>) {
    desk.write(stage.target.resume_scaler());
    desk.write(stage.target.up());
}

fn begin(desk: &mut Desk<'_>, stage: &Stage<'_>) -> Result<(), Halt> {
    news::record(desk, &stage.target)?;
    desk.reset();
    desk.enter(Phase::Progressing);
    desk.explain();
    Ok(())
}
