//! Web hooks: what they are sent, and what their answers mean.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Map, Value, json};
use serin_api::flagger::{Canary, CanaryStatus, CanaryWebhook, HOOK_TIMEOUT};
use serin_kernel::{Answer, Call, EventType, Method, Moment, Reply};
use serin_workload::{FNV_OFFSET, encode, fnv1a};
use url::Url;

use crate::Error;

/// Characters of an answer that an event repeats: Kubernetes takes events of 1024.
const ANSWER_CHARS_MAX: usize = 800;

/// An event of a Canary, as receivers of events get it.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The sentence.
    pub message: &'a str,
    /// Good or bad news.
    pub kind: EventType,
    /// When.
    pub at: Moment,
}

/// The call of a web hook of `canary` in the phase that is told.
///
/// # Errors
/// [`Error::Timeout`].
pub fn hook(hook: &CanaryWebhook, canary: &Canary, phase: &str) -> Result<Call, Error> {
    call(hook, canary, phase, hook.metadata.clone())
}

/// The call of a receiver of events. Its own metadata give way to what is told.
///
/// # Errors
/// [`Error::Timeout`].
pub fn event(hook: &CanaryWebhook, canary: &Canary, phase: &str, told: &Told) -> Result<Call, Error> {
    let kind = match told.kind {
        EventType::Normal => "Normal",
        EventType::Warning => "Warning",
    };
    let mut metadata = hook.metadata.clone();
    metadata.extend([
        ("eventMessage".to_owned(), told.message.to_owned()),
        ("eventType".to_owned(), kind.to_owned()),
        ("timestamp".to_owned(), told.at.timestamp().as_millisecond().to_string()),
    ]);
    call(hook, canary, phase, metadata)
}

fn call(
    hook: &CanaryWebhook,
    canary: &Canary,
    phase: &str,
    metadata: BTreeMap<String, String>,
) -> Result<Call, Error> {
    let mut body = json!({
        "name": canary.metadata.name,
        "namespace": canary.metadata.namespace,
        "phase": phase,
        "checksum": checksum(&canary.status),
    });
    if let (false, Some(body)) = (metadata.is_empty(), body.as_object_mut()) {
        let metadata: Map<String, Value> =
            metadata.into_iter().map(|(key, value)| (key, Value::from(value))).collect();
        body.insert("metadata".to_owned(), metadata.into());
    }
    let wrong = |error: serin_lang::duration::DurationError| Error::Timeout {
        hook: hook.name.clone(),
        why: error.to_string(),
    };
    let timeout =
        Some(hook.timeout().map_err(wrong)?).filter(|timeout| 0 < timeout.nanos()).unwrap_or(HOOK_TIMEOUT);
    Ok(Call {
        timeout: Duration::from_nanos(timeout.nanos().unsigned_abs()),
        retries: u32::try_from(hook.retries()).unwrap_or(0),
        insecure: hook.disable_tls,
        ..Call::json(&hook.url, &body)
    })
}

/// What tells one configuration of a Canary from another: a hash over the version that was last seen and the
/// configuration that it uses.
///
/// It has the form of Flagger's, never its values: FNV-1a over each text with its length before it, in Kubernetes'
/// letters. Receivers may store it, so it never changes for the same status.
#[must_use]
pub fn checksum(status: &CanaryStatus) -> String {
    let configs = status.tracked_configs.iter().flatten().flat_map(|(name, hash)| [name, hash]);
    let texts = [&status.last_applied_spec].into_iter().chain(configs);
    let hash = texts.fold(FNV_OFFSET, |hash, text| {
        let hash = fnv1a(hash, &(text.len() as u64).to_le_bytes());
        fnv1a(hash, text.as_bytes())
    });
    encode(hash)
}

/// Whether a web hook agrees, or why not, in the words that Flagger's events end with.
///
/// Its rule is 200 to 202, as documented: gates are known to say no with 204 too. Of an answer that was tried again in
/// vain it tells the attempts and not the text.
///
/// # Errors
/// When it does not agree.
pub fn outcome(call: &Call, answer: &Answer) -> Result<(), String> {
    let method = match call.method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
    };
    match answer {
        Answer::Reply(reply) => match reply.status {
            200..=202 => Ok(()),
            status if Reply::is_retryable(status) => {
                let (url, attempts) = (redacted(&call.url), reply.attempts);
                Err(format!("{method} {url} giving up after {attempts} attempt(s)"))
            }
            _ => Err(reply.body.chars().take(ANSWER_CHARS_MAX).collect()),
        },
        Answer::Failed(why) => Err(format!("{method} {} {why}", redacted(&call.url))),
        Answer::Object(_) | Answer::Text(_) => Err(format!("{method} {} has no answer", redacted(&call.url))),
    }
}

/// The address without its password, as Go shows it.
fn redacted(address: &str) -> String {
    match Url::parse(address) {
        Ok(mut url) if url.password().is_some() => {
            let _ = url.set_password(Some("xxxxx"));
            url.into()
        }
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, body: &str) -> Answer {
        Answer::Reply(Reply { attempts: 3, ..Reply::new(status, body) })
    }

    #[test]
    fn a_hook_agrees_with_200_to_202() {
        let call = Call::new(Method::Post, "http://u:secret@h/x");
        let in_vain = "POST http://u:xxxxx@h/x giving up after 3 attempt(s)";
        for (answer, expected) in [
            (answered(200, "x"), Ok(())),
            (answered(201, ""), Ok(())),
            (answered(202, ""), Ok(())),
            (answered(203, ""), Err("")),
            (answered(204, ""), Err("")),
            (answered(302, "there"), Err("there")),
            (answered(403, "not allowed here"), Err("not allowed here")),
            (answered(429, "x"), Err(in_vain)),
            (answered(500, "x"), Err(in_vain)),
            (answered(501, "never"), Err("never")),
            (answered(503, "x"), Err(in_vain)),
            (Answer::Failed("gives up".to_owned()), Err("POST http://u:xxxxx@h/x gives up")),
        ] {
            assert_eq!(outcome(&call, &answer), expected.map_err(str::to_owned), "{answer:?}");
        }
        let long = outcome(&call, &answered(400, &"ä".repeat(5000))).unwrap_err();
        assert_eq!(long.chars().count(), ANSWER_CHARS_MAX);
    }

    #[test]
    fn a_call_has_the_settings_of_its_hook() {
        let webhook = CanaryWebhook {
            name: "h".to_owned(),
            url: "http://h/".to_owned(),
            timeout: "1m30s".to_owned(),
            retries: Some(2),
            disable_tls: true,
            ..CanaryWebhook::default()
        };
        let made = hook(&webhook, &Canary::default(), "Waiting").unwrap();
        assert_eq!((made.timeout.as_secs(), made.retries, made.insecure), (90, 2, true));
        assert_eq!(
            made.body.text(),
            format!(
                r#"{{"name":"","namespace":"","phase":"Waiting","checksum":"{}"}}"#,
                checksum(&CanaryStatus::default())
            )
        );
        for (timeout, seconds) in [("", 10), ("1", 10), ("0s", 10)] {
            let webhook = CanaryWebhook { timeout: timeout.to_owned(), retries: Some(-1), ..webhook.clone() };
            let made = hook(&webhook, &Canary::default(), "").unwrap();
            assert_eq!((made.timeout.as_secs(), made.retries), (seconds, 0), "{timeout:?}");
        }
        let wrong = CanaryWebhook { timeout: "30sx".to_owned(), ..webhook };
        let error = hook(&wrong, &Canary::default(), "").unwrap_err().to_string();
        assert!(error.starts_with("web hook \"h\": timeout: "), "{error}");
    }

    #[test]
    fn what_is_told_comes_before_the_metadata_of_the_receiver() {
        let metadata =
            [("eventType", "mine"), ("note", "n")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let webhook = CanaryWebhook { metadata: metadata.into(), ..CanaryWebhook::default() };
        let told = Told { message: "m", kind: EventType::Warning, at: Moment::from_secs(7) };
        let call = event(&webhook, &Canary::default(), "", &told).unwrap();
        let body: Value = serde_json::from_str(call.body.text()).unwrap();
        let expected = json!({"eventMessage": "m", "eventType": "Warning", "note": "n", "timestamp": "7000"});
        assert_eq!(body["metadata"], expected);
    }

    #[test]
    fn a_checksum_tells_configurations_apart_and_stays() {
        let status = |spec: &str, configs: &[(&str, &str)]| CanaryStatus {
            last_applied_spec: spec.to_owned(),
            tracked_configs: Some(configs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()),
            failed_checks: 3,
            ..CanaryStatus::default()
        };
        let all = [
            status("a", &[]),
            status("b", &[]),
            status("a", &[("c", "d")]),
            status("a", &[("cd", "")]),
            status("a", &[("c", "e")]),
        ];
        let sums: std::collections::BTreeSet<String> = all.iter().map(checksum).collect();
        assert_eq!(sums.len(), all.len());
        assert_eq!(
            checksum(&status("a", &[])),
            checksum(&CanaryStatus { last_applied_spec: "a".to_owned(), ..CanaryStatus::default() })
        );
        // Written down once; receivers may have stored it.
        assert_eq!(checksum(&all[2]), "58b5d485fd");
    }
}
