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
            if metric.down_is_bad {
                fewer(&mut cell.value, factor);
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
                give(&mut cell.value, &donor, left.min(1.0));
                (left, next) = (left - 1.0, next + 1);
            }
            if metric.is_share || matches!(metric.kind, Kind::Latency { .. }) {
                at_most_all(&mut cell.value);
            }
        }
    }
    block
}

/// Adds a `part` of what the donor has for as much exposure. A part of an event is rounded to the nearest.
fn give(value: &mut Value, donor: &Value, part: f64) {
    let of = |events: u64, own: u64, theirs: u64| {
        if theirs == 0 { 0 } else { (events as f64 * part * own as f64 / theirs as f64).round() as u64 }
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
fn fewer(value: &mut Value, factor: f64) {
    match value {
        Value::Count { x, .. } => *x = (*x as f64 / factor).round() as u64,
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
