//! What the table names and the organization does not have: never `ready`, never granted, and said by the survey.

use std::time::{Duration, SystemTime};

use assigner_core::{assignments::report::Report, outcome::Outcome};
use assigner_engine::clock;
use serde_json::{Value, json};
use stand_in::{Fault, FaultKind, Organization, Settings};
use world::*;

const PAYMENTS: &str = "444455556666";
const LIST: &str = "ListOrganizationalUnitsForParent";
const DESCRIBE: &str = "DescribeOrganizationalUnit";

/// One row for everybody but the accounts of these OUs.
fn except(units: &[&str]) -> Value {
    json!([{ "id": "all", "permissionSet": "ReadOnlyAccess", "group": "auditors",
             "accounts": { "except": { "ous": units } } }])
}

/// Returns the reason and the remedy of the grant of a row.
fn reason(report: &Report, rule: &str) -> (String, String) {
    let report = serde_json::to_value(report).unwrap();
    let grant = report["grants"].as_array().unwrap().iter().find(|grant| grant["rules"][0] == rule).unwrap();
    let text = |field: &str| grant[field].as_str().unwrap_or_default().to_owned();
    (text("reason"), text("remedy"))
}

fn status(report: &Report, rule: &str) -> String {
    statuses(report).into_iter().find(|(name, _)| name == rule).unwrap().1
}

#[tokio::test(start_paused = true)]
async fn an_except_that_names_no_ou_grants_nothing_and_is_never_ready() {
    // What is excepted, and the OU that is suggested.
    let cases: &[(&[&str], Option<&str>)] = &[
        (&["Workloads/Prdo"], Some("Workloads/Prod")),
        (&["workloads/Prod"], Some("Workloads")),
        (&["Workloads/prod"], Some("Workloads/Prod")),
        (&["Prod"], None),
        (&["Workloads/Prod/Deep"], None),
        (&["Education/Go"], None),
        (&["ou-ab12-00000000"], None),
        (&["r-cd34"], Some("r-ab12")),
        (&["Workloads/Prod", "Workloads/Staging"], None),
    ];
    for (units, near) in cases {
        let world = World::new(except(units)).await;
        let missing = units.last().unwrap();
        for dry_run in [true, false] {
            let answer = world.handle(json!({ "accountId": CLASS_7, "dryRun": dry_run })).await;
            let report = incomplete(answer);
            assert_eq!(status(&report, "all"), "unresolved", "{units:?}");
            let (reason, remedy) = reason(&report, "all");
            assert!(reason.contains("row all, accounts.except.ous"), "{reason}");
            assert!(reason.contains(&format!("has no OU {missing}")), "{reason}");
            assert_eq!(
                reason.split("; did you mean ").nth(1),
                near.map(|near| format!("{near}?")).as_deref()
            );
            assert!(!remedy.is_empty());
        }
        assert_eq!(world.creates(), 0, "{units:?}");
        // What is there already is no proof that it should be.
        world.put(CLASS_7, "ReadOnlyAccess", "auditors");
        assert_eq!(status(&incomplete(world.ensure(CLASS_7).await), "all"), "unresolved", "{units:?}");
        let survey = world.survey(event("survey")).await.unwrap();
        assert_eq!((survey.counts.missing, survey.counts.unexplained), (0, 0), "{units:?}");
        let [only] = &survey.unresolved[..] else { panic!("{:?}", survey.unresolved) };
        assert!(only.starts_with("row all, accounts.except.ous["), "{only}");
        assert!(only.contains(&format!("has no OU {missing}")), "{only}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_except_that_names_an_ou_is_as_good_as_before_by_the_fewest_calls() {
    // What is excepted, whether class-7 in Education/Rust still gets it, and the calls: lists and descriptions.
    let names = 2;
    let cases: &[(&str, bool, u64, u64)] = &[
        ("Education", false, 0, names),
        ("Education/Rust", false, 0, names),
        ("r-ab12", false, 0, 0),
        ("ou-ab12-66666666", false, 0, 0),
        ("ou-ab12-22222222", true, 0, 1),
        ("Workloads", true, 1, names),
        ("Workloads/Prod", true, 2, names),
        // Nobody active is in it.
        ("Workloads/Sandbox", true, 2, names),
    ];
    for (unit, granted, lists, descriptions) in cases {
        let world = World::new(except(&[unit])).await;
        let report = world.ensure(CLASS_7).await.unwrap();
        assert_eq!(
            (report.outcome, report.counts.created),
            (Outcome::Ready, usize::from(*granted)),
            "{unit}"
        );
        assert_eq!((world.calls(LIST), world.calls(DESCRIBE)), (*lists, *descriptions), "{unit}");
        let survey = world.survey(event("survey")).await.unwrap();
        assert!(survey.unresolved.is_empty(), "{unit}: {:?}", survey.unresolved);
    }
    // A row that does not concern the account costs nothing: by its name, by its tags, or by the rest of `except`.
    let world = World::new(json!([
        { "id": "name", "permissionSet": "ReadOnlyAccess", "group": "auditors",
          "accounts": { "names": ["x*"], "except": { "ous": ["Nowhere"] } } },
        { "id": "tags", "permissionSet": "Billing", "group": "auditors",
          "accounts": { "except": { "ous": ["Nowhere"], "tags": { "isolated": "true" } } } },
    ]))
    .await;
    let report = world.ensure(CLASS_7).await.unwrap();
    assert_eq!((report.counts.created, world.calls(LIST)), (1, 0));
    assert_eq!(world.survey(event("survey")).await.unwrap().unresolved.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_renamed_ou_is_seen_by_the_next_event() {
    let world = World::new(except(&["Workloads/Prod"])).await;
    assert_eq!(world.ensure(PAYMENTS).await.unwrap().counts.all(), 0);
    world.stand_in.edit(|organization| {
        let mut units = organization.organizational_units.iter_mut();
        units.find(|unit| unit.name == "Prod").unwrap().name = "Production".into();
    });
    for account in [PAYMENTS, CLASS_7] {
        let report = incomplete(world.ensure(account).await);
        assert!(reason(&report, "all").0.contains("did you mean Workloads/Production?"));
    }
    assert_eq!(world.creates(), 0);
}

#[tokio::test(start_paused = true)]
async fn another_row_that_is_certain_gives_the_grant_nevertheless() {
    let mut rows = except(&["Nowhere"]);
    rows.as_array_mut().unwrap().push(json!(
        { "id": "sure", "permissionSet": "ReadOnlyAccess", "group": "auditors", "accounts": { "ous": ["Education"] } }));
    let world = World::new(rows).await;
    assert_eq!(world.ensure(CLASS_7).await.unwrap().counts.created, 1);
    assert_eq!(incomplete(world.ensure(PAYMENTS).await).counts.unresolved, 1);
}

#[tokio::test(start_paused = true)]
async fn an_ou_that_cannot_be_looked_for_costs_its_own_row_only() {
    let mut rows = except(&["Workloads/Prod"]);
    rows.as_array_mut()
        .unwrap()
        .push(json!({ "id": "sure", "permissionSet": "Billing", "group": "auditors" }));
    for (kind, remedy) in [
        (FaultKind::AccessDenied, "give the function's role this action"),
        (FaultKind::Internal, "wait for the service to recover"),
    ] {
        let world = World::new(rows.clone()).await;
        world.stand_in.set_faults(vec![Fault::on(LIST, kind.clone())]);
        let report = incomplete(world.ensure(CLASS_7).await);
        assert_eq!((report.counts.created, report.counts.failed), (1, 1), "{kind:?}");
        let said = reason(&report, "all");
        assert!(said.0.contains(LIST) && said.1.starts_with(remedy), "{kind:?}: {said:?}");
        // The survey needs no list: accounts of the organization show the OU.
        let survey = world.survey(event("survey")).await.unwrap();
        assert_eq!((survey.unread.len(), survey.unresolved.len()), (0, 0), "{survey:?}");
        world.write_table(&table_of(except(&["Workloads/Sandbox"])).to_string());
        let survey = world.survey(event("survey")).await.unwrap();
        assert!(survey.unread.iter().any(|reason| reason.contains(LIST)), "{kind:?}: {survey:?}");
        assert_eq!(survey.counts.missing, 0, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_ou_for_which_a_row_is_meant_and_that_is_not_there_is_said_by_the_survey() {
    let world = World::new(json!([
        { "id": "typo", "permissionSet": "ReadOnlyAccess", "group": "auditors",
          "accounts": { "ous": ["Education", "Wrkloads/Prod"] } },
        { "id": "gone", "permissionSet": "Billing", "group": "teachers", "accounts": { "ous": ["ou-ab12-00000000"] } },
    ]))
    .await;
    let report = world.ensure(CLASS_7).await.unwrap();
    assert_eq!((report.outcome, report.counts.created), (Outcome::Ready, 1));
    let survey = world.survey(event("survey")).await.unwrap();
    assert_eq!(
        survey.unresolved,
        [
            "row gone, accounts.ous[0]: the organization has no OU ou-ab12-00000000",
            "row typo, accounts.ous[1]: the organization has no OU Wrkloads/Prod; did you mean Workloads?",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_deleted_is_unresolved_although_aws_still_lists_what_it_had() {
    let sample = Organization::sample();
    let (auditors, on_call) = (&sample.groups[0].id, &sample.users[0].id);
    let billing = &sample.permission_sets.iter().find(|set| set.name == "Billing").unwrap().arn;
    let world = World::new(json!([
        { "id": "group", "permissionSet": "ReadOnlyAccess", "group": auditors },
        { "id": "user", "permissionSet": "ReadOnlyAccess", "user": on_call },
        { "id": "set", "permissionSet": billing, "group": "teachers" },
        { "id": "kind", "permissionSet": "ReadOnlyAccess", "user": auditors },
        { "id": "good", "permissionSet": "ReadOnlyAccess", "group": "teachers" },
    ]))
    .await;
    assert_eq!(incomplete(world.ensure(CLASS_7).await).counts.created, 4, "a group is no user");
    world.stand_in.edit(|organization| {
        organization.groups.remove(0);
        organization.users.clear();
        organization.permission_sets.retain(|set| set.name != "Billing");
    });
    tokio::time::advance(Duration::from_secs(3600)).await;
    let expected = [
        ("group", "unresolved", "no group has the id"),
        ("user", "unresolved", "no user has the id"),
        ("set", "unresolved", "no permission set has the ARN"),
        ("kind", "unresolved", "no user has the id"),
        ("good", "present", ""),
    ];
    for dry_run in [true, false] {
        let report = incomplete(world.handle(json!({ "accountId": CLASS_7, "dryRun": dry_run })).await);
        for (rule, wanted, said) in expected {
            assert_eq!(status(&report, rule), wanted, "{rule}");
            assert!(reason(&report, rule).0.contains(said), "{rule}: {:?}", reason(&report, rule));
        }
    }
    let survey = world.survey(event("survey")).await.unwrap();
    for said in ["no group has the id", "no user has the id", "no permission set has the ARN"] {
        assert!(survey.unresolved.iter().any(|reason| reason.contains(said)), "{:?}", survey.unresolved);
    }
    // The other four accounts lack what the teachers get.
    assert_eq!((survey.counts.missing, survey.counts.incomplete), (4, 4));
}

#[tokio::test(start_paused = true)]
async fn an_id_or_arn_that_cannot_be_looked_up_is_taken_as_it_is_only_if_nothing_can_go_wrong() {
    let sample = Organization::sample();
    let world = World::new(json!([
        { "id": "a", "permissionSet": sample.permission_sets[0].arn, "group": sample.groups[0].id },
    ]))
    .await;
    let fault = |code: &str| {
        let kind = FaultKind::Error { code: code.into(), status: 400, message: "no".into() };
        vec![Fault::on("DescribeGroup", kind)]
    };
    // Another directory as the source: the id is what people are told to give.
    world.stand_in.set_faults(fault("UnknownOperationException"));
    assert_eq!(world.ensure(CLASS_7).await.unwrap().counts.created, 1);
    world.stand_in.set_faults(fault("AccessDeniedException"));
    assert_eq!(incomplete(world.ensure(PAYMENTS).await).counts.failed, 1);
    // Creating says whether a permission set exists.
    tokio::time::advance(Duration::from_secs(3600)).await;
    world.stand_in.set_faults(vec![Fault::on("DescribePermissionSet", FaultKind::AccessDenied)]);
    assert_eq!(world.ensure(PAYMENTS).await.unwrap().counts.created, 1);
}

#[tokio::test(start_paused = true)]
async fn many_arns_are_looked_for_in_the_list_and_few_are_described() {
    let row = |n: usize| {
        let arn = format!("arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-{n:016x}");
        json!({ "id": format!("row-{n}"), "permissionSet": arn, "group": "auditors" })
    };
    for (rows, lists, described) in [(3, 0, 3), (30, 1, 0)] {
        let table: Value = (0..rows).map(row).collect();
        let world = World::with(table, with_permission_sets(30), Settings::default(), &[]).await;
        assert_eq!(world.ensure(CLASS_7).await.unwrap().counts.created, rows);
        let calls = (world.calls("ListPermissionSets"), world.calls("DescribePermissionSet"));
        assert_eq!(calls, (lists, described));
    }
}

#[tokio::test(start_paused = true)]
async fn names_that_look_the_same_are_the_same() {
    let (composed, decomposed) = ("Prüfung", "Pru\u{308}fung");
    for (in_table, in_aws) in [(composed, decomposed), (decomposed, composed)] {
        let mut organization = Organization::sample();
        organization.groups[0].name = in_aws.into();
        organization.users[0].name = in_aws.into();
        organization.organizational_units.iter_mut().find(|unit| unit.name == "Rust").unwrap().name =
            in_aws.into();
        let account = organization.accounts.iter_mut().find(|account| account.id == CLASS_7).unwrap();
        account.name = format!("{in_aws} 7");
        account.tags = [(in_aws.to_owned(), format!("{in_aws}!"))].into();
        let path = format!("Education/{in_table}");
        let row = |id: &str, permission_set: &str, accounts: Value| json!({ "id": id, "permissionSet": permission_set, "group": in_table, "accounts": accounts });
        let world = World::with(
            json!([
                row("path", "ReadOnlyAccess", json!({ "ous": [path] })),
                row("name", "Billing", json!({ "names": [format!("{in_table} ?")] })),
                row("tag", "SupportUser", json!({ "tags": { in_table: format!("{in_table}*") } })),
                { "id": "user", "permissionSet": "Billing", "user": in_table },
                row("but-path", "AdministratorAccess", json!({ "except": { "ous": [path] } })),
                row("but-name", "AdministratorAccess", json!({ "except": { "names": [format!("*{in_table}*")] } })),
                row("but-tag", "AdministratorAccess",
                    json!({ "except": { "tags": { in_table: format!("{in_table}!") } } })),
            ]),
            organization,
            Settings::default(),
            &[],
        )
        .await;
        let report = world.ensure(CLASS_7).await.unwrap();
        let rules: Vec<String> = statuses(&report).into_iter().map(|(rule, _)| rule).collect();
        assert_eq!(rules, ["path", "name", "tag", "user"]);
        assert_eq!(report.counts.created, 4);
        assert!(world.survey(event("survey")).await.unwrap().unresolved.is_empty());
    }
}

/// Returns an event of something that happened so long ago.
fn happened(name: &str, ago: Duration) -> Value {
    let mut event = event(name);
    let at = clock::rfc3339(SystemTime::now() - ago);
    event["time"] = at.clone().into();
    event["detail"]["eventTime"] = at.into();
    event
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_not_yet_shown_where_an_event_says_is_not_ready_yet() {
    let everyone = json!([{ "id": "all", "permissionSet": "ReadOnlyAccess", "group": "auditors" }]);
    let world = World::new(everyone).await;
    let put = |parent: &str| {
        world.stand_in.edit(|organization| {
            let mut accounts = organization.accounts.iter_mut();
            accounts.find(|account| account.id == CLASS_7).unwrap().parent = parent.into();
        });
    };
    for name in ["create-succeeded", "move-account"] {
        put("ou-ab12-22222222");
        let error = world.handle(happened(name, Duration::from_secs(5))).await.unwrap_err();
        assert_eq!(error.name(), "AccountNotReady", "{name}");
        assert!(error.to_string().contains("was put into ou-ab12-66666666"), "{error}");
        assert_eq!(world.creates(), 0);
        // Lambda tries again, and by then it is shown.
        put("ou-ab12-66666666");
        let report = world.handle(happened(name, Duration::from_secs(65))).await.unwrap();
        assert_eq!(report.outcome, Outcome::Ready, "{name}");
        world.stand_in.assignments().iter().for_each(|one| world.stand_in.remove_assignment(one));
        world.stand_in.forget_calls();
    }
    // It was moved on in the meantime: Lambda's last attempt does not wait for a place that it left.
    put("ou-ab12-22222222");
    for ago in [Duration::from_secs(180), Duration::from_secs(86_400)] {
        let report = world.handle(happened("move-account", ago)).await.unwrap();
        assert_eq!(report.account.unwrap().ou, "ou-ab12-22222222");
    }
    let mut unknown = happened("create-succeeded", Duration::from_secs(5));
    let status = &mut unknown["detail"]["serviceEventDetails"]["createManagedAccountStatus"];
    status["organizationalUnit"]["organizationalUnitId"] = "Not Available".into();
    assert_eq!(world.handle(unknown).await.unwrap().outcome, Outcome::Ready);
}
