//! The way from the log to a policy generation that was not allowed to read it: the role that Access Analyzer assumes, the
//! bucket, and the key. It names the one thing that is wrong, from what is known. It does not ask.
//!
//! What is not known is said, and never taken for good or bad.

/// Who assumes the role.
pub const ANALYZER: &str = "access-analyzer.amazonaws.com";
/// What the role has to be allowed on everything, on the bucket, on its objects and on the key.
pub const ON_ALL: &[&str] =
    &["cloudtrail:GetTrail", "iam:GenerateServiceLastAccessedDetails", "iam:GetServiceLastAccessedDetails"];
pub const ON_BUCKET: &str = "s3:ListBucket";
pub const ON_OBJECTS: &str = "s3:GetObject";
pub const ON_KEY: &str = "kms:Decrypt";

/// What is known of one part of the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    Good,
    Bad,
    /// Why it is not known.
    Not(String),
}

/// What the policy of the bucket says of the role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bucket {
    Lets,
    Refuses,
    /// It lets the role read other keys of the bucket: these.
    Elsewhere(String),
    /// Why it is not known.
    Not(String),
}

/// What is known of the way from the log to the generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way<'w> {
    /// The ARN of the role that reads the log. `None`: there is none in the account.
    pub access_role: Option<&'w str>,
    /// Whether Access Analyzer may assume it.
    pub trust: Known,
    /// What its own policies do not allow, or why that is not known.
    pub refused: Result<Vec<String>, String>,
    pub bucket: &'w str,
    /// The ARN of the objects that it has to read.
    pub objects: &'w str,
    pub policy: Bucket,
    /// Whether the bucket's owner owns every object.
    pub ownership: Known,
    /// The ARN of the key that encrypts the log, or why it is not known whether there is one.
    pub key: Result<Option<&'w str>, String>,
}

/// Why a generation failed, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    pub cause: String,
    pub remedy: String,
}

/// Returns the one thing that is wrong, for a generation that was not allowed to read the log, and what is not known.
pub fn diagnose(way: &Way<'_>, message: &str) -> Diagnosis {
    let Diagnosis { mut cause, remedy } = of(way, message);
    let not = |what: &str, known: &Known| match known {
        Known::Not(why) => Some(format!("{what}: {why}")),
        Known::Good | Known::Bad => None,
    };
    let policy = match &way.policy {
        Bucket::Not(why) => Some(why),
        Bucket::Lets | Bucket::Refuses | Bucket::Elsewhere(_) => None,
    };
    let unknown: Vec<String> = [
        not("who may assume the role", &way.trust),
        way.refused.as_ref().err().map(|why| format!("what the role's own policies allow: {why}")),
        policy.map(|why| format!("what the policy of the bucket {} allows: {why}", way.bucket)),
        not("who owns the objects", &way.ownership),
        way.key.as_ref().err().map(|why| format!("whether a key encrypts the log: {why}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    if way.access_role.is_some() && !unknown.is_empty() {
        cause += &format!(" (not known: {})", unknown.join("; "));
    }
    Diagnosis { cause, remedy }
}

fn of(way: &Way<'_>, message: &str) -> Diagnosis {
    let Way { access_role, trust, refused, bucket, objects, policy, ownership, key } = way;
    let of = |cause: String, remedy: String| Diagnosis { cause, remedy };
    let Some(role) = access_role else {
        return of(
            "the account has no role with which Access Analyzer reads the log".to_owned(),
            "read the use with --open-logs, which makes one for the run, or create one below the path /service-role/, \
             with a name that begins with AccessAnalyzerMonitorServiceRole"
                .to_owned(),
        );
    };
    if *trust == Known::Bad {
        return of(
            format!("the role {role} does not trust Access Analyzer"),
            format!("let {ANALYZER} assume it"),
        );
    }
    let refused = refused.as_deref().unwrap_or_default();
    let (of_key, of_log): (Vec<&String>, Vec<&String>) = refused.iter().partition(|action| *action == ON_KEY);
    if !of_log.is_empty() {
        let list = of_log.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        return of(
            format!("the policy of the role {role} does not allow it to read the log: {list}"),
            format!(
                "allow it {} on *, {ON_BUCKET} on the bucket {bucket}, and {ON_OBJECTS} on {objects}; an SCP or a \
                 boundary may deny it too",
                ON_ALL.join(", ")
            ),
        );
    }
    match policy {
        Bucket::Refuses => {
            return of(
                format!("the policy of the bucket {bucket} does not let the role {role} read the log"),
                "add the statement for the roles AccessAnalyzerMonitorServiceRole* of the organization with \
                 `assignctl permission-set logs open`, or read the use with --open-logs"
                    .to_owned(),
            );
        }
        Bucket::Elsewhere(resource) => {
            return of(
                format!(
                    "the policy of the bucket {bucket} lets the role read {resource}, and the log has another prefix"
                ),
                format!("let the statement name {objects}"),
            );
        }
        Bucket::Lets | Bucket::Not(_) => {}
    }
    if *ownership == Known::Bad {
        return of(
            format!("objects of the bucket {bucket} may belong to others than its owner"),
            "set its object ownership to bucket owner enforced".to_owned(),
        );
    }
    if let Ok(Some(key)) = key {
        let whose = if of_key.is_empty() {
            "nothing else was found that is wrong: the key's own policy, which is not read here, does not let the role use it"
        } else {
            "the policy of the role does not allow it kms:Decrypt"
        };
        return of(
            format!("the log is encrypted with the key {key}, and {whose}"),
            format!(
                "allow the role {ON_KEY} in its own policy and in that of the key {key}, with kms:ViaService \
                 s3.*.amazonaws.com and the trail as kms:EncryptionContext:aws:cloudtrail:arn"
            ),
        );
    }
    of(
        format!("Access Analyzer may not read the log: {message}"),
        format!("look at the policy of the bucket {bucket}, and whether an SCP or RCP denies reading it"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/service-role/AccessAnalyzerMonitorServiceRole_X";

    fn good() -> Way<'static> {
        Way {
            access_role: Some(ROLE),
            trust: Known::Good,
            refused: Ok(vec![]),
            bucket: "logs",
            objects: "arn:aws:s3:::logs/o/*",
            policy: Bucket::Lets,
            ownership: Known::Good,
            key: Ok(None),
        }
    }

    #[test]
    fn the_one_thing_that_is_wrong_is_named() {
        let key = || Ok(Some("arn:aws:kms:x"));
        let refused = |actions: &[&str]| Ok(actions.iter().map(|action| (*action).to_owned()).collect());
        let elsewhere = || Bucket::Elsewhere("arn:aws:s3:::logs/AWSLogs/*".to_owned());
        let cases = [
            (
                Way { access_role: None, trust: Known::Not("x".to_owned()), ..good() },
                "has no role",
                "/service-role/",
            ),
            (
                Way { trust: Known::Bad, refused: refused(&["s3:GetObject"]), ..good() },
                "does not trust",
                "access-analyzer.amazonaws.com",
            ),
            (
                Way { refused: refused(&["s3:GetObject", "kms:Decrypt"]), policy: Bucket::Refuses, ..good() },
                "does not allow it to read the log: s3:GetObject",
                "cloudtrail:GetTrail",
            ),
            (
                Way { policy: Bucket::Refuses, key: key(), ..good() },
                "the policy of the bucket logs",
                "logs open",
            ),
            (
                Way { policy: elsewhere(), ownership: Known::Bad, ..good() },
                "lets the role read arn:aws:s3:::logs/AWSLogs/*",
                "arn:aws:s3:::logs/o/*",
            ),
            (
                Way { ownership: Known::Bad, key: key(), ..good() },
                "belong to others",
                "bucket owner enforced",
            ),
            (Way { key: key(), ..good() }, "the key's own policy, which is not read here", "kms:Decrypt"),
            (
                Way { refused: refused(&["kms:Decrypt"]), key: key(), ..good() },
                "the policy of the role does not allow it kms:Decrypt",
                "arn:aws:kms:x",
            ),
            (good(), "may not read the log: no", "SCP"),
        ];
        for (way, cause, remedy) in cases {
            let diagnosis = diagnose(&way, "no");
            assert!(diagnosis.cause.contains(cause), "{cause}: {diagnosis:?}");
            assert!(diagnosis.remedy.contains(remedy), "{remedy}: {diagnosis:?}");
            assert!(!diagnosis.cause.contains("not known"), "{diagnosis:?}");
        }
    }

    #[test]
    fn what_was_not_read_is_said_and_is_neither_good_nor_bad() {
        let not = || Known::Not("denied".to_owned());
        let cases = [
            (Way { trust: not(), ..good() }, "who may assume the role"),
            (Way { refused: Err("denied".to_owned()), ..good() }, "what the role's own policies allow"),
            (
                Way { policy: Bucket::Not("denied".to_owned()), ..good() },
                "what the policy of the bucket logs",
            ),
            (Way { ownership: not(), ..good() }, "who owns the objects"),
            (Way { key: Err("denied".to_owned()), ..good() }, "whether a key encrypts the log"),
        ];
        for (way, what) in cases {
            let cause = diagnose(&way, "no").cause;
            assert!(cause.starts_with("Access Analyzer may not read the log: no (not known: "), "{cause}");
            assert!(cause.contains(what) && cause.ends_with(": denied)"), "{cause}");
        }
        let several = Way { trust: not(), ownership: Known::Bad, ..good() };
        let cause = diagnose(&several, "no").cause;
        assert!(cause.contains("belong to others") && cause.contains("not known: who may assume"), "{cause}");
    }
}
