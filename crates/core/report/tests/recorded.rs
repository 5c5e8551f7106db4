//! The screens must equal, to the last space, those that Argo's plugin printed of the same objects.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
// The recordings are files beside the checkout: reading them is this test's edge.
#![allow(clippy::disallowed_methods)]

use std::fs;

use serde_json::{Value, json};
use serin_kernel::Moment;
use serin_report::{
    paint::Paint,
    rollout::{Info, Listing, Snapshot, details, list},
};

/// When the recording began: ages are counted back from an arbitrary later moment.
const NOW: i64 = 1_900_000_000;

fn section<'a>(text: &'a str, name: &str) -> &'a str {
    let start = text.find(&format!("== {name}\n")).expect(name) + name.len() + 4;
    let end = text[start..].find("\n== ").map_or(text.len(), |end| start + end + 1);
    &text[start..end]
}

fn seconds(age: &str) -> i64 {
    let (mut total, mut number) = (0, 0);
    for character in age.chars() {
        if let Some(digit) = character.to_digit(10) {
            number = number * 10 + i64::from(digit);
        } else {
            let units = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];
            total += number * units.iter().find(|(unit, _)| *unit == character).unwrap().1;
            number = 0;
        }
    }
    total
}

fn born(age: &str) -> String {
    Moment::from_secs(NOW - seconds(age)).to_string()
}

/// The image of each hash in the recorded story.
fn image(hash: &str) -> &'static str {
    match hash {
        "f6d69c8cd" => "demo:blue",
        "84dd7c785d" => "demo:yellow",
        "64f8878895" => "demo:red",
        other => panic!("unknown hash {other}"),
    }
}

fn owner(uid: &str) -> Value {
    json!([{"uid": uid, "controller": true}])
}

/// Rebuilds the objects from what else the recording says of them; only ages and pod words come from the screen.
fn snapshot(text: &str) -> Snapshot {
    let tree = section(text, "get rollout (plugin)");
    let rows: Vec<Vec<&str>> = tree.lines().map(|line| line.split_whitespace().collect()).collect();
    let age_of = |name: &str| {
        let row = rows.iter().find(|row| row.contains(&name) && 5 <= row.len()).expect(name);
        let at = row
            .iter()
            .position(|cell| *cell == "Rollout" || *cell == "ReplicaSet" || *cell == "Pod")
            .unwrap();
        row[at + 3].to_owned()
    };
    let mut rollout: Value = serde_saphyr::from_str(section(text, "rollout yaml")).unwrap();
    rollout["metadata"]["creationTimestamp"] = json!(born(&age_of("demo")));
    let uid = rollout["metadata"]["uid"].as_str().unwrap().to_owned();
    let mut sets = Vec::new();
    for line in section(text, "replica sets").lines().filter(|line| !line.is_empty()) {
        let (name, rest) = line.split_once(" spec ").unwrap();
        let (replicas, rest) = rest.split_once(" status ").unwrap();
        let (status, rest) = rest.split_once(" labels ").unwrap();
        let (labels, annotations) = rest.split_once(" annotations ").unwrap();
        let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let mut annotations = parse(annotations);
        let row = rows.iter().find(|row| row.contains(&name)).expect(name);
        let delay = row.last().unwrap().split("delay:").nth(1);
        if let (Some(delay), Some(_)) = (delay, annotations.get("scale-down-deadline")) {
            annotations["scale-down-deadline"] = json!(Moment::from_secs(NOW + seconds(delay)).to_string());
        }
        let hash = name.rsplit('-').next().unwrap();
        sets.push(json!({
            "metadata": {
                "name": name, "uid": name, "labels": parse(labels), "annotations": annotations,
                "creationTimestamp": born(&age_of(name)), "ownerReferences": owner(&uid)
            },
            "spec": {"replicas": replicas.parse::<i64>().unwrap(), "template": {"spec": {"containers": [{"image": image(hash)}]}}},
            "status": parse(status)
        }));
    }
    let pods = rows.iter().filter(|row| row.contains(&"Pod"));
    let mut pods: Vec<Value> = pods
        .map(|row| {
            let at = row.iter().position(|cell| *cell == "Pod").unwrap();
            let name = row[at - 1];
            let set = name.rsplit_once('-').unwrap().0;
            json!({
                "metadata": {"name": name, "creationTimestamp": born(row[at + 3]), "ownerReferences": owner(set)},
                "spec": {"containers": [{}]},
                "status": {"phase": row[at + 2], "containerStatuses": [{"ready": true, "state": {"running": {}}}]}
            })
        })
        .collect();
    pods.reverse();
    Snapshot { rollout, replica_sets: sets, pods, now: NOW }
}

#[test]
fn screens_must_equal_the_recorded_ones() {
    let Some(folder) = serin_needs::shared("recorded/argo-rollouts") else { return };
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut compared = 0;
    for file in files {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        if !text.starts_with("== get rollout") {
            continue;
        }
        let info = Info::new(&snapshot(&text));
        let expected = section(&text, "get rollout (plugin)");
        assert_eq!(
            details(&info, Paint::Plain).trim_end_matches('\n'),
            expected.trim_end_matches('\n'),
            "{file:?}"
        );
        let expected = section(&text, "list rollouts");
        let listed = list(&[info], Listing::default());
        assert_eq!(listed.trim_end_matches('\n'), expected.trim_end_matches('\n'), "{file:?}");
        compared += 1;
    }
    assert!(10 <= compared, "only {compared} screens were found");
}
