//! The work: Rollouts created, their images changed, everything counted until nothing is left to do.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use futures::StreamExt;
use kube::Client;
use serde_json::{Value, json};
use serin_e2e::cluster::{INGRESS, Patch, ROLLOUT, SERVICE, create, delete, get, patch};
use serin_e2e::target::{Nodes, client, install_definitions};
use tokio::time::sleep;

use crate::audit::AuditLog;
use crate::process::Process;
use crate::steps::{Steps, quantile};

/// Requests that we send side by side: enough to be done long before the first pause ends.
const SIDE_BY_SIDE: usize = 16;
/// How long a controller gets to be ready before it is measured.
const WARM_UP: Duration = Duration::from_secs(6);
/// How long all Rollouts together may take.
const PATIENCE: Duration = Duration::from_mins(15);
/// Between two looks whether all are healthy; part of what is measured, so small against the floor of ten seconds.
const LOOK: Duration = Duration::from_millis(500);
/// How long one look for quiet takes.
const QUIET: Duration = Duration::from_secs(5);
/// Fewer requests than this in [`QUIET`] are no work any more.
const QUIET_REQUESTS: u64 = 3;
/// How long a drain may take: events wait behind a client's rate limit for minutes.
const DRAIN: Duration = Duration::from_mins(7);
/// How long the controller is watched at rest.
const REST: Duration = Duration::from_secs(30);
/// The duration of each pause.
const PAUSE: Duration = Duration::from_secs(5);
/// What two pauses last together: no controller can be quicker.
const FLOOR_S: f64 = 10.0;

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    nginx: bool,
    rollouts: usize,
}

impl FromStr for Case {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text}: must look like basic:100 or nginx:100");
        let (mode, rollouts) = text.split_once(':').ok_or_else(wrong)?;
        let nginx = match mode {
            "basic" => false,
            "nginx" => true,
            _ => return Err(wrong()),
        };
        let rollouts = rollouts.parse().ok().filter(|n| (1..=10_000).contains(n)).ok_or_else(wrong)?;
        Ok(Self { nginx, rollouts })
    }
}

/// An API server, and the controller to be measured on it.
pub(crate) struct Bench {
    client: Client,
    command: String,
    plane: PathBuf,
    audit: AuditLog,
    _nodes: Nodes,
}

impl Bench {
    /// Connects, brings the definitions and the nodes.
    pub(crate) async fn open(command: String, plane: PathBuf) -> Result<Self> {
        let client = client(&plane.join("kubeconfig")).await?;
        install_definitions(&client).await?;
        let nodes = Nodes::start(client.clone()).await?;
        let audit = AuditLog::of(&plane);
        audit.end()?;
        Ok(Self { client, command, plane, audit, _nodes: nodes })
    }

    /// One measurement, as a JSON object.
    pub(crate) async fn run(&self, case: Case) -> Result<Value> {
        let namespace = format!("bench-{}-{}", if case.nginx { "nginx" } else { "basic" }, case.rollouts);
        create(&self.client, "/api/v1/namespaces", &json!({"metadata": {"name": namespace}})).await?;
        let log = self.plane.join(format!("{namespace}.log"));
        let process = Process::start(&self.command, &self.plane.join("controller.kubeconfig"), &log)?;
        let result = self.measure(case, &namespace, &process).await;
        process.stop().await?;
        self.remove(&namespace).await?;
        result.with_context(|| format!("the controller's output is in {}", log.display()))
    }

    async fn measure(&self, case: Case, namespace: &str, process: &Process) -> Result<Value> {
        sleep(WARM_UP).await;
        let fresh = process.usage()?;
        if case.nginx {
            self.each(case, |i| self.surroundings(namespace, i)).await?;
        }
        let begun = Instant::now();
        self.each(case, |i| async move {
            create(&self.client, &ROLLOUT.list(namespace), &rollout(case, i)).await.map(drop)
        })
        .await?;
        self.healthy(namespace, case.rollouts, "demo:v1").await?;
        let deploy_s = begun.elapsed().as_secs_f64();
        self.drained(case).await?;

        let steps = Steps::watch(self.client.clone(), namespace);
        let (before, from) = (process.usage()?, self.audit.end()?);
        let begun = Instant::now();
        self.each(case, |i| async move {
            let image = json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "demo:v2"}]);
            patch(&self.client, &ROLLOUT.one(namespace, &name(i)), &image, Patch::Json).await.map(drop)
        })
        .await?;
        self.healthy(namespace, case.rollouts, "demo:v2").await?;
        let wall_s = begun.elapsed().as_secs_f64();
        let late = steps.late_ms(PAUSE);
        drop(steps);
        let after = process.usage()?;
        let drain_s = self.drained(case).await?;
        let (idle, to) = (process.usage()?, self.audit.end()?);
        let update = self.audit.between(from, to)?;
        sleep(REST).await;
        let rested = process.usage()?;
        let rest = self.audit.between(to, self.audit.end()?)?;

        Ok(json!({
            "mode": if case.nginx { "nginx" } else { "basic" },
            "rollouts": case.rollouts,
            "deploy_wall_s": round(deploy_s),
            "deploy_cpu_s": round(before.cpu_s - fresh.cpu_s),
            "update_wall_s": round(wall_s),
            "update_above_floor_s": round(wall_s - FLOOR_S),
            "update_cpu_s": round(idle.cpu_s - before.cpu_s),
            "drain_s": round(drain_s),
            "step_late_ms": {
                "p50": late_at(&late, 0.5), "p99": late_at(&late, 0.99), "max": late_at(&late, 1.0), "pauses": late.len(),
            },
            "rss_start_mib": round(fresh.rss_mib),
            "rss_mib": round(after.rss_mib),
            "rss_idle_mib": round(rested.rss_mib),
            "peak_mib": round(rested.peak_mib),
            "requests": update.total(),
            "requests_per_rollout": round(update.total() as f64 / case.rollouts as f64),
            "refused": update.refused,
            "by_verb": update.by_verb(),
            "by_what": update.by_what,
            "rest_requests": rest.by_what,
            "rest_requests_beyond_upkeep": rest.total() - rest.upkeep(),
            "rest_cpu_percent": round(100.0 * (rested.cpu_s - idle.cpu_s) / REST.as_secs_f64()),
        }))
    }

    /// Sends one request, or a few, for each Rollout.
    async fn each<F: Future<Output = Result<()>>>(
        &self,
        case: Case,
        work: impl Fn(usize) -> F,
    ) -> Result<()> {
        let mut done = futures::stream::iter((0..case.rollouts).map(work)).buffer_unordered(SIDE_BY_SIDE);
        while let Some(result) = done.next().await {
            result?;
        }
        Ok(())
    }

    /// The Services and the Ingress of one Rollout.
    async fn surroundings(&self, namespace: &str, index: usize) -> Result<()> {
        let name = name(index);
        for role in ["canary", "stable"] {
            let service = json!({
                "metadata": {"name": format!("{name}-{role}")},
                "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": "http"}]},
            });
            create(&self.client, &SERVICE.list(namespace), &service).await?;
        }
        let backend = json!({"service": {"name": format!("{name}-stable"), "port": {"number": 80}}});
        let ingress = json!({
            "metadata": {"name": name, "annotations": {"kubernetes.io/ingress.class": "nginx"}},
            "spec": {"rules": [{
                "host": format!("{name}.local"),
                "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
            }]},
        });
        create(&self.client, &INGRESS.list(namespace), &ingress).await.map(drop)
    }

    /// Waits until all are Healthy on an image.
    async fn healthy(&self, namespace: &str, count: usize, image: &str) -> Result<()> {
        let begun = Instant::now();
        loop {
            let list = get(&self.client, &format!("{}?resourceVersion=0", ROLLOUT.list(namespace))).await?;
            let items = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
            let done = items.iter().filter(|item| is_done(item, image)).count();
            if done == count {
                return Ok(());
            }
            ensure!(
                begun.elapsed() < PATIENCE,
                "only {done} of {count} are Healthy on {image} after 15 minutes"
            );
            sleep(LOOK).await;
        }
    }

    /// Waits until the controller has nothing left to send; the answer is how long that took.
    async fn drained(&self, case: Case) -> Result<f64> {
        let begun = Instant::now();
        // Old ReplicaSets behind a router leave their delay of 30 s before the work is done.
        let wanted: u32 = if case.nginx { 8 } else { 2 };
        let mut quiet = 0;
        while quiet < wanted {
            let from = self.audit.end()?;
            sleep(QUIET).await;
            let sent = self.audit.between(from, self.audit.end()?)?;
            quiet = if sent.total() - sent.upkeep() < QUIET_REQUESTS { quiet + 1 } else { 0 };
            if DRAIN < begun.elapsed() {
                bail!("the controller still sends requests after 7 minutes: {:?}", sent.by_what);
            }
        }
        Ok(begun.elapsed().saturating_sub(QUIET * quiet).as_secs_f64())
    }

    async fn remove(&self, namespace: &str) -> Result<()> {
        let path = format!("/api/v1/namespaces/{namespace}");
        delete(&self.client, &path).await?;
        for _ in 0..120 {
            if get(&self.client, &path).await.is_err() {
                return Ok(());
            }
            sleep(LOOK).await;
        }
        bail!("{namespace} is not gone a minute after it was deleted")
    }
}

fn name(index: usize) -> String {
    format!("r{index:04}")
}

fn rollout(case: Case, index: usize) -> Value {
    let name = name(index);
    let steps = json!([{"setWeight": 50}, {"pause": {"duration": "5s"}}, {"setWeight": 100}, {"pause": {"duration": "5s"}}]);
    let canary = if case.nginx {
        json!({
            "steps": steps, "canaryService": format!("{name}-canary"), "stableService": format!("{name}-stable"),
            "trafficRouting": {"nginx": {"stableIngress": name}},
        })
    } else {
        json!({"steps": steps, "maxSurge": 1, "maxUnavailable": 0})
    };
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "revisionHistoryLimit": 2,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{
                    "name": "web", "image": "demo:v1", "ports": [{"containerPort": 80, "name": "http"}],
                    "resources": {"requests": {"cpu": "1m", "memory": "4Mi"}},
                }]},
            },
            "strategy": {"canary": canary},
        },
    })
}

fn is_done(rollout: &Value, image: &str) -> bool {
    let status = &rollout["status"];
    let observed =
        status["observedGeneration"].as_str().and_then(|text| text.parse::<i64>().ok()).unwrap_or(-1);
    status["phase"] == "Healthy"
        && rollout["spec"]["template"]["spec"]["containers"][0]["image"] == image
        && rollout["metadata"]["generation"].as_i64().unwrap_or(i64::MAX) <= observed
        && status["stableRS"] == status["currentPodHash"]
}

fn round(value: f64) -> Value {
    json!((value * 100.0).round() / 100.0)
}

fn late_at(late: &[f64], share: f64) -> Value {
    json!(quantile(late, share).round())
}

/// A result for people.
pub(crate) fn table(case: Case, result: &Value) -> String {
    let mut out =
        format!("{} Rollouts, {}\n", case.rollouts, if case.nginx { "NGINX" } else { "by replicas" });
    for (label, pointer) in [
        ("deploy: wall s", "/deploy_wall_s"),
        ("deploy: CPU s", "/deploy_cpu_s"),
        ("update: wall s", "/update_wall_s"),
        ("update: wall s above the floor of 10", "/update_above_floor_s"),
        ("update: CPU s, drain included", "/update_cpu_s"),
        ("pauses: late by ms, median", "/step_late_ms/p50"),
        ("pauses: late by ms, 99 %", "/step_late_ms/p99"),
        ("pauses: late by ms, worst", "/step_late_ms/max"),
        ("memory MiB: after the update", "/rss_mib"),
        ("memory MiB: at rest", "/rss_idle_mib"),
        ("memory MiB: peak", "/peak_mib"),
        ("requests", "/requests"),
        ("requests per Rollout", "/requests_per_rollout"),
        ("requests refused (4xx, 5xx)", "/refused"),
        ("requests by verb", "/by_verb"),
        ("at rest, 30 s: requests", "/rest_requests"),
        ("at rest: beyond Lease and watches", "/rest_requests_beyond_upkeep"),
        ("at rest: CPU %", "/rest_cpu_percent"),
    ] {
        let _ = writeln!(out, "  {label:<38} {}", result.pointer(pointer).unwrap_or(&Value::Null));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_a_mode_and_a_number() {
        for (text, good) in [
            ("basic:1", true),
            ("nginx:500", true),
            ("alb:1", false),
            ("basic", false),
            ("basic:0", false),
            ("basic:x", false),
        ] {
            assert_eq!(text.parse::<Case>().is_ok(), good, "{text}");
        }
    }

    #[test]
    fn a_rollout_is_done_when_the_present_spec_is_stable_and_healthy() {
        let done = json!({
            "metadata": {"generation": 2},
            "spec": {"template": {"spec": {"containers": [{"image": "demo:v2"}]}}},
            "status": {"phase": "Healthy", "observedGeneration": "2", "stableRS": "a", "currentPodHash": "a"},
        });
        assert!(is_done(&done, "demo:v2"));
        assert!(!is_done(&done, "demo:v1"));
        for (pointer, value) in [
            ("/metadata/generation", json!(3)),
            ("/status/phase", json!("Paused")),
            ("/status/stableRS", json!("b")),
        ] {
            let mut other = done.clone();
            *other.pointer_mut(pointer).unwrap() = value;
            assert!(!is_done(&other, "demo:v2"), "{pointer}");
        }
    }
}
