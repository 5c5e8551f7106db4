//! Serin's own interval of a shift: order statistics of the pairwise differences.
//!
//! No solver and no tolerance: both ends and the estimate are differences that occur in the data, so the answer moves with
//! the data when they are shifted, scaled or swapped. Found in O((n + m) log(n + m)) without building the n·m differences.
//!
//! 1. The estimate is the median of all differences (Hodges & Lehmann 1963).
//! 2. The ends are the differences between which a two-sided Mann–Whitney test at the given confidence does not reject
//!    (Lehmann, "Nonparametrics", 1975, 2.6). Below 50 values a side without ties its exact distribution is used, as R's
//!    `wilcox.test` does; else the normal approximation with continuity correction, and with the ties within each sample.
//! 3. When so few values cannot reach the confidence, the interval is the whole range, and says so.

use crate::normal::quantile;

use super::count::{Sorted, cubed};
use super::select::difference;

/// Below this many values a side the distribution is computed exactly: R's limit.
const EXACT_BELOW: usize = 50;
/// Relative slack when a probability is compared with the confidence, so that rounding does not move an end: R's.
const SLACK: f64 = 10.0 * f64::EPSILON;

/// Where the shift of the experiment against the control lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub lower: f64,
    /// The upper end.
    pub upper: f64,
    /// The median difference.
    pub estimate: f64,
    /// Whether there are enough values for the confidence that was asked for.
    pub is_reached: bool,
}

/// Why there is no interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A sample has no values.
    #[error("a side has no values: at least one each is needed")]
    Empty,
    /// A value is NaN or infinite.
    #[error("a value is not a finite number: leave it out or replace it")]
    NotFinite,
    /// The confidence is not between 0 and 1.
    #[error("the confidence must lie between 0 and 1")]
    Confidence,
}

/// The interval of `experiment` against `control` at `confidence`, above 0 and below 1.
///
/// # Errors
/// [`Error`] for empty samples, values that are not finite, and a confidence out of range.
pub fn interval(experiment: &[f64], control: &[f64], confidence: f64) -> Result<Interval, Error> {
    if !(0.0 < confidence && confidence < 1.0) {
        return Err(Error::Confidence);
    }
    if experiment.is_empty() || control.is_empty() {
        return Err(Error::Empty);
    }
    if experiment.iter().chain(control).any(|value| !value.is_finite()) {
        return Err(Error::NotFinite);
    }
    let (x, y) = Sorted::of(experiment).zip(Sorted::of(control)).ok_or(Error::NotFinite)?;
    let pairs = x.len() as u64 * y.len() as u64;
    let at = |k: u64| difference(x.values(), y.values(), k).ok_or(Error::Empty);
    let rejected = rejected(&x, &y, (1.0 - confidence) / 2.0);
    let cut = rejected.map_or(0, |count| count - 1).min((pairs - 1) / 2);
    let estimate =
        if pairs % 2 == 1 { at(pairs / 2)? } else { f64::midpoint(at(pairs / 2 - 1)?, at(pairs / 2)?) };
    Ok(Interval { lower: at(cut)?, upper: at(pairs - 1 - cut)?, estimate, is_reached: rejected.is_some() })
}

/// How many of the smallest counts of won pairs a one-sided test at `tail` rejects; `None` when not even 0 is.
fn rejected(x: &Sorted, y: &Sorted, tail: f64) -> Option<u64> {
    let own_ties: u128 = [x, y].into_iter().map(ties).sum();
    let has_ties = own_ties != 0 || has_common(x, y);
    let count = if x.len() < EXACT_BELOW && y.len() < EXACT_BELOW && !has_ties {
        exact(x.len(), y.len(), tail)
    } else {
        approximate(x.len() as f64, y.len() as f64, own_ties as f64, tail)
    };
    (0 < count).then_some(count)
}

fn ties(sample: &Sorted) -> u128 {
    sample.values().chunk_by(|a, b| b <= a).map(|group| cubed(group.len() as u64)).sum()
}

fn has_common(x: &Sorted, y: &Sorted) -> bool {
    x.values().iter().any(|x| y.values().binary_search_by(|y| y.total_cmp(x)).is_ok())
}

/// The number of counts u = 0, 1, … with P(U <= u) below `tail`, by the distribution's generating function: the Gaussian
/// binomial coefficient, whose entries are integers below C(98, 49) < 2¹²⁷.
fn exact(n: usize, m: usize, tail: f64) -> u64 {
    let mut ways = vec![0_i128; n * m + 1];
    ways[0] = 1;
    for i in 1..=n {
        for u in (m + i..ways.len()).rev() {
            ways[u] -= ways[u - m - i];
        }
        for u in i..ways.len() {
            ways[u] += ways[u - i];
        }
    }
    let all = ways.iter().sum::<i128>() as f64;
    let mut below = 0_i128;
    let is_below = |ways: &&i128| {
        below += **ways;
        (below as f64) < tail * all * (1.0 - SLACK)
    };
    ways.iter().take_while(is_below).count() as u64
}

/// The same by the normal approximation, where `ties` is the sum of t³ - t within the samples.
fn approximate(n: f64, m: f64, ties: f64, tail: f64) -> u64 {
    let all = n + m;
    let sigma = (n * m / 12.0 * ((all + 1.0) - ties / (all * (all - 1.0)))).sqrt();
    let last = (n * m / 2.0 - 0.5 + quantile(tail) * sigma).floor();
    if last < 0.0 { 0 } else { last as u64 + 1 }
}
