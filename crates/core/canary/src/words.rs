//! What a person may say to a run: approve a gate, promote, abort. Pure rules, which the command line and the machine share.
//!
//! Property: a word is for one revision, and means nothing to any other; it is used once. A word that has nothing to act on is
//! refused by a sentence that says why.
//!
//! Reason: Flagger has web hooks for all of it, so that a person who wants to go on, or back, needs a server that answers.
//!
//! Mechanics: a word is an annotation of the Canary ([`WORD`]). The machine takes it off as soon as it sees it, and notes what
//! it allows under [`GRANTED`] until the run is over: a gate that was opened stays open for the rest of this run, and what must
//! wait for pods is done when they are there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serin_api::flagger::{Canary, CanaryPhase as Phase, CanaryWebhook, HookKind};

/// The annotation with a word that was not heard yet.
pub const WORD: &str = "serin.dev/canary-word";
/// The annotation with what words allow in the present run. The machine's own.
pub const GRANTED: &str = "serin.dev/canary-granted";

/// What is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// A gate is open, whatever its web hook says.
    Approve,
    /// The rest of the analysis is left out.
    Promote,
    /// The new version is taken back.
    Abort,
}

/// A person's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Word {
    /// What is said.
    #[serde(rename = "word")]
    pub verb: Verb,
    /// The revision that it is for.
    pub revision: String,
    /// The gate; the one that is waited for if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<String>,
    /// Who says so; empty when that is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
}

/// What words allow in one run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Granted {
    /// The revision that it is for.
    pub revision: String,
    /// A digest of the configuration that it is for; none where that could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configs: Option<String>,
    /// Who has opened a gate, by `type/name` of its hook.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub gates: BTreeMap<String, String>,
    /// Who has called for the promotion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promote: Option<String>,
    /// Who has called the run off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abort: Option<String>,
}

/// What a word does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Something at once.
    Now(Granted),
    /// Nothing yet: a gate to come will be open.
    Later(Granted),
}

impl Word {
    /// What an annotation says.
    ///
    /// # Errors
    /// It says nothing that is known, with what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| {
            format!("{WORD}: {error}; write it with approve, promote or abort of `serin canary`")
        })
    }
}

/// Whether an annotation calls a run off.
pub(crate) fn is_abort(text: &str) -> bool {
    Word::parse(text).is_ok_and(|word| word.verb == Verb::Abort)
}

impl Granted {
    /// What an annotation says; nothing when it cannot be read.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Whether nothing is allowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.gates.is_empty() && self.promote.is_none() && self.abort.is_none()
    }

    /// Whether it is for `revision` with this configuration. What could not be read holds nothing up.
    #[must_use]
    pub fn is_for(&self, revision: &str, configs: Option<&str>) -> bool {
        let is_known = self.configs.as_deref().zip(configs);
        self.revision == revision && is_known.is_none_or(|(was, is)| was == is)
    }

    /// Adds what `more` allows.
    pub fn add(&mut self, more: Self) {
        self.gates.extend(more.gates);
        self.promote = more.promote.or(self.promote.take());
        self.abort = more.abort.or(self.abort.take());
    }

    /// Who has opened `hook`: by its name, or by calling for the promotion.
    #[must_use]
    pub fn opens(&self, hook: &CanaryWebhook) -> Option<&str> {
        let kind = hook.hook_kind().filter(|kind| GATES.contains(kind))?;
        self.gates.get(&key(kind, &hook.name)).or(self.promote.as_ref()).map(String::as_str)
    }
}

/// The hooks that hold a run up, in the order in which it meets them.
pub const GATES: [HookKind; 3] =
    [HookKind::ConfirmRollout, HookKind::ConfirmTrafficIncrease, HookKind::ConfirmPromotion];

fn key(kind: HookKind, name: &str) -> String {
    format!("{}/{name}", kind.as_str())
}

/// Whether there is a run to speak of in `phase`: what was said in an earlier one means nothing any more.
#[must_use]
pub fn has_run(phase: Option<Phase>) -> bool {
    use Phase::{Finalising, Progressing, Promoting, Waiting, WaitingPromotion};
    matches!(phase, Some(Waiting | Progressing | WaitingPromotion | Promoting | Finalising))
}

/// Whether in `phase` there is a Canary, and no run: the last one is over, or none has begun.
#[must_use]
pub fn is_without_run(phase: Option<Phase>) -> bool {
    matches!(phase, Some(Phase::Initialized | Phase::Succeeded | Phase::Failed))
}

/// The gate that is asked in `phase`.
#[must_use]
pub fn gate_of(phase: Option<Phase>) -> Option<HookKind> {
    match phase? {
        Phase::Waiting => Some(HookKind::ConfirmRollout),
        Phase::Progressing => Some(HookKind::ConfirmTrafficIncrease),
        Phase::WaitingPromotion => Some(HookKind::ConfirmPromotion),
        _ => None,
    }
}

/// What `word` does to the run of `canary`.
///
/// # Errors
/// Nothing: why.
pub fn effect(canary: &Canary, word: &Word) -> Result<Effect, String> {
    let phase = canary.status.phase;
    if canary.spec.suspend {
        return Err("it is suspended: set spec.suspend to false first".to_owned());
    }
    match phase {
        None | Some(Phase::Initializing) => return Err("it is not initialized yet".to_owned()),
        Some(Phase::Initialized | Phase::Succeeded | Phase::Failed) => {
            return Err(format!("it is {}: no new version is on its way", canary.status.phase_text()));
        }
        Some(Phase::Terminating | Phase::Terminated) => return Err("it is being deleted".to_owned()),
        Some(Phase::Promoting | Phase::Finalising) => return Err(too_late(canary, word.verb)),
        Some(Phase::Waiting | Phase::Progressing | Phase::WaitingPromotion) => {}
    }
    let granted = Granted { revision: word.revision.clone(), ..Granted::default() };
    let by = Some(word.by.clone());
    match word.verb {
        Verb::Promote => Ok(Effect::Now(Granted { promote: by, ..granted })),
        Verb::Abort => Ok(Effect::Now(Granted { abort: by, ..granted })),
        Verb::Approve => {
            let (kind, names) = gates(canary, word.gate.as_deref())?;
            let gates = names.into_iter().map(|name| (key(kind, &name), word.by.clone())).collect();
            let granted = Granted { gates, ..granted };
            let is_asked = gate_of(phase) == Some(kind);
            Ok(if is_asked { Effect::Now(granted) } else { Effect::Later(granted) })
        }
    }
}

fn too_late(canary: &Canary, verb: Verb) -> String {
    let phase = canary.status.phase_text();
    match verb {
        Verb::Approve => format!("it is {phase}: no gate is left"),
        Verb::Promote => format!("it is {phase}: it is being promoted already"),
        Verb::Abort => format!(
            "it is {phase}: the primary has the new version already; to go back, give {} {} its earlier version",
            canary.spec.target_ref.kind, canary.spec.target_ref.name
        ),
    }
}

/// The gates that `name` means, or those that are asked now: their type and names.
fn gates(canary: &Canary, name: Option<&str>) -> Result<(HookKind, Vec<String>), String> {
    let all: Vec<(HookKind, &str)> = all_gates(canary);
    let asked = gate_of(canary.status.phase);
    let place = |kind| GATES.iter().position(|it| *it == kind);
    let named = all.iter().filter(|(_, it)| name.is_none_or(|name| name == *it));
    let mut kinds: Vec<HookKind> = named.clone().map(|(kind, _)| *kind).collect();
    // The gate that is asked, before those that come later, in their order.
    kinds.retain(|kind| place(*kind) >= asked.and_then(place) && (name.is_some() || asked == Some(*kind)));
    kinds.sort_by_key(|kind| place(*kind));
    let list = || {
        let texts: Vec<String> = all.iter().map(|(kind, it)| format!("{it} ({})", kind.as_str())).collect();
        if texts.is_empty() {
            "it has none".to_owned()
        } else {
            format!("its gates are {}", texts.join(", "))
        }
    };
    let Some(kind) = kinds.first().copied() else {
        let phase = canary.status.phase_text();
        return Err(match name {
            None => format!(
                "it is {phase}: no gate is waited for; one to come can be opened by its name; {}",
                list()
            ),
            Some(name) if named.count() == 0 => format!("no gate is called {name:?}; {}", list()),
            Some(name) => format!("it is {phase}: gate {name:?} is behind it"),
        });
    };
    Ok((kind, named.filter(|(it, _)| *it == kind).map(|(_, name)| (*name).to_owned()).collect()))
}

/// The gates of a Canary: their type and names, in the order of its list.
#[must_use]
pub fn all_gates(canary: &Canary) -> Vec<(HookKind, &str)> {
    let hooks = canary.spec.analysis.iter().flat_map(|analysis| &analysis.webhooks);
    let gate = |hook| Some((CanaryWebhook::hook_kind(hook)?, hook.name.as_str()));
    hooks.filter_map(gate).filter(|(kind, _)| GATES.contains(kind)).collect()
}

#[cfg(test)]
mod tests;
