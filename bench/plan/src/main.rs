//! User time of the plan for many rows and accounts, a JSON line for each size.
//!
//! Every kind of condition occurs in the rows. An account matches few of them, as in an organization: matching rows
//! cost more, because each makes a grant.

use std::{fs, hint::black_box, time::Duration};

use assigner_core::{
    assignments::{Table, plan::plan},
    ids::AccountId,
    organization::{Account, AccountTags, Parent, State},
    selector::tree::Tree,
    table,
};
use serde_json::{Value, json};

const SIZES: [(usize, usize); 4] = [(10, 10_000), (100, 10_000), (1_000, 10_000), (1_000, 1_000)];
/// How long a run is. Clock ticks of /proc/self/stat are hundredths of a second, so it is exact to a fiftieth.
const LONG_ENOUGH: Duration = Duration::from_millis(500);

fn main() {
    for (rows, accounts) in SIZES {
        let tree = Tree::default();
        let (table, accounts) = (table(rows), accounts_of(accounts));
        let (before, mut passes) = (user_time(), 0);
        while passes == 0 || user_time() - before < LONG_ENOUGH {
            for account in &accounts {
                black_box(plan(black_box(&table), black_box(account), &tree));
            }
            passes += 1;
        }
        let each = (user_time() - before).as_secs_f64() / (passes * rows * accounts.len()) as f64;
        println!("{}", json!({ "rows": rows, "accounts": accounts.len(), "nanoseconds": each * 1e9 }));
    }
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

fn accounts_of(count: usize) -> Vec<Account> {
    let accounts = (0..count).map(|n| {
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

/// Returns the user time of this process so far.
fn user_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").expect("/proc/self/stat");
    // The fields after the program's name, which is in brackets; the fourteenth of all is the user time.
    let ticks = stat.rsplit_once(')').and_then(|(_, fields)| fields.split_whitespace().nth(11));
    Duration::from_millis(ticks.and_then(|ticks| ticks.parse::<u64>().ok()).expect("ticks") * 10)
}
