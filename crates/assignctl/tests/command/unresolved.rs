//! What the table names and the organization does not have: alike in plan, report, `check --snapshot` and from a snapshot.

use serde_json::{Value, json};
use stand_in::{Fault, FaultKind};
use world::{CLASS_7, Served, path, table_of};

use crate::PROGRAM;

/// A deleted group, a deleted user, a deleted permission set, an OU for which a row is meant, and an excepted OU.
fn rows() -> Value {
    let gone = "11111111-2222-3333-4444-555555555555";
    json!([
        { "id": "group", "permissionSet": "ReadOnlyAccess", "group": gone },
        { "id": "user", "permissionSet": "ReadOnlyAccess", "user": gone },
        { "id": "set", "group": "auditors",
          "permissionSet": "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-0000000000000000" },
        { "id": "place", "permissionSet": "Billing", "group": "auditors", "accounts": { "ous": ["Workloads/Prdo"] } },
        { "id": "except", "permissionSet": "SupportUser", "group": "auditors",
          "accounts": { "except": { "ous": ["Security", "ou-ab12-00000000"] } } },
        { "id": "good", "permissionSet": "ReadOnlyAccess", "group": "auditors",
          "accounts": { "except": { "ous": ["Workloads/Sandbox"] } } },
    ])
}

const REASONS: [(&str, &str); 5] = [
    ("group", "no group has the id 11111111-2222-3333-4444-555555555555"),
    ("user", "no user has the id 11111111-2222-3333-4444-555555555555"),
    (
        "set",
        "no permission set has the ARN arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-0000000000000000",
    ),
    ("except", "row except, accounts.except.ous: the organization has no OU ou-ab12-00000000"),
    (
        "place",
        "row place, accounts.ous[0]: the organization has no OU Workloads/Prdo; did you mean Workloads/Prod?",
    ),
];

#[test]
fn what_does_not_exist_is_unresolved_in_plan_and_report_from_aws_and_from_a_snapshot() {
    let world = Served::new(PROGRAM);
    let table = Served::file(&table_of(rows()).to_string());
    let snapshot = world.snapshot();
    let page = tempfile::NamedTempFile::new().unwrap();
    let from = ["--snapshot", path(&snapshot)];
    for source in [&[][..], &from] {
        let with = |verb: &'static str, more: &[&'static str]| -> Vec<String> {
            let all = [verb, "--table", path(&table)].into_iter().chain(source.iter().copied());
            all.chain(more.iter().copied()).map(str::to_owned).collect()
        };
        let plan: Vec<String> = with("plan", &[]);
        let plan = world.json(&plan.iter().map(String::as_str).collect::<Vec<_>>(), 1);
        assert_eq!(plan["outcome"], "incomplete");
        let account = plan["accounts"].as_array().unwrap().iter().find(|one| one["id"] == CLASS_7).unwrap();
        let grants = account["grants"].as_array().unwrap();
        for (row, reason) in &REASONS[..4] {
            let grant = grants.iter().find(|grant| grant["rules"] == json!([row])).unwrap();
            assert_eq!((&grant["status"], &grant["reason"]), (&json!("unresolved"), &json!(reason)));
        }
        let good = grants.iter().find(|grant| grant["rules"] == json!(["good"])).unwrap();
        assert_eq!(good["status"], "planned", "the OU exists, although nobody active is in it");
        let named: Vec<&str> =
            plan["unresolved"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
        assert_eq!(named.len(), 2, "{named:?}");
        assert!(named.contains(&REASONS[4].1), "{named:?}");
        assert!(named.iter().any(|one| one.starts_with("row except, accounts.except.ous[1]: ")), "{named:?}");

        let mut report: Vec<String> = with("report", &["--html"]);
        report.push(path(&page).to_owned());
        world.run(&report.iter().map(String::as_str).collect::<Vec<_>>()).assert().success();
        let text = std::fs::read_to_string(page.path()).unwrap();
        assert!(
            text.contains("has no OU Workloads/Prdo") && text.contains("no group has the id"),
            "{source:?}"
        );
    }
    let text = world.stdout(&["plan", "--table", path(&table)], 1);
    assert!(
        text.contains("? row place, accounts.ous[0]: the organization has no OU Workloads/Prdo"),
        "{text}"
    );
}

#[test]
fn check_with_a_snapshot_says_the_same() {
    let world = Served::new(PROGRAM);
    let (snapshot, table) = (world.snapshot(), Served::file(&table_of(rows()).to_string()));
    let checked = world.json(&["check", "--snapshot", path(&snapshot), "--table", path(&table)], 0);
    let warnings = checked["warnings"].as_array().unwrap();
    let unknown = warnings.iter().filter(|one| one["kind"] == "unknown");
    let found: Vec<String> =
        unknown.map(|one| format!("{} {}", one["id"], one["field"]).replace('"', "")).collect();
    assert_eq!(
        found,
        [
            "group group",
            "user user",
            "set permissionSet",
            "place accounts.ous[0]",
            "except accounts.except.ous[1]"
        ]
    );
    for (row, reason) in REASONS {
        let reason =
            reason.rsplit_once("]: ").or(reason.rsplit_once("ous: ")).map_or(reason, |(_, reason)| reason);
        let said = warnings.iter().any(|one| one["id"] == row && one["problem"] == reason);
        assert!(said, "{row}: {reason} is not in {warnings:?}");
    }
}

#[test]
fn a_snapshot_of_an_earlier_version_says_nothing_of_what_it_does_not_know() {
    let world = Served::new(PROGRAM);
    let file = world.snapshot();
    let mut snapshot: Value = serde_json::from_str(&std::fs::read_to_string(file.path()).unwrap()).unwrap();
    let units = world.stand_in.organization().organizational_units.len();
    assert_eq!(snapshot["organizationalUnits"].as_array().unwrap().len(), units);
    for field in ["organizationalUnits", "unlisted"] {
        snapshot.as_object_mut().unwrap().remove(field);
    }
    let earlier = Served::file(&snapshot.to_string());
    let table = Served::file(&table_of(rows()).to_string());
    let plan = world.json(&["plan", "--snapshot", path(&earlier), "--table", path(&table)], 1);
    assert_eq!(plan["unresolved"], Value::Null);
    let checked = world.json(&["check", "--snapshot", path(&earlier), "--table", path(&table)], 0);
    let problems: Vec<&Value> =
        checked["warnings"].as_array().unwrap().iter().map(|one| &one["problem"]).collect();
    assert!(problems.contains(&&json!("no active account is in Workloads/Prdo or below it")), "{problems:?}");
}

#[test]
fn what_was_probably_meant_is_asked_of_aws_too() {
    let world = Served::new(PROGRAM);
    // arguments, exit code, what is asked
    let cases: &[(&[&str], i32, &str)] = &[
        (&["plan", "--account", "111122223334"], 1, "next: did you mean 111122223333 (class-7)? "),
        (&["apply", "--account", "444455556665", "--yes"], 1, "next: did you mean 444455556666 (payments)? "),
        (&["snapshot", "--account", "111122223334"], 1, "next: did you mean 111122223333 (class-7)? "),
        (&["plan", "--ou", "Workload/Prod"], 2, "next: did you mean Workloads? "),
        (&["plan", "--ou", "Workloads/Prd"], 2, "next: did you mean Workloads/Prod? "),
        // An OU without accounts is no mistake in its name.
        (&["plan", "--ou", "Workloads/Offlin"], 2, "next: did you mean Workloads/Offline? "),
        (&["plan", "--ou", "Workloads/Offline"], 2, "next: give the path"),
        (&["plan", "--account", "999999999999"], 1, "next: see"),
    ];
    for (arguments, code, next) in cases {
        let failed = world.run(arguments).assert().code(*code);
        let error = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
        assert!(error.contains(next), "{arguments:?}: {error}");
    }
    // Where that cannot be read, the failure is the same without it.
    world.stand_in.set_faults(vec![Fault::on("ListAccounts", FaultKind::AccessDenied)]);
    let failed = world.run(&["plan", "--account", "111122223334"]).assert().code(1);
    let error = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
    assert!(error.contains("next: see") && error.contains("is not in the organization"), "{error}");
}
