//! Web hooks, chats, and what is left when a Canary goes.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::course::texts;
use crate::cluster::{CANARY, SERVICE};
use crate::routers::VIRTUAL_SERVICE;
use crate::servers::{Asked, Heard, Said};
use crate::stage::Stage;
use crate::view::View;

/// One hook of each type, each called by its type.
const ALL_HOOKS: &str = "webhooks: [{name: rollout, type: rollout, url: SERVERS/hook/rollout},
    {name: confirm-rollout, type: confirm-rollout, url: SERVERS/hook/confirm-rollout},
    {name: pre-rollout, type: pre-rollout, url: SERVERS/hook/pre-rollout},
    {name: confirm-traffic-increase, type: confirm-traffic-increase, url: SERVERS/hook/confirm-traffic-increase},
    {name: confirm-promotion, type: confirm-promotion, url: SERVERS/hook/confirm-promotion},
    {name: post-rollout, type: post-rollout, url: SERVERS/hook/post-rollout},
    {name: rollback, type: rollback, url: SERVERS/hook/rollback},
    {name: event, type: event, url: SERVERS/hook/event}]";

/// The calls of hooks in their order, `NAME PHASE`, without those that were told of events.
fn calls(s: &Stage) -> Result<Vec<String>> {
    let heard = s.servers()?.heard();
    let call = |it: &Heard| {
        let name = it.path.strip_prefix("hook/").filter(|name| *name != "event")?;
        Some(format!("{name} {}", it.body["phase"].as_str().unwrap_or_default()))
    };
    Ok(heard.iter().filter_map(call).collect())
}

pub(super) async fn every_hook(s: &Stage) -> Result<()> {
    s.flagger(&[]).await?;
    s.servers()?.hook("rollback", &[403]);
    s.target("{}").await?;
    s.canary(
        "istio",
        &format!("analysis: {{stepWeight: 100, maxWeight: 100, stepWeightPromotion: 50, {ALL_HOOKS}}}"),
    )
    .await?;
    s.ready().await?;
    s.release("v2").await?;
    s.reaches("Succeeded").await?;
    // Looks that wait for pods ask nobody. The rollback hook is asked first at each look of the run: the recordings have it so.
    s.same(
        "calls",
        &calls(s)?,
        &texts(&[
            "confirm-rollout Initialized",
            "rollback Progressing",
            "pre-rollout Progressing",
            "confirm-traffic-increase Progressing",
            "rollback Progressing",
            "rollout Progressing",
            "confirm-traffic-increase Progressing",
            "confirm-promotion Progressing",
            "post-rollout Succeeded",
        ]),
    )?;
    s.heard_until("the last event", || {
        s.heard("hook/event").iter().any(|it| it.body.to_string().contains("Promotion completed!"))
    })
    .await?;
    let name = s.namespace();
    let told: Vec<String> = s
        .heard("hook/event")
        .iter()
        .map(|it| {
            let text = it.body["metadata"]["eventMessage"].as_str().unwrap_or_default();
            format!(
                "{} {}",
                it.body["phase"].as_str().unwrap_or_default(),
                text.replace(&format!(".{name}"), "")
            )
        })
        .filter(|line| !line.contains(" not ready") && !line.contains("metrics providers"))
        .collect();
    s.same(
        "events",
        &told,
        &texts(&[
            "Initialized Initialization done! demo",
            "Initialized Confirm-rollout check confirm-rollout passed",
            "Progressing New revision detected! Scaling up demo",
            "Progressing Rollback hook rollback not signaling a rollback",
            "Progressing Starting canary analysis for demo",
            "Progressing Pre-rollout check pre-rollout passed",
            "Progressing Confirm-traffic-increase check confirm-traffic-increase passed",
            "Progressing Advance demo canary weight 100",
            "Progressing Rollback hook rollback not signaling a rollback",
            "Progressing Confirm-traffic-increase check confirm-traffic-increase passed",
            "Progressing Confirm-promotion check confirm-promotion passed",
            "Progressing Copying demo template spec to demo-primary",
            "Promoting Advance demo primary weight 50",
            "Promoting Advance demo primary weight 100",
            "Succeeded Post-rollout check post-rollout passed",
            "Succeeded Promotion completed! Scaling down demo",
        ]),
    )?;
    s.same("the general listener, which the Canary's own replaces", &s.heard("event").len(), &0)
}

pub(super) async fn what_a_hook_is_sent(s: &Stage) -> Result<()> {
    s.flagger(&[]).await?;
    s.servers()?.hook("pre", &[500, 500, 200]);
    s.target("{}").await?;
    s.canary(
        "istio",
        "analysis: {webhooks: [{name: pre, type: pre-rollout, url: SERVERS/hook/pre, retries: 1, metadata: {note: mine}},
           {name: load, url: SERVERS/hook/load}]}",
    )
    .await?;
    s.ready().await?;
    s.release("v2").await?;
    // A second attempt comes a second after the first: one look must not be followed by another before that.
    s.looks_until("the first attempt", |_| !s.heard("hook/pre").is_empty()).await?;
    s.until("two attempts are a failed check", |view| view.stands() == "Progressing 0 f1").await?;
    s.same("attempts", &s.heard("hook/pre").len(), &2)?;
    s.servers()?.hook("pre", &[500, 200]);
    s.look().await?;
    s.until("a second attempt that succeeds is none", |view| view.stands() == "Progressing 20 f1").await?;
    s.same("attempts", &s.heard("hook/pre").len(), &4)?;
    let body = &s.heard("hook/pre")[0].body;
    let checksum = &body["checksum"];
    s.same(
        "what it is sent",
        body,
        &json!({"name": "demo", "namespace": s.namespace(), "phase": "Progressing", "checksum": checksum,
            "metadata": {"note": "mine"}}),
    )?;
    s.reaches("Succeeded").await?;
    s.same("another hook of the run", &s.heard("hook/load")[0].body["checksum"], checksum)?;
    s.same("what it has not", &s.heard("hook/load")[0].body["metadata"], &Value::Null)?;
    s.servers()?.hook("pre", &[200]);
    s.release("v3").await?;
    s.looks_until("the next run", |view| view.stands() == "Progressing 20").await?;
    let newer = s.heard("hook/pre").last().map(|it| it.body["checksum"].clone()).unwrap_or_default();
    ensure!(
        newer != *checksum && newer.is_string(),
        "another version has another checksum: {newer}, {checksum}"
    );
    Ok(())
}

pub(super) async fn chats(s: &Stage) -> Result<()> {
    s.flagger(&[]).await?;
    s.slack("near").await?;
    s.slack("named").await?;
    s.target("{}").await?;
    s.canary(
        "istio",
        &format!(
            "analysis: {{alerts: [{{name: a, severity: info, providerRef: {{name: near}}}},
               {{name: b, severity: error, providerRef: {{name: named, namespace: {}}}}}]}}",
            s.namespace()
        ),
    )
    .await?;
    s.ready().await?;
    s.servers()?.says(Asked::Rate, Said::Value(1.0));
    s.release("v2").await?;
    s.reaches("Failed").await?;
    let author = json!(format!("demo.{}", s.namespace()));
    s.looks_until("both are told", |_| {
        let (near, named) = (s.heard("chat/near"), s.heard("chat/named"));
        near.len() == 3 && named.len() == 1
    })
    .await?;
    for heard in s.heard("chat/near").iter().chain(&s.heard("chat/named")) {
        s.same("author", &heard.body["attachments"][0]["author_name"], &author)?;
    }
    let error = &s.heard("chat/named")[0].body["attachments"][0];
    s.same("its colour", &error["color"], &json!("danger"))?;
    s.same("what it says", &error["text"], &json!("Failed checks threshold reached 2"))
}

/// A Service and a `VirtualService` that were there before.
pub(super) const BEFORE: [&str; 2] = [
    "{apiVersion: v1, kind: Service, metadata: {name: demo}, spec: {selector: {app: demo},
       ports: [{name: web, port: 80, targetPort: 9898}, {name: extra, port: 81, targetPort: 9797}]}}",
    "{apiVersion: networking.istio.io/v1beta1, kind: VirtualService, metadata: {name: demo},
       spec: {hosts: [app.example.com], gateways: [mesh-gate/public], http: [{route: [{destination: {host: demo}}]}]}}",
];

pub(super) async fn all_is_given_back(s: &Stage) -> Result<()> {
    s.mirror.watch(&[VIRTUAL_SERVICE]);
    s.flagger(&[]).await?;
    s.given(&BEFORE).await?;
    s.target("spec: {replicas: 1}").await?;
    let before = |view: &View| {
        (
            view.one(SERVICE, "demo")["spec"].clone(),
            view.one(VIRTUAL_SERVICE, "demo")["spec"].clone(),
            view.one(VIRTUAL_SERVICE, "demo")["metadata"]["annotations"].clone(),
        )
    };
    s.until("both are seen", |view| !before(view).0.is_null() && !before(view).1.is_null()).await?;
    let was = before(&s.view());
    s.canary("istio", "{}").await?;
    s.ready().await?;
    s.edit("revertOnDeletion: true").await?;
    s.looks_until("its finalizer", |view| {
        view.canary()["metadata"]["finalizers"] == json!(["finalizer.flagger.app"])
    })
    .await?;
    s.until("the primary has the users", |view| {
        view.one(SERVICE, "demo")["spec"]["selector"] == json!({"app": "demo-primary"})
    })
    .await?;
    s.delete(CANARY, "demo").await?;
    s.until("the Canary goes", |view| view.canary().is_null()).await?;
    s.until("the target is as it was", |view| view.replicas("demo") == 1 && before(view) == was).await?;
    s.until("what was made for it goes", |view| {
        view.replicas("demo-primary") == -1 && view.one(SERVICE, "demo-canary").is_null()
    })
    .await
}

pub(super) async fn a_target_that_does_not_come_back(s: &Stage) -> Result<()> {
    s.initialized("kubernetes", "{revertOnDeletion: true, progressDeadlineSeconds: 3}").await?;
    s.until("its finalizer", |view| view.canary()["metadata"]["finalizers"].is_array()).await?;
    // A version that nobody analyses, and whose pods nobody binds.
    s.edit("suspend: true").await?;
    s.change(crate::cluster::DEPLOYMENT, "demo", "spec: {template: {spec: {schedulerName: by-hand}}}")
        .await?;
    s.delete(CANARY, "demo").await?;
    s.hears("is not released").await?;
    s.stays("the Canary is not released", |view| {
        view.canary_phase() == "Terminating" && view.canary()["metadata"]["finalizers"].is_array()
    })
    .await?;
    s.bind_where("app", "demo", 1).await?;
    s.until("it goes when the pods are there", |view| view.canary().is_null()).await
}
