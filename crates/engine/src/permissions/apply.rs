//! Judges a policy file against the set as it is now, and makes a set of it next to the old one. It changes no set that
//! it did not make, and provisions none.

use std::time::Duration;

use assigner_aws::{
    identity_center::{BoundaryReference, IdentityCenter, NewSet, PolicyReference},
    permissions::{Finding, NoNewAccess, Sessions},
};
use assigner_core::{
    cause::{Cause, Retry},
    permissions::{
        apply::{self, MADE_FROM, PolicyFile, Step},
        policy::Document,
        usage::{Boundary, PermissionSet},
    },
};
use tokio::time::sleep;

use super::usage::{find_named, read_set};
use crate::error::Error;

/// How often a step is tried at most.
const ATTEMPTS: u32 = 6;
const PAUSE: Duration = Duration::from_millis(500);

/// How far the new set is.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// There is no set of that name.
    Absent,
    /// It was begun here: what is left to do. Nothing if it is done.
    Begun { arn: String, left: Vec<Step> },
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
) -> Result<State, Error> {
    match find_named(center, &wanted.name).await? {
        None => Ok(State::Absent),
        Some(arn) => look(center, sessions, wanted, arn).await,
    }
}

async fn look(
    center: &IdentityCenter,
    sessions: &Sessions,
    wanted: &PermissionSet,
    arn: String,
) -> Result<State, Error> {
    let Some(now) = read_set(center, sessions, &arn).await? else { return Ok(State::Absent) };
    if now.tags.get(MADE_FROM) != wanted.tags.get(MADE_FROM) {
        return Err(Error::InvalidConfig(vec![format!(
            "there is a permission set {} that was not made here from this set; choose another name",
            now.name
        )]));
    }
    let left = apply::steps(wanted, &now).map_err(|differ| {
        Error::InvalidConfig(vec![format!(
            "the permission set {} is otherwise than this policy file makes it: {} differ; choose another name",
            now.name,
            differ.join(", ")
        )])
    })?;
    Ok(State::Begun { arn, left })
}

/// Makes the set, or goes on with it. It is read before each write.
///
/// # Errors
/// What was made so far stays, and the same call goes on from there.
#[expect(clippy::disallowed_methods, reason = "waits until a write shows")]
pub async fn make(
    center: &IdentityCenter,
    sessions: &Sessions,
    wanted: &PermissionSet,
) -> Result<Made, Error> {
    let (mut known, mut writes, mut failures) = (None, 0, 0);
    loop {
        let state = match &known {
            Some(arn) => look(center, sessions, wanted, String::clone(arn)).await?,
            None => state(center, sessions, wanted).await?,
        };
        let written = match state {
            State::Begun { arn, left } if left.is_empty() => return Ok(Made { arn, writes }),
            State::Begun { arn, left } => {
                let written = match left.first() {
                    Some(Step::Boundary) => put_boundary(center, &arn, wanted).await,
                    _ => match &wanted.inline_policy {
                        Some(policy) => center.put_inline_policy(&arn, policy).await,
                        None => Ok(()),
                    },
                };
                known = Some(arn);
                written
            }
            // It was made, and reads do not show it yet.
            State::Absent if known.is_some() => {
                sleep(PAUSE).await;
                failures += 1;
                if failures >= ATTEMPTS {
                    return Err(Error::InvalidConfig(vec![format!(
                        "the permission set {} was made and cannot be read yet; run it again",
                        wanted.name
                    )]));
                }
                continue;
            }
            State::Absent => {
                let new = NewSet {
                    name: &wanted.name,
                    description: wanted.description.as_deref(),
                    session_duration: wanted.session_duration.as_deref(),
                    relay_state: wanted.relay_state.as_deref(),
                    tags: wanted.tags.clone(),
                };
                center.create_permission_set(&new).await.map(|arn| known = Some(arn))
            }
        };
        match written {
            Ok(()) => writes += 1,
            Err(error)
                if failures < ATTEMPTS
                    && (error.cause.retry() == Retry::Again || error.cause == Cause::Conflict) =>
            {
                failures += 1;
                sleep(PAUSE * failures).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

async fn put_boundary(
    center: &IdentityCenter,
    arn: &str,
    wanted: &PermissionSet,
) -> Result<(), assigner_core::cause::CallError> {
    let boundary = match &wanted.boundary {
        None => return Ok(()),
        Some(Boundary::Managed(policy)) => BoundaryReference::Managed(policy.arn.clone()),
        Some(Boundary::CustomerManaged(of)) => BoundaryReference::CustomerManaged(PolicyReference {
            path: of.path.clone(),
            name: of.name.clone(),
        }),
    };
    center.put_boundary(arn, &boundary).await
}
