//! `verdict-study`: plays the worlds, and prints what came of them.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Parser, Subcommand};
use regex::Regex;
use serin_verdict_study::catalogue::{Section, World, worlds};
use serin_verdict_study::study::{self, Plan, Set};
use serin_verdict_study::{compare, picture, table};

/// How often the gate is wrong, and how soon it is right, in simulated worlds
///
/// Without a command it plays every world that is not in the folder yet.
#[derive(Parser)]
#[command(name = "verdict-study", args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: Run,
}

#[derive(Subcommand)]
enum Command {
    /// Print the page: every world, and where a promise does not hold
    Table(Folder),
    /// Print the picture of false FAIL and wrongful PASS, as SVG
    Picture(Folder),
    /// Print the rows of two folders side by side
    Compare {
        /// Before
        a: PathBuf,
        /// After
        b: PathBuf,
    },
    /// Play the planner's cases and print the times to a verdict
    Planner(Run),
    /// Print the names of the worlds
    List,
}

#[derive(Args)]
struct Folder {
    /// The folder of the results
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

#[derive(Args)]
struct Run {
    /// Rollouts of each cell
    #[arg(long, default_value_t = 2000)]
    runs: u64,
    /// Worlds whose name this matches; the planner's only when it begins with `plan`
    #[arg(long, value_name = "REGEX")]
    worlds: Option<Regex>,
    /// Ratios in place of each world's own
    #[arg(long, value_delimiter = ',')]
    ratios: Vec<f64>,
    /// Threads; the results do not depend on them [default: as many as processors]
    #[arg(long)]
    threads: Option<usize>,
    /// The seed of the study
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A number of the gate's policy in every world: tolerated, margin, floor, alpha, beta, minimum (minutes), exposure
    #[arg(long, value_name = "NAME=NUMBER")]
    set: Vec<Set>,
    /// The folder of the results; what is in it is not played again
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    match cli.command {
        None => {
            run(&cli.run, |world| world.section != Section::Planner)?;
        }
        Some(Command::Table(folder)) => print!("{}", table::page(&there(&folder)?)),
        Some(Command::Picture(folder)) => print!("{}", picture::svg(&there(&folder)?)),
        Some(Command::Compare { a, b }) => {
            print!("{}", compare::page(&there(&Folder { out: a })?, &there(&Folder { out: b })?));
        }
        Some(Command::Planner(arguments)) => {
            let folder = run(&arguments, |world| world.section == Section::Planner)?;
            print!("{}", table::planner(&there(&Folder { out: folder })?));
        }
        Some(Command::List) => worlds().iter().for_each(|world| println!("{}", world.name)),
    }
    Ok(())
}

fn there(folder: &Folder) -> Result<table::Cells> {
    let cells = study::read(&folder.out)?;
    if cells.is_empty() {
        bail!("{}: no results; `verdict-study --out {0}` plays the worlds", folder.out.display());
    }
    Ok(study::latest(cells))
}

fn run(arguments: &Run, is_meant: impl Fn(&World) -> bool) -> Result<PathBuf> {
    let folder = arguments.out.clone().context("--out DIR is missing: where the results go")?;
    if arguments.runs == 0 {
        bail!("--runs 0: at least one rollout of each cell");
    }
    if let Some(ratio) = arguments.ratios.iter().find(|ratio| !(**ratio > 0.0 && ratio.is_finite())) {
        bail!("--ratios {ratio}: numbers above 0, such as 1,2,5");
    }
    let matches = |world: &World| arguments.worlds.as_ref().is_none_or(|regex| regex.is_match(world.name));
    let chosen = worlds().into_iter().filter(|world| is_meant(world) && matches(world));
    let cells: Vec<(World, f64)> = chosen
        .flat_map(|world| {
            let own =
                if arguments.ratios.is_empty() { world.ratios.to_vec() } else { arguments.ratios.clone() };
            own.into_iter().map(move |ratio| (world, ratio))
        })
        .collect();
    if cells.is_empty() {
        bail!("no world has such a name; `verdict-study list` prints them");
    }
    let threads =
        arguments.threads.or_else(|| Some(std::thread::available_parallelism().ok()?.get())).unwrap_or(1);
    let plan =
        Plan { cells, runs: arguments.runs, seed: arguments.seed, threads, set: arguments.set.clone() };
    plan.run(&folder)?;
    Ok(folder)
}
