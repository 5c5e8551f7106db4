//! How JSON becomes a typed view and back: no field is lost for the sake of another.
//!
//! A controller that cannot read one field must still see the rest, or one typing mistake (`stepWeight: 2.5`)
//! freezes an object that a person is trying to mend. So a wrong type costs that field alone, is recorded with
//! its path, and leaves the field at its absent value. Fields that this version does not know stay with their
//! object and are written back as they came.
//!
//! Mechanics: the `object!` macro declares a struct once, with its JSON names; reading, writing and the schema
//! in the custom resource definitions are made from that one list, so they cannot disagree.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use serin_kernel::Moment;
use serin_lang::int_or_string::IntOrString;

use crate::schema;

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
                self.within(&format!("{separator}{name}"), |at| T::read(value, at)).unwrap_or_default()
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

    fn within<T>(&mut self, segment: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        self.path.push_str(segment);
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

/// A whole number; `2.0` is one, since YAML tools write it so.
fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let float = value.as_f64()?;
        (float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0).then_some(float as i64)
    })
}

impl Wire for bool {
    fn read(value: Value, at: &mut Reader) -> Option<Self> {
        value.as_bool().or_else(|| at.wrong("true or false", &value))
    }
    fn write(&self) -> Value {
        Value::Bool(*self)
    }
    fn schema() -> Value {
        schema::plain("boolean")
    }
    fn is_empty(&self) -> bool {
        !self
    }
}

impl Wire for i32 {
    fn read(value: Value, at: &mut Reader) -> Option<Self> {
        let number = whole(&value).and_then(|number| Self::try_from(number).ok());
        number.or_else(|| at.wrong("an integer of 32 bits", &value))
    }
    fn write(&self) -> Value {
        Value::from(*self)
    }
    fn schema() -> Value {
        schema::format("integer", "int32")
    }
    fn is_empty(&self) -> bool {
        *self == 0
    }
}

impl Wire for i64 {
    fn read(value: Value, at: &mut Reader) -> Option<Self> {
        whole(&value).or_else(|| at.wrong("an integer", &value))
    }
    fn write(&self) -> Value {
        Value::from(*self)
    }
    fn schema() -> Value {
        schema::format("integer", "int64")
    }
    fn is_empty(&self) -> bool {
        *self == 0
    }
}

impl Wire for String {
    fn read(value: Value, at: &mut Reader) -> Option<Self> {
        match value {
            Value::String(text) => Some(text),
            other => at.wrong("a string", &other),
        }
    }
    fn write(&self) -> Value {
        Value::String(self.clone())
    }
    fn schema() -> Value {
        schema::plain("string")
    }
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl Wire for Moment {
    fn read(value: Value, at: &mut Reader) -> Option<Self> {
        let moment = value.as_str().and_then(|text| text.parse().ok());
        moment.or_else(|| at.wrong("an RFC 3339 time such as 2026-01-02T15:04:05Z", &value))
    }
    fn write(&self) -> Value {
        Value::String(self.to_string())
    }
    fn schema() -> Value {
        schema::format("string", "date-time")
    }
}

impl Wire for IntOrString {
    fn read(value: Value, at: &mut Reader) -> Option<Self> {
        Self::from_value(&value).or_else(|| at.wrong("an integer of 32 bits or a string", &value))
    }
    fn write(&self) -> Value {
        self.to_value()
    }
    fn schema() -> Value {
        schema::int_or_string()
    }
}

/// An object that somebody else understands: a pod template, a plugin's configuration.
impl Wire for Value {
    fn read(value: Value, at: &mut Reader) -> Option<Self> {
        if value.is_object() { Some(value) } else { at.wrong("an object", &value) }
    }
    fn write(&self) -> Value {
        self.clone()
    }
    fn schema() -> Value {
        schema::opaque()
    }
    fn is_empty(&self) -> bool {
        self.is_null()
    }
}

impl<T: Wire> Wire for Option<T> {
    fn read(value: Value, at: &mut Reader) -> Option<Self> {
        if value.is_null() { Some(None) } else { Some(T::read(value, at)) }
    }
    fn write(&self) -> Value {
        self.as_ref().map_or(Value::Null, Wire::write)
    }
    fn schema() -> Value {
        T::schema()
    }
    fn is_empty(&self) -> bool {
        self.is_none()
    }
}

/// A wrong element is the default, so that the others keep their indices.
impl<T: Wire + Default> Wire for Vec<T> {
    fn read(value: Value, at: &mut Reader) -> Option<Self> {
        let Value::Array(elements) = value else {
            return at.wrong("a list", &value);
        };
        let read = |(index, element): (usize, Value)| {
            if element.is_null() {
                return T::default();
            }
            at.within(&format!("[{index}]"), |at| T::read(element, at)).unwrap_or_default()
        };
        Some(elements.into_iter().enumerate().map(read).collect())
    }
    fn write(&self) -> Value {
        Value::Array(self.iter().map(Wire::write).collect())
    }
    fn schema() -> Value {
        schema::list(T::schema())
    }
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl<T: Wire + Default> Wire for BTreeMap<String, T> {
    fn read(value: Value, at: &mut Reader) -> Option<Self> {
        let fields = at.object(value)?;
        let read = |(key, element): (String, Value)| {
            let element = if element.is_null() {
                Some(T::default())
            } else {
                at.within(&format!("[{key}]"), |at| T::read(element, at))
            };
            element.map(|element| (key, element))
        };
        Some(fields.into_iter().filter_map(read).collect())
    }
    fn write(&self) -> Value {
        Value::Object(self.iter().map(|(key, element)| (key.clone(), element.write())).collect())
    }
    fn schema() -> Value {
        schema::map(T::schema())
    }
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

/// Lets serde read and write a [`Wire`] type. Reading through serde drops the list of problems: a caller who
/// has to report them uses [`lenient`].
pub fn deserialize<'de, T: Wire + Default, D: serde::Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    Ok(lenient(Value::deserialize(from)?).value)
}

/// See [`deserialize`].
pub fn serialize<T: Wire, S: serde::Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    value.write().serialize(to)
}

/// Declares a struct with its JSON names: `field: Type = "name" [always|required]`.
macro_rules! object {
    (@mode) => { $crate::wire::Mode::Optional };
    (@mode always) => { $crate::wire::Mode::Always };
    (@mode required) => { $crate::wire::Mode::Required };
    ($($(#[doc = $doc:literal])* $name:ident {
        $($(#[doc = $field_doc:literal])* $field:ident: $type:ty = $wire:literal $($mode:ident)?,)*
    })*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name {
            $($(#[doc = $field_doc])* pub $field: $type,)*
            /// Fields that this version does not know; written back as they came.
            pub extra: $crate::wire::Extra,
        }

        impl $crate::wire::Wire for $name {
            // A struct without fields takes none out.
            #[allow(unused_mut)]
            fn read(value: serde_json::Value, at: &mut $crate::wire::Reader) -> Option<Self> {
                let mut fields = at.object(value)?;
                Some(Self {
                    $($field: at.field(&mut fields, $wire),)*
                    extra: at.rest(fields),
                })
            }
            fn write(&self) -> serde_json::Value {
                let mut fields = serde_json::Map::new();
                $($crate::wire::put(&mut fields, $wire, &self.$field, object!(@mode $($mode)?));)*
                $crate::wire::put_extra(&mut fields, &self.extra);
                serde_json::Value::Object(fields)
            }
            fn schema() -> serde_json::Value {
                $crate::schema::object(vec![
                    $($crate::schema::field(
                        $wire,
                        &[$($field_doc),*],
                        <$type as $crate::wire::Wire>::schema(),
                        object!(@mode $($mode)?),
                    ),)*
                ])
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                $crate::wire::serialize(self, to)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                $crate::wire::deserialize(from)
            }
        }
    )*};
}
pub(crate) use object;

/// Declares a closed set of names with their text on the wire.
macro_rules! names {
    ($($(#[doc = $doc:literal])* $name:ident {
        $($(#[doc = $variant_doc:literal])* $variant:ident = $text:literal,)*
    })*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[doc = $variant_doc])* $variant,)*
        }

        impl $name {
            /// Every name of the set.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The text on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// The name that `text` stands for, if the set has it.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.as_str().to_owned()
            }
        }

        impl PartialEq<$name> for String {
            fn eq(&self, name: &$name) -> bool {
                self == name.as_str()
            }
        }

        impl $crate::wire::Wire for $name {
            fn read(value: serde_json::Value, at: &mut $crate::wire::Reader) -> Option<Self> {
                const EXPECTED: &str = concat!("one of", $(" ", $text),*);
                value.as_str().and_then(Self::parse).or_else(|| at.wrong(EXPECTED, &value))
            }
            fn write(&self) -> serde_json::Value {
                serde_json::Value::from(self.as_str())
            }
            fn schema() -> serde_json::Value {
                $crate::schema::plain("string")
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }
    )*};
}
pub(crate) use names;

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
            "status": {"restartedAt": "yesterday", "phase": "Odd", "stableRS": "abc"},
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
                "status.phase: Invalid value: \"Odd\": must be one of Healthy Degraded Progressing Paused",
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
