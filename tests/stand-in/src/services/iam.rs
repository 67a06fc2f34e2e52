//! The operations of AWS IAM that permission sets need: roles, policies and last-accessed data. Each answers for the
//! account of the session that asks.

use crate::access::{Boundary, Report, Role, SetContent, iso8601};
use crate::services::sts::query_error;
use crate::services::{Answer, Operation, Problem, Refusal, Request, Service, SignedIn, members};
use crate::state::State;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The members of a form, as they come.
type Form = BTreeMap<String, String>;

const LARGEST_MANAGED_POLICY: usize = 6_144;

pub(crate) static SERVICE: Service = Service {
    target_prefix: "IAM20100508",
    signing_name: "iam",
    signed_in: SignedIn::AnyRegion,
    requests_per_second: |_| None,
    error: query_error,
    operations: &[
        Operation::single("CreatePolicy", create_policy),
        Operation::single("CreateRole", create_role),
        Operation::single("DeleteRole", delete_role),
        Operation::single("DeleteRolePolicy", delete_role_policy),
        Operation::single("GenerateServiceLastAccessedDetails", generate_service_last_accessed_details),
        Operation::single("GetPolicy", get_policy),
        Operation::single("GetPolicyVersion", get_policy_version),
        Operation::single("GetRole", get_role),
        Operation::single("GetRolePolicy", get_role_policy),
        Operation::single("GetServiceLastAccessedDetails", get_service_last_accessed_details),
        Operation::single("ListAttachedRolePolicies", list_attached_role_policies),
        Operation::single("ListRoles", list_roles),
        Operation::single("PutRolePolicy", put_role_policy),
        Operation::single("SimulatePrincipalPolicy", simulate_principal_policy),
    ],
};

/// Returns the page that begins at `marker`, as IAM's lists have it.
fn page(state: &State, member: &str, items: Vec<Value>, marker: Option<&str>) -> Value {
    let from = marker.and_then(|marker| marker.parse().ok()).unwrap_or(0).min(items.len());
    let to = (from + state.settings.page_size).min(items.len());
    let mut answer = json!({ member: items[from..to], "IsTruncated": to < items.len() });
    if to < items.len() {
        answer["Marker"] = json!(to.to_string());
    }
    answer
}

fn list_roles(state: &mut State, request: &Request) -> Answer {
    let members = members!(request {
        path_prefix: Option<String>,
        marker: Option<String>,
        #[serde(rename = "MaxItems")]
        _max_items: Option<String>,
    });
    let account = state.account_of_caller();
    let prefix = members.path_prefix.unwrap_or_else(|| "/".to_owned());
    let found = state.access.document.accounts.get(&account);
    let roles = found.map(|found| found.roles.as_slice()).unwrap_or_default();
    let roles = roles.iter().filter(|role| role.path.starts_with(&prefix)).map(|role| {
        json!({
            "Path": role.path,
            "RoleName": role.name,
            "RoleId": "AROAEXAMPLEEXAMPLE",
            "Arn": role.arn(&account),
            "CreateDate": "2026-01-01T00:00:00Z",
        })
    });
    Ok(page(state, "Roles", roles.collect(), members.marker.as_deref()))
}

fn document(state: &State, request: &Request, arn: &str) -> Result<Value, Refusal> {
    let missing = || request.missing(format_args!("the policy {arn}"));
    if arn.starts_with("arn:aws:iam::aws:policy/") {
        return state.access.document.policies.get(arn).cloned().ok_or_else(missing);
    }
    let account = state.account_of_caller();
    let name = arn.strip_prefix(&format!("arn:aws:iam::{account}:policy")).ok_or_else(missing)?;
    let found = state.access.document.accounts.get(&account).and_then(|found| found.policies.get(name));
    found.cloned().ok_or_else(missing)
}

fn get_policy(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { policy_arn: String });
    document(state, request, &members.policy_arn)?;
    Ok(json!({ "Policy": { "Arn": members.policy_arn, "DefaultVersionId": "v3" } }))
}

fn get_policy_version(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { policy_arn: String, version_id: String });
    let document = document(state, request, &members.policy_arn)?;
    if members.version_id != "v3" {
        return Err(request.missing(format_args!("the version {}", members.version_id)));
    }
    Ok(
        json!({ "PolicyVersion": { "Document": encoded(&document), "VersionId": "v3", "IsDefaultVersion": true } }),
    )
}

/// Returns a document as IAM answers it: URL-encoded, as RFC 3986 says.
fn encoded(document: &Value) -> String {
    let encoded = |byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    document.to_string().bytes().map(encoded).collect()
}

fn create_policy(state: &mut State, request: &Request) -> Answer {
    let members = members!(request {
        policy_name: String,
        policy_document: String,
        path: Option<String>,
        #[serde(rename = "Description")]
        _description: Option<String>,
        #[serde(rename = "Tags.member.1.Key")]
        _key: Option<String>,
        #[serde(rename = "Tags.member.1.Value")]
        _value: Option<String>,
    });
    let size = members.policy_document.bytes().filter(|byte| !byte.is_ascii_whitespace()).count();
    if size > LARGEST_MANAGED_POLICY {
        return Err(Refusal::new(
            409,
            "LimitExceeded",
            format!("Cannot exceed quota for PolicySize: {size}"),
        ));
    }
    let document: Value = serde_json::from_str(&members.policy_document)
        .map_err(|fault| Refusal::new(400, "MalformedPolicyDocument", fault.to_string()))?;
    let account = state.account_of_caller();
    let name = format!("{}{}", members.path.as_deref().unwrap_or("/"), members.policy_name);
    let policies = &mut state.access.document.accounts.entry(account.clone()).or_default().policies;
    if policies.contains_key(&name) {
        return Err(Refusal::new(409, "EntityAlreadyExists", format!("the policy {name} is there already")));
    }
    policies.insert(name.clone(), document);
    let arn = format!("arn:aws:iam::{account}:policy{name}");
    Ok(json!({ "Policy": { "Arn": arn, "PolicyName": members.policy_name, "DefaultVersionId": "v3" } }))
}

/// Returns what a role of Identity Center has, as it was provisioned there.
fn on_role(state: &State, request: &Request, name: &str) -> Result<(String, SetContent), Refusal> {
    let account = state.account_of_caller();
    let missing = || request.missing(format_args!("the role {name}"));
    let found = state.access.document.accounts.get(&account).ok_or_else(missing)?;
    found.roles.iter().find(|role| role.name == name).ok_or_else(missing)?;
    let set = name.strip_prefix("AWSReservedSSO_").and_then(|rest| rest.rsplit_once('_'));
    let set =
        set.and_then(|(set, _)| state.world.organization.permission_sets.iter().find(|one| one.name == set));
    let content = set.map(|set| state.access.on_role(&account, &set.arn)).unwrap_or_default();
    Ok((account, content))
}

fn own_role<'s>(state: &'s mut State, request: &Request, name: &str) -> Result<&'s mut Role, Refusal> {
    let account = state.account_of_caller();
    let found = state.access.document.accounts.get_mut(&account);
    let role = found.and_then(|found| found.roles.iter_mut().find(|role| role.name == name));
    role.ok_or_else(|| request.missing(format_args!("the role {name}")))
}

fn get_role(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { role_name: String });
    let (account, content) = on_role(state, request, &members.role_name)?;
    let role = own_role(state, request, &members.role_name)?;
    let trusted = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow",
        "Principal": { "Service": "access-analyzer.amazonaws.com" }, "Action": "sts:AssumeRole" }] });
    let tags = role.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value }));
    let mut shown = json!({
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": "AROAEXAMPLEEXAMPLE",
        "Arn": role.arn(&account),
        "CreateDate": "2026-01-01T00:00:00Z",
        "AssumeRolePolicyDocument": encoded(role.trust.as_ref().unwrap_or(&trusted)),
        "Tags": tags.collect::<Vec<_>>(),
    });
    let boundary = content.boundary.map(|boundary| match boundary {
        Boundary::Managed(arn) => arn,
        Boundary::CustomerManaged(of) => format!("arn:aws:iam::{account}:policy{}{}", of.path, of.name),
    });
    if let Some(arn) = role.boundary.clone().or(boundary) {
        shown["PermissionsBoundary"] =
            json!({ "PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn });
    }
    Ok(json!({ "Role": shown }))
}

fn create_role(state: &mut State, request: &Request) -> Answer {
    let form: Form = request.members()?;
    let member = |name: &str| form.get(name).cloned().unwrap_or_default();
    let (name, path) = (member("RoleName"), member("Path"));
    let trust: Value = serde_json::from_str(&member("AssumeRolePolicyDocument"))
        .map_err(|fault| Refusal::new(400, "MalformedPolicyDocument", fault.to_string()))?;
    if name.is_empty() || name.len() > 64 || !path.starts_with('/') || !path.ends_with('/') {
        return Err(request.refuse(Problem::Invalid, "a role has a name and a path"));
    }
    if own_role(state, request, &name).is_ok() {
        return Err(Refusal::new(
            409,
            "EntityAlreadyExists",
            format!("Role with name {name} already exists."),
        ));
    }
    let tags = (1..).map_while(|number| {
        let part = |part: &str| form.get(&format!("Tags.member.{number}.{part}")).cloned();
        part("Key").zip(part("Value"))
    });
    let role = Role { name, path, trust: Some(trust), tags: tags.collect(), ..Role::default() };
    let account = state.account_of_caller();
    let arn = role.arn(&account);
    let shown = json!({ "Path": role.path, "RoleName": role.name, "RoleId": "AROAEXAMPLEEXAMPLE", "Arn": arn,
        "CreateDate": "2026-01-01T00:00:00Z" });
    state.access.document.accounts.entry(account).or_default().roles.push(role);
    Ok(json!({ "Role": shown }))
}

fn put_role_policy(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { role_name: String, policy_name: String, policy_document: String });
    let policy: Value = serde_json::from_str(&members.policy_document)
        .map_err(|fault| Refusal::new(400, "MalformedPolicyDocument", fault.to_string()))?;
    own_role(state, request, &members.role_name)?.inline.insert(members.policy_name, policy);
    Ok(json!({}))
}

fn delete_role_policy(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { role_name: String, policy_name: String });
    let deleted = own_role(state, request, &members.role_name)?.inline.remove(&members.policy_name);
    deleted
        .map(|_| json!({}))
        .ok_or_else(|| request.missing(format_args!("the policy {}", members.policy_name)))
}

fn delete_role(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { role_name: String });
    if !own_role(state, request, &members.role_name)?.inline.is_empty() {
        let message = "Cannot delete entity, must delete policies first.";
        return Err(Refusal::new(409, "DeleteConflict", message));
    }
    let account = state.account_of_caller();
    if let Some(found) = state.access.document.accounts.get_mut(&account) {
        found.roles.retain(|role| role.name != members.role_name);
    }
    Ok(json!({}))
}

/// Says of each action whether the role may do it. What a role may not is configured.
fn simulate_principal_policy(state: &mut State, request: &Request) -> Answer {
    let form: Form = request.members()?;
    let arn = form.get("PolicySourceArn").cloned().unwrap_or_default();
    let account = state.account_of_caller();
    let role = state.access.role(&account, &arn);
    let role = role.ok_or_else(|| request.missing(format_args!("{arn}")))?;
    let actions = (1..).map_while(|number| form.get(&format!("ActionNames.member.{number}")));
    let results: Vec<Value> = actions
        .map(|action| {
            let decision = if role.may_not.contains(action) { "implicitDeny" } else { "allowed" };
            json!({ "EvalActionName": action, "EvalResourceName": form.get("ResourceArns.member.1"),
                "EvalDecision": decision, "MissingContextValues": [] })
        })
        .collect();
    Ok(json!({ "EvaluationResults": results, "IsTruncated": false }))
}

fn get_role_policy(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { role_name: String, policy_name: String });
    let (_, content) = on_role(state, request, &members.role_name)?;
    let policy = content.inline_policy.filter(|_| members.policy_name == "AwsSSOInlinePolicy");
    let policy = policy.ok_or_else(|| request.missing(format_args!("the policy {}", members.policy_name)))?;
    Ok(json!({
        "RoleName": members.role_name,
        "PolicyName": members.policy_name,
        "PolicyDocument": encoded(&policy),
    }))
}

fn list_attached_role_policies(state: &mut State, request: &Request) -> Answer {
    let members = members!(request {
        role_name: String,
        marker: Option<String>,
        #[serde(rename = "MaxItems")]
        _max_items: Option<String>,
    });
    let (account, content) = on_role(state, request, &members.role_name)?;
    let own = content.customer_managed_policies.iter();
    let own = own.map(|of| format!("arn:aws:iam::{account}:policy{}{}", of.path, of.name));
    let attached = content.managed_policies.iter().cloned().chain(own);
    let attached = attached.map(|arn| json!({ "PolicyName": arn.rsplit('/').next(), "PolicyArn": arn }));
    Ok(page(state, "AttachedPolicies", attached.collect(), members.marker.as_deref()))
}

fn generate_service_last_accessed_details(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { arn: String, granularity: Option<String> });
    let account = state.account_of_caller();
    if state.access.role(&account, &members.arn).is_none() {
        return Err(request.missing(format_args!("{}", members.arn)));
    }
    let job_time = state.access.job_time(&account);
    let report = Report {
        id: state.uuid(),
        caller: state.access.caller.clone(),
        account,
        role: members.arn,
        by_action: members.granularity.as_deref() == Some("ACTION_LEVEL"),
        asked_at: request.at,
        settles_at: request.at + job_time,
    };
    let id = report.id.clone();
    state.access.reports.push(report);
    Ok(json!({ "JobId": id }))
}

fn get_service_last_accessed_details(state: &mut State, request: &Request) -> Answer {
    let members = members!(request {
        job_id: String,
        marker: Option<String>,
        #[serde(rename = "MaxItems")]
        _max_items: Option<String>,
    });
    let caller = &state.access.caller;
    let report = state.access.reports.iter().find(|report| report.id == members.job_id);
    let report = report.ok_or_else(|| request.missing(format_args!("the job {}", members.job_id)))?.clone();
    if report.caller != *caller {
        return Err(request.refuse(Problem::AccessDenied, "only the session that asked gets the answer"));
    }
    let asked_at = iso8601(state.epoch_seconds(report.asked_at));
    let head = json!({
        "JobId": report.id,
        "JobType": if report.by_action { "ACTION_LEVEL" } else { "SERVICE_LEVEL" },
        "JobCreationDate": asked_at,
    });
    let merged = |mut head: Value, rest: Value| {
        if let (Some(head), Value::Object(rest)) = (head.as_object_mut(), rest) {
            head.extend(rest);
        }
        head
    };
    if request.at < report.settles_at {
        return Ok(merged(
            head,
            json!({ "JobStatus": "IN_PROGRESS", "JobCompletionDate": asked_at, "ServicesLastAccessed": [] }),
        ));
    }
    let now = state.epoch_seconds(request.at);
    let role = state.access.role(&report.account, &report.role).cloned().unwrap_or_default();
    let services = services(&role, report.by_action, now);
    let page = page(state, "ServicesLastAccessed", services, members.marker.as_deref());
    let head = merged(head, json!({ "JobStatus": "COMPLETED", "JobCompletionDate": iso8601(now) }));
    Ok(merged(head, page))
}

fn services(role: &Role, by_action: bool, now: f64) -> Vec<Value> {
    let ago = |days: u64| iso8601(now - days as f64 * 86_400.0);
    let mut services: BTreeMap<&str, Value> = BTreeMap::new();
    for (name, days) in &role.services {
        let mut service = json!({
            "ServiceName": format!("The service {name}"),
            "ServiceNamespace": name,
            "TotalAuthenticatedEntities": u8::from(days.is_some()),
        });
        if let Some(days) = days {
            service["LastAuthenticated"] = json!(ago(*days));
            // With the name of the role's session, as AWS has it.
            service["LastAuthenticatedEntity"] = json!("arn:aws:iam::111122223333:role/operator@example.com");
            service["LastAuthenticatedRegion"] = json!("eu-west-1");
        }
        services.insert(name, service);
    }
    for (action, days) in role.tracked.iter().filter(|_| by_action) {
        let Some((service, name)) = action.split_once(':') else { continue };
        let mut tracked = json!({ "ActionName": name });
        if let Some(days) = days {
            tracked["LastAccessedTime"] = json!(ago(*days));
            tracked["LastAccessedEntity"] = json!("arn:aws:iam::111122223333:role/operator@example.com");
            tracked["LastAccessedRegion"] = json!("eu-west-1");
        }
        if let Some(service) = services.get_mut(service).and_then(Value::as_object_mut) {
            let list = service.entry("TrackedActionsLastAccessed").or_insert_with(|| json!([]));
            list.as_array_mut().map(|list| list.push(tracked)).unwrap_or_default();
        }
    }
    services.into_values().collect()
}
