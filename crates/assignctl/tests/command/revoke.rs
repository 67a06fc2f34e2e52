//! `revoke` and `apply --restore`: what no row explains is taken away, recorded, and given back, whatever happens between
//! any two calls.

use std::{
    collections::BTreeSet,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use stand_in::{Fault, FaultKind, Group, Organization, User};
use tempfile::TempDir;
use world::Served;

use crate::PROGRAM;

const DELETE: &str = "DeleteAccountAssignment";
const OPERATOR: &str = "1234567890-aaaaaaaa-9b04-4a7d-b6f3-17d0e42a958c";
/// What no row of the sample explains, of principals that it names.
const TAKEN: [(&str, &str, &str); 4] = [
    ("111122223333", "DatabaseAdministrator", "students"),
    ("222233334444", "Billing", "auditors"),
    ("222233334444", "SupportUser", "auditors"),
    ("555566667777", "Billing", "platform-admins"),
];

fn path(file: &Path) -> &str {
    file.to_str().unwrap()
}

/// Returns the sample organization, in which whoever runs the command is a user.
fn organization() -> Organization {
    let mut organization = Organization::sample();
    organization.users.push(User {
        name: "operator@example.com".to_owned(),
        emails: Vec::new(),
        id: OPERATOR.to_owned(),
    });
    organization
}

fn world_with(provisioning: Duration) -> Served {
    let world = Served::with(PROGRAM, organization(), provisioning);
    world.put("111122223333", "ReadOnlyAccess", "auditors");
    TAKEN.iter().for_each(|(account, set, principal)| world.put(account, set, principal));
    world
}

pub fn world() -> Served {
    world_with(Duration::from_millis(100))
}

/// Returns a directory, and the path of a record in it that does not exist yet.
fn record() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let record = directory.path().join("taken.json");
    (directory, record)
}

fn revoke<'a>(record: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments =
        vec!["revoke", "--unexplained", "--all", "--record", path(record), "--yes", "--max", "10"];
    arguments.extend(more);
    arguments
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn error(world: &Served, arguments: &[&str], code: i32) -> String {
    let failed = world.run(arguments).assert().code(code);
    String::from_utf8_lossy(&failed.get_output().stderr).into_owned()
}

#[test]
fn what_no_row_explains_is_taken_recorded_and_given_back() {
    let world = world();
    world.put("444455556666", "Billing", "oncall@example.com");
    world.put("123456789012", "Billing", "auditors");
    let before = world.assignments();
    let (_directory, record) = record();
    let text = world.stdout(&revoke(&record, &[]), 0);
    assert!(
        text.contains("log-archive  222233334444  Security\n  - Billing  group auditors  no row explains it"),
        "{text}"
    );
    assert!(text.contains("stays: 1 assignment: the table does not name this group"), "{text}");
    assert!(text.contains("stays: 1 assignment: it is in the management account"), "{text}");
    assert!(text.contains("4 assignments: 4 taken away"), "{text}");
    let gone: BTreeSet<String> =
        TAKEN.iter().map(|(account, set, who)| format!("{account} {set} {who}")).collect();
    assert_eq!(before.difference(&world.assignments()).cloned().collect::<BTreeSet<_>>(), gone);
    assert_eq!(world.calls(DELETE), 4);
    let recorded = read(&record);
    let entries = recorded["assignments"].as_array().unwrap();
    assert!(entries.len() == 4 && entries.iter().all(|entry| entry["outcome"] == "revoked"), "{recorded}");

    let taken = error(&world, &revoke(&record, &[]), 2);
    assert!(taken.contains("is there already"), "{taken}");
    let restored = world.json(&["apply", "--restore", path(&record), "--yes"], 0);
    assert_eq!((&restored["outcome"], &restored["counts"]["created"]), (&json!("ready"), &json!(4)));
    assert_eq!(world.assignments(), before, "exactly what was there");
    let again = world.json(&["apply", "--restore", path(&record), "--yes"], 0);
    assert_eq!((&again["counts"]["present"], world.creates()), (&json!(4), 4));
}

#[test]
fn everyone_is_meant_only_on_demand_and_what_stays_says_why() {
    let world = world();
    world.stand_in.edit(|organization| {
        organization.groups.push(Group {
            name: "AWSSecurityAuditors".to_owned(),
            id: "1234567890-bbbbbbbb-9b04-4a7d-b6f3-17d0e42a958c".to_owned(),
            members: Vec::new(),
        });
        let teachers = organization.groups.iter_mut().find(|group| group.name == "teachers").unwrap();
        teachers.members.push(OPERATOR.to_owned());
    });
    let arn = world.stand_in.organization().permission_sets[1].arn.clone();
    let administrator = json!({ "managedPolicies": ["arn:aws:iam::aws:policy/AdministratorAccess"] });
    world.stand_in.set_access(serde_json::from_value(json!({ "sets": { arn: administrator } })).unwrap());
    let stays = [
        ("222233334444", "ReadOnlyAccess", "AWSSecurityAuditors", "ofControlTower"),
        ("222233334444", "Billing", "teachers", "ofTheCaller"),
        ("222233334444", "Billing", "operator@example.com", "ofTheCaller"),
        ("333344445555", "AdministratorAccess", "students", "lastAdministrator"),
    ];
    stays.iter().for_each(|(account, set, principal, _)| world.put(account, set, principal));
    world.put("333344445555", "Billing", "oncall@example.com");
    let (_directory, record) = record();
    let done = world.json(&revoke(&record, &["--all-principals"]), 0);
    assert_eq!((&done["outcome"], &done["counts"]["revoked"]), (&json!("revoked"), &json!(5)));
    let stayed: BTreeSet<(String, String)> = done["stays"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let word = |value: &Value| value.as_str().unwrap().to_owned();
            (word(&one["principal"]["name"]), word(&one["why"]))
        })
        .collect();
    let expected = stays.iter().map(|(_, _, who, why)| ((*who).to_owned(), (*why).to_owned()));
    assert_eq!(stayed, expected.collect());
}

#[test]
fn where_anything_is_in_the_way_nothing_is_taken() {
    let world = world();
    let (directory, record) = record();
    let named = |rows: &str| Served::file(&format!(r#"{{ "assignments": [{rows}] }}"#));
    let misspelt = named(r#"{ "id": "a", "permissionSet": "ReadOnlyAccess", "group": "auditros" }"#);
    let no_ou = named(
        r#"{ "id": "a", "permissionSet": "ReadOnlyAccess", "group": "auditors", "accounts": { "ous": ["Wrokloads"] } }"#,
    );
    let base = ["revoke", "--unexplained", "--all", "--record", path(&record)];
    let cases: [(Vec<&str>, i32, &str); 8] = [
        (base.to_vec(), 2, "--yes and --max"),
        ([&base[..], &["--yes"]].concat(), 2, "--yes and --max"),
        ([&base[..], &["--max", "9"]].concat(), 2, "--yes and --max"),
        (
            [&base[..], &["--yes", "--max", "3"]].concat(),
            2,
            "4 assignments would be taken away, more than --max 3",
        ),
        (revoke(&record, &["--table", world::path(&misspelt)]), 1, "auditros"),
        (revoke(&record, &["--table", world::path(&no_ou)]), 1, "Wrokloads"),
        (vec!["revoke", "--all", "--record", path(&record), "--yes", "--max", "9"], 2, "--unexplained"),
        (vec!["revoke", "--unexplained", "--record", path(&record), "--yes", "--max", "9"], 2, "--all"),
    ];
    for (arguments, code, word) in cases {
        let said = error(&world, &arguments, code);
        assert!(said.contains(word), "{arguments:?}: {said}");
    }
    let failed = world.run(&revoke(&record, &[])).env("DRY_RUN", "true").assert().code(2);
    assert!(String::from_utf8_lossy(&failed.get_output().stderr).contains("DRY_RUN"));
    // Whoever asks must be known, and the record must be written, before anything is taken.
    world.stand_in.set_faults(vec![Fault::on("GetCallerIdentity", FaultKind::AccessDenied)]);
    let said = error(&world, &revoke(&record, &[]), 1);
    assert!(said.contains("your own access is not known"), "{said}");
    world.stand_in.set_faults(vec![Fault::on("ListGroups", FaultKind::AccessDenied)]);
    let said = error(&world, &revoke(&record, &[]), 1);
    assert!(said.contains("Control Tower"), "{said}");
    world.stand_in.set_faults(vec![]);
    let nowhere = directory.path().join("none/taken.json");
    let said = error(&world, &revoke(&nowhere, &[]), 2);
    assert!(said.contains("cannot write"), "{said}");
    world.stand_in.edit(|organization| organization.users.retain(|user| user.id != OPERATOR));
    let said = error(&world, &revoke(&record, &[]), 1);
    assert!(said.contains("no user is named \"operator@example.com\""), "{said}");
    assert_eq!(world.calls(DELETE), 0);
    assert!(!record.exists());
}

#[test]
fn one_failure_does_not_stop_the_others_and_is_not_given_back() {
    let world = world();
    let reason = "Received a 403 status error: Access denied by IAM.".to_owned();
    world.stand_in.set_faults(vec![
        Fault::on(DELETE, FaultKind::FailedStatus { reason: Some(reason) }).about("555566667777"),
        // Its answer is lost, and it has its effect.
        Fault::on(DELETE, FaultKind::CutAfter).about("111122223333").times(1),
        Fault::on(DELETE, FaultKind::Conflict).about("222233334444").times(2),
    ]);
    let before = world.assignments();
    let (_directory, record) = record();
    let done = world.json(&revoke(&record, &[]), 1);
    assert_eq!(
        (&done["outcome"], &done["counts"]["revoked"], &done["counts"]["failed"]),
        (&json!("incomplete"), &json!(3), &json!(1))
    );
    let failed =
        done["assignments"].as_array().unwrap().iter().find(|one| one["outcome"] == "failed").unwrap();
    assert!(failed["reason"].as_str().unwrap().starts_with("its deletion ended FAILED: "), "{failed}");
    world.stand_in.set_faults(vec![]);
    let restored = world.json(&["apply", "--restore", path(&record), "--yes"], 0);
    assert_eq!((&restored["counts"]["created"], world.creates()), (&json!(3), 3));
    assert_eq!(world.assignments(), before);
}

/// Runs the command and kills it as soon as so many calls were made, or lets it end.
fn killed_after(world: &Served, arguments: &[&str], calls: usize) {
    let mut child = Command::new(PROGRAM)
        .args(arguments)
        .current_dir(format!("{}/examples", world::REPOSITORY))
        .env_clear()
        .envs(world.environment())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (before, end) = (world.stand_in.history().len(), Instant::now() + Duration::from_secs(60));
    while world.stand_in.history().len() < before + calls && child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < end, "it neither called nor ended");
        std::thread::sleep(Duration::from_millis(1));
    }
    let _ = child.kill();
    child.wait().unwrap();
}

#[test]
fn kills_between_any_two_calls_end_where_they_should() {
    let world = world_with(Duration::from_millis(60));
    let before = world.assignments();
    let after: BTreeSet<String> =
        before.iter().filter(|line| line.ends_with("ReadOnlyAccess auditors")).cloned().collect();
    let directory = tempfile::tempdir().unwrap();
    // How many calls a run makes that nobody kills, and how many of them come before the first deletion.
    let whole = directory.path().join("whole.json");
    killed_after(&world, &revoke(&whole, &[]), usize::MAX);
    let history = world.stand_in.history();
    let first = history.iter().position(|call| call.operation == DELETE).unwrap();
    assert_eq!(world.assignments(), after);
    world.run(&["apply", "--restore", path(&whole), "--yes"]).assert().code(0);
    assert_eq!(world.assignments(), before);
    for calls in first - 1..=history.len() {
        let records = [1, 2].map(|number| directory.path().join(format!("{calls}-{number}.json")));
        killed_after(&world, &revoke(&records[0], &[]), calls);
        let again = world.run(&revoke(&records[1], &[])).output().unwrap();
        assert_eq!(again.status.code(), Some(0), "{calls}: {}", String::from_utf8_lossy(&again.stderr));
        assert_eq!(world.assignments(), after, "after {calls} calls");
        for record in records.iter().filter(|record| record.exists()) {
            killed_after(&world, &["apply", "--restore", path(record), "--yes"], 2 + calls % 25);
            let restored = world.run(&["apply", "--restore", path(record), "--yes"]).output().unwrap();
            let said = String::from_utf8_lossy(&restored.stderr).into_owned();
            assert_eq!(restored.status.code(), Some(0), "{calls}: {said}");
        }
        assert_eq!(world.assignments(), before, "after {calls} calls");
    }
}

#[test]
fn what_is_being_taken_is_given_back_only_after_it_was_taken() {
    let world = world_with(Duration::from_secs(5));
    let before = world.assignments();
    let (_directory, record) = record();
    let mut child = Command::new(PROGRAM)
        .args(revoke(&record, &[]))
        .current_dir(format!("{}/examples", world::REPOSITORY))
        .env_clear()
        .envs(world.environment())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    while world.stand_in.deletions().len() < 4 {
        assert!(Instant::now() < end, "not everything was asked for");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(world.assignments(), before, "nothing is taken yet");
    // As long as AWS does not say what is being taken, it may be these.
    let unknown = Fault::on("DescribeAccountAssignmentDeletionStatus", FaultKind::AccessDenied);
    world.stand_in.set_faults(vec![unknown]);
    let said = error(&world, &["apply", "--restore", path(&record), "--yes"], 1);
    assert!(said.contains("DescribeAccountAssignmentDeletionStatus"), "{said}");
    assert_eq!(world.creates(), 0);
    world.stand_in.set_faults(vec![]);
    let restored = world.json(&["apply", "--restore", path(&record), "--yes"], 0);
    assert_eq!(restored["counts"]["created"], json!(4));
    assert_eq!(world.assignments(), before);
}

#[test]
fn a_record_of_something_else_gives_nothing_back() {
    let world = world();
    let (directory, record) = record();
    world.run(&revoke(&record, &[])).assert().code(0);
    let text = std::fs::read_to_string(&record).unwrap();
    let cases = [
        (text.replace("111122223333", "123456789012"), "the management account"),
        (
            text.replace("instance/ssoins-7223f7eef79824e1", "instance/ssoins-7223f7eef79824e2"),
            "of the instance",
        ),
        ("{}".to_owned(), "recordVersion"),
    ];
    for (number, (text, word)) in cases.into_iter().enumerate() {
        let other = directory.path().join(format!("{number}.json"));
        std::fs::write(&other, text).unwrap();
        let said = error(&world, &["apply", "--restore", path(&other), "--yes"], 2);
        assert!(said.contains(word), "{said}");
    }
    let said = error(&world, &["apply", "--restore", path(&record)], 2);
    assert!(said.contains("--yes"), "{said}");
    assert_eq!(world.creates(), 0);
}

/// Types an answer on a terminal.
#[cfg(target_os = "linux")]
fn typed(world: &Served, record: &Path, answer: &str) -> (Option<i32>, String) {
    let line = format!("{PROGRAM} revoke --unexplained --all --record {}", path(record));
    let mut child = Command::new("script")
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .current_dir(format!("{}/examples", world::REPOSITORY))
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .envs(world.environment())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // The terminal keeps what is typed until somebody reads it.
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "{answer}").unwrap();
    let done = child.wait_with_output().unwrap();
    drop(input);
    (done.status.code(), String::from_utf8_lossy(&done.stdout).into_owned())
}

#[cfg(target_os = "linux")]
#[test]
fn a_person_types_the_number() {
    let world = world();
    let (directory, record) = record();
    for answer in ["y", "yes", "3", ""] {
        let (code, said) = typed(&world, &record, answer);
        assert!(said.contains("Type 4 to take away 4 assignments in 3 accounts:"), "{said}");
        assert_eq!((code, world.calls(DELETE), record.exists()), (Some(1), 0, false), "{answer:?}: {said}");
    }
    let (code, said) = typed(&world, &directory.path().join("taken.json"), "4");
    assert_eq!((code, world.calls(DELETE)), (Some(0), 4), "{said}");
}
