//! What comes of a question.

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub enum Sample {
    /// A number; it may be infinite.
    Value(f64),
    /// The server has answered that it has no number for this, and why as far as that is known.
    NoValues(String),
}

impl Sample {
    /// The words of Flagger for an answer without a value.
    pub const NO_VALUES: &'static str = "no values found";

    /// Nothing was measured.
    #[must_use]
    pub fn none() -> Self {
        Self::NoValues(Self::NO_VALUES.to_owned())
    }

    /// A number, where not-a-number is none.
    #[must_use]
    pub fn of(value: f64) -> Self {
        if value.is_nan() { Self::none() } else { Self::Value(value) }
    }
}

/// Why there is neither a value nor the knowledge that there is none. Where Flagger has words for it, they are Flagger's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The manifest or the secret lacks something, or says what cannot be used.
    #[error("{field}: {remedy}")]
    Field {
        /// Which field, with its path.
        field: String,
        /// What is wrong with it and what to do.
        remedy: String,
    },
    /// There was no answer.
    #[error("request failed: {0}")]
    Unanswered(String),
    /// The server refused.
    #[error("error response: {0}")]
    Refused(String),
    /// The answer is not what such a server answers.
    #[error("error unmarshaling result: {0}")]
    Unreadable(String),
    /// A range of values where one is wanted.
    #[error("query returned multiple values")]
    MultipleValues,
    /// Several series, of which nobody says which one counts.
    #[error("query returned {count} series: {}: make it one, as with sum or max, or select one by its labels", named.join(", "))]
    SeveralSeries {
        /// How many.
        count: usize,
        /// The first of them.
        named: Vec<String>,
    },
}

impl Error {
    pub(crate) fn field(field: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Field { field: field.into(), remedy: remedy.into() }
    }

    /// Several series, by what tells them apart.
    pub(crate) fn several(all: impl ExactSizeIterator<Item = String>) -> Self {
        /// More names help nobody, and an event has a limit.
        const NAMED_MAX: usize = 3;
        let count = all.len();
        let mut named: Vec<String> = all.take(NAMED_MAX).map(|name| excerpt(&name)).collect();
        if NAMED_MAX < count {
            named.push("…".to_owned());
        }
        Self::SeveralSeries { count, named }
    }
}

/// The beginning of a text that may be of any length.
pub(crate) fn excerpt(text: &str) -> String {
    const CHARS_MAX: usize = 300;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
