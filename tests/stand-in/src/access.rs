//! What the roles of permission sets are, what they did, and the sessions and jobs that ask about it. Knows no
//! operation.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;
use tokio::time::Instant;

/// The document of `PUT /stand-in/access`. Days are days ago.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Access {
    /// `None`: there is no trail.
    pub trail: Option<Trail>,
    /// Documents of AWS's managed policies, by ARN.
    pub policies: BTreeMap<String, Value>,
    /// What permission sets hold, by their ARN.
    pub sets: BTreeMap<String, SetContent>,
    pub accounts: BTreeMap<String, AccountAccess>,
    /// What ValidatePolicy finds in every policy.
    pub findings: Vec<Value>,
    /// The most characters of an existing policy that CheckNoNewAccess takes.
    pub largest_existing_policy: Option<usize>,
    /// How long a job stays IN_PROGRESS.
    pub job_millis: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Trail {
    pub name: String,
    pub arn: String,
    pub home_region: String,
    pub bucket: String,
    #[serde(default)]
    pub prefix: Option<String>,
    #[serde(default)]
    pub kms_key_id: Option<String>,
    /// The account that owns the bucket.
    #[serde(default)]
    pub bucket_account: Option<String>,
    /// `None`: everybody may read the bucket.
    #[serde(default)]
    pub bucket_policy: Option<Value>,
    /// Who owns an object of the bucket, such as `ObjectWriter`. `None`: the bucket's owner.
    #[serde(default)]
    pub ownership: Option<String>,
    /// The key that encrypts new objects of the bucket.
    #[serde(default)]
    pub bucket_key: Option<String>,
    /// Whether the key's policy lets no role of an account use it.
    #[serde(default)]
    pub key_refuses: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SetContent {
    pub description: Option<String>,
    pub session_duration: Option<String>,
    pub relay_state: Option<String>,
    pub tags: BTreeMap<String, String>,
    pub inline_policy: Option<Value>,
    pub managed_policies: BTreeSet<String>,
    pub customer_managed_policies: Vec<Reference>,
    pub boundary: Option<Boundary>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reference {
    pub name: String,
    pub path: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Boundary {
    Managed(String),
    CustomerManaged(Reference),
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AccountAccess {
    /// The names of the roles that the management account may assume.
    pub assumable: BTreeSet<String>,
    pub roles: Vec<Role>,
    /// Documents of customer managed policies, by path and name, such as `/Team`.
    pub policies: BTreeMap<String, Value>,
    /// How every policy generation fails.
    pub job_error: Option<JobError>,
    /// Whether the account has used up its policy generations of the day.
    pub quota_used_up: bool,
    /// How long a job of this account stays IN_PROGRESS, if not as long as the others.
    pub job_millis: Option<u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobError {
    pub code: String,
    pub message: String,
    /// The job succeeds if it asks for at most so many days.
    #[serde(default)]
    pub unless_days: Option<u64>,
    /// The job succeeds if it also names at most so many Regions.
    #[serde(default)]
    pub unless_regions: Option<usize>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Role {
    pub name: String,
    pub path: String,
    /// The actions that CloudTrail logged, also those that were refused.
    pub logged: BTreeSet<String>,
    /// The actions that last-accessed data tracks, used so many days ago; null if never.
    pub tracked: BTreeMap<String, Option<u64>>,
    /// The services that the role may use, used so many days ago; null if never.
    pub services: BTreeMap<String, Option<u64>>,
    /// Whether every action of the log could be named.
    pub incomplete: bool,
    /// The trust policy. `None`: Access Analyzer may assume the role.
    pub trust: Option<Value>,
    /// The actions that the role's own policies do not allow.
    pub may_not: BTreeSet<String>,
    pub tags: BTreeMap<String, String>,
    /// Inline policies, by name. Those of the roles of sets come from the sets.
    pub inline: BTreeMap<String, Value>,
    /// The ARN of the permissions boundary, if it is not that of the set.
    pub boundary: Option<String>,
}

/// Credentials of a role.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) account: String,
    pub(crate) role: String,
    pub(crate) session_name: String,
    /// The inline policy that narrows it.
    pub(crate) policy: Value,
}

/// A policy generation.
#[derive(Clone, Debug)]
pub(crate) struct Generation {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) token: Option<String>,
    pub(crate) principal: String,
    pub(crate) trail: Value,
    pub(crate) start_time: String,
    pub(crate) end_time: String,
    pub(crate) started_at: Instant,
    pub(crate) settles_at: Instant,
    pub(crate) cancelled: bool,
    pub(crate) error: Option<JobError>,
}

impl Generation {
    pub(crate) fn status(&self, now: Instant) -> &'static str {
        match () {
            () if self.cancelled => "CANCELED",
            () if now < self.settles_at => "IN_PROGRESS",
            () if self.error.is_some() => "FAILED",
            () => "SUCCEEDED",
        }
    }
}

/// A request for last-accessed data.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) id: String,
    /// Who asked: nobody else gets the answer.
    pub(crate) caller: String,
    pub(crate) account: String,
    pub(crate) role: String,
    pub(crate) by_action: bool,
    pub(crate) asked_at: Instant,
    pub(crate) settles_at: Instant,
}

/// A provisioning of a set in an account.
#[derive(Clone, Debug)]
pub(crate) struct Provisioning {
    pub(crate) id: String,
    pub(crate) account: String,
    /// The ARN of the set.
    pub(crate) set: String,
    /// What the set held when it was asked for.
    content: SetContent,
    pub(crate) accepted_at: Instant,
    /// `None` for one that stays in progress.
    settles_at: Option<Instant>,
    failure: Option<Option<String>>,
    is_applied: bool,
}

impl Provisioning {
    pub(crate) fn status(&self, now: Instant) -> &'static str {
        match self.settles_at {
            Some(at) if at <= now && self.failure.is_some() => "FAILED",
            Some(at) if at <= now => "SUCCEEDED",
            _ => "IN_PROGRESS",
        }
    }

    pub(crate) fn failure_reason(&self, now: Instant) -> Option<&str> {
        if self.status(now) == "FAILED" { self.failure.as_ref()?.as_deref() } else { None }
    }
}

#[derive(Default)]
pub(crate) struct AccessState {
    pub(crate) document: Access,
    /// What the sets held at first: so they are provisioned everywhere.
    initial: BTreeMap<String, SetContent>,
    /// What was provisioned since, by account and set.
    provisioned: BTreeMap<(String, String), SetContent>,
    pub(crate) provisionings: Vec<Provisioning>,
    pub(crate) sessions: HashMap<String, Session>,
    pub(crate) generations: Vec<Generation>,
    pub(crate) reports: Vec<Report>,
    /// The access key of the request that is being answered, and the Region that it is signed for.
    pub(crate) caller: String,
    pub(crate) region: String,
}

impl AccessState {
    pub(crate) fn new(document: Access) -> AccessState {
        AccessState { initial: document.sets.clone(), document, ..AccessState::default() }
    }

    /// Applies the provisionings whose time has come.
    pub(crate) fn settle(&mut self, now: Instant) {
        for one in &mut self.provisionings {
            if !one.is_applied && one.status(now) == "SUCCEEDED" {
                one.is_applied = true;
                self.provisioned.insert((one.account.clone(), one.set.clone()), one.content.clone());
            }
        }
    }

    /// Provisions a set in an account, as it is at this moment.
    pub(crate) fn provision(
        &mut self,
        id: String,
        (account, set): (&str, &str),
        accepted_at: Instant,
        settles_at: Option<Instant>,
        failure: Option<Option<String>>,
    ) -> &Provisioning {
        let content = self.draft(set);
        let (account, set) = (account.to_owned(), set.to_owned());
        let one =
            Provisioning { id, account, set, content, accepted_at, settles_at, failure, is_applied: false };
        let last = self.provisionings.len();
        self.provisionings.push(one);
        &self.provisionings[last]
    }

    /// Publishes the draft of a set in an account at once, as an assignment does.
    pub(crate) fn publish(&mut self, account: &str, set: &str) {
        let content = self.draft(set);
        self.provisioned.insert((account.to_owned(), set.to_owned()), content);
    }

    fn draft(&self, set: &str) -> SetContent {
        self.document.sets.get(set).cloned().unwrap_or_default()
    }

    /// Returns what the role of a set has in an account.
    pub(crate) fn on_role(&self, account: &str, set: &str) -> SetContent {
        let provisioned = self.provisioned.get(&(account.to_owned(), set.to_owned()));
        provisioned.or_else(|| self.initial.get(set)).cloned().unwrap_or_default()
    }

    /// Whether an account lags behind what the set holds now. Tags and the description are on no role.
    pub(crate) fn lags(&self, account: &str, set: &str) -> bool {
        let of_role = |content: SetContent| SetContent {
            description: None,
            relay_state: None,
            tags: BTreeMap::new(),
            ..content
        };
        of_role(self.on_role(account, set)) != of_role(self.draft(set))
    }

    /// Returns how long a job of an account takes.
    pub(crate) fn job_time(&self, account: &str) -> Duration {
        let own = self.document.accounts.get(account).and_then(|found| found.job_millis);
        Duration::from_millis(own.unwrap_or(self.document.job_millis))
    }

    pub(crate) fn role(&self, account: &str, arn: &str) -> Option<&Role> {
        let roles = &self.document.accounts.get(account)?.roles;
        roles.iter().find(|role| role.arn(account) == arn)
    }
}

impl Role {
    /// Whether Access Analyzer may assume the role and is allowed what reading a log takes.
    pub(crate) fn reads_logs(&self) -> bool {
        let trusts = |trust: &Value| {
            allows(trust, "sts:AssumeRole") && trust.to_string().contains("access-analyzer.amazonaws.com")
        };
        self.trust.as_ref().is_none_or(trusts) && self.may_not.is_empty()
    }

    pub(crate) fn arn(&self, account: &str) -> String {
        format!("arn:aws:iam::{account}:role{}{}", self.path, self.name)
    }
}

/// Whether a pattern of actions matches: `*` and `?`, in any case.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    fn glob(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|skipped| glob(rest, &text[skipped..])),
            Some((b'?', rest)) => !text.is_empty() && glob(rest, &text[1..]),
            Some((one, rest)) => text.first() == Some(one) && glob(rest, &text[1..]),
        }
    }
    glob(pattern.to_ascii_lowercase().as_bytes(), text.to_ascii_lowercase().as_bytes())
}

/// Whether a session policy, of plain Allow statements, allows an action. Resources are not looked at.
pub(crate) fn allows(policy: &Value, action: &str) -> bool {
    let list = |value: &Value| match value {
        Value::Array(all) => all.clone(),
        one => vec![one.clone()],
    };
    let hits = |statement: &Value| {
        statement["Effect"] == "Allow"
            && list(&statement["Action"])
                .iter()
                .any(|pattern| pattern.as_str().is_some_and(|pattern| matches(pattern, action)))
    };
    list(&policy["Statement"]).iter().any(hits)
}

/// Returns a moment as ISO 8601, UTC, to the second.
pub(crate) fn iso8601(seconds: f64) -> String {
    let seconds = seconds as i64;
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // The calendar of Gregory, counted from 1 March of the year 0.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

/// Returns the days since 1970 of a moment such as `2026-08-29T00:00:00Z`.
pub(crate) fn days(moment: &str) -> Option<i64> {
    let (date, time) = moment.split_once('T')?;
    let mut parts = date.split('-').map(str::parse::<i64>);
    let (year, month, day) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    if date.len() != 10 || !time.ends_with('Z') || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    Some(era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_and_read() {
        for (seconds, text) in [
            (0.0, "1970-01-01T00:00:00Z"),
            (951_782_400.0, "2000-02-29T00:00:00Z"),
            (1_795_823_999.5, "2026-11-27T23:59:59Z"),
        ] {
            assert_eq!(iso8601(seconds), text);
            assert_eq!(days(text), Some(seconds as i64 / 86_400));
        }
        assert_eq!(days("2026-11-27"), None);
    }
}
