//! What becomes of a command whose terminal, reader or disk takes no more, or that a signal ends: no panic, nothing left behind.

#![allow(clippy::unwrap_used)]

use std::{
    fs::File,
    io::Read as _,
    path::Path,
    process::{ExitStatus, Output, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    process::{Child, ChildStderr, ChildStdout, Command},
    time::timeout,
};

/// Many times what the slowest machine needs.
const PATIENCE: Duration = Duration::from_mins(1);

fn serin(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_serin"));
    command.args(words).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// A demo that has said its first line, and what it writes.
async fn demo(words: &[&str], kubeconfig: &Path) -> (Child, BufReader<ChildStdout>, ChildStderr) {
    let mut command = serin(&[&["demo", "--kubeconfig", kubeconfig.to_str().unwrap()], words].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    timeout(PATIENCE, out.read_line(&mut line)).await.unwrap().unwrap();
    assert!(line.contains("KUBECONFIG=") && kubeconfig.exists(), "{line}");
    let err = child.stderr.take().unwrap();
    (child, out, err)
}

async fn ended(mut child: Child, mut err: ChildStderr) -> (ExitStatus, String) {
    let status = timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
    let mut text = String::new();
    err.read_to_string(&mut text).await.unwrap();
    (status, text)
}

#[tokio::test]
async fn a_signal_ends_a_demo_and_its_kubeconfig() {
    for (signal, words) in [("INT", &[][..]), ("TERM", &["--flagger"]), ("HUP", &["--auto"])] {
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = folder.path().join("kubeconfig");
        let (child, _out, err) = demo(words, &kubeconfig).await;
        let pid = child.id().unwrap().to_string();
        Command::new("kill").args([&format!("-{signal}"), &pid]).status().await.unwrap();
        let (status, said) = ended(child, err).await;
        assert!(status.success() && said.is_empty(), "{signal}: {status}: {said}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{signal}");
    }
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_a_demo_and_its_kubeconfig() {
    for words in [&["--flagger"][..], &["--auto"]] {
        let folder = tempfile::tempdir().unwrap();
        let (child, out, err) = demo(words, &folder.path().join("kubeconfig")).await;
        drop(out);
        let (status, said) = ended(child, err).await;
        assert!(status.success() && said.is_empty(), "{words:?}: {status}: {said}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{words:?}");
    }
}

#[tokio::test]
async fn a_demo_leaves_a_file_alone_that_no_demo_has_written() {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("config");
    std::fs::write(&kubeconfig, "clusters: [production]\n").unwrap();
    let mut command = serin(&["demo", "--auto", "--kubeconfig", kubeconfig.to_str().unwrap()]);
    let Output { status, stdout, stderr } = timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!((status.code(), stdout.len()), (Some(1), 0), "{said}");
    assert!(said.contains("name another file with --kubeconfig") && said.lines().count() == 1, "{said}");
    assert_eq!(std::fs::read_to_string(&kubeconfig).unwrap(), "clusters: [production]\n");
}

const GATE: &str = "arms: {stable: {track: stable}, canary: {track: canary}}
metrics:
- name: errors
  events: http_requests_total{code=~\"5..\"}
  exposure: http_requests_total
";
const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/judge/canary.json");
const PAIRS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/judge/pairs-70-60.json");
/// Commands that write, and their exit codes when nothing can be written and when nobody reads.
const WRITERS: [(&[&str], i32, i32); 8] = [
    (&["crds"], 1, 0),
    (&["flagger", "-version"], 1, 0),
    (&["rollouts", "version"], 1, 0),
    (&["rollouts", "--help"], 1, 0),
    (&["canary", "completion", "bash"], 1, 0),
    (&["gate", "lint", "-c", "gate.yaml"], 2, 0),
    // A verdict is in the exit code: Fail.
    (&["judge", "--config", CONFIG, "--pairs", PAIRS], 74, 1),
    (&["demo", "--flagger"], 1, 0),
];

/// The exit code and what is said when a command writes to `out`; nothing is left in the folder for temporary files.
async fn run(words: &[&str], out: impl Into<Stdio>) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("gate.yaml"), GATE).unwrap();
    let mut command = serin(words);
    command.env("TMPDIR", folder.path()).current_dir(folder.path()).stdout(out).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let output = timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "{words:?}");
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test]
async fn a_full_disk_is_one_line_and_an_exit_code() {
    for (words, code, _) in WRITERS {
        let (ended, said) = run(words, File::options().write(true).open("/dev/full").unwrap()).await;
        assert_eq!(ended, Some(code), "{words:?}: {said}");
        assert!(said.starts_with("Error: writing to standard output: No space left"), "{words:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{words:?}: {said}");
    }
}

#[tokio::test]
async fn a_reader_that_is_gone_is_no_failure() {
    for (words, _, code) in WRITERS {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        assert_eq!(run(words, writer).await, (Some(code), String::new()), "{words:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_told_on_standard_error_is_not_told() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    for words in
        [&["demo", "--kubeconfig", "/"][..], &["canary", "get", "--nope"], &["flagger", "-slack-url", "x"]]
    {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut command = serin(words);
        command.stdout(writer.try_clone().unwrap()).stderr(full).env("KUBECONFIG", "/dev/null");
        let status = timeout(PATIENCE, command.status()).await.unwrap().unwrap();
        assert!(matches!(status.code(), Some(1 | 2)), "{words:?}: {status}");
    }
    drop(writer);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "");
}
