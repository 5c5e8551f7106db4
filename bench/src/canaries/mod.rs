//! The work with Canaries: all initialised, then every image changed at once, everything counted until all are promoted; then a
//! rest.

mod deployments;
mod objects;
mod runs;
mod server;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use kube::Client;
use serde_json::{Value, json};
use serin_e2e::cluster::{DEPLOYMENT, Kind, Patch, create, patch};
use serin_e2e::target;
use tokio::time::sleep;

use self::deployments::Deployments;
use self::runs::Runs;
use self::server::MetricServer;
use crate::audit::Requests;
use crate::bench::{Bench, lines, round};
use crate::process::{Process, Usage};
use crate::steps::quantile;
use crate::watch::{Watched, resource};

const CANARY: Kind = Kind::new("/apis/flagger.app/v1beta1", "canaries", "Canary");
/// Between two looks whether all have come to a phase.
const LOOK: Duration = Duration::from_millis(500);
/// How long all may take to come to a phase, and how much longer for each: pods and writes take their time.
const PATIENCE: Duration = Duration::from_mins(15);
const PATIENCE_EACH: Duration = Duration::from_millis(300);
/// How long events may take to drain; a controller that polls is not waited for any longer.
const DRAIN: Duration = Duration::from_secs(40);
/// Looks for quiet in a row that count as rest.
const QUIET_LOOKS: u32 = 2;
/// The shortest time that the controller is watched at rest; at least two intervals.
const REST: Duration = Duration::from_secs(30);
/// Steps of a run, one interval apart: seen, 50, 100, copied, back, done; without weights one more.
const STEPS: [u32; 2] = [5, 6];

/// Brings the definitions of Canaries and of the meshes' kinds.
pub(crate) async fn install(client: &Client) -> Result<()> {
    target::install_canary_definitions(client).await
}

/// Measures so many Canaries.
pub(crate) async fn measure(
    bench: &Bench,
    (istio, interval, count): (bool, Duration, usize),
    namespace: &str,
    process: &Process,
) -> Result<Value> {
    let server = MetricServer::start().await?;
    let canaries = resource("flagger.app", "v1beta1", "Canary", "canaries");
    let watched = Watched::<Runs>::begin(bench.client.clone(), namespace, &canaries);
    let _double = bench.bare.then(|| Deployments::start(bench.client.clone(), namespace));
    let (fresh, start) = (process.usage()?, bench.audit.end()?);
    let begun = Instant::now();
    make(bench, (istio, interval, count), namespace, &server).await?;
    all_in((&watched, process), "Initialized", count).await?;
    let init_s = begun.elapsed().as_secs_f64();
    bench.drained(QUIET_LOOKS, DRAIN).await?;
    let init = bench.audit.between(start, bench.audit.end()?)?;

    let (before, from, questions) = (process.usage()?, bench.audit.end()?, server.questions());
    let begun = Instant::now();
    release(bench, count, namespace).await?;
    let triggered_s = begun.elapsed().as_secs_f64();
    all_in((&watched, process), "Succeeded", count).await?;
    let wall_s = begun.elapsed().as_secs_f64();
    let after = process.usage()?;
    let drained = bench.drained(QUIET_LOOKS, DRAIN).await?;
    let (idle, to) = (process.usage()?, bench.audit.end()?);
    let seen = bench.audit.between(from, to)?;
    let rest_for = REST.max(interval * 2);
    sleep(rest_for).await;
    let rested = process.usage()?;
    let rest = bench.audit.between(to, bench.audit.end()?)?;

    let course = watched.read(Runs::course);
    let ideal_s = (interval * STEPS[usize::from(!istio)]).as_secs_f64();
    // A run has a step at its beginning and one after each interval of its time.
    let due: f64 = course.run_s.iter().map(|run| 1.0 + (run / interval.as_secs_f64()).round()).sum();
    let cpu_s = idle.cpu_s - before.cpu_s;
    Ok(json!({
        "mode": if istio { "istio" } else { "kubernetes" },
        "canaries": count,
        "interval_s": interval.as_secs(),
        "bare": bench.bare,
        "init_wall_s": round(init_s),
        "init_cpu_s": round(before.cpu_s - fresh.cpu_s),
        "init_requests": init.total(),
        "promoted": watched.read(|runs| runs.in_phase("Succeeded")),
        "triggered_s": round(triggered_s),
        "wall_s": round(wall_s),
        "ideal_s": format!("{ideal_s}-{}", ideal_s + interval.as_secs_f64()),
        "run_s": {"p50": round(quantile(&course.run_s, 0.5)), "max": round(quantile(&course.run_s, 1.0)), "ideal": ideal_s},
        "ticks": {"done": course.steps, "due": due},
        "gap_s": gaps(&server.gaps(), interval.as_secs_f64()),
        "metric_queries": server.questions() - questions,
        "requests": requests(&seen, count, course.steps),
        "drain_s": round(drained.seconds),
        "cpu_s": round(cpu_s),
        "cpu_ms_per_tick": round(1000.0 * cpu_s / course.steps as f64),
        "cpu_ms_per_canary": round(1000.0 * cpu_s / count as f64),
        "memory_mib": memory(&fresh, &before, &after, &rested),
        "rest": {
            "seconds": rest_for.as_secs(),
            "requests": rest.by_what,
            "beyond_upkeep": rest.total() - rest.upkeep(),
            "cpu_percent": round(100.0 * (rested.cpu_s - idle.cpu_s) / rest_for.as_secs_f64()),
        },
    }))
}

/// Makes every target and its Canary.
async fn make(
    bench: &Bench,
    (istio, interval, count): (bool, Duration, usize),
    namespace: &str,
    server: &MetricServer,
) -> Result<()> {
    bench
        .each(count, |i| {
            let canary = objects::canary(i, (istio, interval), &server.address(&objects::name(i)));
            async move {
                create(&bench.client, &DEPLOYMENT.list(namespace), &objects::target(i)).await?;
                create(&bench.client, &CANARY.list(namespace), &canary).await.map(drop)
            }
        })
        .await
}

/// Changes every target's image.
async fn release(bench: &Bench, count: usize, namespace: &str) -> Result<()> {
    bench
        .each(count, |i| async move {
            let image = json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "demo:v2"}]);
            patch(&bench.client, &DEPLOYMENT.one(namespace, &objects::name(i)), &image, Patch::Json).await.map(drop)
        })
        .await
}

async fn all_in((watched, process): (&Watched<Runs>, &Process), phase: &str, count: usize) -> Result<()> {
    let (begun, patience) =
        (Instant::now(), PATIENCE + PATIENCE_EACH * u32::try_from(count).unwrap_or(u32::MAX));
    loop {
        let there = watched.read(|runs| runs.in_phase(phase));
        if there == count {
            return Ok(());
        }
        process.usage()?;
        ensure!(begun.elapsed() < patience, "only {there} of {count} are {phase} after {patience:?}");
        sleep(LOOK).await;
    }
}

/// The waits between two checks, and the share of those that are too long.
fn gaps(sorted: &[f64], interval: f64) -> Value {
    let later = |factor: f64| {
        let late = sorted.iter().filter(|gap| interval * factor < **gap).count();
        round(late as f64 / sorted.len().max(1) as f64)
    };
    let at = |share| round(quantile(sorted, share));
    json!({
        "p50": at(0.5), "p95": at(0.95), "p99": at(0.99), "max": at(1.0), "count": sorted.len(),
        "later_than_105_percent": later(1.05), "later_than_110_percent": later(1.1),
    })
}

fn requests(sent: &Requests, count: usize, ticks: usize) -> Value {
    let per = |by: usize| -> serde_json::Map<String, Value> {
        let all = sent.by_verb().into_iter().chain([("all", sent.total())]);
        all.map(|(verb, n)| (verb.to_owned(), round(n as f64 / by.max(1) as f64))).collect()
    };
    json!({
        "all": sent.total(), "refused": sent.refused, "per_canary": per(count), "per_tick": per(ticks),
        "events": sent.of("events"), "by_what": sent.by_what,
    })
}

fn memory(fresh: &Usage, before: &Usage, after: &Usage, rested: &Usage) -> Value {
    json!({
        "start": round(fresh.rss_mib), "initialised": round(before.rss_mib), "promoted": round(after.rss_mib),
        "rest": round(rested.rss_mib), "peak": round(rested.peak_mib),
    })
}

/// What a table shows: label and JSON pointer.
const TABLE: [(&str, &str); 23] = [
    ("init: wall s", "/init_wall_s"),
    ("init: CPU s", "/init_cpu_s"),
    ("init: requests", "/init_requests"),
    ("promoted", "/promoted"),
    ("wall s", "/wall_s"),
    ("wall s, ideal", "/ideal_s"),
    ("run s: median, worst", "/run_s"),
    ("ticks: done, due", "/ticks"),
    ("s between two checks", "/gap_s"),
    ("queries to the metric server", "/metric_queries"),
    ("requests", "/requests/all"),
    ("requests refused (4xx, 5xx)", "/requests/refused"),
    ("requests per Canary", "/requests/per_canary"),
    ("requests per tick", "/requests/per_tick"),
    ("events sent", "/requests/events"),
    ("requests by what", "/requests/by_what"),
    ("CPU s, drain included", "/cpu_s"),
    ("CPU ms per tick", "/cpu_ms_per_tick"),
    ("CPU ms per Canary", "/cpu_ms_per_canary"),
    ("memory MiB", "/memory_mib"),
    ("at rest: requests", "/rest/requests"),
    ("at rest: beyond Lease and watches", "/rest/beyond_upkeep"),
    ("at rest: CPU %", "/rest/cpu_percent"),
];

/// A result for people.
pub(crate) fn table(result: &Value) -> String {
    let (count, interval) = (&result["canaries"], &result["interval_s"]);
    let alone = if result["bare"] == true { ", API server alone" } else { "" };
    let by = if result["mode"] == "istio" { "Istio" } else { "Services" };
    lines(&format!("{count} Canaries, {by}, every {interval} s{alone}"), &TABLE, result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_tell_the_share_that_is_too_long() {
        let told = gaps(&[10.0, 10.0, 10.0, 10.6, 12.0], 10.0);
        assert_eq!(
            (&told["later_than_105_percent"], &told["later_than_110_percent"]),
            (&json!(0.4), &json!(0.2))
        );
        assert_eq!((&told["p50"], &told["max"], &told["count"]), (&json!(10.0), &json!(12.0), &json!(5)));
    }
}
