//! A service for the benches of the gate: 30 stable pods and 3 of the canary, whose counts follow a fixed rule.

use serin_gate::{
    Arm, Block, Cell, Flags, Gate, Pod, Policy, Roster, Seen, Value,
    policy::{Class, Kind, Metric, PolicyError, Step},
};
use serin_kernel::Moment;

const STABLE: u32 = 30;
const CANARY: u32 = 3;
const EDGES: usize = 12;

fn metric(name: String, kind: Kind) -> Metric {
    let is_share = matches!(kind, Kind::Count);
    Metric {
        name,
        class: Class::Guard,
        kind,
        tolerated: 1.1,
        margin: 2.0,
        floor: 0.0,
        weight: 1.0,
        down_is_bad: false,
        is_share,
    }
}

/// So many count metrics and histograms, none of which ends the run with a verdict.
pub(crate) fn policy(counts: usize, histograms: usize) -> Policy {
    let edges =
        Kind::Latency { edges: (1..=EDGES).map(|edge| edge as f64).collect(), thresholds: Vec::new() };
    let counts = (0..counts).map(|i| metric(format!("count-{i}"), Kind::Count));
    let histograms = (0..histograms).map(|i| metric(format!("histogram-{i}"), edges.clone()));
    Policy {
        block: 15,
        alpha: 0.05,
        beta: 0.05,
        // No verdict ends the run: the time is what is measured.
        steps: vec![Step { weight: 1000, minimum: u32::MAX }],
        deadline: u32::MAX,
        minimum_exposure: 0,
        blackhole: 60,
        split: None,
        metrics: counts.chain(histograms).collect(),
    }
}

fn roster() -> Roster {
    let pod = |place: u32, arm: Arm| Pod { name: format!("pod-{place}"), arm };
    let stable = (0..STABLE).map(|place| pod(place, Arm::Stable));
    Roster { pods: stable.chain((STABLE..STABLE + CANARY).map(|place| pod(place, Arm::Canary))).collect() }
}

/// Counts that differ from block to block and pod to pod, by a fixed rule.
pub(crate) fn block(policy: &Policy, number: u64, has_canary: bool) -> Block {
    let pods = if has_canary { STABLE + CANARY } else { STABLE };
    let mixed = |pod: u32, salt: u64| (number * 2_654_435_761 + u64::from(pod) * 40_503 + salt * 97) % 1000;
    let cell = |pod: u32, metric: &Metric| {
        let n = 40 + mixed(pod, 1) % 20;
        let value = match &metric.kind {
            Kind::Latency { edges, .. } => {
                let above =
                    (0..edges.len() as u64).map(|edge| n / 2 / (edge + 1) + mixed(pod, edge) / 990).collect();
                Value::Latency { n, above }
            }
            _ => Value::Count { x: u64::from(mixed(pod, 2) < 200), n },
        };
        Cell { pod, flags: Flags::default(), value }
    };
    let seen = |metric: &Metric| Seen::Cells((0..pods).map(|pod| cell(pod, metric)).collect());
    Block {
        start: Moment::from_secs(number as i64 * 15),
        step: 0,
        weight: None,
        joined: Vec::new(),
        health: None,
        metrics: policy.metrics.iter().map(seen).collect(),
    }
}

/// A gate with an hour of the past.
///
/// # Errors
/// When the policy cannot be kept.
pub(crate) fn open(policy: &Policy) -> Result<Gate, PolicyError> {
    let past: Vec<Block> = (0..240).map(|number| block(policy, number, false)).collect();
    Gate::open(policy.clone(), roster(), &past)
}
