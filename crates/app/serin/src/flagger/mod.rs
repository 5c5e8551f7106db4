//! `serin flagger`: serves the Canaries of a cluster in Flagger's place.
//!
//! Ends with 0 when it was told to stop, and with 1 when it could not start or lost its lease.

mod args;
mod check;
mod place;
pub(crate) mod zap;

use std::{collections::BTreeMap, net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use serin_api::{
    flagger::{ChatKind, Provider},
    kinds,
};
use serin_calls::{Http, Limits};
use serin_canary::{CanaryPlanner, Environment, Settings, objects::ObjectSettings};
use serin_cluster::{
    Cluster, KubeApi, Lock, LockTimes,
    access::{Access, Connection, usable},
    clock,
};
use serin_engine::{Engine, Options};
use serin_notify::{Recipient, picture::Theme};
use serin_server::Facts;
use tokio_util::sync::CancellationToken;

pub(crate) use args::{FlaggerArgs, with_two_hyphens};

use crate::{
    controller::{leading, logs},
    out,
};

/// The lease that Flagger's controller takes, so that the two can never work side by side.
const LEASE: &str = "flagger-leader-election";
/// Flagger's times for it.
const TIMES: LockTimes = LockTimes {
    lease_duration: Duration::from_mins(1),
    renew_deadline: Duration::from_secs(15),
    retry_period: Duration::from_secs(5),
};
/// Looks at work at the same time: some times as many as there are changes under way, so that those whose time has come can ask
/// their metrics before the changes of those before them are made.
const LOOKS: usize = 128;
/// Looks that wait for web hooks and metric servers at the same time: one that hangs delays nobody.
const ASKING: usize = 4096;
/// The component that events come from.
const COMPONENT: &str = "flagger";
/// The version told by metrics and logs.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs the controller.
pub(crate) async fn run(args: &FlaggerArgs) -> anyhow::Result<ExitCode> {
    if args.version {
        out::say(format_args!("serin {VERSION}"))?;
        return Ok(ExitCode::SUCCESS);
    }
    one_cluster(args)?;
    logs::start_by_words(&args.log_level, &args.zap_encoding);
    let namespace = Some(args.namespace.clone()).filter(|namespace| !namespace.is_empty());
    if !args.master.is_empty() {
        usable(&args.master).context("-master")?;
    }
    let access = Access {
        kubeconfig: Some(&args.kubeconfig).filter(|path| !path.is_empty()).map(Into::into),
        server: Some(args.master.clone()).filter(|server| !server.is_empty()),
        namespace: namespace.clone(),
        ..Access::default()
    };
    let Connection { client, server, .. } = access.connect(&format!("serin/{VERSION}")).await?;
    tracing::info!(version = VERSION, server, namespace, "starting");
    let settings = settings(args, |name| std::env::var(name).ok())?;
    if let Some(doubt) = doubt(&args.mesh_provider) {
        tracing::warn!("{doubt}");
    }
    let stop = leading::stopped_by_signals()?;
    let watching = CancellationToken::new();
    let mut looked_at = serin_cluster::Settings::new(clock::system());
    looked_at.namespace.clone_from(&namespace);
    (looked_at.qps, looked_at.burst) = args.requests()?;
    looked_at.seed = u64::from(std::process::id());
    let (cluster, engine) = engine(Arc::new(KubeApi::new(client)), looked_at, settings, &watching)?;
    serve((args.port, &args.mesh_provider), &cluster, &engine, &watching).await?;
    // Nothing waits for it.
    tokio::spawn(check::metrics_server(args.metrics_server.clone(), Arc::new(Http::new(Limits::default()))));
    let lock = args.enable_leader_election.then(|| Lock {
        cluster: cluster.clone(),
        namespace: namespace.unwrap_or_else(|| args.leader_election_namespace.clone()),
        name: LEASE.to_owned(),
        identity: leading::identity(),
        times: TIMES,
    });
    let lost = leading::serve(&cluster, &engine, lock, &stop).await?;
    watching.cancel();
    anyhow::ensure!(!lost, "the lease is lost: another controller may lead now");
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Routes are written where the workloads are: a mesh that another cluster controls is refused rather than taken for this one.
fn one_cluster(args: &FlaggerArgs) -> anyhow::Result<()> {
    let mesh = &args.kubeconfig_service_mesh;
    anyhow::ensure!(
        mesh.is_empty() || *mesh == args.kubeconfig,
        "-kubeconfig-service-mesh {mesh}: Serin writes routes into the cluster of the workloads alone; leave the flag out, or \
         give it what -kubeconfig has"
    );
    Ok(())
}

/// What is wrong with the provider of Canaries that name none: a word that nobody knows means Istio, as in Flagger.
fn doubt(mesh_provider: &str) -> Option<String> {
    let all: Vec<&str> = Provider::ALL.iter().map(|provider| provider.as_str()).collect();
    Provider::named(mesh_provider).is_none().then(|| {
        format!(
            "-mesh-provider {mesh_provider:?} is unknown: Canaries that name no provider are routed by istio; there are {}",
            all.join(", ")
        )
    })
}

/// What looks at the Canaries of a cluster.
pub(crate) fn engine(
    api: Arc<KubeApi>,
    mut looked_at: serin_cluster::Settings,
    settings: Settings,
    watching: &CancellationToken,
) -> anyhow::Result<(Cluster, Engine)> {
    looked_at.component_by_kind = BTreeMap::from([(kinds::CANARY, COMPONENT.to_owned())]);
    let cluster = Cluster::new(api, looked_at, watching.clone());
    let options = Options { workers: LOOKS, asking: ASKING, caller: Arc::new(Http::new(Limits::default())) };
    let engine = Engine::new(cluster.clone(), vec![Box::new(CanaryPlanner::new(settings))], &options)?;
    Ok((cluster, engine))
}

/// The controller's own chat. As in Flagger, a variable of the environment that is not empty wins over its flag.
fn chat(
    args: &FlaggerArgs,
    environment: impl Fn(&str) -> Option<String>,
) -> anyhow::Result<Option<Recipient>> {
    let of = |name: &str, flag: &str| over(&environment, name, flag);
    let (teams, slack) = (of("MSTEAMS_URL", &args.msteams_url), of("SLACK_URL", &args.slack_url));
    if !teams.is_empty() {
        let recipient = Recipient::new(ChatKind::MsTeams, &teams).context("-msteams-url or MSTEAMS_URL")?;
        return Ok(Some(recipient.with_proxy(&of("MSTEAMS_PROXY_URL", &args.msteams_proxy_url))));
    }
    if slack.is_empty() {
        return Ok(None);
    }
    let channel = if args.slack_channel.is_empty() { "general" } else { &args.slack_channel };
    let recipient = Recipient::new(ChatKind::Slack, &slack).context("-slack-url or SLACK_URL")?;
    let named = recipient.with_names(channel, &args.slack_user).context("-slack-channel, -slack-user")?;
    let (token, proxy) = (of("SLACK_TOKEN", &args.slack_token), of("SLACK_PROXY_URL", &args.slack_proxy_url));
    Ok(Some(named.with_token(&token).with_proxy(&proxy)))
}

/// What the environment says, or else the flag.
fn over(environment: impl Fn(&str) -> Option<String>, name: &str, flag: &str) -> String {
    environment(name).filter(|value| !value.is_empty()).unwrap_or_else(|| flag.to_owned())
}

fn settings(args: &FlaggerArgs, environment: impl Fn(&str) -> Option<String>) -> anyhow::Result<Settings> {
    let event_webhook = over(&environment, "EVENT_WEBHOOK_URL", &args.event_webhook);
    check::event_webhook(&event_webhook)?;
    check::alert_template(&args.alert_template)?;
    let chat = chat(args, environment)?;
    let include_labels =
        args.include_label_prefix.iter().filter(|prefix| !prefix.is_empty()).cloned().collect();
    let environment = if !args.analysis_variant.is_empty() {
        Environment::Named(args.analysis_variant.clone())
    } else if args.namespace.is_empty() {
        Environment::OfNamespace
    } else {
        Environment::Unknown
    };
    Ok(Settings {
        mesh_provider: args.mesh_provider.clone(),
        metrics_server: args.metrics_server.clone(),
        objects: ObjectSettings {
            selector_labels: args.selector_labels.clone(),
            include_labels,
            track_configs: args.enable_config_tracking,
        },
        ingress_annotations_prefix: args.ingress_annotations_prefix.clone(),
        ingress_class: args.ingress_class.clone(),
        event_webhook,
        chat,
        alert_template: Some(args.alert_template.clone()).filter(|template| !template.is_empty()),
        pictures: match args.chat_pictures.as_str() {
            "off" => None,
            "dark" => Some(Theme::Dark),
            _ => Some(Theme::Light),
        },
        cluster_name: args.cluster_name.clone(),
        crosses_namespaces: !args.no_cross_namespace_refs,
        environment,
        place: place::of_this_pod(),
    })
}

async fn serve(
    (port, provider): (u16, &str),
    cluster: &Cluster,
    engine: &Engine,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let (cluster, engine, provider) = (cluster.clone(), engine.clone(), provider.to_owned());
    let text = move || {
        let facts = Facts::of(&cluster, Some(&engine), kinds::CANARY, VERSION);
        serin_server::render_canaries(&facts, &provider) + &serin_server::process()
    };
    let router = serin_server::metrics(Arc::new(text)).merge(serin_server::health());
    serin_server::serve(SocketAddr::from((serin_server::EVERYWHERE, port)), router, stop.clone())
        .await
        .context("-port")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: FlaggerArgs,
    }

    #[test]
    fn a_provider_that_nobody_knows_is_told_of() {
        for (word, is_known) in
            [("istio", true), ("gloo:v1", true), ("smi:v1alpha2:istio", true), ("istoi", false), ("", false)]
        {
            assert_eq!(doubt(word).is_none(), is_known, "{word}");
        }
        assert!(doubt("istoi").is_some_and(|text| text.starts_with("-mesh-provider \"istoi\" is unknown")));
    }

    #[test]
    fn the_environment_wins_over_a_flag_unless_it_is_empty() {
        let told = |line: &str, variables: &[(&str, &str)]| {
            let words = with_two_hyphens(line.split(' ').map(std::ffi::OsString::from));
            let args = Line::try_parse_from(words).map(|line| line.args).expect(line);
            let value = |name: &str| variables.iter().find(|(known, _)| *known == name);
            settings(&args, |name| value(name).map(|(_, value)| (*value).to_owned())).expect(line)
        };
        let flags = "flagger -slack-url http://flag -slack-token t -slack-proxy-url http://p -event-webhook http://flag";
        let slack = |url: &str, token: &str, proxy: &str| {
            let recipient = Recipient::new(ChatKind::Slack, url).expect(url);
            let named = recipient.with_names("general", "flagger").expect(url);
            Some(named.with_token(token).with_proxy(proxy))
        };
        let teams = |proxy: &str| {
            let recipient = Recipient::new(ChatKind::MsTeams, "http://env").expect("teams");
            Some(recipient.with_proxy(proxy))
        };
        let url = ("SLACK_URL", "http://env");
        for (line, variables, chat) in [
            (flags, vec![], slack("http://flag", "t", "http://p")),
            (flags, vec![("SLACK_URL", "")], slack("http://flag", "t", "http://p")),
            (flags, vec![url], slack("http://env", "t", "http://p")),
            (
                flags,
                vec![("SLACK_TOKEN", "u"), ("SLACK_PROXY_URL", "http://q")],
                slack("http://flag", "u", "http://q"),
            ),
            ("flagger", vec![url], slack("http://env", "", "")),
            ("flagger", vec![], None),
            (flags, vec![("MSTEAMS_URL", "http://env")], teams("")),
            (
                "flagger",
                vec![("MSTEAMS_URL", "http://env"), ("MSTEAMS_PROXY_URL", "http://q")],
                teams("http://q"),
            ),
        ] {
            let found = told(line, &variables).chat;
            assert_eq!(format!("{found:?}"), format!("{chat:?}"), "{line} {variables:?}");
            assert_eq!(found, chat, "{line} {variables:?}");
        }
        assert_eq!(told(flags, &[]).event_webhook, "http://flag");
        assert_eq!(told(flags, &[("EVENT_WEBHOOK_URL", "http://env")]).event_webhook, "http://env");
    }

    #[test]
    fn a_mesh_of_another_cluster_is_refused() {
        for (line, is_taken) in [
            ("flagger", true),
            ("flagger -kubeconfig a -kubeconfig-service-mesh a", true),
            ("flagger -kubeconfig-service-mesh=b", false),
            ("flagger -kubeconfig a -kubeconfig-service-mesh b", false),
        ] {
            let words = with_two_hyphens(line.split(' ').map(std::ffi::OsString::from));
            let args = Line::try_parse_from(words).map(|line| line.args).expect(line);
            assert_eq!(one_cluster(&args).is_ok(), is_taken, "{line}");
        }
    }
}
