//! Datadog.

use serin_kernel::{Call, Method};

use super::http::{call, endpoint, header, json, window};
use super::{Inquiry, list, number, only};
use crate::{Error, Sample};

const ADDRESS: &str = "https://api.datadoghq.com";

pub(super) fn ask(inquiry: &Inquiry<'_>) -> Result<Call, Error> {
    let (from, to) = window(inquiry)?;
    let mut url = endpoint(inquiry, Some(ADDRESS), "/api/v1/query")?;
    url.query_pairs_mut()
        .append_pair("from", &from.to_string())
        .append_pair("query", inquiry.query)
        .append_pair("to", &to.to_string());
    with_keys(call(Method::Get, url), inquiry)
}

fn with_keys(mut call: Call, inquiry: &Inquiry<'_>) -> Result<Call, Error> {
    header(&mut call, "DD-API-KEY", inquiry.secret_text("datadog_api_key")?);
    header(&mut call, "DD-APPLICATION-KEY", inquiry.secret_text("datadog_application_key")?);
    Ok(call)
}

/// The first point of the one series, which is the oldest, as Flagger takes it.
pub(super) fn read(body: &str) -> Result<Sample, Error> {
    let answer = json(body)?;
    if let Some(error) = answer["error"].as_str().filter(|error| !error.is_empty()) {
        return Err(Error::Refused(crate::sample::excerpt(error)));
    }
    let name = |series: &serde_json::Value| series["scope"].as_str().unwrap_or("?").to_owned();
    let Some(series) = only(list(&answer, "series")?, name)? else { return Ok(Sample::none()) };
    match list(series, "pointlist")?.first() {
        None => Ok(Sample::none()),
        Some(point) if point[1].is_null() => Ok(Sample::none()),
        Some(point) => number(&point[1], "series[0].pointlist[0][1]").map(Sample::of),
    }
}

pub(super) fn greet(inquiry: &Inquiry<'_>) -> Result<Call, Error> {
    with_keys(call(Method::Get, endpoint(inquiry, Some(ADDRESS), "/api/v1/validate")?), inquiry)
}
