//! Which accounts lack which assignments, for the whole organization, by few calls. Writes nothing.
//!
//! **Calls.** One ListAccounts for 20 accounts; one DescribeOrganizationalUnit for each OU, if a row names one by
//! path; one ListTagsForResource for each account whose tags can decide; and, instead of asking for every account
//! and permission set, one ListAccountAssignmentsForPrincipal for 100 assignments of each principal of the table.
//! The last works in the management account only. Elsewhere the accounts are read one by one.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use crate::{
    error::Error,
    failure::{CallError, Cause, Kind},
    identity_center::IdentityCenter,
    ids::AccountId,
    names::Names,
    organization::Organization,
    plan::{self, Account, Grant, Obstacle, Plan, PrincipalId, Resolved, State},
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

/// How present assignments were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Method {
    Principals,
    /// Not in the management account: one account after the other.
    Accounts,
}

/// 15 bytes each in JSON: 180 of the 256 KB that a state of Step Functions may have.
const MOST_ACCOUNTS: usize = 12_000;
const MOST_UNEXPLAINED: usize = 50;
const MOST_UNRESOLVED: usize = 50;
/// Reads at the same time. The pace limits their rate; this limits how many wait for an answer.
const READS_AT_ONCE: usize = 8;

/// An assignment by the numbers of its permission set and principal in [`Wanted`].
type Pair = (u32, u32);

/// The table's grants by ids.
struct Wanted {
    principals: Vec<PrincipalId>,
    permission_sets: HashMap<String, u32>,
    /// Of each row whose names exist.
    rows: HashMap<String, Pair>,
}

/// Looks at all accounts, or at those in the OU `below` and below it.
pub async fn survey(
    organization: &Organization,
    center: &IdentityCenter,
    names: &Names,
    table: &Table,
    below: Option<&str>,
    management: &[&AccountId],
) -> Result<Survey, Error> {
    let (accounts, (wanted, unresolved)) = tokio::try_join!(
        read_accounts(organization, table, below, management),
        read_wanted(center, names, table),
    )?;
    let (present, method) = read_present(center, &accounts, &wanted).await?;
    Ok(compare(table, &accounts, &wanted, unresolved, &present, method, fastrand::usize(..)))
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
        .filter(|(_, account)| std::future::ready(may_receive(account) && untagged(account)))
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

fn may_receive(account: &Account) -> bool {
    !account.is_management && account.state == State::Active
}

async fn read_wanted(
    center: &IdentityCenter,
    names: &Names,
    table: &Table,
) -> Result<(Wanted, BTreeSet<String>), Error> {
    center.find_instance().await?;
    let grants = table.rows.iter().map(|row| Grant {
        permission_set: &row.permission_set,
        principal: &row.principal,
        rules: vec![&row.id],
    });
    let mut wanted = Wanted { principals: Vec::new(), permission_sets: HashMap::new(), rows: HashMap::new() };
    let mut principals: HashMap<PrincipalId, u32> = HashMap::new();
    let mut unresolved = BTreeSet::new();
    for Resolved { grant, permission_set, principal, .. } in names.resolve(center, grants.collect()).await {
        let (permission_set, principal) = match (permission_set, principal) {
            (Ok(permission_set), Ok(principal)) => (permission_set, principal),
            (permission_set, principal) => {
                for obstacle in [permission_set.err(), principal.err()].into_iter().flatten() {
                    match obstacle {
                        Obstacle::Unknown(reason) => unresolved.insert(reason),
                        Obstacle::Failed(error) => return Err(error.into()),
                    };
                }
                continue;
            }
        };
        let next = wanted.permission_sets.len() as u32;
        let permission_set = *wanted.permission_sets.entry(permission_set).or_insert(next);
        let next = wanted.principals.len() as u32;
        let principal = *principals.entry(principal.clone()).or_insert_with(|| {
            wanted.principals.push(principal);
            next
        });
        wanted.rows.extend(grant.rules.iter().map(|rule| ((*rule).to_owned(), (permission_set, principal))));
    }
    Ok((wanted, unresolved))
}

/// What is present, of the principals of the table.
#[derive(Default)]
struct Present {
    /// By account: of permission sets of the table.
    pairs: HashMap<AccountId, BTreeSet<Pair>>,
    /// Of other permission sets.
    others: Vec<Unexplained>,
}

impl Present {
    fn add(&mut self, wanted: &Wanted, account: AccountId, permission_set: String, principal: usize) {
        match wanted.permission_sets.get(&permission_set) {
            Some(number) => _ = self.pairs.entry(account).or_default().insert((*number, principal as u32)),
            None => self.others.push(Unexplained {
                account: account.as_str().to_owned(),
                permission_set,
                principal: id(&wanted.principals[principal]).to_owned(),
            }),
        }
    }
}

fn id(principal: &PrincipalId) -> &str {
    match principal {
        PrincipalId::Group(id) | PrincipalId::User(id) => id,
    }
}

async fn read_present(
    center: &IdentityCenter,
    accounts: &[Account],
    wanted: &Wanted,
) -> Result<(Present, Method), CallError> {
    let looked_at: HashMap<&str, &AccountId> = accounts
        .iter()
        .filter(|account| may_receive(account))
        .map(|one| (one.id.as_str(), &one.id))
        .collect();
    let mut present = Present::default();
    let mut lists = stream::iter(wanted.principals.iter().enumerate())
        .map(async |(number, principal)| (number, center.assignments_of(principal).await))
        .buffer_unordered(READS_AT_ONCE);
    while let Some((number, list)) = lists.next().await {
        match list {
            Ok(list) => {
                for (account, permission_set) in list {
                    if let Some(account) = looked_at.get(account.as_str()) {
                        present.add(wanted, (*account).clone(), permission_set, number);
                    }
                }
            }
            // A principal that is gone has nothing.
            Err(error) if error.cause == Cause::NotFound => {}
            Err(error) if error.cause.kind() == Kind::Final => {
                tracing::warn!(%error, "present assignments are read account by account");
                let present = read_present_by_account(center, looked_at.into_values(), wanted).await?;
                return Ok((present, Method::Accounts));
            }
            Err(error) => return Err(error),
        }
    }
    Ok((present, Method::Principals))
}

async fn read_present_by_account(
    center: &IdentityCenter,
    accounts: impl Iterator<Item = &AccountId>,
    wanted: &Wanted,
) -> Result<Present, CallError> {
    let principals: HashMap<&PrincipalId, usize> =
        wanted.principals.iter().enumerate().map(|(number, principal)| (principal, number)).collect();
    let mut reads = stream::iter(accounts)
        .map(async |account| {
            let mut assigned = Vec::new();
            for permission_set in center.provisioned_permission_sets(account).await? {
                let holders = center.assigned(account, &permission_set).await?;
                assigned.extend(holders.into_iter().map(|holder| (permission_set.clone(), holder)));
            }
            Ok::<_, CallError>((account, assigned))
        })
        .buffer_unordered(READS_AT_ONCE);
    let mut present = Present::default();
    while let Some((account, assigned)) = reads.try_next().await? {
        for (permission_set, holder) in assigned {
            if let Some(number) = principals.get(&holder) {
                present.add(wanted, account.clone(), permission_set, *number);
            }
        }
    }
    Ok(present)
}

/// Pure: what is wanted against what is present.
fn compare(
    table: &Table,
    accounts: &[Account],
    wanted: &Wanted,
    unresolved: BTreeSet<String>,
    present: &Present,
    method: Method,
    start: usize,
) -> Survey {
    let mut counts = Counts { unexplained: present.others.len(), ..Counts::default() };
    let mut unexplained: Vec<Unexplained> = present.others.clone();
    let mut lacking = Vec::new();
    let arns: HashMap<u32, &str> =
        wanted.permission_sets.iter().map(|(arn, number)| (*number, arn.as_str())).collect();
    let nothing = BTreeSet::new();
    for account in accounts {
        let grants = match plan::plan(table, account) {
            Plan::Ensure(grants) => grants,
            Plan::Ignore(_) if account.is_management => {
                counts.management += 1;
                continue;
            }
            Plan::Ignore(_) => {
                counts.suspended += 1;
                continue;
            }
            Plan::Wait(_) => {
                counts.not_ready += 1;
                continue;
            }
        };
        counts.accounts += 1;
        // Rows that say the same in two ways have the same pair.
        let pairs: BTreeSet<Pair> =
            grants.iter().filter_map(|grant| wanted.rows.get(*grant.rules.first()?)).copied().collect();
        let has = present.pairs.get(&account.id).unwrap_or(&nothing);
        let missing = pairs.difference(has).count();
        counts.missing += missing;
        if missing > 0 {
            counts.incomplete += 1;
            lacking.push(account.id.clone());
        } else {
            counts.complete += 1;
        }
        for (permission_set, principal) in has.difference(&pairs) {
            counts.unexplained += 1;
            if unexplained.len() < MOST_UNEXPLAINED {
                unexplained.push(Unexplained {
                    account: account.id.as_str().to_owned(),
                    permission_set: arns.get(permission_set).copied().unwrap_or_default().to_owned(),
                    principal: id(&wanted.principals[*principal as usize]).to_owned(),
                });
            }
        }
    }
    unexplained.sort();
    unexplained.truncate(MOST_UNEXPLAINED);
    let accounts_omitted = lacking.len().saturating_sub(MOST_ACCOUNTS);
    if accounts_omitted > 0 {
        // From a place of its own each time: accounts that cannot be mended must not keep the others off the list.
        let start = start % lacking.len();
        lacking.rotate_left(start);
        lacking.truncate(MOST_ACCOUNTS);
        lacking.sort();
    }
    let more = unresolved.len().saturating_sub(MOST_UNRESOLVED);
    let mut unresolved: Vec<String> = unresolved.into_iter().take(MOST_UNRESOLVED).collect();
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
    use crate::table;

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
        let wanted = Wanted {
            principals: vec![PrincipalId::Group("g".into())],
            permission_sets: HashMap::from([("arn".to_owned(), 0)]),
            rows: HashMap::from([("a".to_owned(), (0, 0))]),
        };
        let listed = |start: usize| {
            let nothing = (BTreeSet::new(), Present::default());
            let survey =
                compare(&table, &accounts, &wanted, nothing.0, &nothing.1, Method::Principals, start);
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
