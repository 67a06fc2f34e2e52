//! From a usage file and a keep file to the draft.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    draft::{Draft, Refusal, draft},
    gaps::Gap,
    policy::{Actions, Document, Effect, Resources, Strictness, pattern::Pattern},
    today::Reason,
    usage::Usage,
};
use crate::day::Day;
use crate::ids::AccountId;

const ONE: &str = "111122223333";
const OTHER: &str = "444455556666";

fn document(statements: &Value) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statements })
}

fn allow(action: &Value, resource: &Value) -> Value {
    json!({ "Effect": "Allow", "Action": action, "Resource": resource })
}

/// A usage file of one account that used these actions under a set with this inline policy.
fn usage(statements: &Value, actions: &[&str]) -> Value {
    json!({
        "version": 1, "days": 90,
        "permissionSet": {
            "arn": "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-ef450dbf3b354e78", "name": "Power",
            "inlinePolicy": document(statements),
        },
        "accounts": [account(ONE, actions)],
    })
}

fn account(id: &str, actions: &[&str]) -> Value {
    let actions: Vec<Value> = actions
        .iter()
        .map(|action| json!({ "action": action, "last": "2026-11-20", "sources": ["last-accessed"] }))
        .collect();
    json!({ "id": id, "name": format!("class-{}", &id[..1]), "actions": actions })
}

fn today() -> Day {
    Day::parse("2026-11-27").unwrap()
}

fn drafted(usage: &Value, keep: Option<&Value>, without: &[&str]) -> Result<Draft, Refusal> {
    let usage = Usage::parse(usage.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    let without: BTreeSet<AccountId> = without.iter().map(|id| AccountId::parse(id).unwrap()).collect();
    let keep = keep.map(|keep| keep.to_string().into_bytes());
    draft(&usage, keep.as_deref(), &without, today())
}

fn sound(usage: &Value) -> Draft {
    drafted(usage, None, &[]).unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

/// Returns the statements as they are written.
fn statements(draft: &Draft) -> Value {
    serde_json::to_value(&draft.policy).unwrap()["Statement"].clone()
}

fn refused(refusal: Result<Draft, Refusal>) -> Vec<String> {
    match refusal {
        Err(Refusal::Use(problems) | Refusal::Input(problems)) => problems,
        Err(Refusal::Keep(faults)) => faults.iter().map(ToString::to_string).collect(),
        Ok(draft) => panic!("a draft: {}", draft.policy.to_text()),
    }
}

#[test]
fn a_used_action_keeps_its_resources_and_conditions_and_nothing_else_is_kept() {
    let mfa = json!({ "Bool": { "aws:MultiFactorAuthPresent": "true" } });
    // the set, what was used, the draft
    let cases = [
        (
            json!([allow(&json!("*"), &json!("*"))]),
            vec!["s3:ListBucket", "ec2:RunInstances"],
            json!([allow(&json!(["ec2:RunInstances", "s3:ListBucket"]), &json!("*"))]),
        ),
        // NotAction becomes the actions that were used; what it leaves out stays out.
        (
            json!([{ "Effect": "Allow", "NotAction": ["iam:*", "organizations:*"], "Resource": "*" },
                   allow(&json!(["iam:ListRoles", "iam:CreateUser"]), &json!("*"))]),
            vec!["s3:ListBucket", "iam:ListRoles", "iam:CreateRole"],
            json!([allow(&json!(["iam:ListRoles", "s3:ListBucket"]), &json!("*"))]),
        ),
        // Each way in which it is allowed stays, unless another one includes it.
        (
            json!([
                { "Effect": "Allow", "Action": "s3:*", "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::a/*"], "Condition": mfa },
                allow(&json!("s3:get*"), &json!("arn:aws:s3:::${aws:username}/*")),
                allow(&json!("s3:GetObject"), &json!("arn:aws:s3:::a/*")),
                { "Effect": "Allow", "Action": "s3:PutObject", "NotResource": "arn:aws:s3:::c/*" },
            ]),
            vec!["s3:GetObject", "s3:PutObject"],
            json!([
                allow(&json!("s3:GetObject"), &json!(["arn:aws:s3:::${aws:username}/*", "arn:aws:s3:::a/*"])),
                { "Effect": "Allow", "Action": "s3:GetObject", "Resource": ["arn:aws:s3:::a/*", "arn:aws:s3:::b"], "Condition": mfa },
                { "Effect": "Allow", "Action": "s3:PutObject", "NotResource": "arn:aws:s3:::c/*" },
            ]),
        ),
        // A Deny that touches a kept action is carried over as it is, any other one is not.
        (
            json!([
                allow(&json!("*"), &json!("*")),
                { "Sid": "Region", "Effect": "Deny", "NotAction": ["iam:*"], "Resource": "*",
                  "Condition": { "StringNotEquals": { "aws:RequestedRegion": "eu-west-1" } } },
                { "Sid": "Keys", "Effect": "Deny", "Action": "kms:*", "Resource": "*" },
                { "Effect": "Deny", "Action": "S3:LISTBUCKET", "Resource": "arn:aws:s3:::secret" },
                { "Sid": "Users", "Effect": "Deny", "Action": "iam:CreateUser", "Resource": "*" },
            ]),
            vec!["s3:ListBucket", "kms:Decrypt", "iam:ListRoles"],
            json!([
                allow(&json!(["iam:ListRoles", "s3:ListBucket"]), &json!("*")),
                { "Effect": "Deny", "Action": "S3:LISTBUCKET", "Resource": "arn:aws:s3:::secret" },
                { "Sid": "Region", "Effect": "Deny", "NotAction": "iam:*", "Resource": "*",
                  "Condition": { "StringNotEquals": { "aws:RequestedRegion": "eu-west-1" } } },
            ]),
        ),
        // Whatever the spelling, an action is one.
        (
            json!([allow(&json!("S3:*"), &json!("*"))]),
            vec!["s3:listbucket", "s3:ListBucket"],
            json!([allow(&json!("s3:ListBucket"), &json!("*"))]),
        ),
        // A resource with a placeholder matches nothing.
        (
            json!([allow(&json!("s3:*"), &json!(["arn:aws:s3:::${BucketName}", "arn:aws:s3:::a"]))]),
            vec!["s3:ListBucket"],
            json!([allow(&json!("s3:ListBucket"), &json!("arn:aws:s3:::a"))]),
        ),
    ];
    for (set, used, expected) in cases {
        let set = usage(&set, &used);
        assert_eq!(statements(&sound(&set)), expected, "{set}");
    }
}

#[test]
fn statements_of_several_policies_are_one_document_without_a_sid_twice() {
    let deny =
        |resource: &str| json!({ "Sid": "Guard", "Effect": "Deny", "Action": "s3:*", "Resource": resource });
    let mut file =
        usage(&json!([allow(&json!("s3:*"), &json!("*")), deny("arn:aws:s3:::a")]), &["s3:ListBucket"]);
    file["permissionSet"]["managedPolicies"] = json!([
        { "arn": "arn:aws:iam::aws:policy/One", "document": document(&json!([deny("arn:aws:s3:::b"), allow(&json!("*"), &json!("*"))])) },
        { "arn": "arn:aws:iam::aws:policy/Two", "document": document(&json!([deny("arn:aws:s3:::a")])) },
    ]);
    let expected = json!([
        allow(&json!("s3:ListBucket"), &json!("*")),
        deny("arn:aws:s3:::a"),
        { "Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::b" },
    ]);
    assert_eq!(statements(&sound(&file)), expected);
}

#[test]
fn what_the_set_does_not_allow_is_left_out_with_the_reason() {
    let mut file = usage(
        &json!([
            allow(&json!(["s3:*", "ec2:*", "iam:*"]), &json!("*")),
            allow(&json!("sqs:*"), &json!(["arn:aws:sqs:*:*:a", "arn:aws:sqs:*:*:b"])),
            { "Effect": "Deny", "Action": "iam:*", "Resource": "*" },
            { "Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::a" },
            { "Effect": "Deny", "Action": "sqs:Send*", "Resource": ["arn:aws:sqs:*:*:a", "arn:aws:sqs:*:*:b*"] },
            { "Effect": "Deny", "NotAction": ["kms:*"], "NotResource": "*" },
        ]),
        &["s3:ListBucket", "ec2:RunInstances", "iam:ListRoles", "kms:Decrypt", "sqs:SendMessage"],
    );
    file["permissionSet"]["boundary"] = json!({ "managed": {
        "arn": "arn:aws:iam::aws:policy/Limit",
        "document": document(&json!([{ "Effect": "Allow", "NotAction": "ec2:*", "Resource": "arn:aws:s3:::*" }])),
    } });
    let draft = sound(&file);
    let left: Vec<(&str, Reason)> =
        draft.left_out.iter().map(|left| (left.action.as_str(), left.reason)).collect();
    let expected = [
        ("ec2:RunInstances", Reason::Boundary),
        ("iam:ListRoles", Reason::Denied),
        ("kms:Decrypt", Reason::NotAllowed),
        ("sqs:SendMessage", Reason::Denied),
    ];
    assert_eq!(left, expected);
    assert_eq!(draft.actions.len(), 1);
}

#[test]
fn a_boundary_of_the_accounts_counts_account_by_account() {
    let mut file = usage(&json!([allow(&json!("*"), &json!("*"))]), &["s3:ListBucket", "ec2:RunInstances"]);
    file["accounts"] =
        json!([account(ONE, &["s3:ListBucket", "ec2:RunInstances"]), account(OTHER, &["ec2:RunInstances"])]);
    let limit = |action: &str| document(&json!([allow(&json!(action), &json!("*"))]));
    file["permissionSet"]["boundary"] = json!({ "customerManaged": { "name": "Limit", "path": "/", "documents": [
        { "accounts": [ONE], "document": limit("s3:*") }, { "accounts": [OTHER], "document": limit("ec2:*") },
    ] } });
    let draft = sound(&file);
    let lines: Vec<(&str, Vec<&str>)> = draft
        .actions
        .iter()
        .map(|line| (line.action.as_str(), line.uses.iter().map(|of| of.account.as_str()).collect()))
        .collect();
    assert_eq!(lines, [("ec2:RunInstances", vec![OTHER]), ("s3:ListBucket", vec![ONE])]);
    assert_eq!(draft.left_out.len(), 1);
    assert_eq!(draft.left_out[0].accounts.first().unwrap().as_str(), ONE);
}

#[test]
fn the_same_use_in_another_order_makes_the_same_bytes() {
    let set = json!([
        allow(&json!(["s3:*", "ec2:*"]), &json!("*")),
        { "Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::a" },
    ]);
    let mut file = usage(&set, &[]);
    file["accounts"] =
        json!([account(ONE, &["s3:ListBucket", "ec2:RunInstances"]), account(OTHER, &["s3:listbucket"])]);
    let mut turned = file.clone();
    turned["accounts"] =
        json!([account(OTHER, &["s3:listbucket"]), account(ONE, &["ec2:RunInstances", "s3:ListBucket"])]);
    let statements = file["permissionSet"]["inlinePolicy"]["Statement"].as_array().unwrap();
    let back: Vec<Value> = statements.iter().rev().cloned().collect();
    turned["permissionSet"]["inlinePolicy"]["Statement"] = back.into();
    let text = |file: &Value| {
        let mut written = serde_json::to_value(sound(file)).unwrap();
        written.as_object_mut().unwrap().remove("permissionSet");
        written.to_string()
    };
    assert_eq!(text(&file), text(&turned));
}

#[test]
fn no_account_without_use_is_taken_for_one_that_needs_nothing() {
    let set = json!([allow(&json!("*"), &json!("*"))]);
    let mut file = usage(&set, &[]);
    let mut failed = account(OTHER, &["s3:ListBucket"]);
    failed["failures"] = json!([{ "source": "generated", "cause": "the bucket's statement is missing", "remedy": "open the logs" }]);
    file["accounts"] = json!([account(ONE, &[]), failed, account("777788889999", &["ec2:RunInstances"])]);
    let problems = refused(drafted(&file, None, &["121212121212"]));
    assert_eq!(problems.len(), 3, "{problems:#?}");
    assert!(problems[0].contains("121212121212"), "{problems:#?}");
    assert!(problems[1].contains(ONE) && problems[1].contains("no action was seen"), "{problems:#?}");
    assert!(
        problems[2].contains("generated: the bucket's statement is missing; open the logs"),
        "{problems:#?}"
    );

    let draft = drafted(&file, None, &[ONE, OTHER]).unwrap();
    assert_eq!(draft.without.len(), 2);
    assert_eq!(draft.without[1].causes, ["generated: the bucket's statement is missing; open the logs"]);
    assert_eq!(statements(&draft), json!([allow(&json!("ec2:RunInstances"), &json!("*"))]));

    let none = refused(drafted(&file, None, &[ONE, OTHER, "777788889999"]));
    assert!(none[0].contains("no account is left"), "{none:?}");
    let foreign = refused(drafted(
        &usage(&json!([allow(&json!("s3:*"), &json!("*"))]), &["ec2:RunInstances"]),
        None,
        &[],
    ));
    assert!(foreign[0].contains("nothing would be left"), "{foreign:?}");
}

#[test]
fn a_set_that_is_not_clear_is_refused() {
    let allowed = allow(&json!("*"), &json!("*"));
    let denied = json!({ "Effect": "Deny", "Action": "*", "Resource": "arn:aws:s3:::${BucketName}" });
    let but = json!({ "Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::${BucketName}" });
    let condition = json!({ "Effect": "Allow", "Action": "*", "Resource": "*",
        "Condition": { "StringEquals": { "aws:SourceAccount": "${Account}" } } });
    for statement in [denied, but, condition] {
        let problems = refused(drafted(&usage(&json!([allowed, statement]), &["s3:ListBucket"]), None, &[]));
        assert!(problems[0].contains("placeholder ${"), "{problems:?}");
    }
    let mut file = usage(&json!([allowed]), &["s3:ListBucket"]);
    file["accounts"] = json!([account(ONE, &["s3:ListBucket"]), account(OTHER, &["s3:ListBucket"])]);
    let of = |action: &str| document(&json!([allow(&json!(action), &json!("*"))]));
    file["permissionSet"]["customerManagedPolicies"] = json!([{ "name": "Team", "path": "/", "documents": [
        { "accounts": [ONE], "document": of("s3:*") }, { "accounts": [OTHER], "document": of("*") },
    ] }]);
    let problems = refused(drafted(&file, None, &[]));
    assert!(
        problems[0].contains("/Team is not the same in the accounts 111122223333 and 444455556666"),
        "{problems:?}"
    );
    assert!(drafted(&file, None, &[OTHER]).is_ok());
    file["permissionSet"]["customerManagedPolicies"][0]["documents"][1]["accounts"] = json!([]);
    let problems = refused(drafted(&file, None, &[]));
    assert!(problems[0].contains("was not read in account 444455556666"), "{problems:?}");
}

fn row(statement: Value) -> Value {
    json!({ "statement": statement, "reason": "the yearly audit" })
}

#[test]
fn what_is_kept_is_in_the_draft_as_it_was_written_until_its_day_has_passed() {
    let file = usage(
        &json!([{ "Effect": "Allow", "NotAction": "iam:*", "Resource": "*" },
            { "Effect": "Allow", "Action": "iam:PassRole", "Resource": "*",
              "Condition": { "StringEquals": { "iam:PassedToService": "ec2.amazonaws.com" } } },
            { "Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": "*" }]),
        &["s3:ListBucket", "s3:GetObject"],
    );
    let pass = json!({ "Effect": "Allow", "Action": "iam:PassRole", "Resource": "arn:aws:iam::*:role/app",
        "Condition": { "StringEquals": { "iam:PassedToService": "ec2.amazonaws.com" } } });
    let mut day = row(allow(&json!("s3:Get*"), &json!("*")));
    day["until"] = json!("2026-11-27");
    let mut ended = row(allow(&json!("organizations:*"), &json!("*")));
    ended["until"] = json!("2026-11-26");
    let keep =
        json!({ "keep": [row(pass.clone()), day, ended, row(allow(&json!("s3:Delete*"), &json!("*")))] });
    let draft = drafted(&file, Some(&keep), &[]).unwrap_or_else(|refusal| panic!("{refusal:?}"));
    let expected = json!([
        allow(&json!(["s3:Delete*", "s3:Get*", "s3:ListBucket"]), &json!("*")),
        pass,
        { "Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": "*" },
    ]);
    let mut found = statements(&draft);
    found.as_array_mut().unwrap().sort_by_key(Value::to_string);
    let mut expected = expected.as_array().unwrap().clone();
    expected.sort_by_key(Value::to_string);
    assert_eq!(found, Value::from(expected));
    assert_eq!((draft.ended.len(), draft.ended[0].row), (1, 3));
    let line = draft.actions.iter().find(|line| line.action == "iam:PassRole").unwrap();
    assert_eq!((line.uses.len(), line.keep.as_slice()), (0, ["the yearly audit".to_owned()].as_slice()));
}

#[test]
fn every_fault_of_a_keep_file_is_named() {
    let file = usage(
        &json!([
            allow(&json!(["s3:*", "ec2:*", "lambda:Get*"]), &json!("arn:aws:s3:::a/*")),
            { "Effect": "Allow", "Action": "sns:*", "Resource": "*", "Condition": { "Bool": { "aws:SecureTransport": "true" } } },
            { "Effect": "Deny", "Action": "ec2:*", "Resource": "*" },
        ]),
        &["s3:GetObject"],
    );
    let good = allow(&json!("s3:GetObject"), &json!("arn:aws:s3:::a/*"));
    let with = |field: &str, value: Value| {
        let mut row = row(good.clone());
        row[field] = value;
        row
    };
    let cases: Vec<(Value, &[&str])> = vec![
        (json!([]), &["is a list"]),
        (json!({}), &["keep: is missing"]),
        (json!({ "keep": {} }), &["keep: is an object"]),
        (json!({ "keep": [], "kept": [] }), &["kept: is unknown"]),
        (
            json!({ "keep": [{ "statement": good }, {}] }),
            &["row 1, reason: is missing", "row 2, statement: is missing", "row 2, reason: is missing"],
        ),
        (
            json!({ "keep": [with("reason", json!("  ")), with("reason", json!(7)), with("untl", json!("2027-01-01"))] }),
            &["row 1, reason: is empty", "row 2, reason: is a number", "row 3, untl: is unknown"],
        ),
        (json!({ "keep": [with("until", json!("soon"))] }), &["row 1, until: is \"soon\""]),
        (
            json!({ "keep": [row(json!({ "Effect": "Deny", "NotAction": "s3:*", "Resource": "*" }))] }),
            &["Effect: is Deny", "NotAction: is not allowed here"],
        ),
        (
            json!({ "keep": [row(allow(&json!("s3:GetObject"), &json!("arn:aws:s3:::${BucketName}/*")))] }),
            &["placeholder ${BucketName}"],
        ),
        (
            json!({ "keep": [row(allow(&json!("s3:GetObject"), &json!("*"))), row(allow(&json!("s3:*"), &json!("arn:aws:s3:::a")))] }),
            &[
                "row 1, statement: s3:GetObject on *: no statement",
                "row 2, statement: s3:* on arn:aws:s3:::a: no",
            ],
        ),
        (
            json!({ "keep": [row(allow(&json!(["kms:Decrypt", "ec2:RunInstances", "lambda:*", "*"]), &json!("arn:aws:s3:::a/*")))] }),
            &[
                "kms:Decrypt: no statement",
                "ec2:RunInstances: the set denies it",
                "lambda:* on arn",
                "* on arn",
            ],
        ),
        (
            json!({ "keep": [row(allow(&json!("sns:Publish"), &json!("*")))] }),
            &["sns:Publish on *: no statement of the set allows all of it"],
        ),
    ];
    for (keep, problems) in cases {
        let found = refused(drafted(&file, Some(&keep), &[]));
        assert_eq!(found.len(), problems.len(), "{keep}: {found:#?}");
        for problem in problems {
            assert!(found.iter().any(|found| found.contains(problem)), "{problem}: {found:#?}");
        }
    }
    assert!(
        refused(draft(
            &Usage::parse(file.to_string().as_bytes()).unwrap(),
            Some(b"{"),
            &BTreeSet::new(),
            today()
        ))[0]
            .contains("not JSON")
    );
}

#[test]
fn gaps_are_named_and_a_kept_statement_closes_them() {
    let mut file = usage(
        &json!([allow(&json!("*"), &json!("*"))]),
        &["ec2:RunInstances", "lambda:CreateFunction", "s3:ListAllMyBuckets"],
    );
    file["accounts"][0]["services"] = json!([
        { "service": "sqs", "last": "2026-11-01", "byAction": false },
        { "service": "s3", "last": "2026-11-01", "byAction": true },
        { "service": "dynamodb", "byAction": true },
    ]);
    file["accounts"][0]["sources"] = json!([{ "source": "generated", "from": "2026-08-29", "to": "2026-11-27", "complete": false, "job": "a" }]);
    let draft = sound(&file);
    let text: Vec<String> = draft.gaps.iter().map(Gap::sentence).collect();
    file["accounts"][0]["sources"][0]["regions"] = json!(["eu-west-1", "us-east-1"]);
    let some = sound(&file).gaps.last().unwrap().sentence();
    assert!(
        some.starts_with("other Regions: the policy generation read eu-west-1, us-east-1 only in 1111"),
        "{some}"
    );
    file["accounts"][0]["sources"][0]["regions"] = json!([]);
    let expected = [
        "iam:PassRole to ec2.amazonaws.com: ec2:RunInstances",
        "iam:PassRole to lambda.amazonaws.com: lambda:CreateFunction",
        "data events of lambda: no source shows lambda:InvokeFunction",
        "data events of s3: no source shows s3:AbortMultipartUpload",
        "data events of sqs:",
        "sqs: used, last on 2026-11-01, in 111122223333",
        "policy generation: incomplete in 111122223333",
    ];
    assert_eq!(text.len(), expected.len(), "{text:#?}");
    for (text, expected) in text.iter().zip(expected) {
        assert!(text.starts_with(expected), "{expected}: {text}");
    }

    let pass = json!({ "Effect": "Allow", "Action": "iam:PassRole", "Resource": "arn:aws:iam::*:role/app",
        "Condition": { "StringLike": { "iam:PassedToService": ["ec2.amazonaws.com", "lambda.*"] } } });
    let keep = json!({ "keep": [row(pass), row(allow(&json!(["sqs:*", "s3:*Object*"]), &json!("*"))), row(allow(&json!("lambda:Invoke*"), &json!("*")))] });
    let text: Vec<String> =
        drafted(&file, Some(&keep), &[]).unwrap().gaps.iter().map(Gap::sentence).collect();
    assert_eq!(text.len(), 2, "{text:#?}");
    assert!(text[0].contains("s3:ListBucket") && !text[0].contains("s3:GetObject"), "{text:#?}");

    let narrow = usage(&json!([allow(&json!(["ec2:*", "s3:List*"]), &json!("*"))]), &["ec2:RunInstances"]);
    assert_eq!(sound(&narrow).gaps, [], "what the set does not allow is no gap");
}

#[test]
fn old_and_new_are_compared_by_service() {
    let mut file = usage(
        &json!([allow(&json!(["s3:*", "ec2:Describe*"]), &json!("*")),
            { "Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*" }]),
        &["s3:ListBucket"],
    );
    file["accounts"][0]["services"] = json!([{ "service": "s3", "last": "2026-11-25", "byAction": true }, { "service": "glue", "byAction": true }]);
    file["accounts"][0]["unused"] = json!(["s3:ListBucket", "s3:PutBucketPolicy", "glue:GetJob"]);
    let services = sound(&file).services;
    let short: Vec<(&str, usize, usize, usize)> = services
        .iter()
        .map(|of| (of.service.as_str(), of.granted.len(), of.kept.len(), of.unused.len()))
        .collect();
    assert_eq!(short, [("*", 1, 0, 0), ("ec2", 1, 0, 0), ("glue", 0, 0, 1), ("s3", 1, 1, 1)]);
    assert_eq!(services[3].last.unwrap().to_string(), "2026-11-25");
}

/// What a plain reading of IAM's rules says, without conditions and variables: written for the test alone.
fn permits(document: &Value, action: &str, resource: &str) -> bool {
    let list = |value: &Value| match value {
        Value::Array(all) => all.iter().map(|one| one.as_str().unwrap().to_owned()).collect(),
        one => vec![one.as_str().unwrap().to_owned()],
    };
    let hits = |statement: &Value, name: &str, text: &str, fold: bool| {
        let case = |text: &str| if fold { text.to_lowercase() } else { text.to_owned() };
        let any =
            |of: &Value| list(of).iter().any(|pattern| glob(case(pattern).as_bytes(), case(text).as_bytes()));
        match statement.get(name) {
            Some(of) => any(of),
            None => !any(&statement[format!("Not{name}")]),
        }
    };
    let mut permitted = false;
    for statement in document["Statement"].as_array().unwrap() {
        if hits(statement, "Action", action, true) && hits(statement, "Resource", resource, false) {
            match statement["Effect"].as_str().unwrap() {
                "Deny" => return false,
                _ => permitted = true,
            }
        }
    }
    permitted
}

fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|skipped| glob(rest, &text[skipped..])),
        Some((b'?', rest)) => !text.is_empty() && glob(rest, &text[1..]),
        Some((one, rest)) => text.first() == Some(one) && glob(rest, &text[1..]),
    }
}

const ACTIONS: &[&str] = &["s3:Get", "s3:Put", "s3:List", "ec2:Get", "ec2:Run", "iam:Get"];
const RESOURCES: &[&str] = &["arn:aws:s3:::a", "arn:aws:s3:::a/x", "arn:aws:s3:::b", "arn:aws:ec2:::i/a"];

fn statement() -> impl Strategy<Value = Value> {
    let actions = prop::collection::btree_set(
        prop::sample::select(vec![
            "*", "s3:*", "S3:get", "*:Get", "ec2:R?n", "ec2:*", "s3:P*", "iam:Get", "*:???",
        ]),
        1..3,
    );
    let resources = prop::collection::btree_set(
        prop::sample::select(vec![
            "*",
            "arn:aws:s3:::*",
            "arn:aws:s3:::a*",
            "arn:aws:s3:::a",
            "arn:aws:*:::?",
            "arn:aws:ec2:::i/*",
            "arn:*",
        ]),
        1..3,
    );
    (any::<bool>(), prop::bool::weighted(0.3), actions, prop::bool::weighted(0.2), resources).prop_map(
        |(allow, not_action, actions, not_resource, resources)| {
            json!({
                "Effect": if allow { "Allow" } else { "Deny" },
                if not_action { "NotAction" } else { "Action" }: actions,
                if not_resource { "NotResource" } else { "Resource" }: resources,
            })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_meaning_is_kept_of_what_was_used_and_nothing_else_is_allowed(
        set in prop::collection::vec(statement(), 1..6),
        used in prop::sample::subsequence(ACTIONS.to_vec(), 1..4),
        kept in prop::option::of(statement()),
    ) {
        let old = document(&Value::from(set.clone()));
        let file = usage(&Value::from(set), &used);
        let keep = kept.map(|statement| json!({ "keep": [{ "statement": statement, "reason": "a test" }] }));
        let (keep, made) = match drafted(&file, keep.as_ref(), &[]) {
            Err(Refusal::Keep(_)) => (None, drafted(&file, None, &[])),
            made => (keep, made),
        };
        let new = match &made {
            Ok(draft) => document(&statements(draft)),
            Err(refusal) => {
                prop_assert!(format!("{refusal:?}").contains("nothing would be left"), "{:?}", refusal);
                document(&json!([]))
            }
        };
        let kept = keep.map(|keep| document(&json!([keep["keep"][0]["statement"]])));
        for action in ACTIONS {
            for resource in RESOURCES {
                let (before, after) = (permits(&old, action, resource), permits(&new, action, resource));
                let keeps = kept.as_ref().is_some_and(|kept| permits(kept, action, resource));
                let expected = before && (used.contains(action) || keeps);
                prop_assert_eq!(after, expected, "{} on {}: {} became {}", action, resource, old, new);
            }
        }
        if let Ok(draft) = made {
            let again = Document::parse(draft.policy.to_text().as_bytes(), Strictness::Written);
            prop_assert_eq!(again.as_ref(), Ok(&draft.policy), "what is written is read as the same");
            for left in &draft.left_out {
                for resource in RESOURCES {
                    prop_assert!(!permits(&old, &left.action, resource), "{} was left out", left.action);
                }
            }
        }
    }
}

#[test]
fn a_draft_has_only_literal_actions_unless_a_row_keeps_a_pattern() {
    let draft = sound(&usage(&json!([allow(&json!("*"), &json!("*"))]), &["s3:ListBucket"]));
    for statement in &draft.policy.statements {
        assert_eq!(statement.effect, Effect::Allow);
        let Actions::These(actions) = &statement.actions else { panic!("{statement:?}") };
        assert!(actions.iter().all(|action| Pattern::action(action).is_literal()));
        assert!(matches!(&statement.resources, Resources::These(_)));
    }
}
