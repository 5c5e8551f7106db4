//! The JSON forms of plain types, lists and maps.

use std::collections::BTreeMap;

use serde_json::Value;
use serin_kernel::Moment;
use serin_lang::int_or_string::IntOrString;

use super::{Reader, Wire};
use crate::schema;

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

/// Whole numbers are written without a fraction, as people write them.
impl Wire for f64 {
    fn read(value: Value, at: &mut Reader) -> Option<Self> {
        value.as_f64().or_else(|| at.wrong("a number", &value))
    }
    fn write(&self) -> Value {
        let value = Value::from(*self);
        whole(&value).map_or(value, Value::from)
    }
    fn schema() -> Value {
        schema::plain("number")
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
            at.within(format_args!("[{index}]"), |at| T::read(element, at)).unwrap_or_default()
        };
        Some(elements.into_iter().enumerate().map(read).collect())
    }
    fn write(&self) -> Value {
        Value::Array(self.iter().map(Wire::write).collect())
    }
    fn schema() -> Value {
        schema::list(&T::schema())
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
                at.within(format_args!("[{key}]"), |at| T::read(element, at))
            };
            element.map(|element| (key, element))
        };
        Some(fields.into_iter().filter_map(read).collect())
    }
    fn write(&self) -> Value {
        Value::Object(self.iter().map(|(key, element)| (key.clone(), element.write())).collect())
    }
    fn schema() -> Value {
        schema::map(&T::schema())
    }
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}
