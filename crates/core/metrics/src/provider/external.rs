//! The external metrics API of Kubernetes.

use serin_kernel::{Answer, Call, Method, Reply};
use serin_lang::quantity::Quantity;

use super::http::{accepted, call, endpoint, header, json, refusal};
use super::talk::{Stop, Talk, tell};
use super::{Inquiry, Step, list, only};
use crate::sample::excerpt;
use crate::{Error, Sample};

/// Of one.
const NANOS: f64 = 1e9;

pub(super) fn measure(inquiry: &Inquiry<'_>, answers: &[Answer]) -> Result<Step<Sample>, Error> {
    let (namespace, metric, selector) = parts(inquiry.query.trim())?;
    tell(answers, |talk| {
        let call = metric_at(inquiry, talk, namespace, metric, selector)?;
        Ok(read(talk.body(call)?)?)
    })
}

pub(super) fn online(inquiry: &Inquiry<'_>, answers: &[Answer]) -> Result<Step<()>, Error> {
    tell(answers, |talk| {
        let call = metric_at(inquiry, talk, "kube-system", "dummy-metric", "")?;
        Ok(greeted(talk.call(call)?)?)
    })
}

/// The namespace, the metric and what selects its series, of `[namespace/]metric[?labelSelector=...]`.
fn parts(query: &str) -> Result<(&str, &str, &str), Error> {
    let (path, selector) = query.split_once('?').unwrap_or((query, ""));
    let (namespace, metric) = path.split_once('/').unwrap_or(("default", path));
    let is_name =
        |name: &str| !name.is_empty() && !name.contains(['/', '#', '%', ' ', '\\']) && !name.starts_with('.');
    if !is_name(namespace) || !is_name(metric) {
        let remedy = format!("{query:?} is not [namespace/]metric[?labelSelector=...]: write it so");
        return Err(Error::field("spec.query", excerpt(&remedy)));
    }
    Ok((namespace, metric, selector))
}

fn metric_at(
    inquiry: &Inquiry<'_>,
    talk: &mut Talk<'_>,
    namespace: &str,
    metric: &str,
    selector: &str,
) -> Result<Call, Stop> {
    let path = format!("/apis/external.metrics.k8s.io/v1beta1/namespaces/{namespace}/{metric}");
    // The controller's own token and authority are for its own API server alone.
    let own = inquiry.place.cluster.as_ref().filter(|_| inquiry.provider.address.trim().is_empty());
    let mut url = endpoint(inquiry, own.map(|cluster| &*cluster.address), &path)?;
    url.set_query((!selector.is_empty()).then_some(selector));
    let mut call = call(Method::Get, url);
    call.insecure = inquiry.provider.insecure_skip_verify;
    call.authority = own.map(|cluster| cluster.authority.clone()).unwrap_or_default();
    let token = match (inquiry.secret_text_if_any("token"), own) {
        (Some(token), _) => Some(token.trim().to_owned()),
        (None, Some(own)) => Some(talk.token(&own.token)?),
        (None, None) => None,
    };
    if let Some(token) = token {
        header(&mut call, "Authorization", format!("Bearer {token}"));
    }
    Ok(call)
}

fn read(body: &str) -> Result<Sample, Error> {
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

/// That there is no such metric is an answer of one who would know.
fn greeted(reply: &Reply) -> Result<(), Error> {
    let is_status = || json(&reply.body).is_ok_and(|answer| answer["kind"] == "Status");
    match reply.status {
        404 if is_status() => Ok(()),
        200..300 => accepted(reply).map(drop),
        _ => Err(refusal(reply)),
    }
}
