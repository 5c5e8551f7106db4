//! Settings that would have given another label.

use std::fmt;

use crate::classify::{Classification, Label, Rule};
use crate::options::Options;

/// A setting that would have changed the label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WhatIf {
    /// The label that it would have given.
    pub label: Label,
    /// The setting.
    pub change: Change,
}

/// A change of a setting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// `effectSize.allowedIncrease` above this.
    IncreaseAbove(f64),
    /// `effectSize.allowedIncrease` at most this.
    IncreaseAtMost(f64),
    /// `effectSize.allowedDecrease` below this.
    DecreaseBelow(f64),
    /// `effectSize.allowedDecrease` at least this.
    DecreaseAtLeast(f64),
    /// `direction` watching the other side too.
    WatchBothSides,
}

/// Six decimals of an effect are shown.
const DECIMAL: f64 = 1e6;

impl fmt::Display for WhatIf {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} if ", self.label.as_str())?;
        // Rounded to the side on which what is said stays true of the number that is shown.
        let rounded = |effect: f64, to: fn(f64) -> f64| {
            let scaled = to(effect * DECIMAL) / DECIMAL;
            if scaled.is_finite() { scaled } else { effect }
        };
        let (up, down) = (|effect| rounded(effect, f64::ceil), |effect| rounded(effect, f64::floor));
        match self.change {
            Change::IncreaseAbove(effect) => write!(f, "effectSize.allowedIncrease > {:.6}", up(effect)),
            Change::IncreaseAtMost(effect) => write!(f, "effectSize.allowedIncrease <= {:.6}", down(effect)),
            Change::DecreaseBelow(effect) => write!(f, "effectSize.allowedDecrease < {:.6}", down(effect)),
            Change::DecreaseAtLeast(effect) => write!(f, "effectSize.allowedDecrease >= {:.6}", up(effect)),
            Change::WatchBothSides => f.write_str("direction were \"either\""),
        }
    }
}

/// The setting that would have given another label to a comparison, if one could.
pub(super) fn what_if(options: &Options, found: &Classification) -> Option<WhatIf> {
    let compared = found.compared?;
    let (rises, falls) =
        (compared.margin < compared.interval.lower, compared.interval.upper < -compared.margin);
    let effect = compared.effect;
    let has_effect = effect.is_finite();
    let (label, change) = match (found.rule, rises) {
        (Rule::Higher, _) if has_effect => (Label::Pass, Change::IncreaseAbove(effect)),
        (Rule::Lower, _) if has_effect => (Label::Pass, Change::DecreaseBelow(effect)),
        (Rule::EffectAllowed, true) => (Label::High, Change::IncreaseAtMost(effect)),
        (Rule::EffectAllowed, false) => (Label::Low, Change::DecreaseAtLeast(effect)),
        (Rule::Within, true) if effect.is_nan() || options.allowed_increase <= effect => {
            (Label::High, Change::WatchBothSides)
        }
        (Rule::Within, false) if falls && (effect.is_nan() || effect <= options.allowed_decrease) => {
            (Label::Low, Change::WatchBothSides)
        }
        _ => return None,
    };
    Some(WhatIf { label, change })
}
