//! Account assignments, taken away. Behind a feature, so that the function carries no code for it.

use assigner_core::{assignments::plan::Assignment, cause::CallError, work::Listed};
use aws_sdk_ssoadmin::{
    operation::list_account_assignment_deletion_status::builders::ListAccountAssignmentDeletionStatusFluentBuilder,
    types::{OperationStatusFilter, StatusValues, TargetType},
};

use super::{
    IdentityCenter,
    assignments::{Creation, MOST_PAGES, creation, principal_type, progress},
    known,
};
use crate::{calls::Patience, client::call_error};

const LIST_DELETIONS: &str = "sso:ListAccountAssignmentDeletionStatus";

/// A deletion that was asked for, by us or by another. AWS describes it as it does a creation.
pub type Deletion = Creation;

impl IdentityCenter {
    /// Asks for an assignment to be taken away. The request is sent once: after a lost reply, the caller looks for
    /// evidence.
    pub async fn delete(&self, assignment: &Assignment) -> Result<Deletion, CallError> {
        const OPERATION: &str = "sso:DeleteAccountAssignment";
        let instance = self.found(OPERATION)?;
        let answer = self
            .sso
            .delete_account_assignment()
            .instance_arn(&instance.arn)
            .target_id(assignment.account.as_str())
            .target_type(TargetType::AwsAccount)
            .permission_set_arn(&assignment.permission_set)
            .principal_type(principal_type(&assignment.principal))
            .principal_id(&assignment.principal.id)
            .send()
            .await
            .map_err(|error| call_error(OPERATION, error))?;
        Ok(creation(answer.account_assignment_deletion_status))
    }

    /// Returns how far a deletion is, or `None` if its request id is not known (yet, or any more).
    pub async fn deletion(
        &self,
        request_id: &str,
        patience: Patience,
    ) -> Result<Option<Deletion>, CallError> {
        const OPERATION: &str = "sso:DescribeAccountAssignmentDeletionStatus";
        let instance = self.found(OPERATION)?;
        let call = self.sso.describe_account_assignment_deletion_status().instance_arn(&instance.arn);
        let call = call.account_assignment_deletion_request_id(request_id);
        match self.calls.ask(OPERATION, patience, || call.clone().send()).await {
            Ok(answer) => Ok(Some(creation(answer.account_assignment_deletion_status))),
            Err(error) => known(error),
        }
    }

    /// Returns a page of up to 100 deletions of the whole instance, in an order of the service's choice.
    pub async fn some_deletions(&self, page: Option<String>) -> Result<Listed, CallError> {
        let call = self.list_deletions(None)?;
        self.deletions(&call.set_next_token(page)).await
    }

    /// Returns the deletions that are under way in the whole instance.
    pub async fn deletions_under_way(&self) -> Result<Listed, CallError> {
        let call = self.list_deletions(Some(StatusValues::InProgress))?;
        let (mut found, mut token) = (Listed::default(), None);
        for _ in 0..MOST_PAGES {
            let page = self.deletions(&call.clone().set_next_token(token.clone())).await?;
            found.progress.extend(page.progress);
            // A token that is the same again leads nowhere.
            if page.next.is_none() || page.next == token {
                break;
            }
            token = page.next;
        }
        Ok(found)
    }

    fn list_deletions(
        &self,
        status: Option<StatusValues>,
    ) -> Result<ListAccountAssignmentDeletionStatusFluentBuilder, CallError> {
        let instance = self.found(LIST_DELETIONS)?;
        let filter = status.map(|status| OperationStatusFilter::builder().status(status).build());
        let call = self.sso.list_account_assignment_deletion_status().instance_arn(&instance.arn);
        Ok(call.max_results(100).set_filter(filter))
    }

    async fn deletions(
        &self,
        call: &ListAccountAssignmentDeletionStatusFluentBuilder,
    ) -> Result<Listed, CallError> {
        let page = self.calls.ask(LIST_DELETIONS, Patience::Optional, || call.clone().send()).await?;
        let entries = page.account_assignments_deletion_status.unwrap_or_default().into_iter();
        let entries =
            entries.filter_map(|entry| Some((entry.request_id?, progress(entry.status.as_ref(), None))));
        // An empty token means the same as none.
        Ok(Listed { progress: entries.collect(), next: page.next_token.filter(|next| !next.is_empty()) })
    }
}
