//! How a release stands, as the first message of its thread says it.

use serin_api::flagger::{CanaryPhase as Phase, Severity, Strategy};
use serin_notify::{Alert, facts, slack};

use super::{About, note, pictures};
use crate::desk::Desk;

/// After a look: the first messages say how the release stands now, and for good when it has ended.
pub(crate) fn stand(desk: &mut Desk<'_>) {
    use Phase::{Failed, Initialized, Succeeded, Terminated, Terminating};
    let chats = &desk.memory.chats;
    if chats.release.is_empty() || chats.is_over {
        return;
    }
    // What has not answered by now may do so too late for a restart.
    note::note(desk);
    show(desk);
    let is_end =
        matches!(desk.status.phase, Some(Initialized | Succeeded | Failed | Terminating | Terminated));
    desk.memory.chats.is_over = is_end;
    if matches!(desk.status.phase, Some(Succeeded | Failed)) {
        pictures::announce(desk);
    }
}

/// The release ends without an end of its own.
pub(super) fn end(desk: &mut Desk<'_>, why: &str) {
    change(desk, why);
    desk.memory.chats.is_over = true;
}

/// Changes the first messages that say something else.
pub(super) fn show(desk: &mut Desk<'_>) {
    let now = sentence(desk);
    change(desk, &now);
}

fn change(desk: &mut Desk<'_>, now: &str) {
    let threads = &desk.memory.chats.threads;
    if threads.values().all(|line| line.is_fixed || line.shown == now) {
        return;
    }
    let is_failed = desk.status.phase == Some(Phase::Failed);
    let facts = facts(&desk.settings.cluster_name, desk.canary, true);
    let meta = desk.observed.object.meta();
    let mut calls = Vec::new();
    for chat in desk.chats() {
        let chats = &mut desk.memory.chats;
        let Some(line) = chats.threads.get_mut(&chat.name).filter(|line| !line.is_fixed && line.shown != now)
        else {
            continue;
        };
        now.clone_into(&mut line.shown);
        let text = format!("{}\n{now}", line.first.text);
        let severity = if is_failed || line.first.is_bad { Severity::Error } else { Severity::Info };
        let alert =
            Alert { name: &meta.name, namespace: &meta.namespace, text: &text, severity, facts: &facts };
        let call = slack::update(&chat.recipient, &alert, &line.thread);
        calls.push(call.about(About::Change.topic(&chats.release, &chat.name)));
    }
    desk.send(calls);
}

/// Phase, progress and checks in one line.
fn sentence(desk: &Desk<'_>) -> String {
    use Phase::{Failed, Finalising, Initialized, Promoting, Succeeded, Waiting};
    let status = &desk.status;
    let Some(phase) = status.phase else { return String::new() };
    let name = phase.as_str();
    match phase {
        Succeeded | Promoting | Finalising => return name.to_owned(),
        Failed if status.canary_weight == 0 => return format!("{name}: rolled back"),
        Failed => return format!("{name}: the primary is not ready, and traffic stays with the new version"),
        Initialized => return "Taken back by its author before it began".to_owned(),
        Waiting => return format!("{name} for approval"),
        _ => {}
    }
    let Some(analysis) = desk.canary.spec.analysis.as_ref() else { return name.to_owned() };
    let progress = match analysis.strategy() {
        Strategy::Canary if status.iterations == 0 => format!("weight {}", status.canary_weight),
        _ if 0 < analysis.iterations() => {
            format!("iteration {} of {}", status.iterations, analysis.iterations())
        }
        _ => format!("iteration {}", status.iterations),
    };
    format!("{name}: {progress}, failed checks {} of {}", status.failed_checks, analysis.threshold())
}
