//! Descriptions of one sample: mean, spread, range, percentiles.
//!
//! The order of operations is that of Commons Math 3, which Kayenta uses: an answer differs in its last bits when a sum is
//! taken in another way, and a bound that is equal to a threshold then falls on the other side.

/// Count, range, mean and spread of one sample.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    /// Values, none left out.
    pub count: usize,
    /// The smallest value; 0 for an empty sample.
    pub min: f64,
    /// The largest value; 0 for an empty sample.
    pub max: f64,
    /// The arithmetic mean; 0 for an empty sample, NaN when a value is NaN.
    pub mean: f64,
    /// The sample standard deviation (n - 1); 0 for fewer than two values.
    pub std: f64,
}

impl Summary {
    /// Describes `values`. An empty sample is all zeros, as Kayenta reports it: look at `count` first. A NaN is passed over
    /// by `min` and `max` (a sample of nothing else has NaN for both), and makes `mean` and `std` NaN.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        if values.is_empty() {
            return Self::default();
        }
        let mean = mean(values);
        Self {
            count: values.len(),
            min: values.iter().copied().fold(f64::NAN, f64::min),
            max: values.iter().copied().fold(f64::NAN, f64::max),
            mean,
            std: squares(values, mean, values.len() - 1).sqrt(),
        }
    }
}

/// The arithmetic mean in two passes (Commons Math 3, `Mean`): the sum over n, then the mean of what is left over added.
/// NaN for an empty sample.
#[must_use]
pub fn mean(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let first = values.iter().sum::<f64>() / n;
    let rest: f64 = values.iter().map(|value| value - first).sum();
    first + rest / n
}

/// The population standard deviation (n), 0 for a single value and NaN for none.
#[must_use]
pub fn population_std(values: &[f64]) -> f64 {
    if values.is_empty() { f64::NAN } else { squares(values, mean(values), values.len()).sqrt() }
}

/// The corrected sum of squares over `divisor` (Commons Math 3, `Variance`); 0 for a single value.
fn squares(values: &[f64], mean: f64, divisor: usize) -> f64 {
    if values.len() == 1 {
        return 0.0;
    }
    let (mut squares, mut rest) = (0.0, 0.0);
    for value in values {
        let distance = value - mean;
        squares += distance * distance;
        rest += distance;
    }
    (squares - rest * rest / values.len() as f64) / divisor as f64
}

/// A share of 100 for which no percentile exists.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("out of bounds quantile value: {0}, must be in (0, 100]")]
pub struct OutOfBounds(pub f64);

/// The percentile `p` of `values` by R's type 7 (linear between the two nearest of the n - 1 gaps). NaN entries are left
/// out; NaN when nothing is left.
///
/// # Errors
/// [`OutOfBounds`] unless 0 < `p` <= 100, with the text that Commons Math 3 gives.
pub fn percentile(values: &[f64], p: f64) -> Result<f64, OutOfBounds> {
    if !(0.0 < p && p <= 100.0) {
        return Err(OutOfBounds(p));
    }
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    Ok(percentile_of_sorted(&sorted, p))
}

/// [`percentile`] of values that are sorted and hold no NaN, for 0 < `p` <= 100.
#[must_use]
pub fn percentile_of_sorted(sorted: &[f64], p: f64) -> f64 {
    let (Some(&first), Some(&last)) = (sorted.first(), sorted.last()) else { return f64::NAN };
    let n = sorted.len() as f64;
    let share = p / 100.0;
    let position = if p < 100.0 { 1.0 + (n - 1.0) * share } else { n };
    let below = position.floor();
    if position < 1.0 {
        return first;
    }
    if n <= position {
        return last;
    }
    let lower = sorted[below as usize - 1];
    lower + (position - below) * (sorted[below as usize] - lower)
}

/// The middle value; the mean of the two middle ones when there is an even number. NaN when nothing is left without NaN.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    percentile(values, 50.0).unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_description() {
        for (case, values, wanted) in [
            ("empty", &[][..], Summary::default()),
            ("one", &[7.0][..], Summary { count: 1, min: 7.0, max: 7.0, mean: 7.0, std: 0.0 }),
            (
                "two",
                &[3.0, 1.0][..],
                Summary { count: 2, min: 1.0, max: 3.0, mean: 2.0, std: 2.0_f64.sqrt() },
            ),
        ] {
            assert_eq!(Summary::of(values), wanted, "{case}");
        }
        let holed = Summary::of(&[f64::NAN, 2.0]);
        assert!(holed.mean.is_nan() && holed.std.is_nan());
        assert_eq!((holed.count, holed.min, holed.max), (2, 2.0, 2.0));
    }

    #[test]
    fn percentiles_lie_between_the_nearest_two() {
        let values = [4.0, 1.0, f64::NAN, 2.0, 3.0];
        for (p, wanted) in [(1.0, 1.03), (25.0, 1.75), (50.0, 2.5), (99.0, 3.97), (100.0, 4.0)] {
            assert!((percentile(&values, p).unwrap() - wanted).abs() < 1e-12, "{p}");
        }
        assert!(percentile(&[f64::NAN], 50.0).unwrap().is_nan());
        for p in [0.0, -1.0, 100.1, f64::NAN] {
            assert!(percentile(&values, p).is_err(), "{p}");
        }
    }
}
