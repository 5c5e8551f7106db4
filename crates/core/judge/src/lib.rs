//! The judge: metric series of a canary and its baseline, and a canary configuration, in; a judgement out.
//!
//! The rule is Kayenta's (`NetflixACAJudge-v1.0`) to the last label, reason and score, its quirks included, because teams
//! rely on its verdicts. What Serin adds stands beside them: the interval, the margin, the rule that fired, what would have
//! changed the label, and [findings](Finding) where a quirk may have hurt.
//!
//! 1. Equal inputs give equal judgements: the noise that Kayenta adds to constant series comes from a seed derived from them.
//! 2. Missing data is a label of its own. Where the rule turns it into success all the same, a finding says so.
//! 3. Nothing is judged on half-read data: input that cannot be read is an error that names its place.
//!
//! [`Input`] is read from JSON with the leniency of Kayenta's own reader, [`judge`] judges it, and [`Judgement`] serialises to
//! Kayenta's `CanaryJudgeResult`. The same three documents are the wire format of its remote judge.
//!
//! A [`Table`] reads pairs from CSV; [`source`] says what to ask of Prometheus and makes pairs of its answers. [`Outcome`] says whether there was evidence for a verdict at all.
//!
//! What this crate does not do: no files, no queries, no pictures, and no statistics of its own (those are in
//! `serin_stats`).

mod classify;
mod config;
mod evidence;
mod input;
mod judge;
mod mean;
mod options;
mod order;
mod outcome;
mod preprocess;
mod read;
#[cfg(test)]
mod recorded;
mod result;
mod score;
pub mod source;
mod table;
mod validate;
mod wire;

pub use classify::{CONFIDENCE, Classification, Compared, Label, NOISE, Rule, TOLERANCE};
pub use config::{CanaryConfig, Classifier, Metric, Weight};
pub use evidence::{Change, Evidence, Finding, WhatIf};
pub use input::{Input, Pair, Thresholds};
pub use judge::{Error, Judge, judge};
pub use mean::{Inequality, mean_inequality};
pub use options::{Direction, Measure, NanStrategy, Options};
pub use outcome::Outcome;
pub use read::Unreadable;
pub use result::{GroupScore, Judgement, PairResult};
pub use score::{Score, Verdict, round_half_up, shares};
pub use table::Table;
pub use validate::{Problem, validate};
pub use wire::Text;
