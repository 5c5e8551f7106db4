//! Levels: one for each pod and block.

use serin_gate::{Cell, Flags, Value};

use super::{BLOCK_SECONDS, Now, Unfold, Wander};
use crate::dice::Dice;

/// A level in millionths at which nothing is special.
const LEVEL: f64 = 1e9;

/// A level that every pod has, with noise of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gauge {
    /// Each pod's noise.
    pub noise: Wander,
    /// Amplitude of a wave of 60 minutes that all pods share.
    pub trend: f64,
    /// Coefficient of variation of pods' lasting levels.
    pub pod_variation: f64,
}

/// A gauge at work.
pub(super) struct Unfolding {
    law: Gauge,
    noise: Vec<f64>,
    lasting: Vec<f64>,
    phase: f64,
}

impl Gauge {
    pub(super) fn unfold(&self, pods: u32, dice: &mut Dice) -> Unfolding {
        Unfolding {
            law: *self,
            noise: (0..pods).map(|_| self.noise.sd * dice.normal()).collect(),
            lasting: (0..pods).map(|_| dice.lognormal(self.pod_variation)).collect(),
            phase: dice.unit(),
        }
    }
}

impl Unfold for Unfolding {
    fn block(&mut self, now: Now, dice: &mut Dice) -> Vec<Vec<Cell>> {
        let minutes = now.block as f64 * f64::from(BLOCK_SECONDS) / 60.0;
        let wave = 1.0 + self.law.trend * (std::f64::consts::TAU * (minutes / 60.0 + self.phase)).sin();
        let Wander { memory, sd } = self.law.noise;
        let fresh = (1.0 - memory * memory).sqrt() * sd;
        let cells = now.pods().map(|(pod, canary)| {
            let noise = &mut self.noise[pod as usize];
            *noise = memory * *noise + fresh * dice.normal();
            let ratio = if canary { now.ratio } else { 1.0 };
            let level = LEVEL * wave * ratio * self.lasting[pod as usize] * noise.exp();
            Cell {
                pod,
                flags: Flags::default(),
                value: Value::Gauge { micro: level.round() as i64, samples: 1 },
            }
        });
        vec![cells.collect()]
    }
}
