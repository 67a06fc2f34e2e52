//! Who has what: in one account what is wanted there, or in many accounts, read principal by principal or account by
//! account. Decides and writes nothing.
//!
//! By principal takes one ListAccountAssignmentsForPrincipal for 100 assignments of each principal, and works in the
//! management account only. By account takes one call for each account and one for each permission set that it has. In
//! 15 minutes at 6 requests a second that is 1,350 accounts with three permission sets each. So an organization is read
//! by account in slices, each as large as its time allows. By permission set takes one call for each permission set and
//! 100 accounts, and one for each pair of both. By principal asks for principals that exist; the other two also see what
//! is left of those that were deleted.

use std::collections::{BTreeSet, HashMap, HashSet};

use assigner_aws::identity_center::IdentityCenter;
use assigner_core::{
    assignments::{PrincipalId, compare::Assigned, plan::Assignment},
    cause::{CallError, Cause},
    ids::AccountId,
};
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, timeout_at};

use crate::READS_AT_ONCE;

/// Returns which of the wanted assignments of an account are there. Each wanted one has an answer.
///
/// It takes few calls, because permission sets that are not `provisioned` to the account are not asked for. That list
/// can lag behind. If it holds none of the wanted ones, one of them is asked for nevertheless; if anybody has it, the
/// list is ignored.
pub async fn wanted_in(
    center: &IdentityCenter,
    account: &AccountId,
    wanted: &[&Assignment],
    provisioned: Result<Vec<String>, CallError>,
) -> HashMap<Assignment, Result<bool, CallError>> {
    let mut sets: BTreeSet<&str> =
        wanted.iter().map(|assignment| assignment.permission_set.as_str()).collect();
    let Some(first) = sets.first().copied() else { return HashMap::new() };
    let each = |answer: &dyn Fn(&Assignment) -> Result<bool, CallError>| {
        wanted.iter().map(|assignment| ((*assignment).clone(), answer(assignment))).collect()
    };
    // If it cannot be read, every permission set is asked for.
    let provisioned: HashSet<String> = match provisioned {
        Ok(provisioned) => provisioned.into_iter().collect(),
        Err(error) if error.cause.may_concern_one() => sets.iter().map(|arn| (*arn).to_owned()).collect(),
        Err(error) => return each(&|_| Err(error.clone())),
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
    each(&|assignment| match assigned.get(assignment.permission_set.as_str()) {
        None => Ok(false),
        Some(Ok(principals)) => Ok(principals.contains(&assignment.principal)),
        Some(Err(error)) => Err(error.clone()),
    })
}

/// What was read of many accounts, and what could not be.
#[derive(Debug, Default)]
pub struct Read {
    pub assigned: Assigned,
    /// Principals of which it is not known what they have.
    pub unread_principals: Vec<(PrincipalId, CallError)>,
    /// Accounts of which it is not known who has what in them.
    pub unread_accounts: Vec<(AccountId, CallError)>,
}

impl Read {
    pub fn append(&mut self, other: Read) {
        self.assigned.append(other.assigned);
        self.unread_principals.extend(other.unread_principals);
        self.unread_accounts.extend(other.unread_accounts);
    }
}

/// Reads principal by principal. Returns `None` if AWS refuses it, as it does outside the management account.
pub async fn by_principal(
    center: &IdentityCenter,
    accounts: &[&AccountId],
    principals: &BTreeSet<PrincipalId>,
    read: &(dyn Fn(usize) + Sync),
) -> Result<Option<Read>, CallError> {
    let asked: HashMap<&str, &AccountId> = accounts.iter().map(|id| (id.as_str(), *id)).collect();
    let mut found = Read::default();
    let mut lists = stream::iter(principals)
        .map(async |principal| (principal, center.assignments_of(principal).await))
        .buffer_unordered(READS_AT_ONCE)
        .enumerate();
    while let Some((count, (principal, list))) = lists.next().await {
        read(count + 1);
        match list {
            Ok(list) => {
                for (account, permission_set) in list {
                    if let Some(account) = asked.get(account.as_str()) {
                        found.assigned.add((*account).clone(), &permission_set, principal);
                    }
                }
            }
            // A principal that is gone has nothing.
            Err(error) if error.cause == Cause::NotFound => {}
            // One that AWS refuses, or that is sick, says nothing of the others.
            Err(error) if error.cause.may_concern_one() => {
                found.unread_principals.push((principal.clone(), error));
            }
            Err(error) if matches!(error.cause, Cause::Denied | Cause::Unsupported) => {
                tracing::warn!(%error, "present assignments are read account by account");
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Some(found))
}

/// Returns what these accounts have, permission set by permission set: first which accounts each one is provisioned to,
/// then who has it in each. It also sees principals that were deleted. Besides what is listed it asks for those of `also`,
/// because the lists can lag behind. Returns `None` if AWS refuses the lists, or if one of them cannot be read. An
/// account that may be denied is unread if it is.
///
/// `read` gets how many of how many pairs of an account and a permission set have been read.
pub async fn by_permission_set(
    center: &IdentityCenter,
    accounts: &[&AccountId],
    permission_sets: &[String],
    also: impl Fn(&AccountId) -> Vec<String>,
    may_be_denied: impl Fn(&AccountId) -> bool,
    read: &(dyn Fn(usize, usize) + Sync),
) -> Result<Option<Read>, CallError> {
    let asked: HashMap<&str, &AccountId> = accounts.iter().map(|id| (id.as_str(), *id)).collect();
    let mut pairs: BTreeSet<(&AccountId, String)> = BTreeSet::new();
    let mut lists = stream::iter(permission_sets)
        .map(async |arn| (arn, center.accounts_of_permission_set(arn).await))
        .buffer_unordered(READS_AT_ONCE);
    while let Some((arn, list)) = lists.next().await {
        match list {
            Ok(list) => {
                let asked = list.iter().filter_map(|id| asked.get(id.as_str()));
                pairs.extend(asked.map(|account| (*account, arn.clone())));
            }
            // A permission set that is gone is nobody's.
            Err(error) if error.cause == Cause::NotFound => {}
            Err(error) if error.cause.may_concern_one() => return Ok(None),
            Err(error) if matches!(error.cause, Cause::Denied | Cause::Unsupported) => {
                tracing::warn!(%error, "present assignments are read account by account");
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
    }
    drop(lists);
    for account in accounts {
        pairs.extend(also(account).into_iter().map(|arn| (*account, arn)));
    }
    let all = pairs.len();
    let mut reads = stream::iter(pairs)
        .map(async |(account, arn)| {
            let held = center.assigned(account, &arn).await;
            (account, arn, held)
        })
        .buffer_unordered(READS_AT_ONCE)
        .enumerate();
    let mut found = Read::default();
    while let Some((count, (account, arn, held))) = reads.next().await {
        read(count + 1, all);
        match held {
            Ok(holders) => {
                for holder in &holders {
                    found.assigned.add(account.clone(), &arn, holder);
                }
            }
            Err(error) if error.cause == Cause::NotFound => {}
            Err(error)
                if error.cause.may_concern_one()
                    || error.cause == Cause::Denied && may_be_denied(account) =>
            {
                // One reason is enough for an account.
                if !found.unread_accounts.iter().any(|(unread, _)| unread == account) {
                    found.unread_accounts.push((account.clone(), error));
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Some(found))
}

/// Returns what these accounts have, account by account, of the principals that `only` lets pass. Besides the
/// permission sets that are provisioned to an account it asks for those of `also`, because that list can lag behind.
pub async fn of_accounts(
    center: &IdentityCenter,
    accounts: &[&AccountId],
    also: impl Fn(&AccountId) -> Vec<String>,
    only: impl Fn(&PrincipalId) -> bool,
    read: &(dyn Fn(usize) + Sync),
) -> Result<Read, CallError> {
    let also = &also;
    let mut reads = stream::iter(accounts)
        .map(async |account| (*account, held(center, account, also(account)).await))
        .buffer_unordered(READS_AT_ONCE)
        .enumerate();
    let mut found = Read::default();
    while let Some((count, (account, held))) = reads.next().await {
        read(count + 1);
        found.add(account, held, &only)?;
    }
    Ok(found)
}

/// Reads accounts in their order until the time runs out. Returns how many have been read as well.
pub async fn of_first_accounts(
    center: &IdentityCenter,
    accounts: &[&AccountId],
    only: impl Fn(&PrincipalId) -> bool,
    until: Instant,
) -> Result<(Read, usize), CallError> {
    let mut reads = stream::iter(accounts)
        .map(async |account| (*account, held(center, account, Vec::new()).await))
        .buffered(READS_AT_ONCE);
    let (mut found, mut count) = (Read::default(), 0);
    while let Ok(Some((account, held))) = timeout_at(until, reads.next()).await {
        found.add(account, held, &only)?;
        count += 1;
    }
    Ok((found, count))
}

impl Read {
    fn add(
        &mut self,
        account: &AccountId,
        held: Result<Vec<(String, PrincipalId)>, CallError>,
        only: impl Fn(&PrincipalId) -> bool,
    ) -> Result<(), CallError> {
        match held {
            Ok(held) => {
                for (permission_set, holder) in held.into_iter().filter(|(_, holder)| only(holder)) {
                    self.assigned.add(account.clone(), &permission_set, &holder);
                }
            }
            Err(error) if error.cause.may_concern_one() => {
                self.unread_accounts.push((account.clone(), error))
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Returns permission set and principal of each assignment in an account.
async fn held(
    center: &IdentityCenter,
    account: &AccountId,
    also: Vec<String>,
) -> Result<Vec<(String, PrincipalId)>, CallError> {
    let mut permission_sets = center.provisioned_permission_sets(account).await?;
    permission_sets.extend(also);
    permission_sets.sort();
    permission_sets.dedup();
    let mut held = Vec::new();
    for permission_set in permission_sets {
        let holders = center.assigned(account, &permission_set).await?;
        held.extend(holders.into_iter().map(|holder| (permission_set.clone(), holder)));
    }
    Ok(held)
}
