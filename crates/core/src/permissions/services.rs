//! The old set next to the draft, service by service: what stays, and what goes away.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{policy::Actions, today::Today, usage::Account};
use crate::day::Day;

/// What becomes of one service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceChange {
    /// Its prefix in actions, such as `s3`; `*` for patterns that are about all services.
    pub service: String,
    /// The last day of use in any account, as far as a source knows it.
    pub last: Option<Day>,
    /// How the old set allows it.
    pub granted: BTreeSet<String>,
    /// What the draft allows.
    pub kept: BTreeSet<String>,
    /// Actions that the old set allows and of which AWS knows that nobody used them.
    pub unused: BTreeSet<String>,
}

/// Returns every service that the old set or the draft is about, by name.
pub fn changes(accounts: &[&Account], today: &Today, kept: &BTreeSet<String>) -> Vec<ServiceChange> {
    let mut services: BTreeMap<String, ServiceChange> = BTreeMap::new();
    let mut of = |name: &str, change: &mut dyn FnMut(&mut ServiceChange)| {
        let service = services
            .entry(name.to_ascii_lowercase())
            .or_insert_with_key(|name| ServiceChange { service: name.clone(), ..ServiceChange::default() });
        change(service);
    };
    for allow in &today.allows {
        match &allow.statement.actions {
            Actions::These(patterns) => {
                for pattern in patterns {
                    let name = prefix(pattern);
                    let name = if name.contains(['*', '?']) { "*" } else { name };
                    of(name, &mut |service| _ = service.granted.insert(pattern.clone()));
                }
            }
            Actions::AllBut(patterns) => {
                let but: Vec<&str> = patterns.iter().map(String::as_str).collect();
                let words = format!("all but {}", but.join(", "));
                of("*", &mut |service| _ = service.granted.insert(words.clone()));
            }
        }
    }
    for action in kept {
        of(prefix(action), &mut |service| _ = service.kept.insert(action.clone()));
    }
    let kept: BTreeSet<String> = kept.iter().map(|action| action.to_ascii_lowercase()).collect();
    for account in accounts {
        for used in &account.services {
            of(&used.service, &mut |service| service.last = service.last.max(used.last));
        }
        for used in &account.actions {
            of(prefix(&used.action), &mut |service| service.last = service.last.max(used.last));
        }
        for action in &account.unused {
            if !kept.contains(&action.to_ascii_lowercase()) {
                of(prefix(action), &mut |service| _ = service.unused.insert(action.clone()));
            }
        }
    }
    services.into_values().collect()
}

fn prefix(action: &str) -> &str {
    action.split(':').next().unwrap_or_default()
}
