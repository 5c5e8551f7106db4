//! What a person's commands write: pure, so that the command line and a dashboard do the same.

use serde_json::json;
use serin_api::{flagger::Canary, lenient};
use serin_kernel::{Change, Observed};

use crate::{
    objects::is_own_hash,
    sight, status,
    words::{self, Effect, GRANTED, Granted, Verb, WORD, Word},
};

/// A word, and what it is to come to.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// The write; refused when the Canary is not as it was seen.
    pub change: Change,
    text: String,
    allows: Granted,
}

/// What became of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nobody has heard it.
    NotYet,
    /// It counts.
    Used,
    /// It was heard and does nothing: an event says why.
    Ignored,
}

/// Whether Serin has written the status last; none when nobody has.
#[must_use]
pub fn is_serins(canary: &Canary) -> Option<bool> {
    let hash = &canary.status.last_applied_spec;
    (!hash.is_empty()).then(|| is_own_hash(hash))
}

/// Says `verb` to the run of a Canary that is `observed` with its target.
///
/// # Errors
/// It would do nothing: why, as the end of a sentence about the Canary.
pub fn say(observed: &Observed, verb: Verb, gate: Option<&str>, by: &str) -> Result<Said, String> {
    let mut canary = lenient::<Canary>(observed.object.value()).value;
    if let Some(Ok(analysis)) = sight::analysis(observed) {
        canary.spec.analysis = Some(analysis);
    }
    if is_serins(&canary) == Some(false) {
        return Err(
            "Flagger runs it, not Serin: status.lastAppliedSpec is a hash of Flagger's, which knows \
                    no such word and asks its web hooks alone"
                .to_owned(),
        );
    }
    // Users are brought back also from a run that cannot go on; whether that is safe the controller knows.
    let invalid = canary.status.conditions.iter().find(|it| it.kind == status::INVALID);
    if let Some(invalid) = invalid.filter(|_| verb != Verb::Abort) {
        return Err(format!("it is not run: {}", invalid.message));
    }
    let revision = sight::revision(observed);
    let gate = gate.map(str::to_owned);
    let word = Word { verb, revision: revision.clone().unwrap_or_default(), gate, by: by.to_owned() };
    let (Effect::Now(allows) | Effect::Later(allows)) = words::effect(&canary, &word)?;
    let notes = &observed.object.meta().annotations;
    if let (Some(waiting), true) = (notes.get(WORD), verb != Verb::Abort) {
        return Err(format!("a word was said before and nobody has heard it yet: {waiting}"));
    }
    if revision.is_none() {
        let target = &canary.spec.target_ref;
        return Err(format!("its target {} {} is not there", target.kind, target.name));
    }
    let text = json!(word).to_string();
    let version = &observed.object.meta().resource_version;
    let patch = json!({"metadata": {"resourceVersion": version, "annotations": {WORD: text}}});
    Ok(Said { change: Change::Merge(patch), text, allows })
}

impl Said {
    /// What became of the word, by the Canary as it is now.
    #[must_use]
    pub fn heard(&self, observed: &Observed) -> Heard {
        let notes = &observed.object.meta().annotations;
        if notes.get(WORD) == Some(&self.text) {
            return Heard::NotYet;
        }
        let granted = notes.get(GRANTED).and_then(|text| Granted::parse(text));
        let mut all = granted.clone().unwrap_or_default();
        all.add(self.allows.clone());
        let is_noted =
            granted.is_some_and(|granted| granted.revision == self.allows.revision && granted == all);
        let canary = lenient::<Canary>(observed.object.value()).value;
        let is_done = match canary.status.phase_text() {
            "Failed" => self.allows.abort.is_some(),
            "Promoting" | "Finalising" | "Succeeded" => self.allows.abort.is_none(),
            _ => false,
        };
        if is_noted || is_done { Heard::Used } else { Heard::Ignored }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use serin_api::kinds;
    use serin_kernel::Object;

    use super::*;

    type Edit = fn(&mut Value);

    fn observed(edit: impl FnOnce(&mut Value)) -> Observed {
        let hook = json!({"name": "gate", "type": "confirm-promotion", "url": "http://h"});
        let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
        let mut canary = json!({
            "metadata": {"name": "web", "namespace": "n", "resourceVersion": "7"},
            "spec": {"targetRef": target, "analysis": {"webhooks": [hook]}},
            "status": {"phase": "Progressing", "lastAppliedSpec": "s1a"},
        });
        edit(&mut canary);
        let target = json!({
            "metadata": {"name": "web", "namespace": "n"},
            "spec": {"template": {"spec": {"containers": [{"name": "a", "image": "a:1"}]}}},
        });
        let related = Object::new(kinds::DEPLOYMENT, &target).unwrap();
        let is_there = canary["spec"]["targetRef"]["name"] == "web";
        Observed::new(Object::new(kinds::CANARY, &canary).unwrap(), is_there.then_some(related))
    }

    #[test]
    fn a_word_that_would_do_nothing_is_refused() {
        let none = |_: &mut Value| {};
        let invalid: Edit = |it| {
            it["status"]["conditions"] =
                json!([{"type": "Invalid", "status": "True", "message": "spec.x: no"}]);
        };
        let cases: [(Edit, Verb, &str); 9] = [
            (none, Verb::Promote, ""),
            (none, Verb::Approve, "no gate is waited for"),
            (|it| it["status"]["phase"] = json!("Succeeded"), Verb::Abort, "no new version is on its way"),
            (|it| it["status"]["lastAppliedSpec"] = json!("7c9d6b8f54"), Verb::Abort, "Flagger runs it"),
            (invalid, Verb::Promote, "it is not run: spec.x: no"),
            (invalid, Verb::Abort, ""),
            (
                |it| it["metadata"]["annotations"] = json!({WORD: "{}"}),
                Verb::Promote,
                "nobody has heard it yet",
            ),
            // Who calls a run off need not wait for somebody else's word.
            (|it| it["metadata"]["annotations"] = json!({WORD: "{}"}), Verb::Abort, ""),
            (
                |it| it["spec"]["targetRef"]["name"] = json!("gone"),
                Verb::Abort,
                "its target Deployment gone is not there",
            ),
        ];
        for (edit, verb, wanted) in cases {
            match say(&observed(edit), verb, None, "jane") {
                Ok(_) => assert_eq!(wanted, "", "{verb:?}"),
                Err(why) => assert!(!wanted.is_empty() && why.contains(wanted), "{wanted}: {why}"),
            }
        }
    }

    #[test]
    fn a_gate_of_the_variant_that_is_run_can_be_approved() {
        let with = |is_there: bool| {
            let observed = observed(|it| {
                it["metadata"]["annotations"] = json!({"serin.dev/analysis-variants": "staging=more"});
                it["status"]["conditions"] =
                    json!([{"type": "AnalysisVariant", "message": "staging: AnalysisVariant more, by x"}]);
            });
            let hook = json!({"name": "more", "type": "confirm-promotion", "url": "http://h"});
            let variant = json!({"metadata": {"name": "more", "namespace": "n"}, "spec": {"webhooks": {"keep": [], "set": [hook]}}});
            let variant = Object::new(kinds::ANALYSIS_VARIANT, &variant).unwrap();
            let target = observed.related().next().cloned();
            let all = target.into_iter().chain(is_there.then_some(variant));
            Observed::new(observed.object.clone(), all)
        };
        let approve =
            |observed: &Observed, gate: &str| say(observed, Verb::Approve, Some(gate), "jane").is_ok();
        assert_eq!((approve(&with(true), "more"), approve(&with(true), "gate")), (true, false));
        assert_eq!((approve(&with(false), "more"), approve(&with(false), "gate")), (false, true));
    }

    #[test]
    fn what_became_of_a_word_is_seen_on_the_canary() {
        for (verb, phase, granted, heard) in [
            (Verb::Promote, "Progressing", json!({"promote": "jane"}), Heard::Used),
            (Verb::Promote, "Promoting", json!(null), Heard::Used),
            (Verb::Promote, "Progressing", json!(null), Heard::Ignored),
            (Verb::Promote, "Failed", json!(null), Heard::Ignored),
            (Verb::Abort, "Failed", json!(null), Heard::Used),
            (Verb::Abort, "Progressing", json!({"promote": "jane"}), Heard::Ignored),
            (Verb::Approve, "Progressing", json!({"gates": {"confirm-promotion/gate": "jane"}}), Heard::Used),
        ] {
            let before = observed(|_| {});
            let gate = (verb == Verb::Approve).then_some("gate");
            let said = say(&before, verb, gate, "jane").unwrap();
            let Change::Merge(patch) = &said.change else { panic!("{said:?}") };
            assert_eq!(patch["metadata"]["resourceVersion"], "7", "over what was seen alone");
            let text = patch["metadata"]["annotations"][WORD].clone();
            let waiting = observed(|it| it["metadata"]["annotations"] = json!({WORD: text}));
            assert_eq!(said.heard(&waiting), Heard::NotYet);
            let after = observed(|it| {
                it["status"]["phase"] = json!(phase);
                if granted.is_object() {
                    let mut granted = granted.clone();
                    granted["revision"] = json!(sight::revision(&before));
                    it["metadata"]["annotations"] = json!({GRANTED: granted.to_string()});
                }
            });
            assert_eq!(said.heard(&after), heard, "{verb:?} {phase} {granted}");
        }
    }
}
