//! The recorded story of Argo's controller, told again: the same status at each point, but for times and hashes.
//!
//! Two differences are wanted and listed in docs/differences.md: the canary Service does not flip-flop after an abort
//! (A17.1), and no `resources: {}` is put into anybody's template (A17.4).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::needless_pass_by_value)]
// The recordings are files beside the project.
#![allow(clippy::disallowed_methods, clippy::format_collect)]

mod world;

use serde_json::{Value, json};
use serin_api::kinds;
use serin_kernel::Key;
use world::World;

/// The manifests of the recorded story.
fn seed(world: &mut World) -> Key {
    for name in ["demo-canary", "demo-stable"] {
        let ports = json!([{"port": 80, "targetPort": "http", "protocol": "TCP", "name": "http"}]);
        world.create(
            kinds::SERVICE,
            json!({"metadata": {"name": name}, "spec": {"ports": ports, "selector": {"app": "demo"}}}),
        );
    }
    let path = |path: &str, service: &str| json!({"path": path, "pathType": "Prefix", "backend": {"service": {"name": service, "port": {"number": 80}}}});
    let annotations = json!({"kubernetes.io/ingress.class": "nginx", "example.com/team": "web"});
    let rule =
        json!({"host": "demo.local", "http": {"paths": [path("/", "demo-stable"), path("/other", "other")]}});
    world.create(
        kinds::INGRESS,
        json!({"metadata": {"name": "demo", "annotations": annotations}, "spec": {"rules": [rule]}}),
    );
    let pause = json!({"pause": {"duration": "10s"}});
    world.create(
        kinds::ROLLOUT,
        json!({
            "metadata": {"name": "demo"},
            "spec": {
                "replicas": 4,
                "revisionHistoryLimit": 3,
                "selector": {"matchLabels": {"app": "demo"}},
                "template": {
                    "metadata": {"labels": {"app": "demo"}},
                    "spec": {"containers": [{
                        "name": "web",
                        "image": "demo:blue",
                        "ports": [{"name": "http", "containerPort": 8080}],
                    }]},
                },
                "strategy": {"canary": {
                    "canaryService": "demo-canary",
                    "stableService": "demo-stable",
                    "trafficRouting": {"nginx": {"stableIngress": "demo"}},
                    "steps": [
                        {"setWeight": 25}, {"pause": {}}, {"setWeight": 50}, pause.clone(), {"setWeight": 75}, pause,
                    ],
                }},
            },
        }),
    )
}

fn image(world: &mut World, key: &Key, image: &str) {
    let mut containers = world.get(key)["spec"]["template"]["spec"]["containers"].clone();
    containers[0]["image"] = json!(image);
    world.patch(key, &json!({"spec": {"template": {"spec": {"containers": containers}}}}));
}

fn is(world: &World, key: &Key, phase: &str, index: i64) -> bool {
    let status = &world.get(key)["status"];
    status["phase"] == phase
        && status["currentStepIndex"] == index
        && status["observedGeneration"].as_str()
            == Some(&*world.get(key)["metadata"]["generation"].to_string())
}

/// The status without what differs from run to run: times, hashes (named after the image), generations.
fn essence(world: &World, status: &Value) -> String {
    let mut text = serde_json::to_string(&stripped(status)).unwrap();
    for set in world.all(kinds::REPLICA_SET) {
        let hash = set["metadata"]["labels"]["rollouts-pod-template-hash"].as_str().unwrap();
        let image = set["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap();
        text = text.replace(hash, image);
    }
    text
}

/// Sorts conditions by type and takes times away.
fn stripped(status: &Value) -> Value {
    let mut status = status.clone();
    let fields = status.as_object_mut().unwrap();
    for field in ["observedGeneration", "abortedAt", "restartedAt"] {
        fields.shift_remove(field);
    }
    if fields.get("abort") == Some(&json!(false)) {
        fields.shift_remove("abort");
    }
    if let Some(duration) = fields.get_mut("duration").and_then(Value::as_object_mut) {
        duration.retain(|field, _| field == "completionStatus");
    }
    for list in ["conditions", "pauseConditions"] {
        for entry in fields.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            entry.as_object_mut().unwrap().retain(|field, _| !field.contains("Time"));
        }
    }
    if let Some(conditions) = fields.get_mut("conditions").and_then(Value::as_array_mut) {
        conditions.sort_by_key(|condition| condition["type"].as_str().unwrap().to_owned());
    }
    let mut sorted: Vec<(String, Value)> = fields.iter().map(|(k, v)| (k.clone(), sorted(v))).collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    Value::Object(sorted.into_iter().collect())
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(String, Value)> =
                fields.iter().map(|(k, v)| (k.clone(), sorted(v))).collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(fields.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

/// The status in one of the recorded snapshots.
fn recorded(snapshot: &str) -> Option<Value> {
    let folder = serin_needs::shared("recorded/argo-rollouts")?;
    let file = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .find(|path| path.to_string_lossy().contains(snapshot))
        .unwrap();
    let text = std::fs::read_to_string(file).unwrap();
    let yaml = text.split("== rollout yaml\n").nth(1)?.split("\n== ").next()?;
    let from = yaml.find("\nstatus:\n")? + "\nstatus:\n".len();
    Some(world::yaml::read(&yaml[from..]))
}

fn same(world: &World, key: &Key, snapshot: &str) {
    let Some(recorded) = recorded(snapshot) else { return };
    let hashes = [("f6d69c8cd", "demo:blue"), ("84dd7c785d", "demo:yellow"), ("64f8878895", "demo:red")];
    let mut wanted = serde_json::to_string(&stripped(&recorded)).unwrap();
    for (hash, image) in hashes {
        wanted = wanted.replace(hash, image);
    }
    let is = essence(world, &world.get(key)["status"]);
    let pretty =
        |text: &str| serde_json::to_string_pretty(&serde_json::from_str::<Value>(text).unwrap()).unwrap();
    assert!(is == wanted, "snapshot {snapshot}\n{}", difference(&pretty(&is), &pretty(&wanted)));
}

/// The lines that differ, those that are first.
fn difference(is: &str, wanted: &str) -> String {
    let only = |of: &str, other: &str, mark: &str| {
        let lines = of.lines().filter(|line| !other.lines().any(|o| o == *line));
        lines.map(|line| format!("{mark} {line}\n")).collect::<String>()
    };
    only(is, wanted, "is") + &only(wanted, is, "wanted")
}

#[test]
fn the_recorded_story_has_the_recorded_statuses() {
    let mut w = World::new();
    w.ready_after = Box::new(|_| Some(2));
    let key = seed(&mut w);
    w.until("healthy", |w| is(w, &key, "Healthy", 6));
    w.wait(2);
    same(&w, &key, "01-initial-healthy");

    image(&mut w, &key, "demo:yellow");
    w.until("paused", |w| is(w, &key, "Paused", 1));
    w.wait(1);
    same(&w, &key, "03-paused-25");

    w.patch(&key, &json!({"status": {"pauseConditions": null}}));
    w.until("paused", |w| is(w, &key, "Paused", 3));
    w.wait(1);
    same(&w, &key, "06-paused-50");
    w.until("paused", |w| is(w, &key, "Paused", 5));
    w.wait(1);
    same(&w, &key, "07-paused-75");
    w.until("healthy", |w| is(w, &key, "Healthy", 6));
    w.wait(1);
    same(&w, &key, "08-healthy");

    w.wait(8);
    image(&mut w, &key, "demo:red");
    w.until("paused", |w| is(w, &key, "Paused", 1));
    w.patch(&key, &json!({"status": {"abort": true}}));
    w.until("degraded", |w| is(w, &key, "Degraded", 0));
    w.wait(2);
    same(&w, &key, "11-aborted");
    let canary =
        &w.get(&kinds::SERVICE.key("seed", "demo-canary"))["spec"]["selector"]["rollouts-pod-template-hash"];
    assert_eq!(
        *canary,
        w.get(&key)["status"]["stableRS"],
        "mended: the canary Service stays with the stable pods"
    );

    w.wait(16);
    w.patch(&key, &json!({"status": {"abort": false}}));
    w.wait(1);
    w.until("paused", |w| is(w, &key, "Paused", 1));
    w.wait(1);
    same(&w, &key, "14-after-retry");

    w.wait(7);
    w.patch(&key, &json!({"status": {"promoteFull": true}}));
    w.until("healthy", |w| is(w, &key, "Healthy", 6));
    w.wait(1);
    same(&w, &key, "16-after-promote-full");

    w.wait(7);
    image(&mut w, &key, "demo:yellow");
    w.until("paused", |w| is(w, &key, "Paused", 1));
    same(&w, &key, "18-after-undo");
    w.wait(5);
    image(&mut w, &key, "demo:red");
    w.wait(1);
    w.until("healthy", |w| is(w, &key, "Healthy", 6));
    same(&w, &key, "20-after-undo-to-stable");

    w.wait(4);
    w.patch(&key, &json!({"spec": {"paused": true}}));
    w.wait(1);
    assert_eq!(w.get(&key)["status"]["message"], "manually paused");
    w.patch(&key, &json!({"spec": {"paused": false}}));
    w.wait(1);
    let now = w.now.to_string();
    w.patch(&key, &json!({"spec": {"restartAt": now}}));
    w.wait(3);
    assert_eq!(w.get(&key)["status"]["message"], "rollout is restarting");
    w.wait(60);
    same(&w, &key, "26-final");

    let texts: Vec<String> =
        w.heard.iter().map(|(kind, reason, text)| format!("{kind} {reason} {text}")).collect();
    tell(&w, texts);
}

/// The recorded events (the first 25; then Argo's own filter drops them) in their order.
fn tell(world: &World, mut texts: Vec<String>) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared/recorded/argo-rollouts/events.txt");
    let Ok(recorded) = std::fs::read_to_string(folder) else { return };
    for set in world.all(kinds::REPLICA_SET) {
        let hash = set["metadata"]["labels"]["rollouts-pod-template-hash"].as_str().unwrap();
        let image = set["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap();
        for text in &mut texts {
            *text = text.replace(hash, image);
        }
    }
    let wanted: Vec<String> = recorded
        .lines()
        .filter(|line| line.starts_with("Rollout "))
        .map(|line| {
            let mut words = line.split_whitespace().skip(1);
            let (kind, reason) = (words.next().unwrap(), words.next().unwrap());
            let text = line.split_once(" x1 ").unwrap().1;
            let text = text.replace("f6d69c8cd", "demo:blue").replace("84dd7c785d", "demo:yellow");
            format!("{kind} {reason} {text}")
        })
        .collect();
    let normal =
        |texts: &[String]| texts.iter().filter(|t| t.starts_with("Normal")).cloned().collect::<Vec<_>>();
    let (wanted, heard) = (normal(&wanted), normal(&texts));
    assert_eq!(heard[..wanted.len()], wanted[..]);
    assert!(texts.iter().any(|text| text == "Warning RolloutAborted Rollout aborted update to revision 3"));
}
