//! Why there is no verdict, and the exit code for it (those of `sysexits.h`, all from 64 on).

use std::process::ExitCode;

/// The exit code of arguments that cannot be used.
pub(super) const USAGE: u8 = 64;

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The arguments are wrong.
    #[error("{0}")]
    Usage(String),
    /// What was read is wrong.
    #[error("{0}")]
    Data(String),
    /// A file cannot be read.
    #[error("{0}")]
    NoInput(String),
    /// A source does not answer.
    #[error("{0}")]
    Unavailable(String),
    /// The result cannot be written.
    #[error("{0}")]
    Output(String),
}

impl Trouble {
    pub(super) fn code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => USAGE,
            Self::Data(_) => 65,
            Self::NoInput(_) => 66,
            Self::Unavailable(_) => 69,
            Self::Output(_) => 74,
        }
        .into()
    }
}
