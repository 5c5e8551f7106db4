//! What must hold after every write of the controller that the API accepts.
//!
//! Property: a rule is broken by a write when it held before that write and does not after it; what pods, people and
//! time do is nobody's fault. Reason: only so can a rule be strict in a world full of faults.
//!
//! The rules:
//! 1. Traffic is never sent to a canary Service without a ready pod.
//! 2. The stable version is never made too small for its share of the traffic.
//! 3. Without a router, ready pods stay above what `maxUnavailable` leaves, and pods below what `maxSurge` allows.
//! 4. No template has two ReplicaSets.
//! 5. Nobody else's ReplicaSet is touched.
//! 6. No Service names a ReplicaSet that wants no pods.

use std::{collections::VecDeque, time::Duration};

use serde_json::Value;
use tokio::time::Instant;

use crate::{
    mirror::Mirror,
    shape::{NAME, Shape},
    view::{Selects, SetView, View, text},
};

/// How old a size may be that the controller still acts on: the longest lateness of a watch, a request without an
/// answer, and the waits after both.
const LATENESS_MAX: Duration = Duration::from_mins(2);

/// Watches over one world.
pub struct Judge {
    mirror: Mirror,
    shape: Shape,
    sizes: VecDeque<(Instant, u64)>,
    /// Whether pods fail by themselves here: what is ready is then no longer the controller's doing alone.
    pods_fail: bool,
    broken: Vec<String>,
    /// The Rollout's version that was last told as news.
    told: String,
}

impl Judge {
    /// A judge of a world that looks like `mirror`.
    #[must_use]
    pub fn new(mirror: Mirror, shape: Shape, pods_fail: bool) -> Self {
        let mut judge = Self {
            mirror,
            shape,
            sizes: VecDeque::new(),
            pods_fail,
            broken: Vec::new(),
            told: String::new(),
        };
        judge.look();
        judge
    }

    /// The world now.
    pub fn look(&mut self) -> View {
        self.mirror.catch_up();
        let view = View::read(self.mirror.objects());
        let now = Instant::now();
        if self.sizes.back().is_none_or(|(_, size)| *size != view.replicas) {
            self.sizes.push_back((now, view.replicas));
        }
        // The newest size that is too old is still the one that was valid when the window opened.
        while self.sizes.get(1).is_some_and(|(since, _)| LATENESS_MAX < now.duration_since(*since)) {
            self.sizes.pop_front();
        }
        view
    }

    /// The Rollout and the image of its stable version, if it has changed since this was asked last.
    pub fn news(&mut self) -> Option<(&Value, String)> {
        self.mirror.catch_up();
        let objects = self.mirror.objects();
        let rollout = objects.get("rollouts").and_then(|all| all.get(NAME))?;
        let version = text(rollout, "/metadata/resourceVersion");
        if version == self.told {
            return None;
        }
        version.clone_into(&mut self.told);
        let view = View::read(objects);
        let stable = view.ours().find(|set| set.hash == view.stable_hash);
        Some((rollout, stable.map(|set| set.image.clone()).unwrap_or_default()))
    }

    /// Rules broken so far.
    #[must_use]
    pub fn broken(&self) -> &[String] {
        &self.broken
    }

    /// Judges what a write, described by `what`, has made of `before`.
    pub fn after(&mut self, what: &str, before: &View) {
        let after = self.look();
        let sizes = || self.sizes.iter().map(|(_, size)| *size);
        let (least, most) = (sizes().min().unwrap_or(0), sizes().max().unwrap_or(0));
        let mut broken = Vec::new();
        if self.shape.routed {
            self.traffic(before, &after, least, &mut broken);
        } else {
            self.capacity(before, &after, least, most, &mut broken);
        }
        owners(before, &after, &mut broken);
        let told = broken.into_iter().map(|rule| {
            format!("{rule}\n  by {what}\n  before {}\n  after  {}", brief(before), brief(&after))
        });
        self.broken.extend(told);
    }

    fn traffic(&self, before: &View, after: &View, least: u64, broken: &mut Vec<String>) {
        let deserted =
            |view: &View| 0 < view.weight && view.canary != Selects::Absent && view.behind(&view.canary) == 0;
        if least > 0 && !self.pods_fail && deserted(after) && !deserted(before) {
            broken.push(format!("weight {} goes to a Service without a ready pod", after.weight));
        }
        // A promise of the wanted numbers alone: pods that are not there yet are not the fault of scaling down.
        let needed = |view: &View| ((100 - view.weight_least.min(100)) * least).div_ceil(100);
        if let (Some(was), Some(is)) = (before.selected(&before.stable), after.selected(&after.stable))
            && was.name == is.name
            && is.wanted < was.wanted
            && is.wanted < needed(after)
        {
            let (wanted, needed) = (is.wanted, needed(after));
            broken.push(format!("the stable version is scaled down to {wanted}, its traffic needs {needed}"));
        }
        let starved = |view: &View| {
            view.stable != Selects::Absent && view.behind(&view.stable) == 0 && view.weight_least < 100
        };
        if least > 0 && !self.pods_fail && starved(after) && !starved(before) {
            broken.push("the stable Service has lost its last ready pod".to_owned());
        }
        for (name, of) in
            [("canary", (|view| &view.canary) as fn(&View) -> &Selects), ("stable", |view| &view.stable)]
        {
            let idle = |view: &View| {
                // By its definition, a dynamic stable version has no pods when it has no traffic.
                let is_spared = name == "stable" && self.shape.is_dynamic() && view.weight_least == 100;
                !is_spared && view.selected(of(view)).is_some_and(|set| set.wanted == 0)
            };
            if least > 0 && idle(after) && !idle(before) {
                broken.push(format!("the {name} Service names a ReplicaSet that wants no pods"));
            }
        }
    }

    fn capacity(&self, before: &View, after: &View, least: u64, most: u64, broken: &mut Vec<String>) {
        let floor = least.saturating_sub(self.shape.unavailable);
        if !self.pods_fail && after.kept() < before.kept() && after.kept() < floor {
            broken.push(format!("only {} ready pods are kept, {floor} must be", after.kept()));
        }
        let ceiling = most + self.shape.surge;
        if before.wanted() < after.wanted() && ceiling < after.wanted() {
            broken.push(format!("{} pods are wanted, {ceiling} may be", after.wanted()));
        }
    }
}

fn owners(before: &View, after: &View, broken: &mut Vec<String>) {
    let ours: Vec<&SetView> = after.ours().collect();
    for (index, set) in ours.iter().enumerate() {
        if let Some(twin) = ours[..index].iter().find(|twin| twin.template == set.template) {
            let is_old = before.ours().filter(|old| old.template == set.template).count() > 1;
            if !is_old {
                broken.push(format!("{} and {} have the same template", twin.name, set.name));
            }
        }
    }
    for was in before.sets.iter().filter(|set| set.managed && !set.ours) {
        let is = after.sets.iter().find(|set| set.name == was.name);
        if is.is_none_or(|is| is.version != was.version) {
            broken.push(format!("{} belongs to somebody else and was touched", was.name));
        }
    }
}

/// The picture in one line.
#[must_use]
pub fn brief(view: &View) -> String {
    let hash = |by: &Selects| match by {
        Selects::Absent => "none".to_owned(),
        Selects::All => "all".to_owned(),
        Selects::Hash(hash) => hash.clone(),
    };
    let sets: Vec<String> =
        view.ours().map(|set| format!("{}={} {}/{}", set.hash, set.image, set.ready, set.wanted)).collect();
    let (canary, stable) = (hash(&view.canary), hash(&view.stable));
    format!(
        "replicas {} weight {} canary→{canary} stable→{stable} ({}) sets {}",
        view.replicas,
        view.weight,
        view.stable_hash,
        sets.join(", ")
    )
}
