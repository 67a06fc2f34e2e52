//! What the table wants of an account against what AWS has there. Pure.
//!
//! [`crate::assignments`] fills [`Present`] from AWS, a snapshot from a file. Nothing here decides what is wanted:
//! [`crate::plan`] does.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use crate::{
    directory::Directory,
    ids::AccountId,
    plan::{self, Account, Obstacle, Plan, PrincipalId, Resolved},
    table::Table,
};

/// An assignment that AWS has, in an account that is known from elsewhere. Ten thousand accounts share the texts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Held {
    /// The permission set's ARN.
    pub permission_set: Arc<str>,
    pub principal: Arc<PrincipalId>,
}

/// The assignments that AWS has, by account.
#[derive(Clone, Debug, Default)]
pub struct Present {
    accounts: HashMap<AccountId, BTreeSet<Held>>,
    permission_sets: HashSet<Arc<str>>,
    principals: HashSet<Arc<PrincipalId>>,
}

impl Present {
    pub fn add(&mut self, account: AccountId, permission_set: &str, principal: &PrincipalId) {
        let permission_set = shared(&mut self.permission_sets, permission_set, |arn| Arc::from(arn));
        let principal = shared(&mut self.principals, principal, |principal| Arc::new(principal.clone()));
        self.accounts.entry(account).or_default().insert(Held { permission_set, principal });
    }

    pub fn append(&mut self, other: Present) {
        for (account, held) in other.accounts {
            self.accounts.entry(account).or_default().extend(held);
        }
    }

    pub fn of(&self, account: &AccountId) -> &BTreeSet<Held> {
        static NONE: BTreeSet<Held> = BTreeSet::new();
        self.accounts.get(account).unwrap_or(&NONE)
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

/// How an account stands to the table.
#[derive(Clone, Debug)]
pub enum Standing<'t> {
    /// The table applies.
    Compared(Comparison<'t>),
    /// It does not, now and later; with the reason.
    Ignored(String),
    /// It does not yet.
    NotReady(String),
}

#[derive(Clone, Debug)]
pub struct Comparison<'t> {
    /// What the table wants, in its order.
    pub grants: Vec<(Resolved<'t>, Presence)>,
    /// What AWS has and no row explains.
    pub unexplained: Vec<Held>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    Present,
    Missing,
    /// A name of the row has no id.
    Unresolved(Obstacle),
}

/// Compares one account. `directory` must know the names of the whole table.
pub fn compare<'t>(
    table: &'t Table,
    account: &Account,
    directory: &Directory,
    present: &Present,
) -> Standing<'t> {
    let grants = match plan::plan(table, account) {
        Plan::Ensure(grants) => directory.resolve(grants),
        Plan::Ignore(reason) => return Standing::Ignored(reason),
        Plan::Wait(reason) => return Standing::NotReady(reason),
    };
    let mut unexplained = present.of(&account.id).clone();
    let grants = grants.into_iter().map(|resolved| {
        let presence = match resolved.assignment(&account.id) {
            Err(obstacle) => Presence::Unresolved(obstacle),
            Ok(wanted) => {
                let held = Held {
                    permission_set: wanted.permission_set.into(),
                    principal: Arc::new(wanted.principal),
                };
                if unexplained.remove(&held) { Presence::Present } else { Presence::Missing }
            }
        };
        (resolved, presence)
    });
    let grants = grants.collect();
    Standing::Compared(Comparison { grants, unexplained: unexplained.into_iter().collect() })
}
