//! A world: one service, one rollout, and what each scrape would have shown.
//!
//! A world is data ([`Count`] and its sisters); playing it with a seed gives the blocks that the gate sees, and the sums of
//! both arms that its rivals see. Both are the same events.

mod count;
mod gauge;
mod latency;
mod scrape;
mod split;

pub use count::{Clumps, Count, Load, Nodes, Past, Users, Wander, Warm};
pub use gauge::Gauge;
pub use latency::{EDGES, Latency, Shift};
pub use scrape::Scrape;
pub use split::Sessions;

use serin_gate::{Arm, Block, Cell, Pod, Roster, Seen, Value};
use serin_kernel::Moment;

use crate::dice::Dice;

/// Seconds of a block.
pub const BLOCK_SECONDS: u32 = 15;
/// Blocks of a minute.
pub const MINUTE: usize = 4;
/// When rollouts begin, in seconds since 1970: far enough from 0 for any past.
const BEGIN: i64 = 1_000_000_005;
/// Numbers that a block of one arm comes to: seven edges at the most, and the exposure.
pub const WIDTH: usize = 8;
/// The place of the exposure.
pub const EXPOSURE: usize = WIDTH - 1;

/// Sums of one arm: events (or observations above each edge, or the level in millionths), and the exposure (or cells).
pub type Sums = [u64; WIDTH];

/// One metric's sums in one block.
#[derive(Clone, Copy, Debug, Default)]
pub struct Arms {
    /// Of the canary.
    pub canary: Sums,
    /// Of the stable version.
    pub stable: Sums,
}

/// One step of the plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The canary's share of traffic.
    pub weight: f64,
    /// Its pods.
    pub pods: u32,
}

/// The outline of a rollout, the same for every kind of metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// Pods of the stable version.
    pub stable: u32,
    /// Steps, all equally long.
    pub steps: &'static [Step],
    /// Minutes of the rollout.
    pub minutes: u32,
    /// Minutes of the stable version's past that the gate is given.
    pub past: u32,
    /// The step from which on the canary is worse.
    pub bad_from: usize,
}

impl Stage {
    /// Blocks of the rollout.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.minutes as usize * MINUTE
    }

    /// The step of a block.
    #[must_use]
    pub fn step(&self, block: usize) -> usize {
        (block * self.steps.len() / self.blocks().max(1)).min(self.steps.len() - 1)
    }

    fn canary_pods(&self) -> u32 {
        self.steps.iter().map(|step| step.pods).max().unwrap_or(0)
    }
}

/// What happens, by the kind of metric.
#[expect(clippy::large_enum_variant, reason = "there is one for each world, and a box would be no constant")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Law {
    /// Errors among requests.
    Count(Count),
    /// Histograms of durations.
    Latency(Latency),
    /// Levels.
    Gauge(Gauge),
    /// Requests alone, by whose arms the router is judged.
    Split(Sessions),
}

/// What a law is told of the block that it shall fill.
#[derive(Clone, Copy, Debug)]
struct Now {
    /// Counted from the beginning of the rollout: negative before it.
    block: i64,
    /// The canary's share of traffic and pods; both 0 before the rollout.
    step: Step,
    /// Pods of the stable version, which come first.
    stable: u32,
    /// How much worse the canary is now.
    ratio: f64,
}

impl Now {
    /// All pods by place, with whether each is the canary's.
    fn pods(self) -> impl Iterator<Item = (u32, bool)> {
        (0..self.stable + self.step.pods).map(move |pod| (pod, self.stable <= pod))
    }

    /// A pod's part of the traffic, when all of its arm are served alike.
    fn share(self, is_canary: bool) -> f64 {
        if is_canary {
            self.step.weight / f64::from(self.step.pods.max(1))
        } else {
            (1.0 - self.step.weight) / f64::from(self.stable.max(1))
        }
    }
}

/// A law at work, with what it remembers from block to block.
trait Unfold {
    /// The cells of each metric.
    fn block(&mut self, now: Now, dice: &mut Dice) -> Vec<Vec<Cell>>;
}

/// One rollout of a world.
pub struct Play {
    stage: Stage,
    ratio: f64,
    dice: Dice,
    law: Box<dyn Unfold>,
    next: usize,
    joined: u32,
}

impl std::fmt::Debug for Play {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Play").field("next", &self.next).finish_non_exhaustive()
    }
}

impl Play {
    /// Begins a rollout: the pods that are there, and the past.
    #[must_use]
    pub fn begin(law: &Law, stage: Stage, ratio: f64, seed: u64) -> (Self, Roster, Vec<Block>) {
        let mut dice = Dice::new(seed);
        let pods = stage.stable + stage.canary_pods();
        let law: Box<dyn Unfold> = match law {
            Law::Count(count) => Box::new(count.unfold(stage.stable, pods, &mut dice)),
            Law::Latency(latency) => Box::new(latency.unfold(pods, &mut dice)),
            Law::Gauge(gauge) => Box::new(gauge.unfold(pods, &mut dice)),
            Law::Split(sessions) => Box::new(*sessions),
        };
        let first = stage.steps[0].pods;
        let mut play = Self { stage, ratio, dice, law, next: 0, joined: first };
        let stable = (0..stage.stable).map(|pod| named(pod, Arm::Stable));
        let canary = (stage.stable..stage.stable + first).map(|pod| named(pod, Arm::Canary));
        let roster = Roster { pods: stable.chain(canary).collect() };
        let past = i64::from(stage.past) * MINUTE as i64;
        let history = (-past..0).map(|number| play.past_block(number)).collect();
        (play, roster, history)
    }

    /// The next block and each metric's sums; none at the end.
    pub fn next_block(&mut self) -> Option<(Block, Vec<Arms>)> {
        if self.next >= self.stage.blocks() {
            return None;
        }
        let place = self.stage.step(self.next);
        let step = self.stage.steps[place];
        let ratio = if place >= self.stage.bad_from { self.ratio } else { 1.0 };
        let now = Now { block: self.next as i64, step, stable: self.stage.stable, ratio };
        let cells = self.law.block(now, &mut self.dice);
        let arms = cells.iter().map(|cells| sums(cells, self.stage.stable)).collect();
        let mut block = block(now.block, cells);
        block.step = place as u32;
        block.weight = Some((step.weight * 10_000.0).round() as u32);
        let pods = step.pods.max(self.joined);
        let new = self.stage.stable + self.joined..self.stage.stable + pods;
        block.joined = new.map(|pod| named(pod, Arm::Canary)).collect();
        self.joined = pods;
        self.next += 1;
        Some((block, arms))
    }

    fn past_block(&mut self, number: i64) -> Block {
        let nobody = Step { weight: 0.0, pods: 0 };
        let now = Now { block: number, step: nobody, stable: self.stage.stable, ratio: 1.0 };
        block(number, self.law.block(now, &mut self.dice))
    }
}

fn named(pod: u32, arm: Arm) -> Pod {
    Pod { name: format!("pod-{pod}"), arm }
}

fn block(number: i64, cells: Vec<Vec<Cell>>) -> Block {
    Block {
        start: Moment::from_secs(BEGIN + number * i64::from(BLOCK_SECONDS)),
        step: 0,
        weight: None,
        joined: Vec::new(),
        health: None,
        metrics: cells.into_iter().map(Seen::Cells).collect(),
    }
}

/// What both arms come to. Rivals see warm pods too: none of them knows a pod's age.
fn sums(cells: &[Cell], stable: u32) -> Arms {
    let mut arms = Arms::default();
    for cell in cells {
        let sums = if cell.pod < stable { &mut arms.stable } else { &mut arms.canary };
        match &cell.value {
            Value::Count { x, n } => {
                sums[0] += x;
                sums[EXPOSURE] += n;
            }
            Value::Latency { n, above } => {
                sums.iter_mut().zip(above).for_each(|(sum, above)| *sum += above);
                sums[EXPOSURE] += n;
            }
            Value::Gauge { micro, .. } => {
                sums[0] += micro.unsigned_abs();
                sums[EXPOSURE] += 1;
            }
        }
    }
    arms
}
