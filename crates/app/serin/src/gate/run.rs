//! `serin gate run`: the judgement itself, of counts in files or of a Prometheus, past or as it happens.

mod book;
mod files;
mod live;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use jiff::Timestamp;
use serin_gate::Word;
use serin_gate::config::{Config, Exposure, Promql, Source};
use serin_gate::record::Query;

use super::args::{ConfigArgs, SourceArgs};
use super::show::{self, Format};
use crate::out;

/// The exit codes of the verdicts; what cannot be run has 2.
const FAIL: u8 = 1;
const HOLD: u8 = 3;
/// As shells have it for a program that SIGINT ends.
const INTERRUPTED: u8 = 130;
const DATA: &str = "Data";

/// Judge a release: one line for each look, then the verdict with what stands behind it
#[derive(Args)]
#[command(after_long_help = HELP, group = super::args::one_source())]
pub(super) struct RunArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    source: SourceArgs,
    /// Counts in a file in place of a Prometheus: CSV, or one JSON object for each line; - is standard input
    #[arg(long, value_name = "FILE", help_heading = DATA)]
    counts: Option<PathBuf>,
    /// The stable version's past for --counts, in the same form
    #[arg(long, value_name = "FILE", requires = "counts", help_heading = DATA)]
    history: Option<PathBuf>,
    /// When the canary got its first traffic, as 2026-01-31T12:00:00Z [default: now]
    #[arg(long, value_name = "TIME", requires = "prometheus", help_heading = DATA)]
    start: Option<Timestamp>,
    /// Judge a past release up to this time
    #[arg(long, value_name = "TIME", requires_all = ["prometheus", "start"], conflicts_with = "follow", help_heading = DATA)]
    end: Option<Timestamp>,
    /// Go on until there is a verdict or the deadline is over
    #[arg(long, requires = "prometheus", help_heading = DATA)]
    follow: bool,
    /// The canary's confirmed share of traffic, 0 to 1, as a query: it says at which step the release is
    #[arg(long, value_name = "PROMQL", requires = "prometheus", conflicts_with = "step", help_heading = DATA)]
    weight_query: Option<String>,
    /// The step of the plan at which the release is, from 1 [default: 1; a file says it in its columns step, from 1, and weight, in percent]
    #[arg(long, value_name = "N", requires = "prometheus", value_parser = clap::value_parser!(u32).range(1..), help_heading = DATA)]
    step: Option<u32>,
    /// Write the evidence record here: at the end, also of an interrupt or error. With --follow it is written before, too:
    /// after each of the first 32 looks, then whenever there are a sixteenth more, so that a crash loses no more than that
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// The record before this one: the new one names its hash
    #[arg(long, value_name = "RECORD")]
    previous: Option<PathBuf>,
    /// Print no line for each look
    #[arg(short, long)]
    quiet: bool,
    /// What to print at the end
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

const HELP: &str = r#"Judging counts in a file, from nothing:
  $ cat > gate.yaml <<'END'
  arms: {stable: {track: stable}, canary: {track: canary}}
  metrics:
  - {name: errors, kind: count}
  END
  $ cat > counts.csv <<'END'
  time,metric,arm,pod,events,exposure
  2026-01-31T12:00:00Z,errors,stable,shop-1,2,900
  2026-01-31T12:00:00Z,errors,canary,shop-2,9,100
  2026-01-31T12:00:15Z,errors,stable,shop-1,1,900
  2026-01-31T12:00:15Z,errors,canary,shop-2,8,100
  END
  $ serin gate run --config gate.yaml --counts counts.csv --record record.json
  $ serin verify record.json
  $ serin explain record.json errors

Judging a release as it happens, from raw counters in Prometheus:
  $ cat > gate.yaml <<'END'
  arms: {stable: {track: stable}, canary: {track: canary}}
  metrics:
  - name: errors
    events: http_requests_total{service="shop",code=~"5.."}
    exposure: http_requests_total{service="shop"}
  END
  $ serin gate lint --config gate.yaml --prometheus http://localhost:9090
  $ serin gate run --config gate.yaml --prometheus http://localhost:9090 --follow --record record.json

Zones or clusters as one, each with its veto: groups: {label: zone, members: [eu-1, eu-2]} in gate.yaml, and in a file a column
group. Outcomes that come after minutes: maturity: 5m on the metric; every look then comes that much later.

Exit codes:
  0 PASS, 1 FAIL, 3 HOLD (at the deadline, at the end of the data, or when interrupted by Ctrl-C or SIGTERM), 2 it could not be judged,
  130 interrupted while the past was read, before the first look: there is no record"#;

pub(super) async fn run(args: &RunArgs) -> Result<ExitCode> {
    let config = tokio::task::block_in_place(|| args.config.read())?;
    ensure!(
        config.groups.is_none() || !args.output.is_picture(),
        "-o: a picture is of one member: write --record, then serin explain RECORD --member NAME -o …"
    );
    let previous =
        args.previous.as_ref().map(|path| show::read_any(path).map(|record| record.hash())).transpose()?;
    let book = match &args.counts {
        Some(counts) => {
            tokio::task::block_in_place(|| files::judge(args, config, counts, previous)).map(Some)?
        }
        None => live::judge(args, config, previous).await?,
    };
    let Some(book) = book else {
        out::complain("interrupted while the past was read: nothing was judged, and no record was written");
        return Ok(INTERRUPTED.into());
    };
    let record = tokio::task::block_in_place(|| book.close())?;
    show::print(&show::judged(&record, args.output)?)?;
    let (step, steps) = record.step();
    Ok(match record.word() {
        // What passed is the step alone; the release goes on, and is not done.
        Word::Pass if step + 1 < steps => {
            out::complain(format_args!("step {} of {steps} passed: the last step decides", step + 1));
            HOLD.into()
        }
        Word::Pass => ExitCode::SUCCESS,
        Word::Fail => FAIL.into(),
        Word::Hold => HOLD.into(),
    })
}

/// The queries of a configuration as they are recorded.
fn queries(config: &Config) -> Vec<Query> {
    let mut all = Vec::new();
    for (metric, query) in config.policy.metrics.iter().zip(&config.queries.metrics) {
        let mut add = |part: &str, query: Option<&Promql>| {
            all.extend(query.map(|query| Query::new(&metric.name, part, &query.text)));
        };
        match &query.source {
            Source::Count { events, exposure } => {
                add("events", events.as_ref());
                if let Some(Exposure::Query(query)) = exposure {
                    add("exposure", Some(query));
                }
            }
            Source::Latency { histogram, .. } => add("histogram", histogram.as_ref()),
            Source::Gauge { gauge } => add("gauge", gauge.as_ref()),
        }
    }
    all
}

/// The thresholds that each metric names.
pub(super) fn thresholds(config: &Config) -> Vec<Vec<f64>> {
    let of = |query: &serin_gate::config::Query| match &query.source {
        Source::Latency { thresholds, .. } => thresholds.clone(),
        Source::Count { .. } | Source::Gauge { .. } => Vec::new(),
    };
    config.queries.metrics.iter().map(of).collect()
}

/// The step of the plan with the largest weight that is not above this share, in parts of 10,000; with the half of a percent.
fn step_of(steps: &[serin_gate::policy::Step], share: u32) -> u32 {
    const SLACK: u32 = 50;
    let reached = steps.iter().rposition(|step| step.weight <= share.saturating_add(SLACK));
    reached.map_or(0, |step| step as u32)
}

/// A file of counts of any size that fits into memory as blocks.
pub(super) fn counts(path: &std::path::Path) -> Result<serin_gate::intake::Rows> {
    const COUNTS_BYTES_MAX: u64 = 2 << 30;
    let bytes = super::files::bytes(path, COUNTS_BYTES_MAX)?;
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    ensure!(
        first.is_some(),
        "{}: it is empty: write a first line that names the columns, as time,metric,arm,pod,events,exposure, and a row for each \
         block, metric and pod; or lines of JSON: serin gate run --help has an example",
        super::files::name(path)
    );
    let rows = if first == Some(&b'{') {
        serin_gate::intake::Rows::from_json_lines(&bytes)
    } else {
        serin_gate::intake::Rows::from_csv(&bytes)
    };
    rows.with_context(|| super::files::name(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_is_the_last_one_whose_weight_is_reached() {
        let steps = [500, 2500, 5000].map(|weight| serin_gate::policy::Step { weight, minimum: 60 });
        for (share, step) in [(0, 0), (500, 0), (2400, 0), (2460, 1), (2500, 1), (4999, 2), (10_000, 2)] {
            assert_eq!(step_of(&steps, share), step, "{share}");
        }
    }
}
