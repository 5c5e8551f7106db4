//! Counting a controller's requests in the API server's audit log: what the server saw, not what the client says.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

/// The user that the controller under test connects as.
pub(crate) const USER: &str = "controller-under-test";

/// Requests by verb and resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Requests {
    /// `patch rollouts/status` → how many.
    pub(crate) by_what: BTreeMap<String, u64>,
    /// How many were answered with 4xx or 5xx.
    pub(crate) refused: u64,
}

impl Requests {
    /// All of them.
    pub(crate) fn total(&self) -> u64 {
        self.by_what.values().sum()
    }

    /// Requests by verb alone.
    pub(crate) fn by_verb(&self) -> BTreeMap<&str, u64> {
        let mut verbs = BTreeMap::new();
        for (what, count) in &self.by_what {
            *verbs.entry(what.split(' ').next().unwrap_or_default()).or_default() += count;
        }
        verbs
    }

    /// Requests that create, change or remove objects of this kind.
    pub(crate) fn of(&self, resource: &str) -> u64 {
        let writes = |what: &&String| {
            what.split_once(' ')
                .is_some_and(|(verb, of)| of == resource && !matches!(verb, "get" | "list" | "watch"))
        };
        self.by_what.iter().filter(|(what, _)| writes(what)).map(|(_, count)| count).sum()
    }

    /// Those that keep a controller alive: its Lease, and watches begun again.
    pub(crate) fn upkeep(&self) -> u64 {
        let upkeep = |what: &&String| what.contains("leases") || what.starts_with("watch ");
        self.by_what.iter().filter(|(what, _)| upkeep(what)).map(|(_, count)| count).sum()
    }

    fn add(&mut self, line: &str) {
        let Ok(entry) = serde_json::from_str::<Value>(line) else { return };
        if entry["user"]["username"] != USER {
            return;
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let object = &entry["objectRef"];
        let mut what = format!("{} {}", text(&entry["verb"]), text(&object["resource"]));
        if let Some(subresource) = object["subresource"].as_str() {
            what = format!("{what}/{subresource}");
        }
        *self.by_what.entry(what).or_default() += 1;
        self.refused += u64::from(400 <= entry["responseStatus"]["code"].as_u64().unwrap_or(0));
    }
}

/// An audit log that is being written.
#[derive(Clone, Debug)]
pub(crate) struct AuditLog {
    path: PathBuf,
}

impl AuditLog {
    /// The log of a plane's folder.
    pub(crate) fn of(plane: &Path) -> Self {
        Self { path: plane.join("audit.log") }
    }

    /// Where it ends now.
    pub(crate) fn end(&self) -> Result<u64> {
        Ok(std::fs::metadata(&self.path)
            .with_context(|| format!("{} (start the plane with AUDIT=1)", self.path.display()))?
            .len())
    }

    /// The controller's requests between two ends.
    pub(crate) fn between(&self, from: u64, to: u64) -> Result<Requests> {
        let mut file = std::fs::File::open(&self.path)?;
        file.seek(SeekFrom::Start(from))?;
        let mut requests = Requests::default();
        for line in BufReader::new(file.take(to - from)).lines() {
            requests.add(&line?);
        }
        Ok(requests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_controllers_requests_count_and_refusals_are_told() {
        let mut requests = Requests::default();
        for (user, verb, resource, code) in [
            (USER, "patch", r#""rollouts", "subresource": "status""#, 200),
            (USER, "create", r#""events""#, 201),
            (USER, "patch", r#""rollouts", "subresource": "status""#, 409),
            (USER, "update", r#""leases""#, 200),
            ("admin", "create", r#""rollouts""#, 201),
        ] {
            requests.add(&format!(
                r#"{{"user": {{"username": "{user}"}}, "verb": "{verb}", "objectRef": {{"resource": {resource}}}, "responseStatus": {{"code": {code}}}}}"#
            ));
        }
        requests.add("half a li");
        assert_eq!(requests.total(), 4);
        assert_eq!(requests.refused, 1);
        assert_eq!(requests.upkeep(), 1);
        assert_eq!(
            (requests.of("events"), requests.of("rollouts/status"), requests.of("rollouts")),
            (1, 2, 0)
        );
        assert_eq!(requests.by_verb(), BTreeMap::from([("create", 1), ("patch", 2), ("update", 1)]));
    }
}
