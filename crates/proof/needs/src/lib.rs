//! What a test needs from its machine and may not find: recordings, kubectl, a real API server.
//!
//! Held: no test passes in silence without them. Where everything was asked for, what is absent fails the test: in CI, and
//! wherever the environment names a real API server, because whoever names one has asked for the whole. Elsewhere a line
//! that begins with `skipped:` says what was not tested; it goes past the test harness, which hides the words of tests
//! that pass.
//!
//! A suite that runs on both targets asks [`real_server`] and takes the embedded Kubernetes when there is none, so nothing
//! is skipped; `e2e/run.sh` is what names the real one.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Set and not empty in CI.
const CI: &str = "CI";
/// The kubeconfig of a real API server, for the suites that run on both.
const REAL: &str = "SERIN_E2E_KUBECONFIG";
/// Where recordings and the manifests of others are; beside the repository when it is not set.
const SHARED: &str = "SERIN_SHARED";
const BESIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared");

/// The kubeconfig of the real API server that the environment names. None: the embedded Kubernetes is meant.
///
/// # Panics
/// When it names a file that is not there.
#[must_use]
#[track_caller]
pub fn real_server() -> Option<PathBuf> {
    let path = PathBuf::from(set(REAL)?);
    assert!(path.is_file(), "{REAL} names {}, which is no file", path.display());
    Some(path)
}

/// A file or folder of what others have recorded or written. None, said aloud, when it is absent.
///
/// # Panics
/// When it is absent where everything was asked for.
#[must_use]
#[track_caller]
pub fn shared(path: &str) -> Option<PathBuf> {
    let found = set(SHARED).map_or_else(|| PathBuf::from(BESIDE), PathBuf::from).join(path);
    if found.exists() {
        return Some(found);
    }
    absent(&format!("{} is not there ({SHARED})", tidy(&found)));
    None
}

/// Whether there is a kubectl; said aloud when there is none.
///
/// # Panics
/// When there is none where everything was asked for.
#[must_use]
#[track_caller]
pub fn kubectl() -> bool {
    let asked = Command::new("kubectl").args(["version", "--client"]).stdout(Stdio::null()).status();
    let found = asked.is_ok_and(|status| status.success());
    if !found {
        absent("there is no kubectl on the path");
    }
    found
}

/// Says that something is not tested, and why.
///
/// # Panics
/// Where everything was asked for.
#[track_caller]
pub fn absent(what: &str) {
    let asked = asked_for(set(CI), set(REAL));
    assert!(asked.is_none(), "{what}, and with {} set nothing may be skipped", asked.unwrap_or_default());
    // Not eprintln, which the harness would keep to itself. A closed stderr has no reader.
    let _ = writeln!(std::io::stderr(), "skipped: {what}");
}

/// The variable by which everything was asked for.
fn asked_for(ci: Option<OsString>, real: Option<OsString>) -> Option<&'static str> {
    ci.map(|_| CI).or_else(|| real.map(|_| REAL))
}

/// A variable that is set and not empty.
fn set(name: &str) -> Option<OsString> {
    filled(std::env::var_os(name))
}

fn filled(value: Option<OsString>) -> Option<OsString> {
    value.filter(|value| !value.is_empty())
}

/// A path without its detours, as far as it is there.
fn tidy(path: &Path) -> String {
    let known = path.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    let whole = known.and_then(|(above, real)| Some(real.join(path.strip_prefix(above).ok()?)));
    whole.unwrap_or_else(|| path.to_owned()).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ci_and_a_named_server_ask_for_everything_and_an_empty_variable_for_nothing() {
        let some = || filled(Some(OsString::from("true")));
        let empty = || filled(Some(OsString::new()));
        for (ci, real, expected) in [
            (None, None, None),
            (empty(), empty(), None),
            (some(), None, Some(CI)),
            (None, some(), Some(REAL)),
            (some(), some(), Some(CI)),
        ] {
            assert_eq!(asked_for(ci.clone(), real.clone()), expected, "{ci:?} {real:?}");
        }
    }

    #[test]
    fn a_path_is_told_without_its_detours() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let name = here.file_name().unwrap_or_default().to_string_lossy();
        let told = tidy(&here.join(format!("../{name}/nowhere/at/all")));
        assert_eq!(told, format!("{}/nowhere/at/all", here.display()));
    }
}
