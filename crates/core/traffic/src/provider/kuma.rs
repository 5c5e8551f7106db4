//! Kuma: a `TrafficRoute` for the apex. It belongs to the whole cluster, so its name may be somebody else's, and nothing
//! takes it along when its owner goes.

use serde_json::json;
use serin_kernel::{Change, Key, Kind, Observed, Propagation, Write};

use super::{Route, existing, no_routes};
use crate::{
    Error, Front, Split, Wanted,
    cursor::{Read, named},
};

const TRAFFIC_ROUTE: Kind = Kind::cluster("kuma.io", "v1alpha1", "TrafficRoute", "trafficroutes");
/// The tag that tells a service of the mesh.
const SERVICE: &str = "kuma.io/service";
/// The mesh of those who name none.
const DEFAULT_MESH: &str = "default";

/// Kuma.
pub(crate) struct Kuma;

/// Whose route it is.
enum Whose {
    /// It leads to the front's apex, or to nothing that can be told.
    Ours,
    /// It leads to a Service of the same name elsewhere.
    Others(String),
}

impl Route for Kuma {
    fn keys(&self, front: &Front) -> Vec<Key> {
        vec![key(front)]
    }

    fn wanted(&self, front: &Front, split: Split, observed: &Observed) -> Result<Vec<Wanted>, Error> {
        let key = key(front);
        if let Whose::Others(service) = whose(front, &key, observed)? {
            return Err(Error::Taken { object: named(&key), other: service });
        }
        let to = |service: &str, weight: u32| json!({"weight": weight, "destination": {SERVICE: tag(front, service)}});
        let spec = json!({
            "sources": [{"match": {SERVICE: "*"}}],
            "destinations": [{"match": {SERVICE: tag(front, &front.apex)}}],
            "conf": {"split": [
                to(&front.primary, split.primary.0),
                to(&front.canary, split.canary.0),
            ]},
        });
        let mesh = front.mesh.as_deref().filter(|mesh| !mesh.is_empty()).unwrap_or(DEFAULT_MESH);
        let wanted =
            Wanted::new(key, spec).with_field("mesh", json!(mesh)).dressed_as_apex(front).in_cluster();
        Ok(vec![wanted])
    }

    fn read(&self, front: &Front, observed: &Observed) -> Result<Split, Error> {
        let key = key(front);
        let read = Read::new(existing(observed, &key)?);
        let (mut primary, mut canary) = (0, 0);
        for part in read.at(&["spec", "conf", "split"])?.items()? {
            let service = part.at("destination")?.at(SERVICE)?.text()?;
            if service == tag(front, &front.primary) {
                primary = part.at("weight")?.weight()?;
            } else if service == tag(front, &front.canary) {
                canary = part.at("weight")?.weight()?;
            }
        }
        let split = Split::new(primary, canary);
        (!split.is_void()).then_some(split).ok_or_else(|| no_routes(front, &key))
    }

    fn farewell(&self, front: &Front, observed: &Observed) -> Result<Vec<Write>, Error> {
        let key = key(front);
        let ours = matches!(whose(front, &key, observed)?, Whose::Ours);
        let route = observed.get(&key).filter(|_| ours);
        Ok(route
            .map(|route| Write::same(route, Change::Delete(Propagation::Background)))
            .into_iter()
            .collect())
    }
}

fn key(front: &Front) -> Key {
    TRAFFIC_ROUTE.key("", front.apex.clone())
}

fn tag(front: &Front, service: &str) -> String {
    format!("{service}_{}_svc_{}", front.namespace, front.port.number)
}

/// Whose route has the name: told from the Service that it is for.
fn whose(front: &Front, key: &Key, observed: &Observed) -> Result<Whose, Error> {
    let Some(route) = observed.get(key) else { return Ok(Whose::Ours) };
    let read = Read::new(route);
    let apex = format!("{}_", front.apex);
    let ours = format!("{apex}{}_svc_", front.namespace);
    for destination in read.at(&["spec", "destinations"])?.items()? {
        let service = destination.at("match")?.at(SERVICE)?.text()?;
        if service.starts_with(&apex) && service.contains("_svc_") && !service.starts_with(&ours) {
            return Ok(Whose::Others(service.to_owned()));
        }
    }
    Ok(Whose::Ours)
}
