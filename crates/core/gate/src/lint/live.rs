//! The rules that look at what the queries give.

use std::collections::BTreeMap;

use serin_kernel::Moment;
use serin_lang::promql::{self, Expr};

use super::{Finding, Rule};
use crate::block::Arm;
use crate::config::{Config, Exposure, Source};
use crate::intake::{Intake, IntakeError, Part, Question, Series, freeze, sorted_by_pod};

/// Series of one metric, from which on a look at every block costs the source more than it gives.
const SERIES_MANY: usize = 10_000;
/// A counter falls at restarts: more often than this in one series is no restart, nor is it in so many of its steps.
const FALLS_MIN: usize = 3;
const FALLS_SHARE: f64 = 0.1;
/// How far the time between two scrapes may be from what is written.
const INTERVAL_SLACK: f64 = 0.2;

/// What one question gave.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The question.
    pub question: Question,
    /// The answer.
    pub series: Vec<Series>,
}

/// What to ask at `now`: each query that can be asked, over a few minutes before.
///
/// # Errors
/// [`IntakeError`] when not even a selector could be built.
pub fn questions(config: &Config, now: Moment) -> Result<Vec<Question>, IntakeError> {
    // Only what the rules without data let pass can be asked.
    let mut askable = config.clone();
    let mut places = Vec::new();
    let plain =
        |text: &str| matches!(promql::parse(text), Ok(Expr::Selector(selector)) if selector.is_plain());
    for (index, (metric, query)) in config.policy.metrics.iter().zip(&config.queries.metrics).enumerate() {
        let is_askable = match &query.source {
            Source::Count { events, exposure } => {
                let exposure = match exposure {
                    Some(Exposure::Query(query)) => plain(&query.text),
                    Some(Exposure::PodTime) => true,
                    None => false,
                };
                exposure && events.as_ref().is_some_and(|query| plain(&query.text))
            }
            Source::Latency { histogram: query, .. } | Source::Gauge { gauge: query } => {
                query.as_ref().is_some_and(|query| plain(&query.text))
            }
        };
        if is_askable {
            places.push((index, metric.clone(), query.clone()));
        }
    }
    askable.policy.metrics = places.iter().map(|(_, metric, _)| metric.clone()).collect();
    askable.queries.metrics = places.iter().map(|(.., query)| query.clone()).collect();
    askable.queries.pod_start = None;
    let window = i64::from(config.policy.block.max(20 * config.queries.scrape));
    let from = Moment::from_secs(now.as_secs() - window);
    let intake = Intake::new(&askable.policy, &askable.queries, from)?;
    let mut questions = intake.questions(now)?;
    for question in &mut questions {
        question.metric = question.metric.map(|index| places[index].0);
    }
    Ok(questions)
}

/// Adds what is wrong with one query.
type Add<'a> = dyn FnMut(Rule, String, &str) + 'a;

/// Everything that the answers show.
#[must_use]
pub fn live(config: &Config, samples: &[Sample]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for Sample { question, series } in samples {
        let Some(index) = question.metric else { continue };
        let (metric, query) = (&config.policy.metrics[index], &config.queries.metrics[index]);
        let (field, text) = match (&query.source, question.part) {
            (Source::Count { events: Some(query), .. }, Part::Events) => ("events", query),
            (Source::Count { exposure: Some(Exposure::Query(query)), .. }, Part::Exposure) => {
                ("exposure", query)
            }
            (Source::Latency { histogram: Some(query), .. }, _) => ("histogram", query),
            (Source::Gauge { gauge: Some(query) }, _) => ("gauge", query),
            _ => continue,
        };
        let mut add = |rule, what: String, mend: &str| {
            let (metric, mend) = (metric.name.clone(), mend.to_owned());
            findings.push(Finding { line: text.line, rule, metric, field, what, mend });
        };
        if series.is_empty() {
            if !(field == "events" && query.zero_ok) {
                of_nothing(&question.query, field, &mut add);
            }
            continue;
        }
        if SERIES_MANY < series.len() {
            add(
                Rule::Cardinality,
                format!("it gives {} series, all of which are asked for at every block", series.len()),
                "select fewer, as by service; or drop labels where they are scraped",
            );
        }
        if field != "gauge" {
            of_counters(series, &mut add);
        }
        of_interval(config, series, &mut add);
        let is_apart = of_arms(config, field, series, &mut add);
        if is_apart
            && field == "histogram"
            && let Err(error) = freeze(&mut metric.clone(), query, &config.queries.arms, series)
        {
            add(
                Rule::Edges,
                error.to_string(),
                "take edges that the histogram has, or give it traffic first",
            );
        }
    }
    findings
}

fn of_nothing(query: &str, field: &str, add: &mut Add<'_>) {
    add(
        Rule::AbsentSeries,
        format!("{query} gives no series: it is misspelt, or nothing of it has happened yet"),
        if field == "events" {
            "try it in Prometheus; when it is right and rare, write zeroOk: true"
        } else {
            "try it in Prometheus"
        },
    );
}

/// Whether each series has its place; what is wrong with the arms is told.
fn of_arms(config: &Config, field: &str, series: &[Series], add: &mut Add<'_>) -> bool {
    let arms = match sorted_by_pod(series.to_vec(), &config.queries.arms) {
        Ok(arms) => arms,
        Err(labels) => {
            let mend = "select fewer series, or mend `arms`: each series is of one arm and names its pod";
            add(Rule::ArmsMixed, labels, mend);
            return false;
        }
    };
    let stable = arms.iter().filter(|(_, arm)| *arm == Arm::Stable).count();
    if field != "events" && stable < 2 {
        let have = if stable == 0 { "no pod" } else { "one pod" };
        add(
            Rule::OnePod,
            format!("the stable version has {have}: how much pods differ is then a guess"),
            "run two stable pods or more; or look whether `arms` means the right label",
        );
    }
    true
}

fn of_counters(series: &[Series], add: &mut Add<'_>) {
    let strange = series.iter().flat_map(|one| &one.samples).map(|(_, value)| *value);
    let mut strange = strange.filter(|value| value.is_finite() && (*value < 0.0 || 0.0 < value.fract()));
    if let Some(value) = strange.next() {
        add(
            Rule::NotCounts,
            format!("a value is {value}, which counts nothing"),
            "write a counter of events; a level goes into gauge",
        );
    }
    let falls = |one: &Series| one.samples.windows(2).filter(|pair| pair[1].1 < pair[0].1).count();
    let fallen = series.iter().map(|one| (falls(one), one.samples.len())).max();
    if let Some((falls, samples)) = fallen
        && FALLS_MIN <= falls
        && FALLS_SHARE * samples as f64 <= falls as f64
    {
        add(
            Rule::FallsOften,
            format!(
                "one of its series falls {falls} times in {samples} scrapes: it is a level, or several pods share its labels"
            ),
            "write a level as gauge; or add the label that tells the pods apart",
        );
    }
}

fn of_interval(config: &Config, series: &[Series], add: &mut Add<'_>) {
    let mut apart: BTreeMap<i64, usize> = BTreeMap::new();
    for one in series {
        let times: Vec<i64> = one.samples.iter().map(|(at, _)| *at).collect();
        let native: Vec<i64> = one.histograms.iter().map(|(at, _)| *at).collect();
        for times in [times, native] {
            for pair in times.windows(2) {
                *apart.entry((pair[1] - pair[0] + 500) / 1000).or_default() += 1;
            }
        }
    }
    let written = f64::from(config.queries.scrape);
    if let Some((usual, _)) = apart.iter().max_by_key(|(_, count)| **count)
        && INTERVAL_SLACK * written < (*usual as f64 - written).abs()
    {
        add(
            Rule::ScrapeInterval,
            format!(
                "its scrapes are {usual}s apart, and scrapeInterval says {written}s: gaps would be seen where none are"
            ),
            &format!("write scrapeInterval: {usual}s, and a block that is a multiple of it"),
        );
    }
}
