//! The inline policies of our sessions in accounts: each has just the actions of its step.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::usage::Source;

/// Below which path, and with which beginning of a name, Access Analyzer's roles are that read a log. The statement of
/// the log bucket demands both.
pub const ACCESS_ROLE_PATH: &str = "/service-role/";
pub const ACCESS_ROLE_NAME: &str = "AccessAnalyzerMonitorServiceRole";

/// Returns the policy of a session that reads what the roles of an account did, and that may `make` a role of this name.
pub fn usage(sources: &BTreeSet<Source>, make: Option<&str>) -> String {
    let mut actions = vec!["iam:GetPolicy", "iam:GetPolicyVersion", "iam:ListRoles"];
    if sources.contains(&Source::LastAccessed) {
        actions.extend(["iam:GenerateServiceLastAccessedDetails", "iam:GetServiceLastAccessedDetails"]);
    }
    let mut statements: Vec<Value> = Vec::new();
    if sources.contains(&Source::Generated) {
        actions.extend([
            "access-analyzer:GetGeneratedPolicy",
            "access-analyzer:ListPolicyGenerations",
            "access-analyzer:StartPolicyGeneration",
            "cloudtrail:DescribeTrails",
            // For what is wrong with the role that reads the log.
            "iam:GetRole",
            "iam:SimulatePrincipalPolicy",
        ]);
        statements.push(json!({
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": format!("arn:*:iam::*:role{ACCESS_ROLE_PATH}{ACCESS_ROLE_NAME}*"),
            "Condition": { "StringEquals": { "iam:PassedToService": "access-analyzer.amazonaws.com" } },
        }));
    }
    statements
        .extend(make.map(|name| of_role(&["iam:CreateRole", "iam:PutRolePolicy", "iam:TagRole"], name)));
    statements.push(json!({ "Effect": "Allow", "Action": actions, "Resource": "*" }));
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

/// Returns the policy of a session that takes away the role of this name that reads the log.
pub fn no_access_role(name: &str) -> String {
    let statement = of_role(&["iam:DeleteRole", "iam:DeleteRolePolicy", "iam:GetRole"], name);
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

fn of_role(actions: &[&str], name: &str) -> Value {
    let role = format!("arn:*:iam::*:role{ACCESS_ROLE_PATH}{name}");
    json!({ "Effect": "Allow", "Action": actions, "Resource": role })
}

/// Returns the policy of a session that looks at what is on the roles of an account.
pub fn roles() -> String {
    let actions = ["iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRoles"];
    let statement = json!({ "Effect": "Allow", "Action": actions, "Resource": "*" });
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

/// Returns the policy of a session that reads and creates these policies of an account, by their names.
pub fn policies<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let resources: Vec<String> = names.map(|name| format!("arn:*:iam::*:policy/{name}")).collect();
    let actions = ["iam:CreatePolicy", "iam:GetPolicy", "iam:GetPolicyVersion"];
    let statement = json!({ "Effect": "Allow", "Action": actions, "Resource": resources });
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

/// Returns the policy of a session that looks at the log bucket.
pub fn log_reader(partition: &str, bucket: &str) -> String {
    of_bucket(
        &["s3:GetBucketOwnershipControls", "s3:GetBucketPolicy", "s3:GetEncryptionConfiguration"],
        partition,
        bucket,
    )
}

/// Returns the policy of a session that opens and closes the log bucket.
pub fn logs(partition: &str, bucket: &str) -> String {
    of_bucket(&["s3:GetBucketPolicy", "s3:PutBucketPolicy"], partition, bucket)
}

fn of_bucket(actions: &[&str], partition: &str, bucket: &str) -> String {
    let statement = json!({
        "Effect": "Allow",
        "Action": actions,
        "Resource": format!("arn:{partition}:s3:::{bucket}"),
    });
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permissions::policy::{Document, Strictness};

    #[test]
    fn a_session_may_do_no_more_than_its_sources_need() {
        /// The most characters of a session policy.
        const MOST: usize = 2_048;
        let both = BTreeSet::from([Source::Generated, Source::LastAccessed]);
        for (sources, has, lacks) in [
            (BTreeSet::from([Source::LastAccessed]), "GetServiceLastAccessedDetails", "PassRole"),
            (BTreeSet::from([Source::Generated]), "StartPolicyGeneration", "GetServiceLastAccessedDetails"),
            (both, "iam:PassedToService", "iam:Create"),
        ] {
            let text = usage(&sources, None);
            assert!(Document::parse(text.as_bytes(), Strictness::Written).is_ok(), "{text}");
            assert!(text.contains(has) && !text.contains(lacks) && text.len() <= MOST, "{text}");
        }
        let names: Vec<String> = (0..10).map(|number| format!("{}-{number}", "n".repeat(120))).collect();
        for (text, has, lacks) in [
            (roles(), "iam:GetRolePolicy", "Create"),
            (policies(names.iter().map(String::as_str)), "iam:CreatePolicy", "Role"),
            (usage(&BTreeSet::from([Source::Generated]), Some("R")), "role/service-role/R", "Delete"),
            (no_access_role("R"), "role/service-role/R", "Create"),
            (logs("aws", "b"), "s3:PutBucketPolicy", "iam:"),
            (log_reader("aws", "b"), "s3:GetBucketPolicy", "Put"),
        ] {
            assert!(Document::parse(text.as_bytes(), Strictness::Written).is_ok(), "{text}");
            assert!(text.contains(has) && !text.contains(lacks) && text.len() <= MOST, "{text}");
        }
    }
}
