//! Account assignments, taken away as work: which call each ask is, and the deletions that are under way already. A
//! feature, so that the function carries no code for it.
//!
//! Deletes only what it was given. Decides nothing about what that is.

use std::collections::{HashMap, HashSet};

use assigner_aws::{
    calls::Patience,
    identity_center::{Deletion, IdentityCenter},
};
use assigner_core::{
    assignments::plan::Assignment,
    cause::{CallError, Cause},
    outcome::Settled,
    work::{Answer, Ask, Bounds, Deed, Evidence, Progress, Scope, Started, Work},
};
use futures_util::{FutureExt, StreamExt, stream};
use tokio::time::{Instant, timeout_at};

use super::create::{LONGEST_DESCRIPTION, Limits, by_account};
use crate::{
    READS_AT_ONCE,
    drive::{self, Call, Observer},
};

/// Deletes the assignments and waits until each is done, refused for good, or out of time. Returns what became of each:
/// `Created` says that it was taken away, and `Present` that it was gone before.
///
/// `others` are deletions that were under way before. An earlier run that was cut off may have asked for the same ones.
/// Then its deletion is waited for.
pub async fn delete(
    center: &IdentityCenter,
    doomed: HashSet<Assignment>,
    others: &[Deletion],
    limits: Limits,
    observer: Option<Observer<'_>>,
) -> HashMap<Assignment, Settled> {
    let began = Instant::now();
    let mut doomed: Vec<Assignment> = doomed.into_iter().collect();
    doomed.sort();
    let bounds = Bounds { max_outstanding: limits.max_outstanding, until: drive::until(began, limits.until) };
    let mut work = Work::new(&by_account(&doomed), bounds, fastrand::f64).doing(Deed::Deletion);
    let index: HashMap<&Assignment, usize> =
        doomed.iter().enumerate().map(|(item, assignment)| (assignment, item)).collect();
    let in_progress = || others.iter().filter(|other| other.progress == Progress::InProgress);
    for other in in_progress() {
        if let Deletion { request_id: Some(request_id), progress, assignment: Some(assignment) } = other
            && let Some(item) = index.get(assignment)
        {
            work.adopt(*item, request_id.clone(), progress, began.elapsed());
        }
    }
    let others = in_progress().filter_map(|other| other.request_id.as_deref());
    let work = work.shared(limits.manners, others);
    let call = |ask, work: &Work| {
        if let Some(part) = work.share_of_requests() {
            center.share_requests(part);
        }
        call(center, &doomed, ask, work)
    };
    let settled = drive::drive(work, began, call, observer, None).await;
    doomed.iter().cloned().zip(settled).collect()
}

/// Returns the deletions that are under way in the whole instance, as far as they can be described in time.
///
/// # Errors
/// If they cannot be listed. Whether something is about to be taken is not known then.
pub async fn under_way(center: &IdentityCenter, until: Instant) -> Result<Vec<Deletion>, CallError> {
    let listed = center.deletions_under_way().await?;
    let until = until.min(Instant::now() + LONGEST_DESCRIPTION);
    let described = stream::iter(listed.progress.into_keys())
        .map(async |request_id| {
            let deletion = timeout_at(until, center.deletion(&request_id, Patience::OfOne));
            let deletion = deletion.await.ok()?;
            deletion
                .inspect_err(|error| tracing::warn!(%error, request_id, "a deletion is not known"))
                .ok()?
        })
        .buffer_unordered(READS_AT_ONCE)
        .filter_map(std::future::ready)
        .collect();
    Ok(described.await)
}

fn call<'a>(center: &'a IdentityCenter, doomed: &'a [Assignment], ask: Ask, work: &Work) -> Call<'a> {
    match ask {
        Ask::Start { item, again } => {
            if again {
                center.tally().retried();
            }
            let ours = ours(work);
            async move { start(center, item, &doomed[item], &ours).await }.boxed()
        }
        Ask::Look { item } => {
            let ours = ours(work);
            async move { Answer::Looked { item, answer: look(center, &doomed[item], &ours).await } }.boxed()
        }
        Ask::List(scope) => {
            async move {
                let answer = match scope {
                    Scope::Page(page) => center.some_deletions(page).await,
                    Scope::InProgress => center.deletions_under_way().await,
                };
                Answer::Listed(answer.inspect_err(
                    |error| tracing::debug!(%error, "deletions are described one by one instead"),
                ))
            }
            .boxed()
        }
        Ask::Others => async move { Answer::Others(center.deletions_under_way().await) }.boxed(),
        Ask::Describe { item, request_id } => async move {
            // It is asked for again by the next poll.
            let answer = center.deletion(&request_id, Patience::Optional).await;
            let answer = answer.map(|deletion| deletion.map(|deletion| deletion.progress));
            Answer::Described { item, request_id, answer }
        }
        .boxed(),
    }
}

fn ours(work: &Work) -> HashSet<String> {
    work.request_ids().map(str::to_owned).collect()
}

/// Asks for the deletion. If AWS knows no such thing, it is looked at: then somebody else was faster.
async fn start(
    center: &IdentityCenter,
    item: usize,
    assignment: &Assignment,
    ours: &HashSet<String>,
) -> Answer {
    match center.delete(assignment).await {
        Err(error) if error.cause == Cause::NotFound => match look(center, assignment, ours).await {
            Ok(Evidence::Present) | Err(_) => Answer::Started { item, answer: Err(error) },
            looked => Answer::Looked { item, answer: looked },
        },
        answer => {
            let started = |Deletion { request_id, progress, .. }| Started { request_id, progress };
            Answer::Started { item, answer: answer.map(started) }
        }
    }
}

/// Looks for deletions under way first and for the assignment second: one that ends in between is seen.
async fn look(
    center: &IdentityCenter,
    assignment: &Assignment,
    ours: &HashSet<String>,
) -> Result<Evidence, CallError> {
    // If deletions cannot be listed, the assignment itself still shows.
    let listed = center.deletions_under_way().await.unwrap_or_default();
    let others = listed.progress.into_keys().filter(|request_id| !ours.contains(request_id));
    let mut deletions = stream::iter(others)
        .map(async |request_id| (center.deletion(&request_id, Patience::OfOne).await, request_id))
        .buffer_unordered(READS_AT_ONCE);
    while let Some((deletion, request_id)) = deletions.next().await {
        if let Ok(Some(Deletion { progress: Progress::InProgress, assignment: Some(other), .. })) = deletion
            && other == *assignment
        {
            return Ok(Evidence::InProgress { request_id, others: Vec::new() });
        }
    }
    let assigned = center.assigned(&assignment.account, &assignment.permission_set).await?;
    Ok(if assigned.contains(&assignment.principal) { Evidence::Present } else { Evidence::Absent })
}
