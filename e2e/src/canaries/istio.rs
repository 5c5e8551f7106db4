//! Istio's routes, field by field.

use anyhow::{Context, Result, ensure};
use regex::Regex;
use serde_json::{Value, json};

use super::course::{istio, texts};
use super::told::BEFORE;
use crate::cluster::{CANARY, SERVICE};
use crate::fixture::yaml;
use crate::routers::VIRTUAL_SERVICE;
use crate::stage::Stage;
use crate::view::View;

/// The spec of the `VirtualService`.
fn spec(view: &View) -> &Value {
    &view.one(VIRTUAL_SERVICE, "demo")["spec"]
}

pub(super) async fn drift_and_weights(s: &Stage) -> Result<()> {
    s.mirror.watch(&[VIRTUAL_SERVICE]);
    s.initialized("istio", "analysis: {stepWeight: 40, maxWeight: 80}").await?;
    let gateways = json!(["mesh-gate/public"]);
    let drift = "spec: {gateways: [another]}";
    s.change(VIRTUAL_SERVICE, "demo", drift).await?;
    s.looks_until("the gateways again", |view| spec(view)["gateways"] == gateways).await?;
    s.release("v2").await?;
    s.looks_until("60 and 40", |view| istio(view.one(VIRTUAL_SERVICE, "demo")) == "60/40").await?;
    // In Flagger what is mended in mid-run sets the weights back (difference 4).
    s.change(VIRTUAL_SERVICE, "demo", drift).await?;
    s.edit("suspend: true").await?;
    s.change(VIRTUAL_SERVICE, "demo", drift).await?;
    s.edit("suspend: false").await?;
    s.looks_until("the gateways again", |view| spec(view)["gateways"] == gateways).await?;
    let past = s.past(VIRTUAL_SERVICE, "demo", istio);
    ensure!(past.len() <= 3 && past[..2] == ["100/0", "60/40"], "weights went {past:?}");
    Ok(())
}

pub(super) async fn a_b_routes(s: &Stage) -> Result<()> {
    s.mirror.watch(&[VIRTUAL_SERVICE]);
    s.initialized(
        "istio",
        "{service: {match: [{uri: {prefix: /a}}, {uri: {prefix: /b}}]}, analysis: {stepWeight: null, maxWeight: null,
           iterations: 3, match: [{headers: {x: {exact: z}}}, {sourceLabels: {from: here}}]}}",
    )
    .await?;
    s.release("v2").await?;
    s.looks_until("the trial", |view| view.stands() == "Progressing 0 i1").await?;
    let http = spec(&s.view())["http"].clone();
    s.same("routes", &http.as_array().map_or(0, Vec::len), &2)?;
    let matches = http[0]["match"].as_array().cloned().unwrap_or_default();
    s.same("matches of the trial", &matches.len(), &4)?;
    for prefix in ["/a", "/b"] {
        let uri = json!({"prefix": prefix});
        for wanted in [
            json!({"uri": uri, "headers": {"x": {"exact": "z"}}}),
            json!({"uri": uri, "sourceLabels": {"from": "here"}}),
        ] {
            ensure!(matches.contains(&wanted), "no {wanted} in {matches:?}");
        }
    }
    s.same("weights of the trial", &istio(s.view().one(VIRTUAL_SERVICE, "demo")), &"0/100".to_owned())?;
    s.same("the others'", &http[1]["match"], &json!([{"uri": {"prefix": "/a"}}, {"uri": {"prefix": "/b"}}]))?;
    let hosts: Vec<&Value> =
        http[1]["route"].as_array().into_iter().flatten().map(|it| &it["destination"]["host"]).collect();
    s.same("who has them", &hosts, &vec![&json!("demo-primary")])
}

pub(super) async fn delegation(s: &Stage) -> Result<()> {
    s.mirror.watch(&[VIRTUAL_SERVICE]);
    s.initialized("istio", "service: {delegation: true, hosts: null, gateways: null}").await?;
    let view = s.view();
    let is_empty = |field: &str| spec(&view)[field].as_array().is_none_or(Vec::is_empty);
    ensure!(is_empty("hosts") && is_empty("gateways"), "a delegate has neither: {}", spec(&view));
    s.edit("service: {hosts: [app.example.com]}").await?;
    s.hears("delegation").await
}

pub(super) async fn tcp_routes(s: &Stage) -> Result<()> {
    s.mirror.watch(&[VIRTUAL_SERVICE]);
    s.initialized("istio", "service: {appProtocol: TCP, match: [{port: 8000}]}").await?;
    s.release("v2").await?;
    s.looks_until("the first step", |view| view.stands() == "Progressing 20").await?;
    let view = s.view();
    let tcp = &spec(&view)["tcp"][0];
    s.same("matches", &tcp["match"], &json!([{"port": 8000}]))?;
    s.same("weights", &(&tcp["route"][0]["weight"], &tcp["route"][1]["weight"]), &(&json!(80), &json!(20)))?;
    ensure!(spec(&view)["http"].as_array().is_none_or(Vec::is_empty), "no HTTP: {}", spec(&view));
    Ok(())
}

pub(super) async fn a_share_of_the_mirror(s: &Stage) -> Result<()> {
    s.mirror.watch(&[VIRTUAL_SERVICE]);
    s.initialized("istio", "analysis: {mirror: true, mirrorWeight: 10}").await?;
    for (version, share) in [("v2", 10), ("v3", 50)] {
        s.edit(&format!("analysis: {{mirrorWeight: {share}}}")).await?;
        s.release(version).await?;
        s.looks_until("a mirror with its share", |view| {
            let route = &spec(view)["http"][0];
            route["mirror"]["host"] == "demo-canary"
                && route["mirrorPercentage"]["value"].as_f64() == Some(f64::from(share))
        })
        .await?;
        s.reaches("Succeeded").await?;
        s.same("no mirror is left", &spec(&s.view())["http"][0]["mirror"], &Value::Null)?;
    }
    Ok(())
}

pub(super) async fn what_kubectl_applied_comes_back(s: &Stage) -> Result<()> {
    const APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
    s.mirror.watch(&[VIRTUAL_SERVICE]);
    s.flagger(&[]).await?;
    let mut before = yaml(BEFORE[1])?;
    before["metadata"]["annotations"] = json!({APPLIED: yaml(BEFORE[1])?.to_string()});
    s.create(&before).await?;
    s.target("{}").await?;
    s.canary("istio", "revertOnDeletion: true").await?;
    s.ready().await?;
    s.until("its finalizer", |view| view.canary()["metadata"]["finalizers"].is_array()).await?;
    s.delete(CANARY, "demo").await?;
    s.until("the Canary goes, the routes are as they were applied", |view| {
        view.canary().is_null() && *spec(view) == before["spec"]
    })
    .await?;
    s.until("the Services of the Canary go", |view| view.all(SERVICE).count() == 0).await
}

/// The text of a cookie, and the expression by which its bearers are known.
fn cookie_and_bearers(http: &Value) -> Result<(String, Regex)> {
    let given = http[1]["route"][1]["headers"]["response"]["add"]["Set-Cookie"].as_str();
    let bearers = http[0]["match"][0]["headers"]["Cookie"]["regex"].as_str();
    let given = given.with_context(|| format!("no cookie is given: {http}"))?.to_owned();
    Ok((given, Regex::new(bearers.with_context(|| format!("no bearers are matched: {http}"))?)?))
}

pub(super) async fn bearers_of_cookies(s: &Stage) -> Result<()> {
    s.mirror.watch(&[VIRTUAL_SERVICE]);
    s.initialized(
        "istio",
        "analysis: {sessionAffinity: {cookieName: mine, maxAge: 600, domain: example.com, path: /, httpOnly: true, secure: true,
           sameSite: Strict, partitioned: true}}",
    )
    .await?;
    s.same("routes before a run", &spec(&s.view())["http"].as_array().map_or(0, Vec::len), &1)?;
    s.release("v2").await?;
    s.looks_until("the first step", |view| view.stands() == "Progressing 20").await?;
    let http = spec(&s.view())["http"].clone();
    let (given, bearers) = cookie_and_bearers(&http)?;
    let (cookie, attributes) = given.split_once("; ").context("a cookie without attributes")?;
    s.same(
        "its attributes",
        &attributes,
        &"Max-Age=600; Domain=example.com; HttpOnly; Partitioned; Path=/; SameSite=Strict; Secure",
    )?;
    ensure!(cookie.starts_with("mine=") && cookie.len() == "mine=".len() + 10, "its value: {cookie}");
    // Who brings it back stays with the new version, whatever else is brought; who has another one does not.
    ensure!(bearers.is_match(&format!("a=b; {cookie}; c=d")), "{bearers} does not know {cookie}");
    ensure!(!bearers.is_match("mine=another"), "{bearers} knows everybody");
    let weights = |route: &Value| (route["route"][0]["weight"].clone(), route["route"][1]["weight"].clone());
    s.same("bearers", &weights(&http[0]), &(json!(0), json!(100)))?;
    s.same("the others", &weights(&http[1]), &(json!(80), json!(20)))?;
    s.reaches("Succeeded").await?;
    s.until("the cookie is taken back", |view| {
        let route = &spec(view)["http"][0];
        route["headers"]["response"]["add"]["Set-Cookie"] == format!("{cookie}; Max-Age=-1")
    })
    .await?;
    let status = s.view().canary()["status"].clone();
    s.same("the cookie of the run before", &status["previousSessionAffinityCookie"], &json!(cookie))
}

pub(super) async fn bearers_of_two_cookies(s: &Stage) -> Result<()> {
    s.mirror.watch(&[VIRTUAL_SERVICE]);
    s.initialized(
        "istio",
        "analysis: {sessionAffinity: {cookieName: mine, primaryCookieName: old, maxAge: 600}}",
    )
    .await?;
    s.release("v2").await?;
    s.looks_until("the first step", |view| view.stands() == "Progressing 20").await?;
    let http = spec(&s.view())["http"].clone();
    s.same("rules", &http.as_array().map_or(0, Vec::len), &3)?;
    let weights: Vec<String> = (0..3)
        .map(|rule| format!("{}/{}", http[rule]["route"][0]["weight"], http[rule]["route"][1]["weight"]))
        .collect();
    s.same(
        "bearers of the new one, of the old one, and of none",
        &weights,
        &texts(&["0/100", "100/0", "80/20"]),
    )?;
    let primary =
        http[2]["route"][0]["headers"]["response"]["add"]["Set-Cookie"].as_str().unwrap_or_default();
    ensure!(primary.starts_with("old=") && primary.contains("; Max-Age=36"), "for one interval: {primary}");
    Ok(())
}
