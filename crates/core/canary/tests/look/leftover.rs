//! Clusters as Flagger's controller left them: every state that was recorded of it is taken over, and no run starts by itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, brief},
    course::patched,
    recorded::{self, Run},
    world::{World, documents},
};

/// Says that a run begins.
const NEW: &str = "New revision detected";
/// The first look after the change of controllers comes within an interval of ten seconds.
const LOOKS: Duration = Duration::from_secs(11);

/// A cluster that Flagger has left.
struct LeftOver {
    run: String,
    world: World,
    /// Whether somebody has changed what runs since Flagger last wrote.
    is_changed: bool,
}

impl LeftOver {
    fn phase(&self) -> &str {
        self.world.canary["status"]["phase"].as_str().unwrap_or_default()
    }

    fn called(&self) -> String {
        let changed = if self.is_changed { ", changed since" } else { "" };
        format!("{} at {}{changed}", self.run, brief(&self.world.canary["status"]))
    }

    /// Serin on it. Gates before a run are closed, and nobody asks for a roll back.
    fn taken_over(self) -> Cluster {
        let hooks = self.world.canary["spec"]["analysis"]["webhooks"].clone();
        let mut cluster = Cluster::new(self.world);
        // What Flagger did before is not judged.
        cluster.is_guarded = false;
        for hook in hooks.as_array().into_iter().flatten() {
            if hook["type"] == "rollback" || hook["type"] == "confirm-rollout" {
                let name = hook["url"].as_str().unwrap().rsplit('/').next().unwrap();
                cluster.servers.hooks.insert(name.to_owned(), vec![403]);
            }
        }
        cluster
    }
}

/// A recording as it is played back.
struct Playback {
    run: Run,
    world: World,
    /// How many states of each object have come.
    come: BTreeMap<(String, String), usize>,
    patches: std::vec::IntoIter<Value>,
    statuses: std::vec::IntoIter<Value>,
    is_changed: bool,
}

impl Playback {
    fn begin(root: &Path, path: &Path) -> Self {
        let run = recorded::read(root, path);
        let text = fs::read_to_string(path.join("inputs.yaml")).unwrap();
        let patches = documents(&text).into_iter().filter(|(comment, _)| comment.contains("# patch"));
        let statuses = fs::read_to_string(path.join("status.jsonl")).unwrap_or_default();
        let statuses = statuses.replace("<time>", "2027-01-15T07:00:00Z");
        let statuses: Vec<Value> = statuses.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut world = World::new(run.canaries().next().unwrap());
        world.canary["metadata"]["generation"] = json!(1);
        Self {
            patches: patches.map(|(_, body)| body).collect::<Vec<_>>().into_iter(),
            statuses: statuses.into_iter(),
            come: BTreeMap::new(),
            is_changed: false,
            run,
            world,
        }
    }

    /// Takes in one line of the timeline; whether Flagger has written another status.
    fn take_in(&mut self, line: &str) -> bool {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, _, what, rest @ ..] = &words[..] else { return false };
        match (*what, rest) {
            ("object" | "deleted", [name, ..]) => self.next_state(name),
            ("action", ["patch", name, ..]) => self.patch(name),
            ("status", [_, ..]) => return self.next_status(),
            _ => {}
        }
        false
    }

    fn next_state(&mut self, name: &str) {
        let (kind, name) = name.split_once('/').unwrap();
        let key = (kind.to_owned(), name.to_owned());
        let Some(states) = self.run.objects.get(&key) else { return };
        let come = self.come.entry(key).or_default();
        let (state, before) = (states.get(*come), come.checked_sub(1).and_then(|at| states.get(at)));
        *come += 1;
        match state {
            Some(state) if !state.is_null() => {
                let mut state = state.clone();
                for owner in state
                    .pointer_mut("/metadata/ownerReferences")
                    .and_then(Value::as_array_mut)
                    .into_iter()
                    .flatten()
                {
                    if owner["name"] == self.world.canary["metadata"]["name"] {
                        owner["uid"] = self.world.canary["metadata"]["uid"].clone();
                    }
                }
                self.ask_for(&mut state);
                self.world.put(&state);
            }
            _ => {
                let is_it = |value: &Value| {
                    before.is_some_and(|was| {
                        value["kind"] == was["kind"] && value["metadata"]["name"] == was["metadata"]["name"]
                    })
                };
                self.world.objects.retain(|_, value| !is_it(value));
            }
        }
    }

    /// An API server shows an object in the version that is asked for; recorded is the one in which it is stored.
    fn ask_for(&self, state: &mut Value) {
        let provider = self.world.canary["spec"]["provider"].as_str().unwrap_or_default();
        let version = match provider {
            "appmesh" => "v1beta1",
            "osm" => "v1alpha2",
            "linkerd" => "v1alpha1",
            _ => provider.split_once(':').map_or("", |(_, version)| version),
        };
        let group = state["apiVersion"].as_str().unwrap().split_once('/').map_or("", |(group, _)| group);
        let is_routing =
            ["appmesh.k8s.aws", "gateway.networking.k8s.io", "split.smi-spec.io"].contains(&group);
        if is_routing && !version.is_empty() {
            state["apiVersion"] = json!(format!("{group}/{version}"));
        }
    }

    fn patch(&mut self, name: &str) {
        let input = self.patches.next().unwrap();
        assert_eq!(format!("{}/{}", input["kind"].as_str().unwrap(), input["name"].as_str().unwrap()), name);
        if input["kind"] == "Canary" {
            patched(&mut self.world.canary, &input["patch"]);
        } else {
            self.is_changed = true;
        }
    }

    fn next_status(&mut self) -> bool {
        let mut status = self.statuses.next().unwrap();
        let name = status.as_object_mut().unwrap().remove("canary");
        if name.as_ref() != Some(&self.world.canary["metadata"]["name"]) {
            return false;
        }
        self.is_changed = false;
        self.world.canary["status"] = status;
        if self.world.canary["status"]["phase"] == "Terminating" {
            self.world.canary["metadata"]["deletionTimestamp"] = json!("2027-01-15T07:00:00Z");
            self.world.canary["metadata"]["finalizers"] = json!(["finalizer.flagger.app"]);
        }
        true
    }

    fn left_over(&self, root: &Path, path: &Path) -> LeftOver {
        LeftOver {
            run: path.strip_prefix(root).unwrap().display().to_string(),
            world: self.world.clone(),
            is_changed: self.is_changed,
        }
    }
}

/// Every recording at each status that Flagger has written, and at its end.
fn all() -> Vec<LeftOver> {
    let Some(root) = serin_needs::shared("recorded/flagger") else { return Vec::new() };
    let mut found = Vec::new();
    for path in recorded::folders(&root).iter().flat_map(|provider| recorded::folders(provider)) {
        let Ok(timeline) = fs::read_to_string(path.join("timeline.txt")) else { continue };
        let mut playback = Playback::begin(&root, &path);
        for line in timeline.lines() {
            if playback.take_in(line) {
                found.push(playback.left_over(&root, &path));
            }
        }
        found.push(playback.left_over(&root, &path));
    }
    // The status alone is written anew by Flagger where it changed nothing.
    let mut seen = BTreeSet::new();
    found.retain(|one| seen.insert(one.called()));
    found
}

#[test]
fn no_recorded_state_starts_a_run_by_itself() {
    let (mut wrong, mut phases, mut count) = (Vec::new(), BTreeMap::new(), 0);
    for left in all().into_iter().filter(|left| !left.is_changed) {
        let called = left.called();
        *phases.entry(left.phase().to_owned()).or_insert(0) += 1;
        let mut cluster = left.taken_over();
        cluster.live(LOOKS);
        count += 1;
        let told: Vec<&String> = cluster.seen.events.iter().filter(|event| event.contains(NEW)).collect();
        if !told.is_empty() {
            wrong.push(format!("{called}: {told:?}, {:#?}", cluster.seen.events));
        }
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    let known = [
        "",
        "Failed",
        "Finalising",
        "Initialized",
        "Initializing",
        "Progressing",
        "Promoting",
        "Succeeded",
        "Terminating",
        "Waiting",
        "WaitingPromotion",
    ];
    assert!(count == 0 || phases.keys().eq(known.iter()), "{phases:?}");
    println!("{count} states: {phases:?}");
}
