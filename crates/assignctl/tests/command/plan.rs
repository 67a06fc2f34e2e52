use serde_json::{Value, json};
use snapbox::{assert_data_eq, str};
use stand_in::{Fault, FaultKind, Organization};

use world::{Served, path};

use crate::PROGRAM;

#[test]
fn the_plan_is_grouped_by_account_with_rows_and_what_no_row_explains() {
    let world = Served::with_drift(PROGRAM);
    assert_data_eq!(
        world.stdout(&["plan"], 1),
        str![[r#"
identity      arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/operator@example.com in account 123456789012
organization  of management account 123456789012
instance      arn:aws:sso:::instance/ssoins-7223f7eef79824e1 in eu-west-1
table         assignments.json, 4 rows, sha256:[..]
read          by permission set: every assignment

class-7  111122223333  Education/Rust
  = ReadOnlyAccess         group auditors           row audit-everywhere
  + PowerUserAccess        group students           row students
  + SupportUser            group teachers           row teachers
  ~ DatabaseAdministrator  user oncall@example.com  no row explains it

management  123456789012
  nothing is done: account 123456789012 is the management account, which never receives an assignment
  ~ AdministratorAccess  group platform-admins  is there, but the table does not apply

log-archive  222233334444  Security
  + ReadOnlyAccess  group auditors  row audit-everywhere

audit  333344445555  Security
  + ReadOnlyAccess  group auditors  row audit-everywhere

payments  444455556666  Workloads/Prod
  + ReadOnlyAccess       group auditors         row audit-everywhere
  + AdministratorAccess  group platform-admins  row prod-admins

vault  555566667777  Workloads/Prod
  + ReadOnlyAccess  group auditors  row audit-everywhere

class-8  666677778888
  nothing is done: account 666677778888 is PENDING_ACTIVATION: its sign-up is not finished

8 accounts: 5 incomplete, 1 not ready, 2 ignored
8 wanted grants: 7 to create, 1 there already
1 assignment that no row explains; nothing is deleted

"#]]
    );
    assert_eq!(world.creates(), 0);
}

#[test]
fn a_selection_narrows_the_plan() {
    let world = Served::with_drift(PROGRAM);
    let accounts = |arguments: &[&str], code: i32| -> Vec<String> {
        let plan = world.json(arguments, code);
        plan["accounts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(accounts(&["plan", "--account", "444455556666"], 1), ["payments"]);
    assert_eq!(accounts(&["plan", "--ou", "Workloads"], 1), ["payments", "vault"]);
    assert_eq!(
        accounts(&["plan", "--ou", "Workloads", "--account", "111122223333"], 1),
        ["class-7", "payments", "vault"]
    );
    assert_eq!(accounts(&["plan", "--ou", "ou-ab12-66666666"], 1), ["class-7"]);
    assert_eq!(accounts(&["plan", "--event", "../events/create-succeeded.json"], 1), ["class-7"]);
    assert_eq!(accounts(&["plan", "--event", "../events/survey.json"], 1).len(), 8);
    // The management account is never to have anything, so nothing is missing there.
    assert_eq!(accounts(&["plan", "--account", "123456789012"], 0), ["management"]);
    assert_eq!(accounts(&["plan", "--account", "666677778888"], 1), ["class-8"]);
}

#[test]
fn an_event_that_asks_for_nothing_is_ignored_with_the_reason() {
    let world = Served::new(PROGRAM);
    let ignored = world.json(&["plan", "--event", "../events/create-failed.json"], 0);
    assert_eq!(ignored["outcome"], "ignored");
    assert!(ignored["reason"].as_str().unwrap().contains("FAILED"), "{ignored}");
    assert!(world.stand_in.calls().is_empty());
}

#[test]
fn nothing_missing_is_exit_code_0_and_a_name_that_does_not_exist_is_not() {
    let world = Served::new(PROGRAM);
    let row = |group: &str| {
        Served::file(&format!(
            r#"{{ "assignments": [{{ "id": "a", "permissionSet": "Billing", "group": "{group}",
                "accounts": {{ "ids": ["222233334444"] }} }}] }}"#
        ))
    };
    world.put("222233334444", "Billing", "auditors");
    let there = row("auditors");
    let plan = world.json(&["plan", "--table", path(&there)], 0);
    assert_eq!((&plan["outcome"], &plan["counts"]["present"]), (&json!("ready"), &json!(1)));
    let unknown = row("nobody");
    let plan = world.json(&["plan", "--table", path(&unknown)], 1);
    assert_eq!((&plan["outcome"], &plan["counts"]["unresolved"]), (&json!("incomplete"), &json!(1)));
    let grant = plan["accounts"].as_array().unwrap().iter().find_map(|one| one["grants"].get(0)).unwrap();
    assert_eq!((&grant["status"], &grant["rules"]), (&json!("unresolved"), &json!(["a"])));
    assert!(grant["reason"].as_str().unwrap().contains("no group is named \"nobody\""), "{grant}");
}

#[test]
fn every_row_is_explained_with_the_values_of_the_account() {
    let world = Served::with_drift(PROGRAM);
    assert_data_eq!(
        world.stdout(&["plan", "--explain", "111122223333"], 1),
        str![[r#"
class-7  111122223333  Education/Rust

✓ audit-everywhere  ReadOnlyAccess to group auditors: there already
✗ prod-admins  AdministratorAccess to group platform-admins
    ous wants an account whose OU is Workloads/Prod or below it, but it is in Education/Rust (r-ab12/ou-ab12-55555555/ou-ab12-66666666)
✓ students  PowerUserAccess to group students: to be created
✓ teachers  SupportUser to group teachers: to be created
~ DatabaseAdministrator to user oncall@example.com  is there, but no row explains it

"#]]
    );
    let table = Served::file(
        r#"{ "assignments": [
            { "id": "ids", "permissionSet": "Billing", "group": "auditors", "accounts": { "ids": ["111122223333"] } },
            { "id": "names", "permissionSet": "Billing", "group": "auditors", "accounts": { "names": ["x", "y-*"] } },
            { "id": "tags", "permissionSet": "Billing", "user": "oncall@example.com",
              "accounts": { "ous": ["Workloads/Prod"], "tags": { "isolated": "false", "course": "*" } } },
            { "id": "except", "permissionSet": "Billing", "group": "auditors",
              "accounts": { "except": { "ous": ["Workloads"], "tags": { "isolated": "true" } } } } ] }"#,
    );
    assert_data_eq!(
        world.stdout(&["plan", "--explain", "555566667777", "--table", path(&table)], 0),
        str![[r#"
vault  555566667777  Workloads/Prod

✗ ids  Billing to group auditors
    ids wants an account whose id is 111122223333, but its id is 555566667777
✗ names  Billing to group auditors
    names wants an account whose name matches x or y-*, but its name is "vault"
✗ tags  Billing to user oncall@example.com
    tags.course wants an account whose tag course matches "*", but it has no tag course
    tags.isolated wants an account whose tag isolated matches "false", but its tag isolated is "true"
✗ except  Billing to group auditors
    except takes out accounts whose OU is Workloads or below it and whose tag isolated matches "true", and it is in Workloads/Prod (r-ab12/ou-ab12-22222222/ou-ab12-33333333) and its tag isolated is "true"

"#]]
    );
    let json = world.json(&["plan", "--explain", "555566667777", "--table", path(&table)], 0);
    assert_eq!(
        json["rows"][1]["mismatches"],
        json!([{ "selector": "names", "wanted": "wants an account whose name matches x or y-*",
            "actual": "its name is \"vault\"" }])
    );
}

#[test]
fn a_snapshot_gives_the_same_plan_without_aws() {
    let world = Served::with_drift(PROGRAM);
    let snapshot = world.snapshot();
    let live = world.json(&["plan"], 1);
    world.stand_in.set_faults(vec![Fault::on("*", FaultKind::AccessDenied)]);
    let mut offline = world.json(&["plan", "--snapshot", path(&snapshot)], 1);
    // Nobody was asked.
    for field in ["readAt", "identity", "region", "accountAccess"] {
        offline[field] = live[field].clone();
    }
    assert_eq!(live, offline);
    let explained = world.json(&["plan", "--snapshot", path(&snapshot), "--explain", "111122223333"], 1);
    assert_eq!(explained["rows"].as_array().unwrap().len(), 4);
    world.run(&["plan", "--snapshot", path(&snapshot), "--account", "999999999999"]).assert().code(2);
}

#[test]
fn a_snapshot_of_another_version_or_none_at_all_is_refused() {
    let world = Served::new(PROGRAM);
    for text in ["", "{}", r#"{ "version": 1 }"#, r#"{ "version": 2 }"#, r#"{ "version": 2, "accounts": 3 }"#]
    {
        let file = Served::file(text);
        let refused = world.run(&["plan", "--snapshot", path(&file)]).assert().code(2);
        let error = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
        assert!(error.contains("snapshot"), "{text}: {error}");
    }
}

const OTHER: &str = r#"{ "assignments": [
    { "id": "auditing", "permissionSet": "ReadOnlyAccess", "group": "auditors" },
    { "id": "prod-admins", "permissionSet": "AdministratorAccess", "group": "platform-admins" },
    { "id": "on-call", "permissionSet": "DatabaseAdministrator", "user": "oncall@example.com",
      "accounts": { "names": ["class-*"] } },
    { "id": "teachers", "permissionSet": "SupportUser", "group": "teacher", "accounts": { "ous": ["Education"] } }
] }"#;

#[test]
fn the_difference_of_two_tables_can_be_pasted_into_a_review() {
    let world = Served::with_drift(PROGRAM);
    let (snapshot, directory) = (world.snapshot(), tempfile::tempdir().unwrap());
    for (name, text) in
        [("main.json", include_str!("../../../../examples/assignments.json")), ("edited.json", OTHER)]
    {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    let arguments =
        ["plan", "--snapshot", path(&snapshot), "--against", "main.json", "--table", "edited.json"];
    let planned = world.run(&arguments).current_dir(directory.path()).assert().success();
    let markdown = String::from_utf8_lossy(&planned.get_output().stdout).into_owned();
    let (before, after) = markdown.split_once("as of ").unwrap();
    assert_data_eq!(
        format!("{before}as of …{}", &after[20..]),
        str![[r####"
### Effect on access: `main.json` → `edited.json`

**+6 grants** in 4 accounts, **−2 grants** in 1 account (8 accounts, as of …).

⚠ Grants to look at first: **administrator** 5, **everywhere** 4, **user** 1.

| | permission set | to | row | accounts | in AWS | look at |
|---|---|---|---|---|---|---|
| + | `AdministratorAccess` | `group platform-admins` | `prod-admins` | `class-7` (111122223333), `log-archive` (222233334444), `audit` (333344445555), `vault` (555566667777) | 4 to create | ⚠ **administrator**, **everywhere** |
| + | `DatabaseAdministrator` | `user oncall@example.com` | `on-call` | `class-7` (111122223333) | there already | ⚠ **administrator**, **user** |
| + | `SupportUser` | `group teacher` | `teachers` | `class-7` (111122223333) | cannot be created: no group is named "teacher"; did you mean "teachers"? |  |
| − | `PowerUserAccess` | `group students` | `students` | `class-7` (111122223333) | not there |  |
| − | `SupportUser` | `group teachers` | `teachers` | `class-7` (111122223333) | not there |  |

Granted as before, by other rows:

- `ReadOnlyAccess` to `group auditors` in 5 accounts: `auditing` instead of `audit-everywhere` ⚠ **everywhere**

"####]]
    );
    let json = world.run(&arguments).arg("--json").current_dir(directory.path()).assert().success();
    let json: Value = serde_json::from_slice(&json.get_output().stdout).unwrap();
    let rules = |list: &str| -> Vec<Value> {
        json[list].as_array().unwrap().iter().map(|one| one["rules"][0].clone()).collect()
    };
    assert_eq!(rules("removed"), ["students", "teachers"]);
    assert_eq!(rules("explainedByOthers"), ["auditing"]);

    let same = ["plan", "--snapshot", path(&snapshot), "--against", "assignments.json"];
    let planned = world.run(&same).assert().success();
    let markdown = String::from_utf8_lossy(&planned.get_output().stdout).into_owned();
    assert!(markdown.contains("No account gains or loses a grant."), "{markdown}");
}

#[test]
fn names_cannot_break_out_of_the_terminal_or_the_markdown() {
    let mut organization = Organization::sample();
    let evil = "a`|<b>\u{1b}[31m\n@all";
    organization.accounts.iter_mut().filter(|one| one.id == "111122223333").for_each(|one| {
        one.name = evil.to_owned();
    });
    organization.groups[0].name = evil.to_owned();
    let world = Served::with(PROGRAM, organization, std::time::Duration::from_millis(10));
    let row = json!({ "id": "a", "permissionSet": "Billing", "group": evil, "accounts": { "ids": ["111122223333"] } });
    let table = Served::file(&json!({ "assignments": [row] }).to_string());
    let empty = Served::file(r#"{ "assignments": [] }"#);
    let plan = world.stdout(&["plan", "--table", path(&table)], 1);
    assert!(!plan.contains('\u{1b}') && plan.contains(r"\u{1b}[31m\n@all"), "{plan}");
    let explained = world.stdout(&["plan", "--table", path(&table), "--explain", "111122223333"], 1);
    assert!(!explained.contains('\u{1b}'), "{explained}");
    let review = world.stdout(&["plan", "--table", path(&table), "--against", path(&empty)], 0);
    let line = review.lines().find(|line| line.starts_with("| + |")).unwrap();
    assert!(line.contains(r"`` group a`\|<b>\u{1b}[31m\n@all ``"), "{line}");
}

#[test]
fn what_may_not_be_listed_is_left_out_and_reported() {
    let world = Served::with_drift(PROGRAM);
    let denied = |operation: &str| Fault::on(operation, FaultKind::AccessDenied);
    world.stand_in.set_faults(vec![denied("ListGroups"), denied("ListUsers")]);
    let planned = world.run(&["plan", "--json"]).assert().code(1);
    let notes = String::from_utf8_lossy(&planned.get_output().stderr).into_owned();
    assert!(notes.contains("ListGroups") && notes.contains("ListUsers"), "{notes}");
    let plan: Value = serde_json::from_slice(&planned.get_output().stdout).unwrap();
    assert_eq!((&plan["counts"]["planned"], &plan["counts"]["unexplained"]), (&json!(7), &json!(1)));
}

#[test]
fn a_delegated_administrator_gets_the_same_plan_account_by_account() {
    let world = Served::with_drift(PROGRAM);
    let mut expected = world.json(&["plan"], 1);
    let denied = |operation: &str| Fault::on(operation, FaultKind::AccessDenied);
    world.stand_in.set_faults(vec![denied("ListAccountAssignmentsForPrincipal")]);
    let mut plan = world.json(&["plan"], 1);
    plan["readAt"] = json!(null);
    expected["readAt"] = json!(null);
    assert_eq!(plan, expected);
}

#[test]
fn an_account_that_may_not_be_read_and_receives_nothing_is_reported_and_not_an_obstacle() {
    let mut organization = Organization::sample();
    organization.accounts.retain(|account| account.id == "123456789012");
    let world = Served::with(PROGRAM, organization, std::time::Duration::from_millis(10));
    let denied = |operation: &str| Fault::on(operation, FaultKind::AccessDenied);
    world.stand_in.set_faults(vec![
        denied("ListAccountAssignmentsForPrincipal"),
        denied("ListPermissionSetsProvisionedToAccount"),
    ]);
    let planned = world.run(&["plan", "--json"]).assert().success();
    let notes = String::from_utf8_lossy(&planned.get_output().stderr).into_owned();
    assert!(notes.contains("what account 123456789012 has is not known"), "{notes}");
}

#[test]
fn what_is_missing_for_a_plan_ends_it() {
    for operation in ["ListInstances", "ListAccounts", "ListPermissionSets", "GetGroupId"] {
        let world = Served::new(PROGRAM);
        world.stand_in.set_faults(vec![Fault::on(operation, FaultKind::AccessDenied)]);
        let failed = world.run(&["plan"]).assert().code(1);
        let error = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
        assert!(error.contains(operation) && error.contains("next: "), "{operation}: {error}");
        assert!(failed.get_output().stdout.is_empty(), "{operation}");
    }
}

#[test]
fn what_a_row_gave_that_has_ended_says_so() {
    let world = Served::new(PROGRAM);
    world.put("222233334444", "Billing", "auditors");
    let table = |until: &str| {
        Served::file(&format!(
            r#"{{ "assignments": [{{ "id": "audit-2019", "permissionSet": "Billing", "group": "auditors",
                "owner": "Security", "reason": "Audit of 2019", "until": "{until}",
                "accounts": {{ "ids": ["222233334444"] }} }}] }}"#
        ))
    };
    let (past, future) = (table("2019-12-31"), table("9999-12-31"));
    let plan = |table| world.json(&["plan", "--account", "222233334444", "--table", path(table)], 0);
    let standing = plan(&future);
    assert_eq!((&standing["counts"]["present"], &standing["counts"]["unexplained"]), (&json!(1), &json!(0)));
    let ended = plan(&past);
    assert_eq!((&ended["counts"]["present"], &ended["counts"]["unexplained"]), (&json!(0), &json!(1)));
    let held = &ended["accounts"][0]["unexplained"][0];
    assert_eq!(held["ended"], json!({ "until": "2019-12-31", "row": "audit-2019" }));
    let text = world.stdout(&["plan", "--account", "222233334444", "--table", path(&past)], 0);
    assert!(text.contains("no row explains it: row audit-2019 ended on 2019-12-31"), "{text}");
    let text = world.stdout(&["plan", "--explain", "222233334444", "--table", path(&past)], 0);
    assert!(text.contains("✗ audit-2019  Billing to group auditors: ended on 2019-12-31"), "{text}");
    let checked = world.stdout(&["check", "--strict", "--table", path(&past)], 1);
    assert!(checked.contains("until: the row ended on 2019-12-31 and grants nothing"), "{checked}");
    world.run(&["check", "--strict", "--table", path(&future)]).assert().code(0);
}
