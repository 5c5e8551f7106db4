//! Where one look at a Canary is worked out: what is known, what is asked, and what shall be done, in order.
//!
//! Mechanics: a look is written as one straight story. Where it needs an answer that nobody has given yet it stops with
//! [`Halt::Ask`]; the engine answers and the story is told again from its beginning, with the same words up to there,
//! because it is a function of what is known.

use std::collections::BTreeMap;

use serin_api::flagger::{Canary, CanaryPhase, CanaryStatus};
use serin_kernel::{
    Act, Answer, Answers, Ask, Call, Change, Event, EventType, Measure, Moment, Observed, Question, Reading,
    Write,
};

use crate::{
    memory::Memory, objects::Trouble, planner, settings::Settings, status, theirs::Theirs, variant::Chosen,
    words::Granted,
};

/// Why a look does not go on.
#[derive(Debug)]
pub(crate) enum Halt {
    /// An answer is needed first.
    Ask(Box<Ask>),
    /// It is over, with what stands on the desk.
    Over,
}

/// Everything about one look.
pub(crate) struct Desk<'a> {
    /// All that was seen.
    pub(crate) observed: &'a Observed,
    /// The Canary as read.
    pub(crate) canary: &'a Canary,
    /// The controller's settings.
    pub(crate) settings: &'a Settings,
    /// Now.
    pub(crate) now: Moment,
    /// The status as it shall be.
    pub(crate) status: CanaryStatus,
    /// The phase that events and web hooks are told: at some points another one than that of the status.
    pub(crate) told: Option<CanaryPhase>,
    /// Why there were no values, where that is known and checks fail for it.
    pub(crate) why: Option<String>,
    /// The analysis that was chosen, where there are several.
    pub(crate) variant: Option<Chosen>,
    /// What is kept for the next look.
    pub(crate) memory: Memory,
    /// What persons' words allow in this run.
    pub(crate) granted: Granted,
    /// Whether the users whom the last look led elsewhere have left.
    pub(crate) have_left: bool,
    /// The memory as it was before anything was told.
    before: Memory,
    answers: &'a Answers,
    saved: CanaryStatus,
    theirs: Theirs,
    act: Act,
}

impl<'a> Desk<'a> {
    /// An empty desk.
    pub(crate) fn new(
        observed: &'a Observed,
        canary: &'a Canary,
        settings: &'a Settings,
        answers: &'a Answers,
        (memory, now): (Memory, Moment),
    ) -> Self {
        let status = canary.status.clone();
        Self {
            observed,
            canary,
            settings,
            now,
            told: status.phase,
            saved: status.clone(),
            status,
            why: None,
            variant: None,
            before: memory.clone(),
            memory,
            granted: Granted::default(),
            have_left: false,
            answers,
            theirs: Theirs::default(),
            act: Act::default(),
        }
    }

    /// `name.namespace` of the Canary, as messages have it.
    pub(crate) fn called(&self) -> String {
        format!("{}.{}", self.observed.object.meta().name, self.namespace())
    }

    /// `name.namespace` of the target.
    pub(crate) fn target(&self) -> String {
        format!("{}.{}", self.canary.spec.target_ref.name, self.namespace())
    }

    /// `name.namespace` of the primary.
    pub(crate) fn primary(&self) -> String {
        format!("{}.{}", self.canary.primary_name(), self.namespace())
    }

    /// The Canary's namespace.
    pub(crate) fn namespace(&self) -> &'a str {
        &self.observed.object.meta().namespace
    }

    /// What answers routes.
    pub(crate) fn provider(&self) -> &'a str {
        self.canary.spec.provider(&self.settings.mesh_provider)
    }

    /// The answer to `question`, whose name in this look is `id`.
    pub(crate) fn ask(&self, id: &str, question: Question) -> Result<&'a Answer, Halt> {
        self.answers.get(id).ok_or_else(|| Halt::Ask(Box::new(Ask { id: id.to_owned(), question })))
    }

    /// Tells good or neutral news.
    pub(crate) fn normal(&mut self, message: impl Into<String>) {
        self.tell(EventType::Normal, message.into());
    }

    /// Tells bad news.
    pub(crate) fn warning(&mut self, message: impl Into<String>) {
        self.tell(EventType::Warning, message.into());
    }

    /// Tells bad news and ends the look.
    pub(crate) fn stop<T>(&mut self, message: impl Into<String>) -> Result<T, Halt> {
        self.warning(message);
        Err(Halt::Over)
    }

    /// Waits until users have left the pods that shall go; the look ends here and goes on then. `are_led` says that they were
    /// led elsewhere before this look: a write that was refused has led nobody.
    pub(crate) fn until_users_have_left(&mut self, are_led: bool) -> Result<(), Halt> {
        if are_led && self.have_left {
            return Ok(());
        }
        self.memory.let_leave(self.now);
        self.because("users are led elsewhere, and proxies hear of it later");
        Err(Halt::Over)
    }

    /// What came of a step, or tells its trouble and ends the look.
    pub(crate) fn must<T>(&mut self, done: Result<T, Trouble>) -> Result<T, Halt> {
        done.or_else(|trouble| self.stop(trouble.to_string()))
    }

    /// Tells news that stays true for long once, and again only after it was forgotten ([`Memory::said`]).
    pub(crate) fn once(&mut self, kind: EventType, message: impl Into<String>) {
        let message = message.into();
        if !self.memory.said.contains(&message) {
            self.memory.said.push(message.clone());
            self.tell(kind, message);
        }
    }

    fn tell(&mut self, kind: EventType, message: String) {
        let calls = crate::hooks::event_calls(self, kind, &message);
        self.act.calls.extend(calls);
        let regarding = self.observed.object.reference();
        self.act.events.push(Event { regarding, kind, reason: "Synced".into(), message });
    }

    /// Tells with which of several analyses a run begins.
    pub(crate) fn tell_variant(&mut self) {
        if let Some(news) = self.variant.as_ref().and_then(|variant| variant.news(&self.called())) {
            self.normal(news);
        }
    }

    /// Sends messages beside the look.
    pub(crate) fn send(&mut self, calls: impl IntoIterator<Item = Call>) {
        self.act.calls.extend(calls);
    }

    /// Adds writes, after those that are there, without what is others' to set. What persons write on the Canary itself is
    /// taken off as often as they do: a word that is said again is no fight.
    pub(crate) fn write(&mut self, writes: impl IntoIterator<Item = Write>) {
        let mut news = Vec::new();
        for write in writes {
            if write.target == self.observed.object.key() {
                self.act.writes.push(write);
                continue;
            }
            let left = self.theirs.respect(write, &mut self.memory.taken_off, |text| news.push(text));
            // What is made whole once more in one look is made once, as it was said last.
            if let Some(write) = left.as_ref().filter(|write| matches!(write.change, Change::Create(_))) {
                let is_same =
                    |other: &Write| other.target == write.target && matches!(other.change, Change::Create(_));
                self.act.writes.retain(|other| !is_same(other));
            }
            self.act.writes.extend(left);
        }
        for text in news {
            self.warning(text);
        }
    }

    /// Puts the status into `phase`, and tells it from now on.
    pub(crate) fn enter(&mut self, phase: CanaryPhase) {
        status::enter(&mut self.status, phase, &self.canary.spec.target_ref.kind, self.now);
        self.told = Some(phase);
    }

    /// Says in the condition why there were no values; says no more of it where nothing is known.
    pub(crate) fn explain(&mut self) {
        status::explain(&mut self.status, &self.canary.spec.target_ref.kind, self.why.as_deref(), self.now);
    }

    /// How many writes there are so far.
    pub(crate) fn writes(&self) -> usize {
        self.act.writes.len()
    }

    /// Starts counting anew.
    pub(crate) fn reset(&mut self) {
        (self.status.canary_weight, self.status.iterations, self.status.failed_checks) = (0, 0, 0);
    }

    /// Writes the status as it stands, after the writes that are there; nothing when it has not changed since.
    pub(crate) fn save(&mut self) {
        let Some(patch) = status::patch(&self.observed.object, &self.saved, &self.status, self.now) else {
            return;
        };
        self.saved = self.status.clone();
        self.act.writes.push(Write::same(&self.observed.object, Change::MergeStatus(patch)));
    }

    /// Shows `value` under the Canary's target, as Flagger's metrics name it.
    pub(crate) fn measure(&mut self, name: &'static str, more: &[(&'static str, &str)], reading: Reading) {
        let mut labels = BTreeMap::from([
            ("name", self.canary.spec.target_ref.name.clone()),
            ("namespace", self.namespace().to_owned()),
        ]);
        labels.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        self.act.measures.push(Measure { name, labels: labels.into_iter().collect(), reading });
    }

    /// Shows how the traffic is split between the two workloads.
    pub(crate) fn measure_weights(&mut self, split: serin_traffic::Split) {
        let primary = self.canary.primary_name();
        let workloads = [(primary, split.primary), (self.canary.spec.target_ref.name.clone(), split.canary)];
        for (workload, weight) in workloads {
            let labels = vec![("namespace", self.namespace().to_owned()), ("workload", workload)];
            let reading = Reading::Gauge(f64::from(weight.0));
            self.act.measures.push(Measure { name: "flagger_canary_weight", labels, reading });
        }
    }

    /// A sentence on why it was decided so, for the log.
    pub(crate) fn because(&mut self, reason: impl Into<String>) {
        self.act.reasons.push(reason.into());
    }

    /// Tells which write of the look before was refused, and why: without it the next steps wait in silence.
    pub(crate) fn tell_refused(&mut self) {
        if let Some(refused) = &self.observed.refused {
            let (key, message) = (&refused.target, &refused.message);
            self.warning(format!("{} {} cannot be written: {message}", key.kind.kind, key.name));
        }
    }

    /// At the end of a look.
    pub(crate) fn settle(&mut self) {
        self.theirs.settle(&mut self.memory.taken_off);
    }

    /// After a look: one without a run that found nothing to do, to ask or to say would find the same again, until something
    /// changes.
    pub(crate) fn rest(&mut self) {
        let act = &self.act;
        let is_void = act.writes.is_empty() && act.events.is_empty() && act.calls.is_empty();
        let is_sure = self.answers.is_empty() && act.reasons.is_empty();
        self.memory.is_resting = is_void && is_sure && crate::words::is_without_run(self.status.phase);
    }

    /// What shall be done.
    pub(crate) fn act(mut self) -> Act {
        self.act.wake = self.memory.wake();
        self.act.is_settled = planner::is_settled(self.observed.object.meta(), self.status.phase);
        // Of a look that was not carried out nobody hears: it is told and counted when it is.
        self.act.keep_stopped = serde_json::to_value(self.before.unheard(&self.memory)).ok();
        self.act.keep = serde_json::to_value(&self.memory).ok();
        self.act
    }
}
