//! Documents to values, and what is wrong with them with its place: line and column, and the path through the document.
//!
//! The size of a document is for the caller to limit; its depth is limited to 128 levels by the reader of JSON.

use serde::de::DeserializeOwned;

use crate::config::CanaryConfig;
use crate::input::{Input, Pair};
use crate::source::scope::Request;

/// A document that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct Unreadable {
    /// Where in the document.
    pub place: String,
    /// What is wrong there, and what belongs there.
    pub message: String,
}

impl CanaryConfig {
    /// Reads a configuration from JSON.
    ///
    /// # Errors
    /// [`Unreadable`] for the first thing that is no configuration.
    pub fn from_json(text: &[u8]) -> Result<Self, Unreadable> {
        json(text, 1)
    }
}

impl Pair {
    /// Reads a list of pairs (Kayenta's `metricSetPairList`) from JSON.
    ///
    /// # Errors
    /// [`Unreadable`] for the first thing that is no pair.
    pub fn list_from_json(text: &[u8]) -> Result<Vec<Self>, Unreadable> {
        if text.trim_ascii_start().starts_with(b"{") {
            let message =
                "there is an object, where a list of pairs should be: [{\"name\": …}, …]".to_owned();
            return Err(Unreadable { place: "the first character".to_owned(), message });
        }
        json(text, 1)
    }
}

impl Request {
    /// Reads a request (Kayenta's `executionRequest`) from JSON.
    ///
    /// # Errors
    /// [`Unreadable`] for the first thing that does not belong there.
    pub fn from_json(text: &[u8]) -> Result<Self, Unreadable> {
        json(text, 1)
    }
}

impl Input {
    /// Reads all three documents from one text of JSON, which is line `line` of a larger one (or starts there).
    ///
    /// # Errors
    /// [`Unreadable`] for the first thing that does not belong there.
    pub fn from_json(text: &[u8], line: usize) -> Result<Self, Unreadable> {
        json(text, line)
    }
}

pub(crate) fn json<T: DeserializeOwned>(text: &[u8], first_line: usize) -> Result<T, Unreadable> {
    // Programs of Windows begin a text with this mark.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    if text.iter().all(u8::is_ascii_whitespace) {
        let message = "there is nothing but blanks, where JSON should be".to_owned();
        return Err(Unreadable { place: format!("line {first_line}"), message });
    }
    // The path costs time, and is wanted only when something is wrong.
    serde_json::from_slice(text).map_err(|error| {
        let mut reader = serde_json::Deserializer::from_slice(text);
        let path = match serde_path_to_error::deserialize::<_, T>(&mut reader) {
            Err(error) if error.path().iter().next().is_some() => format!(", at {}", error.path()),
            _ => String::new(),
        };
        let line = first_line + error.line().saturating_sub(1);
        let place = format!("line {line} column {}{path}", error.column());
        let suffix = format!(" at line {} column {}", error.line(), error.column());
        let message = error.to_string();
        let message = message.strip_suffix(&suffix).unwrap_or(&message).to_owned();
        Unreadable { place, message }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_has_its_place() {
        for (text, wanted) in [
            (
                "{}",
                "the first character: there is an object, where a list of pairs should be: [{\"name\": …}, …]",
            ),
            ("", "line 1: there is nothing but blanks, where JSON should be"),
            (
                "[{\"name\": \"m\",\n \"values\": {\"control\": [1, true]}}]",
                "line 2 column 31, at [0].values.control[1]: invalid type: boolean `true`, expected a number, \"NaN\", \"Infinity\" or \"-Infinity\"",
            ),
            ("[{\"name\": \"m\", \"val", "line 1 column 19, at [0].?: EOF while parsing a string"),
            (
                "[null]",
                "line 1 column 5, at [0]: invalid type: null, expected a pair, {\"name\": …, \"values\": {\"experiment\": […], \"control\": […]}}",
            ),
            ("\u{feff}[] x", "line 1 column 4: trailing characters"),
        ] {
            assert_eq!(Pair::list_from_json(text.as_bytes()).unwrap_err().to_string(), wanted, "{text}");
        }
        let config = CanaryConfig::from_json(b"{\"metrics\": [{}, 5]}").unwrap_err().to_string();
        assert_eq!(
            config,
            "line 1 column 18, at metrics[1]: invalid type: integer `5`, expected a metric (an object)"
        );
    }

    #[test]
    fn a_line_of_many_says_which() {
        let error = Input::from_json(b"{\"scoreThresholds\": 7}", 41).unwrap_err();
        assert_eq!(error.place, "line 41 column 21, at scoreThresholds");
    }

    #[test]
    fn depth_is_limited() {
        let deep = format!("{{\"metrics\": [{{\"query\": {}{}}}]}}", "[".repeat(500), "]".repeat(500));
        let error = CanaryConfig::from_json(deep.as_bytes()).unwrap_err();
        assert_eq!(error.message, "recursion limit exceeded");
    }
}
