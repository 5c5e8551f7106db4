//! Where the threads of a release are, written down on its Canary for whoever controls it after a restart.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;
use serin_api::flagger::{Canary, CanaryPhase as Phase};
use serin_kernel::{Change, Object, Write};

use super::{Chats, FIRST_CHARS_MAX, Line, THREADS_MAX, series::Series};
use crate::desk::Desk;

/// The annotation. No other controller reads it.
const THREADS: &str = "serin.dev/chat-threads";
/// Bytes of an annotation that are read: more than can be written.
const BYTES_MAX: usize = 16 << 10;

/// What is written down.
#[derive(Serialize, Deserialize)]
struct Note {
    /// The release, so that another one begins threads of its own.
    release: String,
    threads: BTreeMap<String, Line>,
}

/// Writes down where the threads are, once for a release. It may be refused: then only a restart loses them.
pub(super) fn note(desk: &mut Desk<'_>) {
    let chats = &mut desk.memory.chats;
    if chats.is_noted || chats.is_over || chats.threads.is_empty() {
        return;
    }
    chats.is_noted = true;
    let mut threads = chats.threads.clone();
    // What the first message says of the release is no news to be written.
    for line in threads.values_mut() {
        (line.shown, line.is_fixed, line.is_drawn) = (String::new(), false, false);
    }
    let note = Note { release: chats.release.clone(), threads };
    let Ok(text) = serde_json::to_string(&note) else { return };
    let patch = json!({"metadata": {"annotations": {THREADS: text}}});
    desk.write([Write::same(&desk.observed.object, Change::Merge(patch)).tolerated()]);
}

/// What is known of the present release after a restart: what stands on the Canary, if it is of that release.
pub(crate) fn load(object: &Object, canary: &Canary) -> Chats {
    use Phase::{Finalising, Progressing, Promoting, Waiting, WaitingPromotion};
    let text = object.meta().annotations.get(THREADS).filter(|text| text.len() <= BYTES_MAX);
    let Some(note) = text.and_then(|text| serde_json::from_str::<Note>(text).ok()) else {
        return Chats::default();
    };
    let is_present = match canary.status.phase {
        // The version that waits is not in the status yet: the next look compares it with the target.
        Some(Waiting) => true,
        Some(Progressing | WaitingPromotion | Promoting | Finalising) => {
            note.release == serin_notify::checksum(&canary.status)
        }
        _ => false,
    };
    let is_sound = note.threads.len() <= THREADS_MAX
        && note
            .threads
            .values()
            .all(|line| line.thread.is_sound() && line.first.text.chars().count() <= FIRST_CHARS_MAX);
    if !is_present || !is_sound || note.release.is_empty() || note.release.contains(' ') {
        return Chats::default();
    }
    let (release, threads, series) = (note.release, note.threads, Series::partial());
    Chats { release, threads, series, is_noted: true, ..Chats::default() }
}
