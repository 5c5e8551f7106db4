//! What one controller is told about all Canaries.

use serin_api::flagger::Rules;
use serin_metrics::provider::Place;
use serin_notify::{Recipient, picture::Theme};

use crate::objects::ObjectSettings;

/// Which environment the Canaries with several analyses are in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Environment {
    /// That of the label of their namespace.
    #[default]
    OfNamespace,
    /// This one.
    Named(String),
    /// Nobody says: namespaces cannot be seen.
    Unknown,
}

/// Settings of the Canary machine; the flags of Flagger's controller that change what it decides.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// What routes the traffic of Canaries that do not say it.
    pub mesh_provider: String,
    /// Prometheus of Canaries that name none.
    pub metrics_server: String,
    /// How objects are read and made.
    pub objects: ObjectSettings,
    /// Prefix of the ingress controller's annotations, without a slash.
    pub ingress_annotations_prefix: String,
    /// The ingress class, where routing objects name one.
    pub ingress_class: String,
    /// Who is told of every event; empty for nobody.
    pub event_webhook: String,
    /// The chat that is told of Canaries that name none.
    pub chat: Option<Recipient>,
    /// How pictures of releases are drawn for chats that can have them; none for no pictures.
    pub pictures: Option<Theme>,
    /// The template of alerts to the controller's chat.
    pub alert_template: Option<String>,
    /// What the controller's surroundings give to metric servers.
    pub place: Place,
    /// Name of the cluster, in alerts.
    pub cluster_name: String,
    /// Whether Canaries may name objects of other namespaces.
    pub crosses_namespaces: bool,
    /// Which environment this is, for Canaries with several analyses.
    pub environment: Environment,
}

impl Settings {
    /// What they say of Canaries.
    pub(crate) fn rules(&self) -> Rules<'_> {
        Rules { provider: &self.mesh_provider, no_cross_namespace_refs: !self.crosses_namespaces }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mesh_provider: "istio".to_owned(),
            metrics_server: "http://prometheus:9090".to_owned(),
            objects: ObjectSettings::default(),
            ingress_annotations_prefix: "nginx.ingress.kubernetes.io".to_owned(),
            ingress_class: String::new(),
            event_webhook: String::new(),
            chat: None,
            pictures: Some(Theme::Light),
            alert_template: None,
            place: Place::default(),
            cluster_name: String::new(),
            crosses_namespaces: true,
            environment: Environment::default(),
        }
    }
}
