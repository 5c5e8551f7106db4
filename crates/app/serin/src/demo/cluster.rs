//! The demo's cluster in one process: API, workload controllers and nodes.

use std::{
    io::Write,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use jiff::Timestamp;
use serde_json::Value;
use serin_cluster::{Client, KubeApi, Settings, direct::Direct};
use serin_kernel::Kind;
use serin_nodes::NodeDouble;
use serin_plane::{Listener, Plane};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

const DEFINITION: Kind =
    Kind::cluster("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions");

/// What time it is: one clock for everything in the cluster.
pub(super) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Everything that runs, until it is stopped.
pub(super) struct Cluster {
    client: Client,
    clock: Clock,
    kubeconfig: PathBuf,
    listener: Listener,
    stop: CancellationToken,
    running: TaskTracker,
}

/// An address of this machine alone.
pub(super) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

impl Cluster {
    /// Starts a cluster that knows `definitions`, and writes a kubeconfig for kubectl.
    pub(super) async fn start(
        kubeconfig: &Path,
        api_port: u16,
        definitions: &[Value],
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let (stop, running) = (CancellationToken::new(), TaskTracker::new());
        let plane =
            Plane::new(serin_plane::Options { clock: clock.clone(), ..serin_plane::Options::default() });
        let listener = plane.listen(loopback(api_port)).await.context("the API server")?;
        let client = plane.client();
        install(&client, definitions).await?;
        let (workloads, token) = (client.clone(), stop.clone());
        let options =
            serin_workloads::Options { clock: clock.clone(), ..serin_workloads::Options::default() };
        running.spawn(async move {
            if let Err(error) = serin_workloads::run(workloads, options, token).await {
                eprintln!("Error: the workload controllers: {error}");
            }
        });
        let options = serin_nodes::Options { clock: clock.clone(), ..serin_nodes::Options::default() };
        let nodes = NodeDouble::start(client.clone(), options, stop.clone()).await?;
        running.spawn(nodes.stopped());
        keep(kubeconfig, &listener.kubeconfig())
            .with_context(|| format!("writing {}", kubeconfig.display()))?;
        Ok(Self { client, clock, kubeconfig: kubeconfig.to_owned(), listener, stop, running })
    }

    /// A client of its API.
    pub(super) fn client(&self) -> Client {
        self.client.clone()
    }

    /// The kubeconfig that was written.
    pub(super) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// What ends with the cluster.
    pub(super) fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// What the cluster waits for when it is stopped.
    pub(super) fn running(&self) -> &TaskTracker {
        &self.running
    }

    /// How a controller of ours sees the cluster.
    pub(super) fn seen(&self) -> (Arc<KubeApi>, Settings) {
        let clock = self.clock.clone();
        (Arc::new(KubeApi::new(self.client())), Settings::new(Arc::new(move || clock().into())))
    }

    /// Stops it all.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        self.running.close();
        self.running.wait().await;
        discard(&self.kubeconfig, &self.listener.kubeconfig());
        self.listener.shutdown().await;
    }
}

/// Takes a kubeconfig away whose server is going. It may be gone already, or be that of another demo by now.
fn discard(path: &Path, text: &str) {
    if std::fs::read_to_string(path).is_ok_and(|found| found == text) {
        let _ = std::fs::remove_file(path);
    }
}

/// Writes a kubeconfig that only its owner can read: it holds an administrator's token. A file of an earlier demo is
/// replaced at one stroke, and a link is never followed.
fn keep(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(path).map(|_| ()).map_err(|failed| failed.error)
}

/// Installs definitions.
async fn install(client: &Client, definitions: &[Value]) -> anyhow::Result<()> {
    let api = Direct::new(client.clone());
    for definition in definitions {
        let name =
            definition.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
        api.create(DEFINITION, "", definition).await.with_context(|| format!("installing {name}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_kubeconfig_is_its_owners_alone_and_follows_no_link() {
        let folder = tempfile::tempdir().unwrap();
        let (theirs, ours) = (folder.path().join("theirs"), folder.path().join("config"));
        std::fs::write(&theirs, "theirs").unwrap();
        symlink(&theirs, &ours).unwrap();
        for text in ["first", "second"] {
            keep(&ours, text).unwrap();
            assert_eq!(std::fs::read_to_string(&ours).unwrap(), text);
            assert_eq!(std::fs::symlink_metadata(&ours).unwrap().permissions().mode() & 0o7777, 0o600);
        }
        assert_eq!(std::fs::read_to_string(&theirs).unwrap(), "theirs");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left behind");
        discard(&ours, "first");
        assert!(ours.exists(), "another demo's by now");
        discard(&ours, "second");
        assert!(!ours.exists());
    }
}
