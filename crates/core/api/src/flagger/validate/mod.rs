//! What is wrong with an object of Flagger's kinds: everything at once, each with its place and what to do.
//!
//! Two questions are kept apart. [`validate`]: as written, the Canary can get nowhere, or not where it says; Flagger
//! hangs on some of it, and only logs the rest. [`doubts`]: it runs as it does under Flagger, but something in it has
//! another effect than it says, or none. Both look at the whole Canary at each call, so that an edit cannot pass what creation
//! could not.

mod analysis;
mod spec;
mod templates;

pub use analysis::ASKED_MAX;
pub use templates::{validate_alert_provider, validate_metric_template};

use super::{Canary, Provider};
use crate::validate::{FieldError, field::Errors};

/// What the controller's settings say of Canaries.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// What routes the traffic of a Canary that does not say it.
    pub provider: &'a str,
    /// Whether references to other namespaces are refused.
    pub no_cross_namespace_refs: bool,
}

/// Everything for which the Canary cannot be run. What could not be read is not among it: see [`crate::lenient`].
#[must_use]
pub fn validate(canary: &Canary, rules: Rules<'_>) -> Vec<FieldError> {
    let mut errors = Errors::default();
    spec::check(canary, rules, &mut errors);
    analysis::check(canary, provider(canary, rules), &mut errors);
    errors.0
}

/// Everything that has another effect than it says.
#[must_use]
pub fn doubts(canary: &Canary, rules: Rules<'_>) -> Vec<FieldError> {
    let mut errors = Errors::default();
    analysis::doubts(canary, provider(canary, rules), &mut errors);
    spec::doubts(canary, provider(canary, rules), &mut errors);
    errors.0
}

fn provider(canary: &Canary, rules: Rules<'_>) -> Provider {
    Provider::of(canary.spec.provider(rules.provider))
}

/// One of a closed set; an empty text is left to the definition.
fn word<T: Copy>(path: &str, text: &str, all: &[T], text_of: fn(T) -> &'static str, errors: &mut Errors) {
    let all: Vec<&str> = all.iter().copied().map(text_of).collect();
    if !text.is_empty() && !all.contains(&text) {
        errors.not_supported(path, text, &all);
    }
}

/// An address that can be called.
fn url(path: &str, text: &str, errors: &mut Errors) {
    if !is_callable(text) {
        errors.invalid(path, text, "must be an address such as http://loadtester.test/");
    }
}

fn is_callable(text: &str) -> bool {
    let rest = ["http://", "https://"].into_iter().find_map(|scheme| {
        let start = text.get(..scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then(|| &text[scheme.len()..])
    });
    let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let host = host.map(|host| host.rsplit('@').next().unwrap_or_default());
    let has_host = host.is_some_and(|host| !host.is_empty() && !host.starts_with(':'));
    has_host && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests;
