//! Whether every account that matches one selector matches another, or none can match both.
//!
//! The answer is `true` only if it holds in every organization; `false` may mean that it is not known.

use super::{Accounts, Glob, OrganizationalUnit, Selector, same};

impl Accounts {
    /// Whether every account that it matches also matches `other`.
    pub fn implies(&self, other: &Accounts) -> bool {
        let taken_out = match (&other.except, &self.except) {
            (None, _) => false,
            (Some(out), except) => {
                !out.is_apart_from(&self.only) && !except.as_ref().is_some_and(|except| out.implies(except))
            }
        };
        self.only.implies(&other.only) && !taken_out
    }
}

impl Selector {
    /// Whether every account that it matches also matches `other`.
    pub fn implies(&self, other: &Selector) -> bool {
        fn each<T>(inner: &[T], outer: &[T], implies: impl Fn(&T, &T) -> bool) -> bool {
            let implied = |one: &T| outer.iter().any(|other| implies(one, other));
            outer.is_empty() || (!inner.is_empty() && inner.iter().all(implied))
        }
        let wider = |inner: &Glob, outer: &Glob| outer.is_implied_by(inner);
        each(&self.ids, &other.ids, |inner, outer| inner == outer)
            && (other.names.iter().any(Glob::is_any) || each(&self.names, &other.names, wider))
            && each(&self.ous, &other.ous, OrganizationalUnit::is_below)
            && other
                .tags
                .iter()
                .all(|(key, outer)| self.tags.get(key).is_some_and(|inner| outer.is_implied_by(inner)))
    }

    /// Whether no account can match both.
    pub fn is_apart_from(&self, other: &Selector) -> bool {
        fn none<T>(one: &[T], other: &[T], apart: impl Fn(&T, &T) -> bool) -> bool {
            let apart_from_all = |one: &T| other.iter().all(|other| apart(one, other));
            !one.is_empty() && !other.is_empty() && one.iter().all(apart_from_all)
        }
        none(&self.ids, &other.ids, |one, other| one != other)
            || none(&self.names, &other.names, Glob::is_apart_from)
            || none(&self.ous, &other.ous, OrganizationalUnit::is_apart_from)
            || self
                .tags
                .iter()
                .any(|(key, one)| other.tags.get(key).is_some_and(|other| one.is_apart_from(other)))
    }
}

impl OrganizationalUnit {
    /// Whether it is `outer` or certain to be below it.
    fn is_below(&self, outer: &OrganizationalUnit) -> bool {
        match (self, outer) {
            (OrganizationalUnit::Path(inner), OrganizationalUnit::Path(outer)) => begins_with(inner, outer),
            (inner, outer) => inner == outer,
        }
    }

    /// Whether no account can be in both. An account's OUs are one chain, so two paths can hold the same account only
    /// if one begins with the other.
    fn is_apart_from(&self, other: &OrganizationalUnit) -> bool {
        match (self, other) {
            (OrganizationalUnit::Path(one), OrganizationalUnit::Path(other)) => {
                !begins_with(one, other) && !begins_with(other, one)
            }
            _ => false,
        }
    }
}

fn begins_with(path: &[String], beginning: &[String]) -> bool {
    beginning.len() <= path.len() && path.iter().zip(beginning).all(|(one, other)| same(one, other))
}
