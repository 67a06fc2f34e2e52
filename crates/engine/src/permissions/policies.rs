//! The policies that each account has by itself under the name that a set refers to: looked for, and created where they are
//! missing. One that says something else is never overwritten.

use std::collections::BTreeSet;

use assigner_aws::permissions::{Member, Sessions};
use assigner_core::{
    cause::{CallError, Cause, Retry},
    ids::AccountId,
    permissions::{narrow, policy::Document},
};
use futures_util::{StreamExt, stream};

use super::edit;
use crate::{READS_AT_ONCE, error::Error};

/// The policies, by name, in accounts.
#[derive(Debug)]
pub struct Policies<'a> {
    parts: &'a [(String, Document)],
    partition: &'static str,
    /// Accounts that lack some.
    missing: Vec<(AccountId, Member)>,
}

impl<'a> Policies<'a> {
    /// Looks for them. Writes nothing.
    ///
    /// # Errors
    /// One sentence for each account that cannot be read, or has another policy of that name.
    pub async fn look(
        sessions: &Sessions,
        accounts: &BTreeSet<AccountId>,
        own: Option<&AccountId>,
        role: &str,
        parts: &'a [(String, Document)],
    ) -> Result<Policies<'a>, Error> {
        let partition = sessions.partition();
        let narrow = narrow::policies(parts.iter().map(|(name, _)| name.as_str()));
        let looked = stream::iter(accounts)
            .map(async |account| {
                let member = match own == Some(account) {
                    true => sessions.own(),
                    false => sessions.assume(account, role, &narrow).await.map_err(|error| {
                        format!("{account}: {error}; let the role {role} there trust this identity, or name another one with \
                                 --role")
                    })?,
                };
                let mut lacks = false;
                for (name, document) in parts {
                    lacks |= !has(&member, partition, account, (name, document)).await?;
                }
                Ok((account.clone(), lacks.then_some(member)))
            })
            .buffer_unordered(READS_AT_ONCE)
            .collect::<Vec<Result<(AccountId, Option<Member>), String>>>()
            .await;
        let (mut missing, mut problems) = (Vec::new(), Vec::new());
        for one in looked {
            match one {
                Ok((account, Some(member))) => missing.push((account, member)),
                Ok((_, None)) => {}
                Err(problem) => problems.push(problem),
            }
        }
        missing.sort_by(|(one, _), (other, _)| one.cmp(other));
        problems.sort();
        if problems.is_empty() {
            Ok(Policies { parts, partition, missing })
        } else {
            Err(Error::InvalidConfig(problems))
        }
    }

    /// Returns how many accounts lack some of them.
    pub fn missing(&self) -> usize {
        self.missing.len()
    }

    /// Creates what is missing, and returns how many writes that took.
    ///
    /// # Errors
    /// One sentence for each account in which one could not be created. The others have theirs, and the same call goes on.
    pub async fn create(&self) -> Result<usize, Error> {
        let created = stream::iter(&self.missing)
            .map(async |(account, member)| {
                let mut writes = 0;
                for part in self.parts {
                    writes += create(member, self.partition, account, part).await?;
                }
                Ok(writes)
            })
            .buffer_unordered(READS_AT_ONCE)
            .collect::<Vec<Result<usize, String>>>()
            .await;
        let mut problems: Vec<String> = created.iter().filter_map(|one| one.clone().err()).collect();
        problems.sort();
        if problems.is_empty() {
            Ok(created.into_iter().flatten().sum())
        } else {
            Err(Error::InvalidConfig(problems))
        }
    }
}

/// Whether the account has the policy.
async fn has(
    member: &Member,
    partition: &str,
    account: &AccountId,
    (name, document): (&str, &Document),
) -> Result<bool, String> {
    let arn = format!("arn:{partition}:iam::{account}:policy/{name}");
    match member.policy(&arn).await.map_err(|error| format!("{account}: {error}"))? {
        None => Ok(false),
        Some(found) if found == *document => Ok(true),
        Some(_) => Err(format!("{account}: the account has another policy {name}; choose another name")),
    }
}

async fn create(
    member: &Member,
    partition: &str,
    account: &AccountId,
    (name, document): &(String, Document),
) -> Result<usize, String> {
    let mut failures = 0;
    let mut writes = 0;
    while !has(member, partition, account, (name, document)).await? {
        match member.create_policy(name, document).await {
            Ok(()) => writes = 1,
            Err(error) if failures < edit::ATTEMPTS && passes(&error) => {}
            Err(error) => return Err(format!("{account}: {error}")),
        }
        failures += 1;
        if failures > edit::ATTEMPTS {
            return Err(format!("{account}: the policy {name} was created and does not show; run it again"));
        }
        if failures > 1 {
            edit::pause(failures).await;
        }
    }
    Ok(writes)
}

fn passes(error: &CallError) -> bool {
    let there = error.code.as_deref() == Some("EntityAlreadyExists");
    there || error.cause.retry() == Retry::Again || error.cause == Cause::Conflict
}
