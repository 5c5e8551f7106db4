//! All that a backtest found, as one value.

use std::collections::BTreeSet;

use serde::Serialize;
use serin_kernel::Moment;

use super::{Judged, Tally};

/// What a backtest found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Backtest {
    /// The first moment of the past that was used.
    pub from: Moment,
    /// The end of it.
    pub until: Moment,
    /// Seconds of a block.
    pub block: u32,
    /// Blocks of the past.
    pub blocks: usize,
    /// Those in which a metric had no data, by its name.
    pub troubled: Vec<(String, usize)>,
    /// Pods of the stable version that were seen.
    pub stable_pods: usize,
    /// Of which so many play the canary in each judgement.
    pub canary_pods: usize,
    /// Blocks of a judgement, at most.
    pub horizon: usize,
    /// Blocks from one judgement to the next.
    pub stride: usize,
    /// The share of good releases that may be rolled back.
    pub alpha: f64,
    /// Stable against stable.
    pub same: Trial,
    /// The same with a defect put into those that play the canary.
    pub worse: Vec<Trial>,
    /// Releases that did happen.
    pub releases: Vec<Past>,
}

/// Many judgements of one kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trial {
    /// How many times worse.
    pub factor: f64,
    /// How they ended.
    #[serde(flatten)]
    pub tally: Tally,
    /// The 95 % interval of the share of FAIL.
    pub fail_interval: (f64, f64),
}

/// A release that did happen.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Past {
    /// When it began.
    pub from: Moment,
    /// When it ended.
    pub until: Moment,
    /// When it is known to have gone wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident: Option<Moment>,
    /// What the gate would have said; none when there are no blocks of it.
    pub judged: Option<Judged>,
}

/// How the achieved rate of false alarms lies to what is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Promise {
    /// All of the interval lies within it.
    Kept,
    /// The interval lies on both sides: there are too few judgements.
    Open,
    /// All of the interval lies above it.
    Broken,
}

impl Trial {
    /// Of a tally.
    #[must_use]
    pub fn of(factor: f64, tally: Tally) -> Self {
        Self { factor, fail_interval: tally.fail_interval(), tally }
    }
}

impl Backtest {
    /// Whether the promise of alpha is kept on this past.
    #[must_use]
    pub fn promise(&self) -> Promise {
        let (low, high) = self.same.fail_interval;
        match () {
            () if self.alpha < low => Promise::Broken,
            () if high <= self.alpha => Promise::Kept,
            () => Promise::Open,
        }
    }

    /// Whether judgements share blocks, so that they are not independent and the intervals are too narrow.
    #[must_use]
    pub fn is_overlapping(&self) -> bool {
        self.stride < self.horizon
    }
}

/// The value of which `share` of the ascending ones are no larger; none of none.
#[must_use]
pub fn quantile(ascending: &[u32], share: f64) -> Option<u32> {
    let place = (ascending.len() as f64 * share).ceil().max(1.0) as usize;
    ascending.get(place - 1).copied()
}

/// For each metric by name: blocks without data.
#[must_use]
pub fn troubled(past: &super::Past) -> Vec<(String, usize)> {
    let is_troubled = |block: &crate::Block, place: usize| !matches!(block.metrics.get(place), Some(crate::Seen::Cells(cells)) if !cells.is_empty());
    let of = |(place, metric): (usize, &crate::policy::Metric)| {
        let count = past.blocks.iter().filter(|block| is_troubled(block, place)).count();
        (0 < count).then(|| (metric.name.clone(), count))
    };
    past.policy.metrics.iter().enumerate().filter_map(of).collect()
}

/// Pods of the stable version with data in this past.
#[must_use]
pub fn stable_pods(past: &super::Past) -> usize {
    let pods = past.blocks.iter().flat_map(|block| &block.metrics).filter_map(|seen| match seen {
        crate::Seen::Cells(cells) => Some(cells),
        crate::Seen::Trouble(_) => None,
    });
    let is_stable =
        |pod: &&u32| past.roster.pods.get(**pod as usize).is_some_and(|pod| pod.arm == crate::Arm::Stable);
    pods.flatten().map(|cell| &cell.pod).filter(is_stable).collect::<BTreeSet<&u32>>().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_there_are() {
        for (values, share, wanted) in [
            (&[][..], 0.5, None),
            (&[7], 0.5, Some(7)),
            (&[1, 2], 0.5, Some(1)),
            (&[1, 2, 3], 0.5, Some(2)),
            (&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.9, Some(9)),
            (&[1, 2, 3], 0.9, Some(3)),
        ] {
            assert_eq!(quantile(values, share), wanted, "{values:?} {share}");
        }
    }

    #[test]
    fn a_promise_is_broken_only_beyond_doubt() {
        for (failed, trials, wanted) in [
            (0, 10, Promise::Open),
            (0, 100, Promise::Kept),
            (5, 100, Promise::Open),
            (12, 100, Promise::Broken),
            (0, 0, Promise::Open),
        ] {
            let tally = Tally { trials, failed, ..Tally::default() };
            let backtest = Backtest {
                from: Moment::EPOCH,
                until: Moment::EPOCH,
                block: 15,
                blocks: 0,
                troubled: Vec::new(),
                stable_pods: 0,
                canary_pods: 1,
                horizon: 10,
                stride: 10,
                alpha: 0.05,
                same: Trial::of(1.0, tally),
                worse: Vec::new(),
                releases: Vec::new(),
            };
            assert_eq!(backtest.promise(), wanted, "{failed} of {trials}");
        }
    }
}
