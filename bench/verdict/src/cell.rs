//! One cell of the tables: a world at a ratio, so many rollouts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serin_gate::Word;

use crate::rollout::{JUDGES, Outcome, Said};
use crate::wilson;
use crate::world::MINUTE;

/// What a cell is found by: equal keys have equal results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// The world's name.
    pub world: String,
    /// How much worse the canary is.
    pub ratio: f64,
    /// A hash of the world's parameters and of the policy.
    pub setup: String,
    /// What the engine answers, hashed: see [`crate::engine`].
    pub engine: String,
    /// The study's seed.
    pub seed: u64,
    /// Rollouts.
    pub runs: u64,
}

/// A cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// What it is found by.
    #[serde(flatten)]
    pub key: Key,
    /// By judge, those that took part.
    pub judges: BTreeMap<String, Tally>,
    /// The mean of what the gate divided by at its last look.
    pub phi: f64,
    /// Why the gate held to the end, in how many rollouts.
    pub holds: BTreeMap<String, u64>,
    /// By which rule it said FAIL, in how many.
    pub fails: BTreeMap<String, u64>,
}

/// What one judge came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Rollouts.
    pub runs: u64,
    /// Those with FAIL.
    pub fail: u64,
    /// Those with PASS.
    pub pass: u64,
    /// Minutes to FAIL: the median and the 90th percentile of those that had it.
    pub fail_minutes: Option<(f64, f64)>,
    /// Minutes to PASS.
    pub pass_minutes: Option<(f64, f64)>,
    /// Minutes that half, and nine tenths, of all rollouts took to a verdict; none if fewer came to one.
    pub half: Option<f64>,
    /// The same of nine tenths.
    pub most: Option<f64>,
}

impl Tally {
    /// Rollouts without a verdict.
    #[must_use]
    pub fn hold(&self) -> u64 {
        self.runs - self.fail - self.pass
    }

    /// Counts what was said.
    #[must_use]
    pub fn of(said: &[Said]) -> Self {
        let minutes = |word: Word| {
            let of = said.iter().filter(|said| said.word == word);
            let mut minutes: Vec<f64> = of.map(|said| f64::from(said.blocks) / MINUTE as f64).collect();
            minutes.sort_by(f64::total_cmp);
            minutes
        };
        let (fail, pass) = (minutes(Word::Fail), minutes(Word::Pass));
        let times = |values: &[f64]| Some((wilson::quantile(values, 0.5)?, wilson::quantile(values, 0.9)?));
        let mut all = [fail.as_slice(), &pass].concat();
        all.sort_by(f64::total_cmp);
        all.resize(said.len(), f64::INFINITY);
        let of_all = |share| wilson::quantile(&all, share).filter(|minutes| minutes.is_finite());
        Self {
            runs: said.len() as u64,
            fail: fail.len() as u64,
            pass: pass.len() as u64,
            fail_minutes: times(&fail),
            pass_minutes: times(&pass),
            half: of_all(0.5),
            most: of_all(0.9),
        }
    }
}

impl Cell {
    /// Sums up rollouts, in the order of their runs.
    #[must_use]
    pub fn of(key: Key, outcomes: &[Outcome]) -> Self {
        let mut judges = BTreeMap::new();
        for (place, judge) in JUDGES.iter().enumerate() {
            let said: Vec<Said> = outcomes.iter().filter_map(|outcome| outcome.said[place]).collect();
            if !said.is_empty() {
                judges.insert((*judge).to_owned(), Tally::of(&said));
            }
        }
        let (mut holds, mut fails) = (BTreeMap::new(), BTreeMap::new());
        for outcome in outcomes {
            let (Some(said), Some(why)) = (outcome.said[0], outcome.why) else { continue };
            let counts = if said.word == Word::Fail { &mut fails } else { &mut holds };
            *counts.entry(why.to_owned()).or_default() += 1;
        }
        let phi = outcomes.iter().map(|outcome| outcome.phi).sum::<f64>() / outcomes.len().max(1) as f64;
        Self { key, judges, phi, holds, fails }
    }

    /// What a judge came to.
    #[must_use]
    pub fn judge(&self, name: &str) -> Option<&Tally> {
        self.judges.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_counts_verdicts_and_their_times() {
        let said = |word, blocks| Said { word, blocks };
        let tally = Tally::of(&[
            said(Word::Fail, 4),
            said(Word::Fail, 8),
            said(Word::Pass, 40),
            said(Word::Hold, 240),
        ]);
        assert_eq!((tally.fail, tally.pass, tally.hold()), (2, 1, 1));
        assert_eq!(tally.fail_minutes, Some((1.5, 1.9)));
        assert_eq!(tally.pass_minutes, Some((10.0, 10.0)));
        assert_eq!((tally.half, tally.most), (Some(6.0), None), "a rollout without a verdict takes for ever");
    }
}
