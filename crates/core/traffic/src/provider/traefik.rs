//! Traefik: a `TraefikService` for the apex with the weights of both versions.

use serde_json::{Value, json};
use serin_kernel::{Key, Kind, Observed};

use super::{Route, existing, no_routes};
use crate::{Error, Front, Split, Wanted, cursor::Read, wanted::unless_zero};

const TRAEFIK_SERVICE: Kind = Kind::namespaced("traefik.io", "v1alpha1", "TraefikService", "traefikservices");

/// Traefik.
pub(crate) struct Traefik;

impl Route for Traefik {
    fn keys(&self, front: &Front) -> Vec<Key> {
        vec![key(front)]
    }

    fn wanted(&self, front: &Front, split: Split, observed: &Observed) -> Result<Vec<Wanted>, Error> {
        let service = |name: &String, weight: u32| {
            let mut service = json!({"name": name, "namespace": front.namespace, "port": front.port.number});
            if let Some(weight) = unless_zero(weight) {
                service["weight"] = json!(weight);
            }
            service
        };
        let mut services: Vec<Value> = vec![service(&front.primary, split.primary.0)];
        if 0 < split.canary.0 {
            services.push(service(&front.canary, split.canary.0));
        }
        let wanted = Wanted::new(key(front), json!({"weighted": {"services": services}}))
            .dressed_as_apex(front)
            .adopting(self.read(front, observed).is_err());
        Ok(vec![wanted])
    }

    fn read(&self, front: &Front, observed: &Observed) -> Result<Split, Error> {
        let key = key(front);
        let read = Read::new(existing(observed, &key)?);
        let (mut primary, mut canary) = (None, None);
        for service in read.at(&["spec", "weighted", "services"])?.items()? {
            let name = service.at("name")?.text()?;
            let found = if name == front.primary {
                &mut primary
            } else if name == front.canary {
                &mut canary
            } else {
                continue;
            };
            *found = Some(service.at("weight")?.weight()?);
        }
        match (primary, canary) {
            (Some(_), None) => Ok(Split::PRIMARY),
            (Some(primary), Some(_)) => Ok(Split::beside(primary)),
            (None, _) => Err(no_routes(front, &key)),
        }
    }

    fn adopted(&self, front: &Front) -> Vec<Key> {
        vec![key(front)]
    }
}

fn key(front: &Front) -> Key {
    TRAEFIK_SERVICE.key(front.namespace.clone(), front.apex.clone())
}
