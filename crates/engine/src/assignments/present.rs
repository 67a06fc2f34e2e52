//! Who has what, in many accounts: read principal by principal, or account by account. Decides and writes nothing.
//!
//! By principal takes one ListAccountAssignmentsForPrincipal for 100 assignments of each principal, and works in the
//! management account only. By account takes one call for each account and one for each permission set that it has.

use std::collections::{BTreeSet, HashMap};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::{
    compare::Present,
    failure::{CallError, Cause, Kind},
    identity_center::IdentityCenter,
    ids::AccountId,
    plan::PrincipalId,
};

/// How present assignments were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Method {
    Principals,
    /// Not in the management account: one account after the other.
    Accounts,
}

/// Reads at the same time. The pace limits their rate; this limits how many wait for an answer.
const READS_AT_ONCE: usize = 8;

/// What these principals themselves have in these accounts. Principal by principal; account by account where that is
/// refused. `read` is told how many principals or accounts have been read.
pub async fn of_principals(
    center: &IdentityCenter,
    accounts: &[&AccountId],
    principals: &BTreeSet<PrincipalId>,
    read: &(dyn Fn(usize) + Sync),
) -> Result<(Present, Method), CallError> {
    if let Some(present) = by_principal(center, accounts, principals, read).await? {
        return Ok((present, Method::Principals));
    }
    let only = |principal: &PrincipalId| principals.contains(principal);
    let present = of_accounts(center, accounts, |_| Vec::new(), only, read).await?;
    Ok((present, Method::Accounts))
}

/// The same, or `None` where AWS refuses it, as it does outside the management account.
pub async fn by_principal(
    center: &IdentityCenter,
    accounts: &[&AccountId],
    principals: &BTreeSet<PrincipalId>,
    read: &(dyn Fn(usize) + Sync),
) -> Result<Option<Present>, CallError> {
    let asked: HashMap<&str, &AccountId> = accounts.iter().map(|id| (id.as_str(), *id)).collect();
    let mut present = Present::default();
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
                        present.add((*account).clone(), &permission_set, principal);
                    }
                }
            }
            // A principal that is gone has nothing.
            Err(error) if error.cause == Cause::NotFound => {}
            Err(error) if error.cause.kind() == Kind::Final => {
                tracing::warn!(%error, "present assignments are read account by account");
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Some(present))
}

/// What these accounts have, account by account, of the principals that `only` lets pass. Beside the permission sets
/// that are provisioned to an account it asks for those of `also`, since that list can lag behind.
pub async fn of_accounts(
    center: &IdentityCenter,
    accounts: &[&AccountId],
    also: impl Fn(&AccountId) -> Vec<String>,
    only: impl Fn(&PrincipalId) -> bool,
    read: &(dyn Fn(usize) + Sync),
) -> Result<Present, CallError> {
    let also = &also;
    let mut reads = stream::iter(accounts)
        .map(async |account| {
            let mut permission_sets = center.provisioned_permission_sets(account).await?;
            permission_sets.extend(also(account));
            permission_sets.sort();
            permission_sets.dedup();
            let mut assigned = Vec::new();
            for permission_set in permission_sets {
                let holders = center.assigned(account, &permission_set).await?;
                assigned.extend(holders.into_iter().map(|holder| (permission_set.clone(), holder)));
            }
            Ok::<_, CallError>((account, assigned))
        })
        .buffer_unordered(READS_AT_ONCE);
    let mut present = Present::default();
    let mut count = 0;
    while let Some((account, assigned)) = reads.try_next().await? {
        count += 1;
        read(count);
        for (permission_set, holder) in assigned {
            if only(&holder) {
                present.add((*account).clone(), &permission_set, &holder);
            }
        }
    }
    Ok(present)
}
