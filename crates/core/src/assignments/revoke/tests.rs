use super::{
    record::{Entry, Outcome, Record, Taken},
    *,
};
use crate::{
    assignments::{
        compare::Assigned,
        facts::{Method, NamesById, Unlisted},
        names::Names,
        snapshot::{Nothing, Snapshot},
    },
    cause::CallError,
    day::Day,
    organization::State,
    policy::Strictness,
    selector::{Selection, tree::Tree},
    table,
};

const ADMIN: &str = "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-0000000000000001";
const READ: &str = "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-0000000000000002";

fn group(number: usize) -> PrincipalId {
    PrincipalId::group(format!("00000000-0000-4000-8000-{number:012}"))
}

fn user(number: usize) -> PrincipalId {
    PrincipalId::user(format!("00000000-0000-4000-9000-{number:012}"))
}

fn rows(rows: &str) -> Table {
    table::parse(format!(r#"{{ "assignments": [{rows}] }}"#).as_bytes()).unwrap()
}

/// Wants Read for `auditors` in class-7, and names `admins` in a row that ended.
fn sample() -> Table {
    rows(
        r#"{ "id": "audit", "permissionSet": "Read", "group": "auditors", "accounts": { "ids": ["111122223333"] } },
           { "id": "old", "permissionSet": "Admin", "group": "admins", "until": "2026-12-31" }"#,
    )
}

/// Returns what class-7 and the management account have: pairs of a permission set and a principal.
fn facts(table: &Table, held: &[(&str, PrincipalId)]) -> Facts {
    let management =
        Account { id: AccountId::parse("123456789012").unwrap(), is_management: true, ..Account::class_7() };
    let mut assigned = Assigned::default();
    for (set, principal) in held {
        assigned.add(Account::class_7().id, set, principal);
        assigned.add(management.id.clone(), set, principal);
    }
    let groups = [(1, "auditors"), (2, "admins"), (3, "others"), (4, "AWSControlTowerAdmins")];
    let facts = Facts {
        read_at: String::new(),
        today: Day::parse("2027-01-01").unwrap(),
        instance: String::new(),
        method: Method::Accounts,
        selection: Selection::default(),
        accounts: vec![Account::class_7(), management],
        names: Names::default(),
        names_by_id: NamesById {
            permission_sets: [(ADMIN.to_owned(), "Admin".to_owned()), (READ.to_owned(), "Read".to_owned())]
                .into(),
            groups: groups.map(|(number, name)| (group(number).id, name.to_owned())).into(),
            users: [(user(1).id, "Jane@example.com".to_owned())].into(),
            unlisted: Unlisted::default(),
        },
        tree: Tree::default(),
        units: Some(Vec::new()),
        assigned,
        notes: Vec::new(),
    };
    let today = facts.today;
    Snapshot::<Nothing>::from(&facts).facts(&[table], today)
}

type Found = (Vec<(String, PrincipalId)>, Vec<(PrincipalId, Stays)>);

/// Returns what is taken from class-7, and what stays there.
fn found(decision: Decision) -> Found {
    let class_7 = Account::class_7().id;
    assert!(decision.revoke.iter().all(|one| one.assignment.account == class_7), "{decision:?}");
    let of = |one: Revocable| (one.assignment.permission_set, one.assignment.principal);
    let stays = decision.stays.into_iter().filter(|(one, _)| one.account == class_7);
    (decision.revoke.into_iter().map(of).collect(), stays.map(|(one, why)| (one.principal, why)).collect())
}

#[test]
fn what_no_row_explains_is_taken_with_its_exceptions() {
    let table = sample();
    let nobody = Caller::default();
    let jane = Caller { principals: [user(1), group(2)].into(), session: None };
    let session =
        Caller { session: Some((Account::class_7().id, [READ.to_owned()].into())), ..Caller::default() };
    let (named, everyone) = (Whose::NamedByTheTable, Whose::Everyone);
    let taken = |all: &[(&str, PrincipalId)]| -> Vec<(String, PrincipalId)> {
        all.iter().map(|(set, principal)| ((*set).to_owned(), principal.clone())).collect()
    };
    let cases = [
        ("a row explains it", vec![(READ, group(1))], &nobody, everyone, vec![], vec![]),
        ("a row that ended gave it", vec![(READ, group(2))], &nobody, named, vec![(READ, group(2))], vec![]),
        (
            "a row names the group for something else",
            vec![(ADMIN, group(1)), (ADMIN, group(2)), (ADMIN, user(1))],
            &nobody,
            named,
            vec![(ADMIN, group(1)), (ADMIN, group(2))],
            vec![(user(1), Stays::NotNamedByTheTable)],
        ),
        (
            "no row names the group",
            vec![(READ, group(3))],
            &nobody,
            named,
            vec![],
            vec![(group(3), Stays::NotNamedByTheTable)],
        ),
        ("everyone's", vec![(READ, group(3))], &nobody, everyone, vec![(READ, group(3))], vec![]),
        (
            "Control Tower's",
            vec![(READ, group(4))],
            &nobody,
            everyone,
            vec![],
            vec![(group(4), Stays::OfControlTower)],
        ),
        (
            "the caller's, by user and by group",
            vec![(READ, group(2)), (READ, user(1)), (READ, group(3))],
            &jane,
            everyone,
            vec![(READ, group(3))],
            vec![(group(2), Stays::OfTheCaller), (user(1), Stays::OfTheCaller)],
        ),
        (
            "what the caller's session may come from",
            vec![(READ, group(3)), (ADMIN, group(1))],
            &session,
            everyone,
            // An administrator's set whose last principal this is.
            vec![],
            vec![(group(3), Stays::OfTheCaller), (group(1), Stays::LastAdministrator)],
        ),
        (
            "of several last administrators, a person chooses",
            vec![(ADMIN, group(1)), (ADMIN, group(3))],
            &nobody,
            everyone,
            vec![],
            vec![(group(1), Stays::LastAdministrator), (group(3), Stays::LastAdministrator)],
        ),
        (
            "somebody who was deleted is nobody, and no last administrator",
            vec![(ADMIN, group(1)), (ADMIN, group(9))],
            &nobody,
            everyone,
            vec![(ADMIN, group(9))],
            vec![(group(1), Stays::LastAdministrator)],
        ),
        (
            "an administrator who stays for another reason is left",
            vec![(ADMIN, group(1)), (ADMIN, group(4))],
            &nobody,
            everyone,
            vec![(ADMIN, group(1))],
            vec![(group(4), Stays::OfControlTower)],
        ),
    ];
    let administrators = BTreeSet::from([ADMIN.to_owned()]);
    for (name, held, caller, whose, revoke, stays) in cases {
        let facts = facts(&table, &held);
        assert_eq!(doubts(&table, &facts), [""; 0], "{name}");
        let decided = found(decide(&table, &facts, caller, &administrators, whose));
        assert_eq!(decided, (taken(&revoke), stays), "{name}");
    }
}

#[test]
fn what_is_taken_says_which_row_ended_and_who_was_deleted() {
    let table = sample();
    let facts = facts(&table, &[(ADMIN, group(2)), (READ, group(9))]);
    let decision = decide(&table, &facts, &Caller::default(), &BTreeSet::new(), Whose::Everyone);
    let said: Vec<_> = decision
        .revoke
        .iter()
        .map(|one| (one.ended.as_ref().map(|ended| ended.row.as_str()), one.orphaned))
        .collect();
    assert_eq!(said, [(Some("old"), false), (None, true)]);
}

#[test]
fn nothing_is_decided_about_accounts_to_which_no_table_applies() {
    let table = sample();
    for (state, unread, why) in [
        (State::Suspended, None, Stays::AccountNotActive),
        (State::PendingActivation, None, Stays::AccountNotReady),
        (State::Active, Some("throttled".to_owned()), Stays::AccountNotReady),
    ] {
        let mut facts = facts(&table, &[(READ, group(2))]);
        facts.accounts[0] = Account { state, unread, ..Account::class_7() };
        let decision = decide(&table, &facts, &Caller::default(), &BTreeSet::new(), Whose::Everyone);
        let all: Vec<Stays> = decision.stays.iter().map(|(_, why)| *why).collect();
        assert_eq!((decision.revoke.len(), all), (0, vec![why, Stays::ManagementAccount]));
    }
}

#[test]
fn in_doubt_nothing_may_be_taken() {
    let unknown_group = r#"{ "id": "a", "permissionSet": "Read", "group": "auditros" }"#;
    let unknown_set = r#"{ "id": "a", "permissionSet": "Raed", "group": "auditors" }"#;
    let ended = r#"{ "id": "a", "permissionSet": "Raed", "group": "auditros", "until": "2026-12-31" }"#;
    let unknown_ou =
        r#"{ "id": "a", "permissionSet": "Read", "group": "auditors", "accounts": { "ous": ["Gone"] } }"#;
    let cases =
        [(unknown_group, 1, "auditros"), (unknown_set, 1, "Raed"), (unknown_ou, 1, "Gone"), (ended, 0, "")];
    for (row, count, word) in cases {
        let table = rows(row);
        let doubts = doubts(&table, &facts(&table, &[]));
        assert_eq!(doubts.len(), count, "{doubts:?}");
        assert!(doubts.iter().all(|doubt| doubt.contains(word)), "{doubts:?}");
    }
    let table = sample();
    type Change = fn(&mut Facts);
    let cases: [(Change, &str); 3] = [
        (|facts| facts.names_by_id.unlisted.groups = Some("denied".to_owned()), "denied"),
        (|facts| facts.method = Method::Principals, "was not read"),
        (
            |facts| {
                let failed = Obstacle::Failed(CallError {
                    operation: "identitystore:GetGroupId",
                    cause: crate::cause::Cause::Unavailable,
                    code: None,
                    message: "no answer".to_owned(),
                });
                facts.names.principals.values_mut().for_each(|found| *found = Err(failed.clone()));
            },
            "no answer",
        ),
    ];
    for (change, word) in cases {
        let mut facts = facts(&table, &[]);
        change(&mut facts);
        let doubts = doubts(&table, &facts);
        assert!(doubts.iter().any(|doubt| doubt.contains(word)), "{word}: {doubts:?}");
    }
}

#[test]
fn a_session_of_identity_center_names_its_user_and_its_permission_set() {
    let table = sample();
    let facts = facts(&table, &[]);
    let session = |arn: &str| Session::of(arn);
    let one = session(
        "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Ad_min_0123456789abcdef/jane@example.com",
    );
    let one = one.unwrap();
    assert_eq!((one.account.as_str(), one.permission_set.as_str()), ("111122223333", "Ad_min"));
    assert_eq!(one.users(&facts), BTreeSet::from([user(1).id.as_str()]));
    let admin = Session { permission_set: "Admin".to_owned(), ..one };
    assert_eq!(admin.permission_sets(&facts), BTreeSet::from([ADMIN.to_owned()]));
    for other in [
        "arn:aws:sts::111122223333:assumed-role/Deploy/jane@example.com",
        "arn:aws:iam::111122223333:user/AWSReservedSSO_Admin_0123456789abcdef/jane",
        "arn:aws:iam::111122223333:root",
        "",
    ] {
        assert_eq!(session(other), None, "{other}");
    }
}

#[test]
fn a_permission_set_makes_an_administrator_by_what_it_holds() {
    let inline = |statement: &str| {
        let text = format!(r#"{{ "Version": "2012-10-17", "Statement": [{statement}] }}"#);
        Document::parse(text.as_bytes(), Strictness::AsRead).unwrap()
    };
    let all = inline(r#"{ "Effect": "Allow", "Action": "*", "Resource": "*" }"#);
    let some = inline(r#"{ "Effect": "Allow", "Action": "s3:*", "Resource": "*" }"#);
    let denied = inline(r#"{ "Effect": "Deny", "Action": "*", "Resource": "*" }"#);
    let cases: [(&[&str], Option<&Document>, bool); 6] = [
        (&["arn:aws:iam::aws:policy/AdministratorAccess"], None, true),
        (&["arn:aws-us-gov:iam::aws:policy/AdministratorAccess"], None, true),
        (&["arn:aws:iam::aws:policy/ReadOnlyAccess"], Some(&some), false),
        (&[], Some(&all), true),
        (&[], Some(&denied), false),
        (&[], None, false),
    ];
    for (managed, inline, expected) in cases {
        assert_eq!(
            makes_an_administrator(managed.iter().copied(), inline),
            expected,
            "{managed:?} {inline:?}"
        );
    }
}

fn entry(principal: &PrincipalId, outcome: Option<Outcome>) -> Entry {
    Entry {
        account: "111122223333".to_owned(),
        account_name: Some("class-7".to_owned()),
        permission_set: ADMIN.to_owned(),
        permission_set_name: None,
        principal_type: principal.kind.as_str().to_owned(),
        principal_id: principal.id.clone(),
        principal_name: None,
        outcome,
    }
}

fn record(assignments: Vec<Entry>) -> Record {
    let instance = "arn:aws:sso:::instance/ssoins-7223f7eef79824e1".to_owned();
    Record::new(
        "2027-01-01T00:00:00Z".to_owned(),
        instance,
        "me".to_owned(),
        "a.json".to_owned(),
        assignments,
    )
}

#[test]
fn a_record_gives_back_what_was_taken_and_what_may_have_been() {
    let outcomes = [
        (Some(Outcome::Revoked), Some(Taken::Certainly)),
        (None, Some(Taken::Perhaps)),
        (Some(Outcome::Pending), Some(Taken::Perhaps)),
        (Some(Outcome::Gone), None),
        (Some(Outcome::Failed), None),
    ];
    let entries = outcomes.iter().enumerate().map(|(number, (outcome, _))| entry(&user(number), *outcome));
    let mut entries: Vec<Entry> = entries.collect();
    entries.push(entry(&user(0), None));
    let written = serde_json::to_vec(&record(entries)).unwrap();
    let taken = Record::parse(&written).unwrap().taken();
    let expected =
        outcomes.iter().enumerate().filter_map(|(number, (_, taken))| Some((user(number), (*taken)?)));
    let found = taken.into_iter().map(|(assignment, taken)| (assignment.principal, taken));
    assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}

#[test]
fn a_record_that_is_none_is_refused_with_every_fault() {
    let text = |record: &Record| serde_json::to_string(record).unwrap();
    let good = text(&record(vec![entry(&group(1), None)]));
    let cases = [
        ("[]".to_owned(), vec!["not a record"]),
        ("{}".to_owned(), vec!["no recordVersion"]),
        (good.replace(r#""recordVersion":1"#, r#""recordVersion":2"#), vec!["version 2"]),
        (good.replace("readAt", "at"), vec!["not a record"]),
        (text(&record(vec![])), vec!["no assignment"]),
        (
            good.replace("111122223333", "1").replace("GROUP", "ROLE").replace("ps-0000000000000001", "ps-1"),
            vec!["assignments[0].account", "assignments[0].permissionSet", "assignments[0].principalType"],
        ),
    ];
    for (text, expected) in cases {
        let faults = Record::parse(text.as_bytes()).unwrap_err();
        assert_eq!(faults.len(), expected.len(), "{faults:?}");
        assert!(faults.iter().zip(&expected).all(|(fault, word)| fault.contains(word)), "{faults:?}");
    }
}
