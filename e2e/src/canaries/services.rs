//! The three Services: what is led where, and what of it is kept as it is.

use anyhow::Result;
use serde_json::{Value, json};

use crate::cluster::SERVICE;
use crate::stage::Stage;
use crate::view::View;

/// The apex and the two behind it.
const THREE: [&str; 3] = ["demo", "demo-primary", "demo-canary"];

/// The two marks that keep Flux away.
pub(super) fn flux() -> Value {
    json!({
        "helm.toolkit.fluxcd.io/driftDetection": "disabled",
        "kustomize.toolkit.fluxcd.io/reconcile": "disabled",
    })
}

/// The annotations of a Service.
pub(super) fn annotations<'a>(view: &'a View, name: &str) -> &'a Value {
    &view.one(SERVICE, name)["metadata"]["annotations"]
}

/// `NAME PORT TARGET` of a Service's ports, in the order of these words.
pub(super) fn ports(view: &View, name: &str) -> Vec<String> {
    let ports = view.one(SERVICE, name)["spec"]["ports"].as_array().cloned().unwrap_or_default();
    let line = |port: &Value| {
        let target = port["targetPort"].to_string();
        format!("{} {} {}", port["name"].as_str().unwrap_or("-"), port["port"], target.trim_matches('"'))
    };
    let mut lines: Vec<String> = ports.iter().map(line).collect();
    lines.sort();
    lines
}

pub(super) async fn port_discovery(s: &Stage) -> Result<()> {
    s.flagger(&[]).await?;
    s.target(
        "spec: {template: {spec: {containers: [{name: web, image: 'demo:v1', ports: [{name: http, containerPort: 9898},
           {name: http-metrics, containerPort: 8080}, {containerPort: 8888}]}]}}}",
    )
    .await?;
    s.canary("kubernetes", "service: {port: 9898, targetPort: null, portDiscovery: true}").await?;
    s.ready().await?;
    let (metrics, unnamed) = ("http-metrics 8080 8080", "tcp-web-2 8888 8888");
    for (edit, wanted) in [
        ("{}", vec!["http 9898 9898", metrics, unnamed]),
        ("service: {port: 80, targetPort: 9898}", vec!["http 80 9898", metrics, unnamed]),
        // A Service cannot have one port twice: that of the metrics is the Service's own here.
        ("service: {port: 8080, targetPort: http}", vec!["http 8080 http", unnamed]),
    ] {
        s.edit(edit).await?;
        let are_there = |view: &View| THREE.iter().all(|name| ports(view, name) == wanted);
        s.looks_until(&format!("ports {wanted:?}"), are_there).await?;
    }
    Ok(())
}

pub(super) async fn edited_ports(s: &Stage) -> Result<()> {
    s.initialized("kubernetes", "{}").await?;
    s.edit("service: {portName: grpc}").await?;
    let are_grpc = |view: &View| THREE.iter().all(|name| ports(view, name) == ["grpc 80 9898"]);
    s.looks_until("the name of the port", are_grpc).await?;
    for name in THREE {
        s.change(SERVICE, name, "spec: {ports: [{name: grpc, port: 81, targetPort: 9898}]}").await?;
    }
    s.looks_until("the port again", are_grpc).await
}

pub(super) async fn metadata_of_one_service(s: &Stage) -> Result<()> {
    s.initialized("kubernetes", "service: {canary: {labels: {a: b}, annotations: {c: d}}}").await?;
    let view = s.view();
    s.same("the primary's annotations", annotations(&view, "demo-primary"), &flux())?;
    let mut wanted = flux();
    wanted["c"] = json!("d");
    s.same("the canary's annotations", annotations(&view, "demo-canary"), &wanted)?;
    let labels = |name: &str| view.one(SERVICE, name)["metadata"]["labels"].clone();
    s.same("the canary's labels", &labels("demo-canary"), &json!({"a": "b", "app": "demo-canary"}))?;
    s.same("the primary's labels", &labels("demo-primary"), &json!({"app": "demo-primary"}))
}

pub(super) async fn metadata_of_others(s: &Stage) -> Result<()> {
    s.initialized("kubernetes", "service: {unmanagedMetadata: {annotations: [kept], labels: [kept-label]}}")
        .await?;
    let foreign = "metadata: {annotations: {kept: x, odd: x}, labels: {kept-label: x, odd-label: x}}";
    for name in THREE {
        s.change(SERVICE, name, foreign).await?;
    }
    s.looks_until("what is named stays, the rest goes", |view| {
        THREE.iter().all(|name| {
            let metadata = &view.one(SERVICE, name)["metadata"];
            metadata["annotations"]["kept"] == "x"
                && metadata["labels"]["kept-label"] == "x"
                && metadata["annotations"]["odd"].is_null()
                && metadata["labels"]["odd-label"].is_null()
        })
    })
    .await
}

pub(super) async fn traffic_distribution(s: &Stage) -> Result<()> {
    s.initialized("kubernetes", "service: {trafficDistribution: PreferClose}").await?;
    s.until("Services that prefer what is close", |view| {
        THREE
            .iter()
            .all(|name| view.one(SERVICE, name)["spec"]["trafficDistribution"] == json!("PreferClose"))
    })
    .await
}
