use std::{
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::json;
use snapbox::{assert_data_eq, str};
use stand_in::{Fault, FaultKind, Organization};

use world::{Served, path};

use crate::PROGRAM;

/// Of the sample organization and the table of the repository.
const WANTED: u64 = 8;

#[test]
fn apply_creates_what_the_plan_shows_and_nothing_the_second_time() {
    let world = Served::with_drift(PROGRAM);
    assert_data_eq!(
        world.stdout(&["apply", "--ou", "Workloads", "--yes"], 0),
        str![[r#"
identity      arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/operator@example.com in account 123456789012
organization  of management account 123456789012
instance      arn:aws:sso:::instance/ssoins-7223f7eef79824e1 in eu-west-1
table         assignments.json, 4 rows, sha256:[..]
read          by account: every assignment

payments  444455556666  Workloads/Prod
  + ReadOnlyAccess       group auditors         row audit-everywhere
  + AdministratorAccess  group platform-admins  row prod-admins

vault  555566667777  Workloads/Prod
  + ReadOnlyAccess  group auditors  row audit-everywhere

2 accounts: 2 incomplete
3 wanted grants: 3 to create

payments  444455556666  Workloads/Prod
  ✓ ReadOnlyAccess       group auditors         row audit-everywhere  request [..]
  ✓ AdministratorAccess  group platform-admins  row prod-admins  request [..]

vault  555566667777  Workloads/Prod
  ✓ ReadOnlyAccess  group auditors  row audit-everywhere  request [..]

2 accounts: 2 complete
3 wanted grants: 3 created

"#]]
    );
    let applied = world.json(&["apply", "--all", "--yes"], 0);
    assert_eq!(
        (&applied["outcome"], &applied["counts"]["created"], &applied["counts"]["present"]),
        (&json!("ready"), &json!(WANTED - 4), &json!(4))
    );
    let grant = &applied["accounts"][0]["grants"][1];
    assert_eq!((&grant["status"], &grant["rules"]), (&json!("created"), &json!(["students"])));
    assert!(grant["requestId"].is_string() && grant["seconds"].is_number(), "{grant}");
    let again = world.json(&["apply", "--all", "--yes"], 0);
    assert_eq!(again["counts"]["present"], json!(WANTED));
    assert_eq!(world.creates(), WANTED - 1);
    let touched = world.stand_in.creations().iter().any(|one| one.assignment.account == "123456789012");
    assert!(!touched, "the management account is never a target");
}

#[test]
fn nothing_is_created_if_nobody_said_yes() {
    let world = Served::new(PROGRAM);
    let refused = world.run(&["apply", "--all"]).stdin("yes\n").assert().code(2);
    let error = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(error.contains("--yes"), "{error}");
    let refused = world.run(&["apply", "--all", "--yes"]).env("DRY_RUN", "true").assert().code(2);
    let error = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(error.contains("DRY_RUN"), "{error}");
    let bad = Served::file(r#"{ "assignments": [ { "id": "a", "permissionSet": "P", "group": "g" }, {} ] }"#);
    world.run(&["apply", "--all", "--yes", "--table", path(&bad)]).assert().code(2);
    assert_eq!(world.creates(), 0);
}

#[test]
fn one_failure_does_not_stop_the_others_and_is_reported_with_its_remedy() {
    let world = Served::new(PROGRAM);
    let reason = "Received a 403 status error: Access denied by IAM.".to_owned();
    let denied = Fault::on("CreateAccountAssignment", FaultKind::FailedStatus { reason: Some(reason) });
    world.stand_in.set_faults(vec![denied.times(1)]);
    let applied = world.json(&["apply", "--all", "--yes"], 1);
    assert_eq!(
        (&applied["outcome"], &applied["counts"]["created"], &applied["counts"]["failed"]),
        (&json!("incomplete"), &json!(WANTED - 1), &json!(1))
    );
    let accounts = applied["accounts"].as_array().unwrap().iter();
    let grants = accounts.flat_map(|account| account["grants"].as_array().unwrap());
    let failed = grants.into_iter().find(|grant| grant["status"] == "failed").unwrap();
    assert!(failed["remedy"].as_str().unwrap().contains("service control policy"), "{failed}");
}

#[test]
fn what_is_gone_by_the_time_it_is_created_is_unresolved() {
    let world = Served::new(PROGRAM);
    world.stand_in.set_faults(vec![Fault::on("CreateAccountAssignment", FaultKind::NotFound)]);
    let applied = world.json(&["apply", "--account", "222233334444", "--yes"], 1);
    assert_eq!(applied["counts"]["unresolved"], json!(1));
}

fn start(world: &Served, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_assignctl"))
        .args(arguments)
        .current_dir(format!("{}/examples", world::REPOSITORY))
        .env_clear()
        .envs(world.environment())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits until this many creations were asked for.
fn until_creations(world: &Served, count: usize) {
    let end = Instant::now() + Duration::from_secs(60);
    while world.stand_in.creations().len() < count {
        assert!(Instant::now() < end, "no {count} creations were asked for");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

fn text(output: &Output) -> (String, String) {
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn a_signal_starts_nothing_new_and_says_what_is_pending() {
    for name in ["-INT", "-TERM"] {
        let world = Served::with(PROGRAM, Organization::sample(), Duration::from_secs(1));
        let child = start(&world, &["apply", "--all", "--yes", "--max-outstanding", "2"]);
        until_creations(&world, 2);
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        let (stdout, stderr) = text(&output);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("Nothing new is started"), "{stderr}");
        assert!(stdout.contains("2 created, 6 pending"), "{stdout}");
        assert!(stdout.contains("it was not created when it was stopped"), "{stdout}");
        let again = world.json(&["apply", "--all", "--yes"], 0);
        assert_eq!((&again["counts"]["created"], &again["counts"]["present"]), (&json!(6), &json!(2)));
        assert_eq!(world.creates(), WANTED);
    }
}

#[test]
fn a_second_signal_waits_no_longer() {
    let world = Served::with(PROGRAM, Organization::sample(), Duration::from_secs(20));
    let child = start(&world, &["apply", "--all", "--yes", "--max-outstanding", "2"]);
    until_creations(&world, 2);
    signal(&child, "-INT");
    // Two signals at the same moment would count as one.
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    let (stdout, stderr) = text(&output);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stdout.contains("8 pending") && stdout.contains("IN_PROGRESS when it was stopped"), "{stdout}");
}

#[test]
fn a_killed_run_is_continued_and_nothing_is_asked_for_twice() {
    let world = Served::with(PROGRAM, Organization::sample(), Duration::from_secs(2));
    let mut child = start(&world, &["apply", "--all", "--yes", "--max-outstanding", "3"]);
    until_creations(&world, 3);
    child.kill().unwrap();
    child.wait().unwrap();
    let again = world.json(&["apply", "--all", "--yes"], 0);
    assert_eq!(again["outcome"], "ready");
    assert_eq!(world.creates(), WANTED);
    assert_eq!(world.stand_in.assignments().len() as u64, WANTED);
}

/// Credentials that end while the command runs: every call is refused from some creation on.
fn expired(operation: &str) -> Fault {
    let message = "The security token included in the request is expired".to_owned();
    Fault::on(operation, FaultKind::Error { code: "ExpiredTokenException".into(), status: 403, message })
}

#[test]
fn credentials_that_expire_end_it_and_what_aws_accepted_is_pending_with_its_id() {
    let world = Served::with(PROGRAM, Organization::sample(), Duration::from_secs(2));
    // The three of the first account are accepted, two of them after the fourth creation was refused.
    let slow =
        Fault::on("CreateAccountAssignment", FaultKind::Slow { millis: 400 }).about("111122223333").times(2);
    let others = ["222233334444", "333344445555", "444455556666", "555566667777"];
    let refused = others.map(|account| expired("CreateAccountAssignment").about(account));
    world.stand_in.set_faults([slow].into_iter().chain(refused).collect());
    let arguments = ["apply", "--all", "--yes", "--max-outstanding", "4", "--json"];
    let output = world.run(&arguments).assert().code(1);
    let applied: serde_json::Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    let grants: Vec<_> = applied["accounts"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|one| one["grants"].as_array().unwrap())
        .collect();
    let of =
        |status: &str| grants.iter().filter(|grant| grant["status"] == status).copied().collect::<Vec<_>>();
    let (pending, failed) = (of("pending"), of("failed"));
    assert_eq!(pending.len() + failed.len(), WANTED as usize, "{applied}");
    let mut accepted: Vec<String> =
        world.stand_in.creations().iter().map(|creation| creation.request_id.clone()).collect();
    let mut told: Vec<String> =
        pending.iter().map(|grant| grant["requestId"].as_str().unwrap_or("none").to_owned()).collect();
    accepted.sort();
    told.sort();
    assert_eq!(told, accepted, "what AWS accepted is pending with its id, and nothing else is: {applied}");
    assert_eq!((accepted.len(), world.creates()), (3, 4), "nothing new is sent after the first refusal");
    for grant in failed {
        assert!(grant["remedy"].as_str().unwrap().contains("aws sso login"), "{grant}");
    }
    world.stand_in.set_faults(vec![]);
    let again = world.json(&["apply", "--all", "--yes"], 0);
    assert_eq!(again["outcome"], "ready");
}

#[test]
fn credentials_of_nobody_are_not_taken_for_a_lack_of_rights() {
    let world = Served::new(PROGRAM);
    for code in ["UnrecognizedClientException", "InvalidClientTokenId", "ExpiredTokenException"] {
        let message = "The security token included in the request is invalid".to_owned();
        let kind = FaultKind::Error { code: code.into(), status: 403, message };
        world.stand_in.set_faults(vec![Fault::on("ListInstances", kind)]);
        let refused = world.run(&["apply", "--all", "--yes"]).assert().code(1);
        let error = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
        assert!(error.contains("next: log in, for example with `aws sso login`"), "{code}: {error}");
    }
}
