//! How far a long work is, in one line on the terminal that is written over.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Work that is shorter than this shows nothing.
const SILENCE: Duration = Duration::from_secs(1);
/// The time between two lines.
const PERIOD: Duration = Duration::from_millis(200);

/// A line on standard error, if that is a terminal.
pub(crate) struct Progress {
    what: &'static str,
    next: Option<Instant>,
    is_shown: bool,
}

impl Progress {
    pub(crate) fn new(what: &'static str) -> Self {
        let next = std::io::stderr().is_terminal().then(|| Instant::now() + SILENCE);
        Self { what, next, is_shown: false }
    }

    /// Shows that `done` of `total` are done; a total of 0 is not known.
    pub(crate) fn tell(&mut self, done: usize, total: usize) {
        let now = Instant::now();
        if self.next.is_none_or(|next| now < next) {
            return;
        }
        self.next = Some(now + PERIOD);
        self.is_shown = true;
        let of = if total == 0 { String::new() } else { format!(" of {total}") };
        // It is only a courtesy: what cannot be written is not missed.
        drop(write!(std::io::stderr(), "\r{done}{of} {}\u{1b}[K", self.what));
    }

    /// Takes the line away.
    pub(crate) fn end(&mut self) {
        if self.is_shown {
            drop(write!(std::io::stderr(), "\r\u{1b}[K"));
        }
    }
}
