//! Actions that cannot be tried without an effect, and those of another role. IAM's policy simulator judges them.
//!
//! The simulator knows the identity's own policies. It does not know service control policies, or conditions if it gets
//! no values for them.

use assigner_aws::client::call_error;
use assigner_core::{
    cause::{CallError, Cause},
    table::TableLocation,
};
use aws_sdk_iam::{
    Client,
    types::{ContextEntry, EvaluationResult, PolicyEvaluationDecisionType},
};

use super::{
    Examined,
    actions::Samples,
    check::{Check, Group, Status, Topic, ask, topic},
    identity::Caller,
};

/// What can only be tried by doing it.
const WRITES: [&str; 2] = ["sso:CreateAccountAssignment", "sso:DescribeAccountAssignmentCreationStatus"];

/// What the function for vended accounts also needs.
const READS: [&str; 16] = [
    "sso:ListInstances",
    "sso:ListPermissionSets",
    "sso:DescribePermissionSet",
    "sso:ListPermissionSetsProvisionedToAccount",
    "sso:ListAccountAssignments",
    "sso:ListAccountAssignmentCreationStatus",
    "identitystore:GetGroupId",
    "identitystore:GetUserId",
    "identitystore:DescribeGroup",
    "identitystore:DescribeUser",
    "organizations:DescribeAccount",
    "organizations:ListTagsForResource",
    "organizations:ListParents",
    "organizations:DescribeOrganizationalUnit",
    "organizations:ListOrganizationalUnitsForParent",
    "dynamodb:Scan",
];

pub fn topics(role: Option<&str>) -> Vec<Topic> {
    actions(role).into_iter().map(|name| simulated(name, role)).collect()
}

fn actions(role: Option<&str>) -> Vec<&'static str> {
    let reads = role.map_or(&[][..], |_| &READS[..]);
    WRITES.iter().chain(reads).copied().collect()
}

fn simulated(name: &str, role: Option<&str>) -> Topic {
    match role {
        None => topic(Group::Actions, format!("action/{name}"), name),
        Some(role) => topic(Group::Actions, format!("role/{name}"), format!("{name} by {role}")),
    }
}

pub async fn simulate(examined: &Examined<'_>, role: Option<&str>, samples: &Samples) -> Vec<Check> {
    let client = Client::new(&examined.sdk);
    let who = match role {
        Some(role) => Ok(role.to_owned()),
        None => principal(examined, &client).await,
    };
    let mut checks = Vec::new();
    for name in actions(role) {
        let topic = simulated(name, role);
        let resources = match resources(name, examined, samples) {
            Resources::These(resources) => resources,
            Resources::Unknown(what) => {
                let detail = format!("not simulated: {what} is needed for it, and none was found");
                checks.push(topic.unknown(detail, "see the checks above"));
                continue;
            }
            Resources::NotNeeded => continue,
        };
        checks.push(match &who {
            Ok(who) => decided(examined, who, name, resources, topic).await,
            Err(why) => topic.unknown(why, "give the role that does the work by --role ARN"),
        });
    }
    checks
}

/// Returns the principal whose policies count for this identity.
async fn principal(examined: &Examined<'_>, client: &Client) -> Result<String, String> {
    const OPERATION: &str = "iam:GetRole";
    let Some(Caller { arn, .. }) = &examined.caller else {
        return Err("not simulated: it is not known who asks".into());
    };
    match Principal::of(arn) {
        Principal::Itself => Ok(arn.clone()),
        Principal::Role { plain, name } => {
            // A session's ARN does not contain the role's path.
            let call = async {
                client.get_role().role_name(&name).send().await.map_err(|error| call_error(OPERATION, error))
            };
            match ask(examined.session, OPERATION, call).await {
                Ok(answer) => Ok(answer.role.map_or(plain, |role| role.arn)),
                Err(_) if !name.starts_with("AWSReservedSSO_") => Ok(plain),
                Err(error) => {
                    Err(format!("not simulated: the ARN of the role {name} is not known ({error})"))
                }
            }
        }
        Principal::Other => Err(format!("not simulated: {arn} has no policies that IAM can simulate")),
    }
}

/// Whose policies count for an ARN of sts:GetCallerIdentity.
#[derive(Debug, PartialEq, Eq)]
enum Principal {
    /// An IAM user.
    Itself,
    /// The role of a session, with the ARN that it has if it has no path.
    Role { plain: String, name: String },
    /// The root user, or a federated one.
    Other,
}

impl Principal {
    fn of(arn: &str) -> Principal {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let &[_, partition, service, _, account, resource] = parts.as_slice() else {
            return Principal::Other;
        };
        match (service, resource.split('/').collect::<Vec<_>>().as_slice()) {
            ("iam", ["user" | "role", _, ..]) => Principal::Itself,
            ("sts", ["assumed-role", name, _]) => Principal::Role {
                plain: format!("arn:{partition}:iam::{account}:role/{name}"),
                name: (*name).to_owned(),
            },
            _ => Principal::Other,
        }
    }
}

enum Resources {
    These(Vec<String>),
    /// What is missing.
    Unknown(&'static str),
    NotNeeded,
}

/// Returns what an action is simulated on: real things, because policies name them.
fn resources(action: &str, examined: &Examined<'_>, samples: &Samples) -> Resources {
    let partition = examined.caller.as_ref().map_or("aws", Caller::partition);
    let instance = || examined.center.instance_arn().ok_or("an Identity Center instance");
    let set = || samples.permission_set.clone().ok_or("a permission set");
    let member = || samples.account.as_ref().ok_or("an account of the organization");
    let account = || member().map(|member| format!("arn:{partition}:sso:::account/{}", member.id));
    let arn = || member().map(|member| member.arn.clone());
    let unit = || samples.unit_arn().ok_or("an account in an OU");
    let in_store = |kind: &str| {
        let store = examined.center.identity_store().ok_or("an identity store")?;
        let management = examined.management.as_deref().ok_or("a management account")?;
        Ok(vec![
            format!("arn:{partition}:identitystore::{management}:identitystore/{store}"),
            format!("arn:{partition}:identitystore:::{kind}/00000000-0000-4000-8000-000000000000"),
        ])
    };
    let all = |parts: &[&dyn Fn() -> Result<String, &'static str>]| parts.iter().map(|part| part()).collect();
    let found: Result<Vec<String>, &'static str> = match action {
        "sso:ListInstances" => Ok(vec!["*".into()]),
        "sso:CreateAccountAssignment" | "sso:ListAccountAssignments" => all(&[&instance, &set, &account]),
        "sso:DescribePermissionSet" => all(&[&instance, &set]),
        "sso:ListPermissionSetsProvisionedToAccount" => all(&[&instance, &account]),
        "identitystore:GetGroupId" | "identitystore:DescribeGroup" => in_store("group"),
        "identitystore:GetUserId" | "identitystore:DescribeUser" => in_store("user"),
        "organizations:DescribeOrganizationalUnit" | "organizations:ListOrganizationalUnitsForParent" => {
            all(&[&unit])
        }
        "dynamodb:Scan" => match (&examined.session.table, &examined.caller, examined.sdk.region()) {
            (TableLocation::DynamoDb(name), Some(Caller { account, .. }), Some(region)) => {
                Ok(vec![format!("arn:{partition}:dynamodb:{region}:{account}:table/{name}")])
            }
            _ => return Resources::NotNeeded,
        },
        _ if action.starts_with("organizations:") => all(&[&arn]),
        _ => all(&[&instance]),
    };
    found.map_or_else(Resources::Unknown, Resources::These)
}

/// Asks the simulator whether a role or user may do all of this on all of that, under these conditions.
pub async fn ask_for(
    examined: &Examined<'_>,
    who: &str,
    actions: &[&str],
    resources: Vec<String>,
    context: Vec<ContextEntry>,
) -> Result<Vec<EvaluationResult>, CallError> {
    const OPERATION: &str = "iam:SimulatePrincipalPolicy";
    let actions = actions.iter().map(|action| (*action).to_owned()).collect();
    let call = Client::new(&examined.sdk).simulate_principal_policy().policy_source_arn(who);
    let call = call.set_action_names(Some(actions)).set_resource_arns(Some(resources));
    let call = call.set_context_entries((!context.is_empty()).then_some(context)).max_items(1000);
    let send = async { call.send().await.map_err(|error| call_error(OPERATION, error)) };
    Ok(ask(examined.session, OPERATION, send).await?.evaluation_results.unwrap_or_default())
}

async fn decided(
    examined: &Examined<'_>,
    who: &str,
    action: &'static str,
    resources: Vec<String>,
    topic: Topic,
) -> Check {
    match ask_for(examined, who, &[action], resources, Vec::new()).await {
        Ok(results) => judge(topic, who, action, &results),
        Err(CallError { cause: Cause::Denied, message, operation, .. }) => topic.unknown(
            format!("not simulated: {message}"),
            format!("allow this identity {operation} and iam:GetRole"),
        ),
        Err(error) if error.code.as_deref() == Some("NoSuchEntity") => {
            topic.unknown(format!("not simulated: {error}"), "correct the ARN")
        }
        Err(error) => topic.not_answered(&error, Status::Unknown),
    }
}

/// What the simulator has decided of one action and resource.
#[derive(Debug)]
pub struct Decision<'r> {
    pub action: &'r str,
    pub resource: &'r str,
    pub decision: &'r PolicyEvaluationDecisionType,
}

/// What the simulator has decided.
#[derive(Debug)]
pub struct Decisions<'r> {
    pub each: Vec<Decision<'r>>,
    /// What conditions ask for and the simulator was not given.
    pub missing: Vec<&'r str>,
}

impl<'r> Decisions<'r> {
    /// Reads the answer: it has the resources one by one, or within the action.
    pub fn of(results: &'r [EvaluationResult]) -> Decisions<'r> {
        let (mut each, mut missing) = (Vec::new(), Vec::new());
        for result in results {
            let (action, specific) = (result.eval_action_name(), result.resource_specific_results());
            missing.extend(result.missing_context_values().iter().map(String::as_str));
            for one in specific {
                missing.extend(one.missing_context_values().iter().map(String::as_str));
                let (resource, decision) = (one.eval_resource_name(), one.eval_resource_decision());
                each.push(Decision { action, resource, decision });
            }
            if specific.is_empty() {
                let resource = result.eval_resource_name().unwrap_or("*");
                each.push(Decision { action, resource, decision: result.eval_decision() });
            }
        }
        Decisions { each, missing }
    }
}

/// Judges an action. It is allowed only if it is allowed on every resource that it needs.
fn judge(topic: Topic, who: &str, action: &str, results: &[EvaluationResult]) -> Check {
    let Decisions { each, mut missing } = Decisions::of(results);
    let denied = each.iter().filter(|one| *one.decision != PolicyEvaluationDecisionType::Allowed);
    let denied: Vec<String> =
        denied.map(|one| format!("{} on {}", one.decision.as_str(), one.resource)).collect();
    if results.is_empty() {
        return topic.unknown("the simulator answered nothing", "run it again later");
    }
    if denied.is_empty() {
        return topic.ok(format!("simulated for {who}"));
    }
    let detail = format!("simulated for {who}: {}", denied.join(", "));
    if missing.is_empty() {
        topic.failed(detail, format!("allow {action} there; template.yaml has the statement (EnsurePolicy)"))
    } else {
        missing.sort_unstable();
        missing.dedup();
        let detail = format!("{detail}; but a condition asks for {}", missing.join(", "));
        topic.unknown(detail, "read the policy's conditions")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_stands_for_its_role_and_some_identities_for_nothing() {
        let role = |plain: &str, name: &str| Principal::Role { plain: plain.into(), name: name.into() };
        let cases = [
            (
                "arn:aws:sts::123456789012:assumed-role/Admin/me@example.com",
                role("arn:aws:iam::123456789012:role/Admin", "Admin"),
            ),
            (
                "arn:aws-us-gov:sts::123456789012:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/me",
                role(
                    "arn:aws-us-gov:iam::123456789012:role/AWSReservedSSO_Admin_0123456789abcdef",
                    "AWSReservedSSO_Admin_0123456789abcdef",
                ),
            ),
            ("arn:aws:iam::123456789012:user/division/me", Principal::Itself),
            ("arn:aws:iam::123456789012:root", Principal::Other),
            ("arn:aws:sts::123456789012:federated-user/me", Principal::Other),
            ("me", Principal::Other),
        ];
        for (arn, expected) in cases {
            assert_eq!(Principal::of(arn), expected, "{arn}");
        }
    }

    #[test]
    fn an_action_is_allowed_only_if_it_is_on_every_resource() {
        use aws_sdk_iam::types::ResourceSpecificResult;
        let result = |decision: &str, on: &[(&str, &str)], missing: &[&str]| {
            let specific = on.iter().map(|(resource, decision)| {
                ResourceSpecificResult::builder()
                    .eval_resource_name(*resource)
                    .eval_resource_decision(PolicyEvaluationDecisionType::from(*decision))
                    .build()
                    .unwrap()
            });
            EvaluationResult::builder()
                .eval_action_name("sso:CreateAccountAssignment")
                .eval_decision(PolicyEvaluationDecisionType::from(decision))
                .set_resource_specific_results(Some(specific.collect()))
                .set_missing_context_values(Some(missing.iter().map(|name| (*name).to_owned()).collect()))
                .build()
                .unwrap()
        };
        let cases = [
            (vec![], Status::Unknown),
            (vec![result("allowed", &[], &[])], Status::Ok),
            (vec![result("allowed", &[], &[]), result("implicitDeny", &[], &[])], Status::Failed),
            (vec![result("allowed", &[("a", "allowed"), ("b", "explicitDeny")], &[])], Status::Failed),
            (vec![result("allowed", &[("a", "allowed"), ("b", "allowed")], &[])], Status::Ok),
            (vec![result("implicitDeny", &[], &["aws:SourceIp"])], Status::Unknown),
        ];
        for (results, expected) in cases {
            let check = judge(simulated("sso:CreateAccountAssignment", None), "me", "a", &results);
            assert_eq!(check.status, expected, "{results:?}");
        }
    }
}
