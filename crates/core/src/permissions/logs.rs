//! The statement that lets Access Analyzer's roles read the log bucket: what it says, and what a bucket's policy becomes
//! with and without it. It does not read or write a bucket.
//!
//! Nothing else of a policy is touched: every other statement and member stays as it was read.

use serde::Serialize;
use serde_json::{Value, json};

use super::narrow::{ACCESS_ROLE_NAME, ACCESS_ROLE_PATH};

/// The `Sid` of the statement. Whatever has it is ours.
pub const SID: &str = "AssignctlPolicyGeneration";
/// The most bytes of a bucket's policy.
pub const MAX_BYTES: usize = 20_480;

/// Where the log is, and whose accounts may read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Such as `aws`.
    pub partition: String,
    pub bucket: String,
    /// The prefix of the trail's keys, if it has one.
    pub prefix: Option<String>,
    /// The id of the organization.
    pub organization: String,
    /// Whether the trail is the organization's: its keys then have the organization's id after `AWSLogs`.
    pub of_organization: bool,
}

/// What a bucket's policy has of our statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    Closed,
    Open,
    /// A statement has our `Sid` and says something else.
    Changed,
}

/// Why a policy is left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It is no JSON object with statements.
    Unreadable,
    /// A statement with our `Sid` says something else.
    Changed,
    /// It would be larger than S3 allows.
    TooLarge,
    /// Without our statement there would be no statement left.
    NothingLeft,
}

impl Problem {
    /// Returns what is wrong and what to do.
    pub fn sentences(self) -> (&'static str, &'static str) {
        match self {
            Problem::Unreadable => (
                "its policy cannot be read as a document with statements",
                "look at it with `aws s3api get-bucket-policy`",
            ),
            Problem::Changed => (
                "a statement of its policy has the Sid of ours and says something else",
                "take it away with `assignctl permission-set logs close`, then open it again",
            ),
            Problem::TooLarge => (
                "its policy would be larger than 20,480 bytes with our statement",
                "make room in it, or use --source last-accessed",
            ),
            Problem::NothingLeft => (
                "our statement is the only one of its policy",
                "take the policy away with `aws s3api delete-bucket-policy`",
            ),
        }
    }
}

impl Place {
    /// Returns the statement. It lets roles of the organization that are named as Access Analyzer's read what their own
    /// account logged.
    pub fn statement(&self) -> Value {
        let Place { partition, organization, .. } = self;
        let account = "${aws:PrincipalAccount}";
        let role = format!("arn:{partition}:iam::{account}:role{ACCESS_ROLE_PATH}{ACCESS_ROLE_NAME}*");
        json!({
            "Sid": SID,
            "Effect": "Allow",
            "Principal": { "AWS": "*" },
            "Action": ["s3:GetObject", "s3:ListBucket"],
            "Resource": [self.bucket_arn(), self.objects(account)],
            "Condition": {
                "StringEquals": { "aws:PrincipalOrgID": organization },
                "StringLike": { "aws:PrincipalArn": role },
            },
        })
    }

    pub fn bucket_arn(&self) -> String {
        format!("arn:{}:s3:::{}", self.partition, self.bucket)
    }

    /// Returns the ARN of all that an account logged.
    pub fn objects(&self, account: &str) -> String {
        let Place { prefix, organization, of_organization, .. } = self;
        let prefix = prefix.as_ref().map(|prefix| format!("{prefix}/")).unwrap_or_default();
        let within = if *of_organization { format!("{organization}/") } else { String::new() };
        format!("{}/{prefix}AWSLogs/{within}{account}/*", self.bucket_arn())
    }

    /// Returns what a policy has of the statement.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn status(&self, policy: &str) -> Result<Status, Problem> {
        let (_, statements) = read(policy)?;
        let mut ours = statements.iter().filter(|statement| is_ours(statement));
        Ok(match (ours.next(), ours.next()) {
            (None, _) => Status::Closed,
            (Some(one), None) if same(one, &self.statement()) => Status::Open,
            (Some(_), _) => Status::Changed,
        })
    }

    /// Returns the policy with the statement, or `None` if it has it.
    ///
    /// # Errors
    /// If the policy has to stay as it is.
    pub fn open(&self, policy: &str) -> Result<Option<String>, Problem> {
        match self.status(policy)? {
            Status::Open => return Ok(None),
            Status::Changed => return Err(Problem::Changed),
            Status::Closed => {}
        }
        let (mut document, mut statements) = read(policy)?;
        statements.push(self.statement());
        document["Statement"] = Value::Array(statements);
        let text = document.to_string();
        if text.len() > MAX_BYTES { Err(Problem::TooLarge) } else { Ok(Some(text)) }
    }
}

/// Returns the policy without what has our `Sid`, or `None` if nothing has it.
///
/// # Errors
/// If the policy has to stay as it is.
pub fn close(policy: &str) -> Result<Option<String>, Problem> {
    let (mut document, mut statements) = read(policy)?;
    let all = statements.len();
    statements.retain(|statement| !is_ours(statement));
    if statements.len() == all {
        return Ok(None);
    }
    if statements.is_empty() {
        return Err(Problem::NothingLeft);
    }
    document["Statement"] = Value::Array(statements);
    Ok(Some(document.to_string()))
}

/// Returns the statement for the policy of the key that encrypts the log. A person adds it: no key's policy is changed.
pub fn key_statement(place: &Place, trail: &str) -> Value {
    let Place { partition, organization, .. } = place;
    let role =
        format!("arn:{partition}:iam::${{aws:PrincipalAccount}}:role{ACCESS_ROLE_PATH}{ACCESS_ROLE_NAME}*");
    json!({
        "Sid": SID,
        "Effect": "Allow",
        "Principal": { "AWS": "*" },
        "Action": "kms:Decrypt",
        "Resource": "*",
        "Condition": {
            "StringEquals": {
                "aws:PrincipalOrgID": organization,
                "kms:EncryptionContext:aws:cloudtrail:arn": trail,
            },
            "StringLike": { "aws:PrincipalArn": role, "kms:ViaService": "s3.*.amazonaws.com" },
        },
    })
}

fn is_ours(statement: &Value) -> bool {
    statement["Sid"] == SID
}

/// Returns the document and its statements. A single statement is a list of one.
fn read(policy: &str) -> Result<(Value, Vec<Value>), Problem> {
    let mut document: Value = serde_json::from_str(policy).map_err(|_| Problem::Unreadable)?;
    let statements = match document.get_mut("Statement").map(Value::take) {
        Some(Value::Array(statements)) => statements,
        Some(one @ Value::Object(_)) => vec![one],
        _ => return Err(Problem::Unreadable),
    };
    Ok((document, statements))
}

/// Whether two statements say the same. S3 gives them back in another form: `{"AWS": "*"}` as `"*"`, a list in another
/// order, a list of one as a text.
fn same(one: &Value, other: &Value) -> bool {
    fn plain(value: &Value) -> Value {
        match value {
            Value::Object(members) if members.len() == 1 && members.get("AWS") == Some(&json!("*")) => {
                json!("*")
            }
            Value::Object(members) => {
                members.iter().map(|(name, value)| (name.clone(), plain(value))).collect()
            }
            Value::Array(items) => {
                let mut items: Vec<Value> = items.iter().map(plain).collect();
                items.sort_by_key(Value::to_string);
                match <[Value; 1]>::try_from(items) {
                    Ok([one]) => one,
                    Err(items) => Value::Array(items),
                }
            }
            other => other.clone(),
        }
    }
    plain(one) == plain(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permissions::policy::{Document, Strictness};

    const OTHERS: &str = r#"{"Version":"2012-10-17","Id":"x","Statement":[
        {"Sid":"AWSBucketPermissionsCheck","Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},
         "Action":"s3:GetBucketAcl","Resource":"arn:aws:s3:::logs"},
        {"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::logs/*",
         "Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}"#;

    fn place() -> Place {
        Place {
            partition: "aws".to_owned(),
            bucket: "logs".to_owned(),
            prefix: Some("o-a1b2c3d4e5".to_owned()),
            organization: "o-a1b2c3d4e5".to_owned(),
            of_organization: true,
        }
    }

    fn value(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn open_adds_one_statement_and_close_takes_that_one_away() {
        let open = place().open(OTHERS).unwrap().unwrap();
        assert_eq!(place().status(&open), Ok(Status::Open));
        assert_eq!(value(&open)["Statement"].as_array().unwrap().len(), 3);
        assert_eq!(place().open(&open), Ok(None), "once is enough");
        let closed = close(&open).unwrap().unwrap();
        assert_eq!(value(&closed), value(OTHERS));
        assert_eq!(close(&closed), Ok(None));
        assert_eq!(place().status(&closed), Ok(Status::Closed));
        // What S3 makes of it is still ours.
        let returned = open
            .replace(r#"{"AWS":"*"}"#, r#""*""#)
            .replace(r#"["s3:GetObject","s3:ListBucket"]"#, r#"["s3:ListBucket","s3:GetObject"]"#);
        assert_ne!(returned, open);
        assert_eq!(place().status(&returned), Ok(Status::Open));
    }

    #[test]
    fn the_statement_is_about_one_bucket_one_organization_and_each_accounts_own_log() {
        let cases = [
            (place(), "arn:aws:s3:::logs/o-a1b2c3d4e5/AWSLogs/o-a1b2c3d4e5/${aws:PrincipalAccount}/*"),
            (
                Place { prefix: None, ..place() },
                "arn:aws:s3:::logs/AWSLogs/o-a1b2c3d4e5/${aws:PrincipalAccount}/*",
            ),
            (
                Place { of_organization: false, prefix: None, partition: "aws-us-gov".to_owned(), ..place() },
                "arn:aws-us-gov:s3:::logs/AWSLogs/${aws:PrincipalAccount}/*",
            ),
        ];
        for (place, expected) in cases {
            let statement = place.statement();
            assert_eq!(statement["Resource"][1], expected);
            assert_eq!(statement["Condition"]["StringEquals"]["aws:PrincipalOrgID"], "o-a1b2c3d4e5");
            let role = statement["Condition"]["StringLike"]["aws:PrincipalArn"].as_str().unwrap();
            assert!(role.ends_with(":role/service-role/AccessAnalyzerMonitorServiceRole*"), "{role}");
        }
        let key = key_statement(&place(), "arn:aws:cloudtrail:eu-west-1:123456789012:trail/t");
        assert_eq!(key["Action"], "kms:Decrypt");
        let document = json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": place().statement()["Action"], "Resource": place().statement()["Resource"] }
        ] });
        assert!(Document::parse(document.to_string().as_bytes(), Strictness::Written).is_ok());
    }

    #[test]
    fn what_cannot_be_done_without_harm_is_not_done() {
        let open = place().open(OTHERS).unwrap().unwrap();
        let elsewhere = Place { prefix: None, ..place() };
        assert_eq!(elsewhere.status(&open), Ok(Status::Changed));
        assert_eq!(elsewhere.open(&open), Err(Problem::Changed));
        assert!(close(&open).unwrap().is_some(), "whatever has our Sid is ours");
        let mut twice = value(&open);
        let ours = place().statement();
        twice["Statement"].as_array_mut().unwrap().push(ours.clone());
        assert_eq!(place().status(&twice.to_string()), Ok(Status::Changed));
        assert_eq!(value(&close(&twice.to_string()).unwrap().unwrap()), value(OTHERS));

        let alone = json!({ "Version": "2012-10-17", "Statement": ours });
        assert_eq!(place().status(&alone.to_string()), Ok(Status::Open), "a statement without a list");
        assert_eq!(close(&alone.to_string()), Err(Problem::NothingLeft));
        let large = json!({ "Statement": [{ "Sid": "x".repeat(MAX_BYTES - 200) }] });
        assert_eq!(place().open(&large.to_string()), Err(Problem::TooLarge));
        for unread in ["", "[]", "{}", r#"{"Statement": "x"}"#] {
            assert_eq!(place().open(unread), Err(Problem::Unreadable), "{unread}");
            assert_eq!(close(unread), Err(Problem::Unreadable), "{unread}");
        }
    }
}
