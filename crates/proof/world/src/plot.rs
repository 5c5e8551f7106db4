//! What happens in a world, and how it must end.
//!
//! Property: a world with faults ends as the same world without them. Mechanics: people act at random times among
//! faults; then the faults stop, one last update is made, and its end is compared, apart from times and numbers of
//! revisions, with that of a twin in which only the people acted.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::{Value, json};
use serin_rollout::commands::{self, Promotion};
use tokio::time::{Instant, sleep, sleep_until};

use crate::{
    Broken,
    deed::{self, Deed, Timed},
    fault::{Rates, Side},
    feature::{Features, ROLE},
    hand::{collection, rollout},
    judge::brief,
    seed::Seed,
    shape::Shape,
    view::{Selects, text},
    world::{Beginning, World},
};

/// How long the last update may take: its pauses, slow pods and delays are a quarter of this at the most.
const CONVERGES_WITHIN: Duration = Duration::from_mins(40);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// After the end of an update: the longest delay before pods go, and the farthest that the clock was wrong.
const SETTLES_WITHIN: Duration = Duration::from_mins(15);
/// How long nothing may be written at rest: several lives of a watch, and longer than any timer of ours but the day.
const RESTS_FOR: Duration = Duration::from_hours(1);
/// Accepted writes that no world of this size needs.
const WRITES_MAX: u64 = 1500;

/// The last thing that people do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finale {
    /// Nothing more: what was done so far comes to its end.
    Nothing,
    /// An update.
    Update,
    /// An update, and another one that is aborted at its pause.
    Abort,
    /// An update, and another one that is undone at its pause.
    Undo,
}

/// Everything that happens in one world.
#[derive(Clone, Debug)]
pub struct Plot {
    /// Where its chance comes from.
    pub seed: Seed,
    /// How it begins.
    pub beginning: Beginning,
    /// What people do.
    pub deeds: Vec<Timed>,
    /// What goes wrong by itself.
    pub nature: Vec<Timed>,
    /// How it ends.
    pub finale: Finale,
}

/// How a world ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    /// The Rollout and what is around it, apart from times and numbers of revisions.
    pub state: Value,
    /// Writes of controllers that were accepted.
    pub writes: u64,
    /// What happened.
    pub trace: Vec<String>,
}

impl Plot {
    /// The plot of a number.
    #[must_use]
    pub fn draw(number: u64) -> Self {
        let plain = Self::plain(number);
        let mut dice = plain.seed.child("features").dice();
        let mut plot = plain;
        plot.beginning.shape = plot.beginning.shape.featured(&mut dice);
        plot.deeds.extend(plot.beginning.shape.features.deeds(&mut dice));
        plot.deeds.sort_by_key(|(at, _)| *at);
        plot
    }

    /// The plot of a number without [features](crate::feature).
    #[must_use]
    pub fn plain(number: u64) -> Self {
        let seed = Seed::root(number);
        let shape = Shape::draw(&mut seed.child("shape").dice());
        let (deeds, nature) =
            deed::draw(&mut seed.child("people").dice(), &mut seed.child("nature").dice(), &shape);
        let rates = Rates::draw(&mut seed.child("rates").dice());
        let pods_fail = nature.iter().any(|(_, deed)| matches!(deed, Deed::CrashPod(_) | Deed::DeletePod(_)));
        let finale = seed.child("finale").dice().pick(&[Finale::Update, Finale::Abort, Finale::Undo]);
        let beginning = Beginning { shape, rates, crash_at: None, pods_fail };
        Self { seed, beginning, deeds, nature, finale }
    }

    /// The same without faults.
    #[must_use]
    pub fn without_faults(&self) -> Self {
        let beginning =
            Beginning { rates: Rates::default(), crash_at: None, pods_fail: false, ..self.beginning.clone() };
        Self { beginning, nature: Vec::new(), ..self.clone() }
    }

    /// The same with one crash around the write with this number, and nothing else.
    #[must_use]
    pub fn with_crash(&self, write: u64, side: Side) -> Self {
        let mut plot = self.without_faults();
        plot.beginning.crash_at = Some((write, side));
        plot
    }

    /// Plays it to its end.
    ///
    /// # Errors
    /// When a rule is broken, the last update does not come to its end, or anything is written at rest.
    pub async fn play(&self) -> Result<Ending, Broken> {
        let world = World::begin(self.seed, &self.beginning).await?;
        self.act(&world).await?;
        world.calm();
        world.weather.note("faults end");
        deed::heal(&world.hand).await;
        if self.beginning.shape.routed {
            deed::mend(&world.hand, self.features()).await;
        }
        if self.finale != Finale::Nothing {
            self.end(&world).await?;
        }
        sleep(SETTLES_WITHIN).await;
        world.verdict()?;
        let state = state(&world).await;
        rest(&world).await?;
        world.verdict()?;
        let writes = *world.weather.writes.lock();
        if WRITES_MAX < writes {
            return Err(Broken { rules: vec![format!("{writes} writes")], trace: world.trace() });
        }
        Ok(Ending { state, writes, trace: world.trace() })
    }

    async fn act(&self, world: &World) -> Result<(), Broken> {
        let began = Instant::now();
        let mut all: Vec<&Timed> = self.deeds.iter().chain(&self.nature).collect();
        all.sort_by_key(|(at, _)| *at);
        for (at, deed) in all {
            sleep_until(began + *at).await;
            world.weather.note(&format!("{deed:?}"));
            match deed {
                Deed::Clock(seconds) => world.clock_off(*seconds),
                Deed::SecondLeader(lasts) => world.second_leader(*lasts)?,
                deed => deed::perform(&world.hand, self.features(), deed).await,
            }
            world.weather.judge.lock().look();
        }
        // Controllers are still at work on the last deed when the faults end.
        sleep(Duration::from_secs(10)).await;
        world.verdict()
    }

    fn features(&self) -> &Features {
        &self.beginning.shape.features
    }

    /// Another image, and with it other fields of the Rollout: in one write when the template is its own.
    async fn update(&self, world: &World, image: &str, rest: Value) {
        let mut patch = rest;
        let lends = self.features().lender.is_some();
        if !lends {
            patch["spec"]["template"] = deed::image_patch(image)["spec"]["template"].take();
        }
        world.hand.patch(&rollout(), &patch).await;
        if lends {
            deed::set_image(&world.hand, self.features(), image).await;
        }
    }

    async fn end(&self, world: &World) -> Result<(), Broken> {
        world.weather.note("the last update");
        self.update(world, "app:final", json!({"spec": {"paused": false}})).await;
        until(world, "the last update", |object, image| is_healthy(object) && image == "app:final").await?;
        if self.finale == Finale::Update {
            return Ok(());
        }
        let steps = json!({"canary": {"steps": [{"setWeight": 30}, {"pause": {}}]}});
        world.weather.note("an update that will be withdrawn");
        self.update(world, "app:withdrawn", json!({"spec": {"strategy": steps}})).await;
        let is_paused =
            |object: &Value, _: &str| text(object, "/status/phase") == "Paused" && is_seen(object);
        wait(world, "the pause", is_paused, false).await?;
        world.weather.note(&format!("{:?}", self.finale));
        if self.finale == Finale::Abort {
            deed::change(&world.hand, commands::abort()).await;
            let is_aborted = |object: &Value, _: &str| {
                text(object, "/status/phase") == "Degraded"
                    && text(object, "/status/message").starts_with("RolloutAborted")
            };
            return wait(world, "the abort", is_aborted, false).await;
        }
        deed::set_image(&world.hand, self.features(), "app:final").await;
        wait(world, "the undo", |object, image| is_healthy(object) && image == "app:final", false).await
    }
}

fn is_seen(object: &Value) -> bool {
    let generation = object.pointer("/metadata/generation").and_then(Value::as_u64).unwrap_or(0);
    text(object, "/status/observedGeneration") == generation.to_string()
}

fn is_healthy(object: &Value) -> bool {
    let same = text(object, "/status/stableRS") == text(object, "/status/currentPodHash");
    is_seen(object) && same && text(object, "/status/phase") == "Healthy"
}

async fn until(world: &World, what: &str, done: impl Fn(&Value, &str) -> bool) -> Result<(), Broken> {
    wait(world, what, done, true).await
}

/// Waits until the Rollout, with the image of its stable version, is as wanted; ends pauses that need a person.
async fn wait(
    world: &World,
    what: &str,
    done: impl Fn(&Value, &str) -> bool,
    drives: bool,
) -> Result<(), Broken> {
    let end = Instant::now() + CONVERGES_WITHIN;
    while Instant::now() < end {
        sleep(LOOK_EVERY).await;
        world.verdict()?;
        let (is_done, is_waiting) = {
            let mut judge = world.weather.judge.lock();
            let Some((object, image)) = judge.news() else { continue };
            (done(object, &image), waits_for_person(object))
        };
        if is_done {
            return Ok(());
        }
        if drives && is_waiting {
            deed::promote(&world.hand, Promotion::Next).await;
        }
    }
    let object = world.hand.get(&rollout()).await;
    let view = world.weather.judge.lock().look();
    let rule = format!(
        "{what} never came\n  {}\n  {}\n  spec.paused {} steps {}",
        brief(&view),
        object["status"],
        object["spec"]["paused"],
        object["spec"]["strategy"]
    );
    Err(Broken { rules: vec![rule], trace: world.trace() })
}

fn waits_for_person(object: &Value) -> bool {
    let index = object.pointer("/status/currentStepIndex").and_then(Value::as_u64).unwrap_or(0);
    let step = object.pointer(&format!("/spec/strategy/canary/steps/{index}/pause"));
    let is_endless = step.is_some_and(|pause| pause.get("duration").is_none());
    let conditions = object.pointer("/status/pauseConditions").and_then(Value::as_array);
    is_endless && conditions.is_some_and(|all| !all.is_empty())
}

async fn rest(world: &World) -> Result<(), Broken> {
    let count = || (*world.weather.writes.lock(), *world.weather.requests.lock());
    let before = count();
    world.weather.note("rest");
    sleep(RESTS_FOR).await;
    let after = count();
    if before == after {
        return Ok(());
    }
    let rule = format!("at rest {} writes and {} requests were made", after.0 - before.0, after.1 - before.1);
    Err(Broken { rules: vec![rule], trace: world.trace() })
}

/// The world apart from times, hashes, numbers of revisions, and versions that are no longer wanted.
async fn state(world: &World) -> Value {
    let object = world.hand.get(&rollout()).await;
    let view = world.weather.judge.lock().look();
    let images: BTreeMap<&str, &str> =
        view.ours().map(|set| (set.hash.as_str(), set.image.as_str())).collect();
    let image =
        |hash: &str| images.get(hash).copied().unwrap_or(if hash.is_empty() { "" } else { "unknown" });
    let selects = |by: &Selects| match by {
        Selects::Absent => "absent".to_owned(),
        Selects::All => "all".to_owned(),
        Selects::Hash(hash) => image(hash).to_owned(),
    };
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let conditions: BTreeMap<String, String> = conditions
        .into_iter()
        .flatten()
        // Whether a Rollout has ever been healthy before its last update depends on when old pods went.
        .filter(|c| text(c, "/type") != "Healthy" || text(c, "/status") == "True")
        .map(|c| (text(c, "/type").to_owned(), format!("{} {}", text(c, "/status"), text(c, "/reason"))))
        .collect();
    let sets: BTreeMap<&str, (u64, u64)> = view
        .ours()
        .filter(|set| 0 < set.wanted)
        .map(|set| (set.image.as_str(), (set.wanted, set.ready)))
        .collect();
    let status = &object["status"];
    let pods: Vec<Value> = world
        .hand
        .items(&collection("pods"))
        .await
        .into_iter()
        .filter(|pod| !hash_of(pod).is_empty())
        .collect();
    let roles: BTreeSet<String> = pods
        .iter()
        .map(|pod| format!("{} {}", image(hash_of(pod)), text(pod, &format!("/metadata/labels/{ROLE}"))))
        .collect();
    json!({
        "phase": status["phase"],
        "message": text(status, "/message").split(" revision ").next(),
        "conditions": conditions,
        "index": status["currentStepIndex"],
        "pauses": status["pauseConditions"],
        "abort": status["abort"],
        "counts": [status["replicas"], status["updatedReplicas"], status["readyReplicas"], status["availableReplicas"]],
        "stable": image(text(status, "/stableRS")),
        "current": image(text(status, "/currentPodHash")),
        "weights": [status["canary"]["weights"]["canary"]["weight"], status["canary"]["weights"]["stable"]["weight"]],
        "sets": sets,
        "pods": pods.len(),
        "roles": roles,
        "services": [selects(&view.canary), selects(&view.stable)],
        "weight": [view.weight, view.weight_least],
    })
}

fn hash_of(pod: &Value) -> &str {
    text(pod, "/metadata/labels/rollouts-pod-template-hash")
}
