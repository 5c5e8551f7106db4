//! What a Canary reads and makes around its target: the primary, its configuration, its scaler, the three Services.
//!
//! Property: everything here is a function of what is observed. The same observation gives the same writes, an object
//! that is as it should be gets none, and what is not ours is changed by merge patches of exactly the fields that differ.
//!
//! Reason: Flagger writes whole objects with the types it knows, so that fields of the user's that it does not know are
//! lost; and what it was in the middle of when it stopped is known to nobody.
//!
//! Mechanics: [`Target::look`] finds the target and what pods it selects; the other methods answer one question or give
//! one step's writes each. The order of the steps, events and the status are the machine's.

mod configs;
mod interests;
mod json;
mod knative;
mod metadata;
mod primary;
mod promoted;
mod readiness;
mod release;
mod revision;
mod scale;
mod scalers;
mod services;
mod target;
mod template;

pub use configs::Configs;
pub(crate) use interests::{SERVICE, TARGET, claims};
pub use interests::{further_interests, interests};
pub(crate) use knative::PRIMARY_REVISION;
pub(crate) use metadata::{LEFT_ALONE, is_canary};
pub use primary::Made;
pub use readiness::Readiness;
pub use release::Release;
pub use revision::is_own_hash;
pub use target::{Shape, Target};

/// The settings of the controller that decide how objects are read and made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectSettings {
    /// Labels of which the first that a target selects its pods by tells its pods from the primary's.
    pub selector_labels: Vec<String>,
    /// Beginnings of the labels and annotations that the primary takes over; `*` for all.
    pub include_labels: Vec<String>,
    /// Whether ConfigMaps and Secrets are watched for changes, and copied for the primary.
    pub track_configs: bool,
}

impl Default for ObjectSettings {
    fn default() -> Self {
        let selector_labels = ["app", "name", "app.kubernetes.io/name"].map(str::to_owned).to_vec();
        Self { selector_labels, include_labels: Vec::new(), track_configs: true }
    }
}

/// Why there is nothing to go on with, as a sentence for an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Trouble(pub String);

impl Trouble {
    /// The same trouble, met while doing something.
    fn while_doing(self, what: &str) -> Self {
        Self(format!("{what} failed: {}", self.0))
    }
}
