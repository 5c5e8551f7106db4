//! A defect put into the counts of the past.
//!
//! The pods that play the canary get the events of other stable pods in the same block on top of their own. That keeps what
//! is real about them, bursts, seasons and correlation included, which multiplying each count would not.

use crate::{
    block::{Arm, Block, Cell, Roster, Seen, Value},
    policy::{Kind, Policy},
};

/// `block` with `factor` times the events (or the level) in the canary's pods; 1 leaves it as it is.
pub(super) fn worse(mut block: Block, roster: &Roster, policy: &Policy, factor: f64) -> Block {
    if factor <= 1.0 {
        return block;
    }
    let turn = (block.start.as_secs() / i64::from(policy.block.max(1))).unsigned_abs() as usize;
    for (seen, metric) in block.metrics.iter_mut().zip(&policy.metrics) {
        let Seen::Cells(cells) = seen else { continue };
        let is_canary =
            |cell: &Cell| roster.pods.get(cell.pod as usize).is_some_and(|pod| pod.arm == Arm::Canary);
        let donors: Vec<Cell> = cells.iter().filter(|cell| !is_canary(cell)).cloned().collect();
        for (place, cell) in cells.iter_mut().filter(|cell| is_canary(cell)).enumerate() {
            let chance = evenly(turn, place);
            if metric.down_is_bad {
                fewer(&mut cell.value, factor, chance);
                continue;
            }
            if let Value::Gauge { micro, .. } = &mut cell.value {
                *micro = (*micro as f64 * factor) as i64;
                continue;
            }
            let (mut left, mut next) = (factor - 1.0, turn + place);
            while left > 0.0 {
                let donor = donors
                    .get(next % donors.len().max(1))
                    .map_or_else(|| cell.value.clone(), |donor| donor.value.clone());
                give(&mut cell.value, &donor, left.min(1.0), chance);
                (left, next) = (left - 1.0, next + 1);
            }
            if metric.is_share || matches!(metric.kind, Kind::Latency { .. }) {
                at_most_all(&mut cell.value);
            }
        }
    }
    block
}

/// A number from 0 to 1 for each block and pod, spread evenly over both (Roberts 2018): a part of an event becomes a whole one
/// in as many cases as it says. Rounded to the nearest, half of each lone event would be a whole one every time.
fn evenly(turn: usize, place: usize) -> f64 {
    const BY_BLOCK: f64 = 0.754_877_666_246_692_8;
    const BY_POD: f64 = 0.569_840_290_998_053_3;
    (turn as f64 * BY_BLOCK + place as f64 * BY_POD).fract()
}

/// Adds a `part` of what the donor has for as much exposure.
fn give(value: &mut Value, donor: &Value, part: f64, chance: f64) {
    let of = |events: u64, own: u64, theirs: u64| {
        if theirs == 0 {
            0
        } else {
            (events as f64 * part * own as f64 / theirs as f64 + chance).floor() as u64
        }
    };
    match (value, donor) {
        (Value::Count { x, n }, Value::Count { x: more, n: theirs }) => *x += of(*more, *n, *theirs),
        (Value::Latency { n, above }, Value::Latency { n: theirs, above: more }) => {
            above.iter_mut().zip(more).for_each(|(above, more)| *above += of(*more, *n, *theirs));
        }
        _ => {}
    }
}

/// Takes away events, of which fewer are worse.
fn fewer(value: &mut Value, factor: f64, chance: f64) {
    match value {
        Value::Count { x, .. } => *x = (*x as f64 / factor + chance).floor() as u64,
        Value::Gauge { micro, .. } => *micro = (*micro as f64 / factor) as i64,
        Value::Latency { .. } => {}
    }
}

/// No more events than exposure.
fn at_most_all(value: &mut Value) {
    match value {
        Value::Count { x, n } => *x = (*x).min(*n),
        Value::Latency { n, above } => above.iter_mut().for_each(|above| *above = (*above).min(*n)),
        Value::Gauge { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use serin_kernel::Moment;

    use super::*;
    use crate::block::{Flags, Pod};
    use crate::policy::{Metric, Step};

    fn policy(down_is_bad: bool) -> Policy {
        let metric = Metric { down_is_bad, ..Metric::guard("errors") };
        Policy {
            block: 15,
            alpha: 0.05,
            beta: 0.05,
            steps: vec![Step { weight: 1000, minimum: 60 }],
            deadline: 3600,
            minimum_exposure: 50,
            blackhole: 60,
            split: None,
            metrics: vec![metric],
        }
    }

    /// Events of the canary after the defect, over those before it: pods with one event in each block, or a burst in some.
    fn achieved(factor: f64, down_is_bad: bool, events: impl Fn(i64, u32) -> u64) -> f64 {
        let pods = (0..8)
            .map(|pod| Pod { name: format!("p{pod}"), arm: if pod < 3 { Arm::Canary } else { Arm::Stable } });
        let roster = Roster { pods: pods.collect() };
        let (mut before, mut after) = (0, 0);
        for number in 0..4000 {
            let cell = |pod: u32| Cell {
                pod,
                flags: Flags::default(),
                value: Value::Count { x: events(number, pod), n: 100 },
            };
            let block = Block {
                start: Moment::from_secs(number * 15),
                step: 0,
                weight: None,
                joined: Vec::new(),
                health: None,
                metrics: vec![Seen::Cells((0..8).map(cell).collect())],
            };
            let of = |block: &Block| {
                let Seen::Cells(cells) = &block.metrics[0] else { panic!() };
                cells[..3]
                    .iter()
                    .map(|cell| if let Value::Count { x, .. } = cell.value { x } else { 0 })
                    .sum::<u64>()
            };
            before += of(&block);
            after += of(&worse(block, &roster, &policy(down_is_bad), factor));
        }
        after as f64 / before as f64
    }

    #[test]
    fn a_defect_is_as_large_as_it_says_however_rare_the_events() {
        for factor in [1.2, 1.4, 1.5, 2.0, 3.3, 5.0] {
            let lone = achieved(factor, false, |_, _| 1);
            let bursts =
                achieved(factor, false, |number, pod| if (number + i64::from(pod)) % 7 == 0 { 4 } else { 0 });
            let missing = achieved(factor, true, |_, _| 1);
            assert!((lone - factor).abs() < 0.02 * factor, "{factor}: {lone}");
            assert!((bursts - factor).abs() < 0.02 * factor, "{factor}: {bursts} in bursts");
            assert!((missing - 1.0 / factor).abs() < 0.02, "{factor}: {missing}");
        }
    }
}
