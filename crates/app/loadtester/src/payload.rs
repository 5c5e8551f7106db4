//! What a web hook sends, and Go's words for what is wrong with it. Pure.
//!
//! The words are only logged, but people search logs for them: the common mistakes are told as Go tells them, and a mistake
//! that Go would find by another way gets words of the same form.

use std::collections::BTreeMap;

use serde_json::{Value, error::Category};

/// The fields that are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) metadata: BTreeMap<String, String>,
}

impl Payload {
    /// How log lines name the canary.
    pub(crate) fn canary(&self) -> String {
        format!("{}.{}", self.name, self.namespace)
    }
}

/// Reads a body as Go does: names of fields in any case, unknown fields passed over, `null` is nothing.
pub(crate) fn decode(body: &[u8]) -> Result<Payload, String> {
    let text = String::from_utf8_lossy(body);
    let value: Value = serde_json::from_str(&text).map_err(|error| syntax(&text, &error))?;
    let fields = match value {
        Value::Null => return Ok(Payload::default()),
        Value::Object(fields) => fields,
        other => {
            let kind = kind(&other);
            return Err(format!(
                "json: cannot unmarshal {kind} into Go value of type v1beta1.CanaryWebhookPayload"
            ));
        }
    };
    let mut payload = Payload::default();
    for (name, value) in fields {
        match name.to_ascii_lowercase().as_str() {
            "name" => payload.name = string("name", value)?,
            "namespace" => payload.namespace = string("namespace", value)?,
            text @ ("phase" | "checksum") => drop(string(text, value)?),
            "metadata" => payload.metadata = texts(value)?,
            _ => {}
        }
    }
    Ok(payload)
}

fn string(field: &str, value: Value) -> Result<String, String> {
    match value {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text),
        other => Err(mistyped(field, &other, "string")),
    }
}

fn texts(value: Value) -> Result<BTreeMap<String, String>, String> {
    match value {
        Value::Null => Ok(BTreeMap::new()),
        Value::Object(fields) => {
            fields.into_iter().map(|(key, value)| Ok((key, string("metadata", value)?))).collect()
        }
        other => Err(mistyped("metadata", &other, "map[string]string")),
    }
}

fn mistyped(field: &str, value: &Value, wanted: &str) -> String {
    let kind = kind(value);
    format!(
        "json: cannot unmarshal {kind} into Go struct field CanaryWebhookPayload.{field} of type {wanted}"
    )
}

/// What Go calls a value.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Where our parser stopped, and what Go says of a character there.
const PLACES: [(&str, &str); 6] = [
    ("expected value", "looking for beginning of value"),
    ("trailing characters", "after top-level value"),
    ("expected `:`", "after object key"),
    ("expected `,` or `}`", "after object key:value pair"),
    ("expected `,` or `]`", "after array element"),
    ("key must be a string", "looking for beginning of object key string"),
];

/// Go's words for a body that is no JSON.
pub(crate) fn syntax(text: &str, error: &serde_json::Error) -> String {
    if error.classify() == Category::Eof {
        return "unexpected end of JSON input".to_owned();
    }
    let line = text.split('\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    // The column counts bytes and may be inside of a character.
    let at = error.column().saturating_sub(1);
    let found = line.char_indices().rfind(|(index, _)| *index <= at).map_or(' ', |(_, found)| found);
    let said = error.to_string();
    let place =
        PLACES.iter().find(|(ours, _)| said.starts_with(ours)).map_or("in literal or string", |(_, go)| go);
    format!("invalid character {found:?} {place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told_in_the_words_of_go() {
        for (body, expected) in [
            ("", "unexpected end of JSON input"),
            ("{\"name\":", "unexpected end of JSON input"),
            ("garbage", "invalid character 'g' looking for beginning of value"),
            ("{} x", "invalid character 'x' after top-level value"),
            ("{\"a\" 1}", "invalid character '1' after object key"),
            ("{\"a\": 1 2}", "invalid character '2' after object key:value pair"),
            ("\n[1 2]", "invalid character '2' after array element"),
            ("{1: 2}", "invalid character '1' looking for beginning of object key string"),
            ("[]", "json: cannot unmarshal array into Go value of type v1beta1.CanaryWebhookPayload"),
            (
                "{\"name\":1}",
                "json: cannot unmarshal number into Go struct field CanaryWebhookPayload.name of type string",
            ),
            (
                "{\"metadata\":{\"cmd\":true}}",
                "json: cannot unmarshal bool into Go struct field CanaryWebhookPayload.metadata of type string",
            ),
            (
                "{\"metadata\":[]}",
                "json: cannot unmarshal array into Go struct field CanaryWebhookPayload.metadata of type map[string]string",
            ),
        ] {
            assert_eq!(decode(body.as_bytes()).unwrap_err(), expected, "{body}");
        }
    }

    #[test]
    fn fields_are_found_in_any_case_and_null_is_nothing() {
        let found =
            decode(br#"{"Name":"n","NAMESPACE":"s","metadata":{"a":"b","c":null},"extra":[1]}"#).unwrap();
        assert_eq!((found.canary().as_str(), found.metadata["a"].as_str()), ("n.s", "b"));
        assert_eq!(decode(b"null").unwrap(), Payload::default());
        assert_eq!(decode(br#"{"name":null,"metadata":null}"#).unwrap().canary(), ".");
    }

    #[test]
    fn nothing_that_is_sent_can_stop_the_reader() {
        let deep = "[".repeat(200_000);
        for body in [&b"\xff\xfe{"[..], deep.as_bytes(), b"\0", "\u{e9}".as_bytes(), b"\"\\ud800\""] {
            assert!(decode(body).is_err(), "{:?}", &body[..body.len().min(9)]);
        }
    }
}
