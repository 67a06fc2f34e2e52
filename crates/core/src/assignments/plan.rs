//! What an account gets: pure and deterministic.
//!
//! Nothing here can fail. The decision includes whether the account may receive anything at all.

use std::collections::HashMap;

use super::{PermissionSet, Principal, PrincipalId, Row, Table};
use crate::{
    cause::{CallError, Remedy},
    ids::AccountId,
    organization::{Account, State},
    outcome::Status,
    selector::Match,
};

/// What is to be done about an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan<'t> {
    /// These grants, in the order of the table. The list is empty if no row matches.
    Ensure(Vec<Grant<'t>>),
    /// Nothing, now or later.
    Ignore(String),
    /// Nothing yet: the account is not ready.
    Wait(String),
}

/// One wanted assignment, and every row that wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant<'t> {
    pub permission_set: &'t PermissionSet,
    pub principal: &'t Principal,
    /// Ids of the rows, in the order of the table; at least one.
    pub rules: Vec<&'t str>,
}

/// A grant whose names have been looked up.
#[derive(Clone, Debug)]
pub struct Resolved<'t> {
    pub grant: Grant<'t>,
    pub permission_set_name: Option<String>,
    /// The ARN.
    pub permission_set: Result<String, Obstacle>,
    pub principal: Result<PrincipalId, Obstacle>,
}

/// Why a name has no id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// There is nothing of that name.
    Unknown(String),
    /// It could not be found out.
    Failed(CallError),
    /// The time ran out before it was looked up.
    NotRead(&'static str),
    /// It is not known whether there is something of that name: not all names could be listed.
    NotListed(String),
}

impl Obstacle {
    pub fn unknown(kind: &str, name: &str) -> Obstacle {
        Obstacle::Unknown(format!("no {kind} is named {name:?}"))
    }

    /// Returns the obstacle of a name that is not among those that are known. `why` says why they are not all.
    pub fn not_listed(kind: &str, name: &str, why: &str) -> Obstacle {
        Obstacle::NotListed(format!("whether a {kind} is named {name:?} was not read: {why}"))
    }

    /// Returns how a grant with this obstacle ends.
    pub fn status(&self) -> Status {
        match self {
            Obstacle::Unknown(reason) => {
                Status::Unresolved { reason: reason.clone(), remedy: Remedy::CorrectName }
            }
            Obstacle::Failed(error) => Status::of(error),
            Obstacle::NotRead(reason) => Status::pending(*reason),
            Obstacle::NotListed(reason) => {
                Status::Failed { reason: reason.clone(), remedy: Remedy::ListNames }
            }
        }
    }
}

impl<'t> Resolved<'t> {
    /// Returns a grant whose names were not looked up in time.
    pub fn not_read(grant: Grant<'t>, reason: &'static str) -> Resolved<'t> {
        Resolved {
            grant,
            permission_set_name: None,
            permission_set: Err(Obstacle::NotRead(reason)),
            principal: Err(Obstacle::NotRead(reason)),
        }
    }

    /// Returns what is to be created, if everything is known.
    pub fn assignment(&self, account: &AccountId) -> Result<Assignment, Obstacle> {
        Ok(Assignment {
            account: account.clone(),
            permission_set: self.permission_set.clone()?,
            principal: self.principal.clone()?,
        })
    }
}

/// One account assignment, by ids.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Assignment {
    pub account: AccountId,
    /// The permission set's ARN.
    pub permission_set: String,
    pub principal: PrincipalId,
}

/// Returns the grant of every row, to look up all of the table's names at once.
pub fn every_grant(table: &Table) -> Vec<Grant<'_>> {
    fn grant(row: &Row) -> Grant<'_> {
        Grant { permission_set: &row.permission_set, principal: &row.principal, rules: vec![&row.id] }
    }
    table.rows.iter().map(grant).collect()
}

/// Decides what the account gets.
pub fn plan<'t>(table: &'t Table, account: &Account) -> Plan<'t> {
    let Account { id, .. } = account;
    if account.is_management {
        return Plan::Ignore(format!(
            "account {id} is the management account, which never receives an assignment"
        ));
    }
    match &account.state {
        State::Active => {}
        State::Suspended => return Plan::Ignore(format!("account {id} is SUSPENDED")),
        State::PendingClosure => {
            return Plan::Ignore(format!("account {id} is being closed (PENDING_CLOSURE)"));
        }
        State::Closed => return Plan::Ignore(format!("account {id} is CLOSED")),
        State::PendingActivation => {
            return Plan::Wait(format!("account {id} is PENDING_ACTIVATION: its sign-up is not finished"));
        }
        State::Other(state) => {
            return Plan::Wait(format!(
                "account {id} is in state {state}, which is not known to allow access"
            ));
        }
    }
    if let Some(reason) = &account.unread {
        return Plan::Wait(format!("account {id} could not be read whole: {reason}"));
    }
    let mut grants: Vec<Grant<'t>> = Vec::new();
    let mut position: HashMap<(&PermissionSet, &Principal), usize> = HashMap::new();
    for row in &table.rows {
        match row.accounts.judge(account) {
            Match::Yes => {}
            Match::No => continue,
            Match::NotRead => {
                return Plan::Wait(format!(
                    "account {id} could not be read whole: its tags were not read, and row {} asks for them",
                    row.id
                ));
            }
        }
        let index = *position.entry((&row.permission_set, &row.principal)).or_insert(grants.len());
        if index == grants.len() {
            let (permission_set, principal) = (&row.permission_set, &row.principal);
            grants.push(Grant { permission_set, principal, rules: Vec::new() });
        }
        grants[index].rules.push(&row.id);
    }
    Plan::Ensure(grants)
}

#[cfg(test)]
mod tests;
