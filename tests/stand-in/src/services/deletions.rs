//! The operations of IAM Identity Center that take assignments away. A deletion is accepted here and settles in the
//! ledger.

use crate::fault::DELETE;
use crate::identifier::{InstanceArn, RequestId};
use crate::ledger::Ending;
use crate::services::identity_center::{
    accepted, creation_status, list_statuses, requested_assignment, require_instance,
};
use crate::services::{Answer, Problem, Request, members};
use crate::state::State;
use serde_json::json;

pub(super) fn delete_account_assignment(state: &mut State, request: &Request) -> Answer {
    let assignment = requested_assignment(state, request)?;
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
    let fate = state.faults.of_operation(DELETE, &described, &mut state.rng);
    let deletion = accepted(state, request, assignment, fate, Ending::Succeeds);
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
        .filter(|deletion| deletion.is_known(request.at, request.staleness))
        .ok_or_else(|| request.missing(format_args!("a deletion with the request id {request_id}")))?;
    Ok(json!({ "AccountAssignmentDeletionStatus": creation_status(state, deletion, request.at) }))
}

pub(super) fn list_account_assignment_deletion_status(state: &mut State, request: &Request) -> Answer {
    list_statuses(state, request, "AccountAssignmentsDeletionStatus", state.ledger.deletions())
}
