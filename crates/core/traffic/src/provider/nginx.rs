//! NGINX: beside the Ingress with the users' traffic, a second one whose annotations say who meets the version under trial.

use std::collections::BTreeMap;

use serde_json::Value;
use serin_api::kinds::INGRESS;
use serin_kernel::{Key, LAST_APPLIED, Observed};

use super::{Route, existing, source, source_key};
use crate::{
    Error, Front, Split, Wanted,
    cursor::named,
    ingress::{BY_COOKIE, BY_HEADER, BY_HEADER_PATTERN, BY_HEADER_VALUE, CANARY, WEIGHT, lead_elsewhere},
};

/// The header whose exact value is the name of a cookie.
const COOKIE: &str = "cookie";
/// The annotations by which requests are told apart.
const MATCHING: [&str; 4] = [BY_COOKIE, BY_HEADER, BY_HEADER_VALUE, BY_HEADER_PATTERN];

/// NGINX.
pub(crate) struct Nginx;

impl Route for Nginx {
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
            found |= lead_elsewhere(rule, &front.apex, &front.canary);
        }
        if !found {
            let (ingress, service) = (source.meta().name.clone(), front.apex.clone());
            return Err(Error::NoRules { ingress, service });
        }
        let prefixed = |name: &str| prefixed(front, name);
        let mut annotations = front.marks.left_alone.clone();
        annotations.insert(prefixed(CANARY), "true".to_owned());
        let share = if front.trial.is_empty() { split.canary.0 } else { 0 };
        annotations.insert(prefixed(WEIGHT), share.to_string());
        if !front.trial.is_empty() && 0 < split.canary.0 {
            annotations.extend(matching(front)?);
        }
        let gone = MATCHING.map(prefixed).into_iter().filter(|name| !annotations.contains_key(name));
        let gone = gone.collect();
        let is_copied = |name: &str| !name.contains(&prefixed(CANARY)) && name != LAST_APPLIED;
        let mut copied = source.meta().annotations.clone();
        copied.retain(|name, _| is_copied(name));
        let wanted = Wanted::new(canary_key(front), spec)
            .made_with(source.meta().labels.clone(), copied)
            .dressed(BTreeMap::new(), annotations)
            .sharing_labels()
            .sharing_annotations()
            .without(gone);
        Ok(vec![wanted])
    }

    fn read(&self, front: &Front, observed: &Observed) -> Result<Split, Error> {
        let key = canary_key(front);
        let annotations = &existing(observed, &key)?.meta().annotations;
        let has = |name: &str| annotations.contains_key(&prefixed(front, name));
        if !front.trial.is_empty() && (has(BY_COOKIE) || has(BY_HEADER)) {
            return Ok(Split::new(0, 100));
        }
        let name = prefixed(front, WEIGHT);
        let share = annotations.get(&name).and_then(|text| text.parse().ok()).filter(|share| *share <= 100);
        let share: u32 = share.ok_or_else(|| Error::Malformed {
            object: named(&key),
            field: format!("metadata.annotations[{name}]"),
            problem: "must be a whole number from 0 to 100".to_owned(),
        })?;
        Ok(Split::new(100 - share, share))
    }
}

fn canary_key(front: &Front) -> Key {
    let source = front.source.as_deref().unwrap_or_default();
    INGRESS.key(front.namespace.clone(), format!("{source}-canary"))
}

fn prefixed(front: &Front, name: &str) -> String {
    format!("{}/{name}", front.settings.annotation_prefix)
}

/// The annotations that send requests that match to the version under trial. There can be one header and one cookie: the
/// last ones count.
fn matching(front: &Front) -> Result<BTreeMap<String, String>, Error> {
    let mut found = BTreeMap::new();
    for (header, condition) in front.trial_headers() {
        let text = |kind: &str| condition.get(kind).and_then(Value::as_str).filter(|text| !text.is_empty());
        let (exact, regex) = (text("exact"), text("regex"));
        if header == COOKIE {
            found.extend(exact.map(|exact| (prefixed(front, BY_COOKIE), exact.to_owned())));
        } else if let Some((kind, value)) =
            exact.map(|exact| (BY_HEADER_VALUE, exact)).or(regex.map(|regex| (BY_HEADER_PATTERN, regex)))
        {
            found.remove(&prefixed(front, BY_HEADER_VALUE));
            found.remove(&prefixed(front, BY_HEADER_PATTERN));
            found.insert(prefixed(front, BY_HEADER), header.to_owned());
            found.insert(prefixed(front, kind), value.to_owned());
        }
    }
    if found.is_empty() {
        return Err(Error::Unsupported {
            field: "analysis.match".to_owned(),
            problem: "NGINX tells requests apart by a header that is exact or a regex, or by `cookie` with the exact name \
                      of one: give one of them"
                .to_owned(),
        });
    }
    Ok(found)
}
