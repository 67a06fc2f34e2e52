//! Accounts as a person names them: by id, or by name wherever an id is taken. A name that several accounts have, or
//! none, is refused with what to write instead.

use std::path::Path;

use assigner_core::{
    ids::AccountId,
    organization::{NamedAccount, UnclearAccount},
    selector::Selection,
};
use assigner_engine::error::Error;
use tokio::time::timeout_at;

use crate::{arguments, exit::Failure, session::Session, terminal::clean};

impl Session {
    /// Returns which accounts are meant, with ids for names: those of the snapshot if there is one, else those that the
    /// organization has now. Nothing is read if no account is given by name.
    pub async fn selection(
        &self,
        selection: arguments::Selection,
        snapshot: Option<&Path>,
    ) -> Result<Selection, Failure> {
        let arguments::Selection { accounts, ous, all } = selection;
        if all {
            return Ok(Selection::default());
        }
        Ok(Selection { accounts: self.account_ids(&accounts, snapshot).await?, ous })
    }

    /// Returns the id of one account.
    pub async fn account_id(
        &self,
        account: &NamedAccount,
        snapshot: Option<&Path>,
    ) -> Result<AccountId, Failure> {
        let ids = self.account_ids(std::slice::from_ref(account), snapshot).await?;
        ids.into_iter().next().ok_or_else(|| Failure::wrong("no account is named", "give its id or its name"))
    }

    async fn account_ids(
        &self,
        accounts: &[NamedAccount],
        snapshot: Option<&Path>,
    ) -> Result<Vec<AccountId>, Failure> {
        let known: Vec<(AccountId, String)> = match snapshot {
            _ if accounts.iter().all(|account| matches!(account, NamedAccount::Id(_))) => Vec::new(),
            Some(path) => self.snapshot(path)?.account_names(),
            None => {
                let aws = self.aws().await?;
                let names = timeout_at(self.until, aws.organizations.account_names()).await;
                let late = Error::Late { what: "the names of accounts", last: None };
                names.map_err(|_| late)??.into_iter().collect()
            }
        };
        let known = known.iter().map(|(id, name)| (id, name.as_str()));
        let id = |account: &NamedAccount| {
            account.find(known.clone()).map_err(|unclear| refused(account, &unclear))
        };
        accounts.iter().map(id).collect()
    }
}

/// Returns the failure of a name that is not clear.
pub fn refused(account: &NamedAccount, unclear: &UnclearAccount) -> Failure {
    let name = match account {
        NamedAccount::Id(id) => id.to_string(),
        NamedAccount::Name(name) => clean(name),
    };
    match unclear {
        UnclearAccount::Nobody { near } => {
            let near = near.as_deref().map(|near| format!("did you mean {}? ", clean(near)));
            Failure::wrong(
                format!("no account is named {name:?}"),
                format!(
                    "{}give the account's name as AWS Organizations has it, or its id of 12 digits",
                    near.unwrap_or_default()
                ),
            )
        }
        UnclearAccount::Several(ids) => {
            let ids: Vec<&str> = ids.iter().map(AccountId::as_str).collect();
            Failure::wrong(
                format!("{} accounts are named {name:?}: {}", ids.len(), ids.join(", ")),
                "give the id of the one that you mean",
            )
        }
    }
}
