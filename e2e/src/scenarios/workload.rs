//! Rollouts that take their template from a Deployment.

use anyhow::Result;
use serde_json::json;

use crate::cluster::DEPLOYMENT;
use crate::stage::Stage;

const ROLLOUT: &str = "apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: demo}
spec:
  replicas: 2
  progressDeadlineSeconds: 3
  selector: {matchLabels: {app: demo}}
  workloadRef: {apiVersion: apps/v1, kind: Deployment, name: demo, scaleDown: SCALE_DOWN}
  strategy: {canary: {}}
";
const DEPLOYED: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: demo}
spec:
  replicas: REPLICAS
  selector: {matchLabels: {app: demo}}
  template:
    metadata: {labels: {app: demo}}
    spec: {containers: [{name: web, image: 'demo:v1'}]}
";

async fn both(s: &Stage, scale_down: &str) -> Result<()> {
    s.apply(&DEPLOYED.replace("REPLICAS", "2")).await?;
    s.until("the Deployment is ready", |view| view.one(DEPLOYMENT, "demo")["status"]["readyReplicas"] == 2)
        .await?;
    s.apply(&ROLLOUT.replace("SCALE_DOWN", scale_down)).await?;
    s.phase("Healthy").await
}

async fn deployment_has(s: &Stage, replicas: i64) -> Result<()> {
    s.until(&format!("the Deployment wants {replicas}"), |view| {
        view.one(DEPLOYMENT, "demo")["spec"]["replicas"] == replicas
    })
    .await
}

async fn image(s: &Stage, tag: &str, scheduler: Option<&str>) -> Result<()> {
    let containers = json!([{"name": "web", "image": format!("demo:{tag}")}]);
    let spec = json!({"containers": containers, "schedulerName": scheduler});
    s.merge(DEPLOYMENT, "demo", &json!({"spec": {"template": {"spec": spec}}})).await
}

pub(super) async fn workload_ref(s: &Stage) -> Result<()> {
    s.apply(&ROLLOUT.replace("SCALE_DOWN", "never")).await?;
    s.phase_says("Degraded", "InvalidSpec").await?;
    s.apply(&DEPLOYED.replace("REPLICAS", "0")).await?;
    s.phase("Healthy").await?;
    s.until("the Deployment's generation is observed", |view| {
        view.status("workloadObservedGeneration") == "1"
    })
    .await?;
    image(s, "bad", Some("by-hand")).await?;
    s.until("the bad generation is observed", |view| view.status("workloadObservedGeneration") == "2")
        .await?;
    s.phase_says("Degraded", "ProgressDeadlineExceeded").await?;
    let view = s.view();
    s.same(
        "a template in the Rollout",
        &view.rollout()["spec"]["template"]["spec"]["containers"].is_array(),
        &false,
    )?;
    s.patch(
        "spec: {workloadRef: null, template: {metadata: {labels: {app: demo}},
                spec: {containers: [{name: web, image: 'demo:v3'}]}}}",
    )
    .await?;
    s.until("the generation is no longer told", |view| view.status("workloadObservedGeneration").is_null())
        .await?;
    s.phase("Healthy").await
}

pub(super) async fn workload_ref_with_template(s: &Stage) -> Result<()> {
    s.apply(&DEPLOYED.replace("REPLICAS", "0")).await?;
    s.rollout("workloadRef: {apiVersion: apps/v1, kind: Deployment, name: demo}").await?;
    s.phase_says("Degraded", "template must be empty for workload reference rollout").await
}

pub(super) async fn scaled_down_on_success(s: &Stage) -> Result<()> {
    both(s, "onsuccess").await?;
    deployment_has(s, 0).await?;
    s.phase("Healthy").await
}

pub(super) async fn scaled_down_progressively(s: &Stage) -> Result<()> {
    both(s, "progressively").await?;
    deployment_has(s, 0).await?;
    s.scale(4).await?;
    s.counts((4, 4, 4, 4, 4)).await?;
    image(s, "v2", None).await?;
    s.until("healthy on the new image", |view| view.phase() == "Healthy" && view.pods_of(2) == Some(4))
        .await?;
    s.stays("the Deployment at rest", |view| view.one(DEPLOYMENT, "demo")["spec"]["replicas"] == 0).await
}

pub(super) async fn never_scaled_down(s: &Stage) -> Result<()> {
    both(s, "never").await?;
    s.stays("the Deployment as it was", |view| view.one(DEPLOYMENT, "demo")["spec"]["replicas"] == 2).await
}
