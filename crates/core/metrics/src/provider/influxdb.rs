//! `InfluxDB`, by queries in Flux.

use std::time::Duration;

use serin_kernel::{Call, Method};

use super::Inquiry;
use super::http::{call, endpoint, header};
use crate::sample::excerpt;
use crate::{Error, Sample};

const TIMEOUT: Duration = Duration::from_secs(15);
/// The column of values, and that of errors.
const VALUE: &str = "_value";
const ERROR: &str = "error";

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
        let begins = record.position().is_none_or(|at| begins_anew(body, at.byte()));
        if header.is_none() || begins || is_of_errors(&record) {
            if !record.iter().any(|cell| [VALUE, ERROR].contains(&cell)) {
                return Err(Error::Unreadable(format!("there is no column {VALUE}, '{}'", excerpt(body))));
            }
            header = Some(record);
            continue;
        }
        let cell = |name: &str| {
            let at = header.iter().flatten().position(|cell| cell == name);
            at.and_then(|at| record.get(at))
        };
        let Some(value) = cell(VALUE) else {
            return Err(Error::Refused(excerpt(cell(ERROR).unwrap_or_default())));
        };
        let table = cell("table").unwrap_or_default().to_owned();
        match &found {
            None => found = Some((table, sample(value)?)),
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

/// Whether a blank or an annotation stands before the record that is looked for at `at`, which is the end of the one before:
/// then it is a header. A cell says nothing of that, it may hold any text.
fn begins_anew(body: &str, at: u64) -> bool {
    let at = usize::try_from(at).unwrap_or(usize::MAX);
    let (before, rest) = body.split_at_checked(at).unwrap_or((body, ""));
    // Of the end of a line in two characters, the second is left over.
    let rest = if before.ends_with('\r') { rest.strip_prefix('\n').unwrap_or(rest) } else { rest };
    rest.starts_with(['\r', '\n', '#'])
}

/// Whether this is the header of errors, wherever it stands.
fn is_of_errors(record: &csv::StringRecord) -> bool {
    record.iter().filter(|cell| !cell.is_empty()).eq([ERROR, "reference"])
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
