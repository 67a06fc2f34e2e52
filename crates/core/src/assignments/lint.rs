//! Rows that are sound and yet doubtful. Such a row can never match, or grants what another row grants. Or its `except`
//! does nothing, or another row undoes it.
//!
//! Without an organization, it reports only what holds in every organization. With one, it also reports what holds in
//! that one. Nothing here is a fault: the function takes such a table.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{PermissionSet, Principal, PrincipalId, Row, Table, facts::Facts, plan::Obstacle};
use crate::{
    ids::AccountId,
    organization::Account,
    selector::{Mismatch, OrganizationalUnit, Selector},
};

/// A doubt about a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    pub kind: Kind,
    /// Index of the row, from 0.
    pub row: usize,
    /// From the row down, such as `accounts.except`.
    pub field: String,
    pub problem: String,
    pub remedy: String,
    /// Index of the other row that it is about.
    pub other: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The row can match no account.
    NeverMatches,
    /// `except` takes out nothing.
    IdleExcept,
    /// What `except` takes out gets the same grant from another row.
    ShadowedExcept,
    /// The row grants nothing that another row does not grant.
    DuplicateGrant,
    /// A name or id that the organization does not have.
    Unknown,
    /// The row was not compared with the others of its grant, because there are too many.
    NotCompared,
}

impl Kind {
    /// Returns a stable word: scripts match on it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::NeverMatches => "never-matches",
            Kind::IdleExcept => "idle-except",
            Kind::ShadowedExcept => "shadowed-except",
            Kind::DuplicateGrant => "duplicate-grant",
            Kind::Unknown => "unknown",
            Kind::NotCompared => "not-compared",
        }
    }
}

/// More rows for the same grant than this are not compared with each other.
const MOST_COMPARED: usize = 1_000;
/// The most OUs on the way from the root to an account, by the quotas of AWS Organizations.
const DEEPEST: usize = 5;

/// Returns every doubt, in the order of the rows.
pub fn lint(table: &Table, organization: Option<&Facts>) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for (index, row) in table.rows.iter().enumerate() {
        lint_row(index, row, &mut warnings);
    }
    let names = organization.map(|facts| &facts.names);
    let same = |row: &Row| {
        let set = match &row.permission_set {
            PermissionSet::Arn(arn) => arn.clone(),
            PermissionSet::Name(name) => names
                .and_then(|names| names.permission_sets.get(name)?.clone().ok())
                .unwrap_or_else(|| name.clone()),
        };
        let principal = names.and_then(|names| names.principals.get(&row.principal)?.clone().ok());
        (set, principal.ok_or_else(|| row.principal.clone()))
    };
    let mut grants: BTreeMap<(String, Result<PrincipalId, Principal>), Vec<usize>> = BTreeMap::new();
    for (index, row) in table.rows.iter().enumerate() {
        grants.entry(same(row)).or_default().push(index);
    }
    let matches = organization.map(|facts| Matches::new(table, &facts.accounts));
    for rows in grants.values() {
        if let (true, Some(first)) = (rows.len() > MOST_COMPARED, rows.first()) {
            warnings.push(Warning {
                kind: Kind::NotCompared,
                row: *first,
                field: String::new(),
                problem: format!("is one of {} rows for the same grant, which were not compared", rows.len()),
                remedy: "give one row for several accounts by `ous`, `names` or `tags`".to_owned(),
                other: None,
            });
            continue;
        }
        for one in rows {
            compare(table, *one, rows, matches.as_ref(), &mut warnings);
        }
    }
    if let (Some(facts), Some(matches)) = (organization, &matches) {
        for (index, row) in table.rows.iter().enumerate() {
            let obstacles = [
                match &row.permission_set {
                    PermissionSet::Name(name) => facts.names.permission_sets.get(name).and_then(unknown),
                    PermissionSet::Arn(_) => None,
                }
                .map(|reason| ("permissionSet", reason)),
                facts
                    .names
                    .principals
                    .get(&row.principal)
                    .and_then(unknown)
                    .map(|reason| (row.principal.kind.field(), reason)),
            ];
            for (field, problem) in obstacles.into_iter().flatten() {
                let remedy = "correct the name, or create what it names".to_owned();
                warnings.push(Warning {
                    kind: Kind::Unknown,
                    row: index,
                    field: field.to_owned(),
                    problem,
                    remedy,
                    other: None,
                });
            }
            lint_in(index, row, &facts.accounts, matches, &mut warnings);
        }
    }
    warnings.sort_by_key(|warning| (warning.row, warning.kind, warning.other));
    warnings.dedup_by_key(|warning| {
        // If a doubt holds in general and in this organization, the first is enough.
        (warning.row, warning.kind, warning.field.clone(), warning.other)
    });
    warnings
}

fn unknown<T>(found: &Result<T, Obstacle>) -> Option<String> {
    match found {
        Err(Obstacle::Unknown(reason)) => Some(reason.clone()),
        _ => None,
    }
}

/// Reports what can be said of a row alone.
fn lint_row(index: usize, row: &Row, warnings: &mut Vec<Warning>) {
    let only = &row.accounts.only;
    let mut warn = |kind, field: &str, problem: String, remedy: &str| {
        let (field, remedy) = (field.to_owned(), remedy.to_owned());
        warnings.push(Warning { kind, row: index, field, problem, remedy, other: None });
    };
    let too_deep =
        |ou: &OrganizationalUnit| matches!(ou, OrganizationalUnit::Path(names) if names.len() > DEEPEST);
    if !only.ous.is_empty() && only.ous.iter().all(too_deep) {
        warn(
            Kind::NeverMatches,
            "accounts.ous",
            format!("can match no account: an organization is at most {DEEPEST} OUs deep"),
            "write the names of OUs from the root down, without the root itself",
        );
    }
    if let Some(except) = &row.accounts.except {
        if only.implies(except) {
            warn(
                Kind::NeverMatches,
                "accounts.except",
                "takes out every account that the row selects".to_owned(),
                "narrow it, or delete the row",
            );
        } else if except.is_apart_from(only) {
            warn(
                Kind::IdleExcept,
                "accounts.except",
                "takes out no account that the row selects".to_owned(),
                "correct it, or leave it out",
            );
        }
    }
}

/// Reports what can be said of a row next to others with the same grant.
fn compare(
    table: &Table,
    one: usize,
    rows: &[usize],
    matches: Option<&Matches<'_>>,
    warnings: &mut Vec<Warning>,
) {
    let row = &table.rows[one];
    for other in rows.iter().copied().filter(|other| *other != one) {
        let rival = &table.rows[other];
        let shadowed = shadows(rival, row);
        let excepted = matches.map(|matches| matches.excepted_and_matched(one, other)).unwrap_or_default();
        if shadowed || !excepted.is_empty() {
            let whom = if shadowed {
                "the accounts that it takes out".to_owned()
            } else {
                let names: Vec<String> = excepted.iter().take(3).map(|account| named(account)).collect();
                let more = excepted.len().saturating_sub(names.len());
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                format!("{}{more}, which it takes out,", names.join(", "))
            };
            warnings.push(Warning {
                kind: Kind::ShadowedExcept,
                row: one,
                field: "accounts.except".to_owned(),
                problem: format!("is undone: {whom} get the same grant from row {:?}", rival.id),
                remedy: "give the other row the same `except`, or narrow it".to_owned(),
                other: Some(other),
            });
            continue;
        }
        // If two rows say the same, the later one is redundant.
        let contained = |inner: &Row, outer: &Row| inner.accounts.implies(&outer.accounts);
        let always = contained(row, rival) && (other < one || !contained(rival, row));
        let here = matches.is_some_and(|matches| {
            matches.within(one, other) && (other < one || !matches.within(other, one))
        });
        if always || here {
            let here = if always { "" } else { " in this organization" };
            warnings.push(Warning {
                kind: Kind::DuplicateGrant,
                row: one,
                field: String::new(),
                problem: format!("grants nothing{here} that row {:?} does not grant", rival.id),
                remedy: "delete one of the two rows".to_owned(),
                other: Some(other),
            });
            return;
        }
    }
}

/// Reports what can be said of a row in an organization.
fn lint_in(
    index: usize,
    row: &Row,
    accounts: &[Account],
    matches: &Matches<'_>,
    warnings: &mut Vec<Warning>,
) {
    let mut warn = |kind, field: String, problem: String, remedy: &str| {
        let remedy = remedy.to_owned();
        warnings.push(Warning { kind, row: index, field, problem, remedy, other: None });
    };
    let selectors =
        [("accounts", Some(&row.accounts.only)), ("accounts.except", row.accounts.except.as_ref())];
    for (place, selector) in selectors {
        let Some(Selector { ids, ous, .. }) = selector else { continue };
        for (n, id) in ids.iter().enumerate() {
            let field = format!("{place}.ids[{n}]");
            match matches.by_id.get(id) {
                None => warn(
                    Kind::Unknown,
                    field,
                    format!("account {id} is not in the organization"),
                    "correct the id, or leave it out",
                ),
                Some(account) if account.is_management => warn(
                    Kind::NeverMatches,
                    field,
                    format!("account {id} is the management account, which never receives an assignment"),
                    "leave it out",
                ),
                Some(_) => {}
            }
        }
        for (n, ou) in ous.iter().enumerate() {
            if !accounts.iter().any(|account| ou.holds(&account.parents)) {
                warn(
                    Kind::Unknown,
                    format!("{place}.ous[{n}]"),
                    format!("no active account is in {ou} or below it"),
                    "write the names of OUs from the root down, or correct the id",
                );
            }
        }
    }
    if matches.of[index].is_empty() {
        warn(
            Kind::NeverMatches,
            String::new(),
            "matches no account of this organization".to_owned(),
            "see which condition is not met with `assignctl plan --explain ACCOUNT`",
        );
    } else if row.accounts.except.is_some() && matches.excepted[index].is_empty() {
        warn(
            Kind::IdleExcept,
            "accounts.except".to_owned(),
            "takes out no account of this organization".to_owned(),
            "correct it, or leave it out if it is not for future accounts",
        );
    }
}

/// Which accounts of an organization each row matches, and which its `except` takes out; as indices, in order.
struct Matches<'o> {
    accounts: Vec<&'o Account>,
    by_id: HashMap<&'o AccountId, &'o Account>,
    of: Vec<BTreeSet<usize>>,
    excepted: Vec<BTreeSet<usize>>,
}

impl<'o> Matches<'o> {
    fn new(table: &Table, organization: &'o [Account]) -> Matches<'o> {
        let accounts: Vec<&Account> = organization.iter().filter(|account| account.may_receive()).collect();
        let (mut of, mut excepted) = (Vec::new(), Vec::new());
        for row in &table.rows {
            let (mut matched, mut out) = (BTreeSet::new(), BTreeSet::new());
            for (index, account) in accounts.iter().enumerate() {
                match row.accounts.mismatches(account).next() {
                    None => _ = matched.insert(index),
                    Some(Mismatch::Except) => _ = out.insert(index),
                    Some(_) => {}
                }
            }
            of.push(matched);
            excepted.push(out);
        }
        let by_id = organization.iter().map(|account| (&account.id, account)).collect();
        Matches { accounts, by_id, of, excepted }
    }

    fn excepted_and_matched(&self, one: usize, other: usize) -> Vec<&'o Account> {
        self.excepted[one].intersection(&self.of[other]).map(|index| self.accounts[*index]).collect()
    }

    fn within(&self, one: usize, other: usize) -> bool {
        !self.of[one].is_empty() && self.of[one].is_subset(&self.of[other])
    }
}

fn named(account: &Account) -> String {
    format!("{} ({})", account.name, account.id)
}

/// Whether `rival` grants to every account that the `except` of `row` takes out.
fn shadows(rival: &Row, row: &Row) -> bool {
    let Some(except) = &row.accounts.except else { return false };
    let reached = except.implies(&rival.accounts.only) || row.accounts.only.implies(&rival.accounts.only);
    let spared = rival.accounts.except.as_ref().is_some_and(|spared| !spared.is_apart_from(except));
    reached && !spared && !except.is_apart_from(&row.accounts.only)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table;

    fn warnings(rows: &str) -> Vec<(usize, Kind, Option<usize>)> {
        let table = table::parse(format!(r#"{{ "assignments": [{rows}] }}"#).as_bytes()).unwrap();
        lint(&table, None).into_iter().map(|warning| (warning.row, warning.kind, warning.other)).collect()
    }

    fn row(id: &str, accounts: &str) -> String {
        format!(r#"{{ "id": "{id}", "permissionSet": "P", "group": "g", "accounts": {accounts} }}"#)
    }

    #[test]
    fn a_row_alone_is_doubtful_if_its_conditions_contradict_each_other() {
        let cases: &[(&str, Option<Kind>)] = &[
            (r#"{ "names": ["a"] }"#, None),
            (r#"{ "ous": ["A/B/C/D/E"] }"#, None),
            (r#"{ "ous": ["A/B/C/D/E/F"] }"#, Some(Kind::NeverMatches)),
            (r#"{ "ous": ["A/B/C/D/E/F", "A"] }"#, None),
            (r#"{ "names": ["class-7"], "except": { "names": ["class-*"] } }"#, Some(Kind::NeverMatches)),
            (r#"{ "names": ["class-*"], "except": { "names": ["class-7"] } }"#, None),
            (r#"{ "ous": ["A"], "except": { "names": ["*"] } }"#, Some(Kind::NeverMatches)),
            (r#"{ "names": ["class-*"], "except": { "names": ["prod"] } }"#, Some(Kind::IdleExcept)),
            (r#"{ "names": ["class-*"], "except": { "names": ["*-7"] } }"#, None),
            (
                r#"{ "ids": ["111122223333"], "except": { "ids": ["111122223333"] } }"#,
                Some(Kind::NeverMatches),
            ),
            (r#"{ "ids": ["111122223333"], "except": { "ids": ["444455556666"] } }"#, Some(Kind::IdleExcept)),
            (r#"{ "ous": ["A/B"], "except": { "ous": ["A"] } }"#, Some(Kind::NeverMatches)),
            (r#"{ "ous": ["A"], "except": { "ous": ["A/B"] } }"#, None),
            (r#"{ "ous": ["A"], "except": { "ous": ["AB"] } }"#, Some(Kind::IdleExcept)),
            (r#"{ "ous": ["A"], "except": { "ous": ["ou-ab12-11111111"] } }"#, None),
            (r#"{ "tags": { "a": "b" }, "except": { "tags": { "a": "*" } } }"#, Some(Kind::NeverMatches)),
            (r#"{ "tags": { "a": "*" }, "except": { "tags": { "a": "b" } } }"#, None),
            (r#"{ "tags": { "a": "c" }, "except": { "tags": { "a": "b" } } }"#, Some(Kind::IdleExcept)),
            (
                r#"{ "ous": ["A"], "names": ["x"], "except": { "ous": ["A"], "names": ["y"] } }"#,
                Some(Kind::IdleExcept),
            ),
        ];
        for (accounts, expected) in cases {
            let found: Vec<Kind> =
                warnings(&row("a", accounts)).into_iter().map(|(_, kind, _)| kind).collect();
            assert_eq!(found, expected.iter().copied().collect::<Vec<_>>(), "{accounts}");
        }
    }

    #[test]
    fn a_row_is_doubtful_if_another_undoes_its_except_or_grants_the_same() {
        let shadowed = Some((0, Kind::ShadowedExcept, Some(1)));
        let duplicate = |row, other| Some((row, Kind::DuplicateGrant, Some(other)));
        let cases = [
            (r#"{ "except": { "names": ["x"] } }"#, r#"{ "names": ["x"] }"#, shadowed),
            (r#"{ "ous": ["A"], "except": { "tags": { "a": "b" } } }"#, r#"{ "ous": ["A"] }"#, shadowed),
            (r#"{ "except": { "names": ["x"] } }"#, r#"{ "names": ["y"] }"#, duplicate(1, 0)),
            (
                r#"{ "except": { "names": ["x"] } }"#,
                r#"{ "ous": ["A"], "except": { "names": ["x", "y"] } }"#,
                duplicate(1, 0),
            ),
            (
                r#"{ "except": { "names": ["x"] } }"#,
                r#"{ "ous": ["A"], "except": { "names": ["y"] } }"#,
                Some((1, Kind::ShadowedExcept, Some(0))),
            ),
            (
                r#"{ "ous": ["B"], "except": { "names": ["x"] } }"#,
                r#"{ "ous": ["A"], "except": { "names": ["y"] } }"#,
                None,
            ),
            (r#"{ "ous": ["A"] }"#, r#"{ "ous": ["A/B"] }"#, duplicate(1, 0)),
            (r#"{ "ous": ["A/B"] }"#, r#"{ "ous": ["A"] }"#, duplicate(0, 1)),
            (r#"{ "ous": ["A"] }"#, r#"{ "ous": ["A"] }"#, duplicate(1, 0)),
            (r#"{ "ous": ["A"] }"#, r#"{ "names": ["x"] }"#, None),
            (r#"{ "names": ["x", "y"] }"#, r#"{ "names": ["y", "z"] }"#, None),
        ];
        for (one, other, expected) in cases {
            let found = warnings(&format!("{}, {}", row("a", one), row("b", other)));
            assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{one} next to {other}");
        }
        let other_grant = r#"{ "id": "b", "permissionSet": "Q", "group": "g" }"#;
        assert_eq!(warnings(&format!("{}, {other_grant}", row("a", r#"{ "names": ["x"] }"#))), []);
    }
}
