//! Runs that end badly, and who has the users then.

use anyhow::Result;
use serde_json::json;

use super::course::{istio, since, split, texts};
use crate::cluster::{CANARY, DEPLOYMENT, INGRESS};
use crate::routers::{HTTP_PROXY, TRAFFIC_SPLIT, VIRTUAL_SERVICE};
use crate::servers::{Asked, Said};
use crate::stage::Stage;
use crate::view::View;

/// The new version fails; the promoted one has all users, and the target no pods.
async fn has_failed(s: &Stage) -> Result<()> {
    s.reaches("Failed").await?;
    s.until("the target goes, the primary stays", |view| {
        view.replicas("demo") == 0
            && view.tag(DEPLOYMENT, "demo-primary") == "v1"
            && view.stands() == "Failed 0"
    })
    .await
}

pub(super) async fn errors(s: &Stage) -> Result<()> {
    s.mirror.watch(&[TRAFFIC_SPLIT]);
    s.initialized("linkerd", "analysis: {threshold: 3}").await?;
    s.servers()?.says(Asked::Rate, Said::Value(50.0));
    s.release("v2").await?;
    has_failed(s).await?;
    s.same(
        "its course",
        &since(&s.course(), "Progressing 0"),
        &texts(&[
            "Progressing 0",
            "Progressing 20",
            "Progressing 20 f1",
            "Progressing 20 f2",
            "Progressing 20 f3",
            "Failed 0",
        ]),
    )?;
    let back = split(s.view().one(TRAFFIC_SPLIT, "demo"));
    s.same("its routes", &back, &"demo-canary 0, demo-primary 100".to_owned())?;
    s.tells(&[
        "advancement success rate 50.00% < 99%",
        "failed checks threshold reached 3",
        "Canary failed! Scaling down",
    ])
    .await
}

pub(super) async fn slow_answers(s: &Stage) -> Result<()> {
    s.mirror.watch(&[HTTP_PROXY]);
    s.initialized("contour", "{}").await?;
    s.servers()?.says(Asked::Duration, Said::Value(1000.0));
    s.release("v2").await?;
    has_failed(s).await?;
    let services = s.view().one(HTTP_PROXY, "demo")["spec"]["routes"][0]["services"].clone();
    let services = services.as_array().cloned().unwrap_or_default();
    let weights: Vec<_> = services.iter().map(|it| it["weight"].as_i64().unwrap_or(0)).collect();
    s.same("its routes", &weights, &vec![100, 0])?;
    s.tells(&["request duration 1s > 500ms"]).await
}

/// The weight that NGINX gives to the new version.
fn nginx(view: &View) -> String {
    let annotations = &view.one(INGRESS, "demo-canary")["metadata"]["annotations"];
    annotations["nginx.ingress.kubernetes.io/canary-weight"].as_str().unwrap_or_default().to_owned()
}

pub(super) async fn a_life_of_versions(s: &Stage) -> Result<()> {
    s.initialized("nginx", "analysis: {threshold: 1}").await?;
    s.servers()?.says(Asked::Rate, Said::Value(1.0));
    s.release("v2").await?;
    has_failed(s).await?;
    let template = |view: &View| view.one(DEPLOYMENT, "demo-primary")["spec"]["template"].clone();
    let before = template(&s.view());
    // What was promoted comes back: that is no new version.
    s.release("v1").await?;
    s.keeps("nothing happens", |view| view.stands() == "Failed 0" && template(view) == before).await?;
    s.release("v2").await?;
    s.until("the bad one is tried again", |view| view.canary_phase() == "Progressing").await?;
    has_failed(s).await?;
    s.same("its route", &nginx(&s.view()), &"0".to_owned())?;
    s.servers()?.says(Asked::Rate, Said::Value(100.0));
    s.change(DEPLOYMENT, "demo", "spec: {template: {metadata: {annotations: {thisis: another}}}}").await?;
    s.until("another annotation is another version", |view| view.canary_phase() == "Progressing").await?;
    s.reaches("Succeeded").await?;
    s.until("the primary has it", |view| {
        template(view)["metadata"]["annotations"]["thisis"] == "another"
            && view.tag(DEPLOYMENT, "demo-primary") == "v2"
    })
    .await
}

/// Seconds until pods that do not come are given up.
const SOON: &str = "progressDeadlineSeconds: 3";

pub(super) async fn an_image_that_is_not_there(s: &Stage) -> Result<()> {
    s.initialized("istio", &format!("{{skipAnalysis: true, {SOON}}}")).await?;
    s.release("bad").await?;
    s.until("it is tried", |view| view.canary_phase() == "Progressing" && view.replicas("demo") == 1).await?;
    has_failed(s).await
}

/// A new version whose pods run only where they are bound by hand: those of the target, not those of the primary.
async fn held(s: &Stage) -> Result<()> {
    s.change(
        DEPLOYMENT,
        "demo",
        "spec: {template: {spec: {schedulerName: by-hand, containers: [{name: web, image: 'demo:v2'}]}}}",
    )
    .await?;
    s.until("the run begins", |view| view.canary_phase() == "Progressing").await?;
    s.bind_where("app", "demo", 1).await
}

/// The primary cannot take what was promoted: the target, which can, keeps all users.
async fn stays_with_the_canary(s: &Stage) -> Result<()> {
    s.reaches("Failed").await?;
    s.until("the target keeps the users", |view| {
        view.stands() == "Failed 100"
            && view.replicas("demo") == 1
            && istio(view.one(VIRTUAL_SERVICE, "demo")) == "0/100"
    })
    .await
}

pub(super) async fn a_primary_that_is_stuck(s: &Stage) -> Result<()> {
    s.mirror.watch(&[VIRTUAL_SERVICE]);
    s.flagger(&[]).await?;
    s.target("{}").await?;
    s.canary("istio", "analysis: {stepWeight: 50, maxWeight: 50}").await?;
    s.ready().await?;
    held(s).await?;
    s.looks_until("half of the users", |view| view.stands() == "Progressing 50").await?;
    // Not before: the target's pods may take their time, the primary's, which gets this with the version, will not come.
    s.change(DEPLOYMENT, "demo", &format!("spec: {{{SOON}}}")).await?;
    s.until("the deadline is seen", |view| {
        view.one(DEPLOYMENT, "demo")["spec"]["progressDeadlineSeconds"] == json!(3)
    })
    .await?;
    s.looks_until("it is promoted", |view| view.stands() == "Promoting 50").await?;
    stays_with_the_canary(s).await?;
    // The version that mends it is analysed where the users are, and promoted (in Flagger it takes the pods away: difference 2).
    s.change(
        DEPLOYMENT,
        "demo",
        "spec: {progressDeadlineSeconds: 600, template: {spec: {schedulerName: default-scheduler}}}",
    )
    .await?;
    s.release("v3").await?;
    s.reaches("Succeeded").await?;
    s.until("the primary is mended", |view| {
        view.tag(DEPLOYMENT, "demo-primary") == "v3" && istio(view.one(VIRTUAL_SERVICE, "demo")) == "100/0"
    })
    .await
}

pub(super) async fn a_primary_that_breaks_at_the_end(s: &Stage) -> Result<()> {
    s.mirror.watch(&[VIRTUAL_SERVICE]);
    s.flagger(&[]).await?;
    s.target("{}").await?;
    s.canary("istio", "analysis: {stepWeight: 50, maxWeight: 50}").await?;
    s.ready().await?;
    s.release("v2").await?;
    s.looks_until("all users are at the primary", |view| view.stands() == "Finalising 0").await?;
    s.change(DEPLOYMENT, "demo-primary", &format!("spec: {{{SOON}}}")).await?;
    s.release_as(DEPLOYMENT, "demo-primary", "bad").await?;
    stays_with_the_canary(s).await
}

pub(super) async fn failed_checks_that_were_there_before(s: &Stage) -> Result<()> {
    s.mirror.watch(&[VIRTUAL_SERVICE]);
    s.initialized("istio", "{}").await?;
    s.release("v2").await?;
    s.looks_until("the first step", |view| view.stands() == "Progressing 20").await?;
    s.merge(CANARY, "demo/status", &json!({"status": {"failedChecks": 2}})).await?;
    has_failed(s).await?;
    let namespace = s.namespace();
    s.measures(&[
        format!("flagger_canary_status{{name=\"demo\",namespace=\"{namespace}\"}} 2"),
        format!("flagger_canary_weight{{namespace=\"{namespace}\",workload=\"demo-primary\"}} 100"),
        format!("flagger_canary_weight{{namespace=\"{namespace}\",workload=\"demo\"}} 0"),
        format!(
            "flagger_canary_failures_total{{analysis_status=\"completed\",deployment_strategy=\"canary\",name=\"demo\",namespace=\"{namespace}\"}} 1"
        ),
    ])
    .await
}

/// One failed check after another, each for the reason that a text tells.
async fn checks_fail(s: &Stage, text: &str) -> Result<()> {
    s.release("v2").await?;
    has_failed(s).await?;
    let told = || s.events().iter().filter(|event| event.contains(text)).count();
    s.heard_until(&format!("two events with {text:?}"), || told() == 2).await
}

pub(super) async fn a_metric_of_nothing(s: &Stage) -> Result<()> {
    s.initialized("istio", "analysis: {metrics: [{name: mine, thresholdRange: {max: 1}}]}").await?;
    checks_fail(s, "no usable metrics template and query").await
}

pub(super) async fn a_template_that_lacks_a_variable(s: &Stage) -> Result<()> {
    s.flagger(&[]).await?;
    s.metric_template("mine", "m{a=\"{{ variables.absent }}\"}").await?;
    s.target("{}").await?;
    s.canary(
        "istio",
        "analysis: {metrics: [{name: mine, thresholdRange: {max: 1}, templateRef: {name: mine}, templateVariables: {a: b}}]}",
    )
    .await?;
    s.ready().await?;
    let why = "the template cannot be rendered: map has no entry for key: absent";
    checks_fail(s, &format!("query failed for mine: MetricTemplate mine.{} spec.query: {why}", s.namespace()))
        .await
}

pub(super) async fn no_values(s: &Stage) -> Result<()> {
    s.initialized("istio", "analysis: {metrics: [{name: mine, thresholdRange: {max: 1}, query: m}]}").await?;
    for (version, said) in [("v2", Said::Nothing), ("v3", Said::Value(f64::NAN))] {
        s.servers()?.says(Asked::Other, said);
        let before = s.events().len();
        s.release(version).await?;
        s.until("it is tried", |view| view.canary_phase() == "Progressing").await?;
        has_failed(s).await?;
        let told = || s.events()[before..].iter().filter(|event| event.contains("no values found")).count();
        s.heard_until("two checks without values", || told() == 2).await?;
    }
    Ok(())
}

pub(super) async fn many_values(s: &Stage) -> Result<()> {
    s.initialized("istio", "{}").await?;
    s.servers()?.says(Asked::Rate, Said::Matrix);
    checks_fail(s, "multiple values").await
}

pub(super) async fn half_of_the_pods_are_enough(s: &Stage) -> Result<()> {
    s.flagger(&[]).await?;
    s.target("spec: {replicas: 4}").await?;
    s.canary("istio", "analysis: {canaryReadyThreshold: 50}").await?;
    s.ready().await?;
    held(s).await?;
    s.keeps("one of four is not", |view| view.stands() == "Progressing 0").await?;
    s.bind_where("app", "demo", 1).await?;
    s.looks_until("two of four are", |view| view.stands() == "Progressing 20").await
}
