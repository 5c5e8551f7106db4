//! The arguments of `serin judge`, and the help that they make.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::Timestamp;

/// Judge a canary from files: Kayenta's rule, and what stands behind its verdict
///
/// Each metric of the configuration is compared between canary and baseline, the metrics make a score, and the score a
/// verdict. Nothing is sent anywhere and no cluster is needed.
#[derive(Args)]
#[command(after_long_help = HELP)]
pub(crate) struct JudgeArgs {
    /// The canary configuration (Kayenta's JSON); - is standard input
    #[arg(short, long, value_name = "FILE", required_unless_present = "jsonl")]
    pub(super) config: Option<PathBuf>,
    /// The data: a list of pairs of series (Kayenta's metricSetPairList), or CSV; - is standard input
    #[arg(short, long, value_name = "FILE", required_unless_present_any = ["jsonl", "prometheus"],
          conflicts_with_all = ["canary", "baseline", "start", "end", "step", "location", "param", "request", "scope_label", "token_file"])]
    pub(super) pairs: Option<PathBuf>,
    /// From this score on it passes, 0 to 100 [default: classifier.scoreThresholds.pass of the configuration]
    #[arg(long, value_name = "SCORE", value_parser = percent)]
    pub(super) pass: Option<f64>,
    /// From this score on it is marginal, not failed [default: classifier.scoreThresholds.marginal]
    #[arg(long, value_name = "SCORE", value_parser = percent)]
    pub(super) marginal: Option<f64>,
    /// What to print
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(super) output: Format,
    /// Print instead how this metric was judged, step by step
    #[arg(long, value_name = "METRIC", conflicts_with = "output")]
    pub(super) explain: Option<String>,
    /// Judge many: for each line {"canaryConfig":…,"scoreThresholds":…,"metricSetPairList":…} print a line with the
    /// judgement, or {"error":…,"line":…}; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "pairs", "pass", "marginal", "output", "explain",
          "canary", "baseline", "start", "end", "step", "location", "param", "request", "scope_label", "token_file"])]
    pub(super) jsonl: Option<PathBuf>,
    /// Fetch the data from this Prometheus, by the queries of the configuration
    #[arg(long, value_name = "URL", conflicts_with_all = ["pairs", "jsonl"], help_heading = FETCHING)]
    pub(super) prometheus: Option<String>,
    /// What ${scope} is for the canary
    #[arg(long, value_name = "SCOPE", requires = "prometheus", help_heading = FETCHING)]
    pub(super) canary: Option<String>,
    /// What ${scope} is for the baseline
    #[arg(long, value_name = "SCOPE", requires = "prometheus", help_heading = FETCHING)]
    pub(super) baseline: Option<String>,
    /// The first moment, as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", requires = "prometheus", help_heading = FETCHING)]
    pub(super) start: Option<Timestamp>,
    /// The last moment, which counts too
    #[arg(long, value_name = "TIME", requires = "prometheus", help_heading = FETCHING)]
    pub(super) end: Option<Timestamp>,
    /// Seconds from one value to the next [default: 60]
    #[arg(long, value_name = "SECONDS", requires = "prometheus", help_heading = FETCHING)]
    pub(super) step: Option<u32>,
    /// What ${location} is for both
    #[arg(long, value_name = "LOCATION", requires = "prometheus", help_heading = FETCHING)]
    pub(super) location: Option<String>,
    /// A further variable of the templates; may be repeated
    #[arg(long, value_name = "NAME=VALUE", requires = "prometheus", value_parser = variable, help_heading = FETCHING)]
    pub(super) param: Vec<(String, String)>,
    /// Instead of these: scopes, times and thresholds as Kayenta's execution request (JSON)
    #[arg(long, value_name = "FILE", requires = "prometheus", help_heading = FETCHING,
          conflicts_with_all = ["canary", "baseline", "start", "end", "step", "location", "param"])]
    pub(super) request: Option<PathBuf>,
    /// The label that tells machines apart, for queries with a resourceType [default: instance]
    #[arg(long, value_name = "LABEL", requires = "prometheus", help_heading = FETCHING)]
    pub(super) scope_label: Option<String>,
    /// A file with a bearer token for Prometheus
    #[arg(long, value_name = "FILE", requires = "prometheus", help_heading = FETCHING)]
    pub(super) token_file: Option<PathBuf>,
}

const FETCHING: &str = "Fetching";

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A report for the terminal
    Text,
    /// The judgement as Kayenta's judge answers it
    Json,
    /// One page with pictures, which needs nothing else
    Html,
    /// For a pull request
    Markdown,
}

const HELP: &str = r#"Judging a CSV, from nothing:
  $ cat > canary.json <<'END'
  {
    "name": "shop",
    "applications": ["shop"],
    "metrics": [
      {"name": "errors", "groups": ["quality"],
       "analysisConfigurations": {"canary": {"direction": "increase"}}}
    ],
    "classifier": {"groupWeights": {"quality": 100}}
  }
  END
  $ cat > data.csv <<'END'
  time,metric,arm,value
  2026-01-31T12:00:00Z,errors,baseline,1.1
  2026-01-31T12:00:00Z,errors,canary,1.9
  2026-01-31T12:01:00Z,errors,baseline,0.9
  2026-01-31T12:01:00Z,errors,canary,2.3
  END
  $ serin judge --config canary.json --pairs data.csv --pass 95 --marginal 75
  $ serin judge --config canary.json --pairs data.csv --pass 95 --marginal 75 --explain errors

  direction says which change is bad: increase, decrease or either. An arm is canary or baseline.
  Take 50 values of each arm if you can: with fewer than 5, any gap between the two counts.

Judging what Prometheus has (queries and templates are in the configuration):
  $ serin judge --config canary.json --pass 95 --marginal 75 --prometheus http://localhost:9090 \
      --canary v2 --baseline v1 --start 2026-01-31T12:00:00Z --end 2026-01-31T13:00:00Z

Exit codes:
  0 pass, 1 fail, 2 marginal, 3 no evidence (no metric that counts could be compared),
  with --jsonl 0 when every line was judged, 65 when one could not be,
  64 wrong arguments, 65 wrong data, 66 a file cannot be read, 69 Prometheus does not answer,
  74 the result cannot be written"#;

fn percent(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "it must be a number from 0 to 100".to_owned())?;
    if (0.0..=100.0).contains(&number) { Ok(number) } else { Err("it must lie between 0 and 100".to_owned()) }
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| "it must be NAME=VALUE".to_owned())?;
    Ok((name.to_owned(), value.to_owned()))
}
