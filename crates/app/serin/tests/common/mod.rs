//! Commands as a user runs them: folders with files, and all that comes of a command as text.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// A folder with these files.
pub(crate) fn files(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// Runs `serin COMMAND` in `folder`: the line that was typed, standard output, standard error (lines with `!`), exit code.
pub(crate) fn session(folder: &Path, command: &str, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_serin"))
        .arg(command)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its arguments ends without reading.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let typed = |word: &&str| if word.contains(' ') { format!("'{word}'") } else { (*word).to_owned() };
    let typed: Vec<String> = arguments.iter().map(typed).collect();
    let mut text =
        format!("$ serin {command} {}\n{}", typed.join(" "), String::from_utf8(output.stdout).unwrap());
    for line in String::from_utf8(output.stderr).unwrap().lines() {
        writeln!(text, "! {line}").unwrap();
    }
    writeln!(text, "exit {}\n", output.status.code().unwrap()).unwrap();
    text
}
