//! When to poll. The first poll comes when something may be done: after the time that earlier items of this work have
//! taken, or `FIRST_POLL` if none is done. From then on, while nothing begins or ends, the gap grows with the time since,
//! up to `LONGEST_GAP`. So of several, what takes long is seen to be done less than three tenths of its time later, and half
//! of that if nobody else draws on the quota, because their requests are free then. While items wait for one of the
//! outstanding places, a poll that frees places is the best use of a request, so the shortest gap is smaller then.
//!
//! What the expected time is worth, on a paused clock: without it 60 grants of 1 s take 85 calls instead of 75, and 60 of 3 s
//! take 144 instead of 96. Those would be others' requests. 200 of 1 s take 15.7 s instead of 14.6, too.
//!
//! It also knows where a list has our items. AWS documents no order. If it lists the newest first, they are on the first
//! page. If it lists the oldest first, they are some pages on, and move on; so the page is remembered. If they are on none
//! of `MOST_PAGES` pages, only what is in progress is listed: that is never much, because few may be outstanding. What is
//! not in that list any more has ended, and is described.

use std::time::Duration;

use super::Scope;

/// Before anything is known of how long provisioning takes; it is rarely faster.
const FIRST_POLL: Duration = Duration::from_millis(500);
/// For one item alone, whose every poll is a request.
const SHORTEST_GAP: Duration = Duration::from_millis(250);
/// For several, which share a poll, and while items wait for a place among the outstanding ones. With 200 ms, 60 items of
/// 1 s take 4 % more time on a paused clock, and as many calls.
const SHORTEST_SHARED_GAP: Duration = Duration::from_millis(120);
const LONGEST_GAP: Duration = Duration::from_secs(5);
/// The gap, as a part of the time since anything began or ended, or was expected to: for one item alone, for several, and
/// for several if nobody else is at work.
const GROWTH: f64 = 0.4;
const SHARED_GROWTH: f64 = 0.24;
const ALONE_GROWTH: f64 = 0.14;
/// This part of the time that is expected is not worth a poll.
const NO_MATTER: f64 = 0.02;
/// A first poll that finds everything done may have come late. So the next one comes earlier.
const EARLIER: f64 = 0.97;
/// Pages of 100 that one poll reads at most. More history than they hold is not searched.
const MOST_PAGES: u32 = 5;

#[derive(Debug)]
pub(super) struct Polls {
    /// What is listed by the next poll; `None` if lists do not help.
    scope: Option<Scope>,
    /// Pages that the present poll has asked for.
    pages: u32,
    /// Items that the present poll has found.
    handled: Vec<usize>,
    /// Whether any of them is in progress.
    in_progress: bool,
    /// Polls in a row that have searched pages and found nothing of ours.
    fruitless_searches: u32,
    /// Calls of the present poll that have not been answered.
    under_way: usize,
    at: Option<Duration>,
    /// When something last began or ended.
    news: Duration,
    /// How long an item is expected to take.
    provisioning: Duration,
    /// Bounds of the time that the items took which the present poll has found done. They took longer than the first,
    /// if they were seen in progress before, and not longer than the second.
    took: Option<(Option<Duration>, Duration)>,
}

impl Default for Polls {
    fn default() -> Polls {
        Polls {
            scope: Some(Scope::Page(None)),
            pages: 0,
            handled: Vec::new(),
            in_progress: false,
            fruitless_searches: 0,
            under_way: 0,
            at: None,
            news: Duration::ZERO,
            provisioning: FIRST_POLL,
            took: None,
        }
    }
}

impl Polls {
    pub fn at(&self) -> Option<Duration> {
        self.at
    }

    pub fn is_due(&self, now: Duration) -> bool {
        self.under_way == 0 && self.at.is_some_and(|at| at <= now)
    }

    /// Begins a poll. Returns what it lists.
    pub fn scope(&mut self) -> Option<Scope> {
        self.pages = 1;
        self.in_progress = false;
        self.scope.clone()
    }

    /// Ends the search of the present poll.
    pub fn searched(&mut self) {
        self.handled.clear();
    }

    pub fn handled(&mut self, item: usize) {
        self.handled.push(item);
    }

    pub fn is_handled(&self, item: usize) -> bool {
        self.handled.contains(&item)
    }

    /// Notes that a list failed. `again`: another one may succeed.
    pub fn not_listed(&mut self, again: bool) {
        self.scope = match self.scope.take() {
            // A token may have expired.
            Some(Scope::Page(Some(_))) => Some(Scope::Page(None)),
            scope if again => scope,
            _ => None,
        };
    }

    /// Notes what a list had, and how many items it left out. Returns what to list next in the same poll.
    pub fn listed(&mut self, in_progress: bool, left_out: usize, next: Option<String>) -> Option<Scope> {
        let found = !self.handled.is_empty();
        let Some(Scope::Page(start)) = &self.scope else { return None };
        self.in_progress |= in_progress;
        // One item alone is described at the same cost.
        let goes_on = left_out > 1 || (left_out > 0 && !found);
        if goes_on
            && self.pages < MOST_PAGES
            && let Some(next) = &next
        {
            self.pages += 1;
            let next = Scope::Page(Some(next.clone()));
            // Pages before the first that has any in progress are of no use any more.
            if !self.in_progress {
                self.scope = Some(next.clone());
            }
            return Some(next);
        }
        if found {
            self.fruitless_searches = 0;
        } else if left_out > 0 && (self.pages > 1 || start.is_some() || next.is_some()) {
            // Lists may lag behind, so the pages are searched once more.
            self.fruitless_searches += 1;
            let whole = self.fruitless_searches < 2;
            self.scope = Some(if whole { Scope::Page(None) } else { Scope::InProgress });
        }
        None
    }

    /// Adds calls to the present poll.
    pub fn asked(&mut self, calls: usize) {
        self.under_way += calls;
        self.at = None;
    }

    pub fn answered(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// Notes that something is under way from now on.
    pub fn begun(&mut self, now: Duration) {
        self.news = now;
        if self.under_way == 0 {
            let at = now + self.provisioning.max(SHORTEST_SHARED_GAP);
            self.at = Some(self.at.map_or(at, |before| before.min(at)));
        }
    }

    /// Notes that something is done. `seen`: the greatest age at which it was seen in progress, and its age now.
    pub fn finished(&mut self, now: Duration, seen: Option<(Option<Duration>, Duration)>) {
        self.news = now;
        if let Some((in_progress_at, age)) = seen {
            let (longer, not_longer) = self.took.unwrap_or((None, Duration::MAX));
            self.took = Some((longer.max(in_progress_at), not_longer.min(age)));
        }
    }

    /// Plans the next poll, after the last call of a poll. `oldest`: since when the oldest item is under way. `alone`: others
    /// draw on the quota, and none of them is at work.
    pub fn plan(
        &mut self,
        now: Duration,
        oldest: Option<Duration>,
        outstanding: usize,
        waiting: bool,
        alone: bool,
        random: fn() -> f64,
    ) {
        if self.under_way > 0 {
            return;
        }
        // The expected time lies between the two bounds. With an upper one alone it never grows: that poll may have come late
        // for other reasons.
        if let Some((longer, not_longer)) = self.took.take() {
            self.provisioning = match longer {
                Some(longer) => (longer.min(not_longer) + not_longer) / 2,
                None => self.provisioning.min(not_longer.mul_f64(EARLIER)),
            };
        }
        let Some(oldest) = oldest else {
            self.at = None;
            return;
        };
        let (shortest, growth) = match (waiting || outstanding > 1, alone) {
            (true, true) => (SHORTEST_SHARED_GAP, ALONE_GROWTH),
            (true, false) => (SHORTEST_SHARED_GAP, SHARED_GROWTH),
            (false, _) => (SHORTEST_GAP, GROWTH),
        };
        // A poll that describes one by one costs as many requests, so it comes less often.
        let calls = if self.scope.is_some() { 1 } else { outstanding.div_ceil(2) };
        let expected = oldest + self.provisioning;
        let gap = shortest
            .max(self.provisioning.mul_f64(NO_MATTER))
            .max(now.saturating_sub(self.news.max(expected)).mul_f64(growth))
            .mul_f64(calls as f64)
            .min(LONGEST_GAP)
            .mul_f64(0.8 + 0.4 * random());
        self.at = Some((now + gap).max(expected));
    }
}
