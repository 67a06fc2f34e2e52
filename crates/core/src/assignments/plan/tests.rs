use std::collections::BTreeMap;

use super::*;
use crate::{organization::Parent, table};

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
