//! How long an update takes, and how much of that it waits for a person.

use serin_api::{
    names::CompletionStatus,
    rollout::{DurationStatus, RolloutStatus},
};
use serin_kernel::Moment;

/// What happened in this pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "independent facts about one pass")]
pub(crate) struct Milestones {
    /// The template changed, or the steps did.
    pub(crate) is_changed: bool,
    /// An aborted update begins again.
    pub(crate) is_retried: bool,
    /// The wanted version is the stable one or older than it: how that rollback ends.
    pub(crate) rollback: Option<CompletionStatus>,
    /// How the promotion of this pass ends the update.
    pub(crate) promoted: Option<CompletionStatus>,
    /// Wanted and stable were the same version before this pass.
    pub(crate) was_stable: bool,
    /// Wanted and stable are the same version.
    pub(crate) is_stable: bool,
    /// That version has all its pods.
    pub(crate) is_complete: bool,
    /// The update is aborted.
    pub(crate) is_aborted: bool,
    /// The update waits for a person.
    pub(crate) waits_for_person: bool,
}

/// The record after this pass.
pub(crate) fn duration(status: &RolloutStatus, seen: Milestones, now: Moment) -> Option<DurationStatus> {
    let now = now.truncated();
    let mut record = status.duration.clone().unwrap_or_default();
    let begin = || DurationStatus { rollout_started_at: Some(now), ..Default::default() };
    if is_running(&record) {
        if seen.is_changed && seen.rollback.is_some() {
            record.completion_status = seen.rollback;
        } else if seen.is_changed {
            record = begin();
        }
    } else if (seen.is_changed && !seen.was_stable) || seen.is_retried {
        record = begin();
    }
    if !is_running(&record) {
        return status.duration.as_ref().map(|_| record);
    }
    if seen.promoted.is_some() && record.completion_status.is_none() {
        record.completion_status = seen.promoted;
    }
    let ends = if seen.is_stable && seen.is_complete {
        Some(record.completion_status.unwrap_or(CompletionStatus::Promoted))
    } else {
        seen.is_aborted.then_some(CompletionStatus::Aborted)
    };
    match record.manual_pause_started_at {
        None if seen.waits_for_person && ends.is_none() => record.manual_pause_started_at = Some(now),
        Some(started) if !seen.waits_for_person || ends.is_some() => {
            let waited = i64::try_from(now.saturating_since(started).as_secs()).unwrap_or(i64::MAX);
            let before = record.total_manual_pause_duration_seconds.unwrap_or(0);
            record.total_manual_pause_duration_seconds = Some(before.saturating_add(waited));
            record.manual_pause_started_at = None;
        }
        _ => {}
    }
    if ends.is_some() {
        record.completion_status = ends;
        record.finished_at = Some(now);
    }
    Some(record)
}

fn is_running(record: &DurationStatus) -> bool {
    record.rollout_started_at.is_some() && record.finished_at.is_none()
}
