//! The canary configuration, as Kayenta stores it.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::wire::plain;

/// What to judge and how. Fields that Serin does not know are kept in `rest`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, expecting = "a canary configuration (an object)")]
pub struct CanaryConfig {
    /// The identifier, which the store gives when there is none.
    #[serde(deserialize_with = "plain::text")]
    pub id: Option<String>,
    /// Letters, digits, dashes and underscores (and commas).
    #[serde(deserialize_with = "plain::text")]
    pub name: Option<String>,
    /// Applications that see this configuration.
    #[serde(deserialize_with = "plain::texts")]
    pub applications: Option<Vec<Option<String>>>,
    /// The judge to use, `{"name": …}`.
    pub judge: Option<JudgeChoice>,
    /// The metrics, of which the first with a pair's name counts for it.
    pub metrics: Option<Vec<Metric>>,
    /// Filter templates by name.
    pub templates: Option<IndexMap<String, Value>>,
    /// Group weights.
    pub classifier: Option<Classifier>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// The judge that a configuration asks for.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, expecting = "the judge to use (an object)")]
pub struct JudgeChoice {
    /// Its name; `NetflixACAJudge-v1.0` is Kayenta's own.
    #[serde(deserialize_with = "plain::text")]
    pub name: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// One metric.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, expecting = "a metric (an object)")]
pub struct Metric {
    /// The name, by which pairs find it.
    #[serde(deserialize_with = "plain::text")]
    pub name: Option<String>,
    /// The query, polymorphic by its `type`.
    pub query: Option<Value>,
    /// The groups in which it counts.
    #[serde(deserialize_with = "plain::texts")]
    pub groups: Option<Vec<Option<String>>>,
    /// How to judge it: only the key `canary` is read.
    pub analysis_configurations: Option<IndexMap<String, Option<Map<String, Value>>>>,
    /// The scope whose data it is measured on.
    #[serde(deserialize_with = "plain::text")]
    pub scope_name: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// How groups make up the score.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, expecting = "the weights of groups (an object)")]
pub struct Classifier {
    /// Percent of the score by group.
    pub group_weights: Option<IndexMap<String, Weight>>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A share of the score in percent; null counts as 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
pub struct Weight(#[serde(deserialize_with = "plain::number")] pub f64);

impl CanaryConfig {
    /// The metrics by name: of several with one name the first.
    pub(crate) fn by_name(&self) -> IndexMap<&str, &Metric> {
        let metrics = self.metrics.as_deref().unwrap_or_default();
        let mut by_name = IndexMap::with_capacity(metrics.len());
        for metric in metrics {
            if let Some(name) = metric.name.as_deref() {
                by_name.entry(name).or_insert(metric);
            }
        }
        by_name
    }

    /// The configuration of the metric of that name: the first one.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<&Metric> {
        let metrics = self.metrics.as_deref().unwrap_or_default();
        metrics.iter().find(|metric| metric.name.as_deref() == Some(name))
    }
}
