//! One pass over one Canary: is a look due, and what comes of it.

use std::time::Duration;

use serin_api::{
    flagger::{self, Canary, CanaryPhase as Phase},
    kinds, lenient,
    wire::{Lenient, Problem},
};
use serin_kernel::{
    Act, Answers, EventType, Freeze, Interest, Kind, Meta, Moment, Object, Observed, Plan, Planner,
};

use crate::{
    chats,
    desk::{Desk, Halt},
    interests,
    look::{self, news},
    memory::Memory,
    objects::{Readiness, Target},
    release, rivals,
    settings::Settings,
    status,
    variant::{self, Chosen},
    words::{self, Word},
};

/// Problems that a message names; the rest are counted. They are mended one by one, and an event has 1024 characters, which
/// more than some of a hundred each would leave cut off.
const NAMED_MAX: usize = 5;

/// What a pass is made for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Occasion {
    /// A look is due.
    Look,
    /// A person has said something that waits for the next look.
    Word,
    /// Nothing, but perhaps answers to what was sent.
    None,
}

/// Plans for Canaries.
#[derive(Clone, Debug, Default)]
pub struct CanaryPlanner {
    settings: Settings,
}

impl CanaryPlanner {
    /// A planner with the settings of one controller.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }
}

impl Planner for CanaryPlanner {
    fn kind(&self) -> Kind {
        kinds::CANARY
    }

    fn interests(&self, object: &Object) -> Vec<Interest> {
        interests::interests(object, &self.settings)
    }

    fn further_interests(&self, observed: &Observed) -> Vec<Interest> {
        interests::further(observed, &self.settings)
    }

    fn depth(&self, object: &Object) -> usize {
        // A variant may name templates, which name Secrets.
        if variant::has_any(object.meta()) { 2 } else { 1 }
    }

    fn plan(&self, observed: &Observed, answers: &Answers, now: Moment) -> Plan {
        let mut read = lenient::<Canary>(observed.object.value());
        let chosen = variant::lay_over(&mut read.value, observed, &self.settings);
        let meta = observed.object.meta();
        let is_going = meta.deletion_timestamp.is_some();
        if is_going && !meta.finalizers.iter().any(|it| it == release::FINALIZER) {
            return Plan::Act(Act::default());
        }
        let interval = interval(&read.value);
        let kept = Memory::read(observed.kept.as_ref());
        let is_known = !matches!(read.value.status.phase, None | Some(Phase::Initializing));
        let mut memory = kept.unwrap_or_else(|| {
            let chats = chats::load(&observed.object, &read.value);
            let memory = Memory::begin(&meta.uid, now, interval, is_known).with_chats(chats);
            let is_new = read.value.status.phase.is_none();
            memory.arriving(meta.creation_timestamp.filter(|_| is_new), now)
        });
        memory.rise(now);
        let have_left = memory.take_left(now);
        let occasion = self.occasion(observed, (&read, &chosen), &mut memory, (is_going || have_left, now));
        let mut desk = Desk::new(observed, &read.value, &self.settings, answers, (memory, now));
        chats::hear(&mut desk);
        match occasion {
            Occasion::Look => {}
            Occasion::Word => {
                look::words::hear(&mut desk, None);
                self.keep(&mut desk, &read.problems, &chosen);
                return Plan::Act(desk.act());
            }
            Occasion::None => {
                desk.tell_refused();
                self.keep(&mut desk, &read.problems, &chosen);
                return Plan::Act(desk.act());
            }
        }
        desk.have_left = have_left;
        desk.tell_refused();
        let done =
            if is_going { release::release(&mut desk) } else { self.look(&mut desk, &read.problems, chosen) };
        match done {
            Err(Halt::Ask(ask)) => Plan::Ask(vec![*ask]),
            Ok(()) | Err(Halt::Over) => {
                desk.settle();
                desk.save();
                if !words::has_run(desk.status.phase) {
                    look::words::forget(&mut desk);
                }
                chats::stand(&mut desk);
                desk.rest();
                Plan::Act(desk.act())
            }
        }
    }

    fn freeze(&self, object: &Object, cause: &Freeze, now: Moment) -> Act {
        let canary = lenient::<Canary>(object.value()).value;
        let observed = Observed::new(object.clone(), []);
        let answers = Answers::new();
        let memory = Memory::begin(&object.meta().uid, now, interval(&canary), false);
        let mut desk = Desk::new(&observed, &canary, &self.settings, &answers, (memory, now));
        refuse(&mut desk, &cause.told(object.kind().kind));
        desk.save();
        Act { wake: None, ..desk.act() }
    }
}

impl CanaryPlanner {
    /// A look at a Canary that stays.
    fn look(
        &self,
        desk: &mut Desk<'_>,
        unread: &[Problem],
        chosen: Result<Option<Chosen>, String>,
    ) -> Result<(), Halt> {
        let problem = self.problem(desk.canary, unread, &chosen);
        if problem.is_some() {
            status::vary(&mut desk.status, None, desk.now);
        }
        let taken = rivals::taken(desk).map(|taken| taken.text());
        if let Some(why) = problem.as_ref().map(|it| &it.text).or(taken.as_ref()) {
            refuse(desk, why);
            self.keep(desk, unread, &chosen);
            let of_road = problem.as_ref().filter(|it| it.is_of_road).map(|it| it.text.as_str());
            return look::call_off(desk, taken.as_deref().or(of_road));
        }
        status::refuse(&mut desk.status, None, desk.now);
        desk.variant = chosen.unwrap_or_default();
        let text = desk.variant.as_ref().map(Chosen::condition);
        status::vary(&mut desk.status, text.as_deref(), desk.now);
        look::words::hear(desk, None);
        release::mark(desk);
        look::look(desk)
    }

    /// What this pass is made for; the memory goes to the next look when it is a look. `is_pressing` ones do not wait for theirs.
    fn occasion(
        &self,
        observed: &Observed,
        (read, chosen): (&Lenient<Canary>, &Result<Option<Chosen>, String>),
        memory: &mut Memory,
        (is_pressing, now): (bool, Moment),
    ) -> Occasion {
        let interval = interval(&read.value);
        if memory.is_leaving(now) || (memory.is_arriving(now) && !is_pressing) {
            return Occasion::None;
        }
        if memory.is_due(now, interval) {
            memory.advance(now, interval);
            return Occasion::Look;
        }
        if !is_pressing && !self.is_news(observed, &read.value, now) {
            match self.word(observed, read, chosen) {
                None => return Occasion::None,
                Some(false) => return Occasion::Word,
                Some(true) => {}
            }
        }
        memory.restart(now, interval);
        Occasion::Look
    }

    /// Whether something has happened that does not wait for the next look: a new version, a primary that is ready for the
    /// first time, or pods that a person's word has waited for.
    fn is_news(&self, observed: &Observed, canary: &Canary, now: Moment) -> bool {
        let phase = canary.status.phase;
        if canary.spec.suspend || is_settled(observed.object.meta(), phase) {
            return false;
        }
        let Ok(target) = Target::look(observed, canary, &self.settings.objects) else { return false };
        match phase {
            None => true,
            Some(Phase::Initializing) => {
                target.primary().is_some() && target.primary_ready(now) == Readiness::Ready
            }
            Some(Phase::Initialized | Phase::Succeeded | Phase::Failed) => {
                news::has_changed(&canary.status, &target).unwrap_or(false)
                    && objects_own(&canary.status.last_applied_spec)
            }
            Some(Phase::Progressing | Phase::WaitingPromotion | Phase::Waiting) => {
                let text = observed.object.meta().annotations.get(words::GRANTED);
                let granted = text.and_then(|text| words::Granted::parse(text));
                let of_now = granted.filter(|it| it.revision == target.revision());
                of_now.is_some_and(|granted| waits_for_pods_no_more(&granted, canary, &target, now))
            }
            _ => false,
        }
    }

    /// Whether a person's word waits to be heard, and whether it does not wait for the next look.
    fn word(
        &self,
        observed: &Observed,
        read: &Lenient<Canary>,
        chosen: &Result<Option<Chosen>, String>,
    ) -> Option<bool> {
        let canary = &read.value;
        let text = observed.object.meta().annotations.get(words::WORD)?;
        // One that cannot be heard now waits for the next look.
        let target = Target::look(observed, canary, &self.settings.objects).ok()?;
        let is_invalid = self.problem(canary, &read.problems, chosen).is_some();
        if is_invalid && !words::is_abort(text) {
            return None;
        }
        let is_now = |word: Word| {
            word.revision == target.revision()
                && matches!(words::effect(canary, &word), Ok(words::Effect::Now(_)))
        };
        if is_invalid {
            return Some(true);
        }
        Some(Word::parse(text).is_ok_and(is_now))
    }

    /// Keeps the Canary for what it gives back when it is deleted, or keeps it no longer, as soon as that is wanted: who deletes
    /// it does not wait for a look. Before its first look it has nothing to give back. One that cannot be run is not let go.
    fn keep(&self, desk: &mut Desk<'_>, unread: &[Problem], chosen: &Result<Option<Chosen>, String>) {
        let is_going = desk.observed.object.meta().deletion_timestamp.is_some();
        if is_going || desk.status.phase.is_none() || release::is_marked_as_wanted(desk) {
            return;
        }
        if desk.canary.spec.revert_on_deletion || self.problem(desk.canary, unread, chosen).is_none() {
            release::mark(desk);
        }
    }

    /// Why the Canary cannot be run.
    fn problem(
        &self,
        canary: &Canary,
        unread: &[Problem],
        chosen: &Result<Option<Chosen>, String>,
    ) -> Option<Bar> {
        let of_status = |problem: &&Problem| problem.path != "status" && !problem.path.starts_with("status.");
        let unread = unread.iter().filter(of_status).map(|it| (it.path.clone(), it.to_string()));
        let invalid = flagger::validate(canary, self.settings.rules());
        let invalid = invalid.iter().map(|it| (it.path.clone(), it.to_string()));
        let of_variant = chosen.as_ref().err().map(|why| ("spec.analysis.".to_owned(), why.clone()));
        let all: Vec<(String, String)> = of_variant.into_iter().chain(unread).chain(invalid).collect();
        let is_of_road = all.iter().any(|(path, _)| is_of_road(path));
        let named = all.iter().take(NAMED_MAX).map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("; ");
        let more = all.len().saturating_sub(NAMED_MAX);
        let tail = if 0 < more { format!("; and {more} more") } else { String::new() };
        let chosen = chosen.as_ref().ok().and_then(Option::as_ref);
        let of = chosen.and_then(Chosen::blame).map(|it| format!("with {it}: ")).unwrap_or_default();
        (!all.is_empty()).then(|| Bar { text: format!("{of}{named}{tail}"), is_of_road })
    }
}

/// Why a Canary cannot be run.
struct Bar {
    text: String,
    /// Whether what leads to its versions is in doubt.
    is_of_road: bool,
}

/// Whether the field at `path` says what leads to the versions: all but the course of the analysis does.
fn is_of_road(path: &str) -> bool {
    let of_analysis = path.strip_prefix("spec.analysis.");
    of_analysis.is_none_or(|field| field.starts_with("match") || field.starts_with("sessionAffinity"))
}

/// Whether nothing is news: in the middle of a run all that changes waits for the next look, but for what a person has said.
pub(crate) fn is_settled(meta: &Meta, phase: Option<Phase>) -> bool {
    use Phase::{Finalising, Progressing, Promoting, Waiting, WaitingPromotion};
    let has_word = [words::WORD, words::GRANTED].iter().any(|word| meta.annotations.contains_key(*word));
    !has_word && matches!(phase, Some(Waiting | Progressing | WaitingPromotion | Promoting | Finalising))
}

/// Whether the hash is of this planner's making: one of another controller is taken over at a look, and is no news before.
fn objects_own(hash: &str) -> bool {
    crate::objects::is_own_hash(hash)
}

/// Whether what a person has called for can be done now that pods are there.
fn waits_for_pods_no_more(
    granted: &words::Granted,
    canary: &Canary,
    target: &Target<'_>,
    now: Moment,
) -> bool {
    let has_primary = target.primary_ready(now) == Readiness::Ready;
    let has_canary = !target.is_zero() && target.canary_ready(now) == Readiness::Ready;
    let is_running = canary.status.phase != Some(Phase::Waiting);
    has_primary && (granted.abort.is_some() || (granted.promote.is_some() && is_running && has_canary))
}

fn interval(canary: &Canary) -> Duration {
    let interval = canary.spec.analysis.as_ref().map_or(flagger::INTERVAL, flagger::CanaryAnalysis::interval);
    Duration::from_nanos(u64::try_from(interval.nanos()).unwrap_or(0))
}

/// Says on the Canary why it is not run, and keeps everything as it is.
fn refuse(desk: &mut Desk<'_>, why: &str) {
    let text = format!("The Canary \"{}\" is invalid: {why}", desk.observed.object.meta().name);
    desk.once(EventType::Warning, text);
    let now = desk.now;
    status::refuse(&mut desk.status, Some(why), now);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_settled_between_its_looks_unless_a_person_has_spoken() {
        let noted =
            |note: &str| Meta { annotations: [(note.to_owned(), String::new())].into(), ..Meta::default() };
        for (phase, notes, settled) in [
            (None, "other", false),
            (Some(Phase::Initializing), "other", false),
            (Some(Phase::Initialized), "other", false),
            (Some(Phase::Waiting), "other", true),
            (Some(Phase::Progressing), "other", true),
            (Some(Phase::Progressing), words::WORD, false),
            (Some(Phase::Progressing), words::GRANTED, false),
            (Some(Phase::WaitingPromotion), "other", true),
            (Some(Phase::Promoting), "other", true),
            (Some(Phase::Finalising), "other", true),
            (Some(Phase::Succeeded), "other", false),
            (Some(Phase::Failed), "other", false),
            (Some(Phase::Terminating), "other", false),
        ] {
            assert_eq!(is_settled(&noted(notes), phase), settled, "{phase:?} {notes}");
        }
    }
}
