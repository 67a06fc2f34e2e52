use proptest::{
    collection::{btree_map, vec},
    option::weighted,
    prelude::*,
    sample::{select, subsequence},
};
use serde_json::{Value, json};

use super::*;
use crate::{
    organization::{AccountTags, Parent},
    table,
};

fn today() -> Day {
    Day::parse("2027-01-01").unwrap()
}

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
    let Plan::Ensure(grants) = plan(&table, &Account::class_7(), &Tree::default(), today()) else {
        panic!("not a plan to ensure")
    };
    let rules: Vec<_> = grants.iter().map(|grant| grant.rules.clone()).collect();
    assert_eq!(rules, [vec!["b", "a"], vec!["c"]]);
}

#[test]
fn an_account_that_must_not_or_cannot_receive_anything_gets_nothing() {
    let everyone = table(r#"{ "id": "a", "permissionSet": "P", "group": "g" }"#);
    let ignored =
        |account: &Account| matches!(plan(&everyone, account, &Tree::default(), today()), Plan::Ignore(_));
    let waits =
        |account: &Account| matches!(plan(&everyone, account, &Tree::default(), today()), Plan::Wait(_));
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
    let waiting = plan(&by_tag, &unread, &Tree::default(), today());
    assert!(matches!(waiting, Plan::Wait(reason) if reason.contains("row a asks for them")));
}

#[test]
fn no_row_or_no_matching_row_is_a_plan_without_grants() {
    assert_eq!(plan(&table(""), &Account::class_7(), &Tree::default(), today()), Plan::Ensure(vec![]));
    let other = table(r#"{ "id": "a", "permissionSet": "P", "group": "g", "accounts": { "names": ["x"] } }"#);
    assert_eq!(plan(&other, &Account::class_7(), &Tree::default(), today()), Plan::Ensure(vec![]));
}

#[test]
fn a_row_gives_until_its_last_day_is_over() {
    let table = table(
        r#"{ "id": "a", "permissionSet": "P", "group": "g", "until": "2027-03-31" },
           { "id": "b", "permissionSet": "P", "group": "g", "until": "2027-03-30",
             "accounts": { "except": { "ous": ["Gone"] } } },
           { "id": "c", "permissionSet": "Q", "group": "g" }"#,
    );
    for (today, expected) in [
        ("2027-03-30", vec!["a", "b", "c"]),
        ("2027-03-31", vec!["a", "c"]),
        ("2027-04-01", vec!["c"]),
        ("2031-01-01", vec!["c"]),
    ] {
        let today = Day::parse(today).unwrap();
        let Plan::Ensure(grants) = plan(&table, &Account::class_7(), &Tree::default(), today) else {
            panic!("not a plan to ensure")
        };
        let rules: Vec<_> = grants.iter().flat_map(|grant| grant.rules.clone()).collect();
        assert_eq!(rules, expected, "{today}");
        let asked = !relied_on(&table, &Account::class_7(), today).is_empty();
        assert_eq!(asked, expected.contains(&"b"), "an OU of a row that has ended is not looked for");
    }
}

/// Few, so that rows and accounts meet; one of them in both of its forms.
const TEXTS: [&str; 6] = ["a", "ab", "ü", "u\u{308}", "b]a", "ba"];
const GLOBS: [&str; 13] =
    ["*", "a", "a*", "*b", "?", "ab", "ü*", "*u\u{308}", "a*b", "ü", "[ab]a", "[!a]*", "b]a"];
const UNITS: [&str; 7] = ["ou-ab12-00000001", "ou-ab12-00000002", "r-ab12", "a", "a/ü", "u\u{308}", "ab/a"];
const IDS: [&str; 2] = ["111122223333", "222233334444"];

fn selector() -> impl Strategy<Value = Value> {
    // One condition in three, so that most selectors have one or two.
    let some = |texts: &'static [&'static str]| weighted(0.3, subsequence(texts, 1..3));
    let tags = weighted(0.5, btree_map(select(&TEXTS[2..4]), select(&GLOBS[..]), 1..3));
    (some(&IDS), some(&GLOBS), some(&UNITS), tags).prop_map(|(ids, names, ous, tags)| {
        let mut selector = json!({ "ids": ids, "names": names, "ous": ous, "tags": tags });
        let fields = selector.as_object_mut().unwrap();
        fields.retain(|_, value| !value.is_null());
        selector
    })
}

fn some_account() -> impl Strategy<Value = Account> {
    let parents = vec((select(&UNITS[..2]), proptest::option::of(select(&TEXTS[..]))), 0..3);
    let tags = proptest::option::of(btree_map(select(&TEXTS[1..4]), select(&TEXTS[..]), 0..3));
    (select(&IDS[..]), select(&TEXTS[..]), parents, tags).prop_map(|(id, name, below, tags)| {
        let root = Parent { id: "r-ab12".into(), name: None };
        let parent =
            |(id, name): (&str, Option<&str>)| Parent { id: id.into(), name: name.map(str::to_owned) };
        Account {
            id: AccountId::parse(id).unwrap(),
            name: name.into(),
            parents: std::iter::once(root).chain(below.into_iter().map(parent)).collect(),
            tags: tags.map_or(AccountTags::NotRead, |tags| {
                AccountTags::Read(tags.into_iter().map(|(key, text)| (key.into(), text.into())).collect())
            }),
            ..Account::class_7()
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn an_index_leaves_out_only_rows_that_do_not_match(
        selectors in vec((selector(), weighted(0.2, selector())), 3),
        chosen in vec(0..3_usize, 1..6),
        account in some_account(),
    ) {
        let rows = chosen.into_iter().enumerate().map(|(n, chosen)| {
            let (mut accounts, except) = selectors[chosen].clone();
            if let Some(except) = except.filter(|except| *except != json!({})) {
                accounts["except"] = except;
            }
            let mut row = json!({ "id": format!("row-{n}"), "permissionSet": "P", "group": format!("g{}", n % 4) });
            if accounts != json!({}) {
                row["accounts"] = accounts;
            }
            if n == 3 {
                row["until"] = "2026-12-31".into();
            }
            row
        });
        let text = json!({ "assignments": rows.collect::<Vec<_>>() }).to_string();
        // Two of the texts are one text, so some of these tables name something twice.
        let Ok(table) = table::parse::<Row>(text.as_bytes()) else { return Err(TestCaseError::reject("faults")) };
        let tree = Tree::default();
        prop_assert_eq!(Index::new(&table, today()).plan(&account, &tree), plan(&table, &account, &tree, today()));
    }
}
