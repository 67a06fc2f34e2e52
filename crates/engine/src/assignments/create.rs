//! Account assignments as work: which call each ask is, and the creations of others that are for the same.
//!
//! Creates only what it was given and deletes nothing.

use std::{
    collections::{HashMap, HashSet},
    sync::OnceLock,
    time::Duration,
};

use assigner_aws::{
    calls::Patience,
    identity_center::{Creation, IdentityCenter},
};
use assigner_core::{
    assignments::plan::Assignment,
    cause::CallError,
    ids::AccountId,
    outcome::Settled,
    work::{Answer, Ask, Bounds, Evidence, Manners, Progress, Scope, Started, Work},
};
use futures_util::{FutureExt, StreamExt, future::LocalBoxFuture, stream};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout_at},
};

use crate::{
    READS_AT_ONCE,
    drive::{self, Add, Call, More, Observer},
};

/// Creations of others that cannot be described cost no more than this, before anything of ours is created.
pub(super) const LONGEST_DESCRIPTION: Duration = Duration::from_secs(10);

/// What was read of others less than this ago still holds.
const CURRENT_FOR: Duration = Duration::from_millis(1_500);

/// Bounds of an invocation or a verb.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Creations in flight at once, if nobody else creates any.
    pub max_outstanding: usize,
    pub manners: Manners,
    /// When everything that is not done becomes `pending`.
    pub until: Instant,
}

/// Assignments to create.
#[derive(Debug, Default)]
pub struct Batch {
    pub missing: HashSet<Assignment>,
    /// Creations that were under way before `missing` was found to be missing. An earlier run that was cut off may have
    /// asked for the same assignment. Then its creation is waited for.
    pub others: Vec<Creation>,
}

/// Creates the missing assignments and waits until each is done, refused for good, or out of time. Returns what became
/// of each.
///
/// `later` is a batch that is known only later; what it has in common with the first is created once. It is waited for
/// until the time is over.
pub async fn create(
    center: &IdentityCenter,
    batch: Batch,
    later: Option<LocalBoxFuture<'_, Batch>>,
    limits: Limits,
    observer: Option<Observer<'_>>,
) -> HashMap<Assignment, Settled> {
    let began = Instant::now();
    let Batch { missing, others } = batch;
    let missing = Missing::new(missing);
    let bounds = Bounds { max_outstanding: limits.max_outstanding, until: drive::until(began, limits.until) };
    let mut work = Work::new(&by_account(&missing.first), bounds, fastrand::f64);
    adopt(&mut work, &missing.first, &others, began.elapsed());
    let in_progress = others.iter().filter(|other| other.progress == Progress::InProgress);
    let work = work.shared(limits.manners, in_progress.filter_map(|other| other.request_id.as_deref()));
    let others = Mutex::new(Others::of(others));
    let call = |ask, work: &Work| {
        if let Some(part) = work.share_of_requests() {
            center.share_requests(part);
        }
        call(center, &missing, &others, ask, work)
    };
    let more = later.map(|later| missing.extend(later));
    let settled = drive::drive(work, began, call, observer, more).await;
    missing.into_all().zip(settled).collect()
}

/// What is created, by item: the first batch, and behind it the later one, once it is known.
struct Missing {
    first: Vec<Assignment>,
    later: OnceLock<Vec<Assignment>>,
}

impl Missing {
    fn new(first: HashSet<Assignment>) -> Missing {
        let mut first: Vec<Assignment> = first.into_iter().collect();
        first.sort();
        Missing { first, later: OnceLock::new() }
    }

    /// Waits for the later batch, and returns what adds it to the work.
    fn extend<'a>(&'a self, later: LocalBoxFuture<'a, Batch>) -> More<'a> {
        let known = async {
            let Batch { mut missing, others } = later.await;
            self.first.iter().for_each(|assignment| _ = missing.remove(assignment));
            let mut missing: Vec<Assignment> = missing.into_iter().collect();
            missing.sort();
            let all = self.first.iter().chain(self.later.get_or_init(|| missing));
            let groups = by_account(all.clone()).split_off(self.first.len());
            let add: Add<'a> = Box::new(move |work, now| {
                work.more(&groups);
                adopt(work, all, &others, now);
            });
            add
        };
        known.boxed_local()
    }

    fn get(&self, item: usize) -> &Assignment {
        match item.checked_sub(self.first.len()) {
            None => &self.first[item],
            Some(item) => &self.later.get().map_or(&[][..], Vec::as_slice)[item],
        }
    }

    fn all(&self) -> impl Iterator<Item = &Assignment> {
        self.first.iter().chain(self.later.get().into_iter().flatten())
    }

    fn into_all(self) -> impl Iterator<Item = Assignment> {
        self.first.into_iter().chain(self.later.into_inner().unwrap_or_default())
    }
}

/// Waits until what others have asked for of `missing` has ended, and returns whether there was any. Then somebody else
/// is about the same account, and has perhaps created more of it meanwhile. If all of `missing` was asked for,
/// [`create`] follows it.
pub async fn follow(
    center: &IdentityCenter,
    missing: &HashSet<Assignment>,
    others: &[Creation],
    limits: Limits,
) -> bool {
    let theirs: HashSet<Assignment> = others
        .iter()
        .filter(|other| !matches!(other.progress, Progress::Failed(_)))
        .filter_map(|other| other.assignment.clone().filter(|assignment| missing.contains(assignment)))
        .collect();
    if theirs.is_empty() || theirs.len() == missing.len() {
        return false;
    }
    create(center, Batch { missing: theirs, others: others.to_vec() }, None, limits, None).await;
    true
}

/// So few creations of others are all described.
const FEW: usize = 3;
/// Of more, so many are described before it is decided whether somebody else is about the same account. To describe all
/// that four others have under way would take a quarter of what their accounts need in all, and four instead of one makes 60
/// grants next to a backfill 15 % slower. What is missed is found when AWS refuses it as a conflict. Where AWS accepts it, it
/// is asked for a second time, which costs one call.
const DESCRIBED_FIRST: usize = 1;

/// Creations of others, each described once. `None`: one that could not be described.
#[derive(Default)]
pub struct Others(HashMap<String, Option<Creation>>);

impl Others {
    fn of(creations: Vec<Creation>) -> Others {
        let described = creations.into_iter().filter(|creation| creation.assignment.is_some());
        let by_id = |creation: Creation| Some((creation.request_id.clone()?, Some(creation)));
        Others(described.filter_map(by_id).collect())
    }

    fn get(&self, request_id: &str) -> Option<&Creation> {
        self.0.get(request_id)?.as_ref()
    }

    /// Returns the creations that were in progress at `read`, before other things were read, and those that are now. All are
    /// described if any of the first few is for `missing`. Of those that are not, it is not known what they are for.
    pub async fn look(
        &mut self,
        center: &IdentityCenter,
        (before, read): (Vec<String>, Instant),
        missing: &HashSet<Assignment>,
        until: Instant,
    ) -> Vec<Creation> {
        let ours = self.describe(center, &before, missing, until).await;
        if read.elapsed() < CURRENT_FOR && !ours {
            return self.known(&before);
        }
        // Whoever is about the same account goes on while we read, and reading takes long while others draw on the quota.
        let now = timeout_at(until, center.creations_in_progress()).await.ok().flatten();
        let Some(now) = now else { return self.known(&before) };
        self.describe(center, &now, missing, until).await;
        let ended = before.iter().filter(|id| !now.contains(id)).filter_map(|id| self.get(id).cloned());
        self.known(&now).into_iter().chain(ended).collect()
    }

    fn known(&self, in_progress: &[String]) -> Vec<Creation> {
        let not_described = |id: &String| Creation {
            request_id: Some(id.clone()),
            progress: Progress::InProgress,
            assignment: None,
        };
        let known = |id: &String| self.get(id).cloned().unwrap_or_else(|| not_described(id));
        in_progress.iter().map(known).collect()
    }

    /// Describes the first few, and the rest if any of them may be for `missing`. Returns whether any may.
    async fn describe(
        &mut self,
        center: &IdentityCenter,
        request_ids: &[String],
        missing: &HashSet<Assignment>,
        until: Instant,
    ) -> bool {
        let many = request_ids.len() > FEW;
        let (first, rest) = request_ids.split_at(if many { DESCRIBED_FIRST } else { request_ids.len() });
        self.describe_all(center, first, until).await;
        // It is not known whose one is that cannot be described.
        let is_of_others = |id: &String| {
            let assignment = self.get(id).and_then(|creation| creation.assignment.as_ref());
            assignment.is_some_and(|assignment| !missing.contains(assignment))
        };
        let ours = !first.iter().all(is_of_others);
        if ours {
            self.describe_all(center, rest, until).await;
        }
        ours
    }

    async fn describe_all(&mut self, center: &IdentityCenter, request_ids: &[String], until: Instant) {
        let unknown: Vec<String> =
            request_ids.iter().filter(|id| !self.0.contains_key(*id)).cloned().collect();
        let described = describe(center, &unknown, until).await;
        self.0.extend(unknown.into_iter().map(|id| (id, None)));
        self.0.extend(Others::of(described).0);
    }
}

/// The same number for assignments of the same account: AWS may refuse to create two at once in one.
pub(super) fn by_account<'a>(assignments: impl IntoIterator<Item = &'a Assignment>) -> Vec<usize> {
    let mut numbers: HashMap<&AccountId, usize> = HashMap::new();
    assignments
        .into_iter()
        .map(|assignment| {
            let next = numbers.len();
            *numbers.entry(&assignment.account).or_insert(next)
        })
        .collect()
}

/// Returns the creations with these request ids that can be described in time.
pub async fn describe(center: &IdentityCenter, request_ids: &[String], until: Instant) -> Vec<Creation> {
    let until = until.min(Instant::now() + LONGEST_DESCRIPTION);
    stream::iter(request_ids.to_vec())
        .map(async |request_id| {
            let creation = timeout_at(until, center.creation(&request_id, Patience::OfOne));
            let creation = creation.await.ok()?;
            creation
                .inspect_err(|error| tracing::warn!(%error, request_id, "a creation is not known"))
                .ok()?
        })
        .buffer_unordered(READS_AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await
}

/// Takes creations that others started for ours if they are for the same assignments.
fn adopt<'a>(
    work: &mut Work,
    missing: impl IntoIterator<Item = &'a Assignment>,
    others: &[Creation],
    now: Duration,
) {
    let index: HashMap<&Assignment, usize> =
        missing.into_iter().enumerate().map(|(item, assignment)| (assignment, item)).collect();
    for other in others {
        if let Creation { request_id: Some(request_id), progress, assignment: Some(assignment) } = other
            && let Some(item) = index.get(assignment)
        {
            work.adopt(*item, request_id.clone(), progress, now);
        }
    }
}

fn call<'a>(
    center: &'a IdentityCenter,
    missing: &'a Missing,
    others: &'a Mutex<Others>,
    ask: Ask,
    work: &Work,
) -> Call<'a> {
    match ask {
        Ask::Start { item, again } => {
            if again {
                center.tally().retried();
            }
            let assignment = missing.get(item);
            let started = |Creation { request_id, progress, .. }| Started { request_id, progress };
            async move { Answer::Started { item, answer: center.create(assignment).await.map(started) } }
                .boxed()
        }
        Ask::Look { item } => {
            let ours: HashSet<String> = work.request_ids().map(str::to_owned).collect();
            async move { Answer::Looked { item, answer: look(center, missing, item, &ours, others).await } }
                .boxed()
        }
        Ask::List(scope) => {
            async move {
                let answer = match scope {
                    Scope::Page(page) => center.some_creations(page).await,
                    Scope::InProgress => center.creations_under_way().await,
                };
                Answer::Listed(answer.inspect_err(
                    |error| tracing::debug!(%error, "creations are described one by one instead"),
                ))
            }
            .boxed()
        }
        Ask::Others => async move {
            let answer = center.creations_under_way().await;
            Answer::Others(
                answer.inspect_err(|error| tracing::debug!(%error, "it is not known who else is at work")),
            )
        }
        .boxed(),
        Ask::Describe { item, request_id } => async move {
            // It is asked for again by the next poll.
            let answer = center.creation(&request_id, Patience::Optional).await;
            let answer = answer.map(|creation| creation.map(|creation| creation.progress));
            Answer::Described { item, request_id, answer }
        }
        .boxed(),
    }
}

/// Looks for creations under way first and for the assignment second: one that ends in between is seen.
async fn look(
    center: &IdentityCenter,
    missing: &Missing,
    item: usize,
    ours: &HashSet<String>,
    others: &Mutex<Others>,
) -> Result<Evidence, CallError> {
    // If creations cannot be listed, the assignment itself still shows. But it shows nothing that is under way, which would
    // be asked for twice, so the list has a second chance.
    let listed = match center.creations_in_progress().await {
        None => center.creations_in_progress().await,
        listed => listed,
    };
    let theirs: Vec<String> = listed.into_iter().flatten().filter(|id| !ours.contains(id)).collect();
    let mut others = others.lock().await;
    others.describe_all(center, &theirs, Instant::now() + LONGEST_DESCRIPTION).await;
    let in_progress = theirs.iter().filter_map(|id| others.get(id).map(|creation| (creation, id)));
    let mut started: HashMap<&Assignment, &String> = in_progress
        .filter(|(creation, _)| creation.progress == Progress::InProgress)
        .filter_map(|(creation, id)| Some((creation.assignment.as_ref()?, id)))
        .collect();
    if let Some(request_id) = started.remove(missing.get(item)) {
        let of_ours = |(item, assignment)| Some((item, (*started.get(assignment)?).clone()));
        let others = missing.all().enumerate().filter_map(of_ours).collect();
        return Ok(Evidence::InProgress { request_id: request_id.clone(), others });
    }
    drop(others);
    let assignment = missing.get(item);
    let assigned = center.assigned(&assignment.account, &assignment.permission_set).await?;
    Ok(if assigned.contains(&assignment.principal) { Evidence::Present } else { Evidence::Absent })
}
