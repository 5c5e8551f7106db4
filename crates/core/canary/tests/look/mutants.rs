//! Canaries that nobody would write: the published manifests with some places changed, and absurd amounts.
//!
//! Held: there is always an answer, and one that refuses names a place; never a panic, never questions without end.

use serde_json::{Value, json};
use serin_api::kinds;
use serin_canary::{CanaryPlanner, Settings};
use serin_kernel::{Act, Answers, Change, Moment, Object, Observed, Plan, Planner};

use crate::{
    properties::Dice,
    rivals::settled,
    servers::Servers,
    world::{documents, merge, podinfo},
};

/// Mutants that are planned for.
const MUTANTS: u64 = 2_000;
/// A Canary of a person's has some questions; one of thousands of metrics is measured by another test.
const ROUNDS_MAX: usize = 400;
/// The longest condition that a refusal may write: a status holds more, and no person reads more.
const MESSAGE_MAX: usize = 8 * 1024;

/// What is done about `canary` among `objects`, as far as one look goes.
fn look(canary: &Value, objects: &[Object]) -> Act {
    let planner = CanaryPlanner::new(Settings::default());
    let canary = Object::new(kinds::CANARY, canary).unwrap();
    let mut observed = Observed::new(canary.clone(), objects.iter().cloned());
    let _: (usize, usize) = (planner.interests(&canary).len(), planner.further_interests(&observed).len());
    observed.kept = Some(json!({"next": 0}));
    let (mut answers, mut servers) = (Answers::new(), Servers::new());
    for _ in 0..ROUNDS_MAX {
        match planner.plan(&observed, &answers, Moment::from_secs(1_800_000_000)) {
            Plan::Act(act) => return act,
            Plan::Ask(asks) => {
                answers.extend(asks.into_iter().map(|ask| (ask.id, servers.answer(&ask.question))));
            }
        }
    }
    panic!("questions without end");
}

/// Why the Canary is refused, if it is.
fn refusal(act: &Act) -> Option<String> {
    act.writes.iter().find_map(|write| {
        let Change::MergeStatus(patch) = &write.change else { return None };
        let conditions = patch["status"]["conditions"].as_array()?;
        let invalid = conditions.iter().find(|condition| condition["type"] == "Invalid")?;
        Some(invalid["message"].as_str().unwrap().to_owned())
    })
}

/// Every Canary that is published with Flagger, at the workload of these tests.
fn published() -> Vec<Value> {
    let Some(folder) = serin_needs::shared("compat/flagger") else { return Vec::new() };
    let (mut found, mut folders) = (Vec::new(), vec![folder]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|it| it == "yaml") {
                let text = std::fs::read_to_string(&entry).unwrap();
                // Definitions and charts are not of interest, and not all of them are plain YAML.
                if text.contains("\nkind: Canary")
                    && !text.contains("{{- ")
                    && !text.contains("CustomResourceDefinition")
                {
                    found.extend(
                        documents(&text).into_iter().map(|(_, it)| it).filter(|it| it["kind"] == "Canary"),
                    );
                }
            }
        }
    }
    found.sort_by_key(ToString::to_string);
    found.retain(|it| it["spec"]["targetRef"].is_object());
    for canary in &mut found {
        canary["metadata"] = json!({"name": "podinfo", "namespace": "test", "uid": "uid-of-canary"});
        canary["spec"]["targetRef"]["name"] = json!("podinfo");
    }
    found
}

/// The places in a value.
fn places(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, inner)| {
            places(inner, format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), found);
        }),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(index, inner)| places(inner, format!("{at}/{index}"), found));
        }
        _ => {}
    }
    found.push(at);
}

fn odd(dice: &mut Dice) -> Value {
    dice.one_of(&[
        Value::Null,
        json!(0),
        json!(-1),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(i32::MAX),
        json!(1e308),
        json!(2.5),
        json!(true),
        json!(""),
        json!("0s"),
        json!("-5m"),
        json!("99999999999999999999m"),
        json!("ünï\u{202e}\u{0}\u{7}\n\u{7f}"),
        json!("x".repeat(63)),
        json!("x".repeat(253)),
        json!("{{ range $i := variables }}{{ end }}"),
        json!([]),
        json!([1, [2], {}]),
        json!({}),
        json!({"a": {"b": "c"}}),
    ])
}

#[test]
fn whatever_is_changed_in_a_published_manifest_has_a_clear_answer() {
    let canaries = published();
    if canaries.is_empty() {
        return;
    }
    let begun = settled(&json!({})).world;
    let fresh = podinfo();
    let objects = |world: &crate::world::World| -> Vec<Object> {
        world.objects.iter().map(|(key, value)| Object::new(key.kind, value).unwrap()).collect()
    };
    let stages = [objects(&fresh), objects(&begun)];
    let (mut refused, mut ran) = (0, 0);
    for seed in 0..MUTANTS {
        let mut dice = Dice(seed);
        let mut canary = dice.one_of(&canaries);
        let stage = usize::from(dice.roll(3) != 0);
        if stage == 1 {
            canary["status"] = begun.canary["status"].clone();
            canary["status"]["phase"] = json!(dice.one_of(&[
                "Initialized",
                "Waiting",
                "Progressing",
                "WaitingPromotion",
                "Promoting",
                "Finalising",
                "Failed",
                "Terminating",
                "?",
            ]));
        }
        if dice.roll(12) == 0 {
            canary["metadata"]["deletionTimestamp"] = json!("2027-01-15T08:00:00Z");
            canary["metadata"]["finalizers"] = json!(["finalizer.flagger.app"]);
        }
        for _ in 0..=dice.roll(3) {
            let mut all = Vec::new();
            for part in ["spec", "status"] {
                places(&canary[part], format!("/{part}"), &mut all);
            }
            let place = dice.one_of(&all);
            if let Some(place) = canary.pointer_mut(&place) {
                *place = odd(&mut dice);
            }
        }
        let act = std::panic::catch_unwind(|| look(&canary, &stages[stage]));
        let Ok(act) = act else { panic!("seed {seed}: {canary}") };
        match refusal(&act) {
            Some(why) => {
                refused += 1;
                assert!(why.starts_with("spec"), "seed {seed}: {why}");
                assert!(why.len() < MESSAGE_MAX, "seed {seed}: {}", why.len());
            }
            None => ran += 1,
        }
    }
    assert!(200 < refused && 200 < ran, "{refused} {ran}");
}

#[test]
fn absurd_amounts_are_refused_by_name_or_run() {
    let objects: Vec<Object> =
        podinfo().objects.iter().map(|(key, value)| Object::new(key.kind, value).unwrap()).collect();
    let metric = |index: usize| json!({"name": "request-success-rate", "templateVariables": {"i": index.to_string()}, "thresholdRange": {"min": 99}});
    let metrics: Vec<Value> = (0..10_000).map(metric).collect();
    let long = "n".repeat(63);
    for (patch, words) in [
        (
            json!({"analysis": {"metrics": metrics}}),
            "spec.analysis.metrics: Invalid value: 10000: must not be more than 100",
        ),
        (
            json!({"analysis": {"webhooks": [{"name": "a", "url": "http://h/", "metadata": {"x": "y".repeat(1 << 20)}}]}}),
            "",
        ),
        (json!({"analysis": {"interval": "0s"}}), "spec.analysis.interval: Invalid value: \"0s\""),
        (json!({"analysis": {"interval": "-5m"}}), "spec.analysis.interval: Invalid value: \"-5m\""),
        (json!({"analysis": {"interval": "2000000h"}}), ""),
        (json!({"analysis": {"iterations": null, "stepWeight": i64::MAX}}), "spec.analysis.stepWeight"),
        (json!({"analysis": {"iterations": null, "stepWeight": i32::MAX}}), ""),
        (
            json!({"analysis": {"iterations": null, "stepWeights": [i64::MIN]}}),
            "spec.analysis.stepWeights[0]",
        ),
        (json!({"analysis": {"iterations": i32::MAX, "threshold": i32::MAX}}), ""),
        (json!({"progressDeadlineSeconds": i32::MAX}), ""),
        (json!({"service": {"port": i64::MAX}}), "spec.service.port"),
        (json!({"service": {"name": long}}), ""),
    ] {
        let mut canary = podinfo().canary;
        canary["spec"]["provider"] = json!("istio");
        merge(&mut canary["spec"], &patch);
        let act = look(&canary, &objects);
        let shown: String = patch.to_string().chars().take(80).collect();
        match refusal(&act) {
            None => assert!(words.is_empty() && !act.writes.is_empty(), "{shown}"),
            Some(why) => assert!(!words.is_empty() && why.starts_with(words), "{shown}: {why}"),
        }
    }
}
