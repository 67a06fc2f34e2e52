//! What is there of assignments that were taken, before they are given back. Creates and deletes nothing.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use assigner_aws::{
    calls::Patience,
    identity_center::{Deletion, IdentityCenter},
};
use assigner_core::{assignments::plan::Assignment, cause::CallError, ids::AccountId, work::Progress};
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, timeout, timeout_at};

use super::present;
use crate::READS_AT_ONCE;

/// How often a deletion is asked for that is still under way.
const GAP: Duration = Duration::from_secs(1);

/// Waits until no deletion of these assignments is under way any more: what is given back while it is being taken would
/// be taken after all. Returns whether they all ended in time.
///
/// # Errors
/// If it cannot be found out what is under way, or of what a deletion is.
pub async fn until_none_is_taken(
    center: &IdentityCenter,
    assignments: &[Assignment],
    until: Instant,
) -> Result<bool, CallError> {
    let ended = async {
        let mut under_way: Vec<String> = center.deletions_under_way().await?.progress.into_keys().collect();
        loop {
            under_way = still_under_way(center, under_way, assignments).await?;
            if under_way.is_empty() {
                return Ok(());
            }
            // The time is all that can end this.
            let _ = timeout(GAP, std::future::pending::<()>()).await;
        }
    };
    timeout_at(until, ended).await.map_or(Ok(false), |ended| ended.map(|()| true))
}

/// Returns which of the deletions may still take one of the assignments. One that AWS lists and does not know yet may.
async fn still_under_way(
    center: &IdentityCenter,
    request_ids: Vec<String>,
    assignments: &[Assignment],
) -> Result<Vec<String>, CallError> {
    let may_take = |deletion: &Deletion| {
        deletion.progress == Progress::InProgress
            && deletion.assignment.as_ref().is_none_or(|one| assignments.contains(one))
    };
    let described: Vec<(String, Result<Option<Deletion>, CallError>)> = stream::iter(request_ids)
        .map(async |request_id| {
            let answer = center.deletion(&request_id, Patience::OfOne).await;
            (request_id, answer)
        })
        .buffer_unordered(READS_AT_ONCE)
        .collect()
        .await;
    let mut still = Vec::new();
    for (request_id, answer) in described {
        if answer?.as_ref().is_none_or(may_take) {
            still.push(request_id);
        }
    }
    Ok(still)
}

/// Returns of each assignment whether it is there, or why that is not known.
pub async fn present(
    center: &IdentityCenter,
    assignments: &[Assignment],
) -> HashMap<Assignment, Result<bool, CallError>> {
    let mut by_account: BTreeMap<&AccountId, Vec<&Assignment>> = BTreeMap::new();
    for assignment in assignments {
        by_account.entry(&assignment.account).or_default().push(assignment);
    }
    stream::iter(by_account)
        .map(async |(account, wanted)| {
            let provisioned = center.provisioned_permission_sets(account).await;
            present::wanted_in(center, account, &wanted, provisioned).await
        })
        .buffer_unordered(READS_AT_ONCE)
        .fold(HashMap::new(), async |mut all, some| {
            all.extend(some);
            all
        })
        .await
}
