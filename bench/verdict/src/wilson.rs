//! How far a share of runs is known, and quantiles of times.

/// The 97.5 % point of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// Wilson's 95 % interval for a share of `hits` in `runs`, both ends from 0 to 1.
#[must_use]
pub fn interval(hits: u64, runs: u64) -> (f64, f64) {
    if runs == 0 {
        return (0.0, 1.0);
    }
    let (n, p) = (runs as f64, hits as f64 / runs as f64);
    let middle = p + Z * Z / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    (((middle - half) / scale).max(0.0), ((middle + half) / scale).min(1.0))
}

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

    /// From published tables of Wilson's interval.
    #[test]
    fn intervals_are_those_of_the_tables() {
        for (hits, runs, low, high) in [
            (0u64, 10u64, 0.0, 0.2775),
            (1, 10, 0.0179, 0.4042),
            (10, 10, 0.7225, 1.0),
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
        ] {
            let found = interval(hits, runs);
            assert!(
                (found.0 - low).abs() < 6e-5 && (found.1 - high).abs() < 6e-5,
                "{hits}/{runs}: {found:?}"
            );
        }
        assert_eq!(interval(0, 0), (0.0, 1.0));
    }

    #[test]
    fn a_quantile_lies_between_its_neighbours() {
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[3.0], 0.9), Some(3.0));
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0], 0.5), Some(2.5));
        assert_eq!(quantile(&[0.0, 10.0], 0.9), Some(9.0));
    }
}
