//! What a release needs beside the cluster: a mesh, the load tester, a chat that listens, and the controller.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use http::{Request, Response};
use hyper::body::Bytes;
use parking_lot::Mutex;
use serde_json::Value;
use serin_api::flagger::ChatKind;
use serin_canary::Settings;
use serin_ingress::mesh::{Addresses, MeshDouble};
use serin_loadtester::{Door, Encoding, Gates, Level, Log, Tester, serve};
use serin_notify::Recipient;
use serin_server::Incoming;
use tokio::sync::oneshot;

use super::{
    super::{
        cluster::{Cluster, loopback},
        story::free_port,
    },
    act::Places,
};
use crate::out;

/// Tasks of the load tester at once, and the time of one: far above what three releases ask for.
const TASKS_MAX: usize = 32;
const TASK_MAX: Duration = Duration::from_secs(30);
/// What is kept of what a task writes.
const OUTPUT_MAX: usize = 4096;
/// The largest message of a chat, and how long it may take to arrive.
const MESSAGE: Incoming = Incoming { body_bytes_max: 1 << 16, body_time: Duration::from_secs(5) };

/// Lines that somebody has said, in their order.
pub(super) type Lines = Arc<Mutex<Vec<String>>>;

/// Everything that runs beside the cluster. It ends with the cluster.
pub(super) struct StandIns {
    pub(super) places: Places,
    /// Where users come in.
    pub(super) gateway: SocketAddr,
    /// What the chat was told.
    pub(super) chat: Lines,
    /// What the load tester complains of.
    pub(super) complaints: Lines,
}

impl StandIns {
    /// Starts them.
    pub(super) async fn start(cluster: &Cluster, gateway_port: u16) -> anyhow::Result<Self> {
        let stop = cluster.stopping();
        let any = loopback(0);
        let at = Addresses { gateway: loopback(gateway_port), sidecar: any, prometheus: any };
        let mesh = MeshDouble::start(cluster.client(), at, stop).await.context("the mesh")?;
        anyhow::ensure!(mesh.synced().await, "the mesh has ended");
        let (loadtester, complaints) = load_tester(cluster).await.context("the load tester")?;
        let (slack, chat) = chat(cluster).await.context("the chat")?;
        let places = Places {
            sidecar: mesh.at.sidecar,
            prometheus: mesh.at.prometheus,
            loadtester,
            pod_port: free_port().context("a port for the pods")?,
        };
        control(cluster, places.prometheus, slack)?;
        Ok(Self { places, gateway: mesh.at.gateway, chat, complaints })
    }
}

async fn load_tester(cluster: &Cluster) -> anyhow::Result<(SocketAddr, Lines)> {
    let complaints = Lines::default();
    let said = complaints.clone();
    let tester = Tester::new(serin_loadtester::Settings {
        timeout: TASK_MAX,
        tasks_max: TASKS_MAX,
        output_max: OUTPUT_MAX,
        gates: Gates::in_memory(),
        path: None,
        log: Log::new(Level::Error, Encoding::Json, move |line| said.lock().push(message(line))),
        door: Door::new(None, None, None)?,
    });
    let (ready, address) = oneshot::channel();
    let stop = cluster.stopping();
    cluster.running().spawn(async move {
        let ready = |address| {
            // Who asked for it may have gone.
            let _ = ready.send(address);
        };
        if let Err(error) = serve(&tester, loopback(0), stop, ready).await {
            out::complain(format_args!("Error: the load tester: {error}"));
        }
    });
    Ok((address.await.context("it does not listen")?, complaints))
}

/// The text of a line of the load tester's log.
fn message(line: &str) -> String {
    let read = serde_json::from_str::<Value>(line).unwrap_or_default();
    read.get("msg").and_then(Value::as_str).map_or_else(|| line.to_owned(), |text| text.trim().to_owned())
}

async fn chat(cluster: &Cluster) -> anyhow::Result<(SocketAddr, Lines)> {
    let said = Lines::default();
    let heard = said.clone();
    let router = serin_server::whole(MESSAGE, move |request: Request<Bytes>| {
        let message = serde_json::from_slice::<Value>(request.body()).unwrap_or_default();
        let of = |name: &str| message.pointer(&format!("/attachments/0/{name}")).and_then(Value::as_str);
        let fields = message.pointer("/attachments/0/fields").and_then(Value::as_array);
        let reason = fields.into_iter().flatten().find(|field| field["title"] == "Reason");
        let reason = reason.and_then(|field| field["value"].as_str()).map(|why| format!(" ({why})"));
        heard.lock().push(format!(
            "{}: {}{}",
            of("author_name").unwrap_or("?"),
            of("text").unwrap_or("a message that Slack would not show"),
            reason.unwrap_or_default()
        ));
        async { Response::new(Bytes::from_static(b"ok")) }
    });
    let (address, serving) = serin_server::listen(loopback(0), router, cluster.stopping()).await?;
    cluster.running().spawn(serving);
    Ok((address, said))
}

/// Starts Serin's controller in Flagger's place.
fn control(cluster: &Cluster, prometheus: SocketAddr, slack: SocketAddr) -> anyhow::Result<()> {
    let chat = Recipient::new(ChatKind::Slack, &format!("http://{slack}/services/demo"))?;
    let settings = Settings {
        metrics_server: format!("http://{prometheus}"),
        chat: Some(chat.with_names("general", "flagger")?),
        ..Settings::default()
    };
    let (api, looked_at) = cluster.seen();
    let stop = cluster.stopping();
    let (_, engine) = crate::flagger::engine(api, looked_at, settings, &stop)?;
    cluster.running().spawn(async move { engine.run(stop).await });
    Ok(())
}
