//! What permission sets from real use call in the accounts that have a set. Each account is reached by a session of its
//! own, which an inline policy narrows to what the step needs.

mod bucket;
mod generation;
mod judge;
mod member;

use std::sync::Arc;

use assigner_core::{cause::CallError, ids::AccountId, permissions::privacy};
use aws_config::{Region, SdkConfig, retry::RetryConfig};
use aws_credential_types::Credentials;

pub use self::{
    bucket::Bucket,
    generation::{Found, Generation, GenerationStatus},
    judge::{Finding, NoNewAccess},
    member::{Member, Refused, Role, RoleDetails, Trail},
};
use crate::{
    calls::{Calls, Patience},
    client::{self, Tally, Watch},
};

/// The name of our sessions. It names nobody.
const SESSION_NAME: &str = "assignctl";

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub account: Option<AccountId>,
    /// It may have the name of a person.
    pub arn: Option<String>,
}

/// Hands out the clients of accounts.
#[derive(Debug)]
pub struct Sessions {
    sts: aws_sdk_sts::Client,
    calls: Calls,
    sdk: SdkConfig,
    tally: Arc<Tally>,
}

impl Sessions {
    pub fn new(sdk: &SdkConfig, tally: Arc<Tally>) -> Sessions {
        let config = aws_sdk_sts::config::Builder::from(sdk)
            .retry_config(RetryConfig::disabled())
            .timeout_config(client::timeouts())
            .interceptor(Watch { pace: None, tally: tally.clone() })
            .build();
        Sessions {
            sts: aws_sdk_sts::Client::from_conf(config),
            calls: Calls::new(sdk, tally.clone()).obedient(),
            sdk: sdk.clone(),
            tally,
        }
    }

    /// Returns the account that the caller is in.
    pub async fn own_account(&self) -> Result<Option<AccountId>, CallError> {
        Ok(self.caller().await?.account)
    }

    /// Returns who the caller is.
    pub async fn caller(&self) -> Result<Caller, CallError> {
        const OPERATION: &str = "sts:GetCallerIdentity";
        let answer =
            self.calls.ask(OPERATION, Patience::Needed, || self.sts.get_caller_identity().send()).await;
        let answer = quiet(answer)?;
        Ok(Caller { account: answer.account.as_deref().and_then(AccountId::parse), arn: answer.arn })
    }

    /// Returns the clients of the caller's own account.
    pub fn own(&self) -> Member {
        Member::new(&self.sdk, self.tally.clone())
    }

    /// Assumes a role of an account, narrowed by an inline policy.
    pub async fn assume(&self, account: &AccountId, role: &str, policy: &str) -> Result<Member, CallError> {
        Ok(Member::new(&self.session(account, role, policy).await?, self.tally.clone()))
    }

    /// Assumes a role of the account that owns a bucket, narrowed by an inline policy, for the bucket's policy.
    pub async fn bucket(
        &self,
        account: &AccountId,
        role: &str,
        policy: &str,
        (name, region): (&str, &str),
    ) -> Result<Bucket, CallError> {
        let sdk = self.session(account, role, policy).await?;
        Ok(Bucket::new(&sdk, self.tally.clone(), name, account, region))
    }

    /// Returns the partition that the caller is in, such as `aws`.
    pub fn partition(&self) -> &'static str {
        partition(self.sdk.region())
    }

    async fn session(&self, account: &AccountId, role: &str, policy: &str) -> Result<SdkConfig, CallError> {
        const OPERATION: &str = "sts:AssumeRole";
        let partition = self.partition();
        let call = self
            .sts
            .assume_role()
            .role_arn(format!("arn:{partition}:iam::{account}:role/{role}"))
            .role_session_name(SESSION_NAME)
            .policy(policy);
        let answer = self.calls.ask(OPERATION, Patience::OfOne, || call.clone().send()).await;
        let credentials = quiet(answer)?.credentials.ok_or_else(|| nothing(OPERATION, "credentials"))?;
        let credentials = Credentials::new(
            credentials.access_key_id,
            credentials.secret_access_key,
            Some(credentials.session_token),
            None,
            "AssumeRole",
        );
        let provider = aws_credential_types::provider::SharedCredentialsProvider::new(credentials);
        Ok(self.sdk.to_builder().credentials_provider(provider).build())
    }
}

/// Returns the partition of a Region.
fn partition(region: Option<&Region>) -> &'static str {
    match region.map(AsRef::as_ref) {
        Some(region) if region.starts_with("us-gov-") => "aws-us-gov",
        Some(region) if region.starts_with("cn-") => "aws-cn",
        Some(region) if region.starts_with("eusc-") => "aws-eusc",
        _ => "aws",
    }
}

/// Returns the answer, or the error without the name of a person or of a session.
fn quiet<T>(answer: Result<T, CallError>) -> Result<T, CallError> {
    answer.map_err(|error| CallError { message: privacy::hide(&error.message), ..error })
}

/// Returns the error of an answer that lacks what it must have.
fn nothing(operation: &'static str, what: &str) -> CallError {
    let message = format!("the answer has no {what}");
    CallError { operation, cause: assigner_core::cause::Cause::Unavailable, code: None, message }
}
