//! As deployed: what one invocation takes alone, next to a backfill, and next to others.

use std::time::Duration;

use account_assigner::Function;
use futures_util::future::join_all;
use serde_json::{Value, json};
use stand_in::{Organization, Settings, template};
use tokio::time::Instant;
use world::{CLASS_7, World, handle, with_permission_sets};

const OTHERS: [&str; 4] = ["222233334444", "333344445555", "444455556666", "555566667777"];

/// Identity Center's quotas.
const OUTSTANDING: usize = 15;
const REQUESTS_PER_SECOND: f64 = 20.0;

/// Permission sets of an account. Each is looked at once before anything is created.
const SETS: usize = 4;

/// Returns so many rows, and who is named in them.
fn grants(count: usize) -> (Value, Organization) {
    let mut organization = serde_json::to_value(with_permission_sets(SETS)).unwrap();
    let groups = organization["groups"].as_array_mut().unwrap();
    for n in 0..count.div_ceil(SETS) {
        let id = format!("1234567890-00000000-0000-0000-0000-{n:012}");
        groups.push(json!({ "name": format!("group-{n}"), "id": id }));
    }
    let row = |n: usize| {
        let (set, group) = (format!("P-{}", n % SETS), format!("group-{}", n / SETS));
        json!({ "id": format!("row-{n}"), "permissionSet": set, "group": group })
    };
    ((0..count).map(row).collect(), serde_json::from_value(organization).unwrap())
}

async fn world(count: usize, settings: Settings) -> World {
    let (rows, organization) = grants(count);
    let world = World::with(rows, organization, settings, &template::vended()).await;
    warm(&world, &world.function).await;
    world
}

#[tokio::test(start_paused = true)]
async fn a_survey_of_the_backfill_leaves_requests_to_accounts_that_begin() {
    let world = world(60, taking(Duration::from_secs(1))).await;
    let backfill = world.another_with(&template::backfill()).await;
    let survey = json!({ "survey": true });
    backfill.handle(&survey, Instant::now() + Duration::from_secs(300)).await.answer.unwrap();
    let most = world.stand_in.peak_requests_per_second();
    assert!((1..=6).contains(&most), "{most} in one second");
}

fn taking(provisioning: Duration) -> Settings {
    Settings { provisioning, outstanding: OUTSTANDING, ..Settings::default() }
}

/// Looks the names up, which is not what is measured here.
async fn warm(world: &World, function: &Function) {
    let plan = json!({ "accountId": CLASS_7, "dryRun": true });
    handle(function, &plan).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.stand_in.forget_calls();
}

async fn vend(world: &World, account: &str, grants: usize) -> f64 {
    let start = Instant::now();
    assert_eq!(world.ensure(account).await.unwrap().counts.created, grants);
    start.elapsed().as_secs_f64()
}

/// The shortest time in which Identity Center lets anybody create so many.
fn least(creations: usize, provisioning: Duration) -> f64 {
    let by_places = creations.div_ceil(OUTSTANDING) as f64 * provisioning.as_secs_f64();
    by_places.max(creations as f64 / REQUESTS_PER_SECOND + provisioning.as_secs_f64() - 1.0)
}

/// Returns the part of the calls to Identity Center that was throttled.
fn throttled(world: &World) -> f64 {
    let history = world.stand_in.history();
    let throttled =
        history.iter().filter(|call| call.error.as_deref() == Some("ThrottlingException")).count();
    throttled as f64 / history.len() as f64
}

#[tokio::test(start_paused = true)]
async fn alone_it_takes_everything() {
    let cases = [(10, 1, 1.22), (10, 3, 1.17), (60, 1, 1.15), (60, 3, 1.1), (200, 1, 1.1), (200, 3, 1.1)];
    for (grants, seconds, most) in cases {
        let provisioning = Duration::from_secs(seconds);
        let least = least(grants, provisioning);
        // A poll that comes just before the end makes a run longer. So the median counts.
        let mut ratios = Vec::new();
        for _ in 0..3 {
            let world = world(grants, taking(provisioning)).await;
            ratios.push(vend(&world, CLASS_7, grants).await / least);
            assert_eq!(throttled(&world), 0.0);
        }
        ratios.sort_by(f64::total_cmp);
        println!("{grants} grants of {seconds} s: {ratios:.2?} x {least:.1} s");
        assert!(ratios[1] <= most, "{grants} grants of {seconds} s: {ratios:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn many_principals_keep_nobody_waiting() {
    let world = world(200, taking(Duration::from_secs(1))).await;
    let report = world.ensure(CLASS_7).await.unwrap();
    let rules: Vec<String> = report.grants.iter().flat_map(|grant| grant.rules.clone()).collect();
    assert_eq!(rules, (0..200).map(|n| format!("row-{n}")).collect::<Vec<_>>(), "in the order of the table");
    let history = world.stand_in.history();
    let times = |operation: &str| -> Vec<Duration> {
        history.iter().filter(|call| call.operation == operation).map(|call| call.at).collect()
    };
    let (creations, names) = (times("CreateAccountAssignment"), times("GetGroupId"));
    assert!(
        names[49] > creations[0] + Duration::from_secs(1),
        "50 names take longer than a second: {names:?}"
    );
    assert_eq!(names.len(), 50, "each is looked up once");

    world.stand_in.forget_calls();
    assert_eq!(world.ensure(CLASS_7).await.unwrap().counts.present, 200);
    assert_eq!(world.creates(), 0);
}

/// Returns how long 60 grants take next to a backfill, and how much is throttled meanwhile.
async fn next_to_a_backfill(provisioning: Duration) -> (f64, f64) {
    let world = world(60, taking(provisioning)).await;
    let backfill = world.another_with(&template::backfill()).await;
    let others = async {
        for account in OTHERS.into_iter().cycle() {
            let _ = handle(&backfill, &json!({ "accountId": account })).await;
            let assignments = world.stand_in.assignments();
            let made = assignments.iter().filter(|one| one.account == account);
            made.for_each(|one| world.stand_in.remove_assignment(one));
        }
    };
    let vended = async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        world.stand_in.forget_calls();
        vend(&world, CLASS_7, 60).await
    };
    let took = tokio::select! {
        took = vended => took,
        () = others => unreachable!("the backfill has no end"),
    };
    (took, throttled(&world))
}

#[tokio::test(start_paused = true)]
async fn next_to_a_backfill_it_takes_hardly_longer_than_alone() {
    for seconds in [1, 3] {
        let provisioning = Duration::from_secs(seconds);
        let alone = vend(&world(60, taking(provisioning)).await, CLASS_7, 60).await;
        // Where the backfill is at that moment differs from run to run. So the median counts.
        let (mut took, mut throttled) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let (time, part) = next_to_a_backfill(provisioning).await;
            took.push(time);
            throttled.push(part);
        }
        took.sort_by(f64::total_cmp);
        throttled.sort_by(f64::total_cmp);
        let (ratio, throttled) = (took[1] / alone, throttled[1]);
        println!(
            "60 grants of {seconds} s: {alone:.2} s alone, {ratio:.2} times that next to a backfill; {throttled:.3} throttled"
        );
        assert!(ratio <= 1.35, "{ratio}");
        assert!(throttled <= 0.1, "{throttled}");
    }
}

/// Vends so many accounts, one a `pause`. Returns how long all took together against the least, and how much was
/// throttled.
async fn several(accounts: usize, grants: usize, provisioning: Duration, pause: Duration) -> (f64, f64) {
    let world = world(grants, taking(provisioning)).await;
    let all: Vec<&str> = [CLASS_7].into_iter().chain(OTHERS).take(accounts).collect();
    let mut functions = Vec::new();
    for _ in &all {
        let function = world.another_with(&template::vended()).await;
        warm(&world, &function).await;
        functions.push(function);
    }
    world.stand_in.forget_calls();
    let start = Instant::now();
    let vended = functions.iter().zip(all).enumerate().map(async |(place, (function, account))| {
        tokio::time::sleep(pause * place as u32).await;
        handle(function, &json!({ "accountId": account })).await.unwrap().counts.created
    });
    assert_eq!(join_all(vended).await, vec![grants; accounts]);
    let took = start.elapsed().as_secs_f64();
    (took / least(accounts * grants, provisioning), throttled(&world))
}

#[tokio::test(start_paused = true)]
async fn several_share_what_there_is() {
    // Two that work in step leave each other enough, so that nothing is throttled.
    let cases = [(2, 0, 0.0), (2, 500, 0.35), (3, 0, 0.35), (3, 500, 0.35), (5, 0, 0.35), (5, 500, 0.35)];
    for (accounts, pause, most) in cases {
        // Who comes first differs from run to run. So the median counts.
        let (mut ratios, mut throttled) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let (provisioning, pause) = (Duration::from_secs(1), Duration::from_millis(pause));
            let (ratio, part) = several(accounts, 30, provisioning, pause).await;
            ratios.push(ratio);
            throttled.push(part);
        }
        ratios.sort_by(f64::total_cmp);
        throttled.sort_by(f64::total_cmp);
        let (ratio, throttled) = (ratios[1], throttled[1]);
        println!(
            "{accounts} x 30 grants, {pause} ms apart: {ratio:.2} x the least; {throttled:.3} throttled"
        );
        assert!(ratio <= 2.4, "{accounts}, {pause} ms apart: {ratio}");
        assert!(throttled <= most, "{accounts}, {pause} ms apart: {throttled}");
    }
}

/// Returns how many creations of the account were accepted.
fn creations_of(world: &World, account: &str) -> usize {
    let creations = world.stand_in.creations();
    creations.iter().filter(|creation| creation.assignment.account == account).count()
}

/// Works on an account with so many places, and is killed after eight seconds, when all are taken.
async fn killed(world: &World, account: &str, places: usize) {
    let places = places.to_string();
    let function = world.another_with(&[("MAX_OUTSTANDING", &places)]).await;
    let event = json!({ "accountId": account });
    let killed = tokio::time::timeout(Duration::from_secs(8), handle(&function, &event)).await;
    assert!(killed.is_err(), "{killed:?}");
}

/// Returns how many creations of others an account had described before it asked for its own.
fn described_first(world: &World) -> usize {
    let history = world.stand_in.history();
    let operations = history.iter().map(|call| call.operation.as_str());
    let before = operations.take_while(|operation| *operation != "CreateAccountAssignment");
    before.filter(|operation| *operation == "DescribeAccountAssignmentCreationStatus").count()
}

#[tokio::test(start_paused = true)]
async fn of_what_is_under_way_for_other_accounts_little_is_described() {
    let settings = Settings { outstanding: 100, ..taking(Duration::from_secs(60)) };
    let world = world(30, settings).await;
    killed(&world, OTHERS[0], 12).await;
    let others = creations_of(&world, OTHERS[0]);
    world.stand_in.forget_calls();
    assert_eq!(world.ensure(CLASS_7).await.unwrap().counts.created, 30);
    let described = described_first(&world);
    assert!((1..=2).contains(&described), "{described} of {others}");
}

/// Whether it is seen before anything is asked for, or by what AWS refuses.
#[tokio::test(start_paused = true)]
async fn what_is_under_way_for_the_same_account_is_found_among_that_of_others() {
    for _ in 0..8 {
        let settings = Settings { outstanding: 100, ..taking(Duration::from_secs(60)) };
        let world = world(30, settings).await;
        killed(&world, CLASS_7, 6).await;
        // It leaves half to the other.
        killed(&world, OTHERS[0], 12).await;
        let under_way = [CLASS_7, OTHERS[0]].map(|account| creations_of(&world, account));
        assert_eq!(under_way, [6, 6]);
        let counts = world.ensure(CLASS_7).await.unwrap().counts;
        assert_eq!((counts.failed, counts.pending), (0, 0), "{counts:?}");
        assert_eq!(creations_of(&world, CLASS_7), 30, "nothing is asked for twice");
    }
}

/// Five accounts name eight groups each, twice as many as the identity store answers in a second.
#[tokio::test(start_paused = true)]
async fn several_that_look_up_names_in_the_same_moment_slow_down() {
    let world = world(8 * SETS, taking(Duration::from_secs(1))).await;
    let mut functions = Vec::new();
    for _ in 0..5 {
        functions.push(world.another_with(&template::vended()).await);
    }
    let plan = json!({ "accountId": CLASS_7, "dryRun": true });
    join_all(functions.iter().map(async |function| handle(function, &plan).await.unwrap())).await;
    let history = world.stand_in.history();
    let names = history.iter().filter(|call| call.operation == "GetGroupId");
    let (answered, throttled): (Vec<_>, Vec<_>) = names.partition(|call| call.error.is_none());
    let (answered, throttled) = (answered.len(), throttled.len());
    assert_eq!(answered, 40);
    assert!(throttled < answered, "{throttled} are throttled");
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_is_lower_than_the_setting_is_found_and_kept() {
    let world = world(60, Settings { outstanding: 10, ..Settings::default() }).await;
    let took = vend(&world, CLASS_7, 60).await;
    println!("60 grants under a quota of 10: {took:.2} s; {:.3} throttled", throttled(&world));
    assert!(took < 6.0 * 1.3, "{took}");
}

#[tokio::test(start_paused = true)]
async fn two_events_of_one_account_do_not_wait_for_each_other_and_create_little_twice() {
    for pause in [0, 300] {
        // What one begins between two looks of the other differs from run to run. So the median counts.
        let (mut creations, mut took) = (Vec::new(), Vec::new());
        for _ in 0..5 {
            let world = world(60, taking(Duration::from_secs(1))).await;
            let other = world.another_with(&template::vended()).await;
            warm(&world, &other).await;
            let payload: Value = json!({ "accountId": CLASS_7 });
            let later = async {
                tokio::time::sleep(Duration::from_millis(pause)).await;
                handle(&other, &payload).await.unwrap()
            };
            let start = Instant::now();
            let (one, two) = tokio::join!(world.ensure(CLASS_7), later);
            took.push(start.elapsed().as_secs_f64());
            let one = one.unwrap();
            creations.push(world.stand_in.creations().len());
            assert!(one.counts.pending + two.counts.pending + one.counts.failed + two.counts.failed == 0);
        }
        // Without a look at the other, all of it is asked for twice.
        creations.sort_unstable();
        took.sort_by(f64::total_cmp);
        println!("two events {pause} ms apart: {took:.2?} s, {creations:?} creations");
        assert!(took[2] < 20.0, "{pause} ms apart: {took:?}");
        assert!(pause == 0 || creations[2] <= 100, "{pause} ms apart: {creations:?}");
    }
}
