//! What the rule does not tell: what would have changed a label, and where a quirk of the rule may have hurt.
//!
//! Nothing here changes a label or a score.

mod finding;
mod metadata;
mod pair;
mod what_if;

use indexmap::IndexMap;

pub use finding::Finding;
pub(crate) use metadata::write;
pub(crate) use pair::of_pair;
pub use what_if::{Change, WhatIf};

use crate::config::Weight;
use crate::options::Options;
use crate::result::PairResult;
use crate::score::Score;

/// What stands behind the label of one pair.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// How the metric was judged.
    pub options: Options,
    /// What would have given another label, if a setting could.
    pub what_if: Option<WhatIf>,
    /// Where a quirk of the rule may have hurt.
    pub findings: Vec<Finding>,
}

/// Adds what only the whole shows to the results that it concerns.
pub(crate) fn of_groups(results: &mut [PairResult], score: &Score, weights: &IndexMap<String, Weight>) {
    let has_own = |name: &Option<String>| name.as_ref().and_then(|name| weights.get(name)).map(|w| w.0);
    let all_have = score.groups.iter().all(|group| has_own(&group.name).is_some());
    let sum: f64 = score.groups.iter().filter_map(|group| has_own(&group.name)).sum();
    let is_short = all_have && !score.groups.is_empty() && 1e-9 < (sum - 100.0).abs();
    for result in results {
        for name in result.groups.iter().flatten() {
            let counts = score.groups.iter().any(|group| group.name.as_ref() == Some(name) && group.has_data);
            let is_weightless = weights.get(name).is_some_and(|weight| weight.0 == 0.0);
            if is_weightless || !counts {
                result.evidence.findings.push(Finding::GroupWithoutEffect { group: name.clone() });
            }
        }
        if is_short {
            result.evidence.findings.push(Finding::WeightsSum { sum });
        }
    }
}
