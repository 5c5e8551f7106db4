//! What is judged: a configuration, thresholds, and pairs of series.

use indexmap::IndexMap;
use serde::Deserialize;

use crate::config::CanaryConfig;
use crate::wire::{Number, Text, plain};

/// The three documents of one judgement, as Kayenta's remote judge receives them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, expecting = "a judgement's input (an object)")]
pub struct Input {
    /// What to judge and how.
    pub canary_config: CanaryConfig,
    /// From where on the score passes.
    pub score_thresholds: Option<Thresholds>,
    /// The data.
    pub metric_set_pair_list: Option<Vec<Pair>>,
}

/// From where on a score passes, and from where on it is at least marginal; both 0 to 100. What is absent counts as 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default, expecting = "thresholds, {\"pass\": …, \"marginal\": …}")]
pub struct Thresholds {
    /// From here on: Pass.
    #[serde(deserialize_with = "plain::number")]
    pub pass: f64,
    /// From here on, below `pass`: Marginal.
    #[serde(deserialize_with = "plain::number")]
    pub marginal: f64,
}

/// Both series of one metric, for one combination of tags.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(from = "WirePair")]
pub struct Pair {
    /// The metric's name.
    pub name: String,
    /// The identifier.
    pub id: Option<String>,
    /// The tags that both series share.
    pub tags: Option<IndexMap<String, Option<Text>>>,
    /// The canary's values in time; NaN where there is none.
    pub experiment: Option<Vec<f64>>,
    /// The baseline's values.
    pub control: Option<Vec<f64>>,
}

#[derive(Default, Deserialize)]
#[serde(default, expecting = "a pair, {\"name\": …, \"values\": {\"experiment\": […], \"control\": […]}}")]
struct WirePair {
    #[serde(deserialize_with = "plain::text")]
    name: Option<String>,
    #[serde(deserialize_with = "plain::text")]
    id: Option<String>,
    tags: Option<IndexMap<String, Option<Text>>>,
    values: Option<IndexMap<String, Option<Vec<Number>>>>,
}

impl From<WirePair> for Pair {
    fn from(wire: WirePair) -> Self {
        let mut values = wire.values.unwrap_or_default();
        let mut side = |name: &str| {
            let numbers = values.get_mut(name).and_then(Option::take);
            numbers.map(|numbers| numbers.into_iter().map(|number| number.0).collect())
        };
        Self {
            experiment: side("experiment"),
            control: side("control"),
            name: wire.name.unwrap_or_default(),
            id: wire.id,
            tags: wire.tags,
        }
    }
}
