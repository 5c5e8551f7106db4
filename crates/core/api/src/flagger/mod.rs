//! The kinds of `flagger.app`: `Canary`, `MetricTemplate`, `AlertProvider`; and Serin's own `AnalysisVariant` beside them.
//!
//! Property: every field that Flagger's own definitions keep is a field here, read leniently, so that a fraction in
//! one Canary costs that field of that Canary. Types hold what manifests say; defaults are
//! functions on them; [`validate`] and [`doubts`] say what is wrong, also what the definitions cannot refuse.

mod analysis;
mod canary;
mod crds;
mod defaults;
mod policy;
mod provider;
mod routing;
mod service;
mod status;
mod validate;
mod variant;
mod words;

pub use analysis::*;
pub use canary::*;
pub use crds::crds;
pub use defaults::*;
pub use policy::*;
pub use provider::*;
pub use routing::*;
pub use service::*;
pub use status::*;
pub use validate::{ASKED_MAX, Rules, doubts, validate, validate_alert_provider, validate_metric_template};
pub use variant::*;
pub use words::*;
