//! Whole runs: what clients see of them is what was recorded of Flagger, but for its mended defects.

use std::{collections::BTreeMap, fs};

use serde_json::Value;

use crate::{
    cluster::{brief, event, is_route, weights},
    course::Course,
    servers::told,
};

/// What clients see, as lines; each said once in a row.
type Views = BTreeMap<&'static str, Vec<String>>;

/// The rules of a comparison: waiting for pods is not compared, and the servers' presence is not.
fn tidy(views: BTreeMap<&'static str, Vec<String>>, namespace: &str) -> Views {
    let is_noise = |line: &str| line.contains("not ready") || line.contains("metrics providers");
    let tidied = |lines: Vec<String>| {
        let mut lines: Vec<String> = lines.iter().map(|line| line.replace(namespace, "NS")).collect();
        lines.retain(|line| !is_noise(line));
        lines.dedup();
        lines
    };
    views.into_iter().map(|(name, lines)| (name, tidied(lines))).collect()
}

fn recorded(name: &str, course: &Course, namespace: &str) -> Views {
    let root = serin_needs::shared("recorded/flagger").unwrap().join(name);
    let rows = |file: &str| -> Vec<Value> {
        let text = fs::read_to_string(root.join(file)).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let hooks = rows("hooks.jsonl");
    let of_listener = rows("event-payloads.jsonl").iter().filter_map(event).collect::<Vec<_>>();
    let of_hooks = hooks.iter().filter_map(|hook| event(&hook["body"]));
    let asked = hooks.iter().filter(|hook| event(&hook["body"]).is_none()).map(|hook| {
        let status = u16::try_from(hook["answer"].as_u64().unwrap()).unwrap();
        told(hook["hook"].as_str().unwrap(), &hook["body"], status)
    });
    let mut routes = Vec::new();
    for ((kind, name), states) in course.run.objects.iter().filter(|((kind, _), _)| is_route(kind)) {
        routes.extend(states.iter().map(|state| format!("{kind}/{name} {}", weights(state))));
    }
    let statuses = rows("status.jsonl").iter().filter(|it| !it["phase"].is_null()).map(brief).collect();
    let views = [
        ("events", of_listener.into_iter().chain(of_hooks).collect()),
        ("hooks", asked.collect()),
        ("routes", routes),
        ("status", statuses),
    ];
    tidy(views.into(), namespace)
}

fn ours(course: &Course, inputs: &BTreeMap<(String, String), Vec<String>>, namespace: &str) -> Views {
    let seen = &course.cluster.seen;
    let mut states = inputs.clone();
    for (key, more) in &seen.routes {
        states.entry(key.clone()).or_default().extend(more.clone());
    }
    let line = |((kind, name), states): (&(String, String), &Vec<String>)| {
        states.iter().map(|state| format!("{kind}/{name} {state}")).collect::<Vec<_>>()
    };
    let views = [
        ("events", seen.events.clone()),
        ("hooks", course.cluster.servers.log.clone()),
        ("routes", states.iter().flat_map(line).collect()),
        ("status", seen.statuses.clone()),
    ];
    tidy(views.into(), namespace)
}

/// A place from which on a mended defect makes a run go another way.
struct Mended {
    /// End of the recordings' names.
    runs: &'static str,
    view: &'static str,
    /// The last line that both have.
    after: &'static str,
    /// Everything that comes then.
    is: &'static [&'static str],
}

const fn mended(
    runs: &'static str,
    view: &'static str,
    after: &'static str,
    is: &'static [&'static str],
) -> Mended {
    Mended { runs, view, after, is }
}

const ASKED: &str = "Normal Waiting Rollback hook rb not signaling a rollback";
const HALTED: &str = "Warning Progressing Halt podinfo.NS advancement waiting for promotion approval gate";

/// Defect 5: who waits for the start of a run is asked whether to roll back, and waits no more once the new version was taken
/// back. Defect 6: a run that waits for its promotion keeps its weight in the status, counts nothing, and asks each time.
const MENDED: [Mended; 8] = [
    mended(
        "/gate-rollout",
        "events",
        "Warning Initialized Halt podinfo.NS advancement waiting for approval gate",
        &[ASKED],
    ),
    mended(
        "/gate-rollout",
        "hooks",
        "gate Initialized -> 403",
        &["rb Waiting -> 403", "gate Waiting -> 403", "rb Waiting -> 403", "gate Waiting -> 403"],
    ),
    mended("/gate-rollout", "routes", "Ingress/podinfo-canary canary-weight=0 canary=true", &[]),
    mended("/gate-rollout", "routes", "/podinfo podinfo-primary:100 podinfo-canary:0", &[]),
    mended("/gate-rollout", "status", "Waiting 0 i0 f0", &["Initialized 0 i0 f0"]),
    mended(
        "istio/gate-promotion",
        "status",
        "Progressing 40 i0 f0",
        &["WaitingPromotion 40 i0 f0", "Promoting 40 i0 f0", "Finalising 0 i0 f0", "Succeeded 0 i0 f0"],
    ),
    mended(
        "kubernetes/gate-promotion",
        "status",
        "Progressing 0 i2 f0",
        &[
            "WaitingPromotion 0 i2 f0",
            "WaitingPromotion 0 i3 f0",
            "Promoting 0 i3 f0",
            "Finalising 0 i0 f0",
            "Succeeded 0 i0 f0",
        ],
    ),
    mended(
        "kubernetes/gate-promotion",
        "events",
        HALTED,
        &[
            "Normal WaitingPromotion Confirm-promotion check gate passed",
            "Normal WaitingPromotion Copying podinfo.NS template spec to podinfo-primary.NS",
            "Normal Succeeded Promotion completed! Scaling down podinfo.NS",
        ],
    ),
];

/// What the view of a recording is with its defects mended.
fn with_mended(name: &str, view: &str, mut was: Vec<String>) -> Vec<String> {
    for one in MENDED.iter().filter(|one| name.ends_with(one.runs) && view == one.view) {
        let Some(last) = was.iter().position(|line| line.ends_with(one.after)) else { continue };
        assert_ne!(was[last + 1..], *one.is, "{name} {view} needs no mending");
        was.truncate(last + 1);
        was.extend(one.is.iter().map(|line| (*line).to_owned()));
    }
    was
}

/// Plays a recorded scenario: both sides of it.
fn both(name: &str) -> Option<(Views, Views)> {
    let mut course = Course::begin(name)?;
    let namespace = course.cluster.world.canary["metadata"]["namespace"].as_str().unwrap().to_owned();
    let mut inputs = BTreeMap::new();
    for (key, object) in course.cluster.world.objects.iter().filter(|(key, _)| is_route(key.kind.kind)) {
        inputs.insert((key.kind.kind.to_owned(), key.name.clone()), vec![weights(object)]);
    }
    course.play(name.rsplit('/').next().unwrap());
    let was = recorded(name, &course, &namespace).into_iter();
    let was = was.map(|(view, lines)| (view, with_mended(name, view, lines))).collect();
    Some((ours(&course, &inputs, &namespace), was))
}

const SCENARIOS: &str = "success fail-metric no-values fail-prerollout bluegreen abtest step-weights step-promotion all-hooks \
    gate-rollout gate-promotion gate-traffic rollback-hook new-revision skip-analysis deadline suspend lifecycle webhook-codes";

/// Names of the recordings that are played.
pub(crate) fn names() -> Vec<String> {
    let Some(root) = serin_needs::shared("recorded/flagger") else { return Vec::new() };
    let providers = ["kubernetes", "istio", "nginx", "gatewayapi-v1"];
    let all = providers.iter().flat_map(|provider| {
        SCENARIOS.split_whitespace().map(move |scenario| format!("{provider}/{scenario}"))
    });
    all.filter(|name| root.join(name).exists()).collect()
}

#[test]
fn runs_go_as_recorded() {
    let (mut found, mut lines) = (Vec::new(), 0);
    let names = names();
    for name in &names {
        let (is, was) = both(name).unwrap();
        for (view, is) in is {
            lines += is.len();
            if is != was[view] {
                found.push(format!("{name} {view}\nis  {is:#?}\nwas {:#?}", was[view]));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(names.is_empty() || (names.len() == 59 && 1200 < lines), "{} runs, {lines} lines", names.len());
}
