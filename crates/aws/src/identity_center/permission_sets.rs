//! Permission sets and their names.

use assigner_core::cause::CallError;

use super::{IdentityCenter, known};
use crate::client::call_error;

impl IdentityCenter {
    /// The ARN of every permission set of the instance.
    pub async fn list_permission_sets(&self) -> Result<Vec<String>, CallError> {
        const OPERATION: &str = "sso:ListPermissionSets";
        let instance = self.found(OPERATION)?;
        let mut arns = Vec::new();
        let mut pages = self
            .sso
            .list_permission_sets()
            .instance_arn(&instance.arn)
            .max_results(100)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| call_error(OPERATION, error))?;
            arns.extend(page.permission_sets.unwrap_or_default());
        }
        Ok(arns)
    }

    /// The permission set's name, or `None` where there is no such permission set.
    pub async fn permission_set_name(&self, arn: &str) -> Result<Option<String>, CallError> {
        const OPERATION: &str = "sso:DescribePermissionSet";
        let instance = self.found(OPERATION)?;
        let call = self.sso.describe_permission_set().instance_arn(&instance.arn).permission_set_arn(arn);
        match call.send().await {
            Ok(answer) => Ok(answer.permission_set.and_then(|set| set.name)),
            Err(error) => known(call_error(OPERATION, error)),
        }
    }
}
