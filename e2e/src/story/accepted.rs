//! What Serin's pictures of the recorded session may differ in, line by line: a regression in any other line, or the end of
//! one of these differences, is a complaint.

/// A difference that was decided: the lines, after placeholders were put in, that each side has for itself.
///
/// All of them must be there: what is accepted here and not seen is as much a complaint as what is seen and not accepted.
#[derive(Clone, Copy, Debug)]
pub struct Accepted {
    /// The number in `docs/differences.md`.
    pub number: &'static str,
    /// The file of the session that it is about.
    pub file: &'static str,
    /// Lines of the recording that we lack.
    pub recorded: &'static [&'static str],
    /// Lines of ours that the recording lacks.
    pub ours: &'static [&'static str],
}

/// Every difference between two pictures that was decided.
///
/// For A17.4 see [`never_written_back`](super::never_written_back), for A17.2 [`compare_events`](super::compare_events).
pub const ACCEPTED: &[Accepted] = &[
    Accepted {
        number: "A17.1", // the recording caught the Service on its way between the versions
        file: "11-aborted.txt",
        recorded: &[
            r#"demo-canary selector {"app": "demo", "rollouts-pod-template-hash": "HASH3"} annotations {"argo-rollouts.argoproj.io/managed-by-rollouts": "demo"}"#,
        ],
        ours: &[
            r#"demo-canary selector {"app": "demo", "rollouts-pod-template-hash": "HASH2"} annotations {"argo-rollouts.argoproj.io/managed-by-rollouts": "demo"}"#,
        ],
    },
    AFTER_RESTART,
];

/// A17.9: a restart is over with its last pod, and an old version that waits for its end keeps its pods until then.
const AFTER_RESTART: Accepted = Accepted {
    number: "A17.9",
    file: "23-after-restart.txt",
    recorded: &[
        "Status:  ◌ Progressing",
        "Message:  rollout is restarting",
        "  Current:  4",
        "  Ready:  4",
        "  Available:  4",
        "⟳ demo  Rollout  ◌ Progressing  AGE",
        "│  └──⧉ demo-HASH2  ReplicaSet  • ScaledDown  AGE",
        "demo  Canary  Progressing  6/6  100  4/4  4  4  4",
        "  HPAReplicas: 4",
        "  availableReplicas: 4",
        "  message: Rollout is healthy",
        r#"  status: "True""#,
        r#"  message: ReplicaSet "demo-HASH3" has successfully progressed."#,
        "  reason: NewReplicaSetAvailable",
        "  message: rollout is restarting",
        "  phase: Progressing",
        "  readyReplicas: 4",
        "  replicas: 4",
        r#"demo-HASH2 spec 0 status {"observedGeneration": N, "replicas": 0} labels {"app": "demo", "rollouts-pod-template-hash": "HASH2"} annotations {"rollout.argoproj.io/desired-replicas": "4", "rollout.argoproj.io/revision": "4", "rollout.argoproj.io/revision-history": "2"}"#,
    ],
    ours: &[
        "Status:  ✔ Healthy",
        "  demo:yellow",
        "  Current:  5",
        "  Ready:  5",
        "  Available:  5",
        "⟳ demo  Rollout  ✔ Healthy  AGE",
        "│  └──⧉ demo-HASH2  ReplicaSet  ✔ Healthy  AGE  delay:AGE",
        "│  └──□ demo-HASH2-POD  Pod  ✔ Running  AGE  ready:1/1",
        "demo  Canary  Healthy  6/6  100  5/5  4  4  5",
        "  HPAReplicas: 5",
        "  availableReplicas: 5",
        "  message: Rollout is not healthy",
        r#"  status: "False""#,
        r#"  message: ReplicaSet "demo-HASH3" is progressing."#,
        "  reason: ReplicaSetUpdated",
        "  phase: Healthy",
        "  readyReplicas: 5",
        "  replicas: 5",
        r#"  restartedAt: "TIME""#,
        r#"demo-HASH2 spec 1 status {"availableReplicas": 1, "fullyLabeledReplicas": 1, "observedGeneration": N, "readyReplicas": 1, "replicas": 1} labels {"app": "demo", "rollouts-pod-template-hash": "HASH2"} annotations {"rollout.argoproj.io/desired-replicas": "4", "rollout.argoproj.io/revision": "4", "rollout.argoproj.io/revision-history": "2", "scale-down-deadline": "TIME"}"#,
    ],
};
