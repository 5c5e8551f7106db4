//! Measures a Rollout controller, any controller, by its command line, on a real API server: N Rollouts are created, then all
//! their images change at once.
//!
//! The same work as in the published figures of Argo's controller: one replica each, four steps (weight 50, pause of 5 s,
//! weight 100, pause of 5 s), so that no controller can need less than ten seconds. Requests come from the API server's audit
//! log. Use `bench/controller`, which brings the API server.

mod audit;
mod load;
mod process;
mod steps;

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

use crate::load::Case;

/// Measures a Rollout controller on a real API server.
#[derive(Debug, Parser)]
struct Arguments {
    /// The controller's command line; it gets `KUBECONFIG` and runs in the foreground.
    #[arg(long)]
    command: String,
    /// The folder of a plane that e2e/kube/up.sh has started with AUDIT=1.
    #[arg(long)]
    plane: PathBuf,
    /// `basic:100`, `nginx:500`: how traffic is shifted, and how many Rollouts.
    #[arg(default_values = ["basic:1", "basic:100", "basic:500"])]
    cases: Vec<Case>,
    /// Print one JSON line for each case instead of a table.
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let bench = load::Bench::open(arguments.command, arguments.plane).await?;
    for case in arguments.cases {
        let result = bench.run(case).await?;
        if arguments.json { println!("{result}") } else { print!("{}", load::table(case, &result)) }
    }
    Ok(())
}
