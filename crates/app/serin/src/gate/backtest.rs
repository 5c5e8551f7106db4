//! `serin gate backtest`: what the gate would have said of the past.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail, ensure};
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serin_gate::backtest::whole::{self, Backtest, Promise, Trial};
use serin_gate::backtest::{Outcome, Past, Release, Slice, Tally, judge_release, judge_slice, slices};
use serin_gate::config::Config;
use serin_gate::policy::Policy;
use serin_gate::{Block, Shelf};
use serin_report::backtest::{Form, page};

use super::amounts::{self, List, Window};
use super::args::{ConfigArgs, SourceArgs};
use super::plan::Output;
use super::{blocks, parallel, show};

/// The exit code when more of the stable version's own pods fail than alpha allows.
const BROKEN: u8 = 1;
/// The past that is read where none is named.
const LAST: u32 = 86_400;
/// How long a judgement is where nothing is said, at the most.
const HORIZON: u32 = 3600;
const DATA: &str = "The past";

/// Try a gate.yaml on the past: how often it rolls back what is good, what it finds, and how soon
///
/// Pods of the stable version play the canary against the others: there is no defect, so every FAIL is a false alarm. Then the
/// same with a defect put into their counts, and releases that did happen.
#[derive(Args)]
#[command(after_long_help = HELP, group = super::args::one_source())]
pub(super) struct BacktestArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    source: SourceArgs,
    /// Counts in a file in place of a Prometheus: CSV or lines of JSON; - is standard input
    #[arg(long, value_name = "FILE", help_heading = DATA)]
    counts: Option<PathBuf>,
    /// The latest past, as 7d: until now, or until the end of the file [default: 1d, or all of the file]
    #[arg(long, value_name = "TIME", value_parser = amounts::seconds, conflicts_with = "from", help_heading = DATA)]
    last: Option<u32>,
    /// The past from this time on, as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", help_heading = DATA)]
    from: Option<Timestamp>,
    /// … until this one [default: now, or the end of the file]
    #[arg(long, value_name = "TIME", requires = "from", help_heading = DATA)]
    to: Option<Timestamp>,
    /// Stable pods that play the canary in each judgement [default: as many as the weight of the last step gives, half of all
    /// at the most]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    canary_pods: Option<u32>,
    /// How long a judgement is at the most [default: 1h, or the deadline of gate.yaml when that is shorter]
    #[arg(long, value_name = "TIME", value_parser = amounts::seconds)]
    horizon: Option<u32>,
    /// The time from one judgement to the next [default: the horizon, so that none shares counts with another]
    #[arg(long, value_name = "TIME", value_parser = amounts::seconds)]
    every: Option<u32>,
    /// How many times worse the defects are that are put in
    #[arg(long, value_name = "RATIO,…", value_parser = amounts::ratios, default_value = "1.5,2,5")]
    inject: List,
    /// A release that happened, START..END or START..END@INCIDENT; again for more
    #[arg(long, value_name = "RELEASE", value_parser = amounts::window)]
    release: Vec<Window>,
    /// What to print
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Output,
}

const HELP: &str = "From Prometheus, with a release of which it is known when it went wrong:
  $ serin gate backtest --config gate.yaml --prometheus http://localhost:9090 --last 7d \\
      --release 2026-01-31T12:00:00Z..2026-01-31T13:00:00Z@2026-01-31T12:10:00Z

From a file of counts, a row for each block of 15 seconds, metric and pod:
  $ head -3 counts.csv
  time,metric,arm,pod,events,exposure
  2026-01-31T00:00:00Z,errors,stable,shop-1,0,300
  2026-01-31T00:00:00Z,errors,stable,shop-2,1,287
  $ serin gate backtest --config gate.yaml --counts counts.csv

Of Prometheus every sample of the past is asked for, an hour at a time; what cannot be had is tried again for two minutes, and
then ends the backtest. A judgement needs the `history` of gate.yaml before it.

Exit codes: 0 done, 1 more false alarms than alpha allows, beyond doubt, 2 it could not be done.";

pub(super) async fn run(args: &BacktestArgs) -> Result<ExitCode> {
    let mut config = tokio::task::block_in_place(|| args.config.read_single("backtest"))?;
    let source = tokio::task::block_in_place(|| args.source.connect())?;
    let past = match (&source, &args.counts) {
        (Some(source), _) => {
            let (from, until) = args.window(&config);
            blocks::fetch(&mut config, source, from, until).await?
        }
        (None, Some(path)) => {
            let mut past = tokio::task::block_in_place(|| blocks::read(&mut config, path))?;
            args.cut(&mut past);
            past
        }
        (None, None) => bail!("give --prometheus URL or --counts FILE"),
    };
    let found = tokio::task::block_in_place(|| args.judge(&config, &past))?;
    let text = match args.output {
        Output::Json => serde_json::to_string_pretty(&found)? + "\n",
        Output::Text => page(&found, Form::Text),
        Output::Markdown => page(&found, Form::Markdown),
    };
    show::print(text.as_bytes())?;
    let is_broken = found.promise() == Promise::Broken;
    Ok(if is_broken { BROKEN.into() } else { ExitCode::SUCCESS })
}

impl BacktestArgs {
    fn window(&self, config: &Config) -> (Timestamp, Timestamp) {
        let known = config.queries.lag + config.queries.maturity();
        let until = self.to.unwrap_or_else(|| Timestamp::now() - SignedDuration::from_secs(known.into()));
        let from =
            self.from.unwrap_or_else(|| until - SignedDuration::from_secs(self.last.unwrap_or(LAST).into()));
        (from, until)
    }

    /// Leaves what is asked for of a file.
    fn cut(&self, past: &mut blocks::Blocks) {
        let end = past.blocks.last().map(|block| block.start.timestamp());
        let latest = self.last.and_then(|last| Some(end? - SignedDuration::from_secs(last.into())));
        // The end is one block after the start of the last one, so the block that is `last` before that start is left out.
        past.blocks.retain(|block| {
            let start = block.start.timestamp();
            latest.is_none_or(|latest| latest < start)
                && self.from.is_none_or(|from| from <= start)
                && self.to.is_none_or(|to| start < to)
        });
    }

    fn judge(&self, config: &Config, read: &blocks::Blocks) -> Result<Backtest> {
        let block = config.policy.block;
        let of = |seconds: u32| (seconds / block).max(1) as usize;
        let horizon = of(self.horizon.unwrap_or(config.policy.deadline.min(HORIZON)));
        let minimum: u32 = config.policy.steps.last().map_or(0, |step| step.minimum);
        ensure!(
            of(minimum) <= horizon,
            "a judgement of {}s is shorter than the least time of the last step ({minimum}s), so nothing could PASS: give a longer \
             --horizon",
            horizon * block as usize
        );
        // Stable pods have no steps: they are judged as at the last one, which decides.
        let policy = last_step(&config.policy);
        let past = Past {
            blocks: &read.blocks,
            roster: &read.roster,
            policy: &policy,
            history: of(config.queries.history),
            horizon,
        };
        let (Some(first), Some(last)) = (read.blocks.first(), read.blocks.last()) else {
            bail!(
                "there is no whole block of {block}s in the past that is asked for: look at --last, --from and --to"
            );
        };
        let stable_pods = whole::stable_pods(&past);
        let canary_pods =
            self.canary_pods.map_or_else(|| playing(&policy, stable_pods), |pods| pods as usize);
        let stride = self.every.map_or(horizon, of);
        let slices = slices(&past, canary_pods, stride);
        if slices.is_empty() && self.release.is_empty() {
            bail!("{}", unable(&past, stable_pods, canary_pods));
        }
        let mut factors = vec![1.0];
        factors.extend(&self.inject.0);
        let mut trials = trials(&past, &slices, &factors)?.into_iter();
        let found = Backtest {
            from: first.start,
            until: last.start.plus(std::time::Duration::from_secs(block.into())),
            block,
            blocks: read.blocks.len(),
            troubled: whole::troubled(&past),
            stable_pods,
            canary_pods,
            horizon,
            stride,
            alpha: policy.alpha,
            same: trials.next().unwrap_or_else(|| Trial::of(1.0, Tally::default())),
            worse: trials.collect(),
            releases: self.releases(&past, &config.policy)?,
        };
        Ok(found)
    }

    /// Releases are judged with the steps of gate.yaml where the data say at which step they were.
    fn releases(&self, past: &Past, whole: &Policy) -> Result<Vec<whole::Past>> {
        let place = |at: Timestamp| past.blocks.partition_point(|block: &Block| block.start.timestamp() < at);
        let mut judged = Vec::new();
        for window in &self.release {
            let (from, until) = (place(window.from), place(window.until));
            ensure!(
                from < until,
                "--release {}..{} lies outside of the past that was read: give --from and --to around it, with {:#} more before it",
                window.from,
                window.until,
                SignedDuration::from_secs((past.history * past.policy.block as usize) as i64)
            );
            let has_steps = past.blocks[from..until].iter().any(|block| 0 < block.step);
            let past = Past { policy: if has_steps { whole } else { past.policy }, ..past.clone() };
            let release = Release { from, until, incident: window.incident.map(Into::into) };
            judged.push(whole::Past {
                from: window.from.into(),
                until: window.until.into(),
                incident: release.incident,
                judged: judge_release(&past, &release, &mut Shelf::default())?,
            });
        }
        Ok(judged)
    }
}

/// Every slice with every factor, on all cores.
fn trials(past: &Past, slices: &[Slice], factors: &[f64]) -> Result<Vec<Trial>> {
    let works: Vec<(f64, &Slice)> =
        factors.iter().flat_map(|factor| slices.iter().map(|slice| (*factor, slice))).collect();
    let judged = parallel::map(&works, "judgements", Shelf::default, |(factor, slice), priors| {
        judge_slice(past, slice, *factor, priors)
    });
    let outcomes = judged.into_iter().collect::<Result<Vec<Outcome>, _>>()?;
    let tally = |(place, factor): (usize, &f64)| {
        let of = &outcomes[place * slices.len()..(place + 1) * slices.len()];
        Trial::of(*factor, Tally::of(of))
    };
    Ok(factors.iter().enumerate().map(tally).collect())
}

fn last_step(policy: &Policy) -> Policy {
    let last = policy.steps.last().cloned();
    Policy { steps: last.into_iter().collect(), ..policy.clone() }
}

/// As many pods as the last weight gives.
fn playing(policy: &Policy, stable_pods: usize) -> usize {
    let weight = policy.steps.last().map_or(0.1, |step| f64::from(step.weight) / 10_000.0);
    ((weight * stable_pods as f64 - 1e-9).ceil() as usize).clamp(1, (stable_pods / 2).max(1))
}

/// Why there is no judgement.
fn unable(past: &Past, stable_pods: usize, canary_pods: usize) -> String {
    let seconds = |blocks: usize| SignedDuration::from_secs((blocks * past.policy.block as usize) as i64);
    let need = past.history + past.horizon;
    if past.blocks.len() < need {
        return format!(
            "the past has {:#}, and one judgement needs {:#} (history {:#} and horizon {:#}): read more of it, or give a shorter \
             --horizon or `history` in gate.yaml",
            seconds(past.blocks.len()),
            seconds(need),
            seconds(past.history),
            seconds(past.horizon)
        );
    }
    format!(
        "{canary_pods} of the stable pods must play the canary and at least one more be there, throughout {:#}: of {stable_pods} \
         pods in this past too few stayed that long; give fewer --canary-pods, a shorter --horizon or a shorter `history`",
        seconds(need)
    )
}
