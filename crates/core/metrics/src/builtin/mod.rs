//! The queries that need no template: the share of requests that succeed, and how long they take.
//!
//! Held by every query that was recorded of Flagger: the text is the same to the last character. Two things are not as
//! recorded. The pods of a `DaemonSet` have one part behind its name, and the pattern with two parts finds the primary's
//! pods alone, so that the wrong version is judged. And a canary of which no request succeeds has no series of successes,
//! so that the recorded query finds nothing; [`Query::total`] is asked after such an answer.

mod family;
#[cfg(test)]
mod tests;

use serin_api::flagger::{Canary, SUCCESS_RATE};

use crate::Sample;
use crate::names::Names;
use family::Family;

/// A metric that is known by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builtin {
    /// Percent of requests that succeed.
    SuccessRate,
    /// Milliseconds of the slowest hundredth of requests, or the mean where a provider has no more.
    Duration,
}

impl Builtin {
    /// Which one a metric's name means.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            SUCCESS_RATE => Some(Self::SuccessRate),
            "request-duration" => Some(Self::Duration),
            _ => None,
        }
    }
}

/// A query that is built in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// What is asked.
    pub text: String,
    /// What is asked when the answer was [`Sample::NoValues`] without a series, to tell no traffic from no success:
    /// requests per second, if none of them succeeds.
    pub total: Option<String>,
}

/// Behind a provider's word: that the target is a Service, of whose pods nothing is known.
const OF_SERVICE: &str = ":service";

/// Whose metrics are looked at, as events name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source(String);

impl Source {
    /// The provider of a Canary's metrics; `global` is the controller's own setting.
    #[must_use]
    pub fn of(canary: &Canary, global: &str) -> Self {
        let spec = &canary.spec;
        let own = if spec.provider.is_empty() {
            if global.contains("crossover") { "crossover" } else { global }
        } else if global.contains("linkerd") {
            // A mesh for all has all metrics.
            "linkerd"
        } else {
            &spec.provider
        };
        let is_service = spec.target_ref.kind == "Service" && spec.provider != "knative";
        Self(format!("{own}{}", if is_service { OF_SERVICE } else { "" }))
    }

    /// As events name it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The query for a metric.
    #[must_use]
    pub fn query(&self, builtin: Builtin, names: &Names) -> Query {
        let family = Family::of(&self.0);
        match builtin {
            Builtin::SuccessRate => {
                Query { text: family.success_rate(names), total: Some(family.failing_rate(names)) }
            }
            Builtin::Duration => Query { text: family.duration(names), total: None },
        }
    }

    /// What an answer means, in the unit of the metric's limits: some providers measure durations in seconds.
    #[must_use]
    pub fn in_unit(&self, builtin: Builtin, sample: Sample) -> Sample {
        const MILLISECONDS: f64 = 1000.0;
        match sample {
            Sample::Value(seconds) if builtin == Builtin::Duration && Family::of(&self.0) == Family::Pods => {
                Sample::Value(seconds * MILLISECONDS)
            }
            other => other,
        }
    }

    /// The words of an event about a value that is not there. Some providers' answers are told of with a beginning more.
    #[must_use]
    pub fn no_values(&self, reason: &str) -> String {
        let is_bare = matches!(Family::of(&self.0), Family::Pods);
        format!("{}{reason}", if is_bare { "" } else { "running query failed: " })
    }
}

/// What the answers to a [`Query::text`] and then to its [`Query::total`] mean together: with requests of which none
/// succeeds, none.
#[must_use]
pub fn of_total(total: &Sample) -> Sample {
    match total {
        Sample::Value(rate) if 0.0 < *rate => Sample::Value(0.0),
        _ => Sample::none(),
    }
}
