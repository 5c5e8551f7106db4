//! Chance as a tree: one generator per purpose, all from one number.
//!
//! Property: drawing more or less for one purpose changes nothing for another, so a world can be told again with fewer
//! faults and the same people, and a seed that failed yesterday fails today for the same reason.

use std::time::Duration;

use rand::RngExt as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

/// A place in the tree of generators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(u64);

impl Seed {
    /// The root for a number.
    #[must_use]
    pub fn root(number: u64) -> Self {
        Self(number)
    }

    /// The place for one purpose.
    #[must_use]
    pub fn child(self, purpose: &str) -> Self {
        // FNV-1a over the number and the name: stable for all time, which std's hashers do not promise.
        let bytes = self.0.to_le_bytes().into_iter().chain(purpose.bytes());
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(hash)
    }

    /// The generator of this place.
    #[must_use]
    pub fn dice(self) -> Dice {
        Dice(ChaCha8Rng::seed_from_u64(self.0))
    }
}

/// A generator.
#[derive(Clone, Debug)]
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// A number from `low` to `high`, both possible.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        self.0.random_range(low..=high.max(low))
    }

    /// A time of `low` to `high` milliseconds.
    pub fn millis(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.between(low, high))
    }

    /// Yes in `permille` of a thousand cases.
    pub fn chance(&mut self, permille: u64) -> bool {
        self.between(1, 1000) <= permille
    }

    /// One of `all`, which is not empty.
    pub fn pick<T: Clone>(&mut self, all: &[T]) -> T {
        let index = self.between(0, all.len().saturating_sub(1) as u64);
        all[index as usize].clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_purpose_does_not_disturb_another() {
        let root = Seed::root(7);
        let mut first = root.child("people").dice();
        let expected: Vec<u64> = (0..5).map(|_| first.between(0, 99)).collect();
        let mut faults = root.child("faults").dice();
        let mut people = root.child("people").dice();
        let drawn: Vec<u64> = (0..5)
            .map(|_| {
                faults.chance(500);
                people.between(0, 99)
            })
            .collect();
        assert_eq!(drawn, expected);
        assert_ne!(root.child("a"), root.child("b"));
    }
}
