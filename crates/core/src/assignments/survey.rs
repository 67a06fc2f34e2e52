//! Facts of the whole organization, summed up: which accounts lack which assignments. A pure summary of [`Facts`].

use std::collections::BTreeSet;

use serde::Serialize;

use super::{
    Table,
    compare::{Comparison, Ended, Presence, compare},
    facts::{self, Facts, Method},
    plan::{Index, Obstacle},
};
use crate::{ids::AccountId, organization::Account};

/// What a survey found.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Survey {
    pub outcome: &'static str,
    /// The digest of the table that was read, by which it can be compared with another.
    pub table: String,
    /// Accounts that lack at least one assignment, in the order of their ids.
    pub accounts: Vec<AccountId>,
    /// Accounts that lack assignments and are not listed, because the answer would be too large. The next survey finds
    /// them after the listed ones have been repaired.
    pub accounts_omitted: usize,
    pub counts: SurveyCounts,
    /// Names, ids, ARNs and OUs of the table that do not exist; their grants are in no count.
    pub unresolved: Vec<String>,
    /// What could not be read, with the reason: names of the table, whose grants are in no count, and accounts, which
    /// are counted as not ready.
    pub unread: Vec<String>,
    /// The first of the assignments, of principals that the table names, that no row explains. They are left alone.
    pub unexplained: Vec<Unexplained>,
    pub method: Method,
    /// The last account that was looked at, if there are more: a survey `after` it goes on there. The other fields are
    /// about the accounts up to it.
    pub next: Option<AccountId>,
    pub seconds: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SurveyCounts {
    /// Accounts that were looked at.
    pub accounts: usize,
    pub complete: usize,
    pub incomplete: usize,
    /// Assignments that are missing.
    pub missing: usize,
    /// Left out: the management account.
    pub management: usize,
    /// Left out: accounts that are suspended, closed or being closed.
    pub suspended: usize,
    /// Left out: accounts that are not active yet.
    pub not_ready: usize,
    /// Assignments that no row explains.
    pub unexplained: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unexplained {
    pub account: String,
    pub permission_set: String,
    pub principal: String,
    /// The row that gave it, if that has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// 15 bytes each in JSON: 180 of the 256 KB that a state of Step Functions may have.
const MOST_ACCOUNTS: usize = 12_000;
const MOST_UNEXPLAINED: usize = 50;
const MOST_LISTED: usize = 50;
/// In characters. Names have up to 1,024, and messages of services any number.
const LONGEST_REASON: usize = 300;

/// Counts, and lists what the state machine needs and what people want to see first. If a list has to be cut, `start`,
/// any number, chooses its first account.
pub fn survey(table: &Table, facts: &Facts, start: usize) -> Survey {
    let mut counts = SurveyCounts::default();
    let mut unexplained = Vec::new();
    let mut lacking = Vec::new();
    let index = Index::new(table, facts.today);
    for account in &facts.accounts {
        let compared = match compare(&index, account, facts) {
            Comparison::Applies(compared) => compared,
            Comparison::Ignored(_) if account.is_management => {
                counts.management += 1;
                continue;
            }
            Comparison::Ignored(_) => {
                counts.suspended += 1;
                continue;
            }
            Comparison::NotReady(_) => {
                counts.not_ready += 1;
                continue;
            }
        };
        counts.accounts += 1;
        let missing = compared.grants.iter().filter(|(_, presence)| *presence == Presence::Missing).count();
        counts.missing += missing;
        if missing > 0 {
            counts.incomplete += 1;
            lacking.push(account.id.clone());
        } else {
            counts.complete += 1;
        }
        counts.unexplained += compared.unexplained.len();
        let room = MOST_UNEXPLAINED - unexplained.len();
        unexplained.extend(compared.unexplained.into_iter().take(room).map(|held| Unexplained {
            account: account.id.as_str().to_owned(),
            permission_set: held.permission_set.as_ref().to_owned(),
            principal: held.principal.id.clone(),
            ended: compared.ended.get(&held).cloned(),
        }));
    }
    let accounts_omitted = lacking.len().saturating_sub(MOST_ACCOUNTS);
    if accounts_omitted > 0 {
        // From another place each time: accounts that cannot be repaired must not keep the others off the list.
        let start = start % lacking.len();
        lacking.rotate_left(start);
        lacking.truncate(MOST_ACCOUNTS);
        lacking.sort();
    }
    let (unresolved, unread) = not_known(table, facts);
    Survey {
        outcome: "surveyed",
        table: table.digest(),
        accounts: lacking,
        accounts_omitted,
        counts,
        unresolved,
        unread,
        unexplained,
        method: facts.method,
        next: None,
        seconds: 0.0,
    }
}

/// Returns what does not exist, and what could not be read.
fn not_known(table: &Table, facts: &Facts) -> (Vec<String>, Vec<String>) {
    let (_, mut obstacles) = facts::wanted(table, &facts.names, facts.today);
    obstacles.extend(facts::missing_units(table, &facts.tree, facts.today));
    let (mut unresolved, mut unread) = (BTreeSet::new(), BTreeSet::new());
    for obstacle in obstacles {
        match obstacle {
            Obstacle::Unknown(reason) => unresolved.insert(reason),
            Obstacle::Failed(error) => unread.insert(error.to_string()),
            Obstacle::NotRead(reason) => unread.insert(reason.to_owned()),
            Obstacle::NotListed(reason) => unread.insert(reason),
        };
    }
    let of_account =
        |account: &Account| Some(format!("account {}: {}", account.id, account.unread.as_ref()?));
    unread.extend(facts.accounts.iter().filter_map(of_account));
    (first(unresolved), first(unread))
}

/// Returns as many as there is room for, and how many more there are.
pub(super) fn first(reasons: BTreeSet<String>) -> Vec<String> {
    let more = reasons.len().saturating_sub(MOST_LISTED);
    let more = (more > 0).then(|| format!("and {more} more"));
    let short = |reason: String| match reason.char_indices().nth(LONGEST_REASON) {
        Some((end, _)) => format!("{}…", &reason[..end]),
        None => reason,
    };
    reasons.into_iter().take(MOST_LISTED).map(short).chain(more).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        assignments::{PrincipalId, compare::Assigned, facts::NamesById, names::Names},
        day::Day,
        selector::{Selection, tree::Tree},
        table,
    };

    fn facts(table: &Table, accounts: usize) -> Facts {
        let account =
            |n: usize| Account { id: AccountId::parse(&format!("{n:012}")).unwrap(), ..Account::class_7() };
        Facts {
            read_at: String::new(),
            today: Day::parse("2027-01-01").unwrap(),
            instance: String::new(),
            method: Method::Principals,
            selection: Selection::default(),
            accounts: (0..accounts).map(account).collect(),
            names: Names {
                permission_sets: [(table.rows[0].permission_set.clone(), Ok("arn".to_owned()))].into(),
                permission_set_names: [].into(),
                principals: [(table.rows[0].principal.clone(), Ok(PrincipalId::group("g")))].into(),
            },
            names_by_id: NamesById::default(),
            tree: Tree::default(),
            units: None,
            assigned: Assigned::default(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn what_does_not_fit_is_cut_with_a_mark_and_every_account_has_its_turn() {
        let row = r#"{ "assignments": [{ "id": "a", "permissionSet": "P", "group": "g" }] }"#;
        let table: Table = table::parse(row.as_bytes()).unwrap();
        let facts = facts(&table, MOST_ACCOUNTS + 500);
        let listed = |start: usize| {
            let survey = survey(&table, &facts, start);
            assert_eq!((survey.accounts.len(), survey.accounts_omitted), (MOST_ACCOUNTS, 500));
            assert_eq!(survey.counts.incomplete, MOST_ACCOUNTS + 500);
            assert!(survey.accounts.is_sorted());
            assert!(serde_json::to_string(&survey).unwrap().len() < 200 * 1024);
            survey.accounts
        };
        let last = &facts.accounts[MOST_ACCOUNTS + 499].id;
        assert!(!listed(0).contains(last));
        assert!(listed(500).contains(last));
    }

    #[test]
    fn names_that_do_not_exist_are_listed_once_and_cut_with_a_count() {
        let row = |n: usize| format!(r#"{{ "id": "r-{n}", "permissionSet": "P", "group": "g-{n}" }}"#);
        let rows: Vec<String> = (0..52).map(row).collect();
        let text = format!(r#"{{ "assignments": [{}] }}"#, rows.join(","));
        let table: Table = table::parse(text.as_bytes()).unwrap();
        let mut facts = facts(&table, 1);
        facts.names.principals = table
            .rows
            .iter()
            .map(|row| (row.principal.clone(), Err(Obstacle::unknown("group", row.principal.named.as_str()))))
            .collect();
        let survey = survey(&table, &facts, 0);
        assert_eq!(survey.unresolved.len(), MOST_LISTED + 1);
        assert_eq!(survey.unresolved[MOST_LISTED], "and 2 more");
        assert_eq!(survey.counts.missing, 0, "their grants are in no count");
        facts.accounts[0].unread = Some("ä".repeat(5_000));
        let unread = super::survey(&table, &facts, 0).unread;
        assert_eq!((unread.len(), unread[0].chars().count()), (1, LONGEST_REASON + 1));
    }

    #[test]
    fn what_a_row_gave_that_has_ended_is_unexplained_and_its_names_may_be_gone() {
        let rows = r#"{ "assignments": [
            { "id": "a", "permissionSet": "P", "group": "g", "until": "2026-12-30" },
            { "id": "b", "permissionSet": "P", "group": "g", "until": "2026-12-31" },
            { "id": "c", "permissionSet": "P", "group": "gone", "until": "2026-12-31",
              "accounts": { "ous": ["Gone"] } }] }"#;
        let table: Table = table::parse(rows.as_bytes()).unwrap();
        let mut facts = facts(&table, 1);
        let gone = (table.rows[2].principal.clone(), Err(Obstacle::unknown("group", "gone")));
        facts.names.principals.extend([gone]);
        facts.assigned.add(facts.accounts[0].id.clone(), "arn", &PrincipalId::group("g"));
        let found = super::survey(&table, &facts, 0);
        assert_eq!((found.counts.missing, found.counts.unexplained, found.counts.complete), (0, 1, 1));
        let ended = found.unexplained[0].ended.as_ref().unwrap();
        assert_eq!((ended.row.as_str(), ended.until.to_string().as_str()), ("b", "2026-12-31"), "the last");
        assert_eq!(found.unresolved, [] as [&str; 0]);
        facts.today = Day::parse("2026-12-31").unwrap();
        let before = super::survey(&table, &facts, 0);
        assert_eq!((before.counts.unexplained, before.unresolved.len()), (0, 1));
    }
}
