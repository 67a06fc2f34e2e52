//! `permission-set apply --replace` and `restore`: the live set, over the wire, against the stand-in.

use std::{
    collections::BTreeMap,
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use snapbox::cmd::OutputAssert;
use stand_in::{Account, Fault, FaultKind, Organization, SetContent};
use tempfile::TempDir;
use world::Served;

use crate::{
    PROGRAM,
    permission_set_usage::{POWER, access, account},
};

/// Everything that changes anything.
const WRITES: &[&str] = &[
    "AttachCustomerManagedPolicyReferenceToPermissionSet",
    "AttachManagedPolicyToPermissionSet",
    "CreatePermissionSet",
    "CreatePolicy",
    "DeleteInlinePolicyFromPermissionSet",
    "DeletePermissionsBoundaryFromPermissionSet",
    "DetachCustomerManagedPolicyReferenceFromPermissionSet",
    "DetachManagedPolicyFromPermissionSet",
    "ProvisionPermissionSet",
    "PutInlinePolicyToPermissionSet",
    "PutPermissionsBoundaryToPermissionSet",
    "TagResource",
    "UntagResource",
    "UpdatePermissionSet",
];
const REPLACE: &[&str] = &["permission-set", "apply", "power.policy.json", "--replace", "--yes"];
const RESTORE: &[&str] = &["permission-set", "restore", "power.before.json", "--yes"];

fn id(number: usize) -> String {
    format!("3000000000{number:02}")
}

/// A set in some accounts, whose use was read and drafted.
struct Live {
    world: Served,
    directory: TempDir,
    /// What the set was.
    old: SetContent,
    accounts: Vec<String>,
}

impl Live {
    fn new(count: usize) -> Live {
        let live = Live::prepared(count, "PowerUserAccess", |_| {});
        live.run(&["permission-set", "usage", POWER, "--output", "power.usage.json"]).code(0);
        live.draft(&[]);
        live
    }

    /// Returns a world with a set of this name; nothing was read of it yet.
    fn prepared(count: usize, name: &str, change: impl FnOnce(&mut Value)) -> Live {
        let mut organization = Organization::sample();
        organization.permission_sets.iter_mut().find(|set| set.arn == POWER).unwrap().name = name.to_owned();
        let like = organization.accounts.iter().find(|account| account.name == "class-7").unwrap().clone();
        let accounts: Vec<String> = (1..=count).map(id).collect();
        organization.accounts.extend(accounts.iter().map(|id| Account {
            id: id.clone(),
            name: format!("lab-{}", &id[10..]),
            email: None,
            ..like.clone()
        }));
        let all: BTreeMap<&String, Value> = accounts.iter().map(|id| (id, account())).collect();
        let mut document = access(json!(all));
        document["policies"]["arn:aws:iam::aws:policy/Edge"] = json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": "*", "Resource": "*" },
        ] });
        // As a list, in which form it comes back.
        let statement = document["sets"][POWER]["inlinePolicy"]["Statement"].take();
        document["sets"][POWER]["inlinePolicy"]["Statement"] = json!([statement]);
        document["sets"][POWER]["boundary"] = json!({ "managed": "arn:aws:iam::aws:policy/Edge" });
        change(&mut document);
        let text = document
            .to_string()
            .replace("AWSReservedSSO_PowerUserAccess_0", &format!("AWSReservedSSO_{name}_0"));
        let world = Served::with(PROGRAM, organization, Duration::from_millis(100));
        world.stand_in.set_access(serde_json::from_str(&text).unwrap());
        let old = world.stand_in.access().sets[POWER].clone();
        Live { world, directory: tempfile::tempdir().unwrap(), old, accounts }
    }

    fn draft(&self, without: &[&str]) {
        let draft = ["permission-set", "draft", "power.usage.json", "--output", "power.policy.json"];
        let without = without.iter().flat_map(|id| ["--without", *id]);
        self.run(&draft.into_iter().chain(without).collect::<Vec<_>>()).code(0);
    }

    fn run(&self, arguments: &[&str]) -> OutputAssert {
        self.world.run(arguments).current_dir(self.directory.path()).assert()
    }

    /// Returns what is said, and how many writes there were.
    fn said(&self, arguments: &[&str], code: i32) -> (String, u64) {
        let before = self.writes();
        let ended = self.run(arguments).code(code);
        let output = ended.get_output();
        let text = [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat();
        assert!(!text.contains("operator@"), "{text}");
        (text, self.writes() - before)
    }

    fn replace(&self, more: &[&str], code: i32) -> (String, u64) {
        self.said(&[REPLACE, more].concat(), code)
    }

    fn writes(&self) -> u64 {
        WRITES.iter().map(|operation| self.world.calls(operation)).sum()
    }

    fn set(&self) -> SetContent {
        self.world.stand_in.access().sets[POWER].clone()
    }

    fn on_role(&self, account: &str) -> SetContent {
        self.world.stand_in.on_role(account, POWER)
    }

    /// The set holds the policy of the file and nothing else that allows anything.
    fn require_replaced(&self, accounts: &[String]) {
        let policy = self.file("power.policy.json")["policy"].clone();
        let wanted = SetContent {
            inline_policy: Some(policy),
            managed_policies: Default::default(),
            customer_managed_policies: Vec::new(),
            ..self.old.clone()
        };
        assert_eq!(self.set(), wanted);
        for account in accounts {
            assert_eq!(self.on_role(account), wanted, "{account}");
        }
    }

    fn file(&self, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.directory.path().join(name)).unwrap()).unwrap()
    }

    fn edit_access(&self, change: impl FnOnce(&mut Value)) {
        self.world.stand_in.edit_access(|document| {
            let mut value = serde_json::to_value(&*document).unwrap();
            change(&mut value);
            *document = serde_json::from_value(value).unwrap();
        });
    }
}

fn failing(account: &str) -> Fault {
    let kind = FaultKind::FailedStatus { reason: Some("No room on the role".to_owned()) };
    Fault::on("ProvisionPermissionSet", kind).about(account)
}

#[test]
fn twenty_accounts_go_from_a_name_to_the_least_set_and_back() {
    const LOCKED: &str = "300000000003";
    const SPENT: &str = "300000000007";
    const ENCRYPTED: &str = "300000000011";
    let live = Live::prepared(20, "PowerUserAccess", |document| {
        document["accounts"][LOCKED]["assumable"] = json!([]);
        document["accounts"][SPENT]["quotaUsedUp"] = json!(true);
        document["accounts"][ENCRYPTED]["jobError"] =
            json!({ "code": "AUTHORIZATION_ERROR", "message": "Access denied to the KMS key of the trail" });
    });
    let usage = ["permission-set", "usage", "PowerUserAccess", "--output", "power.usage.json"];
    let (text, _) = live.said(&usage, 1);
    for (account, expected) in [
        (LOCKED, "trust this identity"),
        (SPENT, "run it again tomorrow"),
        (ENCRYPTED, "300000000011 (lab-11)"),
    ] {
        assert!(text.contains(account) && text.contains(expected), "{expected}: {text}");
    }
    assert_eq!(live.file("power.usage.json")["accounts"].as_array().unwrap().len(), 20);
    live.run(&["permission-set", "draft", "power.usage.json"]).code(1);
    live.draft(&[LOCKED, SPENT, ENCRYPTED]);

    let (text, writes) = live.replace(&["--canary", &id(5)], 1);
    for expected in [
        "300000000005 first",
        "without the use of 300000000003, 300000000007, 300000000011",
        "- arn:aws:iam::aws:policy/PowerUserAccess",
        "- customer managed policy /Team",
        "CheckNoNewAccess: PASS",
        "publishes it as it is at that moment",
        "provisioned in 19 accounts",
        "300000000003 failed: it was provisioned, and nothing proves it: sts:AssumeRole failed",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    // Four edits, and each account once; the canary before the others.
    assert_eq!(writes, 4 + 20);
    live.require_replaced(&live.accounts);
    let history = live.world.stand_in.history();
    let provisioned: Vec<&Value> = history
        .iter()
        .filter(|call| call.operation == "ProvisionPermissionSet")
        .map(|call| &call.request["TargetId"])
        .collect();
    assert_eq!(provisioned[0], &json!(id(5)));
    let proof = history.iter().position(|call| call.operation == "GetRolePolicy").unwrap();
    let second = history.iter().rposition(|call| call.request["TargetId"] == json!(id(1))).unwrap();
    assert!(proof < second, "the canary is proven before the others begin");

    // Whoever can be read is as it shall be, and nothing is written again.
    let (text, writes) = live.replace(&[], 1);
    assert_eq!(writes, 0, "{text}");
    assert!(text.contains("there before in 19 accounts") || text.contains("there before in 19"), "{text}");
    live.edit_access(|document| {
        document["accounts"][LOCKED]["assumable"] = json!(["AWSControlTowerExecution"])
    });
    let (text, writes) = live.replace(&[], 0);
    assert!(writes == 0 && text.contains("nothing was left to do"), "{text}");

    let (text, _) = live.said(RESTORE, 0);
    assert!(
        text.contains("every field is as it was") && text.contains("provisioned in 20 accounts"),
        "{text}"
    );
    assert_eq!(live.set(), live.old);
    for account in &live.accounts {
        assert_eq!(live.on_role(account), live.old, "{account}");
    }
    let (text, writes) = live.said(RESTORE, 0);
    assert!(writes == 0 && text.contains("is as it was"), "{text}");
}

#[test]
fn every_field_that_somebody_changed_comes_back() {
    let live = Live::new(2);
    live.replace(&[], 0);
    live.edit_access(|document| {
        let set = &mut document["sets"][POWER];
        set["description"] = json!("Other");
        set["sessionDuration"] = json!("PT1H");
        set["tags"] = json!({ "other": "x" });
        set["boundary"] = Value::Null;
        set["inlinePolicy"] = Value::Null;
    });
    let (text, _) = live.said(RESTORE, 0);
    for expected in ["+ boundary", "+ description Builds things", "+ tag team = platform", "- tag other"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert_eq!(live.set(), live.old);
    // A relay state that it did not have cannot be taken away, and that is said.
    live.edit_access(|document| document["sets"][POWER]["relayState"] = json!("https://example.com/"));
    let (text, writes) = live.said(RESTORE, 1);
    assert!(writes == 0 && text.contains("its relay state") && text.contains("by hand"), "{text}");
}

#[test]
fn a_failed_canary_stops_all_and_another_account_stops_no_other() {
    let live = Live::new(4);
    live.world.stand_in.set_faults(vec![failing(&id(2))]);
    let (text, _) = live.replace(&["--canary", &id(2)], 1);
    for expected in [
        "300000000002 failed",
        "No room on the role",
        "300000000001 was not begun",
        "permission-set restore power.before.json",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert_eq!(live.on_role(&id(1)), live.old);
    assert!(live.world.stand_in.history().iter().all(|call| {
        call.operation != "ProvisionPermissionSet" || call.request["TargetId"] == json!(id(2))
    }));
    // Nothing was rolled back by itself. With another canary the sick account stops nobody.
    live.require_replaced(&[]);
    let (text, _) = live.replace(&["--canary", &id(1)], 1);
    assert!(text.contains("provisioned in 3 accounts") && text.contains("goes on with the rest"), "{text}");
    assert_eq!(live.on_role(&id(2)), live.old);
    live.world.stand_in.set_faults(vec![]);
    let (_, writes) = live.replace(&[], 0);
    assert_eq!(writes, 1, "only the account that lagged");
    live.require_replaced(&live.accounts);
    assert_eq!(live.replace(&[], 0).1, 0);
}

#[test]
fn what_is_refused_writes_nothing() {
    let live = Live::new(2);
    let refused = |more: &[&str], code: i32, expected: &str| {
        let (text, writes) = live.replace(more, code);
        assert!(text.contains(expected), "{expected}: {text}");
        assert_eq!(writes, 0, "{expected}");
    };
    let good = live.world.stand_in.access();
    let with = |change: &dyn Fn(&mut Value), expected: &str| {
        live.edit_access(change);
        refused(&[], 1, expected);
        live.world.stand_in.edit_access(|document| *document = good.clone());
    };
    let management = account();
    with(&|document| document["accounts"]["123456789012"] = management.clone(), "in the management account");
    with(
        &|document| document["accounts"]["444455556666"] = management.clone(),
        "knows nothing of the use in 444455556666",
    );
    with(&|document| document["sets"][POWER]["tags"]["assignctl:break-glass"] = json!(""), "break-glass");
    with(&|document| document["sets"][POWER]["description"] = json!("x"), "its description changed");
    with(&|document| document["sets"][POWER]["managedPolicies"] = json!([]), "its managed policies changed");
    with(&|document| document["largestExistingPolicy"] = json!(10), "nothing proves");
    with(
        &|document| {
            document["policies"]["arn:aws:iam::aws:policy/PowerUserAccess"]["Statement"][0]["NotAction"] =
                json!(["iam:*"]);
        },
        "what AWS's managed policies say",
    );
    refused(&["--canary", "444455556666"], 1, "not provisioned in the canary account");
    refused(&["--as", "Other"], 2, "cannot be used with");
    let (text, writes) = live.said(&REPLACE[..4], 2);
    assert!(writes == 0 && text.contains("cannot ask"), "{text}");
    for operation in
        ["ValidatePolicy", "CheckNoNewAccess", "GetCallerIdentity", "ListAccountsForProvisionedPermissionSet"]
    {
        live.world.stand_in.set_faults(vec![Fault::on(operation, FaultKind::AccessDenied)]);
        refused(&[], 1, "AccessDenied");
    }
    live.world.stand_in.set_faults(vec![]);
    // What is remembered is never overwritten.
    let before = live.directory.path().join("power.before.json");
    assert_eq!(live.file("power.before.json")["permissionSet"]["description"], "Builds things");
    std::fs::write(&before, "{}").unwrap();
    refused(&[], 2, "it is not overwritten");
    assert_eq!(std::fs::read_to_string(&before).unwrap(), "{}");
    let (text, writes) = live.said(RESTORE, 2);
    assert!(writes == 0 && text.contains("not a file of `apply`"), "{text}");
}

#[test]
fn sets_of_control_tower_and_of_the_callers_own_session_are_left_alone() {
    for (name, expected) in
        [("AWSPowerUserAccess", "Control Tower's own"), ("Admin", "your own session runs under")]
    {
        let live = Live::prepared(1, name, |_| {});
        live.run(&["permission-set", "usage", name, "--output", "power.usage.json"]).code(0);
        live.draft(&[]);
        let (text, writes) = live.replace(&[], 1);
        assert!(writes == 0 && text.contains(expected), "{text}");
        let made = live.said(&["permission-set", "apply", "power.policy.json", "--as", "Least", "--yes"], 0);
        assert!(made.0.contains("Least is made"), "{}", made.0);
        let (text, writes) = live.said(RESTORE, 1);
        assert!(writes == 0 && text.contains(expected), "{text}");
    }
}

#[test]
fn a_set_that_comes_to_another_account_meanwhile_is_not_edited() {
    let live = Live::new(1);
    let slow = FaultKind::Slow { millis: 5_000 };
    live.world.stand_in.set_faults(vec![Fault::on("CheckNoNewAccess", slow)]);
    let before = live.writes();
    let mut command = std::process::Command::new(PROGRAM);
    command.env_clear().envs(live.world.environment()).args(REPLACE).current_dir(live.directory.path());
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while live.world.stand_in.history().iter().all(|call| call.operation != "CheckNoNewAccess") {
        assert!(Instant::now() < until, "nothing was asked for");
        std::thread::sleep(Duration::from_millis(1));
    }
    let another = account();
    live.edit_access(|document| document["accounts"]["444455556666"] = another);
    let done = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&done.stderr);
    assert!(text.contains("in other accounts than was shown"), "{text}");
    assert_eq!((done.status.code(), live.writes()), (Some(1), before));
}

#[test]
fn a_failed_call_anywhere_is_taken_up_by_the_same_command() {
    for operation in [
        "PutInlinePolicyToPermissionSet",
        "DetachManagedPolicyFromPermissionSet",
        "DetachCustomerManagedPolicyReferenceFromPermissionSet",
        "ProvisionPermissionSet",
    ] {
        let live = Live::new(2);
        for kind in [FaultKind::AccessDenied, FaultKind::CutAfter, FaultKind::CutBefore] {
            live.world.stand_in.set_faults(vec![Fault::on(operation, kind.clone()).times(1)]);
            let denied = kind == FaultKind::AccessDenied;
            let (text, _) = live.replace(&[], i32::from(denied));
            if denied {
                assert!(text.contains("goes on") || text.contains("the same command"), "{operation}: {text}");
                live.replace(&[], 0);
            }
            live.require_replaced(&live.accounts);
            assert_eq!(live.replace(&[], 0).1, 0, "{operation} {kind:?}");
            // The way back takes the same faults.
            live.world.stand_in.set_faults(vec![Fault::on(operation, kind.clone()).times(1)]);
            live.run(RESTORE);
            live.world.stand_in.set_faults(vec![]);
            live.said(RESTORE, 0);
            assert_eq!(
                (live.set(), live.on_role(&id(2))),
                (live.old.clone(), live.old.clone()),
                "{operation}"
            );
        }
    }
}

#[test]
fn a_run_that_is_killed_between_any_two_calls_ends_right_when_it_is_run_again() {
    let live = Live::new(2);
    live.replace(&[], 0);
    live.said(RESTORE, 0);
    live.world.stand_in.forget_calls();
    live.replace(&[], 0);
    let history = live.world.stand_in.history();
    let first = history.iter().position(|call| WRITES.contains(&call.operation.as_str())).unwrap();
    let count = history.len();
    live.said(RESTORE, 0);
    let slow = Fault::on("*", FaultKind::Slow { millis: 8 });
    // Every fourth moment from the first write on: between all of them, and in the polls.
    for moment in (first..count).step_by(4) {
        live.world.stand_in.forget_calls();
        live.world.stand_in.set_faults(vec![slow.clone()]);
        let mut command = std::process::Command::new(PROGRAM);
        command.env_clear().envs(live.world.environment()).args(REPLACE).current_dir(live.directory.path());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        while live.world.stand_in.history().len() < moment && Instant::now() < until {
            if child.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        live.world.stand_in.set_faults(vec![]);
        live.replace(&[], 0);
        live.require_replaced(&live.accounts);
        assert_eq!(live.replace(&[], 0).1, 0, "at {moment}");
        live.said(RESTORE, 0);
        assert_eq!((live.set(), live.on_role(&id(1))), (live.old.clone(), live.old.clone()), "at {moment}");
    }
}

#[test]
fn the_policy_can_be_each_accounts_own() {
    let live = Live::new(3);
    let own = ["--customer-managed", "Least"];
    // One account has it already, and one has another policy of that name.
    live.edit_access(|document| {
        document["accounts"][id(2)]["policies"]["/Least"] = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "*", "Resource": "*" } ] })
    });
    let (text, writes) = live.replace(&own, 1);
    assert!(writes == 0 && text.contains("300000000002: the account has another policy Least"), "{text}");
    let policy = live.file("power.policy.json")["policy"].clone();
    live.edit_access(|document| document["accounts"][id(2)]["policies"]["/Least"] = policy.clone());
    let (text, writes) = live.replace(&own, 0);
    assert!(
        text.contains("+ customer managed policy /Least") && text.contains("2 accounts will get"),
        "{text}"
    );
    // Two policies; attached, two detached, the inline policy deleted; and three accounts.
    assert_eq!(writes, 2 + 4 + 3);
    for account in &live.accounts {
        let role = live.on_role(account);
        assert_eq!(role.customer_managed_policies.len(), 1);
        assert!(role.inline_policy.is_none() && role.managed_policies.is_empty());
        let policies = &live.world.stand_in.access().accounts[account].policies;
        assert_eq!(policies["/Least"], policy);
    }
    assert_eq!(live.replace(&own, 0).1, 0);
    live.said(RESTORE, 0);
    assert_eq!(live.set(), live.old);

    let made = live.said(
        &[
            "permission-set",
            "apply",
            "power.policy.json",
            "--as",
            "Beside",
            "--customer-managed",
            "Least",
            "--yes",
        ],
        0,
    );
    // The policies are there: a set, its boundary, and a reference.
    assert_eq!(made.1, 3, "{}", made.0);
}

#[test]
fn a_role_with_another_boundary_is_not_proven() {
    let live = Live::new(1);
    let boundary = |arn: Value| {
        live.edit_access(|document| document["accounts"][id(1)]["roles"][0]["boundary"] = arn.clone());
    };
    boundary(json!("arn:aws:iam::aws:policy/Other"));
    let mut child = std::process::Command::new(PROGRAM)
        .args(REPLACE)
        .env_clear()
        .envs(live.world.environment())
        .current_dir(live.directory.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The policies are there, and the boundary is looked at again and again.
    let began = Instant::now();
    while live.world.calls("GetRole") < 3 {
        assert!(began.elapsed() < Duration::from_secs(60), "the role was not looked at");
        assert_eq!(child.try_wait().unwrap(), None, "proven with another boundary");
        std::thread::sleep(Duration::from_millis(10));
    }
    boundary(Value::Null);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    live.require_replaced(&live.accounts);
}
