//! How JSON becomes a typed view and back: no field is lost for the sake of another.
//!
//! A controller that cannot read one field must still see the rest, or one typing mistake (`stepWeight: 2.5`)
//! freezes an object that a person is trying to mend. So a wrong type costs that field alone, is recorded with
//! its path, and leaves the field at its absent value. Fields that this version does not know stay with their
//! object and are written back as they came.
//!
//! Mechanics: the `object!` macro declares a struct once, with its JSON names; reading, writing and the schema
//! in the custom resource definitions are made from that one list, so they cannot disagree.

mod basic;
mod macros;

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(crate) use macros::{names, object};

/// A type with a JSON form, read leniently.
pub trait Wire: Sized {
    /// Reads `value`; a wrong type is recorded in `at` and gives `None`.
    fn read(value: Value, at: &mut Reader) -> Option<Self>;
    /// The JSON form.
    fn write(&self) -> Value;
    /// The structural schema of the JSON form.
    fn schema() -> Value;
    /// Whether an optional field with this value is left out, as Go's `omitempty` does.
    fn is_empty(&self) -> bool {
        false
    }
}

/// Problems recorded for one object. More would only repeat themselves; a status or a log line holds no more.
pub const PROBLEMS_MAX: usize = 64;
/// Characters of a wrong value that a problem shows.
const FOUND_MAX: usize = 60;

/// A field that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, such as `spec.strategy.canary.steps[0].setWeight`.
    pub path: String,
    /// What was expected, such as `an integer`.
    pub expected: &'static str,
    /// The beginning of what is there.
    pub found: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: Invalid value: {}: must be {}", self.path, self.found, self.expected)
    }
}

/// What was read, and what was wrong with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Lenient<T> {
    /// The view; wrong fields are absent.
    pub value: T,
    /// Fields of a wrong type, in the order of reading, at most [`PROBLEMS_MAX`].
    pub problems: Vec<Problem>,
    /// Paths of fields that this version does not know, at most [`PROBLEMS_MAX`]. Not an error in the
    /// controller (the definition of the kind decides what is stored), but one for `lint`.
    pub unknown: Vec<String>,
}

/// Reads a whole object.
#[must_use]
pub fn lenient<T: Wire + Default>(value: Value) -> Lenient<T> {
    let mut at = Reader::default();
    let value = T::read(value, &mut at).unwrap_or_default();
    at.unknown.retain(|path| path != "apiVersion" && path != "kind");
    Lenient { value, problems: at.problems, unknown: at.unknown }
}

/// Where reading stands, and what was wrong so far.
#[derive(Debug, Default)]
pub struct Reader {
    path: String,
    problems: Vec<Problem>,
    unknown: Vec<String>,
}

impl Reader {
    /// Records that `found` is not `expected`.
    pub fn wrong<T>(&mut self, expected: &'static str, found: &Value) -> Option<T> {
        if self.problems.len() < PROBLEMS_MAX {
            let found = shorten(&found.to_string());
            self.problems.push(Problem { path: self.path.clone(), expected, found });
        }
        None
    }

    /// Takes the fields out of an object.
    pub fn object(&mut self, value: Value) -> Option<Map<String, Value>> {
        match value {
            Value::Object(fields) => Some(fields),
            other => self.wrong("an object", &other),
        }
    }

    /// Takes one field out of `fields`; absent, null and wrong ones are the default.
    pub fn field<T: Wire + Default>(&mut self, fields: &mut Map<String, Value>, name: &str) -> T {
        match fields.shift_remove(name) {
            None | Some(Value::Null) => T::default(),
            Some(value) => {
                let separator = if self.path.is_empty() { "" } else { "." };
                self.within(format_args!("{separator}{name}"), |at| T::read(value, at)).unwrap_or_default()
            }
        }
    }

    /// Keeps the fields that nobody took.
    pub fn rest(&mut self, fields: Map<String, Value>) -> Extra {
        if fields.is_empty() {
            return Extra::default();
        }
        let separator = if self.path.is_empty() { "" } else { "." };
        let room = PROBLEMS_MAX - self.unknown.len().min(PROBLEMS_MAX);
        self.unknown.extend(fields.keys().take(room).map(|key| format!("{}{separator}{key}", self.path)));
        Extra(Some(Box::new(fields)))
    }

    fn within<T>(&mut self, segment: fmt::Arguments<'_>, read: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        // Writing to a String cannot fail.
        let _ = self.path.write_fmt(segment);
        let result = read(self);
        self.path.truncate(length);
        result
    }
}

/// Unknown fields of one object, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extra(Option<Box<Map<String, Value>>>);

impl Extra {
    /// The unknown fields.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0.iter().flat_map(|fields| fields.iter())
    }
}

/// Whether and how a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Left out when empty.
    Optional,
    /// Always written, but may be missing when read.
    Always,
    /// Always written; the definition of the kind refuses objects without it.
    Required,
}

/// Adds one field to `fields`.
pub fn put<T: Wire>(fields: &mut Map<String, Value>, name: &str, value: &T, mode: Mode) {
    if mode != Mode::Optional || !value.is_empty() {
        fields.insert(name.to_owned(), value.write());
    }
}

/// Adds the unknown fields to `fields`.
pub fn put_extra(fields: &mut Map<String, Value>, extra: &Extra) {
    fields.extend(extra.iter().map(|(key, value)| (key.clone(), value.clone())));
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(FOUND_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Lets serde read and write a [`Wire`] type. Reading through serde drops the list of problems: a caller who
/// has to report them uses [`lenient`].
///
/// # Errors
/// The input is no JSON.
pub fn deserialize<'de, T: Wire + Default, D: serde::Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    Ok(lenient(Value::deserialize(from)?).value)
}

/// See [`deserialize`].
///
/// # Errors
/// The output refuses it.
pub fn serialize<T: Wire, S: serde::Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    value.write().serialize(to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::{Rollout, RolloutStatus};
    use serde_json::json;

    #[test]
    fn a_wrong_field_costs_itself_alone_and_is_named() {
        let step = json!([{"setWeight": "many"}, 7, {"pause": {"duration": 2.5}}, {"setWeight": 20.0}]);
        let read: Lenient<Rollout> = lenient(json!({
            "metadata": {"name": "demo", "labels": {"a": "b", "c": 1}},
            "spec": {"replicas": "three", "paused": true, "strategy": {"canary": {"steps": step}}},
            "status": {"restartedAt": "yesterday", "phase": 7, "stableRS": "abc"},
        }));
        let problems: Vec<String> = read.problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            problems,
            [
                "metadata.labels[c]: Invalid value: 1: must be a string",
                "spec.replicas: Invalid value: \"three\": must be an integer of 32 bits",
                "spec.strategy.canary.steps[0].setWeight: Invalid value: \"many\": must be an integer of 32 bits",
                "spec.strategy.canary.steps[1]: Invalid value: 7: must be an object",
                "spec.strategy.canary.steps[2].pause.duration: Invalid value: 2.5: must be an integer of 32 bits or a string",
                "status.restartedAt: Invalid value: \"yesterday\": must be an RFC 3339 time such as 2026-01-02T15:04:05Z",
                "status.phase: Invalid value: 7: must be one of Healthy Degraded Progressing Paused",
            ]
        );
        let rollout = read.value;
        assert!(rollout.spec.paused);
        assert_eq!(rollout.metadata.labels.len(), 1);
        assert_eq!(rollout.status.stable_rs, "abc");
        let steps = &rollout.canary().unwrap().steps;
        assert_eq!(steps.len(), 4, "steps keep their indices");
        assert_eq!(steps[3].set_weight, Some(20));
    }

    #[test]
    fn unknown_fields_survive_and_are_listed() {
        let status = json!({"phase": "Healthy", "canary": {"x": [1]}, "blueGreen": {}, "newer": {"y": 1}});
        let read: Lenient<RolloutStatus> = lenient(status.clone());
        assert_eq!(read.value.write(), status);
        assert_eq!(read.unknown, ["canary.x", "newer"]);
    }

    #[test]
    fn a_word_that_another_version_wrote_into_the_status_counts_as_absent() {
        let read: Lenient<RolloutStatus> =
            lenient(json!({"phase": "Odd", "duration": {"completionStatus": ""}}));
        assert_eq!((read.value.phase, read.problems), (None, Vec::new()));
    }

    #[test]
    fn whatever_is_there_can_be_read() {
        for value in
            [json!(null), json!(1), json!("x"), json!([]), json!({"spec": []}), json!({"spec": null})]
        {
            let read: Lenient<Rollout> = lenient(value);
            assert_eq!(read.value.spec.replicas(), 1);
        }
        let many = json!({"spec": {"strategy": {"canary": {"steps": vec![1; 10_000]}}}});
        assert_eq!(lenient::<Rollout>(many).problems.len(), PROBLEMS_MAX);
    }

    #[test]
    fn an_empty_status_writes_what_argo_writes() {
        assert_eq!(RolloutStatus::default().write(), json!({"canary": {}, "blueGreen": {}}));
    }
}
