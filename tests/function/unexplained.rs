//! What no row explains, of everybody, counted in parts on a paused clock.

use std::time::Duration;

use account_assigner::Answer;
use assigner_core::assignments::{
    facts::Method,
    unexplained::{Count, Counts},
};
use serde_json::{Value, json};
use stand_in::{Assignment, Fault, FaultKind, Organization, Settings};
use tokio::time::Instant;
use world::*;

fn rows() -> Value {
    json!([
        { "id": "audit", "permissionSet": "ReadOnlyAccess", "group": "auditors" },
        { "id": "class", "permissionSet": "PowerUserAccess", "group": "students",
          "accounts": { "ous": ["Education"] } },
    ])
}

const BY_PRINCIPAL: &str = "ListAccountAssignmentsForPrincipal";

/// Counts to the end. Returns what each part answered.
async fn count(world: &World, timeout: Duration) -> Vec<Count> {
    let (mut parts, mut payload) = (Vec::new(), json!({ "unexplained": true }));
    loop {
        let handled = world.function.handle(&payload, Instant::now() + timeout).await;
        let Answer::Unexplained(part) = handled.answer.unwrap() else { panic!("not a count") };
        let is_known = part.counts.unread == 0 || part.counts.unexplained > 0;
        let metric = handled.figures.unexplained.is_some();
        assert_eq!(metric, part.next.is_none() && is_known, "one count, one metric");
        payload = json!(part.next);
        let ended = part.next.is_none();
        parts.push(part);
        if ended {
            return parts;
        }
    }
}

async fn counts(world: &World) -> (Counts, Method) {
    let parts = count(world, TIMEOUT).await;
    let last = parts.last().unwrap();
    (last.counts, last.method)
}

#[tokio::test(start_paused = true)]
async fn what_a_removed_row_gave_is_counted_although_no_row_names_its_principal() {
    for denied in [false, true] {
        let world = World::new(rows()).await;
        if denied {
            world.stand_in.set_faults(vec![Fault::on(BY_PRINCIPAL, FaultKind::AccessDenied)]);
        }
        for account in [CLASS_7, "444455556666", "222233334444"] {
            world.ensure(account).await.unwrap();
        }
        let method = if denied { Method::Accounts } else { Method::Principals };
        assert_eq!(counts(&world).await, (Counts::default(), method));
        // Of an earlier table: another group in the same set, another set, and a user.
        world.put(CLASS_7, "ReadOnlyAccess", "teachers");
        world.put("444455556666", "Billing", "teachers");
        world.put("444455556666", "AdministratorAccess", "oncall@example.com");
        // The survey counts the principals of the table alone.
        assert_eq!(world.survey(event("survey")).await.unwrap().counts.unexplained, 0);
        world.put("444455556666", "PowerUserAccess", "students");
        // The table does not apply to these.
        world.put("123456789012", "AdministratorAccess", "teachers");
        world.put("777788889999", "AdministratorAccess", "teachers");
        let before = world.assignments();
        let parts = count(&world, TIMEOUT).await;
        let [part] = &parts[..] else { panic!("{parts:?}") };
        assert_eq!((part.counts.unexplained, part.method, part.outcome), (4, method, "counted"));
        let named: Vec<String> = part
            .unexplained
            .iter()
            .map(|one| format!("{} {}", one.account, one.principal.name.as_deref().unwrap_or_default()))
            .collect();
        assert!(named.contains(&format!("{CLASS_7} teachers")), "{named:?}");
        assert!(named.contains(&"444455556666 oncall@example.com".to_owned()), "{named:?}");
        assert_eq!(world.assignments(), before, "nothing is changed");
        // The row comes back, and so does the explanation.
        let mut rows = rows();
        rows.as_array_mut()
            .unwrap()
            .push(json!({ "id": "back", "permissionSet": "ReadOnlyAccess", "group": "teachers" }));
        world.write_table(&table_of(rows).to_string());
        assert_eq!(counts(&world).await.0.unexplained, 3);
    }
}

#[tokio::test(start_paused = true)]
async fn what_control_tower_assigns_by_itself_is_counted_apart() {
    let mut organization = Organization::sample();
    organization.groups[3].name = "AWSControlTowerAdmins".into();
    let world = World::with(rows(), organization, Settings::default(), &[]).await;
    world.put(CLASS_7, "AdministratorAccess", "AWSControlTowerAdmins");
    world.put(CLASS_7, "Billing", "platform-admins");
    let counts = counts(&world).await.0;
    assert_eq!((counts.unexplained, counts.control_tower), (1, 1));
}

/// So many groups and accounts that a count takes more than one part.
fn large() -> Organization {
    let mut organization: Value = serde_json::to_value(Organization::sample()).unwrap();
    let groups = organization["groups"].as_array_mut().unwrap();
    groups.extend(
        (0..300)
            .map(|n| json!({ "name": format!("g-{n}"), "id": format!("00000000-0000-0000-0000-{n:012}") })),
    );
    let accounts = organization["accounts"].as_array_mut().unwrap();
    accounts.extend((0..120).map(
        |n| json!({ "id": format!("{:012}", 200_000_000_000_u64 + n), "name": "a", "parent": "ou-ab12-22222222" })));
    serde_json::from_value(organization).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_count_in_parts_reads_everything_once_and_gives_the_count_of_one_part() {
    let organization = large();
    for denied in [false, true] {
        let world = World::with(rows(), organization.clone(), Settings::default(), &[]).await;
        if denied {
            world.stand_in.set_faults(vec![Fault::on(BY_PRINCIPAL, FaultKind::AccessDenied)]);
        }
        let set = &organization.permission_sets[1].arn;
        for n in 0..100 {
            world.stand_in.put_assignment(Assignment {
                account: organization.accounts[10 + n].id.clone(),
                permission_set: set.clone(),
                principal_type: "GROUP".into(),
                principal_id: organization.groups[5 + n * 2].id.clone(),
            });
        }
        world.stand_in.forget_calls();
        let parts = count(&world, Duration::from_secs(20)).await;
        assert!(parts.len() > 1, "{} parts", parts.len());
        assert_eq!(parts.last().unwrap().counts, Counts { unexplained: 100, ..Counts::default() });
        let found: usize = parts.iter().map(|part| part.unexplained.len()).sum();
        assert!(found >= 50, "{found} are named");
        // What was in flight when a part ended is read again, and nothing else.
        let again = 8 * (parts.len() as u64);
        let calls = if denied { "ListPermissionSetsProvisionedToAccount" } else { BY_PRINCIPAL };
        let needed = if denied { 125 } else { 305 };
        assert!((needed..=needed + again).contains(&world.calls(calls)), "{}", world.calls(calls));
        println!("{} parts by {:?}: {:?}", parts.len(), parts[0].method, world.stand_in.calls());
    }
}

#[tokio::test(start_paused = true)]
async fn what_every_part_reads_and_cannot_read_is_counted_once() {
    let world = World::with(rows(), large(), Settings::default(), &[]).await;
    let group = rows()[0]["group"].as_str().unwrap().to_owned();
    world.stand_in.set_faults(vec![Fault::on("GetGroupId", FaultKind::Internal).about(&group)]);
    let parts = count(&world, Duration::from_secs(30)).await;
    let unread = parts.last().unwrap().counts.unread;
    assert!(parts.len() > 1 && unread == 1, "{} parts, {unread} unread", parts.len());
}

#[tokio::test(start_paused = true)]
async fn groups_or_users_that_cannot_be_listed_are_counted_by_account() {
    for operation in ["ListGroups", "ListUsers"] {
        let world = World::new(rows()).await;
        world.put(CLASS_7, "Billing", "platform-admins");
        world.stand_in.set_faults(vec![Fault::on(operation, FaultKind::AccessDenied)]);
        let parts = count(&world, TIMEOUT).await;
        let last = parts.last().unwrap();
        assert_eq!((last.counts.unexplained, last.counts.unread), (1, 1), "{operation}: {last:?}");
        assert!(last.unread[0].contains(operation), "{:?}", last.unread);
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_said_and_hides_nothing_else() {
    let teachers = Organization::sample().groups[3].id.clone();
    for (operation, about) in [(BY_PRINCIPAL, teachers.as_str()), ("ListTagsForResource", CLASS_7)] {
        let mut rows = rows();
        rows.as_array_mut()
            .unwrap()
            .push(json!({ "id": "tags", "permissionSet": "Billing", "group": "auditors",
                                                  "accounts": { "tags": { "course": "go" } } }));
        let world = World::new(rows).await;
        world.put("444455556666", "Billing", "platform-admins");
        world.stand_in.set_faults(vec![Fault::on(operation, FaultKind::Internal).about(about)]);
        let parts = count(&world, TIMEOUT).await;
        let last = parts.last().unwrap();
        assert_eq!((last.counts.unexplained, last.counts.unread), (1, 1), "{operation}: {last:?}");
        assert!(last.unread[0].contains(operation), "{:?}", last.unread);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_for_a_part_is_read_strictly() {
    let world = World::new(rows()).await;
    for payload in [
        json!({ "unexplained": false }),
        json!({ "unexplained": true, "dryRun": true }),
        json!({ "unexplained": true, "after": "auditors" }),
        json!({ "unexplained": true, "after": { "account": "1" } }),
        json!({ "unexplained": true, "counts": { "unexplained": -1, "controlTower": 0, "unread": 0 } }),
    ] {
        let error = world.function.handle(&payload, Instant::now() + TIMEOUT).await.answer.unwrap_err();
        assert_eq!(error.name(), "InvalidEvent", "{payload}");
    }
    assert!(world.stand_in.calls().is_empty());
}
