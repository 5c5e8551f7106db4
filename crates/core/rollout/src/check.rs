//! Whether a Rollout can be run as it is written, and what it says when it cannot.

use serin_api::{
    kinds,
    names::{ConditionType, Reason},
    network::{Ingress, Service},
    rollout::{CanaryStrategy, Rollout, RolloutStatus},
    validate::{self, References},
};
use serin_kernel::{Kind, Moment, Object, Observed};

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

/// Refuses what cannot be run: the first thing that is wrong with the manifest, that has no machine yet, or that is
/// missing or unfit among what it names.
///
/// # Errors
/// The first problem.
pub(crate) fn valid<'a>(
    observed: &Observed,
    rollout: &'a Rollout,
    resolved: &Resolved,
) -> Result<&'a CanaryStrategy, Invalid> {
    let mut problems = if rollout.spec.workload_ref.is_none() {
        validate::validate(rollout)
    } else {
        let (template, selector) = (&resolved.template, Some(&resolved.selector));
        validate::validate_resolved(rollout, validate::Resolved { template, selector })
    };
    problems.extend(validate::unsupported(rollout));
    problems.extend(validate::validate_references(
        rollout,
        &resolved.template,
        &references(observed, rollout),
    ));
    if let Some(first) = problems.first() {
        return Err(Invalid(validate::message(&rollout.metadata.name, first)));
    }
    let missing = || {
        Invalid(format!("The Rollout \"{}\" is invalid: it has no canary strategy", rollout.metadata.name))
    };
    rollout.canary().ok_or_else(missing)
}

fn references(observed: &Observed, rollout: &Rollout) -> References {
    let namespace = &observed.object.meta().namespace;
    let find = |kind: Kind, name: &str| observed.get(&kind.key(namespace.clone(), name)).map(Object::value);
    let services = validate::referenced_services(rollout).into_iter().map(|named| {
        let found = find(kinds::SERVICE, &named.name).map(|body| serin_api::lenient::<Service>(body).value);
        (named.name, found)
    });
    let ingresses = validate::referenced_ingresses(rollout).into_iter().map(|named| {
        let found = find(kinds::INGRESS, &named.name).map(|body| serin_api::lenient::<Ingress>(body).value);
        (named.name, found)
    });
    References { services: services.collect(), ingresses: ingresses.collect() }
}
