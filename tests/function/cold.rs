//! What need not be waited for: a grant whose permission set is known does not wait for the names of all others.

use std::time::Duration;

use serde_json::{Value, json};
use stand_in::{Fault, FaultKind, Settings};
use world::*;

/// More permission sets than can be described in the time that a person would wait.
const MANY: usize = 600;

fn arn(set: usize) -> String {
    format!("arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-{set:016x}")
}

/// A name that is found late, an ARN, and the name of that ARN.
fn rows() -> Value {
    json!([
        { "id": "late", "permissionSet": format!("P-{}", MANY - 1), "group": "auditors" },
        { "id": "arn", "permissionSet": arn(1), "group": "auditors" },
        { "id": "same", "permissionSet": "P-1", "group": "auditors" },
    ])
}

async fn world(environment: &[(&str, &str)]) -> World {
    World::with(rows(), with_permission_sets(MANY), Settings::default(), environment).await
}

/// Returns when each creation was accepted, by the permission set.
fn accepted(world: &World) -> Vec<(String, Duration)> {
    let creations = world.stand_in.creations();
    let mut accepted: Vec<_> =
        creations.into_iter().map(|one| (one.assignment.permission_set, one.accepted_at)).collect();
    accepted.sort_by_key(|(_, at)| *at);
    accepted
}

#[tokio::test(start_paused = true)]
async fn a_row_by_arn_waits_for_no_name_and_what_is_the_same_is_created_once() {
    let world = world(&[]).await;
    let report = world.ensure(CLASS_7).await.unwrap();
    let [(first, soon), (last, late)] = &accepted(&world)[..] else { panic!("{:?}", accepted(&world)) };
    assert_eq!((first, last), (&arn(1), &arn(MANY - 1)));
    assert!(*soon < Duration::from_secs(2), "{soon:?}");
    assert!(*late > Duration::from_secs(20), "otherwise there was nothing to wait for: {late:?}");
    let rules: Vec<_> = report.grants.iter().map(|grant| grant.rules.clone()).collect();
    assert_eq!(
        rules,
        [vec!["late".to_owned()], vec!["arn".into(), "same".into()]],
        "in the order of the table"
    );
    assert_eq!(report.counts.created, 2);

    world.stand_in.forget_calls();
    assert_eq!(world.ensure(CLASS_7).await.unwrap().counts.present, 2);
    assert_eq!(world.creates(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_permission_sets_that_the_account_has_are_described_first() {
    let rows = json!([
        { "id": "one", "permissionSet": format!("P-{}", MANY - 1), "group": "auditors" },
        { "id": "two", "permissionSet": format!("P-{}", MANY / 2), "group": "auditors" },
    ]);
    let world = World::with(rows, with_permission_sets(MANY), Settings::default(), &[]).await;
    for set in [MANY - 1, MANY / 2] {
        world.put(CLASS_7, &format!("P-{set}"), "auditors");
    }
    assert_eq!(world.ensure(CLASS_7).await.unwrap().counts.present, 2);
    assert!(world.calls("DescribePermissionSet") <= 2 + 8, "{:?}", world.stand_in.calls());
}

#[tokio::test(start_paused = true)]
async fn when_the_time_runs_out_over_the_names_the_row_by_arn_is_there() {
    let world = world(&[("ACCOUNT_SECONDS", "15")]).await;
    let report = incomplete(world.ensure(CLASS_7).await);
    let statuses = statuses(&report);
    let of = |rule: &str| {
        statuses.iter().find(|(rules, _)| rules.contains(rule)).map(|(_, status)| status.as_str())
    };
    assert_eq!((of("arn"), of("late"), of("same")), (Some("created"), Some("pending"), Some("pending")));
    assert_eq!(accepted(&world).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn names_that_cannot_be_listed_keep_no_row_by_arn_from_its_grant() {
    let world = world(&[]).await;
    world.stand_in.set_faults(vec![Fault::on("ListPermissionSets", FaultKind::AccessDenied)]);
    let report = incomplete(world.ensure(CLASS_7).await);
    assert_eq!((report.counts.created, report.counts.failed), (1, 2), "{:?}", statuses(&report));
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_knows_both_and_creates_nothing() {
    let world = world(&[("DRY_RUN", "true")]).await;
    let report = world.ensure(CLASS_7).await.unwrap();
    assert_eq!((report.counts.planned, report.grants.len(), world.creates()), (2, 2, 0));
}

#[tokio::test(start_paused = true)]
async fn of_one_grant_by_two_names_one_row_that_is_certain_is_enough() {
    for (doubtful, certain) in [(json!(arn(1)), json!("P-1")), (json!("P-1"), json!(arn(1)))] {
        let rows = json!([
            { "id": "doubtful", "permissionSet": doubtful, "group": "auditors",
              "accounts": { "except": { "ous": ["Workloads/Prdo"] } } },
            { "id": "certain", "permissionSet": certain, "group": "auditors" },
            { "id": "other", "permissionSet": arn(2), "group": "auditors" },
        ]);
        let world = World::with(rows, with_permission_sets(40), Settings::default(), &[]).await;
        let report = world.ensure(CLASS_7).await.unwrap();
        assert_eq!(report.counts.created, 2, "{:?}", statuses(&report));
        assert_eq!(report.grants[0].rules, ["doubtful", "certain"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_delivery_takes_up_what_the_first_has_begun() {
    let world = world(&[]).await;
    let another = world.another().await;
    let event = json!({ "accountId": CLASS_7 });
    let second = async {
        tokio::time::sleep(Duration::from_millis(600)).await;
        handle(&another, &event).await
    };
    let (first, second) = tokio::join!(world.handle(event.clone()), second);
    for report in [first.unwrap(), second.unwrap()] {
        assert_eq!(report.counts.created + report.counts.present, 2);
    }
    let by_arn = accepted(&world).into_iter().filter(|(set, _)| *set == arn(1)).count();
    assert_eq!(by_arn, 1, "{:?}", accepted(&world));
}
