//! Lenient reads of objects: a screen must show what it can of an odd object, so a wrong type reads as absent.

use serde_json::Value;

/// The text at JSON pointer `path`; empty when absent.
pub(crate) fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    object.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// The number at `path`.
pub(crate) fn number(object: &Value, path: &str) -> Option<i64> {
    object.pointer(path).and_then(Value::as_i64)
}

/// Whether `path` holds `true`.
pub(crate) fn flag(object: &Value, path: &str) -> bool {
    object.pointer(path).and_then(Value::as_bool).unwrap_or_default()
}

/// The elements of the list at `path`; none when absent.
pub(crate) fn list<'a>(object: &'a Value, path: &str) -> &'a [Value] {
    object.pointer(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The instant at `path`, as seconds since 1970.
pub(crate) fn seconds(object: &Value, path: &str) -> Option<i64> {
    text(object, path).parse().ok().map(serin_kernel::Moment::as_secs)
}

/// The label, or annotation, `key` in the map at `path`.
pub(crate) fn entry<'a>(object: &'a Value, path: &str, key: &str) -> &'a str {
    object.pointer(path).and_then(|map| map.get(key)).and_then(Value::as_str).unwrap_or_default()
}
