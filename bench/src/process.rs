//! The process under measurement: started by its command line, its memory and processor time read from /proc.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::process::{Child, Command};

/// Linux counts processor time in hundredths of a second on every architecture that we run on.
const TICKS_PER_SECOND: f64 = 100.0;
/// How long a controller may take to end.
const FAREWELL: Duration = Duration::from_secs(15);

/// A running controller.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pid: u32,
}

/// What a process has used so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Seconds of processor time, user and system.
    pub(crate) cpu_s: f64,
    /// Resident memory now, MiB.
    pub(crate) rss_mib: f64,
    /// The most it ever was, MiB.
    pub(crate) peak_mib: f64,
}

impl Process {
    /// Starts a command line with a kubeconfig of its own; its output goes to `log`.
    pub(crate) fn start(command: &str, kubeconfig: &Path, log: &Path) -> Result<Self> {
        let out = std::fs::File::create(log).with_context(|| format!("creating {}", log.display()))?;
        let child = Command::new("bash")
            .args(["-c", &format!("exec {command}")])
            .env("KUBECONFIG", kubeconfig)
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {command}"))?;
        let pid = child.id().context("the controller has ended at once")?;
        Ok(Self { child, pid })
    }

    /// What it has used so far.
    pub(crate) fn usage(&self) -> Result<Usage> {
        let read = |name: &str| {
            std::fs::read_to_string(format!("/proc/{}/{name}", self.pid))
                .context("the controller has ended by itself")
        };
        let (stat, status) = (read("stat")?, read("status")?);
        // Nobody has collected it yet.
        ensure!(!status.contains("\nState:\tZ"), "the controller has ended by itself");
        // After the name in parentheses, which may hold anything, user and system time are the 12th and 13th field.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks =
            |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
        ensure!(13 < fields.len(), "/proc/{}/stat has {} fields", self.pid, fields.len());
        let mib = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
        };
        Ok(Usage {
            cpu_s: (ticks(11) + ticks(12)) / TICKS_PER_SECOND,
            rss_mib: mib("VmRSS:"),
            peak_mib: mib("VmHWM:"),
        })
    }

    /// Asks it to end and insists.
    pub(crate) async fn stop(mut self) -> Result<()> {
        Command::new("kill").arg(self.pid.to_string()).status().await?;
        if tokio::time::timeout(FAREWELL, self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        Ok(())
    }
}
