//! Waiting longer after each failure, and not all at the same moment.

use std::time::Duration;

/// A doubling wait between two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the first failure.
    pub first: Duration,
    /// The longest wait.
    pub most: Duration,
}

impl Backoff {
    /// The wait after `failures` failures in a row; none after none.
    #[must_use]
    pub fn wait(self, failures: u32) -> Duration {
        if failures == 0 {
            return Duration::ZERO;
        }
        let factor = 2_u32.checked_pow(failures - 1).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.most)
    }
}

/// A seeded source of small differences (splitmix64), so that watches do not all come back in the same instant and a
/// test can repeat what it saw.
#[derive(Clone, Debug)]
pub struct Jitter(u64);

impl Jitter {
    /// A source for one purpose: the same seed and purpose give the same differences.
    #[must_use]
    pub fn new(seed: u64, purpose: &str) -> Self {
        let mixed = purpose
            .bytes()
            .fold(seed, |state, byte| (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self(mixed)
    }

    /// `base` and up to half of it more.
    pub fn stretch(&mut self, base: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let share = ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64;
        base + base.mul_f64(share / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_bound() {
        let backoff = Backoff { first: Duration::from_millis(5), most: Duration::from_secs(10) };
        for (failures, millis) in [(0, 0), (1, 5), (2, 10), (3, 20), (12, 10_000), (4_000_000_000, 10_000)] {
            assert_eq!(backoff.wait(failures), Duration::from_millis(millis), "after {failures}");
        }
    }

    #[test]
    fn jitter_stays_within_a_half_and_repeats() {
        let base = Duration::from_secs(10);
        let (mut one, mut same) = (Jitter::new(7, "pods"), Jitter::new(7, "pods"));
        for _ in 0..1000 {
            let wait = one.stretch(base);
            assert!(base <= wait && wait <= base + base / 2, "{wait:?}");
            assert_eq!(wait, same.stretch(base));
        }
        assert_ne!(Jitter::new(7, "pods").stretch(base), Jitter::new(7, "services").stretch(base));
    }
}
