//! The meshes, ingress controllers and gateways that can split traffic, and what each of them can do.
//!
//! Every provider answers the same few questions purely: which objects it must see, which objects it wants for a front and
//! a split, and which split the objects say. The rest is done here, once: a reconciliation wants the split that is live, a
//! new split wants that one, and either is one comparison of whole objects, so that one pass needs one write for each.

use serin_kernel::{Key, Kind, Object, Observed, Write};

use crate::{Error, Front, Split, cursor::named, restore::restored, wanted::Wanted};

mod apisix;
mod appmesh;
mod capability;
mod contour;
mod gateway;
mod gloo;
mod istio;
mod knative;
mod kubernetes;
mod kuma;
mod nginx;
mod skipper;
mod smi;
mod traefik;

pub use appmesh::AppMeshVersion;
pub use capability::{Capabilities, Mirroring, Stickiness};
pub use gateway::GatewayVersion;
pub use smi::SmiVersion;

/// Something that splits traffic between two Services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provider {
    /// Kubernetes alone: the Services are all there is, and nothing is split.
    Kubernetes,
    /// Istio's virtual services.
    Istio,
    /// Routes of the Gateway API.
    Gateway(GatewayVersion),
    /// The ingress-nginx controller's canary annotations.
    Nginx,
    /// Skipper's Ingresses.
    Skipper,
    /// Traefik's weighted services.
    Traefik,
    /// Contour's proxies.
    Contour,
    /// APISIX's routes.
    Apisix,
    /// Traffic splits of the Service Mesh Interface, which Linkerd and Open Service Mesh read too.
    Smi {
        /// The version.
        version: SmiVersion,
        /// Whether the adapter for Istio reads them.
        istio: bool,
    },
    /// Kuma's routes.
    Kuma,
    /// Gloo's route tables.
    Gloo,
    /// AWS App Mesh.
    AppMesh(AppMeshVersion),
    /// Knative's own traffic.
    Knative,
}

/// What a provider knows that others do not.
pub(crate) trait Route {
    /// The objects that are read or written.
    fn keys(&self, front: &Front) -> Vec<Key>;

    /// The objects that split traffic so.
    fn wanted(&self, front: &Front, split: Split, observed: &Observed) -> Result<Vec<Wanted>, Error>;

    /// The objects that split traffic as they do already.
    fn reconciled(&self, front: &Front, split: Split, observed: &Observed) -> Result<Vec<Wanted>, Error> {
        self.wanted(front, split, observed)
    }

    /// The split that the objects say.
    fn read(&self, front: &Front, observed: &Observed) -> Result<Split, Error>;

    /// Whether whoever carries the objects out has taken them.
    fn accepted(&self, _front: &Front, _observed: &Observed) -> Result<(), Error> {
        Ok(())
    }

    /// The objects that may have been somebody else's before.
    fn adopted(&self, _front: &Front) -> Vec<Key> {
        Vec::new()
    }

    /// The last word on the specification of an object that is given back.
    fn mend(&self) -> fn(&mut serde_json::Value) {
        |_| {}
    }

    /// What else is cleaned up in the end.
    fn farewell(&self, _front: &Front, _observed: &Observed) -> Result<Vec<Write>, Error> {
        Ok(Vec::new())
    }
}

impl Provider {
    /// The objects that must be observed.
    #[must_use]
    pub fn keys(self, front: &Front) -> Vec<Key> {
        self.route().keys(front)
    }

    /// The objects as they must be for `split`; for the live one, or all to the proven version, without.
    ///
    /// # Errors
    /// What the provider cannot do, or an object that it copies from and cannot read.
    pub fn desired(
        self,
        front: &Front,
        split: Option<Split>,
        observed: &Observed,
    ) -> Result<Vec<Wanted>, Error> {
        let route = self.route();
        if let Some(split) = split {
            return route.wanted(front, split, observed);
        }
        // What cannot be read is drift as well; whether it may be acted upon is for `routes` to say.
        let live = route.read(front, observed).unwrap_or(Split::PRIMARY);
        route.reconciled(front, live, observed)
    }

    /// The writes that bring all objects into their shape and leave the split as it is.
    ///
    /// # Errors
    /// As [`Self::desired`].
    pub fn reconcile(self, front: &Front, observed: &Observed) -> Result<Vec<Write>, Error> {
        writes(front, &self.desired(front, None, observed)?, observed)
    }

    /// The split that the objects say.
    ///
    /// # Errors
    /// When it cannot be told, or when whoever carries the objects out has not taken them.
    pub fn routes(self, front: &Front, observed: &Observed) -> Result<Split, Error> {
        let route = self.route();
        route.accepted(front, observed)?;
        route.read(front, observed)
    }

    /// The writes that bring all objects into their shape and split traffic anew: a reconciliation is in it.
    ///
    /// # Errors
    /// As [`Self::desired`]; a split that gives nothing to anybody.
    pub fn set(self, front: &Front, split: Split, observed: &Observed) -> Result<Vec<Write>, Error> {
        if split.is_void() {
            let problem = "no valid weights: 0 for both versions".to_owned();
            return Err(Error::Unsupported { field: "weight".to_owned(), problem });
        }
        writes(front, &self.desired(front, Some(split), observed)?, observed)
    }

    /// The writes that give back what was adopted and clean up what no owner takes along.
    ///
    /// # Errors
    /// When what an object was before is there and cannot be read.
    pub fn finalize(self, front: &Front, observed: &Observed) -> Result<Vec<Write>, Error> {
        let route = self.route();
        let mut writes = Vec::new();
        for key in route.adopted(front) {
            writes.extend(restored(front, observed, &key, route.mend())?);
        }
        writes.extend(route.farewell(front, observed)?);
        Ok(writes)
    }

    fn route(self) -> Box<dyn Route> {
        match self {
            Self::Kubernetes => Box::new(kubernetes::Kubernetes),
            Self::Istio => Box::new(istio::Istio),
            Self::Gateway(version) => Box::new(gateway::Gateway(version)),
            Self::Nginx => Box::new(nginx::Nginx),
            Self::Skipper => Box::new(skipper::Skipper),
            Self::Traefik => Box::new(traefik::Traefik),
            Self::Contour => Box::new(contour::Contour),
            Self::Apisix => Box::new(apisix::Apisix),
            Self::Smi { version, istio } => Box::new(smi::Smi { version, istio }),
            Self::Kuma => Box::new(kuma::Kuma),
            Self::Gloo => Box::new(gloo::Gloo),
            Self::AppMesh(AppMeshVersion::V1Beta1) => Box::new(appmesh::V1Beta1),
            Self::AppMesh(AppMeshVersion::V1Beta2) => Box::new(appmesh::V1Beta2),
            Self::Knative => Box::new(knative::Knative),
        }
    }
}

/// The writes that make objects as they are wanted, in their order.
///
/// # Errors
/// When what an adopted object was before cannot be kept.
pub fn writes(front: &Front, wanted: &[Wanted], observed: &Observed) -> Result<Vec<Write>, Error> {
    wanted.iter().filter_map(|wanted| wanted.write(front, observed).transpose()).collect()
}

/// The object with `key`.
pub(crate) fn existing<'a>(observed: &'a Observed, key: &Key) -> Result<&'a Object, Error> {
    observed.get(key).ok_or_else(|| Error::Missing { object: named(key) })
}

/// The key of the object with the users' traffic, to which `field` refers.
pub(crate) fn source_key(front: &Front, kind: Kind, field: &str) -> Result<Key, Error> {
    let name = front.source.as_ref().filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Error::Unsupported {
        field: field.to_owned(),
        problem: format!("must name the {} with the users' traffic", kind.kind),
    })?;
    Ok(kind.key(front.namespace.clone(), name.clone()))
}

/// The object with the users' traffic, to which `field` refers.
pub(crate) fn source<'a>(
    front: &Front,
    kind: Kind,
    field: &str,
    observed: &'a Observed,
) -> Result<&'a Object, Error> {
    existing(observed, &source_key(front, kind, field)?)
}

/// That the object with `key` does not lead to the versions.
pub(crate) fn no_routes(front: &Front, key: &Key) -> Error {
    Error::NoRoutes { object: named(key), primary: front.primary.clone(), canary: front.canary.clone() }
}
