//! Makes and changes a permission set. Nothing here provisions one or deletes one.
//!
//! A write is sent once: whether it took effect, the caller has to read.

use std::collections::{BTreeMap, BTreeSet};

use assigner_core::{
    cause::{CallError, Cause},
    permissions::policy::Document,
};
use aws_sdk_ssoadmin::types::{CustomerManagedPolicyReference, PermissionsBoundary, Tag};
use aws_smithy_types::error::operation::BuildError;

use super::{BoundaryReference, IdentityCenter, PolicyReference};

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
        let tags = built(OPERATION, &set.tags)?;
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
            cause: Cause::Unavailable,
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
                let reference = reference(OPERATION, of)?;
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

    /// Takes the inline policy away, as a draft.
    pub async fn delete_inline_policy(&self, arn: &str) -> Result<(), CallError> {
        const OPERATION: &str = "sso:DeleteInlinePolicyFromPermissionSet";
        let instance = self.found(OPERATION)?;
        let call = self.sso.delete_inline_policy_from_permission_set().instance_arn(&instance.arn);
        let call = call.permission_set_arn(arn);
        self.calls.once(OPERATION, || call.send()).await.map(drop)
    }

    /// Takes the permissions boundary away, as a draft.
    pub async fn delete_boundary(&self, arn: &str) -> Result<(), CallError> {
        const OPERATION: &str = "sso:DeletePermissionsBoundaryFromPermissionSet";
        let instance = self.found(OPERATION)?;
        let call = self.sso.delete_permissions_boundary_from_permission_set().instance_arn(&instance.arn);
        let call = call.permission_set_arn(arn);
        self.calls.once(OPERATION, || call.send()).await.map(drop)
    }

    /// Attaches a policy that AWS manages, as a draft.
    pub async fn attach_managed_policy(&self, arn: &str, policy: &str) -> Result<(), CallError> {
        const OPERATION: &str = "sso:AttachManagedPolicyToPermissionSet";
        let instance = self.found(OPERATION)?;
        let call = self.sso.attach_managed_policy_to_permission_set().instance_arn(&instance.arn);
        let call = call.permission_set_arn(arn).managed_policy_arn(policy);
        self.calls.once(OPERATION, || call.send()).await.map(drop)
    }

    /// Detaches a policy that AWS manages, as a draft.
    pub async fn detach_managed_policy(&self, arn: &str, policy: &str) -> Result<(), CallError> {
        const OPERATION: &str = "sso:DetachManagedPolicyFromPermissionSet";
        let instance = self.found(OPERATION)?;
        let call = self.sso.detach_managed_policy_from_permission_set().instance_arn(&instance.arn);
        let call = call.permission_set_arn(arn).managed_policy_arn(policy);
        self.calls.once(OPERATION, || call.send()).await.map(drop)
    }

    /// Attaches a policy that each account has by itself, as a draft.
    pub async fn attach_customer_managed_policy(
        &self,
        arn: &str,
        policy: &PolicyReference,
    ) -> Result<(), CallError> {
        const OPERATION: &str = "sso:AttachCustomerManagedPolicyReferenceToPermissionSet";
        let instance = self.found(OPERATION)?;
        let call = self
            .sso
            .attach_customer_managed_policy_reference_to_permission_set()
            .instance_arn(&instance.arn)
            .permission_set_arn(arn)
            .customer_managed_policy_reference(reference(OPERATION, policy)?);
        self.calls.once(OPERATION, || call.send()).await.map(drop)
    }

    /// Detaches a policy that each account has by itself, as a draft.
    pub async fn detach_customer_managed_policy(
        &self,
        arn: &str,
        policy: &PolicyReference,
    ) -> Result<(), CallError> {
        const OPERATION: &str = "sso:DetachCustomerManagedPolicyReferenceFromPermissionSet";
        let instance = self.found(OPERATION)?;
        let call = self
            .sso
            .detach_customer_managed_policy_reference_from_permission_set()
            .instance_arn(&instance.arn)
            .permission_set_arn(arn)
            .customer_managed_policy_reference(reference(OPERATION, policy)?);
        self.calls.once(OPERATION, || call.send()).await.map(drop)
    }

    /// Writes description, session duration (ISO 8601) and relay state, as far as they are given.
    pub async fn update_permission_set(
        &self,
        arn: &str,
        description: Option<&str>,
        session_duration: Option<&str>,
        relay_state: Option<&str>,
    ) -> Result<(), CallError> {
        const OPERATION: &str = "sso:UpdatePermissionSet";
        let instance = self.found(OPERATION)?;
        let call = self
            .sso
            .update_permission_set()
            .instance_arn(&instance.arn)
            .permission_set_arn(arn)
            .set_description(description.map(str::to_owned))
            .set_session_duration(session_duration.map(str::to_owned))
            .set_relay_state(relay_state.map(str::to_owned));
        self.calls.once(OPERATION, || call.send()).await.map(drop)
    }

    /// Gives a set these tags, besides those that it has.
    pub async fn tag_permission_set(
        &self,
        arn: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), CallError> {
        const OPERATION: &str = "sso:TagResource";
        let instance = self.found(OPERATION)?;
        let call = self.sso.tag_resource().instance_arn(&instance.arn).resource_arn(arn);
        let call = call.set_tags(Some(built(OPERATION, tags)?));
        self.calls.once(OPERATION, || call.send()).await.map(drop)
    }

    /// Takes tags away by their keys.
    pub async fn untag_permission_set(&self, arn: &str, keys: &BTreeSet<String>) -> Result<(), CallError> {
        const OPERATION: &str = "sso:UntagResource";
        let instance = self.found(OPERATION)?;
        let call = self.sso.untag_resource().instance_arn(&instance.arn).resource_arn(arn);
        let call = call.set_tag_keys(Some(keys.iter().cloned().collect()));
        self.calls.once(OPERATION, || call.send()).await.map(drop)
    }
}

fn built(operation: &'static str, tags: &BTreeMap<String, String>) -> Result<Vec<Tag>, CallError> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    tags.iter().map(tag).collect::<Result<Vec<_>, _>>().map_err(|error| wrong(operation, &error))
}

fn reference(
    operation: &'static str,
    policy: &PolicyReference,
) -> Result<CustomerManagedPolicyReference, CallError> {
    let reference = CustomerManagedPolicyReference::builder().name(&policy.name).path(&policy.path);
    reference.build().map_err(|error| wrong(operation, &error))
}

fn wrong(operation: &'static str, error: &BuildError) -> CallError {
    CallError { operation, cause: Cause::Invalid, code: None, message: error.to_string() }
}
