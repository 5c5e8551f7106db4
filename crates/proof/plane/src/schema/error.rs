//! Field errors, word for word as Kubernetes words them, because people and scripts know those words.

use serde_json::{Value, json};
use std::fmt;

/// What kind of fault a field has; a closed set, because it is the `reason` of a Status cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldErrorKind {
    /// A value is missing.
    Required,
    /// A value appears twice where it must be unique.
    Duplicate,
    /// A value breaks a rule.
    Invalid,
    /// A value has the wrong type.
    TypeInvalid,
    /// A value is outside a closed set.
    NotSupported,
    /// A field may not be set here.
    Forbidden,
    /// A text is too long.
    TooLong,
    /// A list or map is too large.
    TooMany,
}

/// One fault of one field.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    /// The kind of fault.
    pub kind: FieldErrorKind,
    /// Path of the field: `spec.containers[0].name`; `<nil>` for the whole object.
    pub field: String,
    /// The value at fault; not shown for missing, forbidden and overlong ones.
    pub value: Value,
    /// What is wrong, possibly empty.
    pub detail: String,
}

impl FieldError {
    /// A missing value.
    #[must_use]
    pub fn required(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(FieldErrorKind::Required, field, Value::Null, detail)
    }

    /// A value that breaks a rule.
    #[must_use]
    pub fn invalid(field: impl Into<String>, value: impl Into<Value>, detail: impl Into<String>) -> Self {
        Self::new(FieldErrorKind::Invalid, field, value, detail)
    }

    /// A field that may not be set.
    #[must_use]
    pub fn forbidden(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(FieldErrorKind::Forbidden, field, Value::Null, detail)
    }

    /// A second appearance of a value.
    #[must_use]
    pub fn duplicate(field: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::new(FieldErrorKind::Duplicate, field, value, "")
    }

    /// A value outside `supported`.
    #[must_use]
    pub fn not_supported(field: impl Into<String>, value: impl Into<Value>, supported: &[Value]) -> Self {
        let names = supported.iter().map(|one| match one {
            Value::String(text) => go_quote(text),
            other => go_quote(&other.to_string()),
        });
        let names = names.collect::<Vec<_>>().join(", ");
        let detail = if names.is_empty() { String::new() } else { format!("supported values: {names}") };
        Self::new(FieldErrorKind::NotSupported, field, value, detail)
    }

    /// An error of any kind.
    #[must_use]
    pub fn new(
        kind: FieldErrorKind,
        field: impl Into<String>,
        value: impl Into<Value>,
        detail: impl Into<String>,
    ) -> Self {
        Self { kind, field: field.into(), value: value.into(), detail: detail.into() }
    }

    /// The message without the field, as in a Status cause.
    #[must_use]
    pub fn body(&self) -> String {
        let (title, show_value) = self.kind.title();
        let value = if show_value { format!(": {}", go_value(&self.value)) } else { String::new() };
        let detail = if self.detail.is_empty() { String::new() } else { format!(": {}", self.detail) };
        format!("{title}{value}{detail}")
    }

    /// The cause inside a Status of reason `Invalid`.
    #[must_use]
    pub fn cause(&self) -> Value {
        json!({ "reason": self.kind.reason(), "message": self.body(), "field": self.field })
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.body())
    }
}

impl std::error::Error for FieldError {}

impl FieldErrorKind {
    /// The title in messages, and whether the value follows it.
    fn title(self) -> (&'static str, bool) {
        match self {
            Self::Required => ("Required value", false),
            Self::Duplicate => ("Duplicate value", true),
            Self::Invalid | Self::TypeInvalid => ("Invalid value", true),
            Self::NotSupported => ("Unsupported value", true),
            Self::Forbidden => ("Forbidden", false),
            Self::TooLong => ("Too long", false),
            Self::TooMany => ("Too many", true),
        }
    }

    /// The `reason` of the Status cause.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Required => "FieldValueRequired",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Invalid => "FieldValueInvalid",
            Self::TypeInvalid => "FieldValueTypeInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Forbidden => "FieldValueForbidden",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
        }
    }
}

/// A text in Go's quotes.
#[must_use]
pub fn go_quote(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => out.extend(format!("\\x{:02x}", u32::from(c)).chars()),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A value as Go's field errors show it: scalars plainly, maps and lists in Go syntax.
fn go_value(value: &Value) -> String {
    match value {
        // Go shows a missing value as this text, in quotes.
        Value::Null => go_quote("null"),
        Value::Number(_) => serin_lang::jsonpath::text_of(value),
        other => go_syntax(other),
    }
}

fn go_syntax(value: &Value) -> String {
    match value {
        Value::Null => "interface {}(nil)".to_owned(),
        Value::Bool(bool) => bool.to_string(),
        Value::Number(_) => serin_lang::jsonpath::text_of(value),
        Value::String(text) => go_quote(text),
        Value::Array(list) => {
            let items = list.iter().map(go_syntax).collect::<Vec<_>>().join(", ");
            format!("[]interface {{}}{{{items}}}")
        }
        Value::Object(map) => {
            let mut keys: Vec<_> = map.iter().collect();
            keys.sort_by_key(|(key, _)| key.as_str());
            let items = keys.iter().map(|(key, value)| format!("{}:{}", go_quote(key), go_syntax(value)));
            format!("map[string]interface {{}}{{{}}}", items.collect::<Vec<_>>().join(", "))
        }
    }
}
