//! The kubeconfig of the demo's cluster.
//!
//! Held: no file but a demo's is ever replaced or taken away. Whoever names `~/.kube/config` would else lose the way to
//! every cluster that he has.

use std::{
    fs::File,
    io::{ErrorKind, Read, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use serde_json::Value;

/// How a demo's file is known again. It is data and no comment, because kubectl keeps data when it writes a file anew.
const MARK: &str = "serin.dev/demo";
/// The name of everything in it.
const NAME: &str = "serin";
/// More than a demo's file ever has.
const BYTES_MAX: u64 = 1 << 16;

/// A kubeconfig that goes with its cluster.
pub(super) struct Kubeconfig {
    path: PathBuf,
    text: String,
}

impl Kubeconfig {
    /// Writes a kubeconfig that only its owner can read: it holds an administrator's token. A file of an earlier demo is
    /// replaced at one stroke, and a link is never followed.
    pub(super) fn write(path: &Path, text: &str) -> anyhow::Result<Self> {
        let text = format!("{text}extensions:\n- name: {MARK}\n  extension: {{}}\n");
        let kept = || -> std::io::Result<bool> {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
            file.write_all(text.as_bytes())?;
            match file.persist_noclobber(path) {
                Err(taken) if taken.error.kind() == ErrorKind::AlreadyExists => {
                    let is_ours = is_a_demos(path);
                    if is_ours {
                        taken.file.persist(path)?;
                    }
                    Ok(is_ours)
                }
                done => done.map(|_| true).map_err(Into::into),
            }
        };
        if !kept().with_context(|| format!("writing {}", path.display()))? {
            bail!(
                "{} is there already, and no demo has written it: name another file with --kubeconfig, or take it away",
                path.display()
            );
        }
        Ok(Self { path: path.to_owned(), text })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Kubeconfig {
    /// Takes it away: its server is going. It may be gone already, or be that of another demo by now.
    fn drop(&mut self) {
        if read(&self.path).is_ok_and(|found| found == self.text) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// The text of a file, which is no link and no device.
fn read(path: &Path) -> std::io::Result<String> {
    if !std::fs::symlink_metadata(path)?.is_file() {
        return Err(ErrorKind::InvalidInput.into());
    }
    let mut text = String::new();
    File::open(path)?.take(BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// Whether a file holds what a demo has written and nothing else, kubectl's choice of a namespace apart.
fn is_a_demos(path: &Path) -> bool {
    let Ok(found) = read(path) else { return false };
    let found = serde_saphyr::from_str::<Value>(&found).unwrap_or_default();
    let names = |list: &str| -> Vec<&str> {
        let entries = found.get(list).and_then(Value::as_array).into_iter().flatten();
        entries.map(|entry| entry["name"].as_str().unwrap_or_default()).collect()
    };
    names("extensions") == [MARK]
        && ["clusters", "contexts", "users"].iter().all(|list| names(list) == [NAME])
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    const TEXT: &str = "clusters: [{name: serin}]\nusers: [{name: serin}]\ncontexts: [{name: serin}]\n";

    #[test]
    fn a_kubeconfig_is_its_owners_alone_and_goes_with_the_demo() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        let first = Kubeconfig::write(&path, TEXT).unwrap();
        let second = Kubeconfig::write(&path, &format!("{TEXT}current-context: serin\n")).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), second.text);
        assert_eq!(std::fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        drop(first);
        assert!(path.exists(), "another demo's by now");
        // As kubectl writes it after `config set-context --current --namespace test`.
        let rewritten = "apiVersion: v1\nclusters:\n- cluster: {server: 'https://127.0.0.1:1'}\n  name: serin\n\
            contexts:\n- context: {cluster: serin, namespace: test, user: serin}\n  name: serin\ncurrent-context: serin\n\
            extensions:\n- extension: {}\n  name: serin.dev/demo\nkind: Config\nusers:\n- name: serin\n  user: {token: t}\n";
        std::fs::write(&path, rewritten).unwrap();
        drop(second);
        assert!(path.exists(), "somebody has written it since");
        drop(Kubeconfig::write(&path, TEXT).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
    }

    #[test]
    fn what_no_demo_has_written_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (path, theirs) = (folder.path().join("config"), folder.path().join("theirs"));
        let marked = format!("{TEXT}extensions: [{{name: {MARK}, extension: {{}}}}]\n");
        let merged = marked.replace("users: [", "users: [{name: production}, ");
        for text in ["", "theirs", TEXT, &merged, "clusters: [", &"#".repeat(1 << 17)] {
            std::fs::write(&path, text).unwrap();
            let refused = Kubeconfig::write(&path, TEXT).err().unwrap().to_string();
            assert!(refused.contains("--kubeconfig") && refused.contains("config is there"), "{refused}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&theirs, marked).unwrap();
        for target in [theirs.as_path(), Path::new("nowhere"), folder.path()] {
            symlink(target, &path).unwrap();
            assert!(Kubeconfig::write(&path, TEXT).is_err(), "{target:?}");
            assert_eq!(std::fs::read_link(&path).unwrap(), target);
            std::fs::remove_file(&path).unwrap();
        }
        assert!(Kubeconfig::write(folder.path(), TEXT).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
    }
}
