//! Contour, Traefik, Gloo, Kuma, APISIX; and Canaries that are refused.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::course::texts;
use crate::cluster::CANARY;
use crate::routers::{APISIX_ROUTE, HTTP_PROXY, ROUTE_TABLE, TRAEFIK_SERVICE, TRAFFIC_ROUTE, UPSTREAM};
use crate::stage::Stage;
use crate::view::View;

/// `NAME WEIGHT` of each entry of a list; what has no weight has none.
fn shares(list: &Value, name: &str) -> String {
    let share = |entry: &Value| {
        let name = entry.pointer(name).and_then(Value::as_str).unwrap_or_default();
        format!("{name} {}", entry["weight"].as_i64().unwrap_or(0))
    };
    list.as_array().into_iter().flatten().map(share).collect::<Vec<_>>().join(", ")
}

pub(super) async fn contour(s: &Stage) -> Result<()> {
    s.mirror.watch(&[HTTP_PROXY]);
    s.flagger(&["-ingress-class=contour"]).await?;
    s.target("{}").await?;
    s.canary(
        "contour",
        "{service: {match: [{uri: {prefix: /api}}]}, analysis: {stepWeight: null, maxWeight: null, iterations: 1,
           match: [{headers: {x-user: {exact: insider}, x-group: {prefix: in}}}]}}",
    )
    .await?;
    s.ready().await?;
    let spec = s.view().one(HTTP_PROXY, "demo")["spec"].clone();
    s.same("its class", &spec["ingressClassName"], &json!("contour"))?;
    let conditions = spec["routes"][0]["conditions"].as_array().cloned().unwrap_or_default();
    s.same("conditions", &conditions.len(), &2)?;
    for wanted in [
        json!({"header": {"name": "x-group", "contains": "in"}, "prefix": "/api"}),
        json!({"header": {"name": "x-user", "exact": "insider"}, "prefix": "/api"}),
    ] {
        ensure!(conditions.contains(&wanted), "no {wanted} in {conditions:?}");
    }
    s.same("the others", &spec["routes"][1]["conditions"], &json!([{"prefix": "/api"}]))?;
    s.release("v2").await?;
    s.reaches("Succeeded").await?;
    let shown = |proxy: &Value| {
        let routes = &proxy["spec"]["routes"];
        format!("{} | {}", shares(&routes[0]["services"], "/name"), shares(&routes[1]["services"], "/name"))
    };
    let rest = "demo-primary 100, demo-canary 0";
    s.same(
        "its routes",
        &s.past(HTTP_PROXY, "demo", shown),
        &vec![
            format!("{rest} | {rest}"),
            format!("demo-primary 0, demo-canary 100 | {rest}"),
            format!("{rest} | {rest}"),
        ],
    )
}

pub(super) async fn traefik(s: &Stage) -> Result<()> {
    s.mirror.watch(&[TRAEFIK_SERVICE]);
    s.initialized("traefik", "service: {apex: {labels: {l: apex}, annotations: {a: apex}}}").await?;
    let metadata = s.view().one(TRAEFIK_SERVICE, "demo")["metadata"].clone();
    s.same("its label", &metadata["labels"]["l"], &json!("apex"))?;
    s.same("its annotation", &metadata["annotations"]["a"], &json!("apex"))?;
    s.release("v2").await?;
    s.reaches("Succeeded").await?;
    s.same(
        "its services",
        &s.past(TRAEFIK_SERVICE, "demo", |it| shares(&it["spec"]["weighted"]["services"], "/name")),
        &texts(&[
            "demo-primary 100",
            "demo-primary 80, demo-canary 20",
            "demo-primary 60, demo-canary 40",
            "demo-primary 100",
        ]),
    )
}

pub(super) async fn gloo(s: &Stage) -> Result<()> {
    s.mirror.watch(&[ROUTE_TABLE, UPSTREAM]);
    s.flagger(&[]).await?;
    s.given(&["{apiVersion: gloo.solo.io/v1, kind: Upstream, metadata: {name: settings}, spec: {
       static: {hosts: [{addr: example.com, port: 80}]}, connectionConfig: {maxRequestsPerConnection: 51},
       loadBalancerConfig: {roundRobin: {slowStartConfig: {minWeightPercent: 5}}}}}"])
        .await?;
    s.target("{}").await?;
    let reference = format!(
        "upstreamRef: {{apiVersion: gloo.solo.io/v1, kind: Upstream, name: settings, namespace: {}}}",
        s.namespace()
    );
    s.canary("gloo", &reference).await?;
    s.ready().await?;
    let names = ["primary", "canary"].map(|which| format!("{}-demo-{which}upstream-80", s.namespace()));
    let has = |view: &View, requests: i64, percent: i64| {
        names.iter().all(|name| {
            let spec = &view.one(UPSTREAM, name)["spec"];
            spec["connectionConfig"]["maxRequestsPerConnection"] == requests
                && spec["loadBalancerConfig"]["roundRobin"]["slowStartConfig"]["minWeightPercent"] == percent
                && spec["kube"]["serviceName"].as_str().is_some_and(|it| it.starts_with("demo-"))
        })
    };
    s.until("both upstreams have the settings", |view| has(view, 51, 5)).await?;
    // Balancing follows; the rest was copied once.
    s.change(
        UPSTREAM,
        "settings",
        "spec: {connectionConfig: {maxRequestsPerConnection: 60}, loadBalancerConfig: {roundRobin: {slowStartConfig: {minWeightPercent: 9}}}}",
    )
    .await?;
    s.looks_until("balancing follows", |view| has(view, 51, 9)).await?;
    s.release("v2").await?;
    s.reaches("Succeeded").await?;
    let shown = |table: &Value| {
        let text = shares(
            &table["spec"]["routes"][0]["routeAction"]["multi"]["destinations"],
            "/destination/upstream/name",
        );
        text.replace(&names[0], "primary").replace(&names[1], "canary")
    };
    s.same(
        "its routes",
        &s.past(ROUTE_TABLE, "demo", shown),
        &texts(&[
            "primary 100, canary 0",
            "primary 80, canary 20",
            "primary 60, canary 40",
            "primary 100, canary 0",
        ]),
    )
}

pub(super) async fn kuma(s: &Stage) -> Result<()> {
    s.mirror.watch(&[TRAFFIC_ROUTE]);
    s.flagger(&[]).await?;
    s.target("{}").await?;
    // The route is of the whole cluster: its name must be nobody else's.
    let service = format!("kuma-{}", s.namespace());
    s.canary("kuma", &format!("{{revertOnDeletion: true, service: {{name: {service}}}}}")).await?;
    s.ready().await?;
    s.release("v2").await?;
    s.reaches("Succeeded").await?;
    let (primary, canary) = (
        format!("{service}-primary_{}_svc_80", s.namespace()),
        format!("{service}-canary_{}_svc_80", s.namespace()),
    );
    let shown = |route: &Value| {
        let text = shares(&route["spec"]["conf"]["split"], "/destination/kuma.io~1service");
        text.replace(&primary, "primary").replace(&canary, "canary")
    };
    s.same(
        "its split",
        &s.past(TRAFFIC_ROUTE, &service, shown),
        &texts(&[
            "primary 100, canary 0",
            "primary 80, canary 20",
            "primary 60, canary 40",
            "primary 100, canary 0",
        ]),
    )?;
    s.same("its mesh", &s.view().one(TRAFFIC_ROUTE, &service)["mesh"], &json!("default"))?;
    s.delete(CANARY, "demo").await?;
    // In Flagger it stays behind (difference 16).
    s.until("the route goes with its Canary", |view| {
        view.canary().is_null() && view.one(TRAFFIC_ROUTE, &service).is_null()
    })
    .await
}

pub(super) async fn apisix(s: &Stage) -> Result<()> {
    s.mirror.watch(&[APISIX_ROUTE]);
    s.flagger(&[]).await?;
    s.given(&["{apiVersion: apisix.apache.org/v2, kind: ApisixRoute, metadata: {name: demo}, spec: {http: [
       {name: method, match: {hosts: [app.example.com], paths: ['/*']}, backends: [{serviceName: demo, servicePort: 80}]},
       {name: other, match: {paths: [/other]}, backends: [{serviceName: other, servicePort: 80}]}]}}"])
        .await?;
    s.target("{}").await?;
    s.canary("apisix", "routeRef: {apiVersion: apisix.apache.org/v2, kind: ApisixRoute, name: demo}").await?;
    s.ready().await?;
    let before = s.view().one(APISIX_ROUTE, "demo")["spec"].clone();
    s.release("v2").await?;
    s.reaches("Succeeded").await?;
    s.same(
        "the copy",
        &s.past(APISIX_ROUTE, "demo-demo-canary", |it| {
            shares(&it["spec"]["http"][0]["backends"], "/serviceName")
        }),
        &texts(&[
            "demo-primary 100, demo-canary 0",
            "demo-primary 80, demo-canary 20",
            "demo-primary 60, demo-canary 40",
            "demo-primary 100, demo-canary 0",
        ]),
    )?;
    let view = s.view();
    let copied = view.one(APISIX_ROUTE, "demo-demo-canary")["spec"]["http"].as_array().map_or(0, Vec::len);
    s.same("entries of the copy", &copied, &1)?;
    s.same("the original", &view.one(APISIX_ROUTE, "demo")["spec"], &before)
}

pub(super) async fn what_is_refused(s: &Stage) -> Result<()> {
    s.flagger(&["-no-cross-namespace-refs"]).await?;
    s.target("{}").await?;
    s.canary("istio", "{}").await?;
    s.ready().await?;
    // Flagger holds these only when a Canary is made (difference 13).
    for (edit, field, mended) in [
        (
            "analysis: {metrics: [{name: mine, thresholdRange: {max: 1}, templateRef: {name: mine, namespace: other}}]}",
            "spec.analysis.metrics[0].templateRef.namespace",
            "analysis: {metrics: []}",
        ),
        (
            "analysis: {alerts: [{name: a, providerRef: {name: a, namespace: other}}]}",
            "spec.analysis.alerts[0].providerRef.namespace",
            "analysis: {alerts: []}",
        ),
        ("provider: knative", "spec.targetRef", "provider: istio"),
        (
            "analysis: {sessionAffinity: {cookieName: same, primaryCookieName: same}}",
            "spec.analysis.sessionAffinity.primaryCookieName",
            "analysis: {sessionAffinity: null}",
        ),
    ] {
        s.edit(edit).await?;
        s.looks_until(&format!("{field} is refused"), |view| {
            let (status, why) = invalid(view);
            status == "True" && why.contains(field)
        })
        .await?;
        s.edit(mended).await?;
        s.looks_until(&format!("{field} is mended"), |view| invalid(view).0 != "True").await?;
    }
    Ok(())
}

/// The status and the message of the condition `Invalid`.
fn invalid(view: &View) -> (String, String) {
    let conditions = view.canary()["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let found = conditions.into_iter().find(|it| it["type"] == "Invalid").unwrap_or_default();
    let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
    (text("status"), text("message"))
}
