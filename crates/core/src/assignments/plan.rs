//! What an account gets: pure and deterministic.
//!
//! Nothing here can fail. The decision includes whether the account may receive anything at all.

mod index;

use std::collections::{BTreeSet, HashMap};

pub use self::index::Index;
use super::{PermissionSet, Principal, PrincipalId, Row, Table};
use crate::{
    cause::{CallError, Remedy},
    day::Day,
    ids::AccountId,
    organization::{Account, State},
    outcome::Status,
    selector::{
        Match, OrganizationalUnit,
        tree::{self, Look, Tree},
    },
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
    /// Why it is not certain that any of these rows means the account.
    pub obstacle: Option<Obstacle>,
}

impl<'t> Grant<'t> {
    /// Adds rows that want the same. One row that is certain is enough.
    pub fn join(&mut self, rules: Vec<&'t str>, obstacle: Option<Obstacle>) {
        self.rules.extend(rules);
        self.obstacle = self.obstacle.take().zip(obstacle).map(|(first, _)| first);
    }
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
    /// There is nothing of that name, id or ARN.
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

    /// Returns the obstacle of a group or user that was deleted, or never was.
    pub fn no_principal(PrincipalId { kind, id }: &PrincipalId) -> Obstacle {
        Obstacle::Unknown(format!("no {} has the id {id}", kind.field()))
    }

    pub fn no_permission_set(arn: &str) -> Obstacle {
        Obstacle::Unknown(format!("no permission set has the ARN {arn}"))
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

    /// Whether it is known to be the same grant as another, by whichever names.
    pub fn is_same(&self, other: &Resolved<'_>) -> bool {
        let known = |one: &Resolved<'_>| one.permission_set.is_ok() && one.principal.is_ok();
        known(self)
            && known(other)
            && self.permission_set == other.permission_set
            && self.principal == other.principal
    }

    /// Adds the same grant under other names.
    pub fn join(&mut self, same: Resolved<'t>) {
        self.grant.join(same.grant.rules, same.grant.obstacle);
        self.permission_set_name = self.permission_set_name.take().or(same.permission_set_name);
    }

    /// Returns what is to be created, if everything is known.
    pub fn assignment(&self, account: &AccountId) -> Result<Assignment, Obstacle> {
        self.grant.obstacle.clone().map_or(Ok(()), Err)?;
        self.named(account)
    }

    /// Returns what the names mean, whether it is to be created or not.
    pub fn named(&self, account: &AccountId) -> Result<Assignment, Obstacle> {
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

impl<'t> From<&'t Row> for Grant<'t> {
    fn from(row: &'t Row) -> Grant<'t> {
        let Row { id, permission_set, principal, .. } = row;
        Grant { permission_set, principal, rules: vec![id], obstacle: None }
    }
}

/// Returns the grant of every row, to look up all of the table's names at once. Also of rows that have ended: what they
/// gave may still be there.
pub fn every_grant(table: &Table) -> Vec<Grant<'_>> {
    table.rows.iter().map(Grant::from).collect()
}

/// Returns the rows that have not ended.
pub fn standing(table: &Table, today: Day) -> impl Iterator<Item = &Row> {
    table.rows.iter().filter(move |row| !row.has_ended(today))
}

/// Returns the OUs that must exist for the plan of this account to be certain.
pub fn relied_on<'t>(table: &'t Table, account: &Account, today: Day) -> BTreeSet<&'t OrganizationalUnit> {
    let rows = standing(table, today).filter(|row| row.accounts.matches(account));
    rows.flat_map(|row| row.accounts.kept_in_by(account)).collect()
}

/// Returns the obstacle of a row, if it is not certain that it means the account.
fn obstacle(row: &Row, account: &Account, tree: &Tree) -> Option<Obstacle> {
    let doubt = |unit| doubt(tree, unit, &row.id, "accounts.except.ous");
    row.accounts.kept_in_by(account).iter().find_map(doubt)
}

/// Returns the obstacle of an OU that a row names, unless it is certain that there is such an OU.
pub fn doubt(tree: &Tree, unit: &OrganizationalUnit, row: &str, field: &str) -> Option<Obstacle> {
    match tree.look(unit) {
        Look::There => None,
        Look::Absent { near } => {
            let problem = tree::absent(unit, near.as_deref());
            Some(Obstacle::Unknown(format!("row {row}, {field}: {problem}")))
        }
        Look::Failed(error) => Some(Obstacle::Failed(error.clone())),
        Look::Unlisted(_) | Look::Unasked(_) | Look::Rootless => {
            Some(Obstacle::NotRead("whether the OUs of the table exist was not looked up"))
        }
    }
}

/// Decides what the account gets. A row whose last day is before `today` gives nothing. `tree` has the OUs on which that
/// relies, see [`relied_on`]. An [`Index`] does the same for many accounts.
pub fn plan<'t>(table: &'t Table, account: &Account, tree: &Tree, today: Day) -> Plan<'t> {
    among(standing(table, today).map(|row| (row, row.accounts.judge(account))), account, tree)
}

/// Decides what the account gets by these rows, which are judged as they are asked for, and are all that it may match.
fn among<'t>(rows: impl Iterator<Item = (&'t Row, Match)>, account: &Account, tree: &Tree) -> Plan<'t> {
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
    for (row, judged) in rows {
        match judged {
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
        let obstacle = obstacle(row, account, tree);
        match grants.get_mut(index) {
            None => {
                grants.push(Grant { obstacle, ..Grant::from(row) });
            }
            Some(grant) => grant.join(vec![&row.id], obstacle),
        }
    }
    Plan::Ensure(grants)
}

#[cfg(test)]
mod tests;
