//! Everything in the record of a group, come to again from its integers.

use serin_stats::ratio::prior::Shelf;

use super::super::{
    ENGINE, Opening, text,
    verify::{Difference, Refusal, compare, differs, touches, verify, written_otherwise},
};
use super::{GroupOpening, GroupRecord, GroupRecorder};
use crate::{block::Block, group::GroupLook, record::bars};

/// A record whose every number follows from its evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedGroup {
    /// The record.
    pub record: GroupRecord,
    /// Its hash.
    pub hash: String,
    /// Verdicts that lie exactly on their bar, where the last bit of a platform decides: the record's own hold.
    pub ties: Vec<Difference>,
}

/// Comes to everything again: each member's record for itself, and what they say together.
///
/// # Errors
/// [`Refusal`].
pub fn verify_group(bytes: &[u8]) -> Result<VerifiedGroup, Refusal> {
    let (record, stored, hashes) = GroupRecord::parse(bytes).map_err(Refusal::Unread)?;
    let (mut found, mut ties) = (Vec::new(), Vec::new());
    let hash = text::hash(text::above_the_hash(bytes));
    if hash == stored {
        found.extend(written_otherwise(&record.to_bytes(), bytes));
    } else {
        found.push(differs("hash", &stored, &hash));
    }
    if record.engine != ENGINE {
        found.push(differs("engine", &record.engine, ENGINE));
    }
    let own = record.terms.of_member(&record.policy);
    for (place, member) in record.members.iter().enumerate() {
        let within = |difference: Difference| Difference {
            path: format!("members[{place}].{}", difference.path),
            ..difference
        };
        let bytes = member.to_bytes();
        let hash = text::hash(text::above_the_hash(&bytes));
        if hash != hashes[place] {
            found.push(within(differs("hash", &hashes[place], &hash)));
        }
        match verify(&bytes) {
            Ok(verified) => ties.extend(verified.ties.into_iter().map(within)),
            Err(Refusal::Differs(all)) => found.extend(all.into_iter().map(within)),
            Err(unread) => return Err(unread),
        }
        let (has, must) = (text::value(&member.opening.policy), text::value(&own));
        compare(format!("members[{place}].policy"), &has, &must, &mut found);
        if member.opening.previous.is_some() {
            found.push(within(differs("previous", "a hash", "none: the group's record has it")));
        }
    }
    match again(&record) {
        Err(difference) => found.push(difference),
        Ok((again, more)) => {
            ties.extend(more);
            for (part, stored, recomputed) in [
                ("looks", text::value(&record.looks), text::value(&again.looks)),
                ("outcome", text::value(&record.outcome), text::value(&again.outcome)),
            ] {
                compare(part.to_owned(), &stored, &recomputed, &mut found);
            }
        }
    }
    if found.is_empty() { Ok(VerifiedGroup { record, hash, ties }) } else { Err(Refusal::Differs(found)) }
}

/// The record from the members' integers alone, and the verdicts that lie on a bar.
fn again(record: &GroupRecord) -> Result<(GroupRecord, Vec<Difference>), Difference> {
    let refused = |path: &str, why: String| differs(path, "what cannot be judged", &why);
    let opening = GroupOpening {
        previous: record.previous.clone(),
        policy: record.policy.clone(),
        terms: record.terms.clone(),
        members: record.members.iter().map(|member| Opening { ..member.opening.clone() }).collect(),
    };
    let mut group = opening.group().map_err(|error| refused("group", error.to_string()))?;
    let mut recorder = GroupRecorder::new(opening, &group);
    let (mut priors, mut ties) = (Shelf::default(), Vec::new());
    let count = record.members.iter().map(|member| member.blocks.len()).max().unwrap_or(0);
    for place in 0..count {
        let blocks: Vec<Block> =
            record.members.iter().filter_map(|member| member.blocks.get(place).cloned()).collect();
        let wrong = |error: String| refused(&format!("members[].blocks[{place}]"), error);
        let (mut look, looks) = group.look(&blocks, &mut priors).map_err(|error| wrong(error.to_string()))?;
        if let Some(tie) = record.looks.get(place).and_then(|stored| tie(place, stored, &look, record)) {
            ties.push(tie);
            look.verdict = record.looks[place].verdict.clone();
        }
        recorder.add(&blocks, (&look, &looks), &group).map_err(|error| wrong(error.to_string()))?;
    }
    Ok((recorder.record(&group), ties))
}

/// That two looks differ in nothing but their verdicts, between which the last bit of a number decides.
fn tie(place: usize, stored: &GroupLook, look: &GroupLook, record: &GroupRecord) -> Option<Difference> {
    if stored.verdict == look.verdict {
        return None;
    }
    let bars = bars(&record.terms.of_group(&record.policy));
    let mut metrics = look.metrics.iter().zip(bars);
    let is_on_bar =
        metrics.any(|(joint, bars)| touches(joint.harm, bars.harm) || touches(joint.no_worse, bars.no_worse));
    is_on_bar.then(|| Difference {
        path: format!("looks[{place}].verdict"),
        stored: stored.verdict.word().as_str().to_owned(),
        recomputed: look.verdict.word().as_str().to_owned(),
        is_tie: true,
    })
}
