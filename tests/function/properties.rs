//! Any sequence of deliveries converges to what the last table says, and touches nothing else. The sequences have
//! duplicates, disorder, runs by hand, dry runs, two at once, changed tables, and kills between any two calls.

use std::{collections::BTreeSet, time::Duration};

use proptest::prelude::*;
use serde_json::{Value, json};
use stand_in::{Organization, Settings};
use tokio::time::timeout;
use world::*;

const CLASS: &str = CLASS_7;
const PAYMENTS: &str = "444455556666";
const VAULT: &str = "555566667777";
const LOGS: &str = "222233334444";
const MANAGEMENT: &str = "123456789012";
const SUSPENDED: &str = "777788889999";
const PENDING: &str = "666677778888";
const NOWHERE: &str = "000000000000";
const ACCOUNTS: [&str; 8] = [CLASS, PAYMENTS, VAULT, LOGS, MANAGEMENT, SUSPENDED, PENDING, NOWHERE];

/// Returns rows that a table may have, each with the active accounts that it means, worked out by hand.
fn pool() -> Vec<(Value, &'static str, Vec<&'static str>)> {
    vec![
        (
            json!({ "id": "everyone", "permissionSet": "ReadOnlyAccess", "group": "auditors" }),
            "ReadOnlyAccess auditors",
            vec![CLASS, PAYMENTS, VAULT, LOGS],
        ),
        (
            json!({ "id": "prod", "permissionSet": "AdministratorAccess", "group": "platform-admins",
                    "accounts": { "ous": ["Workloads"], "except": { "tags": { "isolated": "true" } } } }),
            "AdministratorAccess platform-admins",
            vec![PAYMENTS],
        ),
        (
            json!({ "id": "class", "permissionSet": "PowerUserAccess", "group": "students",
                    "accounts": { "names": ["class-*"], "tags": { "course": "*" } } }),
            "PowerUserAccess students",
            vec![CLASS],
        ),
        (
            json!({ "id": "ids", "permissionSet": "Billing", "user": "oncall@example.com",
                    "accounts": { "ids": [VAULT, LOGS, MANAGEMENT, SUSPENDED] } }),
            "Billing oncall@example.com",
            vec![VAULT, LOGS],
        ),
        (
            json!({ "id": "root", "permissionSet": "SupportUser", "group": "teachers",
                    "accounts": { "ous": ["r-ab12"], "except": { "ous": ["ou-ab12-11111111", "Education/Rust"] } } }),
            "SupportUser teachers",
            vec![PAYMENTS, VAULT],
        ),
        (
            json!({ "id": "again", "permissionSet": "ReadOnlyAccess", "group": "auditors",
                    "accounts": { "names": ["*"] } }),
            "ReadOnlyAccess auditors",
            vec![CLASS, PAYMENTS, VAULT, LOGS],
        ),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Deliver(usize),
    DryRun(usize),
    TwoAtOnce(usize, usize),
    /// The process is killed after this many milliseconds; the next one starts cold.
    Kill(usize, u64),
    /// The table now has the rows of the pool whose bits are set.
    ChangeTable(u8),
    /// Somebody deletes all assignments by hand.
    DeleteAll,
}

fn step() -> impl Strategy<Value = Step> {
    let account = 0..ACCOUNTS.len();
    prop_oneof![
        4 => account.clone().prop_map(Step::Deliver),
        1 => account.clone().prop_map(Step::DryRun),
        2 => (account.clone(), account.clone()).prop_map(|(one, other)| Step::TwoAtOnce(one, other)),
        3 => (account, 0..2_500_u64).prop_map(|(account, after)| Step::Kill(account, after)),
        2 => any::<u8>().prop_map(Step::ChangeTable),
        1 => Just(Step::DeleteAll),
    ]
}

fn rows(table: u8) -> Value {
    let pool = pool().into_iter().enumerate();
    pool.filter(|(index, _)| table & (1 << index) != 0).map(|(_, (row, ..))| row).collect()
}

/// Returns what the table means for these accounts.
fn wanted(table: u8, accounts: &BTreeSet<&str>) -> BTreeSet<String> {
    let pool = pool().into_iter().enumerate();
    pool.filter(|(index, _)| table & (1 << index) != 0)
        .flat_map(|(_, (_, grant, means))| means.into_iter().map(move |account| (account, grant)))
        .filter(|(account, _)| accounts.contains(account))
        .map(|(account, grant)| format!("{account} {grant}"))
        .collect()
}

async fn converges(steps: &[Step], seed: u64) {
    fastrand::seed(seed);
    let settings = Settings {
        provisioning: Duration::from_millis(700),
        provisioning_jitter: Duration::from_millis(600),
        seed,
        ..Settings::default()
    };
    let mut table = 0b0001_1111;
    let mut world = World::with(rows(table), Organization::sample(), settings, &[]).await;
    let mut named = BTreeSet::new();
    let mut allowed = BTreeSet::new();
    for step in steps {
        let ensure = |index: usize| json!({ "accountId": ACCOUNTS[index] });
        match *step {
            Step::Deliver(index) => {
                named.insert(ACCOUNTS[index]);
                let _ = world.handle(ensure(index)).await;
            }
            Step::DryRun(index) => {
                let before = world.creates();
                let _ = world.handle(json!({ "accountId": ACCOUNTS[index], "dryRun": true })).await;
                assert_eq!(world.creates(), before, "a dry run creates nothing");
            }
            Step::TwoAtOnce(one, other) => {
                named.extend([ACCOUNTS[one], ACCOUNTS[other]]);
                let second = world.another().await;
                let payload = ensure(other);
                let (first, second) = tokio::join!(world.handle(ensure(one)), handle(&second, &payload),);
                for answer in [first, second] {
                    if let Err(error) = answer {
                        assert_eq!(error.name(), "AccountNotReady", "{error}");
                    }
                }
            }
            Step::Kill(index, after) => {
                named.insert(ACCOUNTS[index]);
                let _ = timeout(Duration::from_millis(after), world.handle(ensure(index))).await;
                world.function = world.another().await;
            }
            Step::ChangeTable(rows_set) => {
                table = rows_set;
                world.write_table(&table_of(rows(table)).to_string());
            }
            Step::DeleteAll => {
                // Creations that a killed process left behind end first, because nobody can delete what is not there
                // yet.
                tokio::time::sleep(Duration::from_secs(5)).await;
                world.stand_in.assignments().iter().for_each(|one| world.stand_in.remove_assignment(one));
                allowed.clear();
            }
        }
        allowed.extend(wanted(table, &named));
        let there = world.assignments();
        assert!(there.is_subset(&allowed), "after {step:?}: {there:?} is more than {allowed:?}");
    }
    for account in &named {
        let answer = world.ensure(account).await;
        let expected = match *account {
            PENDING | NOWHERE => Some("AccountNotReady"),
            _ => None,
        };
        assert_eq!(answer.err().map(|error| error.name()), expected, "{account}");
    }
    let there = world.assignments();
    assert!(there.is_superset(&wanted(table, &named)), "{there:?} lacks some of {:?}", wanted(table, &named));
    let touched = world.stand_in.history().into_iter().any(|call| {
        let target = call.request["TargetId"].as_str().unwrap_or_default().to_owned();
        target == MANAGEMENT
    });
    assert!(!touched, "the management account is never asked for");
    world.stand_in.forget_calls();
    for account in &named {
        let _ = world.ensure(account).await;
    }
    assert_eq!(world.creates(), 0, "once converged, nothing is created");
}

proptest! {
    // Fewer with PROPTEST_CASES, for a mutation check.
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases.min(96),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_sequence_of_deliveries_converges_and_touches_nothing_else(
        steps in prop::collection::vec(step(), 1..12),
        seed in any::<u64>(),
    ) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build().unwrap();
        runtime.block_on(converges(&steps, seed));
    }
}
