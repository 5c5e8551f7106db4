//! The text of an alert: ours, or what a user's template makes of it.

use std::collections::BTreeMap;

use serin_api::flagger::{CanaryAnalysis, Severity};
use serin_kernel::{EventType, Meta};
use serin_notify::template::{self, Fields};

use crate::{chats::Chat, desk::Desk};

/// The annotation that holds a template: of a Canary, or else of an `AlertProvider`.
pub(crate) const TEMPLATE: &str = "serin.dev/alert-template";
/// What annotations of a Canary begin with that name an address for templates.
const LINK: &str = "link.serin.dev/";
/// How many are taken: a dashboard, a runbook and their like. Each is copied into every message that is rendered.
const LINKS_MAX: usize = 16;
/// Characters of such an address: what browsers and chats are known to take; a longer one is no link where it is shown.
const LINK_CHARS_MAX: usize = 2048;

impl Desk<'_> {
    /// What `chat` is told instead of `message`. A template that gives nothing says so in an event, once in a look.
    pub(crate) fn wording(&mut self, chat: &Chat, severity: Severity, message: &str) -> String {
        let own = self.observed.object.meta().annotations.get(TEMPLATE);
        let (template, whose) = match (own, &chat.template) {
            (Some(template), _) => (template, "the Canary".to_owned()),
            (None, Some(template)) => (template, chat.called()),
            (None, None) => return message.to_owned(),
        };
        template::text(template, &self.fields(severity, message)).unwrap_or_else(|why| {
            let event = format!("Alert template of {whose} failed: {why}");
            self.once(EventType::Warning, event);
            message.to_owned()
        })
    }

    /// Whether somebody has a template, which may name what the looks find.
    pub(crate) fn has_template(&self, chats: &[Chat]) -> bool {
        let own = self.observed.object.meta().annotations.contains_key(TEMPLATE);
        !chats.is_empty() && (own || chats.iter().any(|chat| chat.template.is_some()))
    }

    fn fields(&self, severity: Severity, message: &str) -> Fields {
        let (meta, status, target) =
            (self.observed.object.meta(), &self.status, &self.canary.spec.target_ref);
        let threshold = self.canary.spec.analysis.as_ref().map_or(1, CanaryAnalysis::threshold);
        Fields {
            name: meta.name.clone(),
            namespace: meta.namespace.clone(),
            target: format!("{}/{}", target.kind, target.name),
            phase: status.phase.map_or("", serin_api::flagger::CanaryPhase::as_str).to_owned(),
            weight: status.canary_weight,
            iterations: status.iterations,
            failed_checks: status.failed_checks,
            threshold,
            message: message.to_owned(),
            severity: match severity {
                Severity::Info => "info",
                Severity::Warn => "warn",
                Severity::Error => "error",
            }
            .to_owned(),
            cluster: self.settings.cluster_name.clone(),
            metrics: self.memory.chats.series.last(),
            links: links(meta),
        }
    }
}

fn links(meta: &Meta) -> BTreeMap<String, String> {
    let link = |(name, address): (&String, &String)| {
        let name = name.strip_prefix(LINK).filter(|name| !name.is_empty())?;
        (address.chars().count() <= LINK_CHARS_MAX).then(|| (name.to_owned(), address.clone()))
    };
    meta.annotations.iter().filter_map(link).take(LINKS_MAX).collect()
}
