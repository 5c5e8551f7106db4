//! `serin gate lint`: what makes a gate.yaml judge badly, before it does.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serin_gate::config::Config;
use serin_gate::intake::series;
use serin_gate::lint::{Finding, Sample, fixed, is_for_files, live, questions};
use serin_report::judgement::harmless;
use serin_sources::Prometheus;

use super::args::{ConfigArgs, SourceArgs};
use super::{files, show};

/// What is said of a configuration without queries.
const FOR_FILES: &str = "no metric has a query: it is for --counts only\n";
/// The exit code when something was found.
const FOUND: u8 = 1;

/// Find what makes a gate.yaml judge badly: windows that overlap, rates, ratios, arms that are not apart
///
/// Without a Prometheus its queries are read; with one, what they give is looked at too. A gate.yaml without any query is for
/// files of counts alone (--counts), and is told so. Nothing is written anywhere.
#[derive(Args)]
#[command(after_help = "Exit codes: 0 nothing found, 1 something found, 2 it could not be looked at.")]
pub(super) struct LintArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    source: SourceArgs,
    /// What to print
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    /// A line for each finding, and how to mend it
    Text,
    /// A list of findings
    Json,
}

pub(super) async fn run(args: &LintArgs) -> Result<ExitCode> {
    let config = tokio::task::block_in_place(|| args.config.read())?;
    let source = tokio::task::block_in_place(|| args.source.connect())?;
    let mut findings = fixed(&config, source.is_some());
    if let Some(source) = &source {
        findings.extend(live(&config, &ask(&config, source).await?));
    }
    findings.sort_by_key(|finding| finding.line);
    let text = match args.output {
        Format::Json => serde_json::to_string_pretty(&findings)? + "\n",
        Format::Text => {
            let for_files = source.is_none() && is_for_files(&config);
            text(&files::name(&args.config.config), &findings) + if for_files { FOR_FILES } else { "" }
        }
    };
    show::print(text.as_bytes())?;
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { FOUND.into() })
}

async fn ask(config: &Config, source: &Prometheus) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for question in questions(config, Timestamp::now().into())? {
        let place = || question.query.clone();
        let answer = source.query(&question.query, question.at.timestamp()).await.with_context(place)?;
        let series = series(&answer.body).with_context(place)?;
        samples.push(Sample { question, series });
    }
    Ok(samples)
}

fn text(name: &str, findings: &[Finding]) -> String {
    let said = |Finding { line, rule, metric, field, what, mend }: &Finding| {
        let place = if *line == 0 { name.to_owned() } else { format!("{name}:{line}") };
        let of = if metric.is_empty() { (*field).to_owned() } else { format!("{metric}, {field}") };
        let first = harmless(&format!("{place}: {}: {of}: {what}", rule.name()));
        format!("{first}\n  {}\n", harmless(mend))
    };
    let text: String = findings.iter().map(said).collect();
    match findings.len() {
        0 => text + "nothing found\n",
        1 => text + "1 finding\n",
        count => text + &format!("{count} findings\n"),
    }
}
