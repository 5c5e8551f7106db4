//! Objects of built-in kinds take the form that Go's types would give them: fields that no type has
//! go, wrong types are refused, empty values are written or left out as Go does.
//!
//! The same table as for protobuf says what the types are, so JSON, YAML and protobuf cannot differ.

use serde_json::{Map, Value, json};

use super::{DEPTH_MAX, Field, message_name, table};

/// Brings `object` into form. The answer is the paths of the fields that it had and no type knows.
///
/// # Errors
/// The place and the types of the first value of a wrong type.
pub(crate) fn conform(api_version: &str, kind: &str, object: &mut Value) -> Result<Vec<String>, String> {
    let name = message_name(api_version, kind).filter(|name| table().contains_key(name.as_str()));
    let mut unknown = Vec::new();
    match name {
        Some(name) => message(&name, object, "", &mut unknown, DEPTH_MAX)?,
        None => message("meta.ObjectMeta", &mut object["metadata"], "metadata", &mut unknown, 8)?,
    }
    Ok(unknown)
}

fn message(
    name: &str,
    value: &mut Value,
    path: &str,
    unknown: &mut Vec<String>,
    depth: usize,
) -> Result<(), String> {
    if depth == 0 {
        return Err(format!("{path} nests too deep"));
    }
    let Value::Object(map) = value else { return Err(wrong(value, path, "object")) };
    let mut whole = Map::new();
    if path.is_empty() {
        for field in ["apiVersion", "kind"] {
            whole.extend(map.shift_remove(field).map(|value| (field.to_owned(), value)));
        }
    }
    fields(name, map, &mut whole, path, unknown, depth)?;
    unknown.extend(map.keys().map(|key| child(path, key)));
    *map = whole;
    Ok(())
}

/// Moves the fields of one message, and of those that are inline in it, from `map` to `whole`.
fn fields(
    name: &str,
    map: &mut Map<String, Value>,
    whole: &mut Map<String, Value>,
    path: &str,
    unknown: &mut Vec<String>,
    depth: usize,
) -> Result<(), String> {
    for field in table().get(name).into_iter().flatten() {
        if field.inline {
            fields(&field.base[1..], map, whole, path, unknown, depth - 1)?;
            continue;
        }
        let mut value = map.shift_remove(field.name).unwrap_or(Value::Null);
        let path = child(path, field.name);
        if !value.is_null() {
            one(field, &mut value, &path, unknown, depth)?;
        }
        if let Some(value) = written(field, value, unknown, depth)? {
            whole.insert(field.name.to_owned(), value);
        }
    }
    Ok(())
}

/// What Go writes for a field: nothing for what is absent or empty and may be left out.
fn written(
    field: &Field,
    value: Value,
    unknown: &mut Vec<String>,
    depth: usize,
) -> Result<Option<Value>, String> {
    let plain = !field.repeated && !field.map;
    if value.is_null() && field.base.starts_with('M') && plain && !field.pointer {
        let mut empty = json!({});
        message(&field.base[1..], &mut empty, "-", unknown, depth - 1)?;
        return Ok(Some(empty));
    }
    let empty = match &value {
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => field.map && map.is_empty(),
        other => super::is_zero(other),
    };
    Ok(match (value, empty) {
        (Value::Null, _) if field.always => zero(field),
        (Value::Null, _) => None,
        (value, true) if field.always || (field.pointer && plain) => Some(value),
        (_, true) => None,
        (value, false) => Some(value),
    })
}

fn zero(field: &Field) -> Option<Value> {
    match field.base {
        _ if field.repeated || field.map => Some(Value::Null),
        "s" => Some(json!("")),
        "i" => Some(json!(0)),
        "b" => Some(json!(false)),
        "time" | "micro" => Some(Value::Null),
        _ => None,
    }
}

fn one(
    field: &Field,
    value: &mut Value,
    path: &str,
    unknown: &mut Vec<String>,
    depth: usize,
) -> Result<(), String> {
    if field.repeated {
        let Value::Array(list) = value else { return Err(wrong(value, path, "list")) };
        for (at, value) in list.iter_mut().enumerate() {
            scalar(field.base, value, &format!("{path}[{at}]"), unknown, depth)?;
        }
        return Ok(());
    }
    if field.map {
        let Value::Object(map) = value else { return Err(wrong(value, path, "map")) };
        for (key, value) in map.iter_mut() {
            scalar(field.base, value, &child(path, key), unknown, depth)?;
        }
        return Ok(());
    }
    scalar(field.base, value, path, unknown, depth)
}

fn scalar(
    base: &str,
    value: &mut Value,
    path: &str,
    unknown: &mut Vec<String>,
    depth: usize,
) -> Result<(), String> {
    let (good, wanted) = match base {
        "s" | "y" => (value.is_string(), "string"),
        "i" => (value.is_i64() || value.is_u64(), "integer"),
        "b" => (value.is_boolean(), "boolean"),
        "d" => (value.is_number(), "number"),
        "time" | "micro" => (value.is_string() || value.is_null(), "time"),
        "ios" => (value.is_string() || value.is_i64() || value.is_u64(), "integer or string"),
        "quantity" => {
            // Kubernetes reads a bare number and writes it as text.
            if let Value::Number(number) = value {
                *value = number.to_string().into();
            }
            if let Value::String(text) = value {
                *text = super::quantity::canonical(text)?;
            }
            (value.is_string(), "quantity")
        }
        "raw" => (true, "any"),
        _ => return message(&base[1..], value, path, unknown, depth - 1),
    };
    if good { Ok(()) } else { Err(wrong(value, path, wanted)) }
}

fn wrong(value: &Value, path: &str, wanted: &str) -> String {
    let have = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    format!("{path} must be of type {wanted}, and is {have}")
}

fn child(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_loses_what_no_type_has_and_keeps_a_zero_behind_a_pointer() {
        let mut object = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "a", "labels": {} },
            "spec": {
                "replicas": 0, "paused": false, "foo": 1,
                "template": { "spec": { "containers": [{ "name": "c", "bar": {} }] } },
            },
        });
        let unknown = conform("apps/v1", "Deployment", &mut object).unwrap();
        assert_eq!(unknown, ["spec.template.spec.containers[0].bar", "spec.foo"]);
        let want = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "a" },
            "spec": {
                "replicas": 0, "strategy": {},
                "template": {
                    "metadata": {},
                    "spec": { "containers": [{ "name": "c", "resources": {} }] },
                },
            },
            "status": {},
        });
        assert_eq!(object, want);
    }

    #[test]
    fn a_wrong_type_anywhere_is_refused_with_its_place() {
        for (object, place) in [
            (json!({ "spec": "x" }), "spec "),
            (json!({ "spec": { "replicas": "3" } }), "spec.replicas "),
            (json!({ "spec": { "template": { "spec": { "containers": ["x"] } } } }), "containers[0]"),
            (json!({ "metadata": { "labels": { "a": 1 } } }), "metadata.labels.a "),
        ] {
            let mut object = object;
            let error = conform("apps/v1", "Deployment", &mut object).unwrap_err();
            assert!(error.contains(place), "{error}");
        }
    }
}
