//! What chats have answered.

use serin_notify::slack::{self, Refusal, Thread, Upload};

use super::{About, Chat, Line, SCOPE, TROUBLES_MAX, called, note, pictures, standing};
use crate::desk::Desk;

/// Takes in what came since the last pass.
pub(crate) fn hear(desk: &mut Desk<'_>) {
    for heard in &desk.observed.replies {
        let Some((about, release, name, more)) = About::of(&heard.topic) else { continue };
        let is_present = release == desk.memory.chats.release;
        let said = match slack::heard(&heard.answer) {
            Ok(said) => said,
            Err(why) => {
                if is_present {
                    give_up(desk, about, name, &why);
                }
                complain(desk, about, name, &why);
                continue;
            }
        };
        if about == About::Put {
            desk.memory.chats.told.remove(&format!("picture {name} {SCOPE}"));
        }
        let Some(chat) = desk.chats().into_iter().find(|chat| is_present && chat.name == name) else {
            continue;
        };
        match about {
            About::First => begin(desk, &chat, Thread::below(&said)),
            About::Address => pictures::send(desk, &chat, Upload::to(&said).as_ref()),
            About::Sent => pictures::put(desk, &chat, more),
            About::Later | About::Change | About::Put => {}
        }
    }
    if !desk.observed.replies.is_empty() && desk.memory.chats.waiting.is_empty() {
        note::note(desk);
    }
    // The answer may have come after the last look of the release.
    if desk.memory.chats.is_over {
        standing::show(desk);
        pictures::announce(desk);
    }
}

/// The first answer that names a message begins the thread. One that names none leaves messages as they are.
fn begin(desk: &mut Desk<'_>, chat: &Chat, thread: Option<Thread>) {
    let chats = &mut desk.memory.chats;
    let Some(first) = chats.waiting.remove(&chat.name) else { return };
    if let Some(thread) = thread {
        let to = chat.recipient.channel().to_owned();
        let line = Line { thread, to, first, shown: String::new(), is_fixed: false, is_drawn: false };
        chats.threads.insert(chat.name.clone(), line);
    }
}

/// What does not work is not tried again for this release.
fn give_up(desk: &mut Desk<'_>, about: About, chat: &str, why: &Refusal) {
    let chats = &mut desk.memory.chats;
    match about {
        About::First => drop(chats.waiting.remove(chat)),
        _ if why.is_thread_gone() => drop(chats.threads.remove(chat)),
        About::Change if why.is_named => {
            if let Some(line) = chats.threads.get_mut(chat) {
                line.is_fixed = true;
            }
        }
        _ => {}
    }
}

/// Says that a chat does not take what it is sent, each cause once for a release.
fn complain(desk: &mut Desk<'_>, about: About, chat: &str, why: &Refusal) {
    let told = &mut desk.memory.chats.told;
    // What Slack does not name may read otherwise each time.
    let name = if why.is_named { &why.name } else { "" };
    let is_picture = matches!(about, About::Address | About::Sent | About::Put);
    let (trouble, what) = if is_picture {
        (format!("picture {chat} {name}"), "Picture for")
    } else {
        (format!("{chat} {name}"), "Alert to")
    };
    if told.len() < TROUBLES_MAX && told.insert(trouble) {
        desk.warning(format!("{what} {} failed: {why}", called(chat)));
    }
}
