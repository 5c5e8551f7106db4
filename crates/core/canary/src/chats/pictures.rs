//! The picture of a release, below its first message when it has ended.
//!
//! Mechanics: Slack is asked where the picture may be sent, it is sent there, and it is put into the thread: three calls, each
//! after the answer to the one before. The picture is drawn twice, from the same values to the same bytes, instead of being
//! kept in between.

use serin_api::flagger::CanaryPhase as Phase;
use serin_notify::{
    picture::{self, Card, PIXELS, Panel, Theme},
    slack::{self, Upload},
};

use super::{About, Chat, series::Metric};
use crate::desk::Desk;

/// The picture of the release that has ended goes into each thread that has none.
pub(super) fn announce(desk: &mut Desk<'_>) {
    if desk.memory.chats.series.metrics.is_empty() {
        return;
    }
    let mut calls = Vec::new();
    for chat in desk.chats() {
        let Some(line) = desk.memory.chats.threads.get_mut(&chat.name).filter(|line| !line.is_drawn) else {
            continue;
        };
        line.is_drawn = true;
        let Some((theme, (bytes, alt))) = chat.pictures.and_then(|theme| Some((theme, drawn(desk, theme)?)))
        else {
            continue;
        };
        let name = format!("{}-{}.png", desk.called(), if theme == Theme::Dark { "dark" } else { "light" });
        let call = slack::ask_for_upload(&chat.recipient, &name, bytes.len(), &alt);
        calls.push(call.about(About::Address.topic(&desk.memory.chats.release, &chat.name)));
    }
    desk.send(calls);
}

/// Sends the picture where Slack wants it.
pub(super) fn send(desk: &mut Desk<'_>, chat: &Chat, to: Option<&Upload>) {
    let (Some(to), Some(theme)) = (to, chat.pictures) else { return };
    let Some((bytes, _)) = drawn(desk, theme) else { return };
    let topic = format!("{} {}", About::Sent.topic(&desk.memory.chats.release, &chat.name), to.file);
    desk.send([slack::upload(&chat.recipient, to, bytes).about(topic)]);
}

/// Puts the picture that was sent into the thread.
pub(super) fn put(desk: &mut Desk<'_>, chat: &Chat, file: &str) {
    let Some(line) = desk.memory.chats.threads.get(&chat.name) else { return };
    let title = format!("{} {}", desk.called(), phase(desk).as_str());
    let call = slack::complete(&chat.recipient, file, &title, &line.thread);
    let topic = About::Put.topic(&desk.memory.chats.release, &chat.name);
    desk.send([call.about(topic)]);
}

fn phase(desk: &Desk<'_>) -> Phase {
    desk.status.phase.unwrap_or(Phase::Initialized)
}

/// The picture, and what it says in words.
fn drawn(desk: &mut Desk<'_>, theme: Theme) -> Option<(Vec<u8>, String)> {
    let series = &desk.memory.chats.series;
    let panels: Vec<Panel> = series.metrics.iter().map(Metric::panel).collect();
    let card = Card {
        name: &desk.observed.object.meta().name,
        namespace: desk.namespace(),
        phase: phase(desk).as_str(),
        is_good: phase(desk) == Phase::Succeeded,
        panels: &panels,
        more: series.more.len(),
        looks_in_one: series.looks_in_one,
        is_partial: series.is_partial,
    };
    let (drawn, alt) = (serin_picture::png(&picture::svg(&card, theme), PIXELS), picture::alt(&card));
    match drawn {
        Ok(bytes) => Some((bytes, alt)),
        Err(why) => {
            desk.because(format!("no picture of the release: {why}"));
            None
        }
    }
}
