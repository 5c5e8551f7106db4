//! Rows of several members, made into blocks of the same moments.

use std::time::Duration;

use super::{FileError, Rows, SHOWN_CHARS_MAX};
use crate::block::{Block, Part, Roster, Seen, Trouble};
use crate::group::Terms;
use crate::policy::Policy;

/// The pods and blocks of one member.
pub type Member = (Roster, Vec<Block>);

impl Rows {
    /// The rows of each member, in the order of the terms.
    ///
    /// # Errors
    /// [`FileError`] for a row of no member, and for a member without rows.
    pub fn members(&self, terms: &Terms) -> Result<Vec<Self>, FileError> {
        let mut members = vec![Self::default(); terms.members.len()];
        for row in &self.rows {
            let Some(place) = terms.members.iter().position(|name| *name == row.group) else {
                let shown: String = row.group.chars().take(SHOWN_CHARS_MAX).collect();
                let message = format!(
                    "group is {shown:?}: it must be one of groups.members ({})",
                    terms.members.join(", ")
                );
                return Err(FileError::Line { line: row.line, message });
            };
            members[place].rows.push(super::Row { group: String::new(), ..row.clone() });
        }
        match members.iter().position(|member| member.rows.is_empty()) {
            Some(place) => Err(FileError::Whole(format!(
                "there are no rows of group {:?}: write its counts, or take it out of groups.members",
                terms.members[place]
            ))),
            None => Ok(members),
        }
    }
}

/// The blocks of all members, from the first of any to the last of any. A block without rows of a member has nothing to
/// judge there, and is at the step of the others.
///
/// # Errors
/// [`FileError`] for rows that do not fit the policy, and for members that are at two steps at once.
pub fn together(members: &[Rows], terms: &Terms, policy: &Policy) -> Result<Vec<Member>, FileError> {
    let mut all: Vec<Member> = members.iter().map(|rows| rows.blocks(policy)).collect::<Result<_, _>>()?;
    let starts = |blocks: &[Block]| (blocks.first().map(|b| b.start), blocks.last().map(|b| b.start));
    let first = all.iter().filter_map(|(_, blocks)| starts(blocks).0).min();
    let last = all.iter().filter_map(|(_, blocks)| starts(blocks).1).max();
    let (Some(first), Some(last)) = (first, last) else { return Ok(all) };
    let length = Duration::from_secs(policy.block.into());
    let count = last.saturating_since(first).as_secs() / u64::from(policy.block.max(1)) + 1;
    if super::blocks::BLOCKS_MAX <= count as i64 {
        let message = format!(
            "the members' rows lie {count} blocks of {}s apart: look for a wrong `time`",
            policy.block
        );
        return Err(FileError::Whole(message));
    }
    let empty = |start| Block {
        start,
        step: 0,
        weight: None,
        joined: Vec::new(),
        health: None,
        metrics: vec![Seen::Trouble(Trouble::Absent(Part::All)); policy.metrics.len()],
    };
    for (_, blocks) in &mut all {
        let mut whole = Vec::with_capacity(count as usize);
        let mut have = std::mem::take(blocks).into_iter().peekable();
        let mut start = first;
        for _ in 0..count {
            whole.push(have.next_if(|block| block.start == start).unwrap_or_else(|| empty(start)));
            start = start.plus(length);
        }
        *blocks = whole;
    }
    same_steps(&mut all, terms)?;
    Ok(all)
}

/// Gives every block the step that the rows of its moment say.
fn same_steps(all: &mut [Member], terms: &Terms) -> Result<(), FileError> {
    let has_rows = |block: &Block| block.metrics.iter().any(|seen| matches!(seen, Seen::Cells(_)));
    let mut step = 0;
    for place in 0..all.first().map_or(0, |(_, blocks)| blocks.len()) {
        let mut said: Option<(usize, u32)> = None;
        for (member, (_, blocks)) in all.iter().enumerate() {
            let block = &blocks[place];
            match said {
                _ if !has_rows(block) => {}
                Some((other, step)) if step != block.step => {
                    return Err(FileError::Whole(format!(
                        "at {} step is {} in group {:?} and {} in {:?}: members go from step to step together",
                        block.start,
                        step + 1,
                        terms.members[other],
                        block.step + 1,
                        terms.members[member]
                    )));
                }
                _ => said = Some((member, block.step)),
            }
        }
        step = said.map_or(step, |(_, step)| step);
        for (_, blocks) in all.iter_mut() {
            blocks[place].step = step;
        }
    }
    Ok(())
}
