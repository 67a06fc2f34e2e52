//! What is true in AWS at one moment: accounts, names and assignments. Every decision is made on these, whether they
//! come from AWS or from a file.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{PrincipalId, PrincipalKind, Table, compare::Assigned, names::Names, plan};
pub use crate::organization::likest;
use crate::{
    day::Day,
    ids::AccountId,
    organization::Account,
    selector::{
        Selection,
        tree::{Tree, Unit},
    },
};

#[derive(Clone, Debug)]
pub struct Facts {
    /// RFC 3339, UTC, to the second.
    pub read_at: String,
    /// The day for which it is decided, UTC: on it, rows have ended or not. Not the day of a snapshot.
    pub today: Day,
    /// The ARN of the Identity Center instance.
    pub instance: String,
    pub method: Method,
    /// Which accounts were read. Nothing may be said of others, not even that they do not exist.
    pub selection: Selection,
    /// In the order of their ids.
    pub accounts: Vec<Account>,
    /// What the names of the tables mean.
    pub names: Names,
    pub names_by_id: NamesById,
    /// Which of the tables' OUs there are.
    pub tree: Tree,
    /// All OUs, if they were read.
    pub units: Option<Vec<Unit>>,
    pub assigned: Assigned,
    /// What could not be read and is not needed for a plan.
    pub notes: Vec<String>,
}

/// How present assignments were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Method {
    /// Each group and user was asked for. What is left of one that was deleted is not seen.
    Principals,
    /// One account after the other, and the permission sets that it has.
    Accounts,
    /// One permission set after the other, and the accounts that have it.
    PermissionSets,
}

impl Method {
    /// Whether it sees every assignment that AWS has, also those of principals that were deleted.
    pub fn sees_everything(self) -> bool {
        match self {
            Method::Accounts | Method::PermissionSets => true,
            Method::Principals => false,
        }
    }
}

/// The names of what AWS has, for showing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NamesById {
    /// By ARN.
    pub permission_sets: BTreeMap<String, String>,
    /// Display names.
    pub groups: BTreeMap<String, String>,
    /// User names.
    pub users: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Unlisted::is_empty")]
    pub unlisted: Unlisted,
}

/// Why names of a kind could not be listed. Then those that are known are some of them, and another name may exist.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Unlisted {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<String>,
}

impl Unlisted {
    pub fn is_empty(&self) -> bool {
        self.of(PrincipalKind::Group).or(self.of(PrincipalKind::User)).is_none()
    }

    pub fn of(&self, kind: PrincipalKind) -> Option<&str> {
        match kind {
            PrincipalKind::Group => self.groups.as_deref(),
            PrincipalKind::User => self.users.as_deref(),
        }
    }
}

impl NamesById {
    pub fn permission_set(&self, arn: &str) -> Option<&str> {
        self.permission_sets.get(arn).map(String::as_str)
    }

    pub fn principal(&self, principal: &PrincipalId) -> Option<&str> {
        let name = match principal.kind {
            PrincipalKind::Group => self.groups.get(&principal.id),
            PrincipalKind::User => self.users.get(&principal.id),
        };
        name.map(String::as_str).filter(|name| !name.is_empty())
    }

    /// Returns a sentence that names what was probably meant by a name that does not exist.
    pub fn suggestion(&self, kind: Option<PrincipalKind>, name: &str) -> Option<String> {
        let known = match kind {
            None => &self.permission_sets,
            Some(PrincipalKind::Group) => &self.groups,
            Some(PrincipalKind::User) => &self.users,
        };
        let likest = likest(name, known.values().map(String::as_str))?;
        Some(format!("did you mean {likest:?}?"))
    }

    /// Whether the principal exists, or may exist because its kind could not be listed.
    pub fn may_have(&self, principal: &PrincipalId) -> bool {
        self.unlisted.of(principal.kind).is_some()
            || match principal.kind {
                PrincipalKind::Group => self.groups.contains_key(&principal.id),
                PrincipalKind::User => self.users.contains_key(&principal.id),
            }
    }

    /// Returns every group and user.
    pub fn principals(&self) -> BTreeSet<PrincipalId> {
        let groups = self.groups.keys().map(PrincipalId::group);
        groups.chain(self.users.keys().map(PrincipalId::user)).collect()
    }
}

impl Facts {
    /// Whether every account of the organization was read, so that what is not here does not exist.
    pub fn is_whole(&self) -> bool {
        self.selection.is_everything()
    }

    /// Returns the account that was probably meant by an id that does not exist: the only one that is nearly the same.
    pub fn account_like(&self, id: &AccountId) -> Option<&Account> {
        account_like(&self.accounts, id)
    }

    /// Returns the OU that was probably meant by a path that does not exist.
    pub fn unit_like(&self, path: &str) -> Option<String> {
        let mut paths = BTreeSet::new();
        for account in &self.accounts {
            let names: Vec<&str> =
                account.parents.iter().skip(1).map_while(|parent| parent.name.as_deref()).collect();
            paths.extend((1..=names.len()).map(|depth| names[..depth].join("/")));
        }
        likest(path, paths.iter().map(String::as_str)).map(str::to_owned)
    }
}

/// Returns the account that was probably meant by an id that is of none of these: the only one that is nearly the same.
pub fn account_like<'a>(accounts: &'a [Account], id: &AccountId) -> Option<&'a Account> {
    let near = |account: &&Account| strsim::osa_distance(account.id.as_str(), id.as_str()) <= 2;
    let mut near = accounts.iter().filter(near);
    near.next().filter(|_| near.next().is_none())
}

/// Returns the principals of the rows whose names all exist, and why other names have no id. Names of rows that have
/// ended may be gone.
pub fn wanted(table: &Table, names: &Names, today: Day) -> (BTreeSet<PrincipalId>, Vec<plan::Obstacle>) {
    let (mut principals, mut obstacles) = (BTreeSet::new(), Vec::new());
    let ended = table.rows.iter().filter(|row| row.has_ended(today)).map(plan::Grant::from).collect();
    principals.extend(names.resolve(ended).into_iter().filter_map(|resolved| resolved.principal.ok()));
    let grants = plan::standing(table, today).map(plan::Grant::from).collect();
    for plan::Resolved { permission_set, principal, .. } in names.resolve(grants) {
        match (permission_set, principal) {
            (Ok(_), Ok(principal)) => _ = principals.insert(principal),
            (permission_set, principal) => {
                obstacles.extend([permission_set.err(), principal.err()].into_iter().flatten());
            }
        }
    }
    (principals, obstacles)
}

/// Returns the obstacle of every OU that a row names and the organization does not have, or of which that is not known.
pub fn missing_units(table: &Table, tree: &Tree, today: Day) -> Vec<plan::Obstacle> {
    let named = |row: &super::Row| -> Vec<plan::Obstacle> {
        let units = row.accounts.units();
        units.filter_map(|(field, unit)| plan::doubt(tree, unit, &row.id, &field)).collect()
    };
    // Without an account there is nothing that an OU could decide about.
    if tree.is_rootless() { Vec::new() } else { plan::standing(table, today).flat_map(named).collect() }
}
