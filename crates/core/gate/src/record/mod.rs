//! The evidence record: one document from which a judgement can be come to again.
//!
//! Property: everything that was said follows from the integers in the record and the policy, and [`verify`] says where it
//! does not. A document has one text: whoever changes a byte of it changes its hash, and whoever mends the hash too is
//! told by the numbers that follow from the evidence.
//!
//! The document is JSON with one line for each of its parts. Its last line holds the SHA-256 of all lines before it, so
//! that `head -n -1 record.json | sha256sum` finds the same.
//!
//! What this module does not do: read or write files.

mod blocks;
mod columns;
mod group;
mod integers;
mod marks;
mod text;
mod verify;
mod what_if;
mod words;

use serde::{Deserialize, Serialize};
use serin_stats::ratio::prior::Shelf;
use sha2::{Digest as _, Sha256};

use crate::{
    block::{Block, Roster},
    decide,
    engine::{Gate, Look},
    hold::{Cause, Verdict},
    policy::{Class, Policy},
};

pub use group::{
    GROUP_FORMAT, GroupOpening, GroupOutcome, GroupRecord, GroupRecorder, Judged, VerifiedGroup, combined,
    group_reasons, is_group, member_name, read_any, verify_group,
};
pub use marks::{Interval, Mark, MarkedMetric};
pub use text::{BYTES_MAX, ReadError};
pub use verify::{Difference, Refusal, Verified, verify};
pub use what_if::{MetricWhatIf, PodWhatIf, WhatIf};
pub use words::{Silent, cause, hold, metric_name, reasons, silent};

/// What a record is called in its first line; another form of it gets another number.
pub const FORMAT: &str = "serin.gate.record/1";
/// The grid that the log-likelihoods live on.
pub const GRID: &str = "2^(j/32), j from -160 to 160";
/// The engine that made a record: another one may come to other numbers.
pub const ENGINE: &str = concat!("serin-gate ", env!("CARGO_PKG_VERSION"));

/// The most metrics of a record: each has a column for every block.
pub(crate) const METRICS_MAX: usize = 500;

/// What a judgement begins with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Opening {
    /// The hash of the record before this one, for a chain of them.
    pub previous: Option<String>,
    /// The policy.
    pub policy: Policy,
    /// What was asked for, as it was sent.
    pub queries: Vec<Query>,
    /// The pods that were known before the first block.
    pub roster: Roster,
    /// The stable version's past.
    pub history: Vec<Block>,
}

/// One query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// The metric, by its name.
    pub metric: String,
    /// Which of its queries.
    pub part: String,
    /// The text as sent.
    pub text: String,
    /// SHA-256 of the text, in hexadecimal digits.
    pub sha256: String,
}

impl Query {
    /// A query with its hash.
    #[must_use]
    pub fn new(metric: &str, part: &str, text: &str) -> Self {
        let sha256 = hex(&Sha256::digest(text.as_bytes()));
        Self { metric: metric.to_owned(), part: part.to_owned(), text: text.to_owned(), sha256 }
    }
}

/// What the past says of one line of a metric, before the first block.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Past {
    /// How bursty its events are, in all digits.
    pub phi: f64,
    /// How far its pods' log rates lie apart, in all digits.
    pub between_pods: f64,
}

/// What the evidence of a metric is held against.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bars {
    /// From this evidence of harm on it is FAIL; none for a metric that is only reported.
    pub harm: Option<f64>,
    /// From this evidence of no harm on it is PASS; none for a metric that does not guard.
    pub no_worse: Option<f64>,
}

/// The judgement as of the last look.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Outcome {
    /// The verdict; none before the first look.
    pub verdict: Option<Verdict>,
    /// The rule that fired, by its name.
    pub rule: String,
    /// The same in words.
    pub reasons: Vec<String>,
    /// The bars of each metric.
    pub bars: Vec<Bars>,
}

/// A whole record.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The engine that made it.
    pub engine: String,
    /// What it began with.
    pub opening: Opening,
    /// Each line of each metric, as of the beginning.
    pub past: Vec<Vec<Past>>,
    /// The blocks.
    pub blocks: Vec<Block>,
    /// The look after each block, its numbers with twelve digits.
    pub looks: Vec<Look>,
    /// What stood behind the looks that said something new, and behind the last one.
    pub marks: Vec<Mark>,
    /// The judgement.
    pub outcome: Outcome,
    /// What would have changed it; none when that was not asked.
    pub what_if: Option<WhatIf>,
}

impl Record {
    /// Every pod that took part.
    #[must_use]
    pub fn roster(&self) -> Roster {
        let mut roster = self.opening.roster.clone();
        roster.pods.extend(self.blocks.iter().flat_map(|block| block.joined.iter().cloned()));
        roster
    }

    /// In which versions the last block has nothing of a metric.
    #[must_use]
    pub fn silent(&self, metric: usize) -> Option<Silent> {
        silent(self.blocks.last()?, &self.roster(), metric)
    }
}

/// Why a block cannot be recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// It has not all metrics.
    #[error("the block has {have} metrics, and the policy {need}: give a cell list or a trouble for each")]
    Metrics {
        /// Those of the block.
        have: usize,
        /// Those of the policy.
        need: usize,
    },
    /// A number of the look is infinite or none.
    #[error("the evidence is no finite number: the counts of this block are beyond what can be judged")]
    Infinite,
}

/// A record in the making. It can be saved between any two blocks, and goes on as if it had not been.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Recorder {
    opening: Opening,
    past: Vec<Vec<Past>>,
    blocks: Vec<Block>,
    looks: Vec<Look>,
    marks: Vec<Mark>,
    /// A hash over everything that went in so far.
    inputs: String,
}

impl Recorder {
    /// Begins a record, of a gate that has seen nothing but its past.
    #[must_use]
    pub fn new(opening: Opening, gate: &Gate) -> Self {
        let line = |line: &crate::LineState| Past { phi: line.phi, between_pods: line.between_pods };
        let past =
            (0..opening.policy.metrics.len()).map(|metric| gate.lines(metric).iter().map(line).collect());
        Self {
            past: past.collect(),
            inputs: marks::chained("", &opening),
            opening,
            blocks: Vec::new(),
            looks: Vec::new(),
            marks: Vec::new(),
        }
    }

    /// Adds a block and what the gate said of it.
    ///
    /// # Errors
    /// [`RecordError`]; then nothing was added.
    pub fn add(&mut self, block: &Block, look: &Look, gate: &Gate) -> Result<(), RecordError> {
        let need = self.opening.policy.metrics.len();
        if block.metrics.len() != need {
            return Err(RecordError::Metrics { have: block.metrics.len(), need });
        }
        let recorded = rounded(look).ok_or(RecordError::Infinite)?;
        self.inputs = marks::chained(&self.inputs, block);
        let is_new = self
            .looks
            .last()
            .is_none_or(|last| last.verdict.word() != look.verdict.word() || last.step != look.step);
        if is_new {
            self.marks.push(Mark::new(self.looks.len(), look, gate, &self.inputs));
        }
        self.blocks.push(block.clone());
        self.looks.push(recorded);
        Ok(())
    }

    /// The looks so far.
    #[must_use]
    pub fn looks(&self) -> &[Look] {
        &self.looks
    }

    /// The record as of now, without what would have changed the verdict.
    #[must_use]
    pub fn record(&self, gate: &Gate) -> Record {
        let mut marks = self.marks.clone();
        if let Some(last) = self.looks.len().checked_sub(1)
            && marks.last().is_none_or(|mark| mark.look != last)
        {
            marks.push(Mark::new(last, &self.looks[last], gate, &self.inputs));
        }
        let policy = &self.opening.policy;
        let verdict = self.looks.last().map(|look| look.verdict.clone());
        let silent = |metric| silent(self.blocks.last()?, gate.roster(), metric);
        Record {
            engine: ENGINE.to_owned(),
            opening: self.opening.clone(),
            past: self.past.clone(),
            blocks: self.blocks.clone(),
            looks: self.looks.clone(),
            marks,
            outcome: Outcome {
                rule: verdict.as_ref().map_or("none", rule).to_owned(),
                reasons: verdict.as_ref().map_or_else(Vec::new, |verdict| reasons(verdict, policy, silent)),
                bars: bars(policy),
                verdict,
            },
            what_if: None,
        }
    }

    /// The record as of now, and what would have changed its verdict.
    #[must_use]
    pub fn finish(&self, gate: &Gate, priors: &mut Shelf) -> Record {
        let mut record = self.record(gate);
        record.what_if = what_if::of(&self.opening, &self.blocks, &self.looks, gate, priors);
        record
    }
}

/// The bars of each metric.
#[must_use]
pub fn bars(policy: &Policy) -> Vec<Bars> {
    let counting = |class: Class| class != Class::Note;
    let all: f64 =
        policy.metrics.iter().filter(|metric| counting(metric.class)).map(|metric| metric.weight).sum();
    let bars = |metric: &crate::policy::Metric| Bars {
        harm: counting(metric.class)
            .then(|| columns::rounded(decide::harm_bar(policy.alpha, all, metric.weight))),
        no_worse: (metric.class == Class::Guard).then(|| columns::rounded(decide::pass_bar(policy.beta))),
    };
    policy.metrics.iter().map(bars).collect()
}

/// The rule that a verdict comes from.
fn rule(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "no-harm-evidence",
        Verdict::Hold(hold) => hold.name(),
        Verdict::Fail(causes) => rule_of(causes.first()),
    }
}

/// The rule that a FAIL comes from.
fn rule_of(cause: Option<&Cause>) -> &'static str {
    match cause {
        Some(Cause::Failing { .. }) => "failing",
        Some(Cause::Crashing { .. }) => "crashing",
        Some(Cause::Blackhole { .. }) => "blackhole",
        Some(Cause::Evidence { .. }) | None => "harm-evidence",
    }
}

/// A look as it is recorded; none when one of its numbers is none.
fn rounded(look: &Look) -> Option<Look> {
    let mut value = serde_json::to_value(look).ok()?;
    columns::round(&mut value);
    serde_json::from_value(value).ok()
}

/// Bytes in hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = |byte: &u8| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]].map(char::from);
    bytes.iter().flat_map(digits).collect()
}
