//! The operations of AWS STS that hand out sessions. A session must be narrowed by an inline policy, so that a test
//! sees one that is not.

use crate::access::Session;
use crate::identifier::AccountId;
use crate::services::{Answer, Operation, Problem, Refusal, Request, Service, SignedIn, members};
use crate::state::State;
use serde_json::{Value, json};

pub(crate) static SERVICE: Service = Service {
    target_prefix: "AWSSecurityTokenServiceV20110615",
    signing_name: "sts",
    signed_in: SignedIn::AnyRegion,
    requests_per_second: |_| None,
    error: query_error,
    operations: &[
        Operation::single("AssumeRole", assume_role),
        Operation::single("GetCallerIdentity", get_caller_identity),
    ],
};

/// Returns an error with the codes of services of the query protocol.
pub(crate) fn query_error(problem: Problem) -> (u16, &'static str) {
    match problem {
        Problem::AccessDenied => (403, "AccessDenied"),
        Problem::Conflict => (409, "ConcurrentModification"),
        Problem::Internal => (500, "ServiceFailure"),
        Problem::Invalid => (400, "ValidationError"),
        Problem::NotFound => (404, "NoSuchEntity"),
        Problem::Throttled => (400, "Throttling"),
    }
}

fn assume_role(state: &mut State, request: &Request) -> Answer {
    let members = members!(request {
        role_arn: String,
        role_session_name: String,
        policy: Option<String>,
        #[serde(rename = "DurationSeconds")]
        _duration_seconds: Option<String>,
    });
    let denied = || {
        let what = format!("is not authorized to perform: sts:AssumeRole on resource: {}", members.role_arn);
        request.refuse(Problem::AccessDenied, format!("User: {} {what}", caller_arn(state)))
    };
    let (account, role) = members
        .role_arn
        .strip_prefix("arn:aws:iam::")
        .and_then(|rest| rest.split_once(":role/"))
        .filter(|(account, _)| AccountId::check(account).is_ok())
        .ok_or_else(|| request.refuse(Problem::Invalid, format!("{} is invalid", members.role_arn)))?;
    let assumable =
        state.access.document.accounts.get(account).is_some_and(|found| found.assumable.contains(role));
    // Only the management account is trusted, and never a session.
    if !assumable || state.access.sessions.contains_key(&state.access.caller) {
        return Err(denied());
    }
    let Some(policy) = members.policy.as_deref() else {
        return Err(request.refuse(Problem::AccessDenied, "this stand-in wants an inline session policy"));
    };
    let policy: Value = serde_json::from_str(policy)
        .map_err(|fault| Refusal::new(400, "MalformedPolicyDocument", fault.to_string()))?;
    if policy.to_string().len() > 2048 {
        return Err(Refusal::new(400, "PackedPolicyTooLarge", "the session policy is too large"));
    }
    let key = format!("ASIA{:016X}", state.rng.u64(..));
    let session = Session {
        account: account.to_owned(),
        role: role.to_owned(),
        session_name: members.role_session_name.clone(),
        policy,
    };
    state.access.sessions.insert(key.clone(), session);
    Ok(json!({
        "Credentials": {
            "AccessKeyId": key,
            "SecretAccessKey": "secret",
            "SessionToken": "token",
            "Expiration": crate::access::iso8601(state.epoch_seconds(request.at) + 3600.0),
        },
        "AssumedRoleUser": {
            "AssumedRoleId": "AROAEXAMPLE:session",
            "Arn": format!("arn:aws:sts::{account}:assumed-role/{role}/{}", members.role_session_name),
        },
    }))
}

fn caller_arn(state: &State) -> String {
    match state.access.sessions.get(&state.access.caller) {
        Some(Session { account, role, session_name, .. }) => {
            format!("arn:aws:sts::{account}:assumed-role/{role}/{session_name}")
        }
        // As AWS's messages have it: with the name of a person's session.
        None => {
            let account = &state.world.organization.management_account_id;
            format!(
                "arn:aws:sts::{account}:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/operator@example.com"
            )
        }
    }
}

fn get_caller_identity(state: &mut State, request: &Request) -> Answer {
    members!(request {});
    let arn = caller_arn(state);
    let account = state.account_of_caller();
    Ok(json!({ "Arn": arn, "UserId": "AROAEXAMPLE:session", "Account": account }))
}
