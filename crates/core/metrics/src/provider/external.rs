//! The external metrics API of Kubernetes.

use serin_kernel::{Call, Method, Reply};
use serin_lang::quantity::Quantity;

use super::http::{accepted, call, endpoint, header, json, refusal};
use super::{Inquiry, list, only};
use crate::sample::excerpt;
use crate::{Error, Sample};

/// Of one.
const NANOS: f64 = 1e9;

/// `[namespace/]metric[?labelSelector=...]`.
pub(super) fn ask(inquiry: &Inquiry<'_>) -> Result<Call, Error> {
    let query = inquiry.query.trim();
    let (path, selector) = query.split_once('?').unwrap_or((query, ""));
    let (namespace, metric) = path.split_once('/').unwrap_or(("default", path));
    let is_name =
        |name: &str| !name.is_empty() && !name.contains(['/', '#', '%', ' ', '\\']) && !name.starts_with('.');
    if !is_name(namespace) || !is_name(metric) {
        let remedy = format!("{query:?} is not [namespace/]metric[?labelSelector=...]: write it so");
        return Err(Error::field("spec.query", excerpt(&remedy)));
    }
    metric_at(inquiry, namespace, metric, selector)
}

fn metric_at(inquiry: &Inquiry<'_>, namespace: &str, metric: &str, selector: &str) -> Result<Call, Error> {
    let path = format!("/apis/external.metrics.k8s.io/v1beta1/namespaces/{namespace}/{metric}");
    let cluster = inquiry.place.cluster.as_ref();
    let mut url = endpoint(inquiry, cluster.map(|cluster| &*cluster.address), &path)?;
    url.set_query((!selector.is_empty()).then_some(selector));
    let mut call = call(Method::Get, url);
    call.insecure = inquiry.provider.insecure_skip_verify;
    // The controller's own token is for its own API server alone.
    let own = cluster.filter(|_| inquiry.provider.address.trim().is_empty()).map(|cluster| &*cluster.token);
    if let Some(token) = inquiry.secret_text_if_any("token").or(own) {
        header(&mut call, "Authorization", format!("Bearer {}", token.trim()));
    }
    Ok(call)
}

pub(super) fn read(body: &str) -> Result<Sample, Error> {
    let answer = json(body)?;
    let Some(item) = only(list(&answer, "items")?, |item| item["metricLabels"].to_string())? else {
        return Ok(Sample::none());
    };
    let text = match &item["value"] {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let value = Quantity::parse(&text).map(|quantity| quantity.nanos() as f64 / NANOS);
    value
        .map(Sample::of)
        .map_err(|error| Error::Unreadable(format!("items[0].value: {}", excerpt(&error.to_string()))))
}

pub(super) fn greet(inquiry: &Inquiry<'_>) -> Result<Call, Error> {
    metric_at(inquiry, "kube-system", "dummy-metric", "")
}

/// That there is no such metric is an answer of one who would know.
pub(super) fn greeted(reply: &Reply) -> Result<(), Error> {
    let is_status = || json(&reply.body).is_ok_and(|answer| answer["kind"] == "Status");
    match reply.status {
        404 if is_status() => Ok(()),
        200..300 => accepted(reply).map(drop),
        _ => Err(refusal(reply)),
    }
}
