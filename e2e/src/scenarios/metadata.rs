//! What others read: labels of pods by role, conditions, and how long an update took.

use anyhow::Result;
use serde_json::Value;

use crate::stage::Stage;
use crate::view::{NAME, View};

/// Whether a revision has so many live pods and all of them have this label (or, with `None`, none has it).
fn labelled(view: &View, revision: i64, count: usize, key: &str, value: Option<&str>) -> bool {
    let pods: Vec<&Value> = view.pods(revision).collect();
    pods.len() == count && pods.iter().all(|pod| pod["metadata"]["labels"][key].as_str() == value)
}

pub(super) async fn ephemeral_metadata(s: &Stage) -> Result<()> {
    s.rollout(
        "{replicas: 2, strategy: {canary: {canaryMetadata: {labels: {role: canary}}, stableMetadata: {labels: {role: stable}},
          steps: [{setWeight: 50}, {pause: {}}]}}}",
    )
    .await?;
    s.phase("Healthy").await?;
    s.until("stable pods are labelled", |view| labelled(view, 1, 2, "role", Some("stable"))).await?;
    s.update("v2").await?;
    s.phase("Paused").await?;
    let roles = |view: &View| {
        labelled(view, 1, 1, "role", Some("stable")) && labelled(view, 2, 1, "role", Some("canary"))
    };
    s.until("each role is labelled", roles).await?;
    s.patch("spec: {strategy: {canary: {canaryMetadata: {labels: {role: null, part: new}}, stableMetadata: {labels: {part: old}}}}}")
        .await?;
    s.until("live pods are labelled anew, and what is gone is gone", |view| {
        labelled(view, 2, 1, "part", Some("new"))
            && labelled(view, 2, 1, "role", None)
            && labelled(view, 1, 1, "part", Some("old"))
            && labelled(view, 1, 1, "role", Some("stable"))
    })
    .await?;
    s.phase("Paused").await?;
    s.promote().await?;
    s.phase("Healthy").await?;
    s.until("promoted pods change their role", |view| {
        labelled(view, 2, 2, "part", Some("old")) && labelled(view, 2, 2, "role", Some("stable"))
    })
    .await
}

pub(super) async fn conditions_to_wait_for(s: &Stage) -> Result<()> {
    s.rollout("strategy: {canary: {steps: [{setWeight: 50}, {pause: {}}]}}").await?;
    s.condition("Healthy", "True", "RolloutHealthy").await?;
    s.condition("Completed", "True", "RolloutCompleted").await?;
    s.condition("Available", "True", "AvailableReason").await?;
    s.kubectl_waits("Healthy").await?;
    // Begun before the condition is there: kubectl has to see it come.
    tokio::try_join!(s.kubectl_waits("Paused"), s.kubectl_waits("Healthy=False"), s.update("v2"))?;
    s.condition("Paused", "True", "RolloutPaused").await?;
    s.condition("Healthy", "False", "RolloutHealthy").await?;
    s.condition("Completed", "False", "RolloutCompleted").await?;
    tokio::try_join!(s.kubectl_waits("Healthy"), s.kubectl_waits("Completed"), s.promote())?;
    s.condition("Paused", "False", "RolloutPaused").await?;
    s.condition("Healthy", "True", "RolloutHealthy").await?;
    s.condition("Completed", "True", "RolloutCompleted").await?;
    let metrics = s.metrics().await?;
    let status = metrics.lines().next().unwrap_or_default();
    s.same("the status of /metrics", &status, &"HTTP/1.1 200 OK")?;
    let series = format!("rollout_info{{namespace=\"{}\",name=\"{NAME}\"", s.namespace());
    s.same(&format!("{series} in the metrics"), &metrics.contains(&series), &true)
}

const PAUSED: &str = "{replicas: 2, strategy: {canary: {steps: [{setWeight: 50}, {pause: {}}]}}}";

fn started(s: &Stage) -> Value {
    s.view().status("duration")["rolloutStartedAt"].clone()
}

pub(super) async fn duration_of_promotions(s: &Stage) -> Result<()> {
    s.rollout(PAUSED).await?;
    s.phase("Healthy").await?;
    s.completion("Promoted").await?;
    let before = s.view().status("duration").clone();
    s.scale(3).await?;
    s.counts((3, 3, 3, 3, 3)).await?;
    s.same("the record after scaling", s.view().status("duration"), &before)?;
    s.update("v2").await?;
    s.phase("Paused").await?;
    s.until("a manual pause is timed", |view| view.status("duration")["manualPauseStartedAt"].is_string())
        .await?;
    s.promote_full().await?;
    s.phase("Healthy").await?;
    s.completion("FastPromoted").await?;
    s.update("v3").await?;
    s.phase("Paused").await?;
    s.promote().await?;
    s.phase("Healthy").await?;
    s.completion("Promoted").await
}

pub(super) async fn duration_of_aborts_and_rollbacks(s: &Stage) -> Result<()> {
    s.rollout(PAUSED).await?;
    s.phase("Healthy").await?;
    s.update("v2").await?;
    s.phase("Paused").await?;
    s.abort().await?;
    s.phase("Degraded").await?;
    s.completion("Aborted").await?;
    s.retry().await?;
    s.phase("Paused").await?;
    s.until("a retry begins a new record", |view| view.status("duration")["completionStatus"].is_null())
        .await?;
    let first = started(s);
    s.stays_for(std::time::Duration::from_millis(1_200), "a second, which times can tell apart", |_| true)
        .await?;
    s.update("v3").await?;
    s.until("a newer update begins a new record", |view| {
        view.status("duration")["rolloutStartedAt"].is_string()
            && view.status("duration")["rolloutStartedAt"] != first
    })
    .await?;
    s.phase("Paused").await?;
    let second = started(s);
    s.undo(1).await?;
    s.phase("Healthy").await?;
    s.completion("FastRolledBack").await?;
    s.same("the start of what was rolled back", &started(s), &second)
}
