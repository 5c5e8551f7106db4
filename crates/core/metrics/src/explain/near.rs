//! What is like what was looked for.

use std::collections::BTreeMap;

use regex::RegexBuilder;
use serin_lang::promql::{MatchOp, Matcher, Selector};

use crate::provider::prometheus::Series;
use crate::sample::excerpt;

/// How many are named: a sentence, not a list.
const NAMED_MAX: usize = 3;
/// Names that are looked at, and how much of each.
const NAMES_MAX: usize = 100_000;
const CHARS_MAX: usize = 200;
/// From where on two names are alike, in hundredths of the pairs of letters that they share.
const ALIKE_MIN: usize = 60;
/// A pattern that needs more memory than this is no label's.
const PATTERN_MAX: usize = 1 << 20;

/// Whether a value is one that a label may have.
type Fit = Box<dyn Fn(&str) -> bool>;

/// The names that are most like `wanted`, the most alike first.
pub(super) fn names<'a>(wanted: &str, all: impl Iterator<Item = &'a str>) -> Vec<String> {
    let pairs_wanted = pairs(wanted);
    let alike = |name: &str| alike(&pairs_wanted, &pairs(name));
    let mut near: Vec<(usize, &str)> = all
        .take(NAMES_MAX)
        .filter(|name| name.len() <= CHARS_MAX)
        .map(|name| (alike(name), name))
        .filter(|(score, _)| ALIKE_MIN <= *score)
        .collect();
    near.sort_by(|(one, a), (other, b)| other.cmp(one).then(a.cmp(b)));
    near.into_iter().take(NAMED_MAX).map(|(_, name)| name.to_owned()).collect()
}

/// The values that are most like `wanted`, and how many more there are.
pub(super) fn values<'a>(wanted: &str, all: impl Iterator<Item = &'a str>) -> String {
    let pairs_wanted = pairs(wanted);
    let mut near: Vec<(usize, &str)> =
        all.map(|value| (alike(&pairs_wanted, &pairs(value)), value)).collect();
    near.sort_by(|(one, a), (other, b)| other.cmp(one).then(a.cmp(b)));
    let named: Vec<String> =
        near.iter().take(NAMED_MAX).map(|(_, value)| format!("{:?}", excerpt(value))).collect();
    match near.len().saturating_sub(NAMED_MAX) {
        0 => named.join(" or "),
        1 => format!("{} or 1 other", named.join(", ")),
        more => format!("{} or one of {more} others", named.join(", ")),
    }
}

/// The series whose labels fit best, when more than one does not.
pub(super) fn several_labels(
    selector: &Selector,
    metric: &str,
    count: u64,
    series: &[Series],
) -> Option<String> {
    let fits: Vec<Fit> = selector.matchers.iter().map(fit).collect();
    let misfits = |series: &Series| -> Vec<(&Matcher, String)> {
        let of = |matcher: &Matcher| series.labels.get(&matcher.label).cloned().unwrap_or_default();
        let both = selector.matchers.iter().zip(&fits).map(|(matcher, fits)| (matcher, of(matcher), fits));
        both.filter(|(_, value, fits)| !fits(value)).map(|(matcher, value, _)| (matcher, value)).collect()
    };
    let nearest = series.iter().map(misfits).filter(|wrong| !wrong.is_empty()).min_by_key(Vec::len)?;
    let wrong: Vec<String> = nearest
        .iter()
        .take(NAMED_MAX)
        .map(|(matcher, value)| {
            let wanted = excerpt(&written(matcher));
            if value.is_empty() {
                format!("no label {}, where {wanted} is asked for", matcher.label)
            } else {
                format!("{}={:?}, where {wanted} is asked for", matcher.label, excerpt(value))
            }
        })
        .collect();
    let all = if count == 1 { "1 series".to_owned() } else { format!("{count} series") };
    Some(format!("{all} of {metric}, of which none matches; the nearest has {}", wrong.join(", and ")))
}

/// Other labels than those asked for that have what is wanted of `matcher`, as the query would have them: the ones with names
/// like its own first.
pub(super) fn renamed_labels(selector: &Selector, matcher: &Matcher, series: &[Series]) -> Option<String> {
    let fits = fit(matcher);
    let is_asked = |label: &str| selector.matchers.iter().any(|matcher| matcher.label == label);
    let all = series.iter().flat_map(|series| &series.labels);
    let fitting: BTreeMap<&str, &str> = all
        .filter(|(label, value)| *label != "__name__" && !is_asked(label) && !value.is_empty() && fits(value))
        .map(|(label, value)| (label.as_str(), value.as_str()))
        .collect();
    let wanted = pairs(&matcher.label);
    let mut near: Vec<(usize, &str)> =
        fitting.keys().map(|label| (alike(&wanted, &pairs(label)), *label)).collect();
    near.sort_by(|(one, a), (other, b)| other.cmp(one).then(a.cmp(b)));
    let named: Vec<String> = near
        .iter()
        .take(NAMED_MAX)
        .map(|(_, label)| format!("{}={:?}", excerpt(label), excerpt(fitting[label])))
        .collect();
    (!named.is_empty()).then(|| named.join(" and "))
}

/// A label as a query has it.
pub(super) fn written(matcher: &Matcher) -> String {
    Selector { matchers: vec![matcher.clone()], ..Selector::default() }
        .to_string()
        .trim_matches(['{', '}'])
        .to_owned()
}

/// Whether a value fits. A pattern that cannot be read here fits everything, so that it is not blamed.
fn fit(matcher: &Matcher) -> Fit {
    let wanted = matcher.value.clone();
    match matcher.op {
        MatchOp::Equal => Box::new(move |value| value == wanted),
        MatchOp::NotEqual => Box::new(move |value| value != wanted),
        MatchOp::Matches | MatchOp::NotMatches => {
            let is_wanted = matcher.op == MatchOp::Matches;
            match RegexBuilder::new(&format!("^(?s:{wanted})$")).size_limit(PATTERN_MAX).build() {
                Ok(pattern) => Box::new(move |value| pattern.is_match(value) == is_wanted),
                Err(_) => Box::new(|_| true),
            }
        }
    }
}

/// Whether a series with this value of the label is one that is meant.
#[cfg(test)]
pub(super) fn fits(matcher: &Matcher, value: &str) -> bool {
    fit(matcher)(value)
}

/// How often each pair of letters that stand side by side is there.
fn pairs(text: &str) -> BTreeMap<(u8, u8), usize> {
    let bytes: Vec<u8> = text.bytes().take(CHARS_MAX).map(|byte| byte.to_ascii_lowercase()).collect();
    let mut pairs = BTreeMap::new();
    for pair in bytes.windows(2) {
        *pairs.entry((pair[0], pair[1])).or_default() += 1;
    }
    pairs
}

/// Sørensen's coefficient in hundredths: twice the common pairs, over all.
fn alike(one: &BTreeMap<(u8, u8), usize>, other: &BTreeMap<(u8, u8), usize>) -> usize {
    let all = one.values().sum::<usize>() + other.values().sum::<usize>();
    let common: usize = one.iter().map(|(pair, count)| *count.min(other.get(pair).unwrap_or(&0))).sum();
    (200 * common).checked_div(all).unwrap_or(0)
}
