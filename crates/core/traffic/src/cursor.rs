//! Reading objects of others leniently: what is absent counts as empty, what has a wrong type is an error that names the
//! object and the field.

use serde_json::Value;
use serin_kernel::{Key, Object};

use crate::Error;

/// A place inside an object.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    key: &'a Key,
    path: String,
    value: &'a Value,
}

/// An object read once, for cursors to stand on.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    key: Key,
    value: Value,
}

impl Read {
    pub(crate) fn new(object: &Object) -> Self {
        Self { key: object.key(), value: object.value() }
    }

    /// The place at `path`, which is a chain of field names.
    pub(crate) fn at(&self, path: &[&str]) -> Result<Cursor<'_>, Error> {
        let root = Cursor { key: &self.key, path: String::new(), value: &self.value };
        path.iter().try_fold(root, |cursor, field| cursor.at(field))
    }
}

impl<'a> Cursor<'a> {
    /// A field of this object.
    pub(crate) fn at(&self, field: &str) -> Result<Self, Error> {
        const NOTHING: &Value = &Value::Null;
        let path = if self.path.is_empty() { field.to_owned() } else { format!("{}.{field}", self.path) };
        let value = match self.value {
            Value::Null => NOTHING,
            Value::Object(fields) => fields.get(field).unwrap_or(NOTHING),
            _ => return Err(self.wrong("an object")),
        };
        Ok(Self { key: self.key, path, value })
    }

    /// The elements of this list.
    pub(crate) fn items(&self) -> Result<Vec<Self>, Error> {
        let item = |(index, value)| Self { key: self.key, path: format!("{}[{index}]", self.path), value };
        match self.value {
            Value::Null => Ok(Vec::new()),
            Value::Array(items) => Ok(items.iter().enumerate().map(item).collect()),
            _ => Err(self.wrong("a list")),
        }
    }

    /// This text; empty when it is absent.
    pub(crate) fn text(&self) -> Result<&'a str, Error> {
        match self.value {
            Value::Null => Ok(""),
            Value::String(text) => Ok(text),
            _ => Err(self.wrong("a text")),
        }
    }

    /// This number; none when it is absent.
    pub(crate) fn number(&self) -> Result<Option<u32>, Error> {
        if self.value.is_null() {
            return Ok(None);
        }
        let number = self.value.as_u64().and_then(|number| u32::try_from(number).ok());
        number.map(Some).ok_or_else(|| self.wrong("a number that is whole and not negative"))
    }

    /// This number; 0 when it is absent, which is how the routers' own controllers read a weight.
    pub(crate) fn weight(&self) -> Result<u32, Error> {
        Ok(self.number()?.unwrap_or_default())
    }

    pub(crate) fn value(&self) -> &'a Value {
        self.value
    }

    /// That this place does not hold what it must.
    pub(crate) fn wrong(&self, wanted: &str) -> Error {
        let field = if self.path.is_empty() { "the object".to_owned() } else { self.path.clone() };
        Error::Malformed { object: named(self.key), field, problem: format!("must be {wanted}") }
    }
}

/// `Kind name.namespace`, as messages name objects.
pub(crate) fn named(key: &Key) -> String {
    let dot = if key.namespace.is_empty() { "" } else { "." };
    format!("{} {}{dot}{}", key.kind.kind, key.name, key.namespace)
}
