//! The operations of IAM Identity Center that take assignments away. A deletion is accepted here and settles in the
//! ledger.

use crate::fault::{DELETE, Fate};
use crate::identifier::{AccountId, InstanceArn, PermissionSetArn, PrincipalId, RequestId};
use crate::ledger::{AcceptedCreation, Assignment, CreationStatus, Ending};
use crate::services::identity_center::{
    PrincipalType, TargetType, creation_status, require_instance, require_permission_set,
};
use crate::services::{Answer, Problem, Request, members};
use crate::state::State;
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

pub(super) fn delete_account_assignment(state: &mut State, request: &Request) -> Answer {
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
    let assignment = Assignment {
        account: members.target_id.into(),
        permission_set: members.permission_set_arn.into(),
        principal_type: members.principal_type.as_str().to_owned(),
        principal_id: members.principal_id.into(),
    };
    let described = json!(assignment).to_string();
    if !state.ledger.has(&assignment) {
        return Err(request.missing(format_args!("the assignment {described}")));
    }
    let busy = state.settings.one_creation_an_account && state.ledger.is_busy(&assignment.account);
    if busy || state.ledger.is_in_progress(&assignment) {
        let message = "There is a conflicting operation in process in this account";
        return Err(request.refuse(Problem::Conflict, message));
    }
    if state.ledger.deletions_outstanding() >= state.settings.outstanding {
        return Err(request.refuse(Problem::Throttled, "Too many outstanding account assignment operations"));
    }
    let Fate { stuck, failure, .. } = state.faults.of_operation(DELETE, &described, &mut state.rng);
    let jitter = state.rng.u64(0..=state.settings.provisioning_jitter.as_millis() as u64);
    let provisioning = state.settings.provisioning + Duration::from_millis(jitter);
    let deletion = AcceptedCreation {
        request_id: state.uuid(),
        assignment,
        accepted_at: request.at,
        settles_at: (!stuck).then(|| request.at + provisioning),
        ending: failure.map_or(Ending::Succeeds, Ending::Fails),
        staleness: Duration::ZERO,
    };
    let status = creation_status(state, &deletion, request.at);
    state.ledger.accept_deletion(deletion);
    Ok(json!({ "AccountAssignmentDeletionStatus": status }))
}

pub(super) fn describe_account_assignment_deletion_status(state: &mut State, request: &Request) -> Answer {
    let members =
        members!(request { instance_arn: InstanceArn, account_assignment_deletion_request_id: RequestId });
    require_instance(state, request, &members.instance_arn)?;
    let request_id = &*members.account_assignment_deletion_request_id;
    let deletion = state
        .ledger
        .deletions()
        .find(|deletion| deletion.request_id == request_id)
        .ok_or_else(|| request.missing(format_args!("a deletion with the request id {request_id}")))?;
    Ok(json!({ "AccountAssignmentDeletionStatus": creation_status(state, deletion, request.at) }))
}

pub(super) fn list_account_assignment_deletion_status(state: &mut State, request: &Request) -> Answer {
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
    let listed = |deletion: &&AcceptedCreation| {
        members.filter.status.is_none_or(|status| deletion.status(request.at) == status)
    };
    let mut deletions: Vec<&AcceptedCreation> = state.ledger.deletions().filter(listed).collect();
    if !state.settings.history_oldest_first {
        deletions.reverse();
    }
    request.page("AccountAssignmentsDeletionStatus", deletions, |deletion| {
        json!({
            "Status": deletion.status(request.at),
            "RequestId": deletion.request_id,
            "CreatedDate": state.epoch_seconds(deletion.accepted_at),
        })
    })
}
