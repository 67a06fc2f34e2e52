//! The operations of Identity Center that make a permission set. What a set holds is a draft until it is provisioned in
//! an account; here it is provisioned nowhere.

use crate::access::{Boundary, Reference, SetContent};
use crate::identifier::{InstanceArn, PermissionSetArn};
use crate::services::identity_center::{require_instance, require_permission_set};
use crate::services::{Answer, Problem, Refusal, Request, members};
use crate::state::State;
use crate::world::{PermissionSet, World};
use serde::Deserialize;
use serde_json::{Value, json};

const LARGEST_INLINE_POLICY: usize = 10_240;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Tag {
    key: String,
    value: String,
}

pub(super) fn create_permission_set(state: &mut State, request: &Request) -> Answer {
    let members = members!(request {
        instance_arn: InstanceArn,
        name: String,
        description: Option<String>,
        session_duration: Option<String>,
        relay_state: Option<String>,
        #[serde(default)]
        tags: Vec<Tag>,
    });
    require_instance(state, request, &members.instance_arn)?;
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "+=,.@-_".contains(letter);
    if !(1..=32).contains(&members.name.len()) || !members.name.chars().all(allowed) {
        return Err(request.refuse(Problem::Invalid, "Name: [\\w+=,.@-]{1,32}"));
    }
    if let Some(description) = &members.description {
        require_latin(request, description)?;
    }
    let organization = &state.world.organization;
    if organization.permission_sets.iter().any(|set| set.name == members.name) {
        return Err(request.refuse(Problem::Conflict, format!("the name {} is taken", members.name)));
    }
    let instance = organization.instance_arn.rsplit('/').next().unwrap_or_default().to_owned();
    let arn = format!("arn:aws:sso:::permissionSet/{instance}/ps-{:016x}", state.rng.u64(..));
    let mut organization = state.world.organization.clone();
    organization.permission_sets.push(PermissionSet { name: members.name.clone(), arn: arn.clone() });
    state.world = World::new(organization);
    let content = SetContent {
        description: members.description,
        session_duration: members.session_duration,
        relay_state: members.relay_state,
        tags: members.tags.into_iter().map(|Tag { key, value }| (key, value)).collect(),
        ..SetContent::default()
    };
    state.access.document.sets.insert(arn.clone(), content);
    Ok(json!({ "PermissionSet": { "Name": members.name, "PermissionSetArn": arn } }))
}

pub(super) fn put_inline_policy(state: &mut State, request: &Request) -> Answer {
    let members = members!(request {
        instance_arn: InstanceArn,
        permission_set_arn: PermissionSetArn,
        inline_policy: String,
    });
    require_latin(request, &members.inline_policy)?;
    let size = members.inline_policy.bytes().filter(|byte| !byte.is_ascii_whitespace()).count();
    if size > LARGEST_INLINE_POLICY {
        return Err(request.refuse(Problem::Invalid, format!("the InlinePolicy Document is {size} bytes")));
    }
    let policy: Value = serde_json::from_str(&members.inline_policy)
        .map_err(|fault| request.refuse(Problem::Invalid, fault.to_string()))?;
    content(state, request, &members.instance_arn, &members.permission_set_arn)?.inline_policy = Some(policy);
    Ok(json!({}))
}

pub(super) fn put_permissions_boundary(state: &mut State, request: &Request) -> Answer {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase", deny_unknown_fields)]
    struct Wanted {
        #[serde(default)]
        managed_policy_arn: Option<String>,
        #[serde(default)]
        customer_managed_policy_reference: Option<Named>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase", deny_unknown_fields)]
    struct Named {
        name: String,
        path: String,
    }
    let members = members!(request {
        instance_arn: InstanceArn,
        permission_set_arn: PermissionSetArn,
        permissions_boundary: Wanted,
    });
    let boundary = match members.permissions_boundary {
        Wanted { managed_policy_arn: Some(arn), customer_managed_policy_reference: None } => {
            Boundary::Managed(arn)
        }
        Wanted {
            managed_policy_arn: None,
            customer_managed_policy_reference: Some(Named { name, path }),
        } => Boundary::CustomerManaged(Reference { name, path }),
        _ => return Err(request.refuse(Problem::Invalid, "a boundary is one policy")),
    };
    content(state, request, &members.instance_arn, &members.permission_set_arn)?.boundary = Some(boundary);
    Ok(json!({}))
}

fn content<'s>(
    state: &'s mut State,
    request: &Request,
    instance: &str,
    arn: &str,
) -> Result<&'s mut SetContent, Refusal> {
    require_instance(state, request, instance)?;
    require_permission_set(state, request, arn)?;
    Ok(state.access.document.sets.entry(arn.to_owned()).or_default())
}

/// Refuses letters that Identity Center does not take in descriptions and policies.
fn require_latin(request: &Request, text: &str) -> Result<(), Refusal> {
    let takes = |letter: char| {
        "\t\n\r".contains(letter) || (' '..='~').contains(&letter) || ('\u{a1}'..='\u{ff}').contains(&letter)
    };
    if text.chars().all(takes) {
        Ok(())
    } else {
        Err(request.refuse(Problem::Invalid, "letters beyond Latin-1"))
    }
}
