//! The walk-through on the demo itself, in time that runs faster than the clock on the wall.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use serin_api::kinds::{DEPLOYMENT, HORIZONTAL_POD_AUTOSCALER, ISTIO_VIRTUAL_SERVICE, SERVICE};
use serin_cluster::direct::Direct;
use serin_kernel::Kind;
use tokio::time::Instant;

use super::{
    act::{ACTS, APP, Act},
    stand_ins::StandIns,
    story::Story,
    told::Seen,
};
use crate::{
    demo::cluster::{Clock, Cluster},
    flagger::zap::{Zap, tests::Lines},
};

/// Time of the wall between two steps of time, in which what is on its way arrives, and a step of time.
const WAIT: Duration = Duration::from_millis(2);
const STEP: Duration = Duration::from_millis(20);

/// The beginning of the sentence on why there are no values, and what it names.
const UNKNOWN: &str =
    "No values for metric request-duration: there is no metric istio_request_duration_milliseconds_bucket";
const KNOWN: &str = "istio_request_duration_seconds_bucket";

/// Lets the wall's time pass on a thread that is no worker: sockets and programs go by it.
#[allow(clippy::disallowed_methods)] // tokio's sleep would wait for the time that this lets run
fn wait() {
    std::thread::sleep(WAIT);
}

/// Lets time run in steps. Between them tokio's clock stands still, however busy the machine is.
async fn hurry() {
    loop {
        // While a blocking task runs, a paused clock does not jump to the next timer by itself.
        let _ = tokio::task::spawn_blocking(wait).await;
        tokio::time::advance(STEP).await;
    }
}

/// A clock that goes with tokio's.
fn clock() -> Clock {
    let (start, begun) = (Timestamp::now(), Instant::now());
    Arc::new(move || start + SignedDuration::try_from(begun.elapsed()).unwrap_or_default())
}

async fn get(api: &Direct, kind: Kind, name: &str) -> Value {
    api.get(&kind.key("test", name)).await.unwrap()
}

/// After initialization there is what the walk-through says, and no more.
async fn everything_is_in_its_place(api: &Direct) {
    let primary = get(api, DEPLOYMENT, "podinfo-primary").await;
    assert_eq!((&primary["spec"]["replicas"], &primary["status"]["readyReplicas"]), (&json!(2), &json!(2)));
    assert_eq!(get(api, DEPLOYMENT, APP).await["spec"]["replicas"], 0);
    let scaler = get(api, HORIZONTAL_POD_AUTOSCALER, "podinfo-primary").await;
    assert_eq!(scaler["spec"]["scaleTargetRef"]["name"], "podinfo-primary");
    for (service, selected) in
        [(APP, "podinfo-primary"), ("podinfo-canary", APP), ("podinfo-primary", "podinfo-primary")]
    {
        assert_eq!(
            get(api, SERVICE, service).await["spec"]["selector"],
            json!({"app": selected}),
            "{service}"
        );
    }
    let route = get(api, ISTIO_VIRTUAL_SERVICE, APP).await["spec"]["http"][0]["route"].clone();
    let to = |name: &str, weight: u64| json!({"destination": {"host": name, "port": {"number": 80}}, "weight": weight});
    let plain = |name: &str, weight: u64| json!({"destination": {"host": name}, "weight": weight});
    let with_ports = json!([to("podinfo-primary", 100), to("podinfo-canary", 0)]);
    let without = json!([plain("podinfo-primary", 100), plain("podinfo-canary", 0)]);
    assert!(route == with_ports || route == without, "{route}");
}

/// The events since the new version was seen, without the sentences on why there are no values.
fn of_the_release(seen: &Seen) -> Vec<&str> {
    let events = seen.events.iter().map(String::as_str);
    let of_release = events.skip_while(|event| !event.starts_with("New revision"));
    of_release.filter(|event| !event.starts_with("No values for metric")).collect()
}

fn times<'a>(count: usize, events: &[&'a str]) -> Vec<&'a str> {
    events.repeat(count)
}

fn the_good_version_is_promoted(seen: &Seen) {
    let events = [
        "New revision detected! Scaling up podinfo.test",
        "Starting canary analysis for podinfo.test",
        "Pre-rollout check acceptance-test passed",
        "Advance podinfo.test canary weight 10",
        "Advance podinfo.test canary weight 20",
        "Advance podinfo.test canary weight 30",
        "Advance podinfo.test canary weight 40",
        "Advance podinfo.test canary weight 50",
        "Copying podinfo.test template spec to podinfo-primary.test",
        "Routing all traffic to primary",
        "Promotion completed! Scaling down podinfo.test",
    ];
    assert_eq!(of_the_release(seen), events);
    let phases = ["Initializing", "Initialized", "Progressing", "Promoting", "Finalising", "Succeeded"];
    assert!(
        seen.phases.ends_with(&phases[1..].iter().map(|it| (*it).to_owned()).collect::<Vec<_>>()),
        "{:?}",
        seen.phases
    );
    let weights: Vec<u64> = seen.shares.iter().map(|share| share.weight).collect();
    assert_eq!(weights, [10, 20, 30, 40, 50]);
    for share in &seen.shares {
        // Exact but for the requests between a weight's change and the frame that shows it.
        assert!((share.percent() - share.weight as f64).abs() < 4.0 && 100 < share.all, "{share:?}");
    }
}

fn the_broken_version_is_taken_back(seen: &Seen, halt: &str) {
    let mut events = vec!["New revision detected! Scaling up podinfo.test-a"];
    events.extend(times(5, &["Starting canary analysis for podinfo.test-a", halt]));
    events.push("Rolling back podinfo.test-a failed checks threshold reached 5");
    events.push("Canary failed! Scaling down podinfo.test-a");
    assert_eq!(of_the_release(seen), events);
    assert_eq!(seen.phases.last().unwrap(), "Failed");
    assert_eq!(
        seen.requests.total.keys().collect::<Vec<_>>(),
        ["3.1.0"],
        "users have met the broken version"
    );
}

fn a_metric_without_series_takes_a_version_back(seen: &Seen) {
    let halt = "Halt advancement no values found for istio metric request-duration probably podinfo.test-b is not receiving \
        traffic: running query failed: no values found";
    let mut events = vec![
        "New revision detected! Scaling up podinfo.test-b",
        "Starting canary analysis for podinfo.test-b",
        "Pre-rollout check acceptance-test passed",
        "Advance podinfo.test-b canary weight 10",
    ];
    events.extend(times(5, &[halt]));
    events.push("Rolling back podinfo.test-b failed checks threshold reached 5");
    events.push("Canary failed! Scaling down podinfo.test-b");
    assert_eq!(of_the_release(seen), events);
    assert_eq!(seen.phases.last().unwrap(), "Failed");
    let explained = |event: &String| event.starts_with(UNKNOWN) && event.contains(KNOWN);
    assert!(seen.events.iter().any(explained), "{:#?}", seen.events);
}

/// Each event is a line of the controller's log, once, in Flagger's form.
fn every_event_is_a_line(story: &Story<'_>, log: &str) {
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    for act in &ACTS {
        let canary = json!(format!("{APP}.{}", act.namespace));
        let of_it = lines.iter().filter(|it| it["canary"] == canary && it["msg"] != "acting");
        // Before the release two that are alike may come between two frames, which the API tells as one.
        let is_earlier = |message: &&str| !message.starts_with("New revision");
        let of_it: Vec<&str> = of_it.map(|it| it["msg"].as_str().unwrap()).skip_while(is_earlier).collect();
        let seen = story.told.of(act);
        let told: Vec<&str> = seen.events.iter().map(String::as_str).skip_while(is_earlier).collect();
        assert_eq!(of_it, told, "{canary}");
    }
    let halt = lines.iter().find(|it| it["msg"].as_str().unwrap().starts_with("Halt ")).unwrap();
    assert_eq!(halt["level"], "warn");
}

#[tokio::test(start_paused = true)]
async fn the_releases_go_as_the_walk_through_says_and_no_request_fails() {
    let lines = Lines::default();
    let _logging = tracing::subscriber::set_default(lines.subscriber(Zap::Json));
    let time = tokio::spawn(hurry());
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    let cluster = Cluster::start(&kubeconfig, 0, &super::definitions().unwrap(), clock()).await.unwrap();
    let stand_ins = StandIns::start(&cluster, 0).await.unwrap();
    let mut story = Story::new(&cluster, &stand_ins, true);
    story.begin().await.unwrap();
    everything_is_in_its_place(&Direct::new(cluster.client())).await;
    story.release().await.unwrap();
    story.finish().await.unwrap();
    story.check().unwrap();
    every_event_is_a_line(&story, &lines.text());
    let [good, broken, blind] = [0, 1, 2].map(|at| story.told.of(&ACTS[at]));
    the_good_version_is_promoted(&good);
    let halt = "Halt podinfo.test-a advancement pre-rollout check acceptance-test failed POST";
    let hook = format!("{halt} http://{}/ giving up after 1 attempt(s)", stand_ins.places.loadtester);
    the_broken_version_is_taken_back(&broken, &hook);
    a_metric_without_series_takes_a_version_back(&blind);

    let complaints = stand_ins.complaints.lock().clone();
    assert_eq!(complaints.len(), 5, "{complaints:?}");
    assert!(
        complaints.iter().all(|it| it.contains("grep token") && it.contains("exit status 1")),
        "{complaints:?}"
    );
    let chat = stand_ins.chat.lock().clone();
    let of = |act: &Act| -> Vec<&str> {
        let name = format!("podinfo.{}: ", act.namespace);
        chat.iter().filter_map(|line| line.strip_prefix(name.as_str())).collect()
    };
    let start = "New revision detected, progressing canary analysis.";
    let failed = "Failed checks threshold reached 5";
    assert_eq!(of(&ACTS[0])[1..], [start, "Canary analysis completed successfully, promotion finished."]);
    assert_eq!(of(&ACTS[1])[1..], [start, failed]);
    let [_, begun, ended] = of(&ACTS[2])[..] else { panic!("{chat:?}") };
    assert!(begun == start && ended.starts_with(failed) && ended.contains(KNOWN), "{chat:?}");
    cluster.stop().await;
    assert!(!kubeconfig.exists());
    time.abort();
}
