//! APISIX: beside the route with the users' traffic, a second one of higher priority that leads to both versions.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use serin_kernel::{Key, Kind, LAST_APPLIED, Observed};

use super::{Route, existing, no_routes, source, source_key};
use crate::{
    Error, Front, Split, Wanted,
    cursor::{Read, named},
};

const APISIX_ROUTE: Kind = Kind::namespaced("apisix.apache.org", "v2", "ApisixRoute", "apisixroutes");
/// Higher than that of any route that people write.
const PRIORITY: u32 = 10_000;

/// APISIX.
pub(crate) struct Apisix;

impl Route for Apisix {
    fn keys(&self, front: &Front) -> Vec<Key> {
        let source = source_key(front, APISIX_ROUTE, "routeRef");
        source.map(|source| vec![source, canary_key(front)]).unwrap_or_default()
    }

    fn wanted(&self, front: &Front, split: Split, observed: &Observed) -> Result<Vec<Wanted>, Error> {
        let source = source(front, APISIX_ROUTE, "routeRef", observed)?;
        let mut copied = source.meta().annotations.clone();
        copied.remove(LAST_APPLIED);
        let mut spec = Map::from_iter([("http".to_owned(), json!([rule(front, split, source)?]))]);
        let class = source.value().pointer("/spec/ingressClassName").cloned();
        spec.extend(class.map(|class| ("ingressClassName".to_owned(), class)));
        let wanted = Wanted::new(canary_key(front), Value::Object(spec))
            .made_with(source.meta().labels.clone(), copied)
            .dressed(BTreeMap::new(), BTreeMap::new())
            .sharing_labels()
            .sharing_annotations();
        Ok(vec![wanted])
    }

    fn read(&self, front: &Front, observed: &Observed) -> Result<Split, Error> {
        let key = canary_key(front);
        let read = Read::new(existing(observed, &key)?);
        let (mut primary, mut canary) = (None, None);
        if let Some(first) = read.at(&["spec", "http"])?.items()?.first() {
            for backend in first.at("backends")?.items()? {
                let service = backend.at("serviceName")?.text()?;
                let weight = backend.at("weight")?.weight()?;
                if service == front.primary {
                    primary = Some(weight);
                } else if service == front.canary {
                    canary = Some(weight);
                }
            }
        }
        let split = primary.zip(canary).map(|(primary, canary)| Split::new(primary, canary));
        split.filter(|split| !split.is_void()).ok_or_else(|| no_routes(front, &key))
    }
}

fn canary_key(front: &Front) -> Key {
    let source = front.source.as_deref().unwrap_or_default();
    APISIX_ROUTE.key(front.namespace.clone(), format!("{source}-{}-canary", front.apex))
}

/// The rule of the source that leads to the apex, leading to both versions.
fn rule(front: &Front, split: Split, source: &serin_kernel::Object) -> Result<Value, Error> {
    let read = Read::new(source);
    for rule in read.at(&["spec", "http"])?.items()? {
        let backends = rule.at("backends")?.items()?;
        let mut leads = false;
        for backend in &backends {
            leads |= backend.at("serviceName")?.text()? == front.apex;
        }
        if !leads {
            continue;
        }
        let [only] = &backends[..] else {
            return Err(rule
                .at("backends")?
                .wrong(&format!("{} alone: a share of one of several cannot be split", front.apex)));
        };
        let to = |service: &str, weight: u32| {
            let mut backend = only.value().clone();
            backend["serviceName"] = json!(service);
            backend["weight"] = json!(weight);
            backend
        };
        let mut split_rule = rule.value().clone();
        split_rule["backends"] =
            json!([to(&front.primary, split.primary.0), to(&front.canary, split.canary.0)]);
        split_rule["priority"] = json!(PRIORITY);
        if split_rule.get("websocket").is_none() {
            split_rule["websocket"] = json!(false);
        }
        return Ok(split_rule);
    }
    Err(Error::NoRoute { object: named(&source.key()), service: front.apex.clone() })
}
