//! Label and field selectors, in both of their forms, matching and printed as Kubernetes does.
//!
//! Selectors decide which pods a rollout owns, so a selector that cannot be read is an error that names its
//! fault, never a selector that matches something else.
//!
//! 1. A missing selector object matches nothing, an empty one everything.
//! 2. `!=` and `notin` also match objects without the key.
//! 3. Printing sorts by key, and the values of a set; the printed text parses back to the same selector.

mod field;
mod parse;
#[cfg(test)]
mod tests;

pub use field::{FieldSelector, FieldTerm};

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

/// Longest accepted selector text in bytes; the API server's URL limit is of the same size.
pub const MAX_SELECTOR_BYTES: usize = 16 * 1024;
/// Longest name part of a label key and longest label value, from the label syntax of Kubernetes.
const MAX_NAME_BYTES: usize = 63;
/// Longest prefix of a label key: a DNS name.
const MAX_PREFIX_BYTES: usize = 253;

/// Why a selector was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// The text form is broken at a byte offset.
    #[error("unable to parse requirement: {message} at position {at}")]
    Parse {
        /// Byte offset into the text.
        at: usize,
        /// What is wrong there.
        message: String,
    },
    /// A requirement breaks the rules of labels or operators; `field` is its path in the object form.
    #[error("{field}: {message}")]
    Invalid {
        /// `key`, `values`, `matchExpressions[0].operator`, …
        field: String,
        /// What is wrong with it.
        message: String,
    },
}

/// Where a selector looks up labels.
pub trait Labels {
    /// The value of `key`, if the object has that label.
    fn label(&self, key: &str) -> Option<&str>;
}

impl Labels for Map<String, Value> {
    fn label(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }
}

/// A JSON object of labels; anything else has none.
impl Labels for Value {
    fn label(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }
}

impl Labels for BTreeMap<String, String> {
    fn label(&self, key: &str) -> Option<&str> {
        self.get(key).map(String::as_str)
    }
}

/// A label selector: a conjunction of requirements, or nothing at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// Sorted by key. `None` matches no object.
    requirements: Option<Vec<Requirement>>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Requirement {
    key: String,
    operator: Operator,
    /// Sorted, without duplicates.
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Operator {
    Equals,
    DoubleEquals,
    NotEquals,
    In,
    NotIn,
    Exists,
    DoesNotExist,
    GreaterThan,
    LessThan,
}

impl Selector {
    /// The selector that matches every object.
    #[must_use]
    pub fn everything() -> Self {
        Self { requirements: Some(Vec::new()) }
    }

    /// The selector that matches no object.
    #[must_use]
    pub fn nothing() -> Self {
        Self { requirements: None }
    }

    /// Whether every object matches.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.requirements.as_ref().is_some_and(Vec::is_empty)
    }

    /// Whether no object can match because the selector was absent.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.requirements.is_none()
    }

    /// Reads the text form: `a=b,c!=d,e in (x,y),f notin (z),g,!h,i>1`.
    ///
    /// # Errors
    /// [`SelectorError::Parse`] with the offset, [`SelectorError::Invalid`] for a key or value that no label has.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        if MAX_SELECTOR_BYTES < text.len() {
            return Err(SelectorError::Parse {
                at: MAX_SELECTOR_BYTES,
                message: "selector too long".to_owned(),
            });
        }
        parse::selector(text)
    }

    /// Reads the object form with `matchLabels` and `matchExpressions`; null matches nothing.
    ///
    /// # Errors
    /// [`SelectorError::Invalid`] with the path inside the selector.
    pub fn from_object(selector: &Value) -> Result<Self, SelectorError> {
        let Value::Object(object) = selector else {
            return if selector.is_null() {
                Ok(Self::nothing())
            } else {
                invalid("selector", "must be an object")
            };
        };
        let mut requirements = Vec::new();
        match object.get("matchLabels") {
            None | Some(Value::Null) => {}
            Some(Value::Object(labels)) => {
                for (key, value) in labels {
                    let field = format!("matchLabels[{key}]");
                    let Some(value) = value.as_str() else { return invalid(&field, "must be a string") };
                    let values = vec![value.to_owned()];
                    requirements.push(Requirement::new(&field, key, Operator::Equals, values)?);
                }
            }
            Some(_) => return invalid("matchLabels", "must be an object of strings"),
        }
        match object.get("matchExpressions") {
            None | Some(Value::Null) => {}
            Some(Value::Array(list)) => {
                for (index, expression) in list.iter().enumerate() {
                    requirements.push(Requirement::from_expression(index, expression)?);
                }
            }
            Some(_) => return invalid("matchExpressions", "must be a list"),
        }
        Ok(Self::of(requirements))
    }

    /// The selector that asks for exactly these labels, as in a Service.
    ///
    /// # Errors
    /// [`SelectorError::Invalid`] for a key or value that no label has.
    pub fn from_labels(labels: &Value) -> Result<Self, SelectorError> {
        Self::from_object(&serde_json::json!({ "matchLabels": labels }))
    }

    /// Whether an object with these labels is selected.
    #[must_use]
    pub fn matches(&self, labels: &(impl Labels + ?Sized)) -> bool {
        self.requirements.as_ref().is_some_and(|all| all.iter().all(|one| one.matches(labels)))
    }

    fn of(mut requirements: Vec<Requirement>) -> Self {
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Self { requirements: Some(requirements) }
    }
}

/// As Kubernetes prints it: the empty text for everything and for nothing.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements.iter().flatten().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{requirement}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, values) = (&self.key, self.values.join(","));
        match self.operator {
            Operator::Equals => write!(f, "{key}={values}"),
            Operator::DoubleEquals => write!(f, "{key}=={values}"),
            Operator::NotEquals => write!(f, "{key}!={values}"),
            Operator::In => write!(f, "{key} in ({values})"),
            Operator::NotIn => write!(f, "{key} notin ({values})"),
            Operator::Exists => write!(f, "{key}"),
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::GreaterThan => write!(f, "{key}>{values}"),
            Operator::LessThan => write!(f, "{key}<{values}"),
        }
    }
}

impl Requirement {
    fn new(
        field: &str,
        key: &str,
        operator: Operator,
        mut values: Vec<String>,
    ) -> Result<Self, SelectorError> {
        check_key(field, key)?;
        let expected = match operator {
            Operator::In | Operator::NotIn => !values.is_empty(),
            Operator::Exists | Operator::DoesNotExist => values.is_empty(),
            _ => values.len() == 1,
        };
        if !expected {
            return invalid(field, "wrong number of values for this operator");
        }
        for value in &values {
            check_value(field, value)?;
            let numeric = matches!(operator, Operator::GreaterThan | Operator::LessThan);
            if numeric && value.parse::<i64>().is_err() {
                return invalid(field, "for 'Gt', 'Lt' operators, the value must be an integer");
            }
        }
        values.sort();
        values.dedup();
        Ok(Self { key: key.to_owned(), operator, values })
    }

    fn from_expression(index: usize, expression: &Value) -> Result<Self, SelectorError> {
        let field = format!("matchExpressions[{index}]");
        let Some(key) = expression["key"].as_str() else {
            return invalid(&format!("{field}.key"), "Required value");
        };
        let operator = match expression["operator"].as_str() {
            Some("In") => Operator::In,
            Some("NotIn") => Operator::NotIn,
            Some("Exists") => Operator::Exists,
            Some("DoesNotExist") => Operator::DoesNotExist,
            Some(other) => {
                return invalid(
                    &format!("{field}.operator"),
                    &format!("{other:?} is not a valid label selector operator"),
                );
            }
            None => return invalid(&format!("{field}.operator"), "Required value"),
        };
        let values = match &expression["values"] {
            Value::Null => Vec::new(),
            Value::Array(list) => match list.iter().map(|v| v.as_str().map(str::to_owned)).collect() {
                Some(values) => values,
                None => return invalid(&format!("{field}.values"), "must be a list of strings"),
            },
            _ => return invalid(&format!("{field}.values"), "must be a list of strings"),
        };
        Self::new(&field, key, operator, values)
    }

    fn matches(&self, labels: &(impl Labels + ?Sized)) -> bool {
        let found = labels.label(&self.key);
        let listed = |value: &str| self.values.iter().any(|one| one == value);
        match self.operator {
            Operator::Equals | Operator::DoubleEquals | Operator::In => found.is_some_and(listed),
            Operator::NotEquals | Operator::NotIn => !found.is_some_and(listed),
            Operator::Exists => found.is_some(),
            Operator::DoesNotExist => found.is_none(),
            Operator::GreaterThan => self.bound().zip(number(found)).is_some_and(|(bound, n)| bound < n),
            Operator::LessThan => self.bound().zip(number(found)).is_some_and(|(bound, n)| n < bound),
        }
    }

    fn bound(&self) -> Option<i64> {
        number(self.values.first().map(String::as_str))
    }
}

fn number(text: Option<&str>) -> Option<i64> {
    text?.parse().ok()
}

fn invalid<T>(field: &str, message: &str) -> Result<T, SelectorError> {
    Err(SelectorError::Invalid { field: field.to_owned(), message: message.to_owned() })
}

/// Checks the syntax of a label key: an optional DNS prefix with `/`, then a name.
fn check_key(field: &str, key: &str) -> Result<(), SelectorError> {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let dns = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let prefix_ok = prefix.is_none_or(|p| {
        let part_ok = |part: &str| !part.is_empty() && !part.starts_with('-') && !part.ends_with('-');
        p.len() <= MAX_PREFIX_BYTES && p.chars().all(dns) && p.split('.').all(part_ok)
    });
    if name.is_empty() || !is_name(name) || !prefix_ok {
        return invalid(field, &format!("invalid label key {key:?}"));
    }
    Ok(())
}

fn check_value(field: &str, value: &str) -> Result<(), SelectorError> {
    if !value.is_empty() && !is_name(value) {
        return invalid(field, &format!("invalid label value {value:?}"));
    }
    Ok(())
}

/// At most 63 bytes of letters, digits, `-`, `_`, `.`, with a letter or digit at both ends.
fn is_name(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.len() <= MAX_NAME_BYTES
        && text.chars().all(inner)
        && edge(text.chars().next())
        && edge(text.chars().last())
}
