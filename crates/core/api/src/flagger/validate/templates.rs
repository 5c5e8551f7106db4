//! `MetricTemplate` and `AlertProvider`.

use super::{is_callable, url, word};
use crate::{
    flagger::{AlertProvider, ChatKind, MetricProviderKind, MetricTemplate},
    validate::{FieldError, field::Errors},
};

/// What stands for a value that is a secret.
const NOT_SHOWN: &str = "...";

/// Everything for which the template can give no value.
#[must_use]
pub fn validate_metric_template(template: &MetricTemplate) -> Vec<FieldError> {
    let mut errors = Errors::default();
    let (spec, provider) = (&template.spec, &template.spec.provider);
    let path = |field: &str| format!("spec.provider.{field}");
    if provider.kind.is_empty() {
        errors.required(path("type"), "say what answers, such as prometheus");
    }
    word(&path("type"), &provider.kind, MetricProviderKind::ALL, MetricProviderKind::as_str, &mut errors);
    if spec.query.trim().is_empty() {
        errors.required("spec.query", "say what is asked");
    }
    let needs_address = matches!(
        provider.provider_kind(),
        Some(
            MetricProviderKind::Prometheus
                | MetricProviderKind::Graphite
                | MetricProviderKind::InfluxDb
                | MetricProviderKind::Dynatrace
                | MetricProviderKind::Splunk
        )
    );
    if needs_address && provider.address.is_empty() {
        errors.required(path("address"), format!("provider {} needs an address", provider.kind));
    } else if !provider.address.is_empty() && provider.kind != MetricProviderKind::ExternalMetrics {
        // The API server's host may stand without a scheme.
        url(&path("address"), &provider.address, &mut errors);
    }
    if provider.secret_ref.as_ref().is_some_and(|secret| secret.name.is_empty()) {
        errors.required(path("secretRef.name"), "name the Secret");
    }
    errors.0
}

/// Everything for which nobody can be told.
#[must_use]
pub fn validate_alert_provider(provider: &AlertProvider) -> Vec<FieldError> {
    let mut errors = Errors::default();
    let spec = &provider.spec;
    if spec.kind.is_empty() {
        errors.required("spec.type", "say which chat, such as slack");
    }
    word("spec.type", &spec.kind, ChatKind::ALL, ChatKind::as_str, &mut errors);
    match (&spec.secret_ref, spec.address.is_empty()) {
        (None, true) => errors.required("spec.address", "set it, or name a Secret that has it in secretRef"),
        (Some(secret), _) if secret.name.is_empty() => {
            errors.required("spec.secretRef.name", "name the Secret with the address or the token");
        }
        // The Secret may have the token alone. Who knows the address of a chat may write there: it is not told.
        (_, false) if !is_callable(&spec.address) => {
            errors.invalid("spec.address", NOT_SHOWN, "must be an address such as https://hooks.test/");
        }
        _ => {}
    }
    // A proxy's may have a password.
    if !spec.proxy.is_empty() && !is_callable(&spec.proxy) {
        errors.invalid("spec.proxy", NOT_SHOWN, "must be an address such as http://proxy.test:3128");
    }
    errors.0
}
