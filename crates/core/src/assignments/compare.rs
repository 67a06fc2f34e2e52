//! What the table wants of an account next to what AWS has there.
//!
//! Nothing here decides what is wanted: [`super::plan`] does.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use serde::Serialize;

use super::{
    PrincipalId,
    facts::Facts,
    plan::{Assignment, Index, Obstacle, Plan, Resolved},
};
use crate::{day::Day, ids::AccountId, organization::Account};

/// An assignment that AWS has, in an account that is known from elsewhere. Ten thousand accounts share the texts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Held {
    /// The permission set's ARN.
    pub permission_set: Arc<str>,
    pub principal: Arc<PrincipalId>,
}

/// The assignments that AWS has, by account.
#[derive(Clone, Debug, Default)]
pub struct Assigned {
    accounts: HashMap<AccountId, BTreeSet<Held>>,
    permission_sets: HashSet<Arc<str>>,
    principals: HashSet<Arc<PrincipalId>>,
}

impl Assigned {
    pub fn add(&mut self, account: AccountId, permission_set: &str, principal: &PrincipalId) {
        let permission_set = shared(&mut self.permission_sets, permission_set, |arn| Arc::from(arn));
        let principal = shared(&mut self.principals, principal, |principal| Arc::new(principal.clone()));
        self.accounts.entry(account).or_default().insert(Held { permission_set, principal });
    }

    pub fn append(&mut self, other: Assigned) {
        for (account, held) in other.accounts {
            self.accounts.entry(account).or_default().extend(held);
        }
    }

    pub fn of(&self, account: &AccountId) -> &BTreeSet<Held> {
        static NONE: BTreeSet<Held> = BTreeSet::new();
        self.accounts.get(account).unwrap_or(&NONE)
    }

    /// Returns how many assignments there are.
    pub fn count(&self) -> usize {
        self.accounts.values().map(BTreeSet::len).sum()
    }
}

fn shared<T: ?Sized + Eq + std::hash::Hash>(
    known: &mut HashSet<Arc<T>>,
    value: &T,
    make: impl FnOnce(&T) -> Arc<T>,
) -> Arc<T> {
    known.get(value).cloned().unwrap_or_else(|| {
        let made = make(value);
        known.insert(made.clone());
        made
    })
}

/// How an account compares with the table.
#[derive(Clone, Debug)]
pub enum Comparison<'t> {
    /// The table applies.
    Applies(Compared<'t>),
    /// It does not apply, now or later; with the reason.
    Ignored(String),
    /// It does not apply yet; with the reason.
    NotReady(String),
}

#[derive(Clone, Debug)]
pub struct Compared<'t> {
    /// What the table wants, in its order.
    pub grants: Vec<(Resolved<'t>, Presence)>,
    /// What AWS has and no row explains.
    pub unexplained: Vec<Held>,
    /// Of what no row explains, what a row gave that has ended.
    pub ended: BTreeMap<Held, Ended>,
}

/// A row that has ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    /// Its last day, UTC.
    pub until: Day,
    /// Its id.
    pub row: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    Present,
    Missing,
    /// A name of the row has no id, or it is not certain that the row means the account.
    Unresolved(Obstacle),
}

/// Compares one account. The facts must know the names of the whole table.
pub fn compare<'t>(index: &Index<'t>, account: &Account, facts: &Facts) -> Comparison<'t> {
    let grants = match index.plan(account, &facts.tree) {
        Plan::Ensure(grants) => facts.names.resolve(grants),
        Plan::Ignore(reason) => return Comparison::Ignored(reason),
        Plan::Wait(reason) => return Comparison::NotReady(reason),
    };
    let mut unexplained = facts.assigned.of(&account.id).clone();
    let grants = grants.into_iter().map(|resolved| {
        let explained = resolved.named(&account.id).map(|wanted| {
            let principal = Arc::new(wanted.principal);
            unexplained.remove(&Held { permission_set: wanted.permission_set.into(), principal })
        });
        let presence = match (explained, &resolved.grant.obstacle) {
            (Err(obstacle), _) => Presence::Unresolved(obstacle),
            // What is there is explained by the row, but whether it should be there is not known.
            (Ok(_), Some(obstacle)) => Presence::Unresolved(obstacle.clone()),
            (Ok(true), None) => Presence::Present,
            (Ok(false), None) => Presence::Missing,
        };
        (resolved, presence)
    });
    let grants = grants.collect();
    let ended = ended(index, account, facts, &unexplained);
    Comparison::Applies(Compared { grants, unexplained: unexplained.into_iter().collect(), ended })
}

/// Returns what a row that has ended gave; of several such rows, the one that lasted longest.
fn ended(
    index: &Index,
    account: &Account,
    facts: &Facts,
    unexplained: &BTreeSet<Held>,
) -> BTreeMap<Held, Ended> {
    let mut found: BTreeMap<Held, Ended> = BTreeMap::new();
    if unexplained.is_empty() {
        return found;
    }
    for row in index.ended().filter(|row| row.accounts.matches(account)) {
        let Some(until) = row.until else { continue };
        for wanted in facts.names.resolve(vec![row.into()]) {
            let Ok(Assignment { permission_set, principal, .. }) = wanted.named(&account.id) else {
                continue;
            };
            let held = Held { permission_set: permission_set.into(), principal: Arc::new(principal) };
            let ended = Ended { until, row: row.id.clone() };
            if unexplained.contains(&held) && found.get(&held).is_none_or(|other| other.until < until) {
                found.insert(held, ended);
            }
        }
    }
    found
}
