//! The rules of gate.yaml: what was written, made into a policy and queries, or refused.

use std::collections::BTreeMap;

use serde_saphyr::Spanned;

use super::document::{ArmsShape, Document, Field, GroupsShape, KindShape, MetricShape, Seconds, StepShape};
use super::{
    Arms, Config, ConfigError, Exposure, Overrides, Promql, Queries, Query, Selector, Source, is_label,
};
use crate::group::Terms;
use crate::policy::{Class, Kind, Metric, Policy, Step};
use crate::policy::{ERROR_BELOW, WIDEST};

/// Blocks of history which the dispersion needs at the least, and which it has by default.
const HISTORY_BLOCKS_MIN: u32 = 32;
const HISTORY_BLOCKS: u32 = 240;
/// More metrics than this are a mistake: evidence is shared among them.
const METRICS_MAX: usize = crate::record::METRICS_MAX;
/// More edges than this are refused: each is a metric of its own, and a cell has one bit for each.
pub(crate) const EDGES_MAX: usize = 32;
/// A block longer than this gives no verdict in the time of a rollout.
const BLOCK_MAX: u32 = 3600;
/// An outcome that is known later than this comes after the verdict on most releases.
const MATURITY_MAX: u32 = 6 * 3600;
/// What a step has at the least by default, and the last one.
const MINIMUM: u32 = 300;
const MINIMUM_LAST: u32 = 600;
/// The canary's share where no steps are written, in parts of 10,000.
const WEIGHT: u32 = 1000;

/// Where a value stands.
struct Place<'a> {
    prefix: &'a str,
}

impl Place<'_> {
    fn error(&self, line: u64, field: &str, message: String) -> ConfigError {
        ConfigError { line, path: format!("{}{field}", self.prefix), message }
    }

    /// The value of a field, or `default`, if it satisfies `rule`; else `remedy` after the value.
    fn value<T: Copy + std::fmt::Display>(
        &self,
        field: Option<&Spanned<T>>,
        name: &str,
        default: T,
        rule: impl Fn(T) -> bool,
        remedy: &str,
    ) -> Result<T, ConfigError> {
        match field {
            None => Ok(default),
            Some(at) if rule(at.value) => Ok(at.value),
            Some(at) => Err(self.error(line(at), name, format!("{} {remedy}", at.value))),
        }
    }

    fn seconds(
        &self,
        field: Option<&Spanned<Seconds>>,
        name: &str,
        default: u32,
        rule: impl Fn(u32) -> bool,
        remedy: &str,
    ) -> Result<u32, ConfigError> {
        match field {
            None => Ok(default),
            Some(at) if rule(at.value.0) => Ok(at.value.0),
            Some(at) => Err(self.error(line(at), name, format!("{}s {remedy}", at.value.0))),
        }
    }
}

const TOP: Place<'static> = Place { prefix: "" };

fn line<T>(at: &Spanned<T>) -> u64 {
    at.referenced.line()
}

pub(super) fn config(document: Document, overrides: &Overrides) -> Result<Config, ConfigError> {
    let scrape = TOP.seconds(
        document.scrape_interval.as_ref(),
        "scrapeInterval",
        15,
        |s| (1..=BLOCK_MAX).contains(&s),
        "must lie between 1s and 1h: it is the scrape_interval of Prometheus for these series",
    )?;
    let block = TOP.seconds(
        document.block.as_ref(),
        "block",
        15_u32.div_ceil(scrape) * scrape,
        |block| 0 < block && block <= BLOCK_MAX && block.is_multiple_of(scrape),
        &format!(
            "must be a multiple of scrapeInterval ({scrape}s) and at most 1h: write {}s",
            15_u32.div_ceil(scrape) * scrape
        ),
    )?;
    let history_min = HISTORY_BLOCKS_MIN.saturating_mul(block);
    let history = TOP.seconds(
        document.history.as_ref(),
        "history",
        HISTORY_BLOCKS.saturating_mul(block),
        |history| history_min <= history,
        &format!("is less than {HISTORY_BLOCKS_MIN} blocks of {block}s: write {history_min}s or more"),
    )?;
    let lag = TOP.seconds(
        document.lag.as_ref(),
        "lag",
        30.max(2 * scrape),
        |lag| lag <= BLOCK_MAX,
        "must be at most 1h: it is how long a scrape may need until it can be asked for",
    )?;
    let warm_up = TOP.seconds(document.warm_up.as_ref(), "warmUp", 120, |_| true, "")?;
    let share = |value: f64| 0.0 < value && value < ERROR_BELOW;
    let remedy = "must be above 0 and below 0.5: it is the probability of a wrong verdict, 0.05 by default";
    let alpha = TOP.value(document.alpha.as_ref(), "alpha", 0.05, share, remedy)?;
    let beta = TOP.value(document.beta.as_ref(), "beta", 0.05, share, remedy)?;
    let minimum_exposure =
        TOP.value(document.minimum_exposure.as_ref(), "minimumExposure", 50, |_| true, "")?;
    let steps = steps(document.steps)?;
    let least: u32 = steps.iter().fold(0, |sum, step| step.minimum.saturating_add(sum));
    let deadline = TOP.seconds(
        document.deadline.as_ref(),
        "deadline",
        7200.max(least.saturating_mul(3)),
        |deadline| least < deadline,
        &format!("is not above the least times of all steps ({least}s): write more, or shorten `minimum`"),
    )?;
    let arms = arms(document.arms, overrides)?;
    let pod_start = document.pod_start.as_ref().map(|at| promql(&TOP, "podStart", at)).transpose()?;
    let blackhole = TOP.seconds(
        document.blackhole.as_ref(),
        "blackhole",
        60,
        |blackhole| block <= blackhole,
        &format!("is shorter than a block ({block}s): write {block}s or more"),
    )?;
    let groups = document.groups.map(|at| groups(at.value)).transpose()?;
    let (metrics, queries) = metrics(document.metrics)?;
    let split = split(document.split.as_ref(), &metrics, &queries)?;
    Ok(Config {
        policy: Policy { block, alpha, beta, steps, deadline, minimum_exposure, blackhole, split, metrics },
        queries: Queries { scrape, history, lag, warm_up, arms, pod_start, metrics: queries },
        groups,
    })
}

/// What is one group: names that are given, so that a member without data is missed and not overlooked.
fn groups(shape: GroupsShape) -> Result<Terms, ConfigError> {
    let place = Place { prefix: "groups." };
    let wrong = |line, field: &str, message: String| Err(place.error(line, field, message));
    if !is_label(&shape.label.value) {
        let message = format!("{:?} is no name of a label: write zone or cluster", shape.label.value);
        return wrong(line(&shape.label), "label", message);
    }
    let at = line(&shape.members);
    let is_name =
        |name: &String| !name.is_empty() && name.trim() == name && !name.chars().any(char::is_control);
    for (field, names) in [("members", &shape.members.value), ("shared", &shape.shared)] {
        if let Some(odd) = names.iter().find(|name| !is_name(name)) {
            return wrong(at, field, format!("{odd:?} is no name: write a word such as eu-1"));
        }
    }
    let terms = Terms {
        label: shape.label.value,
        members: shape.members.value,
        shared: shape.shared,
        no_worse: shape.no_worse,
    };
    match terms.check() {
        Ok(()) => Ok(terms),
        Err(error) => {
            wrong(at, "members", format!("{error}: write the values of the label, as [eu-1, eu-2]"))
        }
    }
}

fn steps(field: Field<Vec<Spanned<StepShape>>>) -> Result<Vec<Step>, ConfigError> {
    let Some(at) = field else { return Ok(vec![Step { weight: WEIGHT, minimum: MINIMUM_LAST }]) };
    if at.value.is_empty() {
        let message = "there is none: leave the key out, or write [{weight: 10, minimum: 10m}]".to_owned();
        return Err(TOP.error(line(&at), "steps", message));
    }
    let last = at.value.len() - 1;
    let mut steps: Vec<Step> = Vec::new();
    for (index, step) in at.value.iter().enumerate() {
        let place = Place { prefix: &format!("steps[{index}].") };
        let percent = step.value.weight.value;
        let parts = (percent * 100.0).round();
        let wrong = |message: String| place.error(line(&step.value.weight), "weight", message);
        if !(0.0 < percent && percent < 100.0) {
            return Err(wrong(format!(
                "{percent} must be above 0 and below 100 percent: without a stable part there is nothing to compare with"
            )));
        }
        if 1e-6 < (percent * 100.0 - parts).abs() || parts < 1.0 {
            return Err(wrong(format!(
                "{percent} has more than two decimals: round it to {:.2}",
                percent.max(0.01)
            )));
        }
        let weight = parts as u32;
        if let Some(before) = steps.last().filter(|before| weight <= before.weight) {
            return Err(wrong(format!(
                "{percent} is not above the weight of the step before ({}): weights must ascend",
                f64::from(before.weight) / 100.0
            )));
        }
        let default = if index == last { MINIMUM_LAST } else { MINIMUM };
        let minimum = place.seconds(step.value.minimum.as_ref(), "minimum", default, |_| true, "")?;
        steps.push(Step { weight, minimum });
    }
    Ok(steps)
}

fn arms(field: Field<ArmsShape>, overrides: &Overrides) -> Result<Arms, ConfigError> {
    let at = field.as_ref().map_or(0, line);
    let shape = field.map(|at| at.value).unwrap_or_default();
    let place = Place { prefix: "arms." };
    let pod = match shape.pod {
        None => "pod".to_owned(),
        Some(label) if is_label(&label.value) => label.value,
        Some(label) => {
            let message = format!("{:?} is no name of a label: write pod or instance", label.value);
            return Err(place.error(line(&label), "pod", message));
        }
    };
    let side = |field: Field<BTreeMap<String, String>>, given: &Option<Selector>, name: &str, flag: &str| {
        if let Some(given) = given {
            return Ok((given.clone(), 0));
        }
        let wrong = |line, message| Err(place.error(line, name, message));
        let example = format!("write {name}: {{track: {name}}}, or give {flag} label=value");
        let Some(labels) = field else {
            return wrong(at, format!("it is not said which series are {name}: {example}"));
        };
        let at = line(&labels);
        if labels.value.is_empty() {
            return wrong(at, format!("there is no label: {example}"));
        }
        if let Some((label, value)) =
            labels.value.iter().find(|(label, value)| !is_label(label) || value.is_empty())
        {
            return wrong(at, format!("{label}: {value:?} is no label with a value: {example}"));
        }
        Ok((Selector(labels.value), at))
    };
    let (stable, _) = side(shape.stable, &overrides.baseline, "stable", "--baseline")?;
    let (canary, at) = side(shape.canary, &overrides.canary, "canary", "--canary")?;
    let is_apart =
        stable.0.iter().any(|(label, value)| canary.0.get(label).is_some_and(|other| other != value));
    if !is_apart {
        let message = format!(
            "{canary} and stable ({stable}) have no label in common with different values, so a series can be both: \
             give one label two values, as track: stable and track: canary"
        );
        return Err(place.error(at, "canary", message));
    }
    Ok(Arms { pod, stable, canary })
}

fn metrics(field: Field<Vec<Spanned<MetricShape>>>) -> Result<(Vec<Metric>, Vec<Query>), ConfigError> {
    let example = "write [{name: errors, events: …, exposure: …}]";
    let Some(list) = field else {
        return Err(TOP.error(
            0,
            "metrics",
            format!("there is no metric, so nothing can be judged: {example}"),
        ));
    };
    if list.value.is_empty() || METRICS_MAX < list.value.len() {
        let message = format!(
            "there are {} metrics, and 1 to {METRICS_MAX} can be judged: {example}",
            list.value.len()
        );
        return Err(TOP.error(line(&list), "metrics", message));
    }
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    let (mut metrics, mut queries) = (Vec::new(), Vec::new());
    for (index, at) in list.value.into_iter().enumerate() {
        let place = Place { prefix: &format!("metrics[{index}].") };
        let name = &at.value.name;
        let shown = name.value.trim();
        if shown.is_empty() || shown != name.value || shown.chars().any(char::is_control) {
            let message = format!("{:?} is no name: write a word such as errors", name.value);
            return Err(place.error(line(name), "name", message));
        }
        if let Some(first) = names.insert(name.value.clone(), index) {
            let message = format!(
                "{:?} is the name of metrics[{first}] too: give one of them another name",
                name.value
            );
            return Err(place.error(line(name), "name", message));
        }
        let (metric, query) = metric(&place, line(&at), at.value)?;
        metrics.push(metric);
        queries.push(query);
    }
    Ok((metrics, queries))
}

/// The metric whose exposure is requests: the one that is named, else the first whose events are a share of a counter.
fn split(
    field: Option<&Spanned<String>>,
    metrics: &[Metric],
    queries: &[Query],
) -> Result<Option<usize>, ConfigError> {
    let counts = |index: usize| matches!(&queries[index].source, Source::Count { exposure, .. } if *exposure != Some(Exposure::PodTime));
    let Some(at) = field else {
        return Ok((0..metrics.len()).find(|index| metrics[*index].is_share && counts(*index)));
    };
    if at.value == "none" {
        return Ok(None);
    }
    let wrong = |why: &str| {
        let message =
            format!("{:?} {why}: name a metric whose exposure is requests, or write none", at.value);
        TOP.error(line(at), "split", message)
    };
    let found =
        metrics.iter().position(|metric| metric.name == at.value).ok_or_else(|| wrong("is no metric"))?;
    if counts(found) { Ok(Some(found)) } else { Err(wrong("counts no requests")) }
}

/// The default ratios and floor of a metric: section 11 of the method.
fn defaults(kind: KindShape, is_share: bool) -> (f64, f64, f64) {
    match kind {
        KindShape::Count => (1.0, 2.0, if is_share { 0.001 } else { 0.0 }),
        KindShape::Latency => (1.0, 2.0, 0.002),
        KindShape::Gauge => (1.05, 1.3, 0.0),
    }
}

fn metric(place: &Place<'_>, at: u64, shape: MetricShape) -> Result<(Metric, Query), ConfigError> {
    let kind = kind(place, at, &shape)?;
    let down_is_bad = shape.down_is_bad.as_ref().is_some_and(|at| at.value);
    let per_pod_time = shape.per_pod_time.as_ref().is_some_and(|at| at.value);
    let is_share =
        kind == KindShape::Count && shape.share.as_ref().map_or(!down_is_bad && !per_pod_time, |at| at.value);
    let (r0, r1, a) = defaults(kind, is_share);
    let ratio = |value: f64| value.is_finite() && (1.0..WIDEST).contains(&value);
    let tolerated = place.value(
        shape.tolerated.as_ref(),
        "tolerated",
        r0,
        ratio,
        "must be from 1 to below 16: it is the ratio of canary to stable up to which a release is good",
    )?;
    let margin = place.value(shape.margin.as_ref(), "margin", r1, |r1| r1 <= WIDEST, "must be at most 16")?;
    if margin <= tolerated {
        let line = shape.margin.as_ref().or(shape.tolerated.as_ref()).map_or(at, line);
        let message =
            format!("{margin} must be above tolerated ({tolerated}): write more, or a smaller `tolerated`");
        return Err(place.error(line, "margin", message));
    }
    let floor = place.value(
        shape.floor.as_ref(),
        "floor",
        a,
        |floor| (0.0..1.0).contains(&floor),
        "must be at least 0 and below 1: it is a share of the exposure, 0.001 for one in a thousand",
    )?;
    if floor > 0.0 && (down_is_bad || kind == KindShape::Gauge) {
        let line = shape.floor.as_ref().map_or(at, line);
        let message =
            format!("{floor} cannot be kept: a floor is for events of which fewer are better; leave it out");
        return Err(place.error(line, "floor", message));
    }
    let weight = place.value(
        shape.weight.as_ref(),
        "weight",
        1.0,
        |weight| weight.is_finite() && (0.001..=1000.0).contains(&weight),
        "must lie between 0.001 and 1000: it is the metric's share of alpha beside the others, 1 by default",
    )?;
    let class = shape.class.as_ref().map_or(Class::Guard, |at| at.value);
    let zero_ok = shape.zero_ok.as_ref().is_some_and(|at| at.value);
    let maturity = place.seconds(
        shape.maturity.as_ref(),
        "maturity",
        0,
        |maturity| maturity <= MATURITY_MAX,
        "must be at most 6h: it is how long after a request its outcome is known, and all looks come that much later; write an \
         outcome that is known sooner",
    )?;
    if 0 < maturity && kind == KindShape::Gauge {
        let message =
            format!("{maturity}s cannot be kept: a level has no outcome that comes later; leave it out");
        return Err(place.error(shape.maturity.as_ref().map_or(at, line), "maturity", message));
    }
    let name = shape.name.value.clone();
    let (kind, source) = match kind {
        KindShape::Count => (Kind::Count, count(place, shape)?),
        KindShape::Latency => latency(place, shape)?,
        KindShape::Gauge => gauge(place, &shape)?,
    };
    let metric = Metric { name, class, kind, tolerated, margin, floor, weight, down_is_bad, is_share };
    Ok((metric, Query { line: at, source, zero_ok, maturity }))
}

/// What the keys say, which must be one kind.
fn kind(place: &Place<'_>, at: u64, shape: &MetricShape) -> Result<KindShape, ConfigError> {
    use KindShape::{Count, Gauge, Latency};
    let keys = [
        ("events", Count, shape.events.as_ref().map(line)),
        ("exposure", Count, shape.exposure.as_ref().map(line)),
        ("perPodTime", Count, shape.per_pod_time.as_ref().map(line)),
        ("share", Count, shape.share.as_ref().map(line)),
        ("zeroOk", Count, shape.zero_ok.as_ref().map(line)),
        ("histogram", Latency, shape.histogram.as_ref().map(line)),
        ("thresholds", Latency, shape.thresholds.as_ref().map(line)),
        ("edges", Latency, shape.edges.as_ref().map(line)),
        ("gauge", Gauge, shape.gauge.as_ref().map(line)),
        ("offset", Gauge, shape.offset.as_ref().map(line)),
    ];
    let mut found = shape.kind.as_ref().map(|at| ("kind", at.value));
    for (key, kind, line) in keys {
        let Some(line) = line else { continue };
        match found {
            Some((other, have)) if have != kind => {
                let message =
                    format!("it does not go with `{other}`: a metric is one kind, so write two metrics");
                return Err(place.error(line, key, message));
            }
            _ => found = found.or(Some((key, kind))),
        }
    }
    found.map(|(_, kind)| kind).ok_or_else(|| {
        let message = "it is not said what is measured: write events and exposure, histogram, or gauge (or kind: count, \
                       latency or gauge, when the data come from a file)";
        place.error(at, "kind", message.to_owned())
    })
}

fn promql(place: &Place<'_>, field: &str, at: &Spanned<String>) -> Result<Promql, ConfigError> {
    let line = line(at);
    if at.value.trim().is_empty() {
        let message =
            "the query is empty: write a selector such as http_requests_total{service=\"shop\"}".to_owned();
        return Err(place.error(line, field, message));
    }
    Ok(Promql { text: at.value.trim().to_owned(), line })
}

fn count(place: &Place<'_>, shape: MetricShape) -> Result<Source, ConfigError> {
    let events = shape.events.as_ref().map(|at| promql(place, "events", at)).transpose()?;
    let is_timed = shape.per_pod_time.as_ref().is_some_and(|at| at.value);
    let exposure = match shape.exposure {
        Some(at) if is_timed => {
            let message = "perPodTime is the exposure already: leave one of the two out".to_owned();
            return Err(place.error(line(&at), "exposure", message));
        }
        Some(at) => Some(Exposure::Query(promql(place, "exposure", &at)?)),
        None => is_timed.then_some(Exposure::PodTime),
    };
    Ok(Source::Count { events, exposure })
}

fn latency(place: &Place<'_>, shape: MetricShape) -> Result<(Kind, Source), ConfigError> {
    let histogram = shape.histogram.as_ref().map(|at| promql(place, "histogram", at)).transpose()?;
    let ascending = |field: Option<Spanned<Vec<f64>>>, name: &str| {
        let Some(at) = field else { return Ok((0, Vec::new())) };
        let (line, values) = (line(&at), at.value);
        let wrong = |message: String| Err(place.error(line, name, message));
        if let Some(odd) = values.iter().find(|value| !value.is_finite() || **value <= 0.0) {
            return wrong(format!("{odd} must be above 0 and finite: it is a bucket's upper end, `le`"));
        }
        if let Some((a, b)) = values.iter().zip(values.iter().skip(1)).find(|(a, b)| b <= a) {
            return wrong(format!("{b} comes after {a}: write them ascending, each once"));
        }
        if EDGES_MAX < values.len() {
            return wrong(format!(
                "there are {}, and at most {EDGES_MAX} are judged: keep the telling ones",
                values.len()
            ));
        }
        Ok((line, values))
    };
    let (edges_line, edges) = ascending(shape.edges, "edges")?;
    let (line, thresholds) = ascending(shape.thresholds, "thresholds")?;
    if edges.len() == 1 {
        let message = format!(
            "{} is a single edge, and a histogram has at least two: add one, or leave edges out",
            edges[0]
        );
        return Err(place.error(edges_line, "edges", message));
    }
    let mut places = Vec::new();
    if !edges.is_empty() {
        for threshold in &thresholds {
            let found = crate::intake::edges::place(&edges, *threshold)
                .map_err(|error| place.error(line, "thresholds", error))?;
            places.push(found);
        }
    }
    Ok((Kind::Latency { edges, thresholds: places }, Source::Latency { histogram, thresholds }))
}

fn gauge(place: &Place<'_>, shape: &MetricShape) -> Result<(Kind, Source), ConfigError> {
    let offset = place.value(
        shape.offset.as_ref(),
        "offset",
        0.0,
        |offset| (0.0..=9e12).contains(&offset),
        "must be at least 0 and at most 9e12: it is added to both levels, 1 % of the usual one when left out",
    )?;
    let gauge = shape.gauge.as_ref().map(|at| promql(place, "gauge", at)).transpose()?;
    Ok((Kind::Gauge { offset: (offset * 1e6).round() as i64 }, Source::Gauge { gauge }))
}
