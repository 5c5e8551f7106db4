//! gate.yaml: what a person writes, read into what is promised ([`Policy`]) and what is asked for ([`Queries`]).
//!
//! Property: a text that is read means what it says. A key that nobody knows, a number that cannot be, two metrics of one
//! name: each is refused with its line, its path, its value and what to write instead. What is left out has the default of
//! the method, and nothing else has one.

mod check;
mod document;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serin_kernel::Moment;
use serin_lang::promql;

use crate::group::Terms;
use crate::policy::Policy;

/// What gate.yaml says.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// What is promised. The edges of a histogram are empty until they are chosen from its history, unless they are named.
    pub policy: Policy,
    /// What is asked for.
    pub queries: Queries,
    /// The members that are judged as one; none for a single gate.
    pub groups: Option<Terms>,
}

/// How the data of all metrics are had. Times are in seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Queries {
    /// Seconds between two scrapes.
    pub scrape: u32,
    /// How much of the past is read before the rollout.
    pub history: u32,
    /// How long after its end a block is sealed.
    pub lag: u32,
    /// A pod younger than this is recorded and not judged.
    pub warm_up: u32,
    /// Which series belong to whom.
    pub arms: Arms,
    /// A selector of a series with the time at which each pod began, in seconds since 1970.
    pub pod_start: Option<Promql>,
    /// One for each metric of the policy, in its order.
    pub metrics: Vec<Query>,
}

/// How series are told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arms {
    /// The label that names the pod.
    pub pod: String,
    /// The labels of the stable version.
    pub stable: Selector,
    /// The labels of the canary.
    pub canary: Selector,
}

/// Labels with the values they must have, at least one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector(pub BTreeMap<String, String>);

/// Where one metric comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The line of gate.yaml on which the metric begins.
    pub line: u64,
    /// The queries.
    pub source: Source,
    /// No events ever, for no arm, is plausible and no misspelt query.
    pub zero_ok: bool,
    /// Seconds after a block until the outcome of what happened in it is known.
    pub maturity: u32,
}

/// The queries of a metric. One that is missing must come from a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// Events among exposure.
    Count {
        /// A counter of events.
        events: Option<Promql>,
        /// What they are counted against.
        exposure: Option<Exposure>,
    },
    /// A histogram.
    Latency {
        /// Its name with a selector.
        histogram: Option<Promql>,
        /// The edges that the user named.
        thresholds: Vec<f64>,
    },
    /// A level.
    Gauge {
        /// The gauge.
        gauge: Option<Promql>,
    },
}

/// What events are counted against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// A counter.
    Query(Promql),
    /// The milliseconds that the pods were there.
    PodTime,
}

/// A query as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promql {
    /// Its text.
    pub text: String,
    /// Its line in gate.yaml.
    pub line: u64,
}

/// What the command line says of the arms, which comes before what the file says.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// The labels of the stable version.
    pub baseline: Option<Selector>,
    /// The labels of the canary.
    pub canary: Option<Selector>,
}

/// Why gate.yaml cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// Its line, from 1; 0 when it has none.
    pub line: u64,
    /// The field, as `metrics[0].margin`; empty for the whole.
    pub path: String,
    /// What is wrong, and what to write instead.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if 0 < self.line {
            write!(f, "line {}: ", self.line)?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

impl Config {
    /// Reads gate.yaml; JSON is YAML too.
    ///
    /// # Errors
    /// [`ConfigError`] for the first thing that cannot be.
    pub fn read(text: &str, overrides: &Overrides) -> Result<Self, ConfigError> {
        check::config(document::read(text)?, overrides)
    }
}

impl Config {
    /// The configuration of each member, whose queries take its series alone; of a single gate, the one there is.
    ///
    /// # Errors
    /// A query that cannot be read.
    pub fn members(&self) -> Result<Vec<Self>, String> {
        let Some(terms) = &self.groups else { return Ok(vec![self.clone()]) };
        let of = |name: &String| {
            let mut queries = self.queries.clone();
            let texts = queries.metrics.iter_mut().flat_map(|query| query.source.queries_mut());
            for query in texts.chain(&mut queries.pod_start) {
                query.text = within(&query.text, &terms.label, name)?;
            }
            Ok(Self { policy: self.policy.clone(), queries, groups: None })
        };
        terms.members.iter().map(of).collect()
    }
}

/// A query that takes the series with this label alone.
fn within(query: &str, label: &str, value: &str) -> Result<String, String> {
    match promql::parse(query) {
        Ok(promql::Expr::Selector(mut selector)) => {
            let (label, value) = (label.to_owned(), value.to_owned());
            selector.matchers.push(promql::Matcher { label, op: promql::MatchOp::Equal, value });
            Ok(selector.to_string())
        }
        Ok(_) => Err(format!("{query}: it computes something, and a plain selector is needed")),
        Err(error) => Err(format!("{query}: {error}")),
    }
}

impl Source {
    fn queries_mut(&mut self) -> impl Iterator<Item = &mut Promql> {
        let (one, other) = match self {
            Self::Count { events, exposure: Some(Exposure::Query(exposure)) } => {
                (events.as_mut(), Some(exposure))
            }
            Self::Count { events, .. } => (events.as_mut(), None),
            Self::Latency { histogram, .. } => (histogram.as_mut(), None),
            Self::Gauge { gauge } => (gauge.as_mut(), None),
        };
        one.into_iter().chain(other)
    }
}

impl Queries {
    /// Seconds after the end of a block until the outcomes of all metrics are known. The whole gate waits for the slowest
    /// one, so that a block stays one moment of all metrics, with one verdict.
    #[must_use]
    pub fn maturity(&self) -> u32 {
        self.metrics.iter().map(|query| query.maturity).max().unwrap_or(0)
    }

    /// When everything of a block that ends at `end` can be asked for: its scrapes have arrived, its outcomes are known.
    #[must_use]
    pub fn due(&self, end: Moment) -> Moment {
        end.plus(Duration::from_secs(u64::from(self.lag) + u64::from(self.maturity())))
    }
}

impl Selector {
    /// Reads `label=value`, more of them with commas between.
    ///
    /// # Errors
    /// What is wrong, and an example.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut labels = BTreeMap::new();
        for part in text.split(',') {
            let (label, value) = part
                .split_once('=')
                .ok_or_else(|| format!("{part:?} must be label=value, as track=canary"))?;
            let (label, value) = (label.trim(), value.trim().trim_matches('"'));
            if !is_label(label) {
                return Err(format!(
                    "{label:?} is no name of a label: letters, digits and _ only, as track=canary"
                ));
            }
            if value.is_empty() {
                return Err(format!("{label} has no value: write label=value, as track=canary"));
            }
            if labels.insert(label.to_owned(), value.to_owned()).is_some() {
                return Err(format!("{label} is there twice"));
            }
        }
        Ok(Self(labels))
    }

    /// Whether a series with `labels` is meant.
    #[must_use]
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|(label, value)| labels.get(label).is_some_and(|have| have == value))
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.0.iter().map(|(label, value)| format!("{label}={value}")).collect();
        f.write_str(&all.join(","))
    }
}

fn is_label(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && text.chars().next().is_some_and(|c| !c.is_ascii_digit())
}
