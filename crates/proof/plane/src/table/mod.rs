//! Objects as `meta.k8s.io/v1` Tables: what `kubectl get` prints.
//!
//! The columns, their priorities and the rules of their cells are Kubernetes' own, because people and scripts
//! read them. Time is an argument; a table of the same objects at the same moment is the same.

mod cells;
mod custom;
mod metrics;
mod net;
mod pod;
#[cfg(test)]
mod tests;
mod text;

use crate::kinds::KindInfo;
use jiff::Timestamp;
use serde_json::{Value, json};

/// What each row carries of its object (`includeObject`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IncludeObject {
    /// Nothing.
    None,
    /// Metadata alone.
    #[default]
    Metadata,
    /// All of it.
    Object,
}

impl IncludeObject {
    /// Reads the query parameter; `None` if it has no such value.
    #[must_use]
    pub fn from_query(text: &str) -> Option<Self> {
        match text {
            "None" => Some(Self::None),
            "" | "Metadata" => Some(Self::Metadata),
            "Object" => Some(Self::Object),
            _ => None,
        }
    }

    fn of(self, object: &Value) -> Value {
        match self {
            Self::None => Value::Null,
            Self::Object => object.clone(),
            Self::Metadata => json!({
                "kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": object["metadata"],
            }),
        }
    }
}

/// The table of `objects` at `now`. The caller adds the list's `metadata`.
#[must_use]
pub fn render(kind: &KindInfo, objects: &[Value], now: Timestamp, include: IncludeObject) -> Value {
    let columns = cells::columns(&kind.group, &kind.kind).filter(|_| !kind.custom);
    let definitions = columns.map_or_else(|| custom::definitions(kind), cells::definitions);
    let row = |object: &Value| {
        let mut row = match columns {
            // Other versions are only other spellings; the cells read the stored one.
            Some(columns) => cells::row(columns, &crate::convert::to_stored(object.clone()), now),
            None => custom::row(kind, object, now),
        };
        row["object"] = include.of(object);
        row
    };
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {},
        "columnDefinitions": definitions,
        "rows": objects.iter().map(row).collect::<Vec<_>>(),
    })
}
