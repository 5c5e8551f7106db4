//! Arguments that the verbs share.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use clap::{ArgGroup, Args};
use serin_gate::config::{Config, Overrides, Selector};
use serin_sources::{Access, Limits, Prometheus};

use super::files::{self, secret};

/// gate.yaml is written by people.
const CONFIG_BYTES_MAX: u64 = 4 << 20;
/// A token or password is a line, certificates are some pages.
const SECRET_BYTES_MAX: u64 = 64 << 10;
const CA_BYTES_MAX: u64 = 4 << 20;
const CONNECTION: &str = "Prometheus";

/// Which configuration.
#[derive(Args)]
pub(super) struct ConfigArgs {
    /// What is promised and asked for (gate.yaml); - is standard input
    #[arg(short, long, value_name = "FILE")]
    pub(super) config: PathBuf,
    /// The labels of the stable version, in place of arms.stable; more of them with commas between
    #[arg(long, value_name = "LABEL=VALUE", value_parser = Selector::parse)]
    pub(super) baseline: Option<Selector>,
    /// The labels of the canary, in place of arms.canary
    #[arg(long, value_name = "LABEL=VALUE", value_parser = Selector::parse)]
    pub(super) canary: Option<Selector>,
}

impl ConfigArgs {
    /// The configuration, or why there is none: with file, line and field.
    pub(super) fn read(&self) -> Result<Config> {
        let name = files::name(&self.config);
        let text = files::text(&self.config, CONFIG_BYTES_MAX)?;
        let overrides = Overrides { baseline: self.baseline.clone(), canary: self.canary.clone() };
        Config::read(&text, &overrides).map_err(|error| anyhow::anyhow!("{name}: {error}"))
    }
}

/// Data come from one place: what is missing is told with both.
pub(super) fn one_source() -> ArgGroup {
    ArgGroup::new("source").args(["counts", "prometheus"]).required(true)
}

impl ConfigArgs {
    /// The configuration for a verb that knows single gates only.
    pub(super) fn read_single(&self, verb: &str) -> Result<Config> {
        let config = self.read()?;
        ensure!(
            config.groups.is_none(),
            "{}: gate {verb} knows no `groups`: leave them out for all members as one, or select one member in the queries",
            files::name(&self.config)
        );
        Ok(config)
    }
}

/// Where the data are, and how they are reached.
#[derive(Args)]
pub(super) struct SourceArgs {
    /// The Prometheus with the data
    #[arg(long, value_name = "URL", help_heading = CONNECTION)]
    pub(super) prometheus: Option<String>,
    /// A file with a bearer token for it
    #[arg(long, value_name = "FILE", requires = "prometheus", conflicts_with = "user", help_heading = CONNECTION)]
    token_file: Option<PathBuf>,
    /// The user for a password
    #[arg(long, value_name = "NAME", requires = "prometheus", requires = "password_file", help_heading = CONNECTION)]
    user: Option<String>,
    /// A file with the password
    #[arg(long, value_name = "FILE", requires = "user", help_heading = CONNECTION)]
    password_file: Option<PathBuf>,
    /// A file with the certificates to trust (PEM), in place of those of this machine
    #[arg(long, value_name = "FILE", requires = "prometheus", help_heading = CONNECTION)]
    ca_file: Option<PathBuf>,
}

impl SourceArgs {
    /// The source, if one is given.
    pub(super) fn connect(&self) -> Result<Option<Prometheus>> {
        let Some(address) = &self.prometheus else { return Ok(None) };
        let token = self.token_file.as_ref().map(|path| secret(path, SECRET_BYTES_MAX)).transpose()?;
        let basic = match (&self.user, &self.password_file) {
            (Some(user), Some(path)) if !user.contains(':') => {
                Some((user.clone(), secret(path, SECRET_BYTES_MAX)?))
            }
            (Some(user), Some(_)) => bail!("--user {user:?}: a name has no colon"),
            _ => None,
        };
        let ca = self.ca_file.as_ref().map(|path| files::bytes(path, CA_BYTES_MAX)).transpose()?;
        let access = Access { token, basic, ca };
        Prometheus::new(address, &access, Limits::default()).map(Some).context("--prometheus")
    }
}
