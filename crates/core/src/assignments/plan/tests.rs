use super::*;
use crate::table;

fn table(rows: &str) -> Table {
    let text = format!(r#"{{ "assignments": [{rows}] }}"#);
    table::parse(text.as_bytes()).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

/// class-7, in the OU Rust, in the OU Education, in the root.
fn account() -> Account {
    let parent = |id: &str, name: Option<&str>| Parent { id: id.into(), name: name.map(str::to_owned) };
    Account {
        id: AccountId::parse("111122223333").unwrap(),
        name: "class-7".into(),
        state: State::Active,
        is_management: false,
        parents: vec![
            parent("r-ab12", None),
            parent("ou-ab12-55555555", Some("Education")),
            parent("ou-ab12-66666666", Some("Rust")),
        ],
        tags: BTreeMap::from([("course".into(), "rust".into()), ("empty".into(), String::new())]),
    }
}

#[test]
fn a_row_matches_where_every_kind_given_matches() {
    let cases: &[(&str, Option<Mismatch<'_>>)] = &[
        (r#"{ "ids": ["111122223333"] }"#, None),
        (r#"{ "ids": ["444455556666", "111122223333"] }"#, None),
        (r#"{ "ids": ["444455556666"] }"#, Some(Mismatch::Ids)),
        (r#"{ "names": ["class-*"] }"#, None),
        (r#"{ "names": ["class-?"] }"#, None),
        (r#"{ "names": ["class-[0-9]"] }"#, None),
        (r#"{ "names": ["Class-*"] }"#, Some(Mismatch::Names)),
        (r#"{ "names": ["class"] }"#, Some(Mismatch::Names)),
        (r#"{ "names": ["lass-7", "class-"] }"#, Some(Mismatch::Names)),
        (r#"{ "ous": ["r-ab12"] }"#, None),
        (r#"{ "ous": ["ou-ab12-55555555"] }"#, None),
        (r#"{ "ous": ["ou-ab12-66666666"] }"#, None),
        (r#"{ "ous": ["ou-ab12-77777777"] }"#, Some(Mismatch::OrganizationalUnits)),
        (r#"{ "ous": ["Education"] }"#, None),
        (r#"{ "ous": ["Education/Rust"] }"#, None),
        (r#"{ "ous": ["Rust"] }"#, Some(Mismatch::OrganizationalUnits)),
        (r#"{ "ous": ["Education/Rust/Deeper"] }"#, Some(Mismatch::OrganizationalUnits)),
        (r#"{ "ous": ["education"] }"#, Some(Mismatch::OrganizationalUnits)),
        (r#"{ "ous": ["Workloads", "Education"] }"#, None),
        (r#"{ "tags": { "course": "*" } }"#, None),
        (r#"{ "tags": { "course": "ru*", "empty": "" } }"#, None),
        (r#"{ "tags": { "empty": "*" } }"#, None),
        (r#"{ "tags": { "course": "go" } }"#, Some(Mismatch::Tag("course"))),
        (r#"{ "tags": { "course": "rust", "term": "*" } }"#, Some(Mismatch::Tag("term"))),
        (r#"{ "tags": { "Course": "rust" } }"#, Some(Mismatch::Tag("Course"))),
        (r#"{ "ous": ["Education"], "names": ["class-*"], "tags": { "course": "*" } }"#, None),
        (r#"{ "ous": ["Education"], "names": ["prod-*"] }"#, Some(Mismatch::Names)),
        (r#"{ "except": { "ous": ["Education"] } }"#, Some(Mismatch::Except)),
        (r#"{ "except": { "ous": ["Education"], "names": ["prod-*"] } }"#, None),
        (r#"{ "except": { "tags": { "isolated": "true" } } }"#, None),
        (r#"{ "ous": ["Education"], "except": { "names": ["class-7"] } }"#, Some(Mismatch::Except)),
        (r#"{ "ids": ["444455556666"], "except": { "names": ["x"] } }"#, Some(Mismatch::Ids)),
    ];
    for (accounts, expected) in cases {
        let row = format!(r#"{{ "id": "a", "permissionSet": "P", "group": "g", "accounts": {accounts} }}"#);
        let table = table(&row);
        assert_eq!(mismatch(&table.rows[0], &account()), *expected, "{accounts}");
    }
}

#[test]
fn every_reason_against_a_row_is_told_in_the_order_of_the_kinds() {
    let table = table(
        r#"{ "id": "a", "permissionSet": "P", "group": "g", "accounts": { "ids": ["444455556666"], "names": ["x"],
             "ous": ["Workloads"], "tags": { "course": "go", "empty": "", "term": "*" },
             "except": { "ous": ["Education"] } } }"#,
    );
    let told: Vec<_> = mismatches(&table.rows[0], &account()).collect();
    assert_eq!(
        told,
        [
            Mismatch::Ids,
            Mismatch::Names,
            Mismatch::OrganizationalUnits,
            Mismatch::Tag("course"),
            Mismatch::Tag("term"),
            Mismatch::Except
        ]
    );
}

#[test]
fn an_ou_whose_name_has_a_slash_is_not_taken_for_a_path() {
    let table = table(
        r#"{ "id": "a", "permissionSet": "P", "group": "g", "accounts": { "ous": ["Education/Rust"] } }"#,
    );
    let mut account = account();
    account.parents.pop();
    account.parents[1].name = Some("Education/Rust".into());
    assert_eq!(mismatch(&table.rows[0], &account), Some(Mismatch::OrganizationalUnits));
}

#[test]
fn rows_for_the_same_grant_make_one_in_the_order_of_the_table() {
    let table = table(
        r#"{ "id": "b", "permissionSet": "P", "group": "g" },
           { "id": "c", "permissionSet": "P", "user": "g" },
           { "id": "no", "permissionSet": "Q", "group": "g", "accounts": { "names": ["x"] } },
           { "id": "a", "permissionSet": "P", "group": "g", "accounts": { "ous": ["Education"] } }"#,
    );
    let Plan::Ensure(grants) = plan(&table, &account()) else { panic!("not a plan to ensure") };
    let rules: Vec<_> = grants.iter().map(|grant| grant.rules.clone()).collect();
    assert_eq!(rules, [vec!["b", "a"], vec!["c"]]);
}

#[test]
fn an_account_that_must_not_or_cannot_receive_anything_gets_nothing() {
    let everyone = table(r#"{ "id": "a", "permissionSet": "P", "group": "g" }"#);
    let ignored = |account: &Account| matches!(plan(&everyone, account), Plan::Ignore(_));
    let waits = |account: &Account| matches!(plan(&everyone, account), Plan::Wait(_));
    assert!(ignored(&Account { is_management: true, ..account() }));
    for state in [State::Suspended, State::PendingClosure, State::Closed] {
        assert!(ignored(&Account { state: state.clone(), ..account() }), "{state:?}");
    }
    for state in [State::PendingActivation, State::Other("FROZEN".into())] {
        assert!(waits(&Account { state: state.clone(), ..account() }), "{state:?}");
        assert!(
            ignored(&Account { state, is_management: true, ..account() }),
            "the management account comes first"
        );
    }
}

#[test]
fn no_row_or_no_matching_row_is_a_plan_without_grants() {
    assert_eq!(plan(&table(""), &account()), Plan::Ensure(vec![]));
    let other = table(r#"{ "id": "a", "permissionSet": "P", "group": "g", "accounts": { "names": ["x"] } }"#);
    assert_eq!(plan(&other, &account()), Plan::Ensure(vec![]));
}

#[test]
fn tags_are_asked_for_only_where_they_can_decide() {
    let cases = [
        (r#"{ "ous": ["Education"] }"#, false),
        (r#"{ "tags": { "course": "*" } }"#, true),
        (r#"{ "ous": ["Education"], "tags": { "course": "*" } }"#, true),
        (r#"{ "ous": ["Workloads"], "tags": { "course": "*" } }"#, false),
        (r#"{ "except": { "tags": { "isolated": "true" } } }"#, true),
        (r#"{ "except": { "names": ["prod-*"], "tags": { "isolated": "true" } } }"#, false),
        (r#"{ "ous": ["Education"], "except": { "names": ["class-*"] } }"#, false),
    ];
    for (accounts, expected) in cases {
        let row = format!(r#"{{ "id": "a", "permissionSet": "P", "group": "g", "accounts": {accounts} }}"#);
        let without_tags = Account { tags: BTreeMap::new(), ..account() };
        assert_eq!(asks_for_tags(&table(&row), &without_tags), expected, "{accounts}");
    }
    assert!(!asks_for_tags(&table(""), &account()));
}
