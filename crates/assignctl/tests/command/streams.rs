//! Where answers go: what cannot be written is a failure, a reader that went away is none, and a document has its version.

use std::{
    fs::{File, OpenOptions},
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use stand_in::{Fault, FaultKind};
use world::{REPOSITORY, Served, path};

use crate::PROGRAM;

fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

fn command(world: &Served, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .args(arguments)
        .current_dir(format!("{REPOSITORY}/examples"))
        .env_clear()
        .envs(world.environment())
        .stdin(Stdio::null());
    command
}

#[test]
fn a_full_disk_is_a_failure_of_every_verb_and_no_panic() {
    let world = Served::new(PROGRAM);
    let snapshot = world.snapshot();
    let snapshot = path(&snapshot);
    let cases: &[&[&str]] = &[
        &["--help"],
        &["--version"],
        &["plan", "--help"],
        &["check"],
        &["check", "--json"],
        &["plan"],
        &["plan", "--json"],
        &["plan", "--explain", "111122223333"],
        &["plan", "--explain", "111122223333", "--json"],
        &["plan", "--against", "assignments.json"],
        &["plan", "--against", "assignments.json", "--json"],
        &["plan", "--event", "../events/create-failed.json"],
        &["plan", "--snapshot", snapshot, "--json"],
        &["apply", "--account", "222233334444", "--yes"],
        &["apply", "--account", "222233334444", "--yes", "--json"],
        &["snapshot"],
        &["report", "--snapshot", snapshot, "--json"],
        &["completions", "bash"],
        &["doctor"],
        &["doctor", "--json"],
        &["plan", "--account", "999999999999", "--json"],
    ];
    for arguments in cases {
        let output = command(&world, arguments).stdout(full()).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
        assert!(
            error.contains("cannot write to standard output: No space left on device"),
            "{arguments:?}: {error}"
        );
        assert!(!error.contains("panicked"), "{arguments:?}: {error}");
    }
    for option in ["--html", "--csv"] {
        let arguments = ["report", "--snapshot", snapshot, option, "/dev/full"];
        let output = command(&world, &arguments).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{option}: {error}");
        assert!(error.contains("cannot write /dev/full: No space left on device"), "{option}: {error}");
    }
}

#[test]
fn nothing_is_created_on_the_strength_of_a_plan_that_nobody_can_read() {
    let world = Served::new(PROGRAM);
    let output = command(&world, &["apply", "--all", "--yes"]).stdout(full()).output().unwrap();
    assert_eq!((output.status.code(), world.creates()), (Some(1), 0));
}

#[test]
fn messages_that_cannot_be_written_change_nothing_and_do_not_panic() {
    let world = Served::new(PROGRAM);
    for (arguments, code) in [
        (&["plan"][..], 1),
        (&["plan", "-v"], 1),
        (&["plan", "--table", "no-such-file.json"], 2),
        (&["paint"], 2),
    ] {
        let output = command(&world, arguments).stderr(full()).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
    }
}

#[test]
fn a_reader_that_went_away_is_no_failure() {
    let world = Served::new(PROGRAM);
    let snapshot = world.snapshot();
    for (arguments, code) in [
        (&["--help"][..], 0),
        (&["check", "--json"], 0),
        (&["completions", "bash"], 0),
        (&["plan", "--snapshot", path(&snapshot)], 1),
        (&["plan", "--snapshot", path(&snapshot), "--table", "no-such-file.json", "--json"], 2),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command(&world, arguments).stdout(writer).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        assert!(!error.contains("pipe") && !error.contains("panicked"), "{arguments:?}: {error}");
    }
}

#[test]
fn every_document_has_a_version() {
    let world = Served::new(PROGRAM);
    let cases: &[(&[&str], i32)] = &[
        (&["check"], 0),
        (&["plan"], 1),
        (&["plan", "--explain", "111122223333"], 1),
        (&["plan", "--against", "assignments.json"], 0),
        (&["plan", "--event", "../events/create-failed.json"], 0),
        (&["apply", "--account", "222233334444", "--yes"], 0),
        (&["report"], 0),
        (&["doctor"], 1),
        (&["plan", "--account", "999999999999"], 1),
        (&["plan", "--table", "no-such-file.json"], 2),
    ];
    for (arguments, code) in cases {
        let document = world.json(arguments, *code);
        assert_eq!(document["version"], json!(1), "{arguments:?}: {document}");
    }
}

#[test]
fn wrong_use_is_a_document_too_if_json_was_asked_for() {
    let world = Served::new(PROGRAM);
    let cases: &[(&[&str], &str, &str)] = &[
        (&["apply"], "required arguments were not provided", "--help"),
        (&["paint"], "unrecognized subcommand 'paint'", "'plan'"),
        (&["plan", "--acount", "111122223333"], "unexpected argument '--acount'", "'--account'"),
        (&["plan", "--account", "1234"], "no account is named", "its id of 12 digits"),
        (&["plan", "--account", " "], "give the account's id or its name", "--help"),
        (&["plan", "--timeout", "0"], "0 is not in 1..=1440", "--help"),
        (&[], "requires a subcommand", "--help"),
    ];
    for (arguments, message, next) in cases {
        let output = world.run(arguments).arg("--json").output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let error = &document["error"];
        assert_eq!((&document["version"], &error["type"]), (&json!(1), &json!("WrongUse")), "{document}");
        assert!(error["message"].as_str().unwrap().contains(message), "{document}");
        assert!(error["next"].as_str().unwrap().contains(next), "{document}");
    }
}

#[test]
fn verbose_tells_each_call_with_its_answer_and_no_secret() {
    let world = Served::new(PROGRAM);
    world.stand_in.set_faults(vec![Fault::on("ListAccounts", FaultKind::Throttle).times(1)]);
    let output = world.run(&["plan", "-v"]).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    let calls: Vec<&str> = told.lines().filter(|line| line.starts_with("call ")).collect();
    for call in ["sso:ListInstances", "organizations:ListAccounts", "identitystore:GetGroupId"] {
        let line = format!("call {call} in eu-west-1, status 200, milliseconds ");
        assert!(
            calls.iter().any(|told| told.starts_with(&line) && told.contains(", request ")),
            "{call}: {told}"
        );
    }
    assert!(told.contains("call organizations:ListAccounts in eu-west-1, status 400"), "{told}");
    let all: u64 = world.stand_in.calls().values().sum();
    assert_eq!(calls.len() as u64, all, "{told}");
    let quiet = world.run(&["plan"]).output().unwrap();
    assert!(!String::from_utf8(quiet.stderr).unwrap().contains("call "));
}
