//! What the gate promises of a cell, and how often it may break it.

use super::World;
use crate::judge::Watched;
use crate::world::Law;

/// A promise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Promise {
    /// FAIL in at most this share of rollouts.
    SeldomFail(f64),
    /// PASS in at most this share of rollouts.
    SeldomPass(f64),
}

/// The share of rollouts with a right split in which the router may be accused.
const SPLIT: f64 = 0.001;
/// What may be off in a split without a word.
const SPLIT_ODDS: f64 = 1.1;

impl World {
    /// The promise at that ratio; none where both verdicts are true statements.
    #[must_use]
    pub fn promise(&self, ratio: f64) -> Option<Promise> {
        let settings = self.settings;
        let (is_good, is_bad) = match self.law {
            Law::Split(sessions) => {
                let told = self.stage.steps[0].weight;
                let odds = sessions.real / (1.0 - sessions.real) / (told / (1.0 - told));
                return (odds.max(1.0 / odds) <= SPLIT_ODDS).then_some(Promise::SeldomFail(SPLIT));
            }
            Law::Count(count) => {
                let canary = count.canary_share.unwrap_or(count.share * ratio);
                (
                    canary <= settings.tolerated * count.share,
                    canary >= settings.margin * count.share + settings.floor,
                )
            }
            Law::Latency(latency) => {
                let (stable, canary) = (latency.shift.shares(1.0), latency.shift.shares(ratio));
                let is_worse =
                    |(stable, canary): (f64, f64)| canary >= settings.margin * stable + settings.floor;
                (ratio <= 1.0, stable.into_iter().zip(canary).any(is_worse))
            }
            Law::Gauge(_) => (ratio <= settings.tolerated, ratio >= settings.margin),
        };
        let is_heard = settings.watched == Watched::Verdict && settings.minimum > 0;
        match (is_heard, is_good, is_bad) {
            (true, true, _) => Some(Promise::SeldomFail(settings.alpha)),
            (true, false, true) => Some(Promise::SeldomPass(0.05)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::worlds;

    #[test]
    fn a_promise_is_made_below_the_tolerated_ratio_and_from_the_margin_on() {
        let promised =
            |name: &str, ratio| worlds().iter().find(|world| world.name == name).unwrap().promise(ratio);
        for (name, ratio, expected) in [
            ("bursts mean 3", 1.0, Some(Promise::SeldomFail(0.05))),
            ("bursts mean 3", 1.5, None),
            ("bursts mean 3", 2.0, Some(Promise::SeldomPass(0.05))),
            ("gauge, AR 0.6", 1.3, Some(Promise::SeldomPass(0.05))),
            ("equal pods, shift of all", 1.2, None),
            ("equal pods, shift of all", 1.5, Some(Promise::SeldomPass(0.05))),
            ("equal pods, 1 % of requests slower", 10.0, Some(Promise::SeldomPass(0.05))),
            ("zero: 100 rps, canary 0.03 %", 1.0, None),
            ("zero: 100 rps, canary 0.1 %", 1.0, Some(Promise::SeldomPass(0.05))),
            ("zero: 100 rps, none at all", 1.0, Some(Promise::SeldomFail(0.05))),
            ("split 10 rps, 10 % as told", 1.0, Some(Promise::SeldomFail(0.001))),
            ("split 10 rps, 12 for 10 %", 1.0, None),
            ("plan 12/min at 5 %: PASS", 1.0, None),
        ] {
            assert_eq!(promised(name, ratio), expected, "{name} at {ratio}");
        }
    }
}
