//! Prometheus and what speaks as it does.

use std::collections::BTreeMap;

use serde_json::Value;
use serin_kernel::{Call, Method, Reply};

use super::http::{accepted, basic, call, endpoint, header, json};
use super::{Inquiry, only};
use crate::sample::excerpt;
use crate::{Error, Sample};

/// One series of an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Series {
    /// Its labels, with its name.
    pub(crate) labels: BTreeMap<String, String>,
    /// Its value.
    pub(crate) value: f64,
}

impl Series {
    /// As a query would select it.
    pub(crate) fn name(&self) -> String {
        let labels = self.labels.iter().filter(|(label, _)| *label != "__name__");
        let labels: Vec<String> = labels.map(|(label, value)| format!("{label}={value:?}")).collect();
        let name = self.labels.get("__name__").map_or("", String::as_str);
        format!("{name}{{{}}}", labels.join(", "))
    }
}

pub(super) fn ask(inquiry: &Inquiry<'_>) -> Result<Call, Error> {
    question(inquiry, "/api/v1/query", &[("query", &one_line(inquiry.query))])
}

/// A question to one of Prometheus' addresses, with the credentials of the provider.
pub(crate) fn question(inquiry: &Inquiry<'_>, path: &str, pairs: &[(&str, &str)]) -> Result<Call, Error> {
    let provider = inquiry.provider;
    let mut url = endpoint(inquiry, None, path)?;
    url.query_pairs_mut().extend_pairs(pairs);
    let mut call = call(Method::Get, url);
    call.insecure = provider.insecure_skip_verify;
    let credentials = match inquiry.secret {
        None => None,
        Some(secret) => match ["token", "username", "password"].map(|key| secret.texts.get(key)) {
            [Some(token), _, _] => Some(format!("Bearer {token}")),
            [None, Some(user), Some(password)] => Some(basic(user, password)),
            _ => {
                let remedy = "it has neither the key token nor the keys username and password: add them";
                return Err(Error::field(format!("Secret {}", secret.name), remedy));
            }
        },
    };
    for (name, values) in &provider.headers {
        // Those of the secret are meant.
        if credentials.is_some() && name.eq_ignore_ascii_case("authorization") {
            continue;
        }
        for value in values {
            if http::HeaderName::from_bytes(name.as_bytes()).is_err()
                || http::HeaderValue::from_str(value).is_err()
            {
                let field = format!("spec.provider.headers[{name}]");
                return Err(Error::field(
                    excerpt(&field),
                    "this is no header: write a name and values in one line",
                ));
            }
            header(&mut call, name, value);
        }
    }
    if let Some(credentials) = credentials {
        header(&mut call, "Authorization", credentials);
    }
    Ok(call)
}

/// Space of any kind and length as one space.
fn one_line(query: &str) -> String {
    let mut line = String::with_capacity(query.len());
    for c in query.chars() {
        let is_space = matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}');
        if !is_space {
            line.push(c);
        } else if !line.ends_with(' ') {
            line.push(' ');
        }
    }
    line
}

/// The one number of an answer to an instant query.
///
/// # Errors
/// What Prometheus refuses, several series, and what is no answer of it.
pub fn read(body: &str) -> Result<Sample, Error> {
    let series = series(body)?;
    Ok(only(&series, Series::name)?.map_or_else(Sample::none, |series| Sample::of(series.value)))
}

/// The data of an answer, if Prometheus has not refused.
pub(crate) fn data(body: &str) -> Result<Value, Error> {
    let mut answer = json(body)?;
    if answer["status"] == "success" {
        return Ok(answer["data"].take());
    }
    match (answer["errorType"].as_str(), answer["error"].as_str()) {
        (kind, Some(error)) => Err(Error::Refused(excerpt(&format!("{}: {error}", kind.unwrap_or("error"))))),
        _ => Err(Error::Unreadable(format!("its status is not success, '{}'", excerpt(body)))),
    }
}

/// The series of an answer.
pub(crate) fn series(body: &str) -> Result<Vec<Series>, Error> {
    let data = data(body)?;
    let result = &data["result"];
    match data["resultType"].as_str() {
        Some("scalar") => Ok(vec![Series { value: value(result)?, ..Series::default() }]),
        Some("matrix") => Err(Error::MultipleValues),
        Some("vector") => {
            let unreadable = || Error::Unreadable(format!("data.result is no list, '{}'", excerpt(body)));
            result.as_array().ok_or_else(unreadable)?.iter().map(one).collect()
        }
        other => Err(Error::Unreadable(format!(
            "data.resultType is {:?}, not vector or scalar: ask for a number",
            excerpt(other.unwrap_or_default())
        ))),
    }
}

fn one(series: &Value) -> Result<Series, Error> {
    Ok(Series { labels: labels(&series["metric"]), value: value(&series["value"])? })
}

pub(crate) fn labels(metric: &Value) -> BTreeMap<String, String> {
    let labels = metric.as_object().into_iter().flatten();
    labels.map(|(label, value)| (label.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

/// The number of a time and a number as text.
fn value(pair: &Value) -> Result<f64, Error> {
    let number = pair.get(1).and_then(Value::as_str).and_then(float);
    number.ok_or_else(|| {
        Error::Unreadable(format!("{} is no time with a number as text", excerpt(&pair.to_string())))
    })
}

/// A number as Go reads it.
pub(super) fn float(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}

pub(super) fn greet(inquiry: &Inquiry<'_>) -> Result<Call, Error> {
    ask(&Inquiry { query: "vector(1)", ..inquiry.clone() })
}

pub(super) fn greeted(reply: &Reply) -> Result<(), Error> {
    match read(accepted(reply)?)? {
        Sample::Value(1.0) => Ok(()),
        other => Err(Error::Unreadable(format!("vector(1) is {other:?}, and not 1: this is no Prometheus"))),
    }
}
