//! A service of ten stable pods and three of the canary, whose counts are given and not drawn.

use serin_gate::{
    Arm, Block, Cell, Flags, Gate, Look, Pod, Policy, Roster, Seen, Shelf, Value,
    policy::{Metric, Step},
};
use serin_kernel::Moment;

pub(crate) const BLOCK: u32 = 15;
pub(crate) const STABLE_PODS: u32 = 10;
pub(crate) const CANARY_PODS: u32 = 3;
/// Blocks of the past.
pub(crate) const PAST: i64 = 240;

pub(crate) fn metric(name: &str) -> Metric {
    Metric::guard(name)
}

pub(crate) fn policy(metrics: Vec<Metric>) -> Policy {
    Policy {
        block: BLOCK,
        alpha: 0.05,
        beta: 0.05,
        steps: vec![Step { weight: 1000, minimum: 600 }],
        deadline: 3600,
        minimum_exposure: 50,
        blackhole: 60,
        split: None,
        metrics,
    }
}

pub(crate) fn roster() -> Roster {
    let pod = |arm: Arm, name: &str, place: u32| Pod { name: format!("{name}-{place}"), arm };
    let stable = (0..STABLE_PODS).map(|place| pod(Arm::Stable, "stable", place));
    Roster { pods: stable.chain((0..CANARY_PODS).map(|place| pod(Arm::Canary, "canary", place))).collect() }
}

/// Cells of all pods: `stable` and `canary` give (events, exposure) of a pod in this block.
pub(crate) fn cells(stable: impl Fn(u32) -> (u64, u64), canary: Option<&dyn Fn(u32) -> (u64, u64)>) -> Seen {
    let cell =
        |pod: u32, (x, n): (u64, u64)| Cell { pod, flags: Flags::default(), value: Value::Count { x, n } };
    let mut cells: Vec<Cell> = (0..STABLE_PODS).map(|pod| cell(pod, stable(pod))).collect();
    if let Some(canary) = canary {
        cells.extend((0..CANARY_PODS).map(|pod| cell(STABLE_PODS + pod, canary(pod))));
    }
    Seen::Cells(cells)
}

pub(crate) fn block(number: i64, metrics: Vec<Seen>) -> Block {
    Block {
        start: Moment::from_secs((PAST + number) * i64::from(BLOCK)),
        step: 0,
        weight: None,
        joined: Vec::new(),
        health: None,
        metrics,
    }
}

/// A steady error every few blocks for each pod, of which the pods take turns: the least bursty service there is.
pub(crate) fn steady(number: i64, pod: u32, every: i64) -> u64 {
    u64::from((number + i64::from(pod)).rem_euclid(every) == 0)
}

pub(crate) fn past(metrics: usize) -> Vec<Block> {
    let seen = |number: i64| cells(|pod| (steady(number, pod, 4), 50), None);
    (-PAST..0).map(|number| block(number, vec![seen(number); metrics])).collect()
}

/// Plays blocks from 0 on until the first verdict that is not HOLD, at most `most` of them.
pub(crate) fn play(policy: Policy, most: i64, of: impl Fn(i64) -> Block) -> (i64, Look) {
    let past = past(policy.metrics.len());
    let mut gate = Gate::open(policy, roster(), &past).unwrap();
    let mut shelf = Shelf::default();
    for number in 0..most {
        let look = gate.look(&of(number), &mut shelf);
        if look.verdict.word() != serin_gate::Word::Hold || number + 1 == most {
            return (number + 1, look);
        }
    }
    panic!("no block was played")
}
