//! Measures a controller, any controller, by its command line, on a real API server: N Rollouts or Canaries are created, then
//! all their images change at once.
//!
//! The same work as in the published figures of Argo's controller and of Flagger. Rollouts have one replica each and four steps
//! (weight 50, pause of 5 s, weight 100, pause of 5 s), so that no controller can need less than ten seconds. Canaries go to
//! weight 50 and 100 with two metrics, so that no controller can need less than five intervals. Requests come from the API
//! server's audit log. Use `bench/controller`, which brings the API server.

mod audit;
mod bench;
mod canaries;
mod case;
mod process;
mod rollouts;
mod steps;
mod watch;

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

use crate::case::{Case, Mode};

/// Measures a controller of Rollouts or Canaries on a real API server.
#[derive(Debug, Parser)]
struct Arguments {
    /// The controller's command line; it gets `KUBECONFIG` and runs in the foreground.
    #[arg(long)]
    command: String,
    /// The folder of a plane that e2e/kube/up.sh has started with AUDIT=1.
    #[arg(long)]
    plane: PathBuf,
    /// `basic:100`, `nginx:500`, `istio:300:10s`, `kubernetes:100`: how traffic is shifted, how many, and for Canaries the interval.
    #[arg(default_values = ["basic:1", "basic:100", "basic:500"])]
    cases: Vec<Case>,
    /// The API server is alone (BARE=1): Deployments are ready at once, without pods. For Canaries.
    #[arg(long)]
    bare: bool,
    /// Print one JSON line for each case instead of a table.
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let bench = bench::Bench::open(arguments.command, arguments.plane, arguments.bare).await?;
    for case in arguments.cases {
        let result = bench.run(case).await?;
        let table = match case.mode {
            Mode::Rollouts { .. } => rollouts::table,
            Mode::Canaries { .. } => canaries::table,
        };
        if arguments.json { println!("{result}") } else { print!("{}", table(&result)) }
    }
    Ok(())
}
