//! The operations of Identity Center that provision a permission set: what a set holds gets onto its role in an account,
//! over time. Assigning does so too, elsewhere.

use crate::access::{Provisioning, SetContent};
use crate::fault::{Fate, PROVISION};
use crate::identifier::{AccountId, InstanceArn, PermissionSetArn, RequestId};
use crate::services::identity_center::{
    TargetType, require_account, require_instance, require_permission_set,
};
use crate::services::{Answer, Problem, Request, members, permission_sets};
use crate::state::State;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

pub(super) fn provision(state: &mut State, request: &Request) -> Answer {
    let members = members!(request {
        instance_arn: InstanceArn,
        permission_set_arn: PermissionSetArn,
        target_id: AccountId,
        #[serde(rename = "TargetType")]
        _target_type: TargetType,
    });
    let (set, account) = (&*members.permission_set_arn, &*members.target_id);
    require_instance(state, request, &members.instance_arn)?;
    require_permission_set(state, request, set)?;
    require_account(state, request, account)?;
    if *account == state.world.organization.management_account_id {
        return Err(request.refuse(Problem::AccessDenied, "the management account needs its own permissions"));
    }
    if !permission_sets::accounts_of(state, request, set).contains(account) {
        return Err(request.missing(format_args!("the set in the account {account}")));
    }
    let busy = |one: &Provisioning| {
        one.set == set && one.account == account && one.status(request.at) == "IN_PROGRESS"
    };
    if state.access.provisionings.iter().any(busy) {
        return Err(request.refuse(
            Problem::Conflict,
            "There is a conflicting operation in process: the set is being provisioned in this account",
        ));
    }
    let described = json!({ "account": account, "permissionSet": set }).to_string();
    let Fate { stuck, failure, .. } = state.faults.of_operation(PROVISION, &described, &mut state.rng);
    let failure = failure.or_else(|| natural_failure(state, account, set).map(Some));
    let jitter = state.rng.u64(0..=state.settings.provisioning_jitter.as_millis() as u64);
    let settles_at = request.at + state.settings.provisioning + Duration::from_millis(jitter);
    let id = state.uuid();
    let settles_at = (!stuck).then_some(settles_at);
    let one = state.access.provision(id, (account, set), request.at, settles_at, failure).clone();
    Ok(json!({ "PermissionSetProvisioningStatus": status(state, request, &one) }))
}

/// Returns why provisioning ends FAILED without a fault.
fn natural_failure(state: &State, account: &str, set: &str) -> Option<String> {
    let found = state.world.account(account)?;
    if !found.state.can_be_provisioned() {
        return Some(format!("The request for account {account} takes longer than usual. Try again later."));
    }
    let SetContent { customer_managed_policies, .. } = state.access.document.sets.get(set)?;
    let has = |name: &str| {
        state.access.document.accounts.get(account).is_some_and(|found| found.policies.contains_key(name))
    };
    let missing = customer_managed_policies.iter().map(|of| format!("{}{}", of.path, of.name));
    let missing = missing.into_iter().find(|name| !has(name))?;
    Some(format!(
        "Received a 404 status error: Policy arn:aws:iam::{account}:policy{missing} does not exist or is not attachable."
    ))
}

pub(super) fn describe_status(state: &mut State, request: &Request) -> Answer {
    let members =
        members!(request { instance_arn: InstanceArn, provision_permission_set_request_id: RequestId });
    require_instance(state, request, &members.instance_arn)?;
    let id = &*members.provision_permission_set_request_id;
    let one = state.access.provisionings.iter().find(|one| one.id == id);
    let one = one.ok_or_else(|| request.missing(format_args!("a provisioning with the request id {id}")))?;
    Ok(json!({ "PermissionSetProvisioningStatus": status(state, request, one) }))
}

fn status(state: &State, request: &Request, one: &Provisioning) -> Value {
    let mut status = json!({
        "Status": one.status(request.at),
        "RequestId": one.id,
        "AccountId": one.account,
        "PermissionSetArn": one.set,
        "CreatedDate": state.epoch_seconds(one.accepted_at),
    });
    if let Some(reason) = one.failure_reason(request.at) {
        status["FailureReason"] = json!(reason);
    }
    status
}

pub(super) fn list_status(state: &mut State, request: &Request) -> Answer {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "PascalCase", deny_unknown_fields)]
    struct Filter {
        status: Option<String>,
    }
    let members = members!(request {
        instance_arn: InstanceArn,
        #[serde(default)]
        filter: Filter,
    });
    require_instance(state, request, &members.instance_arn)?;
    let wanted =
        |one: &&Provisioning| members.filter.status.as_deref().is_none_or(|of| of == one.status(request.at));
    let newest_first = state.access.provisionings.iter().rev().filter(wanted);
    request.page("PermissionSetsProvisioningStatus", newest_first, |one| {
        json!({
            "Status": one.status(request.at),
            "RequestId": one.id,
            "CreatedDate": state.epoch_seconds(one.accepted_at),
        })
    })
}
