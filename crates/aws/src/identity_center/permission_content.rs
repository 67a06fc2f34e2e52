//! What a permission set holds.

use std::collections::{BTreeMap, BTreeSet};

use assigner_core::{
    cause::{CallError, Cause},
    permissions::policy::Document,
};

use super::{IdentityCenter, known};
use crate::calls::Patience;

/// A permission set without the documents of its managed policies.
#[derive(Clone, Debug, PartialEq)]
pub struct PermissionSetContent {
    pub name: String,
    pub description: Option<String>,
    /// ISO 8601, such as `PT1H`.
    pub session_duration: Option<String>,
    pub relay_state: Option<String>,
    pub tags: BTreeMap<String, String>,
    pub inline_policy: Option<Document>,
    /// ARNs.
    pub managed_policies: BTreeSet<String>,
    pub customer_managed_policies: BTreeSet<PolicyReference>,
    pub boundary: Option<BoundaryReference>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PolicyReference {
    pub path: String,
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BoundaryReference {
    /// By ARN.
    Managed(String),
    CustomerManaged(PolicyReference),
}

impl IdentityCenter {
    /// Returns what the set holds, or `None` if it does not exist.
    pub async fn permission_set_content(&self, arn: &str) -> Result<Option<PermissionSetContent>, CallError> {
        const OPERATION: &str = "sso:DescribePermissionSet";
        let instance = self.found(OPERATION)?;
        let call = self.sso.describe_permission_set().instance_arn(&instance.arn).permission_set_arn(arn);
        let set = match self.calls.ask(OPERATION, Patience::Needed, || call.clone().send()).await {
            Ok(answer) => answer.permission_set,
            Err(error) => return known(error),
        };
        let Some(set) = set else { return Ok(None) };
        let reference = |reference: aws_sdk_ssoadmin::types::CustomerManagedPolicyReference| {
            PolicyReference { path: reference.path.unwrap_or_else(|| "/".to_owned()), name: reference.name }
        };

        const INLINE: &str = "sso:GetInlinePolicyForPermissionSet";
        let call = self
            .sso
            .get_inline_policy_for_permission_set()
            .instance_arn(&instance.arn)
            .permission_set_arn(arn);
        let inline = self.calls.ask(INLINE, Patience::Needed, || call.clone().send()).await?.inline_policy;
        // A set without one has an empty text.
        let inline = inline.filter(|text| !text.trim().is_empty());
        let unread = |error: serde_json::Error| CallError {
            operation: INLINE,
            cause: Cause::Invalid,
            code: None,
            message: error.to_string(),
        };
        let inline_policy = inline.map(|text| serde_json::from_str(&text).map_err(unread)).transpose()?;

        let call = self
            .sso
            .list_managed_policies_in_permission_set()
            .instance_arn(&instance.arn)
            .permission_set_arn(arn);
        let managed = self.calls.list(
            "sso:ListManagedPoliciesInPermissionSet",
            Patience::Needed,
            |token| call.clone().set_next_token(token).send(),
            |page| (page.attached_managed_policies.unwrap_or_default(), page.next_token),
        );
        let managed_policies = managed.await?.into_iter().filter_map(|policy| policy.arn).collect();

        let call = self
            .sso
            .list_customer_managed_policy_references_in_permission_set()
            .instance_arn(&instance.arn)
            .permission_set_arn(arn);
        let customer = self.calls.list(
            "sso:ListCustomerManagedPolicyReferencesInPermissionSet",
            Patience::Needed,
            |token| call.clone().set_next_token(token).send(),
            |page| (page.customer_managed_policy_references.unwrap_or_default(), page.next_token),
        );
        let customer_managed_policies = customer.await?.into_iter().map(reference).collect();

        const BOUNDARY: &str = "sso:GetPermissionsBoundaryForPermissionSet";
        let call = self
            .sso
            .get_permissions_boundary_for_permission_set()
            .instance_arn(&instance.arn)
            .permission_set_arn(arn);
        let boundary = match self.calls.ask(BOUNDARY, Patience::Needed, || call.clone().send()).await {
            Ok(answer) => answer.permissions_boundary,
            Err(error) => known(error)?,
        };
        let boundary = boundary.and_then(|boundary| {
            let customer = boundary.customer_managed_policy_reference.map(reference);
            let managed = boundary.managed_policy_arn.map(BoundaryReference::Managed);
            managed.or(customer.map(BoundaryReference::CustomerManaged))
        });

        let call = self.sso.list_tags_for_resource().instance_arn(&instance.arn).resource_arn(arn);
        let tags = self.calls.list(
            "sso:ListTagsForResource",
            Patience::Needed,
            |token| call.clone().set_next_token(token).send(),
            |page| (page.tags.unwrap_or_default(), page.next_token),
        );
        let tags = tags.await?.into_iter().map(|tag| (tag.key, tag.value)).collect();

        Ok(Some(PermissionSetContent {
            name: set.name.unwrap_or_default(),
            description: set.description,
            session_duration: set.session_duration,
            relay_state: set.relay_state,
            tags,
            inline_policy,
            managed_policies,
            customer_managed_policies,
            boundary,
        }))
    }
}
