use serde_json::json;
use snapbox::{assert_data_eq, cmd::OutputAssert, str};

use world::{Served, path};

use crate::{PROGRAM, assignctl};

const BAD: &str = r#"{
  "assignments": [
    { "id": "One", "permisionSet": "ReadOnlyAccess", "group": "auditors" },
    {
      "id": "two",
      "permissionSet": "Has Space",
      "group": "a",
      "user": "b",
      "accounts": { "ous": ["ou-x"], "tags": { "k": 1 }, "nmaes": ["x"] }
    },
    { "id": "two", "permissionSet": "P", "group": "g" }
  ]
}
"#;

const DOUBTFUL: &str = r#"{
  "assignments": [
    { "id": "prod-admins", "permissionSet": "AdministratorAccess", "group": "platform-admins",
      "accounts": {
        "ous": ["Workloads/Prod"],
        "except": { "tags": { "isolated": "true" } }
      }
    },
    { "id": "all-admins", "permissionSet": "AdministratorAccess", "group": "platform-admins" },
    { "id": "never", "permissionSet": "Billing", "group": "nobody",
      "accounts": {
        "ids": ["123456789012", "999999999999"],
        "except": { "ids": ["999999999999", "123456789012"] }
      }
    },
    { "id": "again", "permissionSet": "AdministratorAccess", "group": "platform-admins",
      "accounts": { "ous": ["Security"] } }
  ]
}
"#;

/// Checks a table in a directory of its own, so that the output names the file and no path of a machine.
fn check(text: &str, arguments: &[&str]) -> OutputAssert {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("table.json"), text).unwrap();
    assignctl(&["check", "--table", "table.json"]).args(arguments).current_dir(directory.path()).assert()
}

#[test]
fn every_fault_is_shown_in_its_place_with_what_would_be_right() {
    check(BAD, &[]).code(2).stdout_eq(str![[r#"
error: row 1 (One), id: is "One"
 --> table.json:3:13
  |
3 |     { "id": "One", "permisionSet": "ReadOnlyAccess", "group": "auditors" },
  |             ^^^^^
  |
  = help: write up to 64 of a-z, 0-9 and -, the first not -

error: row 1 (One), permissionSet: is missing
 --> table.json:3:13
  |
3 |     { "id": "One", "permisionSet": "ReadOnlyAccess", "group": "auditors" },
  |             ^^^^^
  |
  = help: add it

error: row 1 (One), permisionSet: is unknown
 --> table.json:3:20
  |
3 |     { "id": "One", "permisionSet": "ReadOnlyAccess", "group": "auditors" },
  |             -----  ^^^^^^^^^^^^^^
  |             |
  |             in this row
  |
  = help: did you mean `permissionSet`? the fields here are id, description, permissionSet, group, user, accounts, owner, reason, until

error: row 2 (two): both `group` and `user` are given
 --> table.json:5:13
  |
5 |       "id": "two",
  |             ^^^^^
  |
  = help: keep one; write a second row for the other

error: row 2 (two), permissionSet: is "Has Space"
 --> table.json:6:24
  |
5 |       "id": "two",
  |             ----- in this row
6 |       "permissionSet": "Has Space",
  |                        ^^^^^^^^^^^
  |
  = help: write the permission set's name (up to 32 of letters, digits and _+=,.@-) or its ARN

error: row 2 (two), accounts.ous[0]: is "ou-x", which begins like an id but is not one
 --> table.json:9:29
  |
5 |       "id": "two",
  |             ----- in this row
...
9 |       "accounts": { "ous": ["ou-x"], "tags": { "k": 1 }, "nmaes": ["x"] }
  |                             ^^^^^^
  |
  = help: correct the id; an OU whose name begins like that is given by its id

error: row 2 (two), accounts.tags.k: is a number
 --> table.json:9:53
  |
5 |       "id": "two",
  |             ----- in this row
...
9 |       "accounts": { "ous": ["ou-x"], "tags": { "k": 1 }, "nmaes": ["x"] }
  |                                                     ^
  |
  = help: write a glob for the tag's value

error: row 2 (two), accounts.nmaes: is unknown
 --> table.json:9:58
  |
5 |       "id": "two",
  |             ----- in this row
...
9 |       "accounts": { "ous": ["ou-x"], "tags": { "k": 1 }, "nmaes": ["x"] }
  |                                                          ^^^^^^^
  |
  = help: did you mean `names`? the fields here are ids, names, ous, tags, except

error: row 3 (two), id: is also the id of row 2
  --> table.json:11:13
   |
11 |     { "id": "two", "permissionSet": "P", "group": "g" }
   |             ^^^^^
   |
   = help: give each row an id of its own, since reports name rows by it

table.json is refused, with 9 faults

"#]]);
}

#[test]
fn a_text_that_is_not_json_is_shown_at_the_place_where_it_breaks_off() {
    check("{ \"assignments\": [\n  { \"id\": \"a\" \"group\": 1 }\n] }\n", &[]).code(2).stdout_eq(str![[
        r#"
error: table: not JSON: expected `,` or `}` at line 2 column 15
 --> table.json:2:15
  |
2 |   { "id": "a" "group": 1 }
  |               ^
  |
  = help: correct the text at that place

table.json is refused, with 1 fault

"#
    ]]);
    for text in ["", "[]", "null", "{}", "\u{feff}{}", "{\0}\0", "{ \"assignments\": [", &"[".repeat(100_000)]
    {
        let refused = check(text, &[]).code(2);
        assert!(refused.get_output().stderr.is_empty(), "{text:.20}");
    }
}

#[test]
fn a_byte_order_mark_is_no_fault_and_moves_no_place() {
    let answer = |text: &str| check(text, &[]).success().get_output().stdout.clone();
    assert_eq!(answer(&format!("\u{feff}{DOUBTFUL}")), answer(DOUBTFUL));
}

#[test]
fn a_doubtful_row_is_a_warning_which_only_strict_turns_into_an_exit_code() {
    check(DOUBTFUL, &[]).success().stdout_eq(str![[r#"
warning: row 1 (prod-admins), accounts.except: is undone: the accounts that it takes out get the same grant from row "all-admins"
 --> table.json:6:19
  |
3 |     { "id": "prod-admins", "permissionSet": "AdministratorAccess", "group": "platform-admins",
  |             ------------- in this row
...
6 |         "except": { "tags": { "isolated": "true" } }
  |                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
 ::: table.json:9:13
  |
9 |     { "id": "all-admins", "permissionSet": "AdministratorAccess", "group": "platform-admins" },
  |             ^^^^^^^^^^^^ the other row
  |
  = help: if they must not have it, give row "all-admins" the same `except`; if they may, leave this `except` out

warning: row 3 (never), accounts.except: takes out every account that the row selects
  --> table.json:13:19
   |
10 |     { "id": "never", "permissionSet": "Billing", "group": "nobody",
   |             ------- in this row
...
13 |         "except": { "ids": ["999999999999", "123456789012"] }
   |                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
   |
   = help: narrow it, or delete the row, which grants nothing

warning: row 4 (again): grants nothing that row "all-admins" does not grant
  --> table.json:16:13
   |
16 |     { "id": "again", "permissionSet": "AdministratorAccess", "group": "platform-admins",
   |             ^^^^^^^
   |
  ::: table.json:9:13
   |
 9 |     { "id": "all-admins", "permissionSet": "AdministratorAccess", "group": "platform-admins" },
   |             ^^^^^^^^^^^^ the other row
   |
   = help: delete row "again": nobody loses access; row "all-admins" must stay, it may grant more

table.json is sound, with 3 warnings: 4 rows

"#]]);
    check(DOUBTFUL, &["--strict"]).code(1);
}

#[test]
fn with_an_organization_more_rows_are_doubtful() {
    let world = Served::new(PROGRAM);
    let (snapshot, table) = (world.snapshot(), Served::file(DOUBTFUL));
    let arguments = ["check", "--snapshot", path(&snapshot), "--table", path(&table), "--json"];
    let checked = assignctl(&arguments).assert().success();
    let checked: serde_json::Value = serde_json::from_slice(&checked.get_output().stdout).unwrap();
    let warnings: Vec<_> = checked["warnings"].as_array().unwrap().iter().collect();
    let found: Vec<String> = warnings
        .iter()
        .map(|one| format!("{} {} {}", one["id"], one["kind"], one["field"]).replace('"', ""))
        .collect();
    assert_data_eq!(
        found.join("\n"),
        str![[r#"
prod-admins shadowed-except accounts.except
never never-matches accounts.except
never never-matches accounts.ids[0]
never never-matches accounts.except.ids[1]
never never-matches null
never unknown group
never unknown accounts.ids[1]
never unknown accounts.except.ids[0]
again duplicate-grant null
"#]]
    );
}

#[test]
fn json_has_the_place_of_every_fault() {
    let refused = check(BAD, &["--json"]).code(2);
    let checked: serde_json::Value = serde_json::from_slice(&refused.get_output().stdout).unwrap();
    assert_eq!((&checked["sound"], checked["faults"].as_array().unwrap().len()), (&json!(false), 9));
    let unknown =
        checked["faults"].as_array().unwrap().iter().find(|fault| fault["field"] == "accounts.nmaes");
    assert_eq!(
        unknown,
        Some(&json!({ "row": 2, "id": "two", "field": "accounts.nmaes", "problem": "is unknown", "line": 9,
            "column": 58, "remedy": "did you mean `names`? the fields here are ids, names, ous, tags, except" }))
    );
}

#[test]
fn the_sample_is_sound_and_has_no_doubtful_row() {
    let checked = assignctl(&["check", "--strict", "--json"]).assert().success();
    let checked: serde_json::Value = serde_json::from_slice(&checked.get_output().stdout).unwrap();
    assert_eq!(
        checked,
        json!({ "version": 1, "table": "assignments.json", "sound": true, "rows": 4,
            "counts": { "faults": 0, "warnings": 0 }, "faults": [], "warnings": [] })
    );
}

#[test]
fn a_table_without_rows_is_refused_as_the_function_refuses_it() {
    let checked = check(r#"{ "assignments": [] }"#, &["--json"]).code(2);
    let checked: serde_json::Value = serde_json::from_slice(&checked.get_output().stdout).unwrap();
    assert_eq!(
        checked["faults"],
        json!([{ "field": "assignments", "problem": "is empty, so nobody would get anything",
            "remedy": "write the rows that say who gets what", "line": 1, "column": 18 }])
    );
}

#[test]
fn a_table_with_thousands_of_faults_or_of_rows_for_one_grant_is_still_judged() {
    let rows = |row: &str, count: usize| format!(r#"{{ "assignments": [{}] }}"#, vec![row; count].join(","));
    let refused = check(&rows("{}", 5_000), &["--json"]).code(2);
    let checked: serde_json::Value = serde_json::from_slice(&refused.get_output().stdout).unwrap();
    assert_eq!(checked["faults"].as_array().unwrap().len(), 1_001);
    assert_eq!(
        checked["counts"],
        json!({ "faults": 15_000, "warnings": 0 }),
        "those that are not listed count"
    );
    assert_eq!(checked["rows"], json!(null), "nobody knows how many rows an unsound table has");
    let shown = check(&rows("{}", 5_000), &[]).code(2);
    let shown = String::from_utf8_lossy(&shown.get_output().stdout).into_owned();
    assert!(shown.ends_with("table.json is refused, with 15000 faults\n"), "{}", &shown[shown.len() - 100..]);
    assert!(shown.contains("table: 14000 more faults"));
    let row = r#"{ "id": "N", "permissionSet": "P", "group": "g", "accounts": { "ids": ["111122223333"] } }"#;
    let many: Vec<String> = (0..5_000).map(|n| row.replace('N', &n.to_string())).collect();
    let checked = check(&format!(r#"{{ "assignments": [{}] }}"#, many.join(",\n")), &["--json"]).success();
    let checked: serde_json::Value = serde_json::from_slice(&checked.get_output().stdout).unwrap();
    let kinds: Vec<_> = checked["warnings"].as_array().unwrap().iter().map(|one| &one["kind"]).collect();
    assert_eq!(kinds, [&json!("not-compared")], "it is reported that rows are not compared");
    check(&" ".repeat(5 << 20), &[]).code(2);
}

#[test]
fn a_place_is_right_in_a_file_of_one_line() {
    let row = |id: usize, group: &str| format!(r#"{{"id":"é{id}","permissionSet":"P","group":{group}}}"#);
    let rows: Vec<String> = (0..200).map(|id| row(id, if id == 150 { "7" } else { "\"g\"" })).collect();
    let text = format!(r#"{{"assignments":[{}]}}"#, rows.join(",")).replace('é', "a");
    let column = text.find(":7").unwrap() + 2;
    let refused = check(&text, &[]).code(2);
    let shown = String::from_utf8_lossy(&refused.get_output().stdout).into_owned();
    assert!(shown.contains(&format!("--> table.json:1:{column}\n")), "{column}: {shown}");
    assert!(shown.contains("\"group\":7") && shown.len() < 2_000, "{shown}");
    let json = check(&text, &["--json"]).code(2);
    let json: serde_json::Value = serde_json::from_slice(&json.get_output().stdout).unwrap();
    assert_eq!((&json["faults"][0]["line"], &json["faults"][0]["column"]), (&json!(1), &json!(column)));

    let doubtful = format!(
        r#"{{"assignments":[{},{{"id":"b","permissionSet":"Q","group":"g"}},{},{{"id":"c","permissionSet":"Q","group":"g"}}]}}"#,
        row(1, "\"g\"").replace('é', "a"),
        (10..60).map(|id| row(id, &format!("\"g{id}\"")).replace('é', "a")).collect::<Vec<_>>().join(",")
    );
    let places = ["b", "c"].map(|id| doubtful.find(&format!(r#""{id}""#)).unwrap() + 1);
    let shown = check(&doubtful, &[]).success();
    let shown = String::from_utf8_lossy(&shown.get_output().stdout).into_owned();
    assert!(shown.contains(&format!("--> table.json:1:{}\n", places[1])), "{places:?}: {shown}");
    assert!(shown.contains(&format!("::: table.json:1:{}\n", places[0])), "{places:?}: {shown}");
}

#[test]
fn what_is_not_json_is_called_what_it_is() {
    let cases: [(&[u8], &str, &str); 9] = [
        (b"assignments:\n  - id: a\n", "it seems to be YAML", "as JSON"),
        (b"---\nassignments: []\n", "it seems to be YAML", "as JSON"),
        (b"// rows\n{ \"assignments\": [] }", "it has a comment at line 1 column 1", "description"),
        (b"{ \"assignments\": [\n  # why\n] }", "it has a comment at line 2 column 3", "description"),
        (b"{ \"assignments\": [] /* why */ }", "it has a comment at line 1 column 21", "description"),
        (
            b"{ \"assignments\": [], }",
            "it has a comma too many before line 1 column 22",
            "take the comma away",
        ),
        (
            b"{\n \"assignments\": [ \"\xfc\" ] }",
            "is not UTF-8: the byte 0xfc at line 2 column 20",
            "Latin-1",
        ),
        (b"\xff\xfe{\0}\0", "is UTF-16", "save it as UTF-8"),
        (b"", "it is empty", "write a table"),
    ];
    let directory = tempfile::tempdir().unwrap();
    for (text, problem, remedy) in cases {
        std::fs::write(directory.path().join("table.json"), text).unwrap();
        for verb in ["check", "plan"] {
            let refused =
                assignctl(&[verb, "--table", "table.json"]).current_dir(directory.path()).assert().code(2);
            let output = refused.get_output();
            let said = [&output.stdout[..], &output.stderr].concat();
            let said = String::from_utf8_lossy(&said).into_owned();
            assert!(said.contains(problem) && said.contains(remedy), "{verb}: {problem}: {said}");
        }
    }
}

#[test]
fn what_was_probably_meant_is_said_where_it_is_known() {
    let world = Served::new(PROGRAM);
    let table = Served::file(
        r#"{ "assignments": [
            { "id": "group", "permissionSet": "Billing", "group": "auditor" },
            { "id": "user", "permissionSet": "Billing", "user": "on-call@example.com" },
            { "id": "set", "permissionSet": "ReadOnlyAcces", "group": "auditors" },
            { "id": "ou", "permissionSet": "Billing", "group": "students", "accounts": { "ous": ["Workload/Prod"] } },
            { "id": "account", "permissionSet": "Billing", "group": "teachers",
              "accounts": { "ids": ["444455556667"], "names": ["payment"] } } ] }"#,
    );
    let snapshot = world.snapshot();
    let checked = world.json(&["check", "--table", path(&table), "--snapshot", path(&snapshot)], 0);
    let said = |row: &str, field: &str| {
        let found = checked["warnings"].as_array().unwrap().iter();
        let found = found.filter(|one| one["id"] == row && one["field"] == field);
        found.map(|one| format!("{} {}", one["problem"], one["remedy"])).collect::<String>()
    };
    for (row, field, meant) in [
        ("group", "group", "auditors"),
        ("user", "user", "oncall@example.com"),
        ("set", "permissionSet", "ReadOnlyAccess"),
        ("ou", "accounts.ous[0]", "Workloads/Prod"),
        ("account", "accounts.ids[0]", "444455556666 (payments)"),
        ("account", "accounts.names[0]", "payments"),
    ] {
        let said = said(row, field).replace('\\', "");
        assert!(said.contains("did you mean") && said.contains(meant), "{row} {field}: {said}");
    }
    // Names are known of AWS itself too.
    let plan = world.stdout(&["plan", "--table", path(&table), "--account", "444455556666"], 1);
    for meant in [
        r#"did you mean "auditors"?"#,
        r#"did you mean "ReadOnlyAccess"?"#,
        r#"did you mean "oncall@example.com"?"#,
    ] {
        assert!(plan.contains(meant), "{meant}: {plan}");
    }
    for (arguments, meant) in [
        (&["plan", "--snapshot", path(&snapshot), "--ou", "Workload"][..], "did you mean Workloads?"),
        (
            &["plan", "--snapshot", path(&snapshot), "--account", "444455556667"],
            "did you mean 444455556666 (payments)?",
        ),
    ] {
        let refused = world.run(arguments).assert().code(2);
        let error = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
        assert!(error.contains(meant), "{arguments:?}: {error}");
    }
}

#[test]
fn no_remedy_costs_access_without_saying_so() {
    let checked = check(DOUBTFUL, &["--json"]).success();
    let checked: serde_json::Value = serde_json::from_slice(&checked.get_output().stdout).unwrap();
    let remedy = |kind: &str| {
        let found = checked["warnings"].as_array().unwrap().iter().find(|one| one["kind"] == kind).unwrap();
        found["remedy"].as_str().unwrap().to_owned()
    };
    assert!(
        remedy("duplicate-grant")
            .starts_with("delete row \"again\": nobody loses access; row \"all-admins\" must stay")
    );
    assert!(remedy("shadowed-except").contains("if they must not have it"));
    let world = Served::new(PROGRAM);
    let snapshot = world.snapshot();
    let one = |accounts: &str| {
        let table = Served::file(&format!(
            r#"{{ "assignments": [{{ "id": "a", "permissionSet": "P", "group": "g", "accounts": {accounts} }}] }}"#
        ));
        let checked = world.json(&["check", "--table", path(&table), "--snapshot", path(&snapshot)], 0);
        let found = checked["warnings"].as_array().unwrap().iter();
        let found = found.filter(|one| one["field"].as_str().unwrap_or_default().contains("ids"));
        found.map(|one| one["remedy"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join("\n")
    };
    let alone = one(r#"{ "ids": ["123456789012"] }"#);
    assert_eq!(alone, "delete the row: without it, the row would mean more accounts");
    assert_eq!(one(r#"{ "ids": ["123456789012", "111122223333"] }"#), "leave the id out");
    let except = one(r#"{ "except": { "ids": ["999999999999"], "names": ["class-*"] } }"#);
    assert!(except.contains("leave the whole `except` out, which takes out nothing"), "{except}");
}
