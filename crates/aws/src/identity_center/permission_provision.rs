//! Provisions a permission set in an account, and says how far that is.

use assigner_core::{
    cause::CallError,
    ids::AccountId,
    work::{Listed, Progress, Started},
};
use aws_sdk_ssoadmin::types::{
    PermissionSetProvisioningStatus, ProvisionTargetType, ProvisioningStatus, StatusValues,
};

use super::{
    IdentityCenter, known,
    under_way::{every_page, listed, only, progress},
};
use crate::calls::Patience;

impl IdentityCenter {
    /// Returns the accounts in which the set is not as it is now.
    pub async fn accounts_that_lag(&self, arn: &str) -> Result<Vec<AccountId>, CallError> {
        const OPERATION: &str = "sso:ListAccountsForProvisionedPermissionSet";
        let instance = self.found(OPERATION)?;
        let call = self
            .sso
            .list_accounts_for_provisioned_permission_set()
            .instance_arn(&instance.arn)
            .permission_set_arn(arn)
            .provisioning_status(ProvisioningStatus::LatestPermissionSetNotProvisioned)
            .max_results(100);
        let page = |token| call.clone().set_next_token(token).send();
        let found = self.calls.list(OPERATION, Patience::OfOne, page, |page| {
            (page.account_ids.unwrap_or_default(), page.next_token)
        });
        Ok(found.await?.iter().filter_map(|id| AccountId::parse(id)).collect())
    }

    /// Asks for the set, as it is now, in an account. The request is sent once: after a lost reply, the caller looks for
    /// evidence.
    pub async fn provision(&self, arn: &str, account: &AccountId) -> Result<Started, CallError> {
        const OPERATION: &str = "sso:ProvisionPermissionSet";
        let instance = self.found(OPERATION)?;
        let call = self
            .sso
            .provision_permission_set()
            .instance_arn(&instance.arn)
            .permission_set_arn(arn)
            .target_type(ProvisionTargetType::AwsAccount)
            .target_id(account.as_str());
        let answer = self.calls.once(OPERATION, || call.send()).await?;
        let status = answer.permission_set_provisioning_status;
        let request_id = status.as_ref().and_then(|status| status.request_id.clone());
        Ok(Started { request_id, progress: status.map_or(Progress::InProgress, of_status) })
    }

    /// Returns how far a provisioning is, or `None` if its request id is not known (yet, or any more).
    pub async fn provisioning(&self, request_id: &str) -> Result<Option<Progress>, CallError> {
        const OPERATION: &str = "sso:DescribePermissionSetProvisioningStatus";
        let instance = self.found(OPERATION)?;
        let call = self.sso.describe_permission_set_provisioning_status().instance_arn(&instance.arn);
        let call = call.provision_permission_set_request_id(request_id);
        match self.calls.ask(OPERATION, Patience::Optional, || call.clone().send()).await {
            Ok(answer) => {
                Ok(Some(answer.permission_set_provisioning_status.map_or(Progress::InProgress, of_status)))
            }
            Err(error) => known(error),
        }
    }

    /// Returns a page of up to 100 provisionings of the whole instance, in an order of the service's choice.
    pub async fn some_provisionings(&self, page: Option<String>) -> Result<Listed, CallError> {
        self.provisionings(None, page).await
    }

    /// Returns the provisionings that are under way in the whole instance.
    pub async fn provisionings_under_way(&self) -> Result<Listed, CallError> {
        every_page(|page| self.provisionings(Some(StatusValues::InProgress), page)).await
    }

    async fn provisionings(
        &self,
        status: Option<StatusValues>,
        page: Option<String>,
    ) -> Result<Listed, CallError> {
        const OPERATION: &str = "sso:ListPermissionSetProvisioningStatus";
        let instance = self.found(OPERATION)?;
        let call = self.sso.list_permission_set_provisioning_status().instance_arn(&instance.arn);
        let call = call.max_results(100).set_filter(only(status)).set_next_token(page);
        let page = self.calls.ask(OPERATION, Patience::Optional, || call.clone().send()).await?;
        let entries = page.permission_sets_provisioning_status.unwrap_or_default().into_iter();
        Ok(listed(entries.map(|entry| (entry.request_id, entry.status)), page.next_token))
    }
}

fn of_status(status: PermissionSetProvisioningStatus) -> Progress {
    progress(status.status, status.failure_reason)
}
