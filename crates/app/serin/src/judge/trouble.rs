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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trouble_has_its_words_alone_and_the_code_of_sysexits() {
        let why = || "why".to_owned();
        for (trouble, code) in [
            (Trouble::Usage(why()), 64),
            (Trouble::Data(why()), 65),
            (Trouble::NoInput(why()), 66),
            (Trouble::Unavailable(why()), 69),
            (Trouble::Output(why()), 74),
        ] {
            assert_eq!(trouble.to_string(), "why");
            assert_eq!(format!("{:?}", trouble.code()), format!("{:?}", ExitCode::from(code)), "{trouble:?}");
        }
    }
}
