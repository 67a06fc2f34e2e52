//! Texts of others in every output: none of their characters does anything, and none is hidden.

use std::{fs, path::Path, time::Duration};

use serde_json::{Value, json};
use stand_in::{Fault, FaultKind, Organization};
use tempfile::TempDir;
use world::Served;

use crate::{PROGRAM, assignctl};

/// Clears the screen, hides a letter, turns the direction, ends a line in two ways, and is a tag.
const EVIL: &str = "a\u{1b}c\u{9b}2Jb\u{200b}c\u{202e}d\u{2028}e\u{e0041}f\rg";

fn organization() -> Organization {
    let mut organization = Organization::sample();
    let class = organization.accounts.iter_mut().find(|one| one.id == "111122223333").unwrap();
    class.name = EVIL.to_owned();
    class.tags.insert("course".to_owned(), EVIL.to_owned());
    organization.groups[0].name = EVIL.to_owned();
    organization
}

fn is_harmless(output: &[u8], what: &str) {
    let text = std::str::from_utf8(output).unwrap();
    let hidden = |character: char| {
        character.is_control() && character != '\n'
            || matches!(character, '\u{200b}' | '\u{202e}' | '\u{2028}' | '\u{e0041}')
    };
    let found: Vec<String> = text.matches(hidden).map(|found| found.escape_unicode().to_string()).collect();
    assert!(found.is_empty(), "{what}: {found:?} in {text}");
}

fn write(directory: &TempDir, name: &str, text: &str) {
    fs::write(directory.path().join(name), text).unwrap();
}

#[test]
fn no_character_of_others_does_anything_or_hides_in_any_output() {
    let world = Served::with(PROGRAM, organization(), Duration::from_millis(10));
    let directory = tempfile::tempdir().unwrap();
    let row = |id: &str, accounts: Value| json!({ "id": id, "description": EVIL, "permissionSet": "Billing", "group": EVIL, "accounts": accounts });
    let table = |rows: Value| json!({ "assignments": rows }).to_string();
    let sound = table(json!([
        row("a", json!({ "ids": ["111122223333"] })),
        row(
            "b",
            json!({ "tags": { EVIL: EVIL }, "names": [EVIL], "ous": [EVIL], "except": { "names": [EVIL] } })
        ),
    ]));
    write(&directory, "sound.json", &sound);
    write(&directory, "empty.json", &table(json!([])));
    write(
        &directory,
        "faults.json",
        &table(json!([{ "id": EVIL, EVIL: 1, "accounts": { "tags": { EVIL: 1 } } }])),
    );
    write(&directory, "raw.json", &format!("{{ \"assignments\": [ {{ \"id\": \"{EVIL}\" 1 }} ] }}"));
    write(
        &directory,
        "raw-id.json",
        &sound.replace("\"a\"", &format!("\"{}\"", EVIL.replace(['\u{1b}', '\r'], ""))),
    );
    write(&directory, "event.json", &json!({ EVIL: EVIL }).to_string());
    write(&directory, "snapshot.json", &json!({ "version": 2, EVIL: 1 }).to_string());
    let evil = format!("{EVIL}.json");
    let cases: &[&[&str]] = &[
        &["plan", "--table", "sound.json"],
        &["plan", "--table", "sound.json", "--full"],
        &["plan", "--table", "sound.json", "--json"],
        &["plan", "--table", "sound.json", "--explain", "111122223333"],
        &["plan", "--table", "sound.json", "--explain", "111122223333", "--json"],
        &["plan", "--table", "sound.json", "--against", "empty.json"],
        &["plan", "--table", "sound.json", "--against", "empty.json", "--json"],
        &["plan", "--table", "faults.json"],
        &["plan", "--table", "faults.json", "--json"],
        &["plan", "--table", &evil],
        &["plan", "--event", "event.json"],
        &["plan", "--snapshot", "snapshot.json", "--table", "sound.json"],
        &["plan", EVIL],
        &["plan", EVIL, "--json"],
        &["plan", "--ou", EVIL],
        &["check", "--table", "sound.json"],
        &["check", "--table", "sound.json", "--json"],
        &["check", "--table", "faults.json"],
        &["check", "--table", "faults.json", "--json"],
        &["check", "--table", "raw.json"],
        &["check", "--table", "raw-id.json"],
        &["check", "--table", &evil],
        &["apply", "--table", "sound.json", "--all", "--yes"],
        &["snapshot"],
        &["snapshot", "--output", "org.json"],
        &["check", "--table", "sound.json", "--snapshot", "org.json"],
        &["plan", "--table", "sound.json", "--snapshot", "org.json", "-v"],
        &["report", "--table", "sound.json", "--snapshot", "org.json", "--html", "a.html", "--csv", "a.csv"],
        &["report", "--table", "sound.json", "--snapshot", "org.json", "--json"],
        &["report", "--table", "sound.json", "--snapshot", "org.json", "--csv", &format!("no/{EVIL}")],
    ];
    for arguments in cases {
        let output = world.run(arguments).current_dir(directory.path()).output().unwrap();
        assert!(output.status.code().is_some(), "{arguments:?}");
        assert!(!output.stdout.is_empty() || !output.stderr.is_empty(), "{arguments:?} said nothing");
        is_harmless(&output.stdout, &format!("standard output of {arguments:?}"));
        is_harmless(&output.stderr, &format!("standard error of {arguments:?}"));
    }
    for file in ["a.html", "a.csv", "org.json"] {
        is_harmless(&fs::read(directory.path().join(file)).unwrap(), file);
    }
    let shown = r"a\u{1b}c\u{9b}2Jb\u{200b}c\u{202e}d\u{2028}e\u{e0041}f\rg";
    assert!(
        read(directory.path(), "a.csv").contains(shown) && read(directory.path(), "a.html").contains(shown)
    );
    let snapshot: Value = serde_json::from_str(&read(directory.path(), "org.json")).unwrap();
    assert!(
        snapshot["accounts"].as_array().unwrap().iter().any(|account| account["name"] == EVIL),
        "JSON says the same"
    );
}

fn read(directory: &Path, name: &str) -> String {
    fs::read_to_string(directory.join(name)).unwrap()
}

#[test]
fn no_message_of_aws_does_anything_to_the_terminal() {
    let world = Served::new(PROGRAM);
    let error = |operation: &str| {
        let kind = FaultKind::Error { code: "ValidationException".into(), status: 400, message: EVIL.into() };
        Fault::on(operation, kind)
    };
    for operation in
        ["ListInstances", "ListAccounts", "ListGroups", "ListTagsForResource", "CreateAccountAssignment"]
    {
        world.stand_in.set_faults(vec![error(operation)]);
        for arguments in [&["apply", "--all", "--yes"][..], &["plan", "--json"], &["plan", "-v"]] {
            let output = world.run(arguments).output().unwrap();
            is_harmless(&output.stdout, &format!("{operation} {arguments:?}"));
            is_harmless(&output.stderr, &format!("{operation} {arguments:?}"));
        }
    }
}

#[test]
fn names_that_do_not_show_what_they_are_are_doubted() {
    let directory = tempfile::tempdir().unwrap();
    let row = |id: &str, group: &str| json!({ "id": id, "permissionSet": "Billing", "group": group });
    let rows =
        json!([row("plain", "Prüfer"), row("hidden", "audi\u{200b}tors"), row("mixed", "\u{430}uditors")]);
    write(&directory, "table.json", &json!({ "assignments": rows }).to_string());
    let checked = assignctl(&["check", "--table", "table.json", "--json"]).current_dir(directory.path());
    let checked: Value = serde_json::from_slice(&checked.assert().success().get_output().stdout).unwrap();
    let found: Vec<_> =
        checked["warnings"].as_array().unwrap().iter().map(|one| (&one["id"], &one["kind"])).collect();
    let expected = [(json!("hidden"), json!("hidden-character")), (json!("mixed"), json!("mixed-script"))];
    assert_eq!(found, expected.iter().map(|(id, kind)| (id, kind)).collect::<Vec<_>>());
    let shown = assignctl(&["check", "--table", "table.json", "--strict"]).current_dir(directory.path());
    let shown = String::from_utf8(shown.assert().code(1).get_output().stdout.clone()).unwrap();
    assert!(shown.contains(r#"a character that does not show: "audi\u{200b}tors""#), "{shown}");
    assert!(shown.contains("mixes letters of Cyrillic and Latin in one word"), "{shown}");
}
