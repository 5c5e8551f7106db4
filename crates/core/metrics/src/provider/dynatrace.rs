//! Dynatrace.

use serin_kernel::{Call, Method};

use super::http::{call, endpoint, header, json, window};
use super::{Inquiry, list, number, only};
use crate::{Error, Sample};

pub(super) fn ask(inquiry: &Inquiry<'_>) -> Result<Call, Error> {
    let (from, to) = window(inquiry)?;
    let mut url = endpoint(inquiry, None, "/api/v2/metrics/query")?;
    url.query_pairs_mut()
        .append_pair("from", &from.saturating_mul(1000).to_string())
        .append_pair("metricSelector", inquiry.query)
        .append_pair("resolution", "Inf")
        .append_pair("to", &to.saturating_mul(1000).to_string());
    with_token(call(Method::Get, url), inquiry)
}

fn with_token(mut call: Call, inquiry: &Inquiry<'_>) -> Result<Call, Error> {
    header(&mut call, "Authorization", format!("Api-Token {}", inquiry.secret_text("dynatrace_token")?));
    Ok(call)
}

pub(super) fn read(body: &str) -> Result<Sample, Error> {
    let answer = json(body)?;
    let name = |result: &serde_json::Value| result["metricId"].as_str().unwrap_or("?").to_owned();
    let Some(result) = only(list(&answer, "result")?, name)? else { return Ok(Sample::none()) };
    let Some(data) = only(list(result, "data")?, |data| data["dimensions"].to_string())? else {
        return Ok(Sample::none());
    };
    match list(data, "values")?.first() {
        None | Some(serde_json::Value::Null) => Ok(Sample::none()),
        Some(value) => number(value, "result[0].data[0].values[0]").map(Sample::of),
    }
}

pub(super) fn greet(inquiry: &Inquiry<'_>) -> Result<Call, Error> {
    let mut url = endpoint(inquiry, None, "/api/v2/metrics")?;
    url.query_pairs_mut().append_pair("pageSize", "1");
    with_token(call(Method::Get, url), inquiry)
}
