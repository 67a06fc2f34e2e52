//! What `revoke` took, as a file: written before the first call, so that whatever happens it can be given back.
//!
//! Before the first call every assignment is in it without an outcome. At the end each has one. A run that was killed
//! leaves them without: then all of them may have been taken.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    assignments::{PrincipalId, PrincipalKind, plan::Assignment},
    ids::{self, AccountId},
};

/// The format of the file; another number is refused.
const VERSION: u32 = 1;
/// More faults than this are only counted.
const MOST_FAULTS: usize = 20;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Record {
    record_version: u32,
    /// When AWS was read for it: RFC 3339, UTC, to the second.
    pub read_at: String,
    /// The ARN of the Identity Center instance.
    pub instance: String,
    /// Who took it, for people.
    pub identity: String,
    /// The table by which it was unexplained, for people.
    pub table: String,
    pub assignments: Vec<Entry>,
}

/// One assignment. Names are for people; ids count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    pub account: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_name: Option<String>,
    /// An ARN.
    pub permission_set: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permission_set_name: Option<String>,
    /// `GROUP` or `USER`.
    pub principal_type: String,
    pub principal_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It was taken away.
    Revoked,
    /// Somebody else had taken it away before.
    Gone,
    /// AWS refused, and it stays.
    Failed,
    /// Not finished when the time ran out: it may be taken yet.
    Pending,
}

/// Whether an assignment was certainly taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    Certainly,
    Perhaps,
}

impl Record {
    pub fn new(
        read_at: String,
        instance: String,
        identity: String,
        table: String,
        assignments: Vec<Entry>,
    ) -> Record {
        Record { record_version: VERSION, read_at, instance, identity, table, assignments }
    }

    /// Reads a record.
    ///
    /// # Errors
    /// What is wrong with it, a line for each fault.
    pub fn parse(text: &[u8]) -> Result<Record, Vec<String>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Version {
            record_version: Option<u32>,
        }
        let of = |error: serde_json::Error| vec![format!("not a record of `assignctl revoke`: {error}")];
        match serde_json::from_slice(text).map_err(of)? {
            Version { record_version: Some(VERSION) } => {}
            Version { record_version: Some(other) } => {
                return Err(vec![format!(
                    "a record of version {other}; this command reads version {VERSION}"
                )]);
            }
            Version { record_version: None } => {
                return Err(vec!["not a record of `assignctl revoke`: it has no recordVersion".to_owned()]);
            }
        }
        let record: Record = serde_json::from_slice(text).map_err(of)?;
        let mut faults = Vec::new();
        if !ids::is_instance_arn(&record.instance) {
            faults.push(format!("instance {:?} is not the ARN of an instance", record.instance));
        }
        if record.assignments.is_empty() {
            faults.push("it has no assignment".to_owned());
        }
        faults.extend(record.assignments.iter().enumerate().flat_map(|(index, entry)| entry.faults(index)));
        let more = faults.len().saturating_sub(MOST_FAULTS);
        faults.truncate(MOST_FAULTS);
        if more > 0 {
            faults.push(format!("and {more} more"));
        }
        if faults.is_empty() { Ok(record) } else { Err(faults) }
    }

    /// Returns what may have been taken, without repetitions.
    pub fn taken(&self) -> Vec<(Assignment, Taken)> {
        let mut seen = BTreeSet::new();
        let taken = self.assignments.iter().filter_map(|entry| {
            let taken = match entry.outcome {
                Some(Outcome::Revoked) => Taken::Certainly,
                None | Some(Outcome::Pending) => Taken::Perhaps,
                Some(Outcome::Gone | Outcome::Failed) => return None,
            };
            Some((entry.assignment()?, taken))
        });
        taken.filter(|(assignment, _)| seen.insert(assignment.clone())).collect()
    }
}

impl Entry {
    /// Returns the assignment. A record that was parsed has a sound one.
    pub fn assignment(&self) -> Option<Assignment> {
        Some(Assignment {
            account: AccountId::parse(&self.account)?,
            permission_set: self.permission_set.clone(),
            principal: PrincipalId { kind: kind(&self.principal_type)?, id: self.principal_id.clone() },
        })
    }

    fn faults(&self, index: usize) -> Vec<String> {
        let Entry { account, permission_set, principal_type, principal_id, .. } = self;
        let cases = [
            (ids::is_account_id(account), "account", account, "an account id of 12 digits"),
            (
                ids::is_permission_set_arn(permission_set),
                "permissionSet",
                permission_set,
                "the ARN of a permission set",
            ),
            (kind(principal_type).is_some(), "principalType", principal_type, "GROUP or USER"),
            (ids::is_principal_id(principal_id), "principalId", principal_id, "the id of a group or user"),
        ];
        let wrong = cases.into_iter().filter(|(right, ..)| !right);
        wrong
            .map(|(_, field, value, wanted)| {
                format!("assignments[{index}].{field}: {value:?} is not {wanted}")
            })
            .collect()
    }
}

fn kind(text: &str) -> Option<PrincipalKind> {
    [PrincipalKind::Group, PrincipalKind::User].into_iter().find(|kind| kind.as_str() == text)
}
