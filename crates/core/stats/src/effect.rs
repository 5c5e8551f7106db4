//! How large a difference is, apart from how sure one can be of it.

use crate::describe::{Summary, mean};
use crate::rank::Sorted;

/// The mean of `experiment` over that of `control`. NaN when either mean is exactly 0 (Kayenta's rule: no ratio is made up
/// for an empty scale) or a sample is empty.
#[must_use]
pub fn mean_ratio(experiment: &[f64], control: &[f64]) -> f64 {
    let (top, bottom) = (mean(experiment), mean(control));
    if top == 0.0 || bottom == 0.0 { f64::NAN } else { top / bottom }
}

/// The common-language effect size (`McGraw` and Wong 1992): how probable it is that a value of `experiment` lies above one of
/// `control`, ties counted half. 0.5 is no difference, 1 is always above; NaN for an empty sample or one that holds a NaN.
#[must_use]
pub fn common_language(experiment: &[f64], control: &[f64]) -> f64 {
    match (Sorted::of(experiment), Sorted::of(control)) {
        (Some(x), Some(y)) => common_language_of_sorted(&x, &y),
        _ => f64::NAN,
    }
}

pub(crate) fn common_language_of_sorted(x: &Sorted, y: &Sorted) -> f64 {
    x.count_above(y, 0.0).twice_wins as f64 / (2 * x.len() * y.len()) as f64
}

/// The standardized difference of the means (Cohen 1988, 2.2): their distance over the pooled sample standard deviation,
/// without a sign. NaN when neither sample has a spread and the means are equal, infinite when only the spread is missing.
/// An empty sample counts as one with mean and spread 0, as in Kayenta, whose statistics of nothing are zeros.
#[must_use]
pub fn cohen_d(first: &[f64], second: &[f64]) -> f64 {
    let (a, b) = (Summary::of(first), Summary::of(second));
    let (n, m) = (a.count as f64, b.count as f64);
    let pooled = ((n - 1.0) * a.std * a.std + (m - 1.0) * b.std * b.std) / (n + m - 2.0);
    (a.mean - b.mean).abs() / pooled.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_effect() {
        let is = |got: f64, wanted: f64| assert!((got - wanted).abs() < 1e-15, "{got} {wanted}");
        is(mean_ratio(&[10.0; 5], &[100.0; 5]), 0.1);
        assert!(mean_ratio(&[10.0; 5], &[0.0; 5]).is_nan() && mean_ratio(&[], &[1.0]).is_nan());
        is(common_language(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]), 0.5);
        is(common_language(&[10.0, 11.0], &[1.0, 2.0, 3.0]), 1.0);
        assert!(common_language(&[], &[1.0]).is_nan() && common_language(&[f64::NAN], &[1.0]).is_nan());
        let d = cohen_d(&[5.0, 5.0, 5.0, 10.0, 10.0, 10.0], &[1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
        assert!((d - 3.038_22).abs() < 1e-4, "{d}");
    }
}
