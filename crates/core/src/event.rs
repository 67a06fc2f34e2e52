//! Payload to request: the only place that knows the shapes of events.
//!
//! Reads what it needs and tolerates the rest, because Control Tower's events vary and grow. It never
//! trusts an event's message text, and never takes an account's place from an event: both go stale.

mod baseline;
mod part;
mod place;

use serde_json::{Map, Value};
use time::{OffsetDateTime, format_description::well_known::Rfc3339, macros::format_description};

pub use self::{
    part::{After, Counts},
    place::Place,
};
use crate::ids::{self, AccountId};

/// What a payload asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Make the account have the assignments that the table says.
    Ensure(Ensure),
    /// Find the accounts that lack assignments.
    Survey {
        /// Only accounts in this OU, or root, and below.
        below: Option<String>,
        /// Only accounts whose ids come after this one: an earlier survey ended there.
        after: Option<AccountId>,
    },
    /// Count what no row explains.
    Unexplained {
        /// Where the part before ended; the first part has none.
        after: Option<After>,
        /// What the parts before have counted.
        before: Counts,
    },
    /// Nothing is to be done, and that is not an error.
    Ignore {
        reason: String,
        /// Control Tower could not vend the account: nothing for this function to do, but somebody wants to know.
        failed_vending: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ensure {
    pub account: AccountId,
    pub dry_run: bool,
    /// The account that delivered the lifecycle event. Control Tower delivers in the management account.
    pub management: Option<AccountId>,
    /// When Control Tower said that the account was ready.
    pub vended_at: Option<OffsetDateTime>,
    /// Where the event says that the account was put.
    pub place: Option<Place>,
}

const EXPECTED: &str = "expected an EventBridge event from aws.controltower (CreateManagedAccount, \
     UpdateManagedAccount, EnableBaseline, UpdateEnabledBaseline or ResetEnabledBaseline) or aws.organizations \
     (MoveAccount), or {\"accountId\": \"<12 digits>\", \"dryRun\": <true or false>}, or {\"survey\": true, \
     \"ou\": \"<ou-... or r-...>\", \"after\": \"<12 digits>\"}, or {\"unexplained\": true}";

/// Longest text of an event's own that is repeated in an answer, in characters.
const QUOTE_LENGTH: usize = 200;

/// Reads a payload. The error says what was expected and what came.
pub fn parse(payload: &Value) -> Result<Request, String> {
    let Value::Object(fields) = payload else {
        return Err(format!("{EXPECTED}; got {}", kind(payload)));
    };
    let lifecycle = ["detail", "detail-type", "source"];
    if lifecycle.iter().any(|name| fields.contains_key(*name)) {
        lifecycle_event(fields)
    } else if fields.contains_key("survey") {
        survey(fields)
    } else if fields.contains_key("unexplained") {
        unexplained(fields)
    } else if fields.contains_key("accountId") {
        by_hand(fields)
    } else if fields.is_empty() {
        Err(format!("{EXPECTED}; got an empty object"))
    } else {
        Err(format!("{EXPECTED}; got an object with {}", names(fields)))
    }
}

/// Reads a payload written by hand. It is strict, unlike for a lifecycle event: a misspelt `dryRun` must not create
/// anything.
fn by_hand(fields: &Map<String, Value>) -> Result<Request, String> {
    let mut faults = Vec::new();
    let account = match fields.get("accountId") {
        Some(Value::String(text)) => AccountId::parse(text),
        _ => None,
    };
    if account.is_none() {
        let came = fields.get("accountId").map_or("nothing".into(), quote);
        faults.push(format!("accountId must be a string of 12 digits, got {came}"));
    }
    let dry_run = match fields.get("dryRun") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(dry_run)) => *dry_run,
        Some(other) => {
            faults.push(format!("dryRun must be true or false, got {}", quote(other)));
            false
        }
    };
    faults.extend(unknown(fields, &["accountId", "dryRun"]));
    match account {
        Some(account) if faults.is_empty() => {
            Ok(Request::Ensure(Ensure { account, dry_run, management: None, vended_at: None, place: None }))
        }
        _ => Err(format!("{EXPECTED}; {}", faults.join("; "))),
    }
}

/// Reads a request for a survey, just as strictly.
fn survey(fields: &Map<String, Value>) -> Result<Request, String> {
    let mut faults = Vec::new();
    if fields.get("survey") != Some(&Value::Bool(true)) {
        faults.push(format!(
            "survey must be true, got {}",
            fields.get("survey").map_or("nothing".into(), quote)
        ));
    }
    let below = match fields.get("ou") {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) if ids::is_organizational_unit_id(id) || ids::is_root_id(id) => {
            Some(id.clone())
        }
        // The events of a baseline have no id.
        Some(Value::String(arn)) if ids::is_organizational_unit_arn(arn) => {
            ids::organizational_unit_of_arn(arn).map(str::to_owned)
        }
        Some(other) => {
            faults.push(format!(
                "ou must be the id of an OU or root, or the ARN of an OU, got {}",
                quote(other)
            ));
            None
        }
    };
    let after = match fields.get("after") {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) if AccountId::parse(id).is_some() => AccountId::parse(id),
        Some(other) => {
            faults.push(format!("after must be the id of an account, got {}", quote(other)));
            None
        }
    };
    faults.extend(unknown(fields, &["survey", "ou", "after"]));
    if faults.is_empty() {
        Ok(Request::Survey { below, after })
    } else {
        Err(format!("{EXPECTED}; {}", faults.join("; ")))
    }
}

/// Reads a request to count what no row explains, as strictly. Its next parts are written by the answers.
fn unexplained(fields: &Map<String, Value>) -> Result<Request, String> {
    let mut faults = Vec::new();
    if fields.get("unexplained") != Some(&Value::Bool(true)) {
        let came = fields.get("unexplained").map_or("nothing".into(), quote);
        faults.push(format!("unexplained must be true, got {came}"));
    }
    let after = field(fields, "after", &mut faults);
    let before: Option<Counts> = field(fields, "counts", &mut faults);
    faults.extend(unknown(fields, &["unexplained", "after", "counts"]));
    if faults.is_empty() {
        Ok(Request::Unexplained { after, before: before.unwrap_or_default() })
    } else {
        Err(format!("{EXPECTED}; {}", faults.join("; ")))
    }
}

fn field<T: serde::de::DeserializeOwned>(
    fields: &Map<String, Value>,
    name: &str,
    faults: &mut Vec<String>,
) -> Option<T> {
    let value = fields.get(name).filter(|value| !value.is_null())?;
    let read = T::deserialize(value);
    read.map_err(|error| faults.push(format!("{name} must be as an answer gives it: {error}"))).ok()
}

pub(crate) fn unknown(fields: &Map<String, Value>, known: &[&str]) -> Vec<String> {
    let names = fields.keys().filter(|name| !known.contains(&name.as_str()));
    names.map(|name| format!("{} is not a field of this request", shorten(name))).collect()
}

fn lifecycle_event(event: &Map<String, Value>) -> Result<Request, String> {
    let organizations = match event.get("source") {
        None | Some(Value::Null) => false,
        Some(Value::String(source)) if source == "aws.controltower" => false,
        Some(Value::String(source)) if source == "aws.organizations" => true,
        Some(other) => return Err(format!("{EXPECTED}; got an event whose source is {}", quote(other))),
    };
    let detail = match event.get("detail") {
        Some(Value::Object(detail)) => detail,
        other => {
            return Err(format!(
                "{EXPECTED}; got an event whose detail is {}",
                other.map_or("missing", kind)
            ));
        }
    };
    let name = match detail.get("eventName") {
        Some(Value::String(name)) if !name.is_empty() => name.as_str(),
        other => {
            return Err(format!(
                "{EXPECTED}; got an event whose detail.eventName is {}",
                other.map_or("missing", kind)
            ));
        }
    };
    if organizations {
        return moved_account(name, detail, happened_at(event));
    }
    // The API call that starts the work has the same name as the event that ends it.
    if detail.get("eventType").and_then(Value::as_str) == Some("AwsApiCall")
        || event.get("detail-type").and_then(Value::as_str) == Some("AWS API Call via CloudTrail")
    {
        return Ok(ignore(format!(
            "this is the record of the {} API call, which only starts the work; the lifecycle event of the same \
             name follows when the work is done",
            shorten(name)
        )));
    }
    let key = match name {
        "CreateManagedAccount" => "createManagedAccountStatus",
        "UpdateManagedAccount" => "updateManagedAccountStatus",
        other => {
            if let Some(key) = baseline::key(other) {
                let (place, status) = status_of(name, key, detail)?;
                return baseline::read(name, &place, status, event);
            }
            return Ok(ignore(format!(
                "{} is not an event that vends or updates an account",
                shorten(other)
            )));
        }
    };
    let (place, status) = status_of(name, key, detail)?;
    let account = status.get("account").and_then(|account| account.get("accountId"));
    match status.get("state") {
        Some(Value::String(state)) if state == "SUCCEEDED" => {}
        Some(Value::String(state)) => {
            let account = account.and_then(Value::as_str).and_then(AccountId::parse);
            let what = account.map_or("an account without an id".to_owned(), |id| format!("account {id}"));
            return Ok(not_succeeded(name, state, &what, status, true));
        }
        other => {
            return Err(format!(
                "expected {place}.state to be SUCCEEDED or FAILED; it is {}",
                other.map_or("missing".into(), quote)
            ));
        }
    }
    let Some(account) = account.and_then(Value::as_str).and_then(AccountId::parse) else {
        return Err(format!(
            "expected 12 digits in {place}.account.accountId of a {name} event that SUCCEEDED; got {}. Find the \
             account's id in Control Tower and invoke the function with {{\"accountId\": \"...\"}}",
            account.map_or("nothing".into(), quote)
        ));
    };
    let unit = status.get("organizationalUnit").and_then(|unit| unit.get("organizationalUnitId"));
    Ok(Request::Ensure(Ensure {
        account,
        dry_run: false,
        management: management(event),
        vended_at: completed(status, event),
        place: Place::read(unit, happened_at(event)),
    }))
}

/// Returns where a lifecycle event of this name has its details, and the details.
fn status_of<'a>(
    name: &str,
    key: &str,
    detail: &'a Map<String, Value>,
) -> Result<(String, &'a Map<String, Value>), String> {
    let place = format!("detail.serviceEventDetails.{key}");
    match detail.get("serviceEventDetails").and_then(|details| details.get(key)) {
        Some(Value::Object(status)) => Ok((place, status)),
        other => Err(format!("expected {place} in a {name} event; it is {}", other.map_or("missing", kind))),
    }
}

/// Returns the account that delivered the event.
fn management(event: &Map<String, Value>) -> Option<AccountId> {
    event.get("account").and_then(Value::as_str).and_then(AccountId::parse)
}

/// Returns when Control Tower was done.
fn completed(status: &Map<String, Value>, event: &Map<String, Value>) -> Option<OffsetDateTime> {
    time_of(status.get("completedTimestamp")).or_else(|| time_of(event.get("time")))
}

/// Returns when it happened. The event may come minutes later.
fn happened_at(event: &Map<String, Value>) -> Option<OffsetDateTime> {
    let detail = event.get("detail").and_then(|detail| detail.get("eventTime"));
    time_of(detail).or_else(|| time_of(event.get("time")))
}

fn time_of(value: Option<&Value>) -> Option<OffsetDateTime> {
    value.and_then(Value::as_str).and_then(timestamp)
}

/// Reads CloudTrail's record of a call to AWS Organizations. Control Tower's automatic enrollment follows MoveAccount
/// and sends no lifecycle event of its own.
fn moved_account(
    name: &str,
    detail: &Map<String, Value>,
    at: Option<OffsetDateTime>,
) -> Result<Request, String> {
    if name != "MoveAccount" {
        return Ok(ignore(format!("{} is not a call that moves an account", shorten(name))));
    }
    if let Some(code) = detail.get("errorCode").filter(|code| !code.is_null()) {
        return Ok(ignore(format!(
            "this MoveAccount was refused with {}, so nothing was moved",
            quote(code)
        )));
    }
    if moved_by_control_tower(detail) {
        return Ok(ignore(
            "Control Tower itself moved this account; its own event follows when its work is done".to_owned(),
        ));
    }
    let parameter = |name| detail.get("requestParameters").and_then(|parameters| parameters.get(name));
    let account = parameter("accountId");
    let Some(account) = account.and_then(Value::as_str).and_then(AccountId::parse) else {
        return Err(format!(
            "expected 12 digits in detail.requestParameters.accountId of a MoveAccount event; got {}",
            account.map_or("nothing".into(), quote)
        ));
    };
    let place = Place::read(parameter("destinationParentId"), at);
    Ok(Request::Ensure(Ensure { account, dry_run: false, management: None, vended_at: None, place }))
}

/// Returns whether Control Tower made the call, as it does while it vends, enrolls or updates an account. CloudTrail
/// writes a service that acts for somebody into these fields; no caller can set them. The rules of the templates look at
/// the first two as well, so that such an event rarely comes.
fn moved_by_control_tower(detail: &Map<String, Value>) -> bool {
    const SERVICE: &str = "controltower.amazonaws.com";
    let identity = |name: &str| detail.get("userIdentity").and_then(|identity| identity.get(name));
    let role = identity("arn").and_then(Value::as_str).unwrap_or_default();
    identity("invokedBy").and_then(Value::as_str) == Some(SERVICE)
        || detail.get("sourceIPAddress").and_then(Value::as_str) == Some(SERVICE)
        || role.contains(":assumed-role/AWSControlTowerAdmin/")
}

fn not_succeeded(
    name: &str,
    state: &str,
    what: &str,
    status: &Map<String, Value>,
    of_account: bool,
) -> Request {
    let said = match status.get("message").and_then(Value::as_str) {
        Some(message) if !message.is_empty() => format!("; Control Tower says: {}", shorten(message)),
        _ => String::new(),
    };
    Request::Ignore {
        reason: format!("{name} of {what} ended in state {}, not SUCCEEDED{said}", shorten(state)),
        failed_vending: of_account && state == "FAILED",
    }
}

fn ignore(reason: String) -> Request {
    Request::Ignore { reason, failed_vending: false }
}

/// Reads a time. Control Tower writes `2019-11-15T11:45:18+0000`, which is not RFC 3339; its guide also shows `...Z`.
fn timestamp(text: &str) -> Option<OffsetDateTime> {
    const NO_COLON: &[time::format_description::BorrowedFormatItem<'_>] = format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second][offset_hour sign:mandatory][offset_minute]"
    );
    OffsetDateTime::parse(text, &Rfc3339).or_else(|_| OffsetDateTime::parse(text, NO_COLON)).ok()
}

pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Returns a value as it came, if it is short enough to repeat.
pub(crate) fn quote(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{:?}", shorten(text)),
        Value::Number(number) => format!("the number {number}"),
        Value::Bool(answer) => answer.to_string(),
        other => kind(other).to_owned(),
    }
}

pub(crate) fn names(fields: &Map<String, Value>) -> String {
    let shown: Vec<_> = fields.keys().take(8).map(|name| shorten(name)).collect();
    let rest = fields.len() - shown.len();
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("the fields {}{more}", shown.join(", "))
}

pub(crate) fn shorten(text: &str) -> String {
    let mut characters = text.chars();
    let mut short: String = characters.by_ref().take(QUOTE_LENGTH).collect();
    if characters.next().is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests;
