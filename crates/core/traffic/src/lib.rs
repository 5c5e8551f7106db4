//! Traffic routers: what users should meet, as objects to write.
//!
//! Properties, each held by a test: writes applied to the observed objects yield the wanted objects, after which the
//! same intent writes nothing; nothing is written when any part of an intent cannot be carried out, so several objects
//! of one router never disagree because of an error; an object of somebody else is never written.
//!
//! Reason: a router is the only thing between a new version and its users. Its objects are shared with people and other
//! controllers, so every field that is not ours stays.
//!
//! Mechanics: a dialect turns its state into an [`Intent`], the same for all routers; a [`Router`] turns intent and
//! observed objects into [`Write`]s, and observed objects back into a weight.
//!
//! What this crate does not do: know a dialect, decide a weight, do I/O.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod intent;
mod nginx;

use serin_kernel::{Key, Object, Observed, Weight, Write};

pub use intent::{Arm, Intent};
pub use nginx::{Nginx, canary_ingress_name};

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
