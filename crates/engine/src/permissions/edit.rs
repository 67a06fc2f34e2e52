//! Changes a permission set along a way, edit by edit. The set is read before each write. It provisions nothing.

use std::time::Duration;

use assigner_aws::{
    identity_center::{BoundaryReference, IdentityCenter, PolicyReference},
    permissions::Sessions,
};
use assigner_core::{
    cause::{CallError, Cause, Retry},
    permissions::{
        change::{Edit, Way},
        usage::{Boundary, CustomerManaged},
    },
};
use tokio::time::sleep;

use super::usage::read_set;
use crate::error::Error;

/// How often an edit is tried at most.
pub(super) const ATTEMPTS: u32 = 6;
const PAUSE: Duration = Duration::from_millis(500);

/// Waits longer after each failure.
#[expect(clippy::disallowed_methods, reason = "waits until a write shows; the caller's deadline may drop it")]
pub(super) async fn pause(failures: u32) {
    sleep(PAUSE * failures).await;
}

/// Makes what is left of the way, and returns how many writes that took.
///
/// # Errors
/// If somebody else edits the set meanwhile. What is done stays, and the same call goes on from there.
pub async fn follow(
    center: &IdentityCenter,
    sessions: &Sessions,
    arn: &str,
    way: &Way,
) -> Result<usize, Error> {
    let (mut writes, mut failures, mut least) = (0, 0, usize::MAX);
    loop {
        let now = read_set(center, sessions, arn).await?;
        let edit = match &now {
            Some(now) => {
                let left = way.left(now).map_err(|differ| {
                    Error::InvalidConfig(vec![format!(
                        "somebody else edits the permission set {}, and nothing more was written: {} differ from where it \
                         began",
                        now.name,
                        differ.join(", ")
                    )])
                })?;
                if left.len() < least {
                    (least, failures) = (left.len(), 0);
                }
                match left.first() {
                    None => return Ok(writes),
                    Some(edit) => edit,
                }
            }
            // It was made, and reads do not show it yet.
            None if failures < ATTEMPTS => {
                failures += 1;
                pause(failures).await;
                continue;
            }
            None => {
                return Err(Error::InvalidConfig(vec![format!(
                    "the permission set {arn} cannot be read (any more); run it again"
                )]));
            }
        };
        match write(center, arn, edit).await {
            Ok(()) if failures < ATTEMPTS => writes += 1,
            Ok(()) => {
                return Err(Error::InvalidConfig(vec![format!(
                    "what was written to the permission set {arn} does not show; run it again"
                )]));
            }
            // What is attached already, or gone already, shows in the next read.
            Err(error) if failures < ATTEMPTS && passes(&error) => {}
            Err(error) => return Err(error.into()),
        }
        if failures > 0 {
            pause(failures).await;
        }
        failures += 1;
    }
}

pub(super) fn passes(error: &CallError) -> bool {
    error.cause.retry() == Retry::Again || matches!(error.cause, Cause::Conflict | Cause::NotFound)
}

async fn write(center: &IdentityCenter, arn: &str, edit: &Edit) -> Result<(), CallError> {
    match edit {
        Edit::Boundary(Boundary::Managed(policy)) => {
            center.put_boundary(arn, &BoundaryReference::Managed(policy.arn.clone())).await
        }
        Edit::Boundary(Boundary::CustomerManaged(policy)) => {
            center.put_boundary(arn, &BoundaryReference::CustomerManaged(reference(policy))).await
        }
        Edit::Details { description, session_duration, relay_state } => {
            let (description, duration) = (description.as_deref(), session_duration.as_deref());
            center.update_permission_set(arn, description, duration, relay_state.as_deref()).await
        }
        Edit::Tag(tags) => center.tag_permission_set(arn, tags).await,
        Edit::InlinePolicy(policy) => center.put_inline_policy(arn, policy).await,
        Edit::AttachManaged(policy) => center.attach_managed_policy(arn, &policy.arn).await,
        Edit::AttachCustomerManaged(policy) => {
            center.attach_customer_managed_policy(arn, &reference(policy)).await
        }
        Edit::DetachManaged(policy) => center.detach_managed_policy(arn, policy).await,
        Edit::DetachCustomerManaged { path, name } => {
            let policy = PolicyReference { path: path.clone(), name: name.clone() };
            center.detach_customer_managed_policy(arn, &policy).await
        }
        Edit::NoInlinePolicy => center.delete_inline_policy(arn).await,
        Edit::Untag(keys) => center.untag_permission_set(arn, keys).await,
        Edit::NoBoundary => center.delete_boundary(arn).await,
    }
}

fn reference(policy: &CustomerManaged) -> PolicyReference {
    PolicyReference { path: policy.path.clone(), name: policy.name.clone() }
}
