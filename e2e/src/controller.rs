//! The process under test: the real binary, started as a user starts it, stopped by its own process id.

use std::path::{Path, PathBuf};
use std::process::Stdio;
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
        let log = folder.join("controller.log");
        let out =
            std::fs::File::options().create(true).append(true).open(&log).context("the controller's log")?;
        let metrics_port = free_port()?;
        let child = Command::new(binary()?)
            .arg("controller")
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .arg("--leader-elect=false")
            .arg(format!("--metricsPort={metrics_port}"))
            .arg(format!("--healthzPort={}", free_port()?))
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .kill_on_drop(true)
            .spawn()
            .context("starting the controller")?;
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

fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
