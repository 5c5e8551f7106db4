//! Scenes for the tests of what is decided from one.

use serde_json::{Value, json};
use serin_api::{kinds, rollout::Rollout};
use serin_kernel::{Moment, Object, Observed};

use crate::{scene::Scene, set::Set, template};

/// The time of all made scenes.
pub(crate) const NOW: &str = "2026-11-21T07:00:00Z";

/// One version: hash, wanted pods, available pods, minutes since it was created.
pub(crate) type Version = (&'static str, u32, u32, u64);

/// What a scene borrows from.
pub(crate) struct Made {
    observed: Observed,
    rollout: Rollout,
    sets: Vec<Object>,
}

impl Made {
    /// A Rollout of 4 pods with this strategy and status; the last version is the wanted one.
    pub(crate) fn new(canary: &Value, status: &Value, versions: &[Version]) -> Self {
        let meta = json!({"name": "demo", "namespace": "seed", "uid": "u", "generation": 1});
        let body = json!({
            "metadata": meta,
            "spec": {"replicas": 4, "rollbackWindow": {"revisions": 1}, "strategy": {"canary": canary}},
            "status": status,
        });
        let sets = versions.iter().map(set).collect();
        let rollout = serin_api::lenient::<Rollout>(body.clone()).value;
        let object = Object::new(kinds::ROLLOUT, &body).unwrap();
        Self { observed: Observed::new(object, []), rollout, sets }
    }

    pub(crate) fn scene(&self) -> Scene<'_> {
        let canary = self.rollout.canary().unwrap();
        Scene {
            observed: &self.observed,
            rollout: &self.rollout,
            canary,
            selector: serin_api::meta::LabelSelector::default(),
            workload_generation: None,
            sets: self.sets.iter().map(Set::read).collect(),
            new: self.sets.len() - 1,
            step_hash: template::step_hash(&canary.steps),
            now: now(),
        }
    }
}

pub(crate) fn now() -> Moment {
    NOW.parse().unwrap()
}

fn set(&(hash, spec, available, minutes): &Version) -> Object {
    let created = Moment::from_secs(now().as_secs() - 60 * i64::try_from(minutes).unwrap());
    let body = json!({
        "metadata": {
            "name": format!("demo-{hash}"), "namespace": "seed", "uid": hash,
            "labels": {"rollouts-pod-template-hash": hash}, "creationTimestamp": created.to_string(),
        },
        "spec": {"replicas": spec},
        "status": {"replicas": spec, "availableReplicas": available, "readyReplicas": available},
    });
    Object::new(kinds::REPLICA_SET, &body).unwrap()
}
