//! How much of a quota this work may take when others draw on it too. Whatever is under way in the whole organization
//! counts towards AWS's quotas, and AWS lists it to everyone, so those at work see each other there and nowhere else.
//!
//! Work that sees nobody takes everything. What goes first leaves the others their places and takes the rest; what yields
//! keeps to one place while anyone else is at work. Nothing is shared by agreement: two that begin in the same moment take
//! `FAIR` places each, look, and only then take more.
//!
//! A look shows a moment. Those who work in step have little under way in some, and who goes from account to account has
//! nothing while it reads. So the look before counts, too, and some requests are left to whoever was seen lately.

use std::{collections::HashMap, time::Duration};

/// Places that are taken before anything is known of others: five at once fill the quota of 15.
const FAIR: usize = 3;
/// The part of the requests that yielding work keeps for its one place, and what the others take then, and while it may
/// be reading.
const OF_YIELDING: f64 = 0.25;
const NEXT_TO_YIELDING: f64 = 0.85;
/// AWS's guides disagree on the quota: older ones say 10, newer ones 15.
const OLDER_QUOTA: usize = 10;
/// A creation of others that is in progress for so long is stuck, or its entry is. It takes no place from us any more.
const STUCK: Duration = Duration::from_secs(60);
/// Few creations of others mean that others are done if so many looks in a row show few.
const LOOKS: usize = 2;
/// Within this, work that yields has read what its next account has, and creates again.
const LATELY: Duration = Duration::from_secs(20);

/// Whether others go first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manners {
    /// Takes what is free.
    #[default]
    GoesFirst,
    /// Takes what nobody else wants, and leaves it at once if somebody does.
    Yields,
}

/// What is known of others at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Others {
    /// Nobody has looked since this work began.
    Unknown,
    /// They cannot be seen.
    Unseen,
    /// So many of theirs are under way.
    UnderWay(usize),
}

/// Returns which part of the requests a second may be sent while so many creations of others are in progress and ours
/// have not begun, so that others cannot see us.
pub fn while_reading(manners: Manners, others: usize) -> f64 {
    match (manners, others) {
        (_, 0) => 1.0,
        (Manners::GoesFirst, _) => 0.5,
        (Manners::Yields, _) => OF_YIELDING,
    }
}

/// The share of one work.
#[derive(Debug)]
pub(super) struct Share {
    /// Places if nobody else is at work.
    most: usize,
    /// `None`: nobody else draws on the quota.
    manners: Option<Manners>,
    others: Others,
    /// Creations of others, and when they were first seen in progress.
    strangers: HashMap<String, Duration>,
    /// When it was looked within `LATELY`, the last time last, and how many creations of others were under way.
    looks: Vec<(Duration, usize)>,
}

impl Share {
    /// Everything, whoever else is at work.
    pub fn everything(most: usize) -> Share {
        Share {
            most,
            manners: None,
            others: Others::UnderWay(0),
            strangers: HashMap::new(),
            looks: Vec::new(),
        }
    }

    pub fn with(most: usize, manners: Manners) -> Share {
        Share { manners: Some(manners), others: Others::Unknown, ..Share::everything(most) }
    }

    /// Whether a look at what others do would change anything.
    pub fn is_curious(&self) -> bool {
        self.others == Others::Unknown
    }

    pub fn is_shared(&self) -> bool {
        self.manners.is_some()
    }

    /// Whether others draw on the quota, and none of them is at work.
    pub fn is_alone(&self) -> bool {
        self.is_shared() && self.others() == Others::UnderWay(0)
    }

    pub fn yields(&self) -> bool {
        self.manners == Some(Manners::Yields)
    }

    /// Returns what is to be assumed of others, whom the last look may not have shown.
    fn others(&self) -> Others {
        match self.others {
            Others::UnderWay(others) if self.were_many() => Others::UnderWay(others.max(FAIR)),
            others => others,
        }
    }

    fn were_many(&self) -> bool {
        self.looks.iter().rev().take(LOOKS).any(|(_, others)| *others >= FAIR)
    }

    fn were_seen_lately(&self) -> bool {
        self.looks.iter().any(|(_, others)| *others > 0)
    }

    /// Returns how many places this work may have in use.
    pub fn places(&self) -> usize {
        let fair = FAIR.min(self.most);
        let places = match (self.manners, self.others()) {
            (None, _) | (_, Others::UnderWay(0)) => self.most,
            (_, Others::Unknown) => fair,
            (Some(Manners::Yields), _) => 1,
            (Some(Manners::GoesFirst), Others::Unseen) => (self.most / 2).max(fair),
            // Not more than work that yields keeps, or the end of somebody's work.
            (Some(Manners::GoesFirst), Others::UnderWay(others)) if others < FAIR => {
                self.most.saturating_sub(others)
            }
            // Two that go first must not both take all that the other leaves.
            (Some(Manners::GoesFirst), Others::UnderWay(others)) => {
                self.most.saturating_sub(others).clamp(fair, (self.most / 2).max(fair))
            }
        };
        places.max(1)
    }

    /// Returns which part of the requests a second this work may send. `None`: nothing is known yet.
    pub fn of_requests(&self) -> Option<f64> {
        match (self.manners, self.others()) {
            (_, Others::Unknown) => None,
            (Some(Manners::GoesFirst), Others::UnderWay(0)) if self.were_seen_lately() => {
                Some(NEXT_TO_YIELDING)
            }
            (None, _) | (_, Others::UnderWay(0)) => Some(1.0),
            (Some(Manners::Yields), _) => Some(OF_YIELDING),
            (Some(Manners::GoesFirst), Others::UnderWay(others)) if others < FAIR => Some(NEXT_TO_YIELDING),
            // Nobody gets less than a fifth: five at once ask for no more than there is, as with places.
            (Some(Manners::GoesFirst), _) => {
                Some((self.places() as f64 / self.most.max(1) as f64).clamp(0.2, 0.5))
            }
        }
    }

    /// Notes the request ids that are in progress and not ours, of which `unanswered` may be ours all the same.
    pub fn seen<'i>(&mut self, now: Duration, others: impl Iterator<Item = &'i str>, unanswered: usize) {
        let mut count = 0_usize;
        for id in others {
            let since = match self.strangers.get(id) {
                Some(since) => *since,
                None => *self.strangers.entry(id.to_owned()).or_insert(now),
            };
            count += usize::from(now.saturating_sub(since) < STUCK);
        }
        let count = count.saturating_sub(unanswered);
        self.others = Others::UnderWay(count);
        self.looks.retain(|(at, _)| now.saturating_sub(*at) < LATELY);
        self.looks.push((now, count));
    }

    /// Notes that what others do could not be listed.
    pub fn not_seen(&mut self) {
        if self.others == Others::Unknown {
            self.others = Others::Unseen;
        }
    }

    /// Notes that AWS refused one more while `taken` places were in use. The next look corrects it.
    pub fn refused(&mut self, taken: usize) {
        match (self.manners, self.others()) {
            (None, _) => {}
            // Nobody else is there, so that it is AWS's quota that is lower.
            (Some(_), Others::UnderWay(0)) if taken >= OLDER_QUOTA => self.most = self.most.min(taken),
            (Some(_), _) => self.others = Others::UnderWay(self.most.saturating_sub(taken).max(FAIR)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(manners: Manners, others: Option<usize>) -> Share {
        let mut share = Share::with(15, manners);
        if let Some(others) = others {
            let ids: Vec<String> = (0..others).map(|id| id.to_string()).collect();
            share.seen(Duration::ZERO, ids.iter().map(String::as_str), 0);
        }
        share
    }

    #[test]
    fn what_others_have_under_way_decides_how_much_is_taken() {
        use Manners::{GoesFirst, Yields};
        let cases = [
            (GoesFirst, None, 3, None),
            (GoesFirst, Some(0), 15, Some(1.0)),
            (GoesFirst, Some(1), 14, Some(0.85)),
            (GoesFirst, Some(3), 7, Some(7.0 / 15.0)),
            (GoesFirst, Some(7), 7, Some(7.0 / 15.0)),
            (GoesFirst, Some(10), 5, Some(5.0 / 15.0)),
            (GoesFirst, Some(12), 3, Some(0.2)),
            (GoesFirst, Some(40), 3, Some(0.2)),
            (Yields, None, 3, None),
            (Yields, Some(0), 15, Some(1.0)),
            (Yields, Some(1), 1, Some(0.25)),
            (Yields, Some(15), 1, Some(0.25)),
        ];
        for (manners, others, places, requests) in cases {
            let share = share(manners, others);
            assert_eq!((share.places(), share.of_requests()), (places, requests), "{manners:?} {others:?}");
        }
    }

    #[test]
    fn five_that_see_each_other_fill_the_quotas_and_no_more() {
        let seeing = |others| share(Manners::GoesFirst, Some(others));
        for at_work in 1..=5 {
            let mut places = vec![share(Manners::GoesFirst, None).places(); at_work];
            let others = |places: &[usize], one: usize| places.iter().sum::<usize>() - places[one];
            // One looks after the other, until nothing changes any more.
            for turn in 0..10 * at_work {
                let one = turn % at_work;
                places[one] = seeing(others(&places, one)).places();
            }
            let sum: usize = places.iter().sum();
            assert!((14..=15).contains(&sum), "{at_work}: {places:?}");
            let requests = (0..at_work).filter_map(|one| seeing(others(&places, one)).of_requests());
            let sum: f64 = requests.sum();
            assert!((0.9..=1.001).contains(&sum), "{at_work}: {sum} of the requests for {places:?}");
        }
    }

    #[test]
    fn others_whom_a_look_does_not_show_are_left_something() {
        use Manners::{GoesFirst, Yields};
        // Looks at milliseconds, with so many creations of others; and what may be taken after the last.
        let cases: [(_, &[(u64, u32)], _, _); 9] = [
            (GoesFirst, &[(0, 0), (100, 0)], 15, 1.0),
            (GoesFirst, &[(0, 7), (100, 0)], 7, 7.0 / 15.0),
            (GoesFirst, &[(0, 7), (100, 2), (200, 1)], 14, 0.85),
            (GoesFirst, &[(0, 7), (100, 0), (200, 0)], 15, 0.85),
            (GoesFirst, &[(0, 2), (100, 0)], 15, 0.85),
            (GoesFirst, &[(0, 1), (19_999, 0)], 15, 0.85),
            (GoesFirst, &[(0, 1), (20_000, 0)], 15, 1.0),
            (Yields, &[(0, 7), (100, 0)], 1, 0.25),
            (Yields, &[(0, 7), (100, 0), (200, 0)], 15, 1.0),
        ];
        for (manners, looks, places, requests) in cases {
            let mut share = Share::with(15, manners);
            for (millis, others) in looks {
                let ids: Vec<String> = (0..*others).map(|id| id.to_string()).collect();
                share.seen(Duration::from_millis(*millis), ids.iter().map(String::as_str), 0);
            }
            assert_eq!(
                (share.places(), share.of_requests()),
                (places, Some(requests)),
                "{manners:?} {looks:?}"
            );
        }
    }

    #[test]
    fn small_limits_are_kept_and_one_place_is_always_left() {
        for most in 1..=15 {
            for manners in [Manners::GoesFirst, Manners::Yields] {
                for others in 0..20 {
                    let mut share = Share::with(most, manners);
                    assert!((1..=most).contains(&share.places()), "{most} {manners:?}");
                    let ids: Vec<String> = (0..others).map(|id| id.to_string()).collect();
                    share.seen(Duration::ZERO, ids.iter().map(String::as_str), 0);
                    assert!((1..=most).contains(&share.places()), "{most} {manners:?} {others}");
                }
            }
        }
    }

    #[test]
    fn who_cannot_be_seen_or_fills_the_quota_is_left_room() {
        let mut share = Share::with(15, Manners::GoesFirst);
        share.not_seen();
        assert_eq!(share.places(), 7);
        share.seen(Duration::ZERO, [].into_iter(), 0);
        share.not_seen();
        assert_eq!(share.places(), 15, "one list that fails does not undo what the last one said");
        share.refused(4);
        assert_eq!(share.places(), 4, "11 are somebody's");
        share.seen(Duration::ZERO, [].into_iter(), 0);
        share.refused(10);
        assert_eq!(share.places(), 10, "the quota is 10, because nobody else is at work");
        let mut alone = Share::everything(15);
        alone.refused(4);
        assert_eq!(alone.places(), 15);
        let mut share = self::share(Manners::GoesFirst, Some(7));
        share.seen(Duration::from_millis(100), [].into_iter(), 0);
        assert!(!share.is_alone(), "those who work in step have nothing under way for a moment");
        share.refused(10);
        (0..2).for_each(|look| share.seen(Duration::from_secs(1 + look), [].into_iter(), 0));
        assert_eq!((share.is_alone(), share.places()), (true, 15), "it was not the quota that refused");
    }

    #[test]
    fn an_answer_that_has_not_come_is_not_taken_for_somebody_elses() {
        let mut share = Share::with(15, Manners::GoesFirst);
        share.seen(Duration::ZERO, ["a", "b"].into_iter(), 2);
        assert_eq!(share.places(), 15);
    }

    #[test]
    fn an_entry_that_stays_in_progress_for_ever_takes_no_place_for_ever() {
        let mut share = share(Manners::Yields, Some(4));
        for (seconds, places) in [(59, 1), (60, 15)] {
            share.seen(Duration::from_secs(seconds), ["0", "1"].into_iter(), 0);
            assert_eq!(share.places(), places, "{seconds} s");
        }
    }
}
