//! `plan --explain`: row by row, why it matches an account or does not. Pure.
//!
//! Nothing here decides: [`account_assigner::plan`] says which conditions are not met, and this tells them with what
//! the row wants and what the account has.

use std::fmt::Write;

use account_assigner::{
    plan::{self, Account, Mismatch},
    report::{AccountReport, GrantReport, Status},
    table::{OrganizationalUnit, Row, Selector, Table},
};
use serde::Serialize;

use crate::{
    failure::{FAINT, GOOD, STRONG, WARNING},
    overview::{AccountAccess, Held, Standing},
    show,
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
    pub unexplained: Vec<Held>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    pub row: String,
    pub permission_set: String,
    /// `group` or `user`.
    pub kind: &'static str,
    pub principal: String,
    pub matches: bool,
    /// Every condition that is not met; empty where the row matches.
    pub mismatches: Vec<Unmet>,
    /// What became of the row's grant, where the row matches and the account may receive anything.
    #[serde(flatten)]
    pub status: Option<Status>,
}

/// A condition that the account does not meet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unmet {
    /// Such as `names` or `tags.course`; `except` where the account is taken out.
    pub selector: String,
    /// What the row asks for.
    pub wanted: String,
    /// What the account has.
    pub actual: String,
}

impl Explanation {
    pub fn new(table: &Table, account: &Account, access: &AccountAccess) -> Explanation {
        let explain = |row: &Row| {
            let mismatches: Vec<Unmet> =
                plan::mismatches(row, account).map(|mismatch| unmet(row, account, &mismatch)).collect();
            let wanted = |grant: &&GrantReport| grant.rules.contains(&row.id);
            Explained {
                row: row.id.clone(),
                permission_set: row.permission_set.as_str().to_owned(),
                kind: row.principal.kind(),
                principal: row.principal.named().as_str().to_owned(),
                matches: mismatches.is_empty(),
                mismatches,
                status: access.grants.iter().find(wanted).map(|grant| grant.status.clone()),
            }
        };
        // An account that may receive nothing is described without its place and tags, so no row can be judged.
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
        let (name, ou) = (show::clean(name), show::clean(ou));
        let _ = writeln!(text, "{STRONG}{name}{STRONG:#}  {id}  {ou}\n");
        if let Some(reason) = &self.reason {
            let _ = writeln!(text, "No row applies: {}", show::clean(reason));
        }
        for Explained { row, permission_set, kind, principal, matches, mismatches, status } in &self.rows {
            let grant = format!("{} to {kind} {}", show::clean(permission_set), show::clean(principal));
            if *matches {
                let status = status.as_ref().map_or(String::new(), words);
                let _ = writeln!(text, "{GOOD}✓ {row}{GOOD:#}  {grant}{status}");
            } else {
                let _ = writeln!(text, "{FAINT}✗ {row}  {grant}{FAINT:#}");
            }
            for Unmet { selector, wanted, actual } in mismatches {
                let and = if selector == "except" { "and" } else { "but" };
                let _ = writeln!(text, "    {WARNING}{selector}{WARNING:#} {wanted}, {and} {actual}");
            }
        }
        for Held { permission_set, principal } in &self.unexplained {
            let (set, principal) = (show::permission_set(permission_set), show::principal(principal));
            let _ = writeln!(
                text,
                "{WARNING}~ {set} to {principal}{WARNING:#}  is there, but no row explains it"
            );
        }
        text
    }
}

fn words(status: &Status) -> String {
    match status {
        Status::Present | Status::Created => ": there already".to_owned(),
        Status::Planned => ": to be created".to_owned(),
        Status::Failed { reason, .. } | Status::Unresolved { reason, .. } | Status::Pending { reason } => {
            format!(": {}", show::clean(reason))
        }
    }
}

fn unmet(row: &Row, account: &Account, mismatch: &Mismatch<'_>) -> Unmet {
    let only = &row.accounts.only;
    match mismatch {
        Mismatch::Ids => told("ids", &wanted(only, Kind::Ids), account, Kind::Ids),
        Mismatch::Names => told("names", &wanted(only, Kind::Names), account, Kind::Names),
        Mismatch::OrganizationalUnits => told("ous", &wanted(only, Kind::Ous), account, Kind::Ous),
        Mismatch::Tag(key) => told(
            &format!("tags.{}", show::clean(key)),
            &wanted(only, Kind::Tag(key)),
            account,
            Kind::Tag(key),
        ),
        Mismatch::Except => {
            let except = row.accounts.except.as_ref();
            let kinds: Vec<Kind<'_>> = except.map(given).unwrap_or_default();
            let wanted = kinds.iter().filter_map(|kind| except.map(|except| wanted(except, *kind)));
            let actual = kinds.iter().map(|kind| actual(account, *kind));
            Unmet {
                selector: "except".to_owned(),
                wanted: format!(
                    "takes out accounts whose {}",
                    wanted.collect::<Vec<_>>().join(" and whose ")
                ),
                actual: actual.collect::<Vec<_>>().join(" and "),
            }
        }
    }
}

fn told(selector: &str, wanted: &str, account: &Account, kind: Kind<'_>) -> Unmet {
    Unmet {
        selector: selector.to_owned(),
        wanted: format!("wants an account whose {wanted}"),
        actual: actual(account, kind),
    }
}

/// A kind of condition.
#[derive(Clone, Copy)]
enum Kind<'k> {
    Ids,
    Names,
    Ous,
    Tag(&'k str),
}

/// The kinds that a selector has.
fn given(selector: &Selector) -> Vec<Kind<'_>> {
    let Selector { ids, names, ous, tags } = selector;
    let one = |is_given: bool, kind| is_given.then_some(kind);
    [one(!ids.is_empty(), Kind::Ids), one(!names.is_empty(), Kind::Names), one(!ous.is_empty(), Kind::Ous)]
        .into_iter()
        .flatten()
        .chain(tags.keys().map(|key| Kind::Tag(key)))
        .collect()
}

/// Continues "an account whose ...".
fn wanted(selector: &Selector, kind: Kind<'_>) -> String {
    match kind {
        Kind::Ids => format!("id is {}", any_of(selector.ids.iter().map(|id| id.as_str().to_owned()))),
        Kind::Names => {
            format!("name matches {}", any_of(selector.names.iter().map(|name| show::clean(name.as_str()))))
        }
        Kind::Ous => {
            let ous = selector.ous.iter().map(OrganizationalUnit::to_string);
            format!("OU is {} or below it", any_of(ous.map(|ou| show::clean(&ou))))
        }
        Kind::Tag(key) => {
            let pattern = selector.tags.get(key).map_or("", |pattern| pattern.as_str());
            format!("tag {} matches {pattern:?}", show::clean(key))
        }
    }
}

/// Begins with what it speaks of: "its name is ...".
fn actual(account: &Account, kind: Kind<'_>) -> String {
    match kind {
        Kind::Ids => format!("its id is {}", account.id),
        Kind::Names => format!("its name is {:?}", account.name),
        Kind::Ous => {
            let ids: Vec<&str> = account.parents.iter().map(|parent| parent.id.as_str()).collect();
            let place = AccountReport::from(account).ou;
            let place =
                if ids.last() == Some(&place.as_str()) { "the root".to_owned() } else { show::clean(&place) };
            format!("it is in {place} ({})", ids.join("/"))
        }
        Kind::Tag(key) => match account.tags.get(key) {
            Some(value) => format!("its tag {} is {value:?}", show::clean(key)),
            None => format!("it has no tag {}", show::clean(key)),
        },
    }
}

fn any_of(texts: impl Iterator<Item = String>) -> String {
    const MOST: usize = 5;
    let texts: Vec<String> = texts.collect();
    match texts.len().checked_sub(MOST) {
        Some(more) if more > 0 => format!("{} or one of {more} more", texts[..MOST].join(" or ")),
        _ => texts.join(" or "),
    }
}
