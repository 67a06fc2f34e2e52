//! The operations of IAM Identity Center (sso-admin). A creation is accepted here and settles in the
//! ledger, and so is a deletion, next door. No permission set is ever deleted.

use crate::fault::Fate;
use crate::identifier::{AccountId, InstanceArn, PermissionSetArn, PrincipalId, RequestId};
use crate::ledger::{AcceptedCreation, Assignment, CreationStatus, Ending};
use crate::services::{
    Answer, Operation, Problem, Refusal, Request, Service, SignedIn, members, usual_error,
};
use crate::services::{deletions, permission_set_provisioning, permission_set_writes, permission_sets};
use crate::state::State;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

pub(crate) static SERVICE: Service = Service {
    target_prefix: "SWBExternalService",
    signing_name: "sso",
    signed_in: SignedIn::RegionOfTheInstance,
    requests_per_second: |settings| Some(settings.requests_per_second),
    error: usual_error,
    operations: &[
        Operation::single(
            "AttachCustomerManagedPolicyReferenceToPermissionSet",
            permission_set_writes::attach_customer_managed_policy,
        ),
        Operation::single("AttachManagedPolicyToPermissionSet", permission_set_writes::attach_managed_policy),
        Operation::single("CreateAccountAssignment", create_account_assignment),
        Operation::single("CreatePermissionSet", permission_set_writes::create_permission_set),
        Operation::single("DeleteAccountAssignment", deletions::delete_account_assignment),
        Operation::single("DeleteInlinePolicyFromPermissionSet", permission_set_writes::delete_inline_policy),
        Operation::single(
            "DeletePermissionsBoundaryFromPermissionSet",
            permission_set_writes::delete_permissions_boundary,
        ),
        Operation::single(
            "DescribeAccountAssignmentCreationStatus",
            describe_account_assignment_creation_status,
        ),
        Operation::single(
            "DescribeAccountAssignmentDeletionStatus",
            deletions::describe_account_assignment_deletion_status,
        ),
        Operation::single("DescribePermissionSet", permission_sets::describe_permission_set),
        Operation::single(
            "DescribePermissionSetProvisioningStatus",
            permission_set_provisioning::describe_status,
        ),
        Operation::single(
            "DetachCustomerManagedPolicyReferenceFromPermissionSet",
            permission_set_writes::detach_customer_managed_policy,
        ),
        Operation::single(
            "DetachManagedPolicyFromPermissionSet",
            permission_set_writes::detach_managed_policy,
        ),
        Operation::single("GetInlinePolicyForPermissionSet", permission_sets::get_inline_policy),
        Operation::single(
            "GetPermissionsBoundaryForPermissionSet",
            permission_sets::get_permissions_boundary,
        ),
        Operation::paged("ListAccountAssignmentCreationStatus", 100, list_account_assignment_creation_status),
        Operation::paged(
            "ListAccountAssignmentDeletionStatus",
            100,
            deletions::list_account_assignment_deletion_status,
        ),
        Operation::paged("ListAccountAssignments", 100, list_account_assignments),
        Operation::paged("ListAccountAssignmentsForPrincipal", 100, list_account_assignments_for_principal),
        Operation::paged("ListAccountsForProvisionedPermissionSet", 100, permission_sets::list_accounts),
        Operation::paged(
            "ListCustomerManagedPolicyReferencesInPermissionSet",
            100,
            permission_sets::list_customer_managed_policies,
        ),
        Operation::paged("ListInstances", 100, list_instances),
        Operation::paged("ListManagedPoliciesInPermissionSet", 100, permission_sets::list_managed_policies),
        Operation::paged(
            "ListPermissionSetProvisioningStatus",
            100,
            permission_set_provisioning::list_status,
        ),
        Operation::paged("ListPermissionSets", 100, list_permission_sets),
        Operation::paged(
            "ListPermissionSetsProvisionedToAccount",
            100,
            list_permission_sets_provisioned_to_account,
        ),
        Operation::paged("ListTagsForResource", 100, permission_sets::list_tags_for_resource),
        Operation::single("ProvisionPermissionSet", permission_set_provisioning::provision),
        Operation::single("PutInlinePolicyToPermissionSet", permission_set_writes::put_inline_policy),
        Operation::single(
            "PutPermissionsBoundaryToPermissionSet",
            permission_set_writes::put_permissions_boundary,
        ),
        Operation::single("TagResource", permission_set_writes::tag_resource),
        Operation::single("UntagResource", permission_set_writes::untag_resource),
        Operation::single("UpdatePermissionSet", permission_set_writes::update_permission_set),
    ],
};

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum PrincipalType {
    Group,
    User,
}

impl PrincipalType {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            PrincipalType::Group => "GROUP",
            PrincipalType::User => "USER",
        }
    }
}

#[derive(Deserialize)]
pub(super) enum TargetType {
    #[serde(rename = "AWS_ACCOUNT")]
    AwsAccount,
}

/// Reads which assignment a request is about. Refuses what is about nothing here.
pub(super) fn requested_assignment(state: &State, request: &Request) -> Result<Assignment, Refusal> {
    let members = members!(request {
        instance_arn: InstanceArn,
        target_id: AccountId,
        #[serde(rename = "TargetType")]
        _target_type: TargetType,
        permission_set_arn: PermissionSetArn,
        principal_type: PrincipalType,
        principal_id: PrincipalId,
    });
    require_instance(state, request, &members.instance_arn)?;
    require_permission_set(state, request, &members.permission_set_arn)?;
    if *members.target_id == state.world.organization.management_account_id {
        return Err(request.refuse(
            Problem::AccessDenied,
            "Assignments in the management account need its own IAM permissions",
        ));
    }
    Ok(Assignment {
        account: members.target_id.into(),
        permission_set: members.permission_set_arn.into(),
        principal_type: members.principal_type.as_str().to_owned(),
        principal_id: members.principal_id.into(),
    })
}

/// Returns what settles when its time has come.
pub(super) fn accepted(
    state: &mut State,
    request: &Request,
    assignment: Assignment,
    fate: Fate,
    ending: Ending,
) -> AcceptedCreation {
    let Fate { stuck, failure, staleness } = fate;
    let jitter = state.rng.u64(0..=state.settings.provisioning_jitter.as_millis() as u64);
    let provisioning = state.settings.provisioning + Duration::from_millis(jitter);
    AcceptedCreation {
        request_id: state.uuid(),
        assignment,
        accepted_at: request.at,
        settles_at: (!stuck).then(|| request.at + provisioning),
        ending: failure.map_or(ending, Ending::Fails),
        staleness,
    }
}

fn create_account_assignment(state: &mut State, request: &Request) -> Answer {
    let assignment = requested_assignment(state, request)?;
    let ending = natural_ending(state, &assignment);
    if state.ledger.is_in_progress(&assignment) {
        return Err(request.refuse(
            Problem::Conflict,
            "There is a conflicting operation in process: this assignment is being created",
        ));
    }
    if state.settings.one_creation_an_account && state.ledger.is_busy(&assignment.account) {
        return Err(request.refuse(
            Problem::Conflict,
            "There is a conflicting operation in process: another assignment in this account is being created",
        ));
    }
    if state.ledger.outstanding() >= state.settings.outstanding {
        return Err(request.refuse(Problem::Throttled, "Too many outstanding account assignment operations"));
    }

    let fate = state.faults.of_creation(&json!(assignment).to_string(), &mut state.rng);
    let creation = accepted(state, request, assignment, fate, ending);
    if let Ending::Succeeds = &creation.ending {
        // Assigning provisions the set as it is, half-made or not.
        state.access.publish(&creation.assignment.account, &creation.assignment.permission_set);
    }
    let status = creation_status(state, &creation, request.at);
    state.ledger.accept(creation);
    Ok(json!({ "AccountAssignmentCreationStatus": status }))
}

/// Returns how provisioning ends without a fault: AWS finds these errors only after it accepted the request.
fn natural_ending(state: &State, assignment: &Assignment) -> Ending {
    let Assignment { account, principal_type, principal_id, .. } = assignment;
    let reason = match state.world.account(account) {
        None => format!("Received a 404 status error: Account {account} does not exist."),
        Some(_) if !state.world.has_principal(principal_type, principal_id) => {
            format!("Received a 404 status error: {principal_type} {principal_id} does not exist.")
        }
        Some(found) if !found.state.can_be_provisioned() => {
            format!("The request for account {account} takes longer than usual. Try again later.")
        }
        Some(_) => return Ending::Succeeds,
    };
    Ending::Fails(Some(reason))
}

fn describe_account_assignment_creation_status(state: &mut State, request: &Request) -> Answer {
    let members =
        members!(request { instance_arn: InstanceArn, account_assignment_creation_request_id: RequestId });
    require_instance(state, request, &members.instance_arn)?;
    let request_id = &*members.account_assignment_creation_request_id;
    let creation = state
        .ledger
        .creation(request_id)
        .filter(|creation| creation.is_known(request.at, request.staleness))
        .ok_or_else(|| request.missing(format_args!("a creation with the request id {request_id}")))?;
    Ok(json!({ "AccountAssignmentCreationStatus": creation_status(state, creation, request.at) }))
}

pub(super) fn creation_status(state: &State, creation: &AcceptedCreation, now: Instant) -> Value {
    let Assignment { account, permission_set, principal_type, principal_id } = &creation.assignment;
    let mut status = json!({
        "Status": creation.status(now),
        "RequestId": creation.request_id,
        "TargetId": account,
        "TargetType": "AWS_ACCOUNT",
        "PermissionSetArn": permission_set,
        "PrincipalType": principal_type,
        "PrincipalId": principal_id,
        "CreatedDate": state.epoch_seconds(creation.accepted_at),
    });
    if let Some(reason) = creation.failure_reason(now) {
        status["FailureReason"] = json!(reason);
    }
    status
}

fn list_account_assignment_creation_status(state: &mut State, request: &Request) -> Answer {
    list_statuses(state, request, "AccountAssignmentsCreationStatus", state.ledger.creations())
}

/// Lists creations or deletions, which come in the order of their acceptance.
pub(super) fn list_statuses<'s>(
    state: &'s State,
    request: &Request,
    member: &str,
    all: impl Iterator<Item = &'s AcceptedCreation>,
) -> Answer {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "PascalCase", deny_unknown_fields)]
    struct Filter {
        status: Option<CreationStatus>,
    }
    let members = members!(request {
        instance_arn: InstanceArn,
        #[serde(default)]
        filter: Filter,
    });
    require_instance(state, request, &members.instance_arn)?;
    let listed = |one: &AcceptedCreation| match state.settings.history_in_progress {
        true => CreationStatus::InProgress,
        false => one.status(request.at),
    };
    let mut known: Vec<&AcceptedCreation> = all
        .filter(|one| one.is_known(request.at, request.staleness))
        .filter(|one| members.filter.status.is_none_or(|status| listed(one) == status))
        .collect();
    if !state.settings.history_oldest_first {
        known.reverse();
    }
    request.page(member, known, |one| {
        json!({
            "Status": listed(one),
            "RequestId": one.request_id,
            "CreatedDate": state.epoch_seconds(one.accepted_at),
        })
    })
}

fn list_account_assignments(state: &mut State, request: &Request) -> Answer {
    let members = members!(request {
        instance_arn: InstanceArn,
        account_id: AccountId,
        permission_set_arn: PermissionSetArn,
    });
    require_instance(state, request, &members.instance_arn)?;
    require_account(state, request, &members.account_id)?;
    require_permission_set(state, request, &members.permission_set_arn)?;
    let assignments = state
        .ledger
        .in_account(&members.account_id, request.at, request.staleness)
        .filter(|assignment| assignment.permission_set == *members.permission_set_arn);
    request.page("AccountAssignments", assignments, account_assignment)
}

fn list_account_assignments_for_principal(state: &mut State, request: &Request) -> Answer {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "PascalCase", deny_unknown_fields)]
    struct Filter {
        account_id: Option<AccountId>,
    }
    let members = members!(request {
        instance_arn: InstanceArn,
        principal_id: PrincipalId,
        principal_type: PrincipalType,
        #[serde(default)]
        filter: Filter,
    });
    require_instance(state, request, &members.instance_arn)?;
    let principal_type = members.principal_type.as_str();
    if !state.world.has_principal(principal_type, &members.principal_id) {
        return Err(request.missing(format_args!("{principal_type} {}", &*members.principal_id)));
    }
    let principal = (principal_type.to_owned(), members.principal_id.into());
    let assignments = state
        .ledger
        .of_principal(principal, request.at, request.staleness)
        .filter(|assignment| members.filter.account_id.as_ref().is_none_or(|id| **id == assignment.account));
    request.page("AccountAssignments", assignments, |assignment| account_assignment(&assignment))
}

fn account_assignment(assignment: &Assignment) -> Value {
    json!({
        "AccountId": assignment.account,
        "PermissionSetArn": assignment.permission_set,
        "PrincipalType": assignment.principal_type,
        "PrincipalId": assignment.principal_id,
    })
}

#[derive(PartialEq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum ProvisioningStatus {
    LatestPermissionSetProvisioned,
    LatestPermissionSetNotProvisioned,
}

fn list_permission_sets_provisioned_to_account(state: &mut State, request: &Request) -> Answer {
    let members = members!(request {
        instance_arn: InstanceArn,
        account_id: AccountId,
        provisioning_status: Option<ProvisioningStatus>,
    });
    require_instance(state, request, &members.instance_arn)?;
    require_account(state, request, &members.account_id)?;
    let outdated_only =
        members.provisioning_status == Some(ProvisioningStatus::LatestPermissionSetNotProvisioned);
    let mut arns: Vec<&str> = state
        .ledger
        .in_account(&members.account_id, request.at, request.staleness)
        .filter(|one| !outdated_only || state.access.lags(&one.account, &one.permission_set))
        .map(|assignment| assignment.permission_set.as_str())
        .collect();
    arns.dedup();
    request.page("PermissionSets", arns, Value::from)
}

fn list_instances(state: &mut State, request: &Request) -> Answer {
    members!(request {});
    let organization = &state.world.organization;
    let instance = json!({
        "InstanceArn": organization.instance_arn,
        "IdentityStoreId": organization.identity_store_id,
        "OwnerAccountId": organization.management_account_id,
        "PrimaryRegion": organization.region,
        "Status": "ACTIVE",
    });
    request.page("Instances", [instance], |instance| instance)
}

fn list_permission_sets(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { instance_arn: InstanceArn });
    require_instance(state, request, &members.instance_arn)?;
    request.page("PermissionSets", &state.world.organization.permission_sets, |set| json!(set.arn))
}

pub(super) fn require_instance(state: &State, request: &Request, arn: &str) -> Result<(), Refusal> {
    require(state.world.organization.instance_arn == arn, request, "instance", arn)
}

pub(super) fn require_permission_set(state: &State, request: &Request, arn: &str) -> Result<(), Refusal> {
    require(state.world.permission_set(arn).is_some(), request, "permission set", arn)
}

pub(super) fn require_account(state: &State, request: &Request, id: &str) -> Result<(), Refusal> {
    require(state.world.account(id).is_some(), request, "account", id)
}

fn require(exists: bool, request: &Request, kind: &str, id: &str) -> Result<(), Refusal> {
    if exists { Ok(()) } else { Err(request.missing(format_args!("the {kind} {id}"))) }
}
