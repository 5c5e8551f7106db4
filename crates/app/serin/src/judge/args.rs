//! The arguments of `serin judge`, and the help that they make.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

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
    #[arg(short, long, value_name = "FILE", required_unless_present = "jsonl")]
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
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "pairs", "pass", "marginal", "output", "explain"])]
    pub(super) jsonl: Option<PathBuf>,
}

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

Exit codes:
  0 pass, 1 fail, 2 marginal, 3 no evidence (no metric that counts could be compared),
  with --jsonl 0 when every line was judged, 65 when one could not be,
  64 wrong arguments, 65 wrong data, 66 a file cannot be read, 74 the result cannot be written"#;

fn percent(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "it must be a number from 0 to 100".to_owned())?;
    if (0.0..=100.0).contains(&number) { Ok(number) } else { Err("it must lie between 0 and 100".to_owned()) }
}
