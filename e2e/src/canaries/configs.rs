//! ConfigMaps and Secrets of a target: copies for the primary, and new versions.

use anyhow::Result;
use serde_json::{Value, json};

use crate::cluster::{CANARY, CONFIG_MAP, DEPLOYMENT, Kind, SECRET};
use crate::routers::VIRTUAL_SERVICE;
use crate::stage::Stage;
use crate::view::View;

/// What the target below names, each in another way.
const CONFIGS: [&str; 5] = [
    "{apiVersion: v1, kind: ConfigMap, metadata: {name: in-volume}, data: {color: blue}}",
    "{apiVersion: v1, kind: Secret, metadata: {name: projected}, type: Opaque, stringData: {k: blue}}",
    "{apiVersion: v1, kind: Secret, metadata: {name: in-env}, type: Opaque, stringData: {k: blue}}",
    "{apiVersion: v1, kind: ConfigMap, metadata: {name: env-from}, data: {K: blue}}",
    "{apiVersion: v1, kind: ConfigMap, metadata: {name: alone, annotations: {flagger.app/config-tracking: disabled}}, data: {k: v}}",
];

const TARGET: &str = "spec: {template: {spec: {
    volumes: [{name: a, configMap: {name: in-volume}}, {name: b, projected: {sources: [{secret: {name: projected}}]}},
      {name: c, configMap: {name: alone}}],
    initContainers: [{name: init, image: 'demo:v1', envFrom: [{configMapRef: {name: env-from}}]}],
    containers: [{name: web, image: 'demo:v1', env: [{name: S, valueFrom: {secretKeyRef: {name: in-env, key: k}}}],
      envFrom: [{configMapRef: {name: env-from}}]}]}}}";

/// The names that the primary's pods read, in their order.
fn read(view: &View) -> Value {
    let pods = &view.one(DEPLOYMENT, "demo-primary")["spec"]["template"]["spec"];
    let web = &pods["containers"][0];
    json!([
        pods["volumes"][0]["configMap"]["name"],
        pods["volumes"][1]["projected"]["sources"][0]["secret"]["name"],
        pods["volumes"][2]["configMap"]["name"],
        pods["initContainers"][0]["envFrom"][0]["configMapRef"]["name"],
        web["env"][0]["valueFrom"]["secretKeyRef"]["name"],
        web["envFrom"][0]["configMapRef"]["name"],
    ])
}

const COPIES: [(Kind, &str); 4] = [
    (CONFIG_MAP, "in-volume-primary"),
    (SECRET, "projected-primary"),
    (SECRET, "in-env-primary"),
    (CONFIG_MAP, "env-from-primary"),
];

pub(super) async fn copies_for_the_primary(s: &Stage) -> Result<()> {
    s.flagger(&[]).await?;
    s.given(&CONFIGS).await?;
    s.target(TARGET).await?;
    s.canary("kubernetes", "{}").await?;
    s.ready().await?;
    let is_there = |view: &View| COPIES.iter().all(|(kind, name)| !view.one(*kind, name).is_null());
    s.until("a copy of each", is_there).await?;
    let view = s.view();
    s.same(
        "what the primary reads",
        &read(&view),
        &json!([
            "in-volume-primary",
            "projected-primary",
            "alone",
            "env-from-primary",
            "in-env-primary",
            "env-from-primary"
        ]),
    )?;
    for (kind, name) in COPIES {
        let copied = name.trim_end_matches("-primary");
        s.same(name, &view.one(kind, name)["data"], &view.one(kind, copied)["data"])?;
    }
    let tracked = view.canary()["status"]["trackedConfigs"].as_object().map_or(0, serde_json::Map::len);
    s.same("tracked configurations", &tracked, &4)
}

pub(super) async fn configs_that_are_not_tracked(s: &Stage) -> Result<()> {
    s.flagger(&["-enable-config-tracking=false"]).await?;
    s.given(&CONFIGS).await?;
    s.target(TARGET).await?;
    s.canary("kubernetes", "{}").await?;
    s.ready().await?;
    let view = s.view();
    s.same(
        "what the primary reads",
        &read(&view),
        &json!(["in-volume", "projected", "alone", "env-from", "in-env", "env-from"]),
    )?;
    s.same("a copy", view.one(CONFIG_MAP, "in-volume-primary"), &Value::Null)?;
    s.same("what is tracked", &view.canary()["status"]["trackedConfigs"], &Value::Null)
}

pub(super) async fn a_config_of_two_canaries(s: &Stage) -> Result<()> {
    s.flagger(&[]).await?;
    s.given(&["{apiVersion: v1, kind: ConfigMap, metadata: {name: shared}, data: {color: blue}}"]).await?;
    let reads = "template: {spec: {volumes: [{name: a, configMap: {name: shared}}]}}";
    s.target(&format!("spec: {{{reads}}}")).await?;
    s.target(
        "{metadata: {name: other}, spec: {selector: {matchLabels: {app: other}},
            template: {metadata: {labels: {app: other}}, spec: {volumes: [{name: a, configMap: {name: shared}}]}}}}",
    )
    .await?;
    s.canary("kubernetes", "{}").await?;
    s.ready().await?;
    s.given(&["{apiVersion: flagger.app/v1beta1, kind: Canary, metadata: {name: other}, spec: {provider: kubernetes,
        targetRef: {apiVersion: apps/v1, kind: Deployment, name: other}, service: {port: 80, targetPort: 9898},
        analysis: {interval: 10s, threshold: 2, iterations: 2}}}"])
        .await?;
    s.until("the other one is initialized too", |view| {
        view.one(CANARY, "other")["status"]["phase"] == "Initialized"
    })
    .await?;
    let view = s.view();
    let owners = &view.one(CONFIG_MAP, "shared-primary")["metadata"]["ownerReferences"];
    let mut names: Vec<&str> =
        owners.as_array().into_iter().flatten().filter_map(|owner| owner["name"].as_str()).collect();
    names.sort_unstable();
    s.same("owners", &names, &vec!["demo", "other"])
}

pub(super) async fn a_config_that_is_left_alone(s: &Stage) -> Result<()> {
    s.flagger(&[]).await?;
    s.given(&CONFIGS[4..]).await?;
    s.target("spec: {template: {spec: {volumes: [{name: a, configMap: {name: alone}}]}}}").await?;
    s.canary("kubernetes", "{}").await?;
    s.ready().await?;
    s.change(CONFIG_MAP, "alone", "data: {k: another}").await?;
    s.keeps("a change of it is no new version, and nothing copies it", |view| {
        view.stands() == "Initialized 0" && view.one(CONFIG_MAP, "alone-primary").is_null()
    })
    .await
}

pub(super) async fn configs_changed_in_mid_run(s: &Stage) -> Result<()> {
    s.mirror.watch(&[VIRTUAL_SERVICE]);
    s.flagger(&[]).await?;
    s.given(&CONFIGS).await?;
    s.target(TARGET).await?;
    s.canary("istio", "{}").await?;
    s.ready().await?;
    s.release("v2").await?;
    s.looks_until("the first step", |view| view.stands() == "Progressing 20").await?;
    s.change(CONFIG_MAP, "in-volume", "data: {color: green}").await?;
    s.change(SECRET, "in-env", "stringData: {k: green}").await?;
    s.hears("New revision detected! Restarting analysis for demo").await?;
    let copy = |view: &View| view.one(CONFIG_MAP, "in-volume-primary")["data"]["color"].clone();
    s.same("the primary's copy in mid-run", &copy(&s.view()), &json!("blue"))?;
    s.reaches("Succeeded").await?;
    s.until("the copies follow", |view| {
        copy(view) == "green"
            && view.one(SECRET, "in-env-primary")["data"] == view.one(SECRET, "in-env")["data"]
    })
    .await?;
    let again = s.course().iter().filter(|it| *it == "Progressing 20").count();
    s.same("first steps", &again, &2)
}
