//! Account access manager: the second way into an account. An entitlement links a group or user to an IAM role. No table
//! decides about it; a plan and a report show what is there, and say if it could not be read.

use std::{collections::BTreeSet, time::Duration};

use assigner_aws::client::call_error;
use assigner_core::{
    assignments::{
        PrincipalId,
        access::{AccountAccess, Entitled},
        facts::Facts,
        report::PrincipalReport,
    },
    cause::{CallError, Cause},
};
use aws_config::{SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_accountaccess::{
    Client,
    config::Region,
    types::{
        EntitlementFilter, EntitlementSummary, EntitlementsListMember, IdentityCenterPrincipal, Principal,
        PrincipalRoleEntitlementFilter,
    },
};
use serde::Serialize;

/// What account access manager has for the accounts that are looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", untagged)]
pub enum Entitlements {
    #[serde(rename_all = "camelCase")]
    Read {
        /// How many applications there are. Without one there is no entitlement.
        applications: usize,
        entitlements: Vec<Entitlement>,
    },
    /// Why it is not known.
    Unread { unread: String },
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entitlement {
    pub account: String,
    pub role_arn: String,
    /// `None` if AWS names a kind of principal that is not known here.
    pub principal: Option<PrincipalReport>,
    /// Whether the group or user was deleted.
    pub orphaned: bool,
    pub application_arn: String,
}

impl Entitlements {
    pub fn offline() -> Entitlements {
        Entitlements::Unread { unread: "the snapshot does not have them".to_owned() }
    }

    pub fn all(&self) -> &[Entitlement] {
        match self {
            Entitlements::Read { entitlements, .. } => entitlements,
            Entitlements::Unread { .. } => &[],
        }
    }

    pub fn unread(&self) -> Option<&str> {
        match self {
            Entitlements::Read { .. } => None,
            Entitlements::Unread { unread } => Some(unread),
        }
    }
}

impl Entitlements {
    /// Returns what is of the accounts of the facts, with the names of the facts.
    pub fn named(access: &AccountAccess, facts: &Facts) -> Entitlements {
        let (applications, found) = match access {
            AccountAccess::Read { applications, entitlements } => (*applications, entitlements),
            AccountAccess::Unread { unread } => return Entitlements::Unread { unread: unread.clone() },
        };
        let accounts: BTreeSet<&str> = facts.accounts.iter().map(|account| account.id.as_str()).collect();
        let named = |one: &Entitled| {
            let id = one.principal();
            let names = &facts.names_by_id;
            let principal = id.as_ref().map(|id| PrincipalReport {
                kind: id.kind,
                name: names.principal(id).map(str::to_owned),
                id: Some(id.id.clone()),
            });
            Entitlement {
                account: one.account.clone(),
                role_arn: one.role_arn.clone(),
                principal,
                orphaned: id.is_some_and(|id| !names.may_have(&id)),
                application_arn: one.application_arn.clone(),
            }
        };
        let of_accounts = found.iter().filter(|one| accounts.contains(one.account.as_str()));
        let mut entitlements: Vec<Entitlement> = of_accounts.map(named).collect();
        entitlements.sort();
        Entitlements::Read { applications, entitlements }
    }
}

/// Reads every application and its entitlements, as this identity sees them in this Region.
///
/// # Errors
/// If something cannot be read. Not every Region has the service, and not every identity may ask it.
pub async fn list(sdk: &SdkConfig, region: Option<String>) -> Result<AccountAccess, CallError> {
    // Nothing depends on the answer, so a service that is not there must not hold anything up.
    let config = aws_sdk_accountaccess::config::Builder::from(sdk)
        .region(region.map(Region::new).or_else(|| sdk.region().cloned()))
        .retry_config(RetryConfig::standard().with_max_attempts(3))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(3))
                .operation_attempt_timeout(Duration::from_secs(10))
                .build(),
        )
        .build();
    let client = Client::from_conf(config);
    let applications = applications(&client).await?;
    let mut found = Vec::new();
    for application in &applications {
        let members = entitlements(&client, application).await?;
        found.extend(members.into_iter().filter_map(|member| entitled(member, application)));
    }
    Ok(AccountAccess::Read { applications: applications.len(), entitlements: found })
}

/// Returns an entitlement; `None` if it is of a kind that is not known here.
fn entitled(member: EntitlementsListMember, application: &str) -> Option<Entitled> {
    let Some(EntitlementSummary::PrincipalRole(role)) = member.entitlement else { return None };
    let principal = match role.principal {
        Some(Principal::IdentityCenter(IdentityCenterPrincipal::GroupId(id))) => Some(PrincipalId::group(id)),
        Some(Principal::IdentityCenter(IdentityCenterPrincipal::UserId(id))) => Some(PrincipalId::user(id)),
        _ => None,
    };
    Some(Entitled::new(role.account, role.role_arn, principal, application.to_owned()))
}

async fn applications(client: &Client) -> Result<Vec<String>, CallError> {
    const OPERATION: &str = "account-access:ListApplications";
    let (mut all, mut tokens) = (Vec::new(), Tokens::new(OPERATION));
    loop {
        let answer = client.list_applications().set_next_token(tokens.last.clone()).send().await;
        let page = answer.map_err(|error| call_error(OPERATION, error))?;
        all.extend(page.applications.into_iter().map(|application| application.application_arn));
        if !tokens.go_on(page.next_token)? {
            return Ok(all);
        }
    }
}

async fn entitlements(client: &Client, application: &str) -> Result<Vec<EntitlementsListMember>, CallError> {
    const OPERATION: &str = "account-access:ListEntitlements";
    // A filter is required; one without a condition is for everything.
    let everything = PrincipalRoleEntitlementFilter::builder().build();
    let everything = EntitlementFilter::builder().principal_role(everything).build();
    let (mut all, mut tokens) = (Vec::new(), Tokens::new(OPERATION));
    loop {
        let call = client.list_entitlements().application_arn(application).filter(everything.clone());
        let answer = call.set_next_token(tokens.last.clone()).send().await;
        let page = answer.map_err(|error| call_error(OPERATION, error))?;
        all.extend(page.entitlements);
        if !tokens.go_on(page.next_token)? {
            return Ok(all);
        }
    }
}

/// The tokens of a list's pages: one that comes again would lead nowhere.
struct Tokens {
    operation: &'static str,
    seen: BTreeSet<String>,
    last: Option<String>,
}

impl Tokens {
    fn new(operation: &'static str) -> Tokens {
        Tokens { operation, seen: BTreeSet::new(), last: None }
    }

    /// Whether there is another page.
    fn go_on(&mut self, next: Option<String>) -> Result<bool, CallError> {
        self.last = next.filter(|next| !next.is_empty());
        match &self.last {
            Some(next) if !self.seen.insert(next.clone()) => Err(CallError {
                operation: self.operation,
                cause: Cause::Unavailable,
                code: None,
                message: "a page names a page that was read already, so the list cannot be read whole".into(),
            }),
            next => Ok(next.is_some()),
        }
    }
}
