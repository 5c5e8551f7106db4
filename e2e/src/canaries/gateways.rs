//! Routes of the Gateway API, and Ingresses.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::course::texts;
use super::fixture;
use crate::cluster::INGRESS;
use crate::routers::HTTP_ROUTE;
use crate::stage::Stage;
use crate::view::View;

/// Tells a story while a gateway accepts each state of its route.
async fn accepted(s: &Stage, story: impl Future<Output = Result<()>>) -> Result<()> {
    let gateway = async {
        let mut changes = s.mirror.changes();
        loop {
            changes.mark_unchanged();
            let route = s.view().one(HTTP_ROUTE, "demo").clone();
            let generation = &route["metadata"]["generation"];
            let seen = &route["status"]["parents"][0]["conditions"][0]["observedGeneration"];
            if !route.is_null() && seen != generation {
                accept(s, &route, "True").await?;
            }
            changes.changed().await?;
        }
    };
    tokio::select! {
        done = story => done,
        done = gateway => done,
    }
}

/// What a gateway says of a route.
async fn accept(s: &Stage, route: &Value, status: &str) -> Result<()> {
    let parents: Vec<Value> = route["spec"]["parentRefs"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|parent| {
            json!({"parentRef": parent, "controllerName": "example.com/gateway", "conditions": [{
                "type": "Accepted", "status": status, "reason": "Accepted", "message": "",
                "observedGeneration": route["metadata"]["generation"], "lastTransitionTime": "2026-01-01T00:00:00Z"}]})
        })
        .collect();
    s.merge(HTTP_ROUTE, "demo/status", &json!({"status": {"parents": parents}})).await
}

/// `PRIMARY/CANARY` of a rule.
fn weights(rule: &Value) -> String {
    format!("{}/{}", rule["backendRefs"][0]["weight"], rule["backendRefs"][1]["weight"])
}

pub(super) async fn time_outs_and_others_marks(s: &Stage) -> Result<()> {
    s.mirror.watch(&[HTTP_ROUTE]);
    s.initialized("gatewayapi:v1", "service: {timeout: 10s, backendTimeout: 5s}").await?;
    accepted(s, async {
        s.change(HTTP_ROUTE, "demo", "metadata: {annotations: {foreign: kept}}").await?;
        s.release("v2").await?;
        s.looks_until("the first step", |view| {
            view.stands() == "Progressing 20"
                && weights(&view.one(HTTP_ROUTE, "demo")["spec"]["rules"][0]) == "80/20"
        })
        .await?;
        let route = s.view().one(HTTP_ROUTE, "demo").clone();
        s.same("a foreign annotation", &route["metadata"]["annotations"]["foreign"], &json!("kept"))?;
        s.same(
            "time-outs",
            &route["spec"]["rules"][0]["timeouts"],
            &json!({"request": "10s", "backendRequest": "5s"}),
        )?;
        s.reaches("Succeeded").await
    })
    .await
}

pub(super) async fn a_mirror_until_all_go_there(s: &Stage) -> Result<()> {
    s.mirror.watch(&[HTTP_ROUTE]);
    s.initialized(
        "gatewayapi:v1",
        "analysis: {stepWeight: null, maxWeight: null, iterations: 2, mirror: true}",
    )
    .await?;
    accepted(s, async {
        s.release("v2").await?;
        s.reaches("Succeeded").await?;
        let shown = |route: &Value| {
            let rule = &route["spec"]["rules"][0];
            let mirrors = rule["filters"]
                .as_array()
                .is_some_and(|all| all.iter().any(|it| it["type"] == "RequestMirror"));
            format!("{}{}", weights(rule), if mirrors { " mirrored" } else { "" })
        };
        s.same(
            "its routes",
            &s.past(HTTP_ROUTE, "demo", shown),
            &texts(&["100/0", "100/0 mirrored", "0/100", "100/0"]),
        )
    })
    .await
}

pub(super) async fn a_route_that_no_gateway_takes(s: &Stage) -> Result<()> {
    s.mirror.watch(&[HTTP_ROUTE]);
    s.initialized("gatewayapi:v1", "{}").await?;
    s.until("its route", |view| !view.one(HTTP_ROUTE, "demo").is_null()).await?;
    accept(s, s.view().one(HTTP_ROUTE, "demo"), "False").await?;
    s.release("v2").await?;
    s.hears("HTTPRoute").await?;
    s.keeps("no run begins, and no check fails", |view| view.stands() == "Initialized 0").await?;
    accepted(s, async {
        accept(s, s.view().one(HTTP_ROUTE, "demo"), "True").await?;
        s.reaches("Succeeded").await
    })
    .await
}

pub(super) async fn bearers_of_cookies(s: &Stage) -> Result<()> {
    s.mirror.watch(&[HTTP_ROUTE]);
    s.initialized("gatewayapi:v1", "analysis: {sessionAffinity: {cookieName: mine, maxAge: 600}}").await?;
    accepted(s, async {
        s.release("v2").await?;
        s.looks_until("the first step", |view| view.stands() == "Progressing 20").await?;
        let rules = s.view().one(HTTP_ROUTE, "demo")["spec"]["rules"].clone();
        s.same(
            "rules",
            &(weights(&rules[0]), weights(&rules[1])),
            &("0/100".to_owned(), "80/20".to_owned()),
        )?;
        let header = &rules[0]["matches"][0]["headers"][0];
        s.same(
            "bearers are known by",
            &(&header["name"], &header["type"]),
            &(&json!("Cookie"), &json!("RegularExpression")),
        )?;
        let given =
            rules[1]["backendRefs"][1]["filters"][0]["responseHeaderModifier"]["add"][0]["value"].clone();
        let given = given.as_str().unwrap_or_default();
        ensure!(given.starts_with("mine=") && given.ends_with("; Max-Age=600"), "a cookie is given: {rules}");
        let cookie = given.split(';').next().unwrap_or_default().to_owned();
        s.reaches("Succeeded").await?;
        s.until("it is taken back", |view| {
            let rule = &view.one(HTTP_ROUTE, "demo")["spec"]["rules"][0];
            rule.to_string().contains(&format!("{cookie}; Max-Age=-1"))
        })
        .await
    })
    .await
}

/// The annotations of NGINX's kind, without their prefix.
fn nginx(view: &View, prefix: &str) -> Value {
    let annotations = view.one(INGRESS, "demo-canary")["metadata"]["annotations"].clone();
    let all = annotations.as_object().cloned().unwrap_or_default();
    let ours =
        all.into_iter().filter_map(|(name, value)| Some((name.strip_prefix(prefix)?.to_owned(), value)));
    Value::Object(ours.collect())
}

pub(super) async fn annotations_of_nginx(s: &Stage) -> Result<()> {
    const PREFIX: &str = "custom.ingress.kubernetes.io/";
    s.flagger(&["-ingress-annotations-prefix=custom.ingress.kubernetes.io"]).await?;
    let original = fixture::ingress();
    s.create(&original).await?;
    s.target("{}").await?;
    s.canary("nginx", "analysis: {stepWeight: 50, maxWeight: 50}").await?;
    s.ready().await?;
    let rest = json!({"canary": "true", "canary-weight": "0"});
    s.until("at rest", |view| nginx(view, PREFIX) == rest).await?;
    let view = s.view();
    let copy = view.one(INGRESS, "demo-canary");
    s.same("an annotation of its author", &copy["metadata"]["annotations"]["example.com/keep"], &json!("x"))?;
    let leads_to = &copy["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"];
    s.same("where it leads", leads_to, &json!("demo-canary"))?;
    s.release("v2").await?;
    s.looks_until("half", |view| nginx(view, PREFIX)["canary-weight"] == "50").await?;
    s.reaches("Succeeded").await?;
    s.until("at rest again", |view| nginx(view, PREFIX) == rest).await?;
    // Its author applies it again: nothing of the copy's is in it, and the copy stays.
    s.merge(INGRESS, "demo", &original).await?;
    s.same(
        "the original",
        &s.read(INGRESS, "demo").await?["metadata"]["annotations"],
        &original["metadata"]["annotations"],
    )?;
    s.keeps("the copy stays", |view| nginx(view, PREFIX) == rest).await
}

pub(super) async fn matches_of_nginx(s: &Stage) -> Result<()> {
    s.initialized(
        "nginx",
        "analysis: {stepWeight: null, maxWeight: null, iterations: 1, match: [{headers: {x-user: {exact: insider}}},
           {headers: {cookie: {exact: canary}}}]}",
    )
    .await?;
    let prefix = "nginx.ingress.kubernetes.io/";
    for (version, matches, wanted) in [
        (
            "v2",
            "[{headers: {x-user: {exact: insider}}}, {headers: {cookie: {exact: canary}}}]",
            json!({"canary": "true", "canary-weight": "0", "canary-by-header": "x-user", "canary-by-header-value": "insider",
                "canary-by-cookie": "canary"}),
        ),
        (
            "v3",
            "[{headers: {x-user: {regex: '^in.*'}}}]",
            json!({"canary": "true", "canary-weight": "0", "canary-by-header": "x-user", "canary-by-header-pattern": "^in.*"}),
        ),
    ] {
        s.edit(&format!("analysis: {{match: {matches}}}")).await?;
        s.release(version).await?;
        s.looks_until("who is matched", |view| nginx(view, prefix) == wanted).await?;
        s.reaches("Succeeded").await?;
        let rest = json!({"canary": "true", "canary-weight": "0"});
        s.until("nobody is", |view| nginx(view, prefix) == rest).await?;
    }
    Ok(())
}

pub(super) async fn predicates_of_skipper(s: &Stage) -> Result<()> {
    s.flagger(&[]).await?;
    let mut original = fixture::ingress();
    original["metadata"]["annotations"]["zalando.org/skipper-predicate"] = json!("Method(\"GET\")");
    s.create(&original).await?;
    s.target("{}").await?;
    s.canary("skipper", "{}").await?;
    s.ready().await?;
    s.release("v2").await?;
    s.reaches("Succeeded").await?;
    let shown = |ingress: &Value| {
        let annotations = &ingress["metadata"]["annotations"];
        let text =
            |name: &str| annotations[format!("zalando.org/{name}")].as_str().unwrap_or_default().to_owned();
        format!("{} {}", text("backend-weights"), text("skipper-predicate"))
    };
    s.same(
        "its weights and predicates",
        &s.past(INGRESS, "demo-canary", shown),
        &texts(&[
            r#"{"demo-canary":0,"demo-primary":100} Weight(100) && Method("GET")"#,
            r#"{"demo-canary":20,"demo-primary":80} Weight(100) && Method("GET")"#,
            r#"{"demo-canary":40,"demo-primary":60} Weight(100) && Method("GET")"#,
            r#"{"demo-canary":0,"demo-primary":100} False() && Method("GET")"#,
        ]),
    )?;
    let paths = s.view().one(INGRESS, "demo-canary")["spec"]["rules"][0]["http"]["paths"].clone();
    let leads_to: Vec<_> =
        paths.as_array().into_iter().flatten().map(|it| it["backend"]["service"]["name"].clone()).collect();
    s.same("where it leads", &leads_to, &vec![json!("demo-primary"), json!("demo-canary")])
}
