//! What an author of Canaries does, and the clock.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::fixture;
use crate::cluster::{CANARY, CONFIG_MAP, DAEMON_SET, DEPLOYMENT, Kind, SECRET};
use crate::controller::Controller;
use crate::fixture::{merge, yaml};
use crate::routers::{ALERT_PROVIDER, METRIC_TEMPLATE};
use crate::servers::Servers;
use crate::stage::{PATIENCE, Stage};
use crate::view::{NAME, View};

/// What stands in YAML for the address of the scenario's servers.
const SERVERS: &str = "SERVERS";
/// A look that nobody hears of in this time has had nothing to tell.
const SILENCE: Duration = Duration::from_secs(2);
/// After the last word of a look nobody adds to it any more. A look that came too early, for pods that are not ready, is
/// followed by one after twice the time, and so on up to [`SILENCE`].
const PAUSE: Duration = Duration::from_millis(100);

/// What a Canary's scenario has for itself.
#[derive(Debug, Default)]
pub struct Own {
    controller: Mutex<Option<Controller>>,
    servers: OnceLock<Servers>,
    looks: AtomicU64,
}

impl Own {
    /// Where its controller's metrics are.
    pub(crate) fn metrics_port(&self) -> Option<u16> {
        self.controller.lock().as_ref().map(|controller| controller.metrics_port)
    }

    /// Stops its controller.
    pub(crate) async fn end(&self) -> Result<()> {
        let controller = self.controller.lock().take();
        match controller {
            Some(controller) => controller.stop().await,
            None => Ok(()),
        }
    }

    /// What helps to understand a failure.
    pub(crate) fn obituary(&self) -> String {
        let heard = self.servers.get().map(Servers::heard).unwrap_or_default();
        let heard: Vec<String> = heard
            .iter()
            .map(|it| {
                let text = if it.query.is_empty() { it.body.to_string() } else { it.query.clone() };
                format!("  {} {} {text}", it.path, it.status)
            })
            .collect();
        let log = self.controller.lock().as_ref().map(|controller| controller.tail("")).unwrap_or_default();
        if heard.is_empty() && log.is_empty() {
            return String::new();
        }
        format!("heard:\n{}\nits controller:\n{log}\n", heard.join("\n"))
    }
}

/// How a look has ended.
enum Over {
    /// The state that was waited for is there.
    There,
    /// The Canary's status is another.
    Another,
    /// The status is as it was.
    Same,
}

impl Stage {
    /// Starts the servers and the controller, with these arguments more.
    pub(super) async fn flagger(&self, more: &[&str]) -> Result<()> {
        self.mirror.watch(&[CANARY, CONFIG_MAP, SECRET, DAEMON_SET]);
        let beside = self.beside.as_ref().context("this stage has no kubeconfig")?;
        if self.own.servers.get().is_none() {
            let servers = Servers::start().await?;
            drop(self.own.servers.set(servers));
        }
        let mut arguments = vec!["-event-webhook".to_owned(), format!("{}/event", self.servers()?.base())];
        arguments.extend(more.iter().map(|word| word.replace(SERVERS, self.base())));
        let (kubeconfig, folder) = (&beside.controller_kubeconfig, &beside.folder);
        let controller = Controller::flagger(kubeconfig, folder, self.namespace(), &arguments)?;
        *self.own.controller.lock() = Some(controller);
        Ok(())
    }

    /// The servers.
    pub(super) fn servers(&self) -> Result<&Servers> {
        self.own.servers.get().context("the scenario has not begun with `flagger`")
    }

    fn base(&self) -> &str {
        self.own.servers.get().map_or("", Servers::base)
    }

    /// Objects from YAML, in which `SERVERS` is the address of the servers.
    pub(super) async fn given(&self, texts: &[&str]) -> Result<()> {
        for text in texts {
            self.create(&yaml(&text.replace(SERVERS, self.base()))?).await?;
        }
        Ok(())
    }

    /// Creates the Deployment `demo`, changed by YAML.
    pub(super) async fn target(&self, change: &str) -> Result<()> {
        self.create(&fixture::deployment(change)?).await
    }

    /// Creates the Canary `demo`, changed by the YAML of its spec.
    pub(super) async fn canary(&self, provider: &str, spec: &str) -> Result<()> {
        let spec = spec.replace(SERVERS, self.base());
        self.create(&fixture::canary(provider, self.base(), &spec)?).await
    }

    /// All of it: a controller, a Deployment, and a Canary that waits for its first new version.
    pub(super) async fn initialized(&self, provider: &str, spec: &str) -> Result<()> {
        self.flagger(&[]).await?;
        if matches!(provider, "nginx" | "skipper") {
            self.create(&fixture::ingress()).await?;
        }
        self.target("{}").await?;
        self.canary(provider, spec).await?;
        self.ready().await
    }

    /// Waits until the Canary is initialized, which no look of the interval is needed for, and the target's pods are gone: a
    /// new version that comes before would be a rolling update of them.
    pub(super) async fn ready(&self) -> Result<()> {
        self.until("phase Initialized, the target without pods", |view| {
            let target = &view.one(DEPLOYMENT, NAME)["status"];
            view.canary_phase() == "Initialized" && target["replicas"].as_i64().unwrap_or(0) == 0
        })
        .await?;
        self.catch_up().await
    }

    /// What is seen of each kind is of this moment or later.
    async fn catch_up(&self) -> Result<()> {
        self.mirror.catch_up(Instant::now() + PATIENCE).await
    }

    /// A new image of the Deployment `demo`.
    pub(super) async fn release(&self, tag: &str) -> Result<()> {
        self.release_of(DEPLOYMENT, tag).await
    }

    /// A new image of a workload `demo`.
    pub(super) async fn release_of(&self, kind: Kind, tag: &str) -> Result<()> {
        self.release_as(kind, NAME, tag).await
    }

    /// A new image of any workload.
    pub(super) async fn release_as(&self, kind: Kind, name: &str, tag: &str) -> Result<()> {
        let mut containers = self.read(kind, name).await?["spec"]["template"]["spec"]["containers"].clone();
        containers[0]["image"] = json!(format!("demo:{tag}"));
        self.merge(kind, name, &json!({"spec": {"template": {"spec": {"containers": containers}}}})).await
    }

    /// Merges the YAML of its spec into the Canary.
    pub(super) async fn edit(&self, spec: &str) -> Result<()> {
        let spec = yaml(&spec.replace(SERVERS, self.base()))?;
        self.merge(CANARY, NAME, &json!({"spec": spec})).await
    }

    /// Merges YAML into an object.
    pub(super) async fn change(&self, kind: Kind, name: &str, text: &str) -> Result<()> {
        self.merge(kind, name, &yaml(text)?).await
    }

    /// The controller looks once.
    pub(super) async fn look(&self) -> Result<()> {
        let second = 3601 + self.own.looks.fetch_add(1, Ordering::Relaxed);
        self.edit(&format!("analysis: {{interval: {second}s}}")).await
    }

    /// Look follows look until a state is there.
    pub(super) async fn looks_until(&self, what: &str, state: impl Fn(&View) -> bool) -> Result<()> {
        self.look_after_look(what, state).await?;
        self.catch_up().await
    }

    async fn look_after_look(&self, what: &str, state: impl Fn(&View) -> bool) -> Result<()> {
        let (mut bound, mut pause) = (Instant::now() + PATIENCE, PAUSE);
        loop {
            let view = self.view();
            if self.is_fresh(&view).await && state(&view) {
                return Ok(());
            }
            if bound < Instant::now() {
                bail!("not within {} s: {what}\n{}", PATIENCE.as_secs(), view.summary());
            }
            self.look().await?;
            pause = match self.looked(&state, pause).await? {
                Over::There => return Ok(()),
                Over::Another => {
                    bound = Instant::now() + PATIENCE;
                    PAUSE
                }
                Over::Same => SILENCE.min(pause * 2),
            };
        }
    }

    /// Waits until a look is over, or the state is there: it is over when the status is another, or when what it told was
    /// heard and nothing follows for a pause.
    async fn looked(&self, state: &impl Fn(&View) -> bool, pause: Duration) -> Result<Over> {
        let before = self.view().canary()["status"].clone();
        let (mut changes, mut heard) = (self.mirror.changes(), self.servers()?.changes());
        heard.mark_unchanged();
        let mut bound = Instant::now() + SILENCE;
        loop {
            changes.mark_unchanged();
            let view = self.view();
            if self.is_fresh(&view).await {
                if state(&view) {
                    return Ok(Over::There);
                }
                if view.canary()["status"] != before {
                    return Ok(Over::Another);
                }
            }
            let more = async {
                tokio::select! {
                    done = heard.changed() => done.map(|()| true),
                    done = changes.changed() => done.map(|()| false),
                }
            };
            match timeout_at(bound, more).await {
                Ok(Ok(true)) => bound = Instant::now() + pause,
                Ok(Ok(false)) => {}
                Ok(Err(_)) => bail!("the watches of {} have ended", self.namespace()),
                Err(_) => return Ok(Over::Same),
            }
        }
    }

    /// Look follows look until a phase is reached.
    pub(super) async fn reaches(&self, phase: &str) -> Result<()> {
        self.looks_until(&format!("phase {phase}"), |view| view.canary_phase() == phase).await
    }

    /// Some looks more change nothing of a state.
    pub(super) async fn keeps(&self, what: &str, state: impl Fn(&View) -> bool) -> Result<()> {
        /// Enough to see a controller that errs at each or at every other look.
        const LOOKS: usize = 3;
        /// A look is done in less.
        const TIME: Duration = Duration::from_millis(500);
        for _ in 0..LOOKS {
            self.look().await?;
            self.until(what, &state).await?;
            self.stays_for(TIME, what, &state).await?;
        }
        Ok(())
    }

    /// A `MetricTemplate` that asks the scenario's server.
    pub(super) async fn metric_template(&self, name: &str, query: &str) -> Result<()> {
        let spec = json!({
            "provider": {"type": "prometheus", "address": format!("{}/p", self.base())},
            "query": query,
        });
        self.create(&object(METRIC_TEMPLATE, name, json!({"spec": spec}))).await
    }

    /// An `AlertProvider` whose address is in a Secret.
    pub(super) async fn slack(&self, name: &str) -> Result<()> {
        let data = json!({"stringData": {"address": format!("{}/chat/{name}", self.base())}});
        self.create(&object(SECRET, name, data)).await?;
        let spec = json!({"type": "slack", "channel": "general", "secretRef": {"name": name}});
        self.create(&object(ALERT_PROVIDER, name, json!({"spec": spec}))).await
    }
}

fn object(kind: Kind, name: &str, more: Value) -> Value {
    let head = json!({"apiVersion": kind.api_version(), "kind": kind.name, "metadata": {"name": name}});
    let mut object = head;
    merge(&mut object, more);
    object
}
