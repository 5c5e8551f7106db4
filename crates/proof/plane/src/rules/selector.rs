//! What is wrong with a label selector in its object form, each fault at its own field.

use serde_json::Value;
use serin_lang::names;

use super::validate::labels;
use crate::schema::FieldError;
use crate::status::cause;

/// Everything that is wrong with `selector`; nothing if there is none.
pub(super) fn validate(selector: &Value, path: &str, causes: &mut Vec<FieldError>) {
    labels(&selector["matchLabels"], &format!("{path}.matchLabels"), causes);
    for (at, one) in selector["matchExpressions"].as_array().into_iter().flatten().enumerate() {
        requirement(one, &format!("{path}.matchExpressions[{at}]"), causes);
    }
}

fn requirement(one: &Value, path: &str, causes: &mut Vec<FieldError>) {
    let values = one["values"].as_array().map_or(&[][..], Vec::as_slice);
    match (one["operator"].as_str().unwrap_or_default(), values.is_empty()) {
        ("In" | "NotIn", true) => {
            let detail = "must be specified when `operator` is 'In' or 'NotIn'";
            causes.push(cause::required(format!("{path}.values"), detail));
        }
        ("Exists" | "DoesNotExist", false) => {
            let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            causes.push(cause::forbidden(format!("{path}.values"), detail));
        }
        ("In" | "NotIn" | "Exists" | "DoesNotExist", _) => {}
        (other, _) => {
            let detail = "not a valid selector operator";
            causes.push(cause::invalid(format!("{path}.operator"), &other.into(), detail));
        }
    }
    let key = one["key"].as_str().unwrap_or_default();
    for why in names::qualified(key) {
        causes.push(cause::invalid(format!("{path}.key"), &key.into(), &why));
    }
    for (at, value) in values.iter().enumerate() {
        for why in names::label_value(value.as_str().unwrap_or_default()) {
            causes.push(cause::invalid(format!("{path}.values[{at}]"), value, &why));
        }
    }
}
