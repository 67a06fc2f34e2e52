//! The fault matrix: every fault that the stand-in knows, at several strengths, on few and many rows, with
//! several seeds. Real SDK clients, a paused clock, deliveries repeated as Lambda repeats them.
//!
//! `cargo test --test function faults:: -- --nocapture` prints the matrix.

use std::{collections::BTreeSet, time::Duration};

use assigner_core::assignments::report::{Report, StatusReport};
use assigner_engine::error::Error;
use serde_json::json;
use stand_in::{CreationStatus, Fault, FaultKind, Settings};
use tokio::time::Instant;
use world::*;

const ROWS: [usize; 3] = [1, 10, 60];
const SEEDS: [u64; 3] = [1, 2, 3];
/// The first delivery and Lambda's two retries.
const DELIVERIES: usize = 3;
/// Lambda retries after one and after two minutes.
const BETWEEN: Duration = Duration::from_secs(60);

/// What a fault allows.
#[derive(Clone, Copy, PartialEq)]
enum Ends {
    /// It passes: all grants are there, after at most `DELIVERIES`.
    Well,
    /// It does not pass: the grants that it hits are named in every report, the others are there.
    Named,
    /// Nothing can be done, and the error says so.
    With(&'static str),
}

struct Case {
    name: &'static str,
    operation: &'static str,
    kind: FaultKind,
    ends: Ends,
}

fn cases() -> Vec<Case> {
    use FaultKind::*;
    let case = |name, operation, kind, ends| Case { name, operation, kind, ends };
    let create = "CreateAccountAssignment";
    let failed = |reason: Option<&str>| FailedStatus { reason: reason.map(str::to_owned) };
    let quota =
        Error { code: "ServiceQuotaExceededException".into(), status: 402, message: "too many".into() };
    vec![
        case("throttle, everywhere", "*", Throttle, Ends::Well),
        case("throttle, create", create, Throttle, Ends::Well),
        case("conflict, create", create, Conflict, Ends::Well),
        case("500, everywhere", "*", Internal, Ends::Well),
        case("503, create", create, ServiceUnavailable, Ends::Well),
        case("cut before the effect", "*", CutBefore, Ends::Well),
        case("cut after the effect", "*", CutAfter, Ends::Well),
        case("cut after the effect, create", create, CutAfter, Ends::Well),
        case("slow by 5 s", "*", Slow { millis: 5_000 }, Ends::Well),
        case(
            "FAILED, internal",
            create,
            failed(Some("An unexpected internal service exception was encountered")),
            Ends::Well,
        ),
        case("FAILED, role propagation", create, failed(Some("waiting for role propagation")), Ends::Well),
        case("FAILED, longer than usual", create, failed(Some("takes longer than usual")), Ends::Well),
        case("FAILED, null", create, failed(None), Ends::Well),
        case("stale reads for 3 s", "*", StaleReads { millis: 3_000 }, Ends::Well),
        case("status list denied", "ListAccountAssignmentCreationStatus", AccessDenied, Ends::Well),
        case("status list 500", "ListAccountAssignmentCreationStatus", Internal, Ends::Well),
        case("stuck in progress", create, Stuck, Ends::Named),
        case("FAILED, 404", create, failed(Some("Received a 404 status error: no principal")), Ends::Named),
        case(
            "FAILED, 403",
            create,
            failed(Some("Received a 403 status error: Access denied by IAM.")),
            Ends::Named,
        ),
        case("denied, create", create, AccessDenied, Ends::Named),
        case("key denied, create", create, KmsDenied, Ends::Named),
        case("quota, create", create, quota, Ends::Named),
        case("denied, account", "DescribeAccount", AccessDenied, Ends::With("InvalidConfig")),
        case("account not found", "DescribeAccount", NotFound, Ends::With("AccountNotReady")),
        case("denied, instances", "ListInstances", AccessDenied, Ends::With("InvalidConfig")),
    ]
}

#[derive(Clone, Copy, Debug)]
enum Strength {
    Times(u32),
    Probability(f64),
}

const STRENGTHS: [Strength; 4] =
    [Strength::Times(1), Strength::Times(5), Strength::Probability(0.2), Strength::Probability(0.6)];

/// The result of one run of a case.
struct Run {
    deliveries: usize,
    longest: f64,
    accepted: usize,
    calls: u64,
    ready: bool,
}

async fn run(case: &Case, strength: Strength, rows: usize, seed: u64) -> Run {
    let context = format!("{}, {strength:?}, {rows} rows, seed {seed}", case.name);
    fastrand::seed(seed);
    let settings = Settings { seed, ..Settings::default() };
    let world = World::with(rows_for(rows), with_permission_sets(rows), settings, &[]).await;
    let fault = Fault::on(case.operation, case.kind.clone());
    let fault = match strength {
        Strength::Times(count) => fault.times(count),
        Strength::Probability(probability) => fault.with_probability(probability),
    };
    world.stand_in.set_faults(vec![fault]);
    let wanted: BTreeSet<String> = (0..rows).map(|n| format!("{CLASS_7} P-{n} auditors")).collect();
    let mut run = Run { deliveries: 0, longest: 0.0, accepted: 0, calls: 0, ready: false };
    while !run.ready && run.deliveries < DELIVERIES {
        run.deliveries += 1;
        let start = Instant::now();
        let answer = world.ensure(CLASS_7).await;
        let took = start.elapsed();
        assert!(took < TIMEOUT, "{context}: ended after {took:?}, past the deadline");
        run.longest = run.longest.max(took.as_secs_f64());
        let there = world.assignments();
        assert!(there.is_subset(&wanted), "{context}: something is there that nobody wanted: {there:?}");
        match answer {
            Ok(report) => {
                assert_true(&context, &report, &there, rows);
                assert_eq!(there, wanted, "{context}: said to be ready");
                run.ready = true;
            }
            Err(Error::AssignmentsIncomplete(report)) => {
                assert_true(&context, &report, &there, rows);
                assert!(
                    case.ends == Ends::Named || took > TIMEOUT / 2 || has_failed_often(&report),
                    "{context}: {report:?}"
                );
            }
            Err(error) => match case.ends {
                Ends::With(name) => assert_eq!(error.name(), name, "{context}: {error}"),
                _ => assert_eq!(error.name(), "ServiceUnavailable", "{context}: {error}"),
            },
        }
        if !run.ready {
            tokio::time::sleep(BETWEEN).await;
        }
    }
    let creations = world.stand_in.creations();
    run.accepted = creations.len();
    let needed = rows + creations.iter().filter(|one| one.status == CreationStatus::Failed).count();
    assert!(
        run.accepted <= needed,
        "{context}: {} creations were accepted, {needed} were needed",
        run.accepted
    );
    run.calls = world.identity_center_calls();
    if case.ends == Ends::Well {
        assert!(run.ready, "{context}: not ready after {DELIVERIES} deliveries");
    }
    run
}

/// Whether eight in a row FAILED, which is left to the next delivery.
fn has_failed_often(report: &Report) -> bool {
    report.counts.pending == 0 && report.counts.failed > 0
}

/// Asserts that every grant is named, and that what is said to be there is there.
fn assert_true(context: &str, report: &Report, there: &BTreeSet<String>, rows: usize) {
    assert_eq!(report.grants.len(), rows, "{context}: every grant is named");
    for grant in &report.grants {
        let name = grant.permission_set.name.as_deref().unwrap_or_default();
        let is_there = there.contains(&format!("{CLASS_7} {name} auditors"));
        match &grant.status {
            StatusReport::Created | StatusReport::Present => {
                assert!(is_there, "{context}: {name} is said to be there")
            }
            StatusReport::Failed { reason, remedy } | StatusReport::Unresolved { reason, remedy } => {
                assert!(
                    !reason.is_empty() && !remedy.is_empty(),
                    "{context}: {name} has no reason or remedy"
                );
            }
            StatusReport::Pending { reason } => {
                assert!(!reason.is_empty(), "{context}: {name} has no reason")
            }
            StatusReport::Planned => panic!("{context}: {name} is planned, but this is not a dry run"),
        }
    }
}

#[test]
fn every_fault_ends_well_or_is_reported() {
    let cases = cases();
    // Each run has its own paused clock, so they share nothing but the processors.
    let lines: Vec<(String, usize)> = std::thread::scope(|scope| {
        let halves = cases.chunks(cases.len().div_ceil(2));
        let threads: Vec<_> =
            halves.map(|half| scope.spawn(|| half.iter().flat_map(matrix).collect::<Vec<_>>())).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    println!("| fault | strength | rows | ready after | longest | calls a grant |");
    println!("|---|---|---|---|---|---|");
    lines.iter().for_each(|(line, _)| println!("{line}"));
    let failed: usize = lines.iter().map(|(_, failed)| failed).sum();
    println!("{} runs, {failed} failed", lines.len() * SEEDS.len());
    assert_eq!(failed, 0, "runs failed; each has said why above");
}

/// A small matrix, for a mutation check; see `.cargo/mutants.toml`.
#[test]
fn every_fault_on_four_rows_ends_well_or_is_reported() {
    for case in cases() {
        for strength in [Strength::Times(3), Strength::Probability(0.4)] {
            on_a_paused_clock(run(&case, strength, 4, 7));
        }
    }
}

fn on_a_paused_clock(run: impl Future<Output = Run>) -> Run {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().start_paused(true).build().unwrap().block_on(run)
}

/// Returns the lines of the matrix for one fault, each with the number of runs that failed.
fn matrix(case: &Case) -> Vec<(String, usize)> {
    let mut lines = Vec::new();
    for (strength, rows) in STRENGTHS.iter().flat_map(|strength| ROWS.map(|rows| (*strength, rows))) {
        let runs: Vec<_> = SEEDS
            .iter()
            .filter_map(|seed| {
                std::panic::catch_unwind(|| on_a_paused_clock(run(case, strength, rows, *seed))).ok()
            })
            .collect();
        lines.push((line(case, strength, rows, &runs), SEEDS.len() - runs.len()));
    }
    lines
}

fn line(case: &Case, strength: Strength, rows: usize, runs: &[Run]) -> String {
    let strength = match strength {
        Strength::Times(count) => format!("{count} times"),
        Strength::Probability(probability) => format!("p = {probability}"),
    };
    let ready = match runs.iter().map(|run| run.deliveries).max() {
        Some(deliveries) if runs.iter().all(|run| run.ready) => format!("{deliveries}"),
        _ => match case.ends {
            Ends::Well => "failed".into(),
            Ends::Named => "reported".into(),
            Ends::With(name) => name.into(),
        },
    };
    let longest = runs.iter().map(|run| run.longest).fold(0.0, f64::max);
    let calls: u64 = runs.iter().map(|run| run.calls).sum();
    let calls = calls as f64 / (rows * runs.len().max(1)) as f64;
    format!("| {} | {strength} | {rows} | {ready} | {longest:.0} s | {calls:.1} |", case.name)
}

#[tokio::test(start_paused = true)]
async fn a_status_list_that_never_answers_costs_seconds_and_no_grant() {
    for kind in [FaultKind::AccessDenied, FaultKind::Internal, FaultKind::CutBefore, FaultKind::Throttle] {
        let world = World::with(rows_for(12), with_permission_sets(12), Settings::default(), &[]).await;
        let start = Instant::now();
        world.stand_in.set_faults(vec![Fault::on("ListAccountAssignmentCreationStatus", kind.clone())]);
        assert_eq!(world.ensure(CLASS_7).await.unwrap().counts.created, 12, "{kind:?}");
        assert!(start.elapsed() < Duration::from_secs(30), "{kind:?} took {:?}", start.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_stuck_creation_is_reported_pending_with_its_request_and_waited_for_by_the_next_delivery() {
    let world =
        World::new(json!([{ "id": "a", "permissionSet": "ReadOnlyAccess", "group": "auditors" }])).await;
    world.stand_in.set_faults(vec![Fault::on("CreateAccountAssignment", FaultKind::Stuck)]);
    let report = incomplete(world.ensure(CLASS_7).await);
    assert_eq!(report.counts.pending, 1);
    let request_id = report.grants[0].request_id.clone();
    assert_eq!(request_id.as_deref(), Some(world.stand_in.creations()[0].request_id.as_str()));
    world.stand_in.set_faults(vec![]);
    let again = incomplete(world.ensure(CLASS_7).await);
    assert_eq!(again.grants[0].request_id, request_id);
    assert_eq!(world.creates(), 1, "the creation is waited for, not repeated");
}

/// Returns a world with one row for one permission set, and creations that take this long.
async fn one_row(provisioning: Duration, faults: Vec<Fault>) -> World {
    let settings = Settings { provisioning, ..Settings::default() };
    let world = World::with(rows_for(1), with_permission_sets(1), settings, &[]).await;
    world.stand_in.set_faults(faults);
    world
}

/// Returns when calls of an operation came, in seconds.
fn times(world: &World, operation: &str) -> Vec<f64> {
    let history = world.stand_in.history().into_iter();
    history.filter(|call| call.operation == operation).map(|call| call.at.as_secs_f64()).collect()
}

const CREATE: &str = "CreateAccountAssignment";
const DESCRIBE: &str = "DescribeAccountAssignmentCreationStatus";
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_eight_times_and_what_is_final_once() {
    let failed = |reason: Option<&str>| FaultKind::FailedStatus { reason: reason.map(str::to_owned) };
    let cases = [
        (failed(None), 8),
        (FaultKind::QuotaExceeded, 8),
        (failed(Some("Received a 404 status error: no principal")), 1),
        (FaultKind::AccessDenied, 1),
        (FaultKind::KmsDenied, 1),
    ];
    for (kind, expected) in cases {
        let world = one_row(SECOND, vec![Fault::on(CREATE, kind.clone())]).await;
        let report = incomplete(world.ensure(CLASS_7).await);
        assert_eq!((report.counts.failed, world.creates()), (1, expected), "{kind:?}");
        let accepted = world.stand_in.creations().last().map(|creation| creation.request_id.clone());
        assert_eq!(report.grants[0].request_id, accepted, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_without_end_are_met_with_growing_waits_until_the_deadline() {
    for seed in SEEDS {
        fastrand::seed(seed);
        let world = one_row(SECOND, vec![Fault::on(CREATE, FaultKind::Throttle)]).await;
        assert_eq!(incomplete(world.ensure(CLASS_7).await).counts.pending, 1);
        // The longest wait is ten seconds, five on average.
        assert!((30..=110).contains(&world.creates()), "{} attempts in 300 s", world.creates());
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_started_in_the_last_second() {
    let mut latest = 0.0_f64;
    for seed in 0..20 {
        fastrand::seed(seed);
        // A pace that never makes a call wait, so that each is sent when it is started.
        let settings = Settings { requests_per_second: 100, ..Settings::default() };
        let pace = [("MAX_REQUESTS_PER_SECOND", "100")];
        let world = World::with(rows_for(10), with_permission_sets(10), settings, &pace).await;
        world.stand_in.set_faults(vec![Fault::on(CREATE, FaultKind::Conflict)]);
        let payload = json!({ "accountId": CLASS_7 });
        let handled = world.function.handle(&payload, Instant::now() + 20 * SECOND).await;
        assert!(handled.answer.is_err());
        latest = latest.max(world.stand_in.history().last().unwrap().at.as_secs_f64());
    }
    // Two of the twenty seconds are kept for the report.
    assert!((16.5..17.05).contains(&latest), "the last call came after {latest} s");
}

#[tokio::test(start_paused = true)]
async fn a_long_creation_is_polled_rarely_and_a_first_poll_waits_until_it_may_be_done() {
    for seed in SEEDS {
        fastrand::seed(seed);
        let world = one_row(60 * SECOND, vec![]).await;
        assert_eq!(world.ensure(CLASS_7).await.unwrap().counts.created, 1);
        let (created, polls) = (times(&world, CREATE)[0], times(&world, DESCRIBE));
        assert!((13..=23).contains(&polls.len()), "{} polls in 60 s", polls.len());
        assert!(
            (0.45..0.6).contains(&(polls[0] - created)),
            "the first poll came {} s after",
            polls[0] - created
        );
    }
}

#[tokio::test(start_paused = true)]
async fn polls_learn_how_long_a_creation_takes() {
    for seed in SEEDS {
        fastrand::seed(seed);
        let settings = Settings { provisioning: 20 * SECOND, ..Settings::default() };
        let world = World::with(rows_for(30), with_permission_sets(30), settings, &[]).await;
        let start = Instant::now();
        assert_eq!(world.ensure(CLASS_7).await.unwrap().counts.created, 30);
        let took = start.elapsed().as_secs_f64();
        assert!(took < 72.0, "three rounds of 20 s took {took} s");
        let polls = world.calls("ListAccountAssignmentCreationStatus");
        assert!(polls <= 40, "{polls} polls");
    }
}

#[tokio::test(start_paused = true)]
async fn a_creation_that_nobody_knows_is_looked_for_after_a_while_and_not_before() {
    let unknown = || Fault::on(DESCRIBE, FaultKind::NotFound);
    let unclear = Fault::on(DESCRIBE, FaultKind::Conflict).times(3);
    for (fault, lasts) in [(unknown(), 20.0..35.0), (unknown().times(3), 1.0..10.0), (unclear, 1.0..10.0)] {
        let world = one_row(SECOND, vec![fault]).await;
        let start = Instant::now();
        assert_eq!(world.ensure(CLASS_7).await.unwrap().counts.created, 1);
        assert!(lasts.contains(&start.elapsed().as_secs_f64()), "{:?} is not in {lasts:?}", start.elapsed());
        assert_eq!(world.creates(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_creation_that_may_not_be_looked_at_fails_at_once_with_its_request() {
    let world = one_row(SECOND, vec![Fault::on(DESCRIBE, FaultKind::AccessDenied)]).await;
    let start = Instant::now();
    let report = incomplete(world.ensure(CLASS_7).await);
    assert_eq!(report.counts.failed, 1);
    assert_eq!(report.grants[0].request_id, Some(world.stand_in.creations()[0].request_id.clone()));
    assert!(start.elapsed() < 5 * SECOND, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_assignment_that_cannot_be_looked_at_fails_for_good_or_is_looked_at_again() {
    let look = |kind| Fault::on("ListAccountAssignments", kind);
    for (kind, ready) in [(FaultKind::AccessDenied, false), (FaultKind::Conflict, true)] {
        let conflict = || Fault::on(CREATE, FaultKind::Conflict);
        let world = one_row(SECOND, vec![conflict()]).await;
        let start = Instant::now();
        let change = async {
            tokio::time::sleep(3 * SECOND).await;
            world.stand_in.set_faults(vec![conflict(), look(kind)]);
            tokio::time::sleep(37 * SECOND).await;
            world.stand_in.set_faults(vec![]);
        };
        let ensure = async {
            let answer = world.ensure(CLASS_7).await;
            (answer, start.elapsed())
        };
        let ((answer, took), ()) = tokio::join!(ensure, change);
        if ready {
            assert_eq!(answer.unwrap().counts.created, 1);
            assert!(took > 40 * SECOND && took < 70 * SECOND, "{took:?}");
        } else {
            assert_eq!(incomplete(answer).counts.failed, 1);
            assert!(took < 30 * SECOND, "{took:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_creation_that_is_asked_for_again_counts_as_a_retry() {
    let cases = [(None, 0), (Some(FaultKind::Throttle), 3), (Some(FaultKind::Conflict), 3)];
    for (kind, expected) in cases {
        let faults = kind.clone().map(|kind| Fault::on(CREATE, kind).times(3)).into_iter().collect();
        let world = one_row(SECOND, faults).await;
        let handled = world.function.handle(&json!({ "accountId": CLASS_7 }), Instant::now() + TIMEOUT).await;
        assert!(handled.answer.is_ok(), "{kind:?}: {:?}", handled.answer);
        assert_eq!(handled.figures.retries, expected, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn creations_of_an_invocation_that_was_cut_off_are_taken_over_each_for_its_own_grant() {
    let settings = Settings { provisioning: 20 * SECOND, ..Settings::default() };
    let mut world = World::with(rows_for(3), with_permission_sets(3), settings, &[]).await;
    let _ = tokio::time::timeout(5 * SECOND, world.ensure(CLASS_7)).await;
    assert_eq!(world.stand_in.creations().len(), 3);
    world.function = world.another().await;
    let report = world.ensure(CLASS_7).await.unwrap();
    assert_eq!((report.counts.created, world.creates()), (3, 3));
    for grant in &report.grants {
        let creations = world.stand_in.creations().into_iter();
        let mine =
            creations.filter(|one| Some(&one.assignment.permission_set) == grant.permission_set.arn.as_ref());
        assert_eq!(mine.map(|one| one.request_id).collect::<Vec<_>>(), [grant.request_id.clone().unwrap()]);
    }
}

/// Every operation, failing for good on one resource: what is lost with it, and the others must not notice.
///
/// Of three rows for three permission sets and groups, the second has the sick resource.
#[tokio::test(start_paused = true)]
async fn one_resource_that_always_fails_costs_its_own_grant_and_seconds() {
    let sets = ["ReadOnlyAccess", "PowerUserAccess", "SupportUser"];
    let groups = ["auditors", "students", "teachers"];
    let rows: serde_json::Value = (0..3)
        .map(|n| json!({ "id": format!("row-{n}"), "permissionSet": sets[n], "group": groups[n] }))
        .collect();
    let sick = |organization: &stand_in::Organization, what: &str| match what {
        "set" => organization.permission_sets.iter().find(|set| set.name == sets[1]).unwrap().arn.clone(),
        "group" => groups[1].to_owned(),
        "principal" => organization.groups.iter().find(|group| group.name == groups[1]).unwrap().id.clone(),
        other => panic!("{other}"),
    };
    // An operation, what of the second row is sick, and whether the second row is lost by it.
    let cases = [
        ("GetGroupId", "group", true),
        ("DescribePermissionSet", "set", true),
        ("ListAccountAssignments", "set", true),
        ("CreateAccountAssignment", "set", true),
        ("CreateAccountAssignment", "principal", true),
    ];
    let kinds = [
        FaultKind::Internal,
        FaultKind::ServiceUnavailable,
        FaultKind::CutBefore,
        FaultKind::AccessDenied,
        FaultKind::NotFound,
        FaultKind::Slow { millis: 15_000 },
    ];
    for (operation, what, lost) in cases {
        for kind in &kinds {
            let context = format!("{operation} about the {what}, always {kind:?}");
            let world = World::new(rows.clone()).await;
            // Every set is provisioned, so that every set is asked for.
            for set in sets {
                world.put(CLASS_7, set, "platform-admins");
            }
            let resource = sick(&world.stand_in.organization(), what);
            world.stand_in.set_faults(vec![Fault::on(operation, kind.clone()).about(&resource)]);
            let answer = world.ensure(CLASS_7).await;
            let report = match answer {
                Ok(report) => report,
                Err(Error::AssignmentsIncomplete(report)) => *report,
                Err(error) => panic!("{context}: {error}"),
            };
            let status = |n: usize| report.grants[n].status.clone();
            assert_eq!([status(0), status(2)], [StatusReport::Created, StatusReport::Created], "{context}");
            // What takes effect before the answer is lost is found by looking.
            let lost = lost && !(operation == CREATE && matches!(kind, FaultKind::Slow { .. }));
            assert_eq!(status(1) != StatusReport::Created, lost, "{context}: {:?}", status(1));
            // How soon the healthy ones were asked for, whatever becomes of the sick one.
            let healthy = [groups[0], groups[2]];
            let last = world
                .stand_in
                .history()
                .iter()
                .filter(|call| call.operation == CREATE && call.error.is_none())
                .filter(|call| !call.request.to_string().contains(&resource))
                .map(|call| call.at.as_secs_f64())
                .fold(0.0, f64::max);
            assert!(last < 90.0, "{context}: {healthy:?} waited {last} s");
        }
    }
}

/// Somebody else's creation in another account, or one of our own, that can never be described.
#[tokio::test(start_paused = true)]
async fn a_creation_that_can_never_be_described_holds_up_nothing() {
    let settings = || Settings { provisioning: Duration::from_secs(30), ..Settings::default() };
    // A stranger's.
    let world = World::with(rows_for(3), with_permission_sets(3), settings(), &[]).await;
    let stranger = world.another().await;
    let theirs = json!({ "accountId": "444455556666" });
    let _ = tokio::time::timeout(Duration::from_secs(3), stranger.handle(&theirs, Instant::now() + TIMEOUT))
        .await;
    let ids: Vec<String> = world.stand_in.creations().into_iter().map(|one| one.request_id).collect();
    assert_eq!(ids.len(), 3, "the stranger's creations are under way");
    let sick = |id: &String| Fault::on(DESCRIBE, FaultKind::Internal).about(id);
    world.stand_in.set_faults(ids.iter().map(sick).collect());
    let start = Instant::now();
    assert_eq!(world.ensure(CLASS_7).await.unwrap().counts.created, 3);
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    // One of our own, which no list has either.
    let world = World::with(rows_for(3), with_permission_sets(3), Settings::default(), &[]).await;
    world.stand_in.set_faults(vec![
        Fault::on("ListAccountAssignmentCreationStatus", FaultKind::AccessDenied),
        Fault::on(DESCRIBE, FaultKind::Internal).times(1_000),
    ]);
    let start = Instant::now();
    let report = world.ensure(CLASS_7).await.unwrap();
    assert_eq!(report.counts.created, 3, "seen to be there by the assignments themselves");
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

/// An emulator of others says IN_PROGRESS in the list until somebody describes the creation.
#[tokio::test(start_paused = true)]
async fn a_list_that_always_says_in_progress_is_not_believed_forever() {
    let settings = Settings { history_in_progress: true, ..Settings::default() };
    let world = World::with(rows_for(12), with_permission_sets(12), settings, &[]).await;
    let start = Instant::now();
    assert_eq!(world.ensure(CLASS_7).await.unwrap().counts.created, 12);
    assert!(start.elapsed() < Duration::from_secs(40), "{:?}", start.elapsed());
}

/// AWS may refuse a second creation in an account while one is under way.
#[tokio::test(start_paused = true)]
async fn if_one_creation_at_a_time_is_allowed_a_grant_costs_little_more() {
    let settings = Settings { one_creation_an_account: true, ..Settings::default() };
    let world = World::with(rows_for(20), with_permission_sets(20), settings, &[]).await;
    let report = world.ensure(CLASS_7).await.unwrap();
    assert_eq!(report.counts.created, 20);
    let calls = world.identity_center_calls() as f64 / 20.0;
    assert!(calls < 8.0, "{calls} calls a grant: {:?}", world.stand_in.calls());
}

/// Nothing answers at all: a closed port, a name that does not exist, an authority that nobody knows.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_reached_is_said_within_seconds_with_the_last_error() {
    for operation in ["*", "ListInstances", "DescribeAccount"] {
        let world =
            World::new(json!([{ "id": "a", "permissionSet": "ReadOnlyAccess", "group": "auditors" }])).await;
        world.stand_in.set_faults(vec![Fault::on(operation, FaultKind::CutBefore)]);
        let start = Instant::now();
        let error = world.ensure(CLASS_7).await.unwrap_err();
        assert_eq!(error.name(), "ServiceUnavailable", "{operation}: {error}");
        let Error::Call(call) = &error else { panic!("{operation}: {error:?}") };
        assert!(call.code.is_none() && !call.message.is_empty(), "{operation}: {call:?}");
        assert!(start.elapsed() < Duration::from_secs(40), "{operation}: {:?}", start.elapsed());
    }
}

/// A service that answers 500 to the end: the answer names what it said last.
#[tokio::test(start_paused = true)]
async fn what_fails_to_the_end_is_named_in_the_answer() {
    let world =
        World::new(json!([{ "id": "a", "permissionSet": "ReadOnlyAccess", "group": "auditors" }])).await;
    world.stand_in.set_faults(vec![Fault::on("ListInstances", FaultKind::Internal)]);
    let error = world.ensure(CLASS_7).await.unwrap_err();
    assert_eq!(error.name(), "ServiceUnavailable");
    let said = account_assigner::words::message(&error);
    assert!(said.contains("sso:ListInstances failed with InternalServerException"), "{said}");
}
