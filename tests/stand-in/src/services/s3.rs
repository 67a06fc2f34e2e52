//! The operations of Amazon S3 on the policy of the log bucket, and those that say who owns and what encrypts its objects. Only Control Tower's role in the account that owns the
//! bucket may change it, as the guard of the bucket has it.

use crate::access::Trail;
use crate::services::{Answer, Operation, Problem, Refusal, Request, Service, SignedIn, members};
use crate::state::State;
use serde_json::{Value, json};

pub(crate) static SERVICE: Service = Service {
    target_prefix: "AmazonS3",
    signing_name: "s3",
    signed_in: SignedIn::AnyRegion,
    requests_per_second: |_| None,
    error: own_error,
    operations: &[
        Operation::single("GetBucketEncryption", get_bucket_encryption),
        Operation::single("GetBucketOwnershipControls", get_bucket_ownership_controls),
        Operation::single("GetBucketPolicy", get_bucket_policy),
        Operation::single("PutBucketPolicy", put_bucket_policy),
    ],
};

const LARGEST_POLICY: usize = 20_480;

fn own_error(problem: Problem) -> (u16, &'static str) {
    match problem {
        Problem::AccessDenied => (403, "AccessDenied"),
        Problem::Conflict => (409, "OperationAborted"),
        Problem::Internal => (500, "InternalError"),
        Problem::Invalid => (400, "MalformedPolicy"),
        Problem::NotFound => (404, "NoSuchBucketPolicy"),
        Problem::Throttled => (503, "SlowDown"),
    }
}

/// Returns the trail of the bucket, for who may ask.
fn trail<'s>(state: &'s mut State, request: &Request, bucket: &str) -> Result<&'s mut Trail, Refusal> {
    let denied = || request.refuse(Problem::AccessDenied, "Access Denied to operator@example.com");
    let session = state.access.sessions.get(&state.access.caller).ok_or_else(denied)?;
    let trail = state.access.document.trail.as_mut().filter(|trail| trail.bucket == bucket);
    let trail =
        trail.ok_or_else(|| Refusal::new(404, "NoSuchBucket", "The specified bucket does not exist"))?;
    let owns = trail.bucket_account.as_ref() == Some(&session.account);
    if owns && session.role == "AWSControlTowerExecution" { Ok(trail) } else { Err(denied()) }
}

fn get_bucket_policy(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { bucket: String });
    let policy = trail(state, request, &members.bucket)?.bucket_policy.clone();
    let policy = policy.ok_or_else(|| request.missing("the bucket policy"))?;
    Ok(json!({ "Policy": policy.to_string() }))
}

fn get_bucket_ownership_controls(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { bucket: String });
    let rule = trail(state, request, &members.bucket)?.ownership.clone();
    let rule = rule.unwrap_or_else(|| "BucketOwnerEnforced".to_owned());
    if rule == "ObjectWriter" {
        return Err(Refusal::new(404, "OwnershipControlsNotFoundError", "there are no ownership controls"));
    }
    Ok(json!({ "Xml": { "OwnershipControls": { "Rule": { "ObjectOwnership": rule } } } }))
}

fn get_bucket_encryption(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { bucket: String });
    let rule = match &trail(state, request, &members.bucket)?.bucket_key {
        Some(key) => json!({ "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key }),
        None => json!({ "SSEAlgorithm": "AES256" }),
    };
    let rule = json!({ "ApplyServerSideEncryptionByDefault": rule, "BucketKeyEnabled": false });
    Ok(json!({ "Xml": { "ServerSideEncryptionConfiguration": { "Rule": rule } } }))
}

fn put_bucket_policy(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { bucket: String, policy: String, checksum: bool });
    let trail = trail(state, request, &members.bucket)?;
    if !members.checksum {
        let message = "Missing required header for this request: Content-MD5 OR x-amz-checksum-*";
        return Err(Refusal::new(400, "InvalidRequest", message));
    }
    let malformed = |what: &str| request.refuse(Problem::Invalid, what);
    let policy: Value =
        serde_json::from_str(&members.policy).map_err(|fault| malformed(&fault.to_string()))?;
    let statements = policy["Statement"].as_array().cloned().unwrap_or_default();
    if statements.is_empty() || members.policy.len() > LARGEST_POLICY {
        return Err(malformed("a policy has statements, and at most 20,480 bytes"));
    }
    trail.bucket_policy = Some(policy);
    Ok(json!({}))
}

/// Whether the bucket lets the roles of Access Analyzer read it. A trail without a bucket policy is open.
pub(crate) fn lets_analyzers_in(trail: &Trail) -> bool {
    let Some(policy) = &trail.bucket_policy else { return true };
    let statements = policy["Statement"].as_array().cloned().unwrap_or_default();
    statements.iter().any(|statement| {
        let text = statement.to_string();
        let keys = trail.prefix.as_ref().map(|prefix| format!("{}/{prefix}/AWSLogs/", trail.bucket));
        let keys = keys.unwrap_or_else(|| format!("{}/AWSLogs/", trail.bucket));
        statement["Effect"] == "Allow"
            && text.contains("s3:GetObject")
            && text.contains("role/service-role/AccessAnalyzerMonitorServiceRole*")
            && text.contains(&keys)
    })
}
