//! Reading JSON that may have any shape.

use serde_json::{Map, Value};

/// The text at `pointer`.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str()
}

/// The whole number at `pointer`, 0 for anything else: what an API server leaves out of a status is 0.
pub(super) fn count(value: &Value, pointer: &str) -> i64 {
    value.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

/// The items of the list at `pointer`, none for anything else.
pub(super) fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// The items of the list at `pointer`, none for anything else.
pub(super) fn list_mut<'a>(value: &'a mut Value, pointer: &str) -> impl Iterator<Item = &'a mut Value> {
    value.pointer_mut(pointer).and_then(Value::as_array_mut).into_iter().flatten()
}

/// The entries of the map at `pointer`, none for anything else.
pub(super) fn entries<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value.pointer(pointer).and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

/// The fields of `from` that have a value.
pub(super) fn pick(from: Option<&Value>, fields: &[&str]) -> Map<String, Value> {
    let known =
        |field: &&str| Some(((*field).to_owned(), from?.get(*field).filter(|v| !v.is_null())?.clone()));
    fields.iter().filter_map(known).collect()
}
