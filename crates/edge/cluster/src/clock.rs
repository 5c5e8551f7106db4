//! Clocks to inject: the real one, and one that follows tokio's (which a test may stop and a rehearsal may speed up).

use std::sync::Arc;

use jiff::Timestamp;
use serin_kernel::Moment;
use tokio::time::Instant;

pub use crate::cluster::Clock;

/// The machine's wall clock.
#[must_use]
pub fn system() -> Clock {
    Arc::new(|| Timestamp::now().into())
}

/// A clock that reads `start` now and goes with tokio's time.
#[must_use]
pub fn from_start(start: Moment) -> Clock {
    let begun = Instant::now();
    Arc::new(move || start.plus(begun.elapsed()))
}
