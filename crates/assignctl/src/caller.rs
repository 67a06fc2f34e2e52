//! Who asks, of which organization, and what it has besides assignments: shown in every plan, and before every write as far
//! as it concerns the write.

use std::fmt::Write;

use assigner_aws::client::call_error;
use assigner_core::assignments::{access::AccountAccess, facts::Facts};
use aws_config::SdkConfig;
use serde::Serialize;

use crate::{
    entitlements::Entitlements,
    session::Session,
    terminal::{FAINT, clean},
};

/// What a plan is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    pub identity: Identity,
    /// Names the organization. `None` if it is not known.
    pub management_account: Option<String>,
    /// Of Identity Center. `None` offline.
    pub region: Option<String>,
    /// The second way into the accounts. No table decides about it.
    pub account_access: Entitlements,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", untagged)]
pub enum Identity {
    Known {
        account: String,
        arn: String,
    },
    /// Why it is not known.
    Unknown {
        unknown: String,
    },
}

impl Identity {
    /// Asks who has these credentials.
    pub async fn of(sdk: &SdkConfig) -> Identity {
        const OPERATION: &str = "sts:GetCallerIdentity";
        let answer = aws_sdk_sts::Client::new(sdk).get_caller_identity().send().await;
        match answer.map_err(|error| call_error(OPERATION, error)) {
            Ok(answer) => match (answer.account, answer.arn) {
                (Some(account), Some(arn)) => Identity::Known { account, arn },
                _ => Identity::unknown(format!("{OPERATION}: the answer names nobody")),
            },
            Err(error) => Identity::unknown(error.to_string()),
        }
    }

    fn unknown(why: String) -> Identity {
        Identity::Unknown { unknown: why }
    }

    pub fn account(&self) -> Option<&str> {
        match self {
            Identity::Known { account, .. } => Some(account),
            Identity::Unknown { .. } => None,
        }
    }
}

impl Origin {
    /// Returns the origin of what was read from a file: nobody was asked.
    pub fn offline(facts: &Facts, access: Option<&AccountAccess>) -> Origin {
        let management = facts.accounts.iter().find(|account| account.is_management);
        Origin {
            identity: Identity::unknown("nobody was asked: it is from a snapshot".to_owned()),
            management_account: management.map(|account| account.id.to_string()),
            region: None,
            account_access: access
                .map_or_else(Entitlements::offline, |access| Entitlements::named(access, facts)),
        }
    }
}

/// Returns lines for a person, with aligned names.
pub fn lines(lines: &[(&str, String)]) -> String {
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for (name, value) in lines {
        let _ = writeln!(text, "{FAINT}{name:width$}{FAINT:#}  {}", clean(value));
    }
    text
}

/// Returns who it is, for a person.
pub fn words(identity: &Identity) -> String {
    match identity {
        Identity::Known { account, arn } => format!("{arn} in account {account}"),
        Identity::Unknown { unknown } => format!("not known: {unknown}"),
    }
}

impl Session {
    /// Returns who asks, within the time.
    pub async fn identity(&self, sdk: &SdkConfig) -> Identity {
        tokio::time::timeout_at(self.until, Identity::of(sdk))
            .await
            .unwrap_or_else(|_| Identity::unknown("no answer in time".to_owned()))
    }
}
