//! The one way to the terminal.
//!
//! Held: a terminal, a pipe or a disk that takes no more never makes a panic (the lints of this binary forbid `println!` and
//! its like). A reader that has gone away (`| head`) is the end, and no failure; anything else is one line and an exit code.

use std::{
    fmt::Display,
    io::{self, ErrorKind, Write},
    process::ExitCode,
};

/// Standard output takes no more.
#[derive(Debug, thiserror::Error)]
#[error("writing to standard output: {0}")]
pub(crate) struct Unwritten(io::Error);

impl Unwritten {
    fn is_reader_gone(&self) -> bool {
        self.0.kind() == ErrorKind::BrokenPipe
    }
}

/// Writes to standard output.
pub(crate) fn write(text: &[u8]) -> Result<(), Unwritten> {
    let mut out = io::stdout().lock();
    out.write_all(text).and_then(|()| out.flush()).map_err(Unwritten)
}

/// Writes a line to standard output.
pub(crate) fn say(text: impl Display) -> Result<(), Unwritten> {
    write(format!("{text}\n").as_bytes())
}

/// Writes to standard output for a command that has more to do, or an exit code of its own to give: a reader that has
/// gone away changes neither.
pub(crate) fn offer(text: &[u8]) -> Result<(), Unwritten> {
    match write(text) {
        Err(unwritten) if unwritten.is_reader_gone() => Ok(()),
        written => written,
    }
}

/// Writes a line to standard error. When that takes no more there is nobody left to tell.
pub(crate) fn complain(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// How a command ends: an error is told, and gives the exit code of a failure.
pub(crate) fn ended(done: anyhow::Result<ExitCode>) -> ExitCode {
    done.unwrap_or_else(|error| {
        if error.downcast_ref::<Unwritten>().is_some_and(Unwritten::is_reader_gone) {
            return ExitCode::SUCCESS;
        }
        complain(format_args!("Error: {error:#}"));
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn a_reader_that_has_gone_away_is_no_failure_and_a_connection_that_broke_is_one() {
        let ended = |error: anyhow::Error| format!("{:?}", super::ended(Err(error)));
        let [good, bad] = [ExitCode::SUCCESS, ExitCode::FAILURE].map(|code| format!("{code:?}"));
        let broken = || io::Error::from(ErrorKind::BrokenPipe);
        assert_eq!(ended(Unwritten(broken()).into()), good);
        assert_eq!(ended(Err::<(), _>(Unwritten(broken())).context("the demo").unwrap_err()), good);
        assert_eq!(ended(Unwritten(ErrorKind::StorageFull.into()).into()), bad);
        assert_eq!(ended(broken().into()), bad);
    }
}
