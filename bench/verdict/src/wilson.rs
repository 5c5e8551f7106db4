//! How far a share of runs is known, and quantiles of times.

/// Wilson's 95 % interval for a share of `hits` in `runs`, both ends from 0 to 1.
pub use serin_stats::share::wilson as interval;

/// The quantile of ascending `values`, between two of them in proportion; none of no values.
#[must_use]
pub fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let place = share * (values.len().checked_sub(1)?) as f64;
    let (low, part) = (place.floor(), place.fract());
    let at = |index: f64| values[(index as usize).min(values.len() - 1)];
    Some(at(low) + part * (at(low + 1.0) - at(low)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_lies_between_its_neighbours() {
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[3.0], 0.9), Some(3.0));
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0], 0.5), Some(2.5));
        assert_eq!(quantile(&[0.0, 10.0], 0.9), Some(9.0));
    }
}
