//! Gates: whether a canary may go on, as somebody has said by opening or closing them.
//!
//! Property: a gate that nobody opened is closed, and so is one that cannot be read. In a ConfigMap, what one copy was told
//! is what every other copy answers from then on, and a restart forgets nothing: each question reads it, each change is one
//! patch of one key, so that two changes at a time cannot undo each other.
//!
//! Mechanics: only open gates are kept; closing takes the key away, so that what is kept does not grow with the past.

use std::{collections::BTreeSet, fmt::Write as _};

use parking_lot::Mutex;
use serde_json::{Value, json};
use serin_cluster::direct::{Change, Direct, DirectError};
use serin_kernel::{Key, Kind};

use crate::payload::Payload;

/// What stands in the ConfigMap at a gate that is open.
const OPEN: &str = "open";
const CONFIG_MAP: Kind = Kind::namespaced("", "v1", "ConfigMap", "configmaps");
/// Open gates that are kept in memory: more canaries than any cluster has, and less than 10 MB.
const GATES_MAX: usize = 10_000;
/// The longest key that a ConfigMap takes.
const KEY_MAX: usize = 253;

/// What a gate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// `/gate/…`: going on.
    Advance,
    /// `/rollback/…`: going back.
    Rollback,
}

/// A gate cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GateError {
    #[error("name and namespace together are too long for a gate")]
    TooLong,
    #[error("{GATES_MAX} gates are open: close some")]
    TooMany,
    #[error("{place}")]
    Store { place: String, source: DirectError },
}

/// Where gates are kept.
pub struct Gates(Place);

enum Place {
    Memory(Mutex<BTreeSet<String>>),
    ConfigMap(Direct, Key),
}

impl Gates {
    /// Gates of this process alone, closed again when it ends.
    #[must_use]
    pub fn in_memory() -> Self {
        Self(Place::Memory(Mutex::default()))
    }

    /// Gates in a ConfigMap, which is made when the first one is opened.
    #[must_use]
    pub fn in_config_map(direct: Direct, namespace: &str, name: &str) -> Self {
        let key = Key { kind: CONFIG_MAP, namespace: namespace.to_owned(), name: name.to_owned() };
        Self(Place::ConfigMap(direct, key))
    }

    pub(crate) async fn is_open(&self, purpose: Purpose, payload: &Payload) -> Result<bool, GateError> {
        let gate = key(purpose, payload)?;
        match &self.0 {
            Place::Memory(open) => Ok(open.lock().contains(&gate)),
            Place::ConfigMap(direct, map) => match direct.get(map).await {
                // A person may write anything here: only one word opens.
                Ok(found) => {
                    Ok(found.pointer("/data").and_then(|data| data.get(&gate)) == Some(&OPEN.into()))
                }
                Err(error) if error.is_not_found() => Ok(false),
                Err(source) => Err(failed(map, source)),
            },
        }
    }

    pub(crate) async fn set(&self, purpose: Purpose, payload: &Payload, open: bool) -> Result<(), GateError> {
        let gate = key(purpose, payload)?;
        match &self.0 {
            Place::Memory(gates) => {
                let mut gates = gates.lock();
                if !open {
                    gates.remove(&gate);
                } else if GATES_MAX <= gates.len() && !gates.contains(&gate) {
                    return Err(GateError::TooMany);
                } else {
                    gates.insert(gate);
                }
                Ok(())
            }
            Place::ConfigMap(direct, map) => {
                patch(direct, map, &gate, open).await.map_err(|source| failed(map, source))
            }
        }
    }
}

async fn patch(direct: &Direct, map: &Key, gate: &str, open: bool) -> Result<(), DirectError> {
    let data = json!({ gate: if open { Value::from(OPEN) } else { Value::Null } });
    let change = Change::Merge(json!({ "data": data }));
    match direct.change(map, &change).await {
        Err(error) if error.is_not_found() && !open => Ok(()),
        Err(error) if error.is_not_found() => {
            let object = json!({
                "apiVersion": "v1", "kind": "ConfigMap", "data": data,
                "metadata": {"name": map.name, "namespace": map.namespace},
            });
            match direct.create(map.kind, &map.namespace, &object).await {
                // Another copy was first.
                Err(error) if error.is_conflict() => direct.change(map, &change).await.map(drop),
                made => made.map(drop),
            }
        }
        changed => changed.map(drop),
    }
}

fn failed(map: &Key, source: DirectError) -> GateError {
    GateError::Store { place: format!("the gates in ConfigMap {}/{}", map.namespace, map.name), source }
}

/// The name of a gate: letters that a ConfigMap takes as a key, and no two gates with the same.
///
/// A namespace has no dot, so the first dot behind it ends it; what is no letter of a key is written by its code.
fn key(purpose: Purpose, payload: &Payload) -> Result<String, GateError> {
    let mut key = match purpose {
        Purpose::Advance => "gate.".to_owned(),
        Purpose::Rollback => "rollback.".to_owned(),
    };
    for (index, (text, dots)) in [(&payload.namespace, false), (&payload.name, true)].into_iter().enumerate()
    {
        if index == 1 {
            key.push('.');
        }
        for byte in text.bytes() {
            if byte.is_ascii_alphanumeric() || byte == b'-' || (dots && byte == b'.') {
                key.push(char::from(byte));
            } else {
                let _ = write!(key, "_{byte:02x}");
            }
            if KEY_MAX < key.len() {
                return Err(GateError::TooLong);
            }
        }
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, namespace: &str) -> Payload {
        Payload { name: name.to_owned(), namespace: namespace.to_owned(), ..Payload::default() }
    }

    #[test]
    fn no_two_gates_have_the_same_key() {
        let mut keys = BTreeSet::new();
        let parts = ["", "a", "a.b", "rollback.a", "_2e", ".", "é", "a b", "gate."];
        for purpose in [Purpose::Advance, Purpose::Rollback] {
            for (name, namespace) in parts.iter().flat_map(|name| parts.map(|namespace| (*name, namespace))) {
                let key = key(purpose, &of(name, namespace)).unwrap();
                assert!(key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)), "{key}");
                assert!(keys.insert(key), "{name:?} {namespace:?}");
            }
        }
        assert!(matches!(key(Purpose::Advance, &of(&"é".repeat(200), "")), Err(GateError::TooLong)));
    }

    #[tokio::test]
    async fn gates_in_memory_are_bounded() {
        let gates = Gates::in_memory();
        for number in 0..GATES_MAX {
            gates.set(Purpose::Advance, &of(&number.to_string(), "n"), true).await.unwrap();
        }
        let more = of("more", "n");
        assert!(matches!(gates.set(Purpose::Advance, &more, true).await, Err(GateError::TooMany)));
        gates.set(Purpose::Advance, &of("0", "n"), true).await.unwrap();
        gates.set(Purpose::Advance, &of("0", "n"), false).await.unwrap();
        gates.set(Purpose::Advance, &more, true).await.unwrap();
        assert!(gates.is_open(Purpose::Advance, &more).await.unwrap());
        assert!(!gates.is_open(Purpose::Rollback, &more).await.unwrap());
    }

    #[tokio::test]
    async fn gates_in_a_config_map_outlive_a_restart_and_are_shared() {
        let plane = serin_plane::Plane::new(serin_plane::Options::default());
        let copy = || Gates::in_config_map(Direct::new(plane.client()), "default", "gates");
        let (first, second, demo, other) = (copy(), copy(), of("demo", "test"), of("other", "test"));
        assert!(!first.is_open(Purpose::Advance, &demo).await.unwrap(), "open before anybody opened it");
        first.set(Purpose::Advance, &demo, false).await.unwrap();
        let (a, b) = tokio::join!(
            first.set(Purpose::Advance, &demo, true),
            second.set(Purpose::Rollback, &other, true)
        );
        a.unwrap();
        b.unwrap();
        for gates in [&second, &copy()] {
            assert!(gates.is_open(Purpose::Advance, &demo).await.unwrap());
            assert!(gates.is_open(Purpose::Rollback, &other).await.unwrap());
            assert!(!gates.is_open(Purpose::Rollback, &demo).await.unwrap());
        }
        second.set(Purpose::Advance, &demo, false).await.unwrap();
        assert!(!first.is_open(Purpose::Advance, &demo).await.unwrap());
        // A person's word counts, and only one word opens.
        let map = Key { kind: CONFIG_MAP, namespace: "default".to_owned(), name: "gates".to_owned() };
        for (word, is_open) in [("open", true), ("closed", false), ("true", false)] {
            let change = Change::Merge(json!({"data": {"gate.test.demo": word}}));
            Direct::new(plane.client()).change(&map, &change).await.unwrap();
            assert_eq!(first.is_open(Purpose::Advance, &demo).await.unwrap(), is_open, "{word}");
        }
        let elsewhere = Gates::in_config_map(Direct::new(plane.client()), "nowhere", "gates");
        assert!(matches!(elsewhere.set(Purpose::Advance, &demo, true).await, Err(GateError::Store { .. })));
    }
}
