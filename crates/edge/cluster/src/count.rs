//! Counting requests, for `/metrics` and the benchmark.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use serin_kernel::Key;

/// So many series at most; what comes after is counted under an empty name. A metric must not become a leak.
const SERIES_MAX: usize = 10_000;

/// What a request is counted under: the labels of `controller_clientset_k8s_request_total`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestLabels {
    /// Resource name, such as `replicasets`.
    pub kind: &'static str,
    /// Namespace of the object; empty for lists and watches of all.
    pub namespace: String,
    /// Name of the object; empty for lists, watches and events (each event has a name of its own).
    pub name: String,
    /// What was asked: get, list, watch, create, update, patch, delete.
    pub verb: &'static str,
    /// HTTP status of the answer; 0 when there was none.
    pub code: u16,
}

/// All requests so far.
#[derive(Debug, Default)]
pub struct Counts(Mutex<BTreeMap<RequestLabels, u64>>);

impl Counts {
    pub(crate) fn object(&self, key: &Key, verb: &'static str, code: u16) {
        let name = if key.kind.plural == "events" { String::new() } else { key.name.clone() };
        self.add(RequestLabels { kind: key.kind.plural, namespace: key.namespace.clone(), name, verb, code });
    }

    pub(crate) fn collection(&self, kind: &'static str, verb: &'static str, code: u16) {
        self.add(RequestLabels { kind, namespace: String::new(), name: String::new(), verb, code });
    }

    fn add(&self, labels: RequestLabels) {
        let mut counts = self.0.lock();
        let full = SERIES_MAX <= counts.len() && !counts.contains_key(&labels);
        let labels = if full {
            RequestLabels { namespace: String::new(), name: String::new(), ..labels }
        } else {
            labels
        };
        *counts.entry(labels).or_default() += 1;
    }

    /// Forgets the series of one object that is gone.
    pub fn forget(&self, key: &Key) {
        self.0.lock().retain(|labels, _| {
            labels.kind != key.kind.plural || labels.namespace != key.namespace || labels.name != key.name
        });
    }

    /// All counts, in order of their labels.
    #[must_use]
    pub fn all(&self) -> Vec<(RequestLabels, u64)> {
        self.0.lock().iter().map(|(labels, count)| (labels.clone(), *count)).collect()
    }

    /// How many requests there were in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.lock().values().sum()
    }
}
