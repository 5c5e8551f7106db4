//! Labels and annotations that somebody else puts back on our objects.
//!
//! Property: nobody is fought. What is foreign on an object of ours is taken off, as Flagger does; what is there again at
//! each look, because an admission web hook or an operator sets it, is left to whoever sets it, and that is said once.
//!
//! Mechanics: every write of a look passes here, but for those to the Canary itself. How often a key was taken off, look after look, is part of the memory; it
//! is lost at a restart, and learnt again by as many writes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use serin_kernel::{Change, Write};

/// So often is a key taken off: one time too few would take a conflict, after which it is there still, for a fight.
const TRIES: u32 = 3;
/// Keys that are remembered. Whoever sets more on one Canary's objects is fought over the rest, once a look.
const KEYS_MAX: usize = 64;

/// What was taken off, and how often in a row.
pub(crate) type TakenOff = BTreeMap<String, u32>;

/// What a look has taken off.
#[derive(Debug, Default)]
pub(crate) struct Theirs {
    touched: BTreeSet<String>,
}

impl Theirs {
    /// `write` without what is others'; none when nothing is left of it. What is left to others from now on is told to `say`.
    pub(crate) fn respect(
        &mut self,
        mut write: Write,
        memory: &mut TakenOff,
        mut say: impl FnMut(String),
    ) -> Option<Write> {
        let Change::Merge(patch) = &mut write.change else { return Some(write) };
        let object = format!("{} {}", write.target.kind.kind, write.target.name);
        for part in ["labels", "annotations"] {
            let Some(keys) = patch.get_mut("metadata").and_then(|it| it.get_mut(part)?.as_object_mut())
            else {
                continue;
            };
            keys.retain(|key, value| {
                let id = format!("{object} metadata.{part} {key:?}");
                if !value.is_null() {
                    memory.remove(&id);
                    return true;
                }
                let is_known = memory.contains_key(&id);
                if !is_known && KEYS_MAX <= memory.len() {
                    return true;
                }
                self.touched.insert(id.clone());
                let count = memory.entry(id.clone()).or_default();
                if *count == TRIES {
                    say(format!("{id} comes back whenever it is taken off: it is left to whoever sets it"));
                }
                *count = count.saturating_add(1).min(TRIES + 1);
                *count <= TRIES
            });
        }
        prune(patch);
        let is_empty = patch.as_object().is_some_and(Map::is_empty);
        (!is_empty).then_some(write)
    }

    /// At the end of a look: what was not there again was no fight.
    pub(crate) fn settle(&self, memory: &mut TakenOff) {
        memory.retain(|id, count| TRIES < *count || self.touched.contains(id));
    }
}

/// Takes out the metadata of a patch that says nothing any more.
fn prune(patch: &mut Value) {
    let is_empty = |value: &Value| value.as_object().is_some_and(Map::is_empty);
    let Some(fields) = patch.as_object_mut() else { return };
    if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata
            .retain(|part, value| !(["labels", "annotations"].contains(&part.as_str()) && is_empty(value)));
        if metadata.is_empty() {
            fields.shift_remove("metadata");
        }
    }
}
