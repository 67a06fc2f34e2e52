//! `who`, `what` and `why`, from AWS and from a snapshot.

use serde_json::{Value, json};
use stand_in::{Application, Entitlement, Fault, FaultKind, User};
use tempfile::NamedTempFile;
use world::{Served, path};

use crate::PROGRAM;

const ANN: &str = "52d5f4a4-70b1-7016-4f5a-00000000000a";
const OTHERS: usize = 150;

/// A world in which ann is one of the many students and an auditor, and of which something is drifting.
fn world() -> Served {
    let world = Served::with_drift(PROGRAM);
    world.stand_in.edit(|organization| {
        let user = |name: String, id: String| User { name, emails: Vec::new(), id };
        organization.users.push(user("ann@example.com".into(), ANN.into()));
        // More than a page of members.
        let others: Vec<User> = (0..OTHERS)
            .map(|n| user(format!("student-{n:03}"), format!("52d5f4a4-70b1-7016-4f5b-{n:012x}")))
            .collect();
        for group in &mut organization.groups {
            match group.name.as_str() {
                "students" => {
                    group.members = others.iter().map(|user| user.id.clone()).chain([ANN.into()]).collect();
                }
                "auditors" => group.members = vec![ANN.into()],
                _ => {}
            }
        }
        organization.users.extend(others);
    });
    world
}

/// Returns the ways to ask: AWS, and a snapshot with the members of groups.
fn sources(world: &Served) -> (NamedTempFile, [Vec<String>; 2]) {
    let file = NamedTempFile::new().unwrap();
    world.run(&["snapshot", "--members", "--output"]).arg(file.path()).assert().success();
    let offline = vec!["--snapshot".to_owned(), path(&file).to_owned()];
    (file, [Vec::new(), offline])
}

fn with<'a>(arguments: &[&'a str], more: &'a [String]) -> Vec<&'a str> {
    arguments.iter().copied().chain(more.iter().map(String::as_str)).collect()
}

fn error_of(world: &Served, arguments: &[&str], code: i32) -> String {
    let failed = world.run(arguments).assert().code(code);
    String::from_utf8_lossy(&failed.get_output().stderr).into_owned()
}

/// Returns principal, what it has and how that stands, of each.
fn links(list: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let one = |link: &Value| {
        let gives = link["permissionSet"]["name"].as_str().or(link["role"].as_str()).unwrap();
        let who = if link["principal"].is_null() { &link["through"] } else { &link["principal"] };
        format!("{} {gives} {}", text(&who["name"]), text(&link["status"]))
    };
    list.as_array().unwrap().iter().map(one).collect()
}

#[test]
fn who_names_everybody_with_access_and_the_people_behind_the_groups() {
    let world = world();
    let (_file, sources) = sources(&world);
    for more in &sources {
        let who = world.json(&with(&["who", "class-7"], more), 0);
        assert_eq!(who["account"]["id"], "111122223333");
        assert_eq!(
            links(&who["access"]),
            [
                "auditors ReadOnlyAccess present",
                "students PowerUserAccess missing",
                "teachers SupportUser missing",
                "oncall@example.com DatabaseAdministrator unexplained"
            ]
        );
        assert_eq!((&who["people"], &who["access"][0]["rows"]), (&Value::Null, &json!(["audit-everywhere"])));
        let who = world.json(&with(&["who", "111122223333", "--members"], more), 0);
        let people = who["people"].as_array().unwrap();
        assert_eq!(people.len(), OTHERS + 2, "more than a page");
        let ann = people.iter().find(|person| person["principal"]["id"] == ANN).unwrap();
        assert_eq!(
            links(&ann["ways"]),
            ["auditors ReadOnlyAccess present", "students PowerUserAccess missing"]
        );
        let text = world.stdout(&with(&["who", "class-7", "--members"], more), 0);
        assert!(text.contains("user ann@example.com\n    = ReadOnlyAccess"), "{text}");
        assert!(text.contains("through group students  row students; AWS does not have it yet"), "{text}");
    }
    let calls = world.stand_in.calls();
    assert!(calls["ListGroupMemberships"] > 2, "{calls:?}");
}

#[test]
fn what_names_every_account_through_which_group_and_row() {
    let world = world();
    let (_file, sources) = sources(&world);
    for more in &sources {
        for asked in ["user:ann@example.com", "ann@example.com", ANN] {
            let what = world.json(&with(&["what", asked], more), 0);
            assert_eq!(what["groups"].as_array().unwrap().len(), 2);
            let accounts = what["accounts"].as_array().unwrap();
            let class = accounts.iter().find(|account| account["name"] == "class-7").unwrap();
            let expected = ["auditors ReadOnlyAccess present", "students PowerUserAccess missing"];
            assert_eq!(links(&class["ways"]), expected);
            assert_eq!(accounts.len(), 5, "auditors are everywhere: {what}");
        }
        let what = world.json(&with(&["what", "group:platform-admins"], more), 0);
        let management = &what["accounts"].as_array().unwrap()[0];
        assert_eq!(
            (&management["id"], &management["ways"][0]["status"]),
            (&json!("123456789012"), &json!("outside"))
        );
        let text = world.stdout(&with(&["what", "ann@example.com"], more), 0);
        assert!(
            text.starts_with("user ann@example.com  member of group auditors, group students\n5 accounts"),
            "{text}"
        );
    }
    world.stand_in.forget_calls();
    world.json(&["what", "user:ann@example.com"], 0);
    let calls = world.stand_in.calls();
    assert_eq!((calls["ListAccountAssignmentsForPrincipal"], calls.get("ListAccountAssignments")), (3, None));
    // A delegated administrator cannot ask by principal.
    world.stand_in.set_faults(vec![Fault::on("ListAccountAssignmentsForPrincipal", FaultKind::AccessDenied)]);
    let what = world.json(&["what", "user:oncall@example.com"], 0);
    assert_eq!(what["accounts"].as_array().unwrap().len(), 3, "{what}");
}

#[test]
fn why_gives_the_chain_or_what_would_have_to_be_different_and_exits_by_it() {
    let world = world();
    let (_file, sources) = sources(&world);
    for more in &sources {
        let why = world.json(&with(&["why", "ann@example.com", "class-7"], more), 0);
        assert_eq!(why["outcome"], "access");
        let chain = &why["chains"][0];
        assert_eq!((&chain["through"]["name"], &chain["held"]), (&json!("auditors"), &json!(true)));
        assert_eq!(chain["because"], json!([{ "row": "audit-everywhere", "conditions": [] }]));
        let conditions = why["chains"][1]["because"][0]["conditions"].as_array().unwrap();
        let tag = conditions.iter().find(|one| one["selector"] == "tags.course").unwrap();
        assert_eq!((&tag["actual"], &tag["met"]), (&json!(r#"its tag course is "rust""#), &json!(true)));

        let why = world.json(&with(&["why", "group:students", "class-7"], more), 1);
        assert_eq!(why["outcome"], "planned", "the table wants it");
        let text = world.stdout(&with(&["why", "group:students", "class-7"], more), 1);
        assert!(text.contains("has no access to class-7 (111122223333, Education/Rust) yet"), "{text}");

        let why = world.json(&with(&["why", "ann@example.com", "payments"], more), 1);
        assert_eq!(why["outcome"], "planned");
        let near: Vec<(&Value, &Value)> =
            why["near"].as_array().unwrap().iter().map(|near| (&near["row"], &near["membership"])).collect();
        assert_eq!(near, [(&json!("prod-admins"), &json!(true)), (&json!("students"), &json!(false))]);

        let text = world.stdout(&with(&["why", "group:students", "payments"], more), 1);
        for part in [
            "group students has no access to payments (444455556666, Workloads/Prod)",
            "row students  PowerUserAccess to group students",
            "✗ ous wants an account whose OU is Education or below it, but it is in Workloads/Prod",
            r#"✗ names wants an account whose name matches class-*, but its name is "payments""#,
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert!(!text.contains("member"), "a group joins no group: {text}");
    }
    // Before a change.
    let table = json!({ "assignments": [{ "id": "all", "permissionSet": "Billing", "group": "students" }] });
    let changed = Served::file(&table.to_string());
    let why = world.json(&["why", "group:students", "payments", "--table", path(&changed)], 1);
    assert_eq!((&why["outcome"], &why["chains"][0]["rows"]), (&json!("planned"), &json!(["all"])));
}

#[test]
fn somebody_who_is_not_clear_is_refused_with_what_to_write() {
    let world = world();
    world.stand_in.edit(|organization| organization.users[0].name = "teachers".to_owned());
    let (_file, sources) = sources(&world);
    let cases = [
        (
            "teachers",
            "there is more than one group or user named \"teachers\"",
            "write group:teachers or user:teachers",
        ),
        ("user:students", "there is no user named \"students\"", "did you mean group:students?"),
        ("studnets", "there is no group or user named \"studnets\"", "did you mean group:students?"),
        ("52d5f4a4-70b1-7016-4f5a-0000000000ff", "there is no group or user with the id", "an id"),
    ];
    for more in &sources {
        for (asked, problem, next) in cases {
            for verb in [&["what", asked][..], &["why", asked, "class-7"]] {
                let error = error_of(&world, &with(verb, more), 2);
                assert!(error.contains(problem) && error.contains(next), "{verb:?}: {error}");
            }
        }
        let error = error_of(&world, &with(&["why", "group:teachers", "clas-7"], more), 2);
        assert!(error.contains("did you mean class-7?"), "{error}");
        world.json(&with(&["why", "group:teachers", "class-7"], more), 1);
    }
    assert!(error_of(&world, &["what", "user:"], 2).contains("user:NAME or group:NAME"));
}

#[test]
fn a_group_that_cannot_be_read_is_said_and_is_no_empty_group() {
    let world = world();
    let students = world
        .stand_in
        .organization()
        .groups
        .iter()
        .find(|group| group.name == "students")
        .unwrap()
        .id
        .clone();
    let sick = Fault::on("ListGroupMemberships", FaultKind::AccessDenied).about(&students);
    world.stand_in.set_faults(vec![sick]);
    let who = world.json(&["who", "class-7", "--members"], 1);
    let unread = who["unread"].to_string();
    assert!(
        unread.contains("the members of group students are not known: identitystore:ListGroupMemberships"),
        "{unread}"
    );
    let file = world.snapshot_with(&["--members"]);
    world.stand_in.set_faults(Vec::new());
    let why = world.json(&["why", "ann@example.com", "vault", "--snapshot", path(&file)], 1);
    assert!(why["unread"].to_string().contains("are not known"), "{why}");

    world.stand_in.set_faults(vec![Fault::on("ListGroupMembershipsForMember", FaultKind::AccessDenied)]);
    let why = world.json(&["why", "ann@example.com", "class-7"], 1);
    assert_eq!(why["outcome"], "unknown", "{why}");
    let text = world.stdout(&["what", "ann@example.com"], 1);
    assert!(
        text.contains("Not everything was read, so there may be more:\n  the groups of the user"),
        "{text}"
    );

    // Throttled at first, and read whole in the end.
    let throttled = ["ListGroupMemberships", "ListGroupMembershipsForMember"]
        .map(|operation| Fault::on(operation, FaultKind::Throttle).times(2));
    world.stand_in.set_faults(throttled.to_vec());
    assert_eq!(
        world.json(&["who", "class-7", "--members"], 0)["people"].as_array().unwrap().len(),
        OTHERS + 2
    );
    world.json(&["why", "ann@example.com", "class-7"], 0);
}

#[test]
fn a_snapshot_without_members_answers_no_question_about_them() {
    let world = world();
    let file = world.snapshot();
    let error = error_of(&world, &["who", "class-7", "--members", "--snapshot", path(&file)], 2);
    assert!(
        error.contains("does not have the members of groups") && error.contains("snapshot --members"),
        "{error}"
    );
    let why = world.json(&["why", "ann@example.com", "class-7", "--snapshot", path(&file)], 1);
    assert_eq!(why["outcome"], "unknown");
    assert_eq!(
        world.json(&["why", "group:auditors", "class-7", "--snapshot", path(&file)], 0)["outcome"],
        "access"
    );
    assert!(!std::fs::read_to_string(&file).unwrap().contains("\"members\""));
}

#[test]
fn names_are_asked_for_where_nobody_may_be_listed() {
    let world = world();
    let denied = ["ListGroups", "ListUsers"].map(|operation| Fault::on(operation, FaultKind::AccessDenied));
    world.stand_in.set_faults(denied.to_vec());
    assert_eq!(world.json(&["why", "ann@example.com", "class-7"], 0)["outcome"], "access");
    assert_eq!(world.json(&["what", "user:ann@example.com"], 0)["groups"].as_array().unwrap().len(), 2);
    assert!(error_of(&world, &["what", "nobody"], 2).contains("there is no group or user named"));
}

#[test]
fn an_entitlement_is_a_way_in() {
    let world = world();
    world.stand_in.edit(|organization| {
        let entitlement = Entitlement {
            id: "entitlement-1".to_owned(),
            principal_type: "USER".to_owned(),
            principal_id: ANN.to_owned(),
            role_arn: "arn:aws:iam::444455556666:role/breakglass".to_owned(),
            account: "444455556666".to_owned(),
        };
        let entitlements = vec![entitlement];
        organization.applications = vec![Application { arn: "arn:any".to_owned(), entitlements }];
    });
    let (_file, sources) = sources(&world);
    for more in &sources {
        let why = world.json(&with(&["why", "ann@example.com", "payments"], more), 0);
        let roles = why["chains"].as_array().unwrap().iter().filter(|chain| chain["role"].is_string());
        assert_eq!((&why["outcome"], roles.count()), (&json!("access"), 1));
        let text = world.stdout(&with(&["who", "payments"], more), 0);
        assert!(text.contains("◇ arn:aws:iam::444455556666:role/breakglass  user ann@example.com"), "{text}");
    }
    world.stand_in.set_faults(vec![Fault::on("ListEntitlements", FaultKind::AccessDenied)]);
    let why = world.json(&["why", "group:teachers", "payments"], 1);
    assert_eq!(why["outcome"], "unknown", "{why}");
}

#[test]
fn the_report_has_each_group_and_user_with_the_same_words() {
    let world = world();
    let (_file, sources) = sources(&world);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("access.html");
    let report = |more: &[&str]| {
        let arguments = [&["report", "--html", file.to_str().unwrap()][..], more].concat();
        world.run(&arguments).assert().success();
        std::fs::read_to_string(&file).unwrap()
    };
    let auditors = r#"<tr class="warn"><th scope="row"><i>group</i> <b>auditors</b></th><td>ReadOnlyAccess</td><td class="state"><b>+</b> <span>missing</span>"#;
    let ann = r#"<tr class="good"><th scope="row"><i>user</i> <b>ann@example.com</b> <small>through group auditors</small></th><td>ReadOnlyAccess</td><td class="state"><b>✓</b> <span>present</span>"#;
    let page = report(&[]);
    assert!(page.contains(auditors) && !page.contains(ann), "{page}");
    assert!(page.contains("With --members the report also has what they have through groups"), "{page}");
    for more in &sources {
        let page = report(&with(&["--members"], more));
        assert!(page.contains(auditors) && page.contains(ann), "{page}");
    }
    let without = world.snapshot();
    let arguments = ["report", "--members", "--html", file.to_str().unwrap(), "--snapshot", path(&without)];
    assert!(error_of(&world, &arguments, 2).contains("snapshot --members"));
    let students = world
        .stand_in
        .organization()
        .groups
        .iter()
        .find(|group| group.name == "students")
        .unwrap()
        .id
        .clone();
    world
        .stand_in
        .set_faults(vec![Fault::on("ListGroupMemberships", FaultKind::AccessDenied).about(&students)]);
    let page = report(&["--members"]);
    assert!(page.contains("the members of group students are not known"), "{page}");
}
