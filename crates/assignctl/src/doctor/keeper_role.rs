//! What the role of `control-keeper` may do, as IAM's simulator judges it: all that Control Tower needs of whoever enables
//! a control, and never to disable one.
//!
//! Control Tower writes an OU's policies in the name of the caller. If the caller lacks one of these actions, nothing is
//! refused: the operation begins, and ends as FAILED.

use assigner_core::table::TableLocation;
use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, EvaluationResult, PolicyEvaluationDecisionType};

use super::{
    Examined,
    actions::Samples,
    check::{self, Check, Group, Status, Topic},
    identity::Caller,
    settings::Deployed,
    simulation::{self, Decisions},
};

/// What must stay denied, whatever is added to the role later. Both are one operation: the second is its older name.
const NEVER: [&str; 2] = ["controltower:DisableControl", "controltower:DisableGuardrail"];

/// What an action is simulated on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum On {
    Everything,
    EnabledControl,
    LandingZone,
    Unit,
    UnitAndAccount,
    Policy,
    PolicyAndUnit,
    /// In DynamoDB. Nothing else needs an action.
    Table,
}

const NEEDED: [(On, &[&str]); 9] = [
    (
        On::EnabledControl,
        &[
            "controltower:EnableControl",
            "controltower:UpdateEnabledControl",
            "controltower:ResetEnabledControl",
            "controltower:GetEnabledControl",
        ],
    ),
    (On::LandingZone, &["controltower:GetLandingZone"]),
    (
        On::Everything,
        &[
            "controltower:ListLandingZones",
            "controltower:ListEnabledControls",
            "controltower:ListControlOperations",
            "controltower:GetControlOperation",
            "controltower:EnableGuardrail",
            "controltower:ListGuardrailsForTarget",
            "controltower:DescribeGuardrailForTarget",
            "controlcatalog:GetControl",
            "controlcatalog:ListControls",
            "controlcatalog:ListControlMappings",
            "organizations:DescribeOrganization",
            "organizations:ListAccounts",
            "organizations:ListAWSServiceAccessForOrganization",
            "organizations:ListRoots",
            "organizations:CreatePolicy",
        ],
    ),
    (
        On::Unit,
        &[
            "organizations:ListChildren",
            "organizations:ListOrganizationalUnitsForParent",
            "organizations:ListPoliciesForTarget",
        ],
    ),
    (On::UnitAndAccount, &["organizations:ListParents"]),
    (On::Policy, &["organizations:DescribePolicy", "organizations:ListTargetsForPolicy"]),
    (On::Policy, &["organizations:DeletePolicy", "organizations:UpdatePolicy"]),
    (On::PolicyAndUnit, &["organizations:AttachPolicy", "organizations:DetachPolicy"]),
    (On::Table, &["dynamodb:Scan"]),
];

/// Returns the topics, in the order of the checks.
pub fn topics() -> [Topic; 2] {
    let of_controls = |id, title| check::topic(Group::Controls, id, title);
    [
        of_controls("controls-role", "role of control-keeper"),
        of_controls("controls-never-disabled", "control-keeper cannot disable a control"),
    ]
}

pub async fn look(
    examined: &Examined<'_>,
    function: &Deployed,
    table: Option<&TableLocation>,
    samples: &Samples,
) -> Vec<Check> {
    let [of_role, of_denial] = topics();
    let Some(role) = &function.role else {
        let why = "Lambda does not say which role the function has";
        return vec![
            of_role.unknown(why, "see the function in the console"),
            of_denial.unknown(why, "see the function in the console"),
        ];
    };
    let Some(places) = Places::of(examined, function, table, samples) else {
        let needed = "not simulated: an account in an OU is needed for it, and none was found";
        return vec![
            of_role.unknown(needed, "see the checks above"),
            of_denial.unknown(needed, "see the checks above"),
        ];
    };
    let mut results = Vec::new();
    for (on, actions) in NEEDED {
        let Some(resources) = places.resources(on) else { continue };
        match simulation::ask_for(examined, role, actions, resources, context()).await {
            Ok(found) => results.extend(found),
            Err(error) => {
                return [of_role, of_denial].map(|topic| topic.not_answered(&error, Status::Unknown)).into();
            }
        }
    }
    let on = vec![places.enabled_control()];
    let denial = match simulation::ask_for(examined, role, &NEVER, on, Vec::new()).await {
        Ok(found) => judge_denial(of_denial, role, &found),
        Err(error) => of_denial.not_answered(&error, Status::Unknown),
    };
    vec![judge(of_role, role, &results), denial]
}

/// Real things, because policies name them.
struct Places {
    /// `arn:<partition>:controltower:<Region>:<account>`.
    tower: String,
    /// `arn:<partition>:organizations::<management>`, and the organization's id.
    organizations: (String, String),
    unit: String,
    account: String,
    table: Option<String>,
}

impl Places {
    fn of(
        examined: &Examined<'_>,
        function: &Deployed,
        table: Option<&TableLocation>,
        samples: &Samples,
    ) -> Option<Places> {
        let caller = examined.caller.as_ref()?;
        let (partition, Caller { account: owner, .. }) = (caller.partition(), caller);
        let region = function.region.as_deref()?;
        let account = &samples.account.as_ref()?.arn;
        // arn:aws:organizations::<management>:account/<organization>/<account>
        let (organizations, rest) = account.split_once(":account/")?;
        let (organization, _) = rest.split_once('/')?;
        Some(Places {
            tower: format!("arn:{partition}:controltower:{region}:{owner}"),
            organizations: (organizations.to_owned(), organization.to_owned()),
            unit: samples.unit_arn()?,
            account: account.clone(),
            table: match table {
                Some(TableLocation::DynamoDb(name)) => {
                    Some(format!("arn:{partition}:dynamodb:{region}:{owner}:table/{name}"))
                }
                _ => None,
            },
        })
    }

    fn enabled_control(&self) -> String {
        format!("{}:enabledcontrol/0000000000000000", self.tower)
    }

    /// Returns the resources; `None` if the actions are not needed.
    fn resources(&self, on: On) -> Option<Vec<String>> {
        let (organizations, organization) = &self.organizations;
        let policies = || {
            ["service_control_policy", "resource_control_policy", "declarative_policy_ec2"]
                .map(|kind| format!("{organizations}:policy/{organization}/{kind}/p-0000000000"))
        };
        Some(match on {
            On::Everything => vec!["*".to_owned()],
            On::EnabledControl => vec![self.enabled_control()],
            On::LandingZone => vec![format!("{}:landingzone/0000000000000000", self.tower)],
            On::Unit => vec![self.unit.clone()],
            On::UnitAndAccount => vec![self.unit.clone(), self.account.clone()],
            On::Policy => policies().into(),
            On::PolicyAndUnit => policies().into_iter().chain([self.unit.clone()]).collect(),
            On::Table => vec![self.table.clone()?],
        })
    }
}

/// The condition of CreatePolicy: Control Tower creates policies of a few types.
fn context() -> Vec<ContextEntry> {
    let entry = ContextEntry::builder()
        .context_key_name("organizations:PolicyType")
        .context_key_type(ContextKeyTypeEnum::String)
        .context_key_values("SERVICE_CONTROL_POLICY");
    vec![entry.build()]
}

/// Judges what the role needs. Without one action, operations end as FAILED.
fn judge(topic: Topic, role: &str, results: &[EvaluationResult]) -> Check {
    let Decisions { each, .. } = Decisions::of(results);
    if each.is_empty() {
        return topic.unknown("the simulator answered nothing", "run it again later");
    }
    let denied: Vec<String> = each
        .iter()
        .filter(|one| *one.decision != PolicyEvaluationDecisionType::Allowed)
        .map(|one| format!("{} is {} on {}", one.action, one.decision.as_str(), one.resource))
        .collect();
    match denied.is_empty() {
        true => topic.ok(format!("it may do all that Control Tower needs of it; simulated for {role}")),
        false => topic.failed(
            format!("simulated for {role}:\n{}", denied.join("\n")),
            "deploy the present version of template.yaml, which allows it (ControlKeeperRole)",
        ),
    }
}

/// Judges that nothing can disable a control: only an explicit denial stands whatever is allowed later.
fn judge_denial(topic: Topic, role: &str, results: &[EvaluationResult]) -> Check {
    let Decisions { each, .. } = Decisions::of(results);
    let of = |decision: &PolicyEvaluationDecisionType| -> Vec<&str> {
        each.iter().filter(|one| one.decision == decision).map(|one| one.action).collect()
    };
    let allowed = of(&PolicyEvaluationDecisionType::Allowed);
    let remedy = "deploy the present version of template.yaml, which denies it (NeverDisableAControl)";
    if !allowed.is_empty() {
        return topic.failed(format!("{role} may call {}", allowed.join(" and ")), remedy);
    }
    if each.is_empty() {
        return topic.unknown("the simulator answered nothing", "run it again later");
    }
    if of(&PolicyEvaluationDecisionType::ExplicitDeny).len() == each.len() {
        return topic.ok(format!("it is denied, whatever else is allowed; simulated for {role}"));
    }
    topic.is(
        Status::Warning,
        "it is not allowed, but nothing denies it: a later statement could allow it",
        remedy,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(decisions: &[&str]) -> Vec<EvaluationResult> {
        let result = |decision: &&str| {
            EvaluationResult::builder()
                .eval_action_name("controltower:DisableControl")
                .eval_decision(PolicyEvaluationDecisionType::from(*decision))
                .build()
                .unwrap()
        };
        decisions.iter().map(result).collect()
    }

    #[test]
    fn a_role_must_have_all_and_only_an_explicit_denial_stands() {
        let cases: [(&[&str], Status, Status); 5] = [
            (&["allowed", "allowed"], Status::Ok, Status::Failed),
            (&["allowed", "implicitDeny"], Status::Failed, Status::Failed),
            (&["explicitDeny", "implicitDeny"], Status::Failed, Status::Warning),
            (&["explicitDeny", "explicitDeny"], Status::Failed, Status::Ok),
            (&[], Status::Unknown, Status::Unknown),
        ];
        for (decisions, needed, denied) in cases {
            let results = results(decisions);
            let [of_role, of_denial] = topics();
            assert_eq!(judge(of_role, "r", &results).status, needed, "{decisions:?}");
            assert_eq!(judge_denial(of_denial, "r", &results).status, denied, "{decisions:?}");
        }
    }
}
