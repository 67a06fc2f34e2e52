//! Who reaches which account, and why. Pure: on facts, and on memberships as far as they were read.
//!
//! Nothing here decides what is wanted: [`super::plan`] does, by way of [`super::compare`]. What is not known is said with
//! the reason, and never taken for no access.
//!
//! | room | what |
//! |---|---|
//! | [`find`] | whom a person means by a name |
//! | [`who`] | one account: every group and user with access, and the people behind the groups |
//! | [`what`] | one principal: every account |
//! | [`why`] | one principal and one account: the chain, or what would have to be different |

pub mod find;
pub mod what;
pub mod who;
pub mod why;

#[cfg(test)]
mod tests;

use serde::Serialize;

use super::{
    Named, PermissionSet, PrincipalId,
    access::{AccountAccess, Entitled},
    compare::{Comparison, Ended, Held, Presence, compare},
    facts::{Facts, NamesById},
    plan::{Index, Obstacle, Resolved},
    report::{AccountReport, PermissionSetReport, PrincipalReport},
};
use crate::organization::Account;

/// What somebody has in an account, or should have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Gives {
    PermissionSet(PermissionSetReport),
    /// The ARN of an IAM role, by an entitlement of account access manager.
    Role(String),
}

/// How AWS and the table agree about it. The words are those of `assignctl report`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// AWS has it, and rows want it.
    Present,
    /// Rows want it, and AWS does not have it.
    Missing,
    /// AWS has it, and no row explains it.
    Unexplained,
    /// AWS lists it for a group or user that was deleted.
    Orphaned,
    /// Rows want it, and name something that does not exist.
    Unresolved,
    /// Rows want it, and something about it could not be read.
    Failed,
    /// AWS has it in an account to which the table does not apply.
    Outside,
    /// Account access manager has it. No table decides about it.
    Entitlement,
}

/// One group or user, and one thing that they have in an account, or should have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// Who is assigned. `None` if AWS names a kind of principal that is not known here.
    pub principal: Option<PrincipalReport>,
    #[serde(flatten)]
    pub gives: Gives,
    #[serde(flatten)]
    pub state: LinkState,
}

/// What is true of a link, whoever has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkState {
    pub status: Standing,
    /// Whether AWS has it now. Something that is `failed` or `unresolved` may be there nevertheless.
    pub held: bool,
    /// Ids of the rows that want it.
    pub rows: Vec<String>,
    /// Why it is unresolved or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The row that gave it, if that has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// What there is in one account.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InAccount {
    pub account: AccountReport,
    /// Why the table does not apply to the account (now).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// By principal, permission set and role.
    pub access: Vec<Link>,
    /// What could not be read, so that there may be more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
}

/// A way of one principal into one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Way {
    /// The group that is assigned; `None` if it is the principal itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub through: Option<PrincipalReport>,
    #[serde(flatten)]
    pub gives: Gives,
    #[serde(flatten)]
    pub state: LinkState,
}

impl Gives {
    /// Returns a name for a person: of the permission set, or its ARN, or that of the role.
    pub fn name(&self) -> &str {
        match self {
            Gives::PermissionSet(PermissionSetReport { name, arn }) => {
                name.as_ref().or(arn.as_ref()).map_or("", String::as_str)
            }
            Gives::Role(arn) => arn,
        }
    }
}

impl Link {
    fn is_of(&self, id: &PrincipalId) -> bool {
        self.principal.as_ref().is_some_and(|principal| is(principal, id))
    }
}

fn is(report: &PrincipalReport, principal: &PrincipalId) -> bool {
    report.kind == principal.kind && report.id.as_ref() == Some(&principal.id)
}

/// Returns a principal with its name, if it has one.
pub fn named(principal: &PrincipalId, names: &NamesById) -> PrincipalReport {
    PrincipalReport {
        kind: principal.kind,
        name: names.principal(principal).map(str::to_owned),
        id: Some(principal.id.clone()),
    }
}

/// Returns what everybody has in an account, or should have. `access` is what account access manager has; `None` if it
/// was not asked.
pub fn in_account(
    index: &Index<'_>,
    account: &Account,
    facts: &Facts,
    access: Option<&AccountAccess>,
) -> InAccount {
    let names = &facts.names_by_id;
    let (mut links, reason) = match compare(index, account, facts) {
        Comparison::Applies(compared) => {
            let wanted = compared.grants.into_iter();
            let wanted = wanted.map(|(resolved, presence)| wanted_link(account, facts, resolved, presence));
            let ended = &compared.ended;
            let unexplained = compared.unexplained.iter().map(|held| {
                let mut link = held_link(held, Standing::Unexplained, names);
                link.state.ended = ended.get(held).cloned();
                link
            });
            (wanted.chain(unexplained).collect::<Vec<_>>(), None)
        }
        Comparison::Ignored(reason) | Comparison::NotReady(reason) => {
            let held = facts.assigned.of(&account.id).iter();
            (held.map(|held| held_link(held, Standing::Outside, names)).collect(), Some(reason))
        }
    };
    let mut unread: Vec<String> =
        account.unread.iter().map(|why| format!("account {}: {why}", account.id)).collect();
    match access {
        None => unread.push("what account access manager grants is not known: it was not asked".to_owned()),
        Some(AccountAccess::Unread { unread: why }) => {
            unread.push(format!("what account access manager grants is not known: {why}"));
        }
        Some(AccountAccess::Read { entitlements, .. }) => {
            let here = entitlements.iter().filter(|one| one.account == account.id.as_str());
            links.extend(here.map(|one| entitled_link(one, names)));
        }
    }
    links.sort_by(|one, other| {
        let key = |link: &Link| {
            (link.principal.clone(), matches!(link.gives, Gives::Role(_)), link.gives.name().to_owned())
        };
        key(one).cmp(&key(other))
    });
    InAccount { account: account.into(), reason, access: links, unread }
}

fn wanted_link(account: &Account, facts: &Facts, resolved: Resolved<'_>, presence: Presence) -> Link {
    let names = &facts.names_by_id;
    let held = resolved.named(&account.id).is_ok_and(|wanted| {
        let held = Held { permission_set: wanted.permission_set.into(), principal: wanted.principal.into() };
        facts.assigned.of(&account.id).contains(&held)
    });
    let (status, reason) = match presence {
        Presence::Present => (Standing::Present, None),
        Presence::Missing => (Standing::Missing, None),
        Presence::Unresolved(obstacle) => {
            let (status, reason) = of_obstacle(obstacle);
            (status, Some(reason))
        }
    };
    let Resolved { grant, permission_set_name, permission_set, principal } = resolved;
    let arn = permission_set.ok();
    let known = || arn.as_deref().and_then(|arn| names.permission_set(arn)).map(str::to_owned);
    let name = match grant.permission_set {
        PermissionSet::Name(name) => Some(name.clone()),
        PermissionSet::Arn(_) => permission_set_name.or_else(known),
    };
    let principal = match principal {
        Ok(id) => {
            let mut report = named(&id, names);
            if let Named::Name(name) = &grant.principal.named {
                report.name.get_or_insert_with(|| name.clone());
            }
            report
        }
        Err(_) => {
            let (name, id) = match &grant.principal.named {
                Named::Name(name) => (Some(name.clone()), None),
                Named::Id(id) => (None, Some(id.clone())),
            };
            PrincipalReport { kind: grant.principal.kind, name, id }
        }
    };
    Link {
        principal: Some(principal),
        gives: Gives::PermissionSet(PermissionSetReport { name, arn }),
        state: LinkState {
            status,
            held,
            rows: grant.rules.iter().map(|rule| (*rule).to_owned()).collect(),
            reason,
            ended: None,
        },
    }
}

/// Returns how a grant with this obstacle stands, and why.
fn of_obstacle(obstacle: Obstacle) -> (Standing, String) {
    match obstacle {
        Obstacle::Unknown(reason) => (Standing::Unresolved, reason),
        Obstacle::NotListed(reason) => (Standing::Failed, reason),
        Obstacle::Failed(error) => (Standing::Failed, error.to_string()),
        Obstacle::NotRead(reason) => (Standing::Failed, reason.to_owned()),
    }
}

/// Returns the link of an assignment that no row wants. One of a principal that was deleted is orphaned in any account.
fn held_link(held: &Held, status: Standing, names: &NamesById) -> Link {
    let Held { permission_set, principal } = held;
    let status = if names.may_have(principal) { status } else { Standing::Orphaned };
    let set = PermissionSetReport {
        name: names.permission_set(permission_set).map(str::to_owned),
        arn: Some(permission_set.as_ref().to_owned()),
    };
    Link {
        principal: Some(named(principal, names)),
        gives: Gives::PermissionSet(set),
        state: LinkState { status, held: true, rows: Vec::new(), reason: None, ended: None },
    }
}

fn entitled_link(one: &Entitled, names: &NamesById) -> Link {
    let principal = one.principal();
    let orphaned = principal.as_ref().is_some_and(|principal| !names.may_have(principal));
    let status = if orphaned { Standing::Orphaned } else { Standing::Entitlement };
    Link {
        principal: principal.as_ref().map(|principal| named(principal, names)),
        gives: Gives::Role(one.role_arn.clone()),
        state: LinkState { status, held: true, rows: Vec::new(), reason: None, ended: None },
    }
}
