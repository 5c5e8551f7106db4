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
/// The metric of that name is built in: percent of requests that succeed.
pub const SUCCESS_RATE: &str = "request-success-rate";
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
    /// By what the controller's own setting may say beyond the definition's words: a version or mesh behind a colon. None
    /// for a word that nobody knows.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        if let Some(exact) = Self::parse(text) {
            return Some(exact);
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
        beginnings.into_iter().find(fits)
    }

    /// As [`Self::named`]; as in Flagger, a word that nobody knows means Istio.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self::named(text).unwrap_or(Self::Istio)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Lenient, lenient};
    use serde_json::{Value, json};

    fn analysis(value: Value) -> CanaryAnalysis {
        lenient(value).value
    }

    #[test]
    fn an_interval_that_cannot_be_read_is_a_minute_and_none_is_below_ten_seconds() {
        for (text, seconds) in [
            ("", 60),
            ("30sx", 60),
            ("later", 60),
            ("1m", 60),
            ("1m30s", 90),
            ("10s", 10),
            ("9999ms", 10),
            ("1s", 10),
            ("500ms", 10),
            ("0s", 10),
            ("1h", 3_600),
        ] {
            let interval = analysis(json!({ "interval": text })).interval();
            assert_eq!(interval, GoDuration::from_nanos(seconds * NANOS_PER_SECOND), "{text}");
        }
    }

    #[test]
    fn numbers_of_an_analysis_that_are_absent_have_flaggers_defaults() {
        for (given, threshold, max_weight, ready) in [
            (json!({}), 1, 100, 100),
            (json!({"threshold": 0, "maxWeight": 0}), 1, 100, 100),
            (json!({"threshold": -2, "maxWeight": -2}), 1, 100, 100),
            (json!({"threshold": 5, "maxWeight": 50, "primaryReadyThreshold": 50}), 5, 50, 50),
            // A list of weights says where it ends.
            (json!({"maxWeight": 50, "stepWeights": [1, 2, 10, 80]}), 1, 80, 100),
            (json!({"stepWeights": [1, 2, 10, 200]}), 1, 100, 100),
            // 0 percent is said, not absent.
            (json!({"primaryReadyThreshold": 0}), 1, 100, 0),
        ] {
            let it = analysis(given.clone());
            let found = (it.threshold(), it.max_weight(), it.primary_ready_threshold());
            assert_eq!(found, (threshold, max_weight, ready), "{given}");
            assert_eq!((it.canary_ready_threshold(), it.step_weight_promotion()), (100, 0), "{given}");
        }
    }

    #[test]
    fn the_strategy_follows_from_iterations_and_matches() {
        let matches = json!([{"headers": {"x-user": {"exact": "me"}}}]);
        for (given, strategy) in [
            (json!({"stepWeight": 5}), Strategy::Canary),
            (json!({"iterations": 0, "match": matches}), Strategy::Canary),
            (json!({"iterations": 3}), Strategy::BlueGreen),
            (json!({"iterations": 3, "match": []}), Strategy::BlueGreen),
            (json!({"iterations": 3, "match": matches}), Strategy::AbTesting),
        ] {
            assert_eq!(analysis(given.clone()).strategy(), strategy, "{given}");
        }
    }

    #[test]
    fn a_hooks_timeout_is_ten_seconds_unless_it_says_something() {
        for (text, seconds) in
            [("", Some(10)), ("5", Some(10)), ("5s", Some(5)), ("1m30s", Some(90)), ("30sx", None)]
        {
            let hook = CanaryWebhook { timeout: text.to_owned(), ..CanaryWebhook::default() };
            let found = hook.timeout().ok().map(|timeout| timeout.nanos() / NANOS_PER_SECOND);
            assert_eq!(found, seconds, "{text}");
        }
        let plain = CanaryService::default();
        assert_eq!(plain.timeout(), Ok(None));
        let service =
            CanaryService { timeout: "15s".to_owned(), backend_timeout: "soon".to_owned(), ..plain };
        assert_eq!(service.timeout(), Ok(Some(GoDuration::from_nanos(15 * NANOS_PER_SECOND))));
        assert!(service.backend_timeout().is_err());
    }

    #[test]
    fn hooks_are_called_where_their_type_says_and_an_empty_one_means_rollout() {
        let it = analysis(json!({"webhooks": [
            {"name": "a", "url": "http://a"},
            {"name": "b", "url": "http://b", "type": "pre-rollout"},
            {"name": "c", "url": "http://c", "type": "rollout"},
            {"name": "d", "url": "http://d", "type": "sometimes"},
        ]}));
        let names = |kind| it.hooks(kind).map(|hook| hook.name.as_str()).collect::<Vec<_>>().join(" ");
        assert_eq!(names(HookKind::Rollout), "a c");
        assert_eq!(names(HookKind::PreRollout), "b");
        assert_eq!(names(HookKind::Event), "");
    }

    #[test]
    fn names_follow_from_the_service_and_the_workload() {
        let mut canary: Canary = lenient(
            json!({"spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}}),
        )
        .value;
        assert_eq!((canary.apex_name(), canary.primary_name().as_str()), ("web", "web-primary"));
        canary.spec.service = Some(CanaryService { name: "shop".to_owned(), ..CanaryService::default() });
        assert_eq!(canary.apex_name(), "shop");
        assert_eq!(canary.primary_service_name(), "shop-primary");
        assert_eq!(canary.canary_service_name(), "shop-canary");
        assert_eq!(canary.primary_name(), "web-primary");
        assert_eq!(canary.spec.target_ref.text("test"), "Deployment/web.test");
        assert_eq!(canary.spec.progress_deadline_seconds(), 600);
    }

    #[test]
    fn ports_follow_from_the_services_port() {
        for (target, expected) in [
            (json!(null), json!(80)),
            (json!(0), json!(80)),
            (json!(""), json!(80)),
            (json!(9898), json!(9898)),
            (json!("http"), json!("http")),
        ] {
            let service: CanaryService = lenient(json!({"port": 80, "targetPort": target})).value;
            assert_eq!(service.target_port().to_value(), expected, "{target}");
            assert_eq!(service.port_name(), "http");
        }
    }

    #[test]
    fn a_controllers_own_provider_may_say_more_than_the_definition_lets_a_canary_say() {
        for (text, provider) in [
            ("istio", Provider::Istio),
            ("smi:v1alpha2:istio", Provider::SmiV1Alpha2),
            ("appmesh:v1beta2:more", Provider::AppMeshV1Beta2),
            ("gatewayapi:v1beta1", Provider::GatewayApiV1Beta1),
            ("gatewayapi:v1beta1x", Provider::GatewayApiV1Beta1),
            ("gatewayapi:v1", Provider::GatewayApiV1),
            ("gloo:x", Provider::Gloo),
        ] {
            assert_eq!((Provider::named(text), Provider::of(text)), (Some(provider), provider), "{text}");
        }
        for text in ["gatewayapi", "smi", "Istio", "appmesh:v1", ""] {
            assert_eq!((Provider::named(text), Provider::of(text)), (None, Provider::Istio), "{text}");
        }
    }

    #[test]
    fn a_fraction_costs_its_field_alone() {
        let read: Lenient<Canary> = lenient(json!({"spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "analysis": {
                "interval": "10s", "threshold": 2, "stepWeight": 2.5, "stepWeights": [5.0, 7.5, 10],
                "metrics": [{"name": "x", "thresholdRange": {"min": 99.5, "max": 100}}],
            },
        }}));
        let problems: Vec<&str> = read.problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(problems, ["spec.analysis.stepWeight", "spec.analysis.stepWeights[1]"]);
        let analysis = read.value.spec.analysis.unwrap();
        assert_eq!((analysis.threshold(), analysis.step_weight, analysis.step_weights.len()), (2, None, 3));
        let range = analysis.metrics[0].threshold_range.clone().unwrap();
        assert_eq!((range.min, range.max), (Some(99.5), Some(100.0)));
    }

    #[test]
    fn cookies_alerts_and_references_have_their_defaults() {
        for (age, seconds) in [(None, 86_400), (Some(0), 86_400), (Some(60), 60)] {
            let affinity = SessionAffinity { max_age: age, ..SessionAffinity::default() };
            assert_eq!(affinity.max_age(), seconds);
        }
        let alert = AlertProviderSpec::default();
        assert_eq!((alert.username(), alert.channel()), ("flagger", "general"));
        let reference = CrossNamespaceRef::default();
        assert_eq!(reference.namespace("own"), "own");
        assert_eq!(
            CrossNamespaceRef { namespace: "other".to_owned(), ..reference }.namespace("own"),
            "other"
        );
        let parent = ParentRef::default();
        assert_eq!((parent.group(), parent.kind()), ("gateway.networking.k8s.io", "Gateway"));
        let backend = BackendRef { group: Some("a.b".to_owned()), ..BackendRef::default() };
        assert_eq!((backend.group(), backend.kind()), ("a.b", "Service"));
        assert_eq!(CanaryAlert::default().severity(), None);
        assert!(Severity::Info < Severity::Warn && Severity::Warn < Severity::Error);
    }
}
