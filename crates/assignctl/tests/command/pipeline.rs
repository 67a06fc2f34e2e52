//! What a pipeline needs: exit codes, standard input, comments of a bounded length, and lines where nobody sees a bar.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use stand_in::Organization;
use world::{Served, path};

use crate::PROGRAM;

const AUDITORS: &str = r#"{ "assignments": [{ "id": "a", "permissionSet": "ReadOnlyAccess", "group": "auditors",
    "accounts": { "ids": ["111122223333"] } }] }"#;

#[test]
fn what_makes_a_plan_fail_can_be_chosen() {
    let world = Served::with_drift(PROGRAM);
    let table = Served::file(AUDITORS);
    let plan = |fail_on: &[&str], code: i32| {
        let arguments = [&["plan", "--table", path(&table)][..], fail_on].concat();
        world.run(&arguments).assert().code(code);
    };
    // Nothing is missing, and somebody has what no row explains.
    plan(&[], 0);
    plan(&["--fail-on", "missing"], 0);
    plan(&["--fail-on", "missing,orphaned"], 0);
    plan(&["--fail-on", "unexplained"], 1);
    plan(&["--fail-on", "missing,unexplained,orphaned"], 1);
    plan(&["--fail-on", "everything"], 2);
    // Now something is missing, and it is somebody else's to care.
    world.run(&["plan", "--fail-on", "orphaned"]).assert().code(0);
    world.run(&["plan", "--fail-on", "missing"]).assert().code(1);
}

#[test]
fn a_table_can_come_from_standard_input() {
    let world = Served::with_drift(PROGRAM);
    let run = |arguments: &[&str], text: &str| world.run(arguments).stdin(text.to_owned());
    run(&["check", "--table", "-"], AUDITORS).assert().code(0);
    run(&["check", "--table", "-"], "{}").assert().code(2);
    let done = run(&["plan", "--table", "-", "--json"], AUDITORS).assert().code(0);
    let plan: Value = serde_json::from_slice(&done.get_output().stdout).unwrap();
    assert_eq!((&plan["table"], &plan["counts"]["present"]), (&json!("standard input"), &json!(1)));
    let against = run(&["plan", "--table", "-", "--against", "assignments.json"], AUDITORS).assert().code(0);
    assert!(String::from_utf8_lossy(&against.get_output().stdout).contains("grants"));
    run(&["plan", "--table", "-", "--against", "-"], AUDITORS).assert().code(2);
    let failed = run(&["plan", "--table", "-"], "{}").assert().code(2);
    assert!(String::from_utf8_lossy(&failed.get_output().stderr).contains("standard input"));
    run(&["apply", "--all", "--table", "-", "--yes"], AUDITORS).assert().code(0);
    assert_eq!(world.creates(), 0, "it is there already");
}

/// A snapshot of many accounts, and a table with this many rows for all of them.
fn large(accounts: usize, rows: usize) -> (tempfile::NamedTempFile, tempfile::NamedTempFile) {
    let account = |n: usize| {
        json!({ "id": format!("{n:012}"), "name": format!("account-{n}"), "state": "ACTIVE",
            "management": false, "tags": {}, "parents": [{ "id": "r-ab12", "name": null }] })
    };
    let snapshot = json!({
        "version": 2,
        "takenAt": "2025-01-31T12:00:00Z",
        "instance": "arn:aws:sso:::instance/ssoins-7223f7eef79824e1",
        "method": "accounts",
        "accounts": (0..accounts).map(account).collect::<Vec<_>>(),
        "permissionSets": { "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-0000000000000001": "ReadOnlyAccess" },
        "groups": (0..rows).map(|n| (format!("52d5f4a4-70b1-7016-4f5a-{n:012}"), json!(format!("group-{n}"))))
            .collect::<serde_json::Map<_, _>>(),
        "users": {},
        "assignments": {},
    });
    let row = |n: usize| json!({ "id": format!("row-{n}"), "permissionSet": "ReadOnlyAccess", "group": format!("group-{n}") });
    let table = json!({ "assignments": (0..rows).map(row).collect::<Vec<_>>() });
    (Served::file(&snapshot.to_string()), Served::file(&table.to_string()))
}

#[test]
fn a_difference_that_is_too_long_for_a_comment_is_summed_up_with_the_counts_of_everything() {
    let (snapshot, table) = large(40, 2_000);
    let empty = Served::file(r#"{ "assignments": [] }"#);
    let arguments =
        ["plan", "--snapshot", path(&snapshot), "--table", path(&table), "--against", path(&empty)];
    let done = Served::program(PROGRAM, &arguments).assert().code(0);
    let text = String::from_utf8(done.get_output().stdout.clone()).unwrap();
    assert!(text.chars().count() <= 65_536 && text.chars().count() > 60_000, "{}", text.chars().count());
    assert!(
        text.contains("**+80000 grants** in 40 accounts, **−0 grants** in 0 accounts"),
        "{}",
        &text[..400]
    );
    let shown = text.lines().filter(|line| line.starts_with("| + |")).count();
    let rest =
        format!("Not shown: {} lines with {} grants in 40 accounts.", 2_000 - shown, (2_000 - shown) * 40);
    assert!(text.contains(&rest), "{rest}: {}", &text[text.len() - 300..]);
}

#[test]
fn what_weighs_most_comes_first_and_is_marked() {
    let world = Served::with_drift(PROGRAM);
    let table = Served::file(
        r#"{ "assignments": [
            { "id": "a", "permissionSet": "Billing", "group": "auditors", "accounts": { "ids": ["111122223333"] } },
            { "id": "b", "permissionSet": "Billing", "user": "oncall@example.com", "accounts": { "ids": ["111122223333"] } },
            { "id": "c", "permissionSet": "AdministratorAccess", "group": "auditors", "accounts": { "except": { "names": ["x"] } } },
            { "id": "d", "permissionSet": "AdministratorAccess", "user": "oncall@example.com" } ] }"#,
    );
    let empty = Served::file(r#"{ "assignments": [] }"#);
    let arguments = ["plan", "--table", path(&table), "--against", path(&empty)];
    let text = world.stdout(&arguments, 0);
    assert!(
        text.contains("⚠ Grants to look at first: **administrator** 10, **everywhere** 10, **user** 6."),
        "{text}"
    );
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("| + |")).collect();
    let weights: Vec<&str> = lines.iter().map(|line| line.rsplit('|').nth(1).unwrap().trim()).collect();
    assert_eq!(
        weights,
        [
            "⚠ **administrator**, **everywhere**, **user**",
            "⚠ **administrator**, **everywhere**",
            "⚠ **user**",
            ""
        ]
    );
    let json = world.json(&arguments, 0);
    assert_eq!(json["added"][0]["weights"], json!(["administrator", "everywhere", "user"]));
}

#[test]
fn apply_writes_lines_where_nobody_sees_a_bar_and_lists_what_it_made() {
    let world = Served::with(PROGRAM, Organization::sample(), Duration::from_millis(50));
    let done = world.run(&["apply", "--all", "--yes", "--max-outstanding", "1"]).assert().code(0);
    let (stdout, stderr) = (&done.get_output().stdout, &done.get_output().stderr);
    let (stdout, stderr) = (String::from_utf8_lossy(stdout), String::from_utf8_lossy(stderr));
    for line in ["1 of 8 assignments done", "8 of 8 assignments done, 0 under way"] {
        assert!(stderr.contains(line), "{line}: {stderr}");
    }
    for creation in world.stand_in.creations() {
        let line = stdout.lines().find(|line| line.ends_with(&format!("request {}", creation.request_id)));
        assert!(line.is_some_and(|line| line.contains("✓ ")), "{}: {stdout}", creation.request_id);
    }
}

#[test]
fn a_table_that_matches_too_often_is_refused_with_the_count() {
    for (accounts, rows, text) in [(250, 5_000, "1250000"), (2_000, 501, "1002000")] {
        let (snapshot, table) = large(accounts, rows);
        let arguments = ["plan", "--snapshot", path(&snapshot), "--table", path(&table), "--json"];
        let refused = Served::program(PROGRAM, &arguments).assert().code(2);
        let error: Value = serde_json::from_slice(&refused.get_output().stdout).unwrap();
        assert_eq!(error["error"]["type"], "TooLarge");
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains(&format!("match {text} times in {accounts} accounts")), "{message}");
        assert!(error["error"]["next"].as_str().unwrap().contains("--ou"), "{error}");
    }
}

#[test]
fn the_same_grant_by_many_rows_counts_every_row() {
    let (snapshot, _) = large(250, 1);
    let row =
        |n: usize| json!({ "id": format!("row-{n}"), "permissionSet": "ReadOnlyAccess", "group": "group-0" });
    let table = json!({ "assignments": (0..5_000).map(row).collect::<Vec<_>>() });
    let table = Served::file(&table.to_string());
    for verb in [&["report", "--json"][..], &["plan", "--against", "assignments.json"]] {
        let more = ["--snapshot", path(&snapshot), "--table", path(&table)];
        Served::program(PROGRAM, &[verb, &more].concat()).assert().code(2);
    }
    // Of few accounts it can be shown.
    let more = ["plan", "--account", "000000000001", "--snapshot", path(&snapshot), "--table", path(&table)];
    Served::program(PROGRAM, &more).assert().code(1);
}

#[test]
fn a_file_that_is_not_there_any_more_and_a_closed_input_do_not_hang() {
    let mut child = Command::new(PROGRAM)
        .args(["check", "--table", "-"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(2));
}
