//! Everything in a record, come to again from its integers.

use std::fmt;

use serde_json::Value;
use serin_stats::ratio::prior::Shelf;

use super::{ENGINE, ReadError, Record, Recorder, bars, rounded, text};
use crate::{
    engine::{Gate, Look},
    policy::Policy,
};

/// Differences that are told: more say the same.
const TOLD_MAX: usize = 100;

/// A record whose every number follows from its evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// The record.
    pub record: Record,
    /// Its hash.
    pub hash: String,
    /// Verdicts that lie exactly on their bar, where the last bit of a platform decides: the record's own hold.
    pub ties: Vec<Difference>,
}

/// Something that does not follow from the evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where, as `looks[3].metrics[0].harm`.
    pub path: String,
    /// What the record says there.
    pub stored: String,
    /// What it should say.
    pub recomputed: String,
    /// Whether the evidence lies on the bar, to a billionth.
    pub is_tie: bool,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tie = if self.is_tie { " (a tie: the record's value holds)" } else { "" };
        write!(f, "{}: stored {}, recomputed {}{tie}", self.path, self.stored, self.recomputed)
    }
}

/// Why a text does not stand for a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is no record, or one that is not whole.
    Unread(ReadError),
    /// Where the record is not what follows from its evidence, the first hundred places.
    Differs(Vec<Difference>),
}

pub(super) fn differs(path: &str, stored: &str, recomputed: &str) -> Difference {
    Difference {
        path: path.to_owned(),
        stored: text::shown(stored),
        recomputed: text::shown(recomputed),
        is_tie: false,
    }
}

/// Where a text is not the one that its document has.
pub(super) fn written_otherwise(canonical: &[u8], bytes: &[u8]) -> Option<Difference> {
    if canonical == bytes {
        return None;
    }
    let at = canonical.iter().zip(bytes).take_while(|(a, b)| a == b).count();
    let around = |text: &[u8]| {
        let end = text.len().min(at + 40);
        String::from_utf8_lossy(&text[at.saturating_sub(20).min(end)..end]).into_owned()
    };
    let path = format!("byte {at}, which is written otherwise");
    Some(differs(&path, &around(bytes), &around(canonical)))
}

/// Comes to everything again.
///
/// # Errors
/// [`Refusal`].
pub fn verify(bytes: &[u8]) -> Result<Verified, Refusal> {
    let (record, stored) = Record::parse(bytes).map_err(Refusal::Unread)?;
    let mut found = Vec::new();
    let hash = text::hash(text::above_the_hash(bytes));
    if hash != stored {
        found.push(differs("hash", &stored, &hash));
    }
    if hash == stored {
        found.extend(written_otherwise(&record.to_bytes(), bytes));
    }
    if record.engine != ENGINE {
        found.push(differs("engine", &record.engine, ENGINE));
    }
    let (again, ties) = match again(&record) {
        Ok(again) => again,
        Err(difference) => {
            found.push(difference);
            return Err(Refusal::Differs(found));
        }
    };
    for (place, query) in record.opening.queries.iter().enumerate() {
        let hash = text::hash(query.text.as_bytes());
        if hash != query.sha256 {
            found.push(differs(&format!("queries[{place}].sha256"), &query.sha256, &hash));
        }
    }
    for (part, stored, recomputed) in [
        ("past", text::value(&record.past), text::value(&again.past)),
        ("looks", text::value(&record.looks), text::value(&again.looks)),
        ("marks", text::value(&record.marks), text::value(&again.marks)),
        ("outcome", text::value(&record.outcome), text::value(&again.outcome)),
        ("whatIf", text::value(&record.what_if), text::value(&again.what_if)),
    ] {
        compare(part.to_owned(), &stored, &recomputed, &mut found);
    }
    if found.is_empty() { Ok(Verified { record, hash, ties }) } else { Err(Refusal::Differs(found)) }
}

/// The record from its integers alone, and the verdicts that lie on a bar.
fn again(record: &Record) -> Result<(Record, Vec<Difference>), Difference> {
    let opening = &record.opening;
    let refused = |path: &str, why: String| differs(path, "what cannot be judged", &why);
    let mut gate = Gate::open(opening.policy.clone(), opening.roster.clone(), &opening.history)
        .map_err(|error| refused("policy", error.to_string()))?;
    let mut recorder = Recorder::new(opening.clone(), &gate);
    let mut priors = Shelf::default();
    let mut ties = Vec::new();
    for (place, (block, stored)) in record.blocks.iter().zip(&record.looks).enumerate() {
        let mut look = gate.look(block, &mut priors);
        if let Some(tie) = tie(place, stored, &look, &opening.policy) {
            ties.push(tie);
            look.verdict = stored.verdict.clone();
        }
        recorder
            .add(block, &look, &gate)
            .map_err(|error| refused(&format!("blocks[{place}]"), error.to_string()))?;
    }
    let with_what_if = record.what_if.is_some();
    let again = if with_what_if { recorder.finish(&gate, &mut priors) } else { recorder.record(&gate) };
    Ok((again, ties))
}

/// That two looks differ in nothing but their verdicts, between which the last bit of a number decides.
fn tie(place: usize, stored: &Look, look: &Look, policy: &Policy) -> Option<Difference> {
    if stored.verdict == look.verdict {
        return None;
    }
    let mut same = rounded(look)?;
    same.verdict = stored.verdict.clone();
    let mut metrics = look.metrics.iter().zip(bars(policy));
    let is_on_bar =
        metrics.any(|(look, bars)| touches(look.harm, bars.harm) || touches(look.no_worse, bars.no_worse));
    (same == *stored && is_on_bar).then(|| Difference {
        path: format!("looks[{place}].verdict"),
        stored: stored.verdict.word().as_str().to_owned(),
        recomputed: look.verdict.word().as_str().to_owned(),
        is_tie: true,
    })
}

/// Whether evidence lies on a bar, to a billionth.
pub(super) fn touches(value: f64, bar: Option<f64>) -> bool {
    let steps = |value: f64| (value * f64::from(1u32 << 30)).round();
    bar.is_some_and(|bar| (steps(value) - steps(bar)).abs() <= 1.0)
}

/// Adds every place where two values differ.
pub(super) fn compare(path: String, stored: &Value, recomputed: &Value, found: &mut Vec<Difference>) {
    if found.len() >= TOLD_MAX {
        return;
    }
    match (stored, recomputed) {
        (Value::Object(a), Value::Object(b)) => {
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            for key in keys {
                let at = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or_default();
                compare(format!("{path}.{key}"), &at(a), &at(b), found);
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            if a.len() != b.len() {
                compare(format!("{path}.length"), &a.len().into(), &b.len().into(), found);
            }
            for (place, (a, b)) in a.iter().zip(b).enumerate() {
                compare(format!("{path}[{place}]"), a, b, found);
            }
        }
        (a, b) if a == b => {}
        (a, b) => found.push(Difference {
            path,
            stored: text::shown(&a.to_string()),
            recomputed: text::shown(&b.to_string()),
            is_tie: false,
        }),
    }
}

#[cfg(test)]
mod tests;
