//! Everything that AWS lists is seen: what is left of deleted groups and users, and account access manager.

use serde_json::{Value, json};
use stand_in::{Application, Assignment, Entitlement, Fault, FaultKind};
use world::{Served, path};

use crate::PROGRAM;

const DELETED: &str = "52d5f4a4-70b1-7016-4f5a-0000000000ff";

fn set(world: &Served, name: &str) -> String {
    let sets = world.stand_in.organization().permission_sets;
    sets.into_iter().find(|set| set.name == name).unwrap().arn
}

/// A world in which a deleted group still has a permission set in two accounts.
fn with_orphans() -> Served {
    let world = Served::with_drift(PROGRAM);
    for account in ["222233334444", "123456789012"] {
        world.stand_in.put_assignment(Assignment {
            account: account.to_owned(),
            permission_set: set(&world, "AdministratorAccess"),
            principal_type: "GROUP".to_owned(),
            principal_id: DELETED.to_owned(),
        });
    }
    world
}

fn denied(operation: &str) -> Fault {
    Fault::on(operation, FaultKind::AccessDenied)
}

#[test]
fn what_is_left_of_a_deleted_group_is_seen_by_every_method_and_marked() {
    let cases: &[(&[&str], &str)] = &[
        (&[], "permissionSets"),
        // In a delegated administrator's account.
        (&["ListAccountAssignmentsForPrincipal"], "permissionSets"),
        (&["ListAccountsForProvisionedPermissionSet"], "accounts"),
        (&["ListAccountsForProvisionedPermissionSet", "ListAccountAssignmentsForPrincipal"], "accounts"),
    ];
    for (faults, method) in cases {
        let world = with_orphans();
        world.stand_in.set_faults(faults.iter().map(|operation| denied(operation)).collect());
        let plan = world.json(&["plan"], 1);
        assert_eq!((&plan["method"], &plan["allRead"]), (&json!(method), &json!(true)), "{faults:?}");
        let counts = &plan["counts"];
        assert_eq!((&counts["orphaned"], &counts["unexplained"]), (&json!(2), &json!(1)), "{faults:?}");
        let account = &plan["accounts"].as_array().unwrap()[2];
        let held = &account["unexplained"][0];
        assert_eq!(
            (&account["id"], &held["orphaned"], &held["principal"]["id"]),
            (&json!("222233334444"), &json!(true), &json!(DELETED))
        );
    }
    let world = with_orphans();
    let of_one = world.json(&["plan", "--account", "222233334444"], 1);
    assert_eq!((&of_one["counts"]["orphaned"], &of_one["method"]), (&json!(1), &json!("accounts")));
    let shown = world.stdout(&["plan"], 1);
    assert!(shown.contains(&format!("† AdministratorAccess  group {DELETED}")), "{shown}");
    assert!(shown.contains("2 assignments of groups or users that were deleted"), "{shown}");
    assert!(shown.contains("read          by permission set: every assignment"), "{shown}");
}

#[test]
fn a_snapshot_and_the_report_have_what_is_left_of_a_deleted_group() {
    let world = with_orphans();
    let snapshot = world.snapshot();
    let plan = world.json(&["plan", "--snapshot", path(&snapshot), "--fail-on", "orphaned"], 1);
    assert_eq!(plan["counts"]["orphaned"], 2);
    let directory = tempfile::tempdir().unwrap();
    let (page, list) = (directory.path().join("access.html"), directory.path().join("access.csv"));
    let files = ["report", "--html", page.to_str().unwrap(), "--csv", list.to_str().unwrap()];
    world.run(&files).assert().success();
    let (page, list) = (std::fs::read_to_string(page).unwrap(), std::fs::read_to_string(list).unwrap());
    assert!(page.contains(r#"<li class="bad"><b>†<span> orphaned </span></b>"#), "{page}");
    assert_eq!(list.lines().filter(|line| line.contains(DELETED) && line.contains(",orphaned,")).count(), 2);
}

#[test]
fn whether_somebody_was_deleted_is_not_claimed_if_nobody_may_be_listed() {
    let world = with_orphans();
    world.stand_in.set_faults(vec![denied("ListGroups")]);
    let plan = world.json(&["plan", "--fail-on", "orphaned"], 1);
    assert_eq!((&plan["counts"]["orphaned"], &plan["unlisted"]), (&json!(0), &json!(["GROUP"])));
}

#[test]
fn no_others_is_said_only_after_a_reading_that_can_know_it() {
    let world = Served::new(PROGRAM);
    world.run(&["apply", "--all", "--yes"]).assert().success();
    let directory = tempfile::tempdir().unwrap();
    let page = directory.path().join("access.html");
    let report = |more: &[&str]| {
        let arguments = [&["report", "--html", page.to_str().unwrap()][..], more].concat();
        world.run(&arguments).assert().success();
        std::fs::read_to_string(&page).unwrap()
    };
    let known = report(&[]);
    assert!(known.contains("AWS has the assignments that the table wants, and no others"), "{known}");
    assert!(known.contains("by permission set: every assignment"), "{known}");
    // As an earlier version has read it.
    let mut snapshot: Value =
        serde_json::from_slice(&std::fs::read(world.snapshot().path()).unwrap()).unwrap();
    snapshot["method"] = json!("principals");
    let snapshot = Served::file(&snapshot.to_string());
    let unknown = report(&["--snapshot", path(&snapshot)]);
    assert!(!unknown.contains("no others") && unknown.contains("Whether it has others is not known."));
    let plan = ["plan", "--snapshot", path(&snapshot), "--fail-on"];
    world.run(&[&plan[..], &["missing"]].concat()).assert().code(0);
    world.run(&[&plan[..], &["unexplained"]].concat()).assert().code(1);
    world.run(&[&plan[..], &["orphaned"]].concat()).assert().code(1);
}

/// A world in which account access manager lets somebody in.
fn with_entitlements() -> Served {
    let world = Served::with_drift(PROGRAM);
    world.stand_in.edit(|organization| {
        let entitled = |n: usize, kind: &str, id: &str, account: &str| Entitlement {
            id: format!("entitlement-{n}"),
            principal_type: kind.to_owned(),
            principal_id: id.to_owned(),
            role_arn: format!("arn:aws:iam::{account}:role/breakglass-{n}"),
            account: account.to_owned(),
        };
        let (group, user) = (organization.groups[0].id.clone(), organization.users[0].id.clone());
        let mut entitlements = vec![
            entitled(0, "GROUP", &group, "111122223333"),
            entitled(1, "USER", &user, "444455556666"),
            entitled(2, "GROUP", DELETED, "444455556666"),
        ];
        // More than a page.
        entitlements.extend((3..150).map(|n| entitled(n, "USER", &user, "555566667777")));
        organization.applications = vec![Application { arn: "arn:any".to_owned(), entitlements }];
    });
    world
}

#[test]
fn entitlements_of_account_access_manager_are_shown_as_what_they_are() {
    let world = with_entitlements();
    let plan = world.json(&["plan"], 1);
    let all = plan["accountAccess"]["entitlements"].as_array().unwrap();
    assert_eq!((all.len(), &plan["accountAccess"]["applications"]), (150, &json!(1)));
    assert_eq!(all.iter().filter(|one| one["orphaned"] == true).count(), 1);
    let shown = world.stdout(&["plan", "--account", "444455556666"], 1);
    assert!(shown.contains("account access manager  no table decides about it"), "{shown}");
    assert!(
        shown.contains("◇ arn:aws:iam::444455556666:role/breakglass-1  user oncall@example.com"),
        "{shown}"
    );
    assert!(shown.contains("† arn:aws:iam::444455556666:role/breakglass-2  group 52d5f4a4"), "{shown}");
    assert!(!shown.contains("breakglass-0"), "another account: {shown}");

    let directory = tempfile::tempdir().unwrap();
    let (page, list) = (directory.path().join("access.html"), directory.path().join("access.csv"));
    let files = ["report", "--html", page.to_str().unwrap(), "--csv", list.to_str().unwrap()];
    world.run(&files).assert().success();
    let (page, list) = (std::fs::read_to_string(page).unwrap(), std::fs::read_to_string(list).unwrap());
    assert!(page.contains("150 of its entitlements are listed below"), "{page}");
    assert_eq!(page.matches(":role/breakglass-").count(), 150);
    assert_eq!(list.lines().filter(|line| line.contains(",entitlement,")).count(), 150);
}

#[test]
fn entitlements_that_cannot_be_read_are_said_not_to_be_known() {
    for operation in ["ListApplications", "ListEntitlements"] {
        let world = with_entitlements();
        world.stand_in.set_faults(vec![denied(operation)]);
        let shown = world.stdout(&["plan"], 1);
        let said = format!("what account access manager grants is not known: account-access:{operation}");
        assert!(shown.contains(&said), "{shown}");
        let plan = world.json(&["plan"], 1);
        assert!(plan["accountAccess"]["unread"].as_str().unwrap().contains(operation), "{plan}");
        let directory = tempfile::tempdir().unwrap();
        let list = directory.path().join("access.csv");
        world.run(&["report", "--csv", list.to_str().unwrap()]).assert().success();
        assert!(std::fs::read_to_string(list).unwrap().contains(",unread,"));
    }
}

#[test]
fn a_snapshot_has_entitlements_and_what_is_read_from_it_shows_them() {
    let world = with_entitlements();
    let snapshot = world.snapshot();
    let read = |path: &str| world.json(&["plan", "--snapshot", path], 1)["accountAccess"].clone();
    assert_eq!(read(path(&snapshot)), world.json(&["plan"], 1)["accountAccess"]);
    let shown = world.stdout(&["plan", "--snapshot", path(&snapshot), "--account", "444455556666"], 1);
    assert!(shown.contains("breakglass-1") && !shown.contains("breakglass-0"), "{shown}");
    let directory = tempfile::tempdir().unwrap();
    let list = directory.path().join("access.csv");
    world.run(&["report", "--snapshot", path(&snapshot), "--csv", list.to_str().unwrap()]).assert().success();
    let list = std::fs::read_to_string(list).unwrap();
    assert_eq!(list.lines().filter(|line| line.contains(",entitlement,")).count(), 150);

    // Of some accounts: what is of others is not in the file.
    let part = world.stdout(&["snapshot", "--account", "111122223333"], 0);
    let part: serde_json::Value = serde_json::from_str(&part).unwrap();
    assert_eq!(part["accountAccess"]["entitlements"].as_array().unwrap().len(), 1, "{part}");

    // One that could not be read, and one of before, say so.
    world.stand_in.set_faults(vec![denied("ListEntitlements")]);
    let unread = world.snapshot();
    assert!(read(path(&unread))["unread"].as_str().unwrap().contains("account-access:ListEntitlements"));
    let mut before: serde_json::Value =
        serde_json::from_slice(&std::fs::read(snapshot.path()).unwrap()).unwrap();
    before.as_object_mut().unwrap().remove("accountAccess");
    let before = Served::file(&before.to_string());
    assert_eq!(read(path(&before))["unread"], "the snapshot does not have them");
}
