//! Account assignments: reads who has what, and asks for more.

use assigner_core::{
    assignments::{PrincipalId, PrincipalKind, plan::Assignment},
    cause::CallError,
    ids::AccountId,
    work::{Listed, Progress},
};
use aws_sdk_ssoadmin::types::{AccountAssignmentOperationStatus, PrincipalType, StatusValues, TargetType};

use super::{
    IdentityCenter, known,
    under_way::{every_page, listed, only, progress},
};
use crate::{calls::Patience, client::call_error};

/// A creation that was asked for, by us or by another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creation {
    pub request_id: Option<String>,
    pub progress: Progress,
    /// What is being created, if AWS said it.
    pub assignment: Option<Assignment>,
}

impl IdentityCenter {
    /// Returns the ARNs of the permission sets that have at least one assignment in the account.
    pub async fn provisioned_permission_sets(&self, account: &AccountId) -> Result<Vec<String>, CallError> {
        const OPERATION: &str = "sso:ListPermissionSetsProvisionedToAccount";
        let instance = self.found(OPERATION)?;
        let call = self.sso.list_permission_sets_provisioned_to_account();
        let call = call.instance_arn(&instance.arn).account_id(account.as_str()).max_results(100);
        let page = |token| call.clone().set_next_token(token).send();
        self.calls
            .list(OPERATION, Patience::OfOne, page, |page| {
                (page.permission_sets.unwrap_or_default(), page.next_token)
            })
            .await
    }

    /// Returns who has the permission set in the account.
    pub async fn assigned(
        &self,
        account: &AccountId,
        permission_set: &str,
    ) -> Result<Vec<PrincipalId>, CallError> {
        const OPERATION: &str = "sso:ListAccountAssignments";
        let instance = self.found(OPERATION)?;
        let call = self.sso.list_account_assignments().instance_arn(&instance.arn).max_results(100);
        let call = call.account_id(account.as_str()).permission_set_arn(permission_set);
        let page = |token| call.clone().set_next_token(token).send();
        let found = self.calls.list(OPERATION, Patience::OfOne, page, |page| {
            (page.account_assignments.unwrap_or_default(), page.next_token)
        });
        let found = found.await?.into_iter();
        Ok(found.filter_map(|one| principal(one.principal_type.as_ref(), one.principal_id)).collect())
    }

    /// Returns account and permission set of every assignment that the principal itself has, in all accounts. AWS
    /// answers in the management account only.
    pub async fn assignments_of(&self, principal: &PrincipalId) -> Result<Vec<(String, String)>, CallError> {
        const OPERATION: &str = "sso:ListAccountAssignmentsForPrincipal";
        let instance = self.found(OPERATION)?;
        let call = self.sso.list_account_assignments_for_principal().instance_arn(&instance.arn);
        let call =
            call.principal_type(principal_type(principal)).principal_id(&principal.id).max_results(100);
        let page = |token| call.clone().set_next_token(token).send();
        let found = self.calls.list(OPERATION, Patience::OfOne, page, |page| {
            (page.account_assignments.unwrap_or_default(), page.next_token)
        });
        // A user's list also has what comes from the user's groups.
        let own = found.await?.into_iter();
        let own = own.filter(|one| one.principal_id.as_deref() == Some(principal.id.as_str()));
        Ok(own.filter_map(|one| one.account_id.zip(one.permission_set_arn)).collect())
    }

    /// Asks for an assignment. The request is sent once: after a lost reply, the caller looks for evidence.
    pub async fn create(&self, assignment: &Assignment) -> Result<Creation, CallError> {
        const OPERATION: &str = "sso:CreateAccountAssignment";
        let instance = self.found(OPERATION)?;
        let answer = self
            .sso
            .create_account_assignment()
            .instance_arn(&instance.arn)
            .target_id(assignment.account.as_str())
            .target_type(TargetType::AwsAccount)
            .permission_set_arn(&assignment.permission_set)
            .principal_type(principal_type(&assignment.principal))
            .principal_id(&assignment.principal.id)
            .send()
            .await
            .map_err(|error| call_error(OPERATION, error))?;
        Ok(creation(answer.account_assignment_creation_status))
    }

    /// Returns how far a creation is, or `None` if its request id is not known (yet, or any more).
    pub async fn creation(
        &self,
        request_id: &str,
        patience: Patience,
    ) -> Result<Option<Creation>, CallError> {
        const OPERATION: &str = "sso:DescribeAccountAssignmentCreationStatus";
        let instance = self.found(OPERATION)?;
        let call = self.sso.describe_account_assignment_creation_status().instance_arn(&instance.arn);
        let call = call.account_assignment_creation_request_id(request_id);
        match self.calls.ask(OPERATION, patience, || call.clone().send()).await {
            Ok(answer) => Ok(Some(creation(answer.account_assignment_creation_status))),
            Err(error) => known(error),
        }
    }

    /// Returns a page of up to 100 creations of the whole instance, in an order of the service's choice.
    pub async fn some_creations(&self, page: Option<String>) -> Result<Listed, CallError> {
        self.creations(None, page).await
    }

    /// Returns the creations that are under way in the whole instance.
    pub async fn creations_under_way(&self) -> Result<Listed, CallError> {
        every_page(|page| self.creations(Some(StatusValues::InProgress), page)).await
    }

    /// Returns the request ids of the creations that are under way in the whole instance, or `None` if AWS does not
    /// answer. They only save duplicate creations and requests.
    pub async fn creations_in_progress(&self) -> Option<Vec<String>> {
        match self.creations_under_way().await {
            Ok(found) => Some(found.progress.into_keys().collect()),
            Err(error) => {
                tracing::warn!(%error, "creations under way are not known");
                None
            }
        }
    }

    /// Lists a page of creations. The caller can do without the answer, so few attempts are enough.
    async fn creations(
        &self,
        status: Option<StatusValues>,
        page: Option<String>,
    ) -> Result<Listed, CallError> {
        const OPERATION: &str = "sso:ListAccountAssignmentCreationStatus";
        let instance = self.found(OPERATION)?;
        let call = self.sso.list_account_assignment_creation_status().instance_arn(&instance.arn);
        let call = call.max_results(100).set_filter(only(status)).set_next_token(page);
        let page = self.calls.ask(OPERATION, Patience::Optional, || call.clone().send()).await?;
        let entries = page.account_assignments_creation_status.unwrap_or_default().into_iter();
        Ok(listed(entries.map(|entry| (entry.request_id, entry.status)), page.next_token))
    }
}

pub(super) fn principal_type(principal: &PrincipalId) -> PrincipalType {
    match principal.kind {
        PrincipalKind::Group => PrincipalType::Group,
        PrincipalKind::User => PrincipalType::User,
    }
}

fn principal(kind: Option<&PrincipalType>, id: Option<String>) -> Option<PrincipalId> {
    match kind? {
        PrincipalType::Group => Some(PrincipalId::group(id?)),
        PrincipalType::User => Some(PrincipalId::user(id?)),
        _ => None,
    }
}

pub(super) fn creation(status: Option<AccountAssignmentOperationStatus>) -> Creation {
    let Some(status) = status else {
        return Creation { request_id: None, progress: Progress::InProgress, assignment: None };
    };
    let assignment = || {
        Some(Assignment {
            account: AccountId::parse(status.target_id.as_deref()?)?,
            permission_set: status.permission_set_arn.clone()?,
            principal: principal(status.principal_type.as_ref(), status.principal_id.clone())?,
        })
    };
    Creation {
        assignment: assignment(),
        progress: progress(status.status, status.failure_reason),
        request_id: status.request_id,
    }
}
