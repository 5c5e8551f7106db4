//! Statuses that Argo Rollouts wrote on a real cluster.

use serde_json::{Value, json};
use serin_api::{lenient, rollout::RolloutStatus, wire::Wire};

#[test]
fn every_recorded_status_is_read_and_written_alike() {
    let Some(folder) = serin_needs::shared("recorded/argo-rollouts") else { return };
    let trace = std::fs::read_to_string(folder.join("trace.jsonl")).unwrap();
    let mut seen = 0;
    for line in trace.lines() {
        let change: Value = serde_json::from_str(line).unwrap();
        if change["what"] != "rollouts/demo" || change["status"]["canary"].is_null() {
            continue;
        }
        let mut status = change["status"].clone();
        let fields = status.as_object_mut().unwrap();
        // The recorder shortened each condition to a list.
        fields.remove("conditions");
        let read = lenient::<RolloutStatus>(status.clone());
        assert!(read.problems.is_empty(), "{:?}", read.problems);
        assert!(read.unknown.is_empty(), "{:?}", read.unknown);
        // A user wrote this one; Argo's own writes leave it out.
        let fields = status.as_object_mut().unwrap();
        if fields.get("abort") == Some(&json!(false)) {
            fields.remove("abort");
        }
        assert_eq!(read.value.write(), status);
        seen += 1;
    }
    assert!(50 < seen, "{seen} statuses");
}
