//! The operations of AWS Control Tower on controls and on the landing zone. Operations run over time: they are accepted
//! here and settle in [`crate::enablement`].

use crate::enablement::{
    EnabledControl, EnablementStatus, Operation as Running, OperationType, Order, Parameters,
};
use crate::fault::Fate;
use crate::identifier::{ControlTowerArn, RequestId};
use crate::landing_zone::{Control, LandingZoneStatus};
use crate::services::{Answer, Operation, Problem, Refusal, Request, Service, SignedIn};
use crate::state::State;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

pub(crate) static SERVICE: Service = Service {
    target_prefix: "/",
    signing_name: "controltower",
    signed_in: SignedIn::RegionOfTheInstance,
    requests_per_second: |settings| settings.control_tower_requests_per_second,
    error: own_error,
    operations: &[
        Operation::single("EnableControl", enable_control),
        Operation::single("DisableControl", disable_control),
        Operation::single("UpdateEnabledControl", update_enabled_control),
        Operation::single("ResetEnabledControl", reset_enabled_control),
        Operation::single("GetEnabledControl", get_enabled_control),
        Operation::single("GetControlOperation", get_control_operation),
        Operation::paged("ListEnabledControls", 200, list_enabled_controls),
        Operation::paged("ListControlOperations", 100, list_control_operations),
        Operation::paged("ListLandingZones", 1, list_landing_zones),
        Operation::single("GetLandingZone", get_landing_zone),
    ],
};

fn own_error(problem: Problem) -> (u16, &'static str) {
    match problem {
        Problem::AccessDenied => (403, "AccessDeniedException"),
        Problem::Conflict => (409, "ConflictException"),
        Problem::Internal => (500, "InternalServerException"),
        Problem::Invalid => (400, "ValidationException"),
        Problem::NotFound => (404, "ResourceNotFoundException"),
        Problem::Throttled => (429, "ThrottlingException"),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameter {
    key: String,
    value: Value,
}

fn enable_control(state: &mut State, request: &Request) -> Answer {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Members {
        control_identifier: ControlTowerArn,
        target_identifier: ControlTowerArn,
        #[serde(default)]
        parameters: Vec<Parameter>,
        #[serde(default, rename = "tags")]
        _tags: std::collections::BTreeMap<String, String>,
    }
    let members: Members = request.members()?;
    let (control, target) = (members.control_identifier.to_string(), members.target_identifier.to_string());
    let unit = unit(state, request, &target)?;
    let zone = &state.world.organization.landing_zone;
    let found =
        zone.control(&control).ok_or_else(|| request.missing(format_args!("the control {control}")))?;
    let found = found.clone();
    let invalid = |why: &str| request.refuse(Problem::Invalid, why);
    if found.mandatory {
        return Err(invalid("Mandatory controls cannot be changed"));
    }
    if zone.is_old() {
        if zone.registered.as_ref().is_some_and(|registered| !registered.contains(&unit)) {
            return Err(
                request.missing(format_args!("{target} is not registered with AWS Control Tower, so it"))
            );
        }
        let is_security = state.world.unit(&unit).is_some_and(|unit| unit.name == zone.security_unit);
        let taken =
            ["SERVICE_CONTROL_POLICY", "ConfigRule"].iter().any(|kind| found.implementation.ends_with(kind));
        if is_security && !taken {
            return Err(invalid("This control cannot be enabled on the Security OU"));
        }
    }
    if state.enablement.enabled().any(|one| one.target == target && one.drifted) {
        return Err(invalid("The organizational unit is drifted"));
    }
    let before = state.enablement.on(&target, &found.id).cloned();
    if before.as_ref().is_some_and(|one| one.status == EnablementStatus::Succeeded) {
        return Err(invalid("The control is already enabled on this target"));
    }
    let mut above: Vec<String> = vec![target.clone()];
    above.extend(units_above(state, &unit));
    let excluded = state
        .enablement
        .enabled()
        .find(|one| above.contains(&one.target) && zone_excludes(state, &one.control_id, &found.id));
    if let Some(other) = excluded {
        return Err(invalid(&format!("The control excludes {}", other.control)));
    }
    let parameters = parameters(request, &found, members.parameters)?;
    for (name, _) in found.parameters().filter(|(_, required)| *required) {
        if !parameters.contains_key(name) {
            return Err(invalid(&format!("The parameter {name} is required")));
        }
    }
    if before.as_ref().is_some_and(|one| one.status == EnablementStatus::Failed && one.control != control) {
        return Err(invalid("The control is enabled by another identifier"));
    }
    let arn = match before {
        Some(before) => before.arn,
        None => {
            let organization = &state.world.organization;
            let (region, account) = (organization.region.clone(), organization.management_account_id.clone());
            let id: String = state.uuid().replace('-', "").chars().take(16).collect();
            format!("arn:aws:controltower:{region}:{account}:enabledcontrol/{}", id.to_uppercase())
        }
    };
    let failure = no_room(state, &unit, &target, &found);
    let operation = start(
        state,
        request,
        OperationType::EnableControl,
        (&control, &found.id, &target, &arn),
        Some(parameters),
        failure,
    )?;
    Ok(json!({ "operationIdentifier": operation, "arn": arn }))
}

fn zone_excludes(state: &State, one: &str, other: &str) -> bool {
    state.world.organization.landing_zone.exclude_each_other(one, other)
}

fn update_enabled_control(state: &mut State, request: &Request) -> Answer {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Members {
        enabled_control_identifier: ControlTowerArn,
        parameters: Vec<Parameter>,
    }
    let members: Members = request.members()?;
    let (enabled, control) = enabled(state, request, &members.enabled_control_identifier)?;
    let invalid = |why: &str| request.refuse(Problem::Invalid, why);
    if control.parameters.is_empty() {
        return Err(invalid("The control takes no parameters"));
    }
    if enabled.drifted {
        return Err(invalid("The enabled control is drifted"));
    }
    let parameters = parameters(request, &control, members.parameters)?;
    if enabled.status == EnablementStatus::Succeeded && given(&parameters) == given(&enabled.parameters) {
        return Err(invalid("The parameters must differ from those that are set"));
    }
    let EnabledControl { control: identifier, control_id, target, arn, .. } = enabled;
    let operation = start(
        state,
        request,
        OperationType::UpdateEnabledControl,
        (&identifier, &control_id, &target, &arn),
        Some(parameters),
        None,
    )?;
    Ok(json!({ "operationIdentifier": operation }))
}

/// Returns parameters as AWS compares them: lists as sets, empty ones not at all.
fn given(parameters: &Parameters) -> std::collections::BTreeMap<String, Vec<String>> {
    let texts = |value: &Value| match value {
        Value::Array(items) => {
            let mut texts: Vec<String> = items.iter().map(Value::to_string).collect();
            texts.sort();
            texts.dedup();
            texts
        }
        other => vec![other.to_string()],
    };
    let all = parameters.iter().map(|(key, value)| (key.clone(), texts(value)));
    all.filter(|(_, texts)| !texts.is_empty()).collect()
}

fn reset_enabled_control(state: &mut State, request: &Request) -> Answer {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Members {
        enabled_control_identifier: ControlTowerArn,
    }
    let members: Members = request.members()?;
    let (enabled, control) = enabled(state, request, &members.enabled_control_identifier)?;
    if control.policy_type() == Some("SERVICE_CONTROL_POLICY") {
        return Err(request.refuse(Problem::Invalid, "A control by SCP cannot be reset"));
    }
    let EnabledControl { control: identifier, control_id, target, arn, .. } = enabled;
    let named = (identifier.as_str(), control_id.as_str(), target.as_str(), arn.as_str());
    let operation = start(state, request, OperationType::ResetEnabledControl, named, None, None)?;
    Ok(json!({ "operationIdentifier": operation }))
}

fn disable_control(state: &mut State, request: &Request) -> Answer {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Members {
        enabled_control_identifier: Option<ControlTowerArn>,
        control_identifier: Option<ControlTowerArn>,
        target_identifier: Option<ControlTowerArn>,
    }
    let members: Members = request.members()?;
    let arn = match (
        &members.enabled_control_identifier,
        &members.control_identifier,
        &members.target_identifier,
    ) {
        (Some(arn), None, None) => arn.to_string(),
        (None, Some(control), Some(target)) => {
            let found =
                state.enablement.enabled().find(|one| one.control == **control && one.target == **target);
            found.map(|one| one.arn.clone()).ok_or_else(|| request.missing("the enabled control"))?
        }
        _ => {
            let why = "Name the enabled control, or the control and the target";
            return Err(request.refuse(Problem::Invalid, why));
        }
    };
    let (enabled, control) = enabled(state, request, &arn)?;
    if control.mandatory {
        return Err(request.refuse(Problem::Invalid, "Mandatory controls cannot be changed"));
    }
    let EnabledControl { control: identifier, control_id, target, arn, .. } = enabled;
    let named = (identifier.as_str(), control_id.as_str(), target.as_str(), arn.as_str());
    let operation = start(state, request, OperationType::DisableControl, named, None, None)?;
    Ok(json!({ "operationIdentifier": operation }))
}

/// Accepts an operation, if Control Tower takes another one now.
fn start(
    state: &mut State,
    request: &Request,
    kind: OperationType,
    (control, control_id, target, enabled): (&str, &str, &str, &str),
    parameters: Option<Parameters>,
    failure: Option<String>,
) -> Result<String, Refusal> {
    let now = request.at;
    if state.world.organization.landing_zone.status == LandingZoneStatus::Processing {
        return Err(request.refuse(Problem::Conflict, "The landing zone is being changed"));
    }
    let same = |one: &&Running| one.target == target;
    if state.settings.one_control_operation_a_unit && state.enablement.in_progress(now).any(|one| same(&one))
    {
        return Err(request.refuse(Problem::Conflict, "Another operation on this target is in progress"));
    }
    if state.enablement.in_progress(now).count() >= state.settings.control_operations {
        let why = "Too many control operations are in progress";
        return Err(Refusal::new(402, "ServiceQuotaExceededException", why));
    }
    let name = match kind {
        OperationType::EnableControl => "EnableControl",
        OperationType::DisableControl => "DisableControl",
        OperationType::UpdateEnabledControl => "UpdateEnabledControl",
        OperationType::ResetEnabledControl => "ResetEnabledControl",
    };
    let described = json!([control, control_id, target, enabled]).to_string();
    let Fate { stuck, failure: ordered, .. } = state.faults.of_operation(name, &described, &mut state.rng);
    let ordered = ordered.map(|reason| reason.unwrap_or_else(|| "The operation failed.".to_owned()));
    let id = state.uuid();
    let order = Order {
        id: id.clone(),
        kind,
        control: control.to_owned(),
        control_id: control_id.to_owned(),
        target: target.to_owned(),
        enabled: enabled.to_owned(),
        parameters,
        failure: ordered.or(failure),
        stuck,
    };
    let (takes, running) = (state.settings.control_operation, state.settings.control_operations_running);
    state.enablement.accept(order, now, takes, running);
    Ok(id)
}

/// Returns why a policy will not fit on the OU. Control Tower finds that only while it works.
fn no_room(state: &State, unit: &str, target: &str, control: &Control) -> Option<String> {
    let kind = control.policy_type()?;
    let quota = if kind == "RESOURCE_CONTROL_POLICY" { 5 } else { 10 };
    let after = policies(state, unit, target, kind, 1);
    (after > quota).then(|| format!("The maximum number of policies of type {kind} is attached to {unit}."))
}

/// Returns how many policies of a kind an OU has, with `more` statements of Control Tower's: five statements of an SCP
/// share a policy, and any other control has one of its own.
fn policies(state: &State, unit: &str, target: &str, kind: &str, more: usize) -> usize {
    let zone = &state.world.organization.landing_zone;
    let others = zone.policies.get(unit).and_then(|kinds| kinds.get(kind)).copied().unwrap_or(0);
    let aws_own = usize::from(kind != "DECLARATIVE_POLICY_EC2");
    let statements = statements(state, target, kind).len() + more;
    others + aws_own + if kind == "SERVICE_CONTROL_POLICY" { statements.div_ceil(5) } else { statements }
}

/// Returns the ids of the controls of a kind whose statements an OU has. A drifted one has lost its statement.
pub(crate) fn statements(state: &State, target: &str, kind: &str) -> Vec<String> {
    let zone = &state.world.organization.landing_zone;
    let of_kind = |one: &&EnabledControl| {
        one.target == target
            && one.status != EnablementStatus::Failed
            && !one.drifted
            && zone.control(&one.control).and_then(Control::policy_type) == Some(kind)
    };
    state.enablement.enabled().filter(of_kind).map(|one| one.control_id.clone()).collect()
}

fn get_enabled_control(state: &mut State, request: &Request) -> Answer {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Members {
        enabled_control_identifier: ControlTowerArn,
    }
    let members: Members = request.members()?;
    let (enabled, _) = enabled(state, request, &members.enabled_control_identifier)?;
    let parameters: Vec<Value> =
        enabled.parameters.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
    let mut details = summary(state, &enabled);
    details["parameters"] = json!(parameters);
    details["targetRegions"] = json!([{ "name": state.world.organization.region }]);
    Ok(json!({ "enabledControlDetails": details }))
}

fn list_enabled_controls(state: &mut State, request: &Request) -> Answer {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields, default)]
    struct Filter {
        control_identifiers: Option<[ControlTowerArn; 1]>,
        statuses: Option<[String; 1]>,
        drift_statuses: Option<[String; 1]>,
        parent_identifiers: Option<[ControlTowerArn; 1]>,
        inheritance_drift_statuses: Option<[String; 1]>,
        resource_drift_statuses: Option<[String; 1]>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Members {
        target_identifier: Option<ControlTowerArn>,
        #[serde(default)]
        filter: Filter,
        #[serde(default, rename = "includeChildren")]
        _include_children: bool,
    }
    let members: Members = request.members()?;
    match &members.target_identifier {
        Some(target) => {
            let unit = unit(state, request, target)?;
            let zone = &state.world.organization.landing_zone;
            let is_out = zone.registered.as_ref().is_some_and(|registered| !registered.contains(&unit));
            if zone.is_old() && is_out {
                return Err(request.missing(format_args!("{} is not registered, so it", &**target)));
            }
        }
        None if !state.settings.unscoped_lists => {
            return Err(request.refuse(Problem::Invalid, "targetIdentifier is required"));
        }
        None => {}
    }
    let Filter {
        control_identifiers,
        statuses,
        drift_statuses,
        parent_identifiers,
        inheritance_drift_statuses,
        resource_drift_statuses,
    } = members.filter;
    let listed = |one: &&EnabledControl| {
        let described = summary(state, one);
        let is = |asked: &Option<[String; 1]>, place: &str| {
            asked.as_ref().is_none_or(|[asked]| described.pointer(place) == Some(&json!(asked)))
        };
        members.target_identifier.as_ref().is_none_or(|target| one.target == **target)
            && control_identifiers.as_ref().is_none_or(|[control]| one.control == **control)
            && is(&statuses, "/statusSummary/status")
            && is(&drift_statuses, "/driftStatusSummary/driftStatus")
            && is(&inheritance_drift_statuses, "/driftStatusSummary/types/inheritance/status")
            && is(&resource_drift_statuses, "/driftStatusSummary/types/resource/status")
            && parent_identifiers.is_none()
    };
    request.page("enabledControls", state.enablement.enabled().filter(listed), |one| summary(state, one))
}

fn summary(state: &State, one: &EnabledControl) -> Value {
    let control = state.world.organization.landing_zone.control(&one.control);
    // AWS tells no drift of controls by SCP, and none of Config rules.
    let is_checked = control.is_some_and(|control| {
        control.policy_type() != Some("SERVICE_CONTROL_POLICY")
            && !control.implementation.ends_with("ConfigRule")
    });
    let drift = match (is_checked, one.drifted) {
        (false, _) => "NOT_CHECKING",
        (true, true) => "DRIFTED",
        (true, false) => "IN_SYNC",
    };
    json!({
        "arn": one.arn,
        "controlIdentifier": one.control,
        "targetIdentifier": one.target,
        "statusSummary": { "status": one.status, "lastOperationIdentifier": one.last_operation },
        "driftStatusSummary": {
            "driftStatus": drift,
            "types": { "inheritance": { "status": "NOT_CHECKING" }, "resource": { "status": drift } },
        },
    })
}

fn get_control_operation(state: &mut State, request: &Request) -> Answer {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Members {
        operation_identifier: RequestId,
    }
    let members: Members = request.members()?;
    let id = &*members.operation_identifier;
    let found = state.enablement.operations().iter().find(|one| one.id == id);
    let found = found.ok_or_else(|| request.missing(format_args!("the operation {id}")))?;
    Ok(json!({ "controlOperation": operation(state, found, request.at) }))
}

fn list_control_operations(state: &mut State, request: &Request) -> Answer {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields, default)]
    struct Filter {
        control_identifiers: Option<[ControlTowerArn; 1]>,
        target_identifiers: Option<[ControlTowerArn; 1]>,
        enabled_control_identifiers: Option<[ControlTowerArn; 1]>,
        statuses: Option<[String; 1]>,
        control_operation_types: Option<[String; 1]>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Members {
        #[serde(default)]
        filter: Filter,
    }
    let Members { filter } = request.members()?;
    let listed = |one: &&Running| {
        let described = operation(state, one, request.at);
        let is = |asked: &Option<[String; 1]>, member: &str| {
            asked.as_ref().is_none_or(|[asked]| described[member] == json!(asked))
        };
        filter.control_identifiers.as_ref().is_none_or(|[control]| one.control == **control)
            && filter.target_identifiers.as_ref().is_none_or(|[target]| one.target == **target)
            && filter.enabled_control_identifiers.as_ref().is_none_or(|[enabled]| one.enabled == **enabled)
            && is(&filter.statuses, "status")
            && is(&filter.control_operation_types, "operationType")
    };
    let newest_first = state.enablement.operations().iter().rev().filter(listed);
    request.page("controlOperations", newest_first, |one| operation(state, one, request.at))
}

fn operation(state: &State, one: &Running, now: Instant) -> Value {
    let mut described = json!({
        "operationType": one.kind,
        "operationIdentifier": one.id,
        "controlIdentifier": one.control,
        "targetIdentifier": one.target,
        "enabledControlIdentifier": one.enabled,
        "startTime": state.iso8601(one.accepted_at),
        "status": "IN_PROGRESS",
    });
    if let Some(ended) = one.ends_at.filter(|_| !one.is_in_progress(now)) {
        described["endTime"] = json!(state.iso8601(ended));
        described["status"] = json!(if one.failure.is_some() { "FAILED" } else { "SUCCEEDED" });
        let said = one.failure.clone().unwrap_or_else(|| "Operation was successful.".to_owned());
        described["statusMessage"] = json!(said);
    }
    described
}

fn list_landing_zones(state: &mut State, request: &Request) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Members {}
    let Members {} = request.members()?;
    request.page("landingZones", [landing_zone_arn(state)], |arn| json!({ "arn": arn }))
}

fn landing_zone_arn(state: &State) -> String {
    let organization = &state.world.organization;
    let (region, account) = (&organization.region, &organization.management_account_id);
    format!("arn:aws:controltower:{region}:{account}:landingzone/1A2B3C4D5E6F7G8H")
}

fn get_landing_zone(state: &mut State, request: &Request) -> Answer {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Members {
        landing_zone_identifier: String,
    }
    let members: Members = request.members()?;
    let arn = landing_zone_arn(state);
    if members.landing_zone_identifier != arn {
        return Err(request.missing(format_args!("the landing zone {}", members.landing_zone_identifier)));
    }
    let zone = &state.world.organization.landing_zone;
    let archive = state.access.document.trail.as_ref().and_then(|trail| trail.bucket_account.as_ref());
    let logging = json!({ "accountId": archive, "enabled": archive.is_some() });
    let manifest = json!({
        "centralizedLogging": logging,
        "governedRegions": [state.world.organization.region],
        "organizationStructure": { "security": { "name": zone.security_unit } },
    });
    Ok(json!({ "landingZone": {
        "arn": arn,
        "version": zone.version,
        "latestAvailableVersion": "4.0",
        "status": zone.status,
        "driftStatus": { "status": if zone.drifted { "DRIFTED" } else { "IN_SYNC" } },
        "manifest": if zone.is_old() { manifest } else { json!({ "centralizedLogging": logging, "governedRegions": [] }) },
    } }))
}

/// Returns the id of the OU that an ARN names. A root and an account are no targets.
fn unit(state: &State, request: &Request, target: &str) -> Result<String, Refusal> {
    let organization = &state.world.organization;
    let prefix =
        format!("arn:aws:organizations::{}:ou/{}/", organization.management_account_id, organization.id);
    let Some(id) = target.strip_prefix(&prefix) else {
        return Err(request.refuse(Problem::Invalid, format!("{target} is not an organizational unit")));
    };
    state.world.unit(id).map(|unit| unit.id.clone()).ok_or_else(|| request.missing(format_args!("{target}")))
}

/// Returns the ARNs of the OUs above.
fn units_above(state: &State, unit: &str) -> Vec<String> {
    let organization = &state.world.organization;
    let mut above = Vec::new();
    let mut place = state.world.unit(unit).map(|unit| unit.parent.clone());
    while let Some(unit) = place.as_deref().and_then(|id| state.world.unit(id)) {
        let account = &organization.management_account_id;
        above.push(format!("arn:aws:organizations::{account}:ou/{}/{}", organization.id, unit.id));
        place = Some(unit.parent.clone());
    }
    above
}

fn enabled(state: &State, request: &Request, arn: &str) -> Result<(EnabledControl, Control), Refusal> {
    let missing = || request.missing(format_args!("the enabled control {arn}"));
    let one = state.enablement.find(arn).ok_or_else(missing)?;
    let control = state.world.organization.landing_zone.control(&one.control).ok_or_else(missing)?;
    Ok((one.clone(), control.clone()))
}

fn parameters(request: &Request, control: &Control, given: Vec<Parameter>) -> Result<Parameters, Refusal> {
    let mut parameters = Parameters::new();
    let invalid = |why: String| request.refuse(Problem::Invalid, why);
    for Parameter { key, value } in given {
        if !control.parameters().any(|(name, _)| name == key) {
            return Err(invalid(format!("{key} is not a parameter of this control")));
        }
        let good = match key.as_str() {
            "ExemptAssumeRoot" => value == json!(true),
            _ => value.as_array().is_some_and(|items| items.iter().all(Value::is_string)),
        };
        if !good {
            return Err(invalid(format!("{value} is not a value of {key}")));
        }
        if parameters.insert(key.clone(), value).is_some() {
            return Err(invalid(format!("{key} is given twice")));
        }
    }
    Ok(parameters)
}
