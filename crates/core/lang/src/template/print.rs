//! Values as Go prints them. The engine writes large and small floats in full, and takes a float for `%d`.

use std::collections::BTreeMap;
use std::sync::Arc;

use gotmpl::Value;
use serde_json::Value as Json;

use super::Named;
use crate::float;

/// As Go reads it from JSON into an `interface{}`: numbers are floats.
pub(super) fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(is) => Value::Bool(*is),
        Json::Number(number) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        Json::String(text) => Value::String(text.as_str().into()),
        Json::Array(items) => Value::List(items.iter().map(value).collect()),
        Json::Object(fields) => {
            let fields: BTreeMap<Arc<str>, Value> =
                fields.iter().map(|(key, field)| (key.as_str().into(), value(field))).collect();
            Value::Map(Arc::new(fields))
        }
    }
}

pub(super) fn named(named: &Named) -> Value {
    match named {
        Named::Text(text) => Value::String(text.as_str().into()),
        Named::Texts(texts) => {
            let texts =
                texts.iter().map(|(key, text)| (key.as_str().into(), Value::String(text.as_str().into())));
            Value::Map(Arc::new(texts.collect()))
        }
        Named::Json(json) => value(json),
    }
}

/// `%v`.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        Value::Float(float) => float::shortest(*float),
        Value::List(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(" ")),
        Value::Map(map) => {
            let fields: Vec<String> =
                map.iter().map(|(key, value)| format!("{key}:{}", shown(value))).collect();
            format!("map[{}]", fields.join(" "))
        }
        other => other.to_string(),
    }
}

/// `print`: a space between two operands of which neither is a text.
pub(super) fn sprint(args: &[Value]) -> String {
    let mut text = String::new();
    for (at, arg) in args.iter().enumerate() {
        let is_text = |value: &Value| matches!(value, Value::String(_));
        if 0 < at && !is_text(arg) && !is_text(&args[at - 1]) {
            text.push(' ');
        }
        text.push_str(&shown(arg));
    }
    text
}

/// `println`: a space between all operands.
pub(super) fn sprintln(args: &[Value]) -> String {
    let all: Vec<String> = args.iter().map(shown).collect();
    format!("{}\n", all.join(" "))
}

/// At least as many bytes as `printf` will give: widths and precisions, and each operand as often as there are verbs.
pub(super) fn printf_size_max(args: &[Value]) -> u64 {
    let Some((Value::String(format), rest)) = args.split_first() else { return 0 };
    let numbers = format.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
    let widths = numbers.fold(0_u64, |sum, digits| sum.saturating_add(digits.parse().unwrap_or(u64::MAX)));
    let stars = format.matches('*').count() as u64;
    let widest = rest.iter().filter_map(Value::as_int).map(i64::unsigned_abs).max().unwrap_or(0);
    // With explicit indexes, one operand may be written by each verb; a byte as an escape is up to ten.
    let verbs = if format.contains('[') { format.matches('%').count() as u64 } else { 1 };
    let operands = rest.iter().map(|arg| 400 + 10 * shown(arg).len() as u64).sum::<u64>();
    let stars = stars.saturating_mul(widest.min(u64::from(u16::MAX)));
    widths
        .saturating_add(stars)
        .saturating_add(operands.saturating_mul(verbs.max(1)))
        .saturating_add(format.len() as u64)
}

/// A format and its operands in which the engine's mistakes with floats and types cannot happen: `%v` of a float or of
/// what has floats in it gets the text, `%d` of a float is no integer, `%T` is Go's name.
pub(super) fn printf_mended(format: &str, args: &[Value]) -> (String, Vec<Value>) {
    let mut mended = args.to_vec();
    // Explicit indexes and stars change which operand a verb takes: those formats are left as they are.
    if format.contains("%[") || format.contains('*') {
        return (format.to_owned(), mended);
    }
    let mut text = String::new();
    let mut rest = format;
    let mut at = 0;
    while let Some((before, directive)) = rest.split_once('%') {
        text.push_str(before);
        let end = directive.find(|c: char| !"+-# 0.123456789".contains(c)).unwrap_or(directive.len());
        let (flags, after) = directive.split_at(end);
        let Some(verb) = after.chars().next() else {
            text.push_str("%%!(NOVERB)");
            rest = "";
            break;
        };
        rest = &after[verb.len_utf8()..];
        if verb == '%' {
            text.push_str("%%");
            continue;
        }
        let verb = match mended.get_mut(at) {
            Some(operand) => mend(verb, flags, operand),
            None => verb,
        };
        at += 1;
        text.push('%');
        // A precision would cut what stands for the number.
        text.push_str(flags);
        text.push(verb);
    }
    text.push_str(rest);
    (text, mended)
}

fn mend(verb: char, flags: &str, operand: &mut Value) -> char {
    let stands = |operand: &mut Value, text: String| {
        *operand = Value::String(text.into());
        's'
    };
    let is_plain = !flags.contains(['+', '#', ' ', '.', '0']);
    match (verb, &*operand) {
        ('v', Value::Float(_) | Value::List(_) | Value::Map(_)) if is_plain => {
            let text = shown(operand);
            stands(operand, text)
        }
        ('s', Value::List(_) | Value::Map(_)) if is_plain && is_of_texts(operand) => {
            let text = shown(operand);
            stands(operand, text)
        }
        ('d' | 'c' | 'U' | 'o' | 's' | 'q' | 't', Value::Float(float)) => {
            let text = format!("%!{verb}(float64={})", float::shortest(*float));
            stands(operand, text)
        }
        ('T', value) => {
            let name = match value {
                Value::Nil => "<nil>",
                Value::Bool(_) => "bool",
                Value::Int(_) => "int",
                Value::Uint(_) => "uint",
                Value::Float(_) => "float64",
                Value::String(_) => "string",
                Value::List(_) => "[]interface {}",
                Value::Map(_) => "map[string]interface {}",
                Value::Function(_) => "func",
            };
            stands(operand, name.to_owned())
        }
        _ => verb,
    }
}

fn is_of_texts(value: &Value) -> bool {
    match value {
        Value::String(_) => true,
        Value::List(items) => items.iter().all(is_of_texts),
        Value::Map(map) => map.values().all(is_of_texts),
        _ => false,
    }
}
