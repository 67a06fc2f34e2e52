//! Work that AWS does in the background: start it, follow it, take it up again, end before a deadline. It decides what
//! to ask next and when, and what an answer means. The caller makes the calls.
//!
//! It knows items by their index, and time as the duration since the work began. That fits anything that one call
//! starts and a request id follows. An item is done only if AWS says that it is: by the status of what was started, or
//! by showing that it is there.
//!
//! **Calls.** A start takes one call, and polling is shared: one list gives the progress of everything under way, so
//! the polls of ten items cost one request, not ten. Which items a list has, and in which order, is AWS's choice: it is
//! read from the page on which ours are, and if there is none, it is asked for what is in progress alone. Items that it
//! leaves out are described one by one.
//!
//! **Others.** If the quota is shared, see [`Manners`]: what others have under way is seen in the same lists, and decides
//! how much is started.

mod item;
mod polls;
mod share;
mod talk;

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use self::{
    item::{Item, LookFirst, Stage},
    polls::Polls,
    share::Share,
};
pub use self::{
    share::{Manners, while_reading},
    talk::{Answer, Ask, Bounds, Count, Deed, End, Evidence, Listed, Next, Progress, Scope, Started, Wish},
};
use crate::{
    cause::{CallError, Cause, FailureReason, Retry},
    outcome::{Settled, Status},
};

/// How often an item may end FAILED for a passing reason, or meet a quota, before it is left to a later run. Refusals
/// without an effect are bounded by the deadline only.
const MOST_FAILURES: u32 = 8;
/// A request id that is unknown for this long is taken as lost, and the item itself is looked at.
const UNKNOWN_FOR: Duration = Duration::from_secs(20);
/// What is under way for this long is asked for by other means too: no single source is believed without end. A list may
/// say IN_PROGRESS for ever, and so may the description of a request.
const OLD: Duration = Duration::from_secs(10);
const VERY_OLD: Duration = Duration::from_secs(60);
/// Nothing is started this shortly before the end, so that most replies still arrive.
const LAST_START: Duration = Duration::from_secs(1);

/// Items, and how far each is.
#[derive(Debug)]
pub struct Work {
    deed: Deed,
    bounds: Bounds,
    items: Vec<Item>,
    /// Whether there will be more items.
    expects_more: bool,
    /// Of each group, how many of its items may be under way at once.
    places: Vec<Places>,
    share: Share,
    polls: Polls,
    /// Whether it was asked who else is at work, and the answer has not come.
    looks_for_others: bool,
    /// Nothing is started before, after a refusal of work that yields. Otherwise its next item meets the same.
    held_until: Duration,
    /// Request ids that the present poll has found in progress and that are not ours.
    strangers: HashSet<String>,
    /// Calls that were asked for and have not been answered.
    calls: usize,
    /// A number from 0 to 1, so that two callers that collided do not collide again.
    random: fn() -> f64,
    /// After an answer that there are no credentials any more. Nothing that is sent then can succeed.
    signed_out: Option<CallError>,
}

/// How many items of a group may be under way at once. AWS may refuse a second one next to the first, so a conflict
/// lowers the number, and what goes well raises it again. AWS may also refuse an item because somebody else has started
/// the same. Then a look shows that, and the number is as it was.
#[derive(Clone, Copy, Debug)]
struct Places {
    free: usize,
    /// Items that went well since the number last changed.
    good: usize,
    /// What `free` was before conflicts of which it is not known what they were with.
    before: Option<usize>,
    /// Whether a look has shown nobody else who has started the same, since `free` last rose.
    among_themselves: bool,
}

impl Places {
    fn new(free: usize) -> Places {
        Places { free, good: 0, before: None, among_themselves: false }
    }

    /// Notes what a look has shown of conflicts. `theirs`: somebody else has started the same, or has ended it.
    fn looked(&mut self, theirs: bool) {
        let Some(before) = self.before.take() else { return };
        match theirs {
            true => self.free = self.free.max(before),
            false => self.among_themselves = true,
        }
    }
}

impl Work {
    /// An item for each entry of `groups`. Items that may disturb each other, such as those of one account, have the
    /// same number.
    pub fn new(groups: &[usize], bounds: Bounds, random: fn() -> f64) -> Work {
        let count = groups.iter().max().map_or(0, |most| most + 1);
        let items = groups.iter().map(|group| Item::new(*group)).collect();
        let places = vec![Places::new(bounds.max_outstanding); count];
        Work {
            deed: Deed::default(),
            bounds,
            items,
            expects_more: false,
            places,
            share: Share::everything(bounds.max_outstanding),
            polls: Polls::default(),
            looks_for_others: false,
            held_until: Duration::ZERO,
            strangers: HashSet::new(),
            calls: 0,
            random,
            signed_out: None,
        }
    }

    /// Does something else than create.
    pub fn doing(self, deed: Deed) -> Work {
        Work { deed, ..self }
    }

    /// Does not end before [`more`](Work::more) has come, though all items may be done.
    pub fn expecting_more(self) -> Work {
        Work { expects_more: true, ..self }
    }

    /// Adds an item for each entry of `groups`, behind those that there are, and expects no more.
    pub fn more(&mut self, groups: &[usize]) {
        self.expects_more = false;
        let count = groups.iter().max().map_or(0, |most| most + 1).max(self.places.len());
        self.places.resize(count, Places::new(self.bounds.max_outstanding));
        self.items.extend(groups.iter().map(|group| Item::new(*group)));
    }

    /// Shares the places with others. `in_progress` are the request ids that were under way before this work began;
    /// what was adopted of them is not others'.
    pub fn shared<'i>(mut self, manners: Manners, in_progress: impl Iterator<Item = &'i str>) -> Work {
        self.share = Share::with(self.bounds.max_outstanding, manners);
        let ours: HashSet<&str> = self.request_ids().collect();
        let others: Vec<&str> = in_progress.filter(|id| !ours.contains(id)).collect();
        // Nobody may also mean that others have only begun to read.
        if !others.is_empty() {
            self.share.seen(Duration::ZERO, others.into_iter(), 0);
        }
        self
    }

    /// Returns which part of the requests a second this work may send. `None`: it is not known yet.
    pub fn share_of_requests(&self) -> Option<f64> {
        self.share.of_requests()
    }

    /// Takes over an item that others started. Returns whether it was waiting for that.
    pub fn adopt(&mut self, item: usize, request_id: String, progress: &Progress, now: Duration) -> bool {
        let Some(waiting) = self.items.get_mut(item).filter(|item| item.is_waiting()) else { return false };
        match progress {
            Progress::Failed(_) => return false,
            Progress::InProgress => self.outstanding_from(now, item, request_id),
            Progress::Succeeded => {
                waiting.done(Settled { request_id: Some(request_id), ..Status::Present.into() });
            }
        }
        true
    }

    /// Returns what to ask now.
    pub fn next(&mut self, now: Duration, wish: Wish) -> Next {
        let expects_more = self.expects_more && wish == Wish::GoOn;
        if now >= self.bounds.until || (!expects_more && self.items.iter().all(Item::is_done)) {
            return Next::End(End::Late);
        }
        match (&self.signed_out, wish) {
            // What is under way may have been accepted, and its answer has the request id.
            (Some(_), Wish::GoOn | Wish::StartNothing) if self.calls > 0 => {
                return Next::Ask(Vec::new(), self.bounds.until);
            }
            (Some(_), _) => return Next::End(End::SignedOut),
            (None, _) => {}
        }
        let mut asks = Vec::new();
        match wish {
            Wish::Stop => return Next::End(End::Stopped),
            Wish::GoOn => self.start_waiting(now, &mut asks),
            Wish::StartNothing => {}
        }
        self.start_poll(now, &mut asks);
        self.calls += asks.len();
        match self.wake_at(now, wish) {
            Some(wake) => Next::Ask(asks, wake),
            None if expects_more => Next::Ask(asks, self.bounds.until),
            None if wish == Wish::GoOn => Next::End(End::Late),
            None => Next::End(End::Stopped),
        }
    }

    /// Takes an answer. It may call for more at once.
    pub fn take(&mut self, answer: Answer, now: Duration) -> Vec<Ask> {
        self.calls = self.calls.saturating_sub(1);
        let mut asks = Vec::new();
        if let Some(error) = answer.error().filter(|error| error.cause == Cause::Credentials) {
            self.signed_out = Some(error.clone());
            // What was being asked for was not accepted.
            if let Answer::Started { item, .. } | Answer::Looked { item, .. } = &answer
                && let Some(item) = self.items.get_mut(*item)
                && matches!(item.stage, Stage::Calling)
            {
                item.stage = Stage::Waiting { from: now, look_first: LookFirst::Yes };
            }
            return asks;
        }
        match answer {
            Answer::Started { item, answer } => self.started(now, item, answer),
            Answer::Looked { item, answer } => self.looked(now, item, answer),
            Answer::Listed(answer) => {
                self.polls.answered();
                self.listed(now, answer, &mut asks);
                self.plan_poll(now);
            }
            Answer::Described { item, request_id, answer } => {
                self.polls.answered();
                self.described(now, item, request_id, answer, &mut asks);
                self.plan_poll(now);
            }
            Answer::Others(answer) => {
                self.looks_for_others = false;
                match answer {
                    Ok(Listed { progress, .. }) => {
                        self.strangers.clear();
                        self.note_others(now, &progress);
                    }
                    Err(_) => self.share.not_seen(),
                }
            }
        }
        if self.signed_out.is_some() {
            asks.clear();
        }
        self.calls += asks.len();
        asks
    }

    pub fn count(&self) -> Count {
        let mut count = Count::default();
        for item in &self.items {
            match &item.stage {
                Stage::Done(settled) => {
                    count.done += 1;
                    count.failed += usize::from(!settled.status.is_in_place());
                }
                Stage::Outstanding { .. } | Stage::Calling => count.outstanding += 1,
                Stage::Waiting { .. } => {}
            }
        }
        count
    }

    /// Returns the request ids of the items under way.
    pub fn request_ids(&self) -> impl Iterator<Item = &str> {
        self.outstanding().map(|(_, request_id, _)| request_id)
    }

    /// Returns what became of each item, in their order.
    pub fn settle(self, end: End) -> Vec<Settled> {
        let signed_out = self.signed_out.map(|error| error.to_string());
        let deed = self.deed;
        self.items.into_iter().map(|item| item.settled(deed, end, signed_out.as_deref())).collect()
    }

    fn start_waiting(&mut self, now: Duration, asks: &mut Vec<Ask>) {
        if now + LAST_START > self.bounds.until || now < self.held_until() {
            return;
        }
        let mut free = self.share.places().saturating_sub(self.taken());
        let mut free_of: Vec<usize> = (0..self.places.len()).map(|group| self.free_places(group)).collect();
        for (index, item) in self.items.iter_mut().enumerate() {
            let Stage::Waiting { from, look_first } = item.stage else { continue };
            let Some(of_group) = free_of.get_mut(item.group) else { continue };
            let looks = looks(&self.places, item.group, look_first);
            if from > now || free == 0 || (*of_group == 0 && !looks) {
                continue;
            }
            free -= 1;
            *of_group = of_group.saturating_sub(1);
            let again = item.asked.is_some();
            item.asked.get_or_insert(now);
            item.stage = Stage::Calling;
            asks.push(if looks { Ask::Look { item: index } } else { Ask::Start { item: index, again } });
        }
    }

    fn start_poll(&mut self, now: Duration, asks: &mut Vec<Ask>) {
        if self.is_curious() {
            self.looks_for_others = true;
            asks.push(Ask::Others);
        }
        if !self.polls.is_due(now) {
            return;
        }
        self.strangers.clear();
        let outstanding: Vec<(usize, String)> =
            self.outstanding().map(|(item, request_id, _)| (item, request_id.to_owned())).collect();
        match self.polls.scope() {
            // The list also shows others, who may leave a place.
            Some(scope) if outstanding.len() > 1 || (self.share.is_shared() && self.is_waiting()) => {
                self.ask_list(scope, asks);
            }
            _ => self.ask_each(outstanding, asks),
        }
    }

    /// Returns when something may be started.
    fn held_until(&self) -> Duration {
        if self.share.is_alone() { Duration::ZERO } else { self.held_until }
    }

    /// Whether more would be started if nobody else is at work. Asked only when what was started is sure to be listed.
    fn is_curious(&self) -> bool {
        self.share.is_curious()
            && !self.looks_for_others
            && self.is_waiting()
            && self.taken() > 0
            && self.unanswered() == 0
    }

    /// Notes who else is at work, by everything that the present poll has found.
    fn note_others(&mut self, now: Duration, progress: &HashMap<String, Progress>) {
        if !self.share.is_shared() {
            return;
        }
        let ours: HashSet<&str> = self.items.iter().filter_map(Item::request_id).collect();
        let in_progress = progress.iter().filter(|(_, progress)| **progress == Progress::InProgress);
        let others = in_progress.map(|(id, _)| id).filter(|id| !ours.contains(id.as_str())).cloned();
        let others: Vec<String> = others.collect();
        self.strangers.extend(others);
        let unanswered = self.unanswered();
        self.share.seen(now, self.strangers.iter().map(String::as_str), unanswered);
    }

    fn ask_list(&mut self, scope: Scope, asks: &mut Vec<Ask>) {
        self.polls.asked(1);
        asks.push(Ask::List(scope));
    }

    fn ask_each(&mut self, items: Vec<(usize, String)>, asks: &mut Vec<Ask>) {
        self.polls.asked(items.len());
        asks.extend(items.into_iter().map(|(item, request_id)| Ask::Describe { item, request_id }));
    }

    /// Returns when there is something to do even if no call ends before. `None`: never.
    fn wake_at(&self, now: Duration, wish: Wish) -> Option<Duration> {
        let may_start =
            wish == Wish::GoOn && now + LAST_START <= self.bounds.until && self.taken() < self.share.places();
        let free: Vec<bool> = (0..self.places.len()).map(|group| self.free_places(group) > 0).collect();
        let is_free = |item: &Item| free.get(item.group).is_some_and(|free| *free);
        let waiting = self.items.iter().filter_map(|item| match item.stage {
            Stage::Waiting { from, look_first } if may_start => {
                let may_start = is_free(item) || looks(&self.places, item.group, look_first);
                may_start.then_some(from.max(self.held_until()))
            }
            _ => None,
        });
        match waiting.chain(self.polls.at()).min() {
            Some(next) => Some(next.min(self.bounds.until)),
            None if self.calls == 0 => None,
            None => Some(self.bounds.until),
        }
    }

    fn started(&mut self, now: Duration, index: usize, answer: Result<Started, CallError>) {
        let random = self.random;
        let is_crowded =
            matches!(&answer, Err(error) if error.cause == Cause::Conflict) && self.crowded(index);
        if matches!(&answer, Err(error) if matches!(error.cause, Cause::Throttled | Cause::Quota)) {
            self.share.refused(self.taken().saturating_sub(1));
        }
        let Some(item) = self.items.get_mut(index) else { return };
        match answer {
            Ok(Started { progress: Progress::InProgress, request_id: None }) => {
                item.may_have_effect = true;
                let last = format!("the answer to its {} had no request id", self.deed.noun());
                item.wait(now, random, last, LookFirst::Yes);
            }
            Ok(Started { progress: Progress::InProgress, request_id: Some(request_id) }) => {
                self.outstanding_from(now, index, request_id);
            }
            Ok(Started { progress, request_id }) => self.finished(now, index, progress, request_id),
            Err(error) => match error.cause {
                Cause::Throttled => {
                    let yields = self.share.yields();
                    if yields {
                        item.be_patient();
                    }
                    let from = item.wait(now, random, error.to_string(), LookFirst::No);
                    if yields {
                        self.held_until = from;
                    }
                }
                Cause::Conflict => {
                    let look = if is_crowded { LookFirst::IfUnexplained } else { LookFirst::Yes };
                    item.wait(now, random, error.to_string(), look);
                }
                Cause::Unavailable => {
                    item.may_have_effect = true;
                    item.wait(now, random, error.to_string(), LookFirst::Yes);
                }
                // What others have under way counts towards some quotas, and ends.
                Cause::Quota if item.failures + 1 < MOST_FAILURES => {
                    item.failures += 1;
                    item.wait(now, random, error.to_string(), LookFirst::Yes);
                }
                _ => item.done(Status::of(&error).into()),
            },
        }
    }

    fn looked(&mut self, now: Duration, index: usize, answer: Result<Evidence, CallError>) {
        let random = self.random;
        let done = self.deed.done();
        let Some(item) = self.items.get_mut(index) else { return };
        // Under way for long, and looked at by other means: only that it is done says anything.
        if let Stage::Outstanding { request_id, .. } = &item.stage {
            if answer == Ok(done) {
                let request_id = Some(request_id.clone());
                self.finished(now, index, Progress::Succeeded, request_id);
            }
            return;
        }
        if let Ok(evidence) = &answer
            && let Some(places) = self.places.get_mut(item.group)
        {
            places.looked(*evidence == done || matches!(evidence, Evidence::InProgress { .. }));
        }
        match answer {
            Ok(evidence) if evidence == done && item.may_have_effect => item.done(Status::Created.into()),
            Ok(evidence) if evidence == done => item.done(Status::Present.into()),
            Ok(Evidence::InProgress { request_id, others }) => {
                self.outstanding_from(now, index, request_id);
                for (other, request_id) in others {
                    self.adopt(other, request_id, &Progress::InProgress, now);
                }
            }
            Ok(Evidence::Absent | Evidence::Present) => {
                item.stage = Stage::Waiting { from: now, look_first: LookFirst::No };
            }
            Err(error) if error.cause.retry() == Retry::Again => {
                item.wait(now, random, error.to_string(), LookFirst::Yes);
            }
            Err(error) => item.done(Status::of(&error).into()),
        }
    }

    fn listed(&mut self, now: Duration, answer: Result<Listed, CallError>, asks: &mut Vec<Ask>) {
        let outstanding: Vec<(usize, String)> = self
            .outstanding()
            .filter(|(item, ..)| !self.polls.is_handled(*item))
            .map(|(item, request_id, _)| (item, request_id.to_owned()))
            .collect();
        let Listed { progress, next } = match answer {
            Ok(listed) => listed,
            Err(error) => {
                self.polls.not_listed(error.cause.retry() == Retry::Again);
                self.polls.searched();
                return self.ask_each(outstanding, asks);
            }
        };
        self.note_others(now, &progress);
        let (ours, others): (Vec<_>, Vec<_>) =
            outstanding.into_iter().partition(|(_, request_id)| progress.contains_key(request_id));
        let mut to_describe = Vec::new();
        let mut in_progress = false;
        for (index, request_id) in ours {
            self.polls.handled(index);
            match progress.get(&request_id) {
                Some(Progress::InProgress) => {
                    in_progress = true;
                    self.seen_in_progress(now, index);
                    if self.doubts_list(now, index) {
                        to_describe.push((index, request_id));
                    }
                }
                Some(Progress::Succeeded) => {
                    self.finished(now, index, Progress::Succeeded, Some(request_id));
                }
                // The list gives no reasons.
                Some(Progress::Failed(_)) | None => to_describe.push((index, request_id)),
            }
        }
        // What the list leaves out may be elsewhere, or has to be described.
        match self.polls.listed(in_progress, others.len(), next) {
            Some(scope) => self.ask_list(scope, asks),
            None => {
                self.polls.searched();
                to_describe.extend(others);
            }
        }
        self.ask_each(to_describe, asks);
    }

    fn described(
        &mut self,
        now: Duration,
        index: usize,
        request_id: String,
        answer: Result<Option<Progress>, CallError>,
        asks: &mut Vec<Ask>,
    ) {
        let random = self.random;
        let Some(item) = self.items.get_mut(index) else { return };
        let Stage::Outstanding { since, .. } = item.stage else { return };
        match answer {
            Ok(Some(Progress::InProgress)) => {
                self.seen_in_progress(now, index);
                if self.doubts_description(now, index, VERY_OLD) {
                    asks.push(Ask::Look { item: index });
                }
            }
            Ok(Some(progress)) => self.finished(now, index, progress, Some(request_id)),
            Ok(None) if now.saturating_sub(since) > UNKNOWN_FOR => {
                item.may_have_effect = true;
                item.wait(now, random, format!("request {request_id} is not known"), LookFirst::Yes);
            }
            Ok(None) => {}
            Err(error) if error.cause.retry() == Retry::Again => {
                if now.saturating_sub(since) > UNKNOWN_FOR && self.doubts_description(now, index, UNKNOWN_FOR)
                {
                    asks.push(Ask::Look { item: index });
                }
            }
            Err(error) => {
                item.done(Settled { request_id: Some(request_id), ..Status::of(&error).into() });
            }
        }
    }

    fn outstanding_from(&mut self, now: Duration, index: usize, request_id: String) {
        let Some(item) = self.items.get_mut(index) else { return };
        item.asked.get_or_insert(now);
        item.refusals = 0;
        item.stage = Stage::Outstanding {
            request_id,
            since: now,
            in_progress_at: None,
            described_at: now,
            looked_at: now,
        };
        self.polls.begun(now);
    }

    /// Whether a list has it in progress for so long that it is to be described as well.
    fn doubts_list(&mut self, now: Duration, index: usize) -> bool {
        match self.items.get_mut(index).map(|item| &mut item.stage) {
            Some(Stage::Outstanding { described_at, .. }) => is_over(described_at, now, OLD),
            _ => false,
        }
    }

    /// Whether it is described as in progress, or not at all, for so long that it is to be looked at as well.
    fn doubts_description(&mut self, now: Duration, index: usize, long: Duration) -> bool {
        match self.items.get_mut(index).map(|item| &mut item.stage) {
            Some(Stage::Outstanding { looked_at, .. }) => is_over(looked_at, now, long),
            _ => false,
        }
    }

    /// After a conflict: no more of its group may be under way than are. Returns whether any are.
    fn crowded(&mut self, index: usize) -> bool {
        let Some(group) = self.items.get(index).map(|item| item.group) else { return false };
        let others = self.taken_of(group).saturating_sub(1);
        if let Some(places) = self.places.get_mut(group) {
            places.before.get_or_insert(places.free);
            (places.free, places.good) = (others.clamp(1, places.free), 0);
        }
        others > 0
    }

    /// Notes that something of a group went well.
    fn went_well(&mut self, group: usize) {
        let most = self.bounds.max_outstanding;
        if let Some(places) = self.places.get_mut(group) {
            places.good += 1;
            // Four conflicts in a hundred creations, where AWS allows one at a time, cost next to nothing.
            if places.free < most && places.good >= 8 * places.free {
                (places.free, places.good) = (places.free + 1, 0);
                // The look may have missed somebody, and others come and go.
                places.among_themselves = false;
            }
        }
    }

    fn seen_in_progress(&mut self, now: Duration, index: usize) {
        if let Some(Stage::Outstanding { since, in_progress_at, .. }) =
            self.items.get_mut(index).map(|item| &mut item.stage)
        {
            *in_progress_at = Some(now.saturating_sub(*since));
        }
    }

    /// Handles the end of what was started.
    fn finished(&mut self, now: Duration, index: usize, progress: Progress, request_id: Option<String>) {
        let (random, noun) = (self.random, self.deed.noun());
        let Some(item) = self.items.get_mut(index) else { return };
        match item.stage {
            Stage::Outstanding { since, in_progress_at, .. } => {
                self.polls.finished(now, Some((in_progress_at, now.saturating_sub(since))));
            }
            _ => self.polls.finished(now, None),
        }
        let reason = match progress {
            Progress::Failed(reason) => reason,
            Progress::Succeeded | Progress::InProgress => {
                let took = item.asked.map(|asked| now.saturating_sub(asked));
                let group = item.group;
                item.done(Settled { status: Status::Created, request_id, took });
                self.went_well(group);
                return;
            }
        };
        item.failures += 1;
        let meaning = FailureReason::of(reason.as_deref());
        let said = match reason {
            Some(reason) => format!("its {noun} ended FAILED: {reason}"),
            None => format!("its {noun} ended FAILED, without a reason"),
        };
        let again = match meaning {
            FailureReason::Passing => item.failures < MOST_FAILURES,
            FailureReason::Arriving(_) => true,
            FailureReason::Final(_) => false,
        };
        let status = Status::Failed { reason: said.clone(), remedy: meaning.remedy() };
        if again {
            // One that "takes longer than usual" may have come to be after all.
            item.may_have_effect = true;
            item.ended = Some(Settled { request_id, ..status.into() });
            item.wait(now, random, said, LookFirst::Yes);
        } else {
            item.done(Settled { request_id, ..status.into() });
        }
    }

    /// Plans the next poll, after the last call of a poll.
    fn plan_poll(&mut self, now: Duration) {
        let oldest = self.outstanding().map(|(_, _, since)| since).min();
        let outstanding = self.outstanding().count();
        let waiting = self.is_waiting();
        self.polls.plan(now, oldest, outstanding, waiting, self.share.is_alone(), self.random);
    }

    fn outstanding(&self) -> impl Iterator<Item = (usize, &str, Duration)> {
        self.items.iter().enumerate().filter_map(|(index, item)| match &item.stage {
            Stage::Outstanding { request_id, since, .. } => Some((index, request_id.as_str(), *since)),
            _ => None,
        })
    }

    fn is_waiting(&self) -> bool {
        self.items.iter().any(Item::is_waiting)
    }

    /// Returns how many starts have no answer yet, and so no request id.
    fn unanswered(&self) -> usize {
        self.items.iter().filter(|item| matches!(item.stage, Stage::Calling)).count()
    }

    /// Returns how many places are in use.
    fn taken(&self) -> usize {
        self.items.iter().filter(|item| item.is_under_way()).count()
    }

    fn taken_of(&self, group: usize) -> usize {
        self.items.iter().filter(|item| item.group == group && item.is_under_way()).count()
    }

    fn free_places(&self, group: usize) -> usize {
        self.places.get(group).map_or(0, |places| places.free.saturating_sub(self.taken_of(group)))
    }
}

/// Whether an item that waits is looked at next. That disturbs nothing, so it needs no place of its group.
fn looks(places: &[Places], group: usize, look_first: LookFirst) -> bool {
    match look_first {
        LookFirst::No => false,
        LookFirst::Yes => true,
        LookFirst::IfUnexplained => places.get(group).is_none_or(|places| !places.among_themselves),
    }
}

/// Whether `since` is over for so long; then it is counted from now.
fn is_over(since: &mut Duration, now: Duration, long: Duration) -> bool {
    let over = now.saturating_sub(*since) >= long;
    if over {
        *since = now;
    }
    over
}

#[cfg(test)]
mod tests;
