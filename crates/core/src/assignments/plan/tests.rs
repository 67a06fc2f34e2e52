use super::*;
use crate::organization::AccountTags;
use crate::table;

fn table(rows: &str) -> Table {
    let text = format!(r#"{{ "assignments": [{rows}] }}"#);
    table::parse(text.as_bytes()).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

#[test]
fn rows_for_the_same_grant_make_one_in_the_order_of_the_table() {
    let table = table(
        r#"{ "id": "b", "permissionSet": "P", "group": "g" },
           { "id": "c", "permissionSet": "P", "user": "g" },
           { "id": "no", "permissionSet": "Q", "group": "g", "accounts": { "names": ["x"] } },
           { "id": "a", "permissionSet": "P", "group": "g", "accounts": { "ous": ["Education"] } }"#,
    );
    let Plan::Ensure(grants) = plan(&table, &Account::class_7(), &Tree::default()) else {
        panic!("not a plan to ensure")
    };
    let rules: Vec<_> = grants.iter().map(|grant| grant.rules.clone()).collect();
    assert_eq!(rules, [vec!["b", "a"], vec!["c"]]);
}

#[test]
fn an_account_that_must_not_or_cannot_receive_anything_gets_nothing() {
    let everyone = table(r#"{ "id": "a", "permissionSet": "P", "group": "g" }"#);
    let ignored = |account: &Account| matches!(plan(&everyone, account, &Tree::default()), Plan::Ignore(_));
    let waits = |account: &Account| matches!(plan(&everyone, account, &Tree::default()), Plan::Wait(_));
    assert!(ignored(&Account { is_management: true, ..Account::class_7() }));
    for state in [State::Suspended, State::PendingClosure, State::Closed] {
        assert!(ignored(&Account { state: state.clone(), ..Account::class_7() }), "{state:?}");
    }
    for state in [State::PendingActivation, State::Other("FROZEN".into())] {
        assert!(waits(&Account { state: state.clone(), ..Account::class_7() }), "{state:?}");
        assert!(
            ignored(&Account { state, is_management: true, ..Account::class_7() }),
            "the management account comes first"
        );
    }
    assert!(waits(&Account { unread: Some("its tags".into()), ..Account::class_7() }));
    let by_tag = table(
        r#"{ "id": "a", "permissionSet": "P", "group": "g", "accounts": { "except": { "tags": { "isolated": "*" } } } }"#,
    );
    let unread = Account { tags: AccountTags::NotRead, ..Account::class_7() };
    let waiting = plan(&by_tag, &unread, &Tree::default());
    assert!(matches!(waiting, Plan::Wait(reason) if reason.contains("row a asks for them")));
}

#[test]
fn no_row_or_no_matching_row_is_a_plan_without_grants() {
    assert_eq!(plan(&table(""), &Account::class_7(), &Tree::default()), Plan::Ensure(vec![]));
    let other = table(r#"{ "id": "a", "permissionSet": "P", "group": "g", "accounts": { "names": ["x"] } }"#);
    assert_eq!(plan(&other, &Account::class_7(), &Tree::default()), Plan::Ensure(vec![]));
}
