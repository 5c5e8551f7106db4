//! Names, labels, annotations and owners of what is made.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use serin_api::{
    flagger::Canary,
    kinds::{CANARY, FLAGGER_GROUP},
};
use serin_kernel::{LAST_APPLIED, Owner};

/// Part of the keys by which Flux marks what it manages: a copy that has them is taken for Flux's and pruned.
const FLUX: &str = "toolkit.fluxcd.io";
/// Stands for every label among the beginnings to take over.
const ALL: &str = "*";
/// What tools keep about one object and that is wrong on any other.
const OF_ONE_OBJECT: [&str; 3] =
    [LAST_APPLIED, "deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation"];
/// Tells a primary's pods of one promotion from those of another.
pub(super) const FLAGGER_ID: &str = "flagger-id";
/// Tells Flux to leave an object alone, with the value for it.
pub(crate) const LEFT_ALONE: [(&str, &str); 2] = [
    ("kustomize.toolkit.fluxcd.io/reconcile", "disabled"),
    ("helm.toolkit.fluxcd.io/driftDetection", "disabled"),
];

/// The owner reference of what a Canary makes.
pub(super) fn owner(canary: &Canary) -> Value {
    Owner::controller_ref(CANARY, &canary.metadata).to_json()
}

/// Whether an owner reference names a Canary.
pub(crate) fn is_canary(owner: &Owner) -> bool {
    owner.kind == CANARY.kind && owner.api_version.split('/').next() == Some(FLAGGER_GROUP)
}

/// All labels or annotations that a copy may have.
pub(super) fn all(texts: &BTreeMap<String, String>) -> Map<String, Value> {
    let own = |key: &str| !key.contains(FLUX) && !OF_ONE_OBJECT.contains(&key);
    texts.iter().filter(|(key, _)| own(key)).map(|(key, text)| (key.clone(), json!(text))).collect()
}

/// The labels or annotations that begin as `prefixes` say.
pub(super) fn included(texts: &BTreeMap<String, String>, prefixes: &[String]) -> Map<String, Value> {
    let wanted = |key: &str| {
        prefixes
            .iter()
            .any(|prefix| prefix == ALL || (!prefix.is_empty() && key.starts_with(prefix.as_str())))
    };
    all(texts).into_iter().filter(|(key, _)| wanted(key)).collect()
}

/// The metadata of a pod template that a copy may have: without what Flux put there.
pub(super) fn without_flux(texts: Option<&mut Value>) {
    if let Some(map) = texts.and_then(Value::as_object_mut) {
        map.retain(|key, _| !key.contains(FLUX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_taken_over_by_their_beginnings_and_never_flux_own() {
        let texts: BTreeMap<String, String> =
            ["team", "app.kubernetes.io/part-of", "kustomize.toolkit.fluxcd.io/name", LAST_APPLIED]
                .map(|key| (key.to_owned(), "x".to_owned()))
                .into();
        let keys = |prefixes: &[&str]| {
            let prefixes: Vec<String> = prefixes.iter().map(|&prefix| prefix.to_owned()).collect();
            included(&texts, &prefixes).keys().cloned().collect::<Vec<_>>()
        };
        for (prefixes, expected) in [
            (&[][..], &[][..]),
            (&[""], &[]),
            (&["te"], &["team"]),
            (&["none", "app."], &["app.kubernetes.io/part-of"]),
            (&["*"], &["app.kubernetes.io/part-of", "team"]),
        ] {
            assert_eq!(keys(prefixes), expected, "{prefixes:?}");
        }
        assert_eq!(all(&texts).len(), 2);
    }
}
