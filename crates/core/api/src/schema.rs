//! Structural schemas for custom resource definitions, as small JSON values.
//!
//! Every schema here is structural in Kubernetes' sense (each node has a type or says that it is int-or-string),
//! because anything else is refused by the API server. Descriptions are the first paragraph of the field's
//! documentation, so `kubectl explain` and the source say the same.

use serde_json::{Map, Value, json};

use crate::wire::Mode;

/// One property of an object.
#[derive(Debug)]
pub struct Field {
    name: &'static str,
    schema: Value,
    required: bool,
}

/// A property with its documentation.
#[must_use]
pub fn field(name: &'static str, doc: &[&str], schema: Value, mode: Mode) -> Field {
    let mut described = Map::new();
    let description = first_paragraph(doc);
    if !description.is_empty() {
        described.insert("description".to_owned(), Value::String(description));
    }
    if let Value::Object(schema) = schema {
        described.extend(schema);
    }
    Field { name, schema: Value::Object(described), required: mode == Mode::Required }
}

/// An object with the given properties.
#[must_use]
pub fn object(fields: Vec<Field>) -> Value {
    let required: Vec<&str> = fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    let mut schema = plain("object");
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    let properties: Map<String, Value> =
        fields.into_iter().map(|field| (field.name.to_owned(), field.schema)).collect();
    schema["properties"] = Value::Object(properties);
    schema
}

/// A bare type.
#[must_use]
pub fn plain(kind: &str) -> Value {
    json!({ "type": kind })
}

/// A type with a format.
#[must_use]
pub fn format(kind: &str, format: &str) -> Value {
    json!({ "type": kind, "format": format })
}

/// A list.
#[must_use]
pub fn list(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

/// A map from text.
#[must_use]
pub fn map(values: &Value) -> Value {
    json!({ "type": "object", "additionalProperties": values })
}

/// A number or a text.
#[must_use]
pub fn int_or_string() -> Value {
    json!({ "x-kubernetes-int-or-string": true, "anyOf": [plain("integer"), plain("string")] })
}

/// An object whose fields are kept as they are.
#[must_use]
pub fn opaque() -> Value {
    json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}

/// Lines up to the first blank one, as one line without code marks and links.
fn first_paragraph(doc: &[&str]) -> String {
    let lines: Vec<&str> = doc.iter().map(|line| line.trim()).take_while(|line| !line.is_empty()).collect();
    lines.join(" ").replace('`', "")
}
