//! Which requests are sent, one after another. Pure.
//!
//! A scenario is a list of steps; a load goes through it again and again, each time with the next row of the data.

use std::collections::BTreeMap;

use ::http::{HeaderName, Method, Request, header::USER_AGENT};
use bytes::Bytes;
use http_body_util::Full;
use serde::Deserialize;
use serde_json::Value;
use url::{Origin, Url};

use super::{
    plan::{Plan, header, method, origin},
    template::Template,
};
use crate::http::{AGENT, Question};

/// Steps of a scenario: more than a person writes.
const STEPS_MAX: usize = 1_000;
/// Rows of data: what four megabytes hold.
const ROWS_MAX: usize = 200_000;

/// A step as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    method: Option<String>,
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    requests: Vec<Step>,
}

/// Rows of data, all with the same columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    names: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// Requests without end.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    origin: Origin,
    requests: Vec<Made>,
    rows: Rows,
}

/// A request with holes.
#[derive(Clone, Debug)]
struct Made {
    method: Method,
    address: Template,
    headers: Vec<(HeaderName, Template)>,
    body: Template,
}

/// Reads a scenario, YAML or JSON.
pub(crate) fn steps(bytes: &[u8]) -> Result<Vec<Step>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let document: Document = serde_saphyr::from_str(text).map_err(|error| {
        format!("it cannot be read: {}", error.to_string().lines().next().unwrap_or_default())
    })?;
    match document.requests.len() {
        1..=STEPS_MAX => Ok(document.requests),
        count => Err(format!("`requests` has {count} entries; 1 to {STEPS_MAX} are possible")),
    }
}

/// Reads data: a JSON list of objects, or CSV whose first line names the columns.
pub(crate) fn rows(bytes: &[u8]) -> Result<Rows, String> {
    let is_json = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    let rows = if is_json { rows_of_json(bytes)? } else { rows_of_csv(bytes)? };
    match rows.rows.len() {
        1..=ROWS_MAX => Ok(rows),
        count => Err(format!("it has {count} rows; 1 to {ROWS_MAX} are possible")),
    }
}

fn rows_of_csv(bytes: &[u8]) -> Result<Rows, String> {
    let wrong = |error: csv::Error| format!("it is no CSV: {error}");
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let names = reader.headers().map_err(wrong)?.iter().map(str::to_owned).collect();
    let rows = reader.records().map(|row| Ok(row.map_err(wrong)?.iter().map(str::to_owned).collect()));
    Ok(Rows { names, rows: rows.collect::<Result<_, String>>()? })
}

fn rows_of_json(bytes: &[u8]) -> Result<Rows, String> {
    let all: Vec<serde_json::Map<String, Value>> =
        serde_json::from_slice(bytes).map_err(|error| format!("it is no JSON list of objects: {error}"))?;
    let names: Vec<String> = all.first().map(|row| row.keys().cloned().collect()).unwrap_or_default();
    let rows = all.iter().enumerate().map(|(number, row)| {
        names
            .iter()
            .map(|name| match row.get(name) {
                Some(Value::String(text)) => Ok(text.clone()),
                Some(other) => Ok(other.to_string()),
                None => Err(format!("row {} has no {name:?}", number + 1)),
            })
            .collect()
    });
    Ok(Rows { rows: rows.collect::<Result<_, String>>()?, names })
}

impl Scenario {
    /// The requests of a plan.
    pub(crate) fn new(plan: &Plan, steps: Option<Vec<Step>>, rows: Rows) -> Result<Self, String> {
        let base = origin(&plan.url)?;
        let template = |text: &str| Template::parse(text);
        let common = || plan.headers.iter().map(|(name, value)| Ok((name.clone(), template(value)?)));
        let requests: Vec<Made> = match steps {
            None => vec![Made {
                method: plan.method.clone(),
                address: template(&plan.url)?,
                headers: common().collect::<Result<_, String>>()?,
                body: template(&plan.body)?,
            }],
            Some(steps) => {
                let made = steps.iter().enumerate().map(|(number, step)| {
                    let wrong = |why: String| format!("scenario: `requests[{number}]`: {why}");
                    step_made(plan, &base, step, common().collect::<Result<_, String>>()?).map_err(wrong)
                });
                made.collect::<Result<_, String>>()?
            }
        };
        for made in &requests {
            let holes = made.address.holes().chain(made.body.holes());
            let holes = holes.chain(made.headers.iter().flat_map(|(_, value)| value.holes()));
            if let Some(hole) = holes.into_iter().find(|hole| !rows.names.iter().any(|name| name == hole)) {
                return Err(format!("`{{{{{hole}}}}}` is no column of `data`"));
            }
        }
        Ok(Self { origin: base.origin(), requests, rows })
    }

    /// The request of this number.
    pub(crate) fn question(&self, number: u64) -> Result<Question, String> {
        let steps = self.requests.len() as u64;
        let made = &self.requests[(number % steps) as usize];
        let rows = self.rows.rows.len().max(1) as u64;
        let row = self.rows.rows.get((number / steps % rows) as usize);
        let value = |name: &str| {
            let column = self.rows.names.iter().position(|found| found == name);
            row.zip(column).and_then(|(row, column)| row.get(column)).map_or("", String::as_str)
        };
        let url = Url::parse(&made.address.fill_address(value)).map_err(|error| error.to_string())?;
        if url.origin() != self.origin {
            return Err("the address leads to another host".to_owned());
        }
        let mut question = Request::builder().method(made.method.clone()).uri(url.as_str());
        if !made.headers.iter().any(|(name, _)| name == USER_AGENT) {
            question = question.header(USER_AGENT, AGENT);
        }
        for (name, text) in &made.headers {
            question = question.header(name, text.fill(value));
        }
        question.body(Full::new(Bytes::from(made.body.fill(value)))).map_err(|error| error.to_string())
    }
}

fn step_made(
    plan: &Plan,
    base: &Url,
    step: &Step,
    mut headers: Vec<(HeaderName, Template)>,
) -> Result<Made, String> {
    let method = match &step.method {
        Some(text) => method(text, plan.allow_writes).map_err(|why| format!("`method` {why}"))?,
        None => plan.method.clone(),
    };
    if !step.path.starts_with('/') || step.path.starts_with("//") {
        return Err(format!(
            "`path` is {:?}: it must begin with one /, for all requests go to the host of `url`",
            step.path
        ));
    }
    let address = format!("{}{}", base.origin().ascii_serialization(), step.path);
    origin(&address).map_err(|why| format!("`path` {why}"))?;
    for (name, value) in &step.headers {
        let (name, value) = header(name, value).map_err(|why| format!("`headers`: {why}"))?;
        headers.retain(|(known, _)| *known != name);
        headers.push((name, Template::parse(&value)?));
    }
    Ok(Made { method, address: Template::parse(&address)?, headers, body: Template::parse(&step.body)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(pairs: &[(&str, &str)]) -> Plan {
        let base = [("url", "http://127.0.0.1:8/base"), ("rate", "5"), ("headers", "X-A: 1")];
        let all = base.iter().chain(pairs).map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Plan::parse(&all.collect(), std::time::Duration::from_hours(1)).unwrap()
    }

    fn told(scenario: &Scenario, number: u64) -> String {
        let question = scenario.question(number).unwrap();
        let header =
            |name: &str| question.headers().get(name).map_or("-", |value| value.to_str().unwrap()).to_owned();
        format!("{} {} {} {}", question.method(), question.uri(), header("x-a"), header("x-b"))
    }

    #[test]
    fn steps_are_walked_through_with_one_row_each_time() {
        let text = b"requests:\n- path: /a/{{id}}\n  headers: {x-a: '{{n}}', x-b: two}\n- {method: HEAD, path: '/b?q={{n}}'}\n";
        let data = rows(b"id,n\n1, x y\n2,z\n").unwrap();
        let scenario = Scenario::new(&plan(&[]), Some(steps(text).unwrap()), data).unwrap();
        let walked: Vec<String> = (0..5).map(|number| told(&scenario, number)).collect();
        assert_eq!(
            walked,
            [
                "GET http://127.0.0.1:8/a/1 x y two",
                "HEAD http://127.0.0.1:8/b?q=x%20y 1 -",
                "GET http://127.0.0.1:8/a/2 z two",
                "HEAD http://127.0.0.1:8/b?q=z 1 -",
                "GET http://127.0.0.1:8/a/1 x y two",
            ]
        );
    }

    #[test]
    fn data_alone_fill_the_address() {
        let data = rows(br#" [{"id": 7, "n": "x"}, {"n": null, "id": "8"}]"#).unwrap();
        let scenario =
            Scenario::new(&plan(&[("url", "http://127.0.0.1:8/{{id}}/{{n}}")]), None, data).unwrap();
        assert_eq!(told(&scenario, 1), "GET http://127.0.0.1:8/8/null 1 -");
    }

    #[test]
    fn what_cannot_be_sent_is_refused_before_anything_is() {
        for (text, expected) in [
            ("requests: []", "has 0 entries"),
            ("requests: [{path: a}]", "`requests[0]`: `path` is \"a\""),
            ("requests: [{path: /a}, {path: //evil/}]", "`requests[1]`: `path` is \"//evil/\""),
            ("requests: [{path: /a, method: PUT}]", "`method` PUT may change something"),
            ("requests: [{path: /a, headers: {'a b': c}}]", "is no name of a header"),
            ("requests: [{path: '/{{nope}}'}]", "`{{nope}}` is no column of `data`"),
            ("requests: [{path: '/{{nope'}]", "without"),
            ("requests: [{pth: /}]", "it cannot be read"),
            ("- a", "it cannot be read"),
            ("\u{0}", "it cannot be read"),
        ] {
            let read = steps(text.as_bytes())
                .and_then(|steps| Scenario::new(&plan(&[]), Some(steps), Rows::default()));
            let error = read.unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        for (text, expected) in [
            (&b"a,b\n1\n"[..], "it is no CSV"),
            (b"a,b\n", "it has 0 rows"),
            (b"[1]", "it is no JSON list of objects"),
            (b"[{\"a\": 1}, {}]", "row 2 has no \"a\""),
            (b"\xff\n\xff\n", "it is no CSV"),
        ] {
            let error = rows(text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        assert!(steps(b"\xff").is_err());
    }

    #[test]
    fn a_header_that_a_row_breaks_is_an_error_of_that_request_alone() {
        let data = rows(br#"[{"v": "a\nb"}, {"v": "fine"}]"#).unwrap();
        let scenario = Scenario::new(&plan(&[("headers", "X-A: {{v}}")]), None, data).unwrap();
        assert!(scenario.question(0).is_err());
        assert!(scenario.question(1).is_ok());
    }
}
