//! Judges a policy file against the set as it is now, and makes a set of it next to the old one. It changes no set that
//! it did not make, and provisions none.

use assigner_aws::{
    identity_center::{IdentityCenter, NewSet},
    permissions::{Finding, NoNewAccess, Sessions},
};
use assigner_core::{
    cause::Cause,
    permissions::{
        apply::{self, MADE_FROM, PolicyFile},
        change::{Edit, Way},
        policy::Document,
        usage::PermissionSet,
    },
};

use super::{
    edit,
    usage::{find_named, read_set},
};
use crate::error::Error;

/// How far the new set is.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// There is no set of that name.
    Absent,
    /// It was begun here: how many edits are left. None if it is done.
    Begun { arn: String, left: usize },
}

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    pub arn: String,
    pub writes: usize,
}

/// Refuses a set that is not what the policy was drafted from. Returns it as it is now.
///
/// # Errors
/// Also if it cannot be read, or does not exist.
pub async fn require_unchanged(
    center: &IdentityCenter,
    sessions: &Sessions,
    file: &PolicyFile,
) -> Result<PermissionSet, Error> {
    let read = &file.permission_set;
    let gone = || Error::InvalidConfig(vec![format!("there is no permission set {} any more", read.arn)]);
    let now = read_set(center, sessions, &read.arn).await?.ok_or_else(gone)?;
    match apply::differences(read, &now).as_slice() {
        [] => Ok(now),
        differ => Err(Error::InvalidConfig(vec![format!(
            "the permission set {} is not as it was when its use was read: {} changed; read its use again",
            now.name,
            differ.join(", ")
        )])),
    }
}

/// Returns a set as it is now.
///
/// # Errors
/// If it cannot be read, or does not exist.
pub async fn read(center: &IdentityCenter, sessions: &Sessions, arn: &str) -> Result<PermissionSet, Error> {
    let gone = || Error::InvalidConfig(vec![format!("there is no permission set {arn} any more")]);
    read_set(center, sessions, arn).await?.ok_or_else(gone)
}

/// Returns how many edits of the way are left.
///
/// # Errors
/// If the set is in no state of the way.
pub fn require_on_the_way(now: &PermissionSet, way: &Way) -> Result<usize, Error> {
    way.left(now).map(<[Edit]>::len).map_err(|differ| {
        Error::InvalidConfig(vec![format!(
            "the permission set {} is neither as it was when its use was read nor part way to what the policy file makes \
             of it: {} changed; read its use again",
            now.name,
            differ.join(", ")
        )])
    })
}

/// Returns what Access Analyzer finds in the policy, without mere suggestions.
///
/// # Errors
/// If it cannot be asked.
pub async fn validate(sessions: &Sessions, policy: &Document) -> Result<Vec<Finding>, Error> {
    Ok(sessions.own().validate_policy(policy).await?)
}

/// Requires a proof that the policy allows nothing that the set does not allow today.
///
/// # Errors
/// Without that proof, whatever the reason. The sentence says what to do.
pub async fn require_no_new_access(
    sessions: &Sessions,
    file: &PolicyFile,
    now: &PermissionSet,
) -> Result<(), Error> {
    let existing = file.existing(now).map_err(Error::InvalidConfig)?;
    match sessions.own().no_new_access(&file.policy, &existing).await {
        Ok(NoNewAccess::Pass) => Ok(()),
        Ok(NoNewAccess::Fail(reasons)) => Err(Error::InvalidConfig(vec![format!(
            "the policy allows more than the set does today, says CheckNoNewAccess: {}; correct the policy file, or draft \
             it again",
            reasons.join(" ")
        )])),
        Err(error) if error.cause == Cause::Invalid => Err(Error::InvalidConfig(vec![format!(
            "nothing proves that the policy allows no more than the set does today, {} characters: {error}; take away \
             from the set what the draft does not need, then read its use again",
            existing.to_text().chars().count()
        )])),
        Err(error) => Err(error.into()),
    }
}

/// Returns how far the set is that is to be made.
///
/// # Errors
/// If a set of that name was not made here from the same set, or is otherwise than it would be.
pub async fn state(
    center: &IdentityCenter,
    sessions: &Sessions,
    wanted: &PermissionSet,
    way: &Way,
) -> Result<State, Error> {
    let Some(arn) = find_named(center, &wanted.name).await? else { return Ok(State::Absent) };
    let Some(now) = read_set(center, sessions, &arn).await? else { return Ok(State::Absent) };
    if now.tags.get(MADE_FROM) != wanted.tags.get(MADE_FROM) {
        return Err(Error::InvalidConfig(vec![format!(
            "there is a permission set {} that was not made here from this set; choose another name",
            now.name
        )]));
    }
    let left = way.left(&now).map_err(|differ| {
        Error::InvalidConfig(vec![format!(
            "the permission set {} is otherwise than this policy file makes it: {} differ; choose another name",
            now.name,
            differ.join(", ")
        )])
    })?;
    Ok(State::Begun { arn, left: left.len() })
}

/// Makes the set, or goes on with it. It is read before each write.
///
/// # Errors
/// What was made so far stays, and the same call goes on from there.
pub async fn make(
    center: &IdentityCenter,
    sessions: &Sessions,
    wanted: &PermissionSet,
    way: &Way,
) -> Result<Made, Error> {
    let (mut writes, mut failures) = (0, 0);
    let arn = loop {
        if let State::Begun { arn, .. } = state(center, sessions, wanted, way).await? {
            break arn;
        }
        let new = NewSet {
            name: &wanted.name,
            description: wanted.description.as_deref(),
            session_duration: wanted.session_duration.as_deref(),
            relay_state: wanted.relay_state.as_deref(),
            tags: wanted.tags.clone(),
        };
        match center.create_permission_set(&new).await {
            Ok(arn) => {
                writes += 1;
                break arn;
            }
            Err(error) if failures < edit::ATTEMPTS && edit::passes(&error) => {
                failures += 1;
                edit::pause(failures).await;
            }
            Err(error) => return Err(error.into()),
        }
    };
    writes += edit::follow(center, sessions, &arn, way).await?;
    Ok(Made { arn, writes })
}
