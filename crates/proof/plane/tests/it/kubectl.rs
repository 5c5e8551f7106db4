//! A recorded kubectl session, over TLS: what a real kube-apiserver printed, the plane prints too.
//!
//! `SERIN_PLANE_KUBECONFIG` names another target to hold against the recording, and
//! `SERIN_PLANE_RECORD=1` writes what the target prints into it (only ever do that with a real API
//! server as the target).

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serin_plane::{Options, Plane};

/// The longest that one command may take before the session is given up, in seconds.
const COMMAND_SECONDS_MAX: u32 = 30;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/kubectl")
}

/// Runs one command of the session; both outputs, normalised.
fn run(command: &str, kubeconfig: &Path) -> String {
    let output = Command::new("timeout")
        .args([&COMMAND_SECONDS_MAX.to_string(), "bash", "-c", &format!("({command}) 2>&1")])
        .env("KUBECONFIG", kubeconfig)
        .env("KUBECACHEDIR", kubeconfig.with_extension("cache"))
        .current_dir(folder())
        .output()
        .unwrap();
    normalised(&String::from_utf8_lossy(&output.stdout))
}

/// Takes out what differs from run to run: times, ages, uids, versions, cluster addresses.
fn normalised(text: &str) -> String {
    let rules = [
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID"),
        (r"resourceVersion: .*", "resourceVersion: N"),
        (r"10\.96\.\d+\.\d+", "ADDRESS"),
        (r" +(\d+[smh])+( |$)", " AGE$2"),
        (r" +(AGE|CLUSTER-IP|EXTERNAL-IP|PORT\(S\)|ADDRESS|<none>|\d+/TCP)", " $1"),
        (r"AGE +", "AGE "),
        (r" +$", ""),
    ];
    rules.iter().fold(text.to_owned(), |text, (pattern, with)| {
        let pattern = regex::RegexBuilder::new(pattern).multi_line(true).build().unwrap();
        pattern.replace_all(&text, *with).into_owned()
    })
}

/// The session with what the target prints now.
fn replay(session: &str, kubeconfig: &Path) -> String {
    let mut out = String::new();
    for line in session.lines() {
        if line.starts_with('#') || line.is_empty() {
            writeln!(out, "{line}").unwrap();
        } else if let Some(command) = line.strip_prefix("$ ") {
            writeln!(out, "{line}").unwrap();
            for line in run(command, kubeconfig).lines() {
                writeln!(out, "  {line}").unwrap();
            }
        }
    }
    out
}

#[test]
fn a_kubectl_session_prints_what_a_real_api_server_prints() {
    if Command::new("kubectl").args(["version", "--client"]).output().is_err() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "CI needs kubectl");
        eprintln!("skipped: there is no kubectl");
        return;
    }
    let folder_of_run = tempfile::tempdir().unwrap();
    let kubeconfig = folder_of_run.path().join("kubeconfig");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = if let Some(other) = std::env::var_os("SERIN_PLANE_KUBECONFIG") {
        std::fs::copy(other, &kubeconfig).unwrap();
        None
    } else {
        let plane = Plane::new(Options::default());
        let addr = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = runtime.block_on(plane.listen(addr)).unwrap();
        std::fs::write(&kubeconfig, listener.kubeconfig()).unwrap();
        Some(listener)
    };
    let file = folder().join("session.txt");
    let recorded = std::fs::read_to_string(&file).unwrap();
    let replayed = replay(&recorded, &kubeconfig);
    if let Some(listener) = listener {
        runtime.block_on(listener.shutdown());
    }
    if std::env::var_os("SERIN_PLANE_RECORD").is_some() {
        std::fs::write(&file, replayed).unwrap();
        return;
    }
    let differences = differences(&recorded, &replayed);
    assert!(differences.is_empty(), "the plane prints otherwise:\n{}", differences.join("\n"));
}

/// The commands whose output differs, with both outputs.
fn differences(recorded: &str, replayed: &str) -> Vec<String> {
    let split = |text: &str| -> Vec<String> {
        text.split("\n$ ").map(|part| part.split("\n\n").next().unwrap_or("").to_owned()).collect()
    };
    let (wanted, got) = (split(recorded), split(replayed));
    assert_eq!(wanted.len(), got.len(), "the session has other commands than its recording");
    wanted
        .iter()
        .zip(&got)
        .filter(|(wanted, got)| wanted.trim_end() != got.trim_end())
        .map(|(wanted, got)| format!("$ {wanted}\n--- but here\n$ {got}\n"))
        .collect()
}
