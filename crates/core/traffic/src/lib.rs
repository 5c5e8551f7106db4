//! Traffic routers: what users should meet, as objects to write.
//!
//! Properties, each held by a test: writes applied to the observed objects yield the wanted objects, after which the
//! same intent writes nothing; nothing is written when any part of an intent cannot be carried out, so several objects
//! of one router never disagree because of an error; an object of somebody else is never written.
//!
//! Reason: a router is the only thing between a new version and its users. Its objects are shared with people and other
//! controllers, so every field that is not ours stays.
//!
//! Mechanics: there are two ways in. Where users make the objects and only weights are ours, a dialect turns its state into
//! an [`Intent`], and a [`Router`] turns intent and observed objects into [`Write`]s, and observed objects back into a
//! weight. Where the objects are made whole, a dialect describes what stands before two versions as a [`Front`], and a
//! [`Provider`] turns front and [`Split`] into the objects as they must be; whatever differs from them is one write each.
//!
//! What this crate does not do: know a dialect, decide a weight, do I/O.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod cursor;
pub mod front;
mod ingress;
mod intent;
mod nginx;
mod provider;
mod restore;
mod wanted;

use serin_kernel::{Key, Object, Observed, Weight, Write};

pub use front::{Front, Split};
pub use intent::{Arm, Intent};
pub use nginx::{Nginx, canary_ingress_name};
pub use provider::{
    AppMeshVersion, Capabilities, GatewayVersion, Mirroring, Provider, SmiVersion, Stickiness, writes,
};
pub use wanted::Wanted;

/// Something that splits traffic between Services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Router {
    /// The ingress-nginx controller and those that read its canary annotations.
    Nginx(Nginx),
}

/// Why an intent cannot be carried out. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// An object that the router reads is not there.
    #[error(
        "error retrieving stableIngress `{name}` from cache: ingress.networking.k8s.io {name:?} not found"
    )]
    IngressMissing {
        /// Name of the Ingress.
        name: String,
    },
    /// The users' traffic does not go where the router is told to take it from.
    #[error("ingress `{ingress}` has no rules using service {service} backend")]
    NoRules {
        /// Name of the Ingress.
        ingress: String,
        /// The stable Service that none of its rules names.
        service: String,
    },
    /// The object to write belongs to somebody else.
    #[error("canary ingress `{name}` controlled by different object")]
    NotOurs {
        /// Name of the Ingress.
        name: String,
    },
    /// An object that must be there is not.
    #[error("{object} not found")]
    Missing {
        /// Kind, name and namespace.
        object: String,
    },
    /// An object cannot be read.
    #[error("{object}: {field} {problem}")]
    Malformed {
        /// Kind, name and namespace.
        object: String,
        /// Where in the object.
        field: String,
        /// What is wrong there.
        problem: String,
    },
    /// A routing object does not lead to the versions, or gives nothing to either.
    #[error("{object} does not contain routes for {primary} and {canary}")]
    NoRoutes {
        /// Kind, name and namespace.
        object: String,
        /// The Service of the proven version.
        primary: String,
        /// The Service of the version under trial.
        canary: String,
    },
    /// The object with the users' traffic does not lead to the apex.
    #[error("{object} has no route to {service}")]
    NoRoute {
        /// Kind, name and namespace.
        object: String,
        /// The Service that users call.
        service: String,
    },
    /// The object's name is taken by another front's.
    #[error("{object} is the route of {other}: give one of the Services another name")]
    Taken {
        /// Kind and name.
        object: String,
        /// What it is for.
        other: String,
    },
    /// Whoever carries a routing object out has not taken it, or not yet as it is now.
    #[error("{object} is not accepted by {parent} in its current generation: {reason}")]
    NotAccepted {
        /// Kind, name and namespace.
        object: String,
        /// Who has not taken it.
        parent: String,
        /// Why, in one word; empty when nothing is said.
        reason: String,
    },
    /// Something is asked for that the provider does not have.
    #[error("{field}: {problem}")]
    Unsupported {
        /// What is asked for.
        field: String,
        /// Why it cannot be had, and what to do.
        problem: String,
    },
    /// Two Ingresses would need a canary Ingress of the same name: their names differ only where they are cut off.
    #[error(
        "ingresses `{first}` and `{second}` would share the canary ingress `{canary}`: give one of them a shorter name"
    )]
    SameName {
        /// One of the Ingresses.
        first: String,
        /// The other.
        second: String,
        /// The name that both would need.
        canary: String,
    },
}

impl Router {
    /// The objects that the router reads or writes on behalf of `owner`: what must be observed before [`Self::writes`].
    #[must_use]
    pub fn keys(&self, owner: &Object) -> Vec<Key> {
        match self {
            Self::Nginx(nginx) => nginx.keys(owner),
        }
    }

    /// What to write, so that traffic is split as `intent` says; nothing when it is already.
    ///
    /// # Errors
    /// The first thing that keeps the router from it.
    pub fn writes(&self, intent: &Intent<'_>, observed: &Observed) -> Result<Vec<Write>, Error> {
        match self {
            Self::Nginx(nginx) => nginx.writes(intent, observed),
        }
    }

    /// The share of the canary that the router's objects ask for now; none when they do not agree, cannot be read or
    /// are not there.
    #[must_use]
    pub fn observed_weight(&self, owner: &Object, observed: &Observed) -> Option<Weight> {
        match self {
            Self::Nginx(nginx) => nginx.observed_weight(owner, observed),
        }
    }
}
