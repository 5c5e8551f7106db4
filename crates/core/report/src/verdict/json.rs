//! The judgement for programs: what the reports say, with the blocks and looks spelt out.

use serde_json::{Value, json};
use serin_gate::record::Record;

use super::{Row, rows, word};

/// The judgement as JSON.
#[must_use]
pub fn json(record: &Record) -> String {
    let metrics: Vec<Value> = rows(record).iter().map(metric).collect();
    let whole = json!({
        "verdict": word(record).as_str(),
        "rule": record.outcome.rule,
        "reasons": record.outcome.reasons,
        "why": record.outcome.verdict,
        "metrics": metrics,
        "whatIf": record.what_if,
        "pods": record.roster().pods,
        "policy": record.opening.policy,
        "queries": record.opening.queries,
        "looks": record.looks,
        "blocks": record.blocks,
        "hash": record.hash(),
    });
    format!("{whole:#}\n")
}

fn metric(row: &Row) -> Value {
    let ratio = row.ratio();
    let counts = row.counts().map(|[x, n, y, m]| {
        json!({"canary": {"events": x, "exposure": n}, "stable": {"events": y, "exposure": m}})
    });
    json!({
        "name": row.metric.name,
        "class": row.class(),
        "standing": row.standing().1,
        "edge": row.edge,
        "margin": row.margin,
        "ratio": ratio.map(|(best, _)| best),
        "interval": ratio.map(|(_, (low, high))| [low, high]),
        "logWorse": row.look.harm,
        "logWorseBar": row.bars.harm,
        "logNoWorse": row.look.no_worse,
        "logNoWorseBar": row.bars.no_worse,
        "counts": counts,
        "phi": row.look.phi,
        "canaryPods": row.look.canary_pods,
        "stablePods": row.look.stable_pods,
        "hold": row.look.hold,
    })
}
