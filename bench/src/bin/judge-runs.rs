//! Prints runs for a judge, one a line, as `serin judge --jsonl` reads them: ten metrics of seeded lognormal series each.
//!
//! `judge-runs RUNS POINTS`

use std::io::Write as _;

use anyhow::{Context as _, Result};
use serde_json::json;
use serin_stats::noise::Noise;

const METRICS: usize = 10;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let mut number = |what: &'static str| arguments.next().transpose()?.context(what);
    let (runs, points) = (number("usage: judge-runs RUNS POINTS")?, number("usage: judge-runs RUNS POINTS")?);
    let mut noise = Noise::new(1);
    let mut series = || (0..points).map(|_| noise.gaussian().exp()).collect::<Vec<_>>();
    let metric = |i: usize| json!({"name": format!("m{i}"), "groups": ["g"], "analysisConfigurations": {"canary": {"direction": "increase"}}});
    let config = json!({"name": "bench", "applications": ["a"],
        "judge": {"name": "NetflixACAJudge-v1.0", "judgeConfigurations": {}},
        "metrics": (0..METRICS).map(metric).collect::<Vec<_>>(), "templates": {},
        "classifier": {"groupWeights": {"g": 100}}});
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for run in 0..runs {
        let mut pair = |i: usize| {
            json!({"name": format!("m{i}"), "id": format!("{run}-{i}"), "tags": {},
                   "values": {"experiment": series(), "control": series()}})
        };
        let pairs: Vec<_> = (0..METRICS).map(&mut pair).collect();
        let line = json!({"canaryConfig": config, "scoreThresholds": {"pass": 95, "marginal": 75},
                          "metricSetPairList": pairs});
        writeln!(out, "{line}")?;
    }
    Ok(())
}
