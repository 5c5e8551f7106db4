//! Whether there is a new version: the hashes of what was seen and of what is promoted.

use serin_api::flagger::{CanaryPhase as Phase, CanaryStatus};

use crate::{
    desk::{Desk, Halt},
    objects::{Target, Trouble, is_own_hash},
};

/// Takes a status over that Flagger has written. Its hashes cannot be computed by anybody else, so that they say nothing of
/// what is new; what the primary runs does. No version starts a run because of a change of controllers.
pub(crate) fn adopt(status: &mut CanaryStatus, target: &Target<'_>) {
    if status.last_applied_spec.is_empty() || is_own_hash(&status.last_applied_spec) {
        return;
    }
    let is_resting = matches!(status.phase, Some(Phase::Initialized | Phase::Succeeded));
    if target.is_promoted() {
        status.last_promoted_spec = target.revision();
    } else if is_resting {
        // It was changed while nobody looked: that is news.
        return;
    }
    status.last_applied_spec = target.revision();
    if let Ok(configs) = target.configs() {
        status.tracked_configs = status.tracked_configs.take().map(|tracked| configs.taken_over(tracked));
    }
}

/// Remembers the version that is seen.
pub(crate) fn record(desk: &mut Desk<'_>, target: &Target<'_>) -> Result<(), Halt> {
    let configs = desk.must(target.configs())?;
    desk.status.last_applied_spec = target.revision();
    desk.status.tracked_configs = configs.checksums();
    Ok(())
}

/// Whether there is a version that was not seen before. One that is promoted already is none.
pub(crate) fn has_changed(status: &CanaryStatus, target: &Target<'_>) -> Result<bool, Trouble> {
    let (revision, applied, promoted) =
        (target.revision(), &status.last_applied_spec, &status.last_promoted_spec);
    let is_new = applied.is_empty() || (revision != *promoted && revision != *applied);
    Ok(is_new || target.configs()?.changed(status.tracked_configs.as_ref()))
}

/// Whether the version that waited for its start is there no more: the target is what is promoted.
pub(crate) fn is_taken_back(status: &CanaryStatus, target: &Target<'_>) -> Result<bool, Trouble> {
    let is_promoted = target.revision() == status.last_promoted_spec;
    Ok(is_promoted && !target.configs()?.changed(status.tracked_configs.as_ref()))
}
