//! Malformed and absurd objects on a live cluster, and what others do to a Rollout's things in mid-course.
//!
//! Held: each bad object is told of by the condition and event of its kind, or refused by the API; Rollouts beside it go
//! on; and when it is mended it goes on too. Nothing that happens to one object ends or freezes the controller.

mod common;

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures::future::{BoxFuture, FutureExt as _, join_all};
use kube::Client;
use serde_json::{Value, json};
use serin_e2e::cluster::{self, INGRESS, REPLICA_SET, ROLLOUT, SERVICE, get};
use serin_e2e::controller::Controller;
use serin_e2e::fixture;
use serin_e2e::stage::Stage;
use serin_e2e::target::install_definitions;
use serin_e2e::view::{HASH_LABEL, View};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use common::Ground;

/// A minute, looked at ten times a second.
const TRIES: u32 = 600;
const PAUSE: Duration = Duration::from_millis(100);

type Case = (&'static str, for<'a> fn(&'a Stage) -> BoxFuture<'a, Result<()>>);

const CASES: &[Case] = &[
    ("negative-replicas", |s| negative_replicas(s).boxed()),
    ("absurd-steps", |s| absurd_steps(s).boxed()),
    ("many-steps", |s| many_steps(s).boxed()),
    ("wrong-types", |s| wrong_types(s).boxed()),
    ("large-annotation", |s| large_annotation(s).boxed()),
    ("service-missing", |s| service_missing(s).boxed()),
    ("ingress-deleted", |s| ingress_deleted(s).boxed()),
    ("service-deleted", |s| service_deleted(s).boxed()),
    ("replica-set-adopted", |s| replica_set_adopted(s).boxed()),
    ("two-for-one-service", |s| two_for_one_service(s).boxed()),
    ("deleted-in-mid-course", |s| deleted_in_mid_course(s).boxed()),
];

/// Requires that the Rollout is refused with these words, in its condition and in an event.
async fn refused(s: &Stage, words: &str) -> Result<()> {
    s.phase_says("Degraded", words).await?;
    s.condition("InvalidSpec", "True", "InvalidSpec").await
}

/// Requires that the Rollout runs again, and that nothing of the refusal is left.
async fn mended(s: &Stage) -> Result<()> {
    s.phase("Healthy").await?;
    s.condition("InvalidSpec", "", "").await
}

async fn negative_replicas(s: &Stage) -> Result<()> {
    s.rollout("{}").await?;
    s.phase("Healthy").await?;
    // A real API server refuses it, because of the scale subresource; what passes must be told of.
    match s.patch("spec: {replicas: -3}").await {
        Err(error) => ensure!(cluster::has_code(&error, 422), "{error:#}"),
        Ok(()) => refused(s, "spec.replicas").await?,
    }
    s.patch("spec: {replicas: 2}").await?;
    mended(s).await
}

async fn absurd_steps(s: &Stage) -> Result<()> {
    s.rollout("strategy: {canary: {steps: [{setWeight: 101}]}}").await?;
    refused(s, "SetWeight needs to be between 0 and 100").await?;
    for (steps, words) in [
        ("[{pause: {duration: soon}}]", "Duration needs to be greater than 0"),
        ("[{setCanaryScale: {weight: 10}}]", "SetCanaryScale"),
        ("[{}]", "steps[0]"),
    ] {
        s.patch(&format!("spec: {{strategy: {{canary: {{steps: {steps}}}}}}}")).await?;
        refused(s, words).await.with_context(|| steps.to_owned())?;
    }
    // A step that the definition does not know is cut off by the API, and what is left says nothing.
    s.patch("spec: {strategy: {canary: {steps: [{teleport: 3}]}}}").await?;
    refused(s, "steps[0]").await?;
    s.patch("spec: {strategy: {canary: {steps: [{setWeight: 50}]}}}").await?;
    mended(s).await
}

async fn many_steps(s: &Stage) -> Result<()> {
    let steps: Vec<Value> = (0..10_000).map(|step| json!({"setWeight": step % 101})).collect();
    s.rollout("{}").await?;
    s.phase("Healthy").await?;
    s.merge(ROLLOUT, "demo", &json!({"spec": {"strategy": {"canary": {"steps": steps}}}})).await?;
    s.phase("Healthy").await?;
    s.patch("spec: {strategy: {canary: {steps: [{setWeight: 50}, {pause: {}}]}}}").await?;
    s.update("v2").await?;
    s.phase_at("Paused", 1).await
}

async fn wrong_types(s: &Stage) -> Result<()> {
    // What the definition leaves open reaches the controller as it was written.
    let mut rollout = fixture::rollout("{}")?;
    rollout["spec"]["template"]["spec"]["containers"] = json!("none");
    let taken = s.create(&rollout).await;
    if let Err(error) = &taken {
        ensure!(cluster::has_code(error, 422), "{error:#}");
        return s.rollout("{}").await;
    }
    s.until("it is told", |view| view.phase() == "Degraded" || !view.status("message").is_null()).await?;
    s.delete(ROLLOUT, "demo").await?;
    eventually(s, "it is gone", |view| view.rollout().is_null()).await
}

/// Waits for a state in which the scenario's own Rollout may be gone, or is not the one that was written last.
async fn eventually(s: &Stage, what: &str, state: impl Fn(&View) -> bool) -> Result<()> {
    for _ in 0..TRIES {
        if state(&s.view()) {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    bail!("not within a minute: {what}\n{}", s.view().summary())
}

async fn large_annotation(s: &Stage) -> Result<()> {
    s.rollout("{}").await?;
    s.phase("Healthy").await?;
    // All annotations of an object together may have 256 KiB: a megabyte is the API's to refuse.
    let large = |bytes: usize| json!({"metadata": {"annotations": {"note": "x".repeat(bytes)}}});
    let refused = s.merge(ROLLOUT, "demo", &large(1 << 20)).await;
    ensure!(refused.is_err_and(|error| cluster::has_code(&error, 422)), "a megabyte of annotation was taken");
    s.merge(ROLLOUT, "demo", &large(200 << 10)).await?;
    s.update("v2").await?;
    mended(s).await?;
    s.until("the new image runs", |view| view.pods_of(2) == Some(1)).await
}

async fn service_missing(s: &Stage) -> Result<()> {
    let mut rollout = fixture::rollout(fixture::NGINX)?;
    rollout["spec"]["replicas"] = json!(2);
    s.create(&rollout).await?;
    refused(s, "service \"demo-stable\" not found").await?;
    for object in fixture::web() {
        s.create(&object).await?;
    }
    mended(s).await
}

async fn ingress_deleted(s: &Stage) -> Result<()> {
    s.routed("{replicas: 2, strategy: {canary: {steps: [{setWeight: 20}, {pause: {}}]}}}").await?;
    s.phase("Healthy").await?;
    s.update("v2").await?;
    s.phase_at("Paused", 1).await?;
    s.weight(20).await?;
    s.delete(INGRESS, "demo").await?;
    refused(s, "demo").await?;
    let pods = s.view().canary_stable();
    s.stays("pods stay", |view| view.canary_stable() == pods).await?;
    s.create(&fixture::web()[2]).await?;
    s.phase_at("Paused", 1).await?;
    s.promote().await?;
    mended(s).await
}

async fn service_deleted(s: &Stage) -> Result<()> {
    s.routed("{replicas: 2, strategy: {canary: {steps: [{setWeight: 20}, {pause: {}}]}}}").await?;
    s.phase("Healthy").await?;
    s.update("v2").await?;
    s.phase_at("Paused", 1).await?;
    s.delete(SERVICE, "demo-canary").await?;
    refused(s, "demo-canary").await?;
    s.create(&fixture::web()[0]).await?;
    s.selects("demo-canary", 2).await?;
    s.phase_at("Paused", 1).await?;
    s.promote_full().await?;
    mended(s).await
}

async fn replica_set_adopted(s: &Stage) -> Result<()> {
    s.rollout("replicas: 2").await?;
    s.phase("Healthy").await?;
    let name = s.view().revision(1)["metadata"]["name"].as_str().context("a ReplicaSet")?.to_owned();
    s.apply("{apiVersion: v1, kind: Service, metadata: {name: other}, spec: {ports: [{port: 80}]}}").await?;
    eventually(s, "the other owner", |view| view.one(SERVICE, "other").is_object()).await?;
    let uid = s.view().one(SERVICE, "other")["metadata"]["uid"].clone();
    let other =
        json!([{"apiVersion": "v1", "kind": "Service", "name": "other", "uid": uid, "controller": true}]);
    let release = |owners: &Value| json!({"metadata": {"ownerReferences": owners}});
    s.merge(REPLICA_SET, &name, &release(&other)).await?;
    eventually(s, "the watch shows the other owner", |view| {
        view.one(REPLICA_SET, &name)["metadata"]["ownerReferences"][0]["name"] == "other"
    })
    .await?;
    // Somebody else's ReplicaSet is not touched: whatever the Rollout does, the pods of the other one stay its own.
    s.stays("it is the other's", |view| {
        let owner = &view.one(REPLICA_SET, &name)["metadata"]["ownerReferences"][0]["name"];
        owner == "other" || view.one(REPLICA_SET, &name).is_null()
    })
    .await?;
    if s.view().one(REPLICA_SET, &name).is_object() {
        s.merge(REPLICA_SET, &name, &release(&Value::Null)).await?;
    }
    mended(s).await
}

async fn two_for_one_service(s: &Stage) -> Result<()> {
    s.routed("{replicas: 1}").await?;
    s.phase("Healthy").await?;
    let mut second = fixture::rollout(fixture::NGINX)?;
    second["metadata"]["name"] = json!("second");
    s.create(&second).await?;
    let condition = |view: &View| {
        let status = view.one(ROLLOUT, "second")["status"].clone();
        let message = status["message"].as_str().unwrap_or_default().to_owned();
        status["phase"] == "Degraded" && message.contains("is managed by another Rollout")
    };
    eventually(s, "the second is refused", condition).await?;
    let hash = s.view().hash(1).to_owned();
    s.stays("the first has its Services", |view| {
        view.selected("demo-stable") == hash && view.phase() == "Healthy"
    })
    .await?;
    // When the first lets go, the second goes on.
    s.delete(ROLLOUT, "demo").await?;
    eventually(s, "the second runs", |view| view.one(ROLLOUT, "second")["status"]["phase"] == "Healthy").await
}

async fn deleted_in_mid_course(s: &Stage) -> Result<()> {
    s.routed("{replicas: 2, strategy: {canary: {steps: [{setWeight: 20}, {pause: {}}]}}}").await?;
    s.phase("Healthy").await?;
    s.update("v2").await?;
    s.phase_at("Paused", 1).await?;
    s.delete(ROLLOUT, "demo").await?;
    eventually(s, "its children go", |view| view.all(REPLICA_SET).next().is_none()).await?;
    eventually(s, "its Services are released", |view| {
        ["demo-canary", "demo-stable"].iter().all(|service| {
            let object = view.one(SERVICE, service);
            object.is_object() && object["spec"]["selector"][HASH_LABEL].is_null()
        })
    })
    .await
}

async fn open(client: &Client, name: &str) -> Result<Stage> {
    let stamp = jiff::Timestamp::now().as_millisecond() % 1_000_000;
    Stage::open(client.clone(), &format!("bad-{name}-{stamp}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_objects_are_told_of_and_hold_up_nobody() -> Result<()> {
    let mut ground = Ground::start().await?;
    let only = std::env::var("SERIN_E2E_ONLY").unwrap_or_default();
    let chosen = CASES.iter().filter(|(name, _)| name.contains(&only));
    let client = &ground.target.client;
    let runs = chosen.map(|(name, case)| async move {
        let stage = open(client, name).await?;
        let result = case(&stage).await.map_err(|error| format!("{error:#}\n{}", stage.obituary()));
        println!("{} {name}", if result.is_ok() { "ok     " } else { "FAILED " });
        stage.close().await?;
        anyhow::Ok(result.err().map(|error| format!("{name}: {error}")))
    });
    let neighbour = open(client, "neighbour").await?;
    neighbour.rollout("{replicas: 2, strategy: {canary: {steps: [{setWeight: 50}, {pause: {}}]}}}").await?;
    neighbour.phase("Healthy").await?;
    let mut failures = Vec::new();
    for run in join_all(runs).await {
        failures.extend(run?);
    }
    neighbour.update("v2").await?;
    neighbour.phase_at("Paused", 1).await.context("the Rollout beside the bad ones")?;
    neighbour.promote().await?;
    neighbour.phase("Healthy").await?;

    let definitions = definition_comes_back(client).await.context("the definition is deleted and comes back");
    // Whoever uses this cluster next finds the definition, also when that has failed.
    install_definitions(client).await?;
    failures.extend(definitions.err().map(|error| format!("{error:#}")));
    ensure!(ground.controller.is_running(), "the controller has ended:\n{}", ground.controller.tail(""));
    let alone = ground.controller;
    let log = alone.log().to_owned();
    alone.stop().await?;
    failures.extend(common::calm(&log).err().map(|error| format!("{error:#}")));

    let slow = slow_answers(client, &ground.target.kubeconfig, ground.folder.path()).await;
    failures.extend(slow.context("an API that answers slowly").err().map(|error| format!("{error:#}")));
    ensure!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n\n"));
    Ok(())
}

/// The definition of Rollouts is deleted, with all of them, and created again under the running controller.
async fn definition_comes_back(client: &Client) -> Result<()> {
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/rollouts.argoproj.io";
    cluster::delete(client, path).await?;
    let mut tries = 0..TRIES;
    while !get(client, path).await.is_err_and(|error| cluster::is_missing(&error)) {
        tries.next().context("the definition is still there a minute after it was deleted")?;
        tokio::time::sleep(PAUSE).await;
    }
    install_definitions(client).await?;
    let stage = open(client, "afterwards").await?;
    stage.rollout("replicas: 2").await?;
    stage.phase("Healthy").await?;
    stage.close().await
}

/// How much later each packet of the API arrives.
const LATE: Duration = Duration::from_millis(300);

/// A controller whose API answers late still gets a Rollout through, and writes nothing twice.
async fn slow_answers(client: &Client, kubeconfig: &std::path::Path, folder: &std::path::Path) -> Result<()> {
    let text = std::fs::read_to_string(kubeconfig)?;
    let place = regex::Regex::new(r"https://127\.0\.0\.1:(\d+)")?;
    let port = place.captures(&text).context("the kubeconfig names no server on loopback")?[1].to_owned();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let ours = listener.local_addr()?.port();
    let proxy = tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let Ok(far) = tokio::net::TcpStream::connect(format!("127.0.0.1:{port}")).await else { continue };
            let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
            tokio::spawn(carry(near_in, far_out, Duration::ZERO));
            tokio::spawn(carry(far_in, near_out, LATE));
        }
    });
    let slow = folder.join("slow.kubeconfig");
    std::fs::write(
        &slow,
        text.replace(
            &place.find(&text).context("server")?.as_str().to_owned(),
            &format!("https://127.0.0.1:{ours}"),
        ),
    )?;
    let folder = folder.join("slow");
    std::fs::create_dir(&folder)?;
    let controller = Controller::start(&slow, &folder)?;
    let stage = open(client, "slow").await?;
    let spec = "{replicas: 2, strategy: {canary: {steps: [{setWeight: 50}, {pause: {}}]}}}";
    stage.rollout(spec).await?;
    stage.phase("Healthy").await?;
    stage.update("v2").await?;
    stage.phase_at("Paused", 1).await?;
    stage.promote().await?;
    stage.phase("Healthy").await?;
    stage.close().await?;
    let log = controller.log().to_owned();
    controller.stop().await?;
    proxy.abort();
    common::calm(&log)
}

async fn carry(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, late: Duration) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        tokio::time::sleep(late).await;
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
