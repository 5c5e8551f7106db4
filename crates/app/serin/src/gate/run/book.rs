//! The gate with its record: what is looked at, told and written down.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serin_gate::record::{Opening, Record, Recorder};
use serin_gate::{Block, Gate, Look, Shelf, Verdict};
use serin_report::verdict::line;

use super::super::show;

/// A judgement in the making.
pub(super) struct Book {
    gate: Gate,
    recorder: Recorder,
    priors: Shelf,
    path: Option<PathBuf>,
    is_quiet: bool,
    /// Looks in the record as it was last written.
    written: usize,
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
    pub(super) fn open(opening: Opening, path: Option<PathBuf>, is_quiet: bool) -> Result<Self> {
        let gate = Gate::open(opening.policy.clone(), opening.roster.clone(), &opening.history)?;
        let recorder = Recorder::new(opening, &gate);
        let book = Self { gate, recorder, priors: Shelf::default(), path, is_quiet, written: 0 };
        // That it cannot be written is told before an hour of waiting, not after it.
        book.write(&book.recorder.record(&book.gate))?;
        Ok(book)
    }

    /// Looks after one more block.
    pub(super) fn look(&mut self, block: &Block) -> Result<Next> {
        let look = self.gate.look(block, &mut self.priors);
        self.recorder.add(block, &look, &self.gate)?;
        if !self.is_quiet {
            eprintln!("{}", line(&look, block, &self.gate, show::paint_of(&std::io::stderr())));
        }
        Ok(self.next(&look))
    }

    fn next(&self, look: &Look) -> Next {
        let is_last_step = look.step as usize + 1 >= self.gate.policy().steps.len();
        match &look.verdict {
            Verdict::Fail(_) => Next::Decided,
            Verdict::Pass if is_last_step => Next::Decided,
            _ if look.is_past_deadline => Next::Decided,
            Verdict::Pass | Verdict::Hold(_) => Next::More,
        }
    }

    /// Writes what there is so far.
    pub(super) fn save(&self) -> Result<()> {
        self.write(&self.recorder.record(&self.gate))
    }

    /// Writes what there is so far, when it is enough more than was written.
    pub(super) fn save_when_due(&mut self) -> Result<()> {
        let looks = self.recorder.looks().len();
        if is_due(self.written, looks) {
            self.save()?;
            self.written = looks;
        }
        Ok(())
    }

    /// Ends the judgement.
    pub(super) fn close(mut self) -> Result<Record> {
        let record = self.recorder.finish(&self.gate, &mut self.priors);
        self.write(&record)?;
        Ok(record)
    }

    /// The file is always a whole record: a new one takes the place of the old one at once.
    fn write(&self, record: &Record) -> Result<()> {
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
