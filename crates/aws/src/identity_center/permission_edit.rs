//! Makes a permission set. Nothing here provisions one, deletes one, or takes something away from one.
//!
//! A write is sent once: whether it took effect, the caller has to read.

use std::collections::BTreeMap;

use assigner_core::{cause::CallError, permissions::policy::Document};
use aws_sdk_ssoadmin::types::{CustomerManagedPolicyReference, PermissionsBoundary, Tag};

use super::{BoundaryReference, IdentityCenter};

/// What a new set is made with.
#[derive(Clone, Debug, PartialEq)]
pub struct NewSet<'a> {
    pub name: &'a str,
    pub description: Option<&'a str>,
    /// ISO 8601, such as `PT1H`.
    pub session_duration: Option<&'a str>,
    pub relay_state: Option<&'a str>,
    pub tags: BTreeMap<String, String>,
}

impl IdentityCenter {
    /// Creates a set that holds nothing yet, and returns its ARN.
    pub async fn create_permission_set(&self, set: &NewSet<'_>) -> Result<String, CallError> {
        const OPERATION: &str = "sso:CreatePermissionSet";
        let instance = self.found(OPERATION)?;
        let wrong = |error: aws_smithy_types::error::operation::BuildError| CallError {
            operation: OPERATION,
            cause: assigner_core::cause::Cause::Invalid,
            code: None,
            message: error.to_string(),
        };
        let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
        let tags = set.tags.iter().map(tag).collect::<Result<Vec<_>, _>>().map_err(wrong)?;
        let call = self
            .sso
            .create_permission_set()
            .instance_arn(&instance.arn)
            .name(set.name)
            .set_description(set.description.map(str::to_owned))
            .set_session_duration(set.session_duration.map(str::to_owned))
            .set_relay_state(set.relay_state.map(str::to_owned))
            .set_tags(Some(tags).filter(|tags| !tags.is_empty()));
        let answer = self.calls.once(OPERATION, || call.send()).await?;
        let arn = answer.permission_set.and_then(|set| set.permission_set_arn);
        arn.ok_or_else(|| CallError {
            operation: OPERATION,
            cause: assigner_core::cause::Cause::Unavailable,
            code: None,
            message: "the answer names no permission set".to_owned(),
        })
    }

    /// Writes the inline policy of a set, as a draft.
    pub async fn put_inline_policy(&self, arn: &str, policy: &Document) -> Result<(), CallError> {
        const OPERATION: &str = "sso:PutInlinePolicyToPermissionSet";
        let instance = self.found(OPERATION)?;
        let call = self
            .sso
            .put_inline_policy_to_permission_set()
            .instance_arn(&instance.arn)
            .permission_set_arn(arn)
            .inline_policy(policy.to_text());
        self.calls.once(OPERATION, || call.send()).await.map(drop)
    }

    /// Writes the permissions boundary of a set, as a draft.
    pub async fn put_boundary(&self, arn: &str, boundary: &BoundaryReference) -> Result<(), CallError> {
        const OPERATION: &str = "sso:PutPermissionsBoundaryToPermissionSet";
        let instance = self.found(OPERATION)?;
        let boundary = match boundary {
            BoundaryReference::Managed(arn) => PermissionsBoundary::builder().managed_policy_arn(arn),
            BoundaryReference::CustomerManaged(of) => {
                let reference = CustomerManagedPolicyReference::builder().name(&of.name).path(&of.path);
                let reference = reference.build().map_err(|error| CallError {
                    operation: OPERATION,
                    cause: assigner_core::cause::Cause::Invalid,
                    code: None,
                    message: error.to_string(),
                })?;
                PermissionsBoundary::builder().customer_managed_policy_reference(reference)
            }
        };
        let call = self
            .sso
            .put_permissions_boundary_to_permission_set()
            .instance_arn(&instance.arn)
            .permission_set_arn(arn)
            .permissions_boundary(boundary.build());
        self.calls.once(OPERATION, || call.send()).await.map(drop)
    }
}
