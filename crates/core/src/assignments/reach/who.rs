//! One account: every group and user with access, and the people behind the groups if their members were read.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{InAccount, Link, Way, named};
use crate::assignments::{
    PrincipalId, PrincipalKind,
    facts::NamesById,
    members::{Members, Memberships},
    report::PrincipalReport,
};

/// Who reaches an account.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Who {
    #[serde(flatten)]
    pub here: InAccount,
    /// Every user with access or a wanted assignment, by name. `None` if members of groups were not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub people: Option<Vec<Person>>,
}

/// A user, and every way into the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    pub principal: PrincipalReport,
    pub ways: Vec<Way>,
}

/// Returns the ids of the groups whose members decide who reaches the account.
pub fn groups(here: &InAccount) -> Vec<String> {
    let groups = here.access.iter().filter_map(|link| link.principal.as_ref());
    let groups = groups.filter(|principal| principal.kind == PrincipalKind::Group);
    let mut ids: Vec<String> = groups.filter_map(|group| group.id.clone()).collect();
    ids.sort();
    ids.dedup();
    ids
}

/// Returns who reaches the account. With `members`, also the people behind the groups.
pub fn who(mut here: InAccount, members: Option<&Memberships>, names: &NamesById) -> Who {
    let Some(members) = members else { return Who { here, people: None } };
    let mut ways: BTreeMap<String, Vec<Way>> = BTreeMap::new();
    for link in &here.access {
        let Link { principal: Some(principal), gives, state } = link else { continue };
        let Some(id) = &principal.id else { continue };
        let way = |through: Option<&PrincipalReport>| Way {
            through: through.cloned(),
            gives: gives.clone(),
            state: state.clone(),
        };
        match principal.kind {
            PrincipalKind::User => ways.entry(id.clone()).or_default().push(way(None)),
            PrincipalKind::Group => match members.groups.get(id) {
                Some(Members::Read(users)) => {
                    for user in users {
                        ways.entry(user.clone()).or_default().push(way(Some(principal)));
                    }
                }
                Some(Members::Unread { .. }) | None => {}
            },
        }
    }
    here.unread.extend(groups(&here).iter().filter_map(|group| members.unread_of(group, names)));
    let person = |(id, ways)| Person { principal: named(&PrincipalId::user(id), names), ways };
    let mut people: Vec<Person> = ways.into_iter().map(person).collect();
    people.sort_by(|one, other| one.principal.cmp(&other.principal));
    Who { here, people: Some(people) }
}
