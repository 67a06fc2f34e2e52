//! The pictures of the README, made from what the command prints, so that they stay true.
//!
//! `make pictures` recreates them. A picture that does not show what the command prints fails here.

use std::process::Output;

use snapbox::{Data, assert_data_eq, cmd::Command, file};

use crate::{PROGRAM, assignctl};
use world::Served;

/// Returns the picture of a terminal in which the command was just run; standard error is of no interest.
fn terminal(line: &str, command: Command) -> String {
    picture(line, output(command).stdout)
}

fn output(command: Command) -> Output {
    command.env("CLICOLOR_FORCE", "1").output().unwrap()
}

fn picture(line: &str, shown: Vec<u8>) -> String {
    assert!(!shown.is_empty(), "{line} shows nothing");
    let text = without_request_ids(&String::from_utf8(shown).unwrap());
    let text = format!("\u{1b}[1m$ {line}\u{1b}[0m\n{}\n", text.trim_end());
    anstyle_svg::Term::new().render_svg(&text) + "\n"
}

/// Returns the text with the same id for every request: AWS chooses them.
fn without_request_ids(text: &str) -> String {
    const ID: &str = "6f2b9c1e-4a5d-4f7e-8b3a-1c2d3e4f5a6b";
    let mut parts = text.split("  request ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| format!("{text}  request {ID}{}", &part[ID.len()..]))
}

fn is(picture: String, expected: Data) {
    assert_data_eq!(Data::text(picture).raw(), expected.raw());
}

#[test]
fn check() {
    let directory = tempfile::tempdir().unwrap();
    let table = r#"{
  "assignments": [
    { "id": "auditors", "permisionSet": "ReadOnlyAccess", "group": "auditors" },
    {
      "id": "students",
      "permissionSet": "PowerUserAccess",
      "group": "students",
      "accounts": { "ous": ["ou-55555555"], "names": "class-*" }
    }
  ]
}
"#;
    std::fs::write(directory.path().join("assignments.json"), table).unwrap();
    let command = assignctl(&["check"]).current_dir(directory.path());
    is(terminal("assignctl check", command), file!["../../../../docs/check.svg"]);
}

#[test]
fn plan() {
    let world = Served::with_drift(PROGRAM);
    let command = world.run(&["plan"]);
    is(terminal("assignctl plan", command), file!["../../../../docs/plan.svg"]);
    let command = world.run(&["plan", "--explain", "111122223333"]);
    is(terminal("assignctl plan --explain 111122223333", command), file!["../../../../docs/explain.svg"]);
}

#[test]
fn who_what_and_why() {
    let world = Served::with_drift(PROGRAM);
    let picture = |line: &str, expected: Data| {
        let arguments: Vec<&str> = line.split(' ').skip(1).collect();
        is(terminal(line, world.run(&arguments)), expected);
    };
    picture("assignctl who class-7 --members", file!["../../../../docs/who.svg"]);
    picture("assignctl what user:oncall@example.com", file!["../../../../docs/what.svg"]);
    picture("assignctl why oncall@example.com vault", file!["../../../../docs/why-not.svg"]);
    world.run(&["apply", "--account", "payments", "--yes"]).assert().success();
    picture("assignctl why oncall@example.com payments", file!["../../../../docs/why.svg"]);
}

#[test]
fn apply() {
    let world = Served::with_drift(PROGRAM);
    let command = world.run(&["apply", "--ou", "Workloads", "--yes"]);
    is(terminal("assignctl apply --ou Workloads --yes", command), file!["../../../../docs/apply.svg"]);
}

#[test]
fn import() {
    let world = Served::with_drift(PROGRAM);
    for account in ["444455556666", "555566667777"] {
        world.put(account, "AdministratorAccess", "platform-admins");
    }
    // A terminal shows both: the table, and then what is said of it.
    let Output { stdout, stderr, .. } = output(world.run(&["import"]));
    is(picture("assignctl import", [stdout, stderr].concat()), file!["../../../../docs/import.svg"]);
}

#[test]
fn revoke() {
    let world = crate::revoke::world();
    // A directory of its own, for the record.
    let directory = tempfile::tempdir().unwrap();
    let table = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/assignments.json");
    std::fs::copy(table, directory.path().join("assignments.json")).unwrap();
    let line = "assignctl revoke --unexplained --all --record taken.json --yes --max 10";
    let arguments: Vec<&str> = line.split(' ').skip(1).collect();
    let command = world.run(&arguments).current_dir(directory.path());
    is(terminal(line, command), file!["../../../../docs/revoke.svg"]);
}
