//! Updates that do not become ready in time, and what mends them.

use std::time::Duration;

use anyhow::Result;

use crate::stage::Stage;

/// Four pods, one more during an update, never one less, three seconds to make progress.
const CAREFUL: &str =
    "{replicas: 4, progressDeadlineSeconds: 3, strategy: {canary: {maxSurge: 1, maxUnavailable: 0}}}";
/// The same, its first version bad.
const BAD: &str = "{replicas: 4, progressDeadlineSeconds: 3, template: {spec: {schedulerName: by-hand}},
                    strategy: {canary: {maxSurge: 1, maxUnavailable: 0}}}";

pub(super) async fn good_to_bad_update(s: &Stage) -> Result<()> {
    s.rollout(CAREFUL).await?;
    s.phase("Healthy").await?;
    s.update_held("bad").await?;
    s.phase_says("Degraded", "ProgressDeadlineExceeded").await?;
    s.canary_stable(1, 4).await?;
    s.update_held("worse").await?;
    s.pods(&[(1, 4), (2, 0), (3, 1)]).await?;
    s.phase_says("Degraded", "ProgressDeadlineExceeded").await?;
    s.stays("the good pods", |view| view.counts().4 == 4).await
}

pub(super) async fn bad_to_good_update(s: &Stage) -> Result<()> {
    s.rollout(BAD).await?;
    s.phase_says("Degraded", "ProgressDeadlineExceeded").await?;
    s.update("v2").await?;
    s.phase("Healthy").await?;
    s.pods(&[(1, 0), (2, 4)]).await
}

pub(super) async fn bad_to_bad_update(s: &Stage) -> Result<()> {
    s.rollout(BAD).await?;
    s.phase_says("Degraded", "ProgressDeadlineExceeded").await?;
    s.update_held("worse").await?;
    s.pods(&[(1, 4), (2, 1)]).await?;
    s.phase_says("Degraded", "ProgressDeadlineExceeded").await?;
    s.pods(&[(1, 4), (2, 1)]).await
}

pub(super) async fn bad_to_good_with_steps(s: &Stage) -> Result<()> {
    s.rollout(BAD).await?;
    s.phase_says("Degraded", "ProgressDeadlineExceeded").await?;
    s.patch("spec: {strategy: {canary: {steps: [{setWeight: 50}, {pause: {duration: 2s}}]}}}").await?;
    s.update("v2").await?;
    s.phase("Healthy").await?;
    s.pods(&[(1, 0), (2, 4)]).await
}

pub(super) async fn deadline_exceeded_then_paused(s: &Stage) -> Result<()> {
    s.rollout("{replicas: 4, progressDeadlineSeconds: 3, strategy: {canary: {steps: [{setWeight: 25}, {pause: {}}]}}}")
        .await?;
    s.phase("Healthy").await?;
    s.update_held("slow").await?;
    s.phase_says("Degraded", "ProgressDeadlineExceeded").await?;
    s.bind(2, 1).await?;
    s.phase("Paused").await?;
    s.canary_stable(1, 3).await?;
    s.promote().await?;
    s.phase_says("Degraded", "ProgressDeadlineExceeded").await?;
    for _ in 0..3 {
        s.bind(2, 1).await?;
    }
    s.phase("Healthy").await?;
    s.pods(&[(1, 0), (2, 4)]).await
}

pub(super) async fn pause_longer_than_deadline(s: &Stage) -> Result<()> {
    s.rollout("{progressDeadlineSeconds: 2, strategy: {canary: {steps: [{setWeight: 50}, {pause: {duration: 6s}}]}}}")
        .await?;
    s.phase("Healthy").await?;
    s.update("v2").await?;
    s.phase("Paused").await?;
    s.stays_for(Duration::from_secs(4), "not degraded by a pause", |view| view.phase() != "Degraded").await?;
    s.phase("Healthy").await
}
