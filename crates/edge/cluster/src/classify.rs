//! What an HTTP error answer of the Kubernetes API means for whoever sent the request. Pure.

use std::time::Duration;

use serde::Deserialize;

use crate::{Failure, Verb};

/// The longest answer text that is kept: enough to read, not enough to fill a condition with a page of HTML.
const MESSAGE_CHARS_MAX: usize = 1024;
/// The longest wait that an answer may ask for: API servers ask for seconds. A proxy's page of maintenance asks for hours,
/// in which a watch would stand still and objects be left alone, long after the API is back.
const RETRY_AFTER_MAX: Duration = Duration::from_mins(1);

/// Kubernetes' `Status` object, as far as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Status {
    code: u16,
    reason: Option<String>,
    message: Option<String>,
    details: Option<Details>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Details {
    retry_after_seconds: u64,
    causes: Option<Vec<Cause>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Cause {
    reason: Option<String>,
    field: Option<String>,
}

/// The meaning of an answer with the error status `code` and this body.
pub(crate) fn answer(code: u16, body: &[u8], retry_after: Option<Duration>, verb: Option<&Verb>) -> Failure {
    let status = serde_json::from_slice::<Status>(body).unwrap_or_else(|_| Status {
        message: Some(String::from_utf8_lossy(body).trim().to_owned()),
        ..Status::default()
    });
    of_status(code, status, retry_after, verb)
}

/// The meaning of a `Status` that came in a watch.
pub(crate) fn of_status(
    code: u16,
    status: Status,
    retry_after: Option<Duration>,
    verb: Option<&Verb>,
) -> Failure {
    let code = if code == 0 { status.code } else { code };
    let reason = status.reason.unwrap_or_default();
    let message: String = status.message.unwrap_or_default().chars().take(MESSAGE_CHARS_MAX).collect();
    let details = status.details.unwrap_or_default();
    let causes = details.causes.unwrap_or_default();
    let has_cause = |name: &str| causes.iter().any(|cause| cause.reason.as_deref() == Some(name));
    let about_uid =
        !causes.is_empty() && causes.iter().all(|cause| cause.field.as_deref() == Some("metadata.uid"));
    let retry_after = retry_after
        .or((details.retry_after_seconds > 0).then(|| Duration::from_secs(details.retry_after_seconds)))
        .map(|wait| wait.min(RETRY_AFTER_MAX));
    match (code, reason.as_str()) {
        (409, "AlreadyExists") => Failure::Refused { code, reason, message },
        (409, _) => Failure::Conflict { message },
        // A merge patch that names another uid than the object has is called an invalid change of an immutable field.
        (422, _) if about_uid => Failure::Conflict { message },
        (404, _) => Failure::NotFound { message },
        (410, _) | (_, "Expired" | "Gone") => Failure::Expired { message },
        // A disruption budget's no has the status of an overloaded server.
        (429, _) if matches!(verb, Some(Verb::Evict(_))) && has_cause("DisruptionBudget") => {
            Failure::Refused { code, reason, message }
        }
        // 401: credentials are renewed behind our back; asking again is all that can be done.
        (0 | 401 | 408 | 429 | 500.., _) => Failure::Unreachable { code, message, retry_after },
        _ => Failure::Refused { code, reason, message },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use serin_kernel::Precondition;

    use super::*;

    fn name(failure: &Failure) -> &'static str {
        match failure {
            Failure::Conflict { .. } => "conflict",
            Failure::NotFound { .. } => "not found",
            Failure::Expired { .. } => "expired",
            Failure::Refused { .. } => "refused",
            Failure::Unreachable { .. } => "unreachable",
        }
    }

    #[test]
    fn each_answer_says_what_can_be_done() {
        let evict = Verb::Evict(Precondition::default());
        let merge = Verb::Merge(json!({}));
        let budget =
            json!({"reason": "TooManyRequests", "details": {"causes": [{"reason": "DisruptionBudget"}]}});
        let uid = json!({"reason": "Invalid", "details": {"causes": [{"reason": "FieldValueInvalid", "field": "metadata.uid"}]}});
        let field = json!({"reason": "Invalid", "details": {"causes": [{"reason": "FieldValueInvalid", "field": "spec.replicas"}]}});
        for (code, body, verb, expected) in [
            (409, json!({"reason": "Conflict"}), &merge, "conflict"),
            (409, json!({"reason": "AlreadyExists"}), &merge, "refused"),
            (404, json!({"reason": "NotFound"}), &merge, "not found"),
            (410, json!({"reason": "Expired"}), &merge, "expired"),
            (403, json!({"reason": "Forbidden"}), &merge, "refused"),
            (422, field, &merge, "refused"),
            (422, uid, &merge, "conflict"),
            (429, budget.clone(), &evict, "refused"),
            (429, budget, &merge, "unreachable"),
            (429, json!({"reason": "TooManyRequests"}), &evict, "unreachable"),
            (401, json!({}), &merge, "unreachable"),
            (500, json!({"reason": "InternalError"}), &merge, "unreachable"),
            (503, json!("a proxy's page"), &merge, "unreachable"),
            (400, json!({}), &merge, "refused"),
        ] {
            let failure = answer(code, body.to_string().as_bytes(), None, Some(verb));
            assert_eq!(name(&failure), expected, "{code} {body}");
            let code = if expected == "conflict" { 409 } else { code };
            assert_eq!(failure.code(), code, "{body}");
        }
    }

    #[test]
    fn the_api_may_say_how_long_to_wait_within_a_bound() {
        let secs = Duration::from_secs;
        for (case, header, body, expected) in [
            ("nobody says", None, 0, None),
            ("the body says", None, 7, Some(secs(7))),
            ("the header wins", Some(secs(1)), 7, Some(secs(1))),
            ("a page of maintenance", Some(secs(86_400)), 0, Some(RETRY_AFTER_MAX)),
            ("more than a clock can hold", None, u64::MAX, Some(RETRY_AFTER_MAX)),
        ] {
            let body = json!({"details": {"retryAfterSeconds": body}}).to_string();
            let Failure::Unreachable { retry_after, .. } = answer(429, body.as_bytes(), header, None) else {
                panic!("{case}")
            };
            assert_eq!(retry_after, expected, "{case}");
        }
    }

    #[test]
    fn a_page_of_html_is_cut() {
        let page = "x".repeat(100_000);
        let Failure::Unreachable { message, .. } = answer(502, page.as_bytes(), None, None) else { panic!() };
        assert_eq!(message.len(), MESSAGE_CHARS_MAX);
    }
}
