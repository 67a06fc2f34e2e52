//! What happened, for whoever asked and whoever is paged.
//!
//! A report says nothing that was not seen: `created` and `present` come from AWS's own answers. If nothing certain is
//! known of a grant, it is `pending` or `failed`. It is never left out.

use std::time::Duration;

use serde::Serialize;

use super::{Named, PermissionSet, PrincipalId, PrincipalKind, plan::Resolved};
use crate::{
    cause::Words,
    ids::AccountId,
    organization::Account,
    outcome::{Counts, Outcome, Settled, Status},
};

/// The function's answer, and its one log line.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub outcome: Outcome,
    /// Why nothing was to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountReport>,
    pub grants: Vec<GrantReport>,
    /// Grants that `counts` counts and `grants` does not list, because the report would be too large.
    #[serde(skip_serializing_if = "is_zero")]
    pub grants_omitted: usize,
    pub counts: Counts,
    /// From the start of the invocation.
    pub seconds: f64,
}

#[derive(Clone, Debug, Serialize)]
pub struct AccountReport {
    pub id: AccountId,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// See [`Account::path`].
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ou: String,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GrantReport {
    /// Ids of the rows that want it.
    pub rules: Vec<String>,
    pub permission_set: PermissionSetReport,
    pub principal: PrincipalReport,
    #[serde(flatten)]
    pub status: StatusReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// From the first request to create it until it was seen to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PermissionSetReport {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PrincipalReport {
    #[serde(rename = "type")]
    pub kind: PrincipalKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// What became of one grant, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "camelCase")]
pub enum StatusReport {
    Created,
    /// It was there already.
    Present,
    Planned,
    Failed {
        reason: String,
        /// What a person can do.
        remedy: &'static str,
    },
    /// A name that does not exist yet.
    Unresolved {
        reason: String,
        remedy: &'static str,
    },
    /// Not finished when the time ran out.
    Pending {
        reason: String,
    },
}

impl StatusReport {
    pub fn new(status: Status, words: Words) -> StatusReport {
        match status {
            Status::Created => StatusReport::Created,
            Status::Present => StatusReport::Present,
            Status::Planned => StatusReport::Planned,
            Status::Failed { reason, remedy } => StatusReport::Failed { reason, remedy: words(remedy) },
            Status::Unresolved { reason, remedy } => {
                StatusReport::Unresolved { reason, remedy: words(remedy) }
            }
            Status::Pending { reason } => StatusReport::Pending { reason },
        }
    }

    /// Whether nothing is wrong with it.
    fn is_good(&self) -> bool {
        self.reason().is_none()
    }

    /// Returns why it is not in place.
    pub fn reason(&self) -> Option<&str> {
        match self {
            StatusReport::Failed { reason, .. }
            | StatusReport::Unresolved { reason, .. }
            | StatusReport::Pending { reason } => Some(reason),
            StatusReport::Created | StatusReport::Present | StatusReport::Planned => None,
        }
    }
}

/// A report must fit, inside the record of an invocation, into one EventBridge event or queue message of 256 KiB.
const MOST_BYTES: usize = 160 * 1024;

impl Report {
    /// Returns the report of an event that asks for nothing, or of an account that must not or cannot receive anything.
    pub fn ignored(reason: String, account: Option<&Account>, took: Duration) -> Report {
        Report {
            outcome: Outcome::Ignored,
            reason: Some(reason),
            account: account.map(AccountReport::from),
            grants: Vec::new(),
            grants_omitted: 0,
            counts: Counts::default(),
            seconds: seconds(took),
        }
    }

    /// Returns the report of an account's grants. `words` are the shell's, for what a person can do.
    pub fn of_grants(
        account: &Account,
        grants: Vec<(Resolved<'_>, Settled)>,
        dry_run: bool,
        took: Duration,
        words: Words,
    ) -> Report {
        let counts = Counts::of(grants.iter().map(|(_, settled)| &settled.status));
        let outcome = match counts {
            _ if counts.not_in_place() > 0 => Outcome::Incomplete,
            _ if dry_run => Outcome::Planned,
            Counts { planned: 0, .. } => Outcome::Ready,
            _ => Outcome::Incomplete,
        };
        let grants = grants.into_iter().map(|(resolved, settled)| GrantReport::new(resolved, settled, words));
        let mut report = Report {
            outcome,
            reason: None,
            account: Some(account.into()),
            grants: grants.collect(),
            grants_omitted: 0,
            counts,
            seconds: seconds(took),
        };
        report.shorten();
        report
    }

    /// Returns the success or failure of the invocation.
    pub fn judge(self) -> Result<Report, Box<Report>> {
        match self.outcome {
            Outcome::Ready | Outcome::Ignored | Outcome::Planned => Ok(self),
            Outcome::Incomplete => Err(Box::new(self)),
        }
    }

    /// Returns what is missing, in one plain sentence.
    pub fn sentence(&self) -> String {
        let Counts { failed, unresolved, pending, .. } = self.counts;
        let missing = [(failed, "failed"), (unresolved, "unresolved"), (pending, "pending")];
        let missing: Vec<_> = missing
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        let account = match &self.account {
            Some(AccountReport { id, name, .. }) if !name.is_empty() => {
                format!("account {id} ({})", plain(name))
            }
            Some(AccountReport { id, .. }) => format!("account {id}"),
            None => "the account".to_owned(),
        };
        let first = self.grants.iter().find_map(|grant| {
            let reason = grant.status.reason()?;
            Some(format!("; the first is {}: {reason}", grant.rules.join(" and ")))
        });
        format!(
            "{} of {} assignments for {account} are not in place: {}{}.",
            self.counts.not_in_place(),
            self.counts.all(),
            missing.join(", "),
            plain(&first.unwrap_or_default())
        )
    }

    pub fn to_json(&self) -> String {
        // Strings, numbers and lists cannot fail to be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Leaves out grants until the report fits. First go grants that are in place, then the last ones.
    fn shorten(&mut self) {
        if self.to_json().len() <= MOST_BYTES {
            return;
        }
        let all = self.grants.len();
        self.grants.sort_by_key(|grant| grant.status.is_good());
        let mut bytes = 0;
        let fitting = self.grants.iter().take_while(|grant| {
            bytes += serde_json::to_string(grant).map_or(0, |text| text.len() + 1);
            bytes <= MOST_BYTES
        });
        let kept = fitting.count();
        self.grants.truncate(kept);
        self.grants_omitted = all - kept;
    }
}

impl From<&Account> for AccountReport {
    fn from(account: &Account) -> AccountReport {
        AccountReport { id: account.id.clone(), name: account.name.clone(), ou: account.path() }
    }
}

impl GrantReport {
    pub fn new(resolved: Resolved<'_>, settled: Settled, words: Words) -> GrantReport {
        let Resolved { grant, permission_set_name, permission_set, principal } = resolved;
        let Settled { status, request_id, took } = settled;
        let name = match grant.permission_set {
            PermissionSet::Name(name) => Some(name.clone()),
            PermissionSet::Arn(_) => permission_set_name,
        };
        let principal_name = match &grant.principal.named {
            Named::Name(name) => Some(name.clone()),
            Named::Id(_) => None,
        };
        GrantReport {
            rules: grant.rules.iter().map(|rule| (*rule).to_owned()).collect(),
            permission_set: PermissionSetReport { name, arn: permission_set.ok() },
            principal: PrincipalReport {
                kind: grant.principal.kind,
                name: principal_name,
                id: principal.ok().map(|PrincipalId { id, .. }| id),
            },
            status: StatusReport::new(status, words),
            request_id,
            seconds: took.map(seconds),
        }
    }

    /// Whether AWS has it.
    pub fn is_in_place(&self) -> bool {
        matches!(self.status, StatusReport::Created | StatusReport::Present)
    }
}

/// A text of others in one line that nobody takes for the JSON that follows it.
fn plain(text: &str) -> String {
    text.replace(char::is_control, " ").replace('{', "(").replace('}', ")")
}

pub use crate::outcome::seconds;

fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cause::Remedy;

    fn grant(rule: &str, status: &Status) -> GrantReport {
        GrantReport {
            rules: vec![rule.to_owned()],
            permission_set: PermissionSetReport { name: Some("ReadOnlyAccess".into()), arn: None },
            principal: PrincipalReport {
                kind: PrincipalKind::Group,
                name: Some("auditors".into()),
                id: None,
            },
            status: StatusReport::new(status.clone(), |_| "ask"),
            request_id: None,
            seconds: None,
        }
    }

    fn report(grants: &[(&str, Status)]) -> Report {
        let account = AccountReport {
            id: AccountId::parse("111122223333").expect("twelve digits"),
            name: "class-7".into(),
            ou: String::new(),
        };
        Report {
            outcome: Outcome::Incomplete,
            reason: None,
            account: Some(account),
            grants: grants.iter().map(|(rule, status)| grant(rule, status)).collect(),
            grants_omitted: 0,
            counts: Counts::of(grants.iter().map(|(_, status)| status)),
            seconds: 0.0,
        }
    }

    fn failed() -> Status {
        Status::Failed { reason: "no".into(), remedy: Remedy::TryLater }
    }

    #[test]
    fn the_sentence_counts_every_status_and_names_the_first_that_is_missing() {
        let statuses = [
            (Status::Created, 1),
            (Status::Present, 2),
            (Status::Planned, 4),
            (Status::Unresolved { reason: "line\nline".into(), remedy: Remedy::CorrectName }, 16),
            (failed(), 8),
            (Status::Pending { reason: "late".into() }, 32),
        ];
        let grants = statuses.iter().flat_map(|(status, count)| vec![("a", status.clone()); *count]);
        let mut report = report(&grants.collect::<Vec<_>>());
        assert_eq!(
            report.sentence(),
            "56 of 63 assignments for account 111122223333 (class-7) are not in place: 8 failed, 16 unresolved, \
             32 pending; the first is a: line line."
        );
        report.account.as_mut().expect("an account").name = "{\"outcome\":\"ready\"}\n".into();
        assert!(
            report.sentence().contains("111122223333 ((\"outcome\":\"ready\") ) are"),
            "no JSON, one line"
        );
        report.account.as_mut().expect("an account").name.clear();
        report.counts = Counts { failed: 1, ..Counts::default() };
        report.grants = vec![grant("b", &failed())];
        assert_eq!(
            report.sentence(),
            "1 of 1 assignments for account 111122223333 are not in place: 1 failed; the first is b: no."
        );
    }

    #[test]
    fn a_report_is_cut_only_if_it_is_too_large_and_as_little_as_possible() {
        let mut small = report(&[("a", Status::Created), ("b", failed())]);
        let before = small.to_json();
        small.shorten();
        assert_eq!(small.to_json(), before);
        assert!(!before.contains("grantsOmitted"), "{before}");

        // Grants of this length fill the limit exactly; one byte more or less of each would show.
        let length = serde_json::to_string(&grant("", &failed())).expect("JSON").len() + 1;
        let rule = "a".repeat(length.next_power_of_two() - length);
        let fitting = MOST_BYTES / length.next_power_of_two();
        let mut large = report(&vec![(rule.as_str(), Status::Created); 10]);
        large.grants.extend(vec![grant(&rule, &failed()); fitting - 3]);
        large.shorten();
        assert_eq!((large.grants.len(), large.grants_omitted), (fitting, 7));
        let missing = large.grants.iter().take_while(|grant| !grant.status.is_good()).count();
        assert_eq!(missing, fitting - 3, "what is missing comes first");
        assert!(large.to_json().contains(r#""grantsOmitted":7"#));
    }

    #[test]
    fn seconds_are_given_to_the_millisecond() {
        assert_eq!(seconds(Duration::from_micros(12_345_678)), 12.346);
        assert_eq!(seconds(Duration::ZERO), 0.0);
    }
}
