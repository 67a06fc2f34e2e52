//! A policy that a person edited after it was drafted, as the reviewer of it is told.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    draft::draft,
    review::{self, Kind, Review},
    usage::Usage,
};
use crate::day::Day;

fn usage() -> Usage {
    let set = json!([
        { "Effect": "Allow", "Action": "s3:*", "Resource": ["arn:aws:s3:::a/*", "arn:aws:s3:::b/*"],
          "Condition": { "Bool": { "aws:SecureTransport": "true" } } },
        { "Effect": "Allow", "Action": "ec2:*", "Resource": "*" },
        { "Sid": "Region", "Effect": "Deny", "NotAction": ["iam:*", "s3:*"], "Resource": "*",
          "Condition": { "StringNotEquals": { "aws:RequestedRegion": "eu-west-1" } } },
    ]);
    let used = |action: &str| json!({ "action": action, "last": "2026-11-20", "sources": ["last-accessed"] });
    let usage = json!({
        "version": 1, "days": 90,
        "permissionSet": {
            "arn": "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-ef450dbf3b354e78", "name": "Power",
            "inlinePolicy": { "Version": "2012-10-17", "Statement": set },
        },
        "accounts": [{ "id": "111122223333", "name": "class-1",
                       "actions": [used("s3:GetObject"), used("ec2:DescribeVpcs")] }],
    });
    Usage::parse(usage.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

/// A draft as its file has it, with one row that is kept.
fn drafted(usage: &Usage) -> Value {
    let keep = json!({ "keep": [{
        "statement": { "Effect": "Allow", "Action": "ec2:StopInstances", "Resource": "*",
                       "Condition": { "StringEquals": { "aws:ResourceTag/team": ["a", "b"] } } },
        "reason": "the alarm",
    }] });
    let day = Day::parse("2026-11-27").unwrap();
    let draft = draft(usage, Some(keep.to_string().as_bytes()), &BTreeSet::new(), day);
    serde_json::to_value(draft.unwrap_or_else(|refusal| panic!("{refusal:?}"))).unwrap()
}

/// Returns the statement about an action, which must be its first one.
fn about<'f>(file: &'f mut Value, action: &str) -> &'f mut Value {
    let statements = file["policy"]["Statement"].as_array_mut().unwrap();
    statements.iter_mut().find(|one| one["Action"] == action || one["NotAction"][0] == action).unwrap()
}

#[test]
fn what_was_edited_besides_actions_is_said_and_what_means_the_same_is_not() {
    type Edit = fn(&mut Value);
    let cases: &[(Edit, &[&str])] = &[
        (|_| {}, &[]),
        (|file| file["policy"]["Statement"].as_array_mut().unwrap().reverse(), &[]),
        // The same in two statements, under another Sid and with other letters.
        (
            |file| {
                about(file, "s3:GetObject")["Resource"] = json!("arn:aws:s3:::a/*");
                let mut other = about(file, "s3:GetObject").clone();
                other["Resource"] = json!("arn:aws:s3:::b/*");
                other["Action"] = json!("S3:getobject");
                other["Sid"] = json!("Mine");
                file["policy"]["Statement"].as_array_mut().unwrap().push(other);
            },
            &[],
        ),
        (
            |file| about(file, "s3:GetObject")["Resource"] = json!("*"),
            &["now allowed: s3:getobject on * if Bool aws:SecureTransport true"],
        ),
        (
            |file| about(file, "s3:GetObject")["Resource"] = json!("arn:aws:s3:::a/*"),
            &["no longer allowed: s3:getobject on arn:aws:s3:::b/* if Bool aws:SecureTransport true"],
        ),
        (
            |file| _ = about(file, "ec2:StopInstances").as_object_mut().unwrap().remove("Condition"),
            &["now allowed: ec2:stopinstances on *"],
        ),
        (
            |file| {
                let statements = file["policy"]["Statement"].as_array_mut().unwrap();
                statements.retain(|one| one["Effect"] == "Allow");
            },
            &["no longer denied: all but iam:*, s3:* on * if StringNotEquals aws:RequestedRegion eu-west-1"],
        ),
        (
            |file| about(file, "iam:*")["NotAction"] = json!(["iam:*", "s3:*", "ec2:*"]),
            &[
                "now denied: all but ec2:*, iam:*, s3:* on * if StringNotEquals aws:RequestedRegion eu-west-1",
                "no longer denied: all but iam:*, s3:* on * if StringNotEquals aws:RequestedRegion eu-west-1",
            ],
        ),
        // A wider pattern allows the same, and is an action that was added.
        (|file| about(file, "ec2:DescribeVpcs")["Action"] = json!("ec2:Describe*"), &[]),
        // An action that is added or taken out is named as such.
        (|file| about(file, "ec2:DescribeVpcs")["Action"] = json!("ec2:RunInstances"), &[]),
    ];
    let usage = usage();
    for (edit, expected) in cases {
        let mut file = drafted(&usage);
        edit(&mut file);
        let draft =
            review::parse(file.to_string().as_bytes()).unwrap_or_else(|problems| panic!("{problems:?}"));
        let review = Review::new(&usage, &draft).unwrap_or_else(|problems| panic!("{problems:?}"));
        assert_eq!(review.edited, *expected, "{}", file["policy"]);
        let decisions = review.decisions();
        let told = decisions.iter().find(|one| one.kind == Kind::Edited);
        assert_eq!(told.map_or(&[][..], |one| &one.items[..]), *expected);
        assert_eq!(told.is_some_and(|one| one.kind.is_fault()), !expected.is_empty());
    }
}

#[test]
fn a_file_that_does_not_say_what_was_kept_cannot_be_judged() {
    let mut file = drafted(&usage());
    _ = file.as_object_mut().unwrap().remove("kept");
    let problems = review::parse(file.to_string().as_bytes()).unwrap_err();
    assert!(problems[0].contains("missing field `kept`"), "{problems:?}");
    let mut file = drafted(&usage());
    file["kept"][0]["statement"]["Effect"] = json!("Perhaps");
    let problems = review::parse(file.to_string().as_bytes()).unwrap_err();
    assert!(
        problems[0].contains("statement that cannot be read") && problems[0].contains("Perhaps"),
        "{problems:?}"
    );
}
