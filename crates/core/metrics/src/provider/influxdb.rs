//! `InfluxDB`, by queries in Flux.

use std::time::Duration;

use serin_kernel::{Call, Method};

use super::Inquiry;
use super::http::{call, endpoint, header};
use crate::sample::excerpt;
use crate::{Error, Sample};

const TIMEOUT: Duration = Duration::from_secs(15);

pub(super) fn ask(inquiry: &Inquiry<'_>) -> Result<Call, Error> {
    let mut url = endpoint(inquiry, None, "/api/v2/query")?;
    if inquiry.secret.is_some() {
        url.query_pairs_mut().append_pair("org", inquiry.secret_text("org")?);
    }
    let mut call = call(Method::Post, url);
    call.timeout = TIMEOUT;
    call.body = inquiry.query.to_owned().into();
    header(&mut call, "Content-Type", "application/vnd.flux");
    header(&mut call, "Accept", "application/csv");
    if inquiry.secret.is_some() {
        header(&mut call, "Authorization", format!("Token {}", inquiry.secret_text("token")?));
    }
    Ok(call)
}

/// The first record of the one table. Flagger takes nothing for 0, which passes every highest value.
pub(super) fn read(body: &str) -> Result<Sample, Error> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .from_reader(body.as_bytes());
    let mut header: Option<csv::StringRecord> = None;
    let mut found: Option<(String, Sample)> = None;
    let mut others = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| Error::Unreadable(format!("{error}, '{}'", excerpt(body))))?;
        if record.iter().any(|cell| cell == "_value" || cell == "error") {
            header = Some(record);
            continue;
        }
        let Some(header) = &header else {
            return Err(Error::Unreadable(format!("there is no column _value, '{}'", excerpt(body))));
        };
        let cell = |name: &str| header.iter().position(|cell| cell == name).and_then(|at| record.get(at));
        if let Some(error) = cell("error") {
            return Err(Error::Refused(excerpt(error)));
        }
        let table = cell("table").unwrap_or_default().to_owned();
        match &found {
            None => found = Some((table, sample(cell("_value").unwrap_or_default())?)),
            Some((first, _)) if *first != table => others.push(table),
            Some(_) => {}
        }
    }
    others.dedup();
    match found {
        None => Ok(Sample::none()),
        Some((_, sample)) if others.is_empty() => Ok(sample),
        Some((first, _)) => {
            others.insert(0, first);
            Err(Error::several(others.into_iter().map(|table| format!("table {table}"))))
        }
    }
}

fn sample(cell: &str) -> Result<Sample, Error> {
    match cell {
        "" => Ok(Sample::none()),
        text => text.parse().map(Sample::of).map_err(|_| {
            Error::Unreadable(format!(
                "_value is {:?}, not a number: let the query end in one",
                excerpt(text)
            ))
        }),
    }
}

pub(super) fn greet(inquiry: &Inquiry<'_>) -> Result<Call, Error> {
    ask(&Inquiry { query: "from(bucket:\"default\") |> range(start: -2h)", ..inquiry.clone() })
}
