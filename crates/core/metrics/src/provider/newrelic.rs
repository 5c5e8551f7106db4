//! New Relic.

use serin_kernel::{Call, Method};

use super::http::{call, endpoint, header, interval_seconds, json};
use super::{Inquiry, list, number, only};
use crate::{Error, Sample};

const ADDRESS: &str = "https://insights-api.newrelic.com";

pub(super) fn ask(inquiry: &Inquiry<'_>) -> Result<Call, Error> {
    let seconds = interval_seconds(inquiry)?;
    insight(inquiry, &format!("{} SINCE {seconds} seconds ago", inquiry.query))
}

fn insight(inquiry: &Inquiry<'_>, nrql: &str) -> Result<Call, Error> {
    let account = inquiry.secret_text("newrelic_account_id")?.trim();
    if account.is_empty() || !account.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(Error::field("Secret, newrelic_account_id", "it is no account: write its number"));
    }
    let mut url = endpoint(inquiry, Some(ADDRESS), &format!("/v1/accounts/{account}/query"))?;
    url.query_pairs_mut().append_pair("nrql", nrql);
    let mut call = call(Method::Get, url);
    header(&mut call, "X-Query-Key", inquiry.secret_text("newrelic_query_key")?);
    Ok(call)
}

pub(super) fn read(body: &str) -> Result<Sample, Error> {
    let answer = json(body)?;
    let results = list(&answer, "results")?;
    let Some(one) = only(results, ToString::to_string)? else { return Ok(Sample::none()) };
    match one.get("result") {
        Some(serde_json::Value::Null) => Ok(Sample::none()),
        None => {
            let have = crate::sample::excerpt(&one.to_string());
            Err(Error::Unreadable(format!(
                "results[0] is {have}, without a result: select one number AS result"
            )))
        }
        Some(value) => number(value, "results[0].result").map(Sample::of),
    }
}

pub(super) fn greet(inquiry: &Inquiry<'_>) -> Result<Call, Error> {
    insight(inquiry, "SELECT * FROM Metric")
}
