//! `plan --out FILE` and `apply FILE`, who asks, and where.

use serde_json::{Value, json};
use stand_in::{Fault, FaultKind};
use world::{Served, path};

use crate::PROGRAM;

fn error_of(world: &Served, arguments: &[&str], code: i32) -> String {
    let failed = world.run(arguments).assert().code(code);
    String::from_utf8_lossy(&failed.get_output().stderr).into_owned()
}

/// A plan of an OU in a file, and the table that it is for.
struct Planned {
    world: Served,
    _directory: tempfile::TempDir,
    table: String,
    plan: String,
}

impl Planned {
    fn new() -> Planned {
        let world = Served::with_drift(PROGRAM);
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
        let (table, plan) = (file("assignments.json"), file("plan.json"));
        std::fs::write(&table, include_str!("../../../../examples/assignments.json")).unwrap();
        world.run(&["plan", "--ou", "Workloads", "--table", &table, "--out", &plan]).assert().code(1);
        Planned { world, _directory: directory, table, plan }
    }

    fn refused(&self) -> String {
        let error = error_of(&self.world, &["apply", &self.plan, "--table", &self.table, "--yes"], 1);
        assert!(error.contains("nothing was created") && error.contains("make the plan again"), "{error}");
        assert_eq!(self.world.creates(), 0);
        error
    }
}

#[test]
fn what_was_reviewed_is_what_is_done() {
    let planned = Planned::new();
    let done = planned.world.json(&["apply", &planned.plan, "--table", &planned.table, "--yes"], 0);
    assert_eq!((&done["counts"]["accounts"], &done["counts"]["created"]), (&json!(2), &json!(3)));
    assert_eq!(planned.world.creates(), 3, "the selection is the plan's");
    let error = error_of(&planned.world, &["apply", &planned.plan, "--table", &planned.table, "--yes"], 1);
    assert!(error.contains("account 444455556666: grants changed"), "{error}");
}

#[test]
fn a_plan_is_refused_if_an_account_was_moved() {
    let planned = Planned::new();
    planned.world.stand_in.edit(|organization| {
        let account = organization.accounts.iter_mut().find(|account| account.id == "555566667777").unwrap();
        account.parent = "ou-ab12-22222222".to_owned();
    });
    let error = planned.refused();
    assert!(error.contains(r#"account 555566667777: ou was "Workloads/Prod" and is "Workloads""#), "{error}");
}

#[test]
fn a_plan_is_refused_if_what_is_there_changed() {
    let planned = Planned::new();
    planned.world.put("555566667777", "Billing", "students");
    assert!(planned.refused().contains("account 555566667777: unexplained changed"));
}

#[test]
fn a_plan_is_refused_if_an_account_is_new_or_gone() {
    let planned = Planned::new();
    planned.world.stand_in.edit(|organization| {
        let mut one = organization.accounts.iter().find(|one| one.id == "555566667777").unwrap().clone();
        organization.accounts.retain(|account| account.id != "444455556666");
        one.id = "777788889999".to_owned();
        organization.accounts.push(one);
    });
    let error = planned.refused();
    assert!(error.contains("account 444455556666 is not there"), "{error}");
    assert!(error.contains("account 777788889999 is new"), "{error}");
}

#[test]
fn a_plan_is_refused_if_the_table_is_another_one() {
    let planned = Planned::new();
    let text = std::fs::read_to_string(&planned.table).unwrap();
    std::fs::write(&planned.table, text.replace("prod-admins", "prod-administrators")).unwrap();
    assert!(planned.refused().contains("the table's digest was sha256:"));
    let error = error_of(&planned.world, &["apply", &planned.plan, "--yes"], 2);
    assert!(error.contains(&planned.table) && error.contains("--table"), "{error}");
}

#[test]
fn a_plan_is_refused_for_another_instance_or_account() {
    let planned = Planned::new();
    planned.world.stand_in.edit(|organization| {
        let text = serde_json::to_string(organization).unwrap();
        let other = text.replace("ssoins-7223f7eef79824e1", "ssoins-0000f7eef79824e1");
        *organization = serde_json::from_str(&other.replace("123456789012", "210987654321")).unwrap();
    });
    let error = planned.refused();
    for what in
        ["the Identity Center instance was", "the account of the credentials was", "management account was"]
    {
        assert!(error.contains(what), "{what}: {error}");
    }
}

#[test]
fn what_is_no_plan_is_refused() {
    let world = Served::new(PROGRAM);
    for text in ["", "{}", r#"{ "planVersion": 2 }"#, r#"{ "planVersion": 1 }"#] {
        let file = Served::file(text);
        assert!(error_of(&world, &["apply", path(&file), "--yes"], 2).contains("plan"), "{text}");
    }
    for arguments in [
        &["apply", "plan.json", "--all"][..],
        &["apply", "plan.json", "--account", "111122223333"],
        &["plan", "--out", "plan.json", "--explain", "111122223333"],
        &["plan", "--out", "plan.json", "--snapshot", "org.json"],
        &["plan", "--out", "plan.json", "--against", "main.json"],
    ] {
        world.run(arguments).assert().code(2);
    }
    assert_eq!(world.creates(), 0);
}

#[test]
fn a_plan_is_not_kept_if_it_is_not_known_who_made_it() {
    let world = Served::with_drift(PROGRAM);
    world.stand_in.set_faults(vec![Fault::on("GetCallerIdentity", FaultKind::AccessDenied)]);
    let directory = tempfile::tempdir().unwrap();
    let plan = directory.path().join("plan.json");
    let error = error_of(&world, &["plan", "--out", plan.to_str().unwrap()], 2);
    assert!(error.contains("sts:GetCallerIdentity"), "{error}");
    assert!(!plan.exists());
    let shown = world.stdout(&["plan"], 1);
    assert!(shown.contains("identity      not known: sts:GetCallerIdentity"), "{shown}");
}

#[test]
fn every_plan_and_every_apply_say_who_asks_where_and_for_which_table() {
    let world = Served::with_drift(PROGRAM);
    let of = |arguments: &[&str], code: i32| {
        let shown = world.stdout(arguments, code);
        shown.lines().take(4).map(str::to_owned).collect::<Vec<_>>()
    };
    let head = of(&["plan"], 1);
    assert_eq!(
        head[..3],
        [
            "identity      arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/operator@example.com in account 123456789012",
            "organization  of management account 123456789012",
            "instance      arn:aws:sso:::instance/ssoins-7223f7eef79824e1 in eu-west-1",
        ]
    );
    assert!(head[3].starts_with("table         assignments.json, 4 rows, sha256:"), "{head:?}");
    assert_eq!(of(&["apply", "--account", "111122223333", "--yes"], 0), head);
    let plan = world.json(&["plan"], 1);
    assert_eq!(
        (&plan["identity"]["account"], &plan["managementAccount"], &plan["region"]),
        (&json!("123456789012"), &json!("123456789012"), &json!("eu-west-1"))
    );
    let snapshot = world.snapshot();
    let offline = world.json(&["plan", "--snapshot", path(&snapshot)], 1);
    assert!(offline["identity"]["unknown"].as_str().unwrap().contains("snapshot"), "{offline}");
    assert_eq!(offline["digest"], plan["digest"]);
}

#[test]
fn a_profile_and_a_region_that_are_named_count_before_the_environment() {
    let world = Served::new(PROGRAM);
    let credentials = Served::file("[mine]\naws_access_key_id = MINE\naws_secret_access_key = any\n");
    let config = Served::file("[profile mine]\nregion = eu-west-1\n");
    let run = |arguments: &[&str]| {
        let files = [("AWS_SHARED_CREDENTIALS_FILE", path(&credentials)), ("AWS_CONFIG_FILE", path(&config))];
        world.run(arguments).envs(files)
    };
    run(&["plan", "--profile", "mine"]).assert().code(1);
    let failed = run(&["plan", "--profile", "nobody"]).assert().code(1);
    let error = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
    assert!(error.contains("nobody"), "{error}");
    // The stand-in serves one Region.
    let failed = run(&["plan", "--region", "us-east-1"]).assert().code(1);
    let error = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
    assert!(error.contains("us-east-1"), "{error}");
    run(&["plan", "--region", "eu-west-1"]).env("AWS_REGION", "us-east-1").assert().code(1);
    let plan: Value = {
        let done = run(&["plan", "--json", "--region", "eu-west-1"]).env("AWS_REGION", "us-east-1").assert();
        serde_json::from_slice(&done.get_output().stdout).unwrap()
    };
    assert_eq!(plan["region"], "eu-west-1");
}

#[test]
fn what_is_named_goes_the_way_that_the_environment_names() {
    let world = Served::new(PROGRAM);
    let credentials = Served::file("[mine]\naws_access_key_id = MINE\naws_secret_access_key = any\n");
    let config = Served::file(
        "[profile mine]\nregion = eu-west-1\n\
         [profile role]\nsource_profile = mine\nregion = eu-west-1\n\
         role_arn = arn:aws:iam::444455556666:role/AWSControlTowerExecution\n",
    );
    // Nobody has this name, and the proxy knows what it means: it is the stand-in.
    let proxied = |arguments: &[&str]| {
        let files = [("AWS_SHARED_CREDENTIALS_FILE", path(&credentials)), ("AWS_CONFIG_FILE", path(&config))];
        let command = world.run(arguments).envs(files).env("AWS_ENDPOINT_URL", "http://aws.invalid:4566");
        command.env("HTTP_PROXY", world.url())
    };
    for arguments in [
        &["plan", "--profile", "mine"][..],
        &["plan", "--region", "eu-west-1"],
        &["plan", "--profile", "mine", "--region", "eu-west-1"],
    ] {
        let done = proxied(arguments).arg("--json").output().unwrap();
        let plan: Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!(plan["region"], "eu-west-1", "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        // Whom to trust is as certain as the way: a bundle that cannot be used is not left out.
        let failed = proxied(arguments).env("AWS_CA_BUNDLE", path(&config)).assert().code(1);
        let error = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
        assert!(error.contains("AWS_CA_BUNDLE names"), "{arguments:?}: {error}");
    }
    // The credentials of this one take a call of their own. The answer is the stand-in's, so it went the same way.
    let failed = proxied(&["plan", "--profile", "role"]).assert().code(1);
    let error = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
    assert!(error.contains("is not authorized to perform: sts:AssumeRole"), "{error}");
}

#[test]
fn all_accounts_and_some_accounts_are_not_both_asked_for() {
    let world = Served::new(PROGRAM);
    for verb in ["plan", "apply", "snapshot", "report"] {
        for other in [["--account", "111122223333"], ["--ou", "Education"]] {
            let error = error_of(&world, &[&[verb, "--all"][..], &other].concat(), 2);
            assert!(error.contains("--all"), "{error}");
        }
    }
}
