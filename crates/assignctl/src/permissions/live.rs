//! What editing a live set takes, whichever way: who asks, what must stay as it is, and the set in its accounts.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use assigner_aws::{
    client::Tally,
    permissions::{Caller, Sessions},
};
use assigner_core::{
    ids::AccountId,
    permissions::{
        guard::{self, Circumstances},
        usage::PermissionSet,
    },
    work::{Count, Wish},
};
use assigner_engine::{
    error::Error,
    permissions::{
        apply,
        rollout::{Doubt, End, Rollout, Watch},
    },
};
use tokio::{sync::watch, time::timeout_at};

use crate::{
    exit::{Exit, Failure},
    facts::Aws,
    session::Session,
    terminal::{obey_signals, show_progress},
};

/// The clients, and who asks.
pub struct Live {
    pub aws: Aws,
    pub sessions: Sessions,
    management: AccountId,
    caller: Caller,
}

impl Live {
    pub async fn new(session: &Session) -> Result<Live, Failure> {
        let aws = session.aws().await?;
        if aws.settings.dry_run {
            return Err(Failure::wrong("DRY_RUN is true, so nothing may be changed", "unset DRY_RUN"));
        }
        aws.center.find_instance().await.map_err(Error::from)?;
        let sessions = Sessions::new(&aws.sdk, Arc::new(Tally::default()));
        let management = match &aws.settings.management_account {
            Some(id) => id.clone(),
            None => {
                let id = aws.organizations.management_account().await?;
                AccountId::parse(&id).ok_or_else(|| {
                    Error::InvalidConfig(vec![
                        "Organizations names no management account; set MANAGEMENT_ACCOUNT_ID".to_owned(),
                    ])
                })?
            }
        };
        let caller = sessions.caller().await?;
        Ok(Live { aws, sessions, management, caller })
    }

    /// Returns the accounts in which the set is provisioned.
    ///
    /// # Errors
    /// If the set must stay as it is: every reason.
    pub async fn require_open(&self, set: &PermissionSet) -> Result<BTreeSet<AccountId>, Failure> {
        let accounts = self.aws.center.accounts_of_permission_set(&set.arn).await?;
        let accounts: BTreeSet<AccountId> = accounts.into_iter().collect();
        let Some(caller) = self.caller.arn.as_deref() else {
            return Err(refused(&[
                "STS does not say who asks, so that it could be this set that the session runs under"
                    .to_owned(),
            ]));
        };
        let of = Circumstances { set, accounts: &accounts, management: &self.management, caller };
        match guard::refusals(of).as_slice() {
            [] => Ok(accounts),
            refusals => Err(refused(refusals)),
        }
    }

    /// Reads the set once more before it is edited: a person may have taken long to answer.
    ///
    /// # Errors
    /// If it must stay as it is, or is in other accounts than was shown.
    pub async fn read_again(&self, arn: &str, shown: &BTreeSet<AccountId>) -> Result<PermissionSet, Failure> {
        let now = apply::read(&self.aws.center, &self.sessions, arn).await?;
        match self.require_open(&now).await? == *shown {
            true => Ok(now),
            false => Err(refused(&[format!(
                "the permission set {} is in other accounts than was shown",
                now.name
            )])),
        }
    }

    /// Waits for what is asked of AWS, until the run's time is over.
    ///
    /// # Errors
    /// Also if the time is over first.
    pub async fn in_time<T, E: Into<Failure>>(
        &self,
        session: &Session,
        asked: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Failure> {
        match timeout_at(session.until, asked).await {
            Ok(answered) => answered.map_err(Into::into),
            Err(_) => {
                let last = self.aws.center.tally().last_failure();
                Err(Error::Late { what: "the permission set", last }.into())
            }
        }
    }

    /// Returns how the set, as it shall be, comes to its accounts.
    pub fn rollout<'a>(
        &'a self,
        session: &Session,
        set: &'a PermissionSet,
        accounts: &'a BTreeSet<AccountId>,
        role: &'a str,
    ) -> Rollout<'a> {
        Rollout {
            center: &self.aws.center,
            sessions: &self.sessions,
            set,
            accounts,
            own: self.own(),
            role,
            max_outstanding: self.aws.settings.max_outstanding,
            manners: self.aws.settings.manners,
            until: session.until,
        }
    }

    pub fn own(&self) -> Option<&AccountId> {
        self.caller.account.as_ref()
    }

    /// Returns the accounts in which the set is to be provisioned, and what is known of the others.
    ///
    /// `edited`: the set was or will be changed, so that it is all of them.
    pub async fn behind(
        &self,
        of: Rollout<'_>,
        edited: bool,
    ) -> Result<(BTreeSet<AccountId>, BTreeMap<AccountId, End>), Failure> {
        if edited {
            return Ok((of.accounts.clone(), BTreeMap::new()));
        }
        let lagging = self.aws.center.accounts_that_lag(&of.set.arn).await?;
        let mut behind: BTreeSet<AccountId> = lagging.into_iter().collect();
        let mut ends = BTreeMap::new();
        for (account, proof) in of.look().await {
            let end = match proof {
                _ if behind.contains(&account) => continue,
                Ok(()) => End::Present,
                Err(Doubt::Differs(_)) => {
                    behind.insert(account);
                    continue;
                }
                Err(Doubt::Unread { reason, remedy }) => End::Failed { reason, remedy },
            };
            ends.insert(account, end);
        }
        Ok((behind, ends))
    }

    /// Provisions, with a bar.
    pub async fn provision(
        &self,
        session: &Session,
        of: Rollout<'_>,
        accounts: &BTreeSet<AccountId>,
        canary: Option<&AccountId>,
    ) -> BTreeMap<AccountId, End> {
        let bar = session.progress(accounts.len(), "{bar:30} {pos} of {len} accounts, {eta} left{msg}");
        let (wish, wished) = watch::channel(Wish::GoOn);
        let progress = |count: Count| show_progress(&bar, count);
        let provisioning = of.provision(accounts, canary, Watch { wish: wished, progress: &progress });
        tokio::pin!(provisioning);
        let ends = tokio::select! {
            ends = &mut provisioning => ends,
            () = obey_signals(&wish, &bar) => provisioning.await,
        };
        bar.finish_and_clear();
        ends
    }
}

/// Returns the failure of what must stay as it is.
pub fn refused(sentences: &[String]) -> Failure {
    Failure {
        name: "Refused",
        message: format!("nothing was written: {}", sentences.join("; ")),
        next: String::new(),
        exit: Exit::Missing,
    }
}
