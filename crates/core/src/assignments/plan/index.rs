//! The rows of a table by what an account must have to match them, so that ten thousand accounts need not each be held
//! against every row.
//!
//! It only leaves out rows that cannot match: which of the others do is decided as without it. Rows that select the same
//! accounts are decided together.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
};

use super::{Plan, among};
use crate::{
    assignments::{Row, Table},
    day::Day,
    ids::AccountId,
    organization::{Account, AccountTags},
    selector::{Accounts, Match, OrganizationalUnit, Selector, normal, tree::Tree},
};

/// The place of a group in [`Index::groups`].
type Group = usize;

/// The rows of a table that select the same accounts, and their places in it.
struct Rows<'t> {
    accounts: &'t Accounts,
    rows: Vec<(usize, &'t Row)>,
}

/// The rows of a table in groups, each under every value of its most telling condition.
pub struct Index<'t> {
    groups: Vec<Rows<'t>>,
    ids: HashMap<&'t AccountId, Vec<Group>>,
    /// By key and value, in normal form.
    tags: HashMap<Cow<'t, str>, HashMap<&'t str, Vec<Group>>>,
    unit_ids: HashMap<&'t str, Vec<Group>>,
    /// By the last name of the path, in normal form.
    unit_names: HashMap<Cow<'t, str>, Vec<Group>>,
    heads: Ends<'t>,
    tails: Ends<'t>,
    /// Those that any account may match.
    others: Vec<Group>,
    ended: Vec<&'t Row>,
}

/// Groups by how a name must begin, or end.
#[derive(Default)]
struct Ends<'t> {
    groups: HashMap<&'t str, Vec<Group>>,
    lengths: BTreeSet<usize>,
}

impl<'t> Index<'t> {
    /// A row whose last day is before `today` gives nothing.
    pub fn new(table: &'t Table, today: Day) -> Index<'t> {
        let mut index = Index {
            groups: Vec::new(),
            ids: HashMap::new(),
            tags: HashMap::new(),
            unit_ids: HashMap::new(),
            unit_names: HashMap::new(),
            heads: Ends::default(),
            tails: Ends::default(),
            others: Vec::new(),
            ended: Vec::new(),
        };
        let mut known: HashMap<&Accounts, Group> = HashMap::new();
        for (position, row) in table.rows.iter().enumerate() {
            if row.has_ended(today) {
                index.ended.push(row);
                continue;
            }
            let group = *known.entry(&row.accounts).or_insert(index.groups.len());
            if group == index.groups.len() {
                index.groups.push(Rows { accounts: &row.accounts, rows: Vec::new() });
                index.file(group, &row.accounts.only);
            }
            if let Some(group) = index.groups.get_mut(group) {
                group.rows.push((position, row));
            }
        }
        index
    }

    /// Decides what the account gets, see [`super::plan`].
    pub fn plan(&self, account: &Account, tree: &Tree) -> Plan<'t> {
        let mut rows = Vec::new();
        for Rows { accounts, rows: alike } in self.may_match(account) {
            let judged = accounts.judge(account);
            if judged != Match::No {
                rows.extend(alike.iter().map(|(position, row)| (*position, *row, judged)));
            }
        }
        rows.sort_unstable_by_key(|(position, _, _)| *position);
        among(rows.into_iter().map(|(_, row, judged)| (row, judged)), account, tree)
    }

    /// Returns the rows that give nothing any more.
    pub fn ended(&self) -> impl Iterator<Item = &'t Row> {
        self.ended.iter().copied()
    }

    fn file(&mut self, group: Group, selector: &'t Selector) {
        let Selector { ids, names, ous, tags } = selector;
        let plain = tags.iter().find_map(|(key, value)| Some((key, value.literal()?)));
        if !ids.is_empty() {
            for id in ids {
                self.ids.entry(id).or_default().push(group);
            }
        } else if let Some((key, value)) = plain {
            self.tags.entry(normal(key)).or_default().entry(value).or_default().push(group);
        } else if !ous.is_empty() {
            for unit in ous {
                match unit {
                    OrganizationalUnit::Id(id) => self.unit_ids.entry(id).or_default().push(group),
                    OrganizationalUnit::Path(path) => {
                        let name = path.last().map_or(Cow::Borrowed(""), |name| normal(name));
                        self.unit_names.entry(name).or_default().push(group);
                    }
                }
            }
        } else if !names.is_empty() {
            for name in names {
                // Every name begins with nothing, so one that is known at neither end is found too.
                if name.head().len() >= name.tail().len() {
                    self.heads.file(name.head(), group);
                } else {
                    self.tails.file(name.tail(), group);
                }
            }
        } else {
            self.others.push(group);
        }
    }

    /// Returns the groups that the account may match.
    fn may_match(&self, account: &Account) -> impl Iterator<Item = &Rows<'t>> {
        let mut found = self.others.clone();
        let mut add = |groups: Option<&Vec<Group>>| found.extend(groups.into_iter().flatten());
        add(self.ids.get(&account.id));
        match &account.tags {
            // Whether it matches is not known then, which must be said.
            AccountTags::NotRead => {
                self.tags.values().flat_map(HashMap::values).for_each(|groups| add(Some(groups)))
            }
            AccountTags::Read(tags) if !self.tags.is_empty() => {
                for (key, value) in tags {
                    add(self.tags.get(&normal(key)).and_then(|values| values.get(&*normal(value))));
                }
            }
            AccountTags::Read(_) => {}
        }
        for parent in &account.parents {
            add(self.unit_ids.get(parent.id.as_str()));
            add(parent.name.as_ref().and_then(|name| self.unit_names.get(&normal(name))));
        }
        let name = normal(&account.name);
        for &length in &self.heads.lengths {
            add(name.get(..length).and_then(|head| self.heads.groups.get(head)));
        }
        for &length in &self.tails.lengths {
            let from = name.len().checked_sub(length);
            add(from.and_then(|from| name.get(from..)).and_then(|tail| self.tails.groups.get(tail)));
        }
        found.sort_unstable();
        found.dedup();
        found.into_iter().filter_map(|group| self.groups.get(group))
    }
}

impl<'t> Ends<'t> {
    fn file(&mut self, end: &'t str, group: Group) {
        self.groups.entry(end).or_default().push(group);
        self.lengths.insert(end.len());
    }
}
