//! The process under test: the real binary, started as a user starts it, stopped by its own process id.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long the controller may take to end after it was asked to.
const FAREWELL: Duration = Duration::from_secs(10);

/// A running controller.
#[derive(Debug)]
pub struct Controller {
    child: Child,
    log: PathBuf,
    /// Where its metrics are.
    pub metrics_port: u16,
}

impl Controller {
    /// Starts `serin controller` on a cluster; its output goes to a file in `folder`.
    pub fn start(kubeconfig: &Path, folder: &Path) -> Result<Self> {
        let (metrics_port, health_port) = (free_port()?, free_port()?);
        let mut command = Command::new(binary()?);
        command.args(["controller", "--leader-elect=false", "--kubeconfig"]).arg(kubeconfig);
        command.arg(format!("--metricsPort={metrics_port}")).arg(format!("--healthzPort={health_port}"));
        Self::spawn(command, folder.join("controller.log"), metrics_port)
    }

    /// Starts `serin flagger` for one namespace, with these arguments more.
    pub fn flagger(kubeconfig: &Path, folder: &Path, namespace: &str, more: &[String]) -> Result<Self> {
        let metrics_port = free_port()?;
        let mut command = Command::new(binary()?);
        command.args(["flagger", "-namespace", namespace, "-kubeconfig"]).arg(kubeconfig);
        command.args(["-port", &metrics_port.to_string()]).args(more);
        Self::spawn(command, folder.join(format!("{namespace}.log")), metrics_port)
    }

    /// Starts `serin loadtester`; `metrics_port` is that of all it serves.
    pub fn loadtester(folder: &Path, name: &str) -> Result<Self> {
        let port = free_port()?;
        let mut command = Command::new(binary()?);
        command.args(["loadtester", "--bind-address=127.0.0.1", &format!("--port={port}")]);
        Self::spawn(command, folder.join(format!("{name}-loadtester.log")), port)
    }

    fn spawn(mut command: Command, log: PathBuf, metrics_port: u16) -> Result<Self> {
        let out =
            std::fs::File::options().create(true).append(true).open(&log).context("the controller's log")?;
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out).kill_on_drop(true);
        let child = command.spawn().context("starting the controller")?;
        Ok(Self { child, log, metrics_port })
    }

    /// Asks the process to end, and insists when it does not.
    pub async fn stop(mut self) -> Result<()> {
        let Some(pid) = self.child.id() else {
            bail!("the controller had ended by itself:\n{}", self.tail(""))
        };
        // SIGTERM through kill(1): the crate forbids unsafe code, and a plain kill would skip the controller's own farewell.
        Command::new("kill").arg(pid.to_string()).status().await?;
        if timeout(FAREWELL, self.child.wait()).await.is_err() {
            self.child.kill().await?;
            bail!("the controller did not end within {} s of SIGTERM", FAREWELL.as_secs());
        }
        Ok(())
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The last lines of its log that contain a text.
    #[must_use]
    pub fn tail(&self, containing: &str) -> String {
        tail(&self.log, containing)
    }

    /// The file that it writes to.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }
}

/// The last lines of a log that contain a text.
#[must_use]
pub fn tail(log: &Path, containing: &str) -> String {
    /// Enough to see what led to a failure, few enough to be read.
    const LINES: usize = 30;
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains(containing)).collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// The binary under test: `SERIN_BIN`, or the one that cargo builds beside this test.
pub fn binary() -> Result<PathBuf> {
    /// Found once: looking for it may build it.
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    match FOUND.get() {
        Some(path) => Ok(path.clone()),
        None => find_binary().map(|path| FOUND.get_or_init(|| path).clone()),
    }
}

fn find_binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("SERIN_BIN").map(PathBuf::from)
        && path.is_file()
    {
        return Ok(path);
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = std::process::Command::new(cargo)
        .args(["build", "--quiet", "-p", "serin"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .status()
        .context("cargo build -p serin")?;
    if !status.success() {
        bail!("cargo build -p serin failed");
    }
    // target/debug/deps/scenarios-HASH → target/debug/serin
    let here = std::env::current_exe()?;
    let path = here.ancestors().nth(2).context("a test program lies in target/PROFILE/deps")?.join("serin");
    if !path.is_file() {
        bail!("{} is not there: set SERIN_BIN to the program under test", path.display());
    }
    Ok(path)
}

/// A port of loopback that is free right now.
pub fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
