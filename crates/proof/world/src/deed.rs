//! What people and pods do in a world, and when.

use std::time::Duration;

use serde_json::{Value, json};
use serin_kernel::Change;
use serin_rollout::commands::{self, Promotion};

use crate::{
    feature::Features,
    hand::{Hand, collection, rollout},
    seed::Dice,
    shape::{self, Shape, container},
    view::text,
};

/// The latest time of a deed.
const DEEDS_LAST_SEC: u64 = 300;
/// Long enough for what a person has broken to be noticed, short enough to be mended within the world.
const MENDED_AFTER_SEC: u64 = 60;
/// Makes a running pod of the node double exit again and again.
const CRASH: &str = "serin.dev/crash";

/// One thing that somebody does.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// Another image.
    Image(String),
    /// The image of the stable version again.
    Undo,
    /// Stop the update.
    Abort,
    /// Begin it again.
    Retry,
    /// Go on.
    Promote(Promotion),
    /// Another number of pods.
    Scale(u64),
    /// Another number of pods, by the scale subresource.
    Autoscale(u64),
    /// Other labels of the roles.
    Dress(Value),
    /// Other steps.
    Steps(Value),
    /// Hold everything.
    Pause,
    /// Let it go on.
    Resume,
    /// Delete one of the two Services.
    DropService(&'static str),
    /// Bring both Services and the Ingress back.
    Mend,
    /// Delete the Ingress.
    DropIngress,
    /// Put a Rollout beside this one that must be refused.
    Odd(u64),
    /// A pod begins to crash.
    CrashPod(u64),
    /// A pod is deleted.
    DeletePod(u64),
    /// Step the controller's clock to so many seconds off.
    Clock(i64),
    /// A second controller works for so long.
    SecondLeader(Duration),
}

/// What happens, and how long after the beginning.
pub type Timed = (Duration, Deed);

/// Draws what people do, and apart from it what goes wrong by itself.
pub fn draw(people: &mut Dice, nature: &mut Dice, shape: &Shape) -> (Vec<Timed>, Vec<Timed>) {
    let mut deeds = Vec::new();
    for number in 1..=people.between(1, 7) {
        let at = people.millis(10_000, DEEDS_LAST_SEC * 1000);
        let deed = person(people, shape, number);
        if matches!(deed, Deed::DropService(_) | Deed::DropIngress) {
            deeds.push((at + people.millis(1_000, MENDED_AFTER_SEC * 1000), Deed::Mend));
        }
        deeds.push((at, deed));
    }
    let mut faults = Vec::new();
    for _ in 0..nature.between(0, 3) {
        let at = nature.millis(5_000, DEEDS_LAST_SEC * 1000);
        let deed = match nature.between(0, 5) {
            0 => Deed::CrashPod(nature.between(0, 99)),
            1 => Deed::DeletePod(nature.between(0, 99)),
            2 | 3 => Deed::Clock(nature.between(0, 1200) as i64 - 600),
            _ => Deed::SecondLeader(nature.millis(1_000, 60_000)),
        };
        faults.push((at, deed));
    }
    deeds.sort_by_key(|(at, _)| *at);
    (deeds, faults)
}

fn person(dice: &mut Dice, shape: &Shape, number: u64) -> Deed {
    match dice.between(0, 29) {
        0..=9 => {
            let word = dice.pick(&["", "", "", "-ready3s", "-ready20s", "-ready90s"]);
            let name = if dice.chance(80) {
                format!("app:never-ready{number}")
            } else {
                format!("app:v{number}{word}")
            };
            Deed::Image(name)
        }
        10 | 11 => Deed::Undo,
        12 | 13 => Deed::Abort,
        14 | 15 => Deed::Retry,
        16..=18 => Deed::Promote(Promotion::Next),
        19 => Deed::Promote(Promotion::Full),
        20 => Deed::Promote(Promotion::AllSteps),
        21 | 22 => Deed::Scale(dice.between(0, 6)),
        23 => Deed::Steps(shape::steps(dice)),
        24 => Deed::Pause,
        25 => Deed::Resume,
        26 if shape.routed => Deed::DropService(dice.pick(&["canary", "stable"])),
        27 if shape.routed => Deed::DropIngress,
        28 => Deed::Odd(dice.between(0, 99)),
        _ => Deed::Image(format!("app:v{number}")),
    }
}

/// The patch that gives a template this image.
#[must_use]
pub fn image_patch(image: &str) -> Value {
    json!({"spec": {"template": {"spec": {"containers": [container(image)]}}}})
}

/// Gives the object that has the template this image.
pub async fn set_image(hand: &Hand, features: &Features, image: &str) {
    hand.patch(&features.template_owner(), &image_patch(image)).await;
}

/// Does what needs nothing but the API.
pub async fn perform(hand: &Hand, features: &Features, deed: &Deed) {
    let path = rollout();
    match deed {
        Deed::Image(image) => set_image(hand, features, image).await,
        Deed::Undo => {
            if let Some(image) = stable_image(hand).await {
                set_image(hand, features, &image).await;
            }
        }
        Deed::Autoscale(replicas) => {
            hand.patch(&format!("{path}/scale"), &json!({"spec": {"replicas": replicas}})).await;
        }
        Deed::Dress(roles) => {
            hand.patch(&path, &json!({"spec": {"strategy": {"canary": roles}}})).await;
        }
        Deed::Abort => change(hand, commands::abort()).await,
        Deed::Retry => change(hand, commands::retry()).await,
        Deed::Promote(promotion) => promote(hand, *promotion).await,
        Deed::Scale(replicas) => drop(hand.patch(&path, &json!({"spec": {"replicas": replicas}})).await),
        Deed::Steps(steps) => {
            hand.patch(&path, &json!({"spec": {"strategy": {"canary": {"steps": steps}}}})).await;
        }
        Deed::Pause => change(hand, commands::pause()).await,
        Deed::Resume => drop(hand.patch(&path, &json!({"spec": {"paused": false}})).await),
        Deed::DropService(role) => {
            hand.delete(&format!("{}/{}", collection("services"), shape::service(role))).await;
        }
        Deed::Mend => mend(hand, features).await,
        Deed::DropIngress => {
            hand.delete(&format!("{}/{}", collection("ingresses"), shape::NAME)).await;
        }
        Deed::Odd(number) => drop(hand.create(&collection("rollouts"), &shape::odd_manifest(*number)).await),
        Deed::CrashPod(number) => {
            if let Some(pod) = pod(hand, *number).await {
                hand.patch(&pod, &json!({"metadata": {"annotations": {CRASH: "true"}}})).await;
            }
        }
        Deed::DeletePod(number) => {
            if let Some(pod) = pod(hand, *number).await {
                hand.delete(&pod).await;
            }
        }
        Deed::Clock(_) | Deed::SecondLeader(_) => {}
    }
}

/// Brings back what people deleted, and heals the pods.
pub async fn mend(hand: &Hand, features: &Features) {
    // What is there already is refused, which is right.
    for role in ["canary", "stable"] {
        hand.create(&collection("services"), &shape::service_manifest(role)).await;
    }
    for name in features.ingresses() {
        hand.create(&collection("ingresses"), &shape::ingress_manifest(name)).await;
    }
}

/// Heals every pod.
pub async fn heal(hand: &Hand) {
    for pod in hand.items(&collection("pods")).await {
        if pod.pointer("/metadata/annotations").is_some_and(|all| all.get(CRASH).is_some()) {
            let path = format!("{}/{}", collection("pods"), text(&pod, "/metadata/name"));
            hand.patch(&path, &json!({"metadata": {"annotations": {CRASH: null}}})).await;
        }
    }
}

/// Promotes as the command line does.
pub async fn promote(hand: &Hand, promotion: Promotion) {
    let changes = commands::promote(&hand.get(&rollout()).await, promotion).unwrap_or_default();
    for each in changes {
        change(hand, each).await;
    }
}

/// Carries out one change of a command.
pub async fn change(hand: &Hand, change: Change) {
    match change {
        Change::Merge(patch) => drop(hand.patch(&rollout(), &patch).await),
        Change::MergeStatus(patch) => drop(hand.patch(&format!("{}/status", rollout()), &patch).await),
        Change::Create(_) | Change::Delete(_) | Change::Evict => {}
    }
}

/// The image of the stable version.
pub async fn stable_image(hand: &Hand) -> Option<String> {
    let object = hand.get(&rollout()).await;
    let stable = text(&object, "/status/stableRS").to_owned();
    let sets = hand.items(&collection("replicasets")).await;
    let labelled = |set: &&Value| set["metadata"]["labels"]["rollouts-pod-template-hash"] == stable.as_str();
    let set = sets.iter().filter(|_| !stable.is_empty()).find(labelled)?;
    Some(text(set, "/spec/template/spec/containers/0/image").to_owned())
}

async fn pod(hand: &Hand, number: u64) -> Option<String> {
    let pods = hand.items(&collection("pods")).await;
    let ours: Vec<&Value> =
        pods.iter().filter(|pod| pod["metadata"]["labels"]["app"] == shape::NAME).collect();
    let pod = ours.get(number as usize % ours.len().max(1))?;
    Some(format!("{}/{}", collection("pods"), text(pod, "/metadata/name")))
}
