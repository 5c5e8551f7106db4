//! The one binary: arguments, wiring, terminal output. What thinks lives in the crates below.

// They panic when nobody reads: `out` is the way to the terminal.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod canary;
mod controller;
mod crds;
mod demo;
mod flagger;
mod gate;
mod interrupt;
mod judge;
mod loadtester;
mod out;
mod plugin;
mod progress;
mod rollouts;
mod shift;

use std::{ffi::OsString, path::Path, process::ExitCode};

use clap::{Parser, Subcommand};

/// A controller's work is many small trees of JSON, made and dropped on several threads: with glibc's allocator they cost twice
/// the processor time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Brings a new version of a service to its users step by step on Kubernetes, and takes it back when it is bad
#[derive(Parser)]
#[command(name = "serin", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Controller(Box<controller::ControllerArgs>),
    Flagger(Box<flagger::FlaggerArgs>),
    Demo(demo::DemoArgs),
    Shift(Box<shift::ShiftArgs>),
    Judge(Box<judge::JudgeArgs>),
    Verify(gate::VerifyArgs),
    Explain(gate::ExplainArgs),
    Gate(gate::GateArgs),
    Loadtester(Box<loadtester::LoadtesterArgs>),
    Crds(crds::CrdsArgs),
    /// The verbs of `kubectl argo rollouts`, where there is no kubectl
    #[command(disable_help_flag = true)]
    Rollouts {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
        arguments: Vec<OsString>,
    },
    /// See and steer the Canaries of a cluster
    #[command(disable_help_flag = true)]
    Canary {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
        arguments: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    // There is one TLS provider, and it must be there before the first connection.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        out::complain("Error: another TLS provider was installed first");
        return ExitCode::FAILURE;
    }
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(dispatch()),
        Err(error) => {
            out::complain(format_args!("Error: starting the runtime: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn dispatch() -> ExitCode {
    let mut words = std::env::args_os();
    let called_as = words.next().unwrap_or_default();
    let called_as = Path::new(&called_as).file_stem().unwrap_or_default();
    if called_as == rollouts::PLUGIN.name {
        return rollouts::run(rollouts::PLUGIN.name, words).await;
    }
    if called_as == canary::PLUGIN.name {
        return canary::run(canary::PLUGIN.name, words).await;
    }
    let mut words: Vec<OsString> = std::env::args_os().collect();
    if words.get(1).is_some_and(|word| word == "flagger" || word == "loadtester") {
        words = flagger::with_two_hyphens(words.into_iter()).collect();
    }
    let cli = match Cli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(error) => return judge::refuse(&error).unwrap_or_else(|| error.exit()),
    };
    let done = match cli.command {
        Command::Rollouts { arguments } => return rollouts::run("serin rollouts", arguments).await,
        Command::Canary { arguments } => return canary::run("serin canary", arguments).await,
        Command::Controller(arguments) => controller::run(&arguments).await,
        Command::Flagger(arguments) => flagger::run(&arguments).await,
        Command::Demo(arguments) => demo::run(&arguments).await,
        Command::Shift(arguments) => shift::run(&arguments).await,
        Command::Loadtester(arguments) => loadtester::run(&arguments).await,
        Command::Judge(arguments) => return judge::run(&arguments).await,
        Command::Gate(arguments) => return gate::run(&arguments).await,
        Command::Verify(arguments) => return gate::check(&arguments),
        Command::Explain(arguments) => return gate::explain(&arguments),
        Command::Crds(arguments) => crds::print(&arguments),
    };
    out::ended(done)
}
