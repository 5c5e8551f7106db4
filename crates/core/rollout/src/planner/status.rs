//! What of the status is written.
//!
//! Property: nothing when it is as it should be. The status is ours: what cannot be read in it is not the user's
//! mistake, and is written anew.

use serde_json::{Value, json};
use serin_api::{
    rollout::{Rollout, RolloutStatus},
    wire::{Problem, Wire},
};
use serin_kernel::Object;

/// Whether the problem is one of the status.
pub(super) fn holds(problem: &Problem) -> bool {
    problem.path == "status" || problem.path.starts_with("status.")
}

/// The patch of the status, if it changes. The first one has the two empty objects that clients find in every status.
pub(super) fn patch(object: &Object, old: &RolloutStatus, new: &RolloutStatus) -> Option<Value> {
    let is = object.value();
    let status = json!({"status": is.get("status")});
    let unread = serin_api::lenient::<Rollout>(status).problems;
    let mut patch = old.patch_to(new).or_else(|| (!unread.is_empty()).then(|| json!({"status": {}})))?;
    for problem in &unread {
        rewrite(&mut patch["status"], &new.write(), &problem.path);
    }
    for always in ["blueGreen", "canary"] {
        if is.pointer(&format!("/status/{always}")).is_none() && patch["status"][always].is_null() {
            patch["status"][always] = Value::Object(serde_json::Map::new());
        }
    }
    Some(patch)
}

/// Puts into `patch` what stands in `new` where `problem` is: a value that could not be read was taken for none, so
/// that the difference of what was read does not have it. Lists are written whole.
fn rewrite(patch: &mut Value, new: &Value, problem: &str) {
    let before_list = problem.split('[').next().unwrap_or_default();
    let names: Vec<&str> = before_list.split('.').skip(1).collect();
    let Some((last, outer)) = names.split_last() else {
        *patch = new.clone();
        return;
    };
    let (mut place, mut wanted) = (patch, new);
    for name in outer {
        let Some(fields) = place.as_object_mut() else { return };
        place = fields.entry((*name).to_owned()).or_insert_with(|| json!({}));
        wanted = wanted.get(name).unwrap_or(&Value::Null);
    }
    if let Some(fields) = place.as_object_mut() {
        fields.entry((*last).to_owned()).or_insert(wanted.get(last).cloned().unwrap_or_default());
    }
}
