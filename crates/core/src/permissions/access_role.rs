//! The role with which Access Analyzer reads the log, as it is made in an account that has none: what it trusts, what it
//! may do, and how it is known again. It does not make one.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    logs::Place,
    narrow::ACCESS_ROLE_PATH,
    way::{ANALYZER, ON_ALL, ON_BUCKET, ON_KEY, ON_OBJECTS},
};
use crate::ids::AccountId;

/// Its name, below [`ACCESS_ROLE_PATH`].
pub const NAME: &str = "AccessAnalyzerMonitorServiceRole_assignctl";
/// The name of its inline policy.
pub const POLICY: &str = "assignctl-policy-generation";
/// The tag by which it is ours.
pub const TAG: (&str, &str) = ("assignctl:made-for", "policy-generation");

/// Whether a role is one that was made here, by its ARN and its tags. Nothing else is ever changed or taken away.
pub fn is_ours(arn: &str, tags: &BTreeMap<String, String>) -> bool {
    let (key, value) = TAG;
    arn.ends_with(&format!(":role{ACCESS_ROLE_PATH}{NAME}")) && tags.get(key).is_some_and(|tag| tag == value)
}

/// Returns its trust policy. AWS documents no condition for it, and one that Access Analyzer does not fill would fail every
/// generation.
pub fn trust() -> String {
    let statement =
        json!({ "Effect": "Allow", "Principal": { "Service": ANALYZER }, "Action": "sts:AssumeRole" });
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

/// Returns its policy: it reads what its own account logged, and nothing else of the bucket.
pub fn policy(place: &Place, account: &AccountId, trail: &str, key: Option<&str>) -> String {
    let on = |action: Value, resource: String| json!({ "Effect": "Allow", "Action": action, "Resource": resource });
    let mut statements = vec![
        on(json!(ON_ALL), "*".to_owned()),
        on(json!(ON_BUCKET), place.bucket_arn()),
        on(json!(ON_OBJECTS), place.objects(account.as_str())),
    ];
    // The trail may name it by an alias, which no policy may name.
    if let Some(key) = key.filter(|key| key.contains(":key/")) {
        statements.push(json!({
            "Effect": "Allow",
            "Action": ON_KEY,
            "Resource": key,
            "Condition": {
                "StringEquals": { "kms:EncryptionContext:aws:cloudtrail:arn": trail },
                "StringLike": { "kms:ViaService": "s3.*.amazonaws.com" },
            },
        }));
    }
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permissions::{
        narrow::ACCESS_ROLE_NAME,
        policy::{Document, Strictness},
        resource_policy,
        way::Known,
    };

    #[test]
    fn only_a_role_of_our_name_path_and_tag_is_ours() {
        let tags = |value: &str| BTreeMap::from([(TAG.0.to_owned(), value.to_owned())]);
        let arn = |path: &str, name: &str| format!("arn:aws:iam::111122223333:role{path}{name}");
        let cases = [
            (arn("/service-role/", NAME), tags(TAG.1), true),
            (arn("/service-role/", NAME), BTreeMap::new(), false),
            (arn("/service-role/", NAME), tags("another"), false),
            (arn("/", NAME), tags(TAG.1), false),
            (arn("/service-role/", "AccessAnalyzerMonitorServiceRole_X"), tags(TAG.1), false),
        ];
        for (arn, tags, expected) in cases {
            assert_eq!(is_ours(&arn, &tags), expected, "{arn} {tags:?}");
        }
    }

    #[test]
    fn it_is_trusted_and_reads_its_own_log_alone() {
        let account = AccountId::parse("111122223333").unwrap();
        let place = Place {
            partition: "aws".to_owned(),
            bucket: "logs".to_owned(),
            prefix: Some("o-a1b2c3d4e5".to_owned()),
            organization: "o-a1b2c3d4e5".to_owned(),
            of_organization: true,
        };
        assert_eq!(resource_policy::trust(&trust(), &account), Known::Good);
        assert!(NAME.starts_with(ACCESS_ROLE_NAME) && NAME.len() <= 64);
        let (trail, key) =
            ("arn:aws:cloudtrail:eu-west-1:123456789012:trail/t", "arn:aws:kms:eu-west-1:123456789012:key/1");
        for (key, expected) in
            [(None, 3), (Some(key), 4), (Some("arn:aws:kms:eu-west-1:123456789012:alias/a"), 3)]
        {
            let text = policy(&place, &account, trail, key);
            assert!(Document::parse(text.as_bytes(), Strictness::Written).is_ok(), "{text}");
            let value: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(value["Statement"].as_array().unwrap().len(), expected, "{text}");
            assert_eq!(
                value["Statement"][2]["Resource"],
                "arn:aws:s3:::logs/o-a1b2c3d4e5/AWSLogs/o-a1b2c3d4e5/111122223333/*"
            );
        }
    }
}
