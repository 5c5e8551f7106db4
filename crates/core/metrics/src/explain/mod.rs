//! Why a query found nothing: which metric is not there, or which label keeps the series that are there away.
//!
//! Property: asked after an empty answer alone, at most two questions more, each with a small answer or one that is read
//! in bounded work; what cannot be explained is `None`, and never an error.
//!
//! Reason: "no values found" is what people see when a label was renamed, a metric is called otherwise, or a window is
//! shorter than two scrapes, and all of these look like a canary without traffic.
//!
//! Mechanics: one query counts, for each selector of the empty query, the series that it matches, those that it matches
//! without one of its labels, and all of its metric. What is zero and what is not says what is asked next: the values
//! of that label, the labels of the series that are there, or the names of all metrics.

mod near;
#[cfg(test)]
mod tests;

use serin_api::flagger::MetricProviderKind;
use serin_kernel::{Answer, Question};
use serin_lang::promql::{self, MatchOp, Matcher, Selector};

use crate::Error;
use crate::provider::prometheus::{self, Series};
use crate::provider::{Inquiry, Step};
use crate::sample::excerpt;

/// Selectors of a query that are looked at, and labels of each: a longer question would help nobody.
const SELECTORS_MAX: usize = 4;
const MATCHERS_MAX: usize = 12;
/// An address has a length that servers take.
const QUESTION_MAX: usize = 6 << 10;
/// How many values of a label are looked at, and how many series.
const VALUES_MAX: usize = 100;
const WHOLE_MAX: usize = 20;
/// Questions of one explanation: how many series there are, and what they are called or labelled.
pub const QUESTIONS_MAX: usize = 2;
/// How far back a metric counts as there, in seconds.
const NAMES_SECONDS: i64 = 3600;
/// The labels of ours in the answer: which selector, and which of its labels is left out.
const WHICH: &str = "serin_selector";
const WITHOUT: &str = "serin_without";
/// What is left out: nothing, or everything.
const NOTHING: &str = "nothing";
const EVERYTHING: &str = "everything";

/// The next step to a sentence on why `inquiry` was answered with nothing; `answers` are those to the steps before.
#[must_use]
pub fn explain(inquiry: &Inquiry<'_>, answers: &[Answer]) -> Step<Option<String>> {
    // Whoever does not answer, or does not as expected, leaves it unexplained.
    step(inquiry, answers).unwrap_or(Step::Done(None))
}

fn step(inquiry: &Inquiry<'_>, answers: &[Answer]) -> Result<Step<Option<String>>, Error> {
    let is_prometheus =
        matches!(inquiry.provider.provider_kind(), None | Some(MetricProviderKind::Prometheus));
    let selectors = if is_prometheus { selectors(inquiry.query) } else { Vec::new() };
    let question = counts(&selectors);
    if selectors.is_empty() || QUESTION_MAX < question.len() {
        return Ok(Step::Done(None));
    }
    let Some(counted) = body(answers, 0)? else { return ask(inquiry, &question) };
    let counted = Counts(prometheus::series(counted)?);
    let Some((at, selector)) = selectors.iter().enumerate().find(|(at, _)| counted.of(*at, NOTHING) == 0)
    else {
        return Ok(Step::Done(selectors.first().map(|selector| they_are_there(selector, &counted))));
    };
    let metric = selector.metric().unwrap_or_default();
    let all = counted.of(at, EVERYTHING);
    if all == 0 {
        let Some(names) = body(answers, 1)? else {
            let now = inquiry.now.as_secs();
            let (start, end) = ((now - NAMES_SECONDS).to_string(), now.to_string());
            let call = prometheus::question(
                inquiry,
                "/api/v1/label/__name__/values",
                &[("start", &start), ("end", &end)],
            )?;
            return Ok(Step::Ask(Question::Call(call)));
        };
        return Ok(Step::Done(renamed(metric, &prometheus::data(names)?)));
    }
    // One that says what is wanted tells more than one that says what is not.
    let is_positive = |matcher: &Matcher| matches!(matcher.op, MatchOp::Equal | MatchOp::Matches);
    let culprits = selector.matchers.iter().enumerate().filter(|(i, _)| 0 < counted.of(at, &i.to_string()));
    let culprit = culprits.min_by_key(|(_, matcher)| !is_positive(matcher));
    let Some(values) = body(answers, 1)? else {
        return ask(inquiry, &values_of(selector, culprit));
    };
    let values = prometheus::series(values)?;
    Ok(Step::Done(match culprit {
        Some((i, matcher)) => {
            let count = counted.of(at, &i.to_string());
            Some(one_label(selector, matcher, (metric, count), &values))
        }
        None => near::several_labels(selector, metric, all, &values),
    }))
}

/// What asks for the values of the label that keeps the series away, with whole series, which may have the value under another
/// label; or for those of all labels, when no single one does.
fn values_of(selector: &Selector, culprit: Option<(usize, &Matcher)>) -> String {
    let Some((i, matcher)) = culprit else {
        let labels: Vec<&str> = selector.matchers.iter().map(|matcher| &*matcher.label).collect();
        return format!("topk({VALUES_MAX}, count by ({}) ({}))", labels.join(", "), less(selector, None));
    };
    let without = less(selector, Some(i));
    let values = format!("topk({VALUES_MAX}, count by ({}) ({without}))", matcher.label);
    match matcher.op {
        // Every bucket of a histogram is a series; they differ in nothing else.
        MatchOp::Equal | MatchOp::Matches => {
            format!("{values} or topk({WHOLE_MAX}, count without (le) ({without}))")
        }
        MatchOp::NotEqual | MatchOp::NotMatches => values,
    }
}

/// The body of a good answer; none when it was not asked for yet.
fn body(answers: &[Answer], at: usize) -> Result<Option<&str>, Error> {
    crate::provider::http::reply(answers, at)?.map(crate::provider::http::accepted).transpose()
}

fn ask(inquiry: &Inquiry<'_>, query: &str) -> Result<Step<Option<String>>, Error> {
    let call = prometheus::question(inquiry, "/api/v1/query", &[("query", query)])?;
    Ok(Step::Ask(Question::Call(call)))
}

/// The selectors of a query that can be looked at: those of a metric with a plain name, at this time.
fn selectors(query: &str) -> Vec<Selector> {
    let Ok(expr) = promql::parse(query) else { return Vec::new() };
    let is_word = |text: &str, more: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || more.contains(c))
    };
    let mut found: Vec<Selector> = Vec::new();
    for selector in expr.selectors() {
        let Some(metric) = selector.metric().filter(|metric| is_word(metric, ":")) else { continue };
        let is_plain = selector.matchers.iter().all(|matcher| is_word(&matcher.label, ""));
        if selector.is_shifted || !is_plain || MATCHERS_MAX < selector.matchers.len() {
            continue;
        }
        let mut selector = Selector { name: Some(metric.to_owned()), ..selector.clone() };
        selector.matchers.retain(|matcher| matcher.label != "__name__");
        if !found.contains(&selector) {
            found.push(selector);
        }
    }
    found.truncate(SELECTORS_MAX);
    found
}

/// A selector without one of its labels, or without any.
fn less(selector: &Selector, left_out: Option<usize>) -> Selector {
    let kept = selector.matchers.iter().enumerate().filter(|(i, _)| left_out.is_some_and(|out| out != *i));
    Selector {
        name: selector.name.clone(),
        matchers: kept.map(|(_, matcher)| matcher.clone()).collect(),
        ..Selector::default()
    }
}

/// How many series there are of each selector, without each of its labels, and without all.
fn counts(selectors: &[Selector]) -> String {
    let mut parts = Vec::new();
    for (at, selector) in selectors.iter().enumerate() {
        let mut count = |without: &str, selector: &Selector| {
            parts.push(format!(
                "label_replace(label_replace(count({selector}), \"{WHICH}\", \"{at}\", \"\", \"\"), \
                 \"{WITHOUT}\", \"{without}\", \"\", \"\")"
            ));
        };
        count(NOTHING, selector);
        count(EVERYTHING, &less(selector, None));
        if 1 < selector.matchers.len() {
            for i in 0..selector.matchers.len() {
                count(&i.to_string(), &less(selector, Some(i)));
            }
        } else if !selector.matchers.is_empty() {
            count("0", &less(selector, None));
        }
    }
    parts.join(" or ")
}

struct Counts(Vec<Series>);

impl Counts {
    fn of(&self, at: usize, without: &str) -> u64 {
        let at = at.to_string();
        let found = self.0.iter().find(|series| {
            series.labels.get(WHICH) == Some(&at)
                && series.labels.get(WITHOUT).is_some_and(|it| it == without)
        });
        found.map_or(0, |series| series.value as u64)
    }
}

fn they_are_there(selector: &Selector, counted: &Counts) -> String {
    let count = counted.of(0, NOTHING);
    let text = excerpt(&selector.to_string());
    let why = match selector.range {
        Some(range) => format!(
            "no value over {}: a window needs two scrapes of one series, and requests in it",
            serin_lang::duration::GoDuration::from_nanos(
                i64::try_from(range).unwrap_or(i64::MAX).saturating_mul(1_000_000)
            )
        ),
        None => "what the query does with them leaves nothing".to_owned(),
    };
    format!("{} {text}, but {why}", series_match(count))
}

fn series_match(count: u64) -> String {
    if count == 1 { "1 series matches".to_owned() } else { format!("{count} series match") }
}

/// None when the answer is no list of names.
fn renamed(metric: &str, names: &serde_json::Value) -> Option<String> {
    let names = names.as_array()?.iter().filter_map(serde_json::Value::as_str);
    let mut near = near::names(metric, names.clone());
    let metric = excerpt(metric);
    if near.contains(&metric) {
        return Some(format!("{metric} was there within the last hour, and is there no more"));
    }
    let Some(last) = near.pop() else {
        let what = if names.count() == 0 { "no other either" } else { "none with a name like it" };
        return Some(format!("there is no metric {metric}, and {what}"));
    };
    let (names, are) = if near.is_empty() {
        (last, "a name like it is")
    } else {
        (format!("{} and {last}", near.join(", ")), "names like it are")
    };
    Some(format!("there is no metric {metric}; {are} {names}"))
}

fn one_label(
    selector: &Selector,
    matcher: &Matcher,
    (metric, count): (&str, u64),
    values: &[Series],
) -> String {
    let label = &matcher.label;
    let all = if count == 1 { "1 series".to_owned() } else { format!("{count} series") };
    let wanted = excerpt(&near::written(matcher));
    let of = |series: &Series| series.labels.get(label).cloned().unwrap_or_default();
    let mut found: Vec<String> = values.iter().map(of).filter(|value| !value.is_empty()).collect();
    found.sort();
    found.dedup();
    if found.is_empty() {
        let text =
            format!("{all} of {metric} would match, but have no label {label}, where {wanted} is asked for");
        return match near::renamed_labels(selector, matcher, values) {
            Some(labels) => format!("{text}; they have {labels}"),
            None => text,
        };
    }
    let have = near::values(&matcher.value, found.iter().map(String::as_str));
    format!("{all} of {metric} would match but for {wanted}: there, {label} is {have}")
}
