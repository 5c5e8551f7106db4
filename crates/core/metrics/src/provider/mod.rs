//! Metric providers: a query to the calls of one kind of server, and its answers to a sample.
//!
//! Property: [`measure`] and [`online`] are machines without memory. They are given the answers so far and say what is
//! asked next, or what came out; equal arguments give equal steps. Most servers are asked once; those whose credentials
//! have to be fetched first, or whose answer takes its time, are asked several times, which is a [`talk`].
//!
//! Where Flagger is known to read an answer wrongly, this does not: several series are an error that names them, nothing
//! found is never zero, whole numbers are numbers, and a header is sent once.

mod cloudwatch;
mod datadog;
mod dynatrace;
mod external;
mod graphite;
pub(crate) mod http;
mod influxdb;
mod keptn;
mod newrelic;
pub mod prometheus;
mod splunk;
mod stackdriver;
mod talk;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod wire;

use std::collections::BTreeMap;

use base64::Engine as _;
use serde_json::Value;
use serin_api::flagger::{MetricProviderKind, MetricTemplateProvider};
use serin_kernel::{Answer, Call, Moment, Object, Question, Reply};

use crate::{Error, Sample};
use http::{accepted, reply};

/// What one metric asks.
#[derive(Clone, Debug)]
pub struct Inquiry<'a> {
    /// Who is asked.
    pub provider: &'a MetricTemplateProvider,
    /// The secret that the provider names.
    pub secret: Option<&'a Secret>,
    /// What the controller's surroundings give.
    pub place: &'a Place,
    /// Who asks: one that asks no two things at a time, and is the same after a restart.
    pub asker: &'a str,
    /// The query, with the names put in.
    pub query: &'a str,
    /// `metrics[].interval`.
    pub interval: &'a str,
    /// The time.
    pub now: Moment,
}

/// What a secret holds, by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secret {
    /// Its name, for messages.
    pub name: String,
    /// Its texts.
    pub texts: BTreeMap<String, String>,
}

/// What the controller's surroundings give to those providers that rest on them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Credentials for Amazon.
    pub amazon: Option<Amazon>,
    /// Amazon's region of those templates that name none: `AWS_REGION` or `AWS_DEFAULT_REGION`.
    pub region: String,
    /// The API server with the controller's own token, for the external metrics API and for Keptn.
    pub cluster: Option<Cluster>,
}

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// Itself.
    Text(String),
    /// The path of the file in which it stands. It is renewed there, so that it is read each time.
    File(String),
}

/// Credentials for Amazon, as the environment of a pod has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Amazon {
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.
    Keys(Keys),
    /// A role for a service account: `AWS_ROLE_ARN` and `AWS_WEB_IDENTITY_TOKEN_FILE`.
    WebIdentity {
        /// The role.
        role: String,
        /// The token.
        token: Token,
    },
    /// An agent that gives keys: `AWS_CONTAINER_CREDENTIALS_FULL_URI` or `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`.
    Agent {
        /// Its address.
        url: String,
        /// Its token, `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE` or `AWS_CONTAINER_AUTHORIZATION_TOKEN`.
        token: Option<Token>,
    },
    /// The machine, by its server of metadata (version 2), where the environment has nothing.
    Machine {
        /// The server's address.
        url: String,
    },
}

/// Keys that sign.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// Public.
    pub id: String,
    /// Not public.
    pub secret: String,
    /// For keys that pass; empty for others.
    pub session: String,
}

/// An API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Its address.
    pub address: String,
    /// Certificates in PEM that its own must come from; empty for those that the machine trusts.
    pub authority: String,
    /// A token for it.
    pub token: Token,
}

/// Questions of one inquiry at most: no other talk is as long as Keptn's.
pub const QUESTIONS_MAX: usize = keptn::QUESTIONS_MAX;

/// What comes next.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "it is taken apart where it is made")]
pub enum Step<T> {
    /// This is asked; its answer is added to the answers.
    Ask(Question),
    /// The same, and the answer is good for all that ask a provider of this kind and region with this Secret in one look:
    /// credentials, which come before what they are for.
    Share(Question),
    /// That is all.
    Done(T),
}

impl Secret {
    /// The texts in a Secret.
    ///
    /// # Errors
    /// A value that is no base64, or no text.
    pub fn of(object: &Object) -> Result<Self, Error> {
        let name = object.meta().name.clone();
        let mut texts = BTreeMap::new();
        let whole = object.value();
        for (key, value) in whole["data"].as_object().into_iter().flatten() {
            let bytes = base64::engine::general_purpose::STANDARD.decode(value.as_str().unwrap_or_default());
            let text = bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(|| {
                Error::field(format!("Secret {name}, data[{key}]"), "it is no text in base64: write it again")
            })?;
            texts.insert(key.clone(), text);
        }
        Ok(Self { name, texts })
    }
}

/// A Prometheus at an address that is asked without credentials, as for the metrics that are built in or have their query
/// in place.
#[must_use]
pub fn prometheus_at(address: &str) -> MetricTemplateProvider {
    MetricTemplateProvider {
        kind: "prometheus".to_owned(),
        address: address.to_owned(),
        ..MetricTemplateProvider::default()
    }
}

/// How one kind of server is asked once.
struct Dialect {
    ask: fn(&Inquiry<'_>) -> Result<Call, Error>,
    read: fn(&str) -> Result<Sample, Error>,
    greet: fn(&Inquiry<'_>) -> Result<Call, Error>,
    greeted: fn(&Reply) -> Result<(), Error>,
}

/// Those that are asked once; what nobody knows is Prometheus.
fn dialect(kind: Option<MetricProviderKind>) -> Dialect {
    let greeted = |reply: &Reply| accepted(reply).map(drop);
    match kind {
        Some(MetricProviderKind::Datadog) => {
            Dialect { ask: datadog::ask, read: datadog::read, greet: datadog::greet, greeted }
        }
        Some(MetricProviderKind::NewRelic) => {
            Dialect { ask: newrelic::ask, read: newrelic::read, greet: newrelic::greet, greeted }
        }
        Some(MetricProviderKind::Graphite) => {
            Dialect { ask: graphite::ask, read: graphite::read, greet: graphite::greet, greeted }
        }
        Some(MetricProviderKind::InfluxDb) => {
            Dialect { ask: influxdb::ask, read: influxdb::read, greet: influxdb::greet, greeted }
        }
        Some(MetricProviderKind::Dynatrace) => {
            Dialect { ask: dynatrace::ask, read: dynatrace::read, greet: dynatrace::greet, greeted }
        }
        Some(MetricProviderKind::Splunk) => {
            Dialect { ask: splunk::ask, read: splunk::read, greet: splunk::greet, greeted }
        }
        _ => Dialect {
            ask: prometheus::ask,
            read: prometheus::read,
            greet: prometheus::greet,
            greeted: prometheus::greeted,
        },
    }
}

/// The next step to a sample. `answers` are those to the steps before, in their order.
///
/// # Errors
/// [`Error`], when the question cannot be asked or its answer is none.
pub fn measure(inquiry: &Inquiry<'_>, answers: &[Answer]) -> Result<Step<Sample>, Error> {
    has_its_secret(inquiry)?;
    match inquiry.provider.provider_kind() {
        Some(MetricProviderKind::CloudWatch) => cloudwatch::measure(inquiry, answers),
        Some(MetricProviderKind::Stackdriver) => stackdriver::measure(inquiry, answers),
        Some(MetricProviderKind::Keptn) => keptn::measure(inquiry, answers),
        Some(MetricProviderKind::ExternalMetrics) => external::measure(inquiry, answers),
        kind => {
            let dialect = dialect(kind);
            match reply(answers, 0)? {
                None => Ok(Step::Ask(Question::Call((dialect.ask)(inquiry)?))),
                Some(reply) => (dialect.read)(accepted(reply)?).map(Step::Done),
            }
        }
    }
}

/// The next step to whether the server is there and lets itself be asked. For the time before a Canary is initialised.
///
/// # Errors
/// [`Error`], when it is not there or refuses.
pub fn online(inquiry: &Inquiry<'_>, answers: &[Answer]) -> Result<Step<()>, Error> {
    has_its_secret(inquiry)?;
    match inquiry.provider.provider_kind() {
        Some(MetricProviderKind::CloudWatch) => cloudwatch::online(inquiry, answers),
        Some(MetricProviderKind::Stackdriver) => stackdriver::online(inquiry, answers),
        Some(MetricProviderKind::ExternalMetrics) => external::online(inquiry, answers),
        // The API server is there, or nothing would be.
        Some(MetricProviderKind::Keptn) => Ok(Step::Done(())),
        kind => {
            let dialect = dialect(kind);
            match reply(answers, 0)? {
                None => Ok(Step::Ask(Question::Call((dialect.greet)(inquiry)?))),
                Some(reply) => (dialect.greeted)(reply).map(Step::Done),
            }
        }
    }
}

fn has_its_secret(inquiry: &Inquiry<'_>) -> Result<(), Error> {
    match (&inquiry.provider.secret_ref, inquiry.secret) {
        (Some(wanted), None) => {
            let remedy = format!("there is no Secret {} in the template's namespace: create it", wanted.name);
            Err(Error::field("spec.provider.secretRef.name", remedy))
        }
        _ => Ok(()),
    }
}

impl Inquiry<'_> {
    /// A text of the secret that the provider cannot do without.
    fn secret_text(&self, key: &str) -> Result<&str, Error> {
        let kind = &self.provider.kind;
        let Some(secret) = self.secret else {
            let remedy = format!("{kind} needs a Secret with the key {key}: name it");
            return Err(Error::field("spec.provider.secretRef", remedy));
        };
        secret.texts.get(key).map(String::as_str).ok_or_else(|| {
            Error::field(format!("Secret {}", secret.name), format!("{kind} needs the key {key}: add it"))
        })
    }

    /// A text of the secret, if it is there.
    fn secret_text_if_any(&self, key: &str) -> Option<&str> {
        self.secret?.texts.get(key).map(String::as_str)
    }
}

/// Several series, if there are several, by the labels of each.
fn only<T>(items: &[T], name: impl Fn(&T) -> String) -> Result<Option<&T>, Error> {
    match items {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        several => Err(Error::several(several.iter().map(name))),
    }
}

/// A list in an answer; null is an empty one, and anything else is none.
fn list<'a>(answer: &'a Value, name: &str) -> Result<&'a [Value], Error> {
    match answer.get(name) {
        Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        have => {
            let what = if have.is_some() { "is no list" } else { "is not there" };
            Err(Error::Unreadable(format!(
                "{name} {what}, '{}'",
                crate::sample::excerpt(&answer.to_string())
            )))
        }
    }
}

/// A number in an answer.
fn number(value: &Value, what: &str) -> Result<f64, Error> {
    let number = match value {
        Value::String(text) => prometheus::float(text),
        other => other.as_f64(),
    };
    number.ok_or_else(|| {
        Error::Unreadable(format!("{what} is {}, not a number", crate::sample::excerpt(&value.to_string())))
    })
}
