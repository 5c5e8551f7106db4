//! Errors about one field, in Kubernetes' own words and layout.

use std::fmt;

use serde_json::Value;

/// What kind of wrong a field is. The texts are Kubernetes' own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The field must be there.
    Required,
    /// The value cannot be.
    Invalid,
    /// The value is none of a closed set.
    NotSupported,
    /// The value is there twice.
    Duplicate,
    /// The value names something that is not there.
    NotFound,
    /// The field may not be there.
    Forbidden,
    /// The value is too long.
    TooLong,
    /// The field clashes with how the object is used.
    Internal,
}

/// One problem with one field.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    /// Path of the field.
    pub path: String,
    /// What kind of wrong it is.
    pub kind: ErrorKind,
    /// The value that is there.
    pub value: Value,
    /// What to do about it; may be empty.
    pub detail: String,
}

impl ErrorKind {
    const fn text(self) -> &'static str {
        match self {
            Self::Required => "Required value",
            Self::Invalid => "Invalid value",
            Self::NotSupported => "Unsupported value",
            Self::Duplicate => "Duplicate value",
            Self::NotFound => "Not found",
            Self::Forbidden => "Forbidden",
            Self::TooLong => "Too long",
            Self::Internal => "Internal error",
        }
    }

    const fn shows_value(self) -> bool {
        matches!(self, Self::Invalid | Self::NotSupported | Self::Duplicate | Self::NotFound)
    }
}

/// `path: Type: value: detail`. Values that are neither text nor number are shown as JSON.
impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.kind.text())?;
        if self.kind.shows_value() {
            write!(f, ": {}", self.value)?;
        }
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        Ok(())
    }
}

/// Problems in the order in which they were found.
#[derive(Debug, Default)]
pub(crate) struct Errors(pub(crate) Vec<FieldError>);

impl Errors {
    pub(crate) fn add(
        &mut self,
        kind: ErrorKind,
        path: impl Into<String>,
        value: impl Into<Value>,
        detail: impl Into<String>,
    ) {
        let (path, value, detail) = (path.into(), value.into(), detail.into());
        self.0.push(FieldError { path, kind, value, detail });
    }

    pub(crate) fn invalid(
        &mut self,
        path: impl Into<String>,
        value: impl Into<Value>,
        detail: impl Into<String>,
    ) {
        self.add(ErrorKind::Invalid, path, value, detail);
    }

    /// One error for each thing that is wrong with a text.
    pub(crate) fn all_invalid(&mut self, path: &str, text: &str, details: Vec<String>) {
        for detail in details {
            self.invalid(path, text, detail);
        }
    }

    pub(crate) fn required(&mut self, path: impl Into<String>, detail: impl Into<String>) {
        self.add(ErrorKind::Required, path, Value::Null, detail);
    }

    pub(crate) fn forbidden(&mut self, path: impl Into<String>, detail: impl Into<String>) {
        self.add(ErrorKind::Forbidden, path, Value::Null, detail);
    }

    pub(crate) fn duplicate(&mut self, path: impl Into<String>, value: &str) {
        self.add(ErrorKind::Duplicate, path, value, "");
    }

    pub(crate) fn not_supported(&mut self, path: impl Into<String>, value: &str, supported: &[&str]) {
        let supported: Vec<String> = supported.iter().map(|value| format!("{value:?}")).collect();
        let detail = format!("supported values: {}", supported.join(", "));
        self.add(ErrorKind::NotSupported, path, value, detail);
    }

    pub(crate) fn not_negative(&mut self, path: impl Into<String>, value: i32) {
        if value < 0 {
            self.invalid(path, value, "must be greater than or equal to 0");
        }
    }
}
