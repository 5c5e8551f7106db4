//! Scenarios and data from elsewhere, fetched at each run: by HTTP, or from a Git repository by the `git` of the machine.
//!
//! Property: what is fetched is bounded in size and time, and nothing of it is run. Of a repository only the newest commit is
//! fetched and no file is checked out; `git` never asks a person anything.

use std::{ffi::OsStr, path::Path, time::Duration};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    http::{Bounds, Http},
    process::{Limits, Program, run},
};

/// What one file may be.
const FILE: Bounds = Bounds { time: Duration::from_secs(30), bytes_max: 4 << 20 };
/// What one commit of a repository may be, and how long it may take.
const REPOSITORY_BYTES_MAX: u64 = 64 << 20;
const REPOSITORY_TIME: Duration = Duration::from_mins(1);
/// How often the size of a repository that is being fetched is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// What is kept of the words of `git`.
const WORDS_MAX: usize = 2_000;

/// Where something is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Http(Url),
    Git { repository: String, path: String, reference: Option<String> },
}

impl Source {
    /// `https://host/file`, or `git+https://host/repository.git//file?ref=branch-or-tag`; `http` will do as well.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| {
            Err(format!(
                "is {text:?}: {why}; it is http(s)://host/file or git+http(s)://host/repository.git//file?ref=branch"
            ))
        };
        let (in_git, address) = match text.strip_prefix("git+") {
            Some(address) => (true, address),
            None => (false, text),
        };
        let Ok(mut url) = Url::parse(address) else { return wrong("no address") };
        if !in_git {
            return match url.scheme() {
                "http" | "https" => Ok(Self::Http(url)),
                _ => wrong("it cannot be fetched"),
            };
        }
        if !["http", "https", "ssh", "file"].contains(&url.scheme()) {
            return wrong("git is not asked for that");
        }
        let path = url.path().to_owned();
        let Some((repository, path)) = path.split_once("//").filter(|(_, path)| !path.is_empty()) else {
            return wrong("the file behind `//` is missing");
        };
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let reference = match pairs.as_slice() {
            [] => None,
            // What begins with a dash would be an option.
            [(name, value)] if name == "ref" && !value.is_empty() && !value.starts_with('-') => {
                Some(value.clone())
            }
            _ => return wrong("behind `?` there is only ref=branch-or-tag"),
        };
        url.set_query(None);
        url.set_path(repository);
        Ok(Self::Git { repository: url.into(), path: path.to_owned(), reference })
    }
}

/// Fetches.
pub(crate) struct Fetcher<'a> {
    /// `PATH` for `git`, if it is not ours.
    pub(crate) path: Option<&'a OsStr>,
    pub(crate) stop: &'a CancellationToken,
}

impl Fetcher<'_> {
    pub(crate) async fn fetch(&self, source: &Source) -> Result<Vec<u8>, String> {
        match source {
            Source::Http(url) => {
                let bytes = Http::new(0).fetch(url, FILE).await;
                bytes.map(Vec::from).map_err(|why| format!("{}: {why}", shown(url)))
            }
            Source::Git { repository, path, reference } => {
                let directory =
                    tempfile::tempdir().map_err(|error| format!("no place for a repository: {error}"))?;
                let mut clone =
                    vec!["clone", "--quiet", "--bare", "--depth=1", "--single-branch", "--no-tags"];
                clone.extend(reference.iter().flat_map(|reference| ["--branch", reference]));
                clone.extend(["--", repository, "."]);
                self.git(directory.path(), &clone, WORDS_MAX).await?;
                self.git(directory.path(), &["show", &format!("HEAD:{path}")], FILE.bytes_max).await
            }
        }
    }

    async fn git(&self, directory: &Path, arguments: &[&str], output_max: usize) -> Result<Vec<u8>, String> {
        let environment =
            [("GIT_TERMINAL_PROMPT", "0"), ("GIT_ALLOW_PROTOCOL", "http:https:ssh:file"), ("LC_ALL", "C")];
        let program = Program {
            name: "git",
            arguments,
            path: self.path,
            directory: Some(directory),
            environment: &environment,
        };
        let stop = self.stop.child_token();
        let watched = async {
            while size(directory) <= REPOSITORY_BYTES_MAX {
                sleep(LOOK_EVERY).await;
            }
            stop.cancel();
            std::future::pending::<()>().await;
        };
        let done = tokio::select! {
            done = run(&program, Limits { time: REPOSITORY_TIME, output_max }, &stop) => done,
            () = watched => return Err("git was stopped".to_owned()),
        };
        if REPOSITORY_BYTES_MAX < size(directory) {
            return Err(format!("the repository is larger than {REPOSITORY_BYTES_MAX} bytes"));
        }
        match &done.failure {
            Some(failure) => Err(format!("git {}: {failure}: {}", arguments[0], done.text().trim())),
            None if 0 < done.left_out => Err(format!("the file is larger than {output_max} bytes")),
            None => Ok(done.output),
        }
    }
}

/// An address without a password.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_password(None);
    url.into()
}

/// The bytes of all files below a folder.
fn size(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    entries
        .filter_map(Result::ok)
        .filter_map(|entry| Some((entry.path(), entry.metadata().ok()?)))
        .map(|(path, meta)| if meta.is_dir() { size(&path) } else { meta.len() })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_files_and_of_files_in_repositories() {
        let git = |text: &str| match Source::parse(text).unwrap() {
            Source::Git { repository, path, reference } => (repository, path, reference.unwrap_or_default()),
            other @ Source::Http(_) => panic!("{other:?}"),
        };
        let owned = |parts: (&str, &str, &str)| (parts.0.to_owned(), parts.1.to_owned(), parts.2.to_owned());
        assert_eq!(
            git("git+https://h:1/o/r.git//d/f.yaml?ref=v1"),
            owned(("https://h:1/o/r.git", "d/f.yaml", "v1"))
        );
        assert_eq!(git("git+ssh://git@h/r//f"), owned(("ssh://git@h/r", "f", "")));
        assert!(matches!(Source::parse("http://h/a//b?ref=1"), Ok(Source::Http(_))));
        for (text, why) in [
            ("x", "no address"),
            ("file:///etc/passwd", "cannot be fetched"),
            ("git+ext::sh -c x", "git is not asked"),
            ("git+https://h/r.git", "is missing"),
            ("git+https://h/r.git//", "is missing"),
            ("git+https://h/r.git//f?ref=--upload-pack=x", "there is only ref"),
            ("git+https://h/r.git//f?depth=9", "there is only ref"),
        ] {
            let error = Source::parse(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
