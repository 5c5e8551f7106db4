//! What an absent field means. Values, never written back (but for `spec.replicas`, which autoscalers read): a default
//! in somebody's manifest is a difference that their GitOps tool reports.

use serin_lang::{
    duration::{DurationError, pause_seconds},
    int_or_string::IntOrString,
};

use super::{
    AnalysisHistory, CanaryStep, CanaryStrategy, ExperimentStep, NginxRouting, PauseStep, PluginStep,
    RollbackWindow, Rollout, RolloutAnalysis, RolloutSpec, SetCanaryScale, SetHeaderRoute, SetMirrorRoute,
    TrafficRouting, WorkloadRef,
};
use crate::names::WorkloadScaleDown;

/// Wanted pods when `spec.replicas` is absent.
pub const REPLICAS: i32 = 1;
/// Old ReplicaSets kept when `spec.revisionHistoryLimit` is absent.
pub const REVISION_HISTORY_LIMIT: i32 = 10;
/// Seconds without progress when `spec.progressDeadlineSeconds` is absent.
pub const PROGRESS_DEADLINE_SECONDS: i32 = 600;
/// Finished analyses kept when `spec.analysis` says nothing.
pub const ANALYSIS_HISTORY_LIMIT: i32 = 5;
/// Surge and unavailability when they are absent: a quarter of the pods.
pub const QUARTER: &str = "25%";
/// Seconds that old pods stay behind a router; the time in which proxies notice the change.
pub const SCALE_DOWN_DELAY_SECONDS: i32 = 30;
/// The whole of the weights when `maxTrafficWeight` is absent.
pub const MAX_WEIGHT: i32 = 100;
/// Prefix of the NGINX ingress controller's annotations.
pub const NGINX_PREFIX: &str = "nginx.ingress.kubernetes.io";

/// What becomes of a canary's pods after an abort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbortScaleDown {
    /// They stay until the next update.
    Never,
    /// They go after so many seconds.
    AfterSeconds(i32),
}

/// What a step does. When several of its fields are set, the first in Argo's order counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StepKind<'a> {
    /// Wait.
    Pause(&'a PauseStep),
    /// Set the number of canary pods.
    SetCanaryScale(&'a SetCanaryScale),
    /// Set the weight.
    SetWeight(i32),
    /// Run an Experiment.
    Experiment(&'a ExperimentStep),
    /// Run an analysis.
    Analysis(&'a RolloutAnalysis),
    /// Route by header.
    SetHeaderRoute(&'a SetHeaderRoute),
    /// Mirror requests.
    SetMirrorRoute(&'a SetMirrorRoute),
    /// Run a plugin.
    Plugin(&'a PluginStep),
}

impl Rollout {
    /// The canary strategy, if it is one.
    #[must_use]
    pub fn canary(&self) -> Option<&CanaryStrategy> {
        self.spec.strategy.canary.as_ref()
    }
}

impl RolloutSpec {
    /// Wanted pods.
    #[must_use]
    pub fn replicas(&self) -> i32 {
        self.replicas.unwrap_or(REPLICAS)
    }

    /// Old ReplicaSets to keep.
    #[must_use]
    pub fn revision_history_limit(&self) -> i32 {
        self.revision_history_limit.unwrap_or(REVISION_HISTORY_LIMIT)
    }

    /// Seconds without progress after which the update counts as stuck.
    #[must_use]
    pub fn progress_deadline_seconds(&self) -> i32 {
        self.progress_deadline_seconds.unwrap_or(PROGRESS_DEADLINE_SECONDS)
    }

    /// How many revisions back a rollback may skip the steps; 0 is none.
    #[must_use]
    pub fn rollback_revisions(&self) -> i32 {
        self.rollback_window.as_ref().map_or(0, |RollbackWindow { revisions, .. }| *revisions)
    }

    /// Successful analyses to keep.
    #[must_use]
    pub fn successful_run_history_limit(&self) -> i32 {
        self.analysis
            .as_ref()
            .and_then(|AnalysisHistory { successful_run_history_limit: limit, .. }| *limit)
            .unwrap_or(ANALYSIS_HISTORY_LIMIT)
    }

    /// Other finished analyses to keep.
    #[must_use]
    pub fn unsuccessful_run_history_limit(&self) -> i32 {
        self.analysis
            .as_ref()
            .and_then(|AnalysisHistory { unsuccessful_run_history_limit: limit, .. }| *limit)
            .unwrap_or(ANALYSIS_HISTORY_LIMIT)
    }
}

impl WorkloadRef {
    /// When the workload is scaled down; `None` for a word that means nothing.
    #[must_use]
    pub fn scale_down(&self) -> Option<WorkloadScaleDown> {
        if self.scale_down.is_empty() {
            return Some(WorkloadScaleDown::Never);
        }
        WorkloadScaleDown::parse(&self.scale_down)
    }
}

impl CanaryStrategy {
    /// How many pods may be too many during an update.
    #[must_use]
    pub fn max_surge(&self) -> IntOrString {
        self.max_surge.clone().unwrap_or_else(|| IntOrString::Text(QUARTER.to_owned()))
    }

    /// How many pods may be missing during an update.
    #[must_use]
    pub fn max_unavailable(&self) -> IntOrString {
        self.max_unavailable.clone().unwrap_or_else(|| IntOrString::Text(QUARTER.to_owned()))
    }

    /// The whole of the weights.
    #[must_use]
    pub fn max_weight(&self) -> i32 {
        self.traffic_routing.as_ref().and_then(|routing| routing.max_traffic_weight).unwrap_or(MAX_WEIGHT)
    }

    /// Seconds that old pods stay after promotion: none without a router.
    #[must_use]
    pub fn scale_down_delay_seconds(&self) -> i32 {
        let absent = if self.traffic_routing.is_some() { SCALE_DOWN_DELAY_SECONDS } else { 0 };
        self.scale_down_delay_seconds.unwrap_or(absent)
    }

    /// How many old ReplicaSets may stay at the same time.
    #[must_use]
    pub fn scale_down_delay_revision_limit(&self) -> i32 {
        self.scale_down_delay_revision_limit.unwrap_or(i32::MAX)
    }

    /// What becomes of the canary's pods after an abort; without a router they follow the weight at once.
    #[must_use]
    pub fn abort_scale_down(&self) -> AbortScaleDown {
        match (self.abort_scale_down_delay_seconds, &self.traffic_routing) {
            (_, None) => AbortScaleDown::AfterSeconds(0),
            (Some(0), _) => AbortScaleDown::Never,
            (delay, _) => AbortScaleDown::AfterSeconds(delay.unwrap_or(SCALE_DOWN_DELAY_SECONDS)),
        }
    }
}

impl TrafficRouting {
    /// Whether a plugin is among the routers.
    #[must_use]
    pub fn has_plugins(&self) -> bool {
        self.plugins.as_object().is_some_and(|plugins| !plugins.is_empty())
    }
}

impl NginxRouting {
    /// Prefix of the controller's annotations.
    #[must_use]
    pub fn annotation_prefix(&self) -> &str {
        if self.annotation_prefix.is_empty() { NGINX_PREFIX } else { &self.annotation_prefix }
    }

    /// The Ingresses with the users' traffic.
    pub fn ingresses(&self) -> impl Iterator<Item = &str> {
        let single = Some(self.stable_ingress.as_str()).filter(|name| !name.is_empty());
        single.into_iter().chain(self.stable_ingresses.iter().map(String::as_str))
    }
}

impl CanaryStep {
    /// What the step does; `None` when it says nothing.
    #[must_use]
    pub fn kind(&self) -> Option<StepKind<'_>> {
        let kinds = [
            self.pause.as_ref().map(StepKind::Pause),
            self.set_canary_scale.as_ref().map(StepKind::SetCanaryScale),
            self.set_weight.map(StepKind::SetWeight),
            self.experiment.as_ref().map(StepKind::Experiment),
            self.analysis.as_ref().map(StepKind::Analysis),
            self.set_header_route.as_ref().map(StepKind::SetHeaderRoute),
            self.set_mirror_route.as_ref().map(StepKind::SetMirrorRoute),
            self.plugin.as_ref().map(StepKind::Plugin),
        ];
        kinds.into_iter().flatten().next()
    }
}

impl PauseStep {
    /// Seconds to wait; `None` waits for a person.
    ///
    /// # Errors
    /// The text is neither whole seconds nor a duration.
    pub fn seconds(&self) -> Result<Option<i32>, DurationError> {
        self.duration.as_ref().map(pause_seconds).transpose()
    }
}
