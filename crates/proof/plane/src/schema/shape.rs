//! Pruning and defaulting: what an object looks like before it is validated and stored.

use super::{Additional, Node};
use serde_json::Value;

const META_FIELDS: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Drops what the schema does not name and returns the dropped paths.
pub(super) fn prune(root: &Node, object: &mut Value) -> Vec<String> {
    let mut dropped = Vec::new();
    walk(Some(root), false, object, "", &mut dropped);
    dropped
}

/// `keep` is set below a level that preserves unknown fields: there only named fields are pruned inside.
fn walk(node: Option<&Node>, keep: bool, value: &mut Value, path: &str, dropped: &mut Vec<String>) {
    let keep = keep || node.is_some_and(|node| node.preserve_unknown);
    match value {
        Value::Object(map) => {
            let mut gone = Vec::new();
            for (key, value) in map.iter_mut() {
                if node.is_some_and(|node| node.embedded) && META_FIELDS.contains(&key.as_str()) {
                    continue;
                }
                let at = super::child(path, key);
                match node.and_then(|node| node.below(key)) {
                    Some(Below::Schema(below)) => walk(Some(below), false, value, &at, dropped),
                    Some(Below::Any) => walk(None, false, value, &at, dropped),
                    None if keep => {}
                    None => {
                        gone.push(key.clone());
                        dropped.push(at);
                    }
                }
            }
            for key in gone {
                map.shift_remove(&key);
            }
        }
        Value::Array(list) => {
            let items = node.and_then(|node| node.items.as_deref());
            if items.is_none() && keep {
                return;
            }
            for (index, value) in list.iter_mut().enumerate() {
                walk(items, keep, value, &format!("{path}[{index}]"), dropped);
            }
        }
        _ => {}
    }
}

/// Fills in defaults; a null that the schema does not allow becomes the default, or goes.
pub(super) fn default(node: &Node, value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, property) in &node.properties {
                let unset = map.get(name).is_none_or(|value| value.is_null() && !property.nullable);
                match &property.default {
                    Some(default) if unset => drop(map.insert(name.clone(), default.clone())),
                    None if unset => drop(map.shift_remove(name)),
                    _ => {}
                }
            }
            for (name, value) in map.iter_mut() {
                let Some(Below::Schema(below)) = node.below(name) else { continue };
                restore(below, value);
                default(below, value);
            }
        }
        Value::Array(list) => {
            let Some(items) = node.items.as_deref() else { return };
            for value in list {
                restore(items, value);
                default(items, value);
            }
        }
        _ => {}
    }
}

/// Puts the default in place of a null that is not allowed.
fn restore(node: &Node, value: &mut Value) {
    if let Some(default) = node.default.as_ref().filter(|_| value.is_null() && !node.nullable) {
        value.clone_from(default);
    }
}

pub(super) enum Below<'a> {
    Schema(&'a Node),
    Any,
}

impl Node {
    /// What the schema says of the field `name`; `None` if it is unknown.
    pub(super) fn below(&self, name: &str) -> Option<Below<'_>> {
        if let Some(node) = self.properties.get(name) {
            return Some(Below::Schema(node));
        }
        match &self.additional {
            Additional::None => None,
            Additional::Any => Some(Below::Any),
            Additional::Schema(node) => Some(Below::Schema(node)),
        }
    }
}
