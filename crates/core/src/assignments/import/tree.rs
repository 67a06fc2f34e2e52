//! The accounts that may be described, by the OUs that hold them.

use std::collections::{BTreeSet, HashMap};

use super::Facts;
use crate::{
    organization::{Account, Parent},
    selector::{OrganizationalUnit, normal},
};

/// The ids of the OUs that each path means, by the names in the form in which they are compared.
type Paths = HashMap<Vec<String>, BTreeSet<String>>;

/// Index of the node that holds every account.
pub const EVERYWHERE: usize = 0;

#[derive(Debug, Default)]
pub struct Tree {
    pub nodes: Vec<Node>,
    /// The nodes that hold each account that may receive something, from [`EVERYWHERE`] down; by the account's index.
    pub above: HashMap<usize, Vec<usize>>,
}

/// An OU, or everywhere.
#[derive(Debug)]
pub struct Node {
    /// `None`: everywhere.
    pub unit: Option<OrganizationalUnit>,
    /// Whether all that it holds was read, so that a row may mean it.
    pub is_whole: bool,
    pub below: Vec<usize>,
    /// Accounts that it holds itself.
    pub accounts: Vec<usize>,
    /// How many accounts it holds, itself and below.
    pub count: usize,
}

impl Tree {
    pub fn new(facts: &Facts) -> Tree {
        let everywhere = Node::new(None, facts.is_whole());
        let mut tree = Tree { nodes: vec![everywhere], above: HashMap::new() };
        let mut known: HashMap<&str, usize> = HashMap::new();
        let paths = paths(facts);
        for (index, account) in facts.accounts.iter().enumerate().filter(|(_, one)| one.may_receive()) {
            let mut above = vec![EVERYWHERE];
            for depth in 2..=account.parents.len() {
                let parents = &account.parents[..depth];
                let Some(Parent { id, .. }) = parents.last() else { continue };
                let node = *known.entry(id).or_insert_with(|| {
                    let whole = facts.is_whole() || facts.selection.ous.iter().any(|ou| ou.holds(parents));
                    let node = tree.nodes.len();
                    tree.nodes.push(Node::new(Some(unit(id, account, depth, &paths)), whole));
                    if let Some(parent) = above.last() {
                        tree.nodes[*parent].below.push(node);
                    }
                    node
                });
                above.push(node);
            }
            above.iter().for_each(|node| tree.nodes[*node].count += 1);
            if let Some(holder) = above.last() {
                tree.nodes[*holder].accounts.push(index);
            }
            tree.above.insert(index, above);
        }
        tree
    }
}

impl Node {
    fn new(unit: Option<OrganizationalUnit>, is_whole: bool) -> Node {
        Node { unit, is_whole, below: Vec::new(), accounts: Vec::new(), count: 0 }
    }
}

fn paths(facts: &Facts) -> Paths {
    let mut paths = Paths::new();
    for account in &facts.accounts {
        for depth in 2..=account.parents.len() {
            if let (Some(names), Some(parent)) = (names(account, depth), account.parents.get(depth - 1)) {
                let names = names.into_iter().map(|name| normal(name).into_owned()).collect();
                paths.entry(names).or_default().insert(parent.id.clone());
            }
        }
    }
    paths
}

/// Returns the names of an account's OUs from the root down, so many parents deep, if all are known.
fn names(account: &Account, depth: usize) -> Option<Vec<&str>> {
    account.parents.get(1..depth)?.iter().map(|parent| parent.name.as_deref()).collect()
}

/// Returns the OU as a person would write it: by its path, if that can be written and means no other OU.
fn unit(id: &str, account: &Account, depth: usize, paths: &Paths) -> OrganizationalUnit {
    let means_one = |names: &Vec<&str>| {
        let names: Vec<String> = names.iter().map(|name| normal(name).into_owned()).collect();
        paths.get(&names).is_some_and(|ids| ids.len() == 1)
    };
    let written = names(account, depth).filter(means_one);
    let written = written.filter(|names| names.iter().all(|name| !name.contains('/')));
    let path = written.and_then(|names| OrganizationalUnit::parse(&names.join("/")).ok());
    path.filter(|path| matches!(path, OrganizationalUnit::Path(_)))
        .unwrap_or_else(|| OrganizationalUnit::Id(id.to_owned()))
}
