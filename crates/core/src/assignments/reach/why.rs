//! One principal and one account: the chain from membership to assignment to row to condition; or, for each row that comes
//! near, what would have to be different.
//!
//! A row comes near if it is for the principal or a group of it and does not select the account, or if it selects the
//! account and is for a group that the user is not in.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    Standing, Way, in_account, named,
    what::{everybody, groups, not_looked_up, ways},
};
use crate::{
    assignments::{
        PrincipalId, PrincipalKind, Row, Table,
        access::AccountAccess,
        facts::Facts,
        members::Belongs,
        plan::Index,
        report::{AccountReport, PermissionSetReport, PrincipalReport},
    },
    day::Day,
    organization::Account,
    selector::{Match, words},
};

/// Why a principal reaches an account, or does not.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Why {
    pub outcome: Outcome,
    pub principal: PrincipalReport,
    /// Its groups, by name.
    pub groups: Vec<PrincipalReport>,
    pub account: AccountReport,
    /// Why the table does not apply to the account (now).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub chains: Vec<Chain>,
    /// In the order of the table; empty if the table does not apply.
    pub near: Vec<Near>,
    /// How many rows are for others and for other accounts.
    pub others: usize,
    /// What could not be read, so that there may be more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// AWS lets it in now.
    Access,
    /// Not yet: rows of the table want it.
    Planned,
    /// Neither AWS nor the table.
    None,
    /// Nothing was found, and not everything could be read.
    Unknown,
}

/// A way into the account, with what each of its rows asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Chain {
    #[serde(flatten)]
    pub way: Way,
    pub because: Vec<Because>,
}

/// A row of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Because {
    pub row: String,
    /// None at all means every account.
    pub conditions: Vec<Condition>,
}

/// A condition of a row, and what the account has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Condition {
    pub selector: String,
    pub wanted: String,
    pub actual: String,
    /// `null`: it depends on what was not read.
    pub met: Option<bool>,
}

/// A row that comes near.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Near {
    pub row: String,
    pub permission_set: PermissionSetReport,
    /// For whom the row is.
    pub principal: PrincipalReport,
    /// Whether the user would have to be a member of the row's group.
    pub membership: bool,
    /// The conditions that the account would have to meet.
    pub unmet: Vec<Condition>,
}

impl From<words::Condition> for Condition {
    fn from(words::Condition { selector, wanted, actual, met }: words::Condition) -> Condition {
        Condition { selector, wanted, actual, met }
    }
}

/// Returns why, or why not. The facts must know the names of the whole table, and have read the account.
pub fn why(
    table: &Table,
    account: &Account,
    facts: &Facts,
    access: Option<&AccountAccess>,
    principal: &PrincipalId,
    belongs: &Belongs,
) -> Why {
    let here = in_account(&Index::new(table, facts.today), account, facts, access);
    let rows: BTreeMap<&str, &Row> = table.rows.iter().map(|row| (row.id.as_str(), row)).collect();
    let because = |id: &String| Because {
        row: id.clone(),
        conditions: rows.get(id.as_str()).map_or_else(Vec::new, |row| conditions(row, account, facts.today)),
    };
    let ways = ways(&here, principal, belongs);
    let chains: Vec<Chain> = ways
        .into_iter()
        .map(|way| Chain { because: way.state.rows.iter().map(because).collect(), way })
        .collect();
    let caused: BTreeSet<&str> =
        chains.iter().flat_map(|chain| &chain.because).map(|because| because.row.as_str()).collect();
    let (mut near, mut others) = (Vec::new(), 0);
    if here.reason.is_none() {
        let everybody = everybody(principal, belongs);
        for row in table.rows.iter().filter(|row| !caused.contains(row.id.as_str())) {
            match comes_near(row, account, facts, principal, &everybody) {
                Some(one) => near.push(one),
                None => others += 1,
            }
        }
    }
    let mut unread: BTreeSet<String> = belongs.unread.iter().chain(&here.unread).cloned().collect();
    unread.extend(not_looked_up(table, facts));
    let outcome = match () {
        () if chains.iter().any(|chain| chain.way.state.held) => Outcome::Access,
        () if chains.iter().any(|chain| chain.way.state.reason.is_none()) => Outcome::Planned,
        // A name that does not exist gives nothing.
        () if unread.is_empty()
            && chains.iter().all(|chain| chain.way.state.status == Standing::Unresolved) =>
        {
            Outcome::None
        }
        () => Outcome::Unknown,
    };
    Why {
        outcome,
        principal: named(principal, &facts.names_by_id),
        groups: groups(belongs, &facts.names_by_id),
        account: here.account,
        reason: here.reason,
        chains,
        near,
        others,
        unread: unread.into_iter().collect(),
    }
}

/// Returns the conditions of a row on the account, and its last day.
fn conditions(row: &Row, account: &Account, today: Day) -> Vec<Condition> {
    let until = row.until.map(|until| Condition {
        selector: "until".to_owned(),
        wanted: format!("ends after {until}"),
        actual: format!("today is {today}"),
        met: Some(!row.has_ended(today)),
    });
    words::conditions(&row.accounts, account).into_iter().map(Condition::from).chain(until).collect()
}

fn comes_near(
    row: &Row,
    account: &Account,
    facts: &Facts,
    principal: &PrincipalId,
    everybody: &BTreeSet<PrincipalId>,
) -> Option<Near> {
    let id = facts.names.principals.get(&row.principal)?.as_ref().ok()?;
    let selects = row.accounts.judge(account) == Match::Yes && !row.has_ended(facts.today);
    let membership = !everybody.contains(id);
    let may_join = principal.kind == PrincipalKind::User && id.kind == PrincipalKind::Group;
    // Nobody can become another user, and no group a member of a group.
    if membership && !(selects && may_join) {
        return None;
    }
    let arn = facts.names.permission_sets.get(&row.permission_set).and_then(|found| found.as_ref().ok());
    let name = arn.and_then(|arn| facts.names_by_id.permission_set(arn)).map(str::to_owned);
    let name = name.or_else(|| Some(row.permission_set.as_str().to_owned()).filter(|text| Some(text) != arn));
    let unmet =
        conditions(row, account, facts.today).into_iter().filter(|condition| condition.met != Some(true));
    Some(Near {
        row: row.id.clone(),
        permission_set: PermissionSetReport { name, arn: arn.cloned() },
        principal: named(id, &facts.names_by_id),
        membership,
        unmet: unmet.collect(),
    })
}
