//! The few functions that evidence is made of, with the same bits on every platform.
//!
//! `std`'s `exp`, `ln` and `ln_1p` are the platform's, and differ in the last bit between them; a record must give the same
//! numbers wherever it is checked.

use super::grid::{POINTS, Values};

/// Partial sums that run side by side: enough for the compiler to use whatever vectors there are, always the same number.
const LANES: usize = 8;

/// e to the `x`.
#[must_use]
pub fn exp(x: f64) -> f64 {
    libm::exp(x)
}

/// The natural logarithm.
#[must_use]
pub fn log(x: f64) -> f64 {
    libm::log(x)
}

/// log(1 + x), exact for small `x`.
#[must_use]
pub fn log1p(x: f64) -> f64 {
    libm::log1p(x)
}

/// log(e^a + e^b + …), without overflow; minus infinity for none.
#[must_use]
pub fn log_sum_exp(terms: &[f64]) -> f64 {
    let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest.is_infinite() {
        return largest;
    }
    largest + log(terms.iter().map(|term| exp(term - largest)).sum())
}

/// The largest value of the grid.
#[must_use]
pub fn largest(values: &Values) -> f64 {
    let mut lanes = [f64::NEG_INFINITY; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = if *value > *lane { *value } else { *lane };
        }
    }
    lanes.iter().chain(rest).copied().fold(f64::NEG_INFINITY, f64::max)
}

/// The sum of the products of two vectors over the grid: eight partial sums, each in the order of the grid, then those in
/// order, then what is left over.
#[must_use]
pub fn dot(a: &Values, b: &Values) -> f64 {
    let mut lanes = [0.0; LANES];
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let whole = POINTS / LANES * LANES;
    let rest: f64 = a[whole..].iter().zip(&b[whole..]).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_over_the_grid_are_those_of_a_plain_loop() {
        let a: Values = std::array::from_fn(|j| exp(j as f64 / 100.0));
        let b: Values = std::array::from_fn(|j| 1.0 / (1.0 + j as f64));
        let plain: f64 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
        assert!((dot(&a, &b) / plain - 1.0).abs() < 1e-14);
        assert_eq!(largest(&a).to_bits(), a[POINTS - 1].to_bits());
        assert_eq!(largest(&b).to_bits(), 1f64.to_bits());
    }

    #[test]
    fn log_sum_exp_neither_overflows_nor_loses_the_small() {
        for (terms, expected) in [
            (&[0.0, 0.0][..], std::f64::consts::LN_2),
            (&[2000.0, 2000.0], 2000.0 + std::f64::consts::LN_2),
            (&[-2000.0, -2000.0], -2000.0 + std::f64::consts::LN_2),
            (&[0.0, f64::NEG_INFINITY], 0.0),
            (&[], f64::NEG_INFINITY),
        ] {
            let got = log_sum_exp(terms);
            assert!(
                got.to_bits() == expected.to_bits() || (got - expected).abs() < 1e-12,
                "{terms:?}: {got}"
            );
        }
    }
}
