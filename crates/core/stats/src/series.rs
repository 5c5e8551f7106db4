//! A series in time: how much each point repeats the one before.

use crate::describe::mean;

/// The lag-1 autocorrelation of `values`, between -1 and 1; `None` for fewer than three values, for a constant series, and
/// when a value is not finite.
///
/// The usual moment estimate (Box & Jenkins 1970, 2.1.5), which is biased low by about 1/n.
#[must_use]
pub fn lag_one(values: &[f64]) -> Option<f64> {
    if values.len() < 3 || values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let center = mean(values);
    let total: f64 = values.iter().map(|value| (value - center) * (value - center)).sum();
    let steps: f64 = values.windows(2).map(|pair| (pair[0] - center) * (pair[1] - center)).sum();
    let coefficient = steps / total;
    (0.0 < total && coefficient.is_finite()).then_some(coefficient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_series() {
        let saw: Vec<f64> = (0..40).map(|i| f64::from(i % 2)).collect();
        let ramp: Vec<f64> = (0..40).map(f64::from).collect();
        assert!(lag_one(&saw).unwrap() < -0.9);
        assert!(0.9 < lag_one(&ramp).unwrap());
        for none in [&[][..], &[1.0, 2.0][..], &[3.0; 9][..], &[1.0, f64::INFINITY, 2.0][..]] {
            assert_eq!(lag_one(none), None, "{none:?}");
        }
    }
}
