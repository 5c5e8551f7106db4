//! `Rollout.status`, with the exact names and omissions that other clients know.

use serde_json::Value;
use serin_kernel::Moment;

use crate::{
    diff::merge_diff,
    meta::Condition,
    names::{CompletionStatus, ConditionType, PauseReason, RolloutPhase},
    wire::{Wire, object},
};

object! {
    /// The observed state of a Rollout.
    RolloutStatus {
        /// Whether the update is aborted; users write it too.
        abort: bool = "abort",
        /// Why the controller waits; users clear it to go on.
        pause_conditions: Vec<PauseCondition> = "pauseConditions",
        /// Whether the controller has paused; true without conditions means that a user has resumed.
        controller_pause: bool = "controllerPause",
        /// When the update was aborted.
        aborted_at: Option<Moment> = "abortedAt",
        /// Hash of the wanted pod template.
        current_pod_hash: String = "currentPodHash",
        /// Hash of the steps.
        current_step_hash: String = "currentStepHash",
        /// Number of pods.
        replicas: i32 = "replicas",
        /// Number of pods with the wanted template.
        updated_replicas: i32 = "updatedReplicas",
        /// Number of ready pods.
        ready_replicas: i32 = "readyReplicas",
        /// Number of available pods.
        available_replicas: i32 = "availableReplicas",
        /// The step that is going on; their number when all are done.
        current_step_index: Option<i32> = "currentStepIndex",
        /// Counts clashes of ReplicaSet names.
        collision_count: Option<i32> = "collisionCount",
        /// The generation that the controller has seen, as text.
        observed_generation: String = "observedGeneration",
        /// What is observed, for clients to wait on.
        conditions: Vec<Condition> = "conditions",
        /// What is particular to canaries.
        canary: CanaryStatus = "canary" always,
        /// What is particular to blue-green.
        blue_green: BlueGreenStatus = "blueGreen" always,
        /// Number of pods for an autoscaler.
        hpa_replicas: i32 = "HPAReplicas",
        /// Selector of the pods for an autoscaler, as text.
        selector: String = "selector",
        /// Hash of the pod template that is stable.
        stable_rs: String = "stableRS",
        /// When the last restart was done.
        restarted_at: Option<Moment> = "restartedAt",
        /// Whether to skip what is left; users write it.
        promote_full: bool = "promoteFull",
        /// Healthy, Degraded, Progressing or Paused.
        phase: Option<RolloutPhase> = "phase",
        /// Why the phase is not Healthy.
        message: String = "message",
        /// Generation of the workload that is referred to, as text.
        workload_observed_generation: String = "workloadObservedGeneration",
        /// State of a load balancer; the older form.
        alb: Option<AlbStatus> = "alb",
        /// State of the load balancers.
        albs: Vec<AlbStatus> = "albs",
        /// How long the update takes.
        duration: Option<DurationStatus> = "duration",
    }

    /// Why the controller waits.
    PauseCondition {
        /// One word.
        reason: String = "reason" required,
        /// Since when.
        start_time: Option<Moment> = "startTime" required,
    }

    /// What is particular to canaries.
    CanaryStatus {
        /// The analysis of the step.
        current_step_analysis_run_status: Option<AnalysisRunSummary> = "currentStepAnalysisRunStatus",
        /// The analysis beside the steps.
        current_background_analysis_run_status: Option<AnalysisRunSummary> = "currentBackgroundAnalysisRunStatus",
        /// Name of the Experiment that is going on.
        current_experiment: String = "currentExperiment",
        /// The weights that were sent to the router.
        weights: Option<TrafficWeights> = "weights",
        /// Which of the two Services is stable: ping or pong.
        stable_ping_pong: String = "stablePingPong",
        /// States of plugin steps.
        step_plugin_statuses: Vec<StepPluginStatus> = "stepPluginStatuses",
    }

    /// Name and phase of an AnalysisRun.
    AnalysisRunSummary {
        /// Its name.
        name: String = "name" required,
        /// Its phase.
        status: String = "status" required,
        /// Its message.
        message: String = "message",
    }

    /// The weights that were sent to the router.
    TrafficWeights {
        /// Of the canary.
        canary: WeightDestination = "canary" required,
        /// Of the stable version.
        stable: WeightDestination = "stable" required,
        /// Of others, such as experiments.
        additional: Vec<WeightDestination> = "additional",
        /// Whether the router is known to follow; absent when it cannot tell.
        verified: Option<bool> = "verified",
    }

    /// A destination and its weight.
    WeightDestination {
        /// Its weight.
        weight: i32 = "weight" required,
        /// Its Service.
        service_name: String = "serviceName",
        /// Its pod template.
        pod_template_hash: String = "podTemplateHash",
    }

    /// State of a plugin step.
    StepPluginStatus {
        /// Index of the step.
        index: i32 = "index" required,
        /// Name of the plugin.
        name: String = "name" required,
        /// What the plugin said.
        message: String = "message",
        /// Running, Successful, Failed or Error.
        phase: String = "phase",
        /// When it began.
        started_at: Option<Moment> = "startedAt",
        /// When it was last called.
        updated_at: Option<Moment> = "updatedAt",
        /// When it ended.
        finished_at: Option<Moment> = "finishedAt",
        /// Run, Terminate or Abort.
        operation: String = "operation" required,
        /// How long until the next call.
        backoff: String = "backoff",
        /// How often it was called.
        executions: i32 = "executions",
        /// Whether it is switched off.
        disabled: bool = "disabled",
        /// What the plugin keeps between calls.
        status: Value = "status",
    }

    /// What is particular to blue-green.
    BlueGreenStatus {
        /// The pod template that the preview Service selects.
        preview_selector: String = "previewSelector",
        /// The pod template that the active Service selects.
        active_selector: String = "activeSelector",
        /// Whether the preview may grow to its full size.
        scale_up_preview_check_point: bool = "scaleUpPreviewCheckPoint",
        /// The analysis before the switch.
        pre_promotion_analysis_run_status: Option<AnalysisRunSummary> = "prePromotionAnalysisRunStatus",
        /// The analysis after the switch.
        post_promotion_analysis_run_status: Option<AnalysisRunSummary> = "postPromotionAnalysisRunStatus",
    }

    /// State of a load balancer.
    AlbStatus {
        /// The load balancer.
        load_balancer: AwsResourceRef = "loadBalancer",
        /// The target group of the canary.
        canary_target_group: AwsResourceRef = "canaryTargetGroup",
        /// The target group of the stable version.
        stable_target_group: AwsResourceRef = "stableTargetGroup",
        /// The Ingress that it belongs to.
        ingress: String = "ingress",
    }

    /// A resource of AWS.
    AwsResourceRef {
        /// Its name.
        name: String = "name" required,
        /// Its ARN.
        arn: String = "arn" required,
        /// Its full name.
        full_name: String = "fullName",
    }

    /// How long the update takes.
    DurationStatus {
        /// When it began.
        rollout_started_at: Option<Moment> = "rolloutStartedAt",
        /// Since when it waits for a person.
        manual_pause_started_at: Option<Moment> = "manualPauseStartedAt",
        /// Seconds that it has waited for persons.
        total_manual_pause_duration_seconds: Option<i64> = "totalManualPauseDurationSeconds",
        /// When it ended.
        finished_at: Option<Moment> = "finishedAt",
        /// How it ended.
        completion_status: Option<CompletionStatus> = "completionStatus",
    }
}

impl RolloutStatus {
    /// The merge patch body (`{"status": …}`) from this status to `new`; `None` when they are the same on the wire.
    #[must_use]
    pub fn patch_to(&self, new: &Self) -> Option<Value> {
        let change = merge_diff(&self.write(), &new.write())?;
        Some(serde_json::json!({ "status": change }))
    }

    /// The condition of a type, if there is one.
    #[must_use]
    pub fn condition(&self, kind: ConditionType) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.kind == kind)
    }

    /// The pause for a reason, if there is one.
    #[must_use]
    pub fn pause(&self, reason: PauseReason) -> Option<&PauseCondition> {
        self.pause_conditions.iter().find(|pause| pause.reason == reason)
    }
}
