//! `cargo test -p serin-e2e --test scenarios -- [NAME or NUMBER]... [--target plane|real]`

use std::process::ExitCode;

use clap::Parser;
use serin_e2e::runner::Plan;
use serin_e2e::target::Kind;

/// How many scenarios run at once: they mostly wait, and two cores carry this many without being late.
const AT_ONCE: usize = 20;

/// Runs the scenarios.
#[derive(Debug, Parser)]
#[command(name = "scenarios")]
struct Arguments {
    /// Names or parts of names, or numbers; all when there are none.
    only: Vec<String>,
    /// The cluster to run on.
    #[arg(long, value_enum, default_value = "plane")]
    target: Kind,
    /// How many run at once.
    #[arg(long, default_value_t = AT_ONCE)]
    at_once: usize,
    /// Leave the namespaces of failed scenarios behind.
    #[arg(long)]
    keep: bool,
    /// Only print the names, as cargo's own harness does.
    #[arg(long)]
    list: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    // What cargo's own harness understands and this one has no use for.
    let known = ["--nocapture", "--no-capture", "--quiet", "-q", "--ignored", "--include-ignored", "--exact"];
    let arguments =
        Arguments::parse_from(std::env::args().filter(|argument| !known.contains(&argument.as_str())));
    let plan = Plan {
        target: arguments.target,
        only: arguments.only,
        at_once: arguments.at_once.max(1),
        keep: arguments.keep,
    };
    if arguments.list {
        for scenario in plan.chosen() {
            println!("{}: test", scenario.name);
        }
        return ExitCode::SUCCESS;
    }
    match plan.run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("scenarios: {error:#}");
            ExitCode::FAILURE
        }
    }
}
