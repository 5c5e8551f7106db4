//! Which engine gave the results: a hash of what it answers, so that no one has to remember to count a version up.

use std::sync::OnceLock;

use anyhow::{Context as _, Result};
use serin_gate::{Gate, Shelf};

use crate::catalogue::worlds;
use crate::dice::hashed;
use crate::world::Play;

/// Worlds that exercise the engine's parts: bursts and pods, steps, histograms, levels, the split, the floor.
const WORLDS: [&str; 6] = [
    "CV 0.3 + burst 3 + AR 0.9",
    "weights 5-25-50, CV 0.3",
    "pod sd 5 %, shared AR 0.9 sd 10 %, shift of all",
    "gauge, AR 0.9, trend, pods CV 0.1",
    "split 10 rps, 10 % as told, sessions 20",
    "zero: 100 rps, canary 0.03 %",
];
/// Every so many looks one is hashed.
const EVERY: usize = 8;

/// The hash of looks at fixed rollouts. Two engines with the same one may differ only where none of these looks.
///
/// # Errors
/// When the gate refuses a policy, or a look cannot be written down.
pub fn fingerprint() -> Result<String> {
    static KNOWN: OnceLock<String> = OnceLock::new();
    match KNOWN.get() {
        Some(known) => Ok(known.clone()),
        None => Ok(KNOWN
            .get_or_init({
                let found = measured()?;
                || found
            })
            .clone()),
    }
}

fn measured() -> Result<String> {
    let mut shelf = Shelf::default();
    let mut text = String::new();
    for world in worlds().iter().filter(|world| WORLDS.contains(&world.name)) {
        let (mut play, roster, past) = Play::begin(&world.law, world.stage, 1.5, hashed(world.name));
        let mut gate = Gate::open(world.policy(), roster, &past).context(world.name)?;
        let mut looks = 0;
        while let Some((block, _)) = play.next_block() {
            let look = gate.look(&block, &mut shelf);
            looks += 1;
            if looks % EVERY == 0 {
                text.push_str(&serde_json::to_string(&look)?);
            }
        }
    }
    Ok(format!("{:016x}", hashed(&text)))
}
