//! Skipper: beside the Ingress with the users' traffic, a second one that leads each of its paths to both versions and comes
//! first while the version under trial has a share.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use serin_api::kinds::INGRESS;
use serin_kernel::{Change, Key, LAST_APPLIED, Observed, Propagation, Write};

use super::{Route, existing, source, source_key};
use crate::{Error, Front, Split, Wanted, cursor::named, wanted::is_ours};

const WEIGHTS: &str = "zalando.org/backend-weights";
const PREDICATES: &str = "zalando.org/skipper-predicate";
/// The predicate by which the second Ingress comes before the first.
const FIRST: &str = "Weight(100)";
/// The predicate by which the second Ingress takes nothing.
const NEVER: &str = "False()";

/// Skipper.
pub(crate) struct Skipper;

impl Route for Skipper {
    fn keys(&self, front: &Front) -> Vec<Key> {
        let source = source_key(front, INGRESS, "ingressRef");
        source.map(|source| vec![source, canary_key(front)]).unwrap_or_default()
    }

    fn wanted(&self, front: &Front, split: Split, observed: &Observed) -> Result<Vec<Wanted>, Error> {
        let source = source(front, INGRESS, "ingressRef", observed)?;
        let mut spec = source.value().get("spec").cloned().unwrap_or_default();
        let rules = spec.get_mut("rules").and_then(Value::as_array_mut);
        let mut found = false;
        for rule in rules.into_iter().flatten() {
            found |= fork(rule, front);
        }
        if !found {
            let (ingress, service) = (source.meta().name.clone(), front.apex.clone());
            return Err(Error::NoRules { ingress, service });
        }
        let live = observed.get(&canary_key(front)).map(|live| &live.meta().annotations);
        let from = live.unwrap_or(&source.meta().annotations);
        let predicates = from.get(PREDICATES).map_or("", String::as_str);
        let weights = BTreeMap::from([(&front.primary, split.primary.0), (&front.canary, split.canary.0)]);
        let first = self.first(front, split, observed, predicates);
        let annotations = BTreeMap::from([
            (WEIGHTS.to_owned(), json!(weights).to_string()),
            (PREDICATES.to_owned(), with_first(predicates, first)),
        ]);
        let mut copied = source.meta().annotations.clone();
        copied.remove(LAST_APPLIED);
        let wanted = Wanted::new(canary_key(front), spec)
            .made_with(source.meta().labels.clone(), copied)
            .dressed(BTreeMap::new(), annotations)
            .sharing_labels()
            .sharing_annotations();
        Ok(vec![wanted])
    }

    fn read(&self, front: &Front, observed: &Observed) -> Result<Split, Error> {
        let key = canary_key(front);
        let annotations = &existing(observed, &key)?.meta().annotations;
        let wrong = || Error::Malformed {
            object: named(&key),
            field: format!("metadata.annotations[{WEIGHTS}]"),
            problem: format!("must hold the weights of {} and {} as JSON", front.primary, front.canary),
        };
        let text = annotations.get(WEIGHTS).ok_or_else(wrong)?;
        let weights: BTreeMap<String, u32> = serde_json::from_str(text).map_err(|_| wrong())?;
        let of = |service: &String| weights.get(service).copied().ok_or_else(wrong);
        Ok(Split::new(of(&front.primary)?, of(&front.canary)?))
    }

    /// The second Ingress would lead to Services that are gone: it goes at once, not when its owner is collected.
    fn farewell(&self, front: &Front, observed: &Observed) -> Result<Vec<Write>, Error> {
        let ours = observed.get(&canary_key(front)).filter(|live| is_ours(front, live.meta()));
        Ok(ours.map(|live| Write::same(live, Change::Delete(Propagation::Background))).into_iter().collect())
    }
}

impl Skipper {
    /// The predicate that decides whether the second Ingress takes anything. It is made taking, with everything to the
    /// proven version, and switched off after its first share: until then nothing changes.
    fn first(&self, front: &Front, split: Split, observed: &Observed, predicates: &str) -> &'static str {
        let is_untouched = match self.read(front, observed) {
            Ok(live) => live.canary.0 == 0 && !words(predicates).any(|word| word == NEVER),
            Err(_) => true,
        };
        if 0 < split.canary.0 || is_untouched { FIRST } else { NEVER }
    }
}

fn canary_key(front: &Front) -> Key {
    let source = front.source.as_deref().unwrap_or_default();
    INGRESS.key(front.namespace.clone(), format!("{source}-canary"))
}

/// Leads the paths of a rule to the proven version and, once more, to the one under trial; whether there was one.
fn fork(rule: &mut Value, front: &Front) -> bool {
    let Some(paths) = rule.pointer_mut("/http/paths").and_then(Value::as_array_mut) else { return false };
    let mut doubles = Vec::new();
    for path in paths.iter_mut() {
        let Some(name) = path.pointer_mut("/backend/service/name") else { continue };
        if name.as_str() != Some(&front.apex) {
            continue;
        }
        *name = json!(front.primary);
        let mut double = path.clone();
        double["backend"]["service"]["name"] = json!(front.canary);
        doubles.push(double);
    }
    let found = !doubles.is_empty();
    paths.extend(doubles);
    found
}

fn words(predicates: &str) -> impl Iterator<Item = &str> {
    predicates.split("&&").map(str::trim).filter(|word| !word.is_empty())
}

/// The predicates with `first` before all others, of which ours are left out.
fn with_first(predicates: &str, first: &str) -> String {
    let others = words(predicates).filter(|word| *word != FIRST && *word != NEVER);
    std::iter::once(first).chain(others).collect::<Vec<_>>().join(" && ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_predicate_is_first_and_alone_and_the_others_keep_their_order() {
        for (before, first, after) in [
            ("", FIRST, "Weight(100)"),
            ("Host(/a/)", FIRST, "Weight(100) && Host(/a/)"),
            ("Host(/a/) && Weight(100) && Path(\"/\")", NEVER, "False() && Host(/a/) && Path(\"/\")"),
            ("False()&&Host(/a/)&& ", FIRST, "Weight(100) && Host(/a/)"),
        ] {
            assert_eq!(with_first(before, first), after, "{before}");
        }
    }
}
