//! `permission-set usage`: what roles did, over the wire, against the stand-in.

use serde_json::{Value, json};
use snapbox::cmd::OutputAssert;
use stand_in::{Fault, FaultKind};
use tempfile::TempDir;
use world::Served;

use crate::PROGRAM;

pub const POWER: &str = "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-3c9d17e2a4b5f608";
const TRAIL: &str = "arn:aws:cloudtrail:eu-west-1:123456789012:trail/aws-controltower-BaselineCloudTrail";
pub const GOOD: &str = "111122223333";

/// An account that has the set, and in which everything goes well.
pub fn account() -> Value {
    json!({
        "assumable": ["AWSControlTowerExecution"],
        "policies": { "/Team": { "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": "sqs:*", "Resource": "*" } } },
        "roles": [
            {
                "name": "AWSReservedSSO_PowerUserAccess_0123456789abcdef",
                "path": "/aws-reserved/sso.amazonaws.com/eu-west-1/",
                // The last two were refused.
                "logged": ["s3:ListAllMyBuckets", "ec2:RunInstances", "iam:CreateUser", "s3:DeleteBucket"],
                "tracked": { "s3:ListAllMyBuckets": 7, "s3:PutBucketPolicy": null, "ec2:StopInstances": 80, "ec2:StartInstances": 120 },
                "services": { "s3": 7, "ec2": 7, "glue": null },
            },
            { "name": "AccessAnalyzerMonitorServiceRole_X", "path": "/service-role/" },
            { "name": "AWSReservedSSO_PowerUserAccess_Team_0123456789abcdef", "path": "/aws-reserved/sso.amazonaws.com/" },
        ],
    })
}

pub fn access(accounts: Value) -> Value {
    json!({
        "trail": {
            "name": "aws-controltower-BaselineCloudTrail", "arn": TRAIL, "homeRegion": "eu-west-1",
            "bucket": "aws-controltower-logs-222233334444-eu-west-1", "prefix": "o-a1b2c3d4e5",
        },
        "policies": { "arn:aws:iam::aws:policy/PowerUserAccess": { "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "NotAction": ["iam:*", "organizations:*"], "Resource": "*" },
        ] } },
        "sets": { POWER: {
            "description": "Builds things", "sessionDuration": "PT8H", "tags": { "team": "platform" },
            "managedPolicies": ["arn:aws:iam::aws:policy/PowerUserAccess"],
            "customerManagedPolicies": [{ "name": "Team", "path": "/" }],
            "inlinePolicy": { "Version": "2012-10-17", "Statement": { "Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": "*" } },
        } },
        "accounts": accounts,
        "jobMillis": 200,
    })
}

struct Use {
    world: Served,
    directory: TempDir,
}

impl Use {
    fn new(document: Value) -> Use {
        let world = Served::new(PROGRAM);
        world.stand_in.set_access(serde_json::from_value(document).unwrap());
        Use { world, directory: tempfile::tempdir().unwrap() }
    }

    /// Reads the use, and returns how that ended. Nobody's name is anywhere.
    fn read(&self, arguments: &[&str]) -> OutputAssert {
        let file = self.directory.path().join("usage.json");
        let command = self.world.run(&["permission-set", "usage", "PowerUserAccess", "--output"]);
        let ended = command.arg(&file).args(arguments).assert();
        let output = ended.get_output();
        let written = std::fs::read(&file).unwrap_or_default();
        for text in [&output.stdout, &output.stderr, &written] {
            let text = String::from_utf8_lossy(text);
            assert!(!text.contains("operator@") && !text.contains("example.com"), "{text}");
        }
        ended
    }

    fn file(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.directory.path().join("usage.json")).unwrap()).unwrap()
    }

    fn account(&self, id: &str) -> Value {
        let file = self.file();
        file["accounts"].as_array().unwrap().iter().find(|account| account["id"] == id).unwrap().clone()
    }
}

fn failures(account: &Value) -> Vec<String> {
    let failures = account["failures"].as_array().cloned().unwrap_or_default();
    failures.iter().map(|failure| format!("{}; {}", failure["cause"], failure["remedy"])).collect()
}

#[test]
fn both_sources_of_an_account_are_read_and_drafted() {
    let used = Use::new(access(json!({ GOOD: account() })));
    let shown = used.read(&[]).code(0);
    let text = String::from_utf8_lossy(&shown.get_output().stdout).into_owned();
    assert_eq!(text, "111122223333 (class-7): 3 actions, 2 more that the set does not allow\n");
    let file = used.file();
    let set = &file["permissionSet"];
    assert_eq!((&set["arn"], &set["sessionDuration"]), (&json!(POWER), &json!("PT8H")));
    assert_eq!(set["customerManagedPolicies"][0]["documents"][0]["accounts"], json!([GOOD]));
    let account = used.account(GOOD);
    assert_eq!(account["roles"].as_array().unwrap().len(), 1, "not that of another set: {account}");
    let actions: Vec<(&str, usize)> = account["actions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|action| (action["action"].as_str().unwrap(), action["sources"].as_array().unwrap().len()))
        .collect();
    assert_eq!(actions, [("ec2:RunInstances", 1), ("ec2:StopInstances", 1), ("s3:ListAllMyBuckets", 2)]);
    let unused = json!(["ec2:StartInstances", "s3:PutBucketPolicy"]);
    assert_eq!(account["unused"], unused, "what was used before the window was not used");
    assert_eq!(account["sources"].as_array().unwrap().len(), 2, "{account}");

    let directory = used.directory.path();
    let draft = used.world.run(&["permission-set", "draft", "usage.json", "--output", "policy.json"]);
    draft.current_dir(directory).assert().code(0);
    let policy: Value =
        serde_json::from_slice(&std::fs::read(directory.join("policy.json")).unwrap()).unwrap();
    let kept = json!(["ec2:RunInstances", "ec2:StopInstances", "s3:ListAllMyBuckets"]);
    assert_eq!(policy["policy"]["Statement"][0]["Action"], kept);
    assert_eq!(policy["leftOut"].as_array().unwrap().len(), 2);

    // What is finished is taken, instead of new generations.
    used.read(&[]).code(0);
    assert_eq!(used.world.calls("StartPolicyGeneration"), 1);
    assert_eq!(used.account(GOOD)["sources"], account["sources"]);
    assert_eq!(used.world.creates(), 0);
}

#[test]
fn one_source_alone_asks_the_other_one_nothing() {
    let used = Use::new(access(json!({ GOOD: account() })));
    used.read(&["--source", "last-accessed", "--days", "30"]).code(0);
    assert_eq!(used.world.calls("StartPolicyGeneration") + used.world.calls("DescribeTrails"), 0);
    let account = used.account(GOOD);
    assert_eq!(account["actions"].as_array().unwrap().len(), 1, "{account}");
    used.read(&["--source", "generated"]).code(0);
    assert_eq!(used.world.calls("GenerateServiceLastAccessedDetails"), 1);
}

#[test]
fn what_fails_in_one_account_is_named_and_stops_no_other() {
    let with = |change: &dyn Fn(&mut Value)| {
        let mut account = account();
        change(&mut account);
        account
    };
    let too_much = |days: u64| json!({ "code": "SERVICE_QUOTA_EXCEEDED_ERROR", "message": "too many log files", "unlessDays": days });
    let denied = json!({ "code": "AUTHORIZATION_ERROR", "message": "Incorrect permissions, says operator@example.com" });
    let mut document = access(json!({
        GOOD: account(),
        "222233334444": with(&|account| account["assumable"] = json!([])),
        "333344445555": with(&|account| account["quotaUsedUp"] = json!(true)),
        "444455556666": with(&|account| account["jobError"] = denied.clone()),
        "555566667777": with(&|account| account["jobError"] = too_much(14)),
        "666677778888": with(&|account| account["roles"] = json!([{ "name": "AWSReservedSSO_PowerUserAccess_0123456789abcdef",
            "path": "/aws-reserved/sso.amazonaws.com/", "logged": ["s3:ListAllMyBuckets"] }])),
        "777788889999": with(&|account| account["roles"][0]["tracked"] = json!({})),
        "888899990000": with(&|account| account["policies"] = json!({})),
    }));
    document["trail"]["kmsKeyId"] = json!("arn:aws:kms:eu-west-1:123456789012:key/1");
    let used = Use::new(document);
    let shown = used.read(&[]).code(1);
    let text = String::from_utf8_lossy(&shown.get_output().stdout).into_owned();
    assert_eq!(failures(&used.account(GOOD)), [""; 0]);
    for (id, causes) in [
        ("222233334444", &["sts:AssumeRole failed with AccessDenied"][..]),
        ("333344445555", &["the policy generations of the day are used up"]),
        ("444455556666", &["encrypted with the key arn:aws:kms:eu-west-1:123456789012:key/1"]),
        (
            "666677778888",
            &["last-accessed data names no action", "has no role with which Access Analyzer reads the log"],
        ),
        ("777788889999", &["last-accessed data names no action"]),
        ("888899990000", &["the set names the policy /Team, which the account does not have"]),
    ] {
        let found = failures(&used.account(id));
        assert_eq!(found.len(), causes.len(), "{id}: {found:#?}");
        for (found, cause) in found.iter().zip(causes) {
            assert!(found.contains(cause), "{id}: {found}");
            assert!(text.contains(cause), "{cause}: {text}");
        }
    }
    let fewer = used.account("555566667777");
    assert_eq!(failures(&fewer), [""; 0], "fewer days are read instead");
    let days = |field: &str| {
        fewer["sources"].as_array().unwrap().iter().find(|of| of["source"] == "generated").unwrap()[field]
            .clone()
    };
    assert_ne!(days("from"), fewer["sources"][0]["from"], "what was really covered: {fewer}");
    assert_eq!(days("to"), fewer["sources"][0]["to"]);
}

#[test]
fn wrong_use_ends_before_anything_is_written() {
    let used = Use::new(access(json!({})));
    let file = used.directory.path().join("usage.json");
    let no_account = used.read(&[]).code(1);
    let text = String::from_utf8_lossy(&no_account.get_output().stderr).into_owned();
    assert!(text.contains("is provisioned in no account"), "{text}");
    let unknown =
        used.world.run(&["permission-set", "usage", "NoSuchSet", "--output"]).arg(&file).assert().code(1);
    let text = String::from_utf8_lossy(&unknown.get_output().stderr).into_owned();
    assert!(text.contains("there is no permission set NoSuchSet"), "{text}");
    for days in ["0", "91"] {
        used.read(&["--days", days]).code(2);
    }
    assert!(!file.exists());
}

const ARCHIVE: &str = "222233334444";
const BUCKET: &str = "aws-controltower-logs-222233334444-eu-west-1";

/// A world with a log bucket that is open for Access Analyzer's roles, and these accounts besides that for logs.
fn opened(mut accounts: Value, change: impl Fn(&mut Value)) -> Use {
    accounts[ARCHIVE] = json!({ "assumable": ["AWSControlTowerExecution"] });
    let mut document = access(accounts);
    document["trail"]["bucketAccount"] = json!(ARCHIVE);
    document["trail"]["bucketPolicy"] = json!({ "Version": "2012-10-17", "Statement": [
        { "Sid": "AllowSSLRequestsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
          "Resource": [format!("arn:aws:s3:::{BUCKET}"), format!("arn:aws:s3:::{BUCKET}/*")],
          "Condition": { "Bool": { "aws:SecureTransport": "false" } } },
    ] });
    change(&mut document);
    let used = Use::new(document);
    used.world.run(&["permission-set", "logs", "open"]).assert().code(0);
    used.world.stand_in.forget_calls();
    used
}

/// The failures of the policy generation alone.
fn generated(used: &Use, id: &str) -> Vec<String> {
    let account = used.account(id);
    let failures = account["failures"].as_array().cloned().unwrap_or_default();
    let generated = failures.iter().filter(|failure| failure["source"] == "generated");
    generated.map(|failure| format!("{}; {}", failure["cause"], failure["remedy"])).collect()
}

#[test]
fn a_failed_generation_is_named_with_the_one_thing_that_is_wrong() {
    let with = |role: &dyn Fn(&mut Value)| {
        let mut account = account();
        role(&mut account["roles"][1]);
        account
    };
    let of_ec2 = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow",
        "Principal": { "Service": "ec2.amazonaws.com" }, "Action": "sts:AssumeRole" }] });
    let all = opened(
        json!({
            GOOD: account(),
            "333344445555": with(&|role| role["trust"] = of_ec2.clone()),
            "444455556666": with(&|role| role["mayNot"] = json!(["s3:GetObject"])),
        }),
        |_| {},
    );
    all.read(&["--source", "generated"]).code(1);
    assert_eq!(generated(&all, GOOD), [""; 0]);
    let expect = |used: &Use, id: &str, parts: &[&str]| {
        let found = generated(used, id);
        assert_eq!(found.len(), 1, "{found:#?}");
        for part in parts {
            assert!(found[0].contains(part), "{part}: {found:#?}");
        }
        assert!(!found[0].contains("not known"), "{found:#?}");
    };
    expect(
        &all,
        "333344445555",
        &["does not trust Access Analyzer", "let access-analyzer.amazonaws.com assume it"],
    );
    expect(&all, "444455556666", &["the policy of the role", "read the log: s3:GetObject", "on the bucket"]);
    assert_eq!(all.world.calls("GetBucketPolicy"), 1, "what is the same for all accounts is read once");
    assert_eq!(all.world.calls("PutBucketPolicy"), 0);

    let one = |change: &dyn Fn(&mut Value)| opened(json!({ GOOD: account() }), change);
    let closed = one(&|_| {});
    closed.world.run(&["permission-set", "logs", "close"]).assert().code(0);
    closed.read(&["--source", "generated"]).code(1);
    expect(&closed, GOOD, &["the policy of the bucket aws-controltower-logs", "--open-logs"]);

    let elsewhere = one(&|_| {});
    elsewhere.world.stand_in.edit_bucket_policy(|policy| {
        let keys = &mut policy["Statement"][1]["Resource"][1];
        *keys = json!(keys.as_str().unwrap().replace("o-a1b2c3d4e5/AWSLogs", "AWSLogs"));
    });
    elsewhere.read(&["--source", "generated"]).code(1);
    let objects = format!("arn:aws:s3:::{BUCKET}/o-a1b2c3d4e5/AWSLogs/o-a1b2c3d4e5/{GOOD}/*");
    expect(&elsewhere, GOOD, &["the log has another prefix", &format!("let the statement name {objects}")]);

    let owned = one(&|document| document["trail"]["ownership"] = json!("ObjectWriter"));
    owned.read(&["--source", "generated"]).code(1);
    expect(&owned, GOOD, &["may belong to others than its owner", "bucket owner enforced"]);

    let key = "arn:aws:kms:eu-west-1:123456789012:key/1";
    for (member, may_not, why) in [
        ("kmsKeyId", json!([]), "the key's own policy"),
        ("bucketKey", json!([]), "the key's own policy"),
        ("kmsKeyId", json!(["kms:Decrypt"]), "does not allow it kms:Decrypt"),
    ] {
        let accounts = json!({ GOOD: with(&|role| role["mayNot"] = may_not.clone()) });
        let encrypted = opened(accounts, |document| {
            document["trail"]["keyRefuses"] = json!(true);
            document["trail"][member] = json!(key);
        });
        encrypted.read(&["--source", "generated"]).code(1);
        expect(&encrypted, GOOD, &[&format!("encrypted with the key {key}"), why, "kms:EncryptionContext"]);
    }
}

#[test]
fn what_cannot_be_read_of_a_failed_generation_is_not_known_and_stops_nothing() {
    let denied = |operation: &str| Fault {
        operation: operation.to_owned(),
        kind: FaultKind::AccessDenied,
        probability: 1.0,
        count: None,
        about: None,
    };
    let owned = || {
        opened(json!({ GOOD: account() }), |document| {
            document["trail"]["ownership"] = json!("ObjectWriter");
        })
    };
    for (operation, what) in [
        ("GetRole", "who may assume the role: iam:GetRole"),
        ("SimulatePrincipalPolicy", "what the role's own policies allow: iam:SimulatePrincipalPolicy"),
        ("GetBucketPolicy", "what the policy of the bucket"),
        ("GetBucketEncryption", "whether a key encrypts the log: s3:GetEncryptionConfiguration"),
    ] {
        let used = owned();
        used.world.stand_in.set_faults(vec![denied(operation)]);
        used.read(&["--source", "generated"]).code(1);
        let found = generated(&used, GOOD);
        assert!(found[0].contains("belong to others") && found[0].contains(what), "{operation}: {found:#?}");
    }
    // Nothing of the bucket can be read, so that nothing of it is blamed.
    let used = owned();
    used.world.stand_in.set_faults(vec![denied("GetLandingZone")]);
    used.read(&["--source", "generated"]).code(1);
    let found = generated(&used, GOOD);
    for part in
        ["may not read the log: Incorrect permissions", "who owns the objects: controltower:GetLandingZone"]
    {
        assert!(found[0].contains(part), "{part}: {found:#?}");
    }
    assert_eq!(used.world.calls("GetBucketPolicy"), 0);
}
