//! Permission sets and their names.

use assigner_core::{cause::CallError, ids::AccountId};

use super::{IdentityCenter, known};
use crate::calls::Patience;

/// Most that AWS lists at once.
const PAGE: i32 = 100;

impl IdentityCenter {
    /// Returns the ARN of every permission set of the instance.
    pub async fn list_permission_sets(&self) -> Result<Vec<String>, CallError> {
        const OPERATION: &str = "sso:ListPermissionSets";
        let instance = self.found(OPERATION)?;
        let call = self.sso.list_permission_sets().instance_arn(&instance.arn).max_results(PAGE);
        let page = |token| call.clone().set_next_token(token).send();
        self.calls
            .list(OPERATION, Patience::Needed, page, |page| {
                (page.permission_sets.unwrap_or_default(), page.next_token)
            })
            .await
    }

    /// Returns ARNs of permission sets of the instance, by one call: all of them if it has no more than a page.
    pub async fn some_permission_sets(&self) -> Result<Vec<String>, CallError> {
        const OPERATION: &str = "sso:ListPermissionSets";
        let instance = self.found(OPERATION)?;
        let call = self.sso.list_permission_sets().instance_arn(&instance.arn).max_results(PAGE);
        let page = self.calls.ask(OPERATION, Patience::OfOne, || call.clone().send()).await?;
        Ok(page.permission_sets.unwrap_or_default())
    }

    /// Returns the permission set's name, or `None` if it does not exist.
    pub async fn permission_set_name(&self, arn: &str) -> Result<Option<String>, CallError> {
        const OPERATION: &str = "sso:DescribePermissionSet";
        let instance = self.found(OPERATION)?;
        let call = self.sso.describe_permission_set().instance_arn(&instance.arn).permission_set_arn(arn);
        match self.calls.ask(OPERATION, Patience::OfOne, || call.clone().send()).await {
            Ok(answer) => Ok(answer.permission_set.and_then(|set| set.name)),
            Err(error) => known(error),
        }
    }

    /// Returns the accounts that the permission set is provisioned to: those in which somebody has it, or had it.
    pub async fn accounts_of_permission_set(&self, arn: &str) -> Result<Vec<AccountId>, CallError> {
        const OPERATION: &str = "sso:ListAccountsForProvisionedPermissionSet";
        let instance = self.found(OPERATION)?;
        let call = self.sso.list_accounts_for_provisioned_permission_set().instance_arn(&instance.arn);
        let call = call.permission_set_arn(arn).max_results(100);
        let page = |token| call.clone().set_next_token(token).send();
        let found = self.calls.list(OPERATION, Patience::OfOne, page, |page| {
            (page.account_ids.unwrap_or_default(), page.next_token)
        });
        Ok(found.await?.iter().filter_map(|id| AccountId::parse(id)).collect())
    }
}
