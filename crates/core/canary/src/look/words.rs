//! Persons' words at a look: heard first, noted for the run, and forgotten with it.

use serde_json::{Value, json};
use serin_kernel::{Change, Write};

use crate::{
    desk::Desk,
    objects::Target,
    words::{self, Effect, GRANTED, Granted, WORD, Word},
};

/// Hears the word that waits, if there is one, and knows what words allow in this run.
///
/// What comes of it is written first and only over the Canary that was seen: a word is used once, also when the rest of the look
/// is not carried out, and one that is said meanwhile is not lost. With a reason why nothing can be done, that is said.
pub(crate) fn hear(desk: &mut Desk<'_>, barred: Option<&str>) {
    // Without a target nobody knows which revision that is.
    let Ok(target) = Target::look(desk.observed, desk.canary, &desk.settings.objects) else { return };
    let revision = target.revision();
    let notes = &desk.observed.object.meta().annotations;
    if ![WORD, GRANTED].iter().any(|word| notes.contains_key(*word)) {
        return;
    }
    let configs = target.configs().ok().map(|configs| configs.digest());
    let kept = notes.get(GRANTED).and_then(|text| Granted::parse(text));
    let is_alive =
        |kept: &Granted| kept.is_for(&revision, configs.as_deref()) && words::has_run(desk.status.phase);
    desk.granted =
        kept.filter(is_alive).unwrap_or_else(|| Granted { revision: revision.clone(), ..Granted::default() });
    desk.granted.configs = configs.or(desk.granted.configs.take());
    if let Some(text) = notes.get(WORD) {
        take(desk, text, (&revision, barred));
    }
    note(desk);
}

fn take(desk: &mut Desk<'_>, text: &str, (revision, barred): (&str, Option<&str>)) {
    let word = match Word::parse(text) {
        Ok(word) => word,
        Err(why) => return desk.warning(format!("Ignoring a word for {}: {why}", desk.called())),
    };
    let what = match word.verb {
        words::Verb::Approve => "approval",
        words::Verb::Promote => "promotion",
        words::Verb::Abort => "abort",
    };
    let (called, by) = (desk.called(), by(&word.by));
    if word.revision != revision {
        let text = format!(
            "Ignoring {what} of {called} {by}: it was for revision {}, not for {revision}",
            word.revision
        );
        return desk.warning(text);
    }
    let effect = words::effect(desk.canary, &word);
    let effect = effect.and_then(|effect| barred.map_or(Ok(effect), |why| Err(why.to_owned())));
    match effect {
        Err(why) => desk.warning(format!("Ignoring {what} of {called} {by}: {why}")),
        Ok(Effect::Now(granted)) => desk.granted.add(granted),
        Ok(Effect::Later(granted)) => {
            for gate in granted.gates.keys() {
                desk.normal(format!("Gate {gate} of {called} will be open, approved {by}"));
            }
            desk.granted.add(granted);
        }
    }
}

/// Forgets what was allowed: it was for a run that is over.
pub(crate) fn forget(desk: &mut Desk<'_>) {
    if !desk.granted.is_empty() {
        desk.granted = Granted::default();
        let patch = json!({"metadata": {"annotations": {GRANTED: null}}});
        desk.write([Write::same(&desk.observed.object, Change::Merge(patch))]);
    }
}

/// Brings the annotations into accord with what is known.
fn note(desk: &mut Desk<'_>) {
    let notes = &desk.observed.object.meta().annotations;
    let text = (!desk.granted.is_empty()).then(|| json!(desk.granted).to_string());
    let mut patch = serde_json::Map::new();
    if notes.contains_key(WORD) {
        patch.insert(WORD.to_owned(), Value::Null);
    }
    if notes.get(GRANTED) != text.as_ref() {
        patch.insert(GRANTED.to_owned(), json!(text));
    }
    if !patch.is_empty() {
        let patch = json!({"metadata": {"annotations": patch}});
        desk.write([Write::unchanged(&desk.observed.object, Change::Merge(patch))]);
    }
}

/// Who says so, for an event.
pub(crate) fn by(who: &str) -> String {
    if who.is_empty() { "by hand".to_owned() } else { format!("by {who}") }
}
