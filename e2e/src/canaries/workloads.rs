//! Targets other than a plain Deployment: DaemonSets, autoscalers, Knative.

use anyhow::Result;
use serde_json::{Value, json};

use super::course::{since, texts};
use crate::cluster::{AUTOSCALER, DAEMON_SET, DEPLOYMENT};
use crate::fixture::yaml;
use crate::routers::{KNATIVE_REVISION, KNATIVE_SERVICE, SCALED_OBJECT};
use crate::servers::{Asked, Said};
use crate::stage::Stage;
use crate::view::View;

pub(super) async fn a_daemon_set(s: &Stage) -> Result<()> {
    s.flagger(&[]).await?;
    s.given(&["{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: demo}, spec: {selector: {matchLabels: {app: demo}},
       template: {metadata: {labels: {app: demo}}, spec: {terminationGracePeriodSeconds: 0,
         containers: [{name: web, image: 'demo:v1'}]}}}}"])
        .await?;
    s.canary("kubernetes", "targetRef: {apiVersion: apps/v1, kind: DaemonSet, name: demo}").await?;
    s.ready().await?;
    let selector =
        |view: &View| view.one(DAEMON_SET, "demo")["spec"]["template"]["spec"]["nodeSelector"].clone();
    let gone = json!({"flagger.app/scale-to-zero": "true"});
    s.until("the target has no nodes", |view| selector(view) == gone).await?;
    s.release_of(DAEMON_SET, "v2").await?;
    s.until("the target has nodes", |view| view.canary_phase() == "Progressing" && selector(view) != gone)
        .await?;
    s.reaches("Succeeded").await?;
    s.until("the primary has the new version, the target no nodes", |view| {
        view.tag(DAEMON_SET, "demo-primary") == "v2" && selector(view) == gone
    })
    .await
}

/// The utilisation that an autoscaler aims at.
fn aim(view: &View, name: &str) -> Value {
    view.one(AUTOSCALER, name)["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"].clone()
}

pub(super) async fn an_autoscaler(s: &Stage) -> Result<()> {
    s.mirror.watch(&[AUTOSCALER]);
    s.flagger(&[]).await?;
    s.given(&["{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: demo},
       spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: demo}, minReplicas: 1, maxReplicas: 2,
         metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 99}}}]}}"])
        .await?;
    s.target("{}").await?;
    s.canary(
        "kubernetes",
        "autoscalerRef: {apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, name: demo,
           primaryScalerReplicas: {maxReplicas: 3}}",
    )
    .await?;
    s.ready().await?;
    let view = s.view();
    let copy = &view.one(AUTOSCALER, "demo-primary")["spec"];
    s.same("what it scales", &copy["scaleTargetRef"]["name"], &json!("demo-primary"))?;
    s.same("its bound", &copy["maxReplicas"], &json!(3))?;
    s.same("its aim", &aim(&view, "demo-primary"), &json!(99))?;
    let edit = "spec: {metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]}";
    s.change(AUTOSCALER, "demo", edit).await?;
    s.keeps("the copy waits for a promotion", |view| aim(view, "demo-primary") == 99).await?;
    s.release("v2").await?;
    s.reaches("Succeeded").await?;
    s.until("the copy follows", |view| aim(view, "demo-primary") == 50).await
}

const PAUSED: &str = "autoscaling.keda.sh/paused-replicas";

pub(super) async fn a_scaled_object(s: &Stage) -> Result<()> {
    s.mirror.watch(&[SCALED_OBJECT]);
    s.flagger(&[]).await?;
    s.given(&[
        "{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, metadata: {name: demo-so}, spec: {
       scaleTargetRef: {name: demo}, minReplicaCount: 1, maxReplicaCount: 3, initialCooldownPeriod: 5,
       triggers: [{type: prometheus, name: a, useCachedMetrics: true,
         metadata: {query: 'sum(rate(requests{app=\"demo\", d=~\"demo-canary\"}[30s]))', threshold: '5'}}]}}",
    ])
    .await?;
    s.target("{}").await?;
    s.canary(
        "kubernetes",
        "autoscalerRef: {apiVersion: keda.sh/v1alpha1, kind: ScaledObject, name: demo-so}",
    )
    .await?;
    s.ready().await?;
    let paused = |view: &View| view.one(SCALED_OBJECT, "demo-so")["metadata"]["annotations"][PAUSED].clone();
    s.until("the target's is paused", |view| paused(view) == "0").await?;
    let view = s.view();
    let copy = &view.one(SCALED_OBJECT, "demo-so-primary")["spec"];
    s.same(
        "the query",
        &copy["triggers"][0]["metadata"]["query"],
        &json!("sum(rate(requests{app=\"demo-primary\", d=~\"demo-primary\"}[30s]))"),
    )?;
    s.same("what it scales", &copy["scaleTargetRef"]["name"], &json!("demo-primary"))?;
    s.release("v2").await?;
    s.until("it works during the run", |view| view.canary_phase() == "Progressing" && paused(view).is_null())
        .await?;
    s.reaches("Succeeded").await?;
    s.until("it is paused again", |view| paused(view) == "0").await?;
    let view = s.view();
    // Flagger loses fields that it does not know (difference 14).
    s.same(
        "a field of its author",
        &view.one(SCALED_OBJECT, "demo-so")["spec"]["initialCooldownPeriod"],
        &json!(5),
    )
}

/// What Knative's own controller does when there is a new template: a revision, which is ready.
async fn knative_revision(s: &Stage, number: u32) -> Result<()> {
    let name = format!("demo-0000{number}");
    s.given(&[&format!(
        "{{apiVersion: serving.knative.dev/v1, kind: Revision, metadata: {{name: {name}}}, spec: {{}}}}"
    )])
    .await?;
    let ready = yaml("status: {observedGeneration: 1, conditions: [{type: Ready, status: 'True'}]}")?;
    s.merge(KNATIVE_REVISION, &format!("{name}/status"), &ready).await?;
    let latest = json!({"status": {"latestCreatedRevisionName": name, "latestReadyRevisionName": name}});
    s.merge(KNATIVE_SERVICE, "demo/status", &latest).await
}

/// And when the traffic is to be another: it carries it out.
async fn knative_traffic(s: &Stage, number: u32) -> Result<()> {
    let mut traffic = s.read(KNATIVE_SERVICE, "demo").await?["spec"]["traffic"].clone();
    for entry in traffic.as_array_mut().into_iter().flatten() {
        if entry["latestRevision"] == true {
            entry["revisionName"] = json!(format!("demo-0000{number}"));
        }
    }
    s.merge(KNATIVE_SERVICE, "demo/status", &json!({"status": {"traffic": traffic}})).await
}

/// One look, and Knative's answer to it.
async fn knative_look(s: &Stage, number: u32) -> Result<()> {
    let before = s.course().len();
    s.looks_until("something happens", |_| before < s.course().len()).await?;
    knative_traffic(s, number).await
}

const PROMOTED: &str = "flagger.app/primary-revision";

pub(super) async fn knative(s: &Stage) -> Result<()> {
    s.mirror.watch(&[KNATIVE_SERVICE]);
    s.flagger(&[]).await?;
    let service = "{apiVersion: serving.knative.dev/v1, kind: Service, metadata: {name: demo},
                    spec: {template: {spec: {containers: [{image: 'demo:v1'}]}}}}";
    s.given(&[service]).await?;
    knative_revision(s, 1).await?;
    s.canary(
        "knative",
        "{targetRef: {apiVersion: serving.knative.dev/v1, kind: Service, name: demo}, service: null}",
    )
    .await?;
    s.ready().await?;
    let promoted =
        |view: &View| view.one(KNATIVE_SERVICE, "demo")["metadata"]["annotations"][PROMOTED].clone();
    s.until("the first is promoted", |view| promoted(view) == "demo-00001").await?;
    knative_traffic(s, 1).await?;
    knative_revision(s, 2).await?;
    for _ in 0..10 {
        if s.view().canary_phase() == "Succeeded" {
            break;
        }
        knative_look(s, 2).await?;
    }
    s.until("the second is promoted", |view| {
        view.canary_phase() == "Succeeded" && promoted(view) == "demo-00002"
    })
    .await?;
    s.servers()?.says(Asked::Duration, Said::Value(1000.0));
    knative_revision(s, 3).await?;
    for _ in 0..10 {
        if s.view().canary_phase() == "Failed" {
            break;
        }
        knative_look(s, 3).await?;
    }
    s.until("the third has failed", |view| view.canary_phase() == "Failed" && promoted(view) == "demo-00002")
        .await?;
    s.same(
        "its course",
        &since(&s.course(), "Succeeded 0"),
        &texts(&[
            "Succeeded 0",
            "Progressing 0",
            "Progressing 20",
            "Progressing 20 f1",
            "Progressing 20 f2",
            "Failed 0",
        ]),
    )?;
    s.same("nothing else was made", &s.view().all(DEPLOYMENT).count(), &0)
}
