//! `serin shift`: moves the pods of one plain Deployment to another, behind the Service of both.
//!
//! All state is in the cluster: Ctrl-C, SIGTERM, a crash or a lost connection loses nothing, and the same command goes on.

mod drive;
mod heard;
mod text;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};
use serin_api::{kinds, network::Service, workload::Deployment};
use serin_cluster::{
    access::{Access, Connection},
    clock,
    direct::{Change, Direct},
};
use serin_kernel::{Kind, Object};
use serin_lang::duration::GoDuration;
use serin_rollout::shift::{self, ANNOTATION, Order, Phase, State};

use crate::out;

use drive::Ending;

/// The exit code of what Ctrl-C or SIGTERM has ended: 128 and the number of SIGINT, as shells have it.
const INTERRUPTED: u8 = 130;
/// How often the state is written before a Deployment that never stands still is said to be changed: its status changes
/// with every pod, and one that changes between two requests five times in a row is at war with something.
const KEEP_TRIES: u32 = 5;
const AUTOSCALER: Kind =
    Kind::namespaced("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers");

/// Move pods from one plain Deployment to another, step by step, behind the Service of both
///
/// Ready pods never become fewer than they were. The state is kept in an annotation of the new Deployment: after Ctrl-C or
/// SIGTERM the same command goes on where it was, and with --abort goes back. Exit codes: 0 done (or back, with --abort),
/// 1 refused or gone back, 130 interrupted.
#[derive(Args)]
pub(crate) struct ShiftArgs {
    /// The Deployment that pods are taken from
    from: String,
    /// The Deployment that gets them
    to: String,
    /// Percentages of the pods for the new Deployment, one after the other
    #[arg(long, value_delimiter = ',', default_value = "10,50,100", value_name = "PERCENT,...", value_parser = percent)]
    steps: Vec<u32>,
    /// How long each step but the last is held once its pods are ready
    #[arg(long, default_value = "30s", value_name = "DURATION", value_parser = seconds)]
    pause: u32,
    /// Go back after so long without any progress; end when the API only fails for so long
    #[arg(long, default_value = "10m", value_name = "DURATION", value_parser = seconds)]
    timeout: u32,
    /// Pods of both Deployments together [default: as many as both want now]
    #[arg(long, value_name = "PODS")]
    total: Option<u32>,
    /// The Service that must select the pods of both [default: any]
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Delete the old Deployment when all pods are moved
    #[arg(long)]
    delete_old: bool,
    /// Go back to how it was before the shift
    #[arg(long, conflicts_with_all = ["dry_run", "delete_old"])]
    abort: bool,
    /// Only print what would be done
    #[arg(long)]
    dry_run: bool,
    /// Namespace of both [default: that of the kubeconfig's context]
    #[arg(short, long, value_name = "NAME")]
    namespace: Option<String>,
    /// Path of the kubeconfig
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

/// The two Deployments and a way to them.
struct Pair {
    api: Direct,
    namespace: String,
    from: Option<Object>,
    to: Object,
}

/// Runs the command.
pub(crate) async fn run(args: &ShiftArgs) -> anyhow::Result<ExitCode> {
    let (kubeconfig, context) = (args.kubeconfig.clone(), args.context.clone());
    let access = Access { kubeconfig, context, ..Access::default() };
    let connection = access.connect(concat!("serin-shift/", env!("CARGO_PKG_VERSION"))).await?;
    let pair = find(args, &connection).await?;
    let state = State::of(&pair.to)?;
    let Some(state) = decide(args, &pair, state).await? else { return Ok(ExitCode::SUCCESS) };
    if args.dry_run {
        let pods = shift::pods(&pair.to, pair.from.as_ref())?;
        for (state, counts) in shift::preview(&state, &pods, clock::system()()) {
            out::say(text::plan(&state, counts, &args.to))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let wanted = if args.abort { Phase::Returned } else { Phase::Done };
    let patience = Duration::from_secs(state.order.timeout_seconds.into());
    match drive::drive(connection.client, &pair.to.key(), &state.order.from, patience).await? {
        Ending::Over(phase) if phase == wanted => Ok(ExitCode::SUCCESS),
        Ending::Over(_) | Ending::Gone => Ok(ExitCode::FAILURE),
        Ending::Interrupted => {
            out::complain(format_args!(
                "interrupted: pods stay where they are{}",
                text::again(&flags(args), &state)
            ));
            Ok(ExitCode::from(INTERRUPTED))
        }
        Ending::Refused(why) => {
            bail!("{why}\npods stay where they are; when that is mended{}", text::again(&flags(args), &state))
        }
    }
}

/// The words of the command that say which two Deployments are meant, and where.
fn flags(args: &ShiftArgs) -> String {
    let path = |path: &PathBuf| path.display().to_string();
    let options = [
        ("--namespace", args.namespace.clone()),
        ("--kubeconfig", args.kubeconfig.as_ref().map(path)),
        ("--context", args.context.clone()),
    ];
    let given = options.into_iter().filter_map(|(name, value)| Some(format!(" {name} {}", value?)));
    format!("{} {}{}", args.from, args.to, given.collect::<String>())
}

async fn find(args: &ShiftArgs, connection: &Connection) -> anyhow::Result<Pair> {
    let api = Direct::new(connection.client.clone());
    let namespace = args.namespace.clone().unwrap_or_else(|| connection.namespace.clone());
    let read = async |name: &str| match api.get(&kinds::DEPLOYMENT.key(namespace.clone(), name)).await {
        Ok(value) => Ok(Some(Object::new(kinds::DEPLOYMENT, &value)?)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(anyhow::Error::from(error).context(format!("reading deployment {name:?}"))),
    };
    let (from, to) = (read(&args.from).await?, read(&args.to).await?);
    let missing = |name: &str| format!("deployment {name:?} does not exist in namespace {namespace:?}");
    let to = to.with_context(|| missing(&args.to))?;
    Ok(Pair { api, namespace, from, to })
}

/// The shift to run, written down if it is new or now goes back; none when there is nothing to do.
async fn decide(args: &ShiftArgs, pair: &Pair, state: Option<State>) -> anyhow::Result<Option<State>> {
    let ended = state.as_ref().filter(|state| state.phase == Phase::Done && state.order.from == args.from);
    let was_done = ended.is_some_and(|_| pair.from.as_ref().is_none_or(wants_none));
    let Some(state) = state.filter(|state| !state.is_over()) else {
        if args.abort {
            out::complain(format_args!("no shift to {:?} is under way", args.to));
            return Ok(None);
        }
        // Whoever repeats the command of a shift that is done must not send its pods back.
        if was_done && args.total.is_none() {
            out::complain(format_args!(
                "nothing to do: the shift from {:?} to {:?} is done",
                args.from, args.to
            ));
            return Ok(None);
        }
        return begin(args, pair).await.map(Some);
    };
    let order = &state.order;
    if order.from != args.from {
        bail!(
            "a shift from {:?} to {:?} is under way: end it first, with --abort or by its own command",
            order.from,
            args.to
        );
    }
    if args.abort {
        let back = state.returning("asked to by --abort", clock::system()());
        if back != state {
            keep(pair, &back).await?;
        }
        return Ok(Some(back));
    }
    if state.phase == Phase::Returning {
        out::complain(format_args!("the shift is on its way back: {}", state.cause));
        return Ok(Some(state));
    }
    let wanted = Order { total: args.total.unwrap_or(order.total), ..order_of(args, order.total) };
    if wanted != *order {
        bail!(
            "a shift with other settings is under way ({}): repeat its command, or --abort it first",
            text::settings(order)
        );
    }
    out::complain(format_args!(
        "going on with the shift at step {} of {}",
        state.step.saturating_add(1),
        order.steps.len()
    ));
    Ok(Some(state))
}

/// Checks a new shift and writes it down, unless it is only to be shown.
async fn begin(args: &ShiftArgs, pair: &Pair) -> anyhow::Result<State> {
    let Some(from) = &pair.from else {
        bail!("deployment {:?} does not exist in namespace {:?}", args.from, pair.namespace);
    };
    let pods = shift::pods(&pair.to, Some(from))?;
    let counts = pods.counts();
    let order = order_of(args, counts.canary.saturating_add(counts.stable));
    order.check(&args.to)?;
    if counts.stable == 0 && args.total.is_none() {
        bail!(
            "deployment {:?} wants no pods, so there are none to move: scale it up, or give --total",
            args.from
        );
    }
    examine(args, pair, from).await?;
    let (wanted, ready) = (counts.canary.saturating_add(counts.stable), pods.ready());
    if ready < wanted {
        out::complain(format_args!(
            "Warning: {ready} of {wanted} pods are ready, and the shift keeps as many ready as there are when it moves the first: wait until all are ready, if they can be"
        ));
    }
    let state = State::begin(order, &pods, clock::system()());
    if !args.dry_run {
        keep(pair, &state).await?;
    }
    Ok(state)
}

fn wants_none(deployment: &Object) -> bool {
    shift::pods(deployment, None).is_ok_and(|pods| pods.new.spec == 0)
}

fn order_of(args: &ShiftArgs, total: u32) -> Order {
    Order {
        from: args.from.clone(),
        steps: args.steps.clone(),
        pause_seconds: args.pause,
        total: args.total.unwrap_or(total),
        delete_old: args.delete_old,
        timeout_seconds: args.timeout,
    }
}

/// Refuses what cannot work and warns of what may not.
async fn examine(args: &ShiftArgs, pair: &Pair, from: &Object) -> anyhow::Result<()> {
    let services = pair.api.list(kinds::SERVICE, &pair.namespace).await.context("reading services")?;
    let services: Vec<Service> = services
        .iter()
        .filter_map(|service| Object::new(kinds::SERVICE, service).ok()?.view().ok())
        .collect();
    let autoscalers = pair.api.list(AUTOSCALER, &pair.namespace).await.unwrap_or_else(|error| {
        out::complain(format_args!("Warning: could not see whether an autoscaler interferes: {error}"));
        Vec::new()
    });
    let (old, new): (Deployment, Deployment) = (from.view()?, pair.to.view()?);
    let problems = shift::check(&old, &new, &services, &autoscalers, args.service.as_deref());
    for warning in problems.iter().filter(|problem| problem.is_warning()) {
        out::complain(format_args!("Warning: {warning}"));
    }
    match problems.into_iter().find(|problem| !problem.is_warning()) {
        Some(problem) => Err(problem.into()),
        None => Ok(()),
    }
}

/// Writes the state down, unless what it was decided on was changed meanwhile: the spec, or the state of another command.
/// A new status is neither, and comes every moment while pods become ready.
async fn keep(pair: &Pair, state: &State) -> anyhow::Result<()> {
    let key = pair.to.key();
    let mut version = pair.to.meta().resource_version.clone();
    for tries_left in (0..KEEP_TRIES).rev() {
        let patch: Value = json!({"metadata": {
            "resourceVersion": version,
            "annotations": { ANNOTATION: state.to_annotation() },
        }});
        let Err(error) = pair.api.change(&key, &Change::Merge(patch)).await else { return Ok(()) };
        if !error.is_conflict() {
            return Err(anyhow::Error::from(error).context(format!("writing to {key}")));
        }
        let value = pair.api.get(&key).await.with_context(|| format!("reading {key}"))?;
        let now = Object::new(kinds::DEPLOYMENT, &value)?;
        if tries_left == 0 || !is_same(&pair.to, &now) {
            break;
        }
        version.clone_from(&now.meta().resource_version);
    }
    bail!("deployment {:?} was changed meanwhile: run the command again", key.name)
}

/// Whether `now` is the Deployment that was seen `before`, with the same spec and the same shift.
fn is_same(before: &Object, now: &Object) -> bool {
    let told = |object: &Object| {
        let meta = object.meta();
        (meta.uid.clone(), meta.generation, meta.annotations.get(ANNOTATION).cloned())
    };
    told(before) == told(now)
}

/// A percentage; whether the steps make sense together is seen later.
fn percent(text: &str) -> Result<u32, String> {
    text.trim().parse().map_err(|_| "must be whole numbers, for example 10,50,100".to_owned())
}

/// Whole seconds of a duration such as `30s` or `5m`.
fn seconds(text: &str) -> Result<u32, String> {
    let duration =
        GoDuration::parse(text).map_err(|error| format!("{error}; write for example 30s or 5m"))?;
    u32::try_from(duration.seconds()).map_err(|_| "must not be negative, and at most 136 years".to_owned())
}

#[cfg(test)]
mod tests {
    use serin_plane::Plane;

    use super::*;

    #[test]
    fn a_value_that_cannot_be_read_is_refused_with_an_example() {
        assert_eq!((percent("10"), seconds("5m")), (Ok(10), Ok(300)));
        for refused in [percent("a"), percent("-1"), percent("1.5"), seconds("5")] {
            assert!(refused.is_err_and(|text| text.contains("for example")));
        }
    }

    fn deployment(name: &str) -> Value {
        let labels = json!({"app": name});
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [{"name": "web", "image": "web:1"}]},
                },
            },
        })
    }

    /// What becomes of the state when `change` comes between the look at the Deployment and the writing.
    async fn kept_after(change: Change) -> anyhow::Result<()> {
        let api = Direct::new(Plane::new(serin_plane::Options::default()).client());
        let key = kinds::DEPLOYMENT.key("default", "v2");
        let seen = api.create(kinds::DEPLOYMENT, "default", &deployment("v2")).await?;
        let to = Object::new(kinds::DEPLOYMENT, &seen)?;
        let pods = shift::pods(&to, None)?;
        let order = Order {
            from: "v1".to_owned(),
            steps: vec![100],
            pause_seconds: 0,
            total: 1,
            delete_old: false,
            timeout_seconds: 600,
        };
        let state = State::begin(order, &pods, clock::system()());
        api.change(&key, &change).await?;
        let pair = Pair { api: api.clone(), namespace: "default".to_owned(), from: None, to };
        keep(&pair, &state).await?;
        let now = Object::new(kinds::DEPLOYMENT, &api.get(&key).await?)?;
        assert_eq!(State::of(&now)?, Some(state));
        Ok(())
    }

    #[tokio::test]
    async fn a_new_status_does_not_keep_a_shift_from_beginning_and_a_new_spec_does() {
        kept_after(Change::MergeStatus(json!({"status": {"observedGeneration": 1}}))).await.unwrap();
        for change in [
            json!({"spec": {"replicas": 3}}),
            json!({"metadata": {"annotations": { ANNOTATION: "another command's" }}}),
        ] {
            let error = kept_after(Change::Merge(change.clone())).await.unwrap_err().to_string();
            assert!(error.contains("was changed meanwhile: run the command again"), "{change}: {error}");
        }
    }
}
