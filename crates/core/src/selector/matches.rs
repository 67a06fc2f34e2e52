//! Whether an account matches, and every reason why it does not.

use super::{Accounts, Glob, OrganizationalUnit, Selector, same};
use crate::organization::{Account, AccountTags, Parent};

/// Why an account does not match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch<'s> {
    Ids,
    Names,
    OrganizationalUnits,
    /// The tag with this key is absent, or its value does not match.
    Tag(&'s str),
    /// The tag with this key was not read, so it is not known whether it matches.
    TagNotRead(&'s str),
    Except,
    /// Tags that were not read decide whether the account is taken out.
    ExceptNotRead,
}

/// Whether an account matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    Yes,
    No,
    /// It depends on tags that were not read. Nothing may be granted, and nothing be said not to match.
    NotRead,
}

impl Accounts {
    pub fn matches(&self, account: &Account) -> bool {
        self.judge(account) == Match::Yes
    }

    pub fn judge(&self, account: &Account) -> Match {
        let mut judged = Match::Yes;
        for mismatch in self.mismatches(account) {
            match mismatch {
                Mismatch::TagNotRead(_) | Mismatch::ExceptNotRead => judged = Match::NotRead,
                _ => return Match::No,
            }
        }
        judged
    }

    /// Returns every reason why the account does not match. Each is looked for only when it is asked for.
    pub fn mismatches<'s>(&'s self, account: &Account) -> impl Iterator<Item = Mismatch<'s>> {
        let except = || self.except.as_ref().and_then(|except| taken_out(except, account));
        unmet(&self.only, account).chain(lazily(except))
    }

    /// Returns the OUs that keep a matching account in only because it is in none of them: those of `except`, if the
    /// account meets all else there. If one of them does not exist, it is not known whether the account was meant.
    pub fn kept_in_by(&self, account: &Account) -> &[OrganizationalUnit] {
        let by_place = |except: &&Selector| {
            unmet(except, account)
                .all(|one| matches!(one, Mismatch::OrganizationalUnits | Mismatch::TagNotRead(_)))
        };
        self.except.as_ref().filter(by_place).map_or(&[], |except| &except.ous)
    }

    /// Whether the account's tags, which `account` does not have yet, can decide. In an `except` also if the account is
    /// in none of its OUs: whether one of them does not exist matters only if the tags match.
    pub fn asks_for_tags(&self, account: &Account) -> bool {
        let meets_the_rest = |selector: &Selector, may_be_elsewhere: bool| {
            !selector.tags.is_empty()
                && unmet_without_tags(selector, account)
                    .all(|one| may_be_elsewhere && one == Mismatch::OrganizationalUnits)
        };
        meets_the_rest(&self.only, false)
            || self.except.as_ref().is_some_and(|except| meets_the_rest(except, true))
    }
}

/// Whether the account meets every condition of an `except`, or it is not known.
fn taken_out<'s>(except: &Selector, account: &Account) -> Option<Mismatch<'s>> {
    let mut taken_out = Mismatch::Except;
    for unmet in unmet(except, account) {
        match unmet {
            Mismatch::TagNotRead(_) => taken_out = Mismatch::ExceptNotRead,
            _ => return None,
        }
    }
    Some(taken_out)
}

/// Returns the conditions that the account does not meet.
fn unmet<'s>(selector: &'s Selector, account: &Account) -> impl Iterator<Item = Mismatch<'s>> {
    let tag = |(key, value): (&'s String, &Glob)| match &account.tags {
        AccountTags::NotRead => Some(Mismatch::TagNotRead(key)),
        AccountTags::Read(tags) => {
            let alike = |(tag, text): (&String, &String)| same(tag, key) && value.matches(text);
            let met = tags.get(key).is_some_and(|text| value.matches(text)) || tags.iter().any(alike);
            (!met).then_some(Mismatch::Tag(key))
        }
    };
    unmet_without_tags(selector, account).chain(selector.tags.iter().filter_map(tag))
}

fn unmet_without_tags<'s>(selector: &Selector, account: &Account) -> impl Iterator<Item = Mismatch<'s>> {
    let Selector { ids, names, ous, tags: _ } = selector;
    let other_id = || !ids.is_empty() && !ids.contains(&account.id);
    let other_name = || !names.is_empty() && !names.iter().any(|name| name.matches(&account.name));
    let elsewhere = || !ous.is_empty() && !ous.iter().any(|ou| ou.holds(&account.parents));
    lazily(move || other_id().then_some(Mismatch::Ids))
        .chain(lazily(move || other_name().then_some(Mismatch::Names)))
        .chain(lazily(move || elsewhere().then_some(Mismatch::OrganizationalUnits)))
}

fn lazily<T>(look: impl FnOnce() -> Option<T>) -> impl Iterator<Item = T> {
    std::iter::once_with(look).flatten()
}

impl OrganizationalUnit {
    /// Whether it is one of these parents, which lead from the root down. Compares name by name and never joins names:
    /// an OU called `Workloads/Prod` is not the OU `Prod` in `Workloads`.
    pub fn holds(&self, parents: &[Parent]) -> bool {
        match self {
            OrganizationalUnit::Id(id) => parents.iter().any(|parent| parent.id == *id),
            OrganizationalUnit::Path(names) => {
                let below_root = parents.get(1..).unwrap_or_default();
                names.len() <= below_root.len()
                    && names
                        .iter()
                        .zip(below_root)
                        .all(|(name, parent)| parent.name.as_ref().is_some_and(|other| same(other, name)))
            }
        }
    }
}
