//! `plan --explain`: row by row, why it matches an account or does not. Pure.
//!
//! Nothing here decides: `assigner_core::selector` says which conditions are not met, with what the row wants and what
//! the account has.

use std::fmt::Write;

use assigner_core::{
    assignments::{
        Row, Table,
        report::{AccountReport, StatusReport},
    },
    day::Day,
    organization::Account,
    selector::{Match, words},
};
use serde::Serialize;

use crate::{
    assignments::{
        overview::{AccountAccess, HeldAccess, Standing},
        show,
    },
    terminal::{FAINT, GOOD, STRONG, WARNING, clean},
};

/// What `plan --explain --json` prints.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    #[serde(flatten)]
    pub account: AccountReport,
    pub standing: Standing,
    /// Why no row applies, whatever it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub rows: Vec<Explained>,
    pub unexplained: Vec<HeldAccess>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    pub row: String,
    pub permission_set: String,
    /// `group` or `user`.
    pub kind: &'static str,
    pub principal: String,
    /// The last day of a row that has ended, which gives nothing, whatever it matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Day>,
    /// `null`: it depends on what was not read.
    pub matches: Option<bool>,
    /// Every condition that is not met, or not known to be; empty if the row matches.
    pub mismatches: Vec<Unmet>,
    /// What became of the row's grant, if the row matches and the account may receive anything.
    #[serde(flatten)]
    pub status: Option<StatusReport>,
}

/// A condition that the account does not meet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unmet {
    pub selector: String,
    pub wanted: String,
    pub actual: String,
}

impl Explanation {
    pub fn new(table: &Table, account: &Account, access: &AccountAccess, today: Day) -> Explanation {
        let explain = |row: &Row| {
            let mismatches: Vec<Unmet> =
                words::unmet(&row.accounts, account).into_iter().map(Unmet::from).collect();
            let grant = access.grants.iter().find(|grant| grant.report.rules.contains(&row.id));
            Explained {
                row: row.id.clone(),
                permission_set: row.permission_set.as_str().to_owned(),
                kind: row.principal.kind.field(),
                principal: row.principal.named.as_str().to_owned(),
                ended: row.until.filter(|_| row.has_ended(today)),
                matches: match row.accounts.judge(account) {
                    Match::Yes => Some(true),
                    Match::No => Some(false),
                    Match::NotRead => None,
                },
                mismatches,
                status: grant.map(|grant| grant.report.status.clone()),
            }
        };
        // An account that may receive nothing is described without its OUs and tags, so no row can be judged.
        let rows = if access.reason.is_some() { &[][..] } else { &table.rows };
        Explanation {
            account: access.account.clone(),
            standing: access.standing,
            reason: access.reason.clone(),
            rows: rows.iter().map(explain).collect(),
            unexplained: access.unexplained.clone(),
        }
    }

    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let AccountReport { id, name, ou } = &self.account;
        let (name, ou) = (clean(name), clean(ou));
        let _ = writeln!(text, "{STRONG}{name}{STRONG:#}  {id}  {ou}\n");
        if let Some(reason) = &self.reason {
            let _ = writeln!(text, "No row applies: {}", clean(reason));
        }
        for Explained { row, permission_set, kind, principal, ended, matches, mismatches, status } in
            &self.rows
        {
            let grant = format!("{} to {kind} {}", clean(permission_set), clean(principal));
            let _ = match (ended, matches) {
                (Some(until), _) => writeln!(text, "{FAINT}✗ {row}  {grant}: ended on {until}{FAINT:#}"),
                (None, Some(true)) => {
                    let status = status.as_ref().map_or(String::new(), words);
                    writeln!(text, "{GOOD}✓ {row}{GOOD:#}  {grant}{status}")
                }
                (None, Some(false)) => writeln!(text, "{FAINT}✗ {row}  {grant}{FAINT:#}"),
                (None, None) => writeln!(text, "{WARNING}? {row}{WARNING:#}  {grant}: not known"),
            };
            for Unmet { selector, wanted, actual } in mismatches {
                let and = if selector == "except" { "and" } else { "but" };
                let (selector, wanted, actual) = (clean(selector), clean(wanted), clean(actual));
                let _ = writeln!(text, "    {WARNING}{selector}{WARNING:#} {wanted}, {and} {actual}");
            }
        }
        for HeldAccess { permission_set, principal, orphaned, ended } in &self.unexplained {
            let (set, principal) = (show::permission_set(permission_set), show::principal(principal));
            let why = match orphaned {
                true => "the principal was deleted".to_owned(),
                false => show::unexplained(ended.as_ref()),
            };
            let _ = writeln!(text, "{WARNING}~ {set} to {principal}{WARNING:#}  is there, but {why}");
        }
        text
    }
}

fn words(status: &StatusReport) -> String {
    match status {
        StatusReport::Present | StatusReport::Created => ": there already".to_owned(),
        StatusReport::Planned => ": to be created".to_owned(),
        other => format!(": {}", clean(other.reason().unwrap_or_default())),
    }
}

impl From<words::Unmet> for Unmet {
    fn from(unmet: words::Unmet) -> Unmet {
        let words::Unmet { selector, wanted, actual } = unmet;
        Unmet { selector, wanted, actual }
    }
}
