//! The faults once more, with the function's binary over HTTP: what a real connection adds to the matrix of
//! `faults.rs`, which has more strengths, rows and seeds on a paused clock.
//!
//! `cargo test --test function faults_on_the_wire -- --nocapture` prints the table.

use std::{collections::BTreeSet, path::Path, time::Duration};

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use stand_in::{
    CreationStatus, Fault, FaultKind, Settings, StandIn,
    lambda::{Function, Invocation},
};
use world::*;

const ROWS: usize = 10;
/// How many runs go on at once: they wait more than they work.
const AT_ONCE: usize = 8;

fn cases() -> Vec<(&'static str, FaultKind)> {
    use FaultKind::*;
    let create = "CreateAccountAssignment";
    vec![
        ("*", Throttle),
        (create, Conflict),
        ("*", Internal),
        ("*", ServiceUnavailable),
        ("*", CutBefore),
        ("*", CutAfter),
        (create, CutAfter),
        ("*", Slow { millis: 1_500 }),
        // Longer than the function waits for the first byte of an answer.
        (create, Slow { millis: 12_000 }),
        (create, FailedStatus { reason: None }),
        (
            create,
            FailedStatus { reason: Some("An unexpected internal service exception was encountered".into()) },
        ),
        ("*", StaleReads { millis: 2_000 }),
        ("ListAccountAssignmentCreationStatus", Internal),
    ]
}

/// Returns one line of the table. Panics if the run did not end well.
async fn run(operation: &str, kind: FaultKind, seed: u64) -> String {
    let context = format!("{operation} {kind:?}, seed {seed}");
    let settings = Settings {
        provisioning: Duration::from_millis(300),
        latency: Duration::from_millis(2),
        seed,
        ..Settings::default()
    };
    let stand_in = StandIn::new(with_permission_sets(ROWS), settings);
    let url = stand_in.start().await;
    stand_in.set_faults(vec![Fault::on(operation, kind).with_probability(0.15)]);
    let table = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(table.path(), table_of(rows_for(ROWS)).to_string()).unwrap();
    let path = table.path().to_str().unwrap();
    let environment = [("AWS_ENDPOINT_URL", url.as_str()), ("ASSIGNMENTS_FILE", path)];
    let program = Path::new(env!("CARGO_BIN_EXE_account-assigner"));
    let mut function = Function::start(program, &environment).await.unwrap();
    let start = tokio::time::Instant::now();
    let invocation = function.invoke(&event("create-succeeded").to_string(), TIMEOUT).await;
    let took = start.elapsed().as_secs_f64();
    let Invocation::Answer(report) = invocation else { panic!("{context}: {invocation:?}") };
    assert_eq!(report["outcome"], "ready", "{context}");

    let there: BTreeSet<String> = stand_in.assignments().into_iter().map(|one| one.permission_set).collect();
    let said: BTreeSet<String> = report["grants"].as_array().unwrap().iter().map(arn_in_place).collect();
    assert_eq!(there.len(), ROWS, "{context}");
    assert_eq!(there, said, "{context}: what is said to be there is there");
    let creations = stand_in.creations();
    let failed = creations.iter().filter(|one| one.status == CreationStatus::Failed).count();
    assert!(creations.len() <= ROWS + failed, "{context}: {} creations for {ROWS} grants", creations.len());
    let calls: u64 = stand_in.calls().values().sum();
    format!("| {context} | {took:.1} s | {calls} | {} |", creations.len())
}

fn arn_in_place(grant: &Value) -> String {
    let in_place = [json!("created"), json!("present")];
    assert!(in_place.contains(&grant["status"]), "{grant}");
    grant["permissionSet"]["arn"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_passing_fault_ends_well_on_the_wire() {
    let runs =
        cases().into_iter().flat_map(|(operation, kind)| [1, 2].map(|seed| (operation, kind.clone(), seed)));
    let lines: Vec<String> = stream::iter(runs)
        .map(|(operation, kind, seed)| async move { run(operation, kind, seed).await })
        .buffered(AT_ONCE)
        .collect()
        .await;
    println!(
        "| fault, each call with p = 0.15 | took | calls | creations for {ROWS} grants |\n|---|---|---|---|"
    );
    println!("{}", lines.join("\n"));
}
