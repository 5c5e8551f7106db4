//! Label and field selectors, in both of their forms, matching and printed as Kubernetes does.
//!
//! Selectors decide which pods a rollout owns, so a selector that cannot be read is an error that names its
//! fault, never a selector that matches something else.
//!
//! 1. A missing selector object matches nothing, an empty one everything.
//! 2. `!=` and `notin` also match objects without the key.
//! 3. Printing sorts by key, and the values of a set; the printed text parses back to the same selector.

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
        Parser { text, at: 0 }.selector()
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

/// The text form, one token at a time.
struct Parser<'a> {
    text: &'a str,
    at: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Token<'a> {
    Word(&'a str),
    Symbol(&'a str),
    End,
}

impl<'a> Parser<'a> {
    fn selector(mut self) -> Result<Selector, SelectorError> {
        let mut requirements = Vec::new();
        if self.peek() == Token::End {
            return Ok(Selector::everything());
        }
        loop {
            requirements.push(self.requirement()?);
            match self.next() {
                Token::End => return Ok(Selector::of(requirements)),
                Token::Symbol(",") if self.peek() != Token::End => {}
                _ => return self.fail("expected ',' and another requirement"),
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, SelectorError> {
        let negated = self.peek() == Token::Symbol("!");
        if negated {
            self.next();
        }
        let Token::Word(key) = self.next() else { return self.fail("expected a label key") };
        if negated {
            return Requirement::new("key", key, Operator::DoesNotExist, Vec::new());
        }
        let operator = match self.peek() {
            Token::End | Token::Symbol(",") => {
                return Requirement::new("key", key, Operator::Exists, Vec::new());
            }
            Token::Symbol("=") => Operator::Equals,
            Token::Symbol("==") => Operator::DoubleEquals,
            Token::Symbol("!=") => Operator::NotEquals,
            Token::Symbol(">") => Operator::GreaterThan,
            Token::Symbol("<") => Operator::LessThan,
            Token::Word("in") => Operator::In,
            Token::Word("notin") => Operator::NotIn,
            _ => {
                self.next();
                return self.fail("expected one of in, notin, =, ==, !=, >, <");
            }
        };
        self.next();
        let values = match operator {
            Operator::In | Operator::NotIn => self.set()?,
            _ => vec![self.value()],
        };
        Requirement::new("values", key, operator, values)
    }

    fn value(&mut self) -> String {
        match self.peek() {
            Token::Word(word) => {
                self.next();
                word.to_owned()
            }
            _ => String::new(),
        }
    }

    fn set(&mut self) -> Result<Vec<String>, SelectorError> {
        if self.next() != Token::Symbol("(") {
            return self.fail("expected '('");
        }
        let mut values = vec![self.value()];
        loop {
            match self.next() {
                Token::Symbol(")") => return Ok(values),
                Token::Symbol(",") => values.push(self.value()),
                _ => return self.fail("expected ',' or ')'"),
            }
        }
    }

    fn peek(&self) -> Token<'a> {
        Parser { text: self.text, at: self.at }.next()
    }

    fn next(&mut self) -> Token<'a> {
        let rest = self.text[self.at..].trim_start();
        self.at = self.text.len() - rest.len();
        let symbol =
            ["==", "!=", "=", "!", ">", "<", "(", ")", ","].into_iter().find(|one| rest.starts_with(one));
        if let Some(symbol) = symbol {
            self.at += symbol.len();
            return Token::Symbol(symbol);
        }
        let length = rest.find(|c: char| c.is_whitespace() || "=!><(),".contains(c)).unwrap_or(rest.len());
        self.at += length;
        if length == 0 { Token::End } else { Token::Word(&rest[..length]) }
    }

    fn fail<T>(&self, message: &str) -> Result<T, SelectorError> {
        Err(SelectorError::Parse { at: self.at, message: message.to_owned() })
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_text_matches_and_prints_as_in_kubernetes() {
        let labels = json!({"a": "1", "app.kubernetes.io/name": "web", "empty": ""});
        for (text, printed, matches) in [
            ("", "", true),
            ("a=1", "a=1", true),
            ("a==1", "a==1", true),
            ("a = 1 , !b", "a=1,!b", true),
            ("a!=2", "a!=2", true),
            ("b!=2", "b!=2", true),
            ("a", "a", true),
            ("!a", "!a", false),
            ("b,a", "a,b", false),
            ("a in (2,1)", "a in (1,2)", true),
            ("a notin (2,1)", "a notin (1,2)", false),
            ("b notin (2)", "b notin (2)", true),
            ("b in (2)", "b in (2)", false),
            ("a>0", "a>0", true),
            ("a<1", "a<1", false),
            ("empty=", "empty=", true),
            ("empty", "empty", true),
            ("app.kubernetes.io/name=web", "app.kubernetes.io/name=web", true),
            ("a in (1,)", "a in (,1)", true),
            ("in=1", "in=1", false),
        ] {
            let selector = Selector::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(selector.to_string(), printed, "{text}");
            assert_eq!(selector.matches(&labels), matches, "{text}");
            assert_eq!(Selector::parse(printed).unwrap(), selector, "{text} parses back");
        }
    }

    #[test]
    fn broken_text_is_refused() {
        for text in [
            "a=b=c", "a,", ",a", "a in", "a in ()x", "a in (b", "=b", "a!", "!", "a b", "a=b c", "-a=b",
            "a/b/c=d", "A./x=1", "a=b!", "a>x", "a=-", "a in 1", "a=(", "!a=b",
        ] {
            assert!(Selector::parse(text).is_err(), "{text}");
        }
        assert!(Selector::parse(&"a,".repeat(9000)).is_err());
        assert!(matches!(Selector::parse("a=b c=d"), Err(SelectorError::Parse { at: 5, .. })));
    }

    #[test]
    fn an_object_matches_and_prints_as_in_kubernetes() {
        for (object, printed, matches) in [
            (json!({}), "", true),
            (json!(null), "", false),
            (json!({"matchLabels": {"b": "2", "a": "1"}}), "a=1,b=2", true),
            (
                json!({"matchExpressions": [{"key": "a", "operator": "In", "values": ["3", "1"]}]}),
                "a in (1,3)",
                true,
            ),
            (
                json!({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}),
                "a notin (1)",
                false,
            ),
            (json!({"matchExpressions": [{"key": "a", "operator": "Exists"}]}), "a", true),
            (
                json!({"matchLabels": {"b": "2"}, "matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}),
                "!a,b=2",
                false,
            ),
        ] {
            let selector = Selector::from_object(&object).unwrap();
            assert_eq!(selector.to_string(), printed);
            assert_eq!(selector.matches(&json!({"a": "1", "b": "2"})), matches, "{object}");
        }
    }

    #[test]
    fn a_broken_object_names_its_field() {
        for (object, field) in [
            (json!([]), "selector"),
            (json!({"matchLabels": []}), "matchLabels"),
            (json!({"matchLabels": {"a": 1}}), "matchLabels[a]"),
            (json!({"matchLabels": {"a b": "1"}}), "matchLabels[a b]"),
            (json!({"matchExpressions": [{"key": "a"}]}), "matchExpressions[0].operator"),
            (json!({"matchExpressions": [{"key": "a", "operator": "Is"}]}), "matchExpressions[0].operator"),
            (json!({"matchExpressions": [{"operator": "In"}]}), "matchExpressions[0].key"),
            (json!({"matchExpressions": [{"key": "a", "operator": "In"}]}), "matchExpressions[0]"),
            (
                json!({"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["x"]}]}),
                "matchExpressions[0]",
            ),
        ] {
            match Selector::from_object(&object) {
                Err(SelectorError::Invalid { field: found, .. }) => assert_eq!(found, field),
                other => panic!("{object}: {other:?}"),
            }
        }
    }

    #[test]
    fn field_selectors_compare_dotted_paths() {
        let pod =
            json!({"metadata": {"name": "p"}, "spec": {"nodeName": "n"}, "status": {"phase": "Running"}});
        for (text, matches) in [
            ("", true),
            ("metadata.name=p", true),
            ("metadata.name==p,status.phase!=Failed", true),
            ("spec.nodeName=", false),
            ("spec.nodeName!=", true),
            ("spec.other=", true),
            ("metadata.name=p,status.phase=Pending", false),
        ] {
            let selector = FieldSelector::parse(text).unwrap();
            assert_eq!(selector.matches(&pod), matches, "{text}");
            assert_eq!(FieldSelector::parse(&selector.to_string()).unwrap(), selector);
        }
        for text in ["metadata.name", "=x", "a=b=c", "!"] {
            assert!(FieldSelector::parse(text).is_err(), "{text}");
        }
        assert_eq!(FieldSelector::parse(r"a=x\,y\=z").unwrap().terms()[0].value, "x,y=z");
    }

    proptest::proptest! {
        #[test]
        fn any_text_parses_or_fails_and_prints_what_it_is(text in "[ab1 =!<>(),./innotin-]{0,24}") {
            if let Ok(selector) = Selector::parse(&text) {
                proptest::prop_assert_eq!(Selector::parse(&selector.to_string()).unwrap(), selector);
            }
            let _ = FieldSelector::parse(&text);
        }
    }
}
