//! Each action that only reads, tried by calling it.

use assigner_aws::organizations::Member;
use assigner_core::{
    assignments::{PrincipalId, PrincipalKind, Table},
    cause::{CallError, Cause},
    organization::Needs,
};

use super::{
    Examined,
    check::{Check, Group, Status, Topic, ask, topic},
    identity::Caller,
};

/// Real things to call with, and to simulate with.
#[derive(Debug, Default)]
pub struct Samples {
    pub account: Option<Member>,
    pub permission_set: Option<String>,
    /// The OU that holds the account.
    pub unit: Option<String>,
}

impl Samples {
    /// Returns the ARN of the OU.
    pub fn unit_arn(&self) -> Option<String> {
        // arn:aws:organizations::<management>:account/<organization>/<account>
        let (place, _) = self.account.as_ref()?.arn.rsplit_once('/')?;
        Some(format!("{}/{}", place.replace(":account/", ":ou/"), self.unit.as_ref()?))
    }
}

/// A name and an id that nobody has. "Not found" then means that the call is allowed.
const NOBODY: &str = "assignctl-doctor-looks-for-nobody";
const NOBODYS_ID: &str = "00000000-0000-4000-8000-000000000000";

const ACTIONS: [&str; 19] = [
    "sso:ListInstances",
    "sso:ListPermissionSets",
    "sso:DescribePermissionSet",
    "sso:ListPermissionSetsProvisionedToAccount",
    "sso:ListAccountAssignments",
    "sso:ListAccountAssignmentsForPrincipal",
    "sso:ListAccountAssignmentCreationStatus",
    "identitystore:GetGroupId",
    "identitystore:GetUserId",
    "identitystore:DescribeGroup",
    "identitystore:DescribeUser",
    "identitystore:ListGroups",
    "identitystore:ListUsers",
    "organizations:ListAccounts",
    "organizations:DescribeAccount",
    "organizations:ListTagsForResource",
    "organizations:ListParents",
    "organizations:DescribeOrganizationalUnit",
    "organizations:ListOrganizationalUnitsForParent",
];

pub fn action(name: &str) -> Topic {
    topic(Group::Actions, format!("action/{name}"), name)
}

pub fn topics() -> Vec<Topic> {
    ACTIONS.into_iter().map(action).collect()
}

/// Calls the actions. Returns the checks in the order of the list, and what was found on the way.
pub async fn call(examined: &Examined<'_>, instance: bool) -> (Vec<Check>, Samples) {
    let (center, organizations) = tokio::join!(of_center(examined, instance), of_organizations(examined));
    let ((mut checks, permission_set), (others, account, unit)) = (center, organizations);
    checks.extend(others);
    let account_checks = with_account(examined, instance, account.as_ref(), permission_set.as_deref()).await;
    checks.extend(account_checks);
    let place = |check: &Check| ACTIONS.iter().position(|name| *name == check.title);
    checks.sort_by_key(place);
    (checks, Samples { account, permission_set, unit })
}

async fn of_center(examined: &Examined<'_>, instance: bool) -> (Vec<Check>, Option<String>) {
    let Examined { session, center, .. } = examined;
    let listed = tried(examined, "sso:ListInstances", Status::Failed, center.instance_arns()).await;
    if !instance {
        let of_center = |name: &&&str| !name.starts_with("organizations:") && !needs_account(name);
        let names = ACTIONS[1..].iter().filter(of_center);
        let checks = names.map(|name| action(name).depends_on("Identity Center instance"));
        return (std::iter::once(listed).chain(checks).collect(), None);
    }
    let sets = ask(session, "sso:ListPermissionSets", center.list_permission_sets()).await;
    let set = sets.as_ref().ok().and_then(|sets| sets.first()).cloned();
    let describe = async {
        let name = "sso:DescribePermissionSet";
        match &set {
            Some(arn) => tried(examined, name, Status::Failed, center.permission_set_name(arn)).await,
            None => nothing_to_ask_for(name, "a permission set"),
        }
    };
    let for_principal = async {
        let name = "sso:ListAccountAssignmentsForPrincipal";
        let management = examined.management.as_ref();
        let in_management =
            examined.caller.as_ref().map(|Caller { account, .. }| Some(account) == management);
        if in_management == Some(false) {
            let detail = "not needed: AWS answers it in the management account only; accounts are read one by one instead";
            return action(name).ok(detail);
        }
        let nobody = PrincipalId::group(NOBODYS_ID);
        // Without it the same is read account by account.
        tried(examined, name, Status::Warning, center.assignments_of(&nobody)).await
    };
    let exists = |kind| {
        let nobody = PrincipalId { kind, id: NOBODYS_ID.to_owned() };
        async move { center.has_principal(&nobody).await }
    };
    let (describe, for_principal, statuses, group, user, group_id, user_id, groups, users) = tokio::join!(
        describe,
        for_principal,
        // Without it what is under way is not known. A creation may then be asked for twice, which does no harm.
        tried(
            examined,
            "sso:ListAccountAssignmentCreationStatus",
            Status::Warning,
            center.some_creations(None)
        ),
        tried(examined, "identitystore:GetGroupId", Status::Failed, center.group_id(NOBODY)),
        tried(examined, "identitystore:GetUserId", Status::Failed, center.user_id(NOBODY)),
        tried(examined, "identitystore:DescribeGroup", Status::Failed, exists(PrincipalKind::Group)),
        tried(examined, "identitystore:DescribeUser", Status::Failed, exists(PrincipalKind::User)),
        // Without these, plans and reports show ids instead of names that the table does not have.
        tried(examined, "identitystore:ListGroups", Status::Warning, center.may_list_groups()),
        tried(examined, "identitystore:ListUsers", Status::Warning, center.may_list_users()),
    );
    let sets = result("sso:ListPermissionSets", Status::Failed, sets.map(drop));
    let checks =
        vec![listed, sets, describe, for_principal, statuses, group, user, group_id, user_id, groups, users];
    (checks, set)
}

fn needs_account(name: &str) -> bool {
    matches!(name, "sso:ListPermissionSetsProvisionedToAccount" | "sso:ListAccountAssignments")
}

async fn of_organizations(examined: &Examined<'_>) -> (Vec<Check>, Option<Member>, Option<String>) {
    let Examined { session, organizations, table, management, .. } = examined;
    let listed =
        ask(session, "organizations:ListAccounts", organizations.some_member(management.as_deref())).await;
    let account = listed.as_ref().ok().cloned().flatten();
    let mut checks = vec![result("organizations:ListAccounts", Status::Failed, listed.map(drop))];
    let names = ACTIONS.iter().skip_while(|name| **name != "organizations:ListAccounts").skip(1);
    let Some(member) = account else {
        checks.extend(names.map(|name| nothing_to_ask_for(name, "an account of the organization")));
        return (checks, None, None);
    };
    let needs = table.as_ref().map_or(Needs { organizational_unit_names: true, tags: true }, Table::needs);
    let where_needed = |needed| if needed { Status::Failed } else { Status::Warning };
    let (describe, tags, parent) = tokio::join!(
        tried(
            examined,
            "organizations:DescribeAccount",
            Status::Failed,
            organizations.may_describe(&member.id)
        ),
        tried(
            examined,
            "organizations:ListTagsForResource",
            where_needed(needs.tags),
            organizations.tags(&member.id)
        ),
        ask(session, "organizations:ListParents", organizations.parent(&member.id)),
    );
    let unit = parent.as_ref().ok().filter(|id| id.starts_with("ou-")).cloned();
    let name = "organizations:DescribeOrganizationalUnit";
    let unit_check = match (&unit, &parent) {
        (Some(unit), _) => {
            let denied = where_needed(needs.organizational_unit_names);
            tried(examined, name, denied, organizations.may_describe_unit(unit)).await
        }
        (None, Ok(_)) => nothing_to_ask_for(name, "an account in an OU"),
        (None, Err(_)) => action(name).depends_on("organizations:ListParents"),
    };
    let name = "organizations:ListOrganizationalUnitsForParent";
    let units = match &parent {
        Ok(parent) => {
            tried(
                examined,
                name,
                where_needed(needs.organizational_unit_names),
                organizations.units_directly_in(parent),
            )
            .await
        }
        Err(_) => action(name).depends_on("organizations:ListParents"),
    };
    // The function asks it only if DescribeAccount does not give the OUs.
    let parents = result("organizations:ListParents", Status::Warning, parent.map(drop));
    checks.extend([describe, tags, parents, unit_check, units]);
    (checks, Some(member), unit)
}

async fn with_account(
    examined: &Examined<'_>,
    instance: bool,
    account: Option<&Member>,
    permission_set: Option<&str>,
) -> Vec<Check> {
    let (provisioned, assignments) =
        ("sso:ListPermissionSetsProvisionedToAccount", "sso:ListAccountAssignments");
    if !instance {
        return [provisioned, assignments]
            .into_iter()
            .map(|name| action(name).depends_on("Identity Center instance"))
            .collect();
    }
    let Some(Member { id, .. }) = account else {
        return [provisioned, assignments]
            .into_iter()
            .map(|name| nothing_to_ask_for(name, "an account of the organization"))
            .collect();
    };
    let center = &examined.center;
    let of_set = async {
        match permission_set {
            Some(arn) => tried(examined, assignments, Status::Failed, center.assigned(id, arn)).await,
            None => nothing_to_ask_for(assignments, "a permission set"),
        }
    };
    let (provisioned, assignments) = tokio::join!(
        tried(examined, provisioned, Status::Failed, center.provisioned_permission_sets(id)),
        of_set
    );
    vec![provisioned, assignments]
}

async fn tried<T>(
    examined: &Examined<'_>,
    name: &'static str,
    denied: Status,
    call: impl Future<Output = Result<T, CallError>>,
) -> Check {
    result(name, denied, ask(examined.session, name, call).await.map(drop))
}

fn result(name: &str, denied: Status, answer: Result<(), CallError>) -> Check {
    match answer {
        // If something was not found, the identity was allowed to ask.
        Ok(()) | Err(CallError { cause: Cause::NotFound, .. }) => action(name).ok("called"),
        Err(error) => action(name).not_answered(&error, denied),
    }
}

fn nothing_to_ask_for(name: &str, what: &str) -> Check {
    action(name)
        .unknown(format!("not called: {what} is needed for it, and none was found"), "see the checks above")
}
