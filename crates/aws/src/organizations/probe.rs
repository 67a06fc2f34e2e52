//! Single calls that show what this identity may ask of Organizations, for the operator's command.

use assigner_core::{
    cause::{CallError, Cause},
    ids::AccountId,
    organization::State,
};

use super::{Organizations, incomplete};
use crate::calls::Patience;

/// An active account that is not the management account.
#[derive(Clone, Debug)]
pub struct Member {
    pub id: AccountId,
    pub arn: String,
}

impl Organizations {
    /// Returns any member account; `None` if the organization has none that is active.
    pub async fn some_member(&self, management: Option<&str>) -> Result<Option<Member>, CallError> {
        for listed in self.list_accounts().await? {
            if super::state(&listed) != State::Active {
                continue;
            }
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
        Ok(None)
    }

    pub async fn may_describe(&self, account: &AccountId) -> Result<(), CallError> {
        self.describe_account(account).await.map(drop)
    }

    /// Returns the OU or the root that holds the account.
    pub async fn parent(&self, account: &AccountId) -> Result<String, CallError> {
        const OPERATION: &str = "organizations:ListParents";
        let call = self.client.list_parents().child_id(account.as_str());
        let answer = self.calls.ask(OPERATION, Patience::OfOne, || call.clone().send()).await?;
        let parent = answer.parents().first().and_then(|parent| parent.id());
        parent.map(str::to_owned).ok_or_else(|| incomplete(OPERATION, "the answer names no parent".into()))
    }

    pub async fn may_describe_unit(&self, unit: &str) -> Result<(), CallError> {
        let call = self.client.describe_organizational_unit().organizational_unit_id(unit);
        let operation = "organizations:DescribeOrganizationalUnit";
        known(self.calls.ask(operation, Patience::OfOne, || call.clone().send()).await.map(drop))
    }

    /// Returns the ids of the accounts that administer a service for the organization.
    pub async fn delegated_administrators(&self, service: &str) -> Result<Vec<String>, CallError> {
        let call = self.client.list_delegated_administrators().service_principal(service);
        let page = |token| call.clone().set_next_token(token).send();
        let operation = "organizations:ListDelegatedAdministrators";
        let found = self.calls.list(operation, Patience::Needed, page, |page| {
            (page.delegated_administrators.unwrap_or_default(), page.next_token)
        });
        Ok(found.await?.into_iter().filter_map(|one| one.id).collect())
    }

    /// Returns the services that an account administers.
    pub async fn delegated_services(&self, account: &str) -> Result<Vec<String>, CallError> {
        let call = self.client.list_delegated_services_for_account().account_id(account);
        let page = |token| call.clone().set_next_token(token).send();
        let operation = "organizations:ListDelegatedServicesForAccount";
        let found = self.calls.list(operation, Patience::Needed, page, |page| {
            (page.delegated_services.unwrap_or_default(), page.next_token)
        });
        Ok(found.await?.into_iter().filter_map(|service| service.service_principal).collect())
    }
}

/// Takes "not found" as success: the identity was allowed to ask.
fn known(answer: Result<(), CallError>) -> Result<(), CallError> {
    match answer {
        Err(error) if error.cause == Cause::NotFound => Ok(()),
        answer => answer,
    }
}
