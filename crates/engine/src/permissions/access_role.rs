//! Makes the role with which Access Analyzer reads the log, in accounts that have none, and takes away in the end what was
//! made. A role that is not ours, by its name, path and tag, is never changed or taken away.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use assigner_aws::permissions::{Member, Role, Sessions, Trail};
use assigner_core::{
    cause::CallError,
    ids::AccountId,
    permissions::{
        access_role::{self, NAME, POLICY, TAG},
        narrow::{self, ACCESS_ROLE_PATH},
        way::Diagnosis,
    },
};
use futures_util::{StreamExt, stream};
use tokio::time::sleep;

use super::logs::Logs;
use crate::READS_AT_ONCE;

/// How often a role is looked for that may have been made, and the time between.
const LOOKS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(500);

/// The roles of one run.
#[derive(Debug)]
pub struct AccessRoles {
    logs: Arc<Logs>,
    /// The name of the role that is assumed in each account.
    role: String,
    /// Accounts in which one may be there that is ours.
    made: Mutex<BTreeMap<AccountId, Made>>,
}

/// What is known of the role of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Made {
    /// Whether it is the account that the caller is in.
    own: bool,
    /// Whether it was seen. One that was asked for may still come.
    seen: bool,
}

impl AccessRoles {
    pub fn new(logs: Arc<Logs>, role: String) -> AccessRoles {
        AccessRoles { logs, role, made: Mutex::default() }
    }

    fn note(&self, account: &AccountId, made: Made) {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).insert(account.clone(), made);
    }

    /// Takes away in the end what an earlier run has left in an account, if it is ours.
    pub fn take_over(&self, account: &AccountId, own: bool) {
        self.note(account, Made { own, seen: true });
    }

    /// Returns the role of an account, which is made if there is none. One that an earlier run left is taken over.
    ///
    /// # Errors
    /// What is wrong and what to do. The role may have been made all the same.
    pub async fn make(
        &self,
        member: &Member,
        account: &AccountId,
        own: bool,
        trail: &Trail,
    ) -> Result<Role, Diagnosis> {
        if trail.bucket != self.logs.bucket() {
            return Err(Diagnosis {
                cause: format!(
                    "the account has no role with which Access Analyzer reads the log, and its trail writes to {}",
                    trail.bucket
                ),
                remedy: "use --source last-accessed".to_owned(),
            });
        }
        let failed = |error: CallError| Diagnosis {
            cause: format!("the role {ACCESS_ROLE_PATH}{NAME} could not be made: {error}"),
            remedy: "let the role in the account make it, also in SCPs, or make it by hand".to_owned(),
        };
        // Before it is asked for: nobody knows what becomes of a request.
        self.note(account, Made { own, seen: false });
        let created = member.create_role((ACCESS_ROLE_PATH, NAME), &access_role::trust(), &[TAG]).await;
        let found = match (member.role(NAME).await.map_err(failed)?, created) {
            (Some(found), _) => found,
            (None, Err(error)) => return Err(failed(error)),
            (None, Ok(())) => {
                return Err(Diagnosis {
                    cause: format!("the role {ACCESS_ROLE_PATH}{NAME} was made and does not show"),
                    remedy: "run it again".to_owned(),
                });
            }
        };
        if !access_role::is_ours(&found.arn, &found.tags) {
            return Err(Diagnosis {
                cause: format!("the account has another role {NAME}, without the tag {}", TAG.0),
                remedy: "see whose it is, and take it away".to_owned(),
            });
        }
        self.note(account, Made { own, seen: true });
        let key = self.logs.key().map(|(key, _)| key);
        let policy = access_role::policy(self.logs.place(), account, &trail.arn, key);
        member.put_role_policy(NAME, POLICY, &policy).await.map_err(failed)?;
        Ok(Role { path: ACCESS_ROLE_PATH.to_owned(), name: NAME.to_owned(), arn: found.arn })
    }

    /// Takes away what was made. Returns a sentence for each account in which a role may be left.
    pub async fn remove(&self, sessions: &Sessions) -> Vec<String> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut left: Vec<String> = stream::iter(made)
            .map(async |(account, made)| {
                let removed = self.remove_in(sessions, &account, made).await;
                let why = removed.err()?;
                Some(format!("the role {ACCESS_ROLE_PATH}{NAME} of the account {account} may be left: {why}"))
            })
            .buffer_unordered(READS_AT_ONCE)
            .filter_map(async |left| left)
            .collect()
            .await;
        left.sort();
        left
    }

    #[expect(clippy::disallowed_methods, reason = "waits for what may still come")]
    async fn remove_in(&self, sessions: &Sessions, account: &AccountId, made: Made) -> Result<(), CallError> {
        let member = match made.own {
            true => sessions.own(),
            false => sessions.assume(account, &self.role, &narrow::no_access_role(NAME)).await?,
        };
        for look in 0..LOOKS {
            match member.role(NAME).await? {
                Some(found) if access_role::is_ours(&found.arn, &found.tags) => {
                    member.delete_role_policy(NAME, POLICY).await?;
                    member.delete_role(NAME).await?;
                    return Ok(());
                }
                // Somebody else's.
                Some(_) => return Ok(()),
                None if made.seen => return Ok(()),
                None => {}
            }
            if look + 1 < LOOKS {
                sleep(PAUSE).await;
            }
        }
        Ok(())
    }
}
