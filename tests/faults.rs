//! The fault matrix: every fault that the stand-in knows, at several strengths, on few and many rows, with
//! several seeds. Real SDK clients, a paused clock, deliveries repeated as Lambda repeats them.
//!
//! `cargo test --test faults -- --nocapture` prints the matrix.

mod support;

use std::{collections::BTreeSet, time::Duration};

use account_assigner::{
    error::Error,
    report::{Report, Status},
};
use serde_json::json;
use stand_in::{CreationStatus, Fault, FaultKind, Settings};
use support::*;
use tokio::time::Instant;

const ROWS: [usize; 3] = [1, 10, 60];
const SEEDS: [u64; 3] = [1, 2, 3];
/// The first delivery and Lambda's two retries.
const DELIVERIES: usize = 3;
/// Lambda retries after one and after two minutes.
const BETWEEN: Duration = Duration::from_secs(60);

/// What a fault allows.
#[derive(Clone, Copy, PartialEq)]
enum Ends {
    /// It passes: all grants are there, after `DELIVERIES` at the latest.
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

/// What one run of a case came to.
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

/// Eight FAILED in a row are left to the next delivery.
fn has_failed_often(report: &Report) -> bool {
    report.counts.pending == 0 && report.counts.failed > 0
}

/// Every grant is named, and what is said to be there is there.
fn assert_true(context: &str, report: &Report, there: &BTreeSet<String>, rows: usize) {
    assert_eq!(report.grants.len(), rows, "{context}: every grant is named");
    for grant in &report.grants {
        let name = grant.permission_set.name.as_deref().unwrap_or_default();
        let is_there = there.contains(&format!("{CLASS_7} {name} auditors"));
        match &grant.status {
            Status::Created | Status::Present => assert!(is_there, "{context}: {name} is said to be there"),
            Status::Failed { reason, remedy } | Status::Unresolved { reason, remedy } => {
                assert!(
                    !reason.is_empty() && !remedy.is_empty(),
                    "{context}: {name} has no reason or remedy"
                );
            }
            Status::Pending { reason } => assert!(!reason.is_empty(), "{context}: {name} has no reason"),
            Status::Planned => panic!("{context}: {name} is planned, but this is no dry run"),
        }
    }
}

#[test]
fn every_fault_ends_well_or_is_told() {
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

/// The matrix in small, for a mutation check; see `.cargo/mutants.toml`.
#[test]
fn every_fault_on_four_rows_ends_well_or_is_told() {
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

/// The lines of the matrix for one fault, each with the number of runs that failed.
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
            Ends::Named => "told".into(),
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
