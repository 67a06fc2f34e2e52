//! One pace for all requests to a service, kept by the requests themselves.
//!
//! The quotas of IAM Identity Center belong to the whole organization: 20 requests a second, shared with
//! everybody else who calls it. A pace allows a short burst, so that an account with few grants waits for
//! nothing, and slows down when the service throttles, since more attempts would only take the quota from
//! others. It never fails and never drops a request.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

/// The organization's quota, in requests a second.
const QUOTA: u32 = 20;
/// A storm of throttles slows the pace to one request a second, not to a halt.
const SLOWEST: f64 = 1.0;
/// Throttles that come closer together than this are answers to one and the same burst.
const ONE_BURST: Duration = Duration::from_millis(500);

/// A pace in requests a second, shared by all who hold it.
#[derive(Debug)]
pub struct Pace {
    full: f64,
    burst: f64,
    now: Mutex<Now>,
}

#[derive(Debug)]
struct Now {
    /// Requests a second at present.
    rate: f64,
    /// When the next request would go if requests went evenly; a burst may run ahead of it.
    due: Option<Instant>,
    slowed: Option<Instant>,
}

impl Pace {
    pub fn per_second(requests: u32) -> Pace {
        let full = f64::from(requests.max(1));
        // In any second at most `requests + burst` go, and that must stay within the quota.
        let burst = f64::from(QUOTA.saturating_sub(requests).clamp(1, 5));
        let now = Now { rate: full, due: None, slowed: None };
        Pace { full, burst, now: Mutex::new(now) }
    }

    /// Returns when the caller may send a request. Callers go in the order in which they asked.
    pub async fn turn(&self) {
        let at = {
            let mut now = self.lock();
            let present = Instant::now();
            let interval = Duration::from_secs_f64(1.0 / now.rate);
            // After a slow-down there are no bursts until the pace has recovered.
            let burst = if now.rate < self.full { 1.0 } else { self.burst };
            let ahead = interval.mul_f64(burst - 1.0);
            let earliest = present.checked_sub(ahead).unwrap_or(present);
            let due = now.due.map_or(earliest, |due| due.max(earliest));
            now.due = Some(due + interval);
            due
        };
        sleep_until(at).await;
    }

    /// The service said that this was too much: go slower, to seven tenths of the pace.
    pub fn throttled(&self) {
        let mut now = self.lock();
        let present = Instant::now();
        if now.slowed.is_some_and(|slowed| present < slowed + ONE_BURST) {
            return;
        }
        now.slowed = Some(present);
        now.rate = (now.rate * 0.7).max(SLOWEST);
        // Whoever is next waits a whole interval of the new pace.
        let due = present + Duration::from_secs_f64(1.0 / now.rate);
        now.due = Some(now.due.map_or(due, |before| before.max(due)));
    }

    /// The service answered: recover, by a whole pace in 25 answers.
    pub fn answered(&self) {
        let mut now = self.lock();
        now.rate = (now.rate + self.full / 25.0).min(self.full);
    }

    fn lock(&self) -> MutexGuard<'_, Now> {
        // No code panics while it holds the lock; if it did, the numbers would still be sound.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn send(pace: &Pace, requests: usize) -> Vec<f64> {
        let start = Instant::now();
        let mut times = Vec::new();
        for _ in 0..requests {
            pace.turn().await;
            times.push(start.elapsed().as_secs_f64());
        }
        times
    }

    fn most_in_a_second(times: &[f64]) -> usize {
        times
            .iter()
            .map(|from| times.iter().filter(|at| **at >= *from && **at < from + 1.0).count())
            .max()
            .unwrap_or(0)
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_at_once_and_the_rest_at_the_pace() {
        let times = send(&Pace::per_second(15), 65).await;
        assert!(times[4] < 0.001, "the burst of five waits for nothing: {times:?}");
        let last = times[64];
        assert!((3.9..4.1).contains(&last), "60 more requests at 15 a second take 4 s, not {last}");
    }

    #[tokio::test(start_paused = true)]
    async fn no_second_holds_more_than_the_quota_whatever_the_setting() {
        for requests in [1, 5, 15, 18, 19, 20] {
            let most = most_in_a_second(&send(&Pace::per_second(requests), 100).await);
            assert!(most <= 21, "{requests} a second: {most} in one second");
            assert!(requests > 19 || most <= 20, "{requests} a second: {most} in one second");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn throttles_of_one_burst_slow_the_pace_once_and_answers_bring_it_back() {
        let pace = Pace::per_second(16);
        for _ in 0..5 {
            pace.throttled();
        }
        let slow = send(&pace, 9).await;
        assert!((0.7..0.9).contains(&slow[8]), "11.2 a second: {slow:?}");
        for _ in 0..25 {
            pace.answered();
        }
        let times = send(&pace, 17).await;
        assert!(times[16] - times[0] < 1.05, "16 a second again: {times:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_storm_never_stops_the_pace() {
        let pace = Pace::per_second(15);
        for _ in 0..20 {
            pace.throttled();
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        let times = send(&pace, 3).await;
        assert!(times[2] < 3.1, "one a second: {times:?}");
    }
}
