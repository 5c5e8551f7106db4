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
use crate::score::{Score, shares};

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

/// Sums of decimal weights differ from 100 by no more than this when they are meant to be 100.
pub(crate) const SUM_SLACK: f64 = 1e-9;

/// Adds what only the whole shows to the results that it concerns.
pub(crate) fn of_groups(results: &mut [PairResult], score: &Score, weights: &IndexMap<String, Weight>) {
    let shares = shares(&score.groups, weights);
    let sum: f64 = shares.iter().sum();
    let is_short = !score.groups.is_empty() && SUM_SLACK < (sum - 100.0).abs();
    // What each group that counts adds to the score, in percent.
    let with_share = score.groups.iter().zip(shares);
    let counting: IndexMap<Option<&str>, f64> = with_share
        .filter(|(group, _)| group.has_data)
        .map(|(group, share)| (group.name.as_deref(), share))
        .collect();
    for result in results {
        for name in result.groups.iter().flatten() {
            let share = counting.get(&Some(name.as_str())).copied().unwrap_or_default();
            let group = || name.clone();
            result.evidence.findings.extend(if share.abs() < SUM_SLACK {
                Some(Finding::GroupWithoutEffect { group: group() })
            } else {
                (share < 0.0).then(|| Finding::NegativeWeight { group: group(), weight: share })
            });
        }
        if is_short {
            result.evidence.findings.push(Finding::WeightsSum { sum });
        }
    }
}
