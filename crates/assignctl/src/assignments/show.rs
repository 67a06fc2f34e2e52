//! An overview as text for a terminal: account by account, each grant with the rows that cause it.

use std::fmt::Write;

use anstyle::Style;
use assigner_core::{
    assignments::report::{GrantReport, PermissionSetReport, PrincipalReport, StatusReport},
    assignments::{compare::Ended, facts::Method},
    outcome::Counts,
};

use super::overview::{AccountAccess, HeldAccess, Overview, PlanCounts, Standing, WantedGrant};
use crate::{
    caller,
    entitlements::Entitlement,
    terminal::{ERROR, FAINT, GOOD, STRONG, WARNING, clean, plural},
};

/// Which accounts are shown one by one; the others are only counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Everything,
    /// Those that lack something, are not ready, or hold what no row explains.
    Noteworthy,
    /// Those that lack something.
    Incomplete,
    /// Those in which something was to be created, with the ids of the requests.
    Attempted,
}

/// Returns who asks, of which organization and instance, and what the table is.
pub fn head(overview: &Overview) -> String {
    let Overview { origin, table, digest, rows, instance, read_at, .. } = overview;
    let management = origin.management_account.as_deref();
    let organization = management.map_or("not known".to_owned(), |id| format!("of management account {id}"));
    let instance = match &origin.region {
        Some(region) => format!("{instance} in {region}"),
        None => format!("{instance}, as it was at {read_at}"),
    };
    let table = format!("{table}, {}, {}", plural(*rows, "row"), digest.as_str());
    let read = method(overview);
    caller::lines(&[
        ("identity", caller::words(&origin.identity)),
        ("organization", organization),
        ("instance", instance),
        ("table", table),
        ("read", read),
    ]) + "\n"
}

pub fn accounts(overview: &Overview, shown: Shown) -> String {
    let mut text = String::new();
    for account in &overview.accounts {
        let noteworthy = match account.standing {
            _ if shown == Shown::Attempted => account.grants.iter().any(WantedGrant::was_attempted),
            Standing::Incomplete => true,
            Standing::NotReady => shown != Shown::Incomplete,
            Standing::Complete | Standing::Ignored => {
                shown == Shown::Noteworthy && !account.unexplained.is_empty()
            }
        };
        if noteworthy || shown == Shown::Everything {
            show_account(&mut text, account);
            text.push('\n');
        }
    }
    text
}

fn show_account(text: &mut String, access: &AccountAccess) {
    let account = &access.account;
    let _ = write!(text, "{STRONG}{}{STRONG:#}", clean(&account.name));
    let _ = write!(text, "{}{}", if account.name.is_empty() { "" } else { "  " }, account.id);
    if !account.ou.is_empty() {
        let _ = write!(text, "  {}", clean(&account.ou));
    }
    text.push('\n');
    if let Some(reason) = &access.reason {
        let _ = writeln!(text, "  {FAINT}nothing is done: {}{FAINT:#}", clean(reason));
    } else if access.grants.is_empty() {
        let _ = writeln!(text, "  {FAINT}no row matches it{FAINT:#}");
    }
    let held = |held| Line::of_held(held, access.standing);
    let lines: Vec<Line> = access
        .grants
        .iter()
        .map(|grant| Line::of_grant(&grant.report))
        .chain(access.unexplained.iter().map(held))
        .collect();
    let width = |column: fn(&Line) -> &String| {
        lines.iter().map(|line| column(line).chars().count()).max().unwrap_or(0)
    };
    let (sets, principals) = (width(|line| &line.permission_set), width(|line| &line.principal));
    for Line { mark, style, permission_set, principal, why, more } in lines {
        let _ =
            writeln!(text, "  {style}{mark} {permission_set:sets$}  {principal:principals$}{style:#}  {why}");
        for line in more {
            let _ = writeln!(text, "      {line}");
        }
    }
}

/// Returns the OUs of the table that do not exist, a line each.
pub fn unresolved(overview: &Overview) -> String {
    let lines = overview.unresolved.iter().map(|reason| format!("{WARNING}? {}{WARNING:#}\n", clean(reason)));
    lines.collect()
}

/// The marks of [`Line::of_grant`] and [`Line::of_held`].
pub const LEGEND: &str = "+ to create   = there already   ? a name does not exist   ! failed   … pending   \
                          ~ there, but no row explains it   † of a group or user that was deleted";

/// Returns what account access manager has for these accounts, or that it is not known.
pub fn account_access(overview: &Overview) -> String {
    let access = &overview.origin.account_access;
    if let Some(unread) = access.unread() {
        return format!(
            "{WARNING}what account access manager grants is not known: {}{WARNING:#}\n\n",
            clean(unread)
        );
    }
    if access.all().is_empty() {
        return String::new();
    }
    let mut text = format!("{STRONG}account access manager{STRONG:#}  no table decides about it\n");
    for entitlement in access.all() {
        let mark = if entitlement.orphaned { '†' } else { '◇' };
        let _ = writeln!(
            text,
            "  {WARNING}{mark} {}{WARNING:#}  {}  account {}{}",
            clean(&entitlement.role_arn),
            entitled(entitlement),
            clean(&entitlement.account),
            if entitlement.orphaned { ", was deleted" } else { "" },
        );
    }
    text + "\n"
}

/// Returns who has an entitlement.
pub fn entitled(entitlement: &Entitlement) -> String {
    entitlement.principal.as_ref().map_or("a principal of another kind".to_owned(), principal)
}

/// Returns how assignments were read, and what that cannot show.
pub fn method(overview: &Overview) -> String {
    let read = match overview.method {
        Method::Principals => {
            "by principal: those of groups and users that exist; what is left of deleted ones is not seen"
        }
        Method::Accounts => "by account: every assignment",
        Method::PermissionSets => "by permission set: every assignment",
    };
    let not_all = overview.method.sees_everything() && !overview.all_read;
    format!("{read}{}", if not_all { ", except of accounts that could not be read" } else { "" })
}

struct Line {
    mark: char,
    style: Style,
    permission_set: String,
    principal: String,
    why: String,
    more: Vec<String>,
}

impl Line {
    fn of_grant(grant: &GrantReport) -> Line {
        let (mark, style, more) = match &grant.status {
            StatusReport::Planned => ('+', GOOD, Vec::new()),
            StatusReport::Created => ('✓', GOOD, Vec::new()),
            StatusReport::Present => ('=', FAINT, Vec::new()),
            StatusReport::Unresolved { reason, remedy } => ('?', WARNING, vec![clean(reason), clean(remedy)]),
            StatusReport::Failed { reason, remedy } => ('!', ERROR, vec![clean(reason), clean(remedy)]),
            StatusReport::Pending { reason } => ('…', WARNING, vec![clean(reason)]),
        };
        let request =
            grant.request_id.as_ref().map_or(String::new(), |id| format!("  request {}", clean(id)));
        Line {
            mark,
            style,
            permission_set: permission_set(&grant.permission_set),
            principal: principal(&grant.principal),
            why: rows(&grant.rules) + &request,
            more,
        }
    }

    fn of_held(held: &HeldAccess, standing: Standing) -> Line {
        let why = match standing {
            _ if held.orphaned => "was deleted; AWS still lists the assignment".to_owned(),
            Standing::Complete | Standing::Incomplete => unexplained(held.ended.as_ref()),
            Standing::Ignored | Standing::NotReady => "is there, but the table does not apply".to_owned(),
        };
        Line {
            mark: if held.orphaned { '†' } else { '~' },
            style: WARNING,
            permission_set: permission_set(&held.permission_set),
            principal: principal(&held.principal),
            why,
            more: Vec::new(),
        }
    }
}

/// Returns why something is there that no row wants.
pub fn unexplained(ended: Option<&Ended>) -> String {
    match ended {
        Some(Ended { until, row }) => format!("no row explains it: row {row} ended on {until}"),
        None => "no row explains it".to_owned(),
    }
}

pub fn rows(ids: &[String]) -> String {
    format!("{} {}", if ids.len() == 1 { "row" } else { "rows" }, ids.join(", "))
}

pub fn permission_set(report: &PermissionSetReport) -> String {
    let PermissionSetReport { name, arn } = report;
    clean(name.as_ref().or(arn.as_ref()).map_or("", String::as_str))
}

pub fn principal(report: &PrincipalReport) -> String {
    let PrincipalReport { kind, name, id } = report;
    let text = name.as_ref().or(id.as_ref()).map_or("", String::as_str);
    format!("{} {}", kind.field(), clean(text))
}

pub fn summary(counts: &PlanCounts) -> String {
    let PlanCounts { accounts, complete, incomplete, ignored, not_ready, grants, unexplained, orphaned } =
        *counts;
    let Counts { created, present, planned, unresolved, failed, pending } = grants;
    let some = |numbers: &[(usize, &str)]| {
        let shown: Vec<String> =
            numbers.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
    };
    format!(
        "{}: {}\n{}: {}\n",
        plural(accounts, "account"),
        some(&[
            (complete, "complete"),
            (incomplete, "incomplete"),
            (not_ready, "not ready"),
            (ignored, "ignored")
        ]),
        plural(grants.all(), "wanted grant"),
        some(&[
            (created, "created"),
            (planned, "to create"),
            (present, "there already"),
            (unresolved, "unresolved"),
            (failed, "failed"),
            (pending, "pending"),
        ]),
    ) + &match unexplained {
        0 => String::new(),
        count => format!("{} that no row explains; nothing is deleted\n", plural(count, "assignment")),
    } + &match orphaned {
        0 => String::new(),
        count => format!("{} of groups or users that were deleted\n", plural(count, "assignment")),
    }
}
