//! The work with Rollouts: created, their images changed, everything counted until nothing is left to do.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use serin_e2e::cluster::{INGRESS, Patch, ROLLOUT, SERVICE, create, get, patch};
use tokio::time::sleep;

use crate::bench::{Bench, lines, round};
use crate::process::Process;
use crate::steps::{Pauses, quantile};
use crate::watch::{Watched, resource};

/// How long all Rollouts together may take.
const PATIENCE: Duration = Duration::from_mins(15);
/// Between two looks whether all are healthy; part of what is measured, so small against the floor of ten seconds.
const LOOK: Duration = Duration::from_millis(500);
/// How long a drain may take: events wait behind a client's rate limit for minutes.
const DRAIN: Duration = Duration::from_mins(7);
/// How long the controller is watched at rest.
const REST: Duration = Duration::from_secs(30);
/// The duration of each pause.
const PAUSE: Duration = Duration::from_secs(5);
/// What two pauses last together: no controller can be quicker.
const FLOOR_S: f64 = 10.0;

/// Measures so many Rollouts.
pub(crate) async fn measure(
    bench: &Bench,
    (nginx, count): (bool, usize),
    namespace: &str,
    process: &Process,
) -> Result<Value> {
    let fresh = process.usage()?;
    if nginx {
        bench.each(count, |i| surroundings(bench, namespace, i)).await?;
    }
    let begun = Instant::now();
    bench
        .each(count, |i| async move {
            create(&bench.client, &ROLLOUT.list(namespace), &rollout(nginx, i)).await.map(drop)
        })
        .await?;
    healthy(bench, namespace, count, "demo:v1").await?;
    let deploy_s = begun.elapsed().as_secs_f64();
    at_rest(bench, nginx).await?;

    let rollouts = resource("argoproj.io", "v1alpha1", "Rollout", "rollouts");
    let steps = Watched::<Pauses>::begin(bench.client.clone(), namespace, &rollouts);
    let (before, from) = (process.usage()?, bench.audit.end()?);
    let begun = Instant::now();
    bench.each(count, |i| async move {
            let image = json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "demo:v2"}]);
            patch(&bench.client, &ROLLOUT.one(namespace, &name(i)), &image, Patch::Json).await.map(drop)
        })
        .await?;
    healthy(bench, namespace, count, "demo:v2").await?;
    let wall_s = begun.elapsed().as_secs_f64();
    let late = steps.read(|pauses| pauses.late_ms(PAUSE));
    drop(steps);
    let after = process.usage()?;
    let drain_s = at_rest(bench, nginx).await?;
    let (idle, to) = (process.usage()?, bench.audit.end()?);
    let update = bench.audit.between(from, to)?;
    sleep(REST).await;
    let rested = process.usage()?;
    let rest = bench.audit.between(to, bench.audit.end()?)?;

    Ok(json!({
        "mode": if nginx { "nginx" } else { "basic" },
        "rollouts": count,
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
        "requests_per_rollout": round(update.total() as f64 / count as f64),
        "refused": update.refused,
        "by_verb": update.by_verb(),
        "by_what": update.by_what,
        "rest_requests": rest.by_what,
        "rest_requests_beyond_upkeep": rest.total() - rest.upkeep(),
        "rest_cpu_percent": round(100.0 * (rested.cpu_s - idle.cpu_s) / REST.as_secs_f64()),
    }))
}

/// The Services and the Ingress of one Rollout.
async fn surroundings(bench: &Bench, namespace: &str, index: usize) -> Result<()> {
    let name = name(index);
    for role in ["canary", "stable"] {
        let service = json!({
            "metadata": {"name": format!("{name}-{role}")},
            "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": "http"}]},
        });
        create(&bench.client, &SERVICE.list(namespace), &service).await?;
    }
    let backend = json!({"service": {"name": format!("{name}-stable"), "port": {"number": 80}}});
    let ingress = json!({
        "metadata": {"name": name, "annotations": {"kubernetes.io/ingress.class": "nginx"}},
        "spec": {"rules": [{
            "host": format!("{name}.local"),
            "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
        }]},
    });
    create(&bench.client, &INGRESS.list(namespace), &ingress).await.map(drop)
}

/// Waits until all are Healthy on an image.
async fn healthy(bench: &Bench, namespace: &str, count: usize, image: &str) -> Result<()> {
    let begun = Instant::now();
    loop {
        let list = get(&bench.client, &format!("{}?resourceVersion=0", ROLLOUT.list(namespace))).await?;
        let items = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let done = items.iter().filter(|item| is_done(item, image)).count();
        if done == count {
            return Ok(());
        }
        ensure!(begun.elapsed() < PATIENCE, "only {done} of {count} are Healthy on {image} after 15 minutes");
        sleep(LOOK).await;
    }
}

/// Waits until the controller has nothing left to send; the answer is how long that took.
async fn at_rest(bench: &Bench, nginx: bool) -> Result<f64> {
    // Old ReplicaSets behind a router leave their delay of 30 s before the work is done.
    let drained = bench.drained(if nginx { 8 } else { 2 }, DRAIN).await?;
    ensure!(drained.quiet, "the controller still sends requests after 7 minutes");
    Ok(drained.seconds)
}

fn name(index: usize) -> String {
    format!("r{index:04}")
}

fn rollout(nginx: bool, index: usize) -> Value {
    let name = name(index);
    let steps = json!([{"setWeight": 50}, {"pause": {"duration": "5s"}}, {"setWeight": 100}, {"pause": {"duration": "5s"}}]);
    let canary = if nginx {
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

fn late_at(late: &[f64], share: f64) -> Value {
    json!(quantile(late, share).round())
}

/// What a table shows: label and JSON pointer.
const TABLE: [(&str, &str); 18] = [
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
];

/// A result for people.
pub(crate) fn table(result: &Value) -> String {
    let by = if result["mode"] == "nginx" { "NGINX" } else { "by replicas" };
    lines(&format!("{} Rollouts, {by}", result["rollouts"]), &TABLE, result)
}

#[cfg(test)]
mod tests {
    use super::*;

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
