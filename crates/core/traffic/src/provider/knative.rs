//! Knative: the workload is a Service that keeps its revisions itself. Traffic is split between its latest revision and the
//! proven one, which an annotation names.
//!
//! The Service is its user's: of its specification only `traffic` is ours.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use serin_kernel::{Change, Key, Kind, Observed, Write};

use super::{Route, existing, no_routes};
use crate::{
    Error, Front, Split, Wanted,
    cursor::{Read, named},
};

const KNATIVE_SERVICE: Kind = Kind::namespaced("serving.knative.dev", "v1", "Service", "services");

/// Knative.
pub(crate) struct Knative;

impl Route for Knative {
    fn keys(&self, front: &Front) -> Vec<Key> {
        vec![key(front)]
    }

    fn wanted(&self, front: &Front, split: Split, observed: &Observed) -> Result<Vec<Wanted>, Error> {
        let traffic = json!([
            {"latestRevision": true, "percent": split.canary.0},
            {"revisionName": revision(front, observed)?, "percent": split.primary.0},
        ]);
        Ok(vec![Wanted::new(key(front), json!({ "traffic": traffic })).in_parts().of_user()])
    }

    /// Which revision is the proven one may change before traffic does: traffic that is split between two revisions is only
    /// touched when a split is set. Any other is drift.
    fn reconciled(&self, front: &Front, split: Split, observed: &Observed) -> Result<Vec<Wanted>, Error> {
        let live = existing(observed, &key(front))?.value();
        let targets = live.pointer("/spec/traffic").and_then(Value::as_array).map(Vec::as_slice);
        let is_split = targets.is_some_and(|targets| match targets {
            [latest, proven] => latest["latestRevision"] == true && proven["revisionName"].is_string(),
            _ => false,
        });
        if is_split || revision(front, observed).is_err() {
            return Ok(Vec::new());
        }
        self.wanted(front, if split.is_void() { Split::PRIMARY } else { split }, observed)
    }

    /// The split that Knative has carried out; nothing for either version as long as it has not said anything.
    fn read(&self, front: &Front, observed: &Observed) -> Result<Split, Error> {
        let key = key(front);
        let proven = revision(front, observed)?;
        let read = Read::new(existing(observed, &key)?);
        let targets = read.at(&["status", "traffic"])?.items()?;
        if targets.is_empty() {
            return Ok(Split::new(0, 0));
        }
        // What is proven may be named anew before the traffic is split anew: until then another revision has its share.
        let (mut primary, mut before, mut canary) = (None, None, None);
        for target in targets {
            let percent = target.at("percent")?.number()?;
            if target.at("latestRevision")?.value().as_bool() == Some(true) {
                canary = percent;
            } else if target.at("revisionName")?.text()? == proven {
                primary = percent;
            } else {
                before = percent;
            }
        }
        let split = primary.or(before).zip(canary).map(|(primary, canary)| Split::new(primary, canary));
        split.ok_or_else(|| no_routes(front, &key))
    }

    fn farewell(&self, front: &Front, observed: &Observed) -> Result<Vec<Write>, Error> {
        let mark = &front.marks.revision;
        let marked = observed.get(&key(front)).filter(|live| live.meta().annotations.contains_key(mark));
        let unmark = |live| {
            let gone = BTreeMap::from([(mark, ())]);
            Write::unchanged(live, Change::Merge(json!({"metadata": {"annotations": gone}})))
        };
        Ok(marked.map(unmark).into_iter().collect())
    }
}

fn key(front: &Front) -> Key {
    KNATIVE_SERVICE.key(front.namespace.clone(), front.target.clone())
}

/// The proven revision, with which whoever makes the front has marked the object.
fn revision(front: &Front, observed: &Observed) -> Result<String, Error> {
    let key = key(front);
    let annotations = &existing(observed, &key)?.meta().annotations;
    annotations.get(&front.marks.revision).cloned().ok_or_else(|| Error::Malformed {
        object: named(&key),
        field: format!("metadata.annotations[{}]", front.marks.revision),
        problem: "is missing: it names the proven revision".to_owned(),
    })
}
