//! `serin shift` as a user runs it: two plain Deployments behind one Service, ten pods and one.
//!
//! Held: through every step, Ctrl-C, resume and abort, ready pods never become fewer than there were, and on the embedded
//! Kubernetes, whose pods can be reached, no request through the Service fails. A dry run writes nothing, the exit code
//! says what came of it, and what the API refuses is said at once; an API that only fails is given up.

mod common;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::{Value, json};
use serin_e2e::cluster::{self, DEPLOYMENT, Kind, SERVICE, get};
use serin_e2e::controller::binary;
use serin_e2e::stage::Stage;
use serin_e2e::target::{self, install_definitions};
use serin_e2e::view::View;
use serin_nodes::{Addresses, NodeDouble};
use serin_plane::{Listener, Plane, PlaneService};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

const SLICES: Kind = Kind::new("/apis/discovery.k8s.io/v1", "endpointslices", "EndpointSlice");
/// A pod of the new version takes this long, so that there is something to wait for.
const SLOW: Duration = Duration::from_millis(300);
/// How long a command may take that has nothing to wait for: far less than the shift's own patience.
const AT_ONCE: Duration = Duration::from_secs(20);
/// How long a whole shift of eleven pods may take.
const WHOLE: Duration = Duration::from_mins(2);

/// One test at a time: two node doubles on one real cluster would take each other's pods for their own.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A cluster whose pods serve, if it is the embedded one.
struct Ground {
    client: kube::Client,
    kubeconfig: std::path::PathBuf,
    stop: CancellationToken,
    served: bool,
    _listener: Option<Listener>,
    _folder: tempfile::TempDir,
    _alone: tokio::sync::MutexGuard<'static, ()>,
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn ground() -> Result<Ground> {
    let alone = ALONE.lock().await;
    let (folder, stop) = (common::folder()?, CancellationToken::new());
    let mut options = serin_nodes::Options { ready_delay: SLOW, ..serin_nodes::Options::default() };
    let (client, kubeconfig, listener) = if let Some(kubeconfig) = serin_needs::real_server() {
        // A real API server refuses loopback addresses for pods; those that it takes are nobody's here.
        options.addresses = Addresses::None;
        options.heartbeat = Some(Duration::from_secs(20));
        (target::client(&kubeconfig).await?, kubeconfig, None)
    } else {
        let plane = Plane::new(serin_plane::Options::default());
        let listener = plane.listen("127.0.0.1:0".parse()?).await?;
        let kubeconfig = folder.path().join("kubeconfig");
        std::fs::write(&kubeconfig, listener.kubeconfig())?;
        let (workloads, until) = (plane.client(), stop.clone());
        tokio::spawn(serin_workloads::run(workloads, serin_workloads::Options::default(), until));
        (plane.client(), kubeconfig, Some(listener))
    };
    install_definitions(&client).await?;
    let served = options.addresses == Addresses::Loopback;
    NodeDouble::start(client.clone(), options, stop.clone()).await?;
    Ok(Ground { client, kubeconfig, stop, served, _listener: listener, _folder: folder, _alone: alone })
}

fn deployment(name: &str, tag: &str, replicas: u32) -> Value {
    let labels = json!({"app": "my-app", "version": tag});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{
                "name": "web", "image": format!("demo:{tag}"),
                "ports": [{"name": "http", "containerPort": 8080}],
            }]}},
        },
    })
}

fn service() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "my-app"},
        "spec": {"selector": {"app": "my-app"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
    })
}

/// Opens a namespace with ten pods of v1 and one of v2, all ready.
async fn pair(ground: &Ground, name: &str) -> Result<Stage> {
    let stamp = jiff::Timestamp::now().as_millisecond() % 1_000_000;
    let stage = Stage::open(ground.client.clone(), &format!("shift-{name}-{stamp}")).await?;
    stage.create(&service()).await?;
    stage.create(&deployment("my-app-v1", "v1", 10)).await?;
    stage.create(&deployment("my-app-v2", "v2", 1)).await?;
    stage.until("ten and one are ready", |view| ready(view) == (10, 1) && ready_pods(view) == 11).await?;
    Ok(stage)
}

/// Ready pods of the old and of the new Deployment.
fn ready(view: &View) -> (i64, i64) {
    let of = |name| view.one(DEPLOYMENT, name)["status"]["readyReplicas"].as_i64().unwrap_or(0);
    (of("my-app-v1"), of("my-app-v2"))
}

/// Pods that both Deployments want.
fn wanted(view: &View) -> (i64, i64) {
    let of = |name| view.one(DEPLOYMENT, name)["spec"]["replicas"].as_i64().unwrap_or(-1);
    (of("my-app-v1"), of("my-app-v2"))
}

/// `serin shift my-app-v1 my-app-v2` with more words.
fn shift(ground: &Ground, stage: &Stage, more: &[&str]) -> Result<Command> {
    shift_with(&ground.kubeconfig, stage, more)
}

fn shift_with(kubeconfig: &Path, stage: &Stage, more: &[&str]) -> Result<Command> {
    let mut command = Command::new(binary()?);
    command.args(["shift", "my-app-v1", "my-app-v2", "--namespace", stage.namespace()]);
    command.arg("--kubeconfig").arg(kubeconfig).args(more);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    Ok(command)
}

async fn run(mut command: Command, bound: Duration) -> Result<(Option<i32>, String)> {
    let output = tokio::time::timeout(bound, command.output()).await;
    Ok(told(output.with_context(|| format!("not done within {} s", bound.as_secs()))??))
}

fn told(output: Output) -> (Option<i32>, String) {
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

/// Ends it by Ctrl-C's signal (`-INT`) or a supervisor's (`-TERM`).
async fn interrupt(child: &tokio::process::Child, signal: &str) -> Result<()> {
    let pid = child.id().context("it has ended already")?;
    // Through kill(1): the crate forbids unsafe code.
    ensure!(Command::new("kill").args([signal, &pid.to_string()]).status().await?.success(), "kill {signal}");
    Ok(())
}

/// What is measured while pods move.
struct Watch {
    least_ready: Arc<AtomicI64>,
    good: Arc<AtomicU64>,
    failed: Arc<parking_lot::Mutex<Vec<String>>>,
    stop: CancellationToken,
    tasks: tokio::task::JoinSet<()>,
}

/// Begins to count the ready pods at each change, and to send requests to the Service's endpoints, one after the other.
fn measure(ground: &Ground, stage: &Arc<Stage>) -> Watch {
    let watch = Watch {
        least_ready: Arc::new(AtomicI64::new(i64::MAX)),
        good: Arc::default(),
        failed: Arc::default(),
        stop: CancellationToken::new(),
        tasks: tokio::task::JoinSet::new(),
    };
    let mut watch = watch;
    let (stage, least, stop) = (stage.clone(), watch.least_ready.clone(), watch.stop.clone());
    let namespace = stage.namespace().to_owned();
    watch.tasks.spawn(async move {
        let count = |view: &View| {
            least.fetch_min(ready_pods(view), Ordering::Relaxed);
            false
        };
        while !stop.is_cancelled() {
            // Never true: it looks at every change until its own bound.
            tokio::select! {
                _ = stage.until("for ever", count) => {}
                () = stop.cancelled() => {}
            }
        }
    });
    if ground.served {
        let (client, stop) = (ground.client.clone(), watch.stop.clone());
        let (good, failed) = (watch.good.clone(), watch.failed.clone());
        watch.tasks.spawn(async move {
            let mut turn = 0_usize;
            while !stop.is_cancelled() {
                match request(&client, &namespace, turn).await {
                    Ok(_) => drop(good.fetch_add(1, Ordering::Relaxed)),
                    Err(error) => failed.lock().push(format!("{error:#}")),
                }
                turn += 1;
            }
        });
    }
    watch
}

impl Watch {
    /// Ends the measuring, and requires that there was no dip and no failed request.
    async fn end(mut self, served: bool) -> Result<()> {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
        let (least, good) = (self.least_ready.load(Ordering::Relaxed), self.good.load(Ordering::Relaxed));
        let failed = self.failed.lock();
        println!("fewest ready pods {least}, requests {good} good, {} failed", failed.len());
        ensure!((11..i64::MAX).contains(&least), "there were only {least} ready pods");
        ensure!(failed.is_empty(), "of {good} requests {} failed: {:?}", failed.len(), failed.first());
        ensure!(!served || 100 < good, "only {good} requests: not enough to say anything");
        Ok(())
    }
}

/// Ready pods that are not on their way out.
fn ready_pods(view: &View) -> i64 {
    let is_ready = |pod: &&Value| {
        let conditions = pod["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
        pod["metadata"]["deletionTimestamp"].is_null()
            && conditions.iter().any(|c| c["type"] == "Ready" && c["status"] == "True")
    };
    i64::try_from(view.all(cluster::POD).filter(is_ready).count()).unwrap_or(i64::MAX)
}

/// One request to the Service, as kube-proxy would send it: to the next of its ready endpoints.
async fn request(client: &kube::Client, namespace: &str, turn: usize) -> Result<String> {
    let slices = get(client, &SLICES.list(namespace)).await?;
    let mut endpoints = Vec::new();
    for slice in slices["items"].as_array().into_iter().flatten() {
        let port = slice["ports"][0]["port"].as_u64().unwrap_or(0);
        for endpoint in slice["endpoints"].as_array().into_iter().flatten() {
            if endpoint["conditions"]["ready"] != false {
                endpoints.push(format!("{}:{port}", endpoint["addresses"][0].as_str().unwrap_or_default()));
            }
        }
    }
    ensure!(!endpoints.is_empty(), "the Service has no endpoint");
    let address = &endpoints[turn % endpoints.len()];
    let mut stream =
        tokio::net::TcpStream::connect(address).await.with_context(|| format!("to {address}"))?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: my-app\r\nconnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "{address} answered {:?}", answer.lines().next());
    Ok(answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_move_step_by_step_and_nobody_notices() -> Result<()> {
    let ground = ground().await?;
    let stage = Arc::new(pair(&ground, "whole").await?);
    let before = stage.view().one(DEPLOYMENT, "my-app-v2").clone();
    let steps = ["--steps", "10,50,100", "--pause", "1s"];

    let (code, said) = run(shift(&ground, &stage, &[&steps[..], &["--dry-run"]].concat())?, AT_ONCE).await?;
    ensure!(code == Some(0) && said.contains("done: my-app-v1 0, my-app-v2 11"), "dry run: {code:?} {said}");
    let after = get(&ground.client, &DEPLOYMENT.one(stage.namespace(), "my-app-v2")).await?;
    let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
    ensure!(version(&before) == version(&after), "a dry run has written");

    let watch = measure(&ground, &stage);
    let (code, said) = run(shift(&ground, &stage, &steps)?, WHOLE).await?;
    println!("{said}");
    ensure!(code == Some(0), "{code:?}: {said}");
    for line in [
        "step 1/3 (10 %) held for 1 s",
        "step 2/3 (50 %) held for 1 s",
        "done: my-app-v1 0/0 ready, my-app-v2 11/11 ready",
    ] {
        ensure!(said.contains(line), "{line:?} is not in:\n{said}");
    }
    stage.until("all pods are moved", |view| wanted(view) == (0, 11) && ready(view) == (0, 11)).await?;
    watch.end(ground.served).await?;

    let (code, said) = run(shift(&ground, &stage, &steps)?, AT_ONCE).await?;
    ensure!(code == Some(0) && said.contains("nothing to do"), "the same command again: {code:?} {said}");
    let (code, said) = run(shift(&ground, &stage, &["--abort"])?, AT_ONCE).await?;
    ensure!(code == Some(0) && said.contains("no shift"), "abort of nothing: {code:?} {said}");
    ensure!(wanted(&stage.view()) == (0, 11), "what is done was moved again");
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn after_ctrl_c_the_same_command_goes_on_and_abort_goes_back() -> Result<()> {
    let ground = ground().await?;
    let stage = Arc::new(pair(&ground, "resume").await?);
    let watch = measure(&ground, &stage);
    let steps = ["--steps", "10,50,100", "--pause", "1h"];
    let child = shift(&ground, &stage, &steps)?.spawn()?;
    stage.until("the first step", |view| wanted(view) == (10, 1) && held(view, 0)).await?;
    interrupt(&child, "-INT").await?;
    let (code, said) = told(tokio::time::timeout(AT_ONCE, child.wait_with_output()).await??);
    ensure!(code == Some(130), "{code:?}: {said}");
    for words in ["to go on:\n  serin shift my-app-v1 my-app-v2", "--pause 3600s", "--abort"] {
        ensure!(said.contains(words), "{words:?} is not in:\n{said}");
    }

    let (code, said) = run(shift(&ground, &stage, &["--steps", "20,100", "--pause", "1h"])?, AT_ONCE).await?;
    ensure!(code == Some(1) && said.contains("other settings"), "other settings: {code:?} {said}");

    // The hour is over: only the clock in the annotation can say so.
    let annotation =
        stage.view().one(DEPLOYMENT, "my-app-v2")["metadata"]["annotations"]["serin.dev/shift"].clone();
    let mut recorded: Value = serde_json::from_str(annotation.as_str().context("the shift's state")?)?;
    recorded["reached"] = json!(
        jiff::Timestamp::now()
            .checked_sub(jiff::SignedDuration::from_hours(2))?
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string()
    );
    let patch = json!({"metadata": {"annotations": {"serin.dev/shift": recorded.to_string()}}});
    stage.merge(DEPLOYMENT, "my-app-v2", &patch).await?;
    let child = shift(&ground, &stage, &steps)?.spawn()?;
    // Six and six: half of eleven pods is no whole number, and one more keeps the share exact.
    stage.until("the second step", |view| wanted(view) == (6, 6) && held(view, 1)).await?;
    interrupt(&child, "-TERM").await?;
    let (code, said) = told(tokio::time::timeout(AT_ONCE, child.wait_with_output()).await??);
    ensure!(code == Some(130) && said.contains("going on with the shift at step 1 of 3"), "{code:?}: {said}");

    let (code, said) = run(shift(&ground, &stage, &["--abort"])?, WHOLE).await?;
    ensure!(code == Some(0) && said.contains("back as before"), "abort: {code:?} {said}");
    stage.until("as it was", |view| wanted(view) == (10, 1) && ready(view) == (10, 1)).await?;
    watch.end(ground.served).await?;
    stage.close().await
}

/// Whether the shift holds a step, counted from 0.
fn held(view: &View, step: i64) -> bool {
    let annotation = &view.one(DEPLOYMENT, "my-app-v2")["metadata"]["annotations"]["serin.dev/shift"];
    let state: Value = serde_json::from_str(annotation.as_str().unwrap_or_default()).unwrap_or_default();
    state["step"] == step && state["reached"].is_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_at_once_with_its_reason() -> Result<()> {
    let ground = ground().await?;
    let stage = pair(&ground, "refused").await?;
    let cases: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("steps must rise", &["--steps", "50,10"] as &[&str]),
        ("at most 100 percent", &["--steps", "10,101"]),
        ("service \"other\" does not select", &["--service", "other"]),
        ("after a last step of 100 percent", &["--steps", "50", "--delete-old"]),
        ("there are no pods to move", &["--total", "0"]),
        ("timeout must be at least a second", &["--timeout", "0s"]),
    ]);
    for (words, more) in cases {
        let (code, said) = run(shift(&ground, &stage, more)?, AT_ONCE).await?;
        ensure!(code == Some(1) && said.contains(words), "{more:?} gives {code:?}: {said}");
    }
    let other = Command::new(binary()?)
        .args(["shift", "my-app-v1", "gone", "--namespace", stage.namespace(), "--kubeconfig"])
        .arg(&ground.kubeconfig)
        .output()
        .await?;
    let (code, said) = told(other);
    ensure!(code == Some(1) && said.contains("deployment \"gone\" does not exist"), "{code:?}: {said}");
    cluster::delete(&ground.client, &SERVICE.one(stage.namespace(), "my-app")).await?;
    let (code, said) = run(shift(&ground, &stage, &[])?, AT_ONCE).await?;
    ensure!(code == Some(1) && said.contains("no service selects"), "{code:?}: {said}");
    ensure!(wanted(&stage.view()) == (10, 1), "a refused shift has moved pods");
    stage.close().await
}

/// An API in front of the embedded one, without TLS, that answers some requests itself. Dropping it closes it.
struct Faulty {
    kubeconfig: std::path::PathBuf,
    _folder: tempfile::TempDir,
    _served: tokio::task::JoinSet<()>,
}

/// Whether a request is one that is refused.
type Chosen = fn(&http::Request<Incoming>) -> bool;

impl Faulty {
    async fn start(plane: &Plane, code: u16, chosen: Chosen) -> Result<Self> {
        let folder = common::folder()?;
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let kubeconfig = folder.path().join("kubeconfig");
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "faulty",
            "clusters": [{"name": "faulty", "cluster": {"server": format!("http://{}", socket.local_addr()?)}}],
            "users": [{"name": "faulty", "user": {}}],
            "contexts": [{"name": "faulty", "context": {"cluster": "faulty", "user": "faulty"}}],
        });
        std::fs::write(&kubeconfig, config.to_string())?;
        let (plane, mut served) = (plane.service(), tokio::task::JoinSet::new());
        served.spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = socket.accept().await {
                let plane = plane.clone();
                let answer = service_fn(move |request| faulty(plane.clone(), code, chosen, request));
                connections.spawn(async move {
                    let builder = auto::Builder::new(TokioExecutor::new());
                    // A client that goes away is no news.
                    drop(builder.serve_connection(TokioIo::new(stream), answer).await);
                });
            }
        });
        Ok(Self { kubeconfig, _folder: folder, _served: served })
    }
}

async fn faulty(
    plane: PlaneService,
    code: u16,
    chosen: Chosen,
    request: http::Request<Incoming>,
) -> std::result::Result<http::Response<UnsyncBoxBody<Bytes, Infallible>>, Infallible> {
    if !chosen(&request) {
        return Ok(plane.oneshot(request).await?.map(BodyExt::boxed_unsync));
    }
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
        "reason": if code == 403 { "Forbidden" } else { "InternalError" }, "message": "the test says no",
    });
    let mut answer = http::Response::new(Full::from(status.to_string()).boxed_unsync());
    *answer.status_mut() = http::StatusCode::from_u16(code).unwrap_or_default();
    answer
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    Ok(answer)
}

/// Whether it asks for a watch of Deployments.
fn is_watch(request: &http::Request<Incoming>) -> bool {
    request.uri().path().ends_with("/deployments")
        && request.uri().query().is_some_and(|query| query.contains("watch=true"))
}

/// Whether it lists Deployments.
fn is_list(request: &http::Request<Incoming>) -> bool {
    request.uri().path().ends_with("/deployments") && request.method() == "GET" && !is_watch(request)
}

/// Whether it changes a Deployment that is no longer as it was: the shift's own moves, not the note that it begins.
fn is_scale(request: &http::Request<Incoming>) -> bool {
    request.uri().path().ends_with("/deployments/my-app-v1") && request.method() != "GET"
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_refuses_lists_watches_or_writes_ends_the_command_with_its_words() -> Result<()> {
    const FORBIDDEN: &str = "the API does not let this user";
    let plane = Plane::new(serin_plane::Options::default());
    let stop = CancellationToken::new();
    let _guard = stop.clone().drop_guard();
    let (workloads, until) = (plane.client(), stop.clone());
    tokio::spawn(serin_workloads::run(workloads, serin_workloads::Options::default(), until));
    NodeDouble::start(plane.client(), serin_nodes::Options::default(), stop.clone()).await?;
    let cases: [(&str, u16, Chosen, &str); 5] = [
        ("list-403", 403, is_list, "list deployments"),
        ("watch-403", 403, is_watch, "watch deployments"),
        ("list-500", 500, is_list, "list deployments"),
        ("watch-500", 500, is_watch, "watch deployments"),
        ("write-403", 403, is_scale, "patch deployments"),
    ];
    for (name, code, chosen, words) in cases {
        let stage = Stage::open(plane.client(), name).await?;
        stage.create(&service()).await?;
        stage.create(&deployment("my-app-v1", "v1", 3)).await?;
        stage.create(&deployment("my-app-v2", "v2", 1)).await?;
        stage.until("three and one are ready", |view| ready(view) == (3, 1)).await?;
        let api = Faulty::start(&plane, code, chosen).await?;
        let steps = ["--steps", "50,100", "--pause", "1h", "--timeout", "2s"];
        let (ended, said) = run(shift_with(&api.kubeconfig, &stage, &steps)?, AT_ONCE).await.context(name)?;
        println!("{name}: {said}");
        let clear = if code == 403 { FORBIDDEN } else { "s the API could not" };
        ensure!(ended == Some(1), "{name} ends with {ended:?}: {said}");
        for wanted in
            [clear, words, "the test says no", "pods stay where they are", "to go on:\n  serin shift"]
        {
            ensure!(said.contains(wanted), "{name}: {wanted:?} is not in:\n{said}");
        }
        stage.close().await?;
    }
    Ok(())
}
