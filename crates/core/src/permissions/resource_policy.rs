//! What a role's trust policy and a bucket's policy allow a role that reads the log, as far as that can be told from their
//! statements. What is not judged here is not known, and never taken for good or bad.

use serde_json::{Map, Value};

use super::{
    logs::Place,
    policy::pattern::Pattern,
    way::{ANALYZER, Bucket, Known, ON_BUCKET, ON_OBJECTS},
};
use crate::ids::AccountId;

/// What a statement says of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Hit {
    No,
    /// It has something that is not judged here.
    Perhaps,
    Yes,
}

impl From<bool> for Hit {
    fn from(hit: bool) -> Hit {
        if hit { Hit::Yes } else { Hit::No }
    }
}

/// Returns whether the trust policy of a role lets Access Analyzer assume it, for an account.
pub fn trust(document: &str, account: &AccountId) -> Known {
    let Some(statements) = statements(document) else {
        return Known::Not("its trust policy cannot be read as a document with statements".to_owned());
    };
    let mut best = Hit::No;
    for statement in &statements {
        let hit = [
            principal(statement, &["Service"], |name| name == "*" || name == ANALYZER),
            matched(statement, "Action", "NotAction", |pattern| {
                Pattern::action(pattern).covers(&Pattern::action("sts:AssumeRole"))
            }),
            conditions(statement, |operator, key, value| {
                let like = matches!(operator, "stringequals" | "stringlike" | "arnequals" | "arnlike");
                match key {
                    "aws:sourceaccount" if like => Some(value == account.as_str()),
                    // What it asks for is an ARN of Access Analyzer in the account, of which the last parts are not known.
                    "aws:sourcearn" if like => {
                        let parts: Vec<&str> = value.split(':').collect();
                        let names = |part: usize, name: &str| {
                            parts.get(part).is_none_or(|pattern| {
                                Pattern::resource(pattern).covers(&Pattern::resource(name))
                            })
                        };
                        Some(names(2, "access-analyzer") && names(4, account.as_str()))
                    }
                    _ => None,
                }
            }),
        ];
        let hit = hit.into_iter().min().unwrap_or(Hit::No);
        match (statement["Effect"].as_str(), hit) {
            (_, Hit::No) => {}
            (Some("Deny"), Hit::Yes) => return Known::Bad,
            (Some("Deny"), Hit::Perhaps) => return Known::Not("a Deny of it is not judged here".to_owned()),
            (_, hit) => best = best.max(hit),
        }
    }
    match best {
        Hit::Yes => Known::Good,
        Hit::No => Known::Bad,
        Hit::Perhaps => Known::Not("its trust has a condition that is not judged here".to_owned()),
    }
}

/// Returns what the policy of the bucket says of a role of an account. `None`: the bucket has no policy.
pub fn bucket(policy: Option<&str>, place: &Place, account: &AccountId, role: &str) -> Bucket {
    let Some(policy) = policy else { return Bucket::Refuses };
    let Some(statements) = statements(policy) else {
        return Bucket::Not("it cannot be read as a document with statements".to_owned());
    };
    let objects = place.objects(account.as_str());
    let root = format!("arn:{}:iam::{account}:root", place.partition);
    let mut elsewhere = None;
    for (action, resource) in [(ON_OBJECTS, objects.clone()), (ON_BUCKET, place.bucket_arn())] {
        let mut best = Hit::No;
        for statement in &statements {
            let who = [
                principal(statement, &["AWS"], |name| {
                    name == "*" || name == role || name == account.as_str() || name == root
                }),
                matched(statement, "Action", "NotAction", |pattern| {
                    Pattern::action(pattern).covers(&Pattern::action(action))
                }),
                conditions(statement, |operator, key, value| {
                    let value = value.replace("${aws:PrincipalAccount}", account.as_str());
                    let like = matches!(operator, "stringlike" | "arnlike" | "arnequals");
                    let is = |text: &str| match operator {
                        "stringequals" => Some(value == text),
                        _ if like => Some(Pattern::resource(&value).covers(&Pattern::resource(text))),
                        _ => None,
                    };
                    match key {
                        "aws:principalorgid" => is(&place.organization),
                        "aws:principalarn" => is(role),
                        "aws:principalaccount" => is(account.as_str()),
                        "aws:securetransport" if operator == "bool" => Some(value == "true"),
                        _ => None,
                    }
                }),
            ];
            let who = who.into_iter().min().unwrap_or(Hit::No);
            let what = matched(statement, "Resource", "NotResource", |pattern| {
                let pattern = pattern.replace("${aws:PrincipalAccount}", account.as_str());
                let pattern = pattern.replace("${aws:PrincipalOrgID}", &place.organization);
                Pattern::resource(&pattern).covers(&Pattern::resource(&resource))
            });
            match (statement["Effect"].as_str(), who.min(what)) {
                (Some("Allow"), Hit::No) if who == Hit::Yes && action == ON_OBJECTS => {
                    let of_bucket = |pattern: &&str| pattern.contains(&format!(":::{}/", place.bucket));
                    let keys = texts(&statement["Resource"]).into_iter().find(of_bucket).map(str::to_owned);
                    elsewhere = elsewhere.or(keys);
                }
                (_, Hit::No) => {}
                (Some("Deny"), Hit::Yes) => return Bucket::Refuses,
                (Some("Deny"), Hit::Perhaps) => {
                    return Bucket::Not("a Deny of it has what is not judged here".to_owned());
                }
                (_, hit) => best = best.max(hit),
            }
        }
        match best {
            Hit::Yes => {}
            Hit::Perhaps => return Bucket::Not("a statement of it has what is not judged here".to_owned()),
            Hit::No => return elsewhere.map_or(Bucket::Refuses, Bucket::Elsewhere),
        }
    }
    Bucket::Lets
}

/// Returns whether the bucket's owner owns every object. `None`: the bucket has no rule, so that who writes one owns it.
pub fn ownership(rule: Option<&str>) -> Known {
    match rule {
        Some("BucketOwnerEnforced") => Known::Good,
        Some("BucketOwnerPreferred") => Known::Not(
            "bucket owner preferred, which does not count for objects from before it was set".to_owned(),
        ),
        Some("ObjectWriter") | None => Known::Bad,
        Some(other) => Known::Not(format!("the rule of the bucket is {other}")),
    }
}

fn statements(document: &str) -> Option<Vec<Value>> {
    let mut document: Value = serde_json::from_str(document).ok()?;
    match document.get_mut("Statement").map(Value::take)? {
        Value::Array(statements) => Some(statements),
        one @ Value::Object(_) => Some(vec![one]),
        _ => None,
    }
}

/// Returns a text, or the texts of a list.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

fn principal(statement: &Value, kinds: &[&str], is: impl Fn(&str) -> bool) -> Hit {
    if statement.get("NotPrincipal").is_some() {
        return Hit::Perhaps;
    }
    match &statement["Principal"] {
        Value::String(name) => is(name).into(),
        Value::Object(members) => {
            let named = kinds.iter().filter_map(|kind| members.get(*kind)).flat_map(texts);
            named.into_iter().any(is).into()
        }
        _ => Hit::No,
    }
}

fn matched(statement: &Value, these: &str, all_but: &str, is: impl Fn(&str) -> bool) -> Hit {
    match (statement.get(these), statement.get(all_but)) {
        (Some(patterns), None) => texts(patterns).into_iter().any(is).into(),
        (None, Some(patterns)) => (!texts(patterns).into_iter().any(is)).into(),
        // A statement of a trust policy has no resource.
        _ => Hit::Perhaps,
    }
}

/// `is` answers for an operator, a key and a value, the first two in small letters; `None`: it is not judged.
fn conditions(statement: &Value, is: impl Fn(&str, &str, &str) -> Option<bool>) -> Hit {
    let empty = Map::new();
    let mut hit = Hit::Yes;
    for (operator, keys) in statement["Condition"].as_object().unwrap_or(&empty) {
        let operator = operator.to_ascii_lowercase();
        for (key, values) in keys.as_object().unwrap_or(&empty) {
            let key = key.to_ascii_lowercase();
            let values: Vec<String> = match values {
                Value::Bool(value) => vec![value.to_string()],
                other => texts(other).into_iter().map(str::to_owned).collect(),
            };
            let answers: Option<Vec<bool>> = values.iter().map(|value| is(&operator, &key, value)).collect();
            hit = hit.min(match answers {
                None => Hit::Perhaps,
                Some(answers) => answers.contains(&true).into(),
            });
        }
    }
    hit
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/service-role/AccessAnalyzerMonitorServiceRole_X";

    fn account() -> AccountId {
        AccountId::parse("111122223333").unwrap()
    }

    fn place() -> Place {
        Place {
            partition: "aws".to_owned(),
            bucket: "logs".to_owned(),
            prefix: Some("o-a1b2c3d4e5".to_owned()),
            organization: "o-a1b2c3d4e5".to_owned(),
            of_organization: true,
        }
    }

    #[test]
    fn a_trust_is_judged_by_who_may_assume_and_under_what() {
        let statement =
            json!({ "Effect": "Allow", "Principal": { "Service": ANALYZER }, "Action": "sts:AssumeRole" });
        let with = |change: &dyn Fn(&mut Value)| {
            let mut statement = statement.clone();
            change(&mut statement);
            statement
        };
        let condition = |condition: Value| with(&|statement| statement["Condition"] = condition.clone());
        let deny = |condition: Option<Value>| {
            let mut deny = json!({ "Effect": "Deny", "Principal": "*", "Action": "sts:*" });
            if let Some(condition) = condition {
                deny["Condition"] = condition;
            }
            json!([statement, deny])
        };
        let (good, bad, not) = ("Good", "Bad", "Not");
        let cases = [
            (json!([statement]), good),
            (statement.clone(), good),
            (with(&|of| of["Principal"]["Service"] = json!(["ec2.amazonaws.com", ANALYZER])), good),
            (with(&|of| of["Action"] = json!(["sts:TagSession", "sts:*"])), good),
            (with(&|of| of["Principal"]["Service"] = json!("ec2.amazonaws.com")), bad),
            (with(&|of| of["Principal"] = json!({ "AWS": "arn:aws:iam::111122223333:root" })), bad),
            (with(&|of| of["Action"] = json!("sts:TagSession")), bad),
            (json!([]), bad),
            (condition(json!({ "StringEquals": { "aws:SourceAccount": "111122223333" } })), good),
            (condition(json!({ "StringEquals": { "aws:SourceAccount": "999999999999" } })), bad),
            (
                condition(
                    json!({ "ArnLike": { "aws:SourceArn": "arn:aws:access-analyzer:*:111122223333:*" } }),
                ),
                good,
            ),
            (condition(json!({ "ArnLike": { "aws:SourceArn": "arn:aws:ec2:*:111122223333:*" } })), bad),
            (condition(json!({ "StringEquals": { "aws:PrincipalTag/a": "b" } })), not),
            (deny(None), bad),
            (deny(Some(json!({ "Bool": { "aws:ViaAWSService": "true" } }))), not),
            (deny(Some(json!({ "StringEquals": { "aws:SourceAccount": "999999999999" } }))), good),
        ];
        for (statements, expected) in cases {
            let known = trust(&json!({ "Statement": statements }).to_string(), &account());
            let name = format!("{known:?}");
            assert!(name.starts_with(expected), "{statements}: {name}");
        }
        for unread in ["", "{}", "[]"] {
            assert!(matches!(trust(unread, &account()), Known::Not(_)), "{unread}");
        }
    }

    #[test]
    fn a_bucket_policy_is_judged_for_one_role_and_its_own_log() {
        let others = json!({ "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::logs/*",
            "Condition": { "Bool": { "aws:SecureTransport": "false" } } });
        let ours = place().statement();
        let with = |change: &dyn Fn(&mut Value)| {
            let mut statement = ours.clone();
            change(&mut statement);
            json!([others, statement])
        };
        let named = json!({ "AWS": "arn:aws:iam::111122223333:root" });
        let elsewhere = Place { prefix: None, ..place() }.statement();
        let deny = |condition: Value| {
            json!([ours, { "Effect": "Deny", "Principal": { "AWS": ROLE }, "Action": "s3:GetObject*",
            "NotResource": "arn:aws:s3:::logs/public/*", "Condition": condition }])
        };
        let cases = [
            (json!([others, ours]), "Lets"),
            (with(&|of| _ = of.as_object_mut().unwrap().remove("Condition")), "Lets"),
            (with(&|of| of["Principal"] = named.clone()), "Lets"),
            (with(&|of| of["Resource"] = json!(["arn:aws:s3:::logs", "arn:aws:s3:::logs/*"])), "Lets"),
            (json!([others]), "Refuses"),
            (with(&|of| of["Effect"] = json!("Deny")), "Refuses"),
            (with(&|of| of["Action"] = json!("s3:GetObject")), "Refuses"),
            (with(&|of| of["Principal"]["AWS"] = json!("arn:aws:iam::222233334444:root")), "Refuses"),
            (
                with(&|of| of["Condition"]["StringEquals"]["aws:PrincipalOrgID"] = json!("o-zzzzzzzzzz")),
                "Refuses",
            ),
            (
                with(&|of| {
                    of["Condition"]["StringLike"]["aws:PrincipalArn"] = json!("arn:aws:iam::*:role/Other*")
                }),
                "Refuses",
            ),
            (
                json!([others, elsewhere]),
                "Elsewhere(\"arn:aws:s3:::logs/AWSLogs/o-a1b2c3d4e5/${aws:PrincipalAccount}/*",
            ),
            (with(&|of| of["Condition"]["StringEquals"]["aws:SourceVpc"] = json!("vpc-1")), "Not"),
            (deny(json!({})), "Refuses"),
            (deny(json!({ "StringEquals": { "aws:SourceVpc": "vpc-1" } })), "Not"),
            (deny(json!({ "StringEquals": { "aws:PrincipalAccount": "222233334444" } })), "Lets"),
        ];
        for (statements, expected) in cases {
            let policy = json!({ "Statement": statements }).to_string();
            let says = format!("{:?}", bucket(Some(&policy), &place(), &account(), ROLE));
            assert!(says.starts_with(expected), "{statements:#}: {says}");
        }
        assert_eq!(bucket(None, &place(), &account(), ROLE), Bucket::Refuses);
        assert!(matches!(bucket(Some("{"), &place(), &account(), ROLE), Bucket::Not(_)));
    }

    #[test]
    fn the_owner_of_the_objects_is_known_by_the_rule_of_the_bucket() {
        let cases = [
            (Some("BucketOwnerEnforced"), "Good"),
            (Some("BucketOwnerPreferred"), "Not"),
            (Some("ObjectWriter"), "Bad"),
            (None, "Bad"),
            (Some("Another"), "Not"),
        ];
        for (rule, expected) in cases {
            let known = format!("{:?}", ownership(rule));
            assert!(known.starts_with(expected), "{rule:?}: {known}");
        }
    }
}
