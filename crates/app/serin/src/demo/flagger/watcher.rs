//! What happens in the three namespaces, as the API tells it: events in their order, phases and weights.

use std::collections::BTreeMap;

use serde_json::Value;
use serin_api::kinds::CANARY;
use serin_cluster::{
    Client,
    direct::{Direct, Following},
};
use serin_kernel::Kind;

const EVENT: Kind = Kind::namespaced("", "v1", "Event", "events");
/// What stands before the tenth and later different message of one kind.
const COMBINED: &str = "(combined from similar events): ";

/// How a Canary stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) phase: String,
    pub(super) weight: i64,
}

impl std::fmt::Display for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.phase.is_empty() { "gone" } else { &self.phase })
    }
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Happened {
    pub(super) namespace: String,
    pub(super) message: String,
    pub(super) is_warning: bool,
}

/// Follows the Canaries and their events.
pub(super) struct Watcher {
    canaries: Following,
    events: Following,
    /// How often and in which words each was told: one that repeats, or stands for several, is the same object.
    told: BTreeMap<(String, String), i64>,
}

impl Watcher {
    pub(super) fn new(client: Client) -> Self {
        let api = Direct::new(client);
        Self {
            canaries: api.follow(CANARY, "", None),
            events: api.follow(EVENT, "", None),
            told: BTreeMap::new(),
        }
    }

    /// How each Canary stands, by namespace.
    pub(super) fn standings(&mut self) -> anyhow::Result<BTreeMap<String, Standing>> {
        let canaries = self.canaries.objects()?.unwrap_or_default();
        let standing = |canary: &Value| {
            let phase = text(canary, "/status/phase").to_owned();
            let weight = canary.pointer("/status/canaryWeight").and_then(Value::as_i64).unwrap_or(0);
            (text(canary, "/metadata/namespace").to_owned(), Standing { phase, weight })
        };
        Ok(canaries.iter().map(standing).collect())
    }

    /// What has happened since the last time.
    pub(super) fn news(&mut self) -> anyhow::Result<Vec<Happened>> {
        let events = self.events.objects()?.unwrap_or_default();
        let mut fresh: Vec<(u64, Happened)> = Vec::new();
        for event in events.iter().filter(|event| text(event, "/involvedObject/kind") == CANARY.kind) {
            let of = |pointer| text(event, pointer).to_owned();
            let count = event.pointer("/count").and_then(Value::as_i64).unwrap_or(1);
            let told = self.told.entry((of("/metadata/namespace"), of("/metadata/name"))).or_default();
            if *told < count {
                *told = count;
                let message = of("/message");
                let message = message.strip_prefix(COMBINED).unwrap_or(&message).to_owned();
                let version = text(event, "/metadata/resourceVersion").parse().unwrap_or(0);
                let (namespace, is_warning) = (of("/metadata/namespace"), of("/type") == "Warning");
                fresh.push((version, Happened { namespace, message, is_warning }));
            }
        }
        fresh.sort_by_key(|(version, _)| *version);
        Ok(fresh.into_iter().map(|(_, happened)| happened).collect())
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
