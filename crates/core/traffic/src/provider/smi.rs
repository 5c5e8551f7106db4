//! The Service Mesh Interface: a `TrafficSplit` for the apex, as Linkerd, Open Service Mesh and adapters read it.

use serde_json::{Value, json};
use serin_kernel::{Key, Kind, Observed};

use super::{Route, existing, no_routes};
use crate::{
    Error, Front, Split, Wanted,
    cursor::{Cursor, Read},
};

/// The annotation by which the adapter for Istio learns the gateways.
const GATEWAYS: &str = "VirtualService.v1alpha3.networking.istio.io/spec.gateways";

/// A version of the Service Mesh Interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SmiVersion {
    /// `v1alpha1`, whose weights are quantities.
    V1Alpha1,
    /// `v1alpha2`.
    V1Alpha2,
    /// `v1alpha3`.
    V1Alpha3,
}

/// The Service Mesh Interface.
pub(crate) struct Smi {
    pub(crate) version: SmiVersion,
    /// Whether the adapter for Istio reads it.
    pub(crate) istio: bool,
}

impl Route for Smi {
    fn keys(&self, front: &Front) -> Vec<Key> {
        vec![self.key(front)]
    }

    fn wanted(&self, front: &Front, split: Split, observed: &Observed) -> Result<Vec<Wanted>, Error> {
        let weight = |weight: u32| match self.version {
            SmiVersion::V1Alpha1 => json!(weight.to_string()),
            SmiVersion::V1Alpha2 | SmiVersion::V1Alpha3 => json!(weight),
        };
        let root = front.hosts.first().filter(|host| !host.is_empty()).unwrap_or(&front.apex);
        let spec = json!({
            "service": root,
            "backends": [
                {"service": front.canary, "weight": weight(split.canary.0)},
                {"service": front.primary, "weight": weight(split.primary.0)},
            ],
        });
        let gateways = self.istio.then(|| (GATEWAYS.to_owned(), json!(front.gateways).to_string()));
        let wanted = Wanted::new(self.key(front), spec)
            .dressed(std::collections::BTreeMap::new(), gateways.into_iter().collect())
            .sharing_labels()
            .sharing_annotations()
            .adopting(self.read(front, observed).is_err());
        Ok(vec![wanted])
    }

    fn read(&self, front: &Front, observed: &Observed) -> Result<Split, Error> {
        let key = self.key(front);
        let read = Read::new(existing(observed, &key)?);
        let (mut primary, mut canary) = (0, 0);
        for backend in read.at(&["spec", "backends"])?.items()? {
            let service = backend.at("service")?.text()?;
            if service == front.primary {
                primary = weight(&backend)?;
            } else if service == front.canary {
                canary = weight(&backend)?;
            }
        }
        let split = Split::new(primary, canary);
        (!split.is_void()).then_some(split).ok_or_else(|| no_routes(front, &key))
    }

    fn adopted(&self, front: &Front) -> Vec<Key> {
        vec![self.key(front)]
    }
}

impl Smi {
    fn key(&self, front: &Front) -> Key {
        const fn kind(version: &'static str) -> Kind {
            Kind::namespaced("split.smi-spec.io", version, "TrafficSplit", "trafficsplits")
        }
        const V1ALPHA1: Kind = kind("v1alpha1");
        const V1ALPHA2: Kind = kind("v1alpha2");
        const V1ALPHA3: Kind = kind("v1alpha3");
        let kind = match self.version {
            SmiVersion::V1Alpha1 => V1ALPHA1,
            SmiVersion::V1Alpha2 => V1ALPHA2,
            SmiVersion::V1Alpha3 => V1ALPHA3,
        };
        kind.key(front.namespace.clone(), front.apex.clone())
    }
}

/// A weight, as a number or as a quantity.
fn weight(backend: &Cursor<'_>) -> Result<u32, Error> {
    let weight = backend.at("weight")?;
    match weight.value() {
        Value::String(text) => text.parse().map_err(|_| weight.wrong("a whole number")),
        _ => weight.weight(),
    }
}
