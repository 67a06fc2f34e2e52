//! The file of `assignctl permission-set usage`: the set as it was read, and what its roles did in each account.
//!
//! The file has account ids, names of accounts, roles and actions. It has no e-mail address and no name of a session.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    policy::{Document, is_action},
    today::Reason,
};
use crate::day::Day;
use crate::ids::AccountId;

/// The format of the file; another number is refused.
pub const VERSION: u32 = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Usage {
    pub version: u32,
    pub permission_set: PermissionSet,
    /// How many days were asked for.
    pub days: u32,
    pub accounts: Vec<Account>,
}

/// The permission set as it was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PermissionSet {
    pub arn: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// ISO 8601, such as `PT1H`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_duration: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay_state: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline_policy: Option<Document>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub managed_policies: Vec<Managed>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub customer_managed_policies: Vec<CustomerManaged>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<Boundary>,
}

/// A policy that AWS manages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Managed {
    pub arn: String,
    pub document: Document,
}

/// A reference to a policy that each account has by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CustomerManaged {
    pub name: String,
    pub path: String,
    /// What the accounts have under that name. One entry if all have the same.
    pub documents: Vec<InAccounts>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InAccounts {
    pub accounts: BTreeSet<AccountId>,
    pub document: Document,
}

/// The permissions boundary of a set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Boundary {
    Managed(Managed),
    CustomerManaged(CustomerManaged),
}

/// What the roles of the set did in one account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Account {
    pub id: AccountId,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The ARNs of the set's roles.
    #[serde(default)]
    pub roles: BTreeSet<String>,
    /// What each source really covered.
    #[serde(default)]
    pub sources: Vec<Coverage>,
    #[serde(default)]
    pub actions: Vec<Action>,
    /// The services that the set allows, as last-accessed data has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<Service>,
    /// Actions of which AWS knows that the set allows them and that nobody used them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unused: BTreeSet<String>,
    /// Actions that were used, and that the set does not allow today.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// Sources that were asked for and failed or named no action.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A policy generation of IAM Access Analyzer, from CloudTrail's logs.
    Generated,
    /// IAM's last-accessed data, by actions.
    LastAccessed,
}

impl Source {
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Generated => "generated",
            Source::LastAccessed => "last-accessed",
        }
    }
}

/// What a source covered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Coverage {
    pub source: Source,
    pub from: Day,
    pub to: Day,
    /// The Regions, if not all.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub regions: BTreeSet<String>,
    /// Whether the actions of each service that was used could be named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete: Option<bool>,
    /// The id of the policy generation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
}

/// An action that was used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Action {
    #[serde(deserialize_with = "action_name")]
    pub action: String,
    /// The last day, if the source knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Day>,
    pub sources: BTreeSet<Source>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LeftOut {
    #[serde(deserialize_with = "action_name")]
    pub action: String,
    pub reason: Reason,
}

/// A service that the set allows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Service {
    /// Its prefix in actions, such as `s3`.
    pub service: String,
    /// The last day of use. `None`: nobody used it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Day>,
    /// Whether AWS names the actions that were used.
    pub by_action: bool,
}

/// Why a source says nothing of an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Failure {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    pub cause: String,
    pub remedy: String,
}

fn action_name<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if is_action(&text) {
        Ok(text)
    } else {
        Err(serde::de::Error::custom(format!("{text:?} is not an action such as s3:GetObject")))
    }
}

impl Usage {
    /// # Errors
    /// If the text is not such a file. The error says what is wrong with it, for people.
    pub fn parse(text: &[u8]) -> Result<Usage, String> {
        #[derive(Deserialize)]
        struct Version {
            version: Option<u32>,
        }
        let of = |error| format!("not a usage file: {error}");
        match serde_json::from_slice(text).map_err(of)? {
            Version { version: Some(VERSION) } => {}
            Version { version: Some(other) } => {
                return Err(format!("a usage file of version {other}; this command reads version {VERSION}"));
            }
            Version { version: None } => return Err("not a usage file: it has no version".to_owned()),
        }
        let usage: Usage = serde_json::from_slice(text).map_err(of)?;
        let mut seen = BTreeSet::new();
        match usage.accounts.iter().find(|account| !seen.insert(&account.id)) {
            Some(twice) => Err(format!("not a usage file: account {} is in it twice", twice.id)),
            None => Ok(usage),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = r#"{
      "version": 1, "days": 90,
      "permissionSet": {
        "arn": "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-ef450dbf3b354e78", "name": "PowerUserAccess",
        "inlinePolicy": { "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": "s3:*", "Resource": "*" } },
        "boundary": { "managed": { "arn": "arn:aws:iam::aws:policy/ReadOnlyAccess",
          "document": { "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] } } }
      },
      "accounts": [ {
        "id": "111122223333", "name": "class-7",
        "roles": ["arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_PowerUserAccess_0123456789abcdef"],
        "sources": [{ "source": "last-accessed", "from": "2026-08-29", "to": "2026-11-27" }],
        "actions": [{ "action": "s3:ListBucket", "last": "2026-11-20", "sources": ["last-accessed"] }]
      } ]
    }"#;

    #[test]
    fn what_is_written_is_read_as_the_same() {
        let usage = Usage::parse(SOUND.as_bytes()).unwrap();
        assert_eq!(Usage::parse(&serde_json::to_vec(&usage).unwrap()).unwrap(), usage);
    }

    #[test]
    fn what_is_no_such_file_is_refused_with_what_is_wrong() {
        let account = SOUND.find("{\n        \"id\"").unwrap();
        let twice = format!("{}{},{}", &SOUND[..account], r#"{"id": "111122223333"}"#, &SOUND[account..]);
        let cases = [
            ("{".to_owned(), "not a usage file"),
            ("{}".to_owned(), "no version"),
            (SOUND.replace("\"version\": 1", "\"version\": 2"), "version 2"),
            (SOUND.replace("s3:ListBucket", "s3:*"), "\"s3:*\" is not an action"),
            (SOUND.replace("2026-11-20", "20.11.2026"), "is not a day"),
            (SOUND.replace("last-accessed\"]", "guess\"]"), "guess"),
            (SOUND.replace("\"days\"", "\"day\""), "day"),
            (SOUND.replace("\"Allow\"", "\"allow\""), "write Allow or Deny"),
            (SOUND.replace("\"111122223333\"", "\"1111\""), "not an account id"),
            (twice, "twice"),
        ];
        for (text, problem) in cases {
            let error = Usage::parse(text.as_bytes()).expect_err(problem);
            assert!(error.contains(problem), "{problem}: {error}");
        }
    }
}
