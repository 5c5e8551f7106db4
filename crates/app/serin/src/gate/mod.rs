//! `serin gate`: a verdict on a release from counts, and what belongs to it. Each verb has its module.

mod amounts;
mod args;
mod backtest;
mod blocks;
mod files;
mod lint;
mod parallel;
mod plan;
mod run;
mod show;

use std::process::ExitCode;

use clap::{Args, Subcommand};

pub(crate) use show::{ExplainArgs, VerifyArgs, check, explain};

/// The exit code of what could not be done; those of the verdicts and findings are the verbs'.
const CANNOT: u8 = 2;

/// Judge a release by counts: PASS, FAIL or HOLD at any look
#[derive(Args)]
pub(crate) struct GateArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Run(Box<run::RunArgs>),
    Lint(Box<lint::LintArgs>),
    Plan(Box<plan::PlanArgs>),
    Backtest(Box<backtest::BacktestArgs>),
}

/// Runs the command.
pub(crate) async fn run(args: &GateArgs) -> ExitCode {
    let done = match &args.verb {
        Verb::Run(args) => run::run(args).await,
        Verb::Lint(args) => lint::run(args).await,
        Verb::Plan(args) => plan::run(args).await,
        Verb::Backtest(args) => backtest::run(args).await,
    };
    done.unwrap_or_else(|error| {
        let text = serin_report::judgement::harmless(&format!("{error:#}"));
        crate::out::complain(format_args!("Error: {text}"));
        CANNOT.into()
    })
}
