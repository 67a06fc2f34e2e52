//! `controls disable`, against the stand-in: the only way that anything is disabled.

use serde_json::{Value, json};
use stand_in::{EnablementStatus, Fault, FaultKind};

use crate::controls::{Controls, two};

/// Returns a world in which both controls of the table are enabled, and a table without the second one.
fn extra() -> (Controls, String) {
    let controls = Controls::new(two());
    controls.json(&["apply", "--yes"], 0);
    let rows = two().as_array().unwrap()[..1].to_vec();
    controls.write(&json!({ "controls": rows }).to_string());
    let arn = arn(&controls, "ek6wc2bmgzmho1kk6bn236mqt");
    (controls, arn)
}

fn arn(controls: &Controls, id: &str) -> String {
    let enabled = controls.world.stand_in.enabled_controls();
    enabled.into_iter().find(|one| one.control_id == id).unwrap().arn
}

fn enabled(controls: &Controls) -> usize {
    controls.world.stand_in.enabled_controls().len()
}

fn statuses(document: &Value) -> Vec<&str> {
    let all = document["controls"].as_array().unwrap();
    all.iter().map(|one| one["status"].as_str().unwrap()).collect()
}

#[test]
fn what_no_row_wants_is_disabled_by_its_arn_or_the_last_part_of_it_and_followed_to_its_end() {
    for is_whole in [true, false] {
        let (controls, arn) = extra();
        let plan = controls.stdout(&["plan"], 0);
        assert!(plan.contains(&arn), "the plan prints what is named here: {plan}");
        let named = if is_whole { arn.as_str() } else { arn.rsplit('/').next().unwrap() };
        let disabled = controls.json(&["disable", named, "--yes"], 0);
        assert_eq!(statuses(&disabled), ["disabled"]);
        let one = &disabled["controls"][0];
        assert_eq!((&one["control"], &one["ou"]["path"]), (&json!("CT.EC2.PV.7"), &json!("Education")));
        assert!(one["operationId"].is_string(), "{one}");
        assert_eq!((enabled(&controls), controls.world.calls("DisableControl")), (1, 1));
        controls.json(&["plan"], 0);
    }
}

#[test]
fn it_says_what_becomes_possible_again_and_needs_a_yes() {
    let (controls, arn) = extra();
    let path = controls.path();
    let table = path.to_str().unwrap();
    let run = |arguments: &[&str]| {
        let all = [&["controls", "disable"], arguments, &["--table", table]].concat();
        let done = controls.world.run(&all).output().unwrap();
        (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    let (code, said) = run(&[&arn]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("are public again") && said.contains("cannot ask"), "{said}");
    assert_eq!((enabled(&controls), controls.world.calls("DisableControl")), (2, 0));
    controls.write(r#"{ "controls": [{ "id": "s", "control": "CT.EC2.PV.7", "ous": ["Education"] }] }"#);
    let (_, said) = run(&[&self::arn(&controls, "8ui9y3oace2513xarz8aqojl7")]);
    assert!(said.contains("possible again: iam:CreateAccessKey"), "{said}");
}

#[test]
fn all_of_them_are_refused_while_a_row_wants_one_and_the_row_is_named() {
    let (controls, arn) = extra();
    let wanted = self::arn(&controls, "8ui9y3oace2513xarz8aqojl7");
    let refused = controls.json(&["disable", &arn, &wanted, "NOSUCHTHING", "--yes"], 2);
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("row root-keys of the table wants"), "{message}");
    assert!(message.contains("NOSUCHTHING: no OU has"), "{message}");
    assert_eq!((enabled(&controls), controls.world.calls("DisableControl")), (2, 0));
    // Nor on the strength of a table that is refused.
    controls.write(r#"{ "controls": [{ "id": "s", "control": "CT.EC2.PV.77", "ous": ["Education"] }] }"#);
    controls.json(&["disable", &arn, "--yes"], 2);
    assert_eq!(controls.world.calls("DisableControl"), 0);
}

#[test]
fn a_cut_reply_a_conflict_and_a_failure_are_told_by_what_is_read() {
    let (controls, arn) = extra();
    controls.world.stand_in.set_faults(vec![Fault::on("DisableControl", FaultKind::CutAfter).times(1)]);
    assert_eq!(statuses(&controls.json(&["disable", &arn, "--yes"], 0)), ["disabled"]);
    assert_eq!((enabled(&controls), controls.world.calls("DisableControl")), (1, 1), "it was not sent again");

    let (controls, arn) = extra();
    let no = "AWS Organizations denied it";
    controls.world.stand_in.set_faults(vec![
        Fault::on("DisableControl", FaultKind::FailedStatus { reason: Some(no.to_owned()) }).times(1),
    ]);
    let failed = controls.json(&["disable", &arn, "--yes"], 1);
    assert_eq!((statuses(&failed), &failed["controls"][0]["reason"]), (vec!["failed"], &json!(no)));
    assert_eq!(enabled(&controls), 2);
    // It is listed as failed, and can be disabled all the same.
    let after = controls.world.stand_in.enabled_controls();
    assert!(after.iter().any(|one| one.status == EnablementStatus::Failed));
    controls.world.stand_in.set_faults(vec![
        Fault::on("DisableControl", FaultKind::CutBefore).times(1),
        Fault::on("DisableControl", FaultKind::AccessDenied).about("nothing"),
    ]);
    assert_eq!(statuses(&controls.json(&["disable", &arn, "--yes"], 0)), ["disabled"]);
    assert_eq!(enabled(&controls), 1);
}

#[test]
fn what_the_landing_zone_needs_is_never_disabled_and_an_unreadable_catalogue_disables_nothing() {
    let (controls, arn) = extra();
    controls.world.stand_in.edit_enabled_controls(|enabled| {
        let one = enabled.values_mut().find(|one| one.arn == arn).unwrap();
        one.control = "arn:aws:controltower:eu-west-1::control/AWS-GR_CLOUDTRAIL_ENABLED".to_owned();
    });
    let refused = controls.json(&["disable", &arn, "--yes"], 2);
    assert!(refused["error"]["message"].as_str().unwrap().contains("is mandatory"), "{refused}");

    let (controls, arn) = extra();
    controls.world.stand_in.set_faults(vec![
        Fault::on("GetControl", FaultKind::AccessDenied).about("ek6wc2bmgzmho1kk6bn236mqt"),
    ]);
    let failed = controls.json(&["disable", &arn, "--yes"], 1);
    assert!(failed["error"]["message"].as_str().unwrap().contains("GetControl"), "{failed}");
    assert_eq!((enabled(&controls), controls.world.calls("DisableControl")), (2, 0));
}
