//! What is measured, and when: the scopes of a request, as Kayenta has them.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::config::{CanaryConfig, Metric};
use crate::input::Thresholds;

/// What to measure for a judgement.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(
    default,
    expecting = "a request, {\"scopes\": {\"default\": {\"controlScope\": …, \"experimentScope\": …}}}"
)]
pub struct Request {
    /// Pairs of scopes by the name with which metrics refer to them.
    pub scopes: Option<IndexMap<String, ScopePair>>,
    /// From where on a score passes.
    pub thresholds: Option<Thresholds>,
}

/// Both sides of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(
    rename_all = "camelCase",
    default,
    expecting = "a pair of scopes, {\"controlScope\": …, \"experimentScope\": …}"
)]
pub struct ScopePair {
    /// The baseline.
    pub control_scope: Option<Scope>,
    /// The canary.
    pub experiment_scope: Option<Scope>,
}

/// One side.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(
    rename_all = "camelCase",
    expecting = "a scope, {\"scope\": …, \"start\": …, \"end\": …, \"step\": …}"
)]
pub struct Scope {
    /// What is measured: a server group, a version, a prefix of pods' names.
    #[serde(default)]
    pub scope: Option<String>,
    /// Its region.
    #[serde(default)]
    pub location: Option<String>,
    /// Its project.
    #[serde(default)]
    pub project: Option<String>,
    /// The first moment.
    pub start: Timestamp,
    /// The last moment, which counts too.
    pub end: Timestamp,
    /// Seconds from one value to the next.
    #[serde(default = "minute")]
    pub step: u32,
    /// Further variables of templates.
    #[serde(default)]
    pub extended_scope_params: Option<IndexMap<String, Value>>,
}

fn minute() -> u32 {
    60
}

/// Why a metric has no scope. The texts are Kayenta's, where it has any.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// No scopes at all.
    #[error("Canary metrics require scopes, but no scopes were provided in the execution request.")]
    None,
    /// Scopes that metrics name are missing.
    #[error("Canary metrics require scopes which were not provided in the execution request: [{0}]")]
    Missing(String),
    /// A metric names none.
    #[error("Canary scope for metric named '{0}' is null.")]
    Null(String),
    /// A side is missing.
    #[error("Canary scope for named scope {0} is missing experimentScope or controlScope keys")]
    Side(String),
    /// The times make no sense.
    #[error("{0}: {1}")]
    Times(String, &'static str),
}

impl Request {
    /// The scopes of each metric of `config` (baseline, canary), in its order.
    ///
    /// # Errors
    /// [`ScopeError`] for what Kayenta would find first.
    pub fn of_metrics<'a>(
        &'a self,
        config: &'a CanaryConfig,
    ) -> Result<Vec<(&'a Metric, &'a Scope, &'a Scope)>, ScopeError> {
        let metrics = config.metrics.as_deref().unwrap_or_default();
        let scopes = self.scopes.as_ref().ok_or(ScopeError::None)?;
        let named = metrics.iter().filter_map(|metric| metric.scope_name.as_deref());
        let mut missing: Vec<&str> = named.filter(|name| !scopes.contains_key(*name)).collect();
        missing.dedup();
        if !missing.is_empty() {
            return Err(ScopeError::Missing(missing.join(", ")));
        }
        let sides = |metric: &'a Metric| {
            let null = || ScopeError::Null(metric.name.clone().unwrap_or_default());
            let name = metric.scope_name.as_ref().ok_or_else(null)?;
            let pair = scopes.get(name).ok_or_else(null)?;
            match (&pair.control_scope, &pair.experiment_scope) {
                (Some(control), Some(experiment)) => {
                    control.check(name)?;
                    experiment.check(name)?;
                    Ok((metric, control, experiment))
                }
                _ => Err(ScopeError::Side(name.clone())),
            }
        };
        metrics.iter().map(sides).collect()
    }
}

impl Scope {
    fn check(&self, name: &str) -> Result<(), ScopeError> {
        let wrong = |why| Err(ScopeError::Times(name.to_owned(), why));
        if self.step == 0 {
            return wrong("step must be at least 1 second");
        }
        if self.end <= self.start {
            return wrong("end must be after start");
        }
        Ok(())
    }

    /// How many values Kayenta expects: the time over the step, one less than there are with both ends.
    #[must_use]
    pub fn expected(&self) -> usize {
        let seconds = self.end.as_second().saturating_sub(self.start.as_second()).max(0);
        usize::try_from(seconds / i64::from(self.step.max(1))).unwrap_or_default()
    }
}
