//! A recorded kubectl session, over TLS: what a real kube-apiserver printed, the plane prints too.
//!
//! `SERIN_E2E_KUBECONFIG` names another target to hold against the recording, and
//! `SERIN_PLANE_RECORD=1` writes what the target prints into it (only ever do that with a real API
//! server as the target).

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serin_plane::{Listener, Options, Plane};
use tokio_util::sync::CancellationToken;

/// The longest that one command may take before the session is given up, in seconds.
const COMMAND_SECONDS_MAX: u32 = 30;

/// A real node controller gives a silent node up after 40 s; this lets one renewal fail.
const HEARTBEAT: Duration = Duration::from_secs(20);

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
        (r"-[bcdfghjklmnpqrstvwxz2456789]{6,10}-[bcdfghjklmnpqrstvwxz2456789]{5}\b", "-POD"),
        (r"-[bcdfghjklmnpqrstvwxz2456789]{8,10}\b", "-HASH"),
        (r"=[bcdfghjklmnpqrstvwxz2456789]{8,10}\b", "=HASH"),
        (r":3[0-2]\d{3}/TCP", ":PORT/TCP"),
        (r"odePort(\W+)3[0-2]\d{3}", "odePort${1}PORT"),
        (r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w+ \d{4} .*", "TIME"),
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
    hold("session.txt", Bare);
}

#[test]
fn a_kubectl_session_with_workloads_prints_what_a_real_cluster_prints() {
    hold("workloads.txt", Peopled);
}

/// What runs beside the API.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cast {
    /// Nothing.
    Bare,
    /// The node double, and on the plane the workload controllers.
    Peopled,
}
use Cast::{Bare, Peopled};

/// Replays a recorded session and holds what is printed against the recording.
fn hold(session: &str, cast: Cast) {
    if !serin_needs::kubectl() {
        return;
    }
    let folder_of_run = tempfile::tempdir().unwrap();
    let kubeconfig = folder_of_run.path().join("kubeconfig");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stop = CancellationToken::new();
    let listener = runtime.block_on(target(&kubeconfig, cast, &stop));
    let file = folder().join(session);
    let recorded = std::fs::read_to_string(&file).unwrap();
    let replayed = replay(&recorded, &kubeconfig);
    stop.cancel();
    if let Some(listener) = listener {
        runtime.block_on(listener.shutdown());
    }
    if std::env::var_os("SERIN_PLANE_RECORD").is_some() {
        std::fs::write(&file, replayed).unwrap();
        return;
    }
    let differences = differences(&recorded, &replayed);
    assert!(differences.is_empty(), "the target prints otherwise:\n{}", differences.join("\n"));
}

/// Starts the target, or takes the one that the environment names; writes its kubeconfig.
async fn target(kubeconfig: &Path, cast: Cast, stop: &CancellationToken) -> Option<Listener> {
    let (client, listener) = if let Some(other) = serin_needs::real_server() {
        std::fs::copy(other, kubeconfig).unwrap();
        let config = kube::config::Kubeconfig::read_from(kubeconfig).unwrap();
        let options = kube::config::KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(config, &options).await.unwrap();
        (kube::Client::try_from(config).unwrap(), None)
    } else {
        let plane = Plane::new(Options::default());
        let listener = plane.listen(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        std::fs::write(kubeconfig, listener.kubeconfig()).unwrap();
        (plane.client(), Some(listener))
    };
    if cast == Peopled {
        if listener.is_some() {
            let options = serin_workloads::Options::default();
            tokio::spawn(serin_workloads::run(client.clone(), options, stop.clone()));
        }
        let options = serin_nodes::Options {
            node_prefix: "serin-session".to_owned(),
            addresses: serin_nodes::Addresses::None,
            heartbeat: listener.is_none().then_some(HEARTBEAT),
            terminate_after: Duration::from_millis(200),
            ..serin_nodes::Options::default()
        };
        serin_nodes::NodeDouble::start(client, options, stop.clone()).await.unwrap();
    }
    listener
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
