//! The contract between the engine and what thinks.

use std::collections::BTreeMap;

use crate::{Act, Call, Interest, Key, Kind, Moment, Object, Observed, Plan, Reply};

/// Rounds of questions that are answered in one pass; a planner that asks on is frozen ([`Freeze::Endless`]). One that asks the
/// cluster needs one, perhaps two; one that asks others, each only if the one before has agreed, needs one for each web hook of a
/// person's list, and some for each metric. Who accepts such lists keeps them shorter than this.
pub const ROUNDS_MAX: u32 = 2048;

/// Plans for all objects of one kind. Pure: equal arguments give equal results, and a planner holds settings only.
pub trait Planner: Send + Sync {
    /// The kind of object that is planned for.
    fn kind(&self) -> Kind;

    /// Whether this object is this planner's business (another instance of the controller may serve it).
    fn concerns(&self, _object: &Object) -> bool {
        true
    }

    /// What else must be seen to plan for `object`.
    fn interests(&self, object: &Object) -> Vec<Interest>;

    /// What else must be seen, now that the first [`Self::interests`] have been: what an object names that `object` names.
    fn further_interests(&self, _observed: &Observed) -> Vec<Interest> {
        Vec::new()
    }

    /// How often [`Self::further_interests`] are asked for, each time with what was of interest before: once, unless
    /// `object` leads to an object that names objects which name others.
    fn depth(&self, _object: &Object) -> usize {
        1
    }

    /// What to do now. Called again when something of interest changes, when [`Act::wake`] has come, after a conflict,
    /// a refusal or a restart; it is never told which of these it was.
    fn plan(&self, observed: &Observed, answers: &Answers, now: Moment) -> Plan;

    /// What to write on an object that the engine will leave alone until it is changed, so that people see why.
    fn freeze(&self, object: &Object, cause: &Freeze, now: Moment) -> Act;
}

/// Why the engine stopped planning for an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Freeze {
    /// Planning for it panicked: a defect of ours that must not take the other objects down.
    Panicked(String),
    /// Its planner writes again and again although nothing else changes.
    Storm {
        /// How many passes in a row wrote.
        passes: u32,
    },
    /// Its planner asks question after question without ever acting.
    Endless {
        /// How many rounds of questions were answered in one pass.
        rounds: u32,
    },
}

impl Freeze {
    /// What an object of `kind` says of it, for whoever it belongs to.
    #[must_use]
    pub fn told(&self, kind: &str) -> String {
        let why = match self {
            Self::Panicked(text) => format!("planning for it failed ({text})"),
            Self::Storm { passes } => format!("{passes} passes in a row wrote although nothing else changed"),
            Self::Endless { rounds } => format!("{rounds} rounds of questions did not end"),
        };
        format!("Serin leaves this {kind} alone until it is changed: {why}. Please report this as a defect.")
    }
}

/// A question that the caches cannot answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The planner's own name for it, unique in this pass: the key of its answer in [`Answers`].
    pub id: String,
    /// What is asked.
    pub question: Question,
}

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// The object as the API has it this moment, past any cache.
    Read(Key),
    /// What a server answers. It may be asked again in a later pass, so that what it does must bear repetition.
    Call(Call),
    /// The text of a file of the controller's own, such as a token that is renewed in place. Its path comes from the
    /// controller's surroundings, never from an object.
    File(String),
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The object, or none when there is no such.
    Object(Option<Object>),
    /// What a server answered, be it a refusal.
    Reply(Reply),
    /// What stands in a file.
    Text(String),
    /// There is no answer, and why: its own outcome, never an empty one.
    Failed(String),
}

/// Answers by [`Ask::id`].
pub type Answers = BTreeMap<String, Answer>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_frozen_says_why_and_for_how_long() {
        for (cause, why) in [
            (Freeze::Panicked("x".to_owned()), "planning for it failed (x)"),
            (Freeze::Storm { passes: 16 }, "16 passes in a row wrote although nothing else changed"),
            (Freeze::Endless { rounds: 256 }, "256 rounds of questions did not end"),
        ] {
            let expected = format!(
                "Serin leaves this Toy alone until it is changed: {why}. Please report this as a defect."
            );
            assert_eq!(cause.told("Toy"), expected);
        }
    }
}
