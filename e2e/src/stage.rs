//! The words that scenarios are written in: what a user does, and what a user then sees.
//!
//! What is seen is waited for with a bound, and a wait that takes too long says where the Rollout stands. Waits look at a
//! level, not at an edge, and never at a state older than the scenario's own last write.

use std::fmt::Debug;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use kube::Client;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use crate::canaries::Own;
use crate::cluster::{self, INGRESS, Kind, POD, Patch, ROLLOUT, SERVICE, create, get, patch};
use crate::fixture::{self, BY_HAND, NGINX, merge, yaml};
use crate::kubectl::kubectl;
use crate::mirror::Mirror;
use crate::view::{Counts, HASH_LABEL, NAME, View};

/// How long any one wait may take: many times what the slowest machine needs, so that it only ends what hangs.
pub const PATIENCE: Duration = Duration::from_mins(1);
/// How long a state must last to count as one that stays: a dozen passes of a controller that errs.
pub const CALM: Duration = Duration::from_secs(3);

/// One scenario's namespace, and what it does there.
pub struct Stage {
    client: Client,
    namespace: String,
    pub(crate) mirror: Mirror,
    /// What the scenario is about: a Rollout or a Canary.
    subject: Kind,
    /// The resourceVersion of our last write of the subject: older states are not looked at. None when it was deleted, and
    /// what is gone has no version to wait for.
    written: Mutex<Option<u64>>,
    pub(crate) beside: Option<Beside>,
    /// Of a Canary's scenario: the controller of its own, and the servers around it.
    pub(crate) own: Own,
}

/// What others use beside the API: a person's kubectl, and a monitoring system's way to the controller.
#[derive(Clone, Debug)]
pub struct Beside {
    /// What a user is given.
    pub kubeconfig: PathBuf,
    /// What a controller is given.
    pub controller_kubeconfig: PathBuf,
    /// Where logs go.
    pub folder: PathBuf,
    /// Where the controller's metrics are.
    pub metrics_port: u16,
}

impl Stage {
    /// Makes a namespace and begins to watch it.
    pub async fn open(client: Client, namespace: &str) -> Result<Self> {
        create(&client, "/api/v1/namespaces", &json!({"metadata": {"name": namespace}})).await?;
        let mirror = Mirror::start(&client, namespace);
        let (namespace, written, own) = (namespace.to_owned(), Mutex::new(Some(0)), Own::default());
        Ok(Self { client, namespace, mirror, subject: ROLLOUT, written, beside: None, own })
    }

    /// The same, for the scenarios of another kind than Rollouts.
    #[must_use]
    pub fn about(mut self, subject: Kind) -> Self {
        self.subject = subject;
        self
    }

    /// The same, for scenarios that also use kubectl or look at the controller's metrics.
    #[must_use]
    pub fn beside(mut self, beside: Beside) -> Self {
        self.beside = Some(beside);
        self
    }

    /// Deletes the namespace; what is in it goes in the background.
    pub async fn close(&self) -> Result<()> {
        cluster::delete(&self.client, &format!("/api/v1/namespaces/{}", self.namespace)).await
    }

    /// The namespace's name.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// What is there now.
    #[must_use]
    pub fn view(&self) -> View {
        self.mirror.view()
    }

    // ---- what a user does

    /// Creates one object from its value.
    pub async fn create(&self, object: &Value) -> Result<()> {
        let kind =
            Kind::of(object).with_context(|| format!("no scenario knows the kind {}", object["kind"]))?;
        let written = create(&self.client, &kind.list(&self.namespace), object).await?;
        if kind == self.subject && object["metadata"]["name"] == NAME {
            self.note(&written).await;
        }
        Ok(())
    }

    /// Creates one object from YAML.
    pub async fn apply(&self, text: &str) -> Result<()> {
        self.create(&yaml(text)?).await
    }

    /// Creates the Rollout `demo`: one pod of `demo:v1`, changed by the YAML of its spec.
    pub async fn rollout(&self, spec: &str) -> Result<()> {
        self.create(&fixture::rollout(spec)?).await
    }

    /// Creates the Rollout with its two Services and its Ingress, routed by NGINX.
    pub async fn routed(&self, spec: &str) -> Result<()> {
        for object in fixture::web() {
            self.create(&object).await?;
        }
        let mut rollout = fixture::rollout(NGINX)?;
        merge(&mut rollout["spec"], yaml(spec)?);
        self.create(&rollout).await
    }

    /// Merges YAML into the Rollout.
    pub async fn patch(&self, text: &str) -> Result<()> {
        self.merge(ROLLOUT, NAME, &yaml(text)?).await
    }

    /// Merges YAML into the Rollout's status, as the plugin does.
    pub async fn patch_status(&self, text: &str) -> Result<()> {
        self.merge(ROLLOUT, &format!("{NAME}/status"), &yaml(text)?).await
    }

    /// Merges a value into any object.
    pub async fn merge(&self, kind: Kind, name: &str, value: &Value) -> Result<()> {
        let written = patch(&self.client, &kind.one(&self.namespace, name), value, Patch::Merge).await?;
        if kind == self.subject && !name.ends_with("/scale") {
            self.note(&written).await;
        }
        Ok(())
    }

    /// An object as the API has it now, not as the watch has told it.
    pub async fn read(&self, kind: Kind, name: &str) -> Result<Value> {
        get(&self.client, &kind.one(&self.namespace, name)).await
    }

    /// Deletes an object.
    pub async fn delete(&self, kind: Kind, name: &str) -> Result<()> {
        if kind == self.subject {
            *self.written.lock().await = None;
        }
        cluster::delete(&self.client, &kind.one(&self.namespace, name)).await
    }

    /// A new image whose pods become ready by themselves.
    pub async fn update(&self, tag: &str) -> Result<()> {
        self.template(tag, None).await
    }

    /// A new image whose pods become ready only when they are bound ([`Stage::bind`]); those never bound stay bad.
    pub async fn update_held(&self, tag: &str) -> Result<()> {
        self.template(tag, Some(BY_HAND)).await
    }

    async fn template(&self, tag: &str, scheduler: Option<&str>) -> Result<()> {
        let rollout = get(&self.client, &ROLLOUT.one(&self.namespace, NAME)).await?;
        let mut containers = rollout["spec"]["template"]["spec"]["containers"].clone();
        containers[0]["image"] = json!(format!("demo:{tag}"));
        let spec = json!({"containers": containers, "schedulerName": scheduler});
        self.merge(ROLLOUT, NAME, &json!({"spec": {"template": {"spec": spec}}})).await
    }

    /// `kubectl scale`: through the subresource.
    pub async fn scale(&self, replicas: i64) -> Result<()> {
        self.merge(ROLLOUT, &format!("{NAME}/scale"), &json!({"spec": {"replicas": replicas}})).await
    }

    /// `promote`: ends a pause, or skips the present step.
    pub async fn promote(&self) -> Result<()> {
        let rollout = get(&self.client, &ROLLOUT.one(&self.namespace, NAME)).await?;
        if rollout["spec"]["paused"] == true {
            self.patch("spec: {paused: false}").await?;
        }
        let paused = rollout["status"]["pauseConditions"].as_array().is_some_and(|list| !list.is_empty());
        let mut status = json!({"pauseConditions": null});
        if !paused {
            let steps = rollout["spec"]["strategy"]["canary"]["steps"].as_array().map_or(0, Vec::len) as i64;
            let step = rollout["status"]["currentStepIndex"].as_i64().unwrap_or(0);
            status["currentStepIndex"] = json!((step + 1).min(steps));
        }
        self.merge(ROLLOUT, &format!("{NAME}/status"), &json!({"status": status})).await
    }

    /// `promote --full`.
    pub async fn promote_full(&self) -> Result<()> {
        self.patch_status("status: {promoteFull: true}").await
    }

    /// `abort`.
    pub async fn abort(&self) -> Result<()> {
        self.patch_status("status: {abort: true}").await
    }

    /// `retry rollout`.
    pub async fn retry(&self) -> Result<()> {
        self.patch_status("status: {abort: false}").await
    }

    /// `restart`: now, as the plugin writes it.
    pub async fn restart(&self) -> Result<()> {
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        self.merge(ROLLOUT, NAME, &json!({"spec": {"restartAt": now}})).await
    }

    /// `undo --to-revision`: the template of an older revision.
    pub async fn undo(&self, revision: i64) -> Result<()> {
        let mut template = self.view().revision(revision)["spec"]["template"].clone();
        ensure!(template.is_object(), "no ReplicaSet of revision {revision}\n{}", self.view().summary());
        if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
            labels.remove(HASH_LABEL);
        }
        let operation = json!([{"op": "replace", "path": "/spec/template", "value": template}]);
        let written =
            patch(&self.client, &ROLLOUT.one(&self.namespace, NAME), &operation, Patch::Json).await?;
        self.note(&written).await;
        Ok(())
    }

    /// Binds `count` waiting pods of a revision to a node, which makes them ready.
    pub async fn bind(&self, revision: i64, count: usize) -> Result<()> {
        self.until(&format!("revision {revision}"), |view| !view.hash(revision).is_empty()).await?;
        let hash = self.view().hash(revision).to_owned();
        self.bind_where(HASH_LABEL, &hash, count).await
    }

    /// Binds `count` waiting pods with a label to a node, which makes them ready.
    pub async fn bind_where(&self, label: &str, value: &str, count: usize) -> Result<()> {
        let nodes = get(&self.client, "/api/v1/nodes").await?;
        let node =
            nodes["items"][0]["metadata"]["name"].as_str().context("the cluster has no node")?.to_owned();
        let waiting = |view: &View| -> Vec<String> {
            let pods = view.all(POD).filter(|pod| {
                pod["metadata"]["labels"][label] == value
                    && pod["metadata"]["deletionTimestamp"].is_null()
                    && pod["spec"]["nodeName"].as_str().is_none_or(str::is_empty)
            });
            pods.filter_map(|pod| pod["metadata"]["name"].as_str().map(str::to_owned)).collect()
        };
        self.until(&format!("{count} waiting pods with {label}={value}"), |view| {
            count <= waiting(view).len()
        })
        .await?;
        for pod in waiting(&self.view()).into_iter().take(count) {
            let binding = json!({
                "apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod},
                "target": {"apiVersion": "v1", "kind": "Node", "name": node},
            });
            create(&self.client, &POD.one(&self.namespace, &format!("{pod}/binding")), &binding).await?;
            // The next bind must not take this one again.
            self.until(&format!("{pod} is bound"), |view| {
                let seen = view.one(POD, &pod);
                seen.is_null() || seen["spec"]["nodeName"].as_str().is_some_and(|name| !name.is_empty())
            })
            .await?;
        }
        Ok(())
    }

    pub(crate) async fn note(&self, written: &Value) {
        let version = written["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse().ok());
        if let Some(last) = self.written.lock().await.as_mut() {
            *last = (*last).max(version.unwrap_or(0));
        }
    }

    // ---- what a user sees

    /// Waits until the namespace is in a state.
    pub async fn until(&self, what: &str, state: impl Fn(&View) -> bool) -> Result<()> {
        let bound = Instant::now() + PATIENCE;
        let mut changes = self.mirror.changes();
        loop {
            changes.mark_unchanged();
            let view = self.mirror.view();
            if self.is_fresh(&view).await && state(&view) {
                return Ok(());
            }
            match timeout_at(bound, changes.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => bail!("the watches of {} have ended", self.namespace),
                Err(_) => {
                    bail!("not within {} s: {what}\n{}", PATIENCE.as_secs(), self.mirror.view().summary())
                }
            }
        }
    }

    /// Whether a view is not older than our last write of the subject.
    pub(crate) async fn is_fresh(&self, view: &View) -> bool {
        let Some(written) = *self.written.lock().await else { return true };
        let subject = view.one(self.subject, NAME);
        let version = subject["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse().ok());
        written == 0 || written <= version.unwrap_or(0)
    }

    /// Requires that a state holds now and goes on to hold for [`CALM`].
    pub async fn stays(&self, what: &str, state: impl Fn(&View) -> bool) -> Result<()> {
        self.stays_for(CALM, what, state).await
    }

    /// Requires that a state holds now and goes on to hold for a time.
    pub async fn stays_for(&self, time: Duration, what: &str, state: impl Fn(&View) -> bool) -> Result<()> {
        let bound = Instant::now() + time;
        let mut changes = self.mirror.changes();
        loop {
            changes.mark_unchanged();
            let view = self.mirror.view();
            ensure!(state(&view), "did not stay: {what}\n{}", view.summary());
            if timeout_at(bound, changes.changed()).await.is_err() {
                return Ok(());
            }
        }
    }

    /// Waits for a phase.
    pub async fn phase(&self, phase: &str) -> Result<()> {
        self.until(&format!("phase {phase}"), |view| view.phase() == phase).await
    }

    /// Waits for a phase at a step.
    pub async fn phase_at(&self, phase: &str, step: i64) -> Result<()> {
        self.until(&format!("phase {phase} at step {step}"), |view| {
            view.phase() == phase && view.step() == Some(step)
        })
        .await
    }

    /// Waits for a phase with a message that contains a text.
    pub async fn phase_says(&self, phase: &str, text: &str) -> Result<()> {
        self.until(&format!("phase {phase} saying {text:?}"), |view| {
            view.phase() == phase && view.status("message").as_str().unwrap_or_default().contains(text)
        })
        .await
    }

    /// Waits for DESIRED, CURRENT, UP-TO-DATE, READY, AVAILABLE.
    pub async fn counts(&self, counts: Counts) -> Result<()> {
        self.until(&format!("counts {counts:?}"), |view| view.counts() == counts).await
    }

    /// Waits until each of these revisions has so many pods.
    pub async fn pods(&self, wanted: &[(i64, i64)]) -> Result<()> {
        self.until(&format!("(revision, pods) {wanted:?}"), |view| {
            wanted.iter().all(|(revision, pods)| view.pods_of(*revision) == Some(*pods))
        })
        .await
    }

    /// Waits until canary and stable have so many pods.
    pub async fn canary_stable(&self, canary: i64, stable: i64) -> Result<()> {
        self.until(&format!("canary {canary}, stable {stable}"), |view| {
            view.canary_stable() == Some((canary, stable))
        })
        .await
    }

    /// Waits until so many pods of a revision are available.
    pub async fn available(&self, revision: i64, pods: i64) -> Result<()> {
        self.until(&format!("{pods} available pods of revision {revision}"), |view| {
            view.revision(revision)["status"]["availableReplicas"].as_i64().unwrap_or(0) == pods
        })
        .await
    }

    /// Waits for the weight in the canary Ingress.
    pub async fn weight(&self, weight: i64) -> Result<()> {
        self.until(&format!("weight {weight}"), |view| view.weight() == weight).await
    }

    /// Waits until a Service selects a revision.
    pub async fn selects(&self, service: &str, revision: i64) -> Result<()> {
        self.until(&format!("{service} selects revision {revision}"), |view| {
            !view.hash(revision).is_empty() && view.selected(service) == view.hash(revision)
        })
        .await
    }

    /// Waits for a condition's status and reason.
    pub async fn condition(&self, kind: &str, status: &str, reason: &str) -> Result<()> {
        self.until(&format!("condition {kind}={status} {reason}"), |view| {
            view.condition(kind) == (status, reason)
        })
        .await
    }

    /// Waits until `status.duration.completionStatus` has a value.
    pub async fn completion(&self, status: &str) -> Result<()> {
        self.until(&format!("completionStatus {status}"), |view| {
            view.status("duration")["completionStatus"] == status
        })
        .await
    }

    /// Waits until these reasons, each so often, have been told of the Rollout, in any order, and no others.
    pub async fn told(&self, reasons: &[&str]) -> Result<()> {
        let mut wanted = std::collections::BTreeMap::new();
        for reason in reasons {
            *wanted.entry((*reason).to_owned()).or_insert(0) += 1;
        }
        let result = self.until(&format!("events {wanted:?}"), |view| view.event_counts() == wanted).await;
        result.with_context(|| format!("told were, in order: {:?}", self.view().events()))
    }

    /// `kubectl wait --for=condition=CONDITION` on the Rollout. Not tested, and said so, where there is no kubectl.
    pub async fn kubectl_waits(&self, condition: &str) -> Result<()> {
        if !serin_needs::kubectl() {
            return Ok(());
        }
        let kubeconfig = &self.beside.as_ref().context("this stage has no kubeconfig")?.kubeconfig;
        let (wanted, bound) =
            (format!("--for=condition={condition}"), format!("--timeout={}s", PATIENCE.as_secs()));
        let rollout = format!("rollout/{NAME}");
        let arguments = ["-n", &self.namespace, "wait", &wanted, &rollout, &bound];
        let (done, said) = kubectl(kubeconfig, &arguments, String::new()).await?;
        ensure!(
            done && said.ends_with("condition met"),
            "kubectl wait {wanted}: {said}\n{}",
            self.view().summary()
        );
        Ok(())
    }

    /// What the controller answers to `GET /metrics`, with the status line.
    pub async fn metrics(&self) -> Result<String> {
        let port = match self.own.metrics_port() {
            Some(port) => port,
            None => self.beside.as_ref().context("this stage knows no controller")?.metrics_port,
        };
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.context("the metrics port")?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    /// Compares two values, with the words of the rule.
    pub fn same<T: PartialEq + Debug>(&self, what: &str, found: &T, wanted: &T) -> Result<()> {
        ensure!(found == wanted, "{what}: found {found:?}, wanted {wanted:?}\n{}", self.view().summary());
        Ok(())
    }

    /// Everything in the namespace that helps to understand a failure.
    #[must_use]
    pub fn obituary(&self) -> String {
        let view = self.view();
        let mut out = format!("{}\nevents: {:?}\n", view.summary(), view.events());
        for kind in [self.subject, SERVICE, INGRESS] {
            for object in view.all(kind) {
                let mut object = object.clone();
                if let Some(metadata) = object["metadata"].as_object_mut() {
                    metadata.remove("managedFields");
                }
                out.push_str(&serde_json::to_string(&object).unwrap_or_default());
                out.push('\n');
            }
        }
        out + &self.own.obituary()
    }
}
