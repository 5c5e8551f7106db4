//! The rules that need nothing but gate.yaml.

use serin_lang::promql::{self, Expr, MatchOp, Selector};

use super::{Finding, Rule};
use crate::config::{Config, Exposure, Promql, Query, Source};
use crate::policy::{Class, Metric};

/// Functions that make a rate or a difference of a counter.
const RATES: [&str; 9] =
    ["rate", "irate", "increase", "delta", "idelta", "deriv", "xrate", "xincrease", "resets"];
/// What makes one number of many that cannot be taken apart again.
const AVERAGES: [&str; 7] =
    ["avg", "quantile", "avg_over_time", "quantile_over_time", "histogram_quantile", "stddev", "median"];

/// What a query is for.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Counter(&'static str),
    Histogram,
    Gauge,
    PodStart,
}

impl Place {
    fn field(self) -> &'static str {
        match self {
            Self::Counter(field) => field,
            Self::Histogram => "histogram",
            Self::Gauge => "gauge",
            Self::PodStart => "podStart",
        }
    }
}

/// Findings of one query.
struct Found<'a> {
    config: &'a Config,
    metric: &'a str,
    place: Place,
    line: u64,
    findings: Vec<Finding>,
}

impl Found<'_> {
    fn add(&mut self, rule: Rule, what: String, mend: &str) {
        if self.findings.iter().any(|finding| finding.rule == rule) {
            return;
        }
        self.findings.push(Finding {
            line: self.line,
            rule,
            metric: self.metric.to_owned(),
            field: self.place.field(),
            what,
            mend: mend.to_owned(),
        });
    }
}

/// Whether no metric has a query, so that the data can only come from a file of counts.
#[must_use]
pub fn is_for_files(config: &Config) -> bool {
    config.queries.metrics.iter().all(|query| match &query.source {
        Source::Count { events, exposure } => {
            events.is_none() && !matches!(exposure, Some(Exposure::Query(_)))
        }
        Source::Latency { histogram, .. } => histogram.is_none(),
        Source::Gauge { gauge } => gauge.is_none(),
    })
}

/// Everything that can be found without data, in the order of the file. Queries are missed where some metric has one, or
/// where a Prometheus `is_asked`.
#[must_use]
pub fn fixed(config: &Config, is_asked: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(query) = &config.queries.pod_start {
        findings.extend(of_query(config, "", Place::PodStart, query));
    }
    for (metric, query) in config.policy.metrics.iter().zip(&config.queries.metrics) {
        match &query.source {
            Source::Count { events, exposure } => {
                findings.extend(of_count(config, metric, query, events.as_ref(), exposure.as_ref()));
            }
            Source::Latency { histogram, .. } => {
                findings.extend(or_missing(config, metric, query, Place::Histogram, histogram.as_ref()));
            }
            Source::Gauge { gauge } => {
                findings.extend(or_missing(config, metric, query, Place::Gauge, gauge.as_ref()));
            }
        }
    }
    let metrics = config.policy.metrics.iter().zip(&config.queries.metrics);
    findings.extend(metrics.filter_map(|(metric, query)| of_maturity(metric, query)));
    if !is_asked && is_for_files(config) {
        findings.retain(|finding| finding.rule != Rule::MissingQuery);
    }
    if !config.policy.metrics.iter().any(|metric| metric.class == Class::Guard) {
        findings.push(Finding {
            line: 0,
            rule: Rule::NoGuard,
            metric: String::new(),
            field: "metrics",
            what: "no metric is a guard, so the verdict can never be PASS".to_owned(),
            mend: "give the metrics that must not get worse class: guard".to_owned(),
        });
    }
    findings
}

fn or_missing(
    config: &Config,
    metric: &Metric,
    query: &Query,
    place: Place,
    text: Option<&Promql>,
) -> Vec<Finding> {
    match text {
        Some(text) => of_query(config, &metric.name, place, text),
        None => vec![Finding {
            line: query.line,
            rule: Rule::MissingQuery,
            metric: metric.name.clone(),
            field: place.field(),
            what: "there is no query, so the data can only come from a file".to_owned(),
            mend: format!("write {}: with a selector", place.field()),
        }],
    }
}

fn of_count(
    config: &Config,
    metric: &Metric,
    query: &Query,
    events: Option<&Promql>,
    exposure: Option<&Exposure>,
) -> Vec<Finding> {
    let mut findings = or_missing(config, metric, query, Place::Counter("events"), events);
    let finding = |line, rule, what: &str, mend: &str| Finding {
        line,
        rule,
        metric: metric.name.clone(),
        field: "exposure",
        what: what.to_owned(),
        mend: mend.to_owned(),
    };
    match (events, exposure) {
        (Some(events), None) => findings.push(finding(
            events.line,
            Rule::MissingDenominator,
            "events without what they are counted against: more traffic would look like more errors",
            "write exposure: with the counter of all requests, or perPodTime: true for restarts and the like",
        )),
        (Some(events), Some(Exposure::Query(exposure))) => {
            findings.extend(of_query(config, &metric.name, Place::Counter("exposure"), exposure));
            if events.text == exposure.text {
                findings.push(finding(
                    exposure.line,
                    Rule::SameQuery,
                    "events and exposure are the same query: every request would be an event",
                    "select the events among them, as code=~\"5..\"",
                ));
            } else if metric.is_share && is_elsewhere(events, exposure) {
                findings.push(finding(
                    exposure.line,
                    Rule::NotAPart,
                    "exposure selects by a label that events do not select by: events are counted that no exposure stands for",
                    "give both the same labels, and events more of them; or write share: false when they are different things",
                ));
            }
        }
        _ => {}
    }
    findings
}

/// Waiting for outcomes helps where they are written back to the time of the request; a counter that is scraped counts them
/// when they come. By its name a counter is told, and a histogram always observes at the end.
fn of_maturity(metric: &Metric, query: &Query) -> Option<Finding> {
    let (text, field) = match &query.source {
        Source::Count { events: Some(events), .. } => (events, "events"),
        Source::Latency { histogram: Some(histogram), .. } => (histogram, "histogram"),
        _ => return None,
    };
    let is_counted_at_the_end = match promql::parse(&text.text) {
        Ok(Expr::Selector(selector)) => {
            field == "histogram" || selector.metric().is_some_and(|name| name.ends_with("_total"))
        }
        _ => false,
    };
    (0 < query.maturity && is_counted_at_the_end).then(|| Finding {
        line: text.line,
        rule: Rule::Maturity,
        metric: metric.name.clone(),
        field,
        what: format!(
            "maturity is {}s, and a counter that is scraped counts an event when it ends, not at the time of its request: \
             waiting moves nothing into the block of the request",
            query.maturity
        ),
        mend: "write samples with the time of the request (out-of-order remote write), or count request and outcome together \
               once the outcome is known and leave maturity out; where samples have the time of the request already, leave it so"
            .to_owned(),
    })
}

/// Whether two plain selectors of one metric let events be outside of the exposure.
fn is_elsewhere(events: &Promql, exposure: &Promql) -> bool {
    let (Ok(Expr::Selector(events)), Ok(Expr::Selector(exposure))) =
        (promql::parse(&events.text), promql::parse(&exposure.text))
    else {
        return false;
    };
    events.metric() == exposure.metric()
        && exposure
            .matchers
            .iter()
            .any(|matcher| !events.matchers.iter().any(|other| other.label == matcher.label))
}

fn of_query(config: &Config, metric: &str, place: Place, query: &Promql) -> Vec<Finding> {
    let mut found = Found { config, metric, place, line: query.line, findings: Vec::new() };
    let expr = match promql::parse(&query.text) {
        Ok(expr) => expr,
        Err(error) => {
            found.add(Rule::NotPromql, format!("{}: {error}", query.text), "try it in Prometheus first");
            return found.findings;
        }
    };
    expr.walk(&mut |part| of_part(&mut found, part));
    for selector in expr.selectors() {
        of_selector(&mut found, selector);
    }
    match &expr {
        Expr::Selector(selector) if selector.is_plain() => {
            if let Some(name) = selector.metric() {
                of_name(&mut found, name);
            }
        }
        _ if found.findings.iter().any(|finding| finding.rule != Rule::OneArm) => {}
        _ => found.add(
            Rule::NotRaw,
            "it is more than a selector, and what was scraped is needed".to_owned(),
            "write the selector alone, without [...]: sums and differences are made from the scrapes",
        ),
    }
    found.findings
}

fn of_part(found: &mut Found<'_>, part: &Expr) {
    match part {
        Expr::Subquery { range, .. } => {
            found.add(
                Rule::Subquery,
                "a subquery evaluates its inside again and again over the same data, so that blocks are not independent"
                    .to_owned(),
                "write the inner selector alone",
            );
            window(found, *range);
        }
        Expr::Call { name, .. } if RATES.contains(&&**name) => found.add(
            Rule::RateOfCounts,
            format!("{name}() makes numbers that nobody counted: it extrapolates, and hides how many there were"),
            "write the counter itself: differences, resets and gaps are seen to",
        ),
        Expr::Call { name, .. } | Expr::Aggregate { op: name, .. } if AVERAGES.contains(&&**name) => found.add(
            Rule::Average,
            format!("{name}() makes one number of many: a mean of ratios or of quantiles is neither, and cannot be counted"),
            if name.contains("quantile") {
                "write histogram: with the histogram itself; shares above its edges are judged"
            } else {
                "write the series themselves: pods are put together by the gate"
            },
        ),
        Expr::Aggregate { op, grouping, .. } => {
            let arms = &found.config.queries.arms;
            let needed: Vec<&String> =
                [&arms.pod].into_iter().chain(arms.stable.0.keys()).chain(arms.canary.0.keys()).collect();
            let lost = needed.into_iter().find(|label| match grouping {
                None => true,
                Some((true, by)) => !by.contains(label),
                Some((false, without)) => without.contains(label),
            });
            let what = match lost {
                Some(label) => format!("{op}() takes the label {label} away, by which pods and arms are told apart"),
                None => format!("{op}() adds up counters that begin anew at different times, so that a restart is a jump"),
            };
            found.add(Rule::Summed, what, "write the selector alone: the series of a pod are summed after their resets");
        }
        Expr::Binary { op, .. } if op == "/" => found.add(
            Rule::Ratio,
            "a ratio has lost how many it was made of: one error of one request looks like a hundred of a hundred".to_owned(),
            "write its upper part as events and its lower part as exposure",
        ),
        _ => {}
    }
}

fn window(found: &mut Found<'_>, range: u64) {
    let block = u64::from(found.config.policy.block) * 1000;
    if block < range {
        found.add(
            Rule::WindowOverlap,
            format!(
                "its window of {}s is longer than a block of {}s: neighbours would hold the same data",
                range / 1000,
                block / 1000
            ),
            "write the counter without a window: what it grew by in each block is counted",
        );
    }
}

fn of_selector(found: &mut Found<'_>, selector: &Selector) {
    if let Some(range) = selector.range {
        window(found, range);
    }
    if selector.is_shifted {
        found.add(
            Rule::Shifted,
            "offset and @ ask for another time than that of the block".to_owned(),
            "leave them out",
        );
    }
    let arms = &found.config.queries.arms;
    let pinned = selector.matchers.iter().find(|matcher| {
        let is_arm = arms.stable.0.contains_key(&matcher.label) || arms.canary.0.contains_key(&matcher.label);
        matcher.op == MatchOp::Equal && (is_arm || matcher.label == arms.pod)
    });
    if let Some(matcher) = pinned {
        found.add(
            Rule::OneArm,
            format!(
                "{}={:?} leaves one side only, and both come from one query",
                matcher.label, matcher.value
            ),
            "leave that label out: `arms` says which series is whose",
        );
    }
}

/// Whether a metric's name suits its place.
fn of_name(found: &mut Found<'_>, name: &str) {
    let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| name.ends_with(suffix));
    let quoted = format!("{name:?}");
    match found.place {
        Place::Counter(_) if !ends(&["_total", "_count", "_bucket"]) => found.add(
            Rule::CounterName,
            format!("{quoted} does not end with _total as counters do: of a level, every fall would be taken for a restart"),
            "write a counter; a level goes into gauge",
        ),
        Place::Gauge if ends(&["_total", "_count", "_bucket", "_sum"]) => found.add(
            Rule::CounterAsGauge,
            format!("{quoted} is a counter by its name, and only grows: as a level, the older pod is always higher"),
            "write it as events with an exposure; for cpu, a recorded rate by pod as gauge",
        ),
        Place::Histogram if ends(&["_sum", "_count", "_total"]) => found.add(
            Rule::HistogramPart,
            format!("{quoted} is a part of a histogram"),
            "write the histogram's name without _sum or _count",
        ),
        _ => {}
    }
}
