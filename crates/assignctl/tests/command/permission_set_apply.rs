//! `permission-set apply --as`: a set next to the old one, over the wire, against the stand-in.

use serde_json::{Value, json};
use snapbox::cmd::OutputAssert;
use stand_in::{Fault, FaultKind};
use tempfile::TempDir;
use world::Served;

use crate::{
    PROGRAM,
    permission_set_usage::{GOOD, POWER, access, account},
};

const WRITES: &[&str] =
    &["CreatePermissionSet", "PutInlinePolicyToPermissionSet", "PutPermissionsBoundaryToPermissionSet"];

struct Applied {
    world: Served,
    directory: TempDir,
    document: Value,
}

impl Applied {
    /// Returns a world in which the use was read and a policy drafted.
    fn new() -> Applied {
        let mut document = access(json!({ GOOD: account() }));
        document["policies"]["arn:aws:iam::aws:policy/Edge"] = json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": "*", "Resource": "*" },
        ] });
        document["sets"][POWER]["boundary"] = json!({ "managed": "arn:aws:iam::aws:policy/Edge" });
        let applied =
            Applied { world: Served::new(PROGRAM), directory: tempfile::tempdir().unwrap(), document };
        applied.set_access(|_| {});
        let usage = ["permission-set", "usage", "PowerUserAccess", "--output", "usage.json"];
        applied.run(&usage).code(0);
        applied.run(&["permission-set", "draft", "usage.json", "--output", "policy.json"]).code(0);
        applied
    }

    fn set_access(&self, change: impl FnOnce(&mut Value)) {
        let mut document = self.document.clone();
        change(&mut document);
        self.world.stand_in.set_access(serde_json::from_value(document).unwrap());
    }

    fn run(&self, arguments: &[&str]) -> OutputAssert {
        self.world.run(arguments).current_dir(self.directory.path()).assert()
    }

    /// Applies, and returns what was said.
    fn apply(&self, name: &str, code: i32) -> String {
        let ended = self.run(&["permission-set", "apply", "policy.json", "--as", name, "--yes"]).code(code);
        let output = ended.get_output();
        [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat()
    }

    fn writes(&self) -> u64 {
        WRITES.iter().map(|operation| self.world.calls(operation)).sum()
    }

    /// Returns the writes that took effect, in their order.
    fn history(&self) -> Vec<String> {
        let history = self.world.stand_in.history().into_iter();
        history
            .filter(|call| WRITES.contains(&call.operation.as_str()) && call.status == 200)
            .map(|call| call.operation)
            .collect()
    }

    fn edit_policy(&self, change: impl FnOnce(&mut Value)) {
        let path = self.directory.path().join("policy.json");
        let mut policy: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        change(&mut policy);
        std::fs::write(&path, policy.to_string()).unwrap();
    }
}

fn fault(operation: &str, kind: FaultKind, count: Option<u32>) -> Fault {
    Fault { operation: operation.to_owned(), kind, probability: 1.0, count, about: None }
}

#[test]
fn a_set_is_made_next_to_the_old_one_and_made_once() {
    let applied = Applied::new();
    let table = json!({ "assignments": [
        { "id": "builders", "permissionSet": "PowerUserAccess", "group": "platform-admins" },
        { "id": "readers", "permissionSet": "ReadOnlyAccess", "group": "auditors" },
    ] });
    std::fs::write(applied.directory.path().join("assignments.json"), table.to_string()).unwrap();
    let text = applied.apply("PowerUser-least", 0);
    for expected in [
        "- arn:aws:iam::aws:policy/PowerUserAccess",
        "= boundary arn:aws:iam::aws:policy/Edge",
        "= description Builds things",
        "= session duration PT8H",
        "= tag team = platform",
        "+ tag assignctl:made-from",
        "CheckNoNewAccess: PASS",
        "PowerUser-least is made: arn:aws:sso:::permissionSet/",
        "row builders:\n- \"permissionSet\": \"PowerUserAccess\"\n+ \"permissionSet\": \"PowerUser-least\"",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(!text.contains("row readers"), "{text}");
    // A set that allows something has its boundary.
    let order =
        ["CreatePermissionSet", "PutPermissionsBoundaryToPermissionSet", "PutInlinePolicyToPermissionSet"];
    assert_eq!(applied.history(), order);
    assert_eq!(applied.world.creates(), 0);

    let again = applied.apply("PowerUser-least", 0);
    assert!(again.contains("is there already; nothing was written"), "{again}");
    assert_eq!(applied.writes(), 3);
    // Its use is that of nobody yet, and the old one is as it was.
    let text = applied.apply("Other", 0);
    assert!(text.contains("Other is made"), "{text}");
}

#[test]
fn what_is_refused_writes_nothing() {
    let applied = Applied::new();
    applied.set_access(|document| document["sets"][POWER]["description"] = json!("Changed since"));
    let text = applied.apply("Least", 1);
    assert!(text.contains("its description changed") && text.contains("read its use again"), "{text}");
    applied.set_access(|document| {
        document["policies"]["arn:aws:iam::aws:policy/PowerUserAccess"]["Statement"][0]["NotAction"] =
            json!(["iam:*"]);
    });
    assert!(applied.apply("Least", 1).contains("what AWS's managed policies say"));
    applied.set_access(|document| document["largestExistingPolicy"] = json!(10));
    let text = applied.apply("Least", 1);
    assert!(
        text.contains("nothing proves that the policy allows no more") && text.contains("take away"),
        "{text}"
    );
    applied.set_access(|document| {
        document["findings"] = json!([{ "findingType": "ERROR", "issueCode": "INVALID_ACTION",
            "findingDetails": "The action does not exist.", "learnMoreLink": "https://x", "locations": [] }]);
    });
    assert!(applied.apply("Least", 2).contains("INVALID_ACTION"));
    applied.set_access(|_| {});
    assert!(applied.apply("ReadOnlyAccess", 1).contains("was not made here"));
    applied.run(&["permission-set", "apply", "policy.json", "--as", "Least"]).code(2);
    applied.run(&["permission-set", "apply", "policy.json", "--as", "Not a name", "--yes"]).code(2);
    applied.run(&["permission-set", "apply", "policy.json", "--yes"]).code(2);
    for operation in ["ValidatePolicy", "CheckNoNewAccess"] {
        applied.world.stand_in.set_faults(vec![fault(operation, FaultKind::AccessDenied, None)]);
        assert!(applied.apply("Least", 1).contains("AccessDenied"), "{operation}");
    }
    applied.world.stand_in.set_faults(vec![]);
    // By hand, the policy came to allow more.
    applied.edit_policy(|file| file["policy"]["Statement"][0]["Action"] = json!(["iam:CreateUser"]));
    let text = applied.apply("Least", 1);
    assert!(text.contains("allows more than the set does today"), "{text}");
    applied
        .edit_policy(|file| file["policy"]["Statement"][0]["Resource"] = json!("arn:aws:s3:::${BucketName}"));
    assert!(applied.apply("Least", 2).contains("placeholder"));
    assert_eq!(applied.writes(), 0);
}

#[test]
fn an_interrupted_run_is_taken_up_where_it_ended() {
    for operation in WRITES {
        for kind in [FaultKind::AccessDenied, FaultKind::CutAfter, FaultKind::CutBefore] {
            let applied = Applied::new();
            let denied = kind == FaultKind::AccessDenied;
            applied.world.stand_in.set_faults(vec![fault(operation, kind.clone(), Some(1))]);
            let text = applied.apply("Least", i32::from(denied));
            if denied {
                assert!(text.contains("it goes on where this one ended"), "{operation}: {text}");
                applied.apply("Least", 0);
            }
            assert_eq!(
                applied.history().len(),
                if kind == FaultKind::CutAfter { 2 } else { 3 },
                "{operation} {kind:?}"
            );
            assert!(applied.apply("Least", 0).contains("nothing was written"), "{operation} {kind:?}");
        }
    }
    // What somebody edited meanwhile is not overwritten.
    let applied = Applied::new();
    applied.apply("Least", 0);
    applied.edit_policy(|file| file["policy"]["Statement"][0]["Action"] = json!(["ec2:RunInstances"]));
    let text = applied.apply("Least", 1);
    assert!(text.contains("its inline policy differ"), "{text}");
    assert_eq!(applied.writes(), 3);
}
