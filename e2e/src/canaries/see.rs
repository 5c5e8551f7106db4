//! What an author of Canaries sees.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};

use crate::cluster::{CANARY, DEPLOYMENT, Kind};
use crate::servers::Heard;
use crate::stage::{PATIENCE, Stage};
use crate::view::{NAME, View};

/// Between two looks at metrics: there is nothing to watch.
const AGAIN: Duration = Duration::from_millis(50);

impl View {
    /// The scenario's Canary.
    #[must_use]
    pub fn canary(&self) -> &Value {
        self.one(CANARY, NAME)
    }

    /// Its phase.
    #[must_use]
    pub fn canary_phase(&self) -> &str {
        self.canary()["status"]["phase"].as_str().unwrap_or_default()
    }

    /// `PHASE WEIGHT`, and iterations and failed checks when there are any: `Progressing 20 f1`.
    #[must_use]
    pub fn stands(&self) -> String {
        stands(self.canary())
    }

    /// The tag of a workload's image.
    #[must_use]
    pub fn tag(&self, kind: Kind, name: &str) -> &str {
        let image = &self.one(kind, name)["spec"]["template"]["spec"]["containers"][0]["image"];
        image.as_str().unwrap_or_default().rsplit(':').next().unwrap_or_default()
    }

    /// The replicas that a Deployment wants; -1 when it is not there.
    #[must_use]
    pub fn replicas(&self, name: &str) -> i64 {
        self.one(DEPLOYMENT, name)["spec"]["replicas"].as_i64().unwrap_or(-1)
    }
}

fn stands(canary: &Value) -> String {
    let status = &canary["status"];
    let count = |field: &str| status[field].as_i64().unwrap_or(0);
    let mut text = format!("{} {}", status["phase"].as_str().unwrap_or("-"), count("canaryWeight"));
    for (letter, field) in [('i', "iterations"), ('f', "failedChecks")] {
        if count(field) != 0 {
            let _ = write!(text, " {letter}{}", count(field));
        }
    }
    text
}

impl Stage {
    /// Everything that the Canary's status has said, in order.
    pub(super) fn course(&self) -> Vec<String> {
        let mut course: Vec<String> = self.mirror.past(CANARY, NAME).iter().map(|it| stands(it)).collect();
        course.dedup();
        course
    }

    /// Every state of an object, as a function shows it, in order and each once in a row.
    pub(super) fn past(&self, kind: Kind, name: &str, show: impl Fn(&Value) -> String) -> Vec<String> {
        let mut states: Vec<String> = self.mirror.past(kind, name).iter().map(|it| show(it)).collect();
        states.dedup();
        states
    }

    /// What came to a path, in order.
    pub(super) fn heard(&self, path: &str) -> Vec<Heard> {
        let all = self.servers().map(crate::servers::Servers::heard).unwrap_or_default();
        all.into_iter().filter(|heard| heard.path == path).collect()
    }

    /// The events that were told, in order: `Normal MESSAGE`.
    pub(super) fn events(&self) -> Vec<String> {
        let text = |heard: &Heard, field: &str| {
            heard.body["metadata"][field].as_str().unwrap_or_default().to_owned()
        };
        let heard = self.heard("event");
        heard.iter().map(|it| format!("{} {}", text(it, "eventType"), text(it, "eventMessage"))).collect()
    }

    /// Waits, without a look, until what the servers have heard is what is wanted: messages are sent beside a look, and may
    /// come after what it wrote.
    pub(super) async fn heard_until(&self, what: &str, state: impl Fn() -> bool) -> Result<()> {
        let mut heard = self.servers()?.changes();
        let bound = Instant::now() + PATIENCE;
        loop {
            heard.mark_unchanged();
            if state() {
                return Ok(());
            }
            if timeout_at(bound, heard.changed()).await.is_err() {
                bail!("not heard within {} s: {what}; told were {:#?}", PATIENCE.as_secs(), self.events());
            }
        }
    }

    /// Waits until its controller's metrics have these lines: it counts when all is written, a moment after that is seen.
    pub(super) async fn measures(&self, lines: &[String]) -> Result<()> {
        let bound = Instant::now() + PATIENCE;
        loop {
            let metrics = self.metrics().await?;
            let is_missing = |line: &&String| !metrics.lines().any(|it| it == *line);
            let Some(line) = lines.iter().find(is_missing) else { return Ok(()) };
            ensure!(Instant::now() < bound, "no {line} in\n{metrics}");
            sleep(AGAIN).await;
        }
    }

    /// Waits, without a look, until events that contain these texts have been told.
    pub(super) async fn tells(&self, texts: &[&str]) -> Result<()> {
        for text in texts {
            let is_told = || self.events().iter().any(|event| event.contains(text));
            self.heard_until(&format!("an event with {text:?}"), is_told).await?;
        }
        Ok(())
    }

    /// Waits, look after look, until an event that contains a text has been told.
    pub(super) async fn hears(&self, text: &str) -> Result<()> {
        self.looks_until(&format!("an event with {text:?}"), |_| {
            self.events().iter().any(|event| event.contains(text))
        })
        .await
    }
}
