//! Recorded scenarios, told as deeds.

use std::time::Duration;

use serde_json::Value;
use serin_api::kinds;

use crate::{
    cluster::Cluster,
    recorded::{self, Run},
    world::{documents, merge},
};

/// One thing that the author of a release, a server or the clock does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed {
    /// The next recorded patch is made.
    Patch,
    /// From now on this is the share of good answers.
    Rate(f64),
    /// From now on there are no answers to count.
    NoRate,
    /// From now on a hook answers so: each status once, the last one for good.
    Hook(&'static str, &'static [u16]),
    /// One of these phases is waited for.
    Phase(&'static [&'static str]),
    /// A hook has been asked so often.
    Asked(&'static str, usize),
    /// The run has got so far: a weight, or iterations where Services alone split the traffic.
    Far(i64, i64),
    /// Seconds pass.
    Wait(u64),
}

use Deed::{Asked, Far, Hook, NoRate, Patch, Phase, Rate, Wait};

const READY: Deed = Phase(&["Initialized"]);
const END: Deed = Phase(&["Succeeded", "Failed"]);
/// How long a deed waits at most.
const PATIENCE: Duration = Duration::from_secs(400);

/// What is done in a scenario.
pub(crate) fn deeds(scenario: &str) -> Vec<Deed> {
    let no: &[u16] = &[403];
    match scenario {
        "fail-metric" => vec![READY, Wait(1), Rate(95.5), Patch, END, Wait(22)],
        "no-values" => vec![READY, Wait(1), NoRate, Patch, END, Wait(22)],
        "fail-prerollout" => vec![Hook("acceptance", &[500]), READY, Wait(1), Patch, END],
        "skip-analysis" => vec![Hook("pre", &[500]), READY, Wait(1), Patch, END],
        "gate-rollout" => vec![
            Hook("gate", no),
            Hook("rb", no),
            READY,
            Wait(1),
            Patch,
            Phase(&["Waiting"]),
            Asked("gate", 3),
            Patch,
            Wait(25),
            Hook("gate", &[200]),
            Phase(&["Succeeded", "Failed", "Initialized"]),
        ],
        "gate-promotion" => vec![
            Hook("gate", no),
            READY,
            Wait(1),
            Patch,
            Phase(&["WaitingPromotion"]),
            Asked("gate", 3),
            Hook("gate", &[200]),
            END,
        ],
        "gate-traffic" => {
            vec![Hook("gate", no), READY, Wait(1), Patch, Asked("gate", 3), Hook("gate", &[200]), END]
        }
        "rollback-hook" => {
            vec![Hook("rb", no), READY, Wait(1), Patch, Asked("rb", 3), Hook("rb", &[200]), END]
        }
        "all-hooks" => vec![Hook("h-rollback", no), READY, Wait(1), Patch, END],
        "new-revision" => vec![READY, Wait(1), Patch, Far(20, 2), Patch, Wait(12), END],
        "suspend" => vec![READY, Wait(1), Patch, Far(10, 1), Patch, Wait(32), Patch, END],
        "lifecycle" => vec![
            READY,
            Wait(1),
            Rate(1.0),
            Patch,
            END,
            Wait(1),
            Patch,
            Wait(22),
            Patch,
            Phase(&["Progressing"]),
            END,
            Wait(1),
            Rate(100.0),
            Patch,
            Phase(&["Progressing"]),
            END,
        ],
        "webhook-codes" => vec![
            Hook("h", &[200, 201, 202, 203, 204, 206, 200]),
            READY,
            Wait(1),
            Patch,
            Asked("h", 1),
            Wait(5),
            Patch,
            END,
        ],
        _ => vec![READY, Wait(1), Patch, END],
    }
}

/// A scenario that was recorded, and what is patched in it.
pub(crate) struct Course {
    pub(crate) run: Run,
    patches: Vec<Value>,
    pub(crate) cluster: Cluster,
}

impl Course {
    /// The scenario at its beginning; none where there are no recordings.
    pub(crate) fn begin(name: &str) -> Option<Self> {
        let root = serin_needs::shared("recorded/flagger")?;
        let path = root.join(name);
        let run = recorded::read(&root, &path);
        let inputs = documents(&std::fs::read_to_string(path.join("inputs.yaml")).unwrap());
        let patches = inputs.into_iter().filter(|(comment, _)| comment.contains("# patch"));
        let mut patches: Vec<Value> = patches.map(|(_, body)| body).collect();
        patches.reverse();
        let canary = run.canaries().next().unwrap().clone();
        let mut world = run.world(&canary);
        world.canary["metadata"]["generation"] = 1.into();
        let cluster = Cluster::new(world);
        Some(Self { run, patches, cluster })
    }

    /// Does one thing.
    pub(crate) fn act(&mut self, deed: Deed) {
        let cluster = &mut self.cluster;
        let is_there = match deed {
            Patch => {
                let patch = self.patches.pop().expect("a recorded patch");
                change(cluster, &patch);
                true
            }
            Rate(rate) => {
                cluster.servers.rate = Some(rate);
                true
            }
            NoRate => {
                cluster.servers.rate = None;
                true
            }
            Hook(name, answers) => {
                cluster.servers.hooks.insert(name.to_owned(), answers.to_vec());
                true
            }
            Phase(phases) => cluster.until(PATIENCE, |it| phases.contains(&it.phase())),
            Asked(name, count) => cluster.until(PATIENCE, |it| Some(&count) <= it.servers.asked.get(name)),
            Far(weight, iterations) => cluster.until(PATIENCE, |it| {
                let number = |field: &str| it.status()[field].as_i64().unwrap_or(0);
                weight <= number("canaryWeight") || iterations <= number("iterations")
            }),
            Wait(seconds) => {
                cluster.live(Duration::from_secs(seconds));
                true
            }
        };
        assert!(is_there, "{deed:?} at {}: {:#?}", cluster.status(), cluster.seen.events);
    }

    /// Does all that the scenario has, and rests a while.
    pub(crate) fn play(&mut self, scenario: &str) {
        for deed in deeds(scenario) {
            self.act(deed);
        }
        self.act(Wait(2));
    }
}

fn change(cluster: &mut Cluster, input: &Value) {
    let (kind, name, patch) =
        (input["kind"].as_str().unwrap(), input["name"].as_str().unwrap(), &input["patch"]);
    let object = if kind == "Canary" {
        &mut cluster.world.canary
    } else {
        assert_eq!(kind, "Deployment");
        let key = cluster.world.key(kinds::DEPLOYMENT, name);
        cluster.world.objects.get_mut(&key).unwrap()
    };
    patched(object, patch);
}

/// Makes a recorded patch of either form.
pub(crate) fn patched(object: &mut Value, patch: &Value) {
    for step in patch.as_array().into_iter().flatten() {
        let place = step["path"].as_str().unwrap();
        let (parent, field) = place.rsplit_once('/').unwrap();
        let parent = object.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match step["op"].as_str().unwrap() {
            "remove" => drop(parent.remove(field)),
            _ => drop(parent.insert(field.to_owned(), step["value"].clone())),
        }
    }
    if patch.is_object() {
        merge(object, patch);
    }
    let generation = object["metadata"]["generation"].as_i64().unwrap();
    object["metadata"]["generation"] = (generation + 1).into();
}
