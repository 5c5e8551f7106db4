//! Schemas of built-in kinds for `kubectl explain`: names and types from the same table that reads them, no prose.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Field, message_name, table};
use crate::openapi::OBJECT_META;

/// The fields of a built-in kind, and the messages that they refer to.
pub(crate) fn kind(api_version: &str, kind: &str, root: &str) -> Option<(Value, BTreeSet<String>)> {
    let name = message_name(api_version, kind)?;
    table().contains_key(name.as_str()).then(|| {
        let mut more = BTreeSet::new();
        (message(&name, root, &mut more), more)
    })
}

/// The schemas of `wanted` messages and of all that they refer to, by name.
pub(crate) fn messages(mut wanted: BTreeSet<String>, root: &str) -> Map<String, Value> {
    let mut out = Map::new();
    while let Some(name) = wanted.pop_first() {
        let title = title(&name);
        if title == OBJECT_META || out.contains_key(&title) {
            continue;
        }
        let mut more = BTreeSet::new();
        out.insert(title, message(&name, root, &mut more));
        wanted.append(&mut more);
    }
    out
}

fn message(name: &str, root: &str, more: &mut BTreeSet<String>) -> Value {
    let mut properties = Map::new();
    fields(name, root, more, &mut properties);
    json!({ "type": "object", "properties": properties })
}

fn fields(name: &str, root: &str, more: &mut BTreeSet<String>, properties: &mut Map<String, Value>) {
    for field in table().get(name).into_iter().flatten() {
        if field.inline {
            fields(&field.base[1..], root, more, properties);
        } else {
            properties.insert(field.name.to_owned(), schema(field, root, more));
        }
    }
}

fn schema(field: &Field, root: &str, more: &mut BTreeSet<String>) -> Value {
    let one = match field.base {
        "i" => json!({ "type": "integer" }),
        "b" => json!({ "type": "boolean" }),
        "d" => json!({ "type": "number" }),
        "raw" => json!({ "type": "object" }),
        base if base.starts_with('M') => {
            more.insert(base[1..].to_owned());
            json!({ "allOf": [{ "$ref": format!("{root}{}", title(&base[1..])) }] })
        }
        _ => json!({ "type": "string" }),
    };
    if field.repeated {
        json!({ "type": "array", "items": one })
    } else if field.map {
        json!({ "type": "object", "additionalProperties": one })
    } else {
        one
    }
}

/// The name of a message's schema: `io.k8s.api.apps.v1.DeploymentSpec`.
fn title(message: &str) -> String {
    match message.split_once('.') {
        Some(("meta", name)) => format!("io.k8s.apimachinery.pkg.apis.meta.v1.{name}"),
        Some((package, name)) => format!("io.k8s.api.{package}.v1.{name}"),
        None => message.to_owned(),
    }
}
