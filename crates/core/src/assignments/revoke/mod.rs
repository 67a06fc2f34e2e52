//! What of the assignments that no row explains may be taken away, and what stays, and why. Pure.
//!
//! | room | what |
//! |---|---|
//! | `mod` | the decision |
//! | [`record`] | what was taken, as a file that gives it back |
//!
//! Never decides about the management account, and never in doubt: while a name or an OU of the table does not exist or
//! was not read, what a row explains may seem unexplained, so nothing may be taken at all. See [`doubts`].

pub mod record;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    PrincipalId, PrincipalKind, Table,
    compare::{Comparison, Ended, Held, compare},
    facts::{self, Facts},
    plan::{Assignment, Index, Obstacle},
    unexplained::is_of_control_tower,
};
use crate::{
    ids::AccountId,
    organization::Account,
    policy::{Actions, Document, Effect, Resources},
};

/// Whose assignments may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Those of groups and users that a row names, also one that has ended.
    NamedByTheTable,
    Everyone,
}

/// Who asks, as far as Identity Center knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// The user, and the groups that the user is in.
    pub principals: BTreeSet<PrincipalId>,
    /// The account and the permission sets, by ARN, that the session may be of.
    pub session: Option<(AccountId, BTreeSet<String>)>,
}

/// What may be taken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revocable {
    pub assignment: Assignment,
    /// The row that gave it, if that has ended.
    pub ended: Option<Ended>,
    /// Whether the group or user was deleted.
    pub orphaned: bool,
}

/// Why something stays that no row explains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stays {
    NotNamedByTheTable,
    OfControlTower,
    OfTheCaller,
    /// Without it nobody would be left who has this administrator's permission set in the account.
    LastAdministrator,
    AccountNotActive,
    AccountNotReady,
    ManagementAccount,
}

impl Stays {
    /// Returns a clause that follows "stays: ".
    pub fn words(self) -> &'static str {
        match self {
            Stays::NotNamedByTheTable => "the table does not name this group or user; see --all-principals",
            Stays::OfControlTower => "Control Tower makes and assigns this group by itself",
            Stays::OfTheCaller => "it is your own access",
            Stays::LastAdministrator => {
                "nobody else would have this administrator's permission set in the account"
            }
            Stays::AccountNotActive => "the account is not active, and no table applies to it",
            Stays::AccountNotReady => "the account could not be read whole, or is not ready",
            Stays::ManagementAccount => "it is in the management account",
        }
    }

    /// Returns a stable word: scripts match on it.
    pub fn as_str(self) -> &'static str {
        match self {
            Stays::NotNamedByTheTable => "notNamedByTheTable",
            Stays::OfControlTower => "ofControlTower",
            Stays::OfTheCaller => "ofTheCaller",
            Stays::LastAdministrator => "lastAdministrator",
            Stays::AccountNotActive => "accountNotActive",
            Stays::AccountNotReady => "accountNotReady",
            Stays::ManagementAccount => "managementAccount",
        }
    }
}

/// What may be taken and what stays, both in the order of accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    pub revoke: Vec<Revocable>,
    pub stays: Vec<(Assignment, Stays)>,
}

/// Returns why nothing may be taken: what of the table's names and OUs does not exist or was not read, and what would be
/// needed to know the groups of Control Tower. Empty if nothing is in the way.
pub fn doubts(table: &Table, facts: &Facts) -> Vec<String> {
    let (_, mut obstacles) = facts::wanted(table, &facts.names, facts.today);
    obstacles.extend(facts::missing_units(table, &facts.tree, facts.today));
    let mut doubts: BTreeSet<String> = obstacles
        .into_iter()
        .map(|obstacle| match obstacle {
            Obstacle::Unknown(reason) | Obstacle::NotListed(reason) => reason,
            Obstacle::Failed(error) => error.to_string(),
            Obstacle::NotRead(reason) => reason.to_owned(),
        })
        .collect();
    if let Some(why) = facts.names_by_id.unlisted.of(PrincipalKind::Group) {
        doubts.insert(format!("which groups are Control Tower's is not known: {why}"));
    }
    if !facts.method.sees_everything() {
        doubts.insert("who else has access was not read".to_owned());
    }
    doubts.into_iter().collect()
}

/// Decides. `administrators` are the ARNs of the permission sets that make an administrator. Call it only if there are no
/// [`doubts`].
pub fn decide(
    table: &Table,
    facts: &Facts,
    caller: &Caller,
    administrators: &BTreeSet<String>,
    whose: Whose,
) -> Decision {
    let (named, _) = facts::wanted(table, &facts.names, facts.today);
    let index = Index::new(table, facts.today);
    let mut decision = Decision::default();
    for account in &facts.accounts {
        let held = facts.assigned.of(&account.id);
        let stays = |reason: Stays| held.iter().map(move |held| (assignment(account, held), reason));
        let compared = match compare(&index, account, facts) {
            Comparison::Applies(compared) => compared,
            Comparison::Ignored(_) if account.is_management => {
                decision.stays.extend(stays(Stays::ManagementAccount));
                continue;
            }
            Comparison::Ignored(_) => {
                decision.stays.extend(stays(Stays::AccountNotActive));
                continue;
            }
            Comparison::NotReady(_) => {
                decision.stays.extend(stays(Stays::AccountNotReady));
                continue;
            }
        };
        let why = |held: &Held| match held.principal.as_ref() {
            principal if is_of_control_tower(principal, &facts.names_by_id) => Some(Stays::OfControlTower),
            _ if caller.has(account, held) => Some(Stays::OfTheCaller),
            principal if whose == Whose::NamedByTheTable && !named.contains(principal) => {
                Some(Stays::NotNamedByTheTable)
            }
            _ => None,
        };
        let (kept, mut taken): (Vec<&Held>, Vec<&Held>) =
            compared.unexplained.iter().partition(|held| why(held).is_some());
        decision.stays.extend(
            kept.into_iter().filter_map(|held| why(held).map(|why| (assignment(account, held), why))),
        );
        let last = last_administrators(held, &taken, administrators, facts);
        taken.retain(|held| !last.contains(held));
        decision
            .stays
            .extend(last.into_iter().map(|held| (assignment(account, held), Stays::LastAdministrator)));
        decision.revoke.extend(taken.into_iter().map(|held| Revocable {
            assignment: assignment(account, held),
            ended: compared.ended.get(held).cloned(),
            orphaned: !facts.names_by_id.may_have(&held.principal),
        }));
    }
    decision
}

/// Returns what must not be taken of an account because nobody would be left. Which of several should stay is for a
/// person to say, so all of them do. Whoever was deleted is nobody.
fn last_administrators<'h>(
    held: &BTreeSet<Held>,
    taken: &[&'h Held],
    administrators: &BTreeSet<String>,
    facts: &Facts,
) -> BTreeSet<&'h Held> {
    let exists = |held: &Held| facts.names_by_id.may_have(&held.principal);
    let mut left: BTreeMap<&str, usize> = BTreeMap::new();
    for held in held.iter().filter(|held| exists(held) && !taken.contains(held)) {
        *left.entry(held.permission_set.as_ref()).or_insert(0) += 1;
    }
    let is_last = |held: &&'h Held| {
        let set = held.permission_set.as_ref();
        administrators.contains(set) && exists(held) && !left.contains_key(set)
    };
    taken.iter().copied().filter(is_last).collect()
}

fn assignment(account: &Account, held: &Held) -> Assignment {
    Assignment {
        account: account.id.clone(),
        permission_set: held.permission_set.as_ref().to_owned(),
        principal: held.principal.as_ref().clone(),
    }
}

impl Caller {
    fn has(&self, account: &Account, held: &Held) -> bool {
        let in_session = |(id, sets): &(AccountId, BTreeSet<String>)| {
            *id == account.id && sets.contains(held.permission_set.as_ref())
        };
        self.principals.contains(held.principal.as_ref()) || self.session.as_ref().is_some_and(in_session)
    }
}

/// A session of a role that Identity Center makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub account: AccountId,
    pub permission_set: String,
    /// Identity Center names the session after the user.
    pub user: String,
}

impl Session {
    /// Reads the ARN of a caller, such as
    /// `arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/jane@example.com`. `None` if Identity
    /// Center did not make the role.
    pub fn of(arn: &str) -> Option<Session> {
        let mut parts = arn.splitn(6, ':');
        let (service, account) = (parts.nth(2)?, parts.nth(1)?);
        let (role, user) = parts.next()?.strip_prefix("assumed-role/")?.split_once('/')?;
        let (permission_set, _) = role.strip_prefix("AWSReservedSSO_")?.rsplit_once('_')?;
        (service == "sts").then_some(())?;
        Some(Session {
            account: AccountId::parse(account)?,
            permission_set: permission_set.to_owned(),
            user: user.to_owned(),
        })
    }

    /// Returns the users that the session may be of.
    pub fn users<'f>(&self, facts: &'f Facts) -> BTreeSet<&'f str> {
        let users = facts.names_by_id.users.iter();
        users.filter(|(_, name)| name.eq_ignore_ascii_case(&self.user)).map(|(id, _)| id.as_str()).collect()
    }

    /// Returns the ARNs of the permission sets that have the session's name.
    pub fn permission_sets(&self, facts: &Facts) -> BTreeSet<String> {
        let sets = facts.names_by_id.permission_sets.iter();
        sets.filter(|(_, name)| **name == self.permission_set).map(|(arn, _)| arn.clone()).collect()
    }
}

/// Whether a permission set with these managed policies, by ARN, and this inline policy makes an administrator.
pub fn makes_an_administrator<'p>(
    mut managed_policies: impl Iterator<Item = &'p str>,
    inline_policy: Option<&Document>,
) -> bool {
    let everything =
        |patterns: &BTreeSet<String>| patterns.iter().any(|pattern| matches!(pattern.as_str(), "*" | "*:*"));
    managed_policies.any(|arn| arn.ends_with(":iam::aws:policy/AdministratorAccess"))
        || inline_policy.is_some_and(|policy| {
            policy.statements.iter().any(|statement| {
                statement.effect == Effect::Allow
                    && matches!(&statement.actions, Actions::These(actions) if everything(actions))
                    && matches!(&statement.resources, Resources::These(resources) if everything(resources))
            })
        })
}

#[cfg(test)]
mod tests;
