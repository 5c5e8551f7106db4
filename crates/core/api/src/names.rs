//! The words on the wire: labels, annotations, phases, conditions, reasons.
//!
//! Dashboards, alert rules, `kubectl wait`, GitOps health checks and notification triggers match these texts, so
//! each stands here once, spelled as Argo Rollouts spells it, in closed sets where it can become a metric label.

use crate::wire::names;

/// Label keys.
pub mod labels {
    /// Which revision a ReplicaSet, its pods and a Service selector belong to.
    pub const POD_TEMPLATE_HASH: &str = "rollouts-pod-template-hash";
    /// Which of several controllers an object belongs to.
    pub const INSTANCE_ID: &str = "argo-rollouts.argoproj.io/controller-instance-id";
    /// Why an AnalysisRun was made; see [`RolloutType`](super::RolloutType).
    pub const ROLLOUT_TYPE: &str = "rollout-type";
    /// The step that an AnalysisRun was made for.
    pub const STEP_INDEX: &str = "step-index";
    /// The AnalysisRun that a Job measures for.
    pub const ANALYSIS_RUN_UID: &str = "analysisrun.argoproj.io/uid";
}

/// Annotation keys.
pub mod annotations {
    use serin_kernel::LAST_APPLIED;

    /// When a ReplicaSet may be scaled to zero: RFC 3339, UTC. It has no prefix.
    pub const SCALE_DOWN_DEADLINE: &str = "scale-down-deadline";
    /// The Rollout that manages a Service, DestinationRule or VirtualNode.
    pub const MANAGED_BY: &str = "argo-rollouts.argoproj.io/managed-by-rollouts";
    /// Revision number of a Rollout, ReplicaSet, AnalysisRun or Experiment, in decimal.
    pub const REVISION: &str = "rollout.argoproj.io/revision";
    /// Earlier revision numbers of a ReplicaSet that was used again, separated by commas.
    pub const REVISION_HISTORY: &str = "rollout.argoproj.io/revision-history";
    /// The Rollout's `spec.replicas` when its ReplicaSet was last scaled.
    pub const DESIRED_REPLICAS: &str = "rollout.argoproj.io/desired-replicas";
    /// Generation of the workload that a Rollout refers to.
    pub const WORKLOAD_GENERATION: &str = "rollout.argoproj.io/workload-generation";
    /// What was injected into a ReplicaSet's template, as JSON, so that it can be taken out.
    pub const EPHEMERAL_METADATA: &str = "rollout.argoproj.io/ephemeral-metadata";
    /// The Experiment that a ReplicaSet or Service belongs to.
    pub const EXPERIMENT_NAME: &str = "experiment.argoproj.io/name";
    /// The template of that Experiment.
    pub const EXPERIMENT_TEMPLATE_NAME: &str = "experiment.argoproj.io/template-name";
    /// The AnalysisRun that a Job measures for.
    pub const ANALYSIS_RUN_NAME: &str = "analysisrun.argoproj.io/name";
    /// Its namespace.
    pub const ANALYSIS_RUN_NAMESPACE: &str = "analysisrun.argoproj.io/namespace";
    /// The metric that a Job measures.
    pub const ANALYSIS_RUN_METRIC: &str = "analysisrun.argoproj.io/metric-name";
    /// Annotation keys that each Rollout manages on an ALB Ingress, as a JSON map.
    pub const MANAGED_ALB_ANNOTATIONS: &str = "rollouts.argoproj.io/managed-alb-annotations";
    /// Notifications already sent.
    pub const NOTIFIED: &str = "notified.notifications.argoproj.io";
    /// Annotations of a Rollout that its ReplicaSets do not get.
    pub const NOT_COPIED: &[&str] = &[LAST_APPLIED, REVISION, REVISION_HISTORY, DESIRED_REPLICAS, NOTIFIED];
}

names! {
    /// Where a Rollout stands, in `status.phase`.
    RolloutPhase {
        /// The wanted version has all traffic and all its replicas.
        Healthy = "Healthy",
        /// Aborted, late or invalid.
        Degraded = "Degraded",
        /// On the way.
        Progressing = "Progressing",
        /// Waiting for a person or for time to pass.
        Paused = "Paused",
    }

    /// Types of a Rollout's conditions.
    ConditionType {
        /// As many pods are available as are wanted.
        Available = "Available",
        /// The update goes on, waits or is stuck.
        Progressing = "Progressing",
        /// The controller holds a pause.
        Paused = "Paused",
        /// The wanted version is the stable one.
        Completed = "Completed",
        /// Completed and as large as wanted.
        Healthy = "Healthy",
        /// A ReplicaSet cannot make its pods.
        ReplicaFailure = "ReplicaFailure",
        /// The specification cannot be run.
        InvalidSpec = "InvalidSpec",
    }

    /// Reasons of a Rollout's conditions.
    Reason {
        /// Of `Available`, both ways.
        Available = "AvailableReason",
        /// A ReplicaSet was made for the wanted template.
        NewReplicaSetCreated = "NewReplicaSetCreated",
        /// One was there already.
        FoundNewReplicaSet = "FoundNewReplicaSet",
        /// The wanted ReplicaSet moves on.
        ReplicaSetUpdated = "ReplicaSetUpdated",
        /// The wanted ReplicaSet has arrived.
        NewReplicaSetAvailable = "NewReplicaSetAvailable",
        /// A promoted Rollout lost availability.
        ReplicaSetNotAvailable = "ReplicaSetNotAvailable",
        /// A pause began.
        RolloutPaused = "RolloutPaused",
        /// A pause ended.
        RolloutResumed = "RolloutResumed",
        /// An aborted update starts over.
        RolloutRetry = "RolloutRetry",
        /// The update was aborted.
        RolloutAborted = "RolloutAborted",
        /// No progress within the deadline.
        ProgressDeadlineExceeded = "ProgressDeadlineExceeded",
        /// The API refused a ReplicaSet.
        ReplicaSetCreateError = "ReplicaSetCreateError",
        /// Of `Completed`, both ways.
        RolloutCompleted = "RolloutCompleted",
        /// Of `Healthy`, both ways.
        RolloutHealthy = "RolloutHealthy",
        /// Of `InvalidSpec`.
        InvalidSpec = "InvalidSpec",
    }

    /// Why the controller paused a Rollout, in `status.pauseConditions`.
    PauseReason {
        /// An analysis could not tell good from bad.
        InconclusiveAnalysis = "InconclusiveAnalysisRun",
        /// An experiment could not tell good from bad.
        InconclusiveExperiment = "InconclusiveExperiment",
        /// A pause step.
        CanaryPauseStep = "CanaryPauseStep",
        /// A blue-green Rollout waits for promotion.
        BlueGreenPause = "BlueGreenPause",
    }

    /// How an update ended, in `status.duration.completionStatus`.
    CompletionStatus {
        /// All steps were done.
        Promoted = "Promoted",
        /// Promoted in full by a person.
        FastPromoted = "FastPromoted",
        /// Aborted.
        Aborted = "Aborted",
        /// Another version came first.
        Superseded = "Superseded",
        /// Went back to the stable version.
        RolledBack = "RolledBack",
        /// Went back within the rollback window, without steps.
        FastRolledBack = "FastRolledBack",
    }

    /// Phases of AnalysisRuns, their metrics and measurements, and of Experiments.
    AnalysisPhase {
        /// Not begun.
        Pending = "Pending",
        /// Going on.
        Running = "Running",
        /// Good.
        Successful = "Successful",
        /// Bad.
        Failed = "Failed",
        /// Could not be measured.
        Error = "Error",
        /// Neither good nor bad.
        Inconclusive = "Inconclusive",
    }

    /// Why an AnalysisRun was made, in the label [`labels::ROLLOUT_TYPE`].
    RolloutType {
        /// For a step.
        Step = "Step",
        /// For the whole update.
        Background = "Background",
        /// Before a blue-green switch.
        PrePromotion = "PrePromotion",
        /// After a blue-green switch.
        PostPromotion = "PostPromotion",
    }

    /// Whether an other workload that a Rollout refers to is scaled down, in `spec.workloadRef.scaleDown`.
    WorkloadScaleDown {
        /// It is left alone; an absent field means this too.
        Never = "never",
        /// Once the Rollout's first revision is healthy.
        OnSuccess = "onsuccess",
        /// As the Rollout's pods become ready.
        Progressively = "progressively",
    }

    /// The unit of `replicaProgressThreshold`.
    ThresholdType {
        /// Percent of the wanted pods.
        Percent = "Percent",
        /// A count of pods.
        Pods = "Pods",
    }

    /// Reasons of events about a Rollout.
    EventReason {
        /// The controller saw the object for the first time.
        RolloutAddedToInformer = "RolloutAddedToInformer",
        /// A new revision began.
        RolloutUpdated = "RolloutUpdated",
        /// A ReplicaSet was made.
        NewReplicaSetCreated = "NewReplicaSetCreated",
        /// A ReplicaSet was scaled.
        ScalingReplicaSet = "ScalingReplicaSet",
        /// The wanted version is no longer the stable one.
        RolloutNotCompleted = "RolloutNotCompleted",
        /// The wanted version is the stable one.
        RolloutCompleted = "RolloutCompleted",
        /// One step is done.
        RolloutStepCompleted = "RolloutStepCompleted",
        /// A pause began.
        RolloutPaused = "RolloutPaused",
        /// A pause ended.
        RolloutResumed = "RolloutResumed",
        /// The update was aborted.
        RolloutAborted = "RolloutAborted",
        /// A Service selects another ReplicaSet.
        SwitchService = "SwitchService",
        /// Steps were passed over.
        SkipSteps = "SkipSteps",
        /// A router has another weight.
        TrafficWeightUpdated = "TrafficWeightUpdated",
        /// A router could not be written.
        TrafficRoutingError = "TrafficRoutingError",
        /// The API refused a ReplicaSet.
        ReplicaSetCreateError = "ReplicaSetCreateError",
        /// The API refused a change of a ReplicaSet.
        ReplicaSetUpdateError = "ReplicaSetUpdateError",
        /// A canary Ingress is being made.
        CreatingCanaryIngress = "CreatingCanaryIngress",
        /// A canary Ingress is being changed.
        PatchingCanaryIngress = "PatchingCanaryIngress",
        /// No progress within the deadline.
        ProgressDeadlineExceeded = "ProgressDeadlineExceeded",
        /// A pass failed.
        ReconciliationError = "ReconciliationError",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_as_itself() {
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.as_str()), Some(*reason));
        }
        for reason in EventReason::ALL {
            assert_eq!(EventReason::parse(reason.as_str()), Some(*reason));
        }
        assert_eq!(RolloutPhase::parse("healthy"), None, "names are not folded");
    }
}
