//! NGINX: beside each Ingress with the users' traffic, a second one with the canary's share in an annotation.
//!
//! The second Ingress is made before any traffic is sent and stays, with weight 0, when the update is over: making and
//! removing it would reload the proxy twice for each update. It belongs to the owner and goes when that goes.
//!
//! Annotations that others put on it are kept, also those that were once asked for and are no more.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use serin_api::{diff::merge_diff, kinds::INGRESS, network::INGRESS_CLASS_ANNOTATION};
use serin_kernel::{Change, Event, Key, Object, Observed, Owner, Weight, Write};

use crate::{
    Error, Intent,
    ingress::{CANARY, WEIGHT, WEIGHT_TOTAL, lead_elsewhere},
};

/// The longest name of an Ingress: that of a DNS subdomain.
const NAME_LENGTH_MAX: usize = 253;
/// What tells the name of a canary Ingress.
const NAME_SUFFIX: &str = "-canary";

/// NGINX as the router.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nginx {
    /// Prefix of the controller's annotations, usually `nginx.ingress.kubernetes.io`, without a slash.
    pub prefix: String,
    /// Names of the Ingresses with the users' traffic.
    pub ingresses: Vec<String>,
    /// Annotations of the canary Ingresses; keys that do not begin with the prefix get it.
    pub additional: BTreeMap<String, String>,
    /// Annotations of the canary Ingresses, word for word; they win over the additional ones.
    pub verbatim: BTreeMap<String, String>,
    /// The sum of all weights, where it is to be written; NGINX takes 100 for granted.
    pub total: Option<Weight>,
}

/// The name of the canary Ingress beside `ingress`.
#[must_use]
pub fn canary_ingress_name(owner: &str, ingress: &str) -> String {
    let name = format!("{owner}-{ingress}");
    let end = name.floor_char_boundary(NAME_LENGTH_MAX - NAME_SUFFIX.len());
    format!("{}{NAME_SUFFIX}", &name[..end])
}

impl Nginx {
    pub(crate) fn keys(&self, owner: &Object) -> Vec<Key> {
        let both = |name: &String| [name.clone(), canary_ingress_name(&owner.meta().name, name)];
        self.ingresses.iter().flat_map(both).map(|name| key(owner, name)).collect()
    }

    pub(crate) fn writes(&self, intent: &Intent<'_>, observed: &Observed) -> Result<Vec<Write>, Error> {
        let mut names: BTreeMap<String, &String> = BTreeMap::new();
        let mut writes = Vec::new();
        for ingress in &self.ingresses {
            let name = canary_ingress_name(&intent.owner.meta().name, ingress);
            match names.insert(name.clone(), ingress) {
                None => writes.extend(self.write(intent, observed, ingress, name)?),
                Some(first) if first == ingress => {}
                Some(first) => {
                    return Err(Error::SameName {
                        first: first.clone(),
                        second: ingress.clone(),
                        canary: name,
                    });
                }
            }
        }
        Ok(writes)
    }

    pub(crate) fn observed_weight(&self, owner: &Object, observed: &Observed) -> Option<Weight> {
        let weight_of = |ingress: &String| {
            let name = canary_ingress_name(&owner.meta().name, ingress);
            let annotations = &observed.get(&key(owner, name))?.meta().annotations;
            let is_canary = annotations.get(&self.prefixed(CANARY)).is_some_and(|text| text == "true");
            is_canary.then_some(())?;
            annotations.get(&self.prefixed(WEIGHT))?.parse().ok().map(Weight)
        };
        let mut weights = self.ingresses.iter().map(weight_of);
        let first = weights.next()??;
        weights.all(|weight| weight == Some(first)).then_some(first)
    }

    /// The write for one Ingress, if one is needed.
    fn write(
        &self,
        intent: &Intent<'_>,
        observed: &Observed,
        ingress: &str,
        name: String,
    ) -> Result<Option<Write>, Error> {
        let missing = || Error::IngressMissing { name: ingress.to_owned() };
        let stable = observed.get(&key(intent.owner, ingress.to_owned())).ok_or_else(missing)?;
        let spec = canary_spec(&stable.value(), intent).ok_or_else(|| Error::NoRules {
            ingress: ingress.to_owned(),
            service: intent.stable.service.to_owned(),
        })?;
        let annotations = self.annotations(stable, intent.canary.weight);
        let target = key(intent.owner, name);
        match observed.get(&target) {
            None => Ok(Some(create(intent, target, &annotations, &spec))),
            Some(existing) if existing.meta().is_controlled_by(&intent.owner.meta().uid) => {
                Ok(patch(intent, existing, annotations, &spec))
            }
            Some(_) => Err(Error::NotOurs { name: target.name }),
        }
    }

    /// The annotations that the canary Ingress must have.
    fn annotations(&self, stable: &Object, weight: Weight) -> BTreeMap<String, String> {
        let mut annotations = BTreeMap::new();
        if let Some(class) = stable.meta().annotations.get(INGRESS_CLASS_ANNOTATION) {
            annotations.insert(INGRESS_CLASS_ANNOTATION.to_owned(), class.clone());
        }
        for (key, value) in &self.additional {
            let key = if key.starts_with(&self.prefix) { key.clone() } else { self.prefixed(key) };
            annotations.insert(key, value.clone());
        }
        annotations.extend(self.verbatim.clone());
        annotations.insert(self.prefixed(CANARY), "true".to_owned());
        annotations.insert(self.prefixed(WEIGHT), weight.to_string());
        if let Some(total) = self.total {
            annotations.insert(self.prefixed(WEIGHT_TOTAL), total.to_string());
        }
        annotations
    }

    fn prefixed(&self, key: &str) -> String {
        format!("{}/{key}", self.prefix)
    }
}

/// The specification of the canary Ingress; none when no rule sends requests to the stable Service.
///
/// Rules without such a path stay away, a default backend too. In a rule that has one, the other paths are kept: taken
/// out, their requests would go to the stable Ingress all the same.
fn canary_spec(stable: &Value, intent: &Intent<'_>) -> Option<Value> {
    let spec = stable.get("spec")?;
    let rules = spec.get("rules").and_then(Value::as_array);
    let canary_rule = |rule: &Value| {
        let mut rule = rule.clone();
        lead_elsewhere(&mut rule, intent.stable.service, intent.canary.service).then_some(rule)
    };
    let rules: Vec<Value> = rules.into_iter().flatten().filter_map(canary_rule).collect();
    if rules.is_empty() {
        return None;
    }
    let mut wanted = Map::new();
    for copied in ["ingressClassName", "tls"] {
        let value = spec.get(copied).filter(|value| !value.is_null());
        wanted.extend(value.map(|value| (copied.to_owned(), value.clone())));
    }
    wanted.insert("rules".to_owned(), Value::Array(rules));
    Some(Value::Object(wanted))
}

fn create(intent: &Intent<'_>, target: Key, annotations: &BTreeMap<String, String>, spec: &Value) -> Write {
    let owner = intent.owner;
    let body = json!({
        "apiVersion": INGRESS.api_version(),
        "kind": INGRESS.kind,
        "metadata": {
            "name": target.name,
            "namespace": target.namespace,
            "annotations": annotations,
            "ownerReferences": [Owner::controller_ref(owner.kind(), owner.meta()).to_json()],
        },
        "spec": spec,
    });
    let message = format!("Creating canary ingress `{}` with weight `{}`", target.name, intent.canary.weight);
    let event = Event::normal(owner.reference(), "CreatingCanaryIngress", message);
    Write::new(target, Change::Create(body)).telling(event)
}

/// The change of an existing canary Ingress; none when it is as wanted.
fn patch(
    intent: &Intent<'_>,
    existing: &Object,
    annotations: BTreeMap<String, String>,
    spec: &Value,
) -> Option<Write> {
    let before = &existing.meta().annotations;
    let changed: BTreeMap<String, String> =
        annotations.into_iter().filter(|(key, value)| before.get(key) != Some(value)).collect();
    let mut patch = Map::new();
    if !changed.is_empty() {
        patch.insert("metadata".to_owned(), json!({ "annotations": changed }));
    }
    let value = existing.value();
    let difference = merge_diff(value.get("spec").unwrap_or(&Value::Null), spec);
    patch.extend(difference.map(|difference| ("spec".to_owned(), difference)));
    if patch.is_empty() {
        return None;
    }
    let name = &existing.meta().name;
    let message = format!("Updating Ingress `{name}` to desiredWeight '{}'", intent.canary.weight);
    let event = Event::normal(intent.owner.reference(), "PatchingCanaryIngress", message);
    Some(Write::unchanged(existing, Change::Merge(Value::Object(patch))).telling(event))
}

fn key(owner: &Object, name: String) -> Key {
    INGRESS.key(owner.meta().namespace.clone(), name)
}

#[cfg(test)]
mod tests;
