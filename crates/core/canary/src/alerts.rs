//! Alerts: which chats hear of it.

use serin_api::{
    flagger::{AlertProvider, CanaryAlert, Severity, validate_alert_provider},
    kinds, lenient,
};
use serin_kernel::Key;
use serin_notify::{Alert, Error, Fact, Recipient, facts, hears, picture::Theme};

use crate::{
    chats::{CONTROLLER, Chat},
    checks::unfit,
    desk::Desk,
    wording::TEMPLATE,
};

/// The annotation of an `AlertProvider` that says how pictures for it are drawn: `light`, `dark` or `off`.
const PICTURES: &str = "serin.dev/chat-pictures";

impl Desk<'_> {
    /// Tells the Canary's chats, or the controller's when the Canary names none; `with_plan` says how the release is to go.
    pub(crate) fn alert(&mut self, severity: Severity, text: &str, with_plan: bool) {
        let meta = self.observed.object.meta();
        let mut facts = facts(&self.settings.cluster_name, self.canary, with_plan);
        facts.extend(self.why.iter().map(|why| Fact { title: "Reason", value: why.clone() }));
        let named = self.canary.spec.analysis.as_ref().map_or(&[][..], |analysis| &analysis.alerts);
        let mut chats: Vec<Chat> = self.own_chat().filter(|_| named.is_empty()).into_iter().collect();
        for one in named.iter().filter(|one| hears(one, severity)) {
            match self.chat(one) {
                Ok(chat) => chats.push(chat),
                Err(why) => self.because(format!("alert {:?} reaches nobody: {why}", one.name)),
            }
        }
        for chat in chats {
            let text = &self.wording(&chat, severity, text);
            let alert = Alert { name: &meta.name, namespace: &meta.namespace, text, severity, facts: &facts };
            let call = self.posted(&chat, &alert);
            self.send([call]);
        }
    }

    /// All chats of the Canary that can be reached; none twice.
    pub(crate) fn chats(&self) -> Vec<Chat> {
        let named = self.canary.spec.analysis.as_ref().map_or(&[][..], |analysis| &analysis.alerts);
        if named.is_empty() {
            return self.own_chat().into_iter().collect();
        }
        let mut all: Vec<Chat> = Vec::new();
        for chat in named.iter().filter_map(|one| self.chat(one).ok()) {
            if all.iter().all(|known| known.name != chat.name) {
                all.push(chat);
            }
        }
        all
    }

    /// Alerts that reach nobody, and what of the `AlertProvider` is not looked at.
    pub(crate) fn unheard(&self) -> Vec<String> {
        let named = self.canary.spec.analysis.as_ref().map_or(&[][..], |analysis| &analysis.alerts);
        let mut doubts = Vec::new();
        for alert in named {
            if let Err(why) = self.chat(alert) {
                doubts.push(format!("alert {:?} reaches nobody: {why}", alert.name));
            } else if let Some(provider) = self.observed.get(&self.alert_provider_key(alert)) {
                doubts.extend(unfit(provider, validate_alert_provider));
            }
        }
        doubts
    }

    /// The controller's chat.
    fn own_chat(&self) -> Option<Chat> {
        let (recipient, pictures) = (self.settings.chat.clone()?, self.settings.pictures);
        let template = self.settings.alert_template.clone();
        Some(Chat { name: CONTROLLER.to_owned(), recipient, pictures, template })
    }

    fn alert_provider_key(&self, alert: &CanaryAlert) -> Key {
        let namespace = alert.provider_ref.namespace(self.namespace());
        kinds::ALERT_PROVIDER.key(namespace, alert.provider_ref.name.clone())
    }

    fn chat(&self, alert: &CanaryAlert) -> Result<Chat, String> {
        let key = self.alert_provider_key(alert);
        let (name, namespace) = (&key.name, &key.namespace);
        let missing = |kind: &str, name: &str| format!("{kind} {name}.{namespace} not found: create it");
        let provider = self.observed.get(&key).ok_or_else(|| missing("AlertProvider", name))?;
        let spec = lenient::<AlertProvider>(provider.value()).value.spec;
        let secret = match &spec.secret_ref {
            None => None,
            Some(secret) => {
                let key = kinds::SECRET.key(namespace.clone(), secret.name.clone());
                let found = self.observed.get(&key).ok_or_else(|| missing("Secret", &secret.name))?;
                Some(found.value()["data"].clone())
            }
        };
        let recipient = Recipient::of(&spec, secret.as_ref())
            .map_err(|error: Error| format!("AlertProvider {name}.{namespace}: {error}"))?;
        let pictures = match provider.meta().annotations.get(PICTURES).map(String::as_str) {
            Some("off") => None,
            Some("light") => Some(Theme::Light),
            Some("dark") => Some(Theme::Dark),
            _ => self.settings.pictures,
        };
        let template = provider.meta().annotations.get(TEMPLATE).cloned();
        Ok(Chat { name: format!("{namespace}/{name}"), recipient, pictures, template })
    }
}
