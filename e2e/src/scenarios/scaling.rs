//! Numbers of pods: what each side of a canary gets when weights, scales and replicas change.

use anyhow::Result;

use crate::stage::Stage;

pub(super) async fn set_canary_scale(s: &Stage) -> Result<()> {
    s.routed(
        "{replicas: 4, strategy: {canary: {steps: [
            {pause: {}}, {setCanaryScale: {weight: 25}}, {pause: {}}, {setWeight: 50}, {pause: {}},
            {setCanaryScale: {replicas: 3}}, {pause: {}}, {setCanaryScale: {matchTrafficWeight: true}}, {pause: {}}]}}}",
    )
    .await?;
    s.phase("Healthy").await?;
    s.update("v2").await?;
    for (step, canary) in [(0, 0), (2, 1), (4, 1), (6, 3), (8, 2)] {
        s.phase_at("Paused", step).await?;
        s.canary_stable(canary, 4).await?;
        s.promote().await?;
    }
    s.phase("Healthy").await?;
    s.pods(&[(1, 4), (2, 4)]).await?; // the old one in its scale-down delay
    s.until("the old one waits for its scale-down", |view| view.has_deadline(1)).await
}

pub(super) async fn scaling_when_paused(s: &Stage) -> Result<()> {
    s.rollout("strategy: {canary: {steps: [{setWeight: 25}, {pause: {}}]}}").await?;
    s.phase("Healthy").await?;
    s.update("v2").await?;
    s.phase("Paused").await?;
    s.canary_stable(1, 1).await?;
    for (replicas, canary, stable) in [(8, 2, 6), (4, 1, 3)] {
        s.scale(replicas).await?;
        s.canary_stable(canary, stable).await?;
        s.phase("Paused").await?;
    }
    Ok(())
}

pub(super) async fn max_surge_scaling_during_update(s: &Stage) -> Result<()> {
    s.rollout("{replicas: 4, strategy: {canary: {maxSurge: '100%'}}}").await?;
    s.phase("Healthy").await?;
    s.update_held("v2").await?;
    s.canary_stable(4, 3).await?;
    s.scale(8).await?;
    s.canary_stable(8, 3).await?;
    s.scale(4).await?;
    s.canary_stable(4, 3).await
}

pub(super) async fn scaling_during_bad_update(s: &Stage) -> Result<()> {
    s.rollout("{replicas: 4, strategy: {canary: {maxSurge: 2, maxUnavailable: 0}}}").await?;
    s.phase("Healthy").await?;
    s.update_held("bad").await?;
    for (replicas, canary) in [(4, 2), (8, 6), (4, 2)] {
        s.scale(replicas).await?;
        s.canary_stable(canary, 4).await?;
        s.stays("the good pods", |view| view.counts().4 == 4).await?;
    }
    Ok(())
}

pub(super) async fn reduce_weight_honours_max_unavailable(s: &Stage) -> Result<()> {
    s.rollout(
        "{replicas: 3, template: {spec: {schedulerName: by-hand}}, strategy: {canary: {maxSurge: 2, maxUnavailable: 0,
          steps: [{setWeight: 100}, {pause: {}}, {setWeight: 0}, {pause: {}}]}}}",
    )
    .await?;
    s.bind(1, 3).await?;
    s.phase("Healthy").await?;
    s.update("v2").await?;
    s.phase_at("Paused", 1).await?;
    s.canary_stable(3, 0).await?;
    s.promote().await?;
    // As many stable pods as maxSurge lets, none of them available yet: no canary pod may go.
    s.canary_stable(3, 2).await?;
    s.stays("three available pods", |view| view.counts().4 == 3 && view.canary_stable() == Some((3, 2)))
        .await?;
    s.bind(1, 2).await?;
    s.bind(1, 1).await?;
    s.canary_stable(0, 3).await?;
    s.phase_at("Paused", 3).await
}

pub(super) async fn spec_and_replicas_at_once(s: &Stage) -> Result<()> {
    s.rollout("{replicas: 2, strategy: {canary: {steps: [{setWeight: 50}, {pause: {duration: 2s}}]}}}")
        .await?;
    s.phase("Healthy").await?;
    for (replicas, tag) in [(3, "v2"), (4, "v3")] {
        s.patch(&format!(
            "spec: {{replicas: {replicas}, template: {{spec: {{containers: [{{name: web, image: 'demo:{tag}'}}]}}}}}}"
        ))
        .await?;
        s.phase("Paused").await?;
    }
    s.phase("Healthy").await?;
    s.counts((4, 4, 4, 4, 4)).await?;
    s.pods(&[(1, 0), (2, 0), (3, 4)]).await
}
