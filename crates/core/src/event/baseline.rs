//! The events of Control Tower's baselines. A baseline on an account enrolls or updates it; one on an OU registers it.
//!
//! The baseline itself is not looked at: its identifier is opaque, new baselines come with new landing zones, and an
//! account that has everything costs a few requests. The event of an account asks for that account. The event of an OU
//! asks for nothing here, because a rule of the template starts the backfill of that OU.

use serde_json::{Map, Value};

use super::{Ensure, Request, completed, ignore, kind, management, not_succeeded, quote};
use crate::ids::{self, AccountId};

/// Returns where an event of this name has its details. DisableBaseline is not among them: it gives nobody anything.
pub(super) fn key(name: &str) -> Option<&'static str> {
    match name {
        "EnableBaseline" => Some("enableBaselineStatus"),
        "ResetEnabledBaseline" => Some("resetEnabledBaselineStatus"),
        "UpdateEnabledBaseline" => Some("updateEnabledBaselineStatus"),
        _ => None,
    }
}

/// What a baseline was put on.
#[derive(Debug, PartialEq, Eq)]
enum Target {
    Account(AccountId),
    /// An OU by its ARN, as the rules of the template know it.
    Unit(String),
    Other,
}

impl Target {
    fn read(value: Option<&Value>) -> Target {
        let text = value.and_then(Value::as_str).unwrap_or_default();
        if let Some(account) = AccountId::parse(text).or_else(|| ids::account_of_arn(text)) {
            return Target::Account(account);
        }
        ids::organizational_unit_of_arn(text).map_or(Target::Other, |unit| Target::Unit(unit.to_owned()))
    }
}

/// Reads the event. `status` is what it has at `place`.
pub(super) fn read(
    name: &str,
    place: &str,
    status: &Map<String, Value>,
    event: &Map<String, Value>,
) -> Result<Request, String> {
    let details = status.get("enabledBaselineDetails").and_then(Value::as_object);
    let summary = details.and_then(|details| details.get("statusSummary")?.get("status"));
    // Every other event of Control Tower has its state and what it is about right here. Should these come to it, an
    // account is found as well.
    let named = details.unwrap_or(status).get("targetIdentifier");
    let target = Target::read(named);
    let state = match summary.or_else(|| status.get("state")) {
        Some(Value::String(state)) => state.as_str(),
        other => {
            return Err(format!(
                "expected {place}.enabledBaselineDetails.statusSummary.status of a {name} event to be SUCCEEDED or \
                 FAILED; it is {}",
                other.map_or("missing", kind)
            ));
        }
    };
    if state != "SUCCEEDED" {
        let what = match &target {
            Target::Account(account) => format!("account {account}"),
            Target::Unit(unit) => format!("the OU {unit}"),
            Target::Other => "something without an id".to_owned(),
        };
        return Ok(not_succeeded(name, state, &what, status, !matches!(target, Target::Unit(_))));
    }
    match target {
        Target::Account(account) => Ok(Request::Ensure(Ensure {
            account,
            dry_run: false,
            management: management(event),
            vended_at: completed(status, event),
            // The event names none.
            place: None,
        })),
        // Where the rule looks.
        Target::Unit(unit) if summary.is_some() => Ok(ignore(format!(
            "{name} was for the OU {unit}; a rule starts the backfill for the accounts in it"
        ))),
        Target::Unit(unit) => Err(unexpected(name, place, named, &unit)),
        Target::Other => Err(unexpected(name, place, named, "ou-...")),
    }
}

fn unexpected(name: &str, place: &str, named: Option<&Value>, ou: &str) -> String {
    format!(
        "expected the ARN of an account or an OU in {place}.enabledBaselineDetails.targetIdentifier of a {name} event \
         that SUCCEEDED; got {}. Find in Control Tower what it was for. For an account, invoke the function with \
         {{\"accountId\": \"...\"}}. For an OU, start the state machine with {{\"ou\": \"{ou}\"}}",
        named.map_or("nothing".into(), quote)
    )
}
