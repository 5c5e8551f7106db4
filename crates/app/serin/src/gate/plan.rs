//! `serin gate plan`: how long a verdict will take, and with which weight and pods it comes in time.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use serin_gate::config::{Config, Exposure, Selector, Source};
use serin_gate::plan::{Ask, Given, Plan, Stage, Subject, Survey, bars, planned, survey};
use serin_gate::policy::{Class, Kind, Metric, Policy, Step};
use serin_report::plan::{Form, page};

use super::amounts::{self, List, Schedule};
use super::args::{ConfigArgs, SourceArgs};
use super::{blocks, parallel, show};

const RATES: &str = "Rates, where nothing is measured";
const MARGINS: &str = "Margins, in place of those of gate.yaml";
const QUESTIONS: &str = "What to find out";

/// Say how long PASS and FAIL will take at each weight, what that costs, and which weight and pods are enough
///
/// From rates that you know, or from the stable version's past in Prometheus or in a file of counts.
#[derive(Args)]
#[command(after_long_help = HELP)]
pub(super) struct PlanArgs {
    /// What is promised and asked for (gate.yaml); - is standard input
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The labels of the stable version, in place of arms.stable; more of them with commas between
    #[arg(long, value_name = "LABEL=VALUE", value_parser = Selector::parse, requires = "config")]
    baseline: Option<Selector>,
    /// The labels of the canary, in place of arms.canary
    #[arg(long, value_name = "LABEL=VALUE", value_parser = Selector::parse, requires = "config")]
    canary: Option<Selector>,
    /// Plan for this metric alone
    #[arg(long, value_name = "NAME", requires = "config")]
    metric: Option<String>,
    #[command(flatten)]
    source: SourceArgs,
    /// Counts of the stable version's past in a file, in place of a Prometheus: CSV or lines of JSON; - is standard input
    #[arg(long, value_name = "FILE", requires = "config", conflicts_with = "prometheus")]
    counts: Option<PathBuf>,
    #[command(flatten)]
    rates: RateArgs,
    #[command(flatten)]
    margins: MarginArgs,
    #[command(flatten)]
    asks: AskArgs,
    /// What to print
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Output,
}

#[derive(Args)]
#[command(next_help_heading = RATES)]
struct RateArgs {
    /// Requests per minute of the whole service
    #[arg(long, value_name = "N", value_parser = amounts::positive, requires = "event_rate", conflicts_with_all = ["prometheus", "counts"])]
    requests_per_minute: Option<f64>,
    /// The share of them that are events (errors) while all is well: 0.003 or 0.3%
    #[arg(long, value_name = "SHARE", value_parser = amounts::share, requires = "requests_per_minute")]
    event_rate: Option<f64>,
    /// How bursty events are: 1 when each comes by itself, 5 when they come in clumps of about three [default: 1.5]
    #[arg(long, value_name = "PHI", value_parser = amounts::at_least_one, requires = "requests_per_minute")]
    phi: Option<f64>,
    /// How much the rates of equal pods differ (coefficient of variation): 0.15 or 15% [default: 15%, and what is not known]
    #[arg(long, value_name = "SHARE", value_parser = amounts::spread, requires = "requests_per_minute")]
    pod_spread: Option<f64>,
    /// Pods of the stable version [default: 10]
    #[arg(long, value_name = "N", value_parser = amounts::at_least_one, requires = "requests_per_minute")]
    stable_pods: Option<f64>,
    /// Metrics that may FAIL, this one included: they share alpha [default: 1]
    #[arg(long, value_name = "N", value_parser = amounts::at_least_one, requires = "requests_per_minute", conflicts_with = "config")]
    metric_count: Option<f64>,
}

#[derive(Args)]
#[command(next_help_heading = MARGINS)]
struct MarginArgs {
    /// Up to this ratio of canary to stable a release is good [default: 1.0]
    #[arg(long, value_name = "RATIO", value_parser = amounts::at_least_one)]
    tolerated: Option<f64>,
    /// From this ratio on it must not PASS [default: 2]
    #[arg(long, value_name = "RATIO", value_parser = amounts::at_least_one)]
    margin: Option<f64>,
    /// The share of requests below which nobody acts; 0 for none [default: 0.001]
    #[arg(long, value_name = "SHARE", value_parser = amounts::share_or_none)]
    floor: Option<f64>,
    /// The share of good releases that may be rolled back [default: 0.05]
    #[arg(long, value_name = "SHARE", value_parser = amounts::share)]
    alpha: Option<f64>,
    /// The share of releases at the margin that may PASS [default: 0.05]
    #[arg(long, value_name = "SHARE", value_parser = amounts::share)]
    beta: Option<f64>,
    /// The least time before PASS [default: 10m]
    #[arg(long, value_name = "TIME", value_parser = amounts::seconds)]
    minimum: Option<u32>,
}

#[derive(Args)]
#[command(next_help_heading = QUESTIONS)]
struct AskArgs {
    /// Weights of the canary in percent
    #[arg(long, value_name = "PERCENT,…", value_parser = amounts::weights, default_value = "5,10,25,50")]
    weights: List,
    /// How many times worse a bad release is
    #[arg(long, value_name = "RATIO,…", value_parser = amounts::ratios, default_value = "1.5,2,5")]
    ratios: List,
    /// Pods of the canary at every weight [default: as many as the weight gives, and one at the least]
    #[arg(long, value_name = "N", value_parser = amounts::at_least_one)]
    canary_pods: Option<f64>,
    /// The time in which PASS is wanted [default: 1h, or the deadline of gate.yaml]
    #[arg(long, value_name = "TIME", value_parser = amounts::seconds)]
    deadline: Option<u32>,
    /// Pods that the canary may have at the most, for the proposal [default: those of the stable version]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    most_pods: Option<u32>,
    /// Stages of a rollout with their times, as 5:10m,25:10m,50 [default: the steps of gate.yaml, when there are several]
    #[arg(long, value_name = "STAGES", value_parser = amounts::schedule)]
    schedule: Option<Schedule>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub(super) enum Output {
    /// Tables and a picture
    Text,
    /// One object
    Json,
    /// The same as a comment for a pull request
    Markdown,
}

const HELP: &str = "A plan from rates alone:
  $ serin gate plan --requests-per-minute 1200 --event-rate 0.3% --stable-pods 10

What a narrower margin costs, over the stages of a rollout:
  $ serin gate plan --requests-per-minute 1200 --event-rate 0.3% --margin 1.5 --schedule 5:10m,25:10m,50

From the stable version's past; rates, bursts and how pods differ are measured as the gate does:
  $ cat > gate.yaml <<'END'
  arms: {stable: {track: stable}, canary: {track: canary}}
  metrics:
  - name: errors
    events: http_requests_total{service=\"shop\",code=~\"5..\"}
    exposure: http_requests_total{service=\"shop\"}
  END
  $ serin gate plan --config gate.yaml --prometheus http://localhost:9090

Times are those of an average service with these rates: 15 % off is usual, below two minutes more.

Exit codes: 0 there is a plan, 2 there is none.";

pub(super) async fn run(args: &PlanArgs) -> Result<ExitCode> {
    let mut config = tokio::task::block_in_place(|| args.read())?;
    if let Some(config) = &mut config {
        args.margins.apply(&mut config.policy)?;
    }
    let (survey, policy) = match (&mut config, args.rates.given()) {
        (Some(config), None) => (args.measured(config).await?, config.policy.clone()),
        (config, Some(given)) => args.told(config.as_ref(), &given)?,
        (None, None) => bail!(
            "there is nothing to plan from: give --requests-per-minute and --event-rate, or --config with --prometheus or \
             --counts"
        ),
    };
    let ask = args.ask(&policy, &survey, config.is_some());
    let Survey { subjects, skipped } = survey;
    let plan = tokio::task::block_in_place(|| {
        let planned =
            parallel::map(&subjects, "metrics planned", || (), |subject, ()| planned(subject, &ask));
        Plan::of(planned, skipped, &ask)
    });
    let text = match args.output {
        Output::Json => serde_json::to_string_pretty(&plan)? + "\n",
        Output::Text => page(&plan, Form::Text),
        Output::Markdown => page(&plan, Form::Markdown),
    };
    show::print(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

impl RateArgs {
    fn given(&self) -> Option<Given> {
        Some(Given {
            requests_per_minute: self.requests_per_minute?,
            event_rate: self.event_rate?,
            phi: self.phi,
            pod_spread: self.pod_spread,
            stable_pods: self.stable_pods.unwrap_or(10.0),
        })
    }
}

impl MarginArgs {
    fn apply(&self, policy: &mut Policy) -> Result<()> {
        policy.alpha = self.alpha.unwrap_or(policy.alpha);
        policy.beta = self.beta.unwrap_or(policy.beta);
        if let (Some(minimum), Some(step)) = (self.minimum, policy.steps.last_mut()) {
            step.minimum = minimum;
        }
        for metric in &mut policy.metrics {
            metric.tolerated = self.tolerated.unwrap_or(metric.tolerated);
            metric.margin = self.margin.unwrap_or(metric.margin);
            metric.floor = self.floor.unwrap_or(metric.floor);
            let (name, tolerated, margin) = (&metric.name, metric.tolerated, metric.margin);
            if margin <= tolerated {
                bail!(
                    "metric {name:?}: the margin ({margin}) must be above what is tolerated ({tolerated}): give --margin {} or \
                       more, or a smaller --tolerated",
                    tolerated * 1.2
                );
            }
            if 16.0 < margin {
                bail!("metric {name:?}: the margin ({margin}) must be at most 16");
            }
        }
        for (flag, value) in [("--alpha", policy.alpha), ("--beta", policy.beta)] {
            if 0.5 <= value {
                bail!(
                    "{flag} {value} must be below 0.5: it is the probability of a wrong verdict, 0.05 by default"
                );
            }
        }
        Ok(())
    }
}

impl PlanArgs {
    fn read(&self) -> Result<Option<Config>> {
        let Some(path) = &self.config else { return Ok(None) };
        let (config, baseline, canary) = (path.clone(), self.baseline.clone(), self.canary.clone());
        ConfigArgs { config, baseline, canary }.read_single("plan").map(Some)
    }

    /// One metric of which only rates are known.
    fn told(&self, config: Option<&Config>, given: &Given) -> Result<(Survey, Policy)> {
        let mut policy = config.map_or_else(usual, |config| config.policy.clone());
        self.margins.apply(&mut policy)?;
        let metric = match (&self.metric, &policy.metrics[..]) {
            (None, [only]) => only,
            (None, _) => bail!("rates are those of one metric: name it with --metric ({})", names(&policy)),
            (Some(name), _) => named(&policy, name)?,
        };
        if matches!(metric.kind, Kind::Gauge { .. }) || metric.class == Class::Note {
            bail!(
                "metric {:?} is a gauge or a note: plans are made for counts that decide something",
                metric.name
            );
        }
        let (fail_bar, pass_bar) = bars(&policy, metric);
        let shared = self.rates.metric_count.unwrap_or(1.0).ln();
        let (name, metric, service) = (metric.name.clone(), metric.clone(), given.service());
        let subject = Subject { name, metric, service, fail_bar: fail_bar + shared, pass_bar };
        Ok((Survey { subjects: vec![subject], skipped: Vec::new() }, policy))
    }

    /// All metrics, from the stable version's past.
    async fn measured(&self, config: &mut Config) -> Result<Survey> {
        let source = tokio::task::block_in_place(|| self.source.connect())?;
        let past = match (&source, &self.counts) {
            (Some(source), _) => {
                let known = config.queries.lag + config.queries.maturity();
                let until = Timestamp::now() - SignedDuration::from_secs(known.into());
                let from = until - SignedDuration::from_secs(config.queries.history.into());
                blocks::fetch(config, source, from, until).await?
            }
            (None, Some(path)) => tokio::task::block_in_place(|| blocks::read(config, path))?,
            (None, None) => bail!(
                "gate.yaml says what is counted, and not how often: give --prometheus URL, --counts FILE, or \
                 --requests-per-minute and --event-rate"
            ),
        };
        let most = (config.queries.history / config.policy.block) as usize;
        let latest = &past.blocks[past.blocks.len().saturating_sub(most)..];
        let is_per_pod = |place: usize| {
            let query = config.queries.metrics.get(place).map(|query| &query.source);
            matches!(query, Some(Source::Count { exposure: Some(Exposure::PodTime), .. }))
        };
        let mut survey = survey(&config.policy, &past.roster, latest, is_per_pod).context("gate.yaml")?;
        if let Some(name) = &self.metric {
            named(&config.policy, name)?;
            survey.subjects.retain(|subject| subject.metric.name == *name);
            survey.skipped.retain(|skipped| skipped.name == *name);
        }
        if survey.subjects.is_empty() {
            let why: Vec<String> =
                survey.skipped.iter().map(|skipped| format!("{} {}", skipped.name, skipped.why)).collect();
            bail!("there is no metric to plan for: {}", why.join("; "));
        }
        Ok(survey)
    }

    fn ask(&self, policy: &Policy, survey: &Survey, has_config: bool) -> Ask {
        let minutes = |seconds: u32| f64::from(seconds) / 60.0;
        let steps = || {
            let last = policy.steps.len() - 1;
            let stage = |(place, step): (usize, &Step)| Stage {
                weight: f64::from(step.weight) / 10_000.0,
                minutes: if place == last { f64::INFINITY } else { minutes(step.minimum) },
            };
            policy.steps.iter().enumerate().map(stage).collect()
        };
        let asks = &self.asks;
        let schedule = match &asks.schedule {
            Some(Schedule(stages)) => stages.clone(),
            None if 1 < policy.steps.len() => steps(),
            None => Vec::new(),
        };
        let deadline = asks.deadline.unwrap_or(if has_config { policy.deadline } else { 3600 });
        let stable = survey.subjects.iter().map(|subject| subject.service.stable_pods).fold(1.0, f64::max);
        Ask {
            weights: asks.weights.0.clone(),
            ratios: asks.ratios.0.clone(),
            canary_pods: asks.canary_pods,
            block: minutes(policy.block),
            minimum: policy.steps.last().map_or(0.0, |step| minutes(step.minimum)),
            deadline: minutes(deadline),
            most_pods: asks.most_pods.unwrap_or(stable.ceil() as u32),
            schedule,
        }
    }
}

/// Errors among requests with the defaults of gate.yaml.
fn usual() -> Policy {
    let errors = Metric {
        name: "errors".to_owned(),
        class: Class::Guard,
        kind: Kind::Count,
        tolerated: 1.0,
        margin: 2.0,
        floor: 0.001,
        weight: 1.0,
        down_is_bad: false,
        is_share: true,
    };
    Policy {
        block: 15,
        alpha: 0.05,
        beta: 0.05,
        steps: vec![Step { weight: 1000, minimum: 600 }],
        deadline: 3600,
        minimum_exposure: 50,
        blackhole: 60,
        split: None,
        metrics: vec![errors],
    }
}

fn named<'a>(policy: &'a Policy, name: &str) -> Result<&'a Metric> {
    let found = policy.metrics.iter().find(|metric| metric.name == name);
    found.with_context(|| format!("--metric {name:?}: gate.yaml has {}", names(policy)))
}

fn names(policy: &Policy) -> String {
    policy.metrics.iter().map(|metric| metric.name.as_str()).collect::<Vec<_>>().join(", ")
}
