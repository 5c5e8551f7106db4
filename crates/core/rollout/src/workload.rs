//! Scaling down the Deployment that a Rollout took its template from.
//!
//! Property: only for the first revision, when the Deployment's pods are replaced by the Rollout's own; later the
//! Deployment is nobody's copy any more, and a person may use it again.

use serde_json::json;
use serin_api::{
    kinds,
    names::{RolloutPhase, WorkloadScaleDown},
    rollout::RolloutStatus,
    workload::Deployment,
};
use serin_kernel::{Change, Write};

use crate::{resolve, scene::Scene, set::count};

/// The change of the Deployment's size that is due. A refusal of it does not stop the update.
pub(crate) fn scale_down(scene: &Scene<'_>, next: &RolloutStatus) -> Option<Write> {
    let mode = scene.rollout.spec.workload_ref.as_ref()?.scale_down()?;
    let key = resolve::key(&scene.object().meta().namespace, scene.rollout)?;
    if key.kind != kinds::DEPLOYMENT || scene.revision() != 1 {
        return None;
    }
    let object = scene.observed.get(&key)?;
    let has = count(serin_api::lenient::<Deployment>(object.value()).value.replicas());
    let ready = count(next.ready_replicas);
    let wanted = match mode {
        _ if mode != WorkloadScaleDown::Never && next.phase == Some(RolloutPhase::Healthy) => 0,
        WorkloadScaleDown::Progressively if 0 < ready => scene.replicas().saturating_sub(ready),
        _ => return None,
    };
    let patch = json!({"spec": {"replicas": wanted}});
    (wanted != has).then(|| Write::unchanged(object, Change::Merge(patch)).tolerated())
}
