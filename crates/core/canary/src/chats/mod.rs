//! Chats whose messages can be changed later: one thread for each release, whose first message says how it stands.
//!
//! Properties: what is sent to other chats is not touched by this; nothing waits for a chat; at most one more write is made
//! for each release, and none for a Canary without such a chat.
//!
//! Mechanics: the first alert of a release goes as any other and asks for its answer. The answer names the message; later
//! alerts go below it, and after each look in which the release has moved the message is changed. Where the thread is stands
//! in an annotation of the Canary ([`note`]), so that a restart goes on in it.

mod hear;
mod note;
mod pictures;
pub(crate) mod series;
mod standing;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serin_api::flagger::{CanaryPhase as Phase, CanaryStatus, Severity};
use serin_kernel::Call;
use serin_notify::{
    Alert, Recipient, message,
    picture::Theme,
    slack::{self, Thread},
};

pub(crate) use hear::hear;
pub(crate) use note::load;
pub(crate) use standing::stand;

use self::series::Series;
use crate::{desk::Desk, objects::Target};

/// Threads of one release: chats that one Canary names, which are seldom more than two. All of them, with their texts, are
/// noted in one annotation; further chats get messages without a thread.
const THREADS_MAX: usize = 16;
/// Characters of a first message that its later versions repeat: some lines, for the whole of it is in the first event of the
/// release, and each is kept in the annotation.
const FIRST_CHARS_MAX: usize = 300;
/// The trouble of a token that may do less than is asked of it.
const SCOPE: &str = "missing_scope";
/// Troubles that are told of one release, as an event each: one for each of the threads. Beyond that a chat is broken in a new
/// way every time, which no event mends.
const TROUBLES_MAX: usize = 16;
/// What the controller's own chat goes by; one of an `AlertProvider` has a slash.
pub(crate) const CONTROLLER: &str = "controller";

/// A chat that a Canary names.
#[derive(Clone, Debug)]
pub(crate) struct Chat {
    /// What it goes by.
    pub(crate) name: String,
    pub(crate) recipient: Recipient,
    /// How pictures for it are drawn; none for no pictures.
    pub(crate) pictures: Option<Theme>,
    /// The template of its alerts.
    pub(crate) template: Option<String>,
}

impl Chat {
    /// What people call it.
    pub(crate) fn called(&self) -> String {
        called(&self.name)
    }
}

fn called(name: &str) -> String {
    if name == CONTROLLER { "the controller's chat".to_owned() } else { format!("AlertProvider {name}") }
}

/// What is known of one release in chats. Lost at a restart, but for what is noted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Chats {
    /// The release, as web hooks know it; empty while there is none that is told in threads.
    release: String,
    threads: BTreeMap<String, Line>,
    /// First messages whose answers have yet to come.
    waiting: BTreeMap<String, First>,
    is_noted: bool,
    /// Whether the release has ended.
    is_over: bool,
    /// What its looks have found.
    pub(crate) series: Series,
    /// Troubles that were told.
    told: BTreeSet<String>,
}

/// A first message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct First {
    text: String,
    is_bad: bool,
}

/// The thread of a release in one chat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    thread: Thread,
    /// The channel, as people name it: in another one there is no such thread.
    to: String,
    #[serde(flatten)]
    first: First,
    /// How the release stands, as the first message says it; empty when it does not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    shown: String,
    /// Whether the first message cannot be changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_fixed: bool,
    /// Whether the picture is on its way, or is none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_drawn: bool,
}

/// What an answer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// The first message.
    First,
    /// One below it.
    Later,
    /// A change of it.
    Change,
    /// Where the picture is to be sent.
    Address,
    /// The picture itself; behind the topic stands Slack's name of it.
    Sent,
    /// The picture's place in the thread.
    Put,
}

impl About {
    const ALL: [(Self, &'static str); 6] = [
        (Self::First, "first"),
        (Self::Later, "later"),
        (Self::Change, "change"),
        (Self::Address, "address"),
        (Self::Sent, "sent"),
        (Self::Put, "put"),
    ];

    /// The topic of a message of `release` to `chat`. None of the two has a space.
    fn topic(self, release: &str, chat: &str) -> String {
        let word = Self::ALL.iter().find(|(about, _)| *about == self).map_or("", |(_, word)| word);
        format!("chat {word} {release} {chat}")
    }

    /// What a topic is about, the release, the chat, and what else is known.
    fn of(topic: &str) -> Option<(Self, &str, &str, &str)> {
        let mut words = topic.strip_prefix("chat ")?.split(' ');
        let word = words.next()?;
        let about = Self::ALL.iter().find(|(_, known)| *known == word)?.0;
        Some((about, words.next()?, words.next()?, words.next().unwrap_or_default()))
    }
}

impl Chats {
    /// Whether what the looks find is to be drawn at the end.
    pub(crate) fn is_drawn(&self) -> bool {
        !self.release.is_empty() && !self.is_over
    }

    /// Whether there is nothing to be kept.
    pub(crate) fn is_empty(&self) -> bool {
        self.release.is_empty() && self.told.is_empty()
    }
}

/// A release begins, or one that waits goes on: from here on its alerts belong together, if one of the Canary's chats can
/// have threads or has a template, which may name what its looks find. What was told of an earlier one ends.
pub(crate) fn begin(desk: &mut Desk<'_>, target: &Target<'_>) {
    let release = release_of(target);
    let goes_on = desk.status.phase == Some(Phase::Waiting) && desk.memory.chats.release == release;
    if goes_on {
        return;
    }
    // What was read after a restart may be of a release that had ended before the one that waits.
    let is_certain = desk.status.phase != Some(Phase::Waiting) || !desk.memory.chats.series.is_partial;
    if is_certain && !desk.memory.chats.is_over {
        standing::end(desk, "A newer version takes its place");
    }
    let chats = desk.chats();
    let has_threads = chats.iter().any(|chat| chat.recipient.is_slack_api());
    let release = if has_threads || desk.has_template(&chats) { release } else { String::new() };
    // A right that the token lacks is lacking still, and was told.
    let mut told = std::mem::take(&mut desk.memory.chats.told);
    told.retain(|trouble| trouble.ends_with(SCOPE));
    desk.memory.chats = Chats { release, told, ..Chats::default() };
}

/// What tells one release from another: as web hooks are told, of the version that is there.
fn release_of(target: &Target<'_>) -> String {
    let tracked_configs = target.configs().ok().and_then(|configs| configs.checksums());
    let status =
        CanaryStatus { last_applied_spec: target.revision(), tracked_configs, ..CanaryStatus::default() };
    serin_notify::checksum(&status)
}

impl Desk<'_> {
    /// What `chat` is sent of `alert`: in the thread of its release, where there is one.
    pub(crate) fn posted(&mut self, chat: &Chat, alert: &Alert) -> Call {
        let Chat { name: chat, recipient, .. } = chat;
        if !recipient.is_slack_api() {
            return message(recipient, alert);
        }
        let chats = &mut self.memory.chats;
        let release = if chats.release.is_empty() { "none" } else { &chats.release };
        if let Some(line) = chats.threads.get(chat).filter(|line| line.to == recipient.channel()) {
            let call = slack::message_below(recipient, alert, &line.thread);
            return call.about(About::Later.topic(release, chat));
        }
        let may_begin = !chats.release.is_empty() && !chats.is_over && chats.threads.len() < THREADS_MAX;
        let about = if may_begin { About::First } else { About::Later };
        let call = message(recipient, alert).about(about.topic(release, chat));
        if may_begin {
            let text = alert.text.chars().take(FIRST_CHARS_MAX).collect();
            let first = First { text, is_bad: alert.severity == Severity::Error };
            // The first of several that nobody has answered yet becomes the head, as its answer comes first.
            chats.waiting.entry(chat.clone()).or_insert(first);
        }
        call
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_says_what_it_is_about() {
        for (about, _) in About::ALL {
            assert_eq!(About::of(&about.topic("58b5d485fd", "n/c")), Some((about, "58b5d485fd", "n/c", "")));
        }
        assert_eq!(About::of("chat sent x n/c F1"), Some((About::Sent, "x", "n/c", "F1")));
        for other in ["", "chat", "chat first", "chat first x", "chat lost x y", "picture first x y"] {
            assert_eq!(About::of(other), None, "{other:?}");
        }
    }
}
