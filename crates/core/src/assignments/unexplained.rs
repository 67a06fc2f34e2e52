//! Assignments that no row explains, of everybody: also of principals that no row names any more. Pure.
//!
//! A survey reads what the principals of the table have. After a row was removed, what it gave is in no survey. So this
//! reads the assignments of every group and user, or of every account, in as many parts as it takes.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{
    PrincipalId, PrincipalKind, Table,
    compare::{Comparison, Ended, Held, compare},
    facts::{Facts, Method, NamesById},
    names::Names,
    plan::{Index, Obstacle},
    report::{PermissionSetReport, PrincipalReport},
    survey,
};
pub use crate::event::{After, Counts};
use crate::{ids::AccountId, organization::Account};

/// What was counted, so far or in all.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Count {
    /// `counted`, or `counting` if there is a next part.
    pub outcome: &'static str,
    /// Of this part and of those before it.
    pub counts: Counts,
    /// The first that this part found.
    pub unexplained: Vec<Unexplained>,
    /// What this part could not read, with the reason.
    pub unread: Vec<String>,
    pub method: Method,
    /// The payload that asks for the next part.
    pub next: Option<Next>,
    pub seconds: f64,
}

/// A request for the next part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Next {
    pub unexplained: bool,
    pub after: After,
    pub counts: Counts,
}

impl After {
    /// Returns the principal, unless accounts are read.
    pub fn principal(&self) -> Option<PrincipalId> {
        match self {
            After::Account(_) => None,
            After::Group(id) => Some(PrincipalId::group(id)),
            After::User(id) => Some(PrincipalId::user(id)),
        }
    }
}

impl From<&PrincipalId> for After {
    fn from(PrincipalId { kind, id }: &PrincipalId) -> After {
        match kind {
            PrincipalKind::Group => After::Group(id.clone()),
            PrincipalKind::User => After::User(id.clone()),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unexplained {
    pub account: AccountId,
    pub permission_set: PermissionSetReport,
    pub principal: PrincipalReport,
    /// The row that gave it, if that has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// The groups that Control Tower makes in Identity Center and assigns in the accounts that it vends, as its guide names
/// them.
const OF_CONTROL_TOWER: [&str; 8] = [
    "AWSAccountFactory",
    "AWSAuditAccountAdmins",
    "AWSControlTowerAdmins",
    "AWSLogArchiveAdmins",
    "AWSLogArchiveViewers",
    "AWSSecurityAuditPowerUsers",
    "AWSSecurityAuditors",
    "AWSServiceCatalogAdmins",
];

const MOST_LISTED: usize = 50;

/// Counts what this part has read, and adds what the parts before it have counted. `unread` is what could not be read
/// and that no part before it has counted.
pub fn count(
    table: &Table,
    facts: &Facts,
    before: Counts,
    unread: BTreeSet<String>,
    after: Option<After>,
) -> Count {
    let mut counts = before;
    let mut unexplained = Vec::new();
    let index = Index::new(table, facts.today);
    for account in &facts.accounts {
        let Comparison::Applies(compared) = compare(&index, account, facts) else { continue };
        for held in compared.unexplained {
            if is_of_control_tower(&held.principal, &facts.names_by_id) {
                counts.control_tower += 1;
                continue;
            }
            counts.unexplained += 1;
            if unexplained.len() < MOST_LISTED {
                let ended = compared.ended.get(&held).cloned();
                unexplained.push(named(account, &held, &facts.names_by_id, &facts.names, ended));
            }
        }
    }
    counts.unread += unread.len();
    Count {
        outcome: if after.is_some() { "counting" } else { "counted" },
        counts,
        unexplained,
        unread: survey::first(unread),
        method: facts.method,
        next: after.map(|after| Next { unexplained: true, after, counts }),
        seconds: 0.0,
    }
}

pub(super) fn is_of_control_tower(principal: &PrincipalId, names: &NamesById) -> bool {
    principal.kind == PrincipalKind::Group
        && names.principal(principal).is_some_and(|name| OF_CONTROL_TOWER.contains(&name))
}

/// Returns what of names and accounts may hide an assignment, or make one that is explained seem unexplained.
pub fn unread(facts: &Facts) -> BTreeSet<String> {
    let obstacles = facts.names.permission_sets.values().filter_map(|found| found.as_ref().err());
    let obstacles = obstacles.chain(facts.names.principals.values().filter_map(|found| found.as_ref().err()));
    let failed = obstacles.filter_map(|obstacle| match obstacle {
        Obstacle::Failed(error) => Some(error.to_string()),
        Obstacle::NotRead(reason) => Some((*reason).to_owned()),
        Obstacle::NotListed(reason) => Some(reason.clone()),
        Obstacle::Unknown(_) => None,
    });
    failed.chain(facts.notes.iter().cloned()).collect()
}

fn named(
    account: &Account,
    held: &Held,
    by_id: &NamesById,
    names: &Names,
    ended: Option<Ended>,
) -> Unexplained {
    let Held { permission_set, principal } = held;
    Unexplained {
        account: account.id.clone(),
        permission_set: PermissionSetReport {
            name: names.permission_set_names.get(permission_set.as_ref()).cloned(),
            arn: Some(permission_set.as_ref().to_owned()),
        },
        principal: PrincipalReport {
            kind: principal.kind,
            name: by_id.principal(principal).map(str::to_owned),
            id: Some(principal.id.clone()),
        },
        ended,
    }
}
