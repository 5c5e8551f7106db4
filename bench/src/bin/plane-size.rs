//! How soon the embedded Kubernetes answers, over TLS, and what memory a thousand pods need: all in this process.
//!
//! `plane-size [PODS]`

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use serin_e2e::cluster::{DEPLOYMENT, create, get};
use serin_e2e::target;
use serin_nodes::{Addresses, NodeDouble};
use serin_plane::Plane;
use tokio_util::sync::CancellationToken;

/// Pods of one Deployment.
const EACH: usize = 100;
/// How long all pods may take.
const PATIENCE: Duration = Duration::from_mins(2);

#[tokio::main]
async fn main() -> Result<()> {
    let pods: usize =
        std::env::args().nth(1).map_or(Ok(1000), |text| text.parse()).context("PODS is a number")?;
    let folder = std::env::temp_dir().join(format!("plane-size-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let begun = Instant::now();
    let plane = Plane::new(serin_plane::Options::default());
    let listener = plane.listen("127.0.0.1:0".parse()?).await?;
    let kubeconfig = folder.join("kubeconfig");
    std::fs::write(&kubeconfig, listener.kubeconfig())?;
    let client = target::client(&kubeconfig).await?;
    get(&client, "/version").await?;
    println!("first answer after {} ms, {:.0} MiB", begun.elapsed().as_millis(), memory_mib()?);

    let stop = CancellationToken::new();
    tokio::spawn(serin_workloads::run(plane.client(), serin_workloads::Options::default(), stop.clone()));
    let options = serin_nodes::Options { addresses: Addresses::None, ..serin_nodes::Options::default() };
    NodeDouble::start(plane.client(), options, stop.clone()).await?;
    let begun = Instant::now();
    for number in 0..pods.div_ceil(EACH) {
        create(&client, &DEPLOYMENT.list("default"), &deployment(number, EACH.min(pods - number * EACH)))
            .await?;
    }
    while ready(&get(&client, &DEPLOYMENT.list("default")).await?) < pods {
        ensure!(begun.elapsed() < PATIENCE, "not all of {pods} pods are ready after {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    println!("{pods} pods ready after {:.1} s, {:.0} MiB", begun.elapsed().as_secs_f64(), memory_mib()?);
    stop.cancel();
    listener.shutdown().await;
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

fn deployment(number: usize, replicas: usize) -> Value {
    let labels = json!({"app": format!("app-{number}")});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": format!("app-{number}")},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "web", "image": "demo:v1", "ports": [{"containerPort": 8080}]}]},
        }},
    })
}

/// Pods that the Deployments count as ready. The pods themselves are not read: their list would count as memory.
fn ready(deployments: &Value) -> usize {
    let of = |deployment: &Value| deployment["status"]["readyReplicas"].as_u64().unwrap_or(0) as usize;
    deployments["items"].as_array().map_or(0, |items| items.iter().map(of).sum())
}

fn memory_mib() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = line.split_whitespace().next().context("no number")?.parse()?;
    Ok(kib / 1024.0)
}
