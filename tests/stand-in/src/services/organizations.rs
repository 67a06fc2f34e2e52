//! The operations of AWS Organizations that read. Never changes the organization.

use crate::identifier::{AccountId, ChildId, OrganizationalUnitId, ParentId, TaggableResourceId};
use crate::services::control_tower;
use crate::services::{Answer, Operation, Problem, Refusal, Request, Service, SignedIn, members};
use crate::state::State;
use crate::world::{Account, OrganizationalUnit, World};
use serde_json::{Value, json};

pub(crate) static SERVICE: Service = Service {
    target_prefix: "AWSOrganizationsV20161128",
    signing_name: "organizations",
    signed_in: SignedIn::AnyRegion,
    requests_per_second: |_| None,
    error: own_error,
    operations: &[
        Operation::single("DescribeAccount", describe_account),
        Operation::single("DescribeOrganization", describe_organization),
        Operation::single("DescribePolicy", describe_policy),
        Operation::single("DescribeOrganizationalUnit", describe_organizational_unit),
        Operation::paged("ListAccounts", 20, list_accounts),
        Operation::paged("ListOrganizationalUnitsForParent", 20, list_organizational_units_for_parent),
        Operation::paged("ListParents", 20, list_parents),
        Operation::paged("ListPoliciesForTarget", 20, list_policies_for_target),
        Operation::paged("ListRoots", 20, list_roots),
        Operation::paged("ListTagsForResource", 20, list_tags_for_resource),
    ],
};

/// Returns an error with the codes of Organizations. It answers 400 to every error of the caller.
fn own_error(problem: Problem) -> (u16, &'static str) {
    match problem {
        Problem::AccessDenied => (400, "AccessDeniedException"),
        Problem::Conflict => (400, "ConcurrentModificationException"),
        Problem::Internal => (500, "ServiceException"),
        Problem::Invalid => (400, "InvalidInputException"),
        Problem::NotFound => (400, "AccountNotFoundException"),
        Problem::Throttled => (400, "TooManyRequestsException"),
    }
}

fn describe_account(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { account_id: AccountId });
    let account = state.world.account(&members.account_id);
    let account = account.ok_or_else(|| not_found("AccountNotFoundException", &members.account_id))?;
    Ok(json!({ "Account": account_members(state, account) }))
}

/// Lists accounts. The first page is empty and has a NextToken, as AWS may do at any time.
fn list_accounts(state: &mut State, request: &Request) -> Answer {
    members!(request {});
    if request.is_for_first_page() {
        return Ok(json!({ "Accounts": [], "NextToken": request.token(0) }));
    }
    request.page("Accounts", &state.world.organization.accounts, |account| account_members(state, account))
}

fn account_members(state: &State, account: &Account) -> Value {
    let mut members = json!({
        "Id": account.id,
        "Arn": arn(&state.world, "account", &account.id),
        "Name": account.name,
        "Status": account.state.status(),
        "State": account.state,
        "JoinedMethod": "CREATED",
        "JoinedTimestamp": 1_573_818_318.0,
    });
    if let Some(email) = &account.email {
        members["Email"] = json!(email);
    }
    if let Some(path) = state.world.path(&account.parent).filter(|_| state.settings.paths) {
        members["Paths"] = json!([format!("{path}{}/", account.id)]);
    }
    members
}

fn describe_organization(state: &mut State, request: &Request) -> Answer {
    members!(request {});
    let management_account = &state.world.organization.management_account_id;
    let mut organization = json!({
        "Id": state.world.organization.id,
        "Arn": format!("arn:aws:organizations::{management_account}:organization/{}", state.world.organization.id),
        "FeatureSet": "ALL",
        "MasterAccountId": management_account,
        "MasterAccountArn": arn(&state.world, "account", management_account),
    });
    if let Some(email) = state.world.account(management_account).and_then(|account| account.email.as_ref()) {
        organization["MasterAccountEmail"] = json!(email);
    }
    Ok(json!({ "Organization": organization }))
}

fn describe_organizational_unit(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { organizational_unit_id: OrganizationalUnitId });
    let id = &*members.organizational_unit_id;
    let unit = state.world.unit(id).ok_or_else(|| not_found("OrganizationalUnitNotFoundException", id))?;
    Ok(json!({ "OrganizationalUnit": unit_members(&state.world, unit) }))
}

fn list_organizational_units_for_parent(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { parent_id: ParentId });
    let parent = &*members.parent_id;
    if parent != state.world.organization.root_id && state.world.unit(parent).is_none() {
        return Err(not_found("ParentNotFoundException", parent));
    }
    let units = state.world.units_in(parent);
    request.page("OrganizationalUnits", units, |unit| unit_members(&state.world, unit))
}

fn unit_members(world: &World, unit: &OrganizationalUnit) -> Value {
    json!({ "Id": unit.id, "Arn": arn(world, "ou", &unit.id), "Name": unit.name, "Path": world.path(&unit.id) })
}

fn list_parents(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { child_id: ChildId });
    let account = state.world.account(&members.child_id).map(|account| &account.parent);
    let parent = account
        .or_else(|| state.world.unit(&members.child_id).map(|unit| &unit.parent))
        .ok_or_else(|| not_found("ChildNotFoundException", &members.child_id))?;
    let kind = if *parent == state.world.organization.root_id { "ROOT" } else { "ORGANIZATIONAL_UNIT" };
    request.page("Parents", [parent], |parent| json!({ "Id": parent, "Type": kind }))
}

fn list_roots(state: &mut State, request: &Request) -> Answer {
    members!(request {});
    let id = &state.world.organization.root_id;
    let arn = arn(&state.world, "root", id);
    request.page("Roots", [id], |id| json!({ "Id": id, "Arn": arn, "Name": "Root", "PolicyTypes": [] }))
}

/// Lists tags. Only accounts have tags here; a root or an organizational unit has none.
fn list_tags_for_resource(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { resource_id: TaggableResourceId });
    let account = state.world.account(&members.resource_id);
    if account.is_none() && state.world.path(&members.resource_id).is_none() {
        return Err(not_found("TargetNotFoundException", &members.resource_id));
    }
    let tags = account.into_iter().flat_map(|account| &account.tags);
    request.page("Tags", tags, |(key, value)| json!({ "Key": key, "Value": value }))
}

/// Lists the policies that are attached to an OU: AWS's own, those of others, and Control Tower's.
fn list_policies_for_target(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { target_id: OrganizationalUnitId, filter: String });
    let (unit, kind) = (&*members.target_id, members.filter.as_str());
    if state.world.unit(unit).is_none() {
        return Err(not_found("TargetNotFoundException", unit));
    }
    let described = |(id, name): (String, String)| json!({ "Id": id, "Name": name, "Type": kind, "AwsManaged": id.contains("Full") });
    request.page(
        "Policies",
        policies(state, unit, kind).into_iter().map(|(id, name, _)| (id, name)),
        described,
    )
}

/// Describes a policy of Control Tower's, with a statement for each control.
fn describe_policy(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { policy_id: String });
    let id = members.policy_id;
    let kinds = ["SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY", "DECLARATIVE_POLICY_EC2"];
    let units: Vec<String> =
        state.world.organization.organizational_units.iter().map(|unit| unit.id.clone()).collect();
    let all = units.iter().flat_map(|unit| kinds.map(|kind| (kind, policies(state, unit, kind))));
    let found = all.flat_map(|(kind, policies)| policies.into_iter().map(move |policy| (kind, policy)));
    let found = found.into_iter().find(|(_, (found, ..))| *found == id);
    let (kind, (_, name, statements)) = found.ok_or_else(|| not_found("PolicyNotFoundException", &id))?;
    let statements: Vec<Value> = statements
        .iter()
        .map(|sid| json!({ "Sid": sid, "Effect": "Deny", "Action": "*", "Resource": "*" }))
        .collect();
    let content = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    Ok(json!({ "Policy": {
        "PolicySummary": { "Id": id, "Name": name, "Type": kind },
        "Content": content,
    } }))
}

/// Returns the id, the name and the statements of each policy of a kind on an OU. Five statements of an SCP share a policy.
fn policies(state: &State, unit: &str, kind: &str) -> Vec<(String, String, Vec<String>)> {
    let target = arn(&state.world, "ou", unit);
    let statements = control_tower::statements(state, &target, kind);
    let of_others =
        state.world.organization.landing_zone.policies.get(unit).and_then(|kinds| kinds.get(kind));
    let own = match kind {
        "SERVICE_CONTROL_POLICY" => Some("FullAWSAccess"),
        "RESOURCE_CONTROL_POLICY" => Some("RCPFullAWSAccess"),
        _ => None,
    };
    let number = |n: usize, kind: &str| {
        format!("p-{:0>10}", format!("{kind}{n}{}", unit.replace(['o', 'u', '-'], "")))
    };
    let others = (0..of_others.copied().unwrap_or(0))
        .map(|n| (number(n, &format!("x{}", kind[..1].to_lowercase())), format!("own-{n}"), Vec::new()));
    let together = if kind == "SERVICE_CONTROL_POLICY" { 5 } else { 1 };
    let guardrails = statements.chunks(together).enumerate().map(|(n, statements)| {
        let sids = statements.iter().map(|id| sid(state, id)).collect();
        (number(n, &format!("g{}", kind[..1].to_lowercase())), format!("aws-guardrails-{unit}-{n}"), sids)
    });
    let own = own.map(|name| (format!("p-{name}"), name.to_owned(), Vec::new()));
    own.into_iter().chain(others).chain(guardrails).collect()
}

/// Returns the Sid of a control's statement: the name of the guide without what a Sid may not have.
fn sid(state: &State, id: &str) -> String {
    let control = state.world.organization.landing_zone.controls.iter().find(|control| control.id == id);
    let name = control
        .and_then(|control| control.aliases.first().or(control.regional.as_ref()))
        .map_or(id, |name| name);
    let name = name.strip_prefix("AWS-").unwrap_or(name);
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_uppercase()
}

fn arn(world: &World, kind: &str, id: &str) -> String {
    let organization = &world.organization;
    format!("arn:aws:organizations::{}:{kind}/{}/{id}", organization.management_account_id, organization.id)
}

fn not_found(code: &str, id: &str) -> Refusal {
    Refusal::new(400, code, format!("{id} is not in this organization"))
}
