//! Whether a Rollout can be run as it is written, and what it says when it cannot.

use serin_api::{
    kinds,
    names::{ConditionType, Reason},
    network::{Ingress, Service},
    rollout::{CanaryStrategy, Rollout, RolloutStatus},
    validate::{self, FieldError, References},
};
use serin_kernel::{Kind, Moment, Object, Observed};

use crate::{report, resolve::Resolved};

/// Why a Rollout is not run: the first of its problems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invalid {
    /// As a sentence.
    pub(crate) text: String,
    /// Something that it names is not there, and may only come later than the Rollout.
    pub(crate) waits: bool,
}

impl Invalid {
    /// A problem of the manifest.
    pub(crate) fn new(text: String) -> Self {
        Self { text, waits: false }
    }
}

/// The status of a Rollout that is not run: everything else in it stays, so that traffic and pods stay.
pub(crate) fn status(rollout: &Rollout, invalid: &Invalid, generation: i64, now: Moment) -> RolloutStatus {
    let mut next = rollout.status.clone();
    let kind = ConditionType::InvalidSpec;
    if next.condition(kind).is_none_or(|condition| condition.message != invalid.text) {
        report::remove(&mut next, kind);
        report::put(&mut next, kind, ("True", Reason::InvalidSpec), invalid.text.clone(), now);
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
    let named = references(observed, rollout);
    let unfit = validate::validate_references(rollout, &resolved.template, &named);
    let waits = |problem: &FieldError| {
        let name = problem.value.as_str().unwrap_or_default();
        matches!(named.services.get(name), Some(None)) || matches!(named.ingresses.get(name), Some(None))
    };
    let own = problems.first().map(|problem| (problem, false));
    let first = own.or_else(|| unfit.first().map(|problem| (problem, waits(problem))));
    if let Some((problem, waits)) = first {
        return Err(Invalid { text: validate::message(&rollout.metadata.name, problem), waits });
    }
    let missing = || {
        let name = &rollout.metadata.name;
        Invalid::new(format!("The Rollout \"{name}\" is invalid: it has no canary strategy"))
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
