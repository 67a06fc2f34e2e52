//! Single calls that show what this identity may ask of Organizations, for the operator's command.

use assigner_core::{
    cause::{CallError, Cause},
    ids::AccountId,
    organization::State,
};

use super::{Organizations, incomplete};
use crate::client::call_error;

/// An active account that is not the management account.
#[derive(Clone, Debug)]
pub struct Member {
    pub id: AccountId,
    pub arn: String,
}

impl Organizations {
    /// Any member account; `None` if the organization has none that is active.
    pub async fn some_member(&self, management: Option<&str>) -> Result<Option<Member>, CallError> {
        let mut pages = self.client.list_accounts().into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| call_error("organizations:ListAccounts", error))?;
            for listed in page.accounts().iter().filter(|listed| super::state(listed) == State::Active) {
                let (id, arn) = (listed.id().and_then(AccountId::parse), listed.arn().unwrap_or_default());
                // The ARN names the management account: arn:aws:organizations::<management>:account/...
                let owner = arn.split(':').nth(4);
                match id {
                    Some(id) if Some(id.as_str()) != owner && Some(id.as_str()) != management => {
                        return Ok(Some(Member { id, arn: arn.to_owned() }));
                    }
                    _ => {}
                }
            }
        }
        Ok(None)
    }

    pub async fn may_describe(&self, account: &AccountId) -> Result<(), CallError> {
        let answer = self.client.describe_account().account_id(account.as_str()).send().await;
        known(answer.map(drop).map_err(|error| call_error("organizations:DescribeAccount", error)))
    }

    /// The OU or the root that holds the account.
    pub async fn parent(&self, account: &AccountId) -> Result<String, CallError> {
        const OPERATION: &str = "organizations:ListParents";
        let answer = self.client.list_parents().child_id(account.as_str()).send().await;
        let answer = answer.map_err(|error| call_error(OPERATION, error))?;
        let parent = answer.parents().first().and_then(|parent| parent.id());
        parent.map(str::to_owned).ok_or_else(|| incomplete(OPERATION, "the answer names no parent".into()))
    }

    pub async fn may_describe_unit(&self, unit: &str) -> Result<(), CallError> {
        let answer = self.client.describe_organizational_unit().organizational_unit_id(unit).send().await;
        known(answer.map(drop).map_err(|error| call_error("organizations:DescribeOrganizationalUnit", error)))
    }

    /// Ids of the accounts that administer a service for the organization.
    pub async fn delegated_administrators(&self, service: &str) -> Result<Vec<String>, CallError> {
        let mut found = Vec::new();
        let call = self.client.list_delegated_administrators().service_principal(service);
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page =
                page.map_err(|error| call_error("organizations:ListDelegatedAdministrators", error))?;
            found.extend(
                page.delegated_administrators.unwrap_or_default().into_iter().filter_map(|one| one.id),
            );
        }
        Ok(found)
    }

    /// The services that an account administers.
    pub async fn delegated_services(&self, account: &str) -> Result<Vec<String>, CallError> {
        let mut found = Vec::new();
        let mut pages =
            self.client.list_delegated_services_for_account().account_id(account).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page =
                page.map_err(|error| call_error("organizations:ListDelegatedServicesForAccount", error))?;
            let services = page.delegated_services.unwrap_or_default().into_iter();
            found.extend(services.filter_map(|service| service.service_principal));
        }
        Ok(found)
    }
}

/// Whoever is told that something does not exist was allowed to ask.
fn known(answer: Result<(), CallError>) -> Result<(), CallError> {
    match answer {
        Err(error) if error.cause == Cause::NotFound => Ok(()),
        answer => answer,
    }
}
