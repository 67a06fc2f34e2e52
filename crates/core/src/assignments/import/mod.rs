//! A table from what AWS has: the smallest that explains exactly that, and nothing else. Pure.
//!
//! | room | what |
//! |---|---|
//! | `tree` | the accounts that may be described, by the OUs that hold them |
//! | `describe` | the cheapest description of some of them |
//! | `name` | ids of rows that a person would choose |
//!
//! A description is by everywhere, by OUs, or by ids, with exceptions. No OU is written that was not read whole. Never
//! guesses: what is simpler with one more assignment is suggested, and the table is compared with AWS before it is given.

mod describe;
mod name;
mod tree;

use std::collections::{BTreeMap, BTreeSet};

use self::{name::Names, tree::Tree};
use super::{
    PrincipalId, PrincipalKind, Row, Table,
    compare::{Comparison, Held, Presence, compare},
    facts::{Facts, NamesById},
    plan::Index,
    snapshot::{Nothing, Snapshot},
    unexplained::is_of_control_tower,
};
use crate::{
    ids::AccountId,
    organization::Account,
    selector::{Accounts, Selector},
    table::MAX_ROWS,
};

/// A table that explains what was read, and what it leaves out.
#[derive(Clone, Debug)]
pub struct Imported {
    pub table: Table,
    /// How many assignments it explains.
    pub explained: usize,
    pub left_out: LeftOut,
    /// What one more assignment would make simpler, in the order of the table; a sentence each, the first few.
    pub suggestions: Vec<String>,
}

/// Counts of assignments that are in no row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// In the management account, which no table is about.
    pub management: usize,
    /// In accounts that are not active.
    pub not_active: usize,
    /// Of the groups that Control Tower makes and assigns by itself.
    pub control_tower: usize,
    /// Of groups and users that were deleted.
    pub deleted: usize,
}

impl LeftOut {
    /// Returns what was left out and why, a line each.
    pub fn words(&self) -> Vec<String> {
        let LeftOut { management, not_active, control_tower, deleted } = *self;
        let lines = [
            (management, "in the management account, which no table is about"),
            (not_active, "in accounts that are not active, to which no table applies"),
            (control_tower, "of the groups that Control Tower makes and assigns by itself"),
            (deleted, "of groups and users that were deleted"),
        ];
        let lines = lines.into_iter().filter(|(count, _)| *count > 0);
        lines.map(|(count, why)| format!("left out: {count} {why}")).collect()
    }
}

const MOST_SUGGESTED: usize = 20;

type Wanted = BTreeMap<(String, PrincipalId), BTreeSet<usize>>;

/// Makes the table. `facts` must have been read with every name.
///
/// # Errors
/// If an account or the groups could not be read whole, if it takes more rows or bytes than a table has, or if the
/// comparison of the table with the facts finds a difference.
pub fn import(facts: &Facts) -> Result<Imported, String> {
    if let Some((account, unread)) =
        facts.accounts.iter().find_map(|account| Some((&account.id, account.unread.as_ref()?)))
    {
        return Err(format!("account {account} could not be read whole, so no row may mean it: {unread}"));
    }
    if let Some(why) = facts.names_by_id.unlisted.of(PrincipalKind::Group) {
        return Err(format!("which groups are Control Tower's is not known: {why}"));
    }
    let (wanted, left_out) = wanted(facts);
    let tree = Tree::new(facts);
    let mut names = Names::new(&facts.names_by_id);
    let (mut rows, mut suggestions, mut explained) = (Vec::new(), Vec::new(), 0);
    let mut wanted: Vec<_> = wanted.into_iter().collect();
    wanted.sort_by_cached_key(|((set, principal), _)| names.order(set, principal));
    for ((set, principal), accounts) in wanted {
        explained += accounts.len();
        let described = describe::describe(&tree, &accounts);
        if suggestions.len() < MOST_SUGGESTED {
            let more = describe::one_more(&tree, &accounts, &described);
            suggestions.extend(more.map(|account| {
                let (set, kind) = (names.permission_set_name(&set), principal.kind.field());
                let Account { id, name, .. } = &facts.accounts[account];
                let principal = names.principal_name(&principal);
                format!(
                    "with {set} for {kind} {principal} in {name} ({id}) too, less would have to be written"
                )
            }));
        }
        for (number, accounts) in described.rows(&tree, facts).into_iter().enumerate() {
            let id = names.row(&set, &principal, (number > 0).then(|| suffix(&accounts)));
            rows.push(Row {
                id,
                description: None,
                permission_set: names.permission_set(&set),
                principal: names.principal(&principal),
                accounts,
                owner: None,
                reason: None,
                until: None,
            });
        }
    }
    if rows.len() > MAX_ROWS {
        return Err(format!("it takes {} rows, and a table has at most {MAX_ROWS}", rows.len()));
    }
    let table = sound(&Table { rows, rest: () })?;
    prove(&table, facts)?;
    Ok(Imported { table, explained, left_out, suggestions })
}

/// Returns the table as whoever reads it will have it.
fn sound(table: &Table) -> Result<Table, String> {
    // Strings, lists and objects cannot fail to be written.
    let text = serde_json::to_vec(table).unwrap_or_default();
    crate::table::parse(&text).map_err(|faults| {
        let faults: Vec<String> = faults.iter().take(3).map(ToString::to_string).collect();
        format!("the table would be refused: {}", faults.join("; "))
    })
}

/// Returns what distinguishes a row from another for the same grant.
fn suffix(accounts: &Accounts) -> &'static str {
    match accounts {
        Accounts { only, .. } if !only.ids.is_empty() => "accounts",
        Accounts { except: Some(Selector { ids, .. }), .. } if !ids.is_empty() => "with-exceptions",
        _ => "ous",
    }
}

/// Returns the accounts of each permission set and principal, as indices, and what is left out.
fn wanted(facts: &Facts) -> (Wanted, LeftOut) {
    let (mut wanted, mut left_out) = (Wanted::new(), LeftOut::default());
    for (index, account) in facts.accounts.iter().enumerate() {
        for held in facts.assigned.of(&account.id) {
            let left = match () {
                () if account.is_management => Some(&mut left_out.management),
                () => leave(&held.principal, &facts.names_by_id, account, &mut left_out),
            };
            match left {
                Some(count) => *count += 1,
                None => {
                    let grant = (held.permission_set.as_ref().to_owned(), held.principal.as_ref().clone());
                    wanted.entry(grant).or_default().insert(index);
                }
            }
        }
    }
    (wanted, left_out)
}

fn leave<'l>(
    principal: &PrincipalId,
    names: &NamesById,
    account: &Account,
    left_out: &'l mut LeftOut,
) -> Option<&'l mut usize> {
    match () {
        () if is_of_control_tower(principal, names) => Some(&mut left_out.control_tower),
        () if !names.may_have(principal) => Some(&mut left_out.deleted),
        () if !account.may_receive() => Some(&mut left_out.not_active),
        () => None,
    }
}

/// Compares the table with the facts as a plan does: it must explain everything that is not left out, and want no more.
fn prove(table: &Table, facts: &Facts) -> Result<(), String> {
    let facts = Snapshot::<Nothing>::from(facts).facts(&[table], facts.today);
    let wrong = |account: &AccountId, what: &str| {
        Err(format!("the table would not say what account {account} has: {what}; nothing was written"))
    };
    let index = Index::new(table, facts.today);
    for account in facts.accounts.iter().filter(|account| account.may_receive()) {
        let Comparison::Applies(compared) = compare(&index, account, &facts) else {
            return wrong(&account.id, "it is not ready");
        };
        if let Some((grant, _)) =
            compared.grants.iter().find(|(_, presence)| !matches!(presence, Presence::Present))
        {
            return wrong(&account.id, &format!("row {} would give more", grant.grant.rules.join(", ")));
        }
        let is_left_out = |held: &&Held| {
            let mut left_out = LeftOut::default();
            leave(&held.principal, &facts.names_by_id, account, &mut left_out).is_some()
        };
        let unexplained = compared.unexplained.iter().filter(|held| !is_left_out(held)).count();
        if unexplained > 0 {
            return wrong(&account.id, &format!("{unexplained} would be unexplained"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
