//! Web hooks: whom to ask at which point.

use serin_api::flagger::{CanaryPhase, CanaryWebhook, HookKind};
use serin_kernel::{Call, EventType, Question};
use serin_notify::Told;

use crate::{
    desk::{Desk, Halt},
    look::words,
};

impl Desk<'_> {
    /// Asks the hooks of `kind` one after the other, telling them `phase`, until one says no: that one and why it does, or
    /// nothing when all have said yes. Calls `each` for every yes.
    pub(crate) fn hooks(
        &mut self,
        kind: HookKind,
        phase: Option<CanaryPhase>,
        mut each: impl FnMut(&mut Self, &CanaryWebhook),
    ) -> Result<Result<(), (CanaryWebhook, String)>, Halt> {
        let Some(analysis) = self.canary.spec.analysis.as_ref() else { return Ok(Ok(())) };
        for (index, hook) in analysis.webhooks.iter().enumerate() {
            if hook.hook_kind() != Some(kind) {
                continue;
            }
            if let Some(by) = self.granted.opens(hook).map(words::by) {
                self.normal(format!("{} check {} approved {by}", capital(kind), hook.name));
                continue;
            }
            match self.hook(index, hook, phase)? {
                Ok(()) => each(self, hook),
                Err(why) => return Ok(Err((hook.clone(), why))),
            }
        }
        Ok(Ok(()))
    }

    /// What `hook`, the one at `index`, says.
    pub(crate) fn hook(
        &self,
        index: usize,
        hook: &CanaryWebhook,
        phase: Option<CanaryPhase>,
    ) -> Result<Result<(), String>, Halt> {
        let call = match serin_notify::hook(hook, self.canary, text(phase)) {
            Ok(call) => call,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let answer = self.ask(&format!("hook {index}"), Question::Call(call.clone()))?;
        Ok(serin_notify::outcome(&call, answer))
    }
}

/// The calls that tell everybody who listens of an event: the Canary's own hooks, or else the controller's.
pub(crate) fn event_calls(desk: &Desk<'_>, kind: EventType, message: &str) -> Vec<Call> {
    let mut listeners: Vec<CanaryWebhook> =
        desk.canary.spec.analysis.iter().flat_map(|it| it.hooks(HookKind::Event)).cloned().collect();
    if listeners.is_empty() && !desk.settings.event_webhook.is_empty() {
        listeners
            .push(CanaryWebhook { url: desk.settings.event_webhook.clone(), ..CanaryWebhook::default() });
    }
    let told = Told { message, kind, at: desk.now };
    let call = |hook: &CanaryWebhook| serin_notify::event(hook, desk.canary, text(desk.told), &told).ok();
    listeners.iter().filter_map(call).collect()
}

/// The type of a hook at the beginning of a sentence.
fn capital(kind: HookKind) -> String {
    let mut letters = kind.as_str().chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

fn text(phase: Option<CanaryPhase>) -> &'static str {
    phase.map_or("", CanaryPhase::as_str)
}
