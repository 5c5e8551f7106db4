//! Serves an empty plane on loopback until interrupted, and writes its kubeconfig to the file named
//! by the first argument: `cargo run -p serin-plane --example serve -- /path/kubeconfig`.

use std::net::SocketAddr;

use serin_plane::{Options, Plane};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: serve KUBECONFIG")?;
    let listener = Plane::new(Options::default()).listen(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    std::fs::write(&path, listener.kubeconfig())?;
    println!("https://{} KUBECONFIG={path}", listener.addr());
    tokio::signal::ctrl_c().await?;
    listener.shutdown().await;
    Ok(())
}
