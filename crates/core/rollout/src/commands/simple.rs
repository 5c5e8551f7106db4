//! Commands that are one constant patch.

use serde_json::json;
use serin_kernel::{Change, Moment};

/// Stops the update and sends all traffic back to the stable version.
#[must_use]
pub fn abort() -> Change {
    Change::MergeStatus(json!({"status": {"abort": true}}))
}

/// Starts an aborted update again from its first step.
#[must_use]
pub fn retry() -> Change {
    Change::MergeStatus(json!({"status": {"abort": false}}))
}

/// Freezes the rollout where it is.
#[must_use]
pub fn pause() -> Change {
    Change::Merge(json!({"spec": {"paused": true}}))
}

/// Replaces every pod that is older than `at`, once it is that late.
#[must_use]
pub fn restart(at: Moment) -> Change {
    Change::Merge(json!({"spec": {"restartAt": at}}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_names_the_second() {
        assert_eq!(
            restart(Moment::EPOCH),
            Change::Merge(json!({"spec": {"restartAt": "1970-01-01T00:00:00Z"}}))
        );
    }
}
