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

use crate::names;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

/// Longest accepted selector text in bytes; the API server's URL limit is of the same size.
pub const MAX_SELECTOR_BYTES: usize = 16 * 1024;

/// Why a selector was refused, in the words of Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// The text form is broken at a byte offset.
    #[error("{message}")]
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
                    let path = format!("{field}.");
                    requirements.push(Requirement::new(&path, key, Operator::Equals, values)?);
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
    /// `path` says where it stands and ends with a dot, or is empty.
    fn new(path: &str, key: &str, operator: Operator, values: Vec<String>) -> Result<Self, SelectorError> {
        Self::checked(key, operator, values).or_else(|faults| {
            let (field, message) = faults.into_iter().next().unwrap_or_default();
            invalid(&format!("{path}{field}"), &message)
        })
    }

    /// The requirement, or all of its faults: fields and what is wrong with them.
    fn checked(
        key: &str,
        operator: Operator,
        mut values: Vec<String>,
    ) -> Result<Self, Vec<(String, String)>> {
        values.sort();
        values.dedup();
        let faults = faults(key, operator, &values);
        if faults.is_empty() { Ok(Self { key: key.to_owned(), operator, values }) } else { Err(faults) }
    }

    fn from_expression(index: usize, expression: &Value) -> Result<Self, SelectorError> {
        let field = format!("matchExpressions[{index}]");
        let path = format!("{field}.");
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
        Self::new(&path, key, operator, values)
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

/// Everything that is wrong with a requirement: the field and the fault.
fn faults(key: &str, operator: Operator, values: &[String]) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    if let Some(fault) = bad_key(key) {
        faults.push(("key".to_owned(), fault));
    }
    let (expected, otherwise) = match operator {
        Operator::In | Operator::NotIn => {
            (!values.is_empty(), "for 'in', 'notin' operators, values set can't be empty")
        }
        Operator::Exists | Operator::DoesNotExist => {
            (values.is_empty(), "values set must be empty for exists and does not exist")
        }
        Operator::GreaterThan | Operator::LessThan => {
            (values.len() == 1, "for 'Gt', 'Lt' operators, exactly one value is required")
        }
        _ => (values.len() == 1, "exact-match compatibility requires one single value"),
    };
    if !expected {
        let shown = values.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>().join(", ");
        faults.push(("values".to_owned(), format!("Invalid value: []string{{{shown}}}: {otherwise}")));
    }
    if matches!(operator, Operator::GreaterThan | Operator::LessThan) {
        for (index, value) in values.iter().enumerate().filter(|(_, value)| value.parse::<i64>().is_err()) {
            let why = "for 'Gt', 'Lt' operators, the value must be an integer";
            faults.push((format!("values[{index}]"), format!("Invalid value: {value:?}: {why}")));
        }
    }
    for (index, value) in values.iter().enumerate() {
        let wrong = names::label_value(value).join("; ");
        if !wrong.is_empty() {
            faults.push((format!("values[{index}][{key}]"), format!("Invalid value: {value:?}: {wrong}")));
        }
    }
    faults
}

/// What is wrong with the key of a label, if anything is.
fn bad_key(key: &str) -> Option<String> {
    let wrong = names::qualified(key).join("; ");
    (!wrong.is_empty()).then(|| format!("Invalid value: {key:?}: {wrong}"))
}
