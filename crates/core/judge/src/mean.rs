//! The mean-inequality classifier, which Kayenta's library has for comparison: the larger mean decides.

use serin_stats::describe::mean;

use crate::classify::Label;
use crate::options::{Direction, NanStrategy, Options};

/// What the classifier says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Inequality {
    /// `High`, `Low`, `Pass` or `Nodata`.
    pub label: Label,
    /// The reason; none for Pass and `Nodata`.
    pub reason: Option<&'static str>,
    /// The ratio of the means; 1 for Pass and 0 for `Nodata`.
    pub ratio: f64,
    /// Whether it alone fails the canary.
    pub critical: bool,
}

/// Compares the means of two preprocessed series. Only a change on a side that `direction` watches is told.
///
/// The ratio is the plain quotient, infinite over a mean of 0: here Kayenta does not take it for missing.
#[must_use]
pub fn mean_inequality(experiment: &[f64], control: &[f64], options: &Options) -> Inequality {
    let pass = Inequality { label: Label::Pass, reason: None, ratio: 1.0, critical: false };
    if experiment.is_empty() || control.is_empty() {
        let missing = Inequality { label: Label::Nodata, ratio: 0.0, critical: options.critical, ..pass };
        return if options.nan_strategy == NanStrategy::Replace { pass } else { missing };
    }
    let (x, y) = (mean(experiment), mean(control));
    let (label, reason, side) = if y < x {
        (Label::High, "The Canary mean was greater than the Baseline mean", Direction::Increase)
    } else if x < y {
        (Label::Low, "The Canary mean was less than the Baseline mean", Direction::Decrease)
    } else {
        return pass;
    };
    if options.direction != side && options.direction != Direction::Either {
        return pass;
    }
    Inequality { label, reason: Some(reason), ratio: x / y, critical: options.critical }
}
