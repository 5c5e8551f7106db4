//! From scraped samples to blocks of integers (section 1.3 of the method).
//!
//! Property: a count in a block happened, once, and is in no other block; what cannot be attributed is dropped on both
//! sides of the ratio or told as trouble, and never taken for zero. The same samples give the same blocks, in whatever
//! portions and however often they come in.
//!
//! Increments are differences of what was scraped: nothing is extrapolated to the ends of a block, because that makes
//! numbers that nobody counted. A block is sealed once, when its scrapes must have arrived, and never opened again.
//!
//! What this module does not do: ask (that is `edge/sources`), and judge.

pub mod answer;
pub mod edges;
mod feed;
mod file;
mod native;
mod reading;
mod seal;
mod survey;
#[cfg(test)]
mod tests;
mod track;

use std::collections::BTreeMap;

use serin_kernel::Moment;
use serin_lang::promql;

use crate::block::{Arm, Block, Health, Roster, Seen, Trouble};
use crate::config::{Arms, Config, Exposure, Promql, Queries, Source};
use crate::policy::{Kind, Policy};
use feed::Feed;

pub use answer::{AnswerError, Series, any, series};
pub use file::{FileError, Member, Rows, together};
pub use native::Native;
pub use survey::{FreezeError, freeze};

/// Series of one answer. More of them are a query that forgot its labels, and would be asked for at every block.
pub const SERIES_MAX: usize = 100_000;
/// The longest span that is asked for at once: more makes answers that no Prometheus gives.
const SPAN_MAX: i64 = 3600;
/// How far back events count as seen: two weeks hold a release and what went wrong in it.
const EVER_DAYS: u32 = 14;
/// A leap of the clock that is longer than this begins no thousands of empty blocks: 31 days.
const LEAP_MAX: i64 = 31 * 24 * 3600;

/// Which of a metric's queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Events, a histogram or a gauge.
    Events,
    /// What the events are counted against.
    Exposure,
}

/// A question for the source: an instant query with a range, so that what was scraped comes back as it was scraped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The metric, by its place in the policy; none for the times at which the pods began.
    pub metric: Option<usize>,
    /// Which of its queries.
    pub part: Part,
    /// What to ask.
    pub query: String,
    /// When to ask for.
    pub at: Moment,
}

/// Why the samples cannot be taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    /// A query gives no raw samples.
    #[error(
        "metric {metric:?}: {query}: {why}: write a plain selector such as http_requests_total{{service=\"shop\"}}; serin \
         gate lint says more"
    )]
    Query {
        /// The metric.
        metric: String,
        /// What was asked.
        query: String,
        /// What is wrong with it.
        why: String,
    },
    /// A metric has no query.
    #[error(
        "metric {metric:?} has no `{field}`, and its data are not in a file: write the query into gate.yaml"
    )]
    Missing {
        /// The metric.
        metric: String,
        /// The field.
        field: &'static str,
    },
    /// Too many series.
    #[error(
        "metric {metric:?}: the answer has {have} series, and {max} are read at most: add labels to the selector, or sum by \
         pod in a recording rule"
    )]
    TooMany {
        /// The metric.
        metric: String,
        /// How many there are.
        have: usize,
        /// The limit.
        max: usize,
    },
    /// The clock leapt.
    #[error("the clock leapt from {from} to {to}: start anew, with data from then on")]
    Leap {
        /// The end of the last block.
        from: Moment,
        /// What the clock says.
        to: Moment,
    },
}

/// What the caller knows of the time that is sealed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stage {
    /// The step of the plan.
    pub step: u32,
    /// The confirmed share of the canary in parts of 10,000.
    pub weight: Option<u32>,
    /// How the canary's pods fare.
    pub health: Option<Health>,
}

/// The samples of all metrics that are not sealed yet, and what is remembered of those that are.
#[derive(Clone, Debug)]
pub struct Intake {
    queries: Queries,
    block: i64,
    feeds: Vec<Feed>,
    names: seal::Names,
    starts: BTreeMap<String, i64>,
    /// The first block, and the next one to be sealed: milliseconds.
    begin: i64,
    next: i64,
    /// The source's clock minus ours, in seconds, when it is too far off.
    skew: Option<i64>,
}

impl Intake {
    /// An intake whose first block is the one in which `from` lies.
    ///
    /// # Errors
    /// [`IntakeError::Query`] for a query that gives no raw samples.
    pub fn new(policy: &Policy, queries: &Queries, from: Moment) -> Result<Self, IntakeError> {
        for (metric, query) in policy.metrics.iter().zip(&queries.metrics) {
            for (_, text) in parts(&query.source) {
                selector(&metric.name, text)?;
            }
        }
        if let Some(text) = &queries.pod_start {
            selector("podStart", text)?;
        }
        let block = i64::from(policy.block) * 1000;
        let begin = from.timestamp().as_millisecond().div_euclid(block) * block;
        let feeds = policy.metrics.iter().zip(&queries.metrics).map(|(metric, query)| {
            let edges = match &metric.kind {
                Kind::Latency { edges, .. } => edges.clone(),
                Kind::Count | Kind::Gauge { .. } => Vec::new(),
            };
            Feed::new(&metric.name, query, edges)
        });
        Ok(Self {
            feeds: feeds.collect(),
            queries: queries.clone(),
            block,
            names: seal::Names::default(),
            starts: BTreeMap::new(),
            begin,
            next: begin,
            skew: None,
        })
    }

    /// The pods that were seen so far.
    #[must_use]
    pub fn roster(&self) -> &Roster {
        &self.names.roster
    }

    /// The first moment that is not sealed.
    #[must_use]
    pub fn next(&self) -> Moment {
        moment(self.next)
    }

    /// What to ask so that everything up to `now`, or an hour of it, can be sealed.
    ///
    /// # Errors
    /// [`IntakeError::Missing`] for a metric without a query.
    pub fn questions(&self, now: Moment) -> Result<Vec<Question>, IntakeError> {
        let until = now.timestamp().as_millisecond().min(self.next + SPAN_MAX * 1000);
        // The last sample before the block is where its increment begins; late samples are looked for as long as the lag.
        let back = 2 * self.block + i64::from(self.queries.lag + self.queries.scrape) * 1000;
        let window = ((until - self.next + back) / 1000 + 1).max(1);
        let at = moment(until);
        let mut questions = Vec::new();
        for (index, query) in self.queries.metrics.iter().enumerate() {
            if let Some(field) = missing(&query.source) {
                return Err(IntakeError::Missing { metric: self.feeds[index].name.clone(), field });
            }
            for (part, text) in parts(&query.source) {
                let selector = selector(&self.feeds[index].name, text)?;
                let is_histogram = matches!(query.source, Source::Latency { .. });
                let text = if is_histogram { histogram(&selector) } else { selector.to_string() };
                questions.push(Question {
                    metric: Some(index),
                    part,
                    query: format!("{text}[{window}s]"),
                    at,
                });
            }
        }
        if let Some(text) = &self.queries.pod_start {
            let query = format!("{}[{window}s]", text.text);
            questions.push(Question { metric: None, part: Part::Events, query, at });
        }
        Ok(questions)
    }

    /// For each metric whose events were not seen yet: what to ask once, so that none of them now is told from a misspelt
    /// query. [`any`] reads the answer; [`Intake::was_seen`] takes it.
    #[must_use]
    pub fn ever_questions(&self, now: Moment) -> Vec<Question> {
        let unknown = self.feeds.iter().enumerate().filter(|(_, feed)| !feed.is_known);
        let question = |(index, _): (usize, &Feed)| {
            let Source::Count { events: Some(events), .. } = &self.queries.metrics[index].source else {
                return None;
            };
            let query = format!("count(last_over_time({}[{EVER_DAYS}d]))", events.text);
            Some(Question { metric: Some(index), part: Part::Events, query, at: now })
        };
        unknown.filter_map(question).collect()
    }

    /// Takes in the answer to a question: samples that were there before are no harm.
    ///
    /// # Errors
    /// [`IntakeError::TooMany`].
    pub fn take(&mut self, question: &Question, series: Vec<Series>) -> Result<(), IntakeError> {
        let at = question.at.timestamp().as_millisecond();
        let name = question.metric.map_or("podStart", |metric| &self.feeds[metric].name);
        if SERIES_MAX < series.len() {
            return Err(IntakeError::TooMany {
                metric: name.to_owned(),
                have: series.len(),
                max: SERIES_MAX,
            });
        }
        match question.metric {
            Some(metric) => {
                let open = (self.next, self.next == self.begin);
                self.feeds[metric].take(question.part, at, series, &self.queries.arms, open);
            }
            None => {
                for series in series {
                    let newest = series.samples.iter().rev().find(|(_, value)| value.is_finite());
                    if let (Some(pod), Some((_, value))) = (series.labels.get(&self.queries.arms.pod), newest)
                    {
                        self.pod_started(pod, moment((value * 1000.0) as i64));
                    }
                }
            }
        }
        Ok(())
    }

    /// A question had no answer: why.
    pub fn failed(&mut self, question: &Question, why: &str) {
        if let Some(metric) = question.metric {
            self.feeds[metric].failed(why);
        }
    }

    /// The cluster, or a metric, says when a pod began.
    pub fn pod_started(&mut self, pod: &str, at: Moment) {
        self.starts.insert(pod.to_owned(), at.timestamp().as_millisecond());
    }

    /// The source's clock says this, and ours that: with more than half a block between them, blocks are not what they seem.
    pub fn clocks(&mut self, source: Moment, ours: Moment) {
        let ahead = source.timestamp().as_millisecond() - ours.timestamp().as_millisecond();
        // The source tells whole seconds.
        self.skew = (self.block + 2000 < 2 * ahead.abs()).then_some(ahead / 1000);
    }

    /// The numerator of a metric was seen before, for any arm: it is no misspelt query.
    pub fn was_seen(&mut self, metric: usize) {
        if let Some(feed) = self.feeds.get_mut(metric) {
            feed.is_known = true;
        }
    }

    /// The metrics whose numerators were seen, by their places.
    #[must_use]
    pub fn seen(&self) -> Vec<usize> {
        (0..self.feeds.len()).filter(|metric| self.feeds[*metric].is_known).collect()
    }

    /// Seals every block whose scrapes must have arrived at `now`, in order. A clock that goes back seals nothing.
    ///
    /// # Errors
    /// [`IntakeError::Leap`] when the clock has leapt ahead by more than a month.
    pub fn seal(&mut self, now: Moment, stage: &Stage) -> Result<Vec<Block>, IntakeError> {
        let now_ms = now.timestamp().as_millisecond();
        if LEAP_MAX * 1000 < now_ms - self.next {
            return Err(IntakeError::Leap { from: moment(self.next), to: now });
        }
        let lag = i64::from(self.queries.lag) * 1000;
        let mut blocks = Vec::new();
        while self.next + self.block + lag <= now_ms {
            let first = self.names.roster.pods.len();
            let span = seal::Span {
                start: self.next,
                end: self.next + self.block,
                scrape: i64::from(self.queries.scrape) * 1000,
                warm_up: i64::from(self.queries.warm_up) * 1000,
                begin: self.begin,
                now: now_ms,
            };
            let mut metrics = Vec::with_capacity(self.feeds.len());
            for feed in &mut self.feeds {
                let seen = seal::seal(feed, &span, &self.starts, &mut self.names);
                metrics.push(self.skew.map_or(seen, |ahead| Seen::Trouble(Trouble::ClockSkew(ahead))));
            }
            blocks.push(Block {
                start: moment(self.next),
                step: stage.step,
                weight: stage.weight,
                joined: self.names.roster.pods[first..].to_vec(),
                health: stage.health,
                metrics,
            });
            self.next += self.block;
        }
        Ok(blocks)
    }
}

impl Config {
    /// An intake of this configuration.
    ///
    /// # Errors
    /// As [`Intake::new`].
    pub fn intake(&self, from: Moment) -> Result<Intake, IntakeError> {
        Intake::new(&self.policy, &self.queries, from)
    }
}

/// The pods of these series with their arms.
///
/// # Errors
/// The labels of a series that belongs to no arm, to both, or names no pod.
pub fn sorted_by_pod(series: Vec<Series>, arms: &Arms) -> Result<Vec<(String, Arm)>, String> {
    Ok(feed::sort(series, arms)?.into_keys().collect())
}

fn moment(ms: i64) -> Moment {
    jiff::Timestamp::from_millisecond(ms).map_or(Moment::EPOCH, Moment::from)
}

/// The queries of a metric.
fn parts(source: &Source) -> Vec<(Part, &Promql)> {
    let (events, exposure) = match source {
        Source::Count { events, exposure } => (events, exposure.as_ref()),
        Source::Latency { histogram, .. } => (histogram, None),
        Source::Gauge { gauge } => (gauge, None),
    };
    let exposure = match exposure {
        Some(Exposure::Query(query)) => Some((Part::Exposure, query)),
        Some(Exposure::PodTime) | None => None,
    };
    events.as_ref().map(|query| (Part::Events, query)).into_iter().chain(exposure).collect()
}

/// The first query that a metric needs and has not.
fn missing(source: &Source) -> Option<&'static str> {
    match source {
        Source::Count { events: None, .. } => Some("events"),
        Source::Count { exposure: None, .. } => Some("exposure"),
        Source::Latency { histogram: None, .. } => Some("histogram"),
        Source::Gauge { gauge: None } => Some("gauge"),
        _ => None,
    }
}

fn selector(metric: &str, query: &Promql) -> Result<promql::Selector, IntakeError> {
    let wrong =
        |why: String| IntakeError::Query { metric: metric.to_owned(), query: query.text.clone(), why };
    match promql::parse(&query.text) {
        Ok(promql::Expr::Selector(selector)) if selector.is_plain() => Ok(selector),
        Ok(_) => Err(wrong("it computes something, and what was scraped is needed".to_owned())),
        Err(error) => Err(wrong(error.to_string())),
    }
}

/// Both forms of a histogram in one question: the buckets of the classic one have a name of their own.
fn histogram(selector: &promql::Selector) -> String {
    let mut both = selector.clone();
    if let Some(name) = both.name.take() {
        let name = name.strip_suffix("_bucket").unwrap_or(&name).to_owned();
        both.matchers.insert(
            0,
            promql::Matcher {
                label: "__name__".to_owned(),
                op: promql::MatchOp::Matches,
                value: format!("{name}(_bucket)?"),
            },
        );
    }
    both.to_string()
}
