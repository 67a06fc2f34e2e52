//! What happened, for those who asked and those who are paged: the only place that decides what a failure means.
//!
//! A report says nothing that was not seen: `created` and `present` come from AWS's own answers, and a grant of
//! which nothing certain is known is `pending` or `failed`, never left out.

use std::time::Duration;

use serde::Serialize;

use crate::{
    ids::AccountId,
    plan::{Account, PrincipalId, Resolved},
    table::{Named, PermissionSet, Principal},
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// All wanted assignments are there.
    Ready,
    Ignored,
    /// A dry run; nothing was created.
    Planned,
    /// The invocation fails: at least one grant is failed, unresolved or pending.
    Incomplete,
}

#[derive(Clone, Debug, Serialize)]
pub struct AccountReport {
    pub id: AccountId,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The path of OU names from the root where the table asked for names, else the id of the OU or root.
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
    pub status: Status,
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
    pub kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// What became of one grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "camelCase")]
pub enum Status {
    Created,
    /// Was there already.
    Present,
    Planned,
    Failed {
        reason: String,
        /// What a person can do.
        remedy: String,
    },
    /// A name that does not exist yet.
    Unresolved {
        reason: String,
        remedy: String,
    },
    /// Not finished when the time ran out.
    Pending {
        reason: String,
    },
}

/// A grant's status, and how it came to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    pub status: Status,
    pub request_id: Option<String>,
    pub took: Option<Duration>,
}

impl From<Status> for Settled {
    fn from(status: Status) -> Settled {
        Settled { status, request_id: None, took: None }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub created: usize,
    pub present: usize,
    pub planned: usize,
    pub failed: usize,
    pub unresolved: usize,
    pub pending: usize,
}

/// A report must fit, inside the record of an invocation, into one EventBridge event or queue message of 256 KiB.
const MOST_BYTES: usize = 160 * 1024;

impl Report {
    /// For an event that asks for nothing, or an account that must not or cannot receive anything.
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

    pub fn of_grants(
        account: &Account,
        grants: Vec<(Resolved<'_>, Settled)>,
        dry_run: bool,
        took: Duration,
    ) -> Report {
        let counts =
            grants.iter().fold(Counts::default(), |counts, (_, settled)| counts.and(&settled.status));
        let outcome = match counts {
            Counts { failed: 0, unresolved: 0, pending: 0, .. } if dry_run => Outcome::Planned,
            Counts { failed: 0, unresolved: 0, pending: 0, planned: 0, .. } => Outcome::Ready,
            _ => Outcome::Incomplete,
        };
        let mut report = Report {
            outcome,
            reason: None,
            account: Some(account.into()),
            grants: grants.into_iter().map(GrantReport::from).collect(),
            grants_omitted: 0,
            counts,
            seconds: seconds(took),
        };
        report.shorten();
        report
    }

    /// Success or failure of the invocation.
    pub fn judge(self) -> Result<Report, Box<Report>> {
        match self.outcome {
            Outcome::Ready | Outcome::Ignored | Outcome::Planned => Ok(self),
            Outcome::Incomplete => Err(Box::new(self)),
        }
    }

    /// What is missing, in one plain sentence.
    pub(crate) fn sentence(&self) -> String {
        let Counts { created, present, planned, failed, unresolved, pending } = self.counts;
        let all = created + present + planned + failed + unresolved + pending;
        let missing = [(failed, "failed"), (unresolved, "unresolved"), (pending, "pending")];
        let missing: Vec<_> = missing
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        let account = match &self.account {
            Some(AccountReport { id, name, .. }) if !name.is_empty() => format!("account {id} ({name})"),
            Some(AccountReport { id, .. }) => format!("account {id}"),
            None => "the account".to_owned(),
        };
        let first = self.grants.iter().find_map(|grant| match &grant.status {
            Status::Failed { reason, .. }
            | Status::Unresolved { reason, .. }
            | Status::Pending { reason } => {
                Some(format!("; the first is {}: {reason}", grant.rules.join(" and ")))
            }
            Status::Created | Status::Present | Status::Planned => None,
        });
        format!(
            "{} of {all} assignments for {account} are not in place: {}{}.",
            failed + unresolved + pending,
            missing.join(", "),
            first.unwrap_or_default().replace('\n', " ")
        )
    }

    pub fn to_json(&self) -> String {
        // Strings, numbers and lists cannot fail to be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Leaves out what matters least first: grants that are in place, then the last ones.
    fn shorten(&mut self) {
        if self.to_json().len() <= MOST_BYTES {
            return;
        }
        let all = self.grants.len();
        self.grants.sort_by_key(|grant| grant.status.in_place());
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

impl GrantReport {
    /// Whether AWS has it.
    pub fn is_in_place(&self) -> bool {
        matches!(self.status, Status::Created | Status::Present)
    }
}

impl Status {
    fn in_place(&self) -> bool {
        matches!(self, Status::Created | Status::Present | Status::Planned)
    }
}

impl Counts {
    fn and(mut self, status: &Status) -> Counts {
        *match status {
            Status::Created => &mut self.created,
            Status::Present => &mut self.present,
            Status::Planned => &mut self.planned,
            Status::Failed { .. } => &mut self.failed,
            Status::Unresolved { .. } => &mut self.unresolved,
            Status::Pending { .. } => &mut self.pending,
        } += 1;
        self
    }
}

impl From<&Account> for AccountReport {
    fn from(account: &Account) -> AccountReport {
        let names: Option<Vec<&str>> =
            account.parents.iter().skip(1).map(|parent| parent.name.as_deref()).collect();
        let ou = match names {
            Some(names) if !names.is_empty() => names.join("/"),
            _ => account.parents.last().map(|parent| parent.id.clone()).unwrap_or_default(),
        };
        AccountReport { id: account.id.clone(), name: account.name.clone(), ou }
    }
}

impl From<(Resolved<'_>, Settled)> for GrantReport {
    fn from((resolved, settled): (Resolved<'_>, Settled)) -> GrantReport {
        let name = match resolved.grant.permission_set {
            PermissionSet::Name(name) => Some(name.clone()),
            PermissionSet::Arn(_) => resolved.permission_set_name,
        };
        let (kind, named) = match resolved.grant.principal {
            Principal::Group(named) => ("GROUP", named),
            Principal::User(named) => ("USER", named),
        };
        let principal_name = match named {
            Named::Name(name) => Some(name.clone()),
            Named::Id(_) => None,
        };
        let id = resolved.principal.ok().map(|id| match id {
            PrincipalId::Group(id) | PrincipalId::User(id) => id,
        });
        GrantReport {
            rules: resolved.grant.rules.iter().map(|rule| (*rule).to_owned()).collect(),
            permission_set: PermissionSetReport { name, arn: resolved.permission_set.ok() },
            principal: PrincipalReport { kind, name: principal_name, id },
            status: settled.status,
            request_id: settled.request_id,
            seconds: settled.took.map(seconds),
        }
    }
}

/// To the millisecond.
pub fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(rule: &str, status: Status) -> GrantReport {
        GrantReport {
            rules: vec![rule.to_owned()],
            permission_set: PermissionSetReport { name: Some("ReadOnlyAccess".into()), arn: None },
            principal: PrincipalReport { kind: "GROUP", name: Some("auditors".into()), id: None },
            status,
            request_id: None,
            seconds: None,
        }
    }

    fn report(grants: Vec<GrantReport>) -> Report {
        let counts = grants.iter().fold(Counts::default(), |counts, grant| counts.and(&grant.status));
        let account = AccountReport {
            id: AccountId::parse("111122223333").expect("twelve digits"),
            name: "class-7".into(),
            ou: String::new(),
        };
        let (outcome, reason, account) = (Outcome::Incomplete, None, Some(account));
        Report { outcome, reason, account, grants, grants_omitted: 0, counts, seconds: 0.0 }
    }

    fn failed() -> Status {
        Status::Failed { reason: "no".into(), remedy: "ask".into() }
    }

    #[test]
    fn the_sentence_counts_every_status_and_names_the_first_that_is_missing() {
        let statuses = [
            (Status::Created, 1),
            (Status::Present, 2),
            (Status::Planned, 4),
            (Status::Unresolved { reason: "line\nline".into(), remedy: "ask".into() }, 16),
            (failed(), 8),
            (Status::Pending { reason: "late".into() }, 32),
        ];
        let grants = statuses.iter().flat_map(|(status, count)| vec![grant("a", status.clone()); *count]);
        let mut report = report(grants.collect());
        assert_eq!(
            report.sentence(),
            "56 of 63 assignments for account 111122223333 (class-7) are not in place: 8 failed, 16 unresolved, \
             32 pending; the first is a: line line."
        );
        report.account.as_mut().expect("an account").name.clear();
        report.counts = Counts { failed: 1, ..Counts::default() };
        report.grants = vec![grant("b", failed())];
        assert_eq!(
            report.sentence(),
            "1 of 1 assignments for account 111122223333 are not in place: 1 failed; the first is b: no."
        );
    }

    #[test]
    fn a_report_is_cut_only_where_it_is_too_large_and_as_little_as_possible() {
        let mut small = report(vec![grant("a", Status::Created), grant("b", failed())]);
        let before = small.to_json();
        small.shorten();
        assert_eq!(small.to_json(), before);
        assert!(!before.contains("grantsOmitted"), "{before}");

        // Grants of this length fill the limit exactly; one byte more or less of each would show.
        let length = serde_json::to_string(&grant("", failed())).expect("JSON").len() + 1;
        let rule = "a".repeat(length.next_power_of_two() - length);
        let fitting = MOST_BYTES / length.next_power_of_two();
        let mut large = report(vec![grant(&rule, Status::Created); 10]);
        large.grants.extend(vec![grant(&rule, failed()); fitting - 3]);
        large.shorten();
        assert_eq!((large.grants.len(), large.grants_omitted), (fitting, 7));
        let missing = large.grants.iter().take_while(|grant| !grant.status.in_place()).count();
        assert_eq!(missing, fitting - 3, "what is missing comes first");
        assert!(large.to_json().contains(r#""grantsOmitted":7"#));
    }

    #[test]
    fn seconds_are_told_to_the_millisecond() {
        assert_eq!(seconds(Duration::from_micros(12_345_678)), 12.346);
        assert_eq!(seconds(Duration::ZERO), 0.0);
    }
}
