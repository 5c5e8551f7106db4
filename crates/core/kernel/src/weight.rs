//! A share of traffic.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Parts of traffic out of a whole that the context names (100 unless a router has another scale).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Weight(pub u32);

impl Weight {
    /// No traffic.
    pub const NONE: Self = Self(0);
    /// The whole of the usual scale.
    pub const HUNDRED: Self = Self(100);

    /// What is left of `whole` beside this share; zero when the share is larger.
    #[must_use]
    pub const fn rest_of(self, whole: Self) -> Self {
        Self(whole.0.saturating_sub(self.0))
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::Weight;

    #[test]
    fn the_rest_of_a_whole_is_never_negative() {
        assert_eq!(Weight(25).rest_of(Weight::HUNDRED), Weight(75));
        assert_eq!(Weight(101).rest_of(Weight::HUNDRED), Weight::NONE);
    }
}
