//! Values that lie far from the others of their sample.
//!
//! Both rules mark values and take none away: what happens to a marked value is the caller's choice.

use crate::describe::{mean, percentile, population_std};

/// A factor that is not above zero, with the text of Kayenta.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The multiple of the interquartile range.
    #[error("requirement failed: factor must be greater than zero")]
    Factor,
    /// The multiple of the standard deviation.
    #[error("requirement failed: k must be greater than zero")]
    K,
}

/// Marks the values outside the quartiles by more than `factor` interquartile ranges (Tukey's fences). With
/// `reduce_sensitivity` the fences are pushed out to the 1st and the 99th percentile, as Kayenta's judge does; in a sample
/// of fewer than about 101 values these are the extremes or nearly so, and protect few.
///
/// # Errors
/// [`Refused::Factor`] unless `factor` is above zero.
pub fn interquartile(values: &[f64], factor: f64, reduce_sensitivity: bool) -> Result<Vec<bool>, Refused> {
    if factor.is_nan() || factor <= 0.0 {
        return Err(Refused::Factor);
    }
    // Each share is within bounds, so NaN stands for an empty sample only, which has no value to mark.
    let at = |p| percentile(values, p).unwrap_or(f64::NAN);
    let (lower_quartile, upper_quartile) = (at(25.0), at(75.0));
    let range = upper_quartile - lower_quartile;
    let (mut lower, mut upper) = (lower_quartile - factor * range, upper_quartile + factor * range);
    if reduce_sensitivity {
        lower = java_min(lower, at(1.0));
        upper = java_max(upper, at(99.0));
    }
    Ok(values.iter().map(|&value| value < lower || upper < value).collect())
}

/// Marks the values further from the mean than `k` population standard deviations.
///
/// # Errors
/// [`Refused::K`] unless `k` is above zero.
pub fn k_sigma(values: &[f64], k: f64) -> Result<Vec<bool>, Refused> {
    if k.is_nan() || k <= 0.0 {
        return Err(Refused::K);
    }
    let (center, reach) = (mean(values), population_std(values) * k);
    Ok(values.iter().map(|value| reach < (value - center).abs()).collect())
}

/// NaN if either is: a fence that cannot be computed (infinite data) marks nothing, where Rust's `min` would take the other.
fn java_min(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) }
}

fn java_max(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spike_is_marked_and_its_neighbours_are_not() {
        let values = [21.0, 23.0, 24.0, 25.0, 50.0, 29.0, 23.0, 21.0];
        let marked = [false, false, false, false, true, false, false, false];
        assert_eq!(interquartile(&values, 1.5, false).unwrap(), marked);
        assert_eq!(interquartile(&values, 1.5, true).unwrap(), marked);
        let values = [1.0, 1.0, 1.0, 1.0, 1.0, 20.0, 1.0, 1.0, 1.0, 1.0, 1.0];
        assert_eq!(k_sigma(&values, 3.0).unwrap().iter().filter(|marked| **marked).count(), 1);
    }

    #[test]
    fn odd_factors_are_refused_and_empty_samples_have_no_outlier() {
        for factor in [0.0, -1.0, f64::NAN] {
            assert_eq!(interquartile(&[1.0], factor, true), Err(Refused::Factor));
            assert_eq!(k_sigma(&[1.0], factor), Err(Refused::K));
        }
        assert!(interquartile(&[], 3.0, true).unwrap().is_empty());
        assert!(k_sigma(&[], 3.0).unwrap().is_empty());
    }
}
