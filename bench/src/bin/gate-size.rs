//! What the gate needs: the memory of many count metrics, and the time of a year of blocks of one.
//!
//! `gate-size [METRICS]`

use std::time::Instant;

use anyhow::{Context as _, Result};
use serin_gate::{Gate, Shelf};

#[path = "../service.rs"]
mod service;

/// Blocks of 15 seconds in an hour and in a year.
const HOUR: u64 = 240;
const YEAR: u64 = HOUR * 24 * 365;
/// Metrics of one rollout: the memory is that of many rollouts, as a controller has them.
const EACH: usize = 20;

fn main() -> Result<()> {
    let metrics: usize =
        std::env::args().nth(1).map_or(Ok(10_000), |text| text.parse()).context("METRICS is a number")?;
    let policy = service::policy(EACH, 0);
    let mut shelf = Shelf::default();
    let before = memory_mib()?;
    let mut gates: Vec<Gate> =
        (0..metrics / EACH).map(|_| service::open(&policy)).collect::<Result<_, _>>()?;
    for number in HOUR..HOUR + 8 {
        let block = service::block(&policy, number, true);
        for gate in &mut gates {
            gate.look(&block, &mut shelf);
        }
    }
    println!("{} count metrics, 33 pods: {:.0} MiB", gates.len() * EACH, memory_mib()? - before);
    drop(gates);
    let policy = service::policy(1, 0);
    let mut gate = service::open(&policy)?;
    // Blocks are made beforehand for a day at a time, so that the clock sees the gate alone.
    let mut seconds = 0.0;
    for day in 0..365 {
        let from = HOUR + day * HOUR * 24;
        let blocks: Vec<_> =
            (from..from + HOUR * 24).map(|number| service::block(&policy, number, true)).collect();
        let begun = Instant::now();
        for block in &blocks {
            gate.look(block, &mut shelf);
        }
        seconds += begun.elapsed().as_secs_f64();
    }
    println!("a year of one count metric, {YEAR} blocks: {seconds:.1} s");
    Ok(())
}

/// Resident memory of this process.
fn memory_mib() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status").context("memory is read from /proc")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024.0)
}
