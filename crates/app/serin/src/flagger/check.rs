//! What is wrong with flags, said at the start: those without which nothing would come of what they ask for are refused,
//! and what may yet mend itself is logged, in Flagger's words.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use serin_api::flagger::ChatKind;
use serin_calls::{Caller, shown};
use serin_kernel::{Call, Method};
use serin_lang::template::TemplateError;
use serin_notify::{
    Recipient,
    template::{self, Fields},
};

/// How long a metric server has to show that it is there, as in Flagger.
const ONLINE: Duration = Duration::from_secs(5);

/// Refuses an address to which no event can be sent.
pub(super) fn event_webhook(address: &str) -> anyhow::Result<()> {
    if address.is_empty() {
        return Ok(());
    }
    // The address of a chat has the same form.
    Recipient::new(ChatKind::Slack, address).map(drop).context("-event-webhook or EVENT_WEBHOOK_URL")
}

/// Refuses a template that gives no text whatever it is told. One that misses a field of an alert may give one for another.
pub(super) fn alert_template(text: &str) -> anyhow::Result<()> {
    match template::text(text, &Fields::default()) {
        Err(template::Error::Template(error)) if !text.is_empty() => match error {
            TemplateError::Unrendered(_) => Ok(()),
            error => Err(error).context("-alert-template"),
        },
        _ => Ok(()),
    }
}

/// Logs whether the metric server of Canaries that name none is there.
pub(super) async fn metrics_server(address: String, caller: Arc<dyn Caller>) {
    match online(&address, &*caller).await {
        Ok(()) => tracing::info!("Connected to metrics server {}", shown(&address)),
        Err(why) => tracing::error!("Metrics server {} unreachable {why}", shown(&address)),
    }
}

async fn online(address: &str, caller: &dyn Caller) -> Result<(), String> {
    let path = format!("{}/api/v1/status/flags", address.trim_end_matches('/'));
    let reply = caller.call(Call { timeout: ONLINE, ..Call::new(Method::Get, path) }).await?;
    if (200..300).contains(&reply.status) { Ok(()) } else { Err(format!("it answers {}", reply.status)) }
}

#[cfg(test)]
mod tests {
    use futures::future::BoxFuture;
    use parking_lot::Mutex;
    use serin_kernel::Reply;

    use super::*;

    #[test]
    fn an_address_that_is_none_is_refused_by_its_flag_and_not_told() {
        for good in ["", "http://receiver", "https://receiver:8443/events?token=1"] {
            assert!(event_webhook(good).is_ok(), "{good}");
        }
        for bad in ["sesame", "ftp://sesame", "/sesame"] {
            let told = format!("{:#}", event_webhook(bad).unwrap_err());
            assert!(told.starts_with("-event-webhook") && told.contains("http or https"), "{told}");
            assert!(!told.contains("sesame"), "{told}");
        }
    }

    #[test]
    fn a_template_that_can_never_give_a_text_is_refused() {
        for good in [
            "",
            "{{ .name }}",
            "{{ .links.dashboard }}",
            "{{ index .links \"x\" }}",
            "{{ if .cluster }}x{{ end }}",
        ] {
            assert!(alert_template(good).is_ok(), "{good}");
        }
        let long = "x".repeat(1 << 17);
        for bad in ["{{ .x", "{{ nope }}", "{{ end }}", &long] {
            let told = format!("{:#}", alert_template(bad).unwrap_err());
            assert!(told.starts_with("-alert-template: the template "), "{told}");
        }
    }

    /// Answers every call, and keeps where it went.
    #[derive(Debug)]
    struct Server(Result<u16, String>, Mutex<Vec<String>>);

    impl Caller for Server {
        fn call(&self, call: Call) -> BoxFuture<'_, Result<Reply, String>> {
            self.1.lock().push(call.url);
            let reply = |status| Reply { status, body: String::new(), attempts: 1, retry_after: None };
            Box::pin(async move { self.0.clone().map(reply) })
        }
    }

    #[tokio::test]
    async fn a_metric_server_is_asked_what_flagger_asks_it() {
        for (answer, is_online) in
            [(Ok(200), true), (Ok(404), false), (Err("no connection".to_owned()), false)]
        {
            let server = Server(answer, Mutex::default());
            assert_eq!(online("http://prometheus:9090/", &server).await.is_ok(), is_online, "{server:?}");
            assert_eq!(*server.1.lock(), ["http://prometheus:9090/api/v1/status/flags"]);
        }
    }
}
