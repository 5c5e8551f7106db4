//! Messages: `chat.postMessage` and `chat.update`.

use serde_json::{Value, json};

use crate::{Answer, Message, State};

/// Channels by the names that people give.
const CHANNELS: [(&str, &str); 2] = [("general", "C0GENERAL"), ("releases", "C0RELEASES")];

/// Slack's own name of a channel that a message is for.
fn channel(args: &Value) -> Option<&'static str> {
    let given = args["channel"].as_str()?.trim_start_matches('#');
    CHANNELS.iter().find(|(name, id)| [*name, *id].contains(&given)).map(|(_, id)| *id)
}

/// Whether a channel is named as other methods than `chat.postMessage` want it.
pub(crate) fn is_id(given: &Value) -> bool {
    CHANNELS.iter().any(|(_, id)| given == id)
}

fn is_blank(args: &Value) -> bool {
    let is_empty = |field: &str| args[field].as_array().is_none_or(Vec::is_empty);
    args["text"].as_str().unwrap_or_default().is_empty() && is_empty("attachments") && is_empty("blocks")
}

pub(crate) fn post(state: &mut State, args: Value) -> Answer {
    let Some(channel) = channel(&args) else { return Answer::failed("channel_not_found") };
    if is_blank(&args) {
        return Answer::failed("no_text");
    }
    let thread = args["thread_ts"].as_str().map(str::to_owned);
    if let Some(thread) = &thread
        && !is_there(state, channel, thread)
    {
        return Answer::failed("thread_not_found");
    }
    let ts = format!("1503435956.{:06}", state.messages.len() + 1);
    let answer = json!({"ok": true, "channel": channel, "ts": ts, "message": {"text": args["text"]}});
    state.messages.push(Message { channel: channel.to_owned(), ts, thread, body: args, changes: 0 });
    Answer::said(&answer)
}

pub(crate) fn is_there(state: &State, channel: &str, ts: &str) -> bool {
    state.messages.iter().any(|message| message.channel == channel && message.ts == ts)
}

pub(crate) fn update(state: &mut State, args: &Value) -> Answer {
    if !is_id(&args["channel"]) {
        return Answer::failed("channel_not_found");
    }
    let found = |message: &&mut Message| args["channel"] == message.channel && args["ts"] == message.ts;
    let Some(message) = state.messages.iter_mut().find(found) else {
        return Answer::failed("message_not_found");
    };
    if is_blank(args) {
        return Answer::failed("no_text");
    }
    for (field, value) in args.as_object().into_iter().flatten() {
        message.body[field] = value.clone();
    }
    message.changes += 1;
    Answer::said(&json!({"ok": true, "channel": message.channel, "ts": message.ts, "text": ""}))
}
