//! What NGINX's canary Ingresses are made of, whoever makes them.

use serde_json::Value;

/// The annotation, behind the controller's prefix, that makes an Ingress a canary: `"true"`.
pub(crate) const CANARY: &str = "canary";
/// The annotation that holds the canary's share.
pub(crate) const WEIGHT: &str = "canary-weight";
/// The annotation that holds the sum of all shares.
pub(crate) const WEIGHT_TOTAL: &str = "canary-weight-total";
/// The annotation that names the cookie whose bearers meet the canary.
pub(crate) const BY_COOKIE: &str = "canary-by-cookie";
/// The annotation that names the header whose senders meet the canary.
pub(crate) const BY_HEADER: &str = "canary-by-header";
/// The annotation that holds the value that the header must have.
pub(crate) const BY_HEADER_VALUE: &str = "canary-by-header-value";
/// The annotation that holds the expression that the header must match.
pub(crate) const BY_HEADER_PATTERN: &str = "canary-by-header-pattern";

/// Sends the requests of a rule's paths that go to one Service to another; whether there was such a path.
pub(crate) fn lead_elsewhere(rule: &mut Value, from: &str, to: &str) -> bool {
    let mut found = false;
    let paths = rule.pointer_mut("/http/paths").and_then(Value::as_array_mut);
    for path in paths.into_iter().flatten() {
        let Some(name) = path.pointer_mut("/backend/service/name") else { continue };
        if name.as_str() == Some(from) {
            *name = Value::from(to);
            found = true;
        }
    }
    found
}
