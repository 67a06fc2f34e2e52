//! What a permission set holds, for the operations of Identity Center that read it.

use crate::access::{Boundary, Reference, SetContent};
use crate::identifier::{InstanceArn, PermissionSetArn};
use crate::services::identity_center::{ProvisioningStatus, require_instance, require_permission_set};
use crate::services::{Answer, Refusal, Request, members};
use crate::state::State;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn content(state: &State, request: &Request, instance: &str, arn: &str) -> Result<SetContent, Refusal> {
    require_instance(state, request, instance)?;
    require_permission_set(state, request, arn)?;
    Ok(state.access.document.sets.get(arn).cloned().unwrap_or_default())
}

pub(super) fn describe_permission_set(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { instance_arn: InstanceArn, permission_set_arn: PermissionSetArn });
    let arn = &*members.permission_set_arn;
    let content = content(state, request, &members.instance_arn, arn)?;
    let name = state.world.permission_set(arn).map(|set| &set.name);
    let mut set = json!({
        "Name": name,
        "PermissionSetArn": arn,
        "SessionDuration": content.session_duration.as_deref().unwrap_or("PT1H"),
    });
    if let Some(description) = content.description {
        set["Description"] = json!(description);
    }
    if let Some(relay_state) = content.relay_state {
        set["RelayState"] = json!(relay_state);
    }
    Ok(json!({ "PermissionSet": set }))
}

pub(super) fn get_inline_policy(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { instance_arn: InstanceArn, permission_set_arn: PermissionSetArn });
    let content = content(state, request, &members.instance_arn, &members.permission_set_arn)?;
    // A set without one has an empty text.
    Ok(json!({ "InlinePolicy": content.inline_policy.map(|policy| policy.to_string()).unwrap_or_default() }))
}

pub(super) fn list_managed_policies(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { instance_arn: InstanceArn, permission_set_arn: PermissionSetArn });
    let content = content(state, request, &members.instance_arn, &members.permission_set_arn)?;
    request.page(
        "AttachedManagedPolicies",
        content.managed_policies,
        |arn| json!({ "Name": arn.rsplit('/').next(), "Arn": arn }),
    )
}

fn reference(Reference { name, path }: Reference) -> Value {
    json!({ "Name": name, "Path": path })
}

pub(super) fn list_customer_managed_policies(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { instance_arn: InstanceArn, permission_set_arn: PermissionSetArn });
    let content = content(state, request, &members.instance_arn, &members.permission_set_arn)?;
    request.page("CustomerManagedPolicyReferences", content.customer_managed_policies, reference)
}

pub(super) fn get_permissions_boundary(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { instance_arn: InstanceArn, permission_set_arn: PermissionSetArn });
    let content = content(state, request, &members.instance_arn, &members.permission_set_arn)?;
    let boundary = match content.boundary {
        None => return Err(request.missing("a permissions boundary")),
        Some(Boundary::Managed(arn)) => json!({ "ManagedPolicyArn": arn }),
        Some(Boundary::CustomerManaged(of)) => json!({ "CustomerManagedPolicyReference": reference(of) }),
    };
    Ok(json!({ "PermissionsBoundary": boundary }))
}

pub(super) fn list_tags_for_resource(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { instance_arn: InstanceArn, resource_arn: PermissionSetArn });
    let content = content(state, request, &members.instance_arn, &members.resource_arn)?;
    request.page("Tags", content.tags, |(key, value)| json!({ "Key": key, "Value": value }))
}

pub(super) fn list_accounts(state: &mut State, request: &Request) -> Answer {
    let members = members!(request {
        instance_arn: InstanceArn,
        permission_set_arn: PermissionSetArn,
        provisioning_status: Option<ProvisioningStatus>,
    });
    let arn = &*members.permission_set_arn;
    content(state, request, &members.instance_arn, arn)?;
    let mut accounts = accounts_of(state, request, arn);
    match members.provisioning_status {
        None => {}
        Some(ProvisioningStatus::LatestPermissionSetNotProvisioned) => {
            accounts.retain(|account| state.access.lags(account, arn));
        }
        Some(ProvisioningStatus::LatestPermissionSetProvisioned) => {
            accounts.retain(|account| !state.access.lags(account, arn));
        }
    }
    request.page("AccountIds", accounts, Value::from)
}

/// Returns the accounts in which the set is provisioned.
pub(super) fn accounts_of(state: &State, request: &Request, arn: &str) -> BTreeSet<String> {
    let name = state.world.permission_set(arn).map(|set| set.name.clone()).unwrap_or_default();
    let prefix = format!("AWSReservedSSO_{name}_");
    let with_role = state.access.document.accounts.iter().filter(|(_, account)| {
        account.roles.iter().any(|role| {
            // Not that of a set whose name only begins like this one's.
            role.name.strip_prefix(&prefix).is_some_and(|suffix| !suffix.contains('_'))
        })
    });
    let mut accounts: BTreeSet<String> = with_role.map(|(id, _)| id.clone()).collect();
    accounts.extend(
        state
            .ledger
            .of_permission_set(arn, request.at, request.staleness)
            .map(|assignment| assignment.account.clone()),
    );
    accounts
}
