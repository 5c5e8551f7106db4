//! What is made around a target, and kept in its place.

use anyhow::Result;
use serde_json::json;

use super::services::{annotations, flux};
use crate::cluster::{DEPLOYMENT, SERVICE};
use crate::routers::{DESTINATION_RULE, VIRTUAL_SERVICE};
use crate::stage::Stage;

pub(super) async fn blue_green_behind_services(s: &Stage) -> Result<()> {
    s.flagger(&["-include-label-prefix=app.kubernetes.io"]).await?;
    s.given(&["{apiVersion: v1, kind: Service, metadata: {name: demo-svc},
               spec: {selector: {app: demo}, ports: [{name: http, port: 80, targetPort: 9898}]}}"])
        .await?;
    s.target(
        "{spec: {replicas: 1}, metadata: {labels: {app.kubernetes.io/name: demo, team: blue}, annotations: {app.kubernetes.io/x: kept}}}",
    )
    .await?;
    s.canary("kubernetes", "{service: {name: demo-svc}, analysis: {iterations: 5}}").await?;
    s.ready().await?;
    let view = s.view();
    let primary = view.one(DEPLOYMENT, "demo-primary");
    s.same(
        "labels",
        &primary["metadata"]["labels"],
        &json!({"app.kubernetes.io/name": "demo", "app": "demo-primary"}),
    )?;
    s.same("an annotation", &primary["metadata"]["annotations"]["app.kubernetes.io/x"], &json!("kept"))?;
    for (mark, value) in flux().as_object().into_iter().flatten() {
        s.same(mark, &annotations(&view, "demo-svc")[mark], value)?;
    }
    s.same(
        "who has the users",
        &view.one(SERVICE, "demo-svc")["spec"]["selector"],
        &json!({"app": "demo-primary"}),
    )?;
    s.same("replicas of the target", &view.replicas("demo"), &0)
}

pub(super) async fn apex_metadata_on_istio(s: &Stage) -> Result<()> {
    s.mirror.watch(&[VIRTUAL_SERVICE, DESTINATION_RULE]);
    s.initialized(
        "istio",
        "service: {apex: {annotations: {test: annotations-test}, labels: {test: labels-test}}}",
    )
    .await?;
    s.until("the apex has what it was given", |view| {
        let apex = view.one(SERVICE, "demo");
        apex["metadata"]["annotations"]["test"] == "annotations-test"
            && apex["metadata"]["labels"]["test"] == "labels-test"
            && apex["spec"]["selector"] == json!({"app": "demo-primary"})
            && view.one(VIRTUAL_SERVICE, "demo")["metadata"]["labels"]["test"] == "labels-test"
    })
    .await
}

pub(super) async fn primary_before_the_target_goes(s: &Stage) -> Result<()> {
    s.flagger(&[]).await?;
    s.target("spec: {replicas: 1, template: {spec: {schedulerName: by-hand}}}").await?;
    s.bind_where("app", "demo", 1).await?;
    s.canary("kubernetes", "{}").await?;
    s.until("a primary that is not ready", |view| view.replicas("demo-primary") == 1).await?;
    s.keeps("the target stays while the primary is not ready", |view| {
        view.stands() == "Initializing 0" && view.replicas("demo") == 1
    })
    .await?;
    s.bind_where("app", "demo-primary", 1).await?;
    s.until("the target goes", |view| view.stands() == "Initialized 0" && view.replicas("demo") == 0).await?;
    s.same("its course", &s.course(), &["- 0", "Initializing 0", "Initialized 0"].map(str::to_owned).to_vec())
}

pub(super) async fn label_that_is_not_the_name(s: &Stage) -> Result<()> {
    s.flagger(&[]).await?;
    s.target(
        "spec: {selector: {matchLabels: {app: null, name: podinfo}}, template: {metadata: {labels: {app: null, name: podinfo}}}}",
    )
    .await?;
    s.canary("kubernetes", "{}").await?;
    s.ready().await?;
    let view = s.view();
    let primary = view.one(DEPLOYMENT, "demo-primary");
    s.same("selector", &primary["spec"]["selector"]["matchLabels"], &json!({"name": "podinfo-primary"}))?;
    s.same("pods", &primary["spec"]["template"]["metadata"]["labels"], &json!({"name": "podinfo-primary"}))?;
    s.same("the canary's", &view.one(SERVICE, "demo-canary")["spec"]["selector"], &json!({"name": "podinfo"}))
}

pub(super) async fn pods_that_keep_apart(s: &Stage) -> Result<()> {
    s.flagger(&[]).await?;
    s.target(
        "spec: {template: {spec: {
           affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [
             {weight: 100, podAffinityTerm: {topologyKey: kubernetes.io/hostname, labelSelector: {matchExpressions: [
               {key: app, operator: In, values: [demo]}, {key: tier, operator: In, values: [demo]}]}}}]}},
           topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway,
             labelSelector: {matchLabels: {app: demo, tier: demo}}}]}}}",
    )
    .await?;
    s.canary("kubernetes", "{}").await?;
    s.ready().await?;
    let view = s.view();
    let pods = &view.one(DEPLOYMENT, "demo-primary")["spec"]["template"]["spec"];
    let apart = &pods["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"][0];
    s.same(
        "expressions",
        &apart["podAffinityTerm"]["labelSelector"]["matchExpressions"],
        &json!([
            {"key": "app", "operator": "In", "values": ["demo-primary"]},
            {"key": "tier", "operator": "In", "values": ["demo"]},
        ]),
    )?;
    s.same(
        "labels",
        &pods["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
        &json!({"app": "demo-primary", "tier": "demo"}),
    )
}
