use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    Gives, Standing, in_account,
    what::what,
    who::who,
    why::{Outcome, Why, why},
};
use crate::{
    assignments::{
        PrincipalId, Table,
        access::{AccountAccess, Entitled},
        compare::Assigned,
        facts::{Facts, Method, NamesById},
        members::{Belongs, Members, Memberships},
        plan::{self, Index, Plan},
        snapshot::{Nothing, Snapshot},
    },
    day::Day,
    ids::AccountId,
    organization::{Account, AccountTags, Parent, State},
    selector::{Selection, tree::Unit},
    table,
};

const SETS: [(&str, &str); 2] = [
    ("ReadOnly", "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-ef450dbf3b354e78"),
    ("Admin", "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-0a1f52c7d3e94b68"),
];
const GROUPS: [(&str, &str); 3] = [
    ("auditors", "52d5f4a4-70b1-7016-4f5a-000000000001"),
    ("admins", "52d5f4a4-70b1-7016-4f5a-000000000002"),
    ("students", "52d5f4a4-70b1-7016-4f5a-000000000003"),
];
const USERS: [(&str, &str); 2] =
    [("ann", "52d5f4a4-70b1-7016-4f5a-00000000000a"), ("bob", "52d5f4a4-70b1-7016-4f5a-00000000000b")];
/// By path, with the ids of the OUs from the root down.
const PLACES: [(&str, &[&str]); 4] = [
    ("", &[]),
    ("Education", &["ou-ab12-55555555"]),
    ("Education/Rust", &["ou-ab12-55555555", "ou-ab12-66666666"]),
    ("Prod", &["ou-ab12-33333333"]),
];

fn today() -> Day {
    Day::parse("2027-03-31").unwrap()
}

fn nothing() -> AccountAccess {
    AccountAccess::Read { applications: 0, entitlements: Vec::new() }
}

fn account(id: &str, name: &str, place: usize) -> Account {
    let (path, ids) = PLACES[place];
    let names = path.split('/').filter(|name| !name.is_empty());
    let below = ids.iter().zip(names).map(|(id, name)| Parent { id: (*id).into(), name: Some(name.into()) });
    let root = Parent { id: "r-ab12".into(), name: None };
    Account {
        id: AccountId::parse(id).unwrap(),
        name: name.into(),
        parents: std::iter::once(root).chain(below).collect(),
        ..Account::class_7()
    }
}

fn facts(table: &Table, accounts: Vec<Account>, assigned: Assigned) -> Facts {
    let of = |named: &[(&str, &str)]| -> BTreeMap<String, String> {
        named.iter().map(|(name, id)| ((*id).to_owned(), (*name).to_owned())).collect()
    };
    let unit =
        |id: &str, name: &str, parent: &str| Unit { id: id.into(), name: name.into(), parent: parent.into() };
    let facts = Facts {
        read_at: String::new(),
        today: today(),
        instance: String::new(),
        method: Method::Accounts,
        selection: Selection::default(),
        accounts,
        names: crate::assignments::names::Names::default(),
        names_by_id: NamesById {
            permission_sets: of(&SETS),
            groups: of(&GROUPS),
            users: of(&USERS),
            ..NamesById::default()
        },
        tree: crate::selector::tree::Tree::default(),
        units: Some(vec![
            unit("ou-ab12-55555555", "Education", "r-ab12"),
            unit("ou-ab12-66666666", "Rust", "ou-ab12-55555555"),
            unit("ou-ab12-33333333", "Prod", "r-ab12"),
        ]),
        assigned,
        notes: Vec::new(),
    };
    // As a command reads it: names and OUs are looked up in what was read.
    Snapshot::<Nothing>::from(&facts).facts(&[table], today())
}

fn parse(rows: &[Value]) -> Table {
    let rows: Vec<Value> = rows
        .iter()
        .enumerate()
        .map(|(n, row)| {
            let mut row = row.clone();
            row["id"] = json!(format!("row-{n}"));
            row
        })
        .collect();
    table::parse(json!({ "assignments": rows }).to_string().as_bytes())
        .unwrap_or_else(|faults| panic!("{rows:?}: {faults:?}"))
}

fn selectors() -> impl Strategy<Value = Value> {
    let conditions = || {
        prop_oneof![
            Just(json!({ "ids": ["111122223333"] })),
            Just(json!({ "names": ["class-*"] })),
            Just(json!({ "ous": ["Education"] })),
            Just(json!({ "ous": ["ou-ab12-33333333", "Education/Rust"] })),
            Just(json!({ "ous": ["Nowhere"] })),
            Just(json!({ "tags": { "course": "*" } })),
            Just(json!({ "names": ["class-*"], "tags": { "course": "rust" } })),
        ]
    };
    (proptest::option::of(conditions()), proptest::option::of(conditions())).prop_map(|(only, except)| {
        let mut selector = only.unwrap_or(json!({}));
        if let Some(except) = except {
            selector["except"] = except;
        }
        selector
    })
}

fn rows() -> impl Strategy<Value = Value> {
    let until = prop_oneof![4 => Just(None), 1 => Just(Some("2027-03-31")), 1 => Just(Some("2027-03-30"))];
    (0..2_usize, 0..5_usize, any::<bool>(), selectors(), until).prop_map(|(set, principal, by_id, selector, until)| {
        let (kind, (name, id)) = match principal {
            0..3 => ("group", GROUPS[principal]),
            _ => ("user", USERS[principal - 3]),
        };
        let (set, arn) = SETS[set];
        let mut row =
            json!({ "permissionSet": if by_id { arn } else { set }, kind: if by_id { id } else { name } });
        if selector != json!({}) {
            row["accounts"] = selector;
        }
        if let Some(until) = until {
            row["until"] = json!(until);
        }
        row
    })
}

fn accounts() -> impl Strategy<Value = Account> {
    let tags = prop_oneof![
        3 => Just(AccountTags::Read([("course".to_owned(), "rust".to_owned())].into())),
        3 => Just(AccountTags::Read(BTreeMap::new())),
        1 => Just(AccountTags::NotRead),
    ];
    let state = prop_oneof![8 => Just(State::Active), 1 => Just(State::Suspended), 1 => Just(State::PendingActivation)];
    let named = prop_oneof![Just(("111122223333", "class-7")), Just(("222233334444", "payments"))];
    (named, 0..PLACES.len(), tags, state, prop::bool::weighted(0.1)).prop_map(
        |((id, name), place, tags, state, is_management)| Account {
            tags,
            state,
            is_management,
            ..account(id, name, place)
        },
    )
}

/// Returns the rows that the function itself would grant to any of these in the account; `None` if it does nothing there.
fn decided(
    table: &Table,
    account: &Account,
    facts: &Facts,
    of: &BTreeSet<PrincipalId>,
) -> Option<BTreeSet<String>> {
    let Plan::Ensure(grants) = plan::plan(table, account, &facts.tree, facts.today) else { return None };
    let resolved = facts.names.resolve(grants).into_iter();
    let of_them =
        resolved.filter(|one| one.assignment(&account.id).is_ok_and(|one| of.contains(&one.principal)));
    Some(of_them.flat_map(|one| one.grant.rules).map(str::to_owned).collect())
}

fn caused(why: &Why) -> BTreeSet<String> {
    let wanted = why.chains.iter().filter(|chain| chain.way.state.reason.is_none());
    wanted.flat_map(|chain| &chain.because).map(|because| because.row.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// Whatever the table, the account, the groups and what AWS has: `why` says what the function would do, by the same
    /// rows, and what it says would have to be different is what keeps the function from doing it.
    #[test]
    fn why_agrees_with_what_the_function_decides(
        rows in prop::collection::vec(rows(), 1..8),
        account in accounts(),
        user in prop::bool::ANY,
        in_groups in prop::collection::btree_set(0..3_usize, 0..3),
        held in prop::collection::btree_set((0..2_usize, 0..5_usize), 0..4),
    ) {
        let table = parse(&rows);
        let mut assigned = Assigned::default();
        let principal_of = |n: usize| match n {
            0..3 => PrincipalId::group(GROUPS[n].1),
            _ => PrincipalId::user(USERS[n - 3].1),
        };
        for (set, principal) in &held {
            assigned.add(account.id.clone(), SETS[*set].1, &principal_of(*principal));
        }
        let facts = facts(&table, vec![account.clone()], assigned);
        let (principal, belongs) = if user {
            let groups = in_groups.iter().map(|n| GROUPS[*n].1.to_owned()).collect();
            (principal_of(3), Belongs { groups, unread: Vec::new() })
        } else {
            (principal_of(0), Belongs::default())
        };
        let of: BTreeSet<PrincipalId> =
            belongs.groups.iter().map(PrincipalId::group).chain([principal.clone()]).collect();
        let said = why(&table, &account, &facts, Some(&nothing()), &principal, &belongs);
        let is_held = held.iter().any(|(_, n)| of.contains(&principal_of(*n)));
        prop_assert_eq!(said.outcome == Outcome::Access, is_held, "{:?}", &said);
        let Some(decided) = decided(&table, &account, &facts, &of) else {
            prop_assert!(said.reason.is_some() && said.near.is_empty() && caused(&said).is_empty(), "{:?}", &said);
            return Ok(());
        };
        prop_assert_eq!(caused(&said), decided.clone(), "{:?}", &said);
        prop_assert_eq!(said.outcome == Outcome::Planned, !is_held && !decided.is_empty(), "{:?}", &said);
        for because in said.chains.iter().flat_map(|chain| &chain.because) {
            prop_assert!(because.conditions.iter().all(|one| one.met == Some(true)), "{:?}", because);
        }
        let all = said.chains.iter().map(|chain| chain.because.len()).sum::<usize>() + said.near.len() + said.others;
        prop_assert_eq!(all, table.rows.len());
        for near in &said.near {
            let row = table.rows.iter().find(|row| row.id == near.row).unwrap();
            let meant = of.contains(facts.names.principals[&row.principal].as_ref().unwrap());
            prop_assert_eq!(near.membership, !meant);
            let gives = row.accounts.matches(&account) && !row.has_ended(facts.today);
            prop_assert_eq!(near.unmet.is_empty(), gives, "{:?}", near);
            prop_assert!(near.membership || !near.unmet.is_empty(), "nothing is different: {:?}", near);
            if near.membership {
                // With the membership that it names, the row gives it.
                let mut more = belongs.clone();
                more.groups.insert(near.principal.id.clone().unwrap());
                let then = why(&table, &account, &facts, Some(&nothing()), &principal, &more);
                let rows: BTreeSet<&str> =
                    then.chains.iter().flat_map(|chain| &chain.because).map(|one| one.row.as_str()).collect();
                prop_assert!(rows.contains(near.row.as_str()), "{:?}", then);
            }
        }
        // The three questions have one answer.
        let reached = what(&table, &facts, Some(&nothing()), &principal, &belongs);
        let ways: Vec<_> = reached.accounts.iter().flat_map(|account| &account.ways).collect();
        prop_assert_eq!(ways, said.chains.iter().map(|chain| &chain.way).collect::<Vec<_>>());
        let mut members = Memberships::default();
        for (n, (_, group)) in GROUPS.iter().enumerate() {
            let users = in_groups.contains(&n).then(|| principal_of(3).id);
            members.groups.insert((*group).to_owned(), Members::Read(users.into_iter().collect()));
        }
        let here = in_account(&Index::new(&table, facts.today), &account, &facts, Some(&nothing()));
        let people = who(here, Some(&members), &facts.names_by_id).people.unwrap();
        if user {
            let person = people.iter().find(|person| person.principal.id.as_ref() == Some(&principal.id));
            let ways = person.map_or(&[][..], |person| &person.ways);
            let chains: Vec<_> = said.chains.iter().map(|chain| &chain.way).collect();
            prop_assert_eq!(ways.iter().collect::<Vec<_>>(), chains);
        }
    }
}

fn ann(groups: &[usize]) -> (PrincipalId, Belongs) {
    let groups = groups.iter().map(|n| GROUPS[*n].1.to_owned()).collect();
    (PrincipalId::user(USERS[0].1), Belongs { groups, unread: Vec::new() })
}

#[test]
fn the_chain_names_membership_assignment_row_and_each_condition_with_the_accounts_value() {
    let table = parse(&[
        json!({ "permissionSet": "Admin", "group": "admins",
                "accounts": { "ous": ["Education"], "except": { "tags": { "isolated": "true" } } } }),
        json!({ "permissionSet": "ReadOnly", "group": "auditors" }),
        json!({ "permissionSet": "ReadOnly", "group": "students", "accounts": { "names": ["x*"] } }),
        json!({ "permissionSet": "ReadOnly", "user": "bob" }),
    ]);
    let class = account("111122223333", "class-7", 2);
    let mut assigned = Assigned::default();
    assigned.add(class.id.clone(), SETS[1].1, &PrincipalId::group(GROUPS[1].1));
    let facts = facts(&table, vec![class.clone()], assigned);
    let (ann, belongs) = ann(&[1, 2]);
    let said = why(&table, &class, &facts, Some(&nothing()), &ann, &belongs);
    assert_eq!((said.outcome, said.others), (Outcome::Access, 1));
    let [chain] = &said.chains[..] else { panic!("{:?}", said.chains) };
    assert_eq!(chain.way.through.as_ref().unwrap().name.as_deref(), Some("admins"));
    assert_eq!((chain.way.state.status, chain.way.gives.name()), (Standing::Present, "Admin"));
    let conditions = &chain.because[0].conditions;
    let words: Vec<(&str, &str)> =
        conditions.iter().map(|one| (one.wanted.as_str(), one.actual.as_str())).collect();
    assert_eq!(
        words,
        [
            (
                "wants an account whose OU is Education or below it",
                "it is in Education/Rust (r-ab12/ou-ab12-55555555/ou-ab12-66666666)"
            ),
            ("takes out accounts whose tag isolated matches \"true\"", "it has no tag isolated"),
        ]
    );
    let near: Vec<(&str, bool, usize)> =
        said.near.iter().map(|near| (near.row.as_str(), near.membership, near.unmet.len())).collect();
    assert_eq!(near, [("row-1", true, 0), ("row-2", false, 1)]);
}

#[test]
fn a_row_that_has_ended_is_a_condition_that_is_not_met_and_explains_nothing() {
    let row = |until: &str| json!({ "permissionSet": "Admin", "group": "admins", "until": until });
    let class = account("111122223333", "class-7", 1);
    let mut assigned = Assigned::default();
    assigned.add(class.id.clone(), SETS[1].1, &PrincipalId::group(GROUPS[1].1));
    let (ann, belongs) = ann(&[1]);
    let why = |until: &str| {
        let table = parse(&[row(until)]);
        let facts = facts(&table, vec![class.clone()], assigned.clone());
        why(&table, &class, &facts, Some(&nothing()), &ann, &belongs)
    };
    let last_day = why("2027-03-31");
    let [condition] = &last_day.chains[0].because[0].conditions[..] else { panic!("{last_day:?}") };
    assert_eq!(
        (condition.selector.as_str(), condition.wanted.as_str(), condition.actual.as_str(), condition.met),
        ("until", "ends after 2027-03-31", "today is 2027-03-31", Some(true))
    );
    let over = why("2027-03-30");
    let state = &over.chains[0].way.state;
    assert_eq!((over.outcome, state.status), (Outcome::Access, Standing::Unexplained));
    assert_eq!(state.ended.as_ref().unwrap().row, "row-0");
    let unmet: Vec<&str> = over.near[0].unmet.iter().map(|one| one.selector.as_str()).collect();
    assert_eq!((over.near[0].membership, unmet), (false, vec!["until"]));
}

#[test]
fn what_is_not_known_is_never_no_access() {
    let table =
        parse(&[json!({ "permissionSet": "Admin", "group": "admins", "accounts": { "ous": ["Prod"] } })]);
    let class = account("111122223333", "class-7", 1);
    let facts = facts(&table, vec![class.clone()], Assigned::default());
    let outcome = |account: &Account, access: Option<&AccountAccess>, belongs: &Belongs| {
        why(&table, account, &facts, access, &PrincipalId::user(USERS[0].1), belongs).outcome
    };
    let (_, known) = ann(&[]);
    assert_eq!(outcome(&class, Some(&nothing()), &known), Outcome::None);
    let unread = Belongs { unread: vec!["denied".into()], ..Belongs::default() };
    let denied = AccountAccess::Unread { unread: "denied".into() };
    let sick = Account { unread: Some("no answer".into()), ..class.clone() };
    for (account, access, belongs) in [
        (&class, Some(&nothing()), &unread),
        (&class, Some(&denied), &known),
        (&class, None, &known),
        (&sick, Some(&nothing()), &known),
    ] {
        assert_eq!(outcome(account, access, belongs), Outcome::Unknown, "{account:?} {access:?} {belongs:?}");
    }
}

#[test]
fn an_entitlement_and_what_is_left_of_a_deleted_group_are_ways_too() {
    let table = parse(&[json!({ "permissionSet": "ReadOnly", "group": "auditors" })]);
    let old = Account { state: State::Suspended, ..account("111122223333", "old", 0) };
    let ghosts = PrincipalId::group("52d5f4a4-70b1-7016-4f5a-0000000000ff");
    let mut assigned = Assigned::default();
    assigned.add(old.id.clone(), SETS[0].1, &PrincipalId::group(GROUPS[0].1));
    assigned.add(old.id.clone(), SETS[0].1, &ghosts);
    let facts = facts(&table, vec![old.clone()], assigned);
    let role = "arn:aws:iam::111122223333:role/x";
    let entitled = |principal| Entitled::new(old.id.to_string(), role.into(), principal, "arn:any".into());
    let entitlements = vec![entitled(Some(PrincipalId::user(USERS[0].1))), entitled(None)];
    let access = AccountAccess::Read { applications: 1, entitlements };
    let here = in_account(&Index::new(&table, facts.today), &old, &facts, Some(&access));
    assert_eq!(here.reason.as_deref(), Some("account 111122223333 is SUSPENDED"));
    let found: Vec<(Standing, bool)> =
        here.access.iter().map(|link| (link.state.status, link.state.held)).collect();
    use Standing::{Entitlement, Orphaned, Outside};
    assert_eq!(found, [(Entitlement, true), (Orphaned, true), (Outside, true), (Entitlement, true)]);
    let (ann, belongs) = ann(&[0]);
    let said = why(&table, &old, &facts, Some(&access), &ann, &belongs);
    assert_eq!(said.outcome, Outcome::Access);
    assert_eq!(said.chains.iter().filter(|chain| chain.way.gives == Gives::Role(role.into())).count(), 1);
    assert_eq!(why(&table, &old, &facts, Some(&access), &ghosts, &Belongs::default()).chains.len(), 1);
}
