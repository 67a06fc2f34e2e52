//! The cheapest description of some accounts.
//!
//! A row costs as much as two entries, so that one row with exceptions is preferred to two rows with as many entries. At
//! the same cost, ids are preferred: they mean no account that is not there yet.

use std::collections::{BTreeSet, HashMap};

use super::{
    Facts,
    tree::{EVERYWHERE, Node, Tree},
};
use crate::{
    ids::AccountId,
    selector::{Accounts, OrganizationalUnit, Selector},
};

/// In entries.
const COST_OF_A_ROW: usize = 2;

/// What is written. Every kind that a row gives must match, so ids and OUs take a row each, and so do exceptions of both
/// kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Described {
    /// OUs, or everywhere, but for OUs below them.
    units: Vec<usize>,
    except_units: Vec<usize>,
    /// OUs, or everywhere, but for some accounts.
    others: Vec<usize>,
    except_accounts: Vec<usize>,
    accounts: Vec<usize>,
}

/// Which rows may be used.
#[derive(Clone, Copy, Debug)]
struct Allowed {
    units: bool,
    others: bool,
    accounts: bool,
}

impl Described {
    pub fn cost(&self) -> usize {
        let rows = [&self.units, &self.others, &self.accounts];
        let rows = rows.into_iter().filter(|entries| !entries.is_empty()).count();
        rows * COST_OF_A_ROW + self.entries()
    }

    fn entries(&self) -> usize {
        let Described { units, except_units, others, except_accounts, accounts } = self;
        // Everywhere is not written.
        let written = |units: &[usize]| units.iter().filter(|unit| **unit != EVERYWHERE).count();
        written(units) + written(others) + except_units.len() + except_accounts.len() + accounts.len()
    }

    fn append(&mut self, other: Described) {
        self.units.extend(other.units);
        self.except_units.extend(other.except_units);
        self.others.extend(other.others);
        self.except_accounts.extend(other.except_accounts);
        self.accounts.extend(other.accounts);
    }

    /// Returns what each row selects; one to three.
    pub fn rows(&self, tree: &Tree, facts: &Facts) -> Vec<Accounts> {
        let units = |units: &[usize]| -> Vec<OrganizationalUnit> {
            let mut units: Vec<_> = units.iter().filter_map(|unit| tree.nodes[*unit].unit.clone()).collect();
            units.sort();
            units
        };
        let ids = |accounts: &[usize]| -> Vec<AccountId> {
            let mut ids: Vec<_> = accounts.iter().map(|index| facts.accounts[*index].id.clone()).collect();
            ids.sort();
            ids
        };
        let by_units = |ous: &[usize], except: Selector| {
            let except = (except != Selector::default()).then_some(except);
            (!ous.is_empty())
                .then(|| Accounts { only: Selector { ous: units(ous), ..Selector::default() }, except })
        };
        let except_units = Selector { ous: units(&self.except_units), ..Selector::default() };
        let except_accounts = Selector { ids: ids(&self.except_accounts), ..Selector::default() };
        let by_ids = (!self.accounts.is_empty()).then(|| {
            let only = Selector { ids: ids(&self.accounts), ..Selector::default() };
            Accounts { only, except: None }
        });
        let rows = [by_units(&self.units, except_units), by_units(&self.others, except_accounts), by_ids];
        rows.into_iter().flatten().collect()
    }
}

/// Describes exactly these accounts, which are not none.
pub fn describe(tree: &Tree, accounts: &BTreeSet<usize>) -> Described {
    let chosen = Chosen::new(tree, accounts);
    let any = [true, false];
    let allowed = any.into_iter().flat_map(|units| {
        any.into_iter()
            .flat_map(move |others| any.into_iter().map(move |accounts| Allowed { units, others, accounts }))
    });
    let described = allowed.filter_map(|allowed| chosen.within(EVERYWHERE, allowed));
    let by_ids = Described { accounts: accounts.iter().copied().collect(), ..Described::default() };
    let best = described.min_by_key(Described::cost);
    best.filter(|best| best.cost() < by_ids.cost()).unwrap_or(by_ids)
}

/// Returns an account that would make the description cheaper if it were one of them.
pub fn one_more(tree: &Tree, accounts: &BTreeSet<usize>, described: &Described) -> Option<usize> {
    let chosen = Chosen::new(tree, accounts);
    let nearly = chosen.held.iter().filter(|(node, held)| tree.nodes[**node].count == **held + 1);
    let mut nearly: Vec<usize> = nearly.map(|(node, _)| *node).collect();
    nearly.sort_unstable();
    nearly.into_iter().find_map(|node| {
        let mut missing = Vec::new();
        chosen.missing(node, &mut missing);
        let account = *missing.first()?;
        let more: BTreeSet<usize> = accounts.iter().copied().chain([account]).collect();
        (describe(tree, &more).cost() < described.cost()).then_some(account)
    })
}

/// Some accounts of the tree.
struct Chosen<'t> {
    tree: &'t Tree,
    accounts: &'t BTreeSet<usize>,
    /// How many of them each node holds; only nodes that hold some.
    held: HashMap<usize, usize>,
}

impl<'t> Chosen<'t> {
    fn new(tree: &'t Tree, accounts: &'t BTreeSet<usize>) -> Chosen<'t> {
        let mut held = HashMap::new();
        for node in accounts.iter().filter_map(|account| tree.above.get(account)).flatten() {
            *held.entry(*node).or_insert(0) += 1;
        }
        Chosen { tree, accounts, held }
    }

    fn held(&self, node: usize) -> usize {
        self.held.get(&node).copied().unwrap_or(0)
    }

    /// Describes those that the node holds, if the rows that are allowed can.
    fn within(&self, node: usize, allowed: Allowed) -> Option<Described> {
        if self.held(node) == 0 {
            return Some(Described::default());
        }
        let Node { is_whole, count, .. } = self.tree.nodes[node];
        let missing = count - self.held(node);
        let units = || {
            let mut except_units = Vec::new();
            let can = self.except_units(node, &mut except_units);
            can.then(|| Described { units: vec![node], except_units, ..Described::default() })
        };
        let others = || {
            let mut except_accounts = Vec::new();
            self.missing(node, &mut except_accounts);
            Described { others: vec![node], except_accounts, ..Described::default() }
        };
        let found = [
            self.in_parts(node, allowed),
            (is_whole && allowed.units).then(units).flatten(),
            // More exceptions than accounts never pay, and of ten thousand accounts they take long to write down.
            (is_whole && allowed.others && (1..=self.accounts.len()).contains(&missing)).then(others),
        ];
        found.into_iter().flatten().min_by_key(Described::entries)
    }

    fn in_parts(&self, node: usize, allowed: Allowed) -> Option<Described> {
        let node = &self.tree.nodes[node];
        let accounts: Vec<usize> =
            node.accounts.iter().copied().filter(|account| self.accounts.contains(account)).collect();
        if !accounts.is_empty() && !allowed.accounts {
            return None;
        }
        let mut described = Described { accounts, ..Described::default() };
        for below in &node.below {
            described.append(self.within(*below, allowed)?);
        }
        Some(described)
    }

    /// Adds the OUs that have to be taken out of the node. Returns whether OUs can say it.
    fn except_units(&self, node: usize, found: &mut Vec<usize>) -> bool {
        let held = self.held(node);
        if held == self.tree.nodes[node].count {
            return true;
        }
        if held == 0 && node != EVERYWHERE {
            found.push(node);
            return true;
        }
        let Node { accounts, below, .. } = &self.tree.nodes[node];
        accounts.iter().all(|account| self.accounts.contains(account))
            && below.iter().all(|below| self.except_units(*below, found))
    }

    /// Adds the accounts of the node that are none of them.
    fn missing(&self, node: usize, found: &mut Vec<usize>) {
        let Node { accounts, below, count, .. } = &self.tree.nodes[node];
        if self.held(node) == *count {
            return;
        }
        found.extend(accounts.iter().filter(|account| !self.accounts.contains(account)));
        below.iter().for_each(|below| self.missing(*below, found));
    }
}
