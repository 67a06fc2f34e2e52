use time::macros::datetime;

use super::*;
use crate::controls::{
    catalogue::Control,
    facts::{Drift, Enablement, OperationKind, OperationStatus},
    plan::{Quotas, Verdict},
};

const RULES: Rules = Rules {
    repair: false,
    retry_now: false,
    quotas: Quotas { service_control_policies: 10, resource_control_policies: 5, declarative_policies: 10 },
    reads_policies: false,
};

const SCP: &str = PREVENTIVE[0];

/// Returns a picture with something of everything.
fn picture() -> Picture {
    let mut catalogue = Catalogue::default();
    catalogue.add(Control::of("CT.EC2.PV.2", SCP, &["ExemptedPrincipalArns"]), &[]);
    catalogue.add(Control::of("CT.EC2.PV.1", SCP, &["ExemptedPrincipalArns"]), &["ABCDEFGHIJKL"]);
    catalogue.add(Control { parameters: None, ..Control::of("CT.EC2.PV.3", SCP, &[]) }, &[]);
    catalogue.add(Control::of("SH.S3.1", "AWS::SecurityHub::SecurityControl", &[]), &[]);
    catalogue.exclude("a", "b");
    catalogue.lacks("CT.EC2.PV.9");
    let tree = Tree::of(&["W", "W/P", "E"]);
    let zone = LandingZone {
        version: Version(3, 3),
        is_processing: false,
        security_unit: Some(tree.units()[0].id.clone()),
    };
    let now = datetime!(2026-11-01 12:00 UTC);
    let mut facts = Facts::new(now, zone);
    let (control, target) = (catalogue.find("CT.EC2.PV.1").unwrap().arn.clone(), tree.units()[1].arn.clone());
    let operation = Operation {
        id: "op".into(),
        kind: OperationKind::Enable,
        status: OperationStatus::Succeeded,
        message: None,
        started: Some(now),
        ended: None,
        control: control.clone(),
        target: target.clone(),
    };
    facts.enabled.push(Enabled {
        arn: "arn:enabledcontrol/A".into(),
        control,
        target,
        status: Enablement::Succeeded,
        last_operation: Some("op".into()),
        drift: Drift::None,
    });
    facts.fates.insert("op".into(), Fate::Known(operation.clone()));
    facts.fates.insert("old".into(), Fate::Forgotten);
    facts.under_way.push(Operation {
        status: OperationStatus::InProgress,
        kind: OperationKind::Other,
        target: "arn:of/another".into(),
        ..operation.clone()
    });
    facts.failed.push(operation);
    facts.parameters.insert(("arn:enabledcontrol/A".into(), Some("op".into())), Parameters::default());
    facts.registered.insert("ou-1".into(), true);
    let attached = Attached { count: 2, has_control_towers: true };
    facts.attached.insert(("ou-1".into(), Mechanism::ServiceControlPolicy), attached);
    facts.unread.insert(Need::Parameters("x".into(), None), "denied".into());
    facts.unread.insert(Need::Attached("ou-2".into(), Mechanism::DeclarativePolicy), "denied".into());
    facts.unread_units.insert("ou-2".into(), "denied".into());
    let member = |id: &str| Member { id: id.into(), name: "n".into(), unit: "ou-1".into() };
    Picture { tree, catalogue, facts, accounts: Some(vec![member("1"), member("2")]) }
}

fn text(picture: &Picture) -> String {
    serde_json::to_string(&Part::Read(Box::new(Snapshot::new(picture, vec!["a note".into()])))).unwrap()
}

fn read(text: &str) -> Snapshot {
    match serde_json::from_str(text).unwrap() {
        Part::Read(snapshot) => *snapshot,
        Part::Unread(reason) => panic!("{reason}"),
    }
}

fn table(rows: &str) -> Table {
    crate::table::parse(format!(r#"{{ "controls": [{rows}] }}"#).as_bytes()).unwrap()
}

fn row(id: &str, control: &str) -> String {
    format!(r#"{{ "id": "{id}", "control": "{control}", "ous": ["W", "E"] }}"#)
}

#[test]
fn what_is_written_is_read_again_and_written_alike() {
    let picture = picture();
    let text = text(&picture);
    let snapshot = read(&text);
    assert_eq!((snapshot.notes(), snapshot.counts()), (&["a note".to_owned()][..], (3, 1)));
    assert_eq!(snapshot.unread(), BTreeSet::from(["denied"]));
    let again = snapshot.whole().unwrap();
    assert_eq!(format!("{:?}", again.facts), format!("{:?}", picture.facts));
    assert_eq!((&again.tree, &again.accounts), (&picture.tree, &picture.accounts));
    for name in ["CT.EC2.PV.1", "CT.EC2.PV.2", "abcdefghijkl", "SH.S3.1"] {
        assert_eq!(again.catalogue.find(name), picture.catalogue.find(name), "{name}");
    }
    assert_eq!(again.catalogue.is_unknown("CT.EC2.PV.9"), picture.catalogue.is_unknown("CT.EC2.PV.9"));
    assert_eq!(self::text(&again), text);
}

#[test]
fn the_order_in_which_things_were_read_is_not_in_the_file() {
    let picture = picture();
    let mut other = picture.clone();
    let mut controls = picture.catalogue.controls().to_vec();
    controls.reverse();
    other.catalogue = Catalogue::with(controls);
    other.catalogue.add(picture.catalogue.find("CT.EC2.PV.1").unwrap().clone(), &["ABCDEFGHIJKL"]);
    other.catalogue.exclude("b", "a");
    other.catalogue.lacks("CT.EC2.PV.9");
    other.accounts.as_mut().unwrap().reverse();
    assert_eq!(text(&other), text(&picture));
}

#[test]
fn what_does_not_hold_together_or_has_a_field_too_many_is_refused() {
    let good = text(&picture());
    for (from, to) in [
        (r#""takenAt":"2026-11-01T12:00:00Z""#, r#""takenAt":"yesterday""#),
        // Nothing may be added to such a moment.
        (r#""takenAt":"2026-11-01T12:00:00Z""#, r#""takenAt":"9999-12-31T23:59:59Z""#),
        (r#""isProcessing":false"#, r#""isProcessing":false,"more":1"#),
        (r#""kind":"other""#, r#""kind":"another""#),
        (r#""accounts":"#, r#""acounts":"#),
        (r#"{"read":"#, r#"{"written":"#),
    ] {
        assert!(good.contains(from), "{from}: {good}");
        let bad = good.replacen(from, to, 1);
        assert!(serde_json::from_str::<Part>(&bad).is_err(), "{to}");
    }
    for (from, to, said) in [
        (r#""root":"r-ab12""#, r#""root":"r-cd34""#, "do not lead to the root"),
        (r#""ABCDEFGHIJKL":""#, r#""ABCDEFGHIJKL":"x"#, "leads to no control"),
    ] {
        assert!(good.contains(from), "{from}: {good}");
        let damaged = read(&good.replacen(from, to, 1)).picture(&[], RULES);
        assert!(matches!(&damaged, Err(Problem::Damaged(text)) if text.contains(said)), "{damaged:?}");
    }
}

#[test]
fn a_file_cannot_make_a_tree_deeper_than_any_organization() {
    let unit = |id: usize, parent: usize| Unit {
        id: format!("ou-{id}"),
        arn: String::new(),
        name: "n".into(),
        parent: if parent == 0 { "r-ab12".into() } else { format!("ou-{parent}") },
    };
    let chain = |depth: usize| (1..=depth).map(|id| unit(id, id - 1)).collect::<Vec<Unit>>();
    let cases = [
        (chain(0), true),
        (chain(5), true),
        (chain(10), true),
        (chain(11), false),
        (chain(100_000), false),
        (vec![unit(1, 2), unit(2, 1)], false),
        (vec![unit(1, 0), unit(1, 0)], false),
    ];
    for (units, expected) in cases {
        assert_eq!(is_tree("r-ab12", &units), expected, "{} OUs", units.len());
    }
}

#[test]
fn what_a_snapshot_does_not_have_is_said_of_what_depends_on_it() {
    let table = table(&row("a", "CT.EC2.PV.1"));
    let picture = read(&text(&picture())).picture(&[&table], RULES).unwrap();
    let (_, plan) = picture.decide(&table, RULES).unwrap();
    assert!(plan.needs.is_empty());
    let verdicts: Vec<&Verdict> = plan.items.iter().map(|item| &item.verdict).collect();
    // The OU that has the control is first in the file, and the other one's registration was not read.
    assert!(matches!(verdicts[1], Verdict::Present { .. }), "{verdicts:?}");
    assert!(
        matches!(verdicts[0], Verdict::Failed { message, .. } if message.contains("the snapshot does not have it")),
        "{verdicts:?}"
    );
}

#[test]
fn a_plan_knows_of_the_catalogue_what_it_would_have_read() {
    let known = |rows: &str| {
        let table = table(rows);
        let picture = read(&text(&picture())).picture(&[&table], RULES).unwrap();
        let mut names: Vec<String> =
            picture.catalogue.controls().iter().map(|control| control.name().to_owned()).collect();
        names.sort();
        names
    };
    let preventive = ["CT.EC2.PV.1", "CT.EC2.PV.2", "CT.EC2.PV.3"];
    assert_eq!(known(&row("a", "CT.EC2.PV.1")), preventive);
    let global = picture().catalogue.find("CT.EC2.PV.2").unwrap().arn.clone();
    assert_eq!(known(&row("a", &global)), ["CT.EC2.PV.2"]);
    let all = ["CT.EC2.PV.1", "CT.EC2.PV.2", "CT.EC2.PV.3", "SH.S3.1"];
    assert_eq!(known(&row("a", "CT.EC2.PV.7")), all, "what is not found is looked for in the whole list");
}

#[test]
fn a_name_is_unknown_only_if_a_list_would_have_it() {
    let picture = picture();
    let problem = |picture: &Picture, control: &str| {
        let table = table(&row("a", control));
        match read(&text(picture)).picture(&[&table], RULES) {
            Ok(picture) => match picture.decide(&table, RULES) {
                Ok(_) => "known".to_owned(),
                Err(faults) => faults[0].remedy.clone(),
            },
            Err(Problem::Unasked(names)) => format!("unasked {}", names.join(", ")),
            Err(Problem::Damaged(problem)) => problem,
        }
    };
    assert_eq!(problem(&picture, "CT.EC2.PV.1"), "known");
    assert!(
        problem(&picture, "CT.EC2.PV.11").contains("CT.EC2.PV.1"),
        "{}",
        problem(&picture, "CT.EC2.PV.11")
    );
    assert_eq!(problem(&picture, "AWS-GR_ENCRYPTED_VOLUMES"), "unasked AWS-GR_ENCRYPTED_VOLUMES");
    let regional = "arn:aws:controltower:eu-west-1::control/AAAAAAAAAAAA";
    assert_eq!(problem(&picture, regional), "unasked AAAAAAAAAAAA");
    assert_eq!(problem(&picture, &regional.replace("AAAAAAAAAAAA", "ABCDEFGHIJKL")), "known");
    // Its parameters could not be read, so that a fault could not be seen.
    let mut unread = picture.clone();
    let arn = unread.catalogue.find("CT.EC2.PV.3").unwrap().arn.clone();
    unread.facts.unread.insert(Need::Control(arn), "denied".into());
    unread.facts.unread.insert(Need::Control(regional.to_owned()), "no answer".into());
    assert_eq!(problem(&unread, "CT.EC2.PV.3"), "unasked CT.EC2.PV.3: denied");
    assert_eq!(problem(&unread, regional), "unasked AAAAAAAAAAAA: no answer");
    assert_eq!(problem(&unread, "CT.EC2.PV.1"), "known");
}
