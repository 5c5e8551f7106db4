//! Runs scenarios side by side, each in a namespace of its own, and says what happened.

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures::StreamExt;
use kube::Client;

use crate::cluster::{CANARY, ROLLOUT};
use crate::controller::{Controller, tail};
use crate::scenarios::Scenario;
use crate::stage::{Beside, Stage};
use crate::target::{Kind, Target, install_canary_definitions};
use crate::{canaries, scenarios};

/// How long one scenario may take in all, its waits together.
const SCENARIO: Duration = Duration::from_mins(4);

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// On which cluster.
    pub target: Kind,
    /// Only scenarios whose name contains one of these, or whose number or kind is one of these; all when empty.
    pub only: Vec<String>,
    /// How many run at once.
    pub at_once: usize,
    /// Leave the namespaces of failed scenarios behind.
    pub keep: bool,
}

/// Every scenario; those of Canaries come first, because they wait longer.
fn all() -> impl Iterator<Item = Scenario> {
    canaries::ALL.iter().chain(scenarios::ALL).copied()
}

impl Plan {
    /// The scenarios that are wanted.
    #[must_use]
    pub fn chosen(&self) -> Vec<Scenario> {
        let wanted = |scenario: &Scenario| {
            let number = scenario.number.to_string();
            self.only.is_empty()
                || self.only.iter().any(|word| {
                    let kind = scenario.subject.name.to_lowercase();
                    *word == number || *word == kind || scenario.name.contains(word.as_str())
                })
        };
        all().filter(wanted).collect()
    }

    /// Runs them; the answer says whether all passed.
    pub async fn run(&self) -> Result<bool> {
        let chosen = self.chosen();
        if chosen.is_empty() {
            bail!("no scenario is called {:?}; the names are {:?}", self.only, all().collect::<Vec<_>>());
        }
        let folder = tempfile::Builder::new().prefix("serin-e2e").tempdir()?;
        let begun = Instant::now();
        let target = Target::start(self.target, folder.path()).await.context("starting the cluster")?;
        if chosen.iter().any(|scenario| scenario.subject == CANARY) {
            install_canary_definitions(&target.client).await?;
        }
        let mut controller = Controller::start(&target.kubeconfig, folder.path())?;
        let log = controller.log().to_owned();
        let beside = Beside {
            kubeconfig: target.user_kubeconfig.clone(),
            controller_kubeconfig: target.kubeconfig.clone(),
            folder: folder.path().to_owned(),
            metrics_port: controller.metrics_port,
        };
        let failed = self.run_all(&target.client, &beside, &chosen, &log).await;
        let alive = controller.is_running();
        if !alive {
            println!("the controller has ended by itself:\n{}", controller.tail(""));
        }
        let farewell = if alive { controller.stop().await } else { Ok(()) };
        if let Err(error) = &farewell {
            println!("{error:#}");
        }
        println!(
            "scenarios: {} passed, {failed} failed on {:?} in {:.0} s",
            chosen.len() - failed,
            self.target,
            begun.elapsed().as_secs_f64()
        );
        Ok(failed == 0 && alive && farewell.is_ok())
    }

    async fn run_all(&self, client: &Client, beside: &Beside, chosen: &[Scenario], log: &Path) -> usize {
        let runs = chosen.iter().map(|scenario| async move {
            let begun = Instant::now();
            let result = self.run_one(client, beside, *scenario, log).await;
            let took = begun.elapsed().as_secs_f64();
            match &result {
                Ok(()) => println!("ok      {scenario:?} ({took:.1} s)"),
                Err(error) => println!("FAILED  {scenario:?} ({took:.1} s)\n{error:#}"),
            }
            let _ = std::io::stdout().flush();
            result.is_ok()
        });
        let results: Vec<bool> = futures::stream::iter(runs).buffer_unordered(self.at_once).collect().await;
        results.iter().filter(|passed| !**passed).count()
    }

    async fn run_one(&self, client: &Client, beside: &Beside, scenario: Scenario, log: &Path) -> Result<()> {
        let stamp = jiff::Timestamp::now().as_millisecond() % 1_000_000;
        let dialect = if scenario.subject == ROLLOUT { "" } else { "canary-" };
        let namespace = format!("e2e-{dialect}{}-{}-{stamp}", scenario.number, scenario.name);
        let stage = Stage::open(client.clone(), &namespace).await?;
        let stage = stage.about(scenario.subject).beside(beside.clone());
        let result = match tokio::time::timeout(SCENARIO, (scenario.run)(&stage)).await {
            Ok(result) => result,
            Err(_) => Err(anyhow::anyhow!("not done within {} s", SCENARIO.as_secs())),
        };
        let result = result.map_err(|error| {
            anyhow::anyhow!("{error:#}\n{}\ncontroller:\n{}", stage.obituary(), tail(log, &namespace))
        });
        let result = result.and(stage.own.end().await);
        if result.is_ok() || !self.keep {
            stage.close().await?;
        }
        result
    }
}
