//! Field selectors: `metadata.name=x,status.phase!=Running`.

use super::{MAX_SELECTOR_BYTES, SelectorError};
use serde_json::Value;
use std::fmt;

/// A field selector: `metadata.name=x,status.phase!=Running`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector {
    terms: Vec<FieldTerm>,
}

/// One term of a [`FieldSelector`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldTerm {
    /// Dotted path of the field.
    pub field: String,
    /// The value compared with.
    pub value: String,
    /// Whether the field must equal the value (else it must differ).
    pub equal: bool,
}

impl FieldSelector {
    /// Reads the text form; empty terms are ignored as Kubernetes ignores them.
    ///
    /// # Errors
    /// [`SelectorError::Parse`] with the offset of the broken term.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        if MAX_SELECTOR_BYTES < text.len() {
            return Err(SelectorError::Parse {
                at: MAX_SELECTOR_BYTES,
                message: "selector too long".to_owned(),
            });
        }
        let mut terms = Vec::new();
        let mut begin = 0;
        for end in unescaped_commas(text) {
            let term = &text[begin..end];
            if !term.is_empty() {
                terms.push(FieldTerm::parse(term, begin)?);
            }
            begin = end + 1;
        }
        Ok(Self { terms })
    }

    /// The terms, so that a server can refuse fields that a kind does not support.
    #[must_use]
    pub fn terms(&self) -> &[FieldTerm] {
        &self.terms
    }

    /// Whether every object matches.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether the object matches; a missing field counts as the empty text.
    #[must_use]
    pub fn matches(&self, object: &Value) -> bool {
        self.terms.iter().all(|term| {
            let pointer = term.field.split('.').try_fold(object, |value, name| value.get(name));
            let text = pointer.map(crate::jsonpath::text_of).filter(|_| !pointer.is_some_and(Value::is_null));
            (text.unwrap_or_default() == term.value) == term.equal
        })
    }
}

impl fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, term) in self.terms.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let operator = if term.equal { "=" } else { "!=" };
            let value = term.value.replace('\\', "\\\\").replace(',', "\\,").replace('=', "\\=");
            write!(f, "{comma}{}{operator}{value}", term.field)?;
        }
        Ok(())
    }
}

impl FieldTerm {
    fn parse(term: &str, begin: usize) -> Result<Self, SelectorError> {
        let at = term.find(['=', '!']).filter(|at| 0 < *at);
        let split = at.and_then(|at| {
            let operator = ["!=", "==", "="].into_iter().find(|operator| term[at..].starts_with(operator))?;
            Some((&term[..at], operator, &term[at + operator.len()..]))
        });
        let Some((field, operator, value)) = split else {
            let message = format!("invalid selector: '{term}'; can't understand '{term}'");
            return Err(SelectorError::Parse { at: begin, message });
        };
        let mut plain = String::new();
        let mut chars = value.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => plain.extend(chars.next()),
                '=' => {
                    let message = format!("invalid field selector: unescaped '=' in value of {field}");
                    return Err(SelectorError::Parse { at: begin, message });
                }
                c => plain.push(c),
            }
        }
        Ok(Self { field: field.to_owned(), value: plain, equal: operator != "!=" })
    }
}

/// Offsets of the commas that end a term, and of the end of the text.
fn unescaped_commas(text: &str) -> Vec<usize> {
    let mut escaped = false;
    let mut out = Vec::new();
    for (at, c) in text.char_indices() {
        if c == ',' && !escaped {
            out.push(at);
        }
        escaped = c == '\\' && !escaped;
    }
    out.push(text.len());
    out
}
