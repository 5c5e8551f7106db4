//! Small pieces of text that several columns share.

use jiff::Timestamp;
use serde_json::Value;
use serin_lang::selector::Selector;

/// Where Kubernetes has nothing to show.
pub(super) const NONE: &str = "<none>";

/// The value at a dotted path; null where there is none.
pub(super) fn at<'a>(object: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(object, |value, name| &value[name])
}

/// The text at a dotted path, or `otherwise`.
pub(super) fn text_or(object: &Value, path: &str, otherwise: &str) -> String {
    at(object, path).as_str().filter(|text| !text.is_empty()).unwrap_or(otherwise).to_owned()
}

/// The integer at a dotted path, or 0 as in Go's structs.
pub(super) fn int(object: &Value, path: &str) -> i64 {
    at(object, path).as_i64().unwrap_or(0)
}

/// The list at a dotted path; empty where there is none.
pub(super) fn list<'a>(object: &'a Value, path: &str) -> &'a [Value] {
    at(object, path).as_array().map_or(&[], Vec::as_slice)
}

/// How long ago a time was, in kubectl's words.
pub(super) fn since(time: &Value, now: Timestamp) -> String {
    match time.as_str().filter(|text| !text.is_empty()) {
        None => "<unknown>".to_owned(),
        Some(text) => text.parse::<Timestamp>().map_or_else(
            |_| "<invalid>".to_owned(),
            |time| serin_lang::age::human(seconds_between(time, now)),
        ),
    }
}

/// Whole seconds from `time` to `now`, cut towards zero.
fn seconds_between(time: Timestamp, now: Timestamp) -> i64 {
    now.duration_since(time).as_secs()
}

/// Labels as `a=1,b=2`, sorted by key.
pub(super) fn labels(labels: &Value) -> String {
    let mut pairs: Vec<String> = labels
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    pairs.sort();
    if pairs.is_empty() { NONE.to_owned() } else { pairs.join(",") }
}

/// A label selector object as text.
pub(super) fn selector(selector: &Value, empty: &str, broken: &str) -> String {
    match Selector::from_object(selector) {
        Ok(selector) if selector.to_string().is_empty() => empty.to_owned(),
        Ok(selector) => selector.to_string(),
        Err(_) => broken.to_owned(),
    }
}

/// One field of each container, joined by commas.
pub(super) fn containers(object: &Value, field: &str) -> Value {
    let containers = list(object, "spec.template.spec.containers").iter();
    let names: Vec<&str> = containers.map(|one| one[field].as_str().unwrap_or_default()).collect();
    Value::from(names.join(","))
}

/// At most `shown` of `all` joined by `separator`, and how many were left out.
pub(super) fn shortened(all: &[String], shown: usize, separator: &str) -> String {
    let text = all[..all.len().min(shown)].join(separator);
    if all.len() <= shown { text } else { format!("{text} + {} more...", all.len() - shown) }
}
