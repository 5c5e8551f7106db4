//! Graphite.

use serde_json::Value;
use serin_kernel::{Call, Method};

use super::http::{basic, call, endpoint, header, json};
use super::{Inquiry, list, number, only};
use crate::{Error, Sample};

/// The query is a query already: `target=...&from=-5min`.
pub(super) fn ask(inquiry: &Inquiry<'_>) -> Result<Call, Error> {
    let mut url = endpoint(inquiry, None, "/render")?;
    url.set_query(Some(&format!("{}&format=json", inquiry.query.trim())));
    let mut call = call(Method::Get, url);
    call.insecure = inquiry.provider.insecure_skip_verify;
    if inquiry.secret.is_some() {
        let user = inquiry.secret_text("username")?;
        header(&mut call, "Authorization", basic(user, inquiry.secret_text("password")?));
    }
    Ok(call)
}

/// The last number of the one series that has numbers.
pub(super) fn read(body: &str) -> Result<Sample, Error> {
    let answer = json(body)?;
    let Value::Array(series) = &answer else {
        return Err(Error::Unreadable("the answer is no list of series".to_owned()));
    };
    let mut with_numbers: Vec<(&Value, &Value)> = Vec::new();
    for one in series {
        let last = list(one, "datapoints")?.iter().rev().find(|point| !point[0].is_null());
        with_numbers.extend(last.map(|point| (one, point)));
    }
    let name = |(series, _): &(&Value, &Value)| series["target"].as_str().unwrap_or("?").to_owned();
    match only(&with_numbers, name)? {
        None => Ok(Sample::none()),
        Some((_, point)) => number(&point[0], "datapoints[][0]").map(Sample::of),
    }
}

pub(super) fn greet(inquiry: &Inquiry<'_>) -> Result<Call, Error> {
    ask(&Inquiry { query: "target=test", ..inquiry.clone() })
}
