//! The operations of IAM Access Analyzer that judge a policy by its text.
//!
//! CheckNoNewAccess passes only what is certainly within the existing policy, statement by statement. A test may order
//! another outcome.

use crate::access::matches;
use crate::services::{Answer, Problem, Request};
use crate::state::State;
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) fn validate_policy(state: &mut State, request: &Request) -> Answer {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Members {
        policy_document: String,
        policy_type: String,
    }
    let Members { policy_document, policy_type } = request.members()?;
    if policy_type != "IDENTITY_POLICY" {
        return Err(request.refuse(Problem::Invalid, "this stand-in knows policies of identities only"));
    }
    let mut findings = state.access.document.findings.clone();
    let document: Value = serde_json::from_str(&policy_document).unwrap_or_default();
    if list(&document["Statement"]).is_empty() {
        findings.push(json!({
            "findingDetails": "Fix the JSON syntax error.",
            "findingType": "ERROR",
            "issueCode": "JSON_SYNTAX_ERROR",
            "learnMoreLink": "https://docs.aws.amazon.com/",
            "locations": [],
        }));
    }
    Ok(json!({ "findings": findings }))
}

pub(super) fn check_no_new_access(state: &mut State, request: &Request) -> Answer {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Members {
        new_policy_document: String,
        existing_policy_document: String,
        policy_type: String,
    }
    let members: Members = request.members()?;
    let most = state.access.document.largest_existing_policy;
    if most.is_some_and(|most| members.existing_policy_document.len() > most) {
        return Err(request.refuse(Problem::Invalid, "existingPolicyDocument is too large"));
    }
    let read = |text: &str| serde_json::from_str::<Value>(text).ok();
    let documents = read(&members.new_policy_document).zip(read(&members.existing_policy_document));
    let Some((new, existing)) = documents.filter(|_| members.policy_type == "IDENTITY_POLICY") else {
        return Err(request.refuse(Problem::Invalid, "two policies of identities are compared"));
    };
    let ids = list(&existing["Statement"]);
    let ids: Vec<&str> = ids.iter().filter_map(|statement| statement["Sid"].as_str()).collect();
    if ids.iter().enumerate().any(|(index, id)| ids[..index].contains(id)) {
        return Err(request.refuse(Problem::Invalid, "two statements have the same Sid"));
    }
    let outside = list(&new["Statement"]).iter().position(|statement| !is_within(statement, &new, &existing));
    Ok(match outside {
        None => json!({ "result": "PASS", "message": "The updated policy does not grant new access." }),
        Some(index) => json!({
            "result": "FAIL",
            "message": "The modified permissions grant new access compared to your existing policy.",
            "reasons": [{ "description": format!("New access in the statement with index: {index}."), "statementIndex": index }],
        }),
    })
}

/// Returns the items of a list, or the one item that stands for it.
fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    }
}

fn texts(value: &Value) -> Vec<String> {
    list(value).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Whether a statement is about an action, or about everything that a pattern matches.
fn is_about(statement: &Value, action: &str) -> bool {
    match texts(&statement["NotAction"]) {
        but if but.is_empty() => texts(&statement["Action"]).iter().any(|pattern| matches(pattern, action)),
        // A pattern could meet what is left out.
        but => !action.contains(['*', '?']) && !but.iter().any(|pattern| matches(pattern, action)),
    }
}

/// Whether a statement adds nothing to what the existing policy allows.
fn is_within(statement: &Value, new: &Value, existing: &Value) -> bool {
    if statement["Effect"] == "Deny" {
        return true;
    }
    let statements = list(&existing["Statement"]);
    let same = |one: &Value, name: &str| {
        let (mut one, mut other) = (texts(&one[name]), texts(&statement[name]));
        one.sort();
        other.sort();
        one == other
    };
    let allows = |one: &Value, action: &str| {
        let everywhere = texts(&one["Resource"]) == ["*"];
        one["Effect"] == "Allow"
            && is_about(one, action)
            && (everywhere || (same(one, "Resource") && same(one, "NotResource")))
            && (one["Condition"].is_null() || one["Condition"] == statement["Condition"])
    };
    // A Deny of today must be there as it was.
    let kept = |one: &Value, action: &str| {
        one["Effect"] != "Deny"
            || !is_about(one, action)
            || list(&new["Statement"]).iter().any(|other| {
                let members = ["Action", "NotAction", "Resource", "NotResource", "Condition"];
                other["Effect"] == "Deny" && members.iter().all(|name| other[name] == one[name])
            })
    };
    let actions = texts(&statement["Action"]);
    !actions.is_empty()
        && actions.iter().all(|action| {
            statements.iter().any(|one| allows(one, action)) && statements.iter().all(|one| kept(one, action))
        })
}
