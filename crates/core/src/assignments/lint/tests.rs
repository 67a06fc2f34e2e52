use super::*;
use crate::table;

fn warnings(rows: &str) -> Vec<(usize, Kind, Option<usize>)> {
    let table = table::parse(format!(r#"{{ "assignments": [{rows}] }}"#).as_bytes()).unwrap();
    lint(&table, None, Day::parse("2027-01-01").unwrap())
        .into_iter()
        .map(|warning| (warning.row, warning.kind, warning.other))
        .collect()
}

fn row(id: &str, accounts: &str) -> String {
    format!(r#"{{ "id": "{id}", "permissionSet": "P", "group": "g", "accounts": {accounts} }}"#)
}

#[test]
fn a_row_alone_is_doubtful_if_its_conditions_contradict_each_other() {
    let cases: &[(&str, Option<Kind>)] = &[
        (r#"{ "names": ["a"] }"#, None),
        (r#"{ "ous": ["A/B/C/D/E"] }"#, None),
        (r#"{ "ous": ["A/B/C/D/E/F"] }"#, Some(Kind::NeverMatches)),
        (r#"{ "ous": ["A/B/C/D/E/F", "A"] }"#, None),
        (r#"{ "names": ["class-7"], "except": { "names": ["class-*"] } }"#, Some(Kind::NeverMatches)),
        (r#"{ "names": ["class-*"], "except": { "names": ["class-7"] } }"#, None),
        (r#"{ "ous": ["A"], "except": { "names": ["*"] } }"#, Some(Kind::NeverMatches)),
        (r#"{ "names": ["class-*"], "except": { "names": ["prod"] } }"#, Some(Kind::IdleExcept)),
        (r#"{ "names": ["class-*"], "except": { "names": ["*-7"] } }"#, None),
        (r#"{ "ids": ["111122223333"], "except": { "ids": ["111122223333"] } }"#, Some(Kind::NeverMatches)),
        (r#"{ "ids": ["111122223333"], "except": { "ids": ["444455556666"] } }"#, Some(Kind::IdleExcept)),
        (r#"{ "ous": ["A/B"], "except": { "ous": ["A"] } }"#, Some(Kind::NeverMatches)),
        (r#"{ "ous": ["A"], "except": { "ous": ["A/B"] } }"#, None),
        (r#"{ "ous": ["A"], "except": { "ous": ["AB"] } }"#, Some(Kind::IdleExcept)),
        (r#"{ "ous": ["A"], "except": { "ous": ["ou-ab12-11111111"] } }"#, None),
        (r#"{ "tags": { "a": "b" }, "except": { "tags": { "a": "*" } } }"#, Some(Kind::NeverMatches)),
        (r#"{ "tags": { "a": "*" }, "except": { "tags": { "a": "b" } } }"#, None),
        (r#"{ "tags": { "a": "c" }, "except": { "tags": { "a": "b" } } }"#, Some(Kind::IdleExcept)),
        (
            r#"{ "ous": ["A"], "names": ["x"], "except": { "ous": ["A"], "names": ["y"] } }"#,
            Some(Kind::IdleExcept),
        ),
    ];
    for (accounts, expected) in cases {
        let found: Vec<Kind> = warnings(&row("a", accounts)).into_iter().map(|(_, kind, _)| kind).collect();
        assert_eq!(found, expected.iter().copied().collect::<Vec<_>>(), "{accounts}");
    }
}

#[test]
fn a_row_is_doubtful_if_another_undoes_its_except_or_grants_the_same() {
    let shadowed = Some((0, Kind::ShadowedExcept, Some(1)));
    let duplicate = |row, other| Some((row, Kind::DuplicateGrant, Some(other)));
    let cases = [
        (r#"{ "except": { "names": ["x"] } }"#, r#"{ "names": ["x"] }"#, shadowed),
        (r#"{ "ous": ["A"], "except": { "tags": { "a": "b" } } }"#, r#"{ "ous": ["A"] }"#, shadowed),
        (r#"{ "except": { "names": ["x"] } }"#, r#"{ "names": ["y"] }"#, duplicate(1, 0)),
        (
            r#"{ "except": { "names": ["x"] } }"#,
            r#"{ "ous": ["A"], "except": { "names": ["x", "y"] } }"#,
            duplicate(1, 0),
        ),
        (
            r#"{ "except": { "names": ["x"] } }"#,
            r#"{ "ous": ["A"], "except": { "names": ["y"] } }"#,
            Some((1, Kind::ShadowedExcept, Some(0))),
        ),
        (
            r#"{ "ous": ["B"], "except": { "names": ["x"] } }"#,
            r#"{ "ous": ["A"], "except": { "names": ["y"] } }"#,
            None,
        ),
        (r#"{ "ous": ["A"] }"#, r#"{ "ous": ["A/B"] }"#, duplicate(1, 0)),
        (r#"{ "ous": ["A/B"] }"#, r#"{ "ous": ["A"] }"#, duplicate(0, 1)),
        (r#"{ "ous": ["A"] }"#, r#"{ "ous": ["A"] }"#, duplicate(1, 0)),
        (r#"{ "ous": ["A"] }"#, r#"{ "names": ["x"] }"#, None),
        (r#"{ "names": ["x", "y"] }"#, r#"{ "names": ["y", "z"] }"#, None),
    ];
    for (one, other, expected) in cases {
        let found = warnings(&format!("{}, {}", row("a", one), row("b", other)));
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{one} next to {other}");
    }
    let other_grant = r#"{ "id": "b", "permissionSet": "Q", "group": "g" }"#;
    assert_eq!(warnings(&format!("{}, {other_grant}", row("a", r#"{ "names": ["x"] }"#))), []);
}

#[test]
fn a_row_is_doubtful_near_its_end_and_after_it() {
    let row = |id: &str, until: &str| {
        format!(r#"{{ "id": "{id}", "permissionSet": "P", "group": "{id}", "until": "{until}" }}"#)
    };
    let cases = [
        ("2026-12-31", Some(Kind::Ended)),
        ("2027-01-01", Some(Kind::EndsSoon)),
        ("2027-01-15", Some(Kind::EndsSoon)),
        ("2027-01-16", None),
    ];
    for (until, expected) in cases {
        let found: Vec<Kind> = warnings(&row("a", until)).into_iter().map(|(_, kind, _)| kind).collect();
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{until}");
    }
}

#[test]
fn a_row_is_no_duplicate_of_one_that_ends_before_it() {
    let row =
        |id: &str, until: &str| format!(r#"{{ "id": "{id}", "permissionSet": "P", "group": "g"{until} }}"#);
    let (early, late) = (r#", "until": "2027-06-01""#, r#", "until": "2027-07-01""#);
    let past = r#", "until": "2026-06-01""#;
    let duplicate = |row, other| vec![(row, Kind::DuplicateGrant, Some(other))];
    let cases = [
        (early, late, duplicate(0, 1)),
        (late, early, duplicate(1, 0)),
        (early, early, duplicate(1, 0)),
        ("", late, duplicate(1, 0)),
        (late, "", duplicate(0, 1)),
        ("", past, vec![(1, Kind::Ended, None)]),
        (past, "", vec![(0, Kind::Ended, None)]),
    ];
    for (one, other, expected) in cases {
        let found = warnings(&format!("{}, {}", row("a", one), row("b", other)));
        assert_eq!(found, expected, "{one} next to {other}");
    }
}

#[test]
fn the_remedy_of_an_end_names_who_to_ask() {
    let row = |until: &str| {
        let row = format!(
            r#"{{ "id": "a", "permissionSet": "P", "group": "g", "owner": "Security", "until": "{until}" }}"#
        );
        let table = table::parse(format!(r#"{{ "assignments": [{row}] }}"#).as_bytes()).unwrap();
        lint(&table, None, Day::parse("2027-01-01").unwrap()).remove(0).remedy
    };
    for until in ["2026-12-31", "2027-01-01"] {
        assert!(row(until).starts_with("ask \"Security\": "), "{}", row(until));
        assert!(row(until).contains("stays"), "{}", row(until));
    }
}
