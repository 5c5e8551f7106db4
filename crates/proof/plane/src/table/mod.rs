//! Objects as `meta.k8s.io/v1` Tables: what `kubectl get` prints.
//!
//! The columns, their priorities and the rules of their cells are Kubernetes' own, because people and scripts
//! read them. Time is an argument; a table of the same objects at the same moment is the same.

mod cells;

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
    let row = |object: &Value| {
        let cells = cells::row(kind, object, now);
        json!({ "cells": cells, "object": include.of(object) })
    };
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {},
        "columnDefinitions": cells::definitions(kind),
        "rows": objects.iter().map(row).collect::<Vec<_>>(),
    })
}
