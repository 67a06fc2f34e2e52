//! What is true in AWS at one moment: accounts, names and assignments. Every decision is made on these, whether they
//! come from AWS or from a file.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{PrincipalId, PrincipalKind, Table, compare::Assigned, names::Names, plan};
use crate::organization::Account;

#[derive(Clone, Debug)]
pub struct Facts {
    /// RFC 3339, UTC, to the second.
    pub read_at: String,
    /// The ARN of the Identity Center instance.
    pub instance: String,
    pub method: Method,
    /// In the order of their ids.
    pub accounts: Vec<Account>,
    /// What the names of the tables mean.
    pub names: Names,
    pub names_by_id: NamesById,
    pub assigned: Assigned,
    /// What could not be read and is not needed for a plan.
    pub notes: Vec<String>,
}

/// How present assignments were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Method {
    Principals,
    /// Not in the management account: one account after the other.
    Accounts,
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

    /// Returns every group and user.
    pub fn principals(&self) -> BTreeSet<PrincipalId> {
        let groups = self.groups.keys().map(PrincipalId::group);
        groups.chain(self.users.keys().map(PrincipalId::user)).collect()
    }
}

/// Returns the principals of the rows whose names all exist, and why other names have no id.
pub fn wanted(table: &Table, names: &Names) -> (BTreeSet<PrincipalId>, Vec<plan::Obstacle>) {
    let (mut principals, mut obstacles) = (BTreeSet::new(), Vec::new());
    for plan::Resolved { permission_set, principal, .. } in names.resolve(plan::every_grant(table)) {
        match (permission_set, principal) {
            (Ok(_), Ok(principal)) => _ = principals.insert(principal),
            (permission_set, principal) => {
                obstacles.extend([permission_set.err(), principal.err()].into_iter().flatten());
            }
        }
    }
    (principals, obstacles)
}
