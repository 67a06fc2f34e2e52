//! Which accounts lack which assignments, for the whole organization, by few calls. Writes nothing.
//!
//! **Calls.** One ListAccounts for 20 accounts; one DescribeOrganizationalUnit for each OU, if a row names one by
//! path; one ListTagsForResource for each account whose tags can decide; and, instead of asking for every account
//! and permission set, one ListAccountAssignmentsForPrincipal for 100 assignments of each principal of the table.
//! The last works in the management account only. Elsewhere the accounts are read one by one.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use crate::{
    assignments::{self, Method},
    compare::{Presence, Present, Standing, compare},
    directory::Directory,
    error::Error,
    failure::CallError,
    identity_center::IdentityCenter,
    ids::AccountId,
    names::Names,
    organization::Organization,
    plan::{self, Account, Obstacle, PrincipalId, Resolved},
    table::Table,
};

/// What a survey found.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Survey {
    pub outcome: &'static str,
    /// Accounts that lack at least one assignment, in the order of their ids.
    pub accounts: Vec<AccountId>,
    /// Accounts that lack assignments and are not listed, because the answer would be too large. The next survey
    /// finds them, when those that are listed have been mended.
    pub accounts_omitted: usize,
    pub counts: Counts,
    /// Names and ids of the table that do not exist; their grants are in no count.
    pub unresolved: Vec<String>,
    /// The first of the assignments, of principals that the table names, that no row explains. They are left alone.
    pub unexplained: Vec<Unexplained>,
    pub method: Method,
    pub seconds: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Accounts that were looked at.
    pub accounts: usize,
    pub complete: usize,
    pub incomplete: usize,
    /// Assignments that are missing.
    pub missing: usize,
    /// Left out: the management account.
    pub management: usize,
    /// Left out: accounts that are suspended, closed or being closed.
    pub suspended: usize,
    /// Left out: accounts that are not active yet.
    pub not_ready: usize,
    /// Assignments that no row explains.
    pub unexplained: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unexplained {
    pub account: String,
    pub permission_set: String,
    pub principal: String,
}

/// 15 bytes each in JSON: 180 of the 256 KB that a state of Step Functions may have.
const MOST_ACCOUNTS: usize = 12_000;
const MOST_UNEXPLAINED: usize = 50;
const MOST_UNRESOLVED: usize = 50;
/// Reads at the same time. The pace limits their rate; this limits how many wait for an answer.
const READS_AT_ONCE: usize = 8;

/// Looks at all accounts, or at those in the OU `below` and below it.
pub async fn survey(
    organization: &Organization,
    center: &IdentityCenter,
    names: &Names,
    table: &Table,
    below: Option<&str>,
    management: &[&AccountId],
) -> Result<Survey, Error> {
    let (accounts, wanted) = tokio::try_join!(
        read_accounts(organization, table, below, management),
        read_wanted(center, names, table),
    )?;
    let looked_at: Vec<&AccountId> =
        accounts.iter().filter(|account| account.may_receive()).map(|account| &account.id).collect();
    let (present, method) =
        assignments::of_principals(center, &looked_at, &wanted.principals, &|_| {}).await?;
    Ok(summarize(table, &accounts, wanted, &present, method, fastrand::usize(..)))
}

/// With tags, where they can decide.
async fn read_accounts(
    organization: &Organization,
    table: &Table,
    below: Option<&str>,
    management: &[&AccountId],
) -> Result<Vec<Account>, Error> {
    let needs = table.needs();
    let mut accounts = organization.accounts(needs, management).await?;
    if let Some(below) = below {
        // What has no place is not active, or is the management account.
        accounts.retain(|account| account.parents.iter().any(|parent| parent.id == below));
    }
    let untagged = |account: &Account| needs.tags && plan::asks_for_tags(table, account);
    let mut tagged: Vec<(usize, BTreeMap<String, String>)> = stream::iter(accounts.iter().enumerate())
        .filter(|(_, account)| std::future::ready(account.may_receive() && untagged(account)))
        .map(async |(index, account)| Ok::<_, CallError>((index, organization.tags(&account.id).await?)))
        .buffer_unordered(READS_AT_ONCE)
        .try_collect()
        .await?;
    for (index, tags) in tagged.drain(..) {
        accounts[index].tags = tags;
    }
    accounts.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(accounts)
}

/// The table's names, and what is to be known of them.
struct Wanted {
    directory: Directory,
    /// Of rows all of whose names exist.
    principals: BTreeSet<PrincipalId>,
    /// Names that do not.
    unresolved: BTreeSet<String>,
}

async fn read_wanted(center: &IdentityCenter, names: &Names, table: &Table) -> Result<Wanted, Error> {
    center.find_instance().await?;
    let grants = plan::every_grant(table);
    let directory = names.directory(center, &grants).await;
    let (mut principals, mut unresolved) = (BTreeSet::new(), BTreeSet::new());
    for Resolved { permission_set, principal, .. } in directory.resolve(grants) {
        match (permission_set, principal) {
            (Ok(_), Ok(principal)) => _ = principals.insert(principal),
            (permission_set, principal) => {
                for obstacle in [permission_set.err(), principal.err()].into_iter().flatten() {
                    match obstacle {
                        Obstacle::Unknown(reason) => unresolved.insert(reason),
                        Obstacle::Failed(error) => return Err(error.into()),
                    };
                }
            }
        }
    }
    Ok(Wanted { directory, principals, unresolved })
}

/// Pure: counts, and lists what the state machine needs and people want to see first.
fn summarize(
    table: &Table,
    accounts: &[Account],
    wanted: Wanted,
    present: &Present,
    method: Method,
    start: usize,
) -> Survey {
    let mut counts = Counts::default();
    let mut unexplained = Vec::new();
    let mut lacking = Vec::new();
    for account in accounts {
        let compared = match compare(table, account, &wanted.directory, present) {
            Standing::Compared(compared) => compared,
            Standing::Ignored(_) if account.is_management => {
                counts.management += 1;
                continue;
            }
            Standing::Ignored(_) => {
                counts.suspended += 1;
                continue;
            }
            Standing::NotReady(_) => {
                counts.not_ready += 1;
                continue;
            }
        };
        counts.accounts += 1;
        let missing = compared.grants.iter().filter(|(_, presence)| *presence == Presence::Missing).count();
        counts.missing += missing;
        if missing > 0 {
            counts.incomplete += 1;
            lacking.push(account.id.clone());
        } else {
            counts.complete += 1;
        }
        counts.unexplained += compared.unexplained.len();
        let room = MOST_UNEXPLAINED - unexplained.len();
        unexplained.extend(compared.unexplained.into_iter().take(room).map(|held| Unexplained {
            account: account.id.as_str().to_owned(),
            permission_set: held.permission_set.as_ref().to_owned(),
            principal: held.principal.id().to_owned(),
        }));
    }
    let accounts_omitted = lacking.len().saturating_sub(MOST_ACCOUNTS);
    if accounts_omitted > 0 {
        // From a place of its own each time: accounts that cannot be mended must not keep the others off the list.
        let start = start % lacking.len();
        lacking.rotate_left(start);
        lacking.truncate(MOST_ACCOUNTS);
        lacking.sort();
    }
    let more = wanted.unresolved.len().saturating_sub(MOST_UNRESOLVED);
    let mut unresolved: Vec<String> = wanted.unresolved.into_iter().take(MOST_UNRESOLVED).collect();
    if more > 0 {
        unresolved.push(format!("and {more} more"));
    }
    Survey {
        outcome: "surveyed",
        accounts: lacking,
        accounts_omitted,
        counts,
        unresolved,
        unexplained,
        method,
        seconds: 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{plan::State, table};

    #[test]
    fn what_does_not_fit_is_cut_with_a_mark_and_every_account_has_its_turn() {
        let row = r#"{ "assignments": [{ "id": "a", "permissionSet": "P", "group": "g" }] }"#;
        let table = table::parse(row.as_bytes()).unwrap();
        let accounts: Vec<Account> = (0..MOST_ACCOUNTS + 500)
            .map(|n| Account {
                id: AccountId::parse(&format!("{n:012}")).unwrap(),
                name: String::new(),
                state: State::Active,
                is_management: false,
                parents: Vec::new(),
                tags: BTreeMap::new(),
            })
            .collect();
        let listed = |start: usize| {
            let wanted = Wanted {
                directory: Directory {
                    permission_sets: [("P".to_owned(), Ok("arn".to_owned()))].into(),
                    permission_set_names: [].into(),
                    principals: [(table.rows[0].principal.clone(), Ok(PrincipalId::Group("g".into())))]
                        .into(),
                },
                principals: BTreeSet::new(),
                unresolved: BTreeSet::new(),
            };
            let survey = summarize(&table, &accounts, wanted, &Present::default(), Method::Principals, start);
            assert_eq!((survey.accounts.len(), survey.accounts_omitted), (MOST_ACCOUNTS, 500));
            assert_eq!(survey.counts.incomplete, MOST_ACCOUNTS + 500);
            assert!(survey.accounts.is_sorted());
            assert!(serde_json::to_string(&survey).unwrap().len() < 200 * 1024);
            survey.accounts
        };
        let last = &accounts[MOST_ACCOUNTS + 499].id;
        assert!(!listed(0).contains(last));
        assert!(listed(500).contains(last));
    }
}
