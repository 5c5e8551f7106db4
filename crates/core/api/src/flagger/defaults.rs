//! What an absent field means. Values, never written back: a default in somebody's manifest is a difference that their
//! GitOps tool reports.

use serin_lang::{
    duration::{DurationError, GoDuration},
    int_or_string::IntOrString,
};

use super::{
    AlertProviderSpec, AutoscalerRef, BackendRef, Canary, CanaryAlert, CanaryAnalysis, CanaryMetric,
    CanaryService, CanarySpec, CanaryStatus, CanaryWebhook, ChatKind, CrossNamespaceRef, HookKind,
    MetricProviderKind, MetricTemplateProvider, ObjectRef, ParentRef, Provider, SameSite, ScalerKind,
    SessionAffinity, Severity, Strategy, TargetKind, UpstreamRef,
};

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// Time between two looks when `analysis.interval` cannot be read.
pub const INTERVAL: GoDuration = GoDuration::from_nanos(60 * NANOS_PER_SECOND);
/// Shorter intervals are taken for this one, as Flagger does: pods and metrics take that long to follow.
pub const INTERVAL_MIN: GoDuration = GoDuration::from_nanos(10 * NANOS_PER_SECOND);
/// Failed checks before a rollback when `analysis.threshold` is absent or not positive.
pub const THRESHOLD: i32 = 1;
/// The whole of the weights, and of percentages.
pub const WHOLE: i32 = 100;
/// Seconds until a workload has to be ready when `progressDeadlineSeconds` is absent.
pub const PROGRESS_DEADLINE_SECONDS: i32 = 600;
/// The span of a query when a metric without a template does not say it.
pub const METRIC_INTERVAL: &str = "1m";
/// How long a call to a web hook may take when `timeout` does not say it.
pub const HOOK_TIMEOUT: GoDuration = GoDuration::from_nanos(10 * NANOS_PER_SECOND);
/// A shorter text is no timeout: nothing with a unit fits.
const HOOK_TIMEOUT_LENGTH_MIN: usize = 2;
/// Seconds that a session cookie lives when `maxAge` is absent or 0: a day.
pub const COOKIE_MAX_AGE: i32 = 86_400;
/// Name of the first port when `service.portName` is absent.
pub const PORT_NAME: &str = "http";
/// The API version of a Service that is Knative's.
pub const KNATIVE_API_VERSION: &str = "serving.knative.dev/v1";
/// What stands behind the name of everything that serves the promoted version.
pub const PRIMARY_SUFFIX: &str = "-primary";
/// What stands behind the name of everything that leads to the new version.
pub const CANARY_SUFFIX: &str = "-canary";
/// API group of a parent of an HTTPRoute.
pub const GATEWAY_GROUP: &str = "gateway.networking.k8s.io";
/// Kind of a parent of an HTTPRoute.
pub const GATEWAY_KIND: &str = "Gateway";
/// Kind of a backend of an HTTPRoute.
pub const BACKEND_KIND: &str = "Service";
/// Sender of alerts.
pub const ALERT_USERNAME: &str = "flagger";
/// Channel of alerts.
pub const ALERT_CHANNEL: &str = "general";

/// `text`, or `absent` in place of an empty one.
fn or<'a>(text: &'a str, absent: &'a str) -> &'a str {
    if text.is_empty() { absent } else { text }
}

impl Canary {
    /// Name of the Service that users call.
    #[must_use]
    pub fn apex_name(&self) -> &str {
        let name = self.spec.service.as_ref().map_or("", |service| service.name.as_str());
        or(name, &self.spec.target_ref.name)
    }

    /// Name of the Service of the promoted version.
    #[must_use]
    pub fn primary_service_name(&self) -> String {
        format!("{}{PRIMARY_SUFFIX}", self.apex_name())
    }

    /// Name of the Service of the new version.
    #[must_use]
    pub fn canary_service_name(&self) -> String {
        format!("{}{CANARY_SUFFIX}", self.apex_name())
    }

    /// Name of the workload of the promoted version.
    #[must_use]
    pub fn primary_name(&self) -> String {
        format!("{}{PRIMARY_SUFFIX}", self.spec.target_ref.name)
    }
}

impl CanarySpec {
    /// What routes the traffic, as text; `global` is the controller's own setting.
    #[must_use]
    pub fn provider<'a>(&'a self, global: &'a str) -> &'a str {
        or(&self.provider, global)
    }

    /// Seconds until a workload has to be ready.
    #[must_use]
    pub fn progress_deadline_seconds(&self) -> i32 {
        self.progress_deadline_seconds.unwrap_or(PROGRESS_DEADLINE_SECONDS)
    }

    /// How a new version gets its traffic.
    #[must_use]
    pub fn strategy(&self) -> Strategy {
        self.analysis.as_ref().map_or(Strategy::Canary, CanaryAnalysis::strategy)
    }
}

impl Provider {
    /// What the controller's own setting may say beyond the definition's words: a version or mesh behind a colon, or
    /// nothing where one is wanted. As in Flagger, a word that nobody knows means Istio.
    #[must_use]
    pub fn of(text: &str) -> Self {
        if let Some(exact) = Self::parse(text) {
            return exact;
        }
        // Longer beginnings first.
        let beginnings = [
            Self::AppMeshV1Beta2,
            Self::SmiV1Alpha1,
            Self::SmiV1Alpha2,
            Self::SmiV1Alpha3,
            Self::GatewayApiV1Beta1,
            Self::GatewayApiV1,
            Self::Gloo,
        ];
        let fits = |provider: &Self| text.starts_with(provider.as_str());
        beginnings.into_iter().find(fits).unwrap_or(Self::Istio)
    }
}

impl ObjectRef {
    /// The kind, if it is one that a Canary can be about.
    #[must_use]
    pub fn target_kind(&self) -> Option<TargetKind> {
        TargetKind::parse(&self.kind)
    }

    /// Whether it is a Service of Knative.
    #[must_use]
    pub fn is_knative(&self) -> bool {
        self.kind == TargetKind::Service && self.api_version == KNATIVE_API_VERSION
    }

    /// `Kind/name.namespace`, as events and alerts show it.
    #[must_use]
    pub fn text(&self, namespace: &str) -> String {
        format!("{}/{}.{namespace}", self.kind, self.name)
    }
}

impl AutoscalerRef {
    /// The kind, if it is one that there is a machine for.
    #[must_use]
    pub fn scaler_kind(&self) -> Option<ScalerKind> {
        ScalerKind::parse(&self.kind)
    }
}

impl UpstreamRef {
    /// Its namespace; `own` is that of the Canary.
    #[must_use]
    pub fn namespace<'a>(&'a self, own: &'a str) -> &'a str {
        or(&self.namespace, own)
    }
}

impl CanaryService {
    /// Name of the first port.
    #[must_use]
    pub fn port_name(&self) -> &str {
        or(&self.port_name, PORT_NAME)
    }

    /// Number or name of the pods' port: that of the Service when nothing or 0 is said.
    #[must_use]
    pub fn target_port(&self) -> IntOrString {
        match &self.target_port {
            None | Some(IntOrString::Int(0)) => IntOrString::Int(self.port),
            Some(IntOrString::Text(text)) if text.is_empty() => IntOrString::Int(self.port),
            Some(port) => port.clone(),
        }
    }

    /// How long a request may take; `None` when nothing is said.
    ///
    /// # Errors
    /// The text is no duration.
    pub fn timeout(&self) -> Result<Option<GoDuration>, DurationError> {
        optional(&self.timeout)
    }

    /// How long a request to a backend may take; `None` when nothing is said.
    ///
    /// # Errors
    /// The text is no duration.
    pub fn backend_timeout(&self) -> Result<Option<GoDuration>, DurationError> {
        optional(&self.backend_timeout)
    }
}

fn optional(text: &str) -> Result<Option<GoDuration>, DurationError> {
    if text.is_empty() { Ok(None) } else { GoDuration::parse(text).map(Some) }
}

impl ParentRef {
    /// Its API group.
    #[must_use]
    pub fn group(&self) -> &str {
        self.group.as_deref().unwrap_or(GATEWAY_GROUP)
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.kind.as_deref().unwrap_or(GATEWAY_KIND)
    }
}

impl BackendRef {
    /// Its API group; empty for the core group.
    #[must_use]
    pub fn group(&self) -> &str {
        self.group.as_deref().unwrap_or_default()
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.kind.as_deref().unwrap_or(BACKEND_KIND)
    }
}

impl CanaryAnalysis {
    /// Time between two looks. The definition's pattern lets texts through that are no durations (`30sx`); they mean
    /// the default.
    #[must_use]
    pub fn interval(&self) -> GoDuration {
        GoDuration::parse(&self.interval).map_or(INTERVAL, |interval| interval.max(INTERVAL_MIN))
    }

    /// Failed checks before a rollback.
    #[must_use]
    pub fn threshold(&self) -> i32 {
        self.threshold.filter(|threshold| 0 < *threshold).unwrap_or(THRESHOLD)
    }

    /// Number of checks; 0 for a weighted canary.
    #[must_use]
    pub fn iterations(&self) -> i32 {
        self.iterations.unwrap_or(0)
    }

    /// How much the weight grows at each look; 0 when the list of weights says it.
    #[must_use]
    pub fn step_weight(&self) -> i32 {
        self.step_weight.unwrap_or(0)
    }

    /// How much the weight goes back at each look during promotion; 0 for all at once.
    #[must_use]
    pub fn step_weight_promotion(&self) -> i32 {
        self.step_weight_promotion.unwrap_or(0)
    }

    /// The weight at which the new version is promoted. A list of weights wins, even beside a step weight.
    #[must_use]
    pub fn max_weight(&self) -> i32 {
        match self.step_weights.last() {
            Some(last) => WHOLE.min(*last),
            None => self.max_weight.filter(|weight| 0 < *weight).unwrap_or(WHOLE),
        }
    }

    /// Percent of the primary's pods that must be available.
    #[must_use]
    pub fn primary_ready_threshold(&self) -> i32 {
        self.primary_ready_threshold.unwrap_or(WHOLE)
    }

    /// Percent of the canary's pods that must be available.
    #[must_use]
    pub fn canary_ready_threshold(&self) -> i32 {
        self.canary_ready_threshold.unwrap_or(WHOLE)
    }

    /// How a new version gets its traffic.
    #[must_use]
    pub fn strategy(&self) -> Strategy {
        match (0 < self.iterations(), self.matches.is_empty()) {
            (true, false) => Strategy::AbTesting,
            (true, true) => Strategy::BlueGreen,
            (false, _) => Strategy::Canary,
        }
    }

    /// The web hooks that are called at one point, in their order.
    pub fn hooks(&self, kind: HookKind) -> impl Iterator<Item = &CanaryWebhook> {
        self.webhooks.iter().filter(move |hook| hook.hook_kind() == Some(kind))
    }
}

impl CanaryAlert {
    /// From which severity on; `None` when nothing is said, or a word that means nothing.
    #[must_use]
    pub fn severity(&self) -> Option<Severity> {
        Severity::parse(&self.severity)
    }
}

impl CrossNamespaceRef {
    /// The namespace that is meant; `own` is that of the Canary.
    #[must_use]
    pub fn namespace<'a>(&'a self, own: &'a str) -> &'a str {
        or(&self.namespace, own)
    }
}

impl CanaryMetric {
    /// The span of a query that is built in or in place; a template gets the text as it is.
    #[must_use]
    pub fn interval(&self) -> &str {
        or(&self.interval, METRIC_INTERVAL)
    }
}

impl CanaryWebhook {
    /// When the hook is called; `None` for a word that means nothing.
    #[must_use]
    pub fn hook_kind(&self) -> Option<HookKind> {
        if self.kind.is_empty() { Some(HookKind::Rollout) } else { HookKind::parse(&self.kind) }
    }

    /// How long one call may take.
    ///
    /// # Errors
    /// The text is no duration; Flagger fails such a hook at each call.
    pub fn timeout(&self) -> Result<GoDuration, DurationError> {
        if self.timeout.len() < HOOK_TIMEOUT_LENGTH_MIN {
            return Ok(HOOK_TIMEOUT);
        }
        GoDuration::parse(&self.timeout)
    }

    /// How often a failed call is tried again.
    #[must_use]
    pub fn retries(&self) -> i32 {
        self.retries.unwrap_or(0)
    }
}

impl SessionAffinity {
    /// Seconds until the cookie ends.
    #[must_use]
    pub fn max_age(&self) -> i32 {
        self.max_age.filter(|age| *age != 0).unwrap_or(COOKIE_MAX_AGE)
    }

    /// To which sites the cookie is sent; `None` when nothing is said.
    #[must_use]
    pub fn same_site(&self) -> Option<SameSite> {
        SameSite::parse(&self.same_site)
    }
}

impl CanaryStatus {
    /// The phase as web hooks and metrics show it: empty before the Canary was first seen.
    #[must_use]
    pub fn phase_text(&self) -> &'static str {
        self.phase.map_or("", super::CanaryPhase::as_str)
    }
}

impl MetricTemplateProvider {
    /// What answers; `None` for a word that means nothing.
    #[must_use]
    pub fn provider_kind(&self) -> Option<MetricProviderKind> {
        MetricProviderKind::parse(&self.kind)
    }
}

impl AlertProviderSpec {
    /// Which chat; `None` for a word that means nothing.
    #[must_use]
    pub fn chat(&self) -> Option<ChatKind> {
        ChatKind::parse(&self.kind)
    }

    /// Name of the sender.
    #[must_use]
    pub fn username(&self) -> &str {
        or(&self.username, ALERT_USERNAME)
    }

    /// The channel.
    #[must_use]
    pub fn channel(&self) -> &str {
        or(&self.channel, ALERT_CHANNEL)
    }
}
