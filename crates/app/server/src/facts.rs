//! Everything that `/metrics` tells, from one look. Pure.
//!
//! Names, labels and buckets are Argo's wherever it has such a metric; what begins with `serin_` is ours.

use serin_calls::Posted;
use serin_cluster::{Cluster, EventLabels, RequestLabels, State};
use serin_engine::{Engine, Snapshot};
use serin_kernel::{EventType, Kind, Object};

use crate::{
    durations::Durations,
    exposition::Exposition,
    rollouts::{PHASES, figures},
};

/// One look at the controller.
pub struct Facts {
    /// All Rollouts in the cache.
    pub rollouts: Vec<Object>,
    /// The engine; none while another copy leads.
    pub engine: Option<Snapshot>,
    /// Requests by label.
    pub requests: Vec<(RequestLabels, u64)>,
    /// Events by label, and how many were lost.
    pub events: (Vec<(EventLabels, u64)>, u64),
    /// How far each watch is, and how many objects it holds.
    pub watches: Vec<(Kind, State, usize)>,
    /// Our version.
    pub version: String,
}

impl Facts {
    /// Looks at a running controller, whose Rollouts are of `kind`.
    #[must_use]
    pub fn of(cluster: &Cluster, engine: Option<&Engine>, kind: Kind, version: &str) -> Self {
        let watches = cluster.states().into_iter().map(|(kind, (state, objects))| (kind, state, objects));
        Self {
            rollouts: cluster.all(kind),
            engine: engine.map(Engine::snapshot),
            requests: cluster.requests(),
            events: cluster.events(),
            watches: watches.collect(),
            version: version.to_owned(),
        }
    }
}

/// The text of `/metrics`.
#[must_use]
pub fn render(facts: &Facts, durations: &Durations) -> String {
    let mut out = Exposition::default();
    builds(&mut out, facts);
    rollouts(&mut out, facts);
    if let Some(engine) = &facts.engine {
        passes(&mut out, engine);
    }
    times(&mut out, durations);
    traffic(&mut out, facts);
    out.text()
}

fn builds(out: &mut Exposition, facts: &Facts) {
    let version = facts.version.as_str();
    out.family("argo_rollouts_controller_info", "gauge", "Running version of the controller");
    out.sample("argo_rollouts_controller_info", &[("version", version)], 1.0);
    out.family("build_info", "gauge", "How the controller was built");
    let labels =
        [("version", version), ("goversion", ""), ("goarch", std::env::consts::ARCH), ("commit", "")];
    out.sample("build_info", &labels, 1.0);
}

fn rollouts(out: &mut Exposition, facts: &Facts) {
    let all: Vec<_> =
        facts.rollouts.iter().map(|rollout| (rollout.meta(), figures(&rollout.value()))).collect();
    out.family("rollout_info", "gauge", "Information about the Rollout");
    for (meta, found) in &all {
        let labels = [
            ("namespace", meta.namespace.as_str()),
            ("name", &meta.name),
            ("strategy", found.strategy),
            ("traffic_router", found.router),
            ("phase", found.phase),
        ];
        out.sample("rollout_info", &labels, 1.0);
    }
    for (what, help) in [
        ("available", "The number of available replicas"),
        ("unavailable", "The number of unavailable replicas"),
        ("desired", "The number of desired replicas"),
        ("updated", "The number of updated replicas"),
    ] {
        let name = format!("rollout_info_replicas_{what}");
        out.family(&name, "gauge", help);
        for (meta, found) in &all {
            let value = match what {
                "available" => found.available,
                "unavailable" => found.unavailable,
                "desired" => found.desired,
                _ => found.updated,
            };
            out.sample(&name, &[("namespace", &meta.namespace), ("name", &meta.name)], value);
        }
    }
    out.family(
        "rollout_phase",
        "gauge",
        "Whether the Rollout is in this phase (deprecated: see rollout_info)",
    );
    for (meta, found) in &all {
        for phase in PHASES {
            let labels = [
                ("namespace", meta.namespace.as_str()),
                ("name", &meta.name),
                ("strategy", found.strategy),
                ("phase", phase),
            ];
            out.sample("rollout_phase", &labels, f64::from(u8::from(phase == found.phase)));
        }
    }
}

fn passes(out: &mut Exposition, engine: &Snapshot) {
    let objects = || engine.objects.iter().filter(|(key, _)| key.kind.plural == "rollouts");
    out.family("rollout_reconcile", "histogram", "Seconds that passes took");
    for (key, stats) in objects() {
        out.histogram(
            "rollout_reconcile",
            &[("namespace", &key.namespace), ("name", &key.name)],
            &stats.passes,
        );
    }
    out.family("rollout_reconcile_error", "counter", "Passes that ended in an error");
    for (key, stats) in objects() {
        let labels = [("namespace", key.namespace.as_str()), ("name", key.name.as_str())];
        out.sample("rollout_reconcile_error", &labels, stats.errors as f64);
    }
    self::engine(out, engine);
}

/// What the engine tells of itself, whatever it plans for.
pub(crate) fn engine(out: &mut Exposition, engine: &Snapshot) {
    out.family("workqueue_depth", "gauge", "Objects that are due");
    for (kind, stats) in &engine.kinds {
        out.sample("workqueue_depth", &[("name", kind)], stats.due as f64);
    }
    out.family("serin_passes_running", "gauge", "Passes that are under way");
    for (kind, stats) in &engine.kinds {
        out.sample("serin_passes_running", &[("kind", kind)], stats.running as f64);
    }
    out.family(
        "serin_wakeup_lateness_seconds",
        "histogram",
        "How late objects were planned that asked for a time",
    );
    for (kind, stats) in &engine.kinds {
        out.histogram("serin_wakeup_lateness_seconds", &[("kind", kind)], &stats.lateness);
    }
    out.family("serin_conflicts_total", "counter", "Passes that ended in a conflict");
    out.sample("serin_conflicts_total", &[], engine.conflicts as f64);
    out.family("serin_frozen_total", "counter", "Objects frozen so far, by reason");
    for reason in ["panic", "storm", "endless"] {
        let count = engine.frozen.get(reason).copied().unwrap_or(0);
        out.sample("serin_frozen_total", &[("reason", reason)], count as f64);
    }
    out.family("serin_frozen", "gauge", "Objects that are frozen now");
    out.sample("serin_frozen", &[], engine.objects.values().filter(|stats| stats.frozen).count() as f64);
    messages(out, &engine.posted);
}

fn messages(out: &mut Exposition, posted: &Posted) {
    let name = "serin_messages_total";
    out.family(name, "counter", "Messages to chats and receivers of events, by what became of them");
    for (outcome, count) in [("sent", posted.sent), ("lost", posted.lost)] {
        out.sample(name, &[("outcome", outcome)], count as f64);
    }
    out.family("serin_messages_retried_total", "counter", "Attempts to send a message after the first");
    out.sample("serin_messages_retried_total", &[], posted.retried as f64);
    out.family("serin_messages_waiting", "gauge", "Messages that are not yet under way");
    out.sample("serin_messages_waiting", &[], posted.waiting as f64);
}

fn times(out: &mut Exposition, durations: &Durations) {
    let all = durations.all();
    for (index, (name, help)) in [
        ("rollout_duration_seconds", "Seconds from start to end of an update"),
        ("rollout_progression_duration_seconds", "Seconds of an update without manual pauses"),
        ("rollout_manual_pause_duration_seconds", "Seconds of an update in manual pauses"),
    ]
    .into_iter()
    .enumerate()
    {
        out.family(name, "histogram", help);
        for (status, series) in &all {
            out.histogram(name, &[("status", status)], &series[index]);
        }
    }
}

pub(crate) fn traffic(out: &mut Exposition, facts: &Facts) {
    out.family("rollout_events_total", "counter", "Events told");
    for (labels, count) in &facts.events.0 {
        let kind = match labels.kind {
            EventType::Normal => "Normal",
            EventType::Warning => "Warning",
        };
        let labels = [
            ("namespace", labels.namespace.as_str()),
            ("name", &labels.name),
            ("type", kind),
            ("reason", &labels.reason),
        ];
        out.sample("rollout_events_total", &labels, *count as f64);
    }
    out.family("serin_events_lost_total", "counter", "Events that the API did not take in time");
    out.sample("serin_events_lost_total", &[], facts.events.1 as f64);
    out.family("controller_clientset_k8s_request_total", "counter", "Requests to the Kubernetes API");
    for (labels, count) in &facts.requests {
        let code = labels.code.to_string();
        let labels = [
            ("kind", labels.kind),
            ("namespace", &labels.namespace),
            ("name", &labels.name),
            ("verb", labels.verb),
            ("status_code", &code),
        ];
        out.sample("controller_clientset_k8s_request_total", &labels, *count as f64);
    }
    out.family("serin_cached_objects", "gauge", "Objects in the cache");
    for (kind, _, objects) in &facts.watches {
        out.sample("serin_cached_objects", &[("kind", &kind.to_string())], *objects as f64);
    }
    out.family("serin_watch_synced", "gauge", "Whether everything of a kind is known");
    for (kind, state, _) in &facts.watches {
        let known = !matches!(state, State::Starting(_));
        out.sample("serin_watch_synced", &[("kind", &kind.to_string())], f64::from(u8::from(known)));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rollout_has_its_samples() {
        let kind = Kind::namespaced("argoproj.io", "v1alpha1", "Rollout", "rollouts");
        let rollout = json!({"metadata": {"name": "demo", "namespace": "n"}, "spec": {"replicas": 4, "strategy": {"canary": {}}}});
        let facts = Facts {
            rollouts: vec![Object::new(kind, &rollout).unwrap()],
            engine: None,
            requests: vec![],
            events: (vec![], 0),
            watches: vec![(kind, State::Synced, 1)],
            version: "v0".to_owned(),
        };
        let text = render(&facts, &Durations::default());
        for line in [
            r#"argo_rollouts_controller_info{version="v0"} 1"#,
            r#"rollout_info{namespace="n",name="demo",strategy="canary",traffic_router="",phase="Progressing"} 1"#,
            r#"rollout_info_replicas_desired{namespace="n",name="demo"} 4"#,
            r#"rollout_phase{namespace="n",name="demo",strategy="canary",phase="Paused"} 0"#,
            r#"serin_watch_synced{kind="rollouts.argoproj.io"} 1"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }
}
