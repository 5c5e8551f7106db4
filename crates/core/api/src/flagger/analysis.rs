//! `Canary.spec.analysis`: steps, metrics, web hooks, alerts.

use std::collections::BTreeMap;

use super::HttpMatch;
use crate::wire::object;

object! {
    /// How a new version is judged.
    CanaryAnalysis {
        /// Time between two looks; 60s if it cannot be read, at least 10s.
        interval: String = "interval",
        /// Failed checks after which the new version is taken back; 1 if absent.
        threshold: Option<i32> = "threshold",
        /// Number of checks; it chooses blue-green, or A/B testing together with match.
        iterations: Option<i32> = "iterations",
        /// Whether requests are copied to the new version before it gets any.
        mirror: bool = "mirror",
        /// Percent of the requests that are copied; all if absent.
        mirror_weight: Option<i32> = "mirrorWeight",
        /// Highest weight of the new version; 100 if absent.
        max_weight: Option<i32> = "maxWeight",
        /// How much the weight grows at each look.
        step_weight: Option<i32> = "stepWeight",
        /// The weights one after another.
        step_weights: Vec<i32> = "stepWeights",
        /// How much the weight goes back at each look during promotion; all at once if absent.
        step_weight_promotion: Option<i32> = "stepWeightPromotion",
        /// Percent of the primary's pods that must be available; 100 if absent.
        primary_ready_threshold: Option<i32> = "primaryReadyThreshold",
        /// Percent of the canary's pods that must be available; 100 if absent.
        canary_ready_threshold: Option<i32> = "canaryReadyThreshold",
        /// Who is told.
        alerts: Vec<CanaryAlert> = "alerts",
        /// What is measured.
        metrics: Vec<CanaryMetric> = "metrics",
        /// Who is asked over HTTP.
        webhooks: Vec<CanaryWebhook> = "webhooks",
        /// Which requests go to the new version, for A/B testing; any of them.
        matches: Vec<HttpMatch> = "match",
        /// Keeps users at one version.
        session_affinity: Option<SessionAffinity> = "sessionAffinity",
    }

    /// Somebody who is told.
    CanaryAlert {
        /// A name for the alert.
        name: String = "name" required,
        /// From which severity on: info, warn or error.
        severity: String = "severity",
        /// The AlertProvider.
        provider_ref: CrossNamespaceRef = "providerRef" required,
    }

    /// An object of a known kind, perhaps in another namespace.
    CrossNamespaceRef {
        /// Its name.
        name: String = "name" required,
        /// Its namespace; that of the Canary if absent.
        namespace: String = "namespace",
    }

    /// Something that is measured.
    CanaryMetric {
        /// A name; without a query or a template, that of a metric that the provider has built in.
        name: String = "name" required,
        /// The span of time that a query covers.
        interval: String = "interval",
        /// Highest value; the older form of thresholdRange.
        threshold: Option<f64> = "threshold",
        /// Lowest and highest value.
        threshold_range: Option<ThresholdRange> = "thresholdRange",
        /// A query in place; the older form of templateRef.
        query: String = "query",
        /// The MetricTemplate.
        template_ref: Option<CrossNamespaceRef> = "templateRef",
        /// Values for the template.
        template_variables: BTreeMap<String, String> = "templateVariables",
    }

    /// Lowest and highest value.
    ThresholdRange {
        /// Lowest value.
        min: Option<f64> = "min",
        /// Highest value.
        max: Option<f64> = "max",
    }

    /// Somebody who is asked over HTTP.
    CanaryWebhook {
        /// A name for the hook.
        name: String = "name" required,
        /// When it is called; rollout if absent.
        kind: String = "type",
        /// Where it is.
        url: String = "url" required,
        /// Whether its answers raise no alerts.
        mute_alert: bool = "muteAlert",
        /// How long one call may take; 10s if absent.
        timeout: String = "timeout",
        /// How often a failed call is tried again.
        retries: Option<i32> = "retries",
        /// Whether the server's certificate is not looked at.
        disable_tls: bool = "disableTLS",
        /// Values that are sent along.
        metadata: BTreeMap<String, String> = "metadata",
    }

    /// Keeps users at one version by cookies.
    SessionAffinity {
        /// The cookie of the new version.
        cookie_name: String = "cookieName" required,
        /// The cookie of the promoted version; none if absent.
        primary_cookie_name: String = "primaryCookieName",
        /// Hosts that the cookie is sent to.
        domain: String = "domain",
        /// Whether scripts cannot read the cookie.
        http_only: bool = "httpOnly",
        /// Seconds until the cookie ends; a day if absent.
        max_age: Option<i32> = "maxAge",
        /// Whether the cookie is kept apart by site.
        partitioned: bool = "partitioned",
        /// Path that the cookie is sent to.
        path: String = "path",
        /// Strict, Lax or None.
        same_site: String = "sameSite",
        /// Whether the cookie is sent over TLS alone.
        secure: bool = "secure",
    }
}
