use std::collections::BTreeMap;

use super::*;
use crate::{
    day::Day,
    ids::AccountId,
    reading::Fault,
    selector::{Glob, OrganizationalUnit, Selector},
    table::{MAX_BYTES, MAX_ROWS, TableLocation},
};

fn parse(text: &[u8]) -> Result<Table<Row>, Vec<Fault>> {
    table::parse(text)
}

fn faults(text: &str) -> Vec<String> {
    match parse(text.as_bytes()) {
        Ok(table) => panic!("{text} is taken as sound: {table:?}"),
        Err(faults) => faults.iter().map(Fault::to_string).collect(),
    }
}

fn of_row(row: &str) -> String {
    format!(r#"{{ "assignments": [{row}] }}"#)
}

#[test]
fn the_table_of_the_design_is_read_as_it_means() {
    let table = parse(
        br#"{
          "$schema": "./assignments.schema.json",
          "assignments": [
            { "id": "audit-everywhere", "description": "Auditors", "permissionSet": "ReadOnlyAccess", "group": "auditors",
              "owner": "Security", "reason": "Contract 7", "until": "2027-03-31" },
            { "id": "on-call",
              "permissionSet": "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-ef450dbf3b354e78",
              "user": "1234567890-c85f2e61-9b04-4a7d-b6f3-17d0e42a958c",
              "accounts": { "ids": ["111122223333"], "names": ["class-*"], "ous": ["Workloads/Prod", "ou-ab12-33333333", "r-ab12"],
                            "tags": { "course": "*" }, "except": { "names": ["x"] } } } ] }"#,
    );
    let glob = |text: &str| Glob::parse(text).unwrap();
    let expected = Table {
        rows: vec![
            Row {
                id: "audit-everywhere".into(),
                description: Some("Auditors".into()),
                permission_set: PermissionSet::Name("ReadOnlyAccess".into()),
                principal: Principal { kind: PrincipalKind::Group, named: Named::Name("auditors".into()) },
                accounts: Accounts::default(),
                owner: Some("Security".into()),
                reason: Some("Contract 7".into()),
                until: Day::parse("2027-03-31"),
            },
            Row {
                id: "on-call".into(),
                description: None,
                permission_set: PermissionSet::Arn(
                    "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-ef450dbf3b354e78".into(),
                ),
                principal: Principal {
                    kind: PrincipalKind::User,
                    named: Named::Id("1234567890-c85f2e61-9b04-4a7d-b6f3-17d0e42a958c".into()),
                },
                accounts: Accounts {
                    only: Selector {
                        ids: vec![AccountId::parse("111122223333").unwrap()],
                        names: vec![glob("class-*")],
                        ous: vec![
                            OrganizationalUnit::Path(vec!["Workloads".into(), "Prod".into()]),
                            OrganizationalUnit::Id("ou-ab12-33333333".into()),
                            OrganizationalUnit::Id("r-ab12".into()),
                        ],
                        tags: BTreeMap::from([("course".into(), glob("*"))]),
                    },
                    except: Some(Selector { names: vec![glob("x")], ..Selector::default() }),
                },
                owner: None,
                reason: None,
                until: None,
            },
        ],
        rest: (),
    };
    assert_eq!(table, Ok(expected));
}

#[test]
fn only_what_some_row_asks_for_is_needed() {
    let cases = [
        (r#"{ "ids": ["111122223333"], "ous": ["ou-ab12-33333333"] }"#, false, false),
        (r#"{ "ous": ["Education"] }"#, true, false),
        (r#"{ "tags": { "a": "b" } }"#, false, true),
        (r#"{ "except": { "ous": ["Education"], "tags": { "a": "b" } } }"#, true, true),
    ];
    for (accounts, organizational_unit_names, tags) in cases {
        let row = format!(r#"{{ "id": "a", "permissionSet": "P", "group": "g", "accounts": {accounts} }}"#);
        let needs = parse(of_row(&row).as_bytes()).unwrap().needs();
        assert_eq!(needs, Needs { organizational_unit_names, tags }, "{accounts}");
    }
}

#[test]
fn every_fault_is_reported_with_its_place() {
    let text = r#"{ "assignments": [
        { "id": "Good-Not", "permissionSet": "Read Only", "group": "g", "user": "u" },
        { "id": "twice", "permissionSet": "P", "group": "g" },
        { "id": "twice", "permissionSet": "P", "grup": "g", "accounts": { "ous": ["a//b"], "ids": ["12"], "tags": {} } },
        7
    ], "version": 1 }"#;
    let listed = faults(text);
    let expected = [
        "table, version: is unknown",
        "row 1 (Good-Not), id: is \"Good-Not\"",
        "row 1 (Good-Not), permissionSet: is \"Read Only\"",
        "row 1 (Good-Not): both `group` and `user` are given",
        "row 3 (twice), grup: is unknown",
        "row 3 (twice): neither `group` nor `user` is given",
        "row 3 (twice), accounts.ids[0]: is \"12\"",
        "row 3 (twice), accounts.ous[0]: is \"a//b\"",
        "row 3 (twice), accounts.tags: is empty",
        "row 3 (twice), id: is also the id of row 2",
        "row 4: is a number",
    ];
    assert_eq!(listed.len(), expected.len(), "{listed:#?}");
    for (listed, expected) in listed.iter().zip(expected) {
        assert!(listed.starts_with(expected), "{listed:?} should start with {expected:?}");
        assert!(listed.contains("; "), "{listed:?} says what would be right");
    }
}

/// Returns rows, and whether they are sound. The published schema must agree with every one.
fn rows() -> Vec<(String, bool)> {
    let row = |fields: &str| format!(r#"{{ "id": "a", "permissionSet": "P", "group": "g"{fields} }}"#);
    let accounts = |accounts: &str| row(&format!(r#", "accounts": {accounts}"#));
    vec![
        (row(""), true),
        (row(r#", "description": "x""#), true),
        (row(r#", "description": null"#), false),
        (row(r#", "owner": "Security", "reason": "Contract 7", "until": "2027-03-31""#), true),
        (row(r#", "owner": 7"#), false),
        (row(r#", "reason": null"#), false),
        (row(r#", "until": "2027-3-31""#), false),
        (row(r#", "until": "soon""#), false),
        (row(r#", "until": null"#), false),
        (row(r#", "user": "u""#), false),
        (row(r#", "extra": 1"#), false),
        (r#"{ "id": "a", "permissionSet": "P" }"#.into(), false),
        (r#"{ "id": "a", "group": "g" }"#.into(), false),
        (r#"{ "permissionSet": "P", "group": "g" }"#.into(), false),
        (r#"{ "id": "", "permissionSet": "P", "group": "g" }"#.into(), false),
        (r#"{ "id": "-a", "permissionSet": "P", "group": "g" }"#.into(), false),
        (r#"{ "id": "A", "permissionSet": "P", "group": "g" }"#.into(), false),
        (format!(r#"{{ "id": "{}", "permissionSet": "P", "user": "u" }}"#, "a".repeat(64)), true),
        (format!(r#"{{ "id": "{}", "permissionSet": "P", "user": "u" }}"#, "a".repeat(65)), false),
        (format!(r#"{{ "id": "a", "permissionSet": "{}", "user": "u" }}"#, "P".repeat(32)), true),
        (format!(r#"{{ "id": "a", "permissionSet": "{}", "user": "u" }}"#, "P".repeat(33)), false),
        (r#"{ "id": "a", "permissionSet": "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-ef450dbf3b354e78", "user": "u" }"#.into(), true),
        (r#"{ "id": "a", "permissionSet": "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1", "user": "u" }"#.into(), false),
        (r#"{ "id": "a", "permissionSet": "P", "group": "" }"#.into(), false),
        (r#"{ "id": "a", "permissionSet": "P", "group": null }"#.into(), false),
        (r#"{ "id": 1, "permissionSet": "P", "group": "g" }"#.into(), false),
        (format!(r#"{{ "id": "a", "permissionSet": "P", "group": "{}" }}"#, "ä".repeat(1024)), true),
        (format!(r#"{{ "id": "a", "permissionSet": "P", "group": "{}" }}"#, "ä".repeat(1025)), false),
        ("[]".into(), false),
        (accounts("null"), false),
        (accounts("{}"), false),
        (accounts("[]"), false),
        (accounts(r#"{ "id": ["111122223333"] }"#), false),
        (accounts(r#"{ "ids": ["111122223333"] }"#), true),
        (accounts(r#"{ "ids": [] }"#), false),
        (accounts(r#"{ "ids": "111122223333" }"#), false),
        (accounts(r#"{ "ids": [111122223333] }"#), false),
        (accounts(r#"{ "ids": ["11112222333"] }"#), false),
        (accounts(r#"{ "names": ["*"] }"#), true),
        (accounts(r#"{ "names": [""] }"#), false),
        (accounts(&format!(r#"{{ "names": ["{}"] }}"#, "a".repeat(257))), false),
        (accounts(r#"{ "ous": ["Workloads"] }"#), true),
        (accounts(r#"{ "ous": ["Workloads/Prod", "r-ab12", "ou-ab12-33333333"] }"#), true),
        (accounts(r#"{ "ous": ["ou-team"] }"#), false),
        (accounts(r#"{ "ous": ["r-1"] }"#), false),
        (accounts(r#"{ "ous": ["/Workloads"] }"#), false),
        (accounts(r#"{ "ous": ["Workloads/"] }"#), false),
        (accounts(r#"{ "ous": [""] }"#), false),
        (accounts(r#"{ "tags": { "a": "" } }"#), true),
        (accounts(r#"{ "tags": { "": "a" } }"#), false),
        (accounts(r#"{ "tags": {} }"#), false),
        (accounts(r#"{ "tags": { "a": true } }"#), false),
        (accounts(r#"{ "tags": ["a"] }"#), false),
        (accounts(r#"{ "except": {} }"#), false),
        (accounts(r#"{ "except": null }"#), false),
        (accounts(r#"{ "except": { "names": ["x"] } }"#), true),
        (accounts(r#"{ "names": ["y"], "except": { "names": ["x"] } }"#), true),
        (accounts(r#"{ "except": { "except": { "names": ["x"] } } }"#), false),
    ]
}

#[test]
fn sound_rows_are_taken_and_others_refused() {
    for (row, sound) in rows() {
        assert_eq!(parse(of_row(&row).as_bytes()).is_ok(), sound, "{row}");
    }
}

#[test]
fn what_a_schema_cannot_say_is_also_refused() {
    for row in [
        r#"{ "id": "a", "id": "b", "permissionSet": "P", "group": "g" }"#,
        r#"{ "id": "a", "permissionSet": "P", "group": "g", "accounts": { "names": ["[a"] } }"#,
        r#"{ "id": "a", "permissionSet": "P", "group": "g", "accounts": { "tags": { "a": "x", "a": "y" } } }"#,
    ] {
        assert_eq!(faults(&of_row(row)).len(), 1, "{row}");
    }
}

#[test]
fn a_document_that_is_not_a_table_is_refused_with_one_clear_fault() {
    let cases = [
        ("", "not JSON: it is empty"),
        ("{", "not JSON: EOF"),
        ("{} x", "trailing characters at line 1 column 4"),
        ("[]", "table: is a list"),
        ("{}", "assignments: is missing"),
        (r#"{ "assignments": {} }"#, "assignments: is an object"),
        (r#"{ "assignments": [], "assignments": [] }"#, "is given twice"),
        (r#"{ "assignments": [], "$schema": 1 }"#, "$schema: is a number"),
        ("\u{feff}{}", "assignments: is missing"),
        ("\u{feff}\u{feff}{}", "not JSON"),
        ("{\0}\0", "table: is UTF-16; save it as UTF-8"),
    ];
    for (text, expected) in cases {
        let listed = faults(text);
        assert_eq!(listed.len(), 1, "{text:?}: {listed:?}");
        assert!(listed[0].contains(expected), "{text:?}: {listed:?}");
    }
    let deep = "[".repeat(100_000);
    assert!(faults(&deep)[0].contains("not JSON: recursion limit"));
}

#[test]
fn a_table_that_is_too_large_is_refused_without_listing_it() {
    let row = r#"{"id":"","permissionSet":"","group":""},"#;
    let many = of_row(row.repeat(MAX_ROWS + 1).trim_end_matches(','));
    assert_eq!(
        faults(&many),
        [
            "table, assignments: more than 10000 rows; give one row for several accounts by `ous`, `names` or `tags`"
        ]
    );
    let bad = of_row(row.repeat(MAX_ROWS).trim_end_matches(','));
    let listed = faults(&bad);
    assert_eq!(listed.len(), 1_001);
    assert!(listed[1_000].contains("29000 more faults"), "{:?}", listed[1_000]);
    assert!(faults(&" ".repeat(MAX_BYTES + 1))[0].contains("larger than"));
    let tags: String = (0..100_000).map(|n| format!(r#""{n}":"","#)).collect();
    let row = format!(
        r#"{{ "id": "a", "permissionSet": "P", "group": "g", "accounts": {{ "tags": {{ {} }} }} }}"#,
        tags.trim_end_matches(',')
    );
    assert!(faults(&of_row(&row))[0].contains("100000 keys"));
}

/// Returns the schema as it follows from the types.
fn schema() -> serde_json::Value {
    crate::table::schema::of::<schema::Table>("Config table of account-assigner")
}

#[test]
fn the_published_schema_is_the_one_of_the_types() {
    crate::table::schema::assert_published("assignments.schema.json", &schema());
}

#[test]
fn a_table_without_rows_says_what_to_do_where_it_is() {
    let cases = [
        (TableLocation::Embedded("assignments.json"), "into assignments.json and deploy"),
        (TableLocation::File("table.json".into()), "write the rows"),
        (TableLocation::DynamoDb("rules".into()), "`assignctl --table dynamodb:rules table push FILE`"),
    ];
    for (location, remedy) in cases {
        let faults = table::require_rows(Table::<Row>::default(), &location).unwrap_err();
        let [fault] = &faults[..] else { panic!("{faults:?}") };
        assert_eq!((fault.field.as_str(), fault.row.as_ref()), ("assignments", None));
        assert!(fault.remedy.contains(remedy), "{fault}");
    }
}

#[test]
fn the_schema_and_the_parser_agree() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for (row, sound) in rows() {
        let document: serde_json::Value = serde_json::from_str(&of_row(&row)).unwrap();
        assert_eq!(validator.is_valid(&document), sound, "{row}");
    }
    for table in [
        include_str!("../../../../../assignments.json"),
        include_str!("../../../../../examples/assignments.json"),
    ] {
        assert!(validator.is_valid(&serde_json::from_str(table).unwrap()));
    }
}

/// What is written is read as the same table.
mod written {
    use proptest::{collection, option, prelude::*, sample::select, string::string_regex};

    use super::*;

    fn trimmed(text: &String) -> bool {
        text.trim() == text
    }

    fn text() -> impl Strategy<Value = String> {
        string_regex("[ -~ä→\u{1F980}]{1,12}").unwrap().prop_filter("a blank at an end", trimmed)
    }

    fn glob() -> impl Strategy<Value = Glob> {
        string_regex(r"([a-zA-Z ä*?/-]|\[[!a-z]z\]|\[\[\]){1,8}")
            .unwrap()
            .prop_filter("a blank at an end", trimmed)
            .prop_filter_map("not a glob", |text| Glob::parse(&text).ok())
    }

    fn permission_set() -> impl Strategy<Value = PermissionSet> {
        let arn = "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-ef450dbf3b354e78";
        prop_oneof![
            string_regex("[A-Za-z0-9_+=,.@-]{1,32}").unwrap().prop_map(PermissionSet::Name),
            Just(PermissionSet::Arn(arn.into())),
        ]
    }

    fn principal() -> impl Strategy<Value = Principal> {
        let named = prop_oneof![
            text().prop_map(Named::Name),
            Just(Named::Id("906756a2c4-5f2a0e1b-1111-2222-3333-444455556666".into())),
        ];
        (named, select(vec![PrincipalKind::Group, PrincipalKind::User]))
            .prop_map(|(named, kind)| Principal { kind, named })
    }

    fn organizational_unit() -> impl Strategy<Value = OrganizationalUnit> {
        let name = string_regex("[A-Zä][a-z ]{0,5}").unwrap().prop_filter("a blank at an end", trimmed);
        let path = collection::vec(name, 1..3);
        prop_oneof![
            select(vec!["ou-ab12-33333333", "r-ab12"]).prop_map(|id| OrganizationalUnit::Id(id.into())),
            path.prop_map(OrganizationalUnit::Path),
        ]
    }

    fn selector() -> impl Strategy<Value = Selector> {
        let id = string_regex("[0-9]{12}").unwrap().prop_map(|id| AccountId::parse(&id).unwrap());
        let (ids, names) = (collection::vec(id, 0..3), collection::vec(glob(), 0..3));
        let ous = collection::vec(organizational_unit(), 0..3);
        let tags = collection::btree_map(text(), glob(), 0..3);
        (ids, names, ous, tags).prop_map(|(ids, names, ous, tags)| Selector { ids, names, ous, tags })
    }

    fn accounts() -> impl Strategy<Value = Accounts> {
        // An empty `except` cannot be read, so no table has one.
        let except =
            option::of(selector()).prop_map(|except| except.filter(|one| *one != Selector::default()));
        (selector(), except).prop_map(|(only, except)| Accounts { only, except })
    }

    fn table() -> impl Strategy<Value = Table<Row>> {
        let day = (2027..2029, 1..13, 1..29)
            .prop_map(|(year, month, day)| Day::parse(&format!("{year}-{month:02}-{day:02}")).unwrap());
        let people = (option::of(text()), option::of(text()), option::of(day));
        let row = (option::of(text()), permission_set(), principal(), accounts(), people);
        collection::vec(row, 0..6).prop_map(|rows| Table {
            rest: (),
            rows: rows
                .into_iter()
                .enumerate()
                .map(|(index, (description, permission_set, principal, accounts, people))| Row {
                    id: format!("row-{index}"),
                    description,
                    permission_set,
                    principal,
                    accounts,
                    owner: people.0,
                    reason: people.1,
                    until: people.2,
                })
                .collect(),
        })
    }

    proptest! {
        #[test]
        fn a_table_that_is_written_is_read_as_the_same(table in table()) {
            let text = serde_json::to_vec_pretty(&table).unwrap();
            prop_assert_eq!(parse(&text), Ok(table));
        }
    }
}

#[test]
fn a_digest_is_of_what_the_table_says_and_not_of_how_it_is_written() {
    let digest = |rows: &str| {
        let table: Table<Row> = table::parse(format!(r#"{{ "assignments": [{rows}] }}"#).as_bytes()).unwrap();
        table.digest()
    };
    let (one, other) = (
        r#"{ "id": "a", "permissionSet": "P", "group": "g" }"#,
        r#"{ "id": "b", "permissionSet": "P", "user": "u", "accounts": { "names": ["x", "y"] } }"#,
    );
    let same = digest(&format!("{one}, {other}"));
    assert_eq!(same.len(), 64);
    assert_eq!(digest(&format!("{other},\n  {one}")), same);
    assert_eq!(digest(&format!(r#"{{ "group": "g", "permissionSet": "P", "id": "a" }}, {other}"#)), same);
    for changed in [one.to_owned(), format!("{one}, {}", other.replace('y', "z")), String::new()] {
        assert_ne!(digest(&changed), same, "{changed}");
    }
}
