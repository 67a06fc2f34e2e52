//! One principal: every account, and what it has or should have there, by itself or through its groups.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{InAccount, Link, Way, in_account, named};
use crate::assignments::{
    PrincipalId, Row, Table,
    access::AccountAccess,
    facts::{Facts, NamesById},
    members::Belongs,
    names::Names,
    plan::{Index, Obstacle},
    report::{AccountReport, PrincipalReport},
};

/// What a principal reaches.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct What {
    pub principal: PrincipalReport,
    /// Its groups, by name.
    pub groups: Vec<PrincipalReport>,
    /// The accounts in which it has something, or should have, in the order of their ids.
    pub accounts: Vec<Reached>,
    /// What could not be read, so that there may be more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
}

/// An account, and every way of the principal into it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reached {
    #[serde(flatten)]
    pub account: AccountReport,
    /// Why the table does not apply to the account (now).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub ways: Vec<Way>,
}

/// Returns the principal and the groups that it is in.
pub fn everybody(principal: &PrincipalId, belongs: &Belongs) -> BTreeSet<PrincipalId> {
    let groups = belongs.groups.iter().map(PrincipalId::group);
    groups.chain([principal.clone()]).collect()
}

/// Returns the table with only the rows that are for one of these, or of which it is not known for whom they are.
pub fn concerning(table: &Table, names: &Names, everybody: &BTreeSet<PrincipalId>) -> Table {
    let concerns = |row: &&Row| match names.principals.get(&row.principal) {
        Some(Ok(id)) => everybody.contains(id),
        Some(Err(Obstacle::Unknown(_))) => false,
        Some(Err(_)) | None => true,
    };
    Table { rows: table.rows.iter().filter(concerns).cloned().collect(), rest: table.rest }
}

/// Returns what a principal reaches in the accounts of the facts.
pub fn what(
    table: &Table,
    facts: &Facts,
    access: Option<&AccountAccess>,
    principal: &PrincipalId,
    belongs: &Belongs,
) -> What {
    let mut unread: BTreeSet<String> = belongs.unread.iter().cloned().collect();
    unread.extend(not_looked_up(table, facts));
    let (index, mut accounts) = (Index::new(table, facts.today), Vec::new());
    for account in &facts.accounts {
        let here = in_account(&index, account, facts, access);
        let ways = ways(&here, principal, belongs);
        let InAccount { account, reason, access: _, unread: of_account } = here;
        unread.extend(of_account);
        if !ways.is_empty() {
            accounts.push(Reached { account, reason, ways });
        }
    }
    What {
        principal: named(principal, &facts.names_by_id),
        groups: groups(belongs, &facts.names_by_id),
        accounts,
        unread: unread.into_iter().collect(),
    }
}

/// Returns every way of the principal into the account.
pub(super) fn ways(here: &InAccount, principal: &PrincipalId, belongs: &Belongs) -> Vec<Way> {
    let everybody = everybody(principal, belongs);
    let way = |link: &Link| {
        let of = everybody.iter().find(|one| link.is_of(one))?;
        let holder = link.principal.as_ref()?;
        Some(Way {
            through: (of != principal).then(|| holder.clone()),
            gives: link.gives.clone(),
            state: link.state.clone(),
        })
    };
    here.access.iter().filter_map(way).collect()
}

/// Returns the groups by name.
pub(super) fn groups(belongs: &Belongs, names: &NamesById) -> Vec<PrincipalReport> {
    let mut groups: Vec<PrincipalReport> =
        belongs.groups.iter().map(|group| named(&PrincipalId::group(group), names)).collect();
    groups.sort();
    groups
}

/// Returns a sentence for each row of which it is not known whom it means: it may mean anybody.
pub(super) fn not_looked_up(table: &Table, facts: &Facts) -> BTreeSet<String> {
    let doubt = |row: &Row| {
        let reason = match facts.names.principals.get(&row.principal)? {
            Ok(_) | Err(Obstacle::Unknown(_)) => return None,
            Err(Obstacle::Failed(error)) => error.to_string(),
            Err(Obstacle::NotRead(reason)) => (*reason).to_owned(),
            Err(Obstacle::NotListed(reason)) => reason.clone(),
        };
        Some(format!("whom row {} means is not known: {reason}", row.id))
    };
    table.rows.iter().filter_map(doubt).collect()
}
