//! How many requests a second we allow ourselves.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// A token bucket: `burst` requests at once, `per_second` after that.
///
/// Kept as the one instant at which the bucket will be full again, which is all that a bucket is.
#[derive(Debug)]
pub struct Limit {
    interval: Duration,
    tolerance: Duration,
    full_at: Mutex<Instant>,
}

impl Limit {
    /// A full bucket. Figures are brought within one in a thousand seconds and a million a second, which is as good as no
    /// limit (as is infinity), and a burst of at least 1.
    #[must_use]
    pub fn new(per_second: f64, burst: u32) -> Self {
        let per_second = if per_second.is_nan() { 1e6 } else { per_second.clamp(1e-3, 1e6) };
        let interval = Duration::from_secs_f64(1.0 / per_second);
        Self { interval, tolerance: interval * burst.max(1), full_at: Mutex::new(Instant::now()) }
    }

    /// Waits for a token and takes it. First come, first served.
    pub async fn take(&self) {
        let wait = self.reserve(Instant::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    fn reserve(&self, now: Instant) -> Duration {
        let mut full_at = self.full_at.lock();
        *full_at = (*full_at).max(now) + self.interval;
        full_at.saturating_duration_since(now).saturating_sub(self.tolerance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn infinitely_many_are_not_waited_for_and_few_are() {
        for (per_second, seconds) in [(f64::INFINITY, 0), (0.5, 198), (0.1, 990)] {
            let (limit, start) = (Limit::new(per_second, 1), Instant::now());
            for _ in 0..100 {
                limit.take().await;
            }
            assert_eq!(start.elapsed().as_secs(), seconds, "{per_second} a second");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_at_once_and_the_rest_evenly() {
        let limit = Limit::new(10.0, 3);
        let start = Instant::now();
        let mut at = Vec::new();
        for _ in 0..5 {
            limit.take().await;
            at.push(start.elapsed().as_millis());
        }
        assert_eq!(at, [0, 0, 0, 100, 200]);
        tokio::time::sleep(Duration::from_mins(1)).await;
        let start = Instant::now();
        for _ in 0..3 {
            limit.take().await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO, "a rest fills the bucket, and no more than the bucket");
        limit.take().await;
        assert_eq!(start.elapsed().as_millis(), 100);
    }
}
