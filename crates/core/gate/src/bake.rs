//! After 100 %: no version is left to compare with, so the service is compared with its own past.
//!
//! A detector that runs for a day must be allowed to begin anew at every block, or the good hours would have to be outweighed
//! first: an e-detector (Shin, Ramdas & Rinaldo 2023), the sum over all possible beginnings. Its average time to a false
//! alarm is at least 1/a blocks.

use serde::{Deserialize, Serialize};
use serin_stats::ratio::math::{exp, log, log_sum_exp};

/// Least spread of predictions: no past predicts an hour better.
pub const LEAST_SPREAD: f64 = 0.15;
/// Spread of predictions that were never tested.
pub const UNKNOWN_SPREAD: f64 = 0.3;
/// The ratio to the past that counts as good.
pub const TOLERATED: f64 = 1.25;
/// Factors above the null that are looked for, all alike.
const WORSE: [f64; 5] = [1.25, 2.0, 4.0, 8.0, 16.0];

/// What is known of the past when the bake begins.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// φ of the past, at least 1.
    pub phi: f64,
    /// Standard deviation of log(what came / what was predicted) on days without releases.
    pub spread: f64,
    /// The ratio to the past that counts as good, at least 1.
    pub tolerated: f64,
    /// Blocks to a false alarm, on average, at the least.
    pub blocks_to_false_alarm: f64,
}

/// The state of one metric's bake.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bake {
    settings: Settings,
    /// log of the sum over all beginnings, for each alternative; minus infinity before the first block.
    sums: [Option<f64>; WORSE.len()],
    /// Evidence that it is no worse, since it was last asked.
    calm: f64,
}

/// What the bake says after a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// Nothing to say.
    Quiet,
    /// The service is worse than its past.
    Worse,
}

/// Events that the past predicts for a block: the mean of the rates at this hour of the week in earlier weeks, and in the
/// last day, each with its weight, times what the service is exposed to now. None without any.
#[must_use]
pub fn expected(exposure: u64, rates: &[(f64, f64)]) -> Option<f64> {
    let weight: f64 = rates.iter().map(|(_, weight)| weight).sum();
    (weight > 0.0)
        .then(|| exposure as f64 * rates.iter().map(|(rate, weight)| rate * weight).sum::<f64>() / weight)
}

/// The spread of predictions: what log(came / predicted) was on other days, with half an event added so that none is not a
/// perfect one.
#[must_use]
pub fn spread_of(predictions: &[(u64, f64)]) -> f64 {
    if predictions.len() < 2 {
        return UNKNOWN_SPREAD;
    }
    let logs: Vec<f64> =
        predictions.iter().map(|(came, predicted)| log((*came as f64 + 0.5) / (predicted + 0.5))).collect();
    let mean = logs.iter().sum::<f64>() / logs.len() as f64;
    let squares: f64 = logs.iter().map(|value| (value - mean) * (value - mean)).sum();
    (squares / (logs.len() as f64 - 1.0)).sqrt().max(LEAST_SPREAD)
}

impl Bake {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, sums: [None; WORSE.len()], calm: 0.0 }
    }

    /// Adds a block: events that came, and those that the past predicts. The past's own error enters as a margin, twice its
    /// spread, because a detector that restarts has no use for a random effect.
    pub fn add(&mut self, came: u64, expected: f64) -> Alarm {
        let null = self.settings.tolerated * exp(2.0 * self.settings.spread.max(LEAST_SPREAD));
        let increment = |ratio: f64, against: f64| {
            (came as f64 * log(ratio / against) - expected * (ratio - against)) / self.settings.phi
        };
        for (sum, worse) in self.sums.iter_mut().zip(WORSE) {
            let before = log_sum_exp(&[sum.unwrap_or(f64::NEG_INFINITY), 0.0]);
            *sum = Some(before + increment(null * worse, null));
        }
        self.calm = (self.calm + increment(1.0, null)).max(0.0);
        let share = log(WORSE.len() as f64);
        let terms = self.sums.map(|sum| sum.unwrap_or(f64::NEG_INFINITY) - share);
        if log_sum_exp(&terms) >= log(self.settings.blocks_to_false_alarm) {
            Alarm::Worse
        } else {
            Alarm::Quiet
        }
    }

    /// Whether the latest blocks say that it is no worse than its past, at error `beta`: closes an alarm. Evidence against
    /// it that came before is forgotten.
    #[must_use]
    pub fn has_gone(&self, beta: f64) -> bool {
        self.calm >= log(1.0 / beta)
    }

    /// Begins anew, after an alarm was closed.
    pub fn restart(&mut self) {
        *self = Self::new(self.settings);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONTH: f64 = 172_800.0;

    fn bake() -> Bake {
        Bake::new(Settings { phi: 1.0, spread: 0.15, tolerated: TOLERATED, blocks_to_false_alarm: MONTH })
    }

    #[test]
    fn a_day_as_predicted_is_quiet_and_then_a_regression_is_found_at_once() {
        let mut bake = bake();
        assert!((0..5760).all(|_| bake.add(10, 10.0) == Alarm::Quiet));
        let found = (1..100).find(|_| bake.add(50, 10.0) == Alarm::Worse);
        assert!(found.is_some_and(|blocks| blocks <= 3), "found after {found:?}");
    }

    #[test]
    fn what_lies_within_the_error_of_the_past_is_no_alarm() {
        let mut bake = bake();
        // 1.25 e^(0.3) is 1.69.
        assert!((0..5760).all(|_| bake.add(16, 10.0) == Alarm::Quiet));
    }

    /// The property that gives the detector its rate of false alarms: under the null the sum's mean grows by 1 each block.
    #[test]
    fn the_mean_of_the_sum_over_beginnings_grows_by_one_a_block_under_the_null() {
        let null = TOLERATED * exp(0.3);
        for expected in [0.5, 3.0] {
            let mean = expected * null;
            let (mut chance, mut sum) = (exp(-mean), 0.0);
            for came in 0..200u64 {
                let mut bake = bake();
                bake.add(came, expected);
                let terms = bake.sums.map(|value| value.unwrap() - log(WORSE.len() as f64));
                sum += chance * exp(log_sum_exp(&terms));
                chance *= mean / (came + 1) as f64;
            }
            assert!((sum - 1.0).abs() < 1e-6, "{expected}: {sum}");
        }
    }

    #[test]
    fn an_alarm_is_closed_by_calm_and_not_by_waiting() {
        let mut bake = bake();
        (0..20).for_each(|_| {
            bake.add(60, 10.0);
        });
        assert!(!bake.has_gone(0.05));
        let calm = (1..200).find(|_| {
            bake.add(10, 10.0);
            bake.has_gone(0.05)
        });
        assert!(calm.is_some_and(|blocks| blocks < 20), "{calm:?}");
        assert!(!{
            let mut nothing = Bake::new(bake.settings);
            nothing.add(0, 0.0);
            nothing.has_gone(0.05)
        });
    }

    #[test]
    fn predictions_are_weighted_and_their_spread_has_a_floor() {
        assert_eq!(expected(100, &[]), None);
        assert!((expected(100, &[(0.1, 3.0), (0.2, 1.0)]).unwrap() - 12.5).abs() < 1e-12);
        assert!((spread_of(&[(10, 10.0); 20]) - LEAST_SPREAD).abs() < 1e-12);
        assert!((spread_of(&[]) - UNKNOWN_SPREAD).abs() < 1e-12);
        assert!(spread_of(&[(10, 10.0), (40, 10.0), (3, 10.0)]) > 1.0);
    }
}
