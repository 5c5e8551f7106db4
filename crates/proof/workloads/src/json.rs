//! Lenient readers: an odd field reads as its default and never stops a controller.
//!
//! Objects are held as JSON and not as typed structs, because a typed struct refuses a whole object (and with it a
//! whole list) for one field of the wrong type, and because unknown fields of a pod template must survive.

use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Labels, annotations and equality selectors.
pub(crate) type Labels = BTreeMap<String, String>;

/// The controller that owns an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) uid: String,
}

/// The text at a JSON pointer, or "".
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The whole number at a JSON pointer; a fraction is cut, anything else is `default`.
pub(crate) fn int(object: &Value, pointer: &str, default: i64) -> i64 {
    match object.pointer(pointer) {
        Some(Value::Number(number)) => {
            number.as_i64().or_else(|| number.as_f64().map(|float| float as i64)).unwrap_or(default)
        }
        _ => default,
    }
}

/// A whole number kept as text, the way annotations keep them.
pub(crate) fn int_text(object: &Value, pointer: &str) -> Option<i64> {
    text(object, pointer).parse().ok()
}

/// True only for the JSON value `true`.
pub(crate) fn flag(object: &Value, pointer: &str) -> bool {
    object.pointer(pointer).and_then(Value::as_bool).unwrap_or(false)
}

/// The array at a JSON pointer, or none.
pub(crate) fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The instant at a JSON pointer.
pub(crate) fn time(object: &Value, pointer: &str) -> Option<Timestamp> {
    text(object, pointer).parse().ok()
}

/// The string-to-string map at a JSON pointer; values of other types are left out.
pub(crate) fn labels(object: &Value, pointer: &str) -> Labels {
    let map = object.pointer(pointer).and_then(Value::as_object);
    map.into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// The owner reference that has `controller: true`.
pub(crate) fn owner(object: &Value) -> Option<Owner> {
    let reference = list(object, "/metadata/ownerReferences").iter().find(|r| flag(r, "/controller"))?;
    Some(Owner {
        kind: text(reference, "/kind").to_owned(),
        name: text(reference, "/name").to_owned(),
        uid: text(reference, "/uid").to_owned(),
    })
}

/// The owner reference that a controller writes on what it makes.
pub(crate) fn owner_reference(api_version: &str, kind: &str, owner: &Value) -> Value {
    json!({
        "apiVersion": api_version, "kind": kind, "name": text(owner, "/metadata/name"),
        "uid": text(owner, "/metadata/uid"), "controller": true, "blockOwnerDeletion": true,
    })
}

/// Kubernetes' wire form of an instant: whole seconds, UTC.
pub(crate) fn stamp(now: Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A count or a percentage of `total` (`5`, `"5"`, `"25%"`); none when it is neither, or negative.
pub(crate) fn count_or_percent(value: Option<&Value>, total: i64, round_up: bool) -> Option<i64> {
    let count = match value? {
        Value::Number(number) => number.as_i64()?,
        Value::String(string) => match string.strip_suffix('%') {
            Some(percent) => {
                let share = percent.parse::<i64>().ok()?.checked_mul(total)?;
                if round_up { share.checked_add(99)?.div_euclid(100) } else { share.div_euclid(100) }
            }
            None => string.parse().ok()?,
        },
        _ => return None,
    };
    (0 <= count).then_some(count)
}

/// `value` without nulls, empty maps and empty lists, keys sorted: two templates mean the same exactly when these
/// are equal.
pub(crate) fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept: BTreeMap<_, _> = map
                .iter()
                .map(|(key, inner)| (key.clone(), canonical(inner)))
                .filter(|(_, v)| !hollow(v))
                .collect();
            Value::Object(kept.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(canonical).collect()),
        other => other.clone(),
    }
}

fn hollow(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_percentages_round_as_asked_and_refuse_the_rest() {
        for (value, total, up, expected) in [
            (json!(2), 10, true, Some(2)),
            (json!("25%"), 10, true, Some(3)),
            (json!("25%"), 10, false, Some(2)),
            (json!("3"), 10, false, Some(3)),
            (json!("x%"), 10, false, None),
            (json!(-1), 10, false, None),
            (json!(1.5), 10, false, None),
            (json!({}), 10, false, None),
        ] {
            assert_eq!(count_or_percent(Some(&value), total, up), expected, "{value} of {total}");
        }
        assert_eq!(count_or_percent(None, 10, true), None);
    }

    #[test]
    fn templates_that_mean_the_same_have_one_canonical_form() {
        let left = json!({"b": 1, "a": {"x": null, "y": []}, "c": [{"k": {}}]});
        assert_eq!(canonical(&left).to_string(), r#"{"b":1,"c":[{}]}"#);
    }

    #[test]
    fn odd_objects_read_as_defaults() {
        let odd = json!({"spec": {"replicas": "3"}, "metadata": {"labels": {"a": 1}, "ownerReferences": {}}});
        assert_eq!(int(&odd, "/spec/replicas", 1), 1);
        assert!(labels(&odd, "/metadata/labels").is_empty());
        assert_eq!(owner(&odd), None);
        assert_eq!(time(&odd, "/metadata/creationTimestamp"), None);
    }
}
