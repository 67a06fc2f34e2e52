//! The verdicts: what was seen, next to what could have been seen.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer};

use super::{
    Asks, Tally,
    ask::{Question, Unit},
    denies::{Basis, Setting},
    status::Status,
    tally::{Days, Seen},
};

/// The most accounts that a reason lists.
const MOST_LISTED: usize = 5;

/// What is said of one control on one OU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    InUse,
    /// On how many days there are records of the OU's accounts.
    NotSeen(u32),
    CannotTell,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Verdict::InUse => f.write_str("in use"),
            Verdict::NotSeen(1) => f.write_str("no use seen in 1 day"),
            Verdict::NotSeen(days) => write!(f, "no use seen in {days} days"),
            Verdict::CannotTell => f.write_str("cannot tell"),
        }
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[derive(Debug, Serialize)]
pub struct Report {
    pub window: Window,
    /// Files that were not read, or not whole.
    pub unread: Vec<String>,
    pub rows: Vec<RowImpact>,
}

/// The first and the last record that counted, RFC 3339, UTC.
#[derive(Debug, Serialize)]
pub struct Window {
    pub from: String,
    pub to: String,
}

#[derive(Debug, Serialize)]
pub struct RowImpact {
    pub id: String,
    pub control: String,
    pub ous: Vec<UnitImpact>,
}

#[derive(Debug, Serialize)]
pub struct UnitImpact {
    /// Empty if there is no such OU.
    pub id: String,
    pub path: String,
    pub verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The most calls first.
    pub principals: Vec<PrincipalUse>,
}

#[derive(Debug, Serialize)]
pub struct PrincipalUse {
    pub principal: String,
    pub calls: u64,
    /// RFC 3339, UTC.
    pub last: String,
}

/// A file that was not read, or not whole; or an account of which it is not known where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    pub file: String,
    pub reason: String,
    /// Whose records it holds, if its path names one account.
    pub account: Option<u64>,
}

impl Report {
    /// Returns what is said. `None` if there was no record to judge by.
    pub fn of(asks: &Asks, tally: &Tally, status: Option<&Status>, unread: &[Unread]) -> Option<Report> {
        let (from, to) = tally.window?;
        let nothing = Seen::default();
        let rows = asks.questions.iter().enumerate().map(|(index, question)| {
            let ous = question.units.iter().enumerate().map(|(place, unit)| {
                let seen = tally.seen.get(&(index, place)).unwrap_or(&nothing);
                judge(asks, question, unit, seen, tally, status, unread)
            });
            RowImpact { id: question.id.clone(), control: question.control.clone(), ous: ous.collect() }
        });
        Some(Report {
            window: Window { from: from.as_str().to_owned(), to: to.as_str().to_owned() },
            rows: rows.collect(),
            unread: unread.iter().map(|unread| unread.file.clone()).collect(),
        })
    }

    /// Whether every verdict is that no use was seen, and every file was read.
    pub fn is_quiet(&self) -> bool {
        let mut all = self.rows.iter().flat_map(|row| &row.ous);
        self.unread.is_empty() && all.all(|unit| matches!(unit.verdict, Verdict::NotSeen(_)))
    }
}

fn judge(
    asks: &Asks,
    question: &Question,
    unit: &Unit,
    seen: &Seen,
    tally: &Tally,
    status: Option<&Status>,
    unread: &[Unread],
) -> UnitImpact {
    let mut principals: Vec<PrincipalUse> = seen
        .used
        .iter()
        .map(|(principal, used)| PrincipalUse {
            principal: principal.clone(),
            calls: used.calls,
            last: used.last.as_str().to_owned(),
        })
        .collect();
    principals
        .sort_by(|one, other| other.calls.cmp(&one.calls).then_with(|| one.principal.cmp(&other.principal)));
    let (verdict, reason) = match principals.is_empty() {
        false => (Verdict::InUse, None),
        true => quiet(asks, question, unit, seen, tally, status, unread),
    };
    UnitImpact { id: unit.id.clone(), path: unit.path.clone(), verdict, reason, principals }
}

/// Returns what is said where no use was seen.
fn quiet(
    asks: &Asks,
    question: &Question,
    unit: &Unit,
    seen: &Seen,
    tally: &Tally,
    status: Option<&Status>,
    unread: &[Unread],
) -> (Verdict, Option<String>) {
    let mut reasons: Vec<String> = Vec::new();
    let mut note = None;
    if unit.id.is_empty() {
        return (Verdict::CannotTell, Some("the organization has no such OU".to_owned()));
    }
    if unit.accounts.is_empty() {
        return (Verdict::CannotTell, Some("no active account is in it or below it".to_owned()));
    }
    match &question.basis {
        Basis::Unknown(reason) => reasons.push(reason.clone()),
        Basis::Setting(setting) => match of_setting(setting, unit, status) {
            Ok(sentence) => note = Some(sentence),
            Err(reason) => reasons.push(reason),
        },
        Basis::Denies(deny) => {
            let deny = &asks.denies.all[*deny];
            let silent = accounts(unit, |account| !tally.days.contains_key(account));
            if let Some(silent) = silent {
                reasons.push(format!("there is no record of {silent}"));
            }
            let lost = |one: &&Unread| one.account.is_none_or(|account| unit.accounts.contains_key(&account));
            let mut lost = unread.iter().filter(lost);
            if let Some(first) = lost.next() {
                reasons.push(match lost.count() {
                    0 => format!("{} could not be read whole", first.file),
                    more => format!("{} and {more} more could not be read whole", first.file),
                });
            }
            for (of, calls) in &seen.unknown {
                reasons.push(match calls {
                    1 => format!("one call depends on {of}, which its record does not show"),
                    calls => format!("{calls} calls depend on {of}, which their records do not show"),
                });
            }
            if deny.is_of_resources {
                let with =
                    unit.accounts.keys().filter(|account| tally.with_objects.contains(account)).count();
                reasons.push(format!(
                    "CloudTrail records how objects are reached only where data events of S3 are on; {with} of {} \
                     has any",
                    match unit.accounts.len() {
                        1 => "1 account".to_owned(),
                        count => format!("{count} accounts"),
                    }
                ));
            } else if let Some(first) = deny.data_events.first() {
                reasons.push(format!(
                    "CloudTrail records {first}{} only where data events are on",
                    match deny.data_events.len() {
                        1 => String::new(),
                        count => format!(" and {} others that it denies", count - 1),
                    }
                ));
            }
        }
    }
    if !reasons.is_empty() {
        return (Verdict::CannotTell, Some(reasons.join("; ")));
    }
    let mut days = Days::default();
    unit.accounts.keys().filter_map(|account| tally.days.get(account)).for_each(|one| days.join(one));
    (Verdict::NotSeen(days.count()), note)
}

/// Returns why a setting changes nothing, or why that cannot be told.
fn of_setting(setting: &Setting, unit: &Unit, status: Option<&Status>) -> Result<String, String> {
    let Some(status) = status else {
        return Err(format!(
            "it is a setting of each account, and CloudTrail does not record {}; give EC2's account status report \
             with --status-report",
            setting.what
        ));
    };
    if let Some(without) = accounts(unit, |account| status.has(setting, *account).is_none()) {
        return Err(format!("the account status report says nothing of {} in {without}", setting.attribute));
    }
    match accounts(unit, |account| status.has(setting, *account) != Some(true)) {
        None => Ok(format!("the account status report shows {} in each account already", setting.attribute)),
        Some(open) => Err(format!(
            "the account status report shows another {} in {open}, and CloudTrail does not record {}",
            setting.attribute, setting.what
        )),
    }
}

/// Returns the accounts of which it is true, in words; `None` if of none.
fn accounts(unit: &Unit, is: impl Fn(&u64) -> bool) -> Option<String> {
    let found: BTreeSet<String> = unit
        .accounts
        .iter()
        .filter(|(account, _)| is(account))
        .map(|(account, name)| match name.is_empty() {
            true => format!("{account:012}"),
            false => format!("{account:012} ({name})"),
        })
        .collect();
    let listed: Vec<&str> = found.iter().take(MOST_LISTED).map(String::as_str).collect();
    match found.len() {
        0 => None,
        1 => Some(format!("account {}", listed.join(", "))),
        count if count > MOST_LISTED => {
            Some(format!("accounts {} and {} more", listed.join(", "), count - MOST_LISTED))
        }
        _ => Some(format!("accounts {}", listed.join(", "))),
    }
}
