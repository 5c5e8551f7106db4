//! Values as kubectl prints them: Go's notation for floats, JSON with sorted keys for maps and lists.

use serde_json::{Map, Number, Value};
use std::borrow::Cow;

/// One list of results, separated by spaces.
pub(super) fn list(items: &[Cow<'_, Value>]) -> String {
    items.iter().map(|item| value(item)).collect::<Vec<_>>().join(" ")
}

/// One result.
pub(super) fn value(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(bool) => bool.to_string(),
        Value::String(text) => text.clone(),
        Value::Number(number) => go_number(number),
        Value::Array(_) | Value::Object(_) => {
            let json = sorted(value).to_string();
            // Go's encoder keeps JSON safe inside HTML.
            json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
        }
    }
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(list) => Value::Array(list.iter().map(sorted).collect()),
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_str());
            Value::Object(
                entries.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect::<Map<_, _>>(),
            )
        }
        scalar => scalar.clone(),
    }
}

/// A number in Go's `%v`: integers plainly, floats with an exponent from 1e+06 and below 1e-04.
fn go_number(number: &Number) -> String {
    /// Go's `%v` of a float switches to an exponent at this power of ten.
    const FIRST_POWER_WITH_EXPONENT: i32 = 6;
    let (None, None, Some(float)) = (number.as_i64(), number.as_u64(), number.as_f64()) else {
        return number.to_string();
    };
    let scientific = format!("{float:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let power: i32 = exponent.parse().unwrap_or(0);
    if (-4..FIRST_POWER_WITH_EXPONENT).contains(&power) {
        return format!("{float}");
    }
    let sign = if power < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", power.abs())
}
