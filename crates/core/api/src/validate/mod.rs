//! What is wrong with a Rollout: everything at once, in the words that Argo Rollouts and Kubernetes use.
//!
//! The first error, put into [`message`], is the text of the `InvalidSpec` condition that clients know; the rest
//! spares people the next three tries. Three questions are kept apart, because their answers differ in what helps:
//! [`validate`] (the manifest is wrong), [`unsupported`] (it is right, but there is no machine for it yet) and
//! [`validate_references`] (what it names is missing or unfit).

pub(crate) mod field;
mod references;
mod routing;
mod spec;
mod steps;
mod strategy;
mod template;
mod unsupported;

pub use field::{ErrorKind, FieldError};
pub use references::{Reference, References, referenced_ingresses, referenced_services, validate_references};
pub use unsupported::unsupported;

use serde_json::Value;

use crate::{meta::LabelSelector, rollout::Rollout};
use field::Errors;

/// Template and selector of the workload that a Rollout refers to.
#[derive(Clone, Copy, Debug)]
pub struct Resolved<'a> {
    /// The workload's pod template.
    pub template: &'a Value,
    /// Its selector, which the Rollout uses if it has none itself.
    pub selector: Option<&'a LabelSelector>,
}

/// Everything that is wrong with the manifest itself. With a `workloadRef`, the pod template is not looked at.
#[must_use]
pub fn validate(rollout: &Rollout) -> Vec<FieldError> {
    let mut errors = Errors::default();
    spec::check(rollout, None, &mut errors);
    errors.0
}

/// As [`validate`], and the template of the workload that `workloadRef` names.
#[must_use]
pub fn validate_resolved(rollout: &Rollout, resolved: Resolved<'_>) -> Vec<FieldError> {
    let mut errors = Errors::default();
    spec::check(rollout, Some(resolved), &mut errors);
    errors.0
}

/// The message of the `InvalidSpec` condition.
#[must_use]
pub fn message(name: &str, error: &FieldError) -> String {
    format!("The Rollout \"{name}\" is invalid: {error}")
}
