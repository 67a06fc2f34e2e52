//! Facts about one account or all, read fresh from AWS Organizations.
//!
//! Reads only what the table asks for, writes nothing, and remembers nothing.

mod probe;
#[cfg(feature = "controls")]
mod units;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use assigner_core::{
    cause::{CallError, Cause},
    ids::{self, AccountId},
    organization::{Account, AccountTags, Needs, Parent, State},
    selector::tree::Unit,
};
use aws_config::{SdkConfig, retry::RetryConfig};
use aws_sdk_organizations::{
    Client,
    types::{self, AccountState, AccountStatus},
};
use futures_util::{StreamExt, stream};

pub use probe::Member;

use crate::{
    calls::{Calls, Patience},
    client::{self, Tally, Watch},
};

/// Reads at the same time. Organizations has its own quotas and throttles above them.
const READS_AT_ONCE: usize = 8;

/// A client of AWS Organizations.
#[derive(Debug)]
pub struct Organizations {
    client: Client,
    calls: Calls,
}

impl Organizations {
    pub fn new(sdk: &SdkConfig, tally: Arc<Tally>) -> Organizations {
        let config = aws_sdk_organizations::config::Builder::from(sdk)
            .retry_config(RetryConfig::disabled())
            .timeout_config(client::timeouts())
            .interceptor(Watch { pace: None, tally: tally.clone() })
            .build();
        Organizations { client: Client::from_conf(config), calls: Calls::new(sdk, tally) }
    }

    /// Returns the account as it is now; `None` if it is not in the organization, or cannot be seen in it yet.
    /// `management` is the management account if that is known already.
    pub async fn account(
        &self,
        id: &AccountId,
        needs: Needs,
        management: &[&AccountId],
    ) -> Result<Option<Account>, CallError> {
        let Some(described) = self.describe_account(id).await? else { return Ok(None) };
        let mut account = self.translate(id.clone(), &described, management).await?;
        if !account.may_receive() {
            return Ok(Some(account));
        }
        let parents = async {
            let mut parents = self.parents(id, &described, &mut BTreeMap::new()).await?;
            if needs.organizational_unit_names {
                let names = self.organizational_unit_names(parents.iter().map(|parent| parent.id.as_str()));
                names.await?.name(&mut parents)?;
            }
            Ok::<_, CallError>(parents)
        };
        let tags = async {
            match needs.tags {
                true => self.tags(id).await.map(AccountTags::Read),
                false => Ok(AccountTags::NotRead),
            }
        };
        match tokio::try_join!(parents, tags) {
            Ok((parents, tags)) => (account.parents, account.tags) = (parents, tags),
            Err(error) if error.cause.may_concern_one() => account.unread = Some(error.to_string()),
            Err(error) => return Err(error),
        }
        Ok(Some(account))
    }

    /// Returns every account of the organization, with OU names if they are needed. Tags take one call for each
    /// account, so they are left out; see [`Self::tags`]. An account that vanishes meanwhile is left out, and one that
    /// cannot be read whole says so.
    pub async fn accounts(&self, needs: Needs, management: &[&AccountId]) -> Result<Vec<Account>, CallError> {
        let mut accounts = Vec::new();
        // Only answers without `Paths` make this grow: the parent of each account and OU that was asked for.
        let mut known_parents = BTreeMap::new();
        for listed in self.list_accounts().await? {
            let Some(id) = listed.id().and_then(AccountId::parse) else { continue };
            let mut account = self.translate(id, &listed, management).await?;
            if account.may_receive() {
                match self.parents(&account.id, &listed, &mut known_parents).await {
                    Ok(parents) => account.parents = parents,
                    Err(error) if error.cause == Cause::NotFound => continue,
                    Err(error) if error.cause.may_concern_one() => account.unread = Some(error.to_string()),
                    Err(error) => return Err(error),
                }
            }
            accounts.push(account);
        }
        if needs.organizational_unit_names {
            let ids = accounts.iter().flat_map(|account| &account.parents).map(|parent| parent.id.as_str());
            let names = self.organizational_unit_names(ids).await?;
            for account in &mut accounts {
                if let Err(error) = names.name(&mut account.parents) {
                    account.unread = Some(error.to_string());
                }
            }
        }
        Ok(accounts)
    }

    /// Returns the account without its parents and tags.
    async fn translate(
        &self,
        id: AccountId,
        described: &types::Account,
        management: &[&AccountId],
    ) -> Result<Account, CallError> {
        // The account's ARN names the management account: arn:aws:organizations::<management>:account/...
        let owner = described.arn().and_then(|arn| arn.split(':').nth(4)).and_then(AccountId::parse);
        let management_is_known = owner.is_some() || !management.is_empty();
        let is_management = management.contains(&&id)
            || owner.as_ref() == Some(&id)
            || (!management_is_known && self.management_account().await? == id.as_str());
        Ok(Account {
            id,
            name: described.name().unwrap_or_default().to_owned(),
            state: state(described),
            is_management,
            parents: Vec::new(),
            tags: AccountTags::NotRead,
            unread: None,
        })
    }

    async fn list_accounts(&self) -> Result<Vec<types::Account>, CallError> {
        let call = self.client.list_accounts();
        let page = |token| call.clone().set_next_token(token).send();
        self.calls
            .list("organizations:ListAccounts", Patience::Needed, page, |page| {
                (page.accounts.unwrap_or_default(), page.next_token)
            })
            .await
    }

    async fn describe_account(&self, id: &AccountId) -> Result<Option<types::Account>, CallError> {
        let call = self.client.describe_account().account_id(id.as_str());
        let answer =
            self.calls.ask("organizations:DescribeAccount", Patience::Needed, || call.clone().send());
        match answer.await {
            Ok(answer) => Ok(answer.account),
            Err(CallError { cause: Cause::NotFound, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the names of all accounts, whatever their state.
    #[cfg(feature = "permissions")]
    pub async fn account_names(&self) -> Result<BTreeMap<AccountId, String>, CallError> {
        let named = |account: types::Account| {
            Some((AccountId::parse(account.id()?)?, account.name().unwrap_or_default().to_owned()))
        };
        Ok(self.list_accounts().await?.into_iter().filter_map(named).collect())
    }

    pub async fn management_account(&self) -> Result<String, CallError> {
        const OPERATION: &str = "organizations:DescribeOrganization";
        let call = self.client.describe_organization();
        let answer = self.calls.ask(OPERATION, Patience::Needed, || call.clone().send()).await?;
        let id = answer.organization.and_then(|organization| organization.master_account_id);
        id.ok_or_else(|| incomplete(OPERATION, "the answer names no management account".into()))
    }

    /// Returns the id of the organization, such as `o-a1b2c3d4e5`.
    #[cfg(feature = "permissions")]
    pub async fn organization_id(&self) -> Result<String, CallError> {
        const OPERATION: &str = "organizations:DescribeOrganization";
        let call = self.client.describe_organization();
        let answer = self.calls.ask(OPERATION, Patience::Needed, || call.clone().send()).await?;
        let id = answer.organization.and_then(|organization| organization.id);
        id.ok_or_else(|| incomplete(OPERATION, "the answer names no organization".into()))
    }

    /// Returns the parents from the root down, without names.
    async fn parents(
        &self,
        id: &AccountId,
        described: &types::Account,
        known: &mut BTreeMap<String, String>,
    ) -> Result<Vec<Parent>, CallError> {
        let chain = match described.paths().iter().find_map(|path| chain(path)) {
            Some(chain) => chain,
            None => self.climb(id, known).await?,
        };
        Ok(chain.into_iter().map(|id| Parent { id, name: None }).collect())
    }

    /// Returns the chain of parents, by one ListParents for each that is not known.
    async fn climb(
        &self,
        id: &AccountId,
        known: &mut BTreeMap<String, String>,
    ) -> Result<Vec<String>, CallError> {
        const OPERATION: &str = "organizations:ListParents";
        let mut chain = vec![id.as_str().to_owned()];
        while let Some(child) = chain.last().filter(|child| !ids::is_root_id(child)).cloned() {
            if !known.contains_key(&child) {
                let call = self.client.list_parents().child_id(&child);
                let answer = self.calls.ask(OPERATION, Patience::OfOne, || call.clone().send()).await?;
                let parent = answer.parents().first().and_then(|parent| parent.id());
                known.extend(parent.map(|parent| (child.clone(), parent.to_owned())));
            }
            // An organization is at most five OUs deep. A chain that does not reach the root must not be used:
            // an `except` could miss the OU that it names.
            match known.get(&child) {
                Some(parent) if chain.len() < 10 => chain.push(parent.clone()),
                _ => return Err(incomplete(OPERATION, format!("the parents of {id} do not lead to a root"))),
            }
        }
        chain.remove(0);
        chain.reverse();
        Ok(chain)
    }

    /// Returns the name of each OU among these ids, by one call each.
    async fn organizational_unit_names(
        &self,
        ids: impl Iterator<Item = &str>,
    ) -> Result<UnitNames, CallError> {
        const OPERATION: &str = "organizations:DescribeOrganizationalUnit";
        let ids: BTreeSet<&str> = ids.filter(|id| ids::is_organizational_unit_id(id)).collect();
        let name = async |id: &str| {
            let call = self.client.describe_organizational_unit().organizational_unit_id(id);
            let answer = self.calls.ask(OPERATION, Patience::OfOne, || call.clone().send()).await?;
            let name = answer.organizational_unit.and_then(|unit| unit.name);
            name.ok_or_else(|| incomplete(OPERATION, format!("the answer gives no name for {id}")))
        };
        let mut names = UnitNames::default();
        let mut read = stream::iter(ids).map(async |id| (id, name(id).await)).buffer_unordered(READS_AT_ONCE);
        while let Some((id, name)) = read.next().await {
            match name {
                Err(error) if !error.cause.may_concern_one() => return Err(error),
                name => _ = names.0.insert(id.to_owned(), name),
            }
        }
        Ok(names)
    }

    /// Whether the organization has this OU or root. For a root that is not known without reading accounts.
    pub async fn has_unit(&self, id: &str) -> Result<bool, CallError> {
        if ids::is_root_id(id) {
            return Ok(true);
        }
        let call = self.client.describe_organizational_unit().organizational_unit_id(id);
        let operation = "organizations:DescribeOrganizationalUnit";
        match self.calls.ask(operation, Patience::OfOne, || call.clone().send()).await {
            Ok(_) => Ok(true),
            Err(error) if error.cause == Cause::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns the OUs directly in an OU or in the root; none if that is gone.
    pub async fn units_directly_in(&self, parent: &str) -> Result<Vec<Unit>, CallError> {
        let call = self.client.list_organizational_units_for_parent().parent_id(parent);
        let page = |token| call.clone().set_next_token(token).send();
        let operation = "organizations:ListOrganizationalUnitsForParent";
        let units = self.calls.list(operation, Patience::OfOne, page, |page| {
            (page.organizational_units.unwrap_or_default(), page.next_token)
        });
        let units = match units.await {
            Err(error) if error.cause == Cause::NotFound => Vec::new(),
            units => units?,
        };
        let unit = |unit: types::OrganizationalUnit| match (unit.id, unit.name) {
            (Some(id), Some(name)) => Ok(Unit { id, name, parent: parent.to_owned() }),
            _ => Err(incomplete(operation, format!("an OU in {parent} has no id or name"))),
        };
        units.into_iter().map(unit).collect()
    }

    pub async fn tags(&self, id: &AccountId) -> Result<BTreeMap<String, String>, CallError> {
        let call = self.client.list_tags_for_resource().resource_id(id.as_str());
        let page = |token| call.clone().set_next_token(token).send();
        let tags = self.calls.list("organizations:ListTagsForResource", Patience::OfOne, page, |page| {
            (page.tags.unwrap_or_default(), page.next_token)
        });
        Ok(tags.await?.into_iter().map(|tag| (tag.key, tag.value)).collect())
    }
}

/// The names of OUs, or why one is not known.
#[derive(Default)]
struct UnitNames(BTreeMap<String, Result<String, CallError>>);

impl UnitNames {
    /// Names the OUs among the parents.
    fn name(&self, parents: &mut [Parent]) -> Result<(), CallError> {
        for parent in parents {
            parent.name = match self.0.get(&parent.id) {
                Some(Ok(name)) => Some(name.clone()),
                Some(Err(error)) => return Err(error.clone()),
                None => None,
            };
        }
        Ok(())
    }
}

/// Returns the error for an answer without the part that a decision needs.
fn incomplete(operation: &'static str, message: String) -> CallError {
    CallError { operation, cause: Cause::Unavailable, code: None, message }
}

/// Returns `State` if it is given, else the `Status` that it replaces. An account described without either counts as
/// active: Identity Center will report whether it can be reached.
fn state(described: &types::Account) -> State {
    match (described.state(), described.status()) {
        (Some(AccountState::Active), _) => State::Active,
        (Some(AccountState::PendingActivation), _) => State::PendingActivation,
        (Some(AccountState::Suspended), _) => State::Suspended,
        (Some(AccountState::PendingClosure), _) => State::PendingClosure,
        (Some(AccountState::Closed), _) => State::Closed,
        (Some(other), _) => State::Other(other.as_str().to_owned()),
        (None, Some(AccountStatus::Suspended)) => State::Suspended,
        (None, Some(AccountStatus::PendingClosure)) => State::PendingClosure,
        (None, Some(AccountStatus::Active) | None) => State::Active,
        (None, Some(other)) => State::Other(other.as_str().to_owned()),
    }
}

/// Returns the roots and OUs of a path such as `o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/111122223333/`.
fn chain(path: &str) -> Option<Vec<String>> {
    let parents: Vec<_> = path
        .split('/')
        .filter(|part| ids::is_root_id(part) || ids::is_organizational_unit_id(part))
        .map(str::to_owned)
        .collect();
    parents.first().is_some_and(|first| ids::is_root_id(first)).then_some(parents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_gives_the_chain_of_parents_from_the_root_down() {
        let cases: &[(&str, Option<&[&str]>)] = &[
            ("o-a1b2c3d4e5/r-ab12/111122223333/", Some(&["r-ab12"])),
            (
                "o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/ou-ab12-22222222/111122223333/",
                Some(&["r-ab12", "ou-ab12-11111111", "ou-ab12-22222222"]),
            ),
            ("o-a1b2c3d4e5/ou-ab12-11111111/111122223333/", None),
            ("", None),
        ];
        for (path, expected) in cases {
            let expected = expected.map(|parents| parents.iter().map(|id| (*id).to_owned()).collect());
            assert_eq!(chain(path), expected, "{path}");
        }
    }

    #[test]
    fn the_state_is_read_from_either_field_and_the_newer_one_counts() {
        let account = |state: Option<&str>, status: Option<&str>| {
            types::Account::builder()
                .set_state(state.map(AccountState::from))
                .set_status(status.map(AccountStatus::from))
                .build()
        };
        let cases = [
            (Some("ACTIVE"), None, State::Active),
            (Some("PENDING_ACTIVATION"), Some("ACTIVE"), State::PendingActivation),
            (Some("CLOSED"), Some("SUSPENDED"), State::Closed),
            (Some("PENDING_CLOSURE"), None, State::PendingClosure),
            (Some("FROZEN"), Some("ACTIVE"), State::Other("FROZEN".into())),
            (None, Some("ACTIVE"), State::Active),
            (None, Some("SUSPENDED"), State::Suspended),
            (None, Some("PENDING_CLOSURE"), State::PendingClosure),
            (None, Some("FROZEN"), State::Other("FROZEN".into())),
            (None, None, State::Active),
        ];
        for (state_field, status_field, expected) in cases {
            assert_eq!(
                state(&account(state_field, status_field)),
                expected,
                "{state_field:?} {status_field:?}"
            );
        }
    }
}
