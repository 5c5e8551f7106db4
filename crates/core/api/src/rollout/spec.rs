//! `Rollout.spec`, apart from the strategy.

use serde_json::Value;
use serin_kernel::{Meta, Moment};

use super::{RolloutStatus, RolloutStrategy};
use crate::{meta::LabelSelector, wire::object};

object! {
    /// A workload with a progressive delivery strategy.
    Rollout {
        /// Standard object metadata.
        metadata: Meta = "metadata",
        /// The wanted state.
        spec: RolloutSpec = "spec" required,
        /// The observed state, written by the controller.
        status: RolloutStatus = "status",
    }

    /// The wanted state of a Rollout.
    RolloutSpec {
        /// Number of wanted pods; 1 if absent.
        replicas: Option<i32> = "replicas",
        /// Which pods belong to the Rollout; cannot be changed.
        selector: Option<LabelSelector> = "selector",
        /// The pods to run; left out with workloadRef.
        template: Value = "template",
        /// The workload whose pod template is used instead of one in place.
        workload_ref: Option<WorkloadRef> = "workloadRef",
        /// Seconds that a pod must be ready before it counts as available.
        min_ready_seconds: i32 = "minReadySeconds",
        /// How far back a rollback may skip the steps.
        rollback_window: Option<RollbackWindow> = "rollbackWindow",
        /// How to get from one version to the next.
        strategy: RolloutStrategy = "strategy",
        /// Number of old ReplicaSets to keep; 10 if absent.
        revision_history_limit: Option<i32> = "revisionHistoryLimit",
        /// Holds the Rollout where it is.
        paused: bool = "paused",
        /// Seconds without progress after which the update counts as stuck; 600 if absent.
        progress_deadline_seconds: Option<i32> = "progressDeadlineSeconds",
        /// Whether a stuck update is aborted.
        progress_deadline_abort: bool = "progressDeadlineAbort",
        /// Pods made before this time are replaced, once it has come.
        restart_at: Option<Moment> = "restartAt",
        /// How many finished analyses are kept.
        analysis: Option<AnalysisHistory> = "analysis",
    }

    /// A workload that is referred to.
    WorkloadRef {
        /// API version of the workload.
        api_version: String = "apiVersion",
        /// Deployment, ReplicaSet or PodTemplate.
        kind: String = "kind",
        /// Name of the workload.
        name: String = "name",
        /// When the workload is scaled down: never, onsuccess or progressively.
        scale_down: String = "scaleDown",
    }

    /// How far back a rollback may skip the steps.
    RollbackWindow {
        /// Number of revisions.
        revisions: i32 = "revisions",
    }

    /// How many finished AnalysisRuns and Experiments are kept.
    AnalysisHistory {
        /// Successful ones; 5 if absent.
        successful_run_history_limit: Option<i32> = "successfulRunHistoryLimit",
        /// Failed, errored and inconclusive ones; 5 if absent.
        unsuccessful_run_history_limit: Option<i32> = "unsuccessfulRunHistoryLimit",
    }
}
