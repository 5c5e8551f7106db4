//! `ReplicaSet`, `Deployment`, `Pod`, `PodTemplate`: the parts that planners and tables read.
//!
//! These are views, not the objects: what is not named here stays in `extra` or in the object itself, and planners
//! write patches. A pod template is always the JSON that it was.

use serde_json::Value;
use serin_kernel::{Meta, Moment};

use crate::{meta::LabelSelector, wire::object};

object! {
    /// A set of equal pods.
    ReplicaSet {
        /// Standard object metadata.
        metadata: Meta = "metadata",
        /// The wanted state.
        spec: ReplicaSetSpec = "spec",
        /// The observed state.
        status: ReplicaSetStatus = "status",
    }

    /// The wanted state of a ReplicaSet.
    ReplicaSetSpec {
        /// Number of wanted pods; 1 if absent.
        replicas: Option<i32> = "replicas",
        /// Seconds that a pod must be ready before it counts as available.
        min_ready_seconds: i32 = "minReadySeconds",
        /// Which pods belong to it.
        selector: LabelSelector = "selector",
        /// The pods to run.
        template: Value = "template",
    }

    /// The observed state of a ReplicaSet.
    ReplicaSetStatus {
        /// Number of pods.
        replicas: i32 = "replicas" always,
        /// Number of pods with all labels of the template.
        fully_labeled_replicas: i32 = "fullyLabeledReplicas",
        /// Number of ready pods.
        ready_replicas: i32 = "readyReplicas",
        /// Number of available pods.
        available_replicas: i32 = "availableReplicas",
        /// The generation that its controller has seen.
        observed_generation: i64 = "observedGeneration",
        /// What is observed.
        conditions: Vec<WorkloadCondition> = "conditions",
    }

    /// A condition of a workload; unlike a Rollout's it may lack its times.
    WorkloadCondition {
        /// What it is about.
        kind: String = "type" required,
        /// True, False or Unknown.
        status: String = "status" required,
        /// When it was last written.
        last_update_time: Option<Moment> = "lastUpdateTime",
        /// When the status last changed.
        last_transition_time: Option<Moment> = "lastTransitionTime",
        /// One word for machines.
        reason: String = "reason",
        /// A sentence for people.
        message: String = "message",
    }

    /// Kubernetes' own rolling update.
    Deployment {
        /// Standard object metadata.
        metadata: Meta = "metadata",
        /// The wanted state.
        spec: DeploymentSpec = "spec",
        /// The observed state.
        status: DeploymentStatus = "status",
    }

    /// The wanted state of a Deployment.
    DeploymentSpec {
        /// Number of wanted pods; 1 if absent.
        replicas: Option<i32> = "replicas",
        /// Which pods belong to it.
        selector: LabelSelector = "selector",
        /// The pods to run.
        template: Value = "template",
        /// How pods are replaced.
        strategy: Value = "strategy",
        /// Seconds that a pod must be ready before it counts as available.
        min_ready_seconds: i32 = "minReadySeconds",
        /// Number of old ReplicaSets to keep; 10 if absent.
        revision_history_limit: Option<i32> = "revisionHistoryLimit",
        /// Holds it where it is.
        paused: bool = "paused",
        /// Seconds without progress after which it counts as stuck; 600 if absent.
        progress_deadline_seconds: Option<i32> = "progressDeadlineSeconds",
    }

    /// The observed state of a Deployment.
    DeploymentStatus {
        /// The generation that its controller has seen.
        observed_generation: i64 = "observedGeneration",
        /// Number of pods.
        replicas: i32 = "replicas",
        /// Number of pods with the wanted template.
        updated_replicas: i32 = "updatedReplicas",
        /// Number of ready pods.
        ready_replicas: i32 = "readyReplicas",
        /// Number of available pods.
        available_replicas: i32 = "availableReplicas",
        /// Number of pods that are missing.
        unavailable_replicas: i32 = "unavailableReplicas",
        /// Counts clashes of ReplicaSet names.
        collision_count: Option<i32> = "collisionCount",
        /// What is observed.
        conditions: Vec<WorkloadCondition> = "conditions",
    }

    /// A pod template as an object of its own.
    PodTemplate {
        /// Standard object metadata.
        metadata: Meta = "metadata",
        /// The pods.
        template: Value = "template",
    }

    /// A pod.
    Pod {
        /// Standard object metadata.
        metadata: Meta = "metadata",
        /// What it runs.
        spec: PodSpec = "spec",
        /// How it is.
        status: PodStatus = "status",
    }

    /// What a pod runs.
    PodSpec {
        /// Its containers.
        containers: Vec<Container> = "containers",
        /// Containers that run first.
        init_containers: Vec<Container> = "initContainers",
        /// The node that it runs on.
        node_name: String = "nodeName",
        /// Conditions that must hold before it is ready.
        readiness_gates: Vec<Value> = "readinessGates",
    }

    /// A container.
    Container {
        /// Its name.
        name: String = "name" required,
        /// Its image.
        image: String = "image",
        /// Always for an init container that keeps running.
        restart_policy: String = "restartPolicy",
        /// Its ports.
        ports: Vec<ContainerPort> = "ports",
    }

    /// A port of a container.
    ContainerPort {
        /// Its name.
        name: String = "name",
        /// Its number.
        container_port: i32 = "containerPort" required,
        /// TCP if absent.
        protocol: String = "protocol",
    }

    /// How a pod is.
    PodStatus {
        /// Pending, Running, Succeeded, Failed or Unknown.
        phase: String = "phase",
        /// One word why.
        reason: String = "reason",
        /// A sentence why.
        message: String = "message",
        /// Its address.
        pod_ip: String = "podIP",
        /// When its node took it.
        start_time: Option<Moment> = "startTime",
        /// What is observed.
        conditions: Vec<WorkloadCondition> = "conditions",
        /// How its containers are.
        container_statuses: Vec<ContainerStatus> = "containerStatuses",
        /// How its init containers are.
        init_container_statuses: Vec<ContainerStatus> = "initContainerStatuses",
    }

    /// How a container is.
    ContainerStatus {
        /// Its name.
        name: String = "name" required,
        /// Whether it is ready.
        ready: bool = "ready" required,
        /// Whether it has started.
        started: Option<bool> = "started",
        /// How often it was restarted.
        restart_count: i32 = "restartCount" required,
        /// Its image.
        image: String = "image" required,
        /// How it is now.
        state: ContainerState = "state",
        /// How it last ended.
        last_state: ContainerState = "lastState",
    }

    /// How a container is: at most one of the three.
    ContainerState {
        /// Not started yet.
        waiting: Option<ContainerWaiting> = "waiting",
        /// Running.
        running: Option<ContainerRunning> = "running",
        /// Ended.
        terminated: Option<ContainerTerminated> = "terminated",
    }

    /// A container that has not started yet.
    ContainerWaiting {
        /// One word why.
        reason: String = "reason",
        /// A sentence why.
        message: String = "message",
    }

    /// A container that runs.
    ContainerRunning {
        /// Since when.
        started_at: Option<Moment> = "startedAt",
    }

    /// A container that has ended.
    ContainerTerminated {
        /// Its exit code.
        exit_code: i32 = "exitCode" required,
        /// The signal that ended it.
        signal: i32 = "signal",
        /// One word why.
        reason: String = "reason",
        /// A sentence why.
        message: String = "message",
        /// When it ended.
        finished_at: Option<Moment> = "finishedAt",
    }
}

impl ReplicaSet {
    /// Number of wanted pods.
    #[must_use]
    pub fn replicas(&self) -> i32 {
        self.spec.replicas.unwrap_or(1)
    }
}

impl Deployment {
    /// Number of wanted pods.
    #[must_use]
    pub fn replicas(&self) -> i32 {
        self.spec.replicas.unwrap_or(1)
    }
}

impl Pod {
    /// Since when the pod is ready; `None` when it is not.
    #[must_use]
    pub fn ready_since(&self) -> Option<Moment> {
        let ready = self.status.conditions.iter().find(|condition| condition.kind == "Ready")?;
        if ready.status == "True" { ready.last_transition_time } else { None }
    }

    /// Whether the pod is ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.status.conditions.iter().any(|condition| condition.kind == "Ready" && condition.status == "True")
    }

    /// Whether the pod was ready for `min_ready_seconds` at `now`, which makes it available.
    #[must_use]
    pub fn is_available(&self, min_ready_seconds: i32, now: Moment) -> bool {
        if min_ready_seconds <= 0 {
            return self.is_ready();
        }
        let least = std::time::Duration::from_secs(u64::from(min_ready_seconds.unsigned_abs()));
        self.ready_since().is_some_and(|since| least <= now.saturating_since(since))
    }
}
