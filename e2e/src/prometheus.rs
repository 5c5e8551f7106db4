//! A real Prometheus for a while (Debian: apt-get install prometheus).

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result};

/// A Prometheus that ends with this.
#[derive(Debug)]
pub struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Starts one that scrapes as `config` says, keeps its data and its log in `folder`, and listens on `port` of loopback.
///
/// # Errors
/// When a file cannot be written, or there is no such program.
pub fn start(folder: &Path, port: &str, config: &str, flags: &[&str]) -> Result<Running> {
    std::fs::create_dir_all(folder.join("data"))?;
    std::fs::write(folder.join("prometheus.yml"), config)?;
    let log = std::fs::File::create(folder.join("prometheus.log"))?;
    let child = Command::new("prometheus")
        .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .args(flags)
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .context("starting prometheus (Debian: apt-get install prometheus)")?;
    Ok(Running(child))
}
