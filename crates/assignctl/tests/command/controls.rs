//! `controls check`, `plan`, `apply` and `drift`, against the stand-in.

use std::{path::PathBuf, process::Stdio, time::Duration};

use serde_json::{Value, json};
use stand_in::{Fault, FaultKind};
use tempfile::TempDir;
use world::Served;

use crate::PROGRAM;

/// A world, and a table of controls.
pub struct Controls {
    pub world: Served,
    pub directory: TempDir,
}

impl Controls {
    pub fn new(rows: Value) -> Controls {
        let controls = Controls { world: Served::new(PROGRAM), directory: tempfile::tempdir().unwrap() };
        controls.write(&json!({ "controls": rows }).to_string());
        controls
    }

    pub fn path(&self) -> PathBuf {
        self.directory.path().join("controls.json")
    }

    pub fn write(&self, text: &str) {
        std::fs::write(self.path(), text).unwrap();
    }

    fn arguments<'a>(verb: &'a [&'a str], table: &'a str) -> Vec<&'a str> {
        ["controls"].into_iter().chain(verb.iter().copied()).chain(["--table", table]).collect()
    }

    pub fn json(&self, verb: &[&str], code: i32) -> Value {
        let path = self.path();
        self.world.json(&Controls::arguments(verb, path.to_str().unwrap()), code)
    }

    pub fn stdout(&self, verb: &[&str], code: i32) -> String {
        let path = self.path();
        self.world.stdout(&Controls::arguments(verb, path.to_str().unwrap()), code)
    }

    /// Returns how many writes Control Tower got.
    pub fn writes(&self) -> u64 {
        ["EnableControl", "UpdateEnabledControl", "ResetEnabledControl", "DisableControl"]
            .map(|operation| self.world.calls(operation))
            .iter()
            .sum()
    }
}

pub fn two() -> Value {
    json!([
        { "id": "root-keys", "control": "AWS-GR_RESTRICT_ROOT_USER_ACCESS_KEYS", "ous": ["Workloads"] },
        { "id": "snapshots", "control": "CT.EC2.PV.7", "ous": ["Education"] }
    ])
}

/// Returns the statuses of the OUs, by path and control.
pub fn statuses(report: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for unit in report["ous"].as_array().unwrap() {
        for control in unit["controls"].as_array().unwrap() {
            let [path, name, status] = [&unit["path"], &control["control"]["name"], &control["status"]]
                .map(|value| value.as_str().unwrap().to_owned());
            found.push(format!("{path} {name} {status}"));
        }
    }
    found
}

#[test]
fn what_the_plan_shows_is_made_true_once_and_nothing_is_disabled() {
    let controls = Controls::new(two());
    let plan = controls.json(&["plan"], 1);
    assert_eq!((&plan["outcome"], &plan["counts"]["planned"]), (&json!("planned"), &json!(2)));
    let text = controls.stdout(&["plan", "--ou", "Education"], 1);
    assert!(text.contains("planned: enable") && text.contains("CT.EC2.PV.7 (snapshots)"), "{text}");
    assert!(!text.contains("root-keys"), "only the OU that was asked for: {text}");
    controls.json(&["drift"], 1);
    assert_eq!(controls.writes(), 0);

    let applied = controls.json(&["apply", "--yes"], 0);
    assert_eq!(applied["outcome"], json!("ready"));
    assert_eq!(controls.world.calls("EnableControl"), 2);
    let again = controls.json(&["apply", "--yes"], 0);
    let mut seen = statuses(&again);
    seen.retain(|line| line.ends_with("present"));
    assert_eq!(seen.len(), 2, "{again}");
    controls.json(&["plan"], 0);
    controls.json(&["drift"], 0);
    let text = controls.stdout(&["plan", "--explain", "Workloads/Prod"], 0);
    assert!(text.contains("inherited") && text.contains("from Workloads"), "{text}");
    assert_eq!((controls.writes(), controls.world.calls("DisableControl")), (2, 0));
}

#[test]
fn what_somebody_disabled_by_hand_is_drift_and_what_no_row_wants_is_not() {
    let controls = Controls::new(two());
    controls.json(&["apply", "--yes"], 0);
    controls.world.stand_in.edit_enabled_controls(|enabled| {
        enabled.retain(|_, one| one.control_id != "ek6wc2bmgzmho1kk6bn236mqt");
    });
    let drift = controls.json(&["drift"], 1);
    assert!(statuses(&drift).iter().any(|line| line.starts_with("Education CT.EC2.PV.7 ")), "{drift}");
    controls.write(
        &json!({ "controls": [{ "id": "root-keys", "control": "AWS-GR_RESTRICT_ROOT_USER_ACCESS_KEYS",
            "ous": ["Workloads"] }] })
        .to_string(),
    );
    controls.json(&["drift"], 0);
}

#[test]
fn nothing_is_sent_without_a_yes_for_a_bad_table_or_for_an_ou_that_does_not_exist() {
    let controls = Controls::new(two());
    let path = controls.path();
    let path = path.to_str().unwrap();
    let asked = controls.world.run(&["controls", "apply", "--table", path]).assert().code(2);
    let said = String::from_utf8_lossy(&asked.get_output().stderr).into_owned();
    assert!(said.contains("cannot ask"), "{said}");
    let missing = controls.json(&["apply", "--yes", "--ou", "Workload"], 2);
    assert!(missing["error"]["message"].as_str().unwrap().contains("no OU Workload"), "{missing}");
    controls.write(r#"{ "controls": [{ "id": "A", "control": "CT.S3.PV.5", "ous": ["r-ab12"] }] }"#);
    for verb in [&["check"][..], &["plan"], &["apply", "--yes"], &["drift"]] {
        controls.json(verb, 2);
    }
    let checked = controls.json(&["check"], 2);
    assert_eq!(checked["counts"]["faults"], json!(2), "{checked}");
    assert_eq!(controls.writes(), 0);
}

#[test]
fn a_table_comes_from_standard_input_too() {
    let controls = Controls::new(two());
    let text = json!({ "controls": two() }).to_string();
    let run = |text: &str, code| {
        let run = controls.world.run(&["controls", "plan", "--table", "-", "--json"]).stdin(text.to_owned());
        let done = run.assert().code(code);
        serde_json::from_slice::<Value>(&done.get_output().stdout).unwrap()
    };
    assert_eq!(run(&text, 1)["counts"]["planned"], json!(2));
    let refused = run(r#"{ "controls": [{}] }"#, 2);
    assert_eq!(refused["error"]["type"], json!("InvalidTable"), "{refused}");
}

#[test]
fn a_doubt_fails_only_if_that_is_asked_for() {
    let mut rows = two();
    rows[0]["exempt"] =
        json!([{ "principal": "arn:aws:iam::*:role/legacy", "until": "2020-01-31", "reason": "moved" }]);
    let controls = Controls::new(rows);
    let checked = controls.json(&["check"], 0);
    assert_eq!(checked["warnings"][0]["kind"], json!("past-exemption"), "{checked}");
    controls.json(&["check", "--strict"], 1);
}

#[test]
fn a_control_that_always_fails_is_tried_once_a_run_and_keeps_nothing_else_waiting() {
    let controls = Controls::new(two());
    let reason = "AWS Organizations denied it".to_owned();
    controls.world.stand_in.set_faults(vec![
        Fault::on("EnableControl", FaultKind::FailedStatus { reason: Some(reason.clone()) })
            .about("8ui9y3oace2513xarz8aqojl7"),
    ]);
    let applied = controls.json(&["apply", "--yes"], 1);
    let text = applied.to_string();
    assert!(text.contains(&reason), "{text}");
    assert!(statuses(&applied).iter().any(|line| line.starts_with("Education CT.EC2.PV.7 ")), "{text}");
    assert_eq!(controls.world.calls("EnableControl"), 2, "one for each");
    // A person who runs it again wants it to be tried again: it is listed, so its parameters are set anew.
    controls.json(&["apply", "--yes"], 0);
    assert_eq!(controls.writes(), 3);
}

#[test]
fn a_statement_that_was_taken_out_of_a_policy_is_drift_and_one_that_cannot_be_read_is_said() {
    let rows = json!([
        { "id": "root-keys", "control": "AWS-GR_RESTRICT_ROOT_USER_ACCESS_KEYS", "ous": ["Workloads", "Education"] },
        { "id": "root", "control": "AWS-GR_RESTRICT_ROOT_USER", "ous": ["Workloads"] }
    ]);
    let controls = Controls::new(rows);
    controls.json(&["apply", "--yes"], 0);
    controls.json(&["drift"], 0);
    // One list an OU, and each of the two policies once.
    let read = |operation: &str| controls.world.calls(operation);
    let (lists, texts) = (read("ListPoliciesForTarget"), read("DescribePolicy"));
    controls.json(&["drift"], 0);
    assert_eq!((read("ListPoliciesForTarget") - lists, read("DescribePolicy") - texts), (2, 2));

    controls.world.stand_in.edit_enabled_controls(|enabled| {
        for one in enabled.values_mut() {
            one.drifted = one.control_id == "5kvme4m5d2b4d7if2fs5yg2ui";
        }
    });
    let drift = controls.json(&["drift"], 1);
    let drifted: Vec<String> =
        statuses(&drift).into_iter().filter(|line| line.ends_with("drifted")).collect();
    assert_eq!(drifted, ["Workloads AWS-GR_RESTRICT_ROOT_USER drifted"], "{drift}");
    let text = controls.stdout(&["drift"], 1);
    assert!(text.contains("GRRESTRICTROOTUSER") && text.contains("register the OU again"), "{text}");
    controls.json(&["plan"], 0);

    // A delegated administrator may not read them.
    controls.world.stand_in.set_faults(vec![
        Fault::on("ListPoliciesForTarget", FaultKind::AccessDenied).about("ou-ab12-22222222"),
    ]);
    let unread = controls.json(&["drift"], 1);
    let failed: Vec<String> = statuses(&unread).into_iter().filter(|line| line.ends_with("failed")).collect();
    assert_eq!(failed.len(), 2, "those of the other OU are read: {unread}");
    assert!(unread.to_string().contains("ListPoliciesForTarget"), "{unread}");
    assert_eq!(controls.world.calls("DisableControl"), 0);
}

#[test]
fn an_ou_does_not_wait_for_operations_of_others() {
    let controls = Controls::new(two());
    controls
        .world
        .stand_in
        .set_faults(vec![Fault::on("EnableControl", FaultKind::Stuck).about("ek6wc2bmgzmho1kk6bn236mqt")]);
    let path = controls.path();
    let mut other = std::process::Command::new(PROGRAM)
        .env_clear()
        .envs(controls.world.environment())
        .args(["controls", "apply", "--yes", "--ou", "Education", "--table"])
        .arg(&path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while controls.world.calls("EnableControl") == 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    other.kill().unwrap();
    other.wait().unwrap();
    let applied = controls.json(&["apply", "--yes", "--ou", "Workloads"], 0);
    assert_eq!((&applied["outcome"], &applied["counts"]["pending"]), (&json!("ready"), &json!(0)));
}

#[test]
fn the_difference_of_two_tables_names_what_ous_gain_lose_and_keep() {
    let controls = Controls::new(two());
    controls.json(&["apply", "--yes"], 0);
    let before = controls.directory.path().join("before.json");
    std::fs::copy(controls.path(), &before).unwrap();
    let before = before.to_str().unwrap();
    let same = controls.json(&["plan", "--against", before], 0);
    for part in ["added", "removed", "updated", "explainedByOthers"] {
        assert_eq!(same[part], json!([]), "{part}");
    }
    controls.write(
        &json!({ "controls": [
            { "id": "keys", "control": "AWS-GR_RESTRICT_ROOT_USER_ACCESS_KEYS", "ous": ["Workloads"] },
            { "id": "https", "control": "CT.S3.PV.5", "ous": ["Workloads"],
              "parameters": { "ExemptedPrincipalArns": ["arn:aws:iam::*:role/a|b"] } },
            { "id": "lost", "control": "CT.EC2.PV.8", "ous": ["Closed"] }
        ] })
        .to_string(),
    );
    let difference = controls.json(&["plan", "--against", before], 0);
    let one = |part: &str| {
        let changes = difference[part].as_array().unwrap();
        assert_eq!(changes.len(), 1, "{part}: {difference}");
        changes[0].clone()
    };
    let added = one("added");
    assert_eq!((&added["control"], &added["ous"]), (&json!("CT.S3.PV.5"), &json!(["Workloads"])));
    let below = json!(["Workloads/Offline", "Workloads/Prod", "Workloads/Sandbox"]);
    assert_eq!((&added["inheritedBy"], &added["present"]), (&below, &json!(0)));
    let removed = one("removed");
    assert_eq!((&removed["control"], &removed["present"]), (&json!("CT.EC2.PV.7"), &json!(1)));
    let others = one("explainedByOthers");
    assert_eq!((&others["rules"], &others["rulesBefore"]), (&json!(["keys"]), &json!(["root-keys"])));
    assert!(difference["notes"].to_string().contains("row lost names the OU Closed"), "{difference}");

    let text = controls.stdout(&["plan", "--against", before], 0);
    for part in [
        "**+1 control on 1 OU and 3 below**, **−1 control on 1 OU",
        "1 to enable",
        "**1 stay** until `controls disable`",
        r"role/a\|b",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let some = controls.json(&["plan", "--against", before, "--ou", "Education"], 0);
    assert_eq!((&some["added"], some["removed"].as_array().unwrap().len()), (&json!([]), 1));
    // What an OU inherits changes above it.
    let some = controls.json(&["plan", "--against", before, "--ou", "Workloads/Prod"], 0);
    let added = &some["added"][0];
    assert_eq!((&added["ous"], &added["inheritedBy"]), (&json!(["Workloads"]), &json!(["Workloads/Prod"])));
    assert_eq!(some["removed"], json!([]), "{some}");
    std::fs::write(
        before,
        r#"{ "controls": [{ "id": "a", "control": "CT.NO.PV.1", "ous": ["Workloads"] }] }"#,
    )
    .unwrap();
    let refused = controls.json(&["plan", "--against", before], 2);
    assert!(refused["error"]["message"].as_str().unwrap().contains("before.json"), "{refused}");
    assert_eq!(controls.world.calls("EnableControl"), 2);
}

#[test]
fn a_difference_counts_each_control_and_ou_once_and_shows_both_parameters() {
    let row = |id: &str, control: &str, ou: &str| json!({ "id": id, "control": control, "ous": [ou] });
    let mut https = row("https", "CT.S3.PV.5", "Education");
    https["parameters"] = json!({ "ExemptedPrincipalArns": ["arn:aws:iam::*:role/old"] });
    let controls = Controls::new(json!([https]));
    let before = controls.directory.path().join("before.json");
    std::fs::copy(controls.path(), &before).unwrap();
    https["parameters"] = json!({ "ExemptedPrincipalArns": ["arn:aws:iam::*:role/new"] });
    let rows = [
        https,
        row("one", "CT.EC2.PV.7", "Workloads"),
        row("other", "CT.EC2.PV.7", "Education"),
        row("more", "CT.EC2.PV.11", "Workloads"),
    ];
    controls.write(&json!({ "controls": rows }).to_string());
    let against = ["plan", "--against", before.to_str().unwrap()];
    let text = controls.stdout(&against, 0);
    assert!(
        text.contains("**+2 controls on 2 OUs and "),
        "three lines, of which two are of one control: {text}"
    );
    assert!(text.contains("**~1 control on 1 OU"), "{text}");
    let (new, old) = (text.find("role/new"), text.find("role/old"));
    assert!(new.is_some() && new < old && text.contains("` instead of `"), "{text}");
    let updated = &controls.json(&against, 0)["updated"][0];
    let of = |name: &str| updated[name]["ExemptedPrincipalArns"][0].clone();
    assert_eq!(
        (of("parametersBefore"), of("parameters")),
        (json!("arn:aws:iam::*:role/old"), json!("arn:aws:iam::*:role/new"))
    );
    assert_eq!(controls.writes(), 0);
}

#[test]
fn standard_input_is_one_table_and_not_two() {
    let controls = Controls::new(two());
    let run = controls.world.run(&["controls", "plan", "--table", "-", "--against", "-"]);
    let refused = run.stdin("{}").assert().code(2);
    let said = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(said.contains("standard input cannot be both tables") && said.contains("--against"), "{said}");
}
