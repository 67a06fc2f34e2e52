//! `permission-set logs` and `usage --open-logs`: the log bucket's policy, over the wire, against the stand-in.

use std::{
    collections::BTreeSet,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use stand_in::{Fault, FaultKind};
use tempfile::TempDir;
use world::Served;

use crate::{
    PROGRAM,
    permission_set_usage::{GOOD, access, account},
};

const ARCHIVE: &str = "222233334444";
const SID: &str = "AssignctlPolicyGeneration";
const USAGE: &[&str] =
    &["permission-set", "usage", "PowerUserAccess", "--open-logs", "--output", "usage.json"];

/// What the bucket's policy is before.
fn policy() -> Value {
    json!({ "Version": "2012-10-17", "Statement": [
        { "Sid": "AWSBucketPermissionsCheck", "Effect": "Allow", "Principal": { "Service": ["cloudtrail.amazonaws.com"] },
          "Action": "s3:GetBucketAcl", "Resource": "arn:aws:s3:::aws-controltower-logs-222233334444-eu-west-1" },
        { "Sid": "AllowSSLRequestsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
          "Resource": "arn:aws:s3:::aws-controltower-logs-222233334444-eu-west-1/*",
          "Condition": { "Bool": { "aws:SecureTransport": "false" } } },
    ] })
}

fn world() -> Served {
    let mut document = access(json!({
        GOOD: account(),
        ARCHIVE: { "assumable": ["AWSControlTowerExecution"] },
    }));
    document["trail"]["bucketAccount"] = json!(ARCHIVE);
    document["trail"]["bucketPolicy"] = policy();
    let world = Served::new(PROGRAM);
    world.stand_in.set_access(serde_json::from_value(document).unwrap());
    world
}

fn sids(world: &Served) -> Vec<String> {
    let policy = world.stand_in.bucket_policy().unwrap();
    let statements = policy["Statement"].as_array().unwrap().iter();
    statements.map(|statement| statement["Sid"].as_str().unwrap().to_owned()).collect()
}

fn fault(operation: &str, kind: FaultKind, count: Option<u32>) -> Fault {
    Fault { operation: operation.to_owned(), kind, probability: 1.0, count, about: None }
}

fn logs(world: &Served, verb: &str, code: i32) -> String {
    let ended = world.run(&["permission-set", "logs", verb]).assert().code(code);
    let output = ended.get_output();
    let text = [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat();
    assert!(!text.contains("operator@"), "{text}");
    text
}

#[test]
fn the_bucket_is_opened_once_and_closed_to_what_it_was() {
    let world = world();
    assert!(logs(&world, "status", 0).starts_with("closed aws-controltower-logs-222233334444-eu-west-1"));
    assert!(logs(&world, "close", 0).contains("our statement is not there"));
    assert_eq!(world.calls("PutBucketPolicy"), 0);
    let text = logs(&world, "open", 0);
    assert!(text.starts_with("open ") && text.contains("logs close"), "{text}");
    assert_eq!(sids(&world), ["AWSBucketPermissionsCheck", "AllowSSLRequestsOnly", SID]);
    let statement = world.stand_in.bucket_policy().unwrap()["Statement"][2].clone();
    let keys = "arn:aws:s3:::aws-controltower-logs-222233334444-eu-west-1/o-a1b2c3d4e5/AWSLogs/";
    assert!(statement["Resource"][1].as_str().unwrap().starts_with(keys), "{statement}");
    assert!(logs(&world, "open", 0).contains("it was open before"));
    assert_eq!(world.calls("PutBucketPolicy"), 1);
    let status = world.json(&["permission-set", "logs", "status"], 0);
    assert_eq!((&status["status"], &status["changed"]), (&json!("open"), &json!(false)));

    // Somebody edits the policy meanwhile: that stays.
    let theirs =
        json!({ "Sid": "Theirs", "Effect": "Deny", "Principal": "*", "Action": "s3:Put*", "Resource": "*" });
    world.stand_in.edit_bucket_policy(|policy| {
        policy["Statement"].as_array_mut().unwrap().insert(0, theirs);
    });
    logs(&world, "close", 0);
    assert_eq!(sids(&world), ["Theirs", "AWSBucketPermissionsCheck", "AllowSSLRequestsOnly"]);
    assert_eq!(world.calls("PutBucketPolicy"), 2);
}

#[test]
fn a_statement_that_somebody_changed_is_said_and_a_key_is_left_to_its_owner() {
    let mut document = access(json!({ ARCHIVE: { "assumable": ["AWSControlTowerExecution"] } }));
    document["trail"]["bucketAccount"] = json!(ARCHIVE);
    document["trail"]["bucketPolicy"] = policy();
    document["trail"]["kmsKeyId"] = json!("arn:aws:kms:eu-west-1:123456789012:key/1");
    let world = Served::new(PROGRAM);
    world.stand_in.set_access(serde_json::from_value(document).unwrap());
    let text = logs(&world, "open", 0);
    assert!(text.contains("key/1") && text.contains("kms:EncryptionContext:aws:cloudtrail:arn"), "{text}");
    world.stand_in.edit_bucket_policy(|policy| policy["Statement"][2]["Action"] = json!("s3:*"));
    let text = logs(&world, "status", 1);
    assert!(text.starts_with("changed "), "{text}");
    let text = logs(&world, "open", 1);
    assert!(text.contains("says something else") && text.contains("logs close"), "{text}");
    assert_eq!(world.calls("PutBucketPolicy"), 1);
    logs(&world, "close", 0);
    assert_eq!(world.stand_in.bucket_policy(), Some(policy()));
}

#[test]
fn without_a_log_archive_nothing_is_written() {
    let world = Served::new(PROGRAM);
    let mut document = access(json!({ ARCHIVE: { "assumable": [] } }));
    world.stand_in.set_access(serde_json::from_value(document.clone()).unwrap());
    assert!(logs(&world, "open", 1).contains("names no account for logs"));
    document["trail"]["bucketAccount"] = json!(ARCHIVE);
    document["trail"]["bucketPolicy"] = policy();
    world.stand_in.set_access(serde_json::from_value(document).unwrap());
    assert!(logs(&world, "open", 1).contains("AccessDenied"));
    assert_eq!(world.calls("PutBucketPolicy"), 0);
}

/// Reads the use with an open bucket.
fn usage(world: &Served, directory: &TempDir) -> snapbox::cmd::OutputAssert {
    world.run(USAGE).current_dir(directory.path()).assert()
}

#[test]
fn a_generation_reads_the_log_while_the_bucket_is_open() {
    let (world, directory) = (world(), tempfile::tempdir().unwrap());
    world.run(&USAGE[..3]).args(["--output", "usage.json"]).current_dir(directory.path()).assert().code(1);
    assert_eq!(world.calls("PutBucketPolicy"), 0, "a closed bucket fails the generation");
    usage(&world, &directory).code(0);
    assert_eq!(world.stand_in.bucket_policy(), Some(policy()));
    assert_eq!(world.calls("PutBucketPolicy"), 2);
    // One that was open stays open.
    logs(&world, "open", 0);
    let text = String::from_utf8_lossy(&usage(&world, &directory).code(0).get_output().stderr).into_owned();
    assert!(text.contains("was open before and stays open"), "{text}");
    assert_eq!(sids(&world).last().unwrap(), SID);
    world.run(USAGE).args(["--source", "last-accessed"]).current_dir(directory.path()).assert().code(2);
}

#[test]
fn whatever_fails_the_policy_is_as_before() {
    let (world, directory) = (world(), tempfile::tempdir().unwrap());
    usage(&world, &directory).code(0);
    let operations: Vec<String> = world.stand_in.calls().into_keys().collect();
    assert!(operations.len() > 15, "{operations:?}");
    for operation in &operations {
        world.stand_in.set_faults(vec![fault(operation, FaultKind::AccessDenied, Some(1))]);
        let ended = usage(&world, &directory);
        let output = ended.get_output();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(world.stand_in.bucket_policy(), Some(policy()), "{operation}: {text}");
    }
    for kind in [FaultKind::CutAfter, FaultKind::CutBefore, FaultKind::Conflict, FaultKind::Throttle] {
        for operation in ["GetBucketPolicy", "PutBucketPolicy"] {
            world.stand_in.set_faults(vec![fault(operation, kind.clone(), Some(1))]);
            usage(&world, &directory);
            assert_eq!(world.stand_in.bucket_policy(), Some(policy()), "{operation} {kind:?}");
        }
    }
}

#[test]
fn a_statement_that_cannot_be_taken_away_is_said_with_the_way_out() {
    let (world, directory) = (world(), tempfile::tempdir().unwrap());
    let child = start(&world, &directory, "StartPolicyGeneration");
    world.stand_in.set_faults(vec![fault("PutBucketPolicy", FaultKind::AccessDenied, None)]);
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("could not be closed") && text.contains("permission-set logs close"), "{text}");
    assert!(directory.path().join("usage.json").exists(), "what was read is kept");
    world.stand_in.set_faults(vec![]);
    logs(&world, "close", 0);
    assert_eq!(world.stand_in.bucket_policy(), Some(policy()));
}

/// Starts a program to which a hangup means something, also where these tests were started to outlive their terminal.
const HANGUP_COUNTS: &[&str] =
    if cfg!(target_os = "linux") { &["/usr/bin/env", "--default-signal=HUP"] } else { &[] };

/// Starts reading the use, and returns when this operation has been asked for.
fn start(world: &Served, directory: &TempDir, operation: &str) -> Child {
    start_by(&[], world, directory, operation)
}

/// The same, where another program starts the command.
fn start_by(by: &[&str], world: &Served, directory: &TempDir, operation: &str) -> Child {
    world.stand_in.forget_calls();
    let words = [by, &[PROGRAM], USAGE].concat();
    let child = std::process::Command::new(words[0])
        .args(&words[1..])
        .env_clear()
        .envs(world.environment())
        .current_dir(directory.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while world.calls(operation) == 0 {
        assert!(began.elapsed() < Duration::from_secs(60), "{operation} was never asked for");
        std::thread::sleep(Duration::from_millis(2));
    }
    child
}

#[cfg(unix)]
#[test]
fn a_signal_at_any_call_closes_the_bucket() {
    let directory = tempfile::tempdir().unwrap();
    let (before, after) = {
        let world = world();
        usage(&world, &directory).code(0);
        let calls: Vec<String> = world.stand_in.history().into_iter().map(|call| call.operation).collect();
        let opened = calls.iter().position(|operation| operation == "PutBucketPolicy").unwrap();
        let before: BTreeSet<String> = calls[..opened].iter().cloned().collect();
        let after: BTreeSet<String> =
            calls.into_iter().filter(|operation| !before.contains(operation)).collect();
        (before, after)
    };
    assert!(before.len() > 3 && after.len() > 8, "{before:?} {after:?}");
    // Before it has something to close, a signal does what whoever started it had set, and in the background of a shell
    // that is nothing for an interrupt.
    let signals = ["-INT", "-TERM", "-HUP"].iter().cycle();
    let before = before.iter().zip(std::iter::repeat(&"-TERM"));
    for (operation, signal) in before.chain(after.iter().zip(signals)) {
        let world = world();
        // It has taken effect, and its answer is still to come.
        world.stand_in.set_faults(vec![fault(operation, FaultKind::Slow { millis: 5_000 }, Some(1))]);
        let child = start_by(HANGUP_COUNTS, &world, &directory, operation);
        let id = child.id().to_string();
        assert!(std::process::Command::new("kill").args([*signal, id.as_str()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{operation} {signal}: {text}");
        assert_eq!(world.stand_in.bucket_policy(), Some(policy()), "{operation} {signal}: {text}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_closed_terminal_ends_nothing_that_was_started_to_outlive_it() {
    let (world, directory) = (world(), tempfile::tempdir().unwrap());
    let operation = "StartPolicyGeneration";
    world.stand_in.set_faults(vec![fault(operation, FaultKind::Slow { millis: 2_000 }, Some(1))]);
    let nohup = ["/bin/sh", "-c", "trap '' HUP; exec \"$@\"", "sh"];
    let child = start_by(&nohup, &world, &directory, operation);
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(directory.path().join("usage.json").exists());
}

/// Returns what `doctor` says of the log bucket. Whatever it finds, it writes nothing.
fn doctor(world: &Served) -> Value {
    let report = world.json(&["doctor"], 1);
    assert_eq!(world.calls("PutBucketPolicy"), 0);
    let checks = report["checks"].as_array().unwrap().clone();
    checks.into_iter().find(|check| check["id"] == "log-bucket").unwrap()
}

#[test]
fn doctor_finds_a_forgotten_statement_and_never_takes_an_unread_policy_for_a_closed_bucket() {
    let world = world();
    let check = doctor(&world);
    assert_eq!((&check["status"], &check["group"]), (&json!("ok"), &json!("permission sets")), "{check}");

    logs(&world, "open", 0);
    world.stand_in.forget_calls();
    let check = doctor(&world);
    assert_eq!(check["status"], "failed", "{check}");
    let detail = check["detail"].as_str().unwrap();
    assert!(detail.contains("aws-controltower-logs-222233334444-eu-west-1"), "{check}");
    // The remedy is a command, and it helps.
    let remedy = check["remedy"].as_str().unwrap();
    let command = remedy.split('`').nth(1).unwrap().strip_prefix("assignctl ").unwrap();
    world.run(&command.split(' ').collect::<Vec<_>>()).assert().code(0);
    assert_eq!(world.stand_in.bucket_policy(), Some(policy()));
    world.stand_in.forget_calls();
    assert_eq!(doctor(&world)["status"], "ok");

    for (operation, why) in [
        ("DescribeTrails", "cloudtrail:DescribeTrails"),
        ("GetLandingZone", "controltower:GetLandingZone"),
        ("AssumeRole", "sts:AssumeRole"),
        ("GetBucketPolicy", "s3:GetBucketPolicy"),
    ] {
        world.stand_in.set_faults(vec![fault(operation, FaultKind::AccessDenied, None)]);
        let check = doctor(&world);
        assert_eq!(check["status"], "unknown", "{operation}: {check}");
        for member in ["detail", "remedy"] {
            assert!(check[member].as_str().unwrap().contains(why), "{operation}: {check}");
        }
    }
    world.stand_in.set_faults(vec![]);
    world.stand_in.set_access(serde_json::from_value(json!({})).unwrap());
    let check = doctor(&world);
    assert_eq!(
        (check["status"].as_str(), check["detail"].as_str().unwrap().contains("no trail")),
        (Some("ok"), true)
    );
}

const ROLE: &str = "AccessAnalyzerMonitorServiceRole_assignctl";

/// The world without the role that reads the log.
fn without_role() -> Served {
    let world = world();
    world.stand_in.edit_access(|document| _ = document.accounts.get_mut(GOOD).unwrap().roles.remove(1));
    world
}

/// Whether the account has a role of this name.
fn has_role(world: &Served, name: &str) -> bool {
    world.stand_in.access().accounts[GOOD].roles.iter().any(|role| role.name == name)
}

#[test]
fn a_missing_role_is_made_for_the_run_and_taken_away_again() {
    let (world, directory) = (without_role(), tempfile::tempdir().unwrap());
    // Without the flag nothing is made.
    world.run(&USAGE[..3]).args(["--output", "usage.json"]).current_dir(directory.path()).assert().code(1);
    assert_eq!(world.calls("CreateRole"), 0);
    usage(&world, &directory).code(0);
    assert!(!has_role(&world, ROLE));
    assert_eq!(world.stand_in.bucket_policy(), Some(policy()));
    for operation in
        ["CreateRole", "PutRolePolicy", "StartPolicyGeneration", "DeleteRolePolicy", "DeleteRole"]
    {
        assert_eq!(world.calls(operation), 1, "{operation}");
    }
    let asked = |operation: &str| {
        let history = world.stand_in.history();
        history.into_iter().find(|call| call.operation == operation).unwrap().request
    };
    let role = asked("CreateRole");
    assert_eq!((&role["Path"], &role["RoleName"]), (&json!("/service-role/"), &json!(ROLE)));
    let tag = (&role["Tags.member.1.Key"], &role["Tags.member.1.Value"]);
    assert_eq!(tag, (&json!("assignctl:made-for"), &json!("policy-generation")));
    let text = asked("PutRolePolicy")["PolicyDocument"].as_str().unwrap().to_owned();
    let objects = "-eu-west-1/o-a1b2c3d4e5/AWSLogs/o-a1b2c3d4e5/111122223333/*";
    assert!(text.contains(objects) && !text.contains("s3:*"), "{text}");
}

#[test]
fn roles_of_others_are_used_or_left_alone_and_one_of_ours_that_was_left_is_taken_away() {
    let directory = tempfile::tempdir().unwrap();
    let writes = |world: &Served| {
        ["CreateRole", "PutRolePolicy", "DeleteRolePolicy", "DeleteRole"]
            .map(|operation| world.calls(operation))
    };
    let theirs = world();
    usage(&theirs, &directory).code(0);
    assert_eq!(writes(&theirs), [0; 4], "the account has one");
    assert!(has_role(&theirs, "AccessAnalyzerMonitorServiceRole_X"));

    // One of our name, without our tag.
    let tagged = |tags: Value| {
        let world = without_role();
        let role = json!({ "name": ROLE, "path": "/service-role/", "tags": tags });
        world.stand_in.edit_access(|document| {
            let roles = &mut document.accounts.get_mut(GOOD).unwrap().roles;
            roles.push(serde_json::from_value(role).unwrap());
        });
        world
    };
    let untagged = tagged(json!({ "assignctl:made-for": "something else" }));
    let ended = usage(&untagged, &directory).code(1);
    let text = String::from_utf8_lossy(&ended.get_output().stdout).into_owned();
    assert!(text.contains("without the tag assignctl:made-for"), "{text}");
    assert_eq!(writes(&untagged), [1, 0, 0, 0], "and the one that was asked for was refused");
    assert!(has_role(&untagged, ROLE));

    let left = tagged(json!({ "assignctl:made-for": "policy-generation" }));
    usage(&left, &directory).code(0);
    assert!(!has_role(&left, ROLE));
}

#[test]
fn whatever_fails_or_interrupts_no_role_of_ours_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let operations = {
        let world = without_role();
        usage(&world, &directory).code(0);
        world.stand_in.calls().into_keys().collect::<Vec<_>>()
    };
    let removes = ["DeleteRole", "DeleteRolePolicy"];
    for operation in operations.iter().filter(|operation| !removes.contains(&operation.as_str())) {
        let world = without_role();
        world.stand_in.set_faults(vec![fault(operation, FaultKind::AccessDenied, Some(1))]);
        usage(&world, &directory);
        assert!(!has_role(&world, ROLE), "{operation}");
        assert_eq!(world.stand_in.bucket_policy(), Some(policy()), "{operation}");
    }
    for operation in ["CreateRole", "PutRolePolicy", "DeleteRolePolicy", "DeleteRole"] {
        let world = without_role();
        world.stand_in.set_faults(vec![fault(operation, FaultKind::CutAfter, Some(1))]);
        usage(&world, &directory).code(0);
        assert!(!has_role(&world, ROLE), "{operation}");
    }
    // One that cannot be taken away is said, and the next run takes it away.
    let world = without_role();
    world.stand_in.set_faults(vec![fault("DeleteRole", FaultKind::AccessDenied, None)]);
    let ended = usage(&world, &directory).code(1);
    let text = String::from_utf8_lossy(&ended.get_output().stderr).into_owned();
    assert!(text.contains(&format!("{ROLE} of the account {GOOD} may be left")), "{text}");
    assert!(has_role(&world, ROLE));
    world.stand_in.set_faults(vec![]);
    usage(&world, &directory).code(0);
    assert!(!has_role(&world, ROLE));
}

#[cfg(unix)]
#[test]
fn a_signal_takes_the_role_away() {
    let directory = tempfile::tempdir().unwrap();
    let calls = ["CreateRole", "PutRolePolicy", "StartPolicyGeneration", "DeleteRole"];
    for (operation, signal) in calls.iter().zip(["-INT", "-TERM", "-HUP", "-INT"]) {
        let world = without_role();
        world.stand_in.set_faults(vec![fault(operation, FaultKind::Slow { millis: 5_000 }, Some(1))]);
        let child = start(&world, &directory, operation);
        let id = child.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, id.as_str()]).status().unwrap().success());
        child.wait_with_output().unwrap();
        assert!(!has_role(&world, ROLE), "{operation} {signal}");
        assert_eq!(world.stand_in.bucket_policy(), Some(policy()), "{operation} {signal}");
    }
}
