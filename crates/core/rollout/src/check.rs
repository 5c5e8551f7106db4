//! Whether a Rollout can be run as it is written, and what it says when it cannot.

use serin_api::{
    names::{ConditionType, Reason},
    rollout::{CanaryStrategy, Rollout, RolloutStatus},
};
use serin_kernel::{Moment, Observed};

use crate::{report, resolve::Resolved};

/// Why a Rollout is not run; the first of its problems, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invalid(pub(crate) String);

/// The status of a Rollout that is not run: everything else in it stays, so that traffic and pods stay.
pub(crate) fn status(rollout: &Rollout, invalid: &Invalid, generation: i64, now: Moment) -> RolloutStatus {
    let mut next = rollout.status.clone();
    let kind = ConditionType::InvalidSpec;
    if next.condition(kind).is_none_or(|condition| condition.message != invalid.0) {
        report::remove(&mut next, kind);
        report::put(&mut next, kind, ("True", Reason::InvalidSpec), invalid.0.clone(), now);
    }
    next.observed_generation = generation.to_string();
    let (phase, message) = report::phase(rollout, &next);
    next.phase = Some(phase);
    next.message = message;
    next
}

/// Refuses what cannot be run.
///
/// # Errors
/// The first problem.
pub(crate) fn valid<'a>(
    _observed: &Observed,
    rollout: &'a Rollout,
    resolved: &Resolved,
) -> Result<&'a CanaryStrategy, Invalid> {
    let invalid =
        |text: &str| Invalid(format!("The Rollout \"{}\" is invalid: {text}", rollout.metadata.name));
    if resolved.selector.is_empty() {
        return Err(invalid("spec.selector: Required value: Rollout has missing field '.spec.selector'"));
    }
    rollout.canary().ok_or_else(|| invalid("spec.strategy.strategy: Required value: Rollout has missing field '.spec.strategy.canary or .spec.strategy.blueGreen'"))
}
