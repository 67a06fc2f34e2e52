//! Finds what is present and creates what is missing: concurrency, polling, retries and the deadline.
//!
//! One task drives everything; nothing is spawned, so nothing outlives an invocation. It creates only what it
//! was given and deletes nothing. A grant is reported as done only where AWS said so: by the status of its
//! creation, or by listing the assignment.
//!
//! **Calls.** A creation takes one call, and polling is shared: one ListAccountAssignmentCreationStatus tells of
//! every creation under way, so that the polls of ten outstanding creations cost one request of the pace, not
//! ten. Which creations that call lists is not documented; those it leaves out are described one by one.
//!
//! **Polls.** The first comes when a creation may be done: after the time that earlier ones of this invocation have
//! taken, or `FIRST_POLL` where none is done. While polls find nothing new, the gap grows by two fifths up to
//! `LONGEST_GAP`. While grants wait for one of the outstanding places, a poll that frees places is the best use of
//! a request, so the shortest gap is smaller then.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    future::Future,
    pin::Pin,
    time::Duration,
};

use futures_util::{
    FutureExt, StreamExt,
    stream::{self, FuturesUnordered},
};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use crate::{
    failure::{CallError, Cause, Kind, failure_reason},
    identity_center::{Creation, IdentityCenter, Progress},
    ids::AccountId,
    plan::{Assignment, Obstacle, PrincipalId},
    report::{Settled, Status},
};

/// Before anything is known of how long provisioning takes; seldom is it faster.
const FIRST_POLL: Duration = Duration::from_millis(500);
/// With the growth below, what takes a second is seen to be done at 1.1 s, and what takes three at 3.2 s.
const SHORTEST_GAP: Duration = Duration::from_millis(250);
/// While grants wait for a place among the outstanding creations. Measured with 60 grants of 1 s on a paused clock:
/// a gap of 200 ms costs 13 % more time and saves one poll.
const SHORTEST_GAP_WHILE_WAITING: Duration = Duration::from_millis(120);
const LONGEST_GAP: Duration = Duration::from_secs(5);
const FIRST_BACKOFF: Duration = Duration::from_millis(400);
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);
/// How often a creation may end FAILED for a passing reason, or meet a quota, before it is left to a later
/// invocation. Refusals without an effect are bounded by the deadline only.
const MOST_FAILURES: u32 = 8;
/// A request id that is unknown for so long is taken as lost, and the assignment itself is looked at.
const UNKNOWN_FOR: Duration = Duration::from_secs(20);
/// Nothing is started so shortly before the end, so that most replies still arrive.
const LAST_START: Duration = Duration::from_secs(1);
/// Reads at the same time. The pace limits their rate; this limits how many wait for an answer.
const READS_AT_ONCE: usize = 8;

/// Which of the wanted assignments are there, in their order.
///
/// Few calls: permission sets that are not `provisioned` to the account need not be asked for. That list can lag
/// behind, so where it holds none of those that are wanted, one of them is asked for all the same; if anybody
/// has it, the list is not believed.
pub async fn present(
    center: &IdentityCenter,
    account: &AccountId,
    wanted: &[&Assignment],
    provisioned: Result<Vec<String>, CallError>,
) -> Vec<Result<bool, CallError>> {
    let mut sets: BTreeSet<&str> =
        wanted.iter().map(|assignment| assignment.permission_set.as_str()).collect();
    let Some(first) = sets.first().copied() else { return Vec::new() };
    let provisioned: HashSet<String> = match provisioned {
        Ok(provisioned) => provisioned.into_iter().collect(),
        Err(error) => return wanted.iter().map(|_| Err(error.clone())).collect(),
    };
    if sets.iter().any(|arn| provisioned.contains(*arn))
        || center.assigned(account, first).await.is_ok_and(|principals| principals.is_empty())
    {
        sets.retain(|arn| provisioned.contains(*arn));
    }
    let assigned: HashMap<&str, Result<HashSet<PrincipalId>, CallError>> = stream::iter(sets)
        .map(async |arn| (arn, center.assigned(account, arn).await.map(HashSet::from_iter)))
        .buffer_unordered(READS_AT_ONCE)
        .collect()
        .await;
    wanted
        .iter()
        .map(|assignment| match assigned.get(assignment.permission_set.as_str()) {
            None => Ok(false),
            Some(Ok(principals)) => Ok(principals.contains(&assignment.principal)),
            Some(Err(error)) => Err(error.clone()),
        })
        .collect()
}

/// How a failed call ends a grant.
pub fn settle(error: &CallError) -> Status {
    let (reason, remedy) = (error.to_string(), error.cause.remedy().to_owned());
    match error.cause.kind() {
        Kind::WaitForSomeone => Status::Unresolved { reason, remedy },
        Kind::TryAgain | Kind::Final => Status::Failed { reason, remedy },
    }
}

/// How a grant ends one of whose names has no id.
pub fn obstructed(obstacle: &Obstacle) -> Status {
    match obstacle {
        Obstacle::Unknown(reason) => {
            let remedy = Cause::NotFound.remedy().to_owned();
            Status::Unresolved { reason: reason.clone(), remedy }
        }
        Obstacle::Failed(error) => settle(error),
    }
}

/// Bounds of an invocation.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Creations in flight at once.
    pub max_outstanding: usize,
    /// When everything that is not done becomes `pending`.
    pub until: Instant,
}

/// Whether those who look on want it to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    GoOn,
    /// Nothing new is started; what is under way is waited for.
    StartNothing,
    /// Nothing is waited for either.
    Stop,
}

/// Who looks on while assignments are created, and may end it before the time runs out.
pub struct Onlooker<'a> {
    pub course: watch::Receiver<Course>,
    pub progress: &'a (dyn Fn(Count) + Sync),
}

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Assignments that are done, in one way or another.
    pub done: usize,
    /// Of these, the ones that are not in place.
    pub failed: usize,
    /// Creations under way.
    pub outstanding: usize,
}

/// Creates the missing assignments and waits until each is done, refused for good, or out of time. Answers in
/// the order of `missing`.
///
/// `in_progress` are the request ids of creations that were under way before `missing` was found to be missing:
/// an earlier invocation that was cut off may have asked for the very same, and then its creation is waited for.
pub async fn create(
    center: &IdentityCenter,
    missing: Vec<Assignment>,
    in_progress: Vec<String>,
    limits: Limits,
    onlooker: Option<Onlooker<'_>>,
) -> Vec<Settled> {
    let now = Instant::now();
    let grants = missing
        .into_iter()
        .map(|assignment| Grant {
            assignment,
            stage: Stage::Waiting { from: now, look_first: false },
            asked: None,
            refusals: 0,
            failures: 0,
            may_have_effect: false,
            last: None,
        })
        .collect();
    let mut apply = Apply {
        center,
        limits,
        grants,
        calls: FuturesUnordered::new(),
        list_helps: true,
        polls_under_way: 0,
        poll_at: None,
        fruitless_polls: 0,
        provisioning: FIRST_POLL,
        took: None,
        onlooker,
    };
    if !in_progress.is_empty() {
        let describe = stream::iter(in_progress)
            .map(async |request_id| {
                let creation = center.creation(&request_id).await;
                creation
                    .inspect_err(|error| tracing::warn!(%error, request_id, "a creation is not known"))
                    .ok()?
            })
            .buffer_unordered(READS_AT_ONCE)
            .collect::<Vec<_>>();
        if let Ok(creations) = tokio::time::timeout_at(limits.until, describe).await {
            apply.adopt(creations.into_iter().flatten());
        }
    }
    let ended = apply.run().await;
    apply.grants.into_iter().map(|grant| grant.settled(ended)).collect()
}

struct Grant {
    assignment: Assignment,
    stage: Stage,
    /// When it was first asked for.
    asked: Option<Instant>,
    /// Answers that said "not now", in a row.
    refusals: u32,
    failures: u32,
    /// A request may have had an effect although its answer did not say so.
    may_have_effect: bool,
    /// The last answer that was not the wanted one, for the report.
    last: Option<String>,
}

enum Stage {
    Waiting {
        from: Instant,
        /// Whether to look for evidence before creating.
        look_first: bool,
    },
    /// A call about it is in flight.
    Calling,
    Outstanding {
        request_id: String,
        since: Instant,
        /// The greatest age at which it was seen in progress.
        in_progress_at: Option<Duration>,
    },
    Done(Settled),
}

/// A call that has ended, with the grant that it is about.
enum Ended {
    Created(usize, Result<Creation, CallError>),
    Looked(usize, Result<Evidence, CallError>),
    Listed(Result<Vec<(String, Progress)>, CallError>),
    Described(usize, String, Result<Option<Creation>, CallError>),
}

/// What AWS says of an assignment, whatever we know of it.
enum Evidence {
    Present,
    InProgress(String),
    Absent,
}

type Call<'a> = Pin<Box<dyn Future<Output = Ended> + Send + 'a>>;

struct Apply<'a> {
    center: &'a IdentityCenter,
    limits: Limits,
    grants: Vec<Grant>,
    calls: FuturesUnordered<Call<'a>>,
    /// Whether listing creations has told anything of ours.
    list_helps: bool,
    polls_under_way: usize,
    poll_at: Option<Instant>,
    fruitless_polls: u32,
    /// How long a creation is expected to take.
    provisioning: Duration,
    /// What the creations that the present poll has found done have taken: longer than this, if they were seen in
    /// progress before, and not longer than that.
    took: Option<(Option<Duration>, Duration)>,
    onlooker: Option<Onlooker<'a>>,
}

impl<'a> Apply<'a> {
    /// Returns why it ended, for the report of what is pending.
    async fn run(&mut self) -> &'static str {
        loop {
            let now = Instant::now();
            let course = self.course();
            if now >= self.limits.until || self.grants.iter().all(Grant::is_done) {
                return "the time ran out";
            }
            if course == Course::Stop {
                return "it was stopped";
            }
            if course == Course::GoOn {
                self.start_waiting(now);
            }
            self.start_poll(now);
            let Some(wake) = self.wake_at(now, course) else {
                return if course == Course::GoOn { "the time ran out" } else { "it was stopped" };
            };
            tokio::select! {
                biased;
                Some(ended) = self.calls.next() => self.take(ended),
                () = sleep_until(wake) => {}
                () = told(&mut self.onlooker) => {}
            }
            self.tell();
        }
    }

    fn course(&self) -> Course {
        self.onlooker.as_ref().map_or(Course::GoOn, |onlooker| *onlooker.course.borrow())
    }

    fn tell(&self) {
        let Some(onlooker) = &self.onlooker else { return };
        let mut count = Count::default();
        for grant in &self.grants {
            match &grant.stage {
                Stage::Done(settled) => {
                    count.done += 1;
                    count.failed += usize::from(!matches!(settled.status, Status::Created | Status::Present));
                }
                Stage::Outstanding { .. } | Stage::Calling => count.outstanding += 1,
                Stage::Waiting { .. } => {}
            }
        }
        (onlooker.progress)(count);
    }

    fn start_waiting(&mut self, now: Instant) {
        if now + LAST_START > self.limits.until {
            return;
        }
        let mut free = self.limits.max_outstanding.saturating_sub(self.taken());
        for index in 0..self.grants.len() {
            if free == 0 {
                return;
            }
            let grant = &mut self.grants[index];
            let Stage::Waiting { from, look_first } = grant.stage else { continue };
            if from > now {
                continue;
            }
            free -= 1;
            grant.stage = Stage::Calling;
            if grant.asked.replace(grant.asked.unwrap_or(now)).is_some() && !look_first {
                self.center.tally().retried();
            }
            let (center, assignment) = (self.center, grant.assignment.clone());
            self.calls.push(if look_first {
                let ours = self.outstanding().map(|(_, request_id, _)| request_id.to_owned()).collect();
                async move { Ended::Looked(index, look(center, &assignment, ours).await) }.boxed()
            } else {
                async move { Ended::Created(index, center.create(&assignment).await) }.boxed()
            });
        }
    }

    fn start_poll(&mut self, now: Instant) {
        if self.polls_under_way > 0 || self.poll_at.is_none_or(|at| at > now) {
            return;
        }
        let outstanding: Vec<_> =
            self.outstanding().map(|(index, request_id, _)| (index, request_id.to_owned())).collect();
        if outstanding.len() > 1 && self.list_helps {
            let center = self.center;
            self.polls_under_way += 1;
            self.calls.push(async move { Ended::Listed(center.some_creations().await) }.boxed());
        } else {
            for (index, request_id) in outstanding {
                self.describe(index, request_id);
            }
        }
        self.poll_at = None;
    }

    fn describe(&mut self, index: usize, request_id: String) {
        let center = self.center;
        self.polls_under_way += 1;
        self.calls.push(
            async move {
                let answer = center.creation(&request_id).await;
                Ended::Described(index, request_id, answer)
            }
            .boxed(),
        );
    }

    /// When there is something to do even if no call ends before. `None`: never.
    fn wake_at(&self, now: Instant, course: Course) -> Option<Instant> {
        let may_start = course == Course::GoOn
            && now + LAST_START <= self.limits.until
            && self.taken() < self.limits.max_outstanding;
        let waiting = self.grants.iter().filter_map(|grant| match grant.stage {
            Stage::Waiting { from, .. } if may_start => Some(from),
            _ => None,
        });
        let next = waiting.chain(self.poll_at).min();
        match next {
            Some(next) => Some(next.min(self.limits.until)),
            None if self.calls.is_empty() => None,
            None => Some(self.limits.until),
        }
    }

    fn take(&mut self, ended: Ended) {
        match ended {
            Ended::Created(index, answer) => self.created(index, answer),
            Ended::Looked(index, answer) => self.looked(index, answer),
            Ended::Listed(answer) => {
                self.polls_under_way -= 1;
                self.listed(answer);
                self.plan_poll();
            }
            Ended::Described(index, request_id, answer) => {
                self.polls_under_way -= 1;
                self.described(index, &request_id, answer);
                self.plan_poll();
            }
        }
    }

    fn created(&mut self, index: usize, answer: Result<Creation, CallError>) {
        let grant = &mut self.grants[index];
        match answer {
            Ok(Creation { progress: Progress::InProgress, request_id: None, .. }) => {
                grant.may_have_effect = true;
                grant.wait("the answer to its creation had no request id".into(), true);
            }
            Ok(Creation { progress: Progress::InProgress, request_id: Some(request_id), .. }) => {
                self.outstanding_from_now(index, request_id);
            }
            Ok(Creation { progress, request_id, .. }) => self.finished(index, progress, request_id),
            Err(error) => match error.cause {
                Cause::Throttled => grant.wait(error.to_string(), false),
                Cause::Conflict => grant.wait(error.to_string(), true),
                Cause::Unavailable => {
                    grant.may_have_effect = true;
                    grant.wait(error.to_string(), true);
                }
                // Creations of others count towards some quotas, and end.
                Cause::Quota if grant.failures + 1 < MOST_FAILURES => {
                    grant.failures += 1;
                    grant.wait(error.to_string(), true);
                }
                _ => grant.stage = Stage::Done(settle(&error).into()),
            },
        }
    }

    fn looked(&mut self, index: usize, answer: Result<Evidence, CallError>) {
        let now = Instant::now();
        match answer {
            Ok(Evidence::Present) => {
                let grant = &mut self.grants[index];
                let status = if grant.may_have_effect { Status::Created } else { Status::Present };
                grant.stage = Stage::Done(status.into());
            }
            Ok(Evidence::InProgress(request_id)) => self.outstanding_from_now(index, request_id),
            Ok(Evidence::Absent) => {
                self.grants[index].stage = Stage::Waiting { from: now, look_first: false };
            }
            Err(error) if error.cause.kind() == Kind::TryAgain => {
                self.grants[index].wait(error.to_string(), true)
            }
            Err(error) => self.grants[index].stage = Stage::Done(settle(&error).into()),
        }
    }

    fn listed(&mut self, answer: Result<Vec<(String, Progress)>, CallError>) {
        let listed: HashMap<String, Progress> = match answer {
            Ok(listed) => listed.into_iter().collect(),
            Err(error) => {
                tracing::debug!(%error, "creations are described one by one instead");
                HashMap::new()
            }
        };
        let outstanding: Vec<_> =
            self.outstanding().map(|(index, request_id, _)| (index, request_id.to_owned())).collect();
        self.list_helps = outstanding.iter().any(|(_, request_id)| listed.contains_key(request_id));
        for (index, request_id) in outstanding {
            match listed.get(&request_id) {
                Some(Progress::InProgress) => self.grants[index].seen_in_progress(),
                Some(Progress::Succeeded) => self.finished(index, Progress::Succeeded, Some(request_id)),
                // The list does not give reasons, and may leave out what it likes.
                Some(Progress::Failed(_)) | None => self.describe(index, request_id),
            }
        }
    }

    fn described(&mut self, index: usize, request_id: &str, answer: Result<Option<Creation>, CallError>) {
        let grant = &mut self.grants[index];
        let Stage::Outstanding { since, .. } = grant.stage else { return };
        match answer {
            Ok(Some(Creation { progress: Progress::InProgress, .. })) => grant.seen_in_progress(),
            Ok(Some(Creation { progress, .. })) => {
                self.finished(index, progress, Some(request_id.to_owned()))
            }
            Ok(None) if since.elapsed() > UNKNOWN_FOR => {
                grant.may_have_effect = true;
                grant.wait(format!("request {request_id} is not known"), true);
            }
            Ok(None) => {}
            Err(error) if error.cause.kind() == Kind::TryAgain => {}
            Err(error) => {
                let settled = Settled { request_id: Some(request_id.to_owned()), ..settle(&error).into() };
                grant.stage = Stage::Done(settled);
            }
        }
    }

    fn outstanding_from_now(&mut self, index: usize, request_id: String) {
        let since = Instant::now();
        let grant = &mut self.grants[index];
        grant.asked.get_or_insert(since);
        grant.refusals = 0;
        grant.stage = Stage::Outstanding { request_id, since, in_progress_at: None };
        self.fruitless_polls = 0;
        if self.polls_under_way == 0 {
            let at = since + self.provisioning.max(SHORTEST_GAP_WHILE_WAITING);
            self.poll_at = Some(self.poll_at.map_or(at, |before| before.min(at)));
        }
    }

    /// A creation has come to its end.
    fn finished(&mut self, index: usize, progress: Progress, request_id: Option<String>) {
        self.fruitless_polls = 0;
        let grant = &mut self.grants[index];
        if let Stage::Outstanding { since, in_progress_at, .. } = grant.stage {
            let (longer, not_longer) = self.took.unwrap_or((None, Duration::MAX));
            self.took = Some((longer.max(in_progress_at), not_longer.min(since.elapsed())));
        }
        let reason = match progress {
            Progress::Failed(reason) => reason,
            _ => {
                let took = grant.asked.map(|asked| asked.elapsed());
                grant.stage = Stage::Done(Settled { status: Status::Created, request_id, took });
                return;
            }
        };
        grant.failures += 1;
        let (kind, remedy) = failure_reason(reason.as_deref());
        let said = match reason {
            Some(reason) => format!("its creation ended FAILED: {reason}"),
            None => "its creation ended FAILED, without a reason".to_owned(),
        };
        if kind == Kind::TryAgain && grant.failures < MOST_FAILURES {
            // One that "takes longer than usual" may have come to be after all.
            grant.may_have_effect = true;
            grant.wait(said, true);
        } else {
            let status = Status::Failed { reason: said, remedy: remedy.to_owned() };
            grant.stage = Stage::Done(Settled { request_id, ..status.into() });
        }
    }

    /// Takes creations that others started for ours, where they are for the same assignments.
    fn adopt(&mut self, creations: impl Iterator<Item = Creation>) {
        for creation in creations {
            let Creation { request_id: Some(request_id), progress, assignment: Some(assignment) } = creation
            else {
                continue;
            };
            let same = self.grants.iter().position(|grant| {
                grant.assignment == assignment && matches!(grant.stage, Stage::Waiting { .. })
            });
            match (same, progress) {
                (None, _) | (_, Progress::Failed(_)) => {}
                (Some(index), Progress::InProgress) => self.outstanding_from_now(index, request_id),
                (Some(index), Progress::Succeeded) => {
                    let settled = Settled { request_id: Some(request_id), ..Status::Present.into() };
                    self.grants[index].stage = Stage::Done(settled);
                }
            }
        }
    }

    /// After the last call of a poll: when the next one comes.
    fn plan_poll(&mut self) {
        if self.polls_under_way > 0 {
            return;
        }
        // Between the two bounds; a little less than the one where there is but one, so that a first poll which
        // comes late comes earlier next time.
        if let Some((longer, not_longer)) = self.took.take() {
            self.provisioning = match longer {
                Some(longer) => (longer.min(not_longer) + not_longer) / 2,
                None => not_longer.mul_f64(0.9),
            };
        }
        let now = Instant::now();
        let Some(oldest) = self.outstanding().map(|(_, _, since)| since).min() else {
            self.poll_at = None;
            return;
        };
        let waiting = self.grants.iter().any(|grant| matches!(grant.stage, Stage::Waiting { .. }));
        let shortest = if waiting { SHORTEST_GAP_WHILE_WAITING } else { SHORTEST_GAP };
        // A poll that describes one by one costs as many requests, so it comes that much more seldom.
        let calls = if self.list_helps { 1 } else { self.outstanding().count().div_ceil(2) };
        let gap = shortest
            .mul_f64(calls as f64 * 1.4_f64.powi(self.fruitless_polls.min(20) as i32))
            .min(LONGEST_GAP)
            .mul_f64(0.8 + 0.4 * fastrand::f64());
        self.fruitless_polls += 1;
        self.poll_at = Some((now + gap).max(oldest + self.provisioning));
    }

    fn outstanding(&self) -> impl Iterator<Item = (usize, &str, Instant)> {
        self.grants.iter().enumerate().filter_map(|(index, grant)| match &grant.stage {
            Stage::Outstanding { request_id, since, .. } => Some((index, request_id.as_str(), *since)),
            _ => None,
        })
    }

    /// Places that are in use.
    fn taken(&self) -> usize {
        let in_use = |grant: &&Grant| matches!(grant.stage, Stage::Calling | Stage::Outstanding { .. });
        self.grants.iter().filter(in_use).count()
    }
}

impl Grant {
    fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done(_))
    }

    fn seen_in_progress(&mut self) {
        if let Stage::Outstanding { since, in_progress_at, .. } = &mut self.stage {
            *in_progress_at = Some(since.elapsed());
        }
    }

    /// Tries again later: after a random part of a bound that doubles, so that two who met do not meet again.
    fn wait(&mut self, last: String, look_first: bool) {
        let bound = FIRST_BACKOFF.saturating_mul(1 << self.refusals.min(10)).min(LONGEST_BACKOFF);
        self.refusals += 1;
        self.last = Some(last);
        let from = Instant::now() + bound.mul_f64(fastrand::f64());
        self.stage = Stage::Waiting { from, look_first };
    }

    /// `ended`: why there is no more of it, such as "the time ran out".
    fn settled(self, ended: &str) -> Settled {
        let (mut reason, request_id) = match self.stage {
            Stage::Done(settled) => return settled,
            Stage::Outstanding { request_id, .. } => {
                (format!("its creation was IN_PROGRESS when {ended}"), Some(request_id))
            }
            Stage::Calling => (format!("no answer had come when {ended}"), None),
            Stage::Waiting { .. } => (format!("it was not created when {ended}"), None),
        };
        if let Some(last) = self.last {
            reason = format!("{reason}; the last answer before: {last}");
        }
        Settled { request_id, ..Status::Pending { reason }.into() }
    }
}

/// Returns when the onlooker has something new to say; without one, never.
async fn told(onlooker: &mut Option<Onlooker<'_>>) {
    if let Some(onlooker) = onlooker
        && onlooker.course.changed().await.is_ok()
    {
        return;
    }
    std::future::pending().await
}

/// Looks for creations under way first and for the assignment second: one that ends in between is seen.
async fn look(
    center: &IdentityCenter,
    assignment: &Assignment,
    ours: HashSet<String>,
) -> Result<Evidence, CallError> {
    // Where creations cannot be listed, the assignment itself still tells.
    let others =
        center.creations_in_progress().await.into_iter().filter(|request_id| !ours.contains(request_id));
    let mut creations = stream::iter(others)
        .map(async |request_id| (center.creation(&request_id).await, request_id))
        .buffer_unordered(READS_AT_ONCE);
    while let Some((creation, request_id)) = creations.next().await {
        if let Ok(Some(Creation { progress: Progress::InProgress, assignment: Some(other), .. })) = creation
            && other == *assignment
        {
            return Ok(Evidence::InProgress(request_id));
        }
    }
    let assigned = center.assigned(&assignment.account, &assignment.permission_set).await?;
    Ok(if assigned.contains(&assignment.principal) { Evidence::Present } else { Evidence::Absent })
}
