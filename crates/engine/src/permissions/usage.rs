//! Reads a permission set and what its roles did. It decides nothing of what is kept.

use std::{collections::BTreeSet, sync::Arc};

use assigner_aws::{
    control_tower::ControlTower,
    identity_center::{BoundaryReference, IdentityCenter, PermissionSetContent, PolicyReference},
    organizations::Organizations,
    permissions::{Member, Sessions},
};
use assigner_core::{
    cause::CallError,
    day::Day,
    ids::{AccountId, is_permission_set_arn},
    permissions::{
        policy::Document,
        sources,
        today::Today,
        usage::{
            Account, Boundary, CustomerManaged, InAccounts, Managed, PermissionSet, Source, Usage, VERSION,
        },
    },
};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    access_role::AccessRoles,
    account::{self, Log, Seen},
    way::LogBucket,
};
use crate::{READS_AT_ONCE, error::Error};

/// Accounts that are read at the same time. Each waits for AWS nearly all of its time.
const ACCOUNTS_AT_ONCE: usize = 256;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The name of the permission set, or its ARN.
    pub set: String,
    /// From 1 to 90.
    pub days: u32,
    pub sources: BTreeSet<Source>,
    /// The name of the role that is assumed in each account.
    pub role: String,
    /// Today, UTC.
    pub day: Day,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Set,
    Accounts { read: usize, all: usize },
}

/// Whom it asks.
#[derive(Clone, Copy)]
pub struct Aws<'a> {
    pub center: &'a IdentityCenter,
    pub organizations: &'a Organizations,
    pub tower: &'a ControlTower,
    pub sessions: &'a Sessions,
}

/// Reads everything. `roles` makes the role that reads the log where it is missing. What fails in one account is in the
/// result, and does not stop the others.
///
/// # Errors
/// If the set, its policies or its accounts cannot be read, or there is no such set.
pub async fn read(
    aws: Aws<'_>,
    ask: &Ask,
    roles: Option<&AccessRoles>,
    watch: &(dyn Fn(Step) + Sync),
) -> Result<Usage, Error> {
    watch(Step::Set);
    aws.center.find_instance().await?;
    let arn = find(aws.center, &ask.set).await?;
    let content = aws.center.permission_set_content(&arn).await?.ok_or_else(|| no_such_set(&ask.set))?;
    let ids: BTreeSet<AccountId> = aws.center.accounts_of_permission_set(&arn).await?.into_iter().collect();
    if ids.is_empty() {
        return Err(Error::InvalidConfig(vec![format!(
            "the permission set {} is provisioned in no account, so that nothing is known of its use",
            content.name
        )]));
    }
    let names = aws.organizations.account_names().await?;
    let own_account = aws.sessions.own_account().await?;
    let managed = managed(&aws.sessions.own(), &content).await?;

    let all = ids.len();
    watch(Step::Accounts { read: 0, all });
    let content = Arc::new(content);
    let log = Arc::new(LogBucket::new(aws));
    let mut seen: Vec<Seen> = Vec::with_capacity(all);
    let mut reading = stream::iter(ids.into_iter().map(|id| {
        let (content, log) = (content.clone(), log.clone());
        let own = own_account.as_ref() == Some(&id);
        let name = names.get(&id).cloned().unwrap_or_default();
        async move {
            account::read(aws.sessions, (id, name), own, &content, Log { bucket: &log, roles }, ask).await
        }
    }))
    .buffer_unordered(ACCOUNTS_AT_ONCE);
    while let Some(one) = reading.next().await {
        seen.push(one);
        watch(Step::Accounts { read: seen.len(), all });
    }
    drop(reading);
    seen.sort_by(|one, other| one.account.id.cmp(&other.account.id));
    let permission_set = whole(arn, &content, managed, &seen);
    let mut accounts: Vec<Account> = seen.into_iter().map(|seen| seen.account).collect();
    for account in &mut accounts {
        // A set that is not clear is refused by the draft, with the reason.
        if let Ok(today) = Today::new(&permission_set, &BTreeSet::from([account.id.clone()])) {
            sources::leave_out(account, &today);
        }
    }
    Ok(Usage { version: VERSION, permission_set, days: ask.days, accounts })
}

fn no_such_set(name: &str) -> Error {
    Error::InvalidConfig(vec![format!("there is no permission set {name}; correct the name or the ARN")])
}

/// Returns the ARN of the set.
async fn find(center: &IdentityCenter, set: &str) -> Result<String, Error> {
    if is_permission_set_arn(set) {
        return Ok(set.to_owned());
    }
    find_named(center, set).await?.ok_or_else(|| no_such_set(set))
}

/// Returns the ARN of the set of a name.
pub(super) async fn find_named(center: &IdentityCenter, name: &str) -> Result<Option<String>, Error> {
    let arns = center.list_permission_sets().await?;
    let named: Vec<(String, Option<String>)> = stream::iter(arns)
        .map(|arn| async move {
            let name = center.permission_set_name(&arn).await?;
            Ok::<_, CallError>((arn, name))
        })
        .buffer_unordered(READS_AT_ONCE)
        .try_collect()
        .await?;
    let found = named.into_iter().find(|(_, found)| found.as_deref() == Some(name));
    Ok(found.map(|(arn, _)| arn))
}

/// Returns a set as it is now, with AWS's policies and without those of the accounts; `None` if it does not exist.
pub(super) async fn read_set(
    center: &IdentityCenter,
    sessions: &Sessions,
    arn: &str,
) -> Result<Option<PermissionSet>, Error> {
    let Some(content) = center.permission_set_content(arn).await? else { return Ok(None) };
    let managed = managed(&sessions.own(), &content).await?;
    Ok(Some(whole(arn.to_owned(), &content, managed, &[])))
}

/// Reads AWS's own policies, which every account can read.
async fn managed(own: &Member, content: &PermissionSetContent) -> Result<Vec<Managed>, Error> {
    let boundary = match &content.boundary {
        Some(BoundaryReference::Managed(arn)) => Some(arn),
        Some(BoundaryReference::CustomerManaged(_)) | None => None,
    };
    let mut read = Vec::new();
    for arn in content.managed_policies.iter().chain(boundary) {
        let document = own.policy(arn).await?.ok_or_else(|| {
            Error::InvalidConfig(vec![format!(
                "the set names the managed policy {arn}, which does not exist"
            )])
        })?;
        read.push(Managed { arn: arn.clone(), document });
    }
    Ok(read)
}

/// Puts the set together.
fn whole(
    arn: String,
    content: &PermissionSetContent,
    mut managed: Vec<Managed>,
    seen: &[Seen],
) -> PermissionSet {
    let boundary = match &content.boundary {
        None => None,
        Some(BoundaryReference::Managed(_)) => managed.pop().map(Boundary::Managed),
        Some(BoundaryReference::CustomerManaged(of)) => {
            Some(Boundary::CustomerManaged(customer_managed(of, seen)))
        }
    };
    PermissionSet {
        arn,
        name: content.name.clone(),
        description: content.description.clone(),
        session_duration: content.session_duration.clone(),
        relay_state: content.relay_state.clone(),
        tags: content.tags.clone(),
        inline_policy: content.inline_policy.clone(),
        managed_policies: managed,
        customer_managed_policies: content
            .customer_managed_policies
            .iter()
            .map(|of| customer_managed(of, seen))
            .collect(),
        boundary,
    }
}

/// Returns what the accounts have under a name. Accounts with the same document share an entry.
fn customer_managed(of: &PolicyReference, seen: &[Seen]) -> CustomerManaged {
    let mut documents: Vec<InAccounts> = Vec::new();
    for seen in seen {
        let Some(document): Option<&Document> = seen.policies.get(of) else { continue };
        let id = seen.account.id.clone();
        match documents.iter_mut().find(|entry| entry.document == *document) {
            Some(entry) => _ = entry.accounts.insert(id),
            None => documents.push(InAccounts { accounts: BTreeSet::from([id]), document: document.clone() }),
        }
    }
    CustomerManaged { name: of.name.clone(), path: of.path.clone(), documents }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_with_the_same_policy_share_it() {
        let of = PolicyReference { path: "/".to_owned(), name: "Team".to_owned() };
        let document = |action: &str| {
            let text = format!(
                r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"{action}","Resource":"*"}}}}"#
            );
            serde_json::from_str::<Document>(&text).unwrap()
        };
        let seen = |account: &str, action: Option<&str>| {
            let mut seen = Seen::new(AccountId::parse(account).unwrap(), String::new());
            seen.policies.extend(action.map(|action| (of.clone(), document(action))));
            seen
        };
        let all = [
            seen("111122223333", Some("s3:*")),
            seen("222233334444", Some("*")),
            seen("333344445555", Some("s3:*")),
            seen("444455556666", None),
        ];
        let documents = customer_managed(&of, &all).documents;
        let accounts: Vec<usize> = documents.iter().map(|entry| entry.accounts.len()).collect();
        assert_eq!(accounts, [2, 1]);
    }
}
