//! Files: `files.getUploadURLExternal`, the upload itself, `files.completeUploadExternal`.

use serde_json::{Value, json};

use crate::{Answer, File, HOST, Request, State, messages};

/// A number, which a form gives as text.
fn number(value: &Value) -> Option<usize> {
    let from_text = || value.as_str()?.parse().ok();
    value.as_u64().and_then(|number| usize::try_from(number).ok()).or_else(from_text)
}

pub(crate) fn address(state: &mut State, args: &Value) -> Answer {
    let (Some(name), Some(length @ 1..)) = (args["filename"].as_str(), number(&args["length"])) else {
        return Answer::failed("invalid_arguments");
    };
    let id = format!("F{:09}", state.files.len() + 1);
    let host = state.host.as_deref().unwrap_or(HOST);
    let answer = json!({"ok": true, "upload_url": format!("{host}/upload/v1/{id}"), "file_id": id});
    let (name, title) = (name.to_owned(), String::new());
    state.files.push(File { id, name, length, bytes: Vec::new(), shared: None, title });
    Answer::said(&answer)
}

/// Takes the bytes in; it needs no token, because the address is the secret.
pub(crate) fn upload(state: &mut State, id: &str, request: &Request) -> Answer {
    let status = |status, body: String| Answer { status, retry_after: None, body };
    let Some(file) = state.files.iter_mut().find(|file| file.id == id) else {
        return status(404, "file_not_found".to_owned());
    };
    if file.length != request.body.len() {
        return status(400, "the length is another one".to_owned());
    }
    file.bytes.clone_from(&request.body);
    status(200, format!("OK - {}", file.length))
}

pub(crate) fn complete(state: &mut State, args: &Value) -> Answer {
    // A form gives the list as text.
    let files = args["files"].as_str().and_then(|text| serde_json::from_str(text).ok());
    let files = files.unwrap_or_else(|| args["files"].clone());
    let Some(id) = files[0]["id"].as_str() else { return Answer::failed("invalid_arguments") };
    if !messages::is_id(&args["channel_id"]) {
        return Answer::failed("channel_not_found");
    }
    let (channel, thread) = (&args["channel_id"], &args["thread_ts"]);
    let (channel, thread) = (channel.as_str().unwrap_or_default(), thread.as_str().unwrap_or_default());
    if !messages::is_there(state, channel, thread) {
        return Answer::failed("thread_not_found");
    }
    let is_uploaded = |file: &&mut File| file.id == id && !file.bytes.is_empty();
    let Some(file) = state.files.iter_mut().find(is_uploaded) else {
        return Answer::failed("file_not_found");
    };
    file.shared = Some((channel.to_owned(), thread.to_owned()));
    files[0]["title"].as_str().unwrap_or_default().clone_into(&mut file.title);
    Answer::said(&json!({"ok": true, "files": [{"id": file.id, "title": file.title}]}))
}
