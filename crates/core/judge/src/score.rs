//! Labels to scores: groups, weights, and what overrides them.

use indexmap::{IndexMap, IndexSet};

use crate::classify::Label;
use crate::config::Weight;
use crate::input::Thresholds;
use crate::order;
use crate::result::{GroupScore, PairResult};

/// From this percentage of `Nodata` on, the canary fails.
const NODATA_PERCENT_MAX: f64 = 50.0;

/// The verdict on the canary as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The score reaches `pass`.
    Pass,
    /// The score reaches `marginal` only.
    Marginal,
    /// Neither.
    Fail,
}

impl Verdict {
    /// The word in the result.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "Pass",
            Self::Marginal => "Marginal",
            Self::Fail => "Fail",
        }
    }

    /// What `score` is at those thresholds; a NaN reaches none.
    #[must_use]
    pub fn of(score: f64, thresholds: Thresholds) -> Self {
        if thresholds.pass <= score {
            Self::Pass
        } else if thresholds.marginal <= score {
            Self::Marginal
        } else {
            Self::Fail
        }
    }
}

/// The score of the canary, 0 to 100 with sensible weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// Rounded to two decimals.
    pub score: f64,
    /// The verdict.
    pub verdict: Verdict,
    /// What overrode the groups; empty if nothing did.
    pub reason: String,
    /// The score of each group, in the order in which the results name them.
    pub groups: Vec<GroupScore>,
}

/// Scores `results`, of which the muted do not count.
///
/// A critical failure comes first, then too much missing data, then the weighted sum of the groups that have results. Weight
/// of groups without results is lost; groups without a weight share what the configured weights leave of 100.
pub(crate) fn score(
    results: &[PairResult],
    weights: &IndexMap<String, Weight>,
    thresholds: Thresholds,
) -> Score {
    let counted: Vec<&PairResult> = results.iter().filter(|result| !result.muted).collect();
    let groups = group_scores(&counted);
    let failed = counted.iter().find(|r| r.found.critical && r.found.label != Label::Pass);
    let nodata = counted.iter().filter(|result| result.found.label == Label::Nodata).count();
    let share = nodata as f64 / counted.len() as f64 * 100.0;
    let (score, reason) = if let Some(failed) = failed {
        (0.0, format!("Canary Failed: {}", failed.reason().unwrap_or_default()))
    } else if NODATA_PERCENT_MAX <= share {
        (0.0, "Canary Failed: 50% or more metrics returned NODATA".to_owned())
    } else {
        (weighted(&groups, weights), String::new())
    };
    let score = round_half_up(score);
    Score { score, verdict: Verdict::of(score, thresholds), reason, groups }
}

fn group_scores(results: &[&PairResult]) -> Vec<GroupScore> {
    let mut groups: IndexMap<Option<&str>, (u32, u32)> = IndexMap::new();
    for result in results {
        // A result counts once in a group that it names twice.
        let named: IndexSet<Option<&str>> = result.groups.iter().map(Option::as_deref).collect();
        for group in named {
            let (passed, counted) = groups.entry(group).or_default();
            match result.found.label {
                Label::Pass => (*passed, *counted) = (*passed + 1, *counted + 1),
                Label::High | Label::Low | Label::NodataFailMetric => *counted += 1,
                Label::Nodata | Label::Error => {}
            }
        }
    }
    let scored = |(name, (passed, counted)): (Option<&str>, (u32, u32))| GroupScore {
        name: name.map(str::to_owned),
        score: if counted == 0 { 0.0 } else { f64::from(passed) / f64::from(counted) * 100.0 },
        has_data: counted != 0,
    };
    groups.into_iter().map(scored).collect()
}

/// The weighted sum, added up in Kayenta's order; a group without data counts as if all had passed.
fn weighted(groups: &[GroupScore], weights: &IndexMap<String, Weight>) -> f64 {
    let shares = shares(groups, weights);
    let part = |place: usize| {
        let score = if groups[place].has_data { groups[place].score } else { 100.0 };
        score * (shares[place] / 100.0)
    };
    let places = order::of_groups(groups.iter().map(|group| group.name.as_deref()));
    // From 0 on, because the sum of nothing is -0.
    places.into_iter().map(part).fold(0.0, |sum, part| sum + part)
}

/// What each of `groups` weighs, in percent: its own weight, or an equal share of what the configured ones leave of 100.
#[must_use]
pub fn shares(groups: &[GroupScore], weights: &IndexMap<String, Weight>) -> Vec<f64> {
    let configured = |group: &GroupScore| group.name.as_ref().and_then(|name| weights.get(name)).map(|w| w.0);
    let others = groups.iter().filter(|group| configured(group).is_none()).count();
    let left = 100.0 - weights.values().map(|weight| weight.0).sum::<f64>();
    let share = left / others as f64;
    groups.iter().map(|group| configured(group).unwrap_or(share)).collect()
}

/// Rounds to two decimals, half away from zero, on the shortest decimal that reads back as `value`: 1.005 becomes 1.01,
/// although the double lies below. NaN and infinities stay.
#[must_use]
pub fn round_half_up(value: f64) -> f64 {
    const KEPT: usize = 2;
    if !value.is_finite() {
        return value;
    }
    let text = format!("{}", value.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    if fraction.len() <= KEPT {
        return value;
    }
    let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes().take(KEPT)).collect();
    if b'5' <= fraction.as_bytes()[KEPT] {
        let carried = digits.iter().rposition(|digit| *digit != b'9');
        let from = carried.map_or(0, |at| at + 1);
        digits[from..].fill(b'0');
        match carried {
            Some(at) => digits[at] += 1,
            None => digits.insert(0, b'1'),
        }
    }
    digits.insert(digits.len() - KEPT, b'.');
    // Digits and one point: always a number.
    let rounded: f64 = String::from_utf8_lossy(&digits).parse().unwrap_or(value);
    if value.is_sign_negative() && rounded != 0.0 { -rounded } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_follows_the_shortest_decimal() {
        for (value, wanted) in [
            (33.333_333, 33.33),
            (1.005, 1.01),
            (99.995, 100.0),
            (0.004_999, 0.0),
            (-1.005, -1.01),
            (-0.001, 0.0),
            (1e-10, 0.0),
            (1e300, 1e300),
            (100.0, 100.0),
            (2.675, 2.68),
        ] {
            assert_eq!(round_half_up(value).to_bits(), f64::to_bits(wanted), "{value}");
        }
        assert!(round_half_up(f64::NAN).is_nan() && round_half_up(f64::INFINITY).is_infinite());
    }

    #[test]
    fn without_groups_the_score_is_zero_without_a_sign() {
        let thresholds = Thresholds { pass: 95.0, marginal: 75.0 };
        assert_eq!(score(&[], &IndexMap::new(), thresholds).score.to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn both_thresholds_are_inclusive() {
        let thresholds = Thresholds { pass: 95.0, marginal: 75.0 };
        for (score, wanted) in [
            (95.0, Verdict::Pass),
            (94.99, Verdict::Marginal),
            (75.0, Verdict::Marginal),
            (74.99, Verdict::Fail),
            (f64::NAN, Verdict::Fail),
        ] {
            assert_eq!(Verdict::of(score, thresholds), wanted, "{score}");
        }
    }
}
