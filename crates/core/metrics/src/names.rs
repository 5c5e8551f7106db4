//! What queries are written with: the names around a Canary.

use std::collections::BTreeMap;

use serde_json::Value;
use serin_api::flagger::Canary;
use serin_lang::template::{self, Limits, Named, TemplateError};

/// The names around a Canary, and the span of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Of the Canary.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Of the workload.
    pub target: String,
    /// Of the Service that users call.
    pub service: String,
    /// Of the Ingress.
    pub ingress: String,
    /// Of the route; of the newest revision for Knative.
    pub route: String,
    /// Whether the workload is a `DaemonSet`, whose pods are named otherwise.
    pub is_daemon_set: bool,
    /// The span of time that a query covers.
    pub interval: String,
    /// Values of the metric for its template.
    pub variables: BTreeMap<String, String>,
}

impl Names {
    /// The names around `canary`; `revision` is the newest of a Knative Service.
    #[must_use]
    pub fn of(canary: &Canary, revision: Option<&str>) -> Self {
        let target = canary.spec.target_ref.name.clone();
        let referred = |reference: Option<&serin_api::flagger::ObjectRef>| {
            reference.map_or_else(|| target.clone(), |reference| reference.name.clone())
        };
        let route = match revision {
            Some(revision) if canary.spec.target_ref.is_knative() => revision.to_owned(),
            _ => referred(canary.spec.route_ref.as_ref()),
        };
        Self {
            name: canary.metadata.name.clone(),
            namespace: canary.metadata.namespace.clone(),
            service: canary.apex_name().to_owned(),
            ingress: referred(canary.spec.ingress_ref.as_ref()),
            route,
            is_daemon_set: canary.spec.target_ref.kind == "DaemonSet",
            interval: String::new(),
            variables: BTreeMap::new(),
            target,
        }
    }

    /// The same names for one metric.
    #[must_use]
    pub fn within(&self, interval: &str, variables: &BTreeMap<String, String>) -> Self {
        Self { interval: interval.to_owned(), variables: variables.clone(), ..self.clone() }
    }

    /// A query of a user with the names put in.
    ///
    /// # Errors
    /// The text is no template, or it needs what is not there.
    pub fn render(&self, query: &str) -> Result<String, TemplateError> {
        let texts = [
            ("name", &self.name),
            ("namespace", &self.namespace),
            ("target", &self.target),
            ("service", &self.service),
            ("ingress", &self.ingress),
            ("route", &self.route),
            ("interval", &self.interval),
        ];
        let mut functions: BTreeMap<String, Named> =
            texts.into_iter().map(|(name, text)| (name.to_owned(), Named::Text(text.clone()))).collect();
        functions.insert("variables".to_owned(), Named::Texts(self.variables.clone()));
        template::render(query, &functions, &Value::Null, &Limits::default())
    }
}
