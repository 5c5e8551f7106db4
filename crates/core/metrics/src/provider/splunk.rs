//! Splunk Observability, by programs in `SignalFlow`.
//!
//! Flagger opens a web socket; the same program over HTTP answers with the same messages as a stream of events that ends
//! when the window, which is past, has been gone through.

use std::collections::BTreeMap;

use serde_json::Value;
use serin_kernel::{Call, Method};

use super::http::{call, endpoint, header, json, window};
use super::{Inquiry, list, number, only};
use crate::{Error, Sample};

pub(super) fn ask(inquiry: &Inquiry<'_>) -> Result<Call, Error> {
    let (from, to) = window(inquiry)?;
    let mut url = endpoint(inquiry, None, "/v2/signalflow/execute")?;
    // What has programs carried out has another name than what keeps metrics.
    let host = url.host_str().unwrap_or_default().replacen("api.", "stream.", 1);
    url.set_host(Some(&host)).map_err(|error| Error::field("spec.provider.address", error.to_string()))?;
    url.query_pairs_mut()
        .append_pair("start", &from.saturating_mul(1000).to_string())
        .append_pair("stop", &to.saturating_mul(1000).to_string())
        .append_pair("immediate", "true");
    let mut call = with_token(call(Method::Post, url), inquiry)?;
    header(&mut call, "Content-Type", "text/plain");
    header(&mut call, "Accept", "text/event-stream");
    call.body = inquiry.query.to_owned().into();
    Ok(call)
}

fn with_token(mut call: Call, inquiry: &Inquiry<'_>) -> Result<Call, Error> {
    header(&mut call, "X-SF-Token", inquiry.secret_text("sf_token_key")?);
    Ok(call)
}

/// The last message with data.
pub(super) fn read(body: &str) -> Result<Sample, Error> {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut last = Value::Null;
    let mut is_stream = false;
    for (event, data) in events(body) {
        is_stream = true;
        match event {
            "metadata" => {
                let message = json(&data)?;
                let id = message["tsId"].as_str().unwrap_or_default().to_owned();
                names.insert(id, message["properties"].to_string());
            }
            "data" => last = json(&data)?,
            "error" => return Err(Error::Refused(crate::sample::excerpt(&data))),
            _ => {}
        }
    }
    if !is_stream {
        return Err(Error::Unreadable(format!(
            "the answer is no stream of events, '{}'",
            crate::sample::excerpt(body)
        )));
    }
    let name = |point: &Value| {
        let id = point["tsId"].as_str().unwrap_or("?");
        names.get(id).cloned().unwrap_or_else(|| id.to_owned())
    };
    if last.is_null() {
        return Ok(Sample::none());
    }
    match only(list(&last, "data")?, name)? {
        None => Ok(Sample::none()),
        Some(point) if point["value"].is_null() => Ok(Sample::none()),
        Some(point) => number(&point["value"], "data[0].value").map(Sample::of),
    }
}

/// The events of a stream with the data of each.
fn events(body: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    let (mut event, mut data) = ("", Vec::new());
    for line in body.lines().chain([""]) {
        if let Some(name) = line.strip_prefix("event:") {
            event = name.trim();
        } else if let Some(part) = line.strip_prefix("data:") {
            data.push(part.trim_start());
        } else if line.is_empty() && !event.is_empty() {
            found.push((event, data.join("\n")));
            (event, data) = ("", Vec::new());
        }
    }
    found
}

pub(super) fn greet(inquiry: &Inquiry<'_>) -> Result<Call, Error> {
    let mut url = endpoint(inquiry, None, "/v2/metric")?;
    url.query_pairs_mut().append_pair("limit", "1");
    with_token(call(Method::Get, url), inquiry)
}
