//! The gate with its record: what is looked at, told and written down.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serin_gate::group::{Group, Terms};
use serin_gate::record::{GroupOpening, GroupRecorder, Judged, Opening, Recorder};
use serin_gate::{Block, Gate, Shelf, Word};
use serin_report::verdict::{group_line, line};

use super::super::show;
use crate::out;

/// A judgement in the making.
pub(super) struct Book {
    judge: Judge,
    priors: Shelf,
    path: Option<PathBuf>,
    is_quiet: bool,
    /// Looks in the record as it was last written.
    written: usize,
}

/// Who judges, and writes it down.
enum Judge {
    One(Box<(Gate, Recorder)>),
    Group(Box<(Group, GroupRecorder)>),
}

/// A record is written anew when there are a sixteenth more looks than in it, so that all writing together comes to some
/// seventeen times the last record, however long it gets, and a crash loses a sixteenth at the most.
const PART: usize = 16;

/// Whether a record of `looks` is written when that of `written` was the last one.
fn is_due(written: usize, looks: usize) -> bool {
    written + (written / PART).max(1) <= looks
}

/// Whether there is more to wait for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    More,
    Decided,
}

impl Book {
    /// A judgement of one gate, or of the groups of gate.yaml: then with an opening for each member.
    pub(super) fn open(
        previous: Option<String>,
        openings: Vec<Opening>,
        groups: Option<&Terms>,
        path: Option<PathBuf>,
        is_quiet: bool,
    ) -> Result<Self> {
        let judge = match (groups, openings) {
            (Some(terms), members) => {
                let policy = members.first().map(|opening| opening.policy.clone());
                let policy = policy.context("a group has members")?;
                let opening = GroupOpening { previous, policy, terms: terms.clone(), members };
                let group = opening.group()?;
                let recorder = GroupRecorder::new(opening, &group);
                Judge::Group(Box::new((group, recorder)))
            }
            (None, openings) => {
                let first = openings.into_iter().next().context("a gate has a beginning")?;
                let opening = Opening { previous, ..first };
                let gate = Gate::open(opening.policy.clone(), opening.roster.clone(), &opening.history)?;
                let recorder = Recorder::new(opening, &gate);
                Judge::One(Box::new((gate, recorder)))
            }
        };
        let book = Self { judge, priors: Shelf::default(), path, is_quiet, written: 0 };
        // That it cannot be written is told before an hour of waiting, not after it.
        book.save()?;
        Ok(book)
    }

    /// Looks after one more moment: with one block of each member, or the block of the one gate.
    pub(super) fn look(&mut self, blocks: &[Block]) -> Result<Next> {
        let paint = show::paint_of(&std::io::stderr());
        let (line, word, step, is_past_deadline, steps) = match &mut self.judge {
            Judge::One(one) => {
                let (gate, recorder) = &mut **one;
                let block = blocks.first().context("a look needs a block")?;
                let look = gate.look(block, &mut self.priors);
                recorder.add(block, &look, gate)?;
                let line = line(&look, block, gate, paint);
                (line, look.verdict.word(), look.step, look.is_past_deadline, gate.policy().steps.len())
            }
            Judge::Group(all) => {
                let (group, recorder) = &mut **all;
                let (look, looks) = group.look(blocks, &mut self.priors)?;
                recorder.add(blocks, (&look, &looks), group)?;
                let line = group_line(&look, &looks, group, paint);
                (line, look.verdict.word(), look.step, look.is_past_deadline, group.policy().steps.len())
            }
        };
        if !self.is_quiet {
            out::complain(line);
        }
        let is_last_step = step as usize + 1 >= steps;
        Ok(match word {
            Word::Fail => Next::Decided,
            Word::Pass if is_last_step => Next::Decided,
            _ if is_past_deadline => Next::Decided,
            Word::Pass | Word::Hold => Next::More,
        })
    }

    fn record(&self) -> Judged {
        match &self.judge {
            Judge::One(one) => Judged::One(Box::new(one.1.record(&one.0))),
            Judge::Group(all) => Judged::Group(Box::new(all.1.record(&all.0))),
        }
    }

    /// Writes what there is so far.
    pub(super) fn save(&self) -> Result<()> {
        if self.path.is_some() { self.write(&self.record()) } else { Ok(()) }
    }

    /// Writes what there is so far, when it is enough more than was written.
    pub(super) fn save_when_due(&mut self) -> Result<()> {
        let looks = match &self.judge {
            Judge::One(one) => one.1.looks().len(),
            Judge::Group(all) => all.1.looks().len(),
        };
        if is_due(self.written, looks) {
            self.save()?;
            self.written = looks;
        }
        Ok(())
    }

    /// Ends the judgement.
    pub(super) fn close(mut self) -> Result<Judged> {
        let record = match &self.judge {
            Judge::One(one) => Judged::One(Box::new(one.1.finish(&one.0, &mut self.priors))),
            Judge::Group(_) => self.record(),
        };
        self.write(&record)?;
        Ok(record)
    }

    /// The file is always a whole record: a new one takes the place of the old one at once.
    fn write(&self, record: &Judged) -> Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| std::path::Path::new("."));
        let name = || format!("--record {}", path.display());
        let mut file = tempfile::Builder::new().prefix(".record-").tempfile_in(folder).with_context(name)?;
        file.write_all(&record.to_bytes()).and_then(|()| file.flush()).with_context(name)?;
        file.persist(path).with_context(name)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_writing_comes_to_some_records_and_a_crash_loses_little() {
        let (mut written, mut sum) = (0, 0);
        for looks in 1..=100_000 {
            if is_due(written, looks) {
                (written, sum) = (looks, sum + looks);
            }
            assert!(
                looks < 32 && written == looks || (looks - written) * PART <= looks,
                "{looks}: {written}"
            );
        }
        assert!(sum < 18 * 100_000, "{sum}");
    }
}
