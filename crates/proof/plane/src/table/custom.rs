//! Tables of custom resources, from the columns that their definition names.

use super::text::since;
use crate::kinds::{KindInfo, PrinterColumn};
use jiff::Timestamp;
use serde_json::{Value, json};
use serin_lang::jsonpath::text_of;

/// The headers: the name, then the columns of the definition.
pub(super) fn definitions(kind: &KindInfo) -> Vec<Value> {
    let name =
        json!({ "name": "Name", "type": "string", "format": "name", "description": "", "priority": 0 });
    let column = |column: &PrinterColumn| {
        let default =
            || format!("Custom resource definition column (in JSONPath format): {}", column.path_text);
        let description = Some(column.description.clone()).filter(|text| !text.is_empty());
        json!({
            "name": column.name,
            "type": column.type_,
            "format": column.format,
            "description": description.unwrap_or_else(default),
            "priority": column.priority,
        })
    };
    std::iter::once(name).chain(kind.columns.iter().map(column)).collect()
}

/// The cells of one object.
pub(super) fn row(kind: &KindInfo, object: &Value, now: Timestamp) -> Value {
    let name = object["metadata"]["name"].clone();
    let cells = kind.columns.iter().map(|column| cell(column, object, now));
    json!({ "cells": std::iter::once(name).chain(cells).collect::<Vec<_>>() })
}

/// The first value of the path as the column's type; null where it is missing or of another type.
fn cell(column: &PrinterColumn, object: &Value, now: Timestamp) -> Value {
    let Some(value) = column.path.find(object).ok().and_then(|found| found.into_iter().next()) else {
        return Value::Null;
    };
    match (column.type_.as_str(), &*value) {
        ("string", value) => json!(text_of(value)),
        ("integer", Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => json!(integer),
            (None, Some(float)) => json!(float as i64),
            (None, None) => Value::Null,
        },
        ("number", Value::Number(number)) => json!(number),
        ("boolean", Value::Bool(bool)) => json!(bool),
        ("date", time @ Value::String(_)) => json!(since(time, now)),
        _ => Value::Null,
    }
}
