//! One pace for all requests to a service, kept by the requests themselves.
//!
//! The quotas of IAM Identity Center belong to the whole organization: 20 requests a second, shared with everybody else
//! who calls it. A pace limits the requests of any second, wherever the second begins. After a rest, requests may go at
//! once, so an account with few grants does not wait. It slows down when the service throttles, because more attempts
//! would only take the quota from others. It never fails and never drops a request.
//!
//! Others draw on the same quota. Until it is known whether there are any, a pace takes half, so that two can begin at
//! once, and a third if it is throttled. Then [`Pace::share`] says what part it may take.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

const SECOND: Duration = Duration::from_secs(1);
/// A request arrives later than it is sent, most of all on a new connection. Until its answer proves arrival, assume this
/// delay. If a request counted from when it was sent, one burst and the next could meet at the service within a second.
const LONGEST_WAY: Duration = Duration::from_millis(50);
/// A storm of throttles slows the pace to one request a second, not to a halt.
const SLOWEST: f64 = 1.0;
/// Throttles that come closer together than this are answers to the same burst.
const ONE_BURST: Duration = Duration::from_millis(500);

/// A pace in requests a second, shared by all who hold it.
#[derive(Debug)]
pub struct Pace {
    /// Most requests in a second, if nobody else sends any.
    full: usize,
    /// The part of the pace that is left after a throttle.
    slowing_to: f64,
    now: Mutex<Now>,
    /// Held by whoever is next.
    line: tokio::sync::Mutex<()>,
    /// For whoever is next: the pace has changed.
    changed: Notify,
}

#[derive(Debug)]
struct Now {
    /// Most requests in a second at present.
    width: f64,
    /// Whether it is known who else draws on the quota.
    is_known: bool,
    /// Requests a second at present: `width`, or less after a throttle.
    rate: f64,
    /// The last turns given, `full` of them at most.
    turns: VecDeque<Slot>,
    /// How many turns have been given and left `turns` again.
    gone: u64,
    slowed: Option<Instant>,
    /// After a throttle.
    not_before: Option<Instant>,
}

#[derive(Debug)]
struct Slot {
    sent: Instant,
    /// When it is sure to have reached the service.
    there: Instant,
}

/// A turn that was given, for reporting that its request was answered.
#[derive(Debug)]
pub struct Turn(u64);

impl Pace {
    pub fn per_second(requests: u32) -> Pace {
        let full = requests.max(1) as usize;
        let all = full as f64;
        let now = Now {
            width: all,
            is_known: true,
            rate: all,
            turns: VecDeque::new(),
            gone: 0,
            slowed: None,
            not_before: None,
        };
        Pace {
            full,
            slowing_to: 0.7,
            now: Mutex::new(now),
            line: tokio::sync::Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Goes down to this part after a throttle, instead of seven tenths.
    pub fn slowing_to(self, part: f64) -> Pace {
        Pace { slowing_to: part, ..self }
    }

    /// Takes half until [`Pace::share`] says how much it is.
    pub fn begin(&self) {
        self.widen(0.5, false);
    }

    /// Takes this part of everything from now on.
    pub fn share(&self, part: f64) {
        self.widen(part, true);
    }

    fn widen(&self, part: f64, is_known: bool) {
        let mut now = self.lock();
        let width = (self.full as f64 * part).clamp(SLOWEST, self.full as f64);
        let was_slowed = now.rate < now.width;
        now.is_known = is_known;
        now.width = width;
        now.rate = if was_slowed { now.rate.min(width) } else { width };
        self.changed.notify_one();
    }

    /// Returns when the caller may send a request. Callers go in the order in which they asked.
    pub async fn turn(&self) -> Turn {
        let _next = self.line.lock().await;
        loop {
            let at = {
                let mut now = self.lock();
                let present = Instant::now();
                let at = now.next(present);
                if at <= present {
                    return now.take(present, self.full);
                }
                at
            };
            // Either way it looks again.
            let _ = timeout_at(at, self.changed.notified()).await;
        }
    }

    /// Reports that the request of this turn was answered, well or badly. So it has reached the service.
    pub fn reached(&self, Turn(number): Turn) {
        let mut now = self.lock();
        let place = number.checked_sub(now.gone).and_then(|place| usize::try_from(place).ok());
        if let Some(slot) = place.and_then(|place| now.turns.get_mut(place)) {
            slot.there = slot.there.min(Instant::now());
        }
    }

    /// Reports a throttle: the pace goes down. If nobody knows of others, they are there, and it takes a third.
    pub fn throttled(&self) {
        let mut now = self.lock();
        let present = Instant::now();
        if now.slowed.is_some_and(|slowed| present < slowed + ONE_BURST) {
            return;
        }
        now.slowed = Some(present);
        if !now.is_known {
            now.width = now.width.min(self.full as f64 / 3.0).max(SLOWEST);
        }
        now.rate = (now.rate.min(now.width) * self.slowing_to).max(SLOWEST);
        now.not_before = Some(present + Duration::from_secs_f64(1.0 / now.rate));
    }

    /// Reports an answer: the pace recovers, by its full rate in 25 answers.
    pub fn answered(&self) {
        let mut now = self.lock();
        now.rate = (now.rate + self.full as f64 / 25.0).min(now.width);
    }

    fn lock(&self) -> MutexGuard<'_, Now> {
        // No code panics while it holds the lock; if it did, the numbers would still be sound.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Now {
    /// Returns when the next request may be sent: not before the present.
    fn next(&self, present: Instant) -> Instant {
        let after_throttle = self.not_before.unwrap_or(present);
        // Evenly while the pace is slower than it may be, at once otherwise.
        let evenly = match self.turns.back() {
            Some(last) if self.rate < self.width => last.sent + Duration::from_secs_f64(1.0 / self.rate),
            _ => present,
        };
        let before = self.turns.len().checked_sub(self.width as usize);
        let within_a_second =
            before.and_then(|before| self.turns.get(before)).map_or(present, |slot| slot.there + SECOND);
        after_throttle.max(evenly).max(within_a_second)
    }

    fn take(&mut self, present: Instant, full: usize) -> Turn {
        if self.turns.len() == full {
            self.turns.pop_front();
            self.gone += 1;
        }
        self.turns.push_back(Slot { sent: present, there: present + LONGEST_WAY });
        Turn(self.gone + self.turns.len() as u64 - 1)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test lets a paused clock go on")]
mod tests {
    use super::*;

    async fn send(pace: &Pace, requests: usize) -> Vec<f64> {
        let start = Instant::now();
        let mut times = Vec::new();
        for _ in 0..requests {
            let turn = pace.turn().await;
            times.push(start.elapsed().as_secs_f64());
            pace.reached(turn);
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
    async fn a_second_full_goes_at_once_and_the_rest_at_the_pace() {
        let times = send(&Pace::per_second(15), 76).await;
        assert!(times[14] < 0.001, "nobody waits in the first second: {times:?}");
        let last = times[75];
        assert!((4.9..5.1).contains(&last), "61 more requests at 15 a second take 5 s, not {last}");
    }

    #[tokio::test(start_paused = true)]
    async fn no_second_holds_more_requests_than_are_set() {
        for requests in [1, 5, 15, 20] {
            let pace = Pace::per_second(requests);
            let start = Instant::now();
            let mut times = Vec::new();
            for pause in [0, 0, 300, 0, 50, 0, 0, 1_500, 0, 70, 0, 0] {
                tokio::time::sleep(Duration::from_millis(pause)).await;
                for _ in 0..requests.div_ceil(2) {
                    pace.turn().await;
                    times.push(start.elapsed().as_secs_f64());
                }
            }
            assert!(most_in_a_second(&times) <= requests as usize, "{requests} a second: {times:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_counts_from_when_it_has_reached_the_service() {
        // A way in milliseconds, and when the fourth request of three a second may be sent.
        for (way, expected) in [(0, 1.0), (20, 1.02), (50, 1.05), (400, 1.05)] {
            let pace = Pace::per_second(3);
            let start = Instant::now();
            let turns = [pace.turn().await, pace.turn().await, pace.turn().await];
            tokio::time::sleep(Duration::from_millis(way)).await;
            turns.into_iter().for_each(|turn| pace.reached(turn));
            pace.turn().await;
            let took = start.elapsed().as_secs_f64();
            assert!((took - expected).abs() < 0.002, "{way} ms: {took} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_comes_when_its_turn_is_forgotten_changes_nothing() {
        let pace = Pace::per_second(1);
        let first = pace.turn().await;
        let second = pace.turn().await;
        pace.reached(first);
        pace.reached(second);
        let start = Instant::now();
        pace.turn().await;
        assert!((start.elapsed().as_secs_f64() - 1.0).abs() < 0.002);
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

    #[tokio::test(start_paused = true)]
    async fn a_throttle_after_that_burst_slows_the_pace_again_and_the_next_waits_a_whole_interval() {
        let pace = Pace::per_second(10);
        for expected in [7.0, 4.9, 3.43] {
            pace.throttled();
            let times = send(&pace, 3).await;
            for (place, time) in (1..).zip(times) {
                let wanted = f64::from(place) / expected;
                assert!((time - wanted).abs() < 0.01, "{place} of {expected} a second at {time}");
            }
            tokio::time::advance(ONE_BURST).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pace_may_slow_down_to_less() {
        let pace = Pace::per_second(20).slowing_to(0.25);
        pace.throttled();
        let times = send(&pace, 4).await;
        assert!((times[3] - times[0] - 0.6).abs() < 0.01, "5 a second: {times:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_answer_brings_a_twenty_fifth_of_the_pace_back() {
        let pace = Pace::per_second(10);
        pace.throttled();
        (0..5).for_each(|_| pace.answered());
        let times = send(&pace, 11).await;
        let (took, wanted) = (times[10] - times[0], 10.0 / 9.0);
        assert!((took - wanted).abs() < 0.02, "7 and 5 x 0.4 a second, so {wanted} s, not {took} s");
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_one_burst_belongs_to_the_next() {
        let pace = Pace::per_second(10);
        pace.throttled();
        tokio::time::advance(ONE_BURST).await;
        pace.throttled();
        let wait = send(&pace, 1).await[0];
        assert!((wait - 1.0 / 4.9).abs() < 0.01, "{wait} s");
    }
}
