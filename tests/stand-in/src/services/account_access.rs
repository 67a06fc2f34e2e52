//! The operations of account access manager that read: applications, and the entitlements that link a principal to an
//! IAM role in an account. Never changes them.

use crate::identifier::AccountId;
use crate::services::{Answer, Operation, Request, Service, SignedIn, members, usual_error};
use crate::state::State;
use crate::world::Entitlement;
use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) static SERVICE: Service = Service {
    target_prefix: "AccountAccess",
    signing_name: "account-access",
    signed_in: SignedIn::RegionOfTheInstance,
    requests_per_second: |_| None,
    error: usual_error,
    operations: &[
        Operation::paged("ListApplications", 100, list_applications),
        Operation::paged("ListEntitlements", 100, list_entitlements),
    ],
};

const MADE_AT: &str = "2026-01-01T00:00:00Z";

fn list_applications(state: &mut State, request: &Request) -> Answer {
    members!(request {});
    request.page("Applications", &state.world.organization.applications, |application| {
        json!({ "ApplicationArn": application.arn, "CreatedAt": MADE_AT, "UpdatedAt": MADE_AT })
    })
}

fn list_entitlements(state: &mut State, request: &Request) -> Answer {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase", deny_unknown_fields)]
    struct Filter {
        principal_role: PrincipalRole,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase", deny_unknown_fields)]
    struct PrincipalRole {
        account: Option<AccountId>,
    }
    let members = members!(request { application_arn: String, filter: Filter });
    let applications = &state.world.organization.applications;
    let application = applications.iter().find(|application| application.arn == members.application_arn);
    let application = application
        .ok_or_else(|| request.missing(format_args!("the application {}", members.application_arn)))?;
    let account = members.filter.principal_role.account;
    let listed = |one: &&Entitlement| account.as_ref().is_none_or(|account| **account == *one.account);
    request.page("Entitlements", application.entitlements.iter().filter(listed), entitlement)
}

fn entitlement(one: &Entitlement) -> Value {
    let kind = if one.principal_type == "USER" { "UserId" } else { "GroupId" };
    json!({
        "EntitlementId": one.id,
        "CreatedAt": MADE_AT,
        "Entitlement": { "PrincipalRole": {
            "Principal": { "IdentityCenter": { kind: one.principal_id } },
            "RoleArn": one.role_arn,
            "Account": one.account,
        } },
    })
}
