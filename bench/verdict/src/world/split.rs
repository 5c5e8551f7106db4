//! Requests that come in sessions, each of which the router sends to one arm.

use serin_gate::{Cell, Flags, Value};

use super::{BLOCK_SECONDS, Now, Unfold};
use crate::dice::Dice;

/// Sessions and where they really go. The weight of the step is what was asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sessions {
    /// Requests a second, both arms together.
    pub rps: f64,
    /// Requests of a session on average; their number is geometric.
    pub mean: f64,
    /// The share of sessions that the canary really gets.
    pub real: f64,
}

impl Unfold for Sessions {
    fn block(&mut self, now: Now, dice: &mut Dice) -> Vec<Vec<Cell>> {
        let sessions = self.rps * f64::from(BLOCK_SECONDS) / self.mean;
        let real = if now.block < 0 { 0.0 } else { self.real };
        let cells = now.pods().map(|(pod, canary)| {
            let (share, pods) = if canary { (real, now.step.pods) } else { (1.0 - real, now.stable) };
            let here = dice.poisson(sessions * share / f64::from(pods.max(1)));
            let n = if self.mean <= 1.0 { here } else { (0..here).map(|_| dice.geometric(self.mean)).sum() };
            Cell { pod, flags: Flags::default(), value: Value::Count { x: 0, n } }
        });
        vec![cells.collect()]
    }
}
