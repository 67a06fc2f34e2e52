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
use tokio::time::{Instant, timeout};

use super::{delete, present};
use crate::READS_AT_ONCE;

/// How often a deletion is asked for that is still under way.
const GAP: Duration = Duration::from_secs(1);

/// Waits until no deletion of these assignments is under way any more: what is given back while it is being taken would
/// be taken after all. Returns whether they all ended in time.
///
/// # Errors
/// If it cannot be found out what is under way.
pub async fn until_none_is_taken(
    center: &IdentityCenter,
    assignments: &[Assignment],
    until: Instant,
) -> Result<bool, CallError> {
    let ours = |other: &Deletion| other.assignment.as_ref().is_some_and(|one| assignments.contains(one));
    let mut under_way: Vec<String> = delete::under_way(center, until)
        .await?
        .into_iter()
        .filter(ours)
        .filter_map(|deletion| deletion.request_id)
        .collect();
    while !under_way.is_empty() {
        if Instant::now() + GAP >= until {
            return Ok(false);
        }
        // The time is all that can end this.
        let _ = timeout(GAP, std::future::pending::<()>()).await;
        let mut still = Vec::new();
        for request_id in under_way {
            match center.deletion(&request_id, Patience::OfOne).await? {
                Some(deletion) if deletion.progress == Progress::InProgress => still.push(request_id),
                Some(_) | None => {}
            }
        }
        under_way = still;
    }
    Ok(true)
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
