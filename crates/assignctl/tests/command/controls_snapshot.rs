//! `snapshot --controls`, and `controls plan` and `check` from it, without AWS.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use stand_in::{Fault, FaultKind, LandingZoneStatus};
use tempfile::NamedTempFile;
use world::{Served, path};

use crate::{
    PROGRAM,
    controls::{Controls, two},
};

/// Returns what a verb of `controls` prints with a snapshot and without anything of AWS.
fn offline(controls: &Controls, snapshot: &NamedTempFile, verb: &[&str]) -> (i32, String, String) {
    let table = controls.path();
    let done = Served::program(PROGRAM, &["controls"])
        .args(verb)
        .arg("--table")
        .arg(table)
        .args(["--snapshot", path(snapshot)])
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (done.status.code().unwrap(), text(&done.stdout), text(&done.stderr))
}

fn live(controls: &Controls, verb: &[&str]) -> (i32, String) {
    let table = controls.path();
    let done = controls.world.run(&["controls"]).args(verb).arg("--table").arg(table).output().unwrap();
    (done.status.code().unwrap(), String::from_utf8_lossy(&done.stdout).into_owned())
}

/// Takes out what is of the moment.
fn without_time(text: &str) -> Value {
    let mut document: Value = serde_json::from_str(text).unwrap_or_else(|_| panic!("not JSON: {text}"));
    for field in ["seconds", "readAt"] {
        document.as_object_mut().unwrap().remove(field);
    }
    document
}

/// Asserts that a plan from a snapshot is the one from AWS right after it was taken.
fn assert_same(controls: &Controls, snapshot: &NamedTempFile, verb: &[&str]) -> Value {
    let verb = [verb, &["--json"]].concat();
    let (code, now) = live(controls, &verb);
    controls.world.stand_in.forget_calls();
    let (offline_code, then, said) = offline(controls, snapshot, &verb);
    assert_eq!((code, without_time(&now)), (offline_code, without_time(&then)), "{verb:?}: {said}");
    assert!(controls.world.stand_in.calls().is_empty());
    without_time(&then)
}

fn many() -> Value {
    json!([
        { "id": "root-keys", "control": "AWS-GR_RESTRICT_ROOT_USER_ACCESS_KEYS", "ous": ["Workloads"] },
        { "id": "root", "control": "AWS-GR_RESTRICT_ROOT_USER", "ous": ["*"], "parameters": { "ExemptAssumeRoot": true } },
        { "id": "https", "control": "arn:aws:controltower:eu-west-1::control/QWERTYUIOPAS", "ous": ["Education", "Closed"],
          "exempt": [{ "principal": "arn:aws:iam::*:role/old", "until": "2999-01-31", "reason": "later" }] },
        { "id": "internet", "control": "AWS-GR_DISALLOW_VPC_INTERNET_ACCESS", "ous": ["Workloads/Offline"] },
        { "id": "hook", "control": "6dpgkjzyyt65olhsx6finiabk", "ous": ["Workloads"], "except": { "ous": ["Workloads/Offline"] } },
        { "id": "buckets", "control": "SH.S3.11", "ous": ["Education"] },
        { "id": "snapshots", "control": "CT.EC2.PV.7", "ous": ["Education"] }
    ])
}

/// Asserts that the verbs say the same. Returns the statuses of the plan.
fn assert_all_same(controls: &Controls, snapshot: &NamedTempFile, before: &str) -> BTreeSet<String> {
    let plan = assert_same(controls, snapshot, &["plan"]);
    for verb in [
        &["plan", "--ou", "Workloads"][..],
        &["plan", "--explain", "Workloads/Prod"],
        &["plan", "--against", before],
        &["plan", "--against", before, "--ou", "Education"],
    ] {
        assert_same(controls, snapshot, verb);
    }
    let (_, now) = live(controls, &["plan", "--explain", "Workloads"]);
    let (_, then, said) = offline(controls, snapshot, &["plan", "--explain", "Workloads"]);
    assert_eq!(now, then);
    assert!(said.contains("shows AWS as it was at 20") && said.contains("ago"), "{said}");
    let counts = plan["counts"].as_object().unwrap().iter();
    counts.filter(|(_, count)| **count != json!(0)).map(|(status, _)| status.clone()).collect()
}

/// Begins to apply the table, and leaves it to Control Tower when everything is sent.
fn begin(controls: &Controls) {
    let mut apply = std::process::Command::new(PROGRAM)
        .env_clear()
        .envs(controls.world.environment())
        .args(["controls", "apply", "--yes", "--table"])
        .arg(controls.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while controls.world.calls("EnableControl") < 9 && begun.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(20));
    }
    apply.kill().unwrap();
    apply.wait().unwrap();
    // The last ones end.
    std::thread::sleep(Duration::from_millis(700));
}

#[test]
fn a_plan_from_a_snapshot_is_the_one_from_aws_in_every_state() {
    let controls = Controls::new(many());
    let before = controls.directory.path().join("before.json");
    std::fs::write(&before, json!({ "controls": two() }).to_string()).unwrap();
    let before = before.to_str().unwrap();
    let asked = format!("--controls={}", controls.path().display());
    let snapshot = || controls.world.snapshot_with(&[&asked]);
    let table = json!({ "controls": many(), "waves": [{ "ous": ["Workloads/Sandbox", "Education"], "soakHours": 24 }] });

    let has = |statuses: &BTreeSet<String>, wanted: &[&str]| {
        assert!(wanted.iter().all(|one| statuses.contains(*one)), "{wanted:?}: {statuses:?}");
    };
    has(&assert_all_same(&controls, &snapshot(), before), &["planned", "inherited", "unresolved"]);
    let stand_in = &controls.world.stand_in;
    stand_in.set_faults(vec![
        Fault::on("EnableControl", FaultKind::FailedStatus { reason: Some("denied".to_owned()) })
            .about("8ui9y3oace2513xarz8aqojl7"),
        Fault::on("EnableControl", FaultKind::Stuck).about("41ngl8m5c4eb1myoz0t707n7h"),
    ]);
    begin(&controls);
    let security = "ou-ab12-11111111";
    // Nobody asked for these, a plan from AWS knows the name of none, and the last one is mandatory.
    for control in [
        "arn:aws:controltower:eu-west-1::control/AWS-GR_S3_BUCKET_PUBLIC_WRITE_PROHIBITED",
        "arn:aws:controlcatalog:::control/7tar07l5idkl1bnjxw4n7zj0l",
        "arn:aws:controlcatalog:::control/3y0z7ziftmm28vdnlzjwe9410",
    ] {
        stand_in.put_enabled_control(control, security, BTreeMap::new());
    }
    let taken = snapshot();
    has(&assert_all_same(&controls, &taken, before), &["present", "pending", "planned", "extra"]);

    controls.write(&table.to_string());
    stand_in.edit_enabled_controls(|enabled| {
        let is_root = |control: &str| control == "5kvme4m5d2b4d7if2fs5yg2ui";
        enabled.retain(|_, one| !(is_root(&one.control_id) && one.target.ends_with(security)));
        enabled.values_mut().for_each(|one| one.drifted = one.control_id == "7mo7a2h2ebsq71l8k6uzr96ou");
    });
    has(&assert_all_same(&controls, &snapshot(), before), &["waiting", "drifted"]);
    controls.write(&json!({ "controls": many() }).to_string());
    stand_in.edit(|organization| {
        let zone = &mut organization.landing_zone;
        zone.version = "3.3".to_owned();
        zone.registered = Some(vec!["ou-ab12-22222222".to_owned()]);
        let full = [("SERVICE_CONTROL_POLICY".to_owned(), 10)];
        zone.policies = [("ou-ab12-22222222".to_owned(), full.into())].into();
    });
    stand_in.edit_enabled_controls(|enabled| enabled.clear());
    has(&assert_all_same(&controls, &snapshot(), before), &["blocked", "pending"]);
    stand_in.edit(|organization| organization.landing_zone.status = LandingZoneStatus::Processing);
    assert_all_same(&controls, &snapshot(), before);
    // Of the catalogue a table of one control needs less.
    stand_in.put_enabled_control(
        "arn:aws:controlcatalog:::control/7tar07l5idkl1bnjxw4n7zj0l",
        security,
        BTreeMap::new(),
    );
    controls.write(&json!({ "controls": [many()[4].clone()] }).to_string());
    has(&assert_all_same(&controls, &snapshot(), before), &["extra"]);
}

#[test]
fn what_could_not_be_read_is_in_the_snapshot_with_its_reason() {
    let controls = Controls::new(many());
    let root = "arn:aws:controlcatalog:::control/5kvme4m5d2b4d7if2fs5yg2ui";
    controls.world.stand_in.put_enabled_control(root, "ou-ab12-55555555", BTreeMap::new());
    controls.world.stand_in.set_faults(vec![
        Fault::on("GetEnabledControl", FaultKind::AccessDenied),
        Fault::on("ListPoliciesForTarget", FaultKind::AccessDenied).about("ou-ab12-22222222"),
    ]);
    let file = NamedTempFile::new().unwrap();
    let asked = format!("--controls={}", controls.path().display());
    let done = controls.world.run(&["snapshot", &asked, "--output", path(&file)]).assert().success();
    let said = String::from_utf8_lossy(&done.get_output().stderr).into_owned();
    assert!(
        said.contains("not all that is about controls could be read") && said.contains("GetEnabledControl"),
        "{said}"
    );
    let plan = assert_same(&controls, &file, &["plan"]).to_string();
    assert!(plan.contains("GetEnabledControl") && plan.contains("ListPoliciesForTarget"), "{plan}");
}

#[test]
fn faults_of_a_table_are_those_of_a_live_plan() {
    let controls = Controls::new(two());
    let snapshot = controls.world.snapshot_with(&["--controls"]);
    for row in [
        json!({ "id": "a", "control": "CT.S3.PV.55", "ous": ["Workloads"] }),
        json!({ "id": "a", "control": "aaaaaaaaaaaaaaaaaaaaaaaaa", "ous": ["Workloads"] }),
        json!({ "id": "a", "control": "CT.MULTISERVICE.PV.1", "ous": ["Workloads"] }),
        json!({ "id": "a", "control": "CT.EC2.PV.7", "ous": ["Workloads"], "parameters": { "No": true } }),
        json!({ "id": "a", "control": "CT.S3.PV.5", "ous": ["Workloads"], "except": { "ous": ["Workloads/Prod"] } }),
        json!({ "id": "a", "control": "CT.EC2.PV.7", "ous": ["Workload"] }),
    ] {
        controls.write(&json!({ "controls": [row] }).to_string());
        assert_same(&controls, &snapshot, &["plan"]);
    }
}

#[test]
fn two_snapshots_of_one_state_differ_in_their_time_alone() {
    let controls = Controls::new(two());
    controls.json(&["apply", "--yes"], 0);
    let text = || {
        let file = controls.world.snapshot_with(&["--controls"]);
        let text = std::fs::read_to_string(file.path()).unwrap();
        let lines = text.lines().filter(|line| !line.contains("\"takenAt\""));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(text(), text());
}

#[test]
fn a_snapshot_is_taken_without_control_tower_and_says_so() {
    let controls = Controls::new(two());
    controls.world.stand_in.set_faults(vec![
        Fault::on("ListLandingZones", FaultKind::AccessDenied),
        Fault::on("GetLandingZone", FaultKind::AccessDenied),
    ]);
    // Nobody asked for controls.
    let without = controls.world.snapshot();
    let file = NamedTempFile::new().unwrap();
    let run = controls.world.run(&["snapshot", "--controls", "--output", path(&file)]).assert().code(1);
    let said = String::from_utf8_lossy(&run.get_output().stderr).into_owned();
    assert!(said.contains("what Control Tower has is not known") && said.contains("LandingZone"), "{said}");
    let version = |file: &NamedTempFile| {
        serde_json::from_slice::<Value>(&std::fs::read(file.path()).unwrap()).unwrap()["version"].clone()
    };
    assert_eq!((version(&without), version(&file)), (json!(2), json!(3)));
    for snapshot in [&without, &file] {
        Served::program(PROGRAM, &["plan", "--snapshot", path(snapshot)]).assert().code(1);
    }
    let (code, _, said) = offline(&controls, &without, &["plan"]);
    assert!(code == 2 && said.contains("assignctl snapshot --controls"), "{said}");
    let (code, _, said) = offline(&controls, &file, &["plan"]);
    assert!(code == 2 && said.contains("LandingZone") && said.contains("--controls"), "{said}");
}

#[test]
fn a_damaged_snapshot_is_one_error() {
    let controls = Controls::new(two());
    let good = controls.world.snapshot_with(&["--controls"]);
    let good = std::fs::read_to_string(good.path()).unwrap();
    let cases = [
        (good[..good.len() / 2].to_owned(), "not a snapshot"),
        (good.replacen("\"version\": 3", "\"version\": 4", 1), "version 4"),
        (good.replacen("\"version\": 3", "\"version\": 2", 1), "version 3 has controls"),
        (good.replacen("\"underWay\"", "\"underway\"", 1), "underway"),
        (good.replacen("\"root\": \"r-ab12\"", "\"root\": \"r-cd34\"", 1), "do not lead to the root"),
        ("{}".to_owned(), "no version"),
    ];
    for (text, expected) in cases {
        assert_ne!(text, good, "{expected}");
        let (code, out, said) = offline(&controls, &Served::file(&text), &["plan"]);
        assert_eq!((code, out.as_str()), (2, ""), "{said}");
        assert!(said.contains(expected) && said.contains("next"), "{expected}: {said}");
    }
}

#[test]
fn names_that_no_list_has_are_asked_for_if_a_table_is_given() {
    let write = "AWS-GR_S3_BUCKET_PUBLIC_WRITE_PROHIBITED";
    let controls = Controls::new(json!([
        { "id": "write", "control": write, "ous": ["Education"] },
        { "id": "https", "control": "arn:aws:controltower:eu-west-1::control/QWERTYUIOPAS", "ous": ["Education"] }
    ]));
    let snapshot = controls.world.snapshot_with(&["--controls"]);
    let (code, _, said) = offline(&controls, &snapshot, &["plan"]);
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains(write) && said.contains("QWERTYUIOPAS") && said.contains("--controls=TABLE"),
        "{said}"
    );
    let asked = format!("--controls={}", controls.path().display());
    let snapshot = controls.world.snapshot_with(&[&asked]);
    assert_same(&controls, &snapshot, &["plan"]);
}

#[test]
fn a_check_with_a_snapshot_knows_the_catalogue_and_the_ous() {
    let controls = Controls::new(json!([
        { "id": "a", "control": "CT.EC2.PV.7", "ous": ["Workload"] },
        { "id": "b", "control": "CT.EC2.PV.11", "ous": ["Workloads"] }
    ]));
    let snapshot = controls.world.snapshot_with(&["--controls"]);
    let checked = |arguments: &[&str]| {
        let (code, out, _) = offline(&controls, &snapshot, &[&["check", "--json"], arguments].concat());
        (code, serde_json::from_str::<Value>(&out).unwrap())
    };
    let (code, found) = checked(&[]);
    let doubt = &found["warnings"][0];
    assert_eq!((code, &doubt["kind"], &doubt["field"]), (0, &json!("unknown"), &json!("ous[0]")), "{found}");
    assert!(doubt["remedy"].as_str().unwrap().contains("did you mean Workloads?"), "{found}");
    assert_eq!(checked(&["--strict"]).0, 1);
    controls.write(r#"{ "controls": [{ "id": "a", "control": "CT.EC2.PV.71", "ous": ["Workloads"] }] }"#);
    let (code, found) = checked(&[]);
    assert_eq!((code, &found["sound"], &found["counts"]["faults"]), (2, &json!(false), &json!(1)), "{found}");
    assert!(found["faults"][0]["remedy"].as_str().unwrap().contains("CT.EC2.PV.7"), "{found}");
    controls.json(&["check"], 0);
}
