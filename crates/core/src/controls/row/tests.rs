use super::*;
use crate::{
    controls::{Table, parameters::Value},
    reading::Fault,
};

fn parse(text: &str) -> Result<Table, Vec<Fault>> {
    table::parse(text.as_bytes())
}

fn faults(text: &str) -> Vec<String> {
    match parse(text) {
        Ok(table) => panic!("{text} is taken as sound: {table:?}"),
        Err(faults) => faults.iter().map(Fault::to_string).collect(),
    }
}

fn of_rows(rows: &[&str]) -> String {
    format!(r#"{{ "controls": [{}] }}"#, rows.join(","))
}

#[test]
fn the_table_of_the_design_is_read_as_it_means() {
    let table = parse(
        r#"{
          "$schema": "./controls.schema.json",
          "controls": [
            { "id": "root-user", "description": "Nobody works as root", "control": "AWS-GR_RESTRICT_ROOT_USER",
              "ous": ["Workloads", "ou-ab12-33333333"], "parameters": { "ExemptAssumeRoot": true } },
            { "id": "keys", "control": "set:strongly-recommended-preventive", "ous": ["*"] },
            { "id": "https-only", "control": "arn:aws:controlcatalog:::control/7mo7a2h2ebsq71l8k6uzr96ou",
              "ous": ["Workloads/Prod"], "except": { "ous": ["Workloads/Prod/Old"] },
              "exempt": [ { "principal": "arn:aws:iam::*:role/legacy", "until": "2027-03-31", "reason": "moves" } ] },
            { "id": "letters", "control": "arn:aws:controltower:eu-west-1::control/WTDSMKDKDNLE", "ous": ["A"] },
            { "id": "bare", "control": "acfp8qjz7eggnursu5pfw7q2w", "ous": ["A"] },
            { "id": "regional", "control": "arn:aws:controltower:eu-west-1::control/AWS-GR_ENCRYPTED_VOLUMES",
              "ous": ["A"] }
          ],
          "waves": [ { "ous": ["Sandbox"], "soakHours": 24 } ]
        }"#,
    )
    .unwrap();
    let path = |names: &[&str]| {
        Target::Unit(OrganizationalUnit::Path(names.iter().map(|name| (*name).to_owned()).collect()))
    };
    assert_eq!(
        table.rows[0].ous,
        [path(&["Workloads"]), Target::Unit(OrganizationalUnit::Id("ou-ab12-33333333".into()))]
    );
    assert_eq!(table.rows[0].parameters.0.get("ExemptAssumeRoot"), Some(&Value::Flag(true)));
    let names: Vec<Vec<ControlName>> = table.rows.iter().map(Row::controls).collect();
    let guide = |name: &str| ControlName::Guide(name.into());
    assert_eq!(
        names,
        [
            vec![guide("AWS-GR_RESTRICT_ROOT_USER")],
            vec![guide("AWS-GR_RESTRICT_ROOT_USER"), guide("AWS-GR_RESTRICT_ROOT_USER_ACCESS_KEYS")],
            vec![ControlName::Global("7mo7a2h2ebsq71l8k6uzr96ou".into())],
            vec![ControlName::Regional("WTDSMKDKDNLE".into())],
            vec![ControlName::Global("acfp8qjz7eggnursu5pfw7q2w".into())],
            vec![guide("AWS-GR_ENCRYPTED_VOLUMES")],
        ]
    );
    assert_eq!(table.rows[1].ous, [Target::EveryTop]);
    assert!(table.rows[2].except.is_some());
    let exemption = &table.rows[2].exempt[0];
    assert_eq!(
        (&*exemption.principal, exemption.until.to_string(), exemption.reason.as_deref()),
        ("arn:aws:iam::*:role/legacy", "2027-03-31".to_owned(), Some("moves"))
    );
    assert_eq!(table.rest, Waves(vec![Wave { ous: vec![path(&["Sandbox"])], soak_hours: 24 }]));
    let written = serde_json::to_string(&table).unwrap();
    assert_eq!(parse(&written).unwrap(), table, "{written}");
}

#[test]
fn every_fault_that_the_text_shows_is_reported_with_its_place_at_once() {
    let text = r#"{ "controls": [
        { "id": "Bad", "control": "https only", "ous": ["r-ab12", "111122223333", "Root", "a//b", "arn:aws:x"] },
        { "id": "region", "control": "AWS-GR_REGION_DENY", "ous": [] },
        { "id": "must", "control": "arn:aws:controltower:eu-west-1::control/AWS-GR_CLOUDTRAIL_ENABLED", "ous": ["A"] },
        { "id": "set", "control": "set:strongly", "ous": "A", "extra": 1 },
        { "id": "root", "control": "AWS-GR_RESTRICT_ROOT_USER", "ous": ["A"], "parameters": { "ExemptAssumeRoot": false } },
        { "id": "exempt", "control": "CT.S3.PV.5", "ous": ["A"], "exempt": [ { "principal": "a b" },
          { "principal": "x", "until": "soon" }, 7 ] },
        { "id": "except", "control": "CT.LAMBDA.PR.2", "ous": ["A"], "except": { "ous": ["*"] } },
        { "id": "parameters", "control": "CT.S3.PV.5", "ous": ["A"], "parameters": { "A": 1, "B": {}, "C": ["x", 1] } },
        { "id": "parameters", "control": "CT.S3.PV.5", "ous": ["B"], "parameters": [] }
      ], "waves": [ { "ous": ["*"], "soakHours": 2.5 }, { "soakHours": 5000 }, { "ous": ["r-ab12"] } ] }"#;
    let listed = faults(text);
    let expected = [
        "table, waves[0].soakHours: is 2.5",
        "table, waves[1].ous: is missing",
        "table, waves[1].soakHours: is 5000",
        "table, waves[2].ous[0]: is \"r-ab12\", a root",
        "table, waves[2].soakHours: is missing",
        "row 1 (Bad), id: is \"Bad\"",
        "row 1 (Bad), control: is \"https only\"",
        "row 1 (Bad), ous[0]: is \"r-ab12\", a root",
        "row 1 (Bad), ous[1]: is \"111122223333\", an account",
        "row 1 (Bad), ous[2]: is \"Root\", a root",
        "row 1 (Bad), ous[3]: is \"a//b\"",
        "row 1 (Bad), ous[4]: is \"arn:aws:x\", an ARN",
        "row 2 (region), control: AWS-GR_REGION_DENY is a setting of the landing zone",
        "row 2 (region), ous: is empty",
        "row 3 (must), control: AWS-GR_CLOUDTRAIL_ENABLED is mandatory",
        "row 4 (set), extra: is unknown",
        "row 4 (set), control: is \"set:strongly\", which is not a set; the sets are set:strongly-",
        "row 4 (set), ous: is a string",
        "row 5 (root), parameters.ExemptAssumeRoot: is not true",
        "row 6 (exempt), exempt[0].principal: is \"a b\"",
        "row 6 (exempt), exempt[0].until: is missing",
        "row 6 (exempt), exempt[1].until: is \"soon\", which is not a day",
        "row 6 (exempt), exempt[2]: is a number",
        "row 7 (except), except.ous[0]: is \"*\"",
        "row 8 (parameters), parameters.A: is a number",
        "row 8 (parameters), parameters.B: is an object",
        "row 8 (parameters), parameters.C[1]: is a number",
        "row 9 (parameters), parameters: is a list",
        "row 9 (parameters), id: is also the id of row 8",
    ];
    assert_eq!(listed.len(), expected.len(), "{listed:#?}");
    for (listed, expected) in listed.iter().zip(expected) {
        assert!(listed.starts_with(expected), "{listed:?} should start with {expected:?}");
        assert!(listed.contains("; "), "{listed:?} says what would be right");
    }
}

#[test]
fn two_rows_that_cannot_both_be_true_are_found_by_their_text() {
    let row = |id: &str, rest: &str| format!(r#"{{ "id": "{id}", "control": "CT.S3.PV.5", {rest} }}"#);
    let exempt = |principal: &str, until: &str| {
        format!(r#""exempt": [{{ "principal": "{principal}", "until": "{until}" }}]"#)
    };
    let (sync, other) = ("arn:aws:iam::*:role/sync", "arn:aws:iam::1:role/sync");
    let cases: Vec<(String, String, Option<&str>)> = vec![
        (row("a", r#""ous": ["W"]"#), row("b", r#""ous": ["W", "E"]"#), None),
        (
            row("a", r#""ous": ["W"]"#),
            row("b", r#""ous": ["E", "W"], "parameters": { "ExemptedPrincipalArns": ["x"] }"#),
            Some("row 2 (b), parameters: unlike that of row 1 (a) for the same control on W"),
        ),
        (
            row("a", r#""ous": ["W"]"#).replace("CT.S3.PV.5", "7mo7a2h2ebsq71l8k6uzr96ou"),
            row("b", &format!(r#""ous": ["W"], {}"#, exempt(sync, "2027-03-31"))),
            Some("row 2 (b), exempt: unlike that of row 1 (a)"),
        ),
        (
            row("a", r#""ous": ["W"], "parameters": { "ExemptedPrincipalArns": [] }"#),
            row("b", r#""ous": ["W"]"#),
            None,
        ),
        (
            row("a", r#""ous": ["W"]"#),
            row("b", &format!(r#""ous": ["W/P"], {}"#, exempt(sync, "2027-03-31"))),
            Some(
                "row 2 (b), exempt[0]: exempts arn:aws:iam::*:role/sync on W/P, but row 1 (a) does not on W above",
            ),
        ),
        (
            row("a", r#""ous": ["*"]"#),
            row("b", r#""ous": ["W/P"], "parameters": { "ExemptedPrincipalArns": ["x"] }"#),
            Some(
                "row 2 (b), parameters.ExemptedPrincipalArns: exempts x on W/P, but row 1 (a) does not on *",
            ),
        ),
        (
            row("a", &format!(r#""ous": ["W"], {}"#, exempt(sync, "2027-03-31"))),
            row("b", &format!(r#""ous": ["W/P"], {}"#, exempt(other, "2027-03-31"))),
            None,
        ),
        (
            row("a", &format!(r#""ous": ["W"], {}"#, exempt(sync, "2027-03-30"))),
            row("b", &format!(r#""ous": ["W/P"], {}"#, exempt(sync, "2027-03-31"))),
            Some("row 2 (b), exempt[0]"),
        ),
        // A detective control is not inherited: each OU stands alone.
        (
            row("a", r#""ous": ["W"]"#).replace("CT.S3.PV.5", "SH.S3.1"),
            row("b", r#""ous": ["W/P"], "parameters": { "ExemptedPrincipalArns": ["x"] }"#)
                .replace("CT.S3.PV.5", "SH.S3.1"),
            None,
        ),
        (
            row("a", r#""ous": ["W"]"#),
            row("b", &format!(r#""ous": ["E/P"], {}"#, exempt(sync, "2027-03-31"))),
            None,
        ),
    ];
    for (one, other, expected) in cases {
        let text = of_rows(&[&one, &other]);
        match expected {
            None => assert!(parse(&text).is_ok(), "{text}: {:#?}", parse(&text)),
            Some(expected) => {
                let listed = faults(&text);
                assert_eq!(listed.len(), 1, "{text}: {listed:#?}");
                assert!(listed[0].starts_with(expected), "{listed:?} should start with {expected:?}");
            }
        }
    }
}

#[test]
fn exemptions_count_until_the_end_of_their_day() {
    use time::macros::datetime;
    let table = parse(&of_rows(&[r#"{ "id": "a", "control": "CT.S3.PV.5", "ous": ["W"],
        "parameters": { "ExemptedPrincipalArns": ["always"] },
        "exempt": [{ "principal": "x", "until": "2027-03-31" }, { "principal": "y", "until": "2027-04-01" }] }"#]))
    .unwrap();
    let exempted = |now| table.rows[0].parameters_at(now).exempted().join(" ");
    assert_eq!(exempted(datetime!(2027-03-31 23:59:59 UTC)), "always x y");
    assert_eq!(exempted(datetime!(2027-04-01 00:00 UTC)), "always y");
    assert_eq!(exempted(datetime!(2027-04-02 00:00 UTC)), "always");
}

#[test]
fn waves_are_an_item_of_their_own_in_dynamodb() {
    let item = |text: &str| serde_json::from_str::<Json>(text).unwrap();
    let items = vec![
        item(r#"{ "id": "b", "control": "CT.S3.PV.5", "ous": ["W"] }"#),
        item(r#"{ "id": "$waves", "waves": [{ "ous": ["S"], "soakHours": 1 }] }"#),
        item(r#"{ "id": "a", "control": "CT.S3.PV.5", "ous": ["E"] }"#),
    ];
    let table: Table = table::parse_items(items).unwrap();
    assert_eq!(table.rest.0.len(), 1);
    let written: Json = serde_json::from_value(table.rest_item().unwrap()).unwrap();
    assert_eq!(table::parse_items::<Row>(vec![written]).unwrap().rest, table.rest);
    assert_eq!(Table::default().rest_item(), None);
    assert_eq!(table.rows.iter().map(|row| &*row.id).collect::<Vec<_>>(), ["a", "b"]);
    let bad = vec![item(r#"{ "id": "$waves", "waves": [{ "ous": ["S"] }] }"#)];
    let listed = table::parse_items::<Row>(bad).unwrap_err();
    assert!(listed[0].to_string().contains("($waves), waves[0].soakHours: is missing"), "{listed:?}");
}

/// Returns rows, and whether they are sound. The published schema must agree with every one.
fn rows() -> Vec<(String, bool)> {
    let row = |rest: &str| format!(r#"{{ "id": "a", "control": "CT.S3.PV.5", "ous": ["A"]{rest} }}"#);
    let control = |control: &str| format!(r#"{{ "id": "a", "control": "{control}", "ous": ["A"] }}"#);
    let ous = |ous: &str| format!(r#"{{ "id": "a", "control": "CT.S3.PV.5", "ous": {ous} }}"#);
    vec![
        (row(""), true),
        (row(r#", "description": "x""#), true),
        (row(r#", "description": 1"#), false),
        (row(r#", "extra": 1"#), false),
        (r#"{ "control": "CT.S3.PV.5", "ous": ["A"] }"#.into(), false),
        (r#"{ "id": "a", "ous": ["A"] }"#.into(), false),
        (r#"{ "id": "a", "control": "CT.S3.PV.5" }"#.into(), false),
        ("[]".into(), false),
        (control("AWS-GR_RESTRICT_ROOT_USER"), true),
        (control("set:strongly-recommended-preventive"), true),
        (control("set:everything"), false),
        (control("arn:aws:controlcatalog:::control/7mo7a2h2ebsq71l8k6uzr96ou"), true),
        (control("arn:aws-us-gov:controltower:us-gov-west-1::control/AWS-GR_X"), true),
        (control("arn:aws:s3:::control/x"), false),
        (control("7mo7a2h2ebsq71l8k6uzr96ou"), true),
        (control("7mo7a2"), false),
        (control("Disallow something"), false),
        (ous(r#"["*"]"#), true),
        (ous(r#"["W/P", "ou-ab12-33333333"]"#), true),
        (ous("[]"), false),
        (ous(r#""A""#), false),
        (ous(r#"["r-ab12"]"#), false),
        (ous(r#"["111122223333"]"#), false),
        (ous(r#"["ou-team"]"#), false),
        (ous(r#"["W/*"]"#), false),
        (row(r#", "except": { "ous": ["A/B"] }"#), true),
        (row(r#", "except": {}"#), false),
        (row(r#", "except": { "ous": ["*"] }"#), false),
        (row(r#", "except": { "names": ["x"] }"#), false),
        (row(r#", "parameters": { "A": ["x"], "B": true, "C": "y" }"#), true),
        (row(r#", "parameters": { "A": [] }"#), true),
        (row(r#", "parameters": {}"#), false),
        (row(r#", "parameters": { "A": null }"#), false),
        (row(r#", "parameters": { "A": [1] }"#), false),
        (row(r#", "parameters": { "ExemptAssumeRoot": true }"#), true),
        (row(r#", "parameters": { "ExemptAssumeRoot": false }"#), false),
        (row(r#", "exempt": [{ "principal": "x", "until": "2027-03-31" }]"#), true),
        (row(r#", "exempt": [{ "principal": "x", "until": "2027-03-31", "reason": "y" }]"#), true),
        (row(r#", "exempt": []"#), false),
        (row(r#", "exempt": [{ "principal": "x" }]"#), false),
        (row(r#", "exempt": [{ "until": "2027-03-31" }]"#), false),
        (row(r#", "exempt": [{ "principal": "x", "until": "31.3.2027" }]"#), false),
        (row(r#", "exempt": [{ "principal": "", "until": "2027-03-31" }]"#), false),
    ]
}

fn waves() -> [(&'static str, bool); 6] {
    [
        (r#"[{ "ous": ["S"], "soakHours": 24 }]"#, true),
        (r#"[{ "ous": ["*"], "soakHours": 0 }]"#, true),
        ("[]", false),
        (r#"[{ "ous": ["S"] }]"#, false),
        (r#"[{ "ous": ["S"], "soakHours": -1 }]"#, false),
        (r#"[{ "ous": ["S"], "soakHours": 2161 }]"#, false),
    ]
}

/// Returns documents, and whether they are sound.
fn documents() -> Vec<(String, bool)> {
    let rows = rows().into_iter().map(|(row, sound)| (of_rows(&[&row]), sound));
    let with_waves = |waves: &str| format!(r#"{{ "controls": [], "waves": {waves} }}"#);
    rows.chain(waves().map(|(waves, sound)| (with_waves(waves), sound))).collect()
}

#[test]
fn sound_documents_are_taken_and_others_refused() {
    for (document, sound) in documents() {
        assert_eq!(parse(&document).is_ok(), sound, "{document}: {:?}", parse(&document));
    }
}

fn schema() -> serde_json::Value {
    crate::table::schema::of::<schema::Table>("Config table of controls")
}

#[test]
fn the_published_schema_is_the_one_of_the_types() {
    crate::table::schema::assert_published("controls.schema.json", &schema());
}

#[test]
fn the_schema_and_the_parser_agree() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for (document, sound) in documents() {
        let value: serde_json::Value = serde_json::from_str(&document).unwrap();
        assert_eq!(validator.is_valid(&value), sound, "{document}");
    }
    let embedded = include_bytes!("../../../../../controls.json");
    assert!(validator.is_valid(&serde_json::from_slice(embedded).unwrap()));
}

#[test]
fn the_sample_is_sound_and_each_row_says_what_it_may_break() {
    let sample: Table = table::parse(include_bytes!("../../../../../controls.json")).unwrap();
    let controls: Vec<ControlName> = sample.rows.iter().flat_map(Row::controls).collect();
    assert_eq!(controls.len(), 8);
    for row in &sample.rows {
        assert!(row.description.as_ref().is_some_and(|text| text.contains("May break:")), "{}", row.id);
    }
    for set in guide::SETS {
        for name in set.controls {
            assert!(controls.contains(&ControlName::Guide((*name).to_owned())), "{name}");
        }
    }
}
