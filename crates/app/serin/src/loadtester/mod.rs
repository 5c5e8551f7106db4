//! `serin loadtester`: gates, tasks and load for the web hooks of a Canary, until it is told to stop.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, bail};
use clap::{ArgAction, Args, ValueEnum};
use serin_cluster::{access::Access, direct::Direct};
use serin_loadtester::{Door, Encoding, Gates, Level, Log, Settings, Tester, serve};

use crate::{controller::leading, out};

/// Serve gates, tasks and load for the web hooks of Canaries
#[derive(Args, Debug)]
#[command(args_override_self = true)] // as in Go, the last one counts
pub(crate) struct LoadtesterArgs {
    /// Least important lines that are logged
    #[arg(long, value_enum, default_value_t = Least::Debug)]
    log_level: Least,
    /// Port of everything
    #[arg(long, default_value_t = 9090)]
    port: u16,
    /// IPv4 or IPv6 address on which it is served; :: is every address of both kinds, 0.0.0.0 of IPv4 alone
    #[arg(long, value_name = "ADDRESS", default_value_t = serin_server::EVERYWHERE)]
    bind_address: IpAddr,
    /// Time of a task, after which all of its processes are killed
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration)]
    timeout: Duration,
    /// Serve only namespaces that this regular expression matches somewhere
    #[arg(long, value_name = "REGEXP", default_value = "", hide_default_value = true)]
    namespace_regexp: String,
    /// Serve only these namespaces, with commas between them
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    namespaces: Option<Vec<String>>,
    /// Serve only requests with the token in this file, as Authorization: Bearer or as a password
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Keep gates in this ConfigMap, shared by all copies [default: in memory]
    #[arg(long, value_name = "NAMESPACE/NAME")]
    gates_configmap: Option<String>,
    /// Kubeconfig for --gates-configmap [default: as kubectl finds it, or the pod's service account]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Tasks at once
    #[arg(long, value_name = "COUNT", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    max_tasks: u16,
    /// Bytes that are kept of what a task writes
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20)]
    max_output: u32,
    /// How lines are logged
    #[arg(long, value_enum, default_value_t = Form::Json)]
    zap_encoding: Form,
    /// Accepted and not needed: there is no global logger of Go
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = ArgAction::Set, hide = true)]
    zap_replace_globals: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Least {
    Debug,
    Info,
    #[value(alias = "warning")]
    Warn,
    #[value(aliases = ["fatal", "panic"])]
    Error,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    Json,
    Console,
}

/// Runs the load tester.
pub(crate) async fn run(args: &LoadtesterArgs) -> anyhow::Result<ExitCode> {
    let least = match args.log_level {
        Least::Debug => Level::Debug,
        Least::Info => Level::Info,
        Least::Warn => Level::Warn,
        Least::Error => Level::Error,
    };
    let encoding = match args.zap_encoding {
        Form::Json => Encoding::Json,
        Form::Console => Encoding::Console,
    };
    let log = Log::new(least, encoding, |line| out::complain(line));
    let door = Door::new(Some(&args.namespace_regexp), args.namespaces.clone(), args.token_file.as_deref())?;
    let settings = Settings {
        timeout: args.timeout,
        tasks_max: usize::from(args.max_tasks),
        output_max: usize::try_from(args.max_output)?,
        gates: gates(args).await?,
        path: None,
        log: log.clone(),
        door,
    };
    let stop = leading::stopped_by_signals()?;
    let address = SocketAddr::from((args.bind_address, args.port));
    let ready = |bound| log.info(None, &format!("starting HTTP server on {bound}"));
    serve(&Tester::new(settings), address, stop, ready).await.context("-port, -bind-address")?;
    log.info(None, "stopped");
    Ok(ExitCode::SUCCESS)
}

async fn gates(args: &LoadtesterArgs) -> anyhow::Result<Gates> {
    let Some(place) = &args.gates_configmap else { return Ok(Gates::in_memory()) };
    let Some((namespace, name)) = place.split_once('/').filter(|(_, name)| !name.contains('/')) else {
        bail!("-gates-configmap is {place:?}: it must be NAMESPACE/NAME");
    };
    if namespace.is_empty() || name.is_empty() {
        bail!("-gates-configmap is {place:?}: it must be NAMESPACE/NAME");
    }
    let access = Access { kubeconfig: args.kubeconfig.clone(), ..Access::default() };
    let connection = access.connect(concat!("serin-loadtester/", env!("CARGO_PKG_VERSION"))).await?;
    Ok(Gates::in_config_map(Direct::new(connection.client), namespace, name))
}

/// Durations as Go's flags take them: `15s`, `1m30s`, `500ms`.
fn duration(text: &str) -> Result<Duration, String> {
    let found = serin_lang::duration::GoDuration::parse(text).ok();
    let found = found.and_then(|found| u64::try_from(found.nanos()).ok()).filter(|nanos| 0 < *nanos);
    found.map(Duration::from_nanos).ok_or_else(|| format!("`{text}` is not a duration such as 15s or 1h"))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::Parser;

    use super::*;
    use crate::flagger::with_two_hyphens;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: LoadtesterArgs,
    }

    fn parse(words: &str) -> Result<LoadtesterArgs, clap::Error> {
        let words = format!("loadtester {words}");
        let words = with_two_hyphens(words.split_whitespace().map(OsString::from));
        Line::try_parse_from(words).map(|line| line.args)
    }

    #[test]
    fn the_flags_of_flaggers_load_tester_are_accepted_in_its_form() {
        let line = "-log-level=info -port=8080 -timeout 30s -namespace-regexp ^a$ -zap-replace-globals -zap-encoding console";
        let args = parse(line).unwrap();
        assert_eq!((args.port, args.timeout, args.log_level), (8080, Duration::from_secs(30), Least::Info));
        assert_eq!((args.namespace_regexp.as_str(), args.zap_encoding), ("^a$", Form::Console));
        let args = parse("").unwrap();
        assert_eq!((args.port, args.timeout, args.log_level), (9090, Duration::from_hours(1), Least::Debug));
        assert_eq!(args.bind_address, serin_server::EVERYWHERE);
        let args =
            parse("-port 1 -port=2 -timeout 1s -timeout 2s -zap-replace-globals -zap-replace-globals=false")
                .unwrap();
        assert_eq!((args.port, args.timeout, args.zap_replace_globals), (2, Duration::from_secs(2), false));
        let args = parse("--namespaces a --namespaces b -max-tasks 2 -max-tasks 3").unwrap();
        assert_eq!((args.namespaces, args.max_tasks), (Some(vec!["a".to_owned(), "b".to_owned()]), 3));
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for words in ["-port x", "-timeout 5", "-timeout 0s", "-log-level loud", "-max-tasks 0", "-nope"] {
            let error = parse(words).unwrap_err().to_string();
            assert!(error.contains(words.split_whitespace().next().unwrap()), "{words}: {error}");
        }
    }

    #[tokio::test]
    async fn a_config_map_needs_a_namespace_and_a_name() {
        for place in ["x", "/x", "x/", "a/b/c"] {
            let args = parse(&format!("-gates-configmap {place}")).unwrap();
            assert!(
                gates(&args).await.is_err_and(|error| error.to_string().contains("NAMESPACE/NAME")),
                "{place}"
            );
        }
    }
}
