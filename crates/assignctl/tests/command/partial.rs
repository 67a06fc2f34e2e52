//! What was not read: nothing is said of it, and that it was not read is said.

use serde_json::{Value, json};
use stand_in::{Fault, FaultKind};
use tempfile::NamedTempFile;
use world::{Served, path};

use crate::PROGRAM;

/// A snapshot of only one OU.
fn of_education(world: &Served) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    world.run(&["snapshot", "--ou", "Education", "--output"]).arg(file.path()).assert().success();
    file
}

fn stderr(world: &Served, arguments: &[&str], code: i32) -> String {
    let done = world.run(arguments).assert().code(code);
    String::from_utf8(done.get_output().stderr.clone()).unwrap()
}

#[test]
fn a_tag_is_explained_with_its_value_also_if_another_condition_decides() {
    let world = Served::new(PROGRAM);
    let table = Served::file(
        r#"{ "assignments": [
            { "id": "elsewhere", "permissionSet": "Billing", "group": "auditors",
              "accounts": { "ous": ["Education"], "tags": { "isolated": "false" } } },
            { "id": "spared", "permissionSet": "Billing", "group": "auditors",
              "accounts": { "names": ["x"], "except": { "tags": { "isolated": "true" } } } } ] }"#,
    );
    let explained = world.stdout(&["plan", "--explain", "555566667777", "--table", path(&table)], 0);
    assert!(explained.contains("but its tag isolated is \"true\""), "{explained}");
    assert!(!explained.contains("has no tag") && !explained.contains("was not read"), "{explained}");
}

#[test]
fn tags_that_were_not_read_are_called_so_and_decide_nothing() {
    let world = Served::new(PROGRAM);
    let snapshot = world.snapshot();
    let mut document: Value = serde_json::from_slice(&std::fs::read(snapshot.path()).unwrap()).unwrap();
    let accounts = document["accounts"].as_array_mut().unwrap();
    let suspended = accounts.iter().find(|account| account["state"] != "ACTIVE").unwrap();
    assert_eq!(suspended["tags"], Value::Null, "of an account that may receive nothing they are not read");
    accounts.iter_mut().find(|account| account["id"] == "555566667777").unwrap()["tags"] = Value::Null;
    let unread = Served::file(&document.to_string());
    let plan = world.json(&["plan", "--snapshot", path(&unread), "--account", "555566667777"], 1);
    let vault = &plan["accounts"][0];
    assert_eq!((&vault["standing"], &vault["grants"]), (&json!("notReady"), &json!([])));
    assert!(vault["reason"].as_str().unwrap().contains("its tags were not read"), "{vault}");
    let explained = world.stdout(&["plan", "--snapshot", path(&unread), "--explain", "555566667777"], 1);
    assert!(explained.contains("its tags were not read") && !explained.contains("has no tag"), "{explained}");
    let checked = world.json(&["check", "--snapshot", path(&unread)], 0);
    assert_eq!(checked["warnings"], json!([]), "of a row that may match nothing is said");
}

#[test]
fn a_snapshot_of_some_accounts_knows_which_and_answers_for_no_other() {
    let world = Served::with_drift(PROGRAM);
    let snapshot = of_education(&world);
    let file = path(&snapshot);
    let document: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(document["selection"], json!({ "ous": ["Education"] }));

    // What is within it is answered.
    for arguments in [
        &["plan", "--snapshot", file][..],
        &["plan", "--snapshot", file, "--all"],
        &["plan", "--snapshot", file, "--ou", "Education"],
        &["plan", "--snapshot", file, "--ou", "Education/Rust"],
        &["plan", "--snapshot", file, "--ou", "ou-ab12-66666666"],
        &["plan", "--snapshot", file, "--account", "111122223333"],
    ] {
        assert_eq!(world.json(arguments, 1)["counts"]["accounts"], json!(1), "{arguments:?}");
    }
    // What is beyond it is refused, with what it knows.
    for (arguments, beyond) in [
        (&["--account", "444455556666"][..], "account 444455556666"),
        (&["--ou", "Workloads"], "OU Workloads"),
        (&["--ou", "r-ab12"], "OU r-ab12"),
        (&["--explain", "444455556666"], "account 444455556666"),
    ] {
        let error = stderr(&world, &[&["plan", "--snapshot", file], arguments].concat(), 2);
        assert!(
            error.contains(&format!("says nothing of {beyond}: only OU Education and below was read")),
            "{error}"
        );
    }
    // That it is only a part is said wherever the whole was asked for, in the notes and in the documents.
    let note = "only OU Education and below was read, so nothing is said of any other account";
    for verb in [
        &["plan", "--snapshot", file][..],
        &["plan", "--snapshot", file, "--against", "assignments.json"],
        &["check", "--snapshot", file],
        &["report", "--snapshot", file, "--json"],
    ] {
        let done = world.run(verb).output().unwrap();
        let notes = String::from_utf8(done.stderr).unwrap();
        assert!(notes.contains(note), "{verb:?}: {notes}");
        assert!(notes.contains("less than a minute ago"), "its age: {notes}");
    }
    for verb in
        [&["plan", "--snapshot", file][..], &["plan", "--snapshot", file, "--against", "assignments.json"]]
    {
        let done = world.run(verb).arg("--json").output().unwrap();
        let document: Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!(document["notes"], json!([note]), "{verb:?}");
    }
    let page = tempfile::tempdir().unwrap();
    let page = page.path().join("a.html");
    world.run(&["report", "--snapshot", file, "--html"]).arg(&page).assert().success();
    assert!(std::fs::read_to_string(page).unwrap().contains(note));
}

#[test]
fn rows_are_not_doubted_for_accounts_that_were_not_read() {
    let world = Served::new(PROGRAM);
    let table = Served::file(
        r#"{ "assignments": [
            { "id": "elsewhere", "permissionSet": "Billing", "group": "auditors",
              "accounts": { "ids": ["444455556666", "999999999999"], "except": { "names": ["x-*"] } } },
            { "id": "prod", "permissionSet": "ReadOnlyAccess", "group": "auditors",
              "accounts": { "ous": ["Workloads/Prod"] } },
            { "id": "named", "permissionSet": "ReadOnlyAccess", "group": "students",
              "accounts": { "names": ["vault"] } } ] }"#,
    );
    let doubts = |snapshot: &NamedTempFile| {
        let checked = world.json(&["check", "--table", path(&table), "--snapshot", path(snapshot)], 0);
        checked["counts"]["warnings"].as_u64().unwrap()
    };
    assert_eq!(doubts(&of_education(&world)), 0);
    assert_eq!(
        doubts(&world.snapshot()),
        2,
        "an id that does not exist, and an except that takes out nothing"
    );
}

#[test]
fn names_that_could_not_be_listed_may_exist() {
    let world = Served::new(PROGRAM);
    let denied = |operation: &str| Fault::on(operation, FaultKind::AccessDenied);
    world.stand_in.set_faults(vec![denied("ListGroups"), denied("ListUsers")]);
    let snapshot = world.snapshot();
    world.stand_in.set_faults(vec![]);
    let planned = world.run(&["plan", "--snapshot", path(&snapshot), "--json"]).assert().code(1);
    let notes = String::from_utf8(planned.get_output().stderr.clone()).unwrap();
    assert!(notes.contains("identitystore:ListGroups failed with AccessDenied"), "{notes}");
    let plan: Value = serde_json::from_slice(&planned.get_output().stdout).unwrap();
    assert_eq!((&plan["counts"]["unresolved"], &plan["counts"]["failed"]), (&json!(0), &json!(8)));
    let grant = &plan["accounts"].as_array().unwrap().iter().find_map(|one| one["grants"].get(0)).unwrap();
    let reason = grant["reason"].as_str().unwrap();
    assert!(reason.starts_with("whether a group is named \"auditors\" was not read: "), "{reason}");
    assert!(grant["remedy"].as_str().unwrap().contains("take the snapshot again"), "{grant}");
    let checked = world.json(&["check", "--snapshot", path(&snapshot)], 0);
    assert_eq!(checked["warnings"], json!([]), "nobody knows that a name does not exist");
}

#[test]
fn the_age_of_a_snapshot_is_said() {
    let world = Served::new(PROGRAM);
    let snapshot = world.snapshot();
    let mut document: Value = serde_json::from_slice(&std::fs::read(snapshot.path()).unwrap()).unwrap();
    document["takenAt"] = json!("2020-01-01T00:00:00Z");
    let old = Served::file(&document.to_string());
    for verb in ["plan", "check"] {
        let done = world.run(&[verb, "--snapshot", path(&old)]).output().unwrap();
        let notes = String::from_utf8(done.stderr).unwrap();
        assert!(
            notes.contains("shows AWS as it was at 2020-01-01T00:00:00Z, ") && notes.contains(" days ago"),
            "{notes}"
        );
    }
}
