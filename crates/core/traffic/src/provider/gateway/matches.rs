//! Matches in the shape of manifests, turned into matches of the Gateway API.

use serde_json::{Map, Value, json};

use crate::Error;

/// The match that takes every request.
pub(super) fn everything() -> Value {
    json!({"path": {"type": "PathPrefix", "value": "/"}})
}

/// The matches of `list`, which messages call `name`.
///
/// # Errors
/// A condition that the Gateway API does not know.
pub(super) fn matches(name: &str, list: &[Value]) -> Result<Vec<Value>, Error> {
    list.iter().enumerate().map(|(index, one)| route_match(&format!("{name}[{index}]"), one)).collect()
}

fn route_match(place: &str, one: &Value) -> Result<Value, Error> {
    let mut fields = Map::new();
    if let Some(uri) = one.get("uri").filter(|uri| !uri.is_null()) {
        let kinds = [("regex", "RegularExpression"), ("exact", "Exact"), ("prefix", "PathPrefix")];
        let (kind, value) = condition(&format!("{place}.uri"), uri, &kinds)?;
        fields.insert("path".to_owned(), json!({"type": kind, "value": value}));
    }
    if let Some(method) = one.get("method").filter(|method| !method.is_null()) {
        let (_, value) = condition(&format!("{place}.method"), method, &[("exact", "Exact")])?;
        fields.insert("method".to_owned(), json!(value));
    }
    for field in ["headers", "queryParams"] {
        let Some(conditions) = one.get(field).and_then(Value::as_object) else { continue };
        let mut list = Vec::new();
        for (name, said) in conditions {
            let kinds = [("regex", "RegularExpression"), ("exact", "Exact")];
            let (kind, value) = condition(&format!("{place}.{field}[{name}]"), said, &kinds)?;
            list.push((name, json!({"name": name, "type": kind, "value": value})));
        }
        list.sort_by(|one, other| one.0.cmp(other.0));
        let list: Vec<Value> = list.into_iter().map(|(_, condition)| condition).collect();
        if !list.is_empty() {
            fields.insert(field.to_owned(), Value::Array(list));
        }
    }
    Ok(Value::Object(fields))
}

/// The one of `kinds` that a condition uses, in the API's word, and its value.
fn condition<'a>(
    place: &str,
    said: &'a Value,
    kinds: &[(&str, &'static str)],
) -> Result<(&'static str, &'a str), Error> {
    let found = kinds.iter().find_map(|(field, kind)| Some((*kind, said.get(*field)?.as_str()?)));
    found.ok_or_else(|| {
        let known: Vec<&str> = kinds.iter().map(|(field, _)| *field).collect();
        Error::Unsupported {
            field: place.to_owned(),
            problem: format!("the Gateway API has no such condition; use {}", known.join(" or ")),
        }
    })
}
