//! Who may ask: whoever has the token, for the namespaces that are let in.
//!
//! A namespace is what the caller says of itself, so that the lists keep tenants from mistakes; only a token keeps anybody out.

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

use ::http::{HeaderMap, header::AUTHORIZATION};
use base64::Engine as _;
use parking_lot::Mutex;
use regex::Regex;

/// What lets requests in.
#[derive(Debug, Default)]
pub struct Door {
    pattern: Option<Regex>,
    names: Option<Vec<String>>,
    token: Option<TokenFile>,
}

#[derive(Debug)]
struct TokenFile {
    path: PathBuf,
    /// The token and when the file was written that held it.
    last: Mutex<(String, Option<SystemTime>)>,
}

/// The door cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// The pattern is no regular expression.
    #[error("-namespace-regexp is no regular expression")]
    Pattern(#[source] regex::Error),
    /// The token cannot be read.
    #[error("-token-file {path} cannot be read")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file holds no token.
    #[error("-token-file {path} must hold one line that is not empty")]
    Empty {
        /// The file.
        path: String,
    },
}

impl Door {
    /// Lets in namespaces that `pattern` matches somewhere, as Flagger does (none: all), that are among `names` (none: all),
    /// and callers with the token in the file.
    ///
    /// # Errors
    /// [`DoorError`].
    pub fn new(
        pattern: Option<&str>,
        names: Option<Vec<String>>,
        token_file: Option<&Path>,
    ) -> Result<Self, DoorError> {
        let pattern = pattern.filter(|pattern| !pattern.is_empty());
        let pattern = pattern.map(Regex::new).transpose().map_err(DoorError::Pattern)?;
        let token = token_file.map(|path| {
            let token = read(path)?;
            Ok::<_, DoorError>(TokenFile { path: path.to_owned(), last: Mutex::new((token, written(path))) })
        });
        Ok(Self { pattern, names, token: token.transpose()? })
    }

    pub(crate) fn lets_in(&self, namespace: &str) -> bool {
        self.pattern.as_ref().is_none_or(|pattern| pattern.is_match(namespace))
            && self.names.as_ref().is_none_or(|names| names.iter().any(|name| name == namespace))
    }

    /// Whether the headers carry the token, as `Bearer`, or as the password of `Basic`, which is what an address with
    /// `user:token@` sends: a web hook of a `Canary` has an address and no headers.
    pub(crate) fn knows(&self, headers: &HeaderMap) -> bool {
        let Some(file) = &self.token else { return true };
        let token = file.token();
        headers.get_all(AUTHORIZATION).iter().filter_map(|value| value.to_str().ok()).any(|value| {
            let Some((scheme, rest)) = value.split_once(' ') else { return false };
            let rest = rest.trim();
            if scheme.eq_ignore_ascii_case("bearer") {
                return same(rest.as_bytes(), token.as_bytes());
            }
            let decoded = base64::engine::general_purpose::STANDARD.decode(rest).unwrap_or_default();
            let password = decoded.iter().position(|byte| *byte == b':').map(|at| &decoded[at + 1..]);
            scheme.eq_ignore_ascii_case("basic")
                && password.is_some_and(|password| same(password, token.as_bytes()))
        })
    }
}

impl TokenFile {
    /// The token of now: a Secret's file changes when the Secret does. While it cannot be read, the last one counts.
    fn token(&self) -> String {
        let mut last = self.last.lock();
        let now = written(&self.path);
        if now != last.1
            && let Ok(token) = read(&self.path)
        {
            *last = (token, now);
        }
        last.0.clone()
    }
}

fn written(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|meta| meta.modified()).ok()
}

fn read(path: &Path) -> Result<String, DoorError> {
    let name = || path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|source| DoorError::Read { path: name(), source })?;
    let token = text.trim();
    if token.is_empty() || token.lines().count() != 1 {
        return Err(DoorError::Empty { path: name() });
    }
    Ok(token.to_owned())
}

/// Whether two texts are the same, in a time that does not tell where they differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_are_let_in_by_pattern_and_by_name() {
        let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        for (pattern, names, namespace, expected) in [
            (None, None, "", true),
            (Some(""), None, "any", true),
            (Some("^team-a$"), None, "team-a", true),
            (Some("^team-a$"), None, "team-ab", false),
            (Some("team-a"), None, "my-team-ab", true),
            (None, names(&["a", "b"]), "b", true),
            (None, names(&["a", "b"]), "ab", false),
            (Some("a"), names(&["b"]), "b", false),
        ] {
            let door = Door::new(pattern, names.clone(), None).unwrap();
            assert_eq!(door.lets_in(namespace), expected, "{pattern:?} {names:?} {namespace}");
        }
        assert!(matches!(Door::new(Some("("), None, None), Err(DoorError::Pattern(_))));
    }

    #[test]
    fn only_the_token_opens_and_a_new_one_counts_at_once() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(matches!(Door::new(None, None, Some(file.path())), Err(DoorError::Empty { .. })));
        std::fs::write(file.path(), "s3cret\n").unwrap();
        let door = Door::new(None, None, Some(file.path())).unwrap();
        let knows = |value: &str| {
            let mut headers = HeaderMap::new();
            if !value.is_empty() {
                headers.insert(AUTHORIZATION, value.parse().unwrap());
            }
            door.knows(&headers)
        };
        for (value, expected) in [
            ("Bearer s3cret", true),
            ("bearer  s3cret", true),
            ("Basic eDpzM2NyZXQ=", true),
            ("Basic czNjcmV0", false),
            ("Basic %", false),
            ("Bearer s3cre", false),
            ("Bearer", false),
            ("s3cret", false),
            ("", false),
        ] {
            assert_eq!(knows(value), expected, "{value}");
        }
        std::fs::write(file.path(), "other").unwrap();
        let later = SystemTime::now() + std::time::Duration::from_secs(5);
        file.as_file().set_modified(later).unwrap();
        assert!(knows("Bearer other") && !knows("Bearer s3cret"));
        file.close().unwrap();
        assert!(knows("Bearer other"), "a file that is gone for a moment locks everybody out");
        assert!(matches!(Door::new(None, None, Some(Path::new("/nope"))), Err(DoorError::Read { .. })));
    }
}
