use proptest::{collection, prelude::*};

use super::*;
use crate::{
    assignments::{compare::Assigned, facts::Method, names::Names as Known},
    day::Day,
    organization::{AccountTags, Parent, State},
    selector::{OrganizationalUnit, Selection, tree::Tree as Units},
};

/// Returns an account in the OUs of a path such as `A/B`; the root's for an empty path.
fn account(number: usize, path: &str) -> Account {
    let mut parents = vec![Parent { id: "r-ab12".to_owned(), name: None }];
    let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
    parents.extend((1..=names.len()).map(|depth| {
        let spelled: String = names[..depth].concat().to_lowercase();
        Parent { id: format!("ou-ab12-{spelled:0>8}"), name: Some(names[depth - 1].to_owned()) }
    }));
    Account {
        id: AccountId::parse(&format!("{number:012}")).unwrap(),
        name: format!("account-{number}"),
        state: State::Active,
        is_management: false,
        parents,
        tags: AccountTags::Read(BTreeMap::new()),
        unread: None,
    }
}

/// Returns an organization in which group `g-N` has `P-N` in the accounts of these places, by N.
fn facts(paths: &[&str], held: &[Vec<usize>]) -> Facts {
    let accounts: Vec<Account> =
        paths.iter().enumerate().map(|(number, path)| account(number, path)).collect();
    let mut names_by_id = NamesById::default();
    let mut assigned = Assigned::default();
    for (number, places) in held.iter().enumerate() {
        let arn = format!("arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-{number:016}");
        let principal = PrincipalId::group(format!("00000000-0000-4000-8000-{number:012}"));
        names_by_id.groups.insert(principal.id.clone(), format!("g-{number}"));
        names_by_id.permission_sets.insert(arn.clone(), format!("P-{number}"));
        for place in places {
            assigned.add(accounts[*place].id.clone(), &arn, &principal);
        }
    }
    Facts {
        read_at: String::new(),
        today: Day::parse("2027-01-01").unwrap(),
        instance: String::new(),
        method: Method::PermissionSets,
        selection: Selection::default(),
        accounts,
        names: Known { permission_sets: [].into(), permission_set_names: [].into(), principals: [].into() },
        names_by_id,
        tree: Units::default(),
        units: None,
        assigned,
        notes: Vec::new(),
    }
}

fn described(facts: &Facts) -> Vec<String> {
    let imported = import(facts).unwrap();
    let row = |row: &Row| serde_json::to_string(&row.accounts).unwrap();
    imported.table.rows.iter().map(row).collect()
}

#[test]
fn each_grant_has_the_cheapest_description() {
    let paths = ["", "A", "A", "A", "A/B", "A/B", "A/C", "D", "D", "E"];
    let cases: &[(&[usize], &[&str])] = &[
        (&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], &["{}"]),
        (&[0, 1, 2, 3, 4, 5, 6, 7, 8], &[r#"{"except":{"ous":["E"]}}"#]),
        (&[1, 2, 3, 4, 5, 6, 7, 8, 9], &[r#"{"except":{"ids":["000000000000"]}}"#]),
        (&[1, 2, 3, 4, 5, 6], &[r#"{"ous":["A"]}"#]),
        (&[1, 2, 3, 4, 5, 6, 7, 8], &[r#"{"ous":["A","D"]}"#]),
        (&[1, 2, 3, 6], &[r#"{"ous":["A"],"except":{"ous":["A/B"]}}"#]),
        (&[1, 2, 4, 5, 6], &[r#"{"ous":["A"],"except":{"ids":["000000000003"]}}"#]),
        (&[4, 5], &[r#"{"ous":["A/B"]}"#]),
        (&[9], &[r#"{"ids":["000000000009"]}"#]),
        (&[0, 7], &[r#"{"ids":["000000000000","000000000007"]}"#]),
    ];
    for (held, expected) in cases {
        assert_eq!(described(&facts(&paths, &[held.to_vec()])), *expected, "{held:?}");
    }
}

#[test]
fn no_ou_is_written_that_was_not_read_whole() {
    let mut some = facts(&["A/B", "A/B", "A/B"], &[vec![0, 1, 2]]);
    some.selection.ous = vec![OrganizationalUnit::parse("A/B").unwrap()];
    assert_eq!(described(&some), [r#"{"ous":["A/B"]}"#]);
    some.selection.ous = Vec::new();
    some.selection.accounts = some.accounts.iter().map(|account| account.id.clone()).collect();
    assert_eq!(described(&some), [r#"{"ids":["000000000000","000000000001","000000000002"]}"#]);
}

#[test]
fn what_no_table_is_about_is_left_out_and_counted() {
    let mut some = facts(&["", "A", "A", "A"], &[vec![0, 1, 2, 3], vec![1], vec![2]]);
    some.accounts[0].is_management = true;
    some.accounts[3].state = State::Suspended;
    let control_tower = some.names_by_id.groups.values_mut().nth(1).unwrap();
    "AWSSecurityAuditors".clone_into(control_tower);
    some.names_by_id.groups.remove("00000000-0000-4000-8000-000000000002");
    let imported = import(&some).unwrap();
    assert_eq!(imported.left_out, LeftOut { management: 1, not_active: 1, control_tower: 1, deleted: 1 });
    assert_eq!((imported.explained, imported.table.rows.len()), (2, 1));
    some.names_by_id.unlisted.groups = Some("not allowed".to_owned());
    assert!(import(&some).unwrap_err().contains("not allowed"));
    some.accounts[1].unread = Some("throttled".to_owned());
    assert!(import(&some).unwrap_err().contains("account 000000000001 could not be read whole"));
}

#[test]
fn what_would_be_simpler_with_one_more_is_suggested_and_not_done() {
    let some = facts(&["A", "A", "A", "A", "B"], &[vec![0, 1, 2]]);
    let imported = import(&some).unwrap();
    assert_eq!(imported.suggestions.len(), 1);
    assert!(imported.suggestions[0].contains("in account-3 (000000000003)"), "{:?}", imported.suggestions);
    assert_eq!(imported.explained, 3);
}

#[test]
fn rows_have_ids_that_a_person_would_choose_and_names_that_mean_one() {
    let mut some = facts(&["A", "A", "B"], &[vec![0], vec![1], vec![2]]);
    let mut groups = some.names_by_id.groups.values_mut();
    for name in ["Cloud  Öps@Corp", "twice", "twice"] {
        name.clone_into(groups.next().unwrap());
    }
    let table = import(&some).unwrap().table;
    let ids: Vec<&str> = table.rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids, ["cloud-ps-p-0", "twice-p-1", "twice-p-2"]);
    let named: Vec<&str> = table.rows.iter().map(|row| row.principal.named.as_str()).collect();
    assert_eq!(named[0], "Cloud  Öps@Corp");
    assert!(named[1].starts_with("00000000-"), "a name of two is written as an id");
}

const PATHS: [&str; 9] = ["", "A", "A/B", "A/B/C", "A/B/D", "A/E", "F", "F/G", "H"];

proptest! {
    #[test]
    fn a_table_explains_exactly_what_a_random_organization_has(
        places in collection::vec(0..PATHS.len(), 1..30),
        grants in collection::vec((0..6usize, 0..PATHS.len(), collection::vec(0..30usize, 0..5)), 1..12),
    ) {
        let paths: Vec<&str> = places.iter().map(|place| PATHS[*place]).collect();
        // Whole OUs with some accounts more or less, as people assign.
        let held: Vec<Vec<usize>> = grants.iter().map(|(kind, at, others)| {
            let others: BTreeSet<usize> = others.iter().copied().filter(|one| *one < paths.len()).collect();
            let within = |one: &usize| kind % 3 != 0 && paths[*one].starts_with(PATHS[*at]);
            let chosen = |one: &usize| if *kind < 3 { within(one) != others.contains(one) } else { !others.contains(one) };
            (0..paths.len()).filter(chosen).collect()
        }).collect();
        let some = facts(&paths, &held);
        let table = import(&some).unwrap().table;
        prop_assert!(table.rows.len() <= some.assigned.count());
        let read = crate::table::parse::<Row>(&serde_json::to_vec(&table).unwrap());
        prop_assert_eq!(read.as_ref(), Ok(&table), "it can be read");
        let known = Snapshot::<Nothing>::from(&some).facts(&[&table], some.today);
        let index = Index::new(&table, known.today);
        for account in &known.accounts {
            let Comparison::Applies(compared) = compare(&index, account, &known) else { panic!() };
            prop_assert!(compared.grants.iter().all(|(_, presence)| *presence == Presence::Present));
            prop_assert_eq!(compared.unexplained.len(), 0);
        }
    }
}

/// Small enough to be quick without optimization; the figures of ten thousand accounts are in the commit.
#[test]
fn a_large_organization_has_a_row_for_each_kind_of_grant() {
    let places: Vec<String> =
        (0..1_000).map(|number| format!("D{}/T{}", number % 10, number % 100)).collect();
    let paths: Vec<&str> = places.iter().map(String::as_str).collect();
    // One grant of everybody, whole OUs, OUs with exceptions, and single accounts.
    let of_unit = |unit: usize| (0..paths.len()).filter(move |one| one % 100 == unit);
    let mut held: Vec<Vec<usize>> = vec![(0..paths.len()).collect()];
    held.extend((0..25).map(|unit| of_unit(unit).collect()));
    held.extend((25..50).map(|unit| of_unit(unit).skip(1).collect()));
    held.extend((0..125).map(|number| vec![number * 8]));
    let some = facts(&paths, &held);
    let imported = import(&some).unwrap();
    assert_eq!((imported.table.rows.len(), imported.explained), (held.len(), some.assigned.count()));
}
