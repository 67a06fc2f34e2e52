//! What everybody has, read in parts: by principal, or by account if that takes fewer calls or AWS refuses the other.
//!
//! **Calls**, besides those of a survey: one ListGroups and one ListUsers for 100 of each; then one
//! ListAccountAssignmentsForPrincipal for 100 assignments of each group and user, or one
//! ListPermissionSetsProvisionedToAccount for each account and one ListAccountAssignments for each permission set that it
//! has. A part ends when half of the time that names and accounts leave has passed, and the next one goes on behind it.

use std::collections::BTreeSet;

use assigner_core::{
    assignments::{
        PrincipalId, Table,
        facts::{Facts, Method, NamesById},
        unexplained::{self, After, Count, Counts},
    },
    cause::{CallError, Cause},
    ids::AccountId,
    organization::Account,
};
use futures_util::{Stream, StreamExt, stream};
use tokio::time::{Instant, timeout_at};

use super::present::{self, Read};
use crate::{READS_AT_ONCE, error::Error, facts::Reader};

/// Reading by account takes some calls for each account, reading by principal one for each principal.
const CALLS_OF_AN_ACCOUNT: usize = 3;

/// Counts one part: what comes behind `after`, in half of the time until `until` once names and accounts are read. At least
/// one principal or account is read, however long it takes; the caller's deadline may drop it.
///
/// # Errors
/// If something cannot be read without which the count would be wrong.
pub async fn count(
    reader: &Reader<'_>,
    table: &Table,
    after: Option<After>,
    before: Counts,
    until: Instant,
) -> Result<Count, Error> {
    let (mut facts, principals) = reader.without_assignments().await?;
    let now = Instant::now();
    let stop = now + until.saturating_duration_since(now) / 2;
    let accounts: Vec<&Account> = facts.accounts.iter().filter(|account| account.may_receive()).collect();
    let accounts: Vec<AccountId> = accounts.into_iter().map(|account| account.id.clone()).collect();
    let principals = match (&after, principals) {
        // The parts before read by principal, and account by account would count theirs again.
        (Some(After::Group(_) | After::User(_)), principals) => Some(principals?),
        (Some(After::Account(_)), _) => None,
        (None, principals) => principals.ok().filter(|all| all.len() <= accounts.len() * CALLS_OF_AN_ACCOUNT),
    };
    let part = match principals {
        Some(principals) => by_principal_after(reader, &accounts, &principals, after.as_ref(), stop).await?,
        None => None,
    };
    let (method, part) = match part {
        Some(part) => (Method::Principals, part),
        None => (Method::Accounts, by_account_after(reader, &accounts, after.as_ref(), stop).await?),
    };
    facts.method = method;
    let unread = take(&mut facts, part.read);
    // Names and accounts are read by every part, so the first one counts what could not be read of them.
    let unread = match after {
        None => unexplained::unread(&facts).into_iter().chain(unread).collect(),
        Some(_) => unread,
    };
    Ok(unexplained::count(table, &facts, before, unread, part.after))
}

/// What a part has read, and the last of it if there is more.
struct Part {
    read: Read,
    after: Option<After>,
}

/// Returns `None` if AWS refuses to answer by principal.
async fn by_principal_after(
    reader: &Reader<'_>,
    accounts: &[AccountId],
    principals: &BTreeSet<PrincipalId>,
    after: Option<&After>,
    stop: Instant,
) -> Result<Option<Part>, CallError> {
    let asked: BTreeSet<&str> = accounts.iter().map(AccountId::as_str).collect();
    let last = after.and_then(After::principal);
    let rest = principals.iter().filter(|principal| last.as_ref().is_none_or(|last| *principal > last));
    let lists = stream::iter(rest)
        .map(async |principal| (principal, reader.center.assignments_of(principal).await))
        .buffered(READS_AT_ONCE);
    let (answers, more) = those_before(lists, stop).await;
    let mut read = Read::default();
    let mut last = None;
    for (principal, list) in answers {
        last = Some(After::from(principal));
        match list {
            Ok(list) => {
                for (account, permission_set) in list {
                    if asked.contains(account.as_str())
                        && let Some(account) = AccountId::parse(&account)
                    {
                        read.assigned.add(account, &permission_set, principal);
                    }
                }
            }
            Err(error) if error.cause == Cause::NotFound => {}
            Err(error) if error.cause.may_concern_one() => {
                read.unread_principals.push((principal.clone(), error));
            }
            Err(error) if matches!(error.cause, Cause::Denied | Cause::Unsupported) && after.is_none() => {
                tracing::warn!(%error, "what nobody explains is read account by account");
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Some(Part { read, after: last.filter(|_| more) }))
}

async fn by_account_after(
    reader: &Reader<'_>,
    accounts: &[AccountId],
    after: Option<&After>,
    stop: Instant,
) -> Result<Part, CallError> {
    let last = match after {
        Some(After::Account(last)) => Some(last),
        Some(After::Group(_) | After::User(_)) | None => None,
    };
    let rest = accounts.iter().filter(|account| last.is_none_or(|last| *account > last));
    let reads = stream::iter(rest)
        .map(async |account| {
            let one = [account];
            let read = present::of_accounts(reader.center, &one, |_| Vec::new(), |_| true, &|_| {});
            (account, read.await)
        })
        .buffered(READS_AT_ONCE);
    let (answers, more) = those_before(reads, stop).await;
    let (mut read, mut last) = (Read::default(), None);
    for (account, answer) in answers {
        last = Some(After::Account(account.clone()));
        let Read { assigned, unread_accounts, .. } = answer?;
        read.assigned.append(assigned);
        read.unread_accounts.extend(unread_accounts);
    }
    Ok(Part { read, after: last.filter(|_| more) })
}

/// Returns the answers that come before `stop`, but at least one, and whether there are more.
async fn those_before<T>(answers: impl Stream<Item = T>, stop: Instant) -> (Vec<T>, bool) {
    let mut answers = std::pin::pin!(answers);
    let mut read = Vec::new();
    loop {
        let next =
            if read.is_empty() { Ok(answers.next().await) } else { timeout_at(stop, answers.next()).await };
        match next {
            Ok(Some(answer)) => read.push(answer),
            Ok(None) => return (read, false),
            Err(_) => return (read, true),
        }
    }
}

/// Puts what was read into the facts. Returns what could not be read.
fn take(facts: &mut Facts, read: Read) -> BTreeSet<String> {
    let Read { assigned, unread_principals, unread_accounts } = read;
    facts.assigned = assigned;
    let mut unread = BTreeSet::new();
    let name = |names: &NamesById, principal: &PrincipalId| {
        names.principal(principal).unwrap_or(&principal.id).to_owned()
    };
    for (principal, error) in unread_principals {
        let (kind, name) = (principal.kind.field(), name(&facts.names_by_id, &principal));
        unread.insert(format!("what {kind} {name} has is not known: {error}"));
    }
    for (account, error) in unread_accounts {
        unread.insert(format!("what account {account} has is not known: {error}"));
    }
    unread
}
