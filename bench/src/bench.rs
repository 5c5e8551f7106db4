//! The frame of every measurement: an API server, the controller on it, and what it has sent.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures::StreamExt;
use kube::Client;
use serde_json::{Value, json};
use serin_e2e::cluster::{create, delete, get};
use serin_e2e::target::{Nodes, client, install_definitions};
use tokio::time::sleep;

use crate::audit::AuditLog;
use crate::case::{Case, Mode};
use crate::process::Process;
use crate::{canaries, rollouts};

/// Requests that we send side by side: enough to be done long before the first pause ends.
const SIDE_BY_SIDE: usize = 16;
/// How long a controller gets to be ready before it is measured.
const WARM_UP: Duration = Duration::from_secs(6);
/// How long one look for quiet takes.
const QUIET: Duration = Duration::from_secs(5);
/// Fewer requests than this in [`QUIET`] are no work any more.
const QUIET_REQUESTS: u64 = 3;
/// How long a namespace may take to be gone, and between two looks whether it is.
const REMOVAL: Duration = Duration::from_mins(3);
const LOOK: Duration = Duration::from_millis(500);

/// How a wait for quiet ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drained {
    /// How long the controller still had something to send, in seconds.
    pub(crate) seconds: f64,
    /// Whether it came to rest; a controller that polls never does.
    pub(crate) quiet: bool,
}

/// An API server, and the controller to be measured on it.
pub(crate) struct Bench {
    pub(crate) client: Client,
    pub(crate) audit: AuditLog,
    /// Whether the API server has no controllers beside it.
    pub(crate) bare: bool,
    command: String,
    plane: PathBuf,
    _nodes: Option<Nodes>,
}

impl Bench {
    /// Connects, brings the definitions and the nodes.
    pub(crate) async fn open(command: String, plane: PathBuf, bare: bool) -> Result<Self> {
        let client = client(&plane.join("kubeconfig")).await?;
        install_definitions(&client).await?;
        let nodes = if bare { None } else { Some(Nodes::start(client.clone()).await?) };
        let audit = AuditLog::of(&plane);
        audit.end()?;
        Ok(Self { client, audit, bare, command, plane, _nodes: nodes })
    }

    /// One measurement, as a JSON object.
    pub(crate) async fn run(&self, case: Case) -> Result<Value> {
        let namespace = format!("bench-{}-{}", case.word(), case.count);
        create(&self.client, "/api/v1/namespaces", &json!({"metadata": {"name": namespace}})).await?;
        let log = self.plane.join(format!("{namespace}.log"));
        if matches!(case.mode, Mode::Canaries { .. }) {
            canaries::install(&self.client).await?;
        }
        let process = Process::start(&self.command, &self.plane.join("controller.kubeconfig"), &log)?;
        sleep(WARM_UP).await;
        let result = match case.mode {
            Mode::Rollouts { nginx } => {
                rollouts::measure(self, (nginx, case.count), &namespace, &process).await
            }
            Mode::Canaries { istio, interval } => {
                canaries::measure(self, (istio, interval, case.count), &namespace, &process).await
            }
        };
        process.stop().await?;
        // Nobody would remove what is in it.
        if !self.bare {
            self.remove(&namespace).await?;
        }
        result.with_context(|| format!("the controller's output is in {}", log.display()))
    }

    /// Sends one request, or a few, for each object.
    pub(crate) async fn each<F: Future<Output = Result<()>>>(
        &self,
        count: usize,
        work: impl Fn(usize) -> F,
    ) -> Result<()> {
        let mut done = futures::stream::iter((0..count).map(work)).buffer_unordered(SIDE_BY_SIDE);
        while let Some(result) = done.next().await {
            result?;
        }
        Ok(())
    }

    /// Waits until the controller has sent nothing for so many looks of [`QUIET`], or the patience is over.
    pub(crate) async fn drained(&self, looks: u32, patience: Duration) -> Result<Drained> {
        let begun = Instant::now();
        let mut quiet = 0;
        while quiet < looks && begun.elapsed() < patience {
            let from = self.audit.end()?;
            sleep(QUIET).await;
            let sent = self.audit.between(from, self.audit.end()?)?;
            quiet = if sent.total() - sent.upkeep() < QUIET_REQUESTS { quiet + 1 } else { 0 };
        }
        let seconds = begun.elapsed().saturating_sub(QUIET * quiet).as_secs_f64();
        Ok(Drained { seconds, quiet: quiet == looks })
    }

    async fn remove(&self, namespace: &str) -> Result<()> {
        let path = format!("/api/v1/namespaces/{namespace}");
        delete(&self.client, &path).await?;
        let begun = Instant::now();
        while begun.elapsed() < REMOVAL {
            if get(&self.client, &path).await.is_err() {
                return Ok(());
            }
            sleep(LOOK).await;
        }
        bail!("{namespace} is not gone {REMOVAL:?} after it was deleted")
    }
}

/// A figure with two places.
pub(crate) fn round(value: f64) -> Value {
    json!((value * 100.0).round() / 100.0)
}

/// A result for people: a line for each label, with what the pointer leads to.
pub(crate) fn lines(title: &str, labels: &[(&str, &str)], result: &Value) -> String {
    let line = |(label, pointer): &(&str, &str)| {
        format!("  {label:<44} {}\n", result.pointer(pointer).unwrap_or(&Value::Null))
    };
    format!("{title}\n") + &labels.iter().map(line).collect::<String>()
}
