//! The interval of Kayenta's judge: Mann–Whitney scores inverted with a root finder, bit for bit.
//!
//! The shift of the experiment against the control lies, at the given confidence, between the two shifts at which a
//! Mann–Whitney test would just reject; the estimate is the shift at which it sees no difference. The score uses the normal
//! approximation with continuity and tie corrections for every sample size.
//!
//! What follows from that, and is kept because verdicts rest on it:
//! 1. The root finder's tolerance is absolute (1e-4): answers for data of that size are noise of the solver.
//! 2. With ties the score is not monotone, so the root depends on the path to it.
//! 3. With few points no shift is rejected, and the interval becomes the whole range of differences.

use crate::normal::quantile;

use super::brent::root;
use super::count::Count;
use super::track::Tracker;
use crate::effect::common_language_of_sorted;

pub use super::count::AllTied;
use super::count::Sorted;

/// Where the shift of the experiment against the control lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower end. May lie above `upper` by the solver's tolerance.
    pub lower: f64,
    /// The upper end.
    pub upper: f64,
    /// The shift that the data show, in the manner of Hodges and Lehmann.
    pub estimate: f64,
}

/// Memory that comparisons use again: after the first few nothing is allocated.
#[derive(Clone, Debug, Default)]
pub struct Workspace {
    x: Sorted,
    y: Sorted,
    tracker: Tracker,
}

/// A comparison of two samples that are already sorted.
#[derive(Debug)]
pub struct Comparison<'a> {
    work: &'a mut Workspace,
}

impl Workspace {
    /// Sorts both samples. `None` when one has no values or holds a NaN.
    pub fn compare(&mut self, experiment: &[f64], control: &[f64]) -> Option<Comparison<'_>> {
        let can_be_ranked = self.x.fill(experiment) & self.y.fill(control);
        can_be_ranked.then_some(Comparison { work: self })
    }
}

impl Comparison<'_> {
    /// Whether both samples hold the same values in some order. Here -0.0 and 0.0 are the same number.
    #[must_use]
    pub fn is_identical(&self) -> bool {
        self.work.x.values() == self.work.y.values()
    }

    /// Whether each sample has one distinct value only: that of the experiment and that of the control.
    #[must_use]
    pub fn constants(&self) -> Option<(f64, f64)> {
        let is_constant = |sample: &Sorted| sample.max() <= sample.min();
        (is_constant(&self.work.x) && is_constant(&self.work.y))
            .then(|| (self.work.x.min(), self.work.y.min()))
    }

    /// The common-language effect size; see [`crate::effect::common_language`].
    #[must_use]
    pub fn common_language(&self) -> f64 {
        common_language_of_sorted(&self.work.x, &self.work.y)
    }

    /// The interval at `confidence` (0 to 1).
    ///
    /// # Errors
    /// [`AllTied`] when at a shift that the solver looks at all values are equal, so that no score exists.
    pub fn interval(&mut self, confidence: f64) -> Result<Interval, AllTied> {
        let Workspace { x, y, tracker } = &mut *self.work;
        let low = x.min() - y.max();
        let high = x.max() - y.min();
        let scale = Scale { n: x.len(), m: y.len() };
        let at_low = scale.score(x.count_above(y, low))?;
        let at_high = scale.score(x.count_above(y, high))?;
        tracker.begin(x, y, (low, high));
        let mut solve = |q: f64| {
            root((low, high), (at_low - q, at_high - q), |shift| {
                scale.score(tracker.count_above(x, y, shift)).map(|score| score - q)
            })
        };
        let mut bound = |q: f64| {
            if at_low - q <= 0.0 {
                Ok(low)
            } else if 0.0 <= at_high - q {
                Ok(high)
            } else {
                solve(q)
            }
        };
        let z = quantile((1.0 - confidence) / 2.0);
        let (lower, upper) = (bound(-z)?, bound(z)?);
        Ok(Interval { lower, upper, estimate: solve(0.0)? })
    }
}

/// The interval of `experiment` against `control` at `confidence`, by itself; see [`Comparison::interval`].
///
/// # Errors
/// [`AllTied`] when no score exists; also for an empty sample and one that holds a NaN.
pub fn interval(experiment: &[f64], control: &[f64], confidence: f64) -> Result<Interval, AllTied> {
    let mut work = Workspace::default();
    work.compare(experiment, control).ok_or(AllTied)?.interval(confidence)
}

/// The standardized Mann–Whitney score of `experiment` less `shift` against `control`, less `quantile`: the function whose
/// roots the interval is made of.
///
/// # Errors
/// [`AllTied`] when no score exists; also for an empty sample and one that holds a NaN.
pub fn score(experiment: &[f64], control: &[f64], shift: f64, quantile: f64) -> Result<f64, AllTied> {
    let (x, y) = Sorted::of(experiment).zip(Sorted::of(control)).ok_or(AllTied)?;
    let scale = Scale { n: x.len(), m: y.len() };
    scale.score(x.count_above(&y, shift)).map(|score| score - quantile)
}

/// The sizes of both samples.
#[derive(Clone, Copy, Debug)]
struct Scale {
    n: usize,
    m: usize,
}

impl Scale {
    /// The score of a count: its distance from the middle in standard deviations under no difference (Lehmann,
    /// "Nonparametrics", 1975, 1.3 and 1.5), corrected for continuity and for ties.
    fn score(self, count: Count) -> Result<f64, AllTied> {
        let (n, m) = (self.n as f64, self.m as f64);
        let all = n + m;
        let distance = count.twice_wins as f64 / 2.0 - n * m / 2.0;
        let correction = if distance == 0.0 { 0.0 } else { 0.5_f64.copysign(distance) };
        let sigma = (n * m / 12.0 * ((all + 1.0) - count.ties as f64 / (all * (all - 1.0)))).sqrt();
        if sigma == 0.0 { Err(AllTied) } else { Ok((distance - correction) / sigma) }
    }
}
