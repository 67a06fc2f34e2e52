//! Rows that are sound and yet doubtful. Such a row can never match, or grants what another row grants. Or its `except`
//! does nothing, or another row undoes it.
//!
//! Without an organization, it reports only what holds in every organization. With one, it also reports what holds in
//! that one, as far as it was read: of accounts that were not read it says nothing. Nothing here is a fault: the function
//! takes such a table. No remedy takes access away without saying so.

mod ends;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    Principal, PrincipalId, Row, Table,
    facts::{self, Facts},
    plan::Obstacle,
};
use crate::{
    day::Day,
    ids::AccountId,
    organization::Account,
    selector::{
        Glob, Match, Mismatch, OrganizationalUnit, Selector,
        tree::{self, Look},
    },
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
    /// The last day of the row is over: it grants nothing.
    Ended,
    /// The row ends soon.
    EndsSoon,
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
            Kind::Ended => "ended",
            Kind::EndsSoon => "ends-soon",
            Kind::NotCompared => "not-compared",
        }
    }
}

/// More rows for the same grant than this are not compared with each other.
const MOST_COMPARED: usize = 1_000;
/// The most OUs on the way from the root to an account, by the quotas of AWS Organizations.
const DEEPEST: usize = 5;

/// Returns every doubt, in the order of the rows. Of a row that has ended before `today`, only that: it grants nothing.
pub fn lint(table: &Table, organization: Option<&Facts>, today: Day) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let standing = || table.rows.iter().enumerate().filter(|(_, row)| !row.has_ended(today));
    for (index, row) in table.rows.iter().enumerate() {
        ends::lint_end(index, row, today, &mut warnings);
    }
    for (index, row) in standing() {
        lint_row(index, row, &mut warnings);
    }
    let names = organization.map(|facts| &facts.names);
    let same = |row: &Row| {
        let set = names.and_then(|names| names.permission_sets.get(&row.permission_set)?.clone().ok());
        let set = set.unwrap_or_else(|| row.permission_set.as_str().to_owned());
        let principal = names.and_then(|names| names.principals.get(&row.principal)?.clone().ok());
        (set, principal.ok_or_else(|| row.principal.clone()))
    };
    let mut grants: BTreeMap<(String, Result<PrincipalId, Principal>), Vec<usize>> = BTreeMap::new();
    for (index, row) in standing() {
        grants.entry(same(row)).or_default().push(index);
    }
    let matches = organization.map(|facts| Matches::new(table, facts));
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
        for (index, row) in standing() {
            let permission_set = facts.names.permission_sets.get(&row.permission_set).and_then(unknown);
            let obstacles = [
                permission_set.map(|reason| ("permissionSet", reason)),
                facts
                    .names
                    .principals
                    .get(&row.principal)
                    .and_then(unknown)
                    .map(|reason| (row.principal.kind.field(), reason)),
            ];
            for (field, problem) in obstacles.into_iter().flatten() {
                let remedy = "correct the name, id or ARN, or create what it names".to_owned();
                warnings.push(Warning {
                    kind: Kind::Unknown,
                    row: index,
                    field: field.to_owned(),
                    problem,
                    remedy,
                    other: None,
                });
            }
            lint_in(index, row, facts, matches, &mut warnings);
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
                "narrow it, or delete the row, which grants nothing",
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
                remedy: format!(
                    "if they must not have it, give row {:?} the same `except`; if they may, leave this `except` out",
                    rival.id
                ),
                other: Some(other),
            });
            continue;
        }
        // If two rows say the same, the later one is redundant.
        let contained =
            |inner: &Row, outer: &Row| outer.outlasts(inner) && inner.accounts.implies(&outer.accounts);
        let always = contained(row, rival) && (other < one || !contained(rival, row));
        let here = matches.is_some_and(|matches| {
            let within = |inner: usize, outer: usize| {
                table.rows[outer].outlasts(&table.rows[inner]) && matches.within(inner, outer)
            };
            within(one, other) && (other < one || !within(other, one))
        });
        if always || here {
            let (id, wider) = (&row.id, &rival.id);
            let (here, remedy) = match always {
                true => (
                    "",
                    format!(
                        "delete row {id:?}: nobody loses access; row {wider:?} must stay, it may grant more"
                    ),
                ),
                false => (
                    " in this organization",
                    format!(
                        "if row {id:?} is not for accounts to come, delete it: nobody loses access today; row \
                         {wider:?} must stay"
                    ),
                ),
            };
            warnings.push(Warning {
                kind: Kind::DuplicateGrant,
                row: one,
                field: String::new(),
                problem: format!("grants nothing{here} that row {wider:?} does not grant"),
                remedy,
                other: Some(other),
            });
            return;
        }
    }
}

const CORRECT_OU: &str = "write the names of OUs from the root down, or correct the id";

/// Reports what can be said of a row in an organization.
fn lint_in(index: usize, row: &Row, facts: &Facts, matches: &Matches<'_>, warnings: &mut Vec<Warning>) {
    let mut warn = |kind, field: String, problem: String, remedy: String| {
        warnings.push(Warning { kind, row: index, field, problem, remedy, other: None });
    };
    let selectors =
        [("accounts", Some(&row.accounts.only)), ("accounts.except", row.accounts.except.as_ref())];
    for (place, selector) in selectors {
        let Some(Selector { ids, names, ous, .. }) = selector else { continue };
        // A kind that is left out whole selects more, and in an `except` takes out more.
        let leave_out = |alone: bool, one: &str| match (alone, place) {
            (false, _) => format!("leave {one} out"),
            (true, "accounts") => "delete the row: without it, the row would mean more accounts".to_owned(),
            (true, _) => "leave the whole `except` out, which takes out nothing".to_owned(),
        };
        let likely =
            |like: Option<String>| like.map(|like| format!("did you mean {like}? ")).unwrap_or_default();
        for (n, id) in ids.iter().enumerate() {
            let (field, leave_out) = (format!("{place}.ids[{n}]"), leave_out(ids.len() == 1, "the id"));
            match matches.by_id.get(id) {
                None if facts.is_whole() => {
                    let like =
                        facts.account_like(id).map(|account| format!("{} ({})", account.id, account.name));
                    warn(
                        Kind::Unknown,
                        field,
                        format!("account {id} is not in the organization"),
                        format!("{}correct the id, or {leave_out}", likely(like)),
                    );
                }
                Some(account) if account.is_management => warn(
                    Kind::NeverMatches,
                    field,
                    format!("account {id} is the management account, which never receives an assignment"),
                    leave_out,
                ),
                None | Some(_) => {}
            }
        }
        if !matches.is_whole {
            continue;
        }
        for (n, name) in names.iter().enumerate().filter_map(|(n, glob)| Some((n, Glob::literal(glob)?))) {
            if !facts.accounts.iter().any(|account| account.name == name) {
                let known = facts.accounts.iter().map(|account| account.name.as_str());
                let like = facts::likest(name, known).map(|like| format!("{like:?}"));
                warn(
                    Kind::Unknown,
                    format!("{place}.names[{n}]"),
                    format!("no account is named {name:?}"),
                    format!("{}correct the name, if it is not that of an account to come", likely(like)),
                );
            }
        }
        for (n, unit) in ous.iter().enumerate() {
            let problem = format!("no active account is in {unit} or below it");
            let like = match unit {
                OrganizationalUnit::Path(_) => facts.unit_like(&unit.to_string()),
                OrganizationalUnit::Id(_) => None,
            };
            if facts.tree.is_assumed(unit)
                && !facts.accounts.iter().any(|account| unit.holds(&account.parents))
            {
                let like = likely(like.map(|like| format!("{like:?}")));
                warn(Kind::Unknown, format!("{place}.ous[{n}]"), problem, format!("{like}{CORRECT_OU}"));
            }
        }
    }
    for (field, unit) in row.accounts.units() {
        if let Look::Absent { near } = facts.tree.look(unit) {
            // The whole path, if one like it is known: the tree only compares names that have the same parent.
            let near = match unit {
                OrganizationalUnit::Path(_) => facts.unit_like(&unit.to_string()).or(near),
                OrganizationalUnit::Id(_) => near,
            };
            warn(Kind::Unknown, field, tree::absent(unit, near.as_deref()), CORRECT_OU.to_owned());
        }
    }
    if !matches.knows(index) {
        return;
    }
    if matches.of[index].is_empty() {
        warn(
            Kind::NeverMatches,
            String::new(),
            "matches no account of this organization".to_owned(),
            "see which condition is not met with `assignctl plan --explain ACCOUNT`".to_owned(),
        );
    } else if row.accounts.except.is_some() && matches.excepted[index].is_empty() {
        warn(
            Kind::IdleExcept,
            "accounts.except".to_owned(),
            "takes out no account of this organization".to_owned(),
            "correct it, or leave it out if it is not for future accounts".to_owned(),
        );
    }
}

/// Which accounts of an organization each row matches, and which its `except` takes out; as indices, in order.
struct Matches<'o> {
    accounts: Vec<&'o Account>,
    by_id: HashMap<&'o AccountId, &'o Account>,
    of: Vec<BTreeSet<usize>>,
    excepted: Vec<BTreeSet<usize>>,
    /// Of each row, whether it is known of every account whether it matches.
    judged: Vec<bool>,
    /// Whether every account was read, and each of them whole.
    is_whole: bool,
}

impl<'o> Matches<'o> {
    fn new(table: &Table, facts: &'o Facts) -> Matches<'o> {
        let organization = &facts.accounts;
        let (accounts, unread): (Vec<&Account>, Vec<&Account>) = organization
            .iter()
            .filter(|account| account.may_receive())
            .partition(|account| account.unread.is_none());
        let (mut of, mut excepted, mut judged) = (Vec::new(), Vec::new(), Vec::new());
        for row in &table.rows {
            let (mut matched, mut out, mut all) = (BTreeSet::new(), BTreeSet::new(), true);
            for (index, account) in accounts.iter().enumerate() {
                match row.accounts.judge(account) {
                    Match::Yes => _ = matched.insert(index),
                    Match::No if row.accounts.mismatches(account).next() == Some(Mismatch::Except) => {
                        out.insert(index);
                    }
                    Match::No => {}
                    Match::NotRead => all = false,
                }
            }
            of.push(matched);
            excepted.push(out);
            judged.push(all);
        }
        let by_id = organization.iter().map(|account| (&account.id, account)).collect();
        let is_whole = facts.is_whole() && unread.is_empty();
        Matches { accounts, by_id, of, excepted, judged, is_whole }
    }

    /// Whether it may be said which accounts of the organization the row does not match.
    fn knows(&self, row: usize) -> bool {
        self.is_whole && self.judged[row]
    }

    fn excepted_and_matched(&self, one: usize, other: usize) -> Vec<&'o Account> {
        self.excepted[one].intersection(&self.of[other]).map(|index| self.accounts[*index]).collect()
    }

    fn within(&self, one: usize, other: usize) -> bool {
        self.knows(one)
            && self.knows(other)
            && !self.of[one].is_empty()
            && self.of[one].is_subset(&self.of[other])
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
mod tests;
