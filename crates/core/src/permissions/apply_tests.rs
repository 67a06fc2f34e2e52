//! Tables of cases of [`super::apply`].

use serde_json::{Value, json};

use super::{
    apply::{Form, MADE_FROM, PolicyFile, bare, differences},
    change::{Edit, Way},
};
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
    for (problem, expected) in [
        (parse(statement("Resource", json!("arn:aws:s3:::${BucketName}/*"))), "placeholder"),
        (parse(statement("Effect", json!("Deny"))), "allows nothing"),
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
fn a_new_set_is_made_edit_by_edit_and_nothing_else_counts_as_on_the_way() {
    let file = parse(|_| {}).unwrap();
    let wanted = file.beside("PowerUser-least", &Form::Inline);
    assert_eq!(wanted.tags.get(MADE_FROM), Some(&file.permission_set.arn));
    assert!(!wanted.tags.contains_key("aws:createdBy") && wanted.tags.contains_key("team"));
    let empty = bare(&wanted);
    let way = Way::new(&empty, &wanted).unwrap();
    let edits = way.edits();
    assert!(matches!(edits, [Edit::Boundary(_), Edit::InlinePolicy(_)]), "{edits:?}");
    let bounded = PermissionSet { inline_policy: None, ..wanted.clone() };
    assert_eq!(way.left(&empty), Ok(edits));
    assert_eq!(way.left(&bounded), Ok(&edits[1..]));
    assert_eq!(way.left(&wanted), Ok(&[][..]));
    let unbounded = PermissionSet { boundary: None, ..wanted.clone() };
    assert_eq!(way.left(&unbounded), Err(vec!["its inline policy"]));
    let other = PermissionSet { inline_policy: file.permission_set.inline_policy.clone(), ..wanted.clone() };
    assert_eq!(way.left(&other), Err(vec!["its inline policy"]));
    let untagged = PermissionSet { tags: file.permission_set.tags.clone(), ..empty };
    assert_eq!(way.left(&untagged), Err(vec!["its tags"]));
}

/// The edits in one word each.
fn words(way: &Way) -> Vec<String> {
    let word = |edit: &Edit| match edit {
        Edit::Boundary(_) => "boundary".to_owned(),
        Edit::Details { .. } => "details".to_owned(),
        Edit::Tag(_) => "tag".to_owned(),
        Edit::InlinePolicy(document) => format!("inline {}", document.statements.len()),
        Edit::AttachManaged(_) => "attach".to_owned(),
        Edit::AttachCustomerManaged(policy) => format!("attach {}", policy.name),
        Edit::DetachManaged(_) => "detach".to_owned(),
        Edit::DetachCustomerManaged { name, .. } => format!("detach {name}"),
        Edit::NoInlinePolicy => "no inline".to_owned(),
        Edit::Untag(_) => "untag".to_owned(),
        Edit::NoBoundary => "no boundary".to_owned(),
    };
    way.edits().iter().map(word).collect()
}

#[test]
fn what_denies_is_held_until_what_it_denied_is_gone_and_every_state_is_found_again() {
    let team = json!([{ "name": "Team", "path": "/", "documents": [{ "accounts": ["111122223333"], "document": {
        "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": "sqs:*", "Resource": "*" } } }] }]);
    let file = parse(|file| file["permissionSet"]["customerManagedPolicies"] = team).unwrap();
    let (old, new) = (&file.permission_set, file.in_place(&Form::Inline));
    assert_eq!(differences(old, &new).len(), 3, "its policies, and nothing else");
    let there = Way::new(old, &new).unwrap();
    // The Deny of the old inline policy stays with the new policy until nothing is left that it denied.
    assert_eq!(words(&there), ["inline 2", "detach", "detach Team", "inline 1"]);
    let back = Way::back(&new, old);
    assert_eq!(words(&back), ["inline 2", "attach", "attach Team", "inline 1"]);
    let form = file.form(Some("Least")).unwrap();
    let own = Way::new(old, &file.in_place(&form)).unwrap();
    assert_eq!(words(&own), ["attach Least", "detach", "detach Team", "no inline"]);
    assert_eq!(there.left(&new), Ok(&[][..]));
    assert_eq!(there.left(old).map(<[Edit]>::len), Ok(4));
    let half = PermissionSet { inline_policy: new.inline_policy.clone(), ..old.clone() };
    assert!(there.left(&half).is_err(), "the Deny is gone too early");
}

#[test]
fn every_field_comes_back() {
    let old = parse(|_| {}).unwrap().permission_set;
    let mut now = bare(&old);
    // Tags of AWS's own cannot be given or taken.
    now.tags = [("other".to_owned(), "x".to_owned()), ("aws:createdBy".to_owned(), "x".to_owned())].into();
    (now.description, now.session_duration) = (Some("Other".to_owned()), Some("PT1H".to_owned()));
    let way = Way::back(&now, &old);
    assert_eq!(words(&way), ["boundary", "details", "tag", "attach", "inline 1", "untag"]);
    assert_eq!(way.left(&old), Ok(&[][..]));
    let without = PermissionSet { boundary: None, ..old.clone() };
    assert_eq!(words(&Way::back(&old, &without)), ["no boundary"]);
    assert_eq!(words(&Way::back(&old, &old)), [""; 0]);
}

#[test]
fn a_policy_takes_the_form_that_is_asked_for_or_says_why_not() {
    let long: Vec<String> = (0..500).map(|n| format!("service:GetObjectOfLongName{n}")).collect();
    let file = parse(|file| file["policy"]["Statement"][0]["Action"] = json!(long)).unwrap();
    let problem = file.form(None).unwrap_err();
    assert!(problem[0].contains("at most 10240") && problem[0].contains("--customer-managed"), "{problem:?}");
    let Form::CustomerManaged(parts) = file.form(Some("Least")).unwrap() else { panic!("not managed") };
    let names: Vec<&str> = parts.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Least", "Least-2", "Least-3"]);
    let team = json!([{ "name": "Team", "path": "/", "documents": [] }]);
    let file = parse(|file| file["permissionSet"]["customerManagedPolicies"] = team).unwrap();
    assert!(file.form(Some("Team")).unwrap_err()[0].contains("another name"));
    assert!(parse(|file| file["accounts"] = json!([])).unwrap_err()[0].contains("names no account"));
}
