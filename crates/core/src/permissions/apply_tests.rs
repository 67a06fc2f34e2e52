//! Tables of cases of [`super::apply`].

use serde_json::{Value, json};

use super::apply::{MADE_FROM, PolicyFile, Step, differences, steps};
use crate::permissions::usage::PermissionSet;

fn file(change: impl FnOnce(&mut Value)) -> Value {
    let mut file = json!({
        "version": 1,
        "policy": { "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": ["ec2:RunInstances", "s3:ListAllMyBuckets"], "Resource": "*" },
        ] },
        "accounts": [{ "account": "111122223333", "name": "class-7", "sources": [] }],
        "permissionSet": {
            "arn": "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-3c9d17e2a4b5f608",
            "name": "PowerUserAccess", "description": "Builds things", "sessionDuration": "PT8H",
            "tags": { "team": "platform", "aws:createdBy": "x" },
            "inlinePolicy": { "Version": "2012-10-17", "Statement": { "Sid": "a", "Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": "*" } },
            "managedPolicies": [{ "arn": "arn:aws:iam::aws:policy/PowerUserAccess", "document": { "Version": "2012-10-17",
                "Statement": { "Sid": "a", "Effect": "Allow", "NotAction": "iam:*", "Resource": "*" } } }],
            "boundary": { "managed": { "arn": "arn:aws:iam::aws:policy/Edge", "document": { "Version": "2012-10-17",
                "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } } } },
        },
    });
    change(&mut file);
    file
}

fn parse(change: impl FnOnce(&mut Value)) -> Result<PolicyFile, Vec<String>> {
    PolicyFile::parse(file(change).to_string().as_bytes())
}

#[test]
fn a_policy_that_was_edited_is_judged_again() {
    assert!(parse(|_| {}).is_ok());
    let statement = |member: &'static str, value: Value| {
        move |file: &mut Value| file["policy"]["Statement"][0][member] = value
    };
    let long: Vec<String> = (0..400).map(|n| format!("s3:GetObjectOfSomeLongName{n}")).collect();
    for (problem, expected) in [
        (parse(statement("Resource", json!("arn:aws:s3:::${BucketName}/*"))), "placeholder"),
        (parse(statement("Effect", json!("Deny"))), "allows nothing"),
        (parse(statement("Action", json!(long))), "at most 10240"),
        (parse(statement("Condition", json!({ "StringEquals": { "aws:x": "버킷" } }))), "U+BC84"),
        (parse(|file| file["version"] = json!(2)), "version 2"),
        (parse(|file| file["policy"] = json!({ "Statement": "x" })), "the policy"),
        (PolicyFile::parse(b"{}"), "not a policy file"),
    ] {
        let problem = problem.unwrap_err();
        assert!(problem.iter().any(|problem| problem.contains(expected)), "{expected}: {problem:?}");
    }
}

#[test]
fn what_the_set_allows_today_is_one_document_without_its_boundary() {
    let file = parse(|_| {}).unwrap();
    let existing = file.existing(&file.permission_set).unwrap().to_text();
    assert!(existing.contains("NotAction") && existing.contains("s3:DeleteBucket"), "{existing}");
    assert!(!existing.contains("Sid") && !existing.contains(r#""Action":"*""#), "{existing}");
}

#[test]
fn every_field_that_changed_since_is_named() {
    let read = parse(|_| {}).unwrap().permission_set;
    let now = |change: &dyn Fn(&mut Value)| {
        parse(|file| change(&mut file["permissionSet"])).unwrap().permission_set
    };
    assert_eq!(differences(&read, &now(&|_| {})), [""; 0]);
    type Change<'a> = &'a dyn Fn(&mut Value);
    let cases: [(Change<'_>, &str); 10] = [
        (&|set| set["name"] = json!("Other"), "its name"),
        (&|set| set["description"] = json!("x"), "its description"),
        (&|set| set["sessionDuration"] = json!("PT1H"), "its session duration"),
        (&|set| set["relayState"] = json!("https://x"), "its relay state"),
        (&|set| set["tags"] = json!({}), "its tags"),
        (&|set| set["inlinePolicy"]["Statement"]["Action"] = json!("s3:*"), "its inline policy"),
        (&|set| set["managedPolicies"] = json!([]), "its managed policies"),
        (
            &|set| set["managedPolicies"][0]["document"]["Statement"]["NotAction"] = json!("sso:*"),
            "what AWS's managed policies say",
        ),
        (
            &|set| set["customerManagedPolicies"] = json!([{ "name": "T", "path": "/", "documents": [] }]),
            "its customer managed policies",
        ),
        (&|set| set["boundary"]["managed"]["arn"] = json!("arn:aws:iam::aws:policy/X"), "its boundary"),
    ];
    for (change, expected) in cases {
        assert_eq!(differences(&read, &now(change)), [expected]);
    }
}

#[test]
fn a_new_set_is_made_step_by_step_and_nothing_else_counts_as_on_the_way() {
    let file = parse(|_| {}).unwrap();
    let wanted = file.beside("PowerUser-least");
    assert_eq!(wanted.tags.get(MADE_FROM), Some(&file.permission_set.arn));
    assert!(!wanted.tags.contains_key("aws:createdBy") && wanted.tags.contains_key("team"));
    let bare = PermissionSet { inline_policy: None, boundary: None, ..wanted.clone() };
    let bounded = PermissionSet { inline_policy: None, ..wanted.clone() };
    assert_eq!(steps(&wanted, &bare), Ok(vec![Step::Boundary, Step::InlinePolicy]));
    assert_eq!(steps(&wanted, &bounded), Ok(vec![Step::InlinePolicy]));
    assert_eq!(steps(&wanted, &wanted), Ok(vec![]));
    let unbounded = PermissionSet { boundary: None, ..wanted.clone() };
    assert_eq!(steps(&wanted, &unbounded), Err(vec!["its boundary"]));
    let other = PermissionSet { inline_policy: file.permission_set.inline_policy.clone(), ..wanted.clone() };
    assert_eq!(steps(&wanted, &other), Err(vec!["its inline policy"]));
    let untagged = PermissionSet { tags: file.permission_set.tags.clone(), ..bare };
    assert_eq!(steps(&wanted, &untagged), Err(vec!["its tags"]));
}
