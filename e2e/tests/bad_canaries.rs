//! Malformed and absurd Canaries on a live cluster under `serin flagger`, and one Canary with several analyses.
//!
//! Held: each bad Canary is refused by the API, or told of by a condition or an event that names the field; the others go on;
//! and when it is mended it goes on by itself. The controller neither ends nor panics nor gives an object up.

mod common;

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use kube::Client;
use serde_json::{Value, json};
use serin_e2e::cluster::{
    self, AUTOSCALER, CANARY, CONFIG_MAP, DEPLOYMENT, EVENT, Kind, Patch, SERVICE, create, get, has_code,
    patch,
};
use serin_e2e::controller::Controller;
use serin_e2e::fixture::merge;
use serin_e2e::routers::METRIC_TEMPLATE;
use serin_e2e::target::{Target, install_canary_definitions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Two minutes, looked at five times a second.
const TRIES: u32 = 600;
const PAUSE: Duration = Duration::from_millis(200);
/// A run is looked at once more each time that so many tries did not see what they wait for.
const TRIES_A_LOOK: u32 = 3;
/// Phases between whose looks nothing but time passes.
const OF_A_RUN: [&str; 4] = ["Progressing", "WaitingPromotion", "Promoting", "Finalising"];

const VARIANT: Kind = Kind::new("/apis/serin.dev/v1alpha1", "analysisvariants", "AnalysisVariant");
/// Every namespace is served.
const ALL: &str = "";
/// Longer than a web hook's time-out below.
const HANG: Duration = Duration::from_secs(30);
/// What a web hook must not make the controller keep.
const FLOOD_BYTES: usize = 10 << 20;

/// A server of web hooks: `/hang` never answers, `/empty` says 204, `/flood` sends ten megabytes of a refusal, others agree.
async fn hooks() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let base = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    Ok(base)
}

async fn answer(mut stream: TcpStream) {
    let mut request = vec![0; 8192];
    let Ok(count @ 1..) = stream.read(&mut request).await else { return };
    let head = String::from_utf8_lossy(&request[..count]).into_owned();
    let text = match head.split(' ').nth(1).unwrap_or_default() {
        "/hang" => {
            tokio::time::sleep(HANG).await;
            return;
        }
        "/empty" => "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_owned(),
        "/flood" => {
            let body = "no\u{7}".repeat(FLOOD_BYTES / 3);
            format!(
                "HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
        }
        _ => "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok".to_owned(),
    };
    // Whoever has heard enough closes the connection.
    drop(stream.write_all(text.as_bytes()).await);
}

/// One namespace, and words to say what is done in it.
struct Place<'a> {
    client: &'a Client,
    name: String,
}

impl<'a> Place<'a> {
    async fn open(client: &'a Client, name: &str, labels: &Value) -> Result<Self> {
        let stamp = jiff::Timestamp::now().as_millisecond() % 1_000_000;
        let name = format!("{name}-{stamp}");
        create(client, "/api/v1/namespaces", &json!({"metadata": {"name": name, "labels": labels}})).await?;
        Ok(Self { client, name })
    }

    async fn close(&self) -> Result<()> {
        cluster::delete(self.client, &format!("/api/v1/namespaces/{}", self.name)).await
    }

    async fn put(&self, kind: Kind, object: &Value) -> Result<Value> {
        create(self.client, &kind.list(&self.name), object).await
    }

    async fn merge(&self, kind: Kind, name: &str, change: &Value) -> Result<()> {
        patch(self.client, &kind.one(&self.name, name), change, Patch::Merge).await.map(drop)
    }

    async fn target(&self, name: &str) -> Result<()> {
        let labels = json!({"app": name});
        let deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "web", "image": "demo:v1", "ports": [{"name": "http", "containerPort": 8080}]}]},
            }},
        });
        self.put(DEPLOYMENT, &deployment).await.map(drop)
    }

    async fn release(&self, name: &str) -> Result<()> {
        let container = json!({"name": "web", "image": "demo:v2"});
        self.merge(DEPLOYMENT, name, &json!({"spec": {"template": {"spec": {"containers": [container]}}}}))
            .await
    }

    async fn canary(&self, name: &str, change: &Value) -> Result<()> {
        let mut canary = canary(name);
        merge(&mut canary, change.clone());
        self.put(CANARY, &canary).await.map(drop)
    }

    /// Waits until `what` holds of a Canary and the messages of its events. A run that is under way does not wait for its
    /// interval meanwhile.
    async fn until(&self, name: &str, what: &str, holds: impl Fn(&Value, &[String]) -> bool) -> Result<()> {
        let events = format!("{}?fieldSelector=involvedObject.name%3D{name}", EVENT.list(&self.name));
        let mut last = (Value::Null, Vec::new());
        for number in 1..=TRIES {
            let canary = get(self.client, &CANARY.one(&self.name, name)).await.unwrap_or_default();
            let events = get(self.client, &events).await?;
            let events = events["items"].as_array().into_iter().flatten();
            last = (canary, events.filter_map(|it| it["message"].as_str().map(str::to_owned)).collect());
            if holds(&last.0, &last.1) {
                return Ok(());
            }
            if number % TRIES_A_LOOK == 0 && OF_A_RUN.iter().any(|phase| last.0["status"]["phase"] == *phase)
            {
                self.hurry(name, &last.0).await?;
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("{name}: never {what}: {}\n{:#?}", last.0["status"], last.1)
    }

    /// Has a Canary looked at: another interval is heard when it is said.
    async fn hurry(&self, name: &str, canary: &Value) -> Result<()> {
        let is_usual = canary["spec"]["analysis"]["interval"] == "10s";
        let interval = if is_usual { "11s" } else { "10s" };
        self.merge(CANARY, name, &json!({"spec": {"analysis": {"interval": interval}}})).await
    }

    async fn phase(&self, name: &str, phase: &str) -> Result<()> {
        self.until(name, phase, |canary, _| canary["status"]["phase"] == phase).await
    }

    /// Requires that an event has these words, and where it `is_refused` the condition too.
    async fn says(&self, name: &str, words: &str, is_refused: bool) -> Result<()> {
        let holds = |canary: &Value, events: &[String]| {
            let conditions = canary["status"]["conditions"].as_array().into_iter().flatten();
            let mut invalid = conditions.filter(|it| it["type"] == "Invalid");
            let is_said = invalid.any(|it| it["message"].as_str().is_some_and(|it| it.contains(words)));
            events.iter().any(|event| event.contains(words)) && is_said == is_refused
        };
        self.until(name, words, holds).await
    }
}

fn canary(name: &str) -> Value {
    json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": name},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "service": {"port": 80, "targetPort": 8080},
            "analysis": {"interval": "10s", "threshold": 1, "iterations": 1},
        },
    })
}

/// What the API itself refuses, by the definition of the kind.
async fn refused_by_the_api(place: &Place<'_>) -> Result<()> {
    let note = "x".repeat(1 << 20);
    for (what, change) in [
        ("no analysis", json!({"spec": {"analysis": null}})),
        ("a negative interval", json!({"spec": {"analysis": {"interval": "-5s"}}})),
        ("two ways to go on", json!({"spec": {"analysis": {"stepWeight": 5}}})),
        ("a megabyte of annotation", json!({"metadata": {"annotations": {"note": note}}})),
        ("a name of 254 letters", json!({"metadata": {"name": "n".repeat(254)}})),
    ] {
        let taken = place.canary("refused", &change).await;
        ensure!(taken.is_err_and(|error| has_code(&error, 422)), "{what} was taken");
    }
    Ok(())
}

/// One bad Canary: its name, the change that makes it bad, the words in condition and event, and the change that mends it.
fn refusals() -> Vec<(&'static str, Value, &'static str, Value)> {
    let spec = |change: Value| json!({"spec": change});
    let analysis = |change: Value| json!({"spec": {"analysis": change}});
    let steps = |steps: Value| analysis(json!({"iterations": null, "stepWeights": steps}));
    let ingress = json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "all"});
    let many: Vec<Value> = (0..10_000).map(|index| json!({"name": index.to_string()})).collect();
    let template = json!([{"name": "t", "templateRef": {"name": "t", "namespace": "kube-system"}}]);
    vec![
        (
            "interval-zero",
            analysis(json!({"interval": "0s"})),
            "spec.analysis.interval",
            analysis(json!({"interval": "10s"})),
        ),
        ("steps-fall", steps(json!([20, 10])), "spec.analysis.stepWeights[1]", steps(json!([10, 20]))),
        (
            "step-huge",
            analysis(json!({"iterations": null, "stepWeight": i64::MAX})),
            "spec.analysis.stepWeight",
            analysis(json!({"stepWeight": 10})),
        ),
        (
            "fraction",
            analysis(json!({"iterations": 2.5})),
            "spec.analysis.iterations",
            analysis(json!({"iterations": 2})),
        ),
        (
            "many-metrics",
            analysis(json!({"metrics": many})),
            "spec.analysis.metrics",
            analysis(json!({"metrics": []})),
        ),
        (
            "foreign-template",
            analysis(json!({"metrics": template})),
            "spec.analysis.metrics[0].templateRef.namespace",
            analysis(json!({"metrics": []})),
        ),
        (
            "no-ingress",
            spec(json!({"provider": "nginx"})),
            "spec.ingressRef",
            spec(json!({"provider": "kubernetes"})),
        ),
        (
            "same-target",
            spec(json!({"targetRef": {"name": "neighbour"}})),
            "belongs to the Canary \"neighbour\"",
            spec(json!({"targetRef": {"name": "same-target"}})),
        ),
        (
            "same-service",
            spec(json!({"service": {"name": "neighbour"}})),
            "spec.service.name: Service neighbour-canary",
            spec(json!({"service": {"name": "same-service"}})),
        ),
        (
            "of-a-primary",
            spec(json!({"targetRef": {"name": "neighbour-primary"}})),
            "spec.targetRef.name",
            spec(json!({"targetRef": {"name": "of-a-primary"}})),
        ),
        (
            "ingress-odd",
            spec(json!({"provider": "gatewayapi:v1", "ingressRef": ingress})),
            "spec.service.gatewayRefs",
            spec(json!({"provider": "kubernetes"})),
        ),
    ]
}

async fn refusal(place: &Place<'_>, row: &(&str, Value, &str, Value)) -> Result<()> {
    let (name, bad, words, mend) = row;
    place.target(name).await?;
    place.canary(name, bad).await?;
    place.says(name, words, true).await?;
    place.merge(CANARY, name, mend).await?;
    place.phase(name, "Initialized").await?;
    place
        .until(name, "without a condition", |canary, _| {
            !canary["status"]["conditions"].to_string().contains("Invalid")
        })
        .await
}

/// What is missing is waited for: the words of the event, and what is created then.
async fn missing(place: &Place<'_>) -> Result<()> {
    let hpa = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "no-hpa"});
    place.target("no-hpa").await?;
    place.canary("no-hpa", &json!({"spec": {"autoscalerRef": hpa}})).await?;
    place.canary("no-target", &json!({})).await?;
    place.says("no-hpa", "horizontalpodautoscalers.autoscaling \"no-hpa\" not found", false).await?;
    place.says("no-target", "deployments.apps \"no-target\" not found", false).await?;
    place.target("no-target").await?;
    let scaler = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "no-hpa"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "no-hpa"}, "minReplicas": 1, "maxReplicas": 2},
    });
    place.put(AUTOSCALER, &scaler).await?;
    place.phase("no-hpa", "Initialized").await?;
    place.phase("no-target", "Initialized").await
}

/// A web hook that does not behave fails the check, and the run; the next one, without it, is promoted.
async fn hook(place: &Place<'_>, base: &str, path: &str) -> Result<()> {
    let name = format!("hook-{path}");
    let hook =
        json!({"name": "odd", "type": "pre-rollout", "url": format!("{base}/{path}"), "timeout": "1s"});
    place.target(&name).await?;
    place.canary(&name, &json!({"spec": {"analysis": {"webhooks": [hook]}}})).await?;
    place.phase(&name, "Initialized").await?;
    place.release(&name).await?;
    place.says(&name, "advancement pre-rollout check odd failed", false).await?;
    place.phase(&name, "Failed").await
}

/// A template that calls itself is told of, and fails the check.
async fn loop_of_a_template(place: &Place<'_>) -> Result<()> {
    let query = r#"{{ define "a" }}{{ template "a" }}{{ end }}{{ template "a" }}"#;
    let template = json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate", "metadata": {"name": "endless"},
        "spec": {"provider": {"type": "prometheus", "address": "http://127.0.0.1:9"}, "query": query},
    });
    place.put(METRIC_TEMPLATE, &template).await?;
    place.target("endless").await?;
    let metric = json!({"name": "endless", "interval": "1m", "templateRef": {"name": "endless"}, "thresholdRange": {"max": 1}});
    place.canary("endless", &json!({"spec": {"analysis": {"metrics": [metric]}}})).await?;
    place.says("endless", "template", false).await?;
    place.phase("endless", "Initialized").await
}

/// A Service that another object controls is led for as long as the Canary is there, and given back.
async fn service_of_another(place: &Place<'_>) -> Result<()> {
    let owner = place.put(CONFIG_MAP, &json!({"metadata": {"name": "owner"}})).await?;
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "owned", "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"], "controller": true}]},
        "spec": {"selector": {"app": "owned"}, "ports": [{"name": "web", "port": 80, "protocol": "TCP", "targetPort": 8080}, {"name": "admin", "port": 81, "protocol": "TCP", "targetPort": 8081}]},
    });
    let before = place.put(SERVICE, &service).await?;
    place.target("owned").await?;
    place.canary("owned", &json!({"spec": {"revertOnDeletion": true}})).await?;
    place.phase("owned", "Initialized").await?;
    let led = get(place.client, &SERVICE.one(&place.name, "owned")).await?;
    ensure!(led["spec"]["selector"]["app"] == "owned-primary", "{led}");
    ensure!(led["spec"]["ports"].as_array().map(Vec::len) == Some(2), "its other port stays: {led}");
    cluster::delete(place.client, &CANARY.one(&place.name, "owned")).await?;
    place.until("owned", "gone", |canary, _| canary.is_null()).await?;
    let after = get(place.client, &SERVICE.one(&place.name, "owned")).await?;
    ensure!(after["spec"] == before["spec"], "{after}\n{before}");
    Ok(())
}

/// Of two Canaries that are made for one target at once, the elder has it, or of one second the first by name.
async fn twins(place: &Place<'_>) -> Result<()> {
    place.target("twin").await?;
    let target = json!({"spec": {"targetRef": {"name": "twin"}, "service": {"name": "twin"}}});
    let mut twins = Vec::new();
    for name in ["twin-z", "twin-a"] {
        place.canary(name, &target).await?;
        let made = get(place.client, &CANARY.one(&place.name, name)).await?;
        twins.push((made["metadata"]["creationTimestamp"].to_string(), name));
    }
    twins.sort();
    let [(_, first), (_, second)] = twins[..] else { bail!("{twins:?}") };
    place.says(second, &format!("Deployment twin belongs to the Canary \"{first}\""), true).await?;
    place.phase(first, "Initialized").await
}

/// The same manifests in three namespaces are analysed in three ways.
async fn variants(client: &Client, base: &str) -> Result<()> {
    let hook = |name: &str, kind: &str| json!({"name": name, "type": kind, "url": format!("{base}/{name}")});
    let manifest = json!({
        "metadata": {"annotations": {"serin.dev/analysis-variants": "development=acceptance-only, staging=plus-load, production="}},
        "spec": {"analysis": {
            "iterations": 2,
            "webhooks": [hook("acceptance", "pre-rollout"), hook("load", "confirm-promotion"), hook("gate", "confirm-rollout")],
        }},
    });
    let variant = |name: &str, spec: Value| json!({"apiVersion": "serin.dev/v1alpha1", "kind": "AnalysisVariant", "metadata": {"name": name}, "spec": spec});
    let one = variant("acceptance-only", json!({"iterations": 1, "webhooks": {"keep": ["acceptance"]}}));
    let two = variant("plus-load", json!({"iterations": 1, "webhooks": {"drop": ["gate"]}}));
    let rows = [
        ("development", "acceptance", "iteration 1/1"),
        ("staging", "acceptance load", "iteration 1/1"),
        ("production", "acceptance load gate", "iteration 2/2"),
    ];
    let runs = rows.map(|(environment, hooks, last)| {
        let (manifest, one, two) = (&manifest, &one, &two);
        async move {
            let place =
                Place::open(client, environment, &json!({"serin.dev/analysis-variant": environment})).await?;
            place.put(VARIANT, one).await?;
            place.put(VARIANT, two).await?;
            place.target("app").await?;
            place.canary("app", manifest).await?;
            place.phase("app", "Initialized").await?;
            place.release("app").await?;
            place.phase("app", "Succeeded").await?;
            let holds = |canary: &Value, events: &[String]| {
                let passed =
                    |name: &str| events.iter().any(|event| event.ends_with(&format!("check {name} passed")));
                let asked: Vec<&str> =
                    ["acceptance", "load", "gate"].into_iter().filter(|name| passed(name)).collect();
                let is_shown =
                    canary["status"]["conditions"].to_string().contains(&format!("\"{environment}: "));
                asked.join(" ") == hooks && is_shown && events.iter().any(|event| event.contains(last))
            };
            place.until("app", "analysed as its environment says", holds).await?;
            place.close().await
        }
    });
    futures::future::try_join_all(runs).await.map(drop)
}

/// The Canary beside the bad ones, which want what it has, goes through a run meanwhile.
async fn neighbour(place: &Place<'_>) -> Result<()> {
    place.phase("neighbour", "Initialized").await?;
    place.release("neighbour").await?;
    place.phase("neighbour", "Succeeded").await.context("the Canary beside the bad ones")
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_canaries_are_told_of_and_hold_up_nobody() -> Result<()> {
    let folder = common::folder()?;
    let target = Target::start(common::kind(), folder.path()).await.context("starting the cluster")?;
    let client = &target.client;
    install_canary_definitions(client).await?;
    let mut tries = 0..TRIES;
    while get(client, &VARIANT.list("default")).await.is_err() {
        tries.next().context("AnalysisVariants are not served")?;
        tokio::time::sleep(PAUSE).await;
    }
    let more = ["-mesh-provider", "kubernetes", "-no-cross-namespace-refs"].map(str::to_owned);
    let mut flagger = Controller::flagger(&target.kubeconfig, folder.path(), ALL, &more)?;
    let base = hooks().await?;
    let place = Place::open(client, "bad-canaries", &json!({})).await?;
    place.target("neighbour").await?;
    place.canary("neighbour", &json!({})).await?;
    // By then it has made what the others want.
    place.phase("neighbour", "Initializing").await?;

    let rows = refusals();
    let refusals =
        async { futures::future::try_join_all(rows.iter().map(|row| refusal(&place, row))).await.map(drop) };
    let misbehaved = ["hang", "empty", "flood"];
    let misbehaved = async {
        futures::future::try_join_all(misbehaved.map(|path| hook(&place, &base, path))).await.map(drop)
    };
    let done = tokio::try_join!(
        refused_by_the_api(&place),
        refusals,
        missing(&place),
        misbehaved,
        loop_of_a_template(&place),
        service_of_another(&place),
        twins(&place),
        variants(client, &base),
        neighbour(&place),
    );
    done.with_context(|| format!("its controller:\n{}", flagger.tail("")))?;
    place.close().await?;
    ensure!(flagger.is_running(), "the controller has ended:\n{}", flagger.tail(""));
    let log = flagger.log().to_owned();
    flagger.stop().await?;
    common::calm(&log)
}
