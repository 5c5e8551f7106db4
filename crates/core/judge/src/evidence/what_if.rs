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

impl fmt::Display for WhatIf {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} if ", self.label.as_str())?;
        match self.change {
            Change::IncreaseAbove(effect) => write!(f, "effectSize.allowedIncrease > {effect:.6}"),
            Change::IncreaseAtMost(effect) => write!(f, "effectSize.allowedIncrease <= {effect:.6}"),
            Change::DecreaseBelow(effect) => write!(f, "effectSize.allowedDecrease < {effect:.6}"),
            Change::DecreaseAtLeast(effect) => write!(f, "effectSize.allowedDecrease >= {effect:.6}"),
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
