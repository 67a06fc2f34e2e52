//! An overview as groups and users by permission sets: the other side of the matrix, with the same words. Pure.

use std::collections::BTreeMap;

use assigner_core::assignments::{
    PrincipalId, PrincipalKind,
    facts::NamesById,
    members::{Members, Memberships},
    reach::named,
    report::{AccountReport, PrincipalReport},
};

use super::matrix::{Column, Entry, Mark, Matrix};
use crate::assignments::overview::Overview;

/// One permission set of one group or user, in the accounts in which it stands alike.
pub struct Holding<'o> {
    pub principal: PrincipalReport,
    /// The group through which a user has it.
    pub through: Option<&'o PrincipalReport>,
    pub column: Column<'o>,
    pub mark: Mark,
    /// Ids of the rows that want it.
    pub rows: &'o [String],
    /// Why it is unresolved or failed.
    pub reason: Option<&'o str>,
    /// By name and id.
    pub accounts: Vec<&'o AccountReport>,
}

/// The most accounts that are named at once; more are folded.
const FEW: usize = 3;

impl Holding<'_> {
    /// Returns the name, or the id if there is no name.
    pub fn who(&self) -> &str {
        who(&self.principal)
    }

    pub fn is_folded(&self) -> bool {
        self.accounts.len() > FEW
    }
}

/// Returns the name, or the id if there is no name, as for a group that was deleted.
pub fn who(PrincipalReport { name, id, .. }: &PrincipalReport) -> &str {
    name.as_deref().or(id.as_deref()).unwrap_or_default()
}

/// Returns the ids of the groups of the overview.
pub fn groups(overview: &Overview) -> Vec<String> {
    let wanted =
        overview.accounts.iter().flat_map(|access| &access.grants).map(|grant| &grant.report.principal);
    let held = overview.accounts.iter().flat_map(|access| &access.unexplained).map(|held| &held.principal);
    let groups = wanted.chain(held).filter(|principal| principal.kind == PrincipalKind::Group);
    let mut ids: Vec<String> = groups.filter_map(|group| group.id.clone()).collect();
    ids.sort();
    ids.dedup();
    ids
}

/// Returns who has what, by group, user and permission set; with `members` also what users have through groups.
pub fn holdings<'o>(
    matrix: &Matrix<'o>,
    members: Option<&Memberships>,
    names: &NamesById,
) -> Vec<Holding<'o>> {
    let mut found: BTreeMap<_, Vec<&'o AccountReport>> = BTreeMap::new();
    for line in matrix.lines() {
        for (column, cell) in matrix.columns.iter().zip(&line.cells) {
            for Entry { mark, principal, rows, reason } in cell {
                let key = (*principal, *column, *mark, *rows, *reason);
                found.entry(key).or_default().push(&line.access.account);
            }
        }
    }
    let mut holdings = Vec::with_capacity(found.len());
    for ((principal, column, mark, rows, reason), mut accounts) in found {
        accounts.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
        let of_group = members.zip(principal.id.as_ref()).filter(|_| principal.kind == PrincipalKind::Group);
        if let Some(Members::Read(users)) = of_group.and_then(|(members, id)| members.groups.get(id)) {
            holdings.extend(users.iter().map(|user| Holding {
                principal: named(&PrincipalId::user(user), names),
                through: Some(principal),
                column,
                mark,
                rows,
                reason,
                accounts: accounts.clone(),
            }));
        }
        holdings.push(Holding {
            principal: principal.clone(),
            through: None,
            column,
            mark,
            rows,
            reason,
            accounts,
        });
    }
    // Stable: what one principal has stays by permission set.
    holdings.sort_by(|one, other| {
        let key = |holding: &Holding<'o>| (holding.principal.clone(), holding.column, holding.mark);
        key(one).cmp(&key(other))
    });
    holdings
}
