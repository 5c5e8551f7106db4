//! The record of a group as its one text, and back.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::{
    BYTES_MAX, FORMAT, GRID, METRICS_MAX, ReadError, Record, columns,
    text::{above_the_hash, has_format, hash, lines, parse, shown, value},
};
use super::{GROUP_FORMAT, GroupOutcome, GroupRecord};
use crate::{
    group::{GroupLook, GroupVerdict, Terms},
    hold::Word,
    policy::Policy,
};

/// The parts of the document, in their order. Each is a line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    format: String,
    engine: String,
    grid: String,
    previous: Option<String>,
    policy: Policy,
    group: Terms,
    looks: Value,
    outcome: GroupOutcome,
    members: Vec<Value>,
    hash: String,
}

/// A record of either form.
#[derive(Clone, Debug, PartialEq)]
pub enum Judged {
    /// Of one gate.
    One(Box<Record>),
    /// Of a group.
    Group(Box<GroupRecord>),
}

impl Judged {
    /// The document.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::One(record) => record.to_bytes(),
            Self::Group(record) => record.to_bytes(),
        }
    }

    /// Its hash.
    #[must_use]
    pub fn hash(&self) -> String {
        match self {
            Self::One(record) => record.hash(),
            Self::Group(record) => record.hash(),
        }
    }

    /// Its verdict; HOLD before the first look.
    #[must_use]
    pub fn word(&self) -> Word {
        let word = match self {
            Self::One(record) => record.outcome.verdict.as_ref().map(crate::Verdict::word),
            Self::Group(record) => record.outcome.verdict.as_ref().map(GroupVerdict::word),
        };
        word.unwrap_or(Word::Hold)
    }

    /// The step of the last look, from 0, and how many are planned.
    #[must_use]
    pub fn step(&self) -> (usize, usize) {
        let (step, policy) = match self {
            Self::One(record) => (record.looks.last().map(|look| look.step), &record.opening.policy),
            Self::Group(record) => (record.looks.last().map(|look| look.step), &record.policy),
        };
        (step.map_or(0, |step| step as usize), policy.steps.len())
    }
}

/// Whether a text is the record of a group.
#[must_use]
pub fn is_group(bytes: &[u8]) -> bool {
    has_format(bytes, GROUP_FORMAT)
}

/// Reads a document of either form whose hash is that of its bytes.
///
/// # Errors
/// [`ReadError`].
pub fn read_any(bytes: &[u8]) -> Result<Judged, ReadError> {
    if !is_group(bytes) {
        return Record::read(bytes).map(|record| Judged::One(Box::new(record)));
    }
    let (record, stored, _) = GroupRecord::parse(bytes)?;
    let found = hash(above_the_hash(bytes));
    if found != stored {
        return Err(ReadError::Hash { stored: shown(&stored), found });
    }
    Ok(Judged::Group(Box::new(record)))
}

impl GroupRecord {
    /// The document.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let member = |record: &Record| serde_json::from_slice(&record.to_bytes()).unwrap_or_default();
        let document = Document {
            format: GROUP_FORMAT.to_owned(),
            engine: self.engine.clone(),
            grid: GRID.to_owned(),
            previous: self.previous.clone(),
            policy: self.policy.clone(),
            group: self.terms.clone(),
            looks: columns::pack(self.looks.iter().map(value).collect()),
            outcome: self.outcome.clone(),
            members: self.members.iter().map(member).collect(),
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
        hash(above_the_hash(&self.to_bytes()))
    }

    /// Reads a document, whatever its hash; with that, and those which the members' records say they have.
    pub(super) fn parse(bytes: &[u8]) -> Result<(Self, String, Vec<String>), ReadError> {
        if BYTES_MAX < bytes.len() {
            return Err(ReadError::TooLarge(bytes.len()));
        }
        let document: Document = parse(bytes).map_err(ReadError::Damaged)?;
        let wrong = |part: String| move |why: String| ReadError::Damaged(format!("{part}: {}", shown(&why)));
        document.group.check().map_err(|error| wrong("group".to_owned())(error.to_string()))?;
        if document.members.len() != document.group.members.len() {
            let why =
                format!("{} records of {} members", document.members.len(), document.group.members.len());
            return Err(wrong("members".to_owned())(why));
        }
        if METRICS_MAX < document.policy.metrics.len() {
            return Err(wrong("policy".to_owned())(format!("more than {METRICS_MAX} metrics")));
        }
        let (mut members, mut hashes) = (Vec::new(), Vec::new());
        for (member, name) in document.members.iter().zip(&document.group.members) {
            let part = || wrong(format!("members[{}] ({FORMAT})", shown(name)));
            let bytes = serde_json::to_vec(member).map_err(|error| part()(error.to_string()))?;
            let (record, hash) = Record::parse(&bytes).map_err(|error| part()(error.to_string()))?;
            members.push(record);
            hashes.push(hash);
        }
        let count = members.first().map_or(0, |member| member.blocks.len());
        let looks = columns::unpack(document.looks, count).map_err(wrong("looks".to_owned()))?;
        let look =
            |look| serde_json::from_value(look).map_err(|error| wrong("looks".to_owned())(error.to_string()));
        let looks: Vec<GroupLook> = looks.into_iter().map(look).collect::<Result<_, _>>()?;
        let record = Self {
            engine: document.engine,
            previous: document.previous,
            policy: document.policy,
            terms: document.group,
            looks,
            outcome: document.outcome,
            members,
        };
        Ok((record, document.hash, hashes))
    }
}
