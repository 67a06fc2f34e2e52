//! What a selector wants and what an account has, in words. Decides nothing: [`Accounts::mismatches`] does.

use super::{Accounts, Mismatch, OrganizationalUnit, Selector};
use crate::organization::{Account, AccountTags};

/// A condition that an account does not meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// Such as `names` or `tags.course`; `except` if the account is taken out.
    pub selector: String,
    /// What is asked for.
    pub wanted: String,
    /// What the account has.
    pub actual: String,
}

/// A condition of a row, and whether an account meets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Such as `names` or `tags.course`; `except` for what takes accounts out.
    pub selector: String,
    /// What is asked for.
    pub wanted: String,
    /// What the account has.
    pub actual: String,
    /// `None` if it depends on what was not read.
    pub met: Option<bool>,
}

/// Returns every condition, in the order in which they are judged. None at all means every account.
pub fn conditions(accounts: &Accounts, account: &Account) -> Vec<Condition> {
    let mismatches: Vec<Mismatch<'_>> = accounts.mismatches(account).collect();
    let met = |is_not: &dyn Fn(&Mismatch<'_>) -> bool, is_not_read: &dyn Fn(&Mismatch<'_>) -> bool| {
        if mismatches.iter().any(is_not) {
            Some(false)
        } else {
            (!mismatches.iter().any(is_not_read)).then_some(true)
        }
    };
    let only = given(&accounts.only).map(|kind| Condition {
        selector: kind.selector(),
        wanted: format!("wants an account whose {}", wanted(&accounts.only, kind)),
        actual: actual(account, kind),
        met: met(
            &|mismatch| match (mismatch, kind) {
                (Mismatch::Ids, Kind::Ids)
                | (Mismatch::Names, Kind::Names)
                | (Mismatch::OrganizationalUnits, Kind::Ous) => true,
                (Mismatch::Tag(key), Kind::Tag(other)) => *key == other,
                _ => false,
            },
            &|mismatch| {
                matches!((mismatch, kind), (Mismatch::TagNotRead(key), Kind::Tag(other)) if *key == other)
            },
        ),
    });
    let except = accounts.except.iter().map(|_| {
        let Unmet { selector, wanted, actual } = taken_out(accounts.except.as_ref(), account);
        let met = met(&|one| *one == Mismatch::Except, &|one| *one == Mismatch::ExceptNotRead);
        Condition { selector, wanted, actual, met }
    });
    only.chain(except).collect()
}

/// Returns every condition that the account does not meet.
pub fn unmet(accounts: &Accounts, account: &Account) -> Vec<Unmet> {
    accounts.mismatches(account).map(|mismatch| of(accounts, account, &mismatch)).collect()
}

fn of(accounts: &Accounts, account: &Account, mismatch: &Mismatch<'_>) -> Unmet {
    let kind = match mismatch {
        Mismatch::Ids => Kind::Ids,
        Mismatch::Names => Kind::Names,
        Mismatch::OrganizationalUnits => Kind::Ous,
        Mismatch::Tag(key) | Mismatch::TagNotRead(key) => Kind::Tag(key),
        Mismatch::Except | Mismatch::ExceptNotRead => return taken_out(accounts.except.as_ref(), account),
    };
    Unmet {
        selector: kind.selector(),
        wanted: format!("wants an account whose {}", wanted(&accounts.only, kind)),
        actual: actual(account, kind),
    }
}

fn taken_out(except: Option<&Selector>, account: &Account) -> Unmet {
    let kinds: Vec<(&Selector, Kind<'_>)> =
        except.into_iter().flat_map(|except| given(except).map(move |kind| (except, kind))).collect();
    let wanted: Vec<String> = kinds.iter().map(|(except, kind)| wanted(except, *kind)).collect();
    let actual: Vec<String> = kinds.iter().map(|(_, kind)| actual(account, *kind)).collect();
    Unmet {
        selector: "except".to_owned(),
        wanted: format!("takes out accounts whose {}", wanted.join(" and whose ")),
        actual: actual.join(" and "),
    }
}

/// A kind of condition.
#[derive(Clone, Copy)]
enum Kind<'k> {
    Ids,
    Names,
    Ous,
    Tag(&'k str),
}

impl Kind<'_> {
    fn selector(self) -> String {
        match self {
            Kind::Ids => "ids".to_owned(),
            Kind::Names => "names".to_owned(),
            Kind::Ous => "ous".to_owned(),
            Kind::Tag(key) => format!("tags.{key}"),
        }
    }
}

/// Returns the kinds that a selector has.
fn given(selector: &Selector) -> impl Iterator<Item = Kind<'_>> {
    let Selector { ids, names, ous, tags } = selector;
    let one = |is_given: bool, kind| is_given.then_some(kind);
    [one(!ids.is_empty(), Kind::Ids), one(!names.is_empty(), Kind::Names), one(!ous.is_empty(), Kind::Ous)]
        .into_iter()
        .flatten()
        .chain(tags.keys().map(|key| Kind::Tag(key)))
}

/// Returns words that continue "an account whose ...".
fn wanted(selector: &Selector, kind: Kind<'_>) -> String {
    match kind {
        Kind::Ids => format!("id is {}", any_of(selector.ids.iter().map(|id| id.as_str().to_owned()))),
        Kind::Names => {
            format!("name matches {}", any_of(selector.names.iter().map(|name| name.as_str().to_owned())))
        }
        Kind::Ous => {
            let ous = selector.ous.iter().map(OrganizationalUnit::to_string);
            format!("OU is {} or below it", any_of(ous))
        }
        Kind::Tag(key) => {
            let pattern = selector.tags.get(key).map_or("", |pattern| pattern.as_str());
            format!("tag {key} matches {pattern:?}")
        }
    }
}

/// Returns a clause of its own, such as "its name is ...".
fn actual(account: &Account, kind: Kind<'_>) -> String {
    match kind {
        Kind::Ids => format!("its id is {}", account.id),
        Kind::Names => format!("its name is {:?}", account.name),
        Kind::Ous => {
            let ids: Vec<&str> = account.parents.iter().map(|parent| parent.id.as_str()).collect();
            let path = account.path();
            let place = if ids.last() == Some(&path.as_str()) { "the root" } else { &path };
            format!("it is in {place} ({})", ids.join("/"))
        }
        Kind::Tag(key) => match &account.tags {
            AccountTags::NotRead => format!("its tag {key} was not read"),
            AccountTags::Read(tags) => match tags.get(key) {
                Some(value) => format!("its tag {key} is {value:?}"),
                None => format!("it has no tag {key}"),
            },
        },
    }
}

fn any_of(texts: impl Iterator<Item = String>) -> String {
    const MOST: usize = 5;
    let texts: Vec<String> = texts.collect();
    match texts.len().checked_sub(MOST) {
        Some(more) if more > 0 => format!("{} or one of {more} more", texts[..MOST].join(" or ")),
        _ => texts.join(" or "),
    }
}
