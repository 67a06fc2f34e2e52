//! CPU time of `assignctl import --snapshot` of 10,000 accounts with 16,000 assignments, a JSON line for each kind of
//! organization: from the text of the snapshot to the text of the table, as the command does it.
//!
//! In `tidy`, most assignments follow the OUs, with exceptions. In `by hand`, each group has its permission set in 80
//! accounts without an order, so that nothing is shorter than the ids.

mod process;

use std::{collections::BTreeMap, hint::black_box};

use assigner_core::{
    assignments::{
        import::import,
        snapshot::{Nothing, Snapshot},
    },
    day::Day,
};
use serde_json::{Value, json};

use crate::process::{cpu_time, peak};

const ACCOUNTS: usize = 10_000;
const UNITS: usize = 100;
const ASSIGNMENTS: usize = 16_000;
const RUNS: usize = 7;
const INSTANCE: &str = "ssoins-7223f7eef79824e1";

fn main() {
    for (kind, held) in [("tidy", tidy()), ("by hand", by_hand())] {
        let assignments: usize = held.iter().map(Vec::len).sum();
        assert_eq!(assignments, ASSIGNMENTS);
        let text = snapshot(&held).to_string();
        let mut seconds = Vec::new();
        let mut rows = 0;
        for _ in 0..RUNS {
            let start = cpu_time();
            rows = black_box(imported(black_box(&text)));
            seconds.push((cpu_time() - start).as_secs_f64());
        }
        seconds.sort_by(f64::total_cmp);
        let (least, median, most) = (seconds[0], seconds[RUNS / 2], seconds[RUNS - 1]);
        let line = json!({
            "organization": kind, "accounts": ACCOUNTS, "assignments": assignments, "rows": rows,
            "seconds": { "least": least, "median": median, "most": most }, "peak": peak()
        });
        println!("{line}");
    }
}

/// Returns how many rows the table has. Its import proves it.
fn imported(text: &str) -> usize {
    let today = Day::parse("2027-01-01").expect("a day");
    let facts = Snapshot::<Nothing>::parse(text.as_bytes()).expect("a snapshot").facts(&[], today);
    let table = import(&facts).expect("a table").table;
    black_box(serde_json::to_string_pretty(&table).expect("a text"));
    table.rows.len()
}

/// Returns the accounts of each grant: everywhere, 25 OUs, 25 OUs but for one account, and single accounts.
fn tidy() -> Vec<Vec<usize>> {
    let of_unit = |unit: usize| (0..ACCOUNTS).filter(move |account| account % UNITS == unit);
    let mut held: Vec<Vec<usize>> = vec![(0..ACCOUNTS).collect()];
    held.extend((0..25).map(|unit| of_unit(unit).collect()));
    held.extend((25..50).map(|unit| of_unit(unit).skip(1).collect()));
    let rest = ASSIGNMENTS - held.iter().map(Vec::len).sum::<usize>();
    held.extend((0..rest).map(|number| vec![number * 9]));
    held
}

fn by_hand() -> Vec<Vec<usize>> {
    // The step shares no factor with the number of accounts, so a grant meets no account twice.
    (0..ASSIGNMENTS / 80)
        .map(|grant| (0..80).map(|number| (grant * 37 + number * 2_741) % ACCOUNTS).collect())
        .collect()
}

/// Each grant is of a group of its own; there are twenty permission sets.
fn snapshot(held: &[Vec<usize>]) -> Value {
    let set = |number: usize| format!("arn:aws:sso:::permissionSet/{INSTANCE}/ps-{:016x}", number % 20);
    let group = |number: usize| format!("1234567890-aaaaaaaa-0000-4000-8000-{number:012x}");
    let unit = |number: usize| format!("ou-ab12-{number:08}");
    let division = |number: usize| unit(UNITS + number % 10);
    let accounts: Vec<Value> = (0..ACCOUNTS)
        .map(|number| {
            let team = number % UNITS;
            json!({
                "id": account_id(number), "name": format!("account-{number}"), "state": "ACTIVE", "management": false,
                "tags": {}, "parents": [
                    { "id": "r-ab12", "name": null },
                    { "id": division(team), "name": format!("Division {}", team % 10) },
                    { "id": unit(team), "name": format!("Team {team}") },
                ]
            })
        })
        .collect();
    let divisions = (0..10).map(
        |number| json!({ "id": division(number), "name": format!("Division {number}"), "parent": "r-ab12" }),
    );
    let teams = (0..UNITS).map(
        |number| json!({ "id": unit(number), "name": format!("Team {number}"), "parent": division(number) }),
    );
    let mut assignments: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (number, accounts) in held.iter().enumerate() {
        for account in accounts {
            let entry = json!({ "permissionSet": set(number), "group": group(number) });
            assignments.entry(account_id(*account)).or_default().push(entry);
        }
    }
    let named = |count: usize, id: &dyn Fn(usize) -> String, word: &str| -> BTreeMap<String, String> {
        (0..count).map(|number| (id(number), format!("{word}-{number}"))).collect()
    };
    json!({
        "version": 2, "takenAt": "2027-01-01T00:00:00Z", "method": "permissionSets", "accounts": accounts,
        "instance": format!("arn:aws:sso:::instance/{INSTANCE}"), "permissionSets": named(20, &set, "Set"),
        "groups": named(held.len(), &group, "group"), "users": {}, "assignments": assignments,
        "organizationalUnits": divisions.chain(teams).collect::<Vec<_>>(),
    })
}

fn account_id(number: usize) -> String {
    format!("{:012}", 100_000_000_000_u64 + number as u64)
}
