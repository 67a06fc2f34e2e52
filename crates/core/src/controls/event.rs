//! Payload of the function `control-keeper` to request: the only place that knows the shapes of its events.
//!
//! Strict with what people and templates write, tolerant with what Control Tower sends: its events vary and grow.

use serde_json::{Map, Value};

use crate::{
    event::{kind, names, quote, shorten, unknown},
    ids,
};

/// What a payload asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Read what is, and send what may be sent now.
    Step {
        /// Ids of OUs, each with every OU below it; empty for all.
        ous: Vec<String>,
        dry_run: bool,
    },
    /// Nothing is to be done, and that is not an error.
    Ignore { reason: String },
}

const EXPECTED: &str = "expected {\"controls\": {}, \"dryRun\": <true or false>}, {\"controls\": {\"ou\": \"<ou-...>\"}}, or an \
     EventBridge event from aws.controltower (RegisterOrganizationalUnit, SetupLandingZone, UpdateLandingZone, \
     DisableControl, DisableGuardrail or Drift Detected)";

/// Reads a payload. The error says what was expected and what came.
pub fn parse(payload: &Value) -> Result<Request, String> {
    let Value::Object(fields) = payload else {
        return Err(format!("{EXPECTED}; got {}", kind(payload)));
    };
    if ["detail", "detail-type", "source"].iter().any(|name| fields.contains_key(*name)) {
        of_event(fields)
    } else if fields.contains_key("controls") {
        by_hand(fields)
    } else if fields.is_empty() {
        Err(format!("{EXPECTED}; got an empty object"))
    } else {
        Err(format!("{EXPECTED}; got an object with {}", names(fields)))
    }
}

fn by_hand(fields: &Map<String, Value>) -> Result<Request, String> {
    let mut faults = unknown(fields, &["controls", "dryRun"]);
    let mut ous = Vec::new();
    match fields.get("controls") {
        Some(Value::Object(controls)) => {
            faults.extend(unknown(controls, &["ou"]));
            match controls.get("ou") {
                None | Some(Value::Null) => {}
                Some(Value::String(id)) if ids::is_organizational_unit_id(id) => ous.push(id.clone()),
                Some(other) => {
                    faults.push(format!("controls.ou must be the id of an OU, got {}", quote(other)));
                }
            }
        }
        other => faults.push(format!("controls must be an object, got {}", other.map_or("nothing", kind))),
    }
    let dry_run = match fields.get("dryRun") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(dry_run)) => *dry_run,
        Some(other) => {
            faults.push(format!("dryRun must be true or false, got {}", quote(other)));
            false
        }
    };
    if faults.is_empty() {
        Ok(Request::Step { ous, dry_run })
    } else {
        Err(format!("{EXPECTED}; {}", faults.join("; ")))
    }
}

fn of_event(event: &Map<String, Value>) -> Result<Request, String> {
    match event.get("source") {
        None | Some(Value::Null) => {}
        Some(Value::String(source)) if source == "aws.controltower" => {}
        Some(other) => return Err(format!("{EXPECTED}; got an event whose source is {}", quote(other))),
    }
    let Some(Value::Object(detail)) = event.get("detail") else {
        let came = event.get("detail").map_or("missing", kind);
        return Err(format!("{EXPECTED}; got an event whose detail is {came}"));
    };
    let detail_type = event.get("detail-type").and_then(Value::as_str).unwrap_or_default();
    if detail_type == "Drift Detected" || text(detail, &["driftType", "DriftType"]).is_some() {
        return drift(detail);
    }
    let name = match detail.get("eventName") {
        Some(Value::String(name)) if !name.is_empty() => name.as_str(),
        other => {
            let came = other.map_or("missing", kind);
            return Err(format!("{EXPECTED}; got an event whose detail.eventName is {came}"));
        }
    };
    // The API call that starts the work has the same name as the event that ends it.
    if detail.get("eventType").and_then(Value::as_str) == Some("AwsApiCall")
        || detail_type == "AWS API Call via CloudTrail"
    {
        return ignore(format!(
            "this is the record of the {} API call, which only starts the work; the event of the same name follows",
            shorten(name)
        ));
    }
    match name {
        "RegisterOrganizationalUnit"
        | "SetupLandingZone"
        | "UpdateLandingZone"
        | "DisableControl"
        | "DisableGuardrail" => {}
        "EnableControl" | "EnableGuardrail" | "UpdateEnabledControl" | "ResetEnabledControl" => {
            return ignore(format!("{name} is what this function itself brings about"));
        }
        other => return ignore(format!("{} says nothing about controls of an OU", shorten(other))),
    }
    let status = status(name, detail)?;
    let place = format!("the status of a {name} event");
    match status.get("state") {
        Some(Value::String(state)) if state == "SUCCEEDED" => {}
        Some(Value::String(state)) => {
            let said = match status.get("message").and_then(Value::as_str) {
                Some(message) if !message.is_empty() => format!("; Control Tower says: {}", shorten(message)),
                _ => String::new(),
            };
            return ignore(format!("{name} ended in state {}, not SUCCEEDED{said}", shorten(state)));
        }
        other => {
            let came = other.map_or("missing".into(), quote);
            return Err(format!("expected state SUCCEEDED or FAILED in {place}; it is {came}"));
        }
    }
    let named = |unit: &Value| {
        let id = unit.get("organizationalUnitId").and_then(Value::as_str);
        id.filter(|id| ids::is_organizational_unit_id(id)).map(str::to_owned)
    };
    let ous: Vec<String> = match name {
        "SetupLandingZone" | "UpdateLandingZone" => {
            return Ok(Request::Step { ous: Vec::new(), dry_run: false });
        }
        "RegisterOrganizationalUnit" => {
            status.get("organizationalUnit").and_then(named).into_iter().collect()
        }
        "DisableGuardrail" => {
            let units = status.get("organizationalUnits").and_then(Value::as_array);
            units.into_iter().flatten().filter_map(named).collect()
        }
        _ => {
            let target = status.get("targetIdentifier").and_then(Value::as_str).unwrap_or_default();
            if is_account(target) {
                return ignore(format!("this {name} is about the account {}", ids::last_part(target)));
            }
            unit(target).into_iter().collect()
        }
    };
    // "Not Available" was seen in the place of ids. If no OU is known, all are looked at.
    Ok(Request::Step { ous, dry_run: false })
}

/// Returns the status in an event: Control Tower names it after the event.
fn status<'e>(name: &str, detail: &'e Map<String, Value>) -> Result<&'e Map<String, Value>, String> {
    let mut key: String = name.chars().take(1).map(|first| first.to_ascii_lowercase()).collect();
    key.extend(name.chars().skip(1));
    key += "Status";
    let place = format!("detail.serviceEventDetails.{key}");
    match detail.get("serviceEventDetails").and_then(|details| details.get(&key)) {
        Some(Value::Object(status)) => Ok(status),
        other => Err(format!("expected {place} in a {name} event; it is {}", other.map_or("missing", kind))),
    }
}

/// Reads a notice of drift. Landing zones before version 4.0 sent them with capitals.
fn drift(detail: &Map<String, Value>) -> Result<Request, String> {
    let drift = text(detail, &["driftType", "DriftType"]).unwrap_or("drift");
    let named = text(detail, &["organizationalUnitId", "OrganizationalUnitId"]);
    let target = text(detail, &["targetIdentifier", "TargetIdentifier"]);
    let account = text(detail, &["accountId", "AccountId", "ManagedAccountId"]);
    if let Some(id) = named.filter(|id| ids::is_organizational_unit_id(id)) {
        return Ok(Request::Step { ous: vec![id.to_owned()], dry_run: false });
    }
    if let Some(id) = target.and_then(unit) {
        return Ok(Request::Step { ous: vec![id], dry_run: false });
    }
    if target.is_some_and(is_account) || account.is_some() || drift.starts_with("ACCOUNT_") {
        return ignore(format!("this {} is about an account, not about an OU", shorten(drift)));
    }
    Ok(Request::Step { ous: Vec::new(), dry_run: false })
}

fn text<'e>(fields: &'e Map<String, Value>, names: &[&str]) -> Option<&'e str> {
    names.iter().find_map(|name| fields.get(*name).and_then(Value::as_str)).filter(|text| !text.is_empty())
}

/// Returns the id of the OU that an ARN or an id names.
fn unit(target: &str) -> Option<String> {
    let last = ids::last_part(target);
    ids::is_organizational_unit_id(last).then(|| last.to_owned())
}

fn is_account(target: &str) -> bool {
    ids::is_account_id(ids::last_part(target))
}

fn ignore(reason: String) -> Result<Request, String> {
    Ok(Request::Ignore { reason })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn step(ous: &[&str]) -> Result<Request, String> {
        Ok(Request::Step { ous: ous.iter().map(|ou| (*ou).to_owned()).collect(), dry_run: false })
    }

    #[test]
    fn payloads_by_hand_are_read_strictly() {
        let good = [
            (json!({ "controls": {} }), vec![], false),
            (json!({ "controls": { "ou": "ou-ab12-33333333" } }), vec!["ou-ab12-33333333".to_owned()], false),
            (json!({ "controls": {}, "dryRun": true }), vec![], true),
            (json!({ "controls": { "ou": null }, "dryRun": null }), vec![], false),
        ];
        for (payload, ous, dry_run) in good {
            assert_eq!(parse(&payload), Ok(Request::Step { ous, dry_run }), "{payload}");
        }
        let bad = [
            (json!({ "controls": true }), "controls must be an object"),
            (json!({ "controls": { "ou": "r-ab12" } }), "controls.ou must be the id of an OU"),
            (json!({ "controls": { "ous": [] } }), "ous is not a field"),
            (json!({ "controls": {}, "dryrun": true }), "dryrun is not a field"),
            (json!({ "controls": {}, "dryRun": "true" }), "dryRun must be true or false"),
            (json!({ "accountId": "111122223333" }), "an object with the fields accountId"),
            (json!({}), "an empty object"),
            (json!(7), "a number"),
            (json!({ "source": "aws.s3", "detail": {} }), "whose source is \"aws.s3\""),
        ];
        for (payload, expected) in bad {
            let error = parse(&payload).unwrap_err();
            assert!(error.contains(expected), "{payload}: {error}");
        }
    }

    fn event(name: &str, key: &str, status: Value) -> Value {
        json!({ "source": "aws.controltower", "detail-type": "AWS Service Event via CloudTrail",
            "detail": { "eventName": name, "serviceEventDetails": { key: status } } })
    }

    #[test]
    fn events_name_the_ous_that_are_looked_at() {
        let register: Value =
            serde_json::from_str(include_str!("../../../../events/register-ou.json")).unwrap();
        assert_eq!(parse(&register), step(&["ou-ab12-55555555"]));
        let update: Value =
            serde_json::from_str(include_str!("../../../../events/update-landing-zone.json")).unwrap();
        assert_eq!(parse(&update), step(&[]));
        let target = "arn:aws:organizations::1:ou/o-1/ou-ab12-33333333";
        let disabled = |target: &str| {
            let status = json!({ "state": "SUCCEEDED", "targetIdentifier": target });
            event("DisableControl", "disableControlStatus", status)
        };
        assert_eq!(parse(&disabled(target)), step(&["ou-ab12-33333333"]));
        let units = json!([{ "organizationalUnitId": "ou-ab12-33333333" }, { "organizationalUnitId": "ou-ab12-44444444" }]);
        let guardrail = event(
            "DisableGuardrail",
            "disableGuardrailStatus",
            json!({ "state": "SUCCEEDED", "organizationalUnits": units }),
        );
        assert_eq!(parse(&guardrail), step(&["ou-ab12-33333333", "ou-ab12-44444444"]));
        let drift = |detail: Value| json!({ "source": "aws.controltower", "detail-type": "Drift Detected", "detail": detail });
        let cases = [
            (
                json!({ "driftType": "SCP_UPDATED", "organizationalUnitId": "ou-ab12-33333333" }),
                "ou-ab12-33333333",
            ),
            (
                json!({ "DriftType": "SCP_UPDATED", "OrganizationalUnitId": "ou-ab12-33333333" }),
                "ou-ab12-33333333",
            ),
            (json!({ "driftType": "CONTROL_INEFFECTIVE", "targetIdentifier": target }), "ou-ab12-33333333"),
        ];
        for (detail, ou) in cases {
            assert_eq!(parse(&drift(detail.clone())), step(&[ou]), "{detail}");
        }
        assert_eq!(parse(&drift(json!({ "driftType": "LANDING_ZONE" }))), step(&[]));
    }

    #[test]
    fn what_asks_for_nothing_is_ignored_with_a_reason() {
        let register = |state: &str| {
            let status = json!({ "state": state, "message": "no" });
            event("RegisterOrganizationalUnit", "registerOrganizationalUnitStatus", status)
        };
        let account = "arn:aws:organizations::1:account/o-1/111122223333";
        let mut call = register("SUCCEEDED");
        call["detail"]["eventType"] = json!("AwsApiCall");
        let drift = |detail: Value| json!({ "source": "aws.controltower", "detail-type": "Drift Detected", "detail": detail });
        let cases = [
            (register("FAILED"), "ended in state FAILED, not SUCCEEDED; Control Tower says: no"),
            (call, "API call"),
            (event("EnableControl", "enableControlStatus", json!({})), "itself brings about"),
            (event("EnableGuardrail", "enableGuardrailStatus", json!({})), "itself brings about"),
            (
                event("CreateManagedAccount", "createManagedAccountStatus", json!({})),
                "says nothing about controls",
            ),
            (
                event(
                    "DisableControl",
                    "disableControlStatus",
                    json!({ "state": "SUCCEEDED", "targetIdentifier": account }),
                ),
                "about the account 111122223333",
            ),
            (
                drift(json!({ "driftType": "CONTROL_INEFFECTIVE", "targetIdentifier": account })),
                "about an account",
            ),
            (
                drift(json!({ "driftType": "ACCOUNT_MOVED_BETWEEN_OUS", "accountId": "1" })),
                "about an account",
            ),
        ];
        for (payload, expected) in cases {
            match parse(&payload) {
                Ok(Request::Ignore { reason }) => assert!(reason.contains(expected), "{payload}: {reason}"),
                other => panic!("{payload}: {other:?}"),
            }
        }
        let broken = event("RegisterOrganizationalUnit", "registerStatus", json!({}));
        assert!(parse(&broken).unwrap_err().contains("serviceEventDetails.registerOrganizationalUnitStatus"));
    }
}
