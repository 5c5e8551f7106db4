//! What a custom resource with a scale subresource may have at the places that the subresource reads.
//!
//! The definition's schema may say nothing of them; autoscalers and `kubectl scale` rely on them all the same. The
//! words are those of the real API, as are the paths with their leading dot.

use serde_json::Value;

use crate::cluster::Place;
use crate::schema::FieldError;
use crate::verbs::write::Part;

/// The subresource speaks of replicas as a 32-bit number.
const REPLICAS_MAX: i64 = i32::MAX as i64;

/// What is wrong at those places; `part` is what the write changes.
pub(crate) fn validate(place: &Place, object: &Value, part: Part) -> Vec<FieldError> {
    let Some(paths) = place.kind.scale.as_ref().filter(|_| place.kind.custom) else { return Vec::new() };
    let spec = (part == Part::Main).then(|| replicas(object, &paths.spec)).flatten();
    let selector = paths.selector.as_deref().and_then(|path| selector(object, path));
    [spec, replicas(object, &paths.status), selector].into_iter().flatten().collect()
}

fn replicas(object: &Value, path: &str) -> Option<FieldError> {
    let value = match find(object, path) {
        Ok(value) => value?,
        Err(detail) => return Some(FieldError::invalid(path, 0, detail)),
    };
    match value.as_i64() {
        None => Some(FieldError::invalid(path, 0, of_type(path, value, "int64"))),
        Some(count) if count < 0 => {
            Some(FieldError::invalid(path, count, "should be a non-negative integer"))
        }
        Some(count) if REPLICAS_MAX < count => {
            let detail = format!("should be less than or equal to {REPLICAS_MAX}");
            Some(FieldError::invalid(path, count, detail))
        }
        Some(_) => None,
    }
}

fn selector(object: &Value, path: &str) -> Option<FieldError> {
    match find(object, path) {
        Ok(value) => {
            let value = value.filter(|value| !value.is_string())?;
            Some(FieldError::invalid(path, "", of_type(path, value, "string")))
        }
        Err(detail) => Some(FieldError::invalid(path, "", detail)),
    }
}

/// The value at a dotted path, if there is one; an error when something on the way is no object.
fn find<'a>(object: &'a Value, path: &str) -> Result<Option<&'a Value>, String> {
    let (mut at, mut walked) = (object, String::new());
    for field in path.trim_start_matches('.').split('.') {
        walked = format!("{walked}.{field}");
        let next = match at {
            Value::Null => None,
            Value::Object(fields) => fields.get(field),
            other => return Err(of_type(&walked, other, "map[string]interface{}")),
        };
        let Some(next) = next else { return Ok(None) };
        at = next;
    }
    Ok(Some(at))
}

/// Go's complaint about a value of another type.
fn of_type(path: &str, value: &Value, expected: &str) -> String {
    let (shown, type_) = match value {
        Value::Null => ("<nil>".to_owned(), "<nil>"),
        Value::Bool(flag) => (flag.to_string(), "bool"),
        Value::Number(number) => {
            (serin_lang::jsonpath::text_of(value), if number.is_f64() { "float64" } else { "int64" })
        }
        Value::String(text) => (text.clone(), "string"),
        Value::Array(_) => (value.to_string(), "[]interface {}"),
        Value::Object(_) => (value.to_string(), "map[string]interface {}"),
    };
    format!("{path} accessor error: {shown} is of the type {type_}, expected {expected}")
}
