//! The survey of a whole organization, and the repair of what it finds, on a paused clock.
//!
//! `cargo test --test function survey -- --nocapture` prints the calls of an organization of 10,000 accounts.

use std::{collections::BTreeSet, time::Duration};

use account_assigner::Answer;
use assigner_core::{
    assignments::{facts::Method, survey::Survey},
    outcome::Outcome,
};
use serde_json::{Value, json};
use stand_in::{AccountState, Assignment, Fault, FaultKind, Organization, Settings, StandIn};
use tokio::time::Instant;
use world::*;

fn rows() -> Value {
    json!([
        { "id": "audit", "permissionSet": "ReadOnlyAccess", "group": "auditors" },
        { "id": "prod", "permissionSet": "AdministratorAccess", "group": "platform-admins",
          "accounts": { "ous": ["Workloads/Prod"], "except": { "tags": { "isolated": "true" } } } },
        { "id": "class", "permissionSet": "PowerUserAccess", "group": "students",
          "accounts": { "tags": { "course": "*" } } },
        { "id": "on-call", "permissionSet": "Billing", "user": "oncall@example.com",
          "accounts": { "ous": ["Security"] } },
    ])
}

const ACTIVE: [&str; 5] = [CLASS_7, "222233334444", "333344445555", "444455556666", "555566667777"];

#[tokio::test(start_paused = true)]
async fn a_survey_finds_what_is_missing_and_nothing_after_the_repair() {
    let world = World::new(rows()).await;
    let survey = world.survey(event("survey")).await.unwrap();
    assert_eq!(survey.accounts.iter().map(|id| id.as_str()).collect::<Vec<_>>(), ACTIVE);
    let counts = survey.counts;
    assert_eq!((counts.accounts, counts.incomplete, counts.complete), (5, 5, 0));
    // Everyone's audit, payments' administrators, class-7's students, and two Security accounts' on-call user.
    assert_eq!(counts.missing, 5 + 1 + 1 + 2);
    assert_eq!((counts.management, counts.suspended, counts.not_ready), (1, 1, 1));
    assert_eq!((survey.method, survey.unresolved.len(), survey.accounts_omitted), (Method::Principals, 0, 0));
    assert_eq!(world.creates(), 0, "a survey creates nothing");

    for account in &survey.accounts {
        world.ensure(account.as_str()).await.unwrap();
    }
    let survey = world.survey(event("survey")).await.unwrap();
    assert_eq!((survey.accounts.len(), survey.counts.complete, survey.counts.unexplained), (0, 5, 0));
}

#[tokio::test(start_paused = true)]
async fn a_survey_of_an_ou_looks_at_its_accounts_only() {
    let world = World::new(rows()).await;
    let survey = world.survey(json!({ "survey": true, "ou": "ou-ab12-22222222" })).await.unwrap();
    assert_eq!(
        survey.accounts.iter().map(|id| id.as_str()).collect::<Vec<_>>(),
        ["444455556666", "555566667777"]
    );
}

#[tokio::test(start_paused = true)]
async fn what_no_row_explains_is_counted_and_named_and_left_alone() {
    let world = World::new(rows()).await;
    for account in ACTIVE {
        world.ensure(account).await.unwrap();
    }
    let organization = world.stand_in.organization();
    let set =
        |name: &str| organization.permission_sets.iter().find(|one| one.name == name).unwrap().arn.clone();
    let group = |name: &str| organization.groups.iter().find(|one| one.name == name).unwrap().id.clone();
    let extra = |account: &str, permission_set: &str, principal: &str| Assignment {
        account: account.into(),
        permission_set: set(permission_set),
        principal_type: "GROUP".into(),
        principal_id: group(principal),
    };
    // A grant of the table in the wrong account, one of another permission set, and one of somebody who is not in the
    // table.
    world.stand_in.put_assignment(extra(CLASS_7, "AdministratorAccess", "platform-admins"));
    world.stand_in.put_assignment(extra("222233334444", "SupportUser", "auditors"));
    world.stand_in.put_assignment(extra("222233334444", "SupportUser", "teachers"));
    let before = world.assignments();
    let survey = world.survey(event("survey")).await.unwrap();
    assert_eq!((survey.accounts.len(), survey.counts.unexplained), (0, 2));
    let named: BTreeSet<_> =
        survey.unexplained.iter().map(|one| (one.account.as_str(), one.principal.clone())).collect();
    assert_eq!(
        named,
        BTreeSet::from([(CLASS_7, group("platform-admins")), ("222233334444", group("auditors"))])
    );
    assert_eq!(world.assignments(), before);
}

#[tokio::test(start_paused = true)]
async fn away_from_the_management_account_the_survey_reads_account_by_account_and_finds_the_same() {
    let world = World::new(rows()).await;
    world.ensure(CLASS_7).await.unwrap();
    let by_principal = world.survey(event("survey")).await.unwrap();
    world.stand_in.set_faults(vec![Fault::on("ListAccountAssignmentsForPrincipal", FaultKind::AccessDenied)]);
    let by_account = world.survey(event("survey")).await.unwrap();
    assert_eq!((by_principal.method, by_account.method), (Method::Principals, Method::Accounts));
    assert_eq!((by_principal.accounts, by_principal.counts), (by_account.accounts, by_account.counts));
}

#[tokio::test(start_paused = true)]
async fn names_that_do_not_exist_are_reported_and_make_no_account_incomplete() {
    let world = World::new(json!([
        { "id": "a", "permissionSet": "ReadOnlyAccess", "group": "nobody" },
        { "id": "b", "permissionSet": "NoSuchSet", "group": "auditors" },
    ]))
    .await;
    let survey = world.survey(event("survey")).await.unwrap();
    assert_eq!((survey.counts.incomplete, survey.unresolved.len()), (0, 2), "{:?}", survey.unresolved);
}

#[tokio::test(start_paused = true)]
async fn without_paths_every_ou_is_asked_for_its_parent_once() {
    let settings = Settings { paths: false, ..Settings::default() };
    let world = World::with(rows(), Organization::sample(), settings, &[]).await;
    assert_eq!(world.survey(event("survey")).await.unwrap().counts.incomplete, 5);
    assert_eq!(world.calls("ListParents"), 5 + 5, "the active accounts, and the OUs above them");
}

#[tokio::test(start_paused = true)]
async fn tags_are_read_only_if_they_can_decide() {
    let world = World::new(json!([
        { "id": "a", "permissionSet": "ReadOnlyAccess", "group": "auditors",
          "accounts": { "ous": ["Workloads/Prod"], "except": { "tags": { "isolated": "true" }, "names": ["v*"] } } },
    ]))
    .await;
    let survey = world.survey(event("survey")).await.unwrap();
    assert_eq!(survey.accounts.iter().map(|id| id.as_str()).collect::<Vec<_>>(), ["444455556666"]);
    assert_eq!(world.calls("ListTagsForResource"), 1, "of vault only");
}

const ACCOUNTS: usize = 10_000;
const OUS: usize = 40;
const PRINCIPALS: usize = 20;
const PERMISSION_SETS: usize = 30;

/// Returns accounts in 40 OUs three deep, 20 groups and 30 permission sets.
fn large() -> Organization {
    let mut organization: Value = serde_json::to_value(Organization::sample()).unwrap();
    let id = |n: usize| format!("ou-ab12-{n:08}");
    organization["organizationalUnits"] = (0..OUS)
        .map(|n| {
            let parent = match n {
                0..4 => "r-ab12".to_owned(),
                4..13 => id(n % 4),
                _ => id(4 + n % 9),
            };
            json!({ "id": id(n), "name": format!("ou-{n}-name"), "parent": parent })
        })
        .collect();
    let management = organization["accounts"][0].clone();
    organization["accounts"] = std::iter::once(management)
        .chain((0..ACCOUNTS).map(|n| {
            let (account, name) = (format!("{:012}", 200_000_000_000 + n), format!("account-{n}"));
            json!({ "id": account, "name": name, "parent": id(n % OUS), "tags": {} })
        }))
        .collect();
    organization["groups"] = (0..PRINCIPALS)
        .map(|n| json!({ "name": format!("group-{n}"), "id": format!("00000000-0000-0000-0000-{n:012}") }))
        .collect();
    organization["permissionSets"] = (0..PERMISSION_SETS)
        .map(|n| {
            let arn = format!("arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-{n:016x}");
            json!({ "name": format!("Set-{n}"), "arn": arn })
        })
        .collect();
    serde_json::from_value(organization).unwrap()
}

/// Returns 30 rows: one for everybody, the others for one OU each.
fn large_rows() -> Value {
    (0..PERMISSION_SETS)
        .map(|n| {
            let mut row = json!({ "id": format!("row-{n}"), "permissionSet": format!("Set-{n}"),
                "group": format!("group-{}", n % PRINCIPALS) });
            if n > 0 {
                row["accounts"] = json!({ "ous": [format!("ou-ab12-{:08}", n % OUS)] });
            }
            row
        })
        .collect()
}

/// Puts every assignment that the large table wants, worked out here and not by the function.
fn fill(stand_in: &StandIn, organization: &Organization) -> usize {
    let parent = |ou: &str| {
        organization.organizational_units.iter().find(|one| one.id == ou).map(|one| one.parent.clone())
    };
    let mut count = 0;
    for account in organization.accounts.iter().filter(|one| one.id != organization.management_account_id) {
        let mut above = vec![account.parent.clone()];
        while let Some(next) = above.last().and_then(|ou| parent(ou)) {
            above.push(next);
        }
        for n in 0..PERMISSION_SETS {
            if n == 0 || above.contains(&format!("ou-ab12-{:08}", n % OUS)) {
                stand_in.put_assignment(Assignment {
                    account: account.id.clone(),
                    permission_set: organization.permission_sets[n].arn.clone(),
                    principal_type: "GROUP".into(),
                    principal_id: organization.groups[n % PRINCIPALS].id.clone(),
                });
                count += 1;
            }
        }
    }
    count
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_accounts_are_surveyed_by_the_fewest_calls_and_200_that_drifted_are_repaired() {
    let organization = large();
    let world = World::with(large_rows(), organization.clone(), Settings::default(), &[]).await;
    let full = fill(&world.stand_in, &organization);
    let start = Instant::now();
    let survey = world.survey(event("survey")).await.unwrap();
    let took = start.elapsed();
    assert_eq!(
        (survey.counts.complete, survey.counts.incomplete, survey.counts.unexplained),
        (ACCOUNTS, 0, 0)
    );
    let calls = world.stand_in.calls();
    // A page of 20 accounts each, and the empty page that the stand-in begins with.
    let accounts = (ACCOUNTS as u64 + 1).div_ceil(20) + 1;
    assert_eq!(calls["ListAccounts"], accounts);
    // Pages of 100 assignments, of each principal apart.
    let mut of_group = [0_u64; PRINCIPALS];
    for one in world.stand_in.assignments() {
        of_group[organization.groups.iter().position(|group| group.id == one.principal_id).unwrap()] += 1;
    }
    let pages: u64 = of_group.iter().map(|count| count.div_ceil(100).max(1)).sum();
    assert_eq!(calls["ListAccountAssignmentsForPrincipal"], pages);
    assert!(!calls.contains_key("ListTagsForResource") && !calls.contains_key("DescribeOrganizationalUnit"));
    println!("{ACCOUNTS} accounts, {full} assignments: {:.0} s at the quota; {calls:?}", took.as_secs_f64());
    println!("least: ListAccounts {accounts}, ListAccountAssignmentsForPrincipal {pages}");

    // 200 accounts drift in five ways.
    let wanted = world.stand_in.assignments();
    let all: Vec<Assignment> = wanted.iter().cloned().collect();
    let of = |n: usize| organization.accounts[1 + n * 37].id.clone();
    let mut drifted = BTreeSet::new();
    for n in 0..120 {
        // Deleted by hand: one, all, or all of a principal's.
        let account = of(n);
        let victims: Vec<_> = all.iter().filter(|one| one.account == account).collect();
        let count = if n < 40 { 1 } else { victims.len() };
        victims.into_iter().take(count).for_each(|one| world.stand_in.remove_assignment(one));
        drifted.insert(account);
    }
    world.stand_in.edit(|organization| {
        for n in 120..160 {
            // Moved into an OU for which another row exists: what it had stays, what is new is missing.
            let id = organization.accounts[1 + n * 37].id.clone();
            let account = organization.accounts.iter_mut().find(|one| one.id == id).unwrap();
            account.parent = "ou-ab12-00000029".into();
        }
        for n in 160..200 {
            // Vended while nobody listened.
            let mut account = organization.accounts[1 + n * 37].clone();
            account.id = format!("{:012}", 300_000_000_000_usize + n);
            account.name = format!("late-{n}");
            account.state = AccountState::Active;
            organization.accounts.push(account);
        }
    });
    let survey = world.survey(event("survey")).await.unwrap();
    let lacking: BTreeSet<String> = survey.accounts.iter().map(|id| id.as_str().to_owned()).collect();
    assert!(
        lacking.is_superset(&drifted) && lacking.len() >= 190,
        "{} accounts lack something",
        lacking.len()
    );
    assert!(serde_json::to_string(&survey).unwrap().len() < 256 * 1024);
    for account in &survey.accounts {
        assert_eq!(world.ensure(account.as_str()).await.unwrap().outcome, Outcome::Ready);
    }
    let survey = world.survey(event("survey")).await.unwrap();
    assert_eq!(survey.counts.incomplete, 0);
    assert!(
        wanted.is_subset(&world.stand_in.assignments()),
        "what was there before the drift is there again"
    );
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_lacking_accounts_fit_into_one_state_of_step_functions() {
    let world = World::with(large_rows(), large(), Settings::default(), &[]).await;
    let survey = world.survey(event("survey")).await.unwrap();
    assert_eq!(
        (survey.counts.incomplete, survey.accounts.len(), survey.accounts_omitted),
        (ACCOUNTS, ACCOUNTS, 0)
    );
    let bytes = serde_json::to_string(&survey).unwrap().len();
    assert!(bytes < 200 * 1024, "{bytes} bytes");
}

#[tokio::test(start_paused = true)]
async fn a_vended_account_does_not_wait_behind_a_backfill() {
    let settings = Settings { provisioning: Duration::from_millis(500), ..Settings::default() };
    let share = |rate, outstanding| [("MAX_REQUESTS_PER_SECOND", rate), ("MAX_OUTSTANDING", outstanding)];
    let vend = async |behind_a_backfill: bool| {
        let organization = with_permission_sets(12);
        let world = World::with(rows_for(12), organization, settings.clone(), &share("9", "6")).await;
        let backfill = world.another_with(&share("6", "4")).await;
        let others = async {
            for account in ACTIVE.into_iter().filter(|account| *account != CLASS_7).cycle() {
                let payload = json!({ "accountId": account });
                let _ = handle(&backfill, &payload).await;
                world
                    .stand_in
                    .assignments()
                    .iter()
                    .filter(|one| one.account == account)
                    .for_each(|one| world.stand_in.remove_assignment(one));
            }
        };
        let vended = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            let start = Instant::now();
            assert_eq!(world.handle(event("create-succeeded")).await.unwrap().counts.created, 12);
            start.elapsed().as_secs_f64()
        };
        let took = if behind_a_backfill {
            tokio::select! {
                took = vended => took,
                () = others => unreachable!("the backfill has no end"),
            }
        } else {
            vended.await
        };
        assert!(world.stand_in.peak_outstanding() <= 10);
        took
    };
    let (alone, behind) = (vend(false).await, vend(true).await);
    println!("12 grants: {alone:.2} s alone, {behind:.2} s next to a backfill, ratio {:.2}", behind / alone);
    assert!(behind <= 1.3 * alone, "{behind} s next to a backfill, {alone} s alone");
}

/// Returns an error of one service about one thing.
fn error(operation: &str, code: &str, about: &str) -> Fault {
    let kind = FaultKind::Error { code: code.into(), status: 400, message: "no".into() };
    Fault::on(operation, kind).about(about)
}

#[tokio::test(start_paused = true)]
async fn what_vanishes_or_is_sick_while_it_is_read_stops_nothing_else() {
    let lacking = |survey: &assigner_core::assignments::survey::Survey| -> Vec<String> {
        survey.accounts.iter().map(ToString::to_string).collect()
    };
    let without = |gone: &[&str]| -> Vec<String> {
        ACTIVE.iter().filter(|id| !gone.contains(id)).map(|id| (*id).to_owned()).collect()
    };
    // A fault, the accounts that are not listed for it, and whether it is named.
    let payments = "444455556666";
    let prod = {
        let organization = Organization::sample();
        let account = organization.accounts.iter().find(|account| account.id == payments).unwrap();
        account.parent.clone()
    };
    let in_prod: Vec<String> = Organization::sample()
        .accounts
        .iter()
        .filter(|account| account.parent == prod)
        .map(|account| account.id.clone())
        .collect();
    let in_prod: Vec<&str> = in_prod.iter().map(String::as_str).collect();
    let tags = "ListTagsForResource";
    let unit = "DescribeOrganizationalUnit";
    let students = "students";
    let cases = [
        (error(tags, "TargetNotFoundException", payments), vec![payments], false),
        (Fault::on(tags, FaultKind::Internal).about(payments), vec![payments], true),
        (Fault::on(tags, FaultKind::CutBefore).about(payments), vec![payments], true),
        (error(unit, "OrganizationalUnitNotFoundException", &prod), in_prod.clone(), true),
        (Fault::on(unit, FaultKind::Internal).about(&prod), in_prod, true),
        (error("GetGroupId", "ValidationException", students), vec![], true),
        (Fault::on("GetGroupId", FaultKind::Internal).about(students), vec![], true),
    ];
    for (fault, gone, named) in cases {
        let context = format!("{fault:?}");
        let world = World::new(rows()).await;
        world.stand_in.set_faults(vec![fault]);
        let survey = world.survey(event("survey")).await.unwrap_or_else(|error| panic!("{context}: {error}"));
        assert_eq!(lacking(&survey), without(&gone), "{context}");
        assert_eq!(!survey.unread.is_empty(), named, "{context}: {:?}", survey.unread);
    }
}

#[tokio::test(start_paused = true)]
async fn a_principal_that_is_refused_or_sick_does_not_make_the_survey_read_account_by_account() {
    let auditors =
        Organization::sample().groups.iter().find(|group| group.name == "auditors").unwrap().id.clone();
    let operation = "ListAccountAssignmentsForPrincipal";
    for fault in [
        error(operation, "ValidationException", &auditors),
        Fault::on(operation, FaultKind::Internal).about(&auditors),
    ] {
        let world = World::new(rows()).await;
        world.stand_in.set_faults(vec![fault.clone()]);
        let survey = world.survey(event("survey")).await.unwrap();
        assert_eq!(survey.method, Method::Principals, "{fault:?}");
        assert!(survey.unread.iter().any(|reason| reason.contains(operation)), "{:?}", survey.unread);
        // The other rows: payments' administrators, class-7's students, and two Security accounts' on-call user.
        assert_eq!(survey.counts.missing, 1 + 1 + 2, "the auditors' grants are in no count: {fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_delegated_administrators_survey_does_not_stop_at_one_account() {
    let world = World::new(rows()).await;
    world.stand_in.set_faults(vec![
        Fault::on("ListAccountAssignmentsForPrincipal", FaultKind::AccessDenied),
        Fault::on("ListPermissionSetsProvisionedToAccount", FaultKind::Internal).about(CLASS_7),
    ]);
    let survey = world.survey(event("survey")).await.unwrap();
    assert_eq!((survey.method, survey.counts.not_ready), (Method::Accounts, 2), "{survey:?}");
    assert!(survey.unread.iter().any(|reason| reason.contains(CLASS_7)), "{:?}", survey.unread);
    assert_eq!(survey.accounts.len(), ACTIVE.len() - 1);
}

#[tokio::test(start_paused = true)]
async fn a_survey_of_an_ou_that_does_not_exist_fails_and_one_of_an_empty_ou_does_not() {
    let world = World::new(rows()).await;
    let error = world.survey(json!({ "survey": true, "ou": "ou-ab12-00000000" })).await.unwrap_err();
    assert_eq!(error.name(), "InvalidConfig", "{error}");
    assert!(error.to_string().contains("ou-ab12-00000000"), "{error}");
    world.stand_in.edit(|organization| {
        let mut unit = organization.organizational_units[0].clone();
        unit.id = "ou-ab12-00000000".into();
        unit.name = "Empty".into();
        organization.organizational_units.push(unit);
    });
    let survey = world.survey(json!({ "survey": true, "ou": "ou-ab12-00000000" })).await.unwrap();
    assert_eq!(survey.counts.accounts, 0);
}

/// Surveys away from the management account, slice by slice, with this much time for each.
async fn slices(world: &World, time: Duration) -> Vec<Survey> {
    let mut slices: Vec<Survey> = Vec::new();
    loop {
        let after = slices.last().and_then(|slice| slice.next.clone());
        let payload = json!({ "survey": true, "after": after.map(|id| id.to_string()) });
        let started = Instant::now();
        let answer = world.function.handle(&payload, started + time).await.answer;
        assert!(started.elapsed() <= time, "{:?}", started.elapsed());
        let Ok(Answer::Organization(slice)) = answer else { panic!("{answer:?}") };
        slices.push(slice);
        if slices.last().is_some_and(|slice| slice.next.is_none()) {
            return slices;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_delegated_administrators_survey_goes_on_in_slices_and_leaves_nothing_out() {
    const SOME: usize = 400;
    let mut organization = large();
    organization.accounts.truncate(1 + SOME);
    let rows = json!([
        { "id": "audit", "permissionSet": "Set-0", "group": "group-0" },
        { "id": "tagged", "permissionSet": "Set-1", "group": "group-1", "accounts": { "tags": { "class": "*" } } },
    ]);
    for account in organization.accounts.iter_mut().skip(1).step_by(2) {
        account.tags = [("class".to_owned(), "7".to_owned())].into();
    }
    let world = World::with(rows, organization.clone(), Settings::default(), &[]).await;
    let mut lacking = BTreeSet::new();
    for (n, account) in organization.accounts.iter().skip(1).enumerate() {
        let wanted = if n % 2 == 0 { vec!["Set-0", "Set-1"] } else { vec!["Set-0"] };
        // Each tenth account lacks the last one that it should have.
        let there = if n % 10 == 0 { wanted.len() - 1 } else { wanted.len() };
        wanted[..there].iter().for_each(|set| world.put(&account.id, set, &set.replace("Set", "group")));
        if n % 10 == 0 {
            lacking.insert(account.id.clone());
        }
    }
    world.stand_in.set_faults(vec![Fault::on("ListAccountAssignmentsForPrincipal", FaultKind::AccessDenied)]);

    let slices = slices(&world, Duration::from_secs(20)).await;
    assert!(slices.len() > 2, "one slice has time for all: {}", slices.len());
    let sum = |count: fn(&Survey) -> usize| slices.iter().map(count).sum::<usize>();
    assert_eq!(sum(|slice| slice.counts.accounts), SOME);
    assert_eq!(sum(|slice| slice.counts.missing), SOME / 10);
    assert_eq!((sum(|slice| slice.counts.unexplained), sum(|slice| slice.unread.len())), (0, 0));
    let listed: Vec<String> =
        slices.iter().flat_map(|slice| &slice.accounts).map(|id| id.as_str().to_owned()).collect();
    assert!(listed.is_sorted(), "slice by slice");
    assert_eq!(BTreeSet::from_iter(listed), lacking);
    assert!(slices.iter().all(|slice| slice.method == Method::Accounts));
    let tags = world.calls("ListTagsForResource");
    println!(
        "{SOME} accounts in {} slices, {tags} calls for tags: {:?}",
        slices.len(),
        world.stand_in.calls()
    );
}

#[tokio::test(start_paused = true)]
async fn a_survey_after_an_account_looks_at_the_others_only() {
    let world = World::new(rows()).await;
    let survey = world.survey(json!({ "survey": true, "after": "333344445555" })).await.unwrap();
    assert_eq!(survey.accounts.iter().map(|id| id.as_str()).collect::<Vec<_>>(), ACTIVE[3..]);
    assert_eq!(survey.next, None, "by principal, all the others are read at once");
}

#[tokio::test(start_paused = true)]
async fn a_slice_without_time_for_one_account_is_late_instead_of_going_on_for_ever() {
    let world = World::new(rows()).await;
    world.stand_in.set_faults(vec![
        Fault::on("ListAccountAssignmentsForPrincipal", FaultKind::AccessDenied),
        Fault::on("ListPermissionSetsProvisionedToAccount", FaultKind::Slow { millis: 60_000 }),
    ]);
    let answer =
        world.function.handle(&event("survey"), Instant::now() + Duration::from_secs(20)).await.answer;
    assert_eq!(answer.unwrap_err().name(), "ServiceUnavailable");
}
