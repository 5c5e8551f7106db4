//! Pod templates with a field that is misspelt, or of a wrong form, where the definition leaves the form open: what a
//! ReplicaSet makes of such a template is not what the Rollout says, and still it is the one for that template.

use anyhow::Result;
use serde_json::{Value, json};

use crate::cluster::REPLICA_SET;
use crate::stage::Stage;
use crate::view::View;

fn sets(view: &View) -> usize {
    view.all(REPLICA_SET).count()
}

/// Requires that so many ReplicaSets are there, and that nothing is written any more.
async fn calm(s: &Stage, wanted: usize) -> Result<()> {
    s.until(&format!("{wanted} ReplicaSets"), |view| sets(view) == wanted).await?;
    // The last pass before a rest may still be under way.
    let version = |view: &View| view.rollout()["metadata"]["resourceVersion"].clone();
    s.stays("no further ReplicaSet", |view| sets(view) == wanted).await?;
    let before = version(&s.view());
    s.stays("at rest", |view| sets(view) == wanted && version(view) == before).await
}

pub(super) async fn misspelt_fields(s: &Stage) -> Result<()> {
    // An API server drops what it does not know from the ReplicaSet: the first image of a Rollout that nobody looked at.
    s.rollout(
        "{replicas: 2, strategy: {canary: {steps: [{setWeight: 50}, {pause: {}}]}}, template: {spec: {
          terminationGracePeriodSecs: 5, volumes: [{name: cache, emtpyDir: {}}],
          containers: [{name: web, image: 'demo:v1', imagePullPolcy: Always,
            resources: {requests: {cpu: 1m}, limit: {cpu: 1}}, volumeMounts: [{name: cache, mountPath: /cache}]}]}}}",
    )
    .await?;
    s.phase("Healthy").await?;
    calm(s, 1).await?;
    let (view, spec) = (s.view(), |object: &Value| object["spec"]["template"]["spec"].clone());
    let (said, made) = (spec(view.rollout()), spec(view.revision(1)));
    s.same("what is written stays", &said["containers"][0]["imagePullPolcy"], &json!("Always"))?;
    s.same("and is not in the ReplicaSet", &made["containers"][0]["imagePullPolcy"], &Value::Null)?;
    s.same("a volume of no known source", &made["volumes"], &json!([{"name": "cache", "emptyDir": {}}]))?;
    s.update("v2").await?;
    s.phase_at("Paused", 1).await?;
    calm(s, 2).await?;
    s.promote().await?;
    s.phase("Healthy").await?;
    s.pods(&[(1, 0), (2, 2)]).await?;
    calm(s, 2).await
}

pub(super) async fn quantities_in_every_form(s: &Stage) -> Result<()> {
    s.rollout("{replicas: 1}").await?;
    s.phase("Healthy").await?;
    for (round, cpu) in ["0.001", "'0.001'", "1m"].into_iter().enumerate() {
        s.patch(&format!(
            "spec: {{template: {{spec: {{containers: [{{name: web, image: 'demo:v{}', resources: {{requests: {{cpu: {cpu}}}}}}}]}}}}}}",
            round + 2
        ))
        .await?;
        s.phase("Healthy").await?;
        let revision = i64::try_from(round)? + 2;
        s.pods(&[(revision - 1, 0), (revision, 1)]).await?;
        s.until(&format!("the pods of {cpu} get 1m"), |view| {
            let mut pods = view.pods(revision).peekable();
            pods.peek().is_some()
                && pods.all(|pod| pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "1m")
        })
        .await?;
    }
    calm(s, 4).await
}

pub(super) async fn malformed_resources(s: &Stage) -> Result<()> {
    let cpu = |tag: &str, cpu: &str| {
        format!(
            "spec: {{template: {{spec: {{containers: [{{name: web, image: 'demo:{tag}', resources: {{requests: {{cpu: {cpu}}}}}}}]}}}}}}"
        )
    };
    s.rollout("{replicas: 2, strategy: {canary: {steps: [{setWeight: 50}, {pause: {}}]}}}").await?;
    s.phase("Healthy").await?;
    for malformed in ["lots", "[1]", "{of: it}"] {
        s.patch(&cpu("v2", malformed)).await?;
        s.phase_says("Degraded", "spec.template.spec.containers[0].resources.requests[cpu]: Invalid value")
            .await?;
        s.condition("InvalidSpec", "True", "InvalidSpec").await?;
        calm(s, 1).await?;
        s.same("pods of the good version", &s.view().pods_of(1), &Some(2))?;
    }
    s.patch(&cpu("v2", "2m")).await?;
    s.phase_at("Paused", 1).await?;
    s.promote().await?;
    s.phase("Healthy").await?;
    s.pods(&[(1, 0), (2, 2)]).await?;
    calm(s, 2).await
}
