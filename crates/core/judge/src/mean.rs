//! The mean-inequality classifier, which Kayenta's library has for comparison: the larger mean decides.

use serin_stats::describe::mean;

use crate::classify::Label;
use crate::options::{NanStrategy, Options};

/// What the classifier says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Inequality {
    /// `High`, `Low`, `Pass` or `Nodata`.
    pub label: Label,
    /// The reason, none for a Pass.
    pub reason: Option<&'static str>,
    /// The ratio of the means.
    pub ratio: f64,
    /// Whether it alone fails the canary.
    pub critical: bool,
}

/// Compares the means of two preprocessed series. The direction is not looked at.
#[must_use]
pub fn mean_inequality(experiment: &[f64], control: &[f64], options: &Options) -> Inequality {
    let pass = |ratio| Inequality { label: Label::Pass, reason: None, ratio, critical: false };
    if experiment.is_empty() || control.is_empty() {
        return match options.nan_strategy {
            NanStrategy::Replace => pass(1.0),
            NanStrategy::Remove => Inequality {
                label: Label::Nodata,
                reason: Some("Missing data"),
                ratio: 0.0,
                critical: options.critical,
            },
        };
    }
    let (x, y) = (mean(experiment), mean(control));
    let differs = |label, reason| Inequality {
        label,
        reason: Some(reason),
        ratio: serin_stats::effect::mean_ratio(experiment, control),
        critical: options.critical,
    };
    if y < x {
        differs(Label::High, "The Canary mean was greater than the Baseline mean")
    } else if x < y {
        differs(Label::Low, "The Canary mean was less than the Baseline mean")
    } else {
        pass(1.0)
    }
}
