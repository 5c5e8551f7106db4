//! Seeded worlds with faults: the whole controller on the embedded Kubernetes, in virtual time.
//!
//! Property: a world is a function of one number. In it the real engine, cluster and planners work on a plane, with
//! real workload controllers and the node double beside them, while requests are refused, lost and late, watches are
//! cut and behind, controllers crash around any write, clocks step, two leaders meet, pods fail, and people do what
//! people do. After every accepted write the rules of [`judge`] must hold, and when the faults end the world must come
//! to the same end as its twin without them.
//!
//! Reason: defects that need three things to go wrong at once are found by nobody at a desk.
//!
//! Mechanics: [`seed`] gives each purpose its own generator; [`shape`] draws a Rollout, [`feature`] what else it uses, [`deed`] what happens to it,
//! [`fault`] what happens to requests; [`world`] runs it all on tokio's paused clock, [`plot`] says what happens when,
//! and [`judge`] looks on through a [`mirror`] that no fault reaches.
//!
//! What this crate does not do: serve requests; find the smallest story that fails.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod deed;
pub mod fault;
pub mod feature;
pub mod hand;
pub mod judge;
pub mod mirror;
pub mod plot;
pub mod seed;
pub mod shape;
pub mod view;
pub mod world;

use std::fmt;

pub use plot::{Ending, Finale, Plot};

/// Lines of what happened that a report shows.
const SHOWN: usize = 60;

/// A rule was broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Broken {
    /// What was broken.
    pub rules: Vec<String>,
    /// What happened until then.
    pub trace: Vec<String>,
}

impl Broken {
    /// The world itself is defective.
    #[must_use]
    pub fn world(what: &str) -> Self {
        Self { rules: vec![format!("the world itself is defective: {what}")], trace: Vec::new() }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let skipped = self.trace.len().saturating_sub(SHOWN);
        if 0 < skipped {
            writeln!(f, "… {skipped} lines before")?;
        }
        for line in &self.trace[skipped..] {
            writeln!(f, "{line}")?;
        }
        self.rules.iter().take(5).try_for_each(|rule| writeln!(f, "{rule}"))
    }
}

/// Plays a plot in a runtime of its own, in virtual time.
///
/// # Errors
/// As [`Plot::play`].
pub fn play(plot: &Plot) -> Result<Ending, Broken> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.map_err(|error| Broken::world(&error.to_string()))?.block_on(plot.play())
}

/// Plays a plot with its faults and without them, and compares the ends.
///
/// # Errors
/// When a rule is broken in either, or they end differently.
pub fn prove(plot: &Plot) -> Result<Ending, Broken> {
    let quiet = play(&plot.without_faults()).map_err(|mut broken| {
        broken.rules.push("even without faults".to_owned());
        broken
    })?;
    let ending = play(plot)?;
    if quiet.state == ending.state {
        return Ok(ending);
    }
    let rule = format!("it ends as\n  {}\nand without faults as\n  {}", ending.state, quiet.state);
    Err(Broken { rules: vec![rule], trace: ending.trace })
}
