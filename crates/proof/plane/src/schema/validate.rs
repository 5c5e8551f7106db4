//! Values against schemas. The order of checks at one place and their words are those of Kubernetes.

use super::{Additional, Bound, FieldError, FieldErrorKind, ListType, Node, Type, child};
use serde_json::{Map, Number, Value};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// The path in errors about the object as a whole.
const WHOLE: &str = "<nil>";

/// Checks a whole object.
pub(super) fn object(root: &Node, value: &Value) -> Vec<FieldError> {
    let mut report = Report::default();
    report.value(root, "", value);
    lists(root, "", value, &mut report.errors);
    report.errors
}

/// What was found; `passed` counts checks that held, to choose the nearest alternative to report.
#[derive(Default)]
struct Report {
    errors: Vec<FieldError>,
    passed: usize,
}

impl Report {
    fn check(&mut self, holds: bool, error: impl FnOnce() -> FieldError) {
        if holds {
            self.passed += 1;
        } else {
            self.errors.push(error());
        }
    }

    fn value(&mut self, node: &Node, path: &str, value: &Value) {
        self.type_of(node, path, value);
        self.alternatives(node, path, value);
        match value {
            Value::String(text) => self.text(node, path, text),
            Value::Number(number) => self.number(node, path, number),
            Value::Array(list) => self.list(node, path, list),
            _ => {}
        }
        if let Some(allowed) = &node.rules.one_of_values {
            let listed = allowed.iter().any(|one| equal(one, value));
            self.check(listed, || FieldError::not_supported(field(path), value.clone(), allowed));
        }
        if let Value::Object(map) = value {
            self.map(node, path, map);
        }
    }

    fn type_of(&mut self, node: &Node, path: &str, value: &Value) {
        let expected: &[Type] = match (&node.type_, node.int_or_string) {
            (_, true) => &[Type::Integer, Type::String],
            (Some(type_), false) => std::slice::from_ref(type_),
            (None, false) => return,
        };
        let found = type_name(value);
        let fits = |expected: &Type| match (expected, value) {
            (Type::Integer, Value::Number(number)) => is_integer(number),
            (Type::Number, Value::Number(_)) => true,
            (_, Value::Null) => node.nullable,
            (expected, _) => expected.name() == found,
        };
        self.check(expected.iter().any(fits), || {
            let names = expected.iter().map(|one| one.name()).collect::<Vec<_>>().join(",");
            let detail = format!("{}must be of type {names}: \"{found}\"", subject(path));
            FieldError::new(FieldErrorKind::TypeInvalid, field(path), found, detail)
        });
    }

    fn text(&mut self, node: &Node, path: &str, text: &str) {
        let rules = &node.rules;
        let length = text.chars().count() as u64;
        let invalid = |detail: String| FieldError::invalid(field(path), text, subject(path) + &detail);
        if let Some(max) = rules.max_length {
            self.check(length <= max, || {
                let detail = format!("may not be more than {max} bytes");
                FieldError::new(FieldErrorKind::TooLong, field(path), text, detail)
            });
        }
        if let Some(min) = rules.min_length {
            self.check(min <= length, || invalid(format!("should be at least {min} chars long")));
        }
        if let Some(pattern) = &rules.pattern {
            self.check(pattern.is_match(text), || invalid(format!("should match '{}'", pattern.as_str())));
        }
        if let Some(format) = rules.format {
            self.check(format.accepts(text), || {
                let quoted = super::go_quote(text);
                let detail = format!("{}must be of type {}: {quoted}", subject(path), format.name);
                FieldError::new(FieldErrorKind::TypeInvalid, field(path), text, detail)
            });
        }
    }

    fn number(&mut self, node: &Node, path: &str, number: &Number) {
        let rules = &node.rules;
        let shown = |number: &Number| serin_lang::jsonpath::text_of(&Value::Number(number.clone()));
        let mut bound = |bound: &Option<Bound>, outside: Ordering, words: &str| {
            let Some(Bound { limit, exclusive }) = bound else { return };
            let order = compare(number, limit);
            let held = order != outside && !(*exclusive && order == Ordering::Equal);
            let or_equal = if *exclusive { "" } else { " or equal to" };
            self.check(held, || {
                let (words, than) = words.split_once(' ').unwrap_or((words, "than"));
                let than = if *exclusive { than.to_owned() } else { format!("{than}{or_equal}") };
                let detail = format!("{}should be {words} {than} {}", subject(path), shown(limit));
                FieldError::invalid(field(path), number.clone(), detail)
            });
        };
        bound(&rules.maximum, Ordering::Greater, "less than");
        bound(&rules.minimum, Ordering::Less, "greater than");
        if let (Some(factor), Some(float)) = (rules.multiple_of, number.as_f64()) {
            let quotient = float / factor;
            self.check((quotient - quotient.round()).abs() < f64::EPSILON, || {
                let detail = format!("{}should be a multiple of {factor}", subject(path));
                FieldError::invalid(field(path), number.clone(), detail)
            });
        }
    }

    fn list(&mut self, node: &Node, path: &str, list: &[Value]) {
        if let Some(items) = &node.items {
            for (index, value) in list.iter().enumerate() {
                self.value(items, &format!("{path}[{index}]"), value);
            }
        }
        let count = list.len() as u64;
        self.size(path, count, node.rules.min_items, node.rules.max_items, "items");
    }

    /// Bounds of the size of a list (`items`) or map (`properties`).
    fn size(&mut self, path: &str, count: u64, min: Option<u64>, max: Option<u64>, what: &str) {
        if let Some(min) = min {
            self.check(min <= count, || {
                let detail = format!("{}should have at least {min} {what}", subject(path));
                FieldError::invalid(field(path), count, detail)
            });
        }
        if let Some(max) = max {
            self.check(count <= max, || {
                let detail = format!("must have at most {max} items");
                FieldError::new(FieldErrorKind::TooMany, field(path), count, detail)
            });
        }
    }

    fn map(&mut self, node: &Node, path: &str, map: &Map<String, Value>) {
        let count = map.len() as u64;
        self.size(path, count, node.rules.min_properties, node.rules.max_properties, "properties");
        for (name, value) in map {
            let below = match &node.additional {
                _ if node.properties.contains_key(name) => node.properties.get(name),
                Additional::Schema(below) => Some(&**below),
                _ => None,
            };
            if let Some(below) = below {
                // An alternative that says something of a field that is there is nearer than one that does not.
                self.passed += 1;
                self.value(below, &child(path, name), value);
            }
        }
        // That a field is there brings no alternative nearer.
        let missing = node.rules.required.iter().filter(|name| !map.contains_key(*name));
        self.errors.extend(missing.map(|name| FieldError::required(child(path, name), "")));
    }

    /// `anyOf`, `oneOf`, `allOf` and `not`; where none fits, the nearest alternative is reported too.
    fn alternatives(&mut self, node: &Node, path: &str, value: &Value) {
        let rules = &node.rules;
        let try_all = |nodes: &[Node]| -> Vec<Report> {
            nodes
                .iter()
                .map(|one| {
                    let mut report = Report::default();
                    report.value(one, path, value);
                    report
                })
                .collect()
        };
        let whole = |detail: String| FieldError::invalid(WHOLE, "", detail);
        let quoted = super::go_quote(path);
        let any = try_all(&rules.any_of);
        if !any.is_empty() && any.iter().all(|report| !report.errors.is_empty()) {
            self.errors.push(whole(format!("{quoted} must validate at least one schema (anyOf)")));
            self.nearest(any);
        }
        let one = try_all(&rules.one_of);
        let fitting = one.iter().filter(|report| report.errors.is_empty()).count();
        if !one.is_empty() && fitting != 1 {
            let found = if fitting == 0 {
                "Found none valid".to_owned()
            } else {
                format!("Found {fitting} valid alternatives")
            };
            self.errors
                .push(whole(format!("{quoted} must validate one and only one schema (oneOf). {found}")));
            if fitting == 0 {
                self.nearest(one);
            }
        }
        let all = try_all(&rules.all_of);
        let fitting = all.iter().filter(|report| report.errors.is_empty()).count();
        let total = all.len();
        self.errors.extend(all.into_iter().flat_map(|report| report.errors));
        if fitting != total {
            let suffix = if fitting == 0 { ". None validated" } else { "" };
            self.errors.push(whole(format!("{quoted} must validate all the schemas (allOf){suffix}")));
        }
        if let Some(not) = &rules.not {
            let mut report = Report::default();
            report.value(not, path, value);
            self.check(!report.errors.is_empty(), || {
                whole(format!("{quoted} must not validate the schema (not)"))
            });
        }
    }

    /// Reports the alternative of which most checks held, the first of equals.
    fn nearest(&mut self, reports: Vec<Report>) {
        let best =
            reports.into_iter().reduce(|best, next| if best.passed < next.passed { next } else { best });
        self.errors.extend(best.into_iter().flat_map(|report| report.errors));
    }
}

/// Uniqueness inside lists of type set and map.
fn lists(node: &Node, path: &str, value: &Value, errors: &mut Vec<FieldError>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                if let Some(super::shape::Below::Schema(below)) = node.below(name) {
                    lists(below, &child(path, name), value, errors);
                }
            }
        }
        Value::Array(list) => {
            unique(node, path, list, errors);
            if let Some(items) = &node.items {
                for (index, value) in list.iter().enumerate() {
                    lists(items, &format!("{path}[{index}]"), value, errors);
                }
            }
        }
        _ => {}
    }
}

fn unique(node: &Node, path: &str, list: &[Value], errors: &mut Vec<FieldError>) {
    let identity = |item: &Value| -> Value {
        match &node.list {
            ListType::Map(keys) => {
                let present =
                    keys.iter().filter_map(|key| item.get(key).map(|value| (key.clone(), value.clone())));
                Value::Object(present.collect())
            }
            _ => item.clone(),
        }
    };
    if node.list == ListType::Atomic {
        return;
    }
    let (mut seen, mut reported) = (BTreeSet::new(), BTreeSet::new());
    for (index, item) in list.iter().enumerate() {
        let identity = identity(item);
        let text = identity.to_string();
        // Only the second appearance is reported, as in Kubernetes.
        if !seen.insert(text.clone()) && reported.insert(text) {
            errors.push(FieldError::duplicate(format!("{path}[{index}]"), identity));
        }
    }
}

/// Reports fields under a `self == oldSelf` rule whose value changed.
pub(super) fn immutable(node: &Node, path: &str, new: &Value, old: &Value, errors: &mut Vec<FieldError>) {
    if let Some(message) = node.immutable.as_ref().filter(|_| !equal(new, old)) {
        let shown = node.type_.map_or("", Type::name);
        errors.push(FieldError::invalid(field(path), shown, message.clone()));
    }
    match (new, old) {
        (Value::Object(new), Value::Object(old)) => {
            for (name, new) in new {
                if let (Some(super::shape::Below::Schema(below)), Some(old)) =
                    (node.below(name), old.get(name))
                {
                    immutable(below, &child(path, name), new, old, errors);
                }
            }
        }
        (Value::Array(new), Value::Array(old)) => {
            let (Some(items), ListType::Map(keys)) = (&node.items, &node.list) else { return };
            for (index, item) in new.iter().enumerate() {
                let same = |other: &&Value| keys.iter().all(|key| item.get(key) == other.get(key));
                if let Some(before) = old.iter().find(same) {
                    immutable(items, &format!("{path}[{index}]"), item, before, errors);
                }
            }
        }
        _ => {}
    }
}

fn field(path: &str) -> String {
    if path.is_empty() { WHOLE.to_owned() } else { path.to_owned() }
}

/// The beginning of a message: which field of the body it is about.
fn subject(path: &str) -> String {
    format!("{path} in body ")
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn is_integer(number: &Number) -> bool {
    !number.is_f64() || number.as_f64().is_some_and(|float| float.fract() == 0.0)
}

fn compare(a: &Number, b: &Number) -> Ordering {
    match (a.as_i64(), b.as_i64()) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.as_f64().zip(b.as_f64()).and_then(|(a, b)| a.partial_cmp(&b)).unwrap_or(Ordering::Equal),
    }
}

/// Equality in which `1` and `1.0` are one number.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => compare(a, b) == Ordering::Equal,
        _ => a == b,
    }
}
