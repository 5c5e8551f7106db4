//! What a pod is doing, in the one word that kubectl shows.
//!
//! The order of the rules is that of kubectl's printer: phase and reason, then init containers, then containers from
//! the last to the first, then deletion.

use serde_json::Value;

use crate::lens::{entry, flag, list, number, text};

/// The STATUS column of a pod.
#[must_use]
pub fn status(pod: &Value) -> String {
    let phase = text(pod, "/status/phase");
    let reason = text(pod, "/status/reason");
    let mut word = if reason.is_empty() { phase.to_owned() } else { reason.to_owned() };
    match initialising(pod) {
        Some(init) => word = init,
        None => {
            if let Some(container) = containers(pod, &word) {
                word = container;
            }
        }
    }
    if pod.pointer("/metadata/deletionTimestamp").is_some() {
        return if reason == "NodeLost" { "Unknown".to_owned() } else { "Terminating".to_owned() };
    }
    if word.is_empty() { "Unknown".to_owned() } else { word }
}

/// How many containers are ready, of how many.
#[must_use]
pub fn ready(pod: &Value) -> (usize, usize) {
    let ready =
        list(pod, "/status/containerStatuses").iter().filter(|container| flag(container, "/ready")).count();
    (ready, list(pod, "/spec/containers").len())
}

/// How often the pod's containers were restarted, together.
#[must_use]
pub fn restarts(pod: &Value) -> i64 {
    list(pod, "/status/containerStatuses")
        .iter()
        .filter_map(|container| number(container, "/restartCount"))
        .sum()
}

/// `Init:…` while an init container is not done.
fn initialising(pod: &Value) -> Option<String> {
    let statuses = list(pod, "/status/initContainerStatuses");
    let total = list(pod, "/spec/initContainers").len();
    statuses.iter().enumerate().find_map(|(index, container)| {
        if number(container, "/state/terminated/exitCode") == Some(0) {
            return None;
        }
        let waiting = text(container, "/state/waiting/reason");
        Some(match stopped(container) {
            Some(stopped) => format!("Init:{stopped}"),
            None if !waiting.is_empty() && waiting != "PodInitializing" => format!("Init:{waiting}"),
            None => format!("Init:{index}/{total}"),
        })
    })
}

/// What the containers say, the first one having the last word.
fn containers(pod: &Value, phase: &str) -> Option<String> {
    let mut word = None;
    let mut running = false;
    for container in list(pod, "/status/containerStatuses").iter().rev() {
        let waiting = text(container, "/state/waiting/reason");
        if !waiting.is_empty() {
            word = Some(waiting.to_owned());
        } else if let Some(stopped) = stopped(container) {
            word = Some(stopped);
        } else if flag(container, "/ready") && container.pointer("/state/running").is_some() {
            running = true;
        }
    }
    let completed = word.as_deref() == Some("Completed") || (word.is_none() && phase == "Completed");
    if !(completed && running) {
        return word;
    }
    let is_ready =
        |condition: &Value| text(condition, "/type") == "Ready" && text(condition, "/status") == "True";
    let ready = list(pod, "/status/conditions").iter().any(is_ready);
    Some(if ready { "Running" } else { "NotReady" }.to_owned())
}

/// Why a container stopped, if it did.
fn stopped(container: &Value) -> Option<String> {
    let state = container.pointer("/state/terminated")?;
    let (reason, signal) = (text(state, "/reason"), number(state, "/signal").unwrap_or_default());
    Some(match (reason, signal) {
        ("", 0) => format!("ExitCode:{}", number(state, "/exitCode").unwrap_or_default()),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    })
}

/// The value of a pod's label.
pub(crate) fn label<'a>(object: &'a Value, key: &str) -> &'a str {
    entry(object, "/metadata/labels", key)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_words_of_kubectl() {
        let waiting =
            |reason: &str| json!({"containerStatuses": [{"state": {"waiting": {"reason": reason}}}]});
        for (case, pod, expected) in [
            ("plain phase", json!({"status": {"phase": "Pending"}}), "Pending"),
            ("nothing known", json!({}), "Unknown"),
            ("waiting", json!({"status": waiting("CrashLoopBackOff")}), "CrashLoopBackOff"),
            (
                "exit code without a reason",
                json!({"status": {"containerStatuses": [{"state": {"terminated": {"exitCode": 3}}}]}}),
                "ExitCode:3",
            ),
            (
                "first of two init containers",
                json!({"spec": {"initContainers": [{}, {}]}, "status": {"phase": "Pending", "initContainerStatuses": [{"state": {"running": {}}}]}}),
                "Init:0/2",
            ),
            (
                "deleted",
                json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}, "status": {"phase": "Running"}}),
                "Terminating",
            ),
        ] {
            assert_eq!(status(&pod), expected, "{case}");
        }
    }
}
