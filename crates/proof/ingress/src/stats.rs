//! What the proxy has answered, for a live view.

use parking_lot::Mutex;
use std::collections::BTreeMap;

/// Lines kept: Services times versions. Past it new ones are counted together, so that a backend which makes up
/// versions cannot fill the memory.
const LINES_MAX: usize = 512;

/// Which Service and version answered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// The Service's namespace.
    pub namespace: String,
    /// The Service.
    pub service: String,
    /// The answer's `x-version` header; empty without one.
    pub version: String,
}

/// How many answers, and how many of them were server errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Answers, errors among them.
    pub requests: u64,
    /// Answers with a status of 500 or above.
    pub errors: u64,
}

/// A snapshot of the counters since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Answers by Service and version.
    pub served: BTreeMap<Source, Count>,
    /// Requests that no Ingress has a route for (404).
    pub no_route: u64,
    /// Requests whose Service has no endpoint (503).
    pub no_endpoint: u64,
    /// Requests that broke on the way to a pod (502, 504).
    pub broken: u64,
    /// Requests that were sent to a second pod after the first did not answer.
    pub retried: u64,
}

impl Stats {
    /// All requests, answered or not.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.served.values().map(|count| count.requests).sum::<u64>()
            + self.no_route
            + self.no_endpoint
            + self.broken
    }

    /// Requests that a user would call failed: server errors of pods, and those that reached none.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.served.values().map(|count| count.errors).sum::<u64>()
            + self.no_route
            + self.no_endpoint
            + self.broken
    }
}

/// The live counters.
#[derive(Debug, Default)]
pub(crate) struct Counters(Mutex<Stats>);

impl Counters {
    pub(crate) fn snapshot(&self) -> Stats {
        self.0.lock().clone()
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Stats)) {
        change(&mut self.0.lock());
    }

    pub(crate) fn served(&self, mut source: Source, is_error: bool) {
        let mut stats = self.0.lock();
        if LINES_MAX <= stats.served.len() && !stats.served.contains_key(&source) {
            "(other)".clone_into(&mut source.version);
            "(other)".clone_into(&mut source.service);
            source.namespace.clear();
        }
        let count = stats.served.entry(source).or_default();
        count.requests += 1;
        count.errors += u64::from(is_error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_versions_cannot_fill_the_memory() {
        let counters = Counters::default();
        for number in 0..2 * LINES_MAX {
            let source = Source { namespace: "ns".into(), service: "s".into(), version: number.to_string() };
            counters.served(source, number % 2 == 0);
        }
        let stats = counters.snapshot();
        assert_eq!(stats.served.len(), LINES_MAX + 1);
        assert_eq!((stats.requests(), stats.failed()), (2 * LINES_MAX as u64, LINES_MAX as u64));
    }
}
