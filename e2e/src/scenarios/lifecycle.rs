//! Updates from the first step to the last, and the ways that a user changes their course.

use std::time::Duration;

use anyhow::Result;

use crate::stage::Stage;

/// Longer than a second: creation times have that resolution, and the window compares them.
const A_SECOND: Duration = Duration::from_millis(1_200);

pub(super) async fn abort_retry_promote(s: &Stage) -> Result<()> {
    s.rollout("strategy: {canary: {steps: [{setWeight: 50}, {pause: {duration: 3s}}]}}").await?;
    s.phase("Healthy").await?;
    s.update("v2").await?;
    s.phase("Paused").await?;
    s.pods(&[(1, 1), (2, 1)]).await?;
    s.abort().await?;
    s.phase("Degraded").await?;
    s.pods(&[(1, 1), (2, 0)]).await?;
    s.retry().await?;
    s.phase("Paused").await?;
    s.pods(&[(1, 1), (2, 1)]).await?;
    s.phase("Healthy").await?;
    s.pods(&[(1, 0), (2, 1)]).await?;
    s.told(&[
        "RolloutAddedToInformer",
        // the first deploy
        "RolloutUpdated",
        "NewReplicaSetCreated",
        "RolloutNotCompleted",
        "ScalingReplicaSet",
        "RolloutCompleted",
        // the update up to its pause
        "RolloutUpdated",
        "NewReplicaSetCreated",
        "RolloutNotCompleted",
        "ScalingReplicaSet",
        "RolloutStepCompleted",
        "RolloutPaused",
        // aborted
        "ScalingReplicaSet",
        "RolloutAborted",
        // again, to the end
        "ScalingReplicaSet",
        "RolloutStepCompleted",
        "RolloutPaused",
        "RolloutStepCompleted",
        "RolloutResumed",
        "ScalingReplicaSet",
        "RolloutCompleted",
    ])
    .await
}

pub(super) async fn update_while_paused(s: &Stage) -> Result<()> {
    s.rollout("{replicas: 4, strategy: {canary: {steps: [{setWeight: 25}, {pause: {}}]}}}").await?;
    s.phase("Healthy").await?;
    s.update("v2").await?;
    s.phase("Paused").await?;
    s.pods(&[(1, 3), (2, 1)]).await?;
    s.update("v3").await?;
    s.pods(&[(1, 3), (2, 0), (3, 1)]).await?;
    s.phase("Paused").await
}

pub(super) async fn spec_paused(s: &Stage) -> Result<()> {
    s.rollout("{replicas: 2, strategy: {canary: {steps: [{setWeight: 50}]}}}").await?;
    s.phase("Healthy").await?;
    s.patch("spec: {paused: true}").await?;
    s.phase_says("Paused", "manually paused").await?;
    s.condition("Paused", "True", "RolloutPaused").await?;
    let before = s.view().status("conditions").clone();
    s.stays("conditions of a paused Rollout", |view| *view.status("conditions") == before).await?;
    s.patch("spec: {paused: false}").await?;
    s.phase("Healthy").await
}

/// Three revisions, each promoted at once.
async fn three_revisions(s: &Stage) -> Result<()> {
    s.rollout(
        "{replicas: 2, revisionHistoryLimit: 10, rollbackWindow: {revisions: 2},
          strategy: {canary: {steps: [{setWeight: 50}, {pause: {}}]}}}",
    )
    .await?;
    s.phase("Healthy").await?;
    promote_new(s, "v2").await?;
    promote_new(s, "v3").await
}

async fn promote_new(s: &Stage, tag: &str) -> Result<()> {
    s.stays_for(A_SECOND, "a second between two revisions", |_| true).await?;
    s.update(tag).await?;
    s.phase("Paused").await?;
    s.promote_full().await?;
    s.phase("Healthy").await
}

pub(super) async fn rollback_within_window(s: &Stage) -> Result<()> {
    three_revisions(s).await?;
    s.undo(1).await?;
    s.until("Healthy on revision 4 without a pause", |view| {
        view.phase() == "Healthy" && view.pods_of(4) == Some(2) && view.pods_of(3) == Some(0)
    })
    .await?;
    let pauses = s.view().event_counts().get("RolloutPaused").copied().unwrap_or(0);
    s.same("pauses: one for each of the two updates", &pauses, &2)
}

pub(super) async fn rollback_outside_window(s: &Stage) -> Result<()> {
    three_revisions(s).await?;
    promote_new(s, "v4").await?;
    s.undo(1).await?;
    s.phase_at("Paused", 1).await?;
    s.pods(&[(5, 1), (4, 1)]).await
}
