//! `Experiment`: pods of several templates side by side for a while, with analyses.

use serde_json::Value;
use serin_kernel::{Meta, Moment};

use crate::{
    analysis::{Argument, DryRun, MeasurementRetention},
    meta::{Condition, LabelSelector, LabelsAndAnnotations},
    names::AnalysisPhase,
    rollout::TemplateService,
    wire::object,
};

object! {
    /// Pods of several templates side by side.
    Experiment {
        /// Standard object metadata.
        metadata: Meta = "metadata",
        /// What to run.
        spec: ExperimentSpec = "spec" required,
        /// What came of it.
        status: Option<ExperimentStatus> = "status",
    }

    /// What an Experiment runs.
    ExperimentSpec {
        /// The pods.
        templates: Vec<TemplateSpec> = "templates" required,
        /// How long; until its analyses are done if absent.
        duration: String = "duration",
        /// Seconds without progress after which it fails; 600 if absent.
        progress_deadline_seconds: Option<i32> = "progressDeadlineSeconds",
        /// Whether to stop.
        terminate: bool = "terminate",
        /// Analyses that decide it.
        analyses: Vec<ExperimentAnalysis> = "analyses",
        /// Seconds that its pods stay afterwards; 30 if absent.
        scale_down_delay_seconds: Option<i32> = "scaleDownDelaySeconds",
        /// Metrics that are measured but do not count.
        dry_run: Vec<DryRun> = "dryRun",
        /// How many measurements are kept.
        measurement_retention: Vec<MeasurementRetention> = "measurementRetention",
        /// Labels and annotations of its AnalysisRuns.
        analysis_run_metadata: Option<LabelsAndAnnotations> = "analysisRunMetadata",
    }

    /// Pods of one template.
    TemplateSpec {
        /// Name of the template.
        name: String = "name" required,
        /// Number of pods; 1 if absent.
        replicas: Option<i32> = "replicas",
        /// Seconds that a pod must be ready before it counts as available.
        min_ready_seconds: i32 = "minReadySeconds",
        /// Which pods belong to it.
        selector: Option<LabelSelector> = "selector" required,
        /// The pods to run.
        template: Value = "template" required,
        /// Asks for a Service.
        service: Option<TemplateService> = "service",
    }

    /// An analysis of an Experiment.
    ExperimentAnalysis {
        /// Name of the analysis.
        name: String = "name" required,
        /// Its template.
        template_name: String = "templateName" required,
        /// Whether the template belongs to the whole cluster.
        cluster_scope: bool = "clusterScope",
        /// Values for the template's arguments.
        args: Vec<Argument> = "args",
        /// Whether the Experiment waits for it.
        required_for_completion: bool = "requiredForCompletion",
    }

    /// What came of an Experiment.
    ExperimentStatus {
        /// Where it stands.
        phase: Option<AnalysisPhase> = "phase",
        /// Why.
        message: String = "message",
        /// When all pods were available.
        available_at: Option<Moment> = "availableAt",
        /// States of the templates.
        template_statuses: Vec<TemplateStatus> = "templateStatuses",
        /// States of the analyses.
        analysis_runs: Vec<ExperimentAnalysisRunStatus> = "analysisRuns",
        /// What is observed, for clients to wait on.
        conditions: Vec<Condition> = "conditions",
    }

    /// State of one template.
    TemplateStatus {
        /// Its name.
        name: String = "name" required,
        /// Number of pods.
        replicas: i32 = "replicas" required,
        /// Number of pods with the wanted template.
        updated_replicas: i32 = "updatedReplicas" required,
        /// Number of ready pods.
        ready_replicas: i32 = "readyReplicas" required,
        /// Number of available pods.
        available_replicas: i32 = "availableReplicas" required,
        /// Counts clashes of ReplicaSet names.
        collision_count: Option<i32> = "collisionCount",
        /// Progressing, Running, Successful, Failed or Error.
        status: String = "status",
        /// Why.
        message: String = "message",
        /// When the state last changed.
        last_transition_time: Option<Moment> = "lastTransitionTime",
        /// Its Service.
        service_name: String = "serviceName",
        /// Hash of its pod template.
        pod_template_hash: String = "podTemplateHash",
    }

    /// State of one analysis.
    ExperimentAnalysisRunStatus {
        /// Name of the analysis.
        name: String = "name" required,
        /// Name of its AnalysisRun.
        analysis_run: String = "analysisRun" required,
        /// Where it stands.
        phase: Option<AnalysisPhase> = "phase" required,
        /// Why.
        message: String = "message",
    }
}
