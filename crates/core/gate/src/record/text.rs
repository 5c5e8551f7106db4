//! A record as its one text, and back.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::{
    FORMAT, GRID, METRICS_MAX, Opening, Outcome, Past, Query, Record, WhatIf, blocks::Packed, columns, hex,
    marks::Mark,
};
use crate::{
    block::{Block, Roster},
    engine::Look,
    policy::Policy,
};

/// The largest record that is read: weeks of blocks of many metrics.
pub const BYTES_MAX: usize = 256 << 20;
/// Characters of a wrong value that an error shows.
const SHOWN_CHARS_MAX: usize = 80;

/// Why a text is no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is too long.
    #[error("it has {0} bytes, and at most {BYTES_MAX} are read")]
    TooLarge(usize),
    /// It is none.
    #[error("it is no evidence record: {0}; give the file that serin gate run --record wrote")]
    Other(String),
    /// It is one of another form.
    #[error("its format is {0:?}, and {FORMAT:?} is read: give the file that serin gate run --record wrote")]
    Format(String),
    /// It is one, and not whole.
    #[error("it is an evidence record that was changed or cut short: {0}")]
    Damaged(String),
    /// Its hash is not that of its bytes.
    #[error("its hash is {stored}, and that of its bytes is {found}: it was changed after it was written")]
    Hash {
        /// What the last line says.
        stored: String,
        /// What it should say.
        found: String,
    },
}

/// The parts of the document, in their order. Each is a line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    format: String,
    engine: String,
    grid: String,
    previous: Option<String>,
    policy: Policy,
    queries: Vec<Query>,
    roster: Roster,
    history: Packed,
    past: Vec<Vec<Past>>,
    blocks: Packed,
    looks: Value,
    marks: Vec<Mark>,
    outcome: Outcome,
    what_if: Option<WhatIf>,
    hash: String,
}

#[derive(Deserialize)]
struct Form {
    #[serde(default)]
    format: Option<Value>,
}

impl Record {
    /// The document.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let metrics = self.opening.policy.metrics.len();
        let document = Document {
            format: FORMAT.to_owned(),
            engine: self.engine.clone(),
            grid: GRID.to_owned(),
            previous: self.opening.previous.clone(),
            policy: self.opening.policy.clone(),
            queries: self.opening.queries.clone(),
            roster: self.opening.roster.clone(),
            history: Packed::new(&self.opening.history, metrics),
            past: self.past.clone(),
            blocks: Packed::new(&self.blocks, metrics),
            looks: columns::pack(self.looks.iter().map(value).collect()),
            marks: self.marks.clone(),
            outcome: self.outcome.clone(),
            what_if: self.what_if.clone(),
            hash: String::new(),
        };
        let mut text = lines(&value(&document));
        let hash = hash(text.as_bytes());
        text.push_str("\"hash\":\"");
        text.push_str(&hash);
        text.push_str("\"}\n");
        text.into_bytes()
    }

    /// The hash of the document, which its last line holds.
    #[must_use]
    pub fn hash(&self) -> String {
        stored_hash(&self.to_bytes())
    }

    /// Reads a document whose hash is that of its bytes.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(bytes: &[u8]) -> Result<Self, ReadError> {
        let (record, stored) = Self::parse(bytes)?;
        let found = hash(above_the_hash(bytes));
        if found != stored {
            return Err(ReadError::Hash { stored: shown(&stored), found });
        }
        Ok(record)
    }

    /// Reads a document, whatever its hash.
    pub(super) fn parse(bytes: &[u8]) -> Result<(Self, String), ReadError> {
        if bytes.len() > BYTES_MAX {
            return Err(ReadError::TooLarge(bytes.len()));
        }
        is_one(bytes)?;
        let document: Document = parse(bytes).map_err(ReadError::Damaged)?;
        let wrong = |part: &str| {
            let part = part.to_owned();
            move |why: String| ReadError::Damaged(format!("{part}: {}", shown(&why)))
        };
        let metrics = document.policy.metrics.len();
        if metrics > METRICS_MAX {
            return Err(wrong("policy")(format!("{metrics} metrics, and at most {METRICS_MAX} are read")));
        }
        let history: Vec<Block> = document.history.blocks(metrics).map_err(wrong("history"))?;
        let blocks: Vec<Block> = document.blocks.blocks(metrics).map_err(wrong("blocks"))?;
        let looks = columns::unpack(document.looks, blocks.len()).map_err(wrong("looks"))?;
        let look = |look| serde_json::from_value(look).map_err(|error| wrong("looks")(error.to_string()));
        let looks: Vec<Look> = looks.into_iter().map(look).collect::<Result<_, _>>()?;
        let opening = Opening {
            previous: document.previous,
            policy: document.policy,
            queries: document.queries,
            roster: document.roster,
            history,
        };
        let record = Self {
            engine: document.engine,
            opening,
            past: document.past,
            blocks,
            looks,
            marks: document.marks,
            outcome: document.outcome,
            what_if: document.what_if,
        };
        Ok((record, document.hash))
    }
}

/// Whether a text is a document of this form, also when the rest of it is broken.
pub(super) fn has_format(bytes: &[u8], format: &str) -> bool {
    bytes.starts_with(format!("{{\n\"format\":\"{format}\"").as_bytes())
        || matches!(parse::<Form>(bytes), Ok(Form { format: Some(Value::String(form)) }) if form == format)
}

/// What is something else altogether is told so, and not which of its fields is missing.
fn is_one(bytes: &[u8]) -> Result<(), ReadError> {
    let other = |what: String| Err(ReadError::Other(what));
    let begins = || {
        let line = bytes.trim_ascii_start().split(|byte| *byte == b'\n').next().unwrap_or_default();
        shown(String::from_utf8_lossy(line).trim_end())
    };
    if bytes.trim_ascii().is_empty() {
        return other("it is empty".to_owned());
    }
    // A list would be read as the fields of a structure in their order.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return other(format!("it is no JSON object, and begins with {:?}", begins()));
    }
    match parse::<Form>(bytes) {
        Ok(Form { format: Some(Value::String(form)) }) if form == FORMAT => Ok(()),
        Ok(Form { format: Some(form) }) => Err(ReadError::Format(shown(form.as_str().unwrap_or("no text")))),
        Ok(Form { format: None }) => other("it is JSON without a `format`".to_owned()),
        // Its first line tells a record also where the rest is broken.
        Err(why) if bytes.starts_with(format!("{{\n\"format\":\"{FORMAT}\"").as_bytes()) => {
            Err(ReadError::Damaged(why))
        }
        Err(why) => other(format!("it is no JSON: {why}")),
    }
}

/// What is read, or where it cannot be and why.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let said = error.into_inner().to_string();
        if path == "." { shown(&said) } else { format!("{}: {}", shown(&path), shown(&said)) }
    })?;
    reader.end().map_err(|error| error.to_string())?;
    Ok(parsed)
}

/// The text without its hash: one line for each part.
pub(super) fn lines(document: &Value) -> String {
    let empty = Map::new();
    let mut text = "{\n".to_owned();
    for (key, part) in document.as_object().unwrap_or(&empty).iter().filter(|(key, _)| *key != "hash") {
        // Writing to memory does not fail.
        let _ = writeln!(text, "{}:{part},", Value::String(key.clone()));
    }
    text
}

pub(super) fn value(of: &impl Serialize) -> Value {
    // What is recorded has no keys that JSON cannot write.
    serde_json::to_value(of).unwrap_or_default()
}

/// All lines but the last.
pub(super) fn above_the_hash(bytes: &[u8]) -> &[u8] {
    let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let end = body.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    &bytes[..end]
}

pub(super) fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn stored_hash(bytes: &[u8]) -> String {
    hash(above_the_hash(bytes))
}

/// The beginning of a text, without what could move a cursor.
pub(super) fn shown(text: &str) -> String {
    let all: String =
        text.chars().take(SHOWN_CHARS_MAX).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if all.len() < text.len() { all + "…" } else { all }
}
