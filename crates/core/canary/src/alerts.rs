//! Alerts: which chats hear of it.

use serin_api::{
    flagger::{AlertProvider, CanaryAlert, Severity},
    kinds, lenient,
};
use serin_notify::{Alert, Error, Fact, Recipient, facts, hears, message};

use crate::desk::Desk;

impl Desk<'_> {
    /// Tells the Canary's chats, or the controller's when the Canary names none; `with_plan` says how the release is to go.
    pub(crate) fn alert(&mut self, severity: Severity, text: &str, with_plan: bool) {
        let meta = self.observed.object.meta();
        let mut facts = facts(&self.settings.cluster_name, self.canary, with_plan);
        facts.extend(self.why.iter().map(|why| Fact { title: "Reason", value: why.clone() }));
        let alert = Alert { name: &meta.name, namespace: &meta.namespace, text, severity, facts: &facts };
        let named = self.canary.spec.analysis.as_ref().map_or(&[][..], |analysis| &analysis.alerts);
        let mut calls = Vec::new();
        if named.is_empty() {
            calls.extend(self.settings.chat.iter().map(|chat| message(chat, &alert)));
        }
        for one in named.iter().filter(|one| hears(one, severity)) {
            match self.recipient(one) {
                Ok(recipient) => calls.push(message(&recipient, &alert)),
                Err(why) => self.because(format!("alert {:?} reaches nobody: {why}", one.name)),
            }
        }
        self.send(calls);
    }

    fn recipient(&self, alert: &CanaryAlert) -> Result<Recipient, String> {
        let namespace = alert.provider_ref.namespace(self.namespace()).to_owned();
        let name = &alert.provider_ref.name;
        let missing = |kind: &str, name: &str| format!("{kind} {name}.{namespace} not found");
        let provider = self.observed.get(&kinds::ALERT_PROVIDER.key(namespace.clone(), name.clone()));
        let provider = provider.ok_or_else(|| missing("AlertProvider", name))?;
        let spec = lenient::<AlertProvider>(provider.value()).value.spec;
        let secret = match &spec.secret_ref {
            None => None,
            Some(secret) => {
                let key = kinds::SECRET.key(namespace.clone(), secret.name.clone());
                let found = self.observed.get(&key).ok_or_else(|| missing("Secret", &secret.name))?;
                Some(found.value()["data"].clone())
            }
        };
        Recipient::of(&spec, secret.as_ref()).map_err(|error: Error| error.to_string())
    }
}
