//! `ensure` from payload to assignments, with real SDK clients against the stand-in, on a paused clock.

use std::{collections::BTreeSet, time::Duration};

use account_assigner::Answer;
use assigner_core::outcome::Outcome;
use assigner_engine::error::Error;
use serde_json::{Value, json};
use stand_in::{Assignment, Fault, FaultKind, Organization, Settings};
use tokio::time::Instant;
use world::*;

fn four_rows() -> Value {
    json!([
        { "id": "nested", "permissionSet": "ReadOnlyAccess", "group": "auditors",
          "accounts": { "ous": ["Education/Rust"] } },
        { "id": "outer", "permissionSet": "SupportUser", "group": "teachers",
          "accounts": { "ous": ["Education"] } },
        { "id": "tagged", "permissionSet": "PowerUserAccess", "group": "students",
          "accounts": { "tags": { "course": "*" } } },
        { "id": "elsewhere", "permissionSet": "AdministratorAccess", "group": "platform-admins",
          "accounts": { "ous": ["Workloads/Prod"] } },
    ])
}

fn set(lines: &[&str]) -> BTreeSet<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_vended_account_gets_exactly_what_the_table_says_and_a_second_delivery_creates_nothing() {
    let world = World::new(four_rows()).await;
    let report = world.handle(event("create-succeeded")).await.unwrap();
    let expected = set(&[
        "111122223333 ReadOnlyAccess auditors",
        "111122223333 SupportUser teachers",
        "111122223333 PowerUserAccess students",
    ]);
    assert_eq!(world.assignments(), expected);
    assert_eq!((report.outcome, report.counts.created), (Outcome::Ready, 3));

    world.stand_in.forget_calls();
    let report = world.handle(event("create-succeeded")).await.unwrap();
    assert_eq!((report.outcome, report.counts.present, report.counts.created), (Outcome::Ready, 3, 0));
    assert_eq!(world.creates(), 0);
    assert_eq!(world.assignments(), expected);
}

#[tokio::test(start_paused = true)]
async fn the_report_has_the_documented_shape() {
    let world = World::new(json!([
        { "id": "students", "permissionSet": "PowerUserAccess", "group": "students",
          "accounts": { "ous": ["Education"] } },
        { "id": "on-call", "user": "oncall@example.com",
          "permissionSet": "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-ef450dbf3b354e78" },
    ]))
    .await;
    let report = serde_json::to_value(world.ensure(CLASS_7).await.unwrap()).unwrap();
    assert_eq!(report["outcome"], "ready");
    assert_eq!(report["account"], json!({ "id": CLASS_7, "name": "class-7", "ou": "Education/Rust" }));
    let counts =
        json!({ "created": 2, "present": 0, "planned": 0, "failed": 0, "unresolved": 0, "pending": 0 });
    assert_eq!(report["counts"], counts);
    assert!(report["seconds"].as_f64().unwrap() >= 1.0);
    let [students, on_call] = report["grants"].as_array().unwrap().as_slice() else { panic!("{report}") };
    assert_eq!(students["rules"], json!(["students"]));
    assert_eq!(students["permissionSet"]["name"], "PowerUserAccess");
    assert!(students["permissionSet"]["arn"].as_str().unwrap().starts_with("arn:aws:sso:::permissionSet/"));
    assert_eq!(students["principal"]["type"], "GROUP");
    assert_eq!(students["principal"]["name"], "students");
    assert_eq!(students["status"], "created");
    assert!(students["requestId"].is_string() && students["seconds"].as_f64().unwrap() >= 1.0);
    assert_eq!(on_call["principal"]["type"], "USER");
    assert!(on_call["permissionSet"]["arn"].as_str().unwrap().ends_with("ps-ef450dbf3b354e78"));
}

#[tokio::test(start_paused = true)]
async fn the_order_in_which_creations_are_listed_costs_next_to_nothing() {
    const GRANTS: u32 = 200;
    let run = async |history_oldest_first: bool| {
        let settings = Settings { history_oldest_first, ..Settings::default() };
        let share = [("MAX_OUTSTANDING", "10"), ("MAX_REQUESTS_PER_SECOND", "20")];
        let count = GRANTS as usize;
        let world = World::with(rows_for(count), with_permission_sets(count), settings, &share).await;
        let start = Instant::now();
        assert_eq!(world.ensure(CLASS_7).await.unwrap().counts.created, count);
        let took = start.elapsed().as_secs_f64();
        let calls = ["CreateAccountAssignment", "ListAccountAssignmentCreationStatus"];
        let calls: u64 = calls.iter().map(|name| world.calls(name)).sum();
        let described = world.calls("DescribeAccountAssignmentCreationStatus");
        (took, (calls + described) as f64 / f64::from(GRANTS))
    };
    let ((newest, few), (oldest, some)) = (run(false).await, run(true).await);
    println!(
        "{GRANTS} grants: newest first {newest:.1} s, {few:.2} calls a grant; oldest first {oldest:.1} s, {some:.2}"
    );
    assert!(oldest <= newest * 1.1, "{oldest:.1} s instead of {newest:.1} s");
    assert!(some <= few * 1.25, "{some:.2} calls a grant instead of {few:.2}");
}

#[tokio::test(start_paused = true)]
async fn thirty_rows_finish_within_1_3_times_the_bound_of_places_and_pace() {
    // The jitter of the polls differs from run to run. So the median counts.
    let mut ratios = Vec::new();
    for _ in 0..5 {
        let settings = Settings { provisioning: Duration::from_secs(1), ..Settings::default() };
        let world = World::with(rows_for(30), with_permission_sets(30), settings, &[]).await;
        let start = Instant::now();
        let report = world.ensure(CLASS_7).await.unwrap();
        let took = start.elapsed().as_secs_f64();
        assert_eq!(report.counts.created, 30);
        assert_eq!(world.stand_in.creations().len(), 30);
        assert!(world.stand_in.peak_outstanding() <= 10);
        assert_eq!(refusals(&world), 0, "the pace keeps the quota");
        // Three rounds of ten that take a second each, or as long as the pace takes for the calls that were made.
        let bound = f64::max(30.0 / 10.0, (world.identity_center_calls() as f64 - 5.0) / 15.0);
        println!("30 rows: {took:.2} s, bound {bound:.2} s; {:?}", world.stand_in.calls());
        ratios.push(took / bound);
    }
    ratios.sort_by(f64::total_cmp);
    assert!(ratios[2] <= 1.3, "the median of {ratios:?}");
}

/// Returns how many answers of any service refused a request.
fn refusals(world: &World) -> usize {
    world.stand_in.history().iter().filter(|call| call.error.is_some()).count()
}

#[tokio::test(start_paused = true)]
async fn a_bad_table_is_refused_with_every_fault_before_any_call() {
    let world = World::new(json!([
        { "id": "One", "permissionSet": "Read Only", "group": "auditors" },
        { "id": "two", "permissionSet": "ReadOnlyAccess" },
    ]))
    .await;
    let error = world.handle(event("create-succeeded")).await.unwrap_err();
    assert_eq!(error.name(), "InvalidTable");
    let message = error.to_string();
    for part in ["3 faults", "row 1 (One), id", "row 1 (One), permissionSet", "row 2 (two): neither"] {
        assert!(message.contains(part), "{part:?} is not in {message}");
    }
    assert!(world.stand_in.calls().is_empty(), "{:?}", world.stand_in.calls());
}

#[tokio::test(start_paused = true)]
async fn events_that_ask_for_nothing_call_nothing() {
    let world = World::new(four_rows()).await;
    for name in ["create-failed", "update-failed", "create-api-call", "register-ou", "update-landing-zone"] {
        let report = world.handle(event(name)).await.unwrap();
        assert_eq!(report.outcome, Outcome::Ignored, "{name}");
        assert!(report.reason.is_some_and(|reason| reason.len() > 20), "{name}");
    }
    assert_eq!(world.handle(json!("?")).await.unwrap_err().name(), "InvalidEvent");
    assert!(world.stand_in.calls().is_empty(), "{:?}", world.stand_in.calls());
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_creates_nothing_and_says_what_it_would() {
    let world = World::new(four_rows()).await;
    let auditors = assignment(&world, "ReadOnlyAccess", "auditors");
    world.stand_in.put_assignment(auditors);
    let report = world.handle(event("dry-run")).await.unwrap();
    assert_eq!(report.outcome, Outcome::Planned);
    let expected = [("nested", "present"), ("outer", "planned"), ("tagged", "planned")];
    assert_eq!(statuses(&report), expected.map(|(rule, status)| (rule.to_owned(), status.to_owned())));
    assert_eq!((world.creates(), world.assignments().len()), (0, 1));

    let always = World::with(
        four_rows(),
        Organization::sample(),
        Settings::default(),
        &[("DRY_RUN", "true"), ("ASSIGNMENTS_FILE", "examples/assignments.json")],
    )
    .await;
    // What nobody asked for is counted, so that an alarm can say that the setting is on.
    for (payload, held_back) in [("create-succeeded", 3), ("dry-run", 0)] {
        let handled = always.function.handle(&event(payload), Instant::now() + TIMEOUT).await;
        let Ok(Answer::Account(report)) = handled.answer else { panic!("{:?}", handled.answer) };
        assert_eq!((report.outcome, report.counts.planned), (Outcome::Planned, 3), "{payload}");
        assert_eq!(handled.figures.held_back, held_back, "{payload}");
    }
    assert_eq!(always.creates(), 0);
}

fn assignment(world: &World, permission_set: &str, group: &str) -> Assignment {
    let organization = world.stand_in.organization();
    Assignment {
        account: CLASS_7.into(),
        permission_set: organization
            .permission_sets
            .iter()
            .find(|set| set.name == permission_set)
            .unwrap()
            .arn
            .clone(),
        principal_type: "GROUP".into(),
        principal_id: organization.groups.iter().find(|one| one.name == group).unwrap().id.clone(),
    }
}

#[tokio::test(start_paused = true)]
async fn the_management_account_is_never_a_target() {
    let everyone = json!([{ "id": "all", "permissionSet": "ReadOnlyAccess", "group": "auditors" }]);
    for environment in [&[][..], &[("MANAGEMENT_ACCOUNT_ID", "123456789012")]] {
        let world =
            World::with(everyone.clone(), Organization::sample(), Settings::default(), environment).await;
        world.write_table(&table_of(everyone.clone()).to_string());
        for payload in [json!({ "accountId": "123456789012" }), event("create-management-account")] {
            let report = world.handle(payload).await.unwrap();
            assert_eq!(report.outcome, Outcome::Ignored);
            assert!(report.reason.unwrap().contains("management account"));
        }
        assert_eq!(world.creates(), 0);
    }
    // A setting alone protects an account, whatever Organizations says.
    let world = World::with(
        everyone.clone(),
        Organization::sample(),
        Settings::default(),
        &[("MANAGEMENT_ACCOUNT_ID", CLASS_7)],
    )
    .await;
    assert_eq!(world.ensure(CLASS_7).await.unwrap().outcome, Outcome::Ignored);
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_not_active_gets_nothing() {
    let world =
        World::new(json!([{ "id": "all", "permissionSet": "ReadOnlyAccess", "group": "auditors" }])).await;
    let pending = world.handle(event("pending-account")).await.unwrap_err();
    assert_eq!(pending.name(), "AccountNotReady");
    let suspended = world.handle(event("suspended-account")).await.unwrap();
    assert_eq!(suspended.outcome, Outcome::Ignored);
    assert!(suspended.reason.unwrap().contains("SUSPENDED"));
    let absent = world.ensure("000000000000").await.unwrap_err();
    assert_eq!(absent.name(), "AccountNotReady");
    assert!(absent.to_string().contains("000000000000 is not in the organization"), "{absent}");
    assert_eq!(world.creates(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_name_is_unresolved_for_that_grant_only() {
    let world = World::new(json!([
        { "id": "good", "permissionSet": "ReadOnlyAccess", "group": "auditors" },
        { "id": "no-group", "permissionSet": "ReadOnlyAccess", "group": "nobody" },
        { "id": "no-user", "permissionSet": "ReadOnlyAccess", "user": "nobody@example.com" },
        { "id": "no-set", "permissionSet": "NoSuchSet", "group": "auditors" },
        { "id": "no-arn", "group": "auditors",
          "permissionSet": "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-0000000000000000" },
        { "id": "no-id", "permissionSet": "ReadOnlyAccess", "group": "11111111-2222-3333-4444-555555555555" },
    ]))
    .await;
    let answer = world.ensure(CLASS_7).await;
    let message = account_assigner::words::message(answer.as_ref().unwrap_err());
    let (sentence, json) = message.split_once('\n').unwrap();
    assert!(
        sentence.starts_with("5 of 6 assignments for account 111122223333 (class-7) are not in place"),
        "{sentence}"
    );
    assert_eq!(serde_json::from_str::<Value>(json).unwrap()["counts"]["unresolved"], 5);
    let expected = [
        ("good", "created"),
        ("no-group", "unresolved"),
        ("no-user", "unresolved"),
        ("no-set", "unresolved"),
        ("no-arn", "unresolved"),
        ("no-id", "unresolved"),
    ];
    assert_eq!(
        statuses(&incomplete(answer)),
        expected.map(|(rule, status)| (rule.to_owned(), status.to_owned()))
    );
    assert_eq!(world.assignments(), set(&["111122223333 ReadOnlyAccess auditors"]));
}

#[tokio::test(start_paused = true)]
async fn one_grant_named_in_two_ways_is_created_once_and_names_both_rows() {
    let auditors = Organization::sample().groups[0].id.clone();
    let world = World::new(json!([
        { "id": "by-name", "permissionSet": "ReadOnlyAccess", "group": "auditors" },
        { "id": "same", "permissionSet": "ReadOnlyAccess", "group": "auditors" },
        { "id": "by-id", "group": auditors,
          "permissionSet": "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-ef450dbf3b354e78" },
    ]))
    .await;
    let report = world.ensure(CLASS_7).await.unwrap();
    assert_eq!(report.grants.len(), 1);
    assert_eq!(report.grants[0].rules, ["by-name", "same", "by-id"]);
    assert_eq!(world.creates(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_permission_set_given_by_arn_is_reported_with_its_name_once_that_is_known() {
    let world = World::new(json!([
        { "id": "by-name", "permissionSet": "ReadOnlyAccess", "group": "auditors" },
        { "id": "by-arn", "group": "teachers",
          "permissionSet": "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-ef450dbf3b354e78" },
    ]))
    .await;
    let report = world.ensure(CLASS_7).await.unwrap();
    assert_eq!(report.grants[1].permission_set.name.as_deref(), Some("ReadOnlyAccess"));
}

#[tokio::test(start_paused = true)]
async fn names_of_permission_sets_are_remembered_and_only_needed_names_are_asked() {
    let world = World::with(rows_for(3), with_permission_sets(200), Settings::default(), &[]).await;
    world.ensure(CLASS_7).await.unwrap();
    assert!(world.calls("DescribePermissionSet") < 206, "stops when all names are found");
    assert_eq!((world.calls("GetGroupId"), world.calls("GetUserId")), (1, 0));
    assert_eq!((world.calls("ListTagsForResource"), world.calls("DescribeOrganizationalUnit")), (0, 0));

    world.stand_in.forget_calls();
    world.ensure(CLASS_7).await.unwrap();
    assert_eq!((world.calls("ListPermissionSets"), world.calls("DescribePermissionSet")), (0, 0));
    assert!(world.identity_center_calls() <= 3 + 3, "{:?}", world.stand_in.calls());

    tokio::time::advance(Duration::from_secs(3600)).await;
    world.stand_in.forget_calls();
    world.ensure(CLASS_7).await.unwrap();
    assert!(world.calls("ListPermissionSets") > 0, "forgotten after a while");
}

#[tokio::test(start_paused = true)]
async fn names_that_are_remembered_are_confirmed_by_one_list_before_anything_is_created_with_them() {
    for (list_fails, lists, descriptions) in [(false, 1, 0), (true, 1, 4)] {
        let world = World::with(rows_for(4), with_permission_sets(20), Settings::default(), &[]).await;
        world.survey(json!({ "survey": true })).await.unwrap();
        world.stand_in.forget_calls();
        if list_fails {
            world.stand_in.set_faults(vec![Fault::on("ListPermissionSets", FaultKind::AccessDenied)]);
        }
        assert_eq!(world.ensure(CLASS_7).await.unwrap().counts.created, 4);
        let calls = (world.calls("ListPermissionSets"), world.calls("DescribePermissionSet"));
        assert_eq!(calls, (lists, descriptions), "list fails: {list_fails}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_recreated_with_a_new_id_is_seen_by_the_next_event() {
    let world = World::new(json!([
        { "id": "a", "permissionSet": "ReadOnlyAccess", "group": "auditors" },
        { "id": "b", "permissionSet": "Billing", "group": "teachers" },
    ]))
    .await;
    world.ensure(CLASS_7).await.unwrap();
    // The old assignments stay listed, as orphans do.
    world.stand_in.edit(|organization| {
        organization.groups[0].id = "99999999-2222-3333-4444-555555555555".into();
        let arn = &mut organization.permission_sets.iter_mut().find(|set| set.name == "Billing").unwrap().arn;
        *arn = arn.replace("ps-5e8b04f9c61d27a3", "ps-ffffffffffffffff");
    });
    let gone: Vec<_> = world
        .stand_in
        .assignments()
        .into_iter()
        .filter(|one| one.permission_set.ends_with("ps-5e8b04f9c61d27a3"))
        .collect();
    gone.iter().for_each(|one| world.stand_in.remove_assignment(one));
    let report = world.ensure(CLASS_7).await.unwrap();
    assert_eq!((report.outcome, report.counts.created), (Outcome::Ready, 2));
    let now = world.assignments();
    assert!(
        now.contains("111122223333 ReadOnlyAccess auditors") && now.contains("111122223333 Billing teachers"),
        "{now:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_edit_of_the_table_is_seen_by_the_next_event() {
    let world = World::new(json!([four_rows()[0]])).await;
    assert_eq!(world.ensure(CLASS_7).await.unwrap().grants.len(), 1);
    world.write_table(&table_of(four_rows()).to_string());
    let report = world.ensure(CLASS_7).await.unwrap();
    assert_eq!((report.counts.created, report.counts.present), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_table_that_somebody_emptied_gives_nobody_anything_until_it_has_rows() {
    let world = World::new(json!([])).await;
    let vended = world.handle(event("create-succeeded")).await.unwrap();
    assert_eq!((vended.counts.created, vended.grants.len()), (0, 0));
    assert_eq!(world.survey(json!({ "survey": true })).await.unwrap().counts.missing, 0);
    world.write_table(&table_of(four_rows()).to_string());
    assert_eq!(world.handle(event("create-succeeded")).await.unwrap().counts.created, 3);
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_stuck_ends_after_its_share_of_the_time_and_not_before() {
    let slow = FaultKind::Slow { millis: 900_000 };
    let cases = [
        ("CreateAccountAssignment", FaultKind::Stuck, "AssignmentsIncomplete"),
        ("ListAccountAssignments", slow, "AssignmentsIncomplete"),
        // An error that the state machine does not try again at once.
        ("DescribeAccount", FaultKind::Throttle, "AccountNotReady"),
        // This one concerns every account.
        ("ListInstances", FaultKind::Throttle, "ServiceUnavailable"),
    ];
    for (operation, kind, expected) in cases {
        let took = async |environment: &[(&str, &str)]| {
            let world =
                World::with(four_rows(), Organization::sample(), Settings::default(), environment).await;
            world.stand_in.set_faults(vec![Fault::on(operation, kind.clone())]);
            let start = Instant::now();
            let error = world.ensure(CLASS_7).await.unwrap_err();
            (start.elapsed().as_secs(), error)
        };
        let (seconds, error) = took(&[("ACCOUNT_SECONDS", "120")]).await;
        assert_eq!((seconds, error.name()), (120, expected), "{operation}: {error}");
        let (seconds, error) = took(&[]).await;
        assert!(seconds > 120, "{operation}: {seconds} s, {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_survey_may_take_longer_than_one_account() {
    let environment = [("ACCOUNT_SECONDS", "1")];
    let world = World::with(four_rows(), Organization::sample(), Settings::default(), &environment).await;
    world.stand_in.set_faults(vec![Fault::on("ListAccounts", FaultKind::Slow { millis: 5_000 })]);
    let start = Instant::now();
    world.survey(json!({ "survey": true })).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn without_paths_the_parents_are_climbed() {
    let settings = Settings { paths: false, ..Settings::default() };
    let world = World::with(four_rows(), Organization::sample(), settings, &[]).await;
    assert_eq!(world.ensure(CLASS_7).await.unwrap().counts.created, 3);
    assert_eq!(world.calls("ListParents"), 3);
}

#[tokio::test(start_paused = true)]
async fn an_account_directly_in_the_root_is_in_no_ou() {
    let world = World::new(four_rows()).await;
    world.stand_in.edit(|organization| {
        let root = organization.root_id.clone();
        organization.accounts.iter_mut().find(|account| account.id == CLASS_7).unwrap().parent = root;
    });
    let report = world.ensure(CLASS_7).await.unwrap();
    assert_eq!(statuses(&report), [("tagged".to_owned(), "created".to_owned())]);
    assert_eq!(report.account.unwrap().ou, "r-ab12");
}

#[tokio::test(start_paused = true)]
async fn a_report_that_would_be_too_large_keeps_what_is_missing_and_says_what_it_omits() {
    let mut rows: Vec<Value> = rows_for(900).as_array().unwrap().clone();
    rows.push(json!({ "id": "missing", "permissionSet": "NoSuchSet", "group": "auditors" }));
    let settings = Settings { provisioning: Duration::from_millis(100), ..Settings::default() };
    let world = World::with(json!(rows), with_permission_sets(900), settings, &[]).await;
    let report = incomplete(world.handle(json!({ "accountId": CLASS_7, "dryRun": true })).await);
    assert_eq!((report.counts.planned, report.counts.unresolved), (900, 1));
    assert_eq!(report.grants[0].rules, ["missing"]);
    assert!(report.grants_omitted > 0 && report.grants.len() + report.grants_omitted == 901);
    assert!(Error::AssignmentsIncomplete(Box::new(report)).to_string().len() < 200 * 1024);
}

#[tokio::test(start_paused = true)]
async fn two_invocations_at_once_for_one_account_converge_and_neither_fails() {
    let world = World::with(rows_for(30), with_permission_sets(30), Settings::default(), &[]).await;
    let other = world.another().await;
    let payload = event("create-succeeded");
    let (one, other) = tokio::join!(world.handle(payload.clone()), handle(&other, &payload),);
    for report in [one.unwrap(), other.unwrap()] {
        assert_eq!(report.outcome, Outcome::Ready);
        assert_eq!(report.counts.created + report.counts.present, 30);
    }
    assert_eq!(world.assignments().len(), 30);
}
