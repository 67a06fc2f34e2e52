//! CPU time of the plan for many rows and accounts, a JSON line for each size: by an index, as surveys and the operator's
//! command decide, and row by row, as the function does for its one account.
//!
//! Every kind of condition occurs in the rows. An account matches few of them, as in an organization: matching rows
//! cost more, because each makes a grant.

mod process;

use std::{hint::black_box, ops::Range, time::Duration};

use assigner_core::{
    assignments::{
        Table,
        plan::{Index, plan},
    },
    day::Day,
    ids::AccountId,
    organization::{Account, AccountTags, Parent, State},
    selector::tree::Tree,
    table,
};
use serde_json::{Value, json};

use crate::process::{cpu_time, peak};

const ROWS: [usize; 4] = [10, 100, 1_000, 5_000];
const ACCOUNTS: [usize; 2] = [10_000, 100_000];
/// More would only take longer: it grows with the product.
const MOST_ROW_BY_ROW: usize = 10_000 * 1_000;
/// The accounts are made and dropped in parts, so that the peak is that of the plan.
const PART: usize = 1_000;

fn main() {
    let (tree, Some(today)) = (Tree::default(), Day::parse("2027-01-01")) else { return };
    for accounts in ACCOUNTS {
        for rows in ROWS {
            let table = table(rows);
            let start = cpu_time();
            let index = Index::new(black_box(&table), today);
            let indexing = cpu_time() - start;
            let decide = |account: &Account| drop(black_box(index.plan(black_box(account), &tree)));
            print(rows, accounts, true, indexing + each(accounts, decide));
            if rows * accounts <= MOST_ROW_BY_ROW {
                let decide = |account: &Account| {
                    drop(black_box(plan(black_box(&table), black_box(account), &tree, today)))
                };
                print(rows, accounts, false, each(accounts, decide));
            }
        }
    }
}

fn print(rows: usize, accounts: usize, indexed: bool, took: Duration) {
    let (seconds, peak) = (took.as_secs_f64(), peak());
    let line =
        json!({ "rows": rows, "accounts": accounts, "indexed": indexed, "seconds": seconds, "peak": peak });
    println!("{line}");
}

/// Returns the CPU time that the accounts take.
fn each(count: usize, decide: impl Fn(&Account)) -> Duration {
    let parts = (0..count).step_by(PART).map(|first| {
        let accounts = accounts_of(first..(first + PART).min(count));
        let start = cpu_time();
        accounts.iter().for_each(&decide);
        cpu_time() - start
    });
    parts.sum()
}

fn table(rows: usize) -> Table {
    let conditions = |n: usize| match n % 8 {
        0 => json!({ "ids": [account_id(n)] }),
        1 => json!({ "names": [format!("class-{n}*"), format!("*-{n}-lab")] }),
        2 => json!({ "ous": [format!("ou-ab12-{:08}", n % 64)] }),
        3 => json!({ "ous": [format!("Workloads/Team {}", n % 64)] }),
        4 => json!({ "tags": { "course": format!("course-{n}") } }),
        5 => json!({ "names": ["class-*"], "tags": { "course": "*", "term": format!("{n}") } }),
        6 => json!({ "ous": ["Workloads"], "except": { "names": ["class-*"] } }),
        _ => json!({ "names": [format!("*{n}")], "except": { "ids": [account_id(n)] } }),
    };
    let rows: Vec<Value> = (0..rows)
        .map(|n| {
            let (id, set, group) = (format!("row-{n}"), format!("Set-{}", n % 50), format!("team-{n}"));
            json!({ "id": id, "permissionSet": set, "group": group, "accounts": conditions(n) })
        })
        .collect();
    let text = json!({ "assignments": rows }).to_string();
    table::parse(text.as_bytes()).unwrap_or_else(|faults| panic!("a sound table: {faults:?}"))
}

fn accounts_of(numbers: Range<usize>) -> Vec<Account> {
    let accounts = numbers.map(|n| {
        let parent = |id: String, name: &str| Parent { id, name: Some(name.to_owned()) };
        Account {
            id: AccountId::parse(&account_id(n)).expect("twelve digits"),
            name: format!("class-{n}-lab"),
            state: State::Active,
            is_management: false,
            parents: vec![
                Parent { id: "r-ab12".into(), name: None },
                parent("ou-ab12-99999999".into(), "Workloads"),
                parent(format!("ou-ab12-{:08}", n % 64), &format!("Team {}", n % 64)),
            ],
            tags: AccountTags::Read(
                [("course", format!("course-{n}")), ("term", "1".into())]
                    .map(|(key, value)| (key.to_owned(), value))
                    .into(),
            ),
            unread: None,
        }
    });
    accounts.collect()
}

fn account_id(n: usize) -> String {
    format!("{:012}", 100_000_000_000 + n)
}
