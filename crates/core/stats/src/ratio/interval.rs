//! Where the ratio lies: a confidence sequence, valid at every look.

use super::{
    evidence::Tempered,
    grid::{LogLikelihood, POINTS, STEP, Values},
    math::{dot, exp, log},
    prior::Prior,
};

/// The first and the last place of the grid that the data do not rule out at a confidence of 1 - `alpha`, with `spread` for
/// the pods; none when they rule out every place (the ratio lies beyond the grid's resolution).
///
/// A place is ruled out when the average over a wide prior exceeds that over the place's own spread by 1/alpha.
#[must_use]
pub fn places(likelihood: &LogLikelihood, phi: f64, spread: f64, alpha: f64) -> Option<(usize, usize)> {
    let tempered = Tempered::new(likelihood, phi);
    let wide = tempered.average(&Prior::mixture(&[(0.0, 1.0)], 1.0));
    let bar = wide - log(1.0 / alpha);
    let bell: Values = std::array::from_fn(|k| {
        let distance = k as f64 * STEP;
        exp(-(distance * distance) / (2.0 * spread * spread))
    });
    let kept = |place: &usize| {
        let weights: Values = std::array::from_fn(|j| bell[j.abs_diff(*place)]);
        let total = dot(&weights, &[1.0; POINTS]);
        tempered.average_of(&weights, total) > bar
    };
    let first = (0..POINTS).find(kept)?;
    let last = (0..POINTS).rfind(kept)?;
    Some((first, last))
}
