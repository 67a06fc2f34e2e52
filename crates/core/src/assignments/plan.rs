//! The words for accounts, grants and assignments, and the decision what an account gets: pure and
//! deterministic.
//!
//! Nothing here reads a clock, the environment or AWS, and nothing here can fail: whether an account may
//! receive anything at all is part of the decision.

use std::collections::{BTreeMap, HashMap};

use crate::{
    failure::CallError,
    ids::AccountId,
    table::{OrganizationalUnit, PermissionSet, Principal, Row, Selector, Table},
};

/// An account as Organizations describes it now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "assignctl", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "assignctl", serde(rename_all = "camelCase", deny_unknown_fields))]
pub struct Account {
    pub id: AccountId,
    pub name: String,
    pub state: State,
    #[cfg_attr(feature = "assignctl", serde(rename = "management"))]
    pub is_management: bool,
    /// From the root down to the OU that holds the account; the root comes first.
    pub parents: Vec<Parent>,
    /// Empty where no row asks for tags.
    pub tags: BTreeMap<String, String>,
}

impl Account {
    /// Whether the table applies to it now.
    pub fn may_receive(&self) -> bool {
        !self.is_management && self.state == State::Active
    }
}

/// A root or an OU above an account.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "assignctl", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "assignctl", serde(deny_unknown_fields))]
pub struct Parent {
    pub id: String,
    /// `None` for the root, and where no row names an OU by its path.
    pub name: Option<String>,
}

/// The account's state in the organization.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "assignctl", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "assignctl", serde(rename_all = "SCREAMING_SNAKE_CASE"))]
pub enum State {
    Active,
    PendingActivation,
    Suspended,
    PendingClosure,
    Closed,
    /// One that AWS has added since.
    #[cfg_attr(feature = "assignctl", serde(untagged))]
    Other(String),
}

/// What is to be done about an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan<'t> {
    /// These grants, in the order of the table. None at all where no row matches.
    Ensure(Vec<Grant<'t>>),
    /// Nothing, now and later.
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
}

/// A grant whose names have been looked up.
#[derive(Clone, Debug)]
pub struct Resolved<'t> {
    pub grant: Grant<'t>,
    pub permission_set_name: Option<String>,
    pub permission_set: Result<String, Obstacle>,
    pub principal: Result<PrincipalId, Obstacle>,
}

/// Why a name has no id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// There is nothing of that name.
    Unknown(String),
    /// It could not be found out.
    Failed(CallError),
}

impl Obstacle {
    pub fn unknown(kind: &str, name: &str) -> Obstacle {
        Obstacle::Unknown(format!("no {kind} is named {name:?}"))
    }
}

impl Resolved<'_> {
    /// What is to be created, if everything is known.
    pub fn assignment(&self, account: &AccountId) -> Result<Assignment, Obstacle> {
        Ok(Assignment {
            account: account.clone(),
            permission_set: self.permission_set.clone()?,
            principal: self.principal.clone()?,
        })
    }
}

/// One account assignment, by ids.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Assignment {
    pub account: AccountId,
    pub permission_set: String,
    pub principal: PrincipalId,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PrincipalId {
    Group(String),
    User(String),
}

impl PrincipalId {
    pub fn id(&self) -> &str {
        match self {
            PrincipalId::Group(id) | PrincipalId::User(id) => id,
        }
    }
}

/// The grant of every row, for looking up all of the table's names at once.
pub fn every_grant(table: &Table) -> Vec<Grant<'_>> {
    let mut grants = Vec::with_capacity(table.rows.len());
    for row in &table.rows {
        let (permission_set, principal) = (&row.permission_set, &row.principal);
        grants.push(Grant { permission_set, principal, rules: vec![&row.id] });
    }
    grants
}

/// Decides what the account gets.
pub fn plan<'t>(table: &'t Table, account: &Account) -> Plan<'t> {
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
    let mut grants: Vec<Grant<'t>> = Vec::new();
    let mut place: HashMap<(&PermissionSet, &Principal), usize> = HashMap::new();
    for row in table.rows.iter().filter(|row| mismatch(row, account).is_none()) {
        let index = *place.entry((&row.permission_set, &row.principal)).or_insert(grants.len());
        if index == grants.len() {
            let (permission_set, principal) = (&row.permission_set, &row.principal);
            grants.push(Grant { permission_set, principal, rules: Vec::new() });
        }
        grants[index].rules.push(&row.id);
    }
    Plan::Ensure(grants)
}

/// Why a row does not match an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch<'t> {
    Ids,
    Names,
    OrganizationalUnits,
    /// The tag with this key is absent, or its value does not match.
    Tag(&'t str),
    Except,
}

/// The first reason why the row does not match the account; `None` where it matches.
pub fn mismatch<'t>(row: &'t Row, account: &Account) -> Option<Mismatch<'t>> {
    mismatches(row, account).next()
}

/// Every reason why the row does not match the account, each looked for only when it is asked for.
pub fn mismatches<'t>(row: &'t Row, account: &Account) -> impl Iterator<Item = Mismatch<'t>> {
    let excepted =
        || row.accounts.except.as_ref().is_some_and(|except| unmet(except, account).next().is_none());
    unmet(&row.accounts.only, account).chain(lazily(move || excepted().then_some(Mismatch::Except)))
}

/// Whether the account's tags, which `account` does not have yet, can decide about any row.
pub fn asks_for_tags(table: &Table, account: &Account) -> bool {
    table.rows.iter().any(|row| {
        let asks = |selector: &Selector| {
            !selector.tags.is_empty() && unmet_without_tags(selector, account).next().is_none()
        };
        asks(&row.accounts.only) || row.accounts.except.as_ref().is_some_and(asks)
    })
}

/// The conditions that the account does not meet.
fn unmet<'t>(selector: &'t Selector, account: &Account) -> impl Iterator<Item = Mismatch<'t>> {
    let tag = |key: &str, value: &glob::Pattern| account.tags.get(key).is_some_and(|tag| value.matches(tag));
    let tags = selector.tags.iter().filter(move |(key, value)| !tag(key, value));
    unmet_without_tags(selector, account).chain(tags.map(|(key, _)| Mismatch::Tag(key)))
}

fn unmet_without_tags<'t>(selector: &Selector, account: &Account) -> impl Iterator<Item = Mismatch<'t>> {
    let Selector { ids, names, ous, tags: _ } = selector;
    let other_id = || !ids.is_empty() && !ids.contains(&account.id);
    let other_name = || !names.is_empty() && !names.iter().any(|name| name.matches(&account.name));
    let elsewhere = || !ous.is_empty() && !ous.iter().any(|ou| covers(ou, &account.parents));
    lazily(move || other_id().then_some(Mismatch::Ids))
        .chain(lazily(move || other_name().then_some(Mismatch::Names)))
        .chain(lazily(move || elsewhere().then_some(Mismatch::OrganizationalUnits)))
}

fn lazily<T>(look: impl FnOnce() -> Option<T>) -> impl Iterator<Item = T> {
    std::iter::once_with(look).flatten()
}

/// Name by name, never joined: an OU called `Workloads/Prod` is not the OU `Prod` in `Workloads`.
pub fn covers(ou: &OrganizationalUnit, parents: &[Parent]) -> bool {
    match ou {
        OrganizationalUnit::Id(id) => parents.iter().any(|parent| parent.id == *id),
        OrganizationalUnit::Path(names) => {
            let below_root = parents.get(1..).unwrap_or_default();
            names.len() <= below_root.len()
                && names.iter().zip(below_root).all(|(name, parent)| parent.name.as_ref() == Some(name))
        }
    }
}

#[cfg(test)]
mod tests;
