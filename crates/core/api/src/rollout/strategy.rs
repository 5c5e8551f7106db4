//! `Rollout.spec.strategy`: canary and blue-green, and the steps of a canary.

use std::collections::BTreeMap;

use serde_json::Value;
use serin_lang::int_or_string::IntOrString;

use super::TrafficRouting;
use crate::{
    analysis::{DryRun, MeasurementRetention, TemplateRef},
    meta::{LabelSelector, LabelsAndAnnotations},
    wire::object,
};

object! {
    /// How to get from one version to the next: exactly one of the two.
    RolloutStrategy {
        /// Switch all traffic at once.
        blue_green: Option<BlueGreenStrategy> = "blueGreen",
        /// Move traffic in steps.
        canary: Option<CanaryStrategy> = "canary",
    }

    /// Two full sets of pods and a Service that is switched.
    BlueGreenStrategy {
        /// The Service with the users' traffic.
        active_service: String = "activeService" required,
        /// A Service for looking at the new version before the switch.
        preview_service: String = "previewService",
        /// Pods of the new version before the switch; all if absent.
        preview_replica_count: Option<i32> = "previewReplicaCount",
        /// Whether the switch comes by itself; true if absent.
        auto_promotion_enabled: Option<bool> = "autoPromotionEnabled",
        /// Seconds to wait before the switch.
        auto_promotion_seconds: i32 = "autoPromotionSeconds",
        /// How many pods a restart may take away at once.
        max_unavailable: Option<IntOrString> = "maxUnavailable",
        /// Seconds that the old pods stay after the switch; 30 if absent.
        scale_down_delay_seconds: Option<i32> = "scaleDownDelaySeconds",
        /// How many old ReplicaSets may stay at the same time.
        scale_down_delay_revision_limit: Option<i32> = "scaleDownDelayRevisionLimit",
        /// Analysis before the switch.
        pre_promotion_analysis: Option<RolloutAnalysis> = "prePromotionAnalysis",
        /// Keeps the pods of two versions apart.
        anti_affinity: Option<AntiAffinity> = "antiAffinity",
        /// Analysis after the switch.
        post_promotion_analysis: Option<RolloutAnalysis> = "postPromotionAnalysis",
        /// Labels and annotations of pods while they are in preview.
        preview_metadata: Option<LabelsAndAnnotations> = "previewMetadata",
        /// Labels and annotations of pods while they are active.
        active_metadata: Option<LabelsAndAnnotations> = "activeMetadata",
        /// Seconds that the preview stays after an abort; 30 if absent, 0 for ever.
        abort_scale_down_delay_seconds: Option<i32> = "abortScaleDownDelaySeconds",
    }

    /// A new version that gets traffic in steps.
    CanaryStrategy {
        /// The Service that selects the new version.
        canary_service: String = "canaryService",
        /// The Service that selects the stable version.
        stable_service: String = "stableService",
        /// The steps, in order; none means a plain rolling update.
        steps: Vec<CanaryStep> = "steps",
        /// The router that splits traffic; without one the share of pods is the share of traffic.
        traffic_routing: Option<TrafficRouting> = "trafficRouting",
        /// How many pods may be missing during an update; 25% if absent.
        max_unavailable: Option<IntOrString> = "maxUnavailable",
        /// How many pods may be too many during an update; 25% if absent.
        max_surge: Option<IntOrString> = "maxSurge",
        /// Analysis that runs beside the steps.
        analysis: Option<BackgroundAnalysis> = "analysis",
        /// Keeps the pods of two versions apart.
        anti_affinity: Option<AntiAffinity> = "antiAffinity",
        /// Labels and annotations of pods while they are the canary.
        canary_metadata: Option<LabelsAndAnnotations> = "canaryMetadata",
        /// Labels and annotations of pods while they are stable.
        stable_metadata: Option<LabelsAndAnnotations> = "stableMetadata",
        /// Seconds that old pods stay after promotion; 30 if absent. Only with a router.
        scale_down_delay_seconds: Option<i32> = "scaleDownDelaySeconds",
        /// How many old ReplicaSets may stay at the same time.
        scale_down_delay_revision_limit: Option<i32> = "scaleDownDelayRevisionLimit",
        /// Seconds that the canary stays after an abort; 30 if absent, 0 for ever. Only with a router.
        abort_scale_down_delay_seconds: Option<i32> = "abortScaleDownDelaySeconds",
        /// Whether the stable pods shrink as their traffic does. Only with a router.
        dynamic_stable_scale: bool = "dynamicStableScale",
        /// Two Services that swap their roles at each promotion.
        ping_pong: Option<PingPong> = "pingPong",
        /// The least pods of a version that has traffic. Only with a router.
        min_pods_per_replica_set: Option<i32> = "minPodsPerReplicaSet",
        /// How many available pods are enough to go on; all if absent.
        replica_progress_threshold: Option<ReplicaProgressThreshold> = "replicaProgressThreshold",
    }

    /// Two Services that swap their roles.
    PingPong {
        /// The first Service.
        ping_service: String = "pingService" required,
        /// The second Service.
        pong_service: String = "pongService" required,
    }

    /// How many available pods are enough.
    ReplicaProgressThreshold {
        /// Percent or Pods.
        kind: String = "type" required,
        /// How many of that unit.
        value: i32 = "value" required,
    }

    /// Keeps the pods of two versions apart: exactly one of the two.
    AntiAffinity {
        /// If it can be.
        preferred: Option<PreferredAntiAffinity> = "preferredDuringSchedulingIgnoredDuringExecution",
        /// In any case.
        required: Option<RequiredAntiAffinity> = "requiredDuringSchedulingIgnoredDuringExecution",
    }

    /// A preference of the scheduler.
    PreferredAntiAffinity {
        /// How much it counts, 1 to 100.
        weight: i32 = "weight" required,
    }

    /// A demand on the scheduler.
    RequiredAntiAffinity {}

    /// One step: one of its fields.
    CanaryStep {
        /// The share of traffic for the new version, in percent or parts of maxTrafficWeight.
        set_weight: Option<i32> = "setWeight",
        /// Waits for a time or a person.
        pause: Option<PauseStep> = "pause",
        /// Runs an Experiment and waits for it.
        experiment: Option<ExperimentStep> = "experiment",
        /// Runs an analysis and waits for it.
        analysis: Option<RolloutAnalysis> = "analysis",
        /// Sets the number of canary pods apart from the weight.
        set_canary_scale: Option<SetCanaryScale> = "setCanaryScale",
        /// Sends requests with certain headers to the canary.
        set_header_route: Option<SetHeaderRoute> = "setHeaderRoute",
        /// Copies requests to the canary.
        set_mirror_route: Option<SetMirrorRoute> = "setMirrorRoute",
        /// Runs a plugin.
        plugin: Option<PluginStep> = "plugin",
    }

    /// Waits.
    PauseStep {
        /// Seconds, or a duration such as 10m; absent waits for a person.
        duration: Option<IntOrString> = "duration",
    }

    /// The number of canary pods, apart from the weight: one of its fields.
    SetCanaryScale {
        /// Percent of spec.replicas.
        weight: Option<i32> = "weight",
        /// A count.
        replicas: Option<i32> = "replicas",
        /// As the weight of traffic says.
        match_traffic_weight: bool = "matchTrafficWeight",
    }

    /// Requests with certain headers go to the canary.
    SetHeaderRoute {
        /// Name of the route, one of managedRoutes.
        name: String = "name",
        /// The headers; none removes the route.
        matches: Vec<HeaderMatch> = "match",
    }

    /// A header that must match.
    HeaderMatch {
        /// Name of the header.
        header_name: String = "headerName" required,
        /// Its value.
        header_value: StringMatch = "headerValue" required,
    }

    /// How a text is compared: exactly one of the three.
    StringMatch {
        /// The whole text.
        exact: String = "exact",
        /// Its beginning.
        prefix: String = "prefix",
        /// A regular expression.
        regex: String = "regex",
    }

    /// Requests are copied to the canary.
    SetMirrorRoute {
        /// Name of the route, one of managedRoutes.
        name: String = "name" required,
        /// The requests; none removes the route.
        matches: Vec<RouteMatch> = "match",
        /// Percent of the requests; 100 if absent.
        percentage: Option<i32> = "percentage",
    }

    /// Requests that must match in all parts.
    RouteMatch {
        /// HTTP method.
        method: Option<StringMatch> = "method",
        /// HTTP path.
        path: Option<StringMatch> = "path",
        /// HTTP headers.
        headers: BTreeMap<String, StringMatch> = "headers",
    }

    /// A plugin as a step.
    PluginStep {
        /// Name of the plugin.
        name: String = "name" required,
        /// Its configuration.
        config: Value = "config",
    }

    /// An analysis that a Rollout runs.
    RolloutAnalysis {
        /// The templates of its metrics.
        templates: Vec<TemplateRef> = "templates",
        /// Values for the templates' arguments.
        args: Vec<AnalysisRunArgument> = "args",
        /// Metrics that are measured but do not count.
        dry_run: Vec<DryRun> = "dryRun",
        /// How many measurements are kept.
        measurement_retention: Vec<MeasurementRetention> = "measurementRetention",
        /// Labels and annotations of the AnalysisRun.
        analysis_run_metadata: Option<LabelsAndAnnotations> = "analysisRunMetadata",
    }

    /// An analysis that runs beside the steps.
    BackgroundAnalysis {
        /// The templates of its metrics.
        templates: Vec<TemplateRef> = "templates",
        /// Values for the templates' arguments.
        args: Vec<AnalysisRunArgument> = "args",
        /// Metrics that are measured but do not count.
        dry_run: Vec<DryRun> = "dryRun",
        /// How many measurements are kept.
        measurement_retention: Vec<MeasurementRetention> = "measurementRetention",
        /// Labels and annotations of the AnalysisRun.
        analysis_run_metadata: Option<LabelsAndAnnotations> = "analysisRunMetadata",
        /// The step at which it begins; the first if absent.
        starting_step: Option<i32> = "startingStep",
    }

    /// A value for an argument of a template.
    AnalysisRunArgument {
        /// Name of the argument.
        name: String = "name" required,
        /// The value in place.
        value: String = "value",
        /// Where else the value comes from.
        value_from: Option<ArgumentValueFrom> = "valueFrom",
    }

    /// Where a value comes from.
    ArgumentValueFrom {
        /// The hash of the Stable or the Latest pod template.
        pod_template_hash_value: Option<String> = "podTemplateHashValue",
        /// A field of the Rollout.
        field_ref: Option<FieldRef> = "fieldRef",
    }

    /// A field of an object.
    FieldRef {
        /// Its path, such as metadata.name or status.stableRS.
        field_path: String = "fieldPath" required,
    }

    /// An Experiment as a step.
    ExperimentStep {
        /// The pods to run.
        templates: Vec<ExperimentStepTemplate> = "templates" required,
        /// How long; until its analyses are done if absent.
        duration: String = "duration",
        /// Analyses that decide it.
        analyses: Vec<ExperimentStepAnalysis> = "analyses",
        /// Metrics that are measured but do not count.
        dry_run: Vec<DryRun> = "dryRun",
        /// Labels and annotations of its AnalysisRuns.
        analysis_run_metadata: Option<LabelsAndAnnotations> = "analysisRunMetadata",
        /// Seconds that its pods stay afterwards.
        scale_down_delay_seconds: Option<i32> = "scaleDownDelaySeconds",
    }

    /// Pods of an Experiment step.
    ExperimentStepTemplate {
        /// Name of the template.
        name: String = "name" required,
        /// Whose pod template: canary or stable.
        spec_ref: String = "specRef" required,
        /// Number of pods; 1 if absent.
        replicas: Option<i32> = "replicas",
        /// Labels and annotations of the pods.
        metadata: Option<LabelsAndAnnotations> = "metadata",
        /// Which pods belong to it.
        selector: Option<LabelSelector> = "selector",
        /// Its share of traffic.
        weight: Option<i32> = "weight",
        /// Asks for a Service.
        service: Option<TemplateService> = "service",
    }

    /// A Service for the pods of a template.
    TemplateService {
        /// Its name; the ReplicaSet's if absent.
        name: String = "name",
    }

    /// An analysis of an Experiment step.
    ExperimentStepAnalysis {
        /// Name of the analysis.
        name: String = "name" required,
        /// Its template.
        template_name: String = "templateName" required,
        /// Whether the template belongs to the whole cluster.
        cluster_scope: bool = "clusterScope",
        /// Values for the template's arguments.
        args: Vec<AnalysisRunArgument> = "args",
        /// Whether the Experiment waits for it.
        required_for_completion: bool = "requiredForCompletion",
    }
}
