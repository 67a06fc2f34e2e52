//! Account assignments, taken away. Behind a feature, so that the function carries no code for it.

use assigner_core::{assignments::plan::Assignment, cause::CallError, work::Listed};
use aws_sdk_ssoadmin::types::{StatusValues, TargetType};

use super::{
    IdentityCenter,
    assignments::{Creation, creation, principal_type},
    known,
    under_way::{every_page, listed, only},
};
use crate::{calls::Patience, client::call_error};

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
        self.deletions(None, page).await
    }

    /// Returns the deletions that are under way in the whole instance.
    pub async fn deletions_under_way(&self) -> Result<Listed, CallError> {
        every_page(|page| self.deletions(Some(StatusValues::InProgress), page)).await
    }

    async fn deletions(
        &self,
        status: Option<StatusValues>,
        page: Option<String>,
    ) -> Result<Listed, CallError> {
        const OPERATION: &str = "sso:ListAccountAssignmentDeletionStatus";
        let instance = self.found(OPERATION)?;
        let call = self.sso.list_account_assignment_deletion_status().instance_arn(&instance.arn);
        let call = call.max_results(100).set_filter(only(status)).set_next_token(page);
        let page = self.calls.ask(OPERATION, Patience::Optional, || call.clone().send()).await?;
        let entries = page.account_assignments_deletion_status.unwrap_or_default().into_iter();
        Ok(listed(entries.map(|entry| (entry.request_id, entry.status)), page.next_token))
    }
}
