//! Runs that end well, step by step.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::cluster::{DEPLOYMENT, EVENT, SERVICE};
use crate::routers::{TRAFFIC_SPLIT, VIRTUAL_SERVICE};
use crate::stage::Stage;

/// `PRIMARY/CANARY` of a `VirtualService`'s first HTTP route.
pub(super) fn istio(object: &Value) -> String {
    let http = &object["spec"]["http"][0];
    let weights = &http["route"];
    let mirrored = if http["mirror"].is_object() { " mirrored" } else { "" };
    format!("{}/{}{mirrored}", weights[0]["weight"], weights[1]["weight"])
}

/// `CANARY/PRIMARY` of a `TrafficSplit`, as it has them.
pub(super) fn split(object: &Value) -> String {
    let weight = |index: usize| {
        let backend = &object["spec"]["backends"][index];
        let text = backend["weight"].to_string();
        format!("{} {}", backend["service"].as_str().unwrap_or_default(), text.trim_matches('"'))
    };
    format!("{}, {}", weight(0), weight(1))
}

/// Owned texts, to be compared with what was seen.
pub(super) fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// The part of a course that follows its last `begin`.
pub(super) fn since(course: &[String], begin: &str) -> Vec<String> {
    let from = course.iter().rposition(|it| it == begin).unwrap_or(0);
    course[from..].to_vec()
}

pub(super) async fn weights_and_a_template(s: &Stage) -> Result<()> {
    s.mirror.watch(&[VIRTUAL_SERVICE]);
    s.flagger(&[]).await?;
    s.metric_template("latency", "latency{ns=\"{{ namespace }}\", of=\"{{ target }}\", dir=\"{{ variables.direction }}\"}[{{ interval }}]")
        .await?;
    s.target("{}").await?;
    s.canary(
        "istio",
        "analysis: {stepWeight: 10, maxWeight: 30, metrics: [{name: latency, interval: 1m, thresholdRange: {max: 500},
           templateRef: {name: latency}, templateVariables: {direction: inbound}}]}",
    )
    .await?;
    s.ready().await?;
    s.release("v2").await?;
    s.looks_until("the primary has the new version", |view| view.tag(DEPLOYMENT, "demo-primary") == "v2")
        .await?;
    s.reaches("Succeeded").await?;
    s.until("the target goes", |view| view.replicas("demo") == 0).await?;
    s.same(
        "its course",
        &since(&s.course(), "Initialized 0"),
        &texts(&[
            "Initialized 0",
            "Progressing 0",
            "Progressing 10",
            "Progressing 20",
            "Progressing 30",
            "Promoting 30",
            "Finalising 0",
            "Succeeded 0",
        ]),
    )?;
    s.same(
        "its routes",
        &s.past(VIRTUAL_SERVICE, "demo", istio),
        &texts(&["100/0", "90/10", "80/20", "70/30", "100/0"]),
    )?;
    let wanted = format!("latency{{ns=\"{}\", of=\"demo\", dir=\"inbound\"}}[1m]", s.namespace());
    let asked = s.heard("p/api/v1/query").iter().filter(|heard| heard.query == wanted).count();
    ensure!(0 < asked, "no query was {wanted}: {:?}", s.heard("p/api/v1/query"));
    s.until("events as Flagger's", |view| {
        let canary_s = |event: &&Value| event["involvedObject"]["kind"] == "Canary";
        let mut events = view.all(EVENT).filter(canary_s).peekable();
        events.peek().is_some()
            && events.all(|event| event["reason"] == "Synced" && event["source"]["component"] == "flagger")
    })
    .await
}

pub(super) async fn steps_of_a_service(s: &Stage) -> Result<()> {
    s.mirror.watch(&[VIRTUAL_SERVICE]);
    s.flagger(&[]).await?;
    s.given(&["{apiVersion: v1, kind: Service, metadata: {name: demo},
               spec: {selector: {app: demo}, ports: [{name: http, port: 80, targetPort: 9898}]}}"])
        .await?;
    s.canary("istio", "targetRef: {apiVersion: v1, kind: Service, name: demo}").await?;
    s.ready().await?;
    s.until("its route", |view| istio(view.one(VIRTUAL_SERVICE, "demo")) == "100/0").await?;
    let mut seen = s.past(VIRTUAL_SERVICE, "demo", istio).len();
    for (version, (analysis, weights)) in [
        ("stepWeight: 20, maxWeight: 50", &["80/20", "60/40", "40/60", "100/0"][..]),
        ("stepWeight: 50, maxWeight: 100", &["50/50", "0/100", "100/0"]),
        ("stepWeight: null, stepWeights: [1, 2, 10, 80]", &["99/1", "98/2", "90/10", "20/80", "100/0"]),
        ("stepWeights: [1, 2, 10, 200]", &["99/1", "98/2", "90/10", "0/100", "100/0"]),
    ]
    .into_iter()
    .enumerate()
    {
        s.edit(&format!("analysis: {{{analysis}}}")).await?;
        s.change(SERVICE, "demo", &format!("spec: {{selector: {{app: demo, version: v{version}}}}}")).await?;
        s.until("a new version", |view| view.canary_phase() == "Progressing").await?;
        s.reaches("Succeeded").await?;
        s.until("its route again", |view| istio(view.one(VIRTUAL_SERVICE, "demo")) == "100/0").await?;
        let all = s.past(VIRTUAL_SERVICE, "demo", istio);
        s.same(analysis, &all[seen..].to_vec(), &texts(weights))?;
        seen = all.len();
    }
    Ok(())
}

pub(super) async fn listed_weights_go_beyond_the_highest(s: &Stage) -> Result<()> {
    s.mirror.watch(&[TRAFFIC_SPLIT]);
    s.initialized(
        "linkerd",
        "analysis: {stepWeight: null, stepWeights: [10, 20, 30, 40, 50, 60], maxWeight: 50}",
    )
    .await?;
    s.release("v2").await?;
    s.reaches("Succeeded").await?;
    let shown = |canary: i64| format!("demo-canary {canary}, demo-primary {}", 100 - canary);
    let wanted: Vec<String> = [0, 10, 20, 30, 40, 50, 60, 0].into_iter().map(shown).collect();
    s.same("its routes", &s.past(TRAFFIC_SPLIT, "demo", split), &wanted)?;
    s.same("the primary", &s.view().tag(DEPLOYMENT, "demo-primary"), &"v2")
}

pub(super) async fn promotion_in_parts(s: &Stage) -> Result<()> {
    s.initialized("istio", "analysis: {stepWeight: 100, maxWeight: 100, stepWeightPromotion: 50}").await?;
    s.release("v2").await?;
    s.reaches("Succeeded").await?;
    s.same(
        "its course",
        &since(&s.course(), "Progressing 0"),
        &texts(&[
            "Progressing 0",
            "Progressing 100",
            "Promoting 100",
            "Promoting 50",
            "Finalising 0",
            "Succeeded 0",
        ]),
    )
}

pub(super) async fn blue_green_on_a_mesh(s: &Stage) -> Result<()> {
    s.mirror.watch(&[VIRTUAL_SERVICE]);
    s.initialized("istio", "analysis: {stepWeight: null, maxWeight: null, iterations: 1}").await?;
    s.release("v2").await?;
    s.reaches("Succeeded").await?;
    s.same(
        "its course",
        &since(&s.course(), "Progressing 0"),
        &texts(&[
            "Progressing 0",
            "Progressing 0 i1",
            "Progressing 0 i2",
            "Promoting 0 i2",
            "Finalising 0",
            "Succeeded 0",
        ]),
    )?;
    s.same("its routes", &s.past(VIRTUAL_SERVICE, "demo", istio), &texts(&["100/0", "0/100", "100/0"]))
}

pub(super) async fn a_b_with_a_gate(s: &Stage) -> Result<()> {
    s.mirror.watch(&[VIRTUAL_SERVICE]);
    s.initialized(
        "istio",
        "analysis: {stepWeight: null, maxWeight: null, iterations: 10,
           match: [{headers: {x-canary: {exact: insider}}}, {headers: {cookie: {regex: '^(.*?;)?(canary=always)(;.*)?$'}}}],
           webhooks: [{name: gate, type: confirm-promotion, url: SERVERS/hook/gate}]}",
    )
    .await?;
    s.servers()?.hook("gate", &[403, 403, 200]);
    s.release("v2").await?;
    s.looks_until("it waits", |view| view.stands() == "WaitingPromotion 0 i10").await?;
    s.same("users of the new version", &istio(s.view().one(VIRTUAL_SERVICE, "demo")), &"0/100".to_owned())?;
    s.same("the primary still", &s.view().tag(DEPLOYMENT, "demo-primary"), &"v1")?;
    s.reaches("Succeeded").await?;
    s.same("how often the gate was asked", &s.heard("hook/gate").len(), &3)?;
    let matches = &s.view().one(VIRTUAL_SERVICE, "demo")["spec"]["http"][0]["match"].clone();
    s.same(
        "who is matched",
        matches,
        &json!([
            {"headers": {"x-canary": {"exact": "insider"}}},
            {"headers": {"cookie": {"regex": "^(.*?;)?(canary=always)(;.*)?$"}}},
        ]),
    )?;
    s.same("its routes", &s.past(VIRTUAL_SERVICE, "demo", istio), &texts(&["100/0", "0/100", "100/0"]))
}

pub(super) async fn a_mirror_before_the_first_step(s: &Stage) -> Result<()> {
    s.mirror.watch(&[VIRTUAL_SERVICE]);
    s.initialized("istio", "analysis: {mirror: true, stepWeight: 10, maxWeight: 20}").await?;
    s.release("v2").await?;
    s.reaches("Succeeded").await?;
    s.same(
        "its routes",
        &s.past(VIRTUAL_SERVICE, "demo", istio),
        &texts(&["100/0", "100/0 mirrored", "90/10", "80/20", "100/0"]),
    )
}

pub(super) async fn a_newer_version_in_mid_run(s: &Stage) -> Result<()> {
    s.mirror.watch(&[VIRTUAL_SERVICE]);
    s.initialized("istio", "analysis: {stepWeight: 10, maxWeight: 20}").await?;
    s.release("v2").await?;
    s.looks_until("the first step", |view| view.stands() == "Progressing 10").await?;
    s.release("v3").await?;
    s.looks_until("all users are back", |view| {
        view.stands() == "Progressing 0" && istio(view.one(VIRTUAL_SERVICE, "demo")) == "100/0"
    })
    .await?;
    s.reaches("Succeeded").await?;
    s.same("the primary", &s.view().tag(DEPLOYMENT, "demo-primary"), &"v3")?;
    // The look that follows may come before the controller has seen the newer version: one step more, then back all the same.
    let past = s.past(VIRTUAL_SERVICE, "demo", istio);
    let again = texts(&["100/0", "90/10", "80/20", "100/0"]);
    let at_rest = past.iter().filter(|weights| *weights == "100/0").count();
    ensure!(past.ends_with(&again) && past[1] == "90/10" && at_rest == 3, "its routes: {past:?}");
    Ok(())
}

pub(super) async fn promoted_without_analysis(s: &Stage) -> Result<()> {
    s.initialized(
        "istio",
        "{skipAnalysis: true, analysis: {webhooks: [{name: pre, type: pre-rollout, url: SERVERS/hook/pre},
           {name: post, type: post-rollout, url: SERVERS/hook/post}]}}",
    )
    .await?;
    s.release("v2").await?;
    s.reaches("Succeeded").await?;
    let said = format!(
        "flagger_canary_successes_total{{analysis_status=\"skipped\",deployment_strategy=\"canary\",name=\"demo\",namespace=\"{}\"}} 1",
        s.namespace()
    );
    s.measures(&[said]).await?;
    s.same("the hook before", &s.heard("hook/pre").len(), &0)?;
    let after: Vec<Value> = s.heard("hook/post").iter().map(|it| it.body["phase"].clone()).collect();
    s.same("the hook after", &after, &vec![json!("Succeeded")])?;
    s.until("primary and target", |view| {
        view.tag(DEPLOYMENT, "demo-primary") == "v2" && view.replicas("demo") == 0
    })
    .await
}
