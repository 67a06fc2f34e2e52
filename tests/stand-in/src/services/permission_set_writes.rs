//! The operations of Identity Center that make and change a permission set. What a set holds is a draft until it is
//! provisioned in an account; here it is provisioned nowhere.

use crate::access::{Boundary, Reference, SetContent};
use crate::identifier::{InstanceArn, PermissionSetArn};
use crate::services::identity_center::{require_instance, require_permission_set};
use crate::services::{Answer, Problem, Refusal, Request, members};
use crate::state::State;
use crate::world::{PermissionSet, World};
use serde::Deserialize;
use serde_json::{Value, json};

const LARGEST_INLINE_POLICY: usize = 10_240;
/// Managed policies of a set, AWS's own and those of accounts together.
const MOST_POLICIES: usize = 20;
const MOST_TAGS: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Named {
    name: String,
    path: String,
}

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

pub(super) fn delete_permissions_boundary(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { instance_arn: InstanceArn, permission_set_arn: PermissionSetArn });
    let content = content(state, request, &members.instance_arn, &members.permission_set_arn)?;
    content.boundary.take().map(|_| json!({})).ok_or_else(|| request.missing("a permissions boundary"))
}

pub(super) fn delete_inline_policy(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { instance_arn: InstanceArn, permission_set_arn: PermissionSetArn });
    let content = content(state, request, &members.instance_arn, &members.permission_set_arn)?;
    content.inline_policy.take().map(|_| json!({})).ok_or_else(|| request.missing("an inline policy"))
}

pub(super) fn attach_managed_policy(state: &mut State, request: &Request) -> Answer {
    let members = members!(request {
        instance_arn: InstanceArn,
        permission_set_arn: PermissionSetArn,
        managed_policy_arn: String,
    });
    let arn = members.managed_policy_arn;
    if !state.access.document.policies.contains_key(&arn) {
        return Err(request.missing(format_args!("the policy {arn}")));
    }
    let content = content(state, request, &members.instance_arn, &members.permission_set_arn)?;
    require_room(content)?;
    if !content.managed_policies.insert(arn.clone()) {
        return Err(request.refuse(Problem::Conflict, format!("{arn} is attached already")));
    }
    Ok(json!({}))
}

pub(super) fn detach_managed_policy(state: &mut State, request: &Request) -> Answer {
    let members = members!(request {
        instance_arn: InstanceArn,
        permission_set_arn: PermissionSetArn,
        managed_policy_arn: String,
    });
    let content = content(state, request, &members.instance_arn, &members.permission_set_arn)?;
    match content.managed_policies.remove(&members.managed_policy_arn) {
        true => Ok(json!({})),
        false => Err(request.missing(format_args!("the attached policy {}", members.managed_policy_arn))),
    }
}

pub(super) fn attach_customer_managed_policy(state: &mut State, request: &Request) -> Answer {
    let members = members!(request {
        instance_arn: InstanceArn,
        permission_set_arn: PermissionSetArn,
        customer_managed_policy_reference: Named,
    });
    let Named { name, path } = members.customer_managed_policy_reference;
    if !path.starts_with('/') || !path.ends_with('/') {
        return Err(request.refuse(Problem::Invalid, "a path begins and ends with a slash"));
    }
    let content = content(state, request, &members.instance_arn, &members.permission_set_arn)?;
    require_room(content)?;
    let reference = Reference { name, path };
    if content.customer_managed_policies.contains(&reference) {
        return Err(request.refuse(Problem::Conflict, "the policy is attached already"));
    }
    content.customer_managed_policies.push(reference);
    Ok(json!({}))
}

pub(super) fn detach_customer_managed_policy(state: &mut State, request: &Request) -> Answer {
    let members = members!(request {
        instance_arn: InstanceArn,
        permission_set_arn: PermissionSetArn,
        customer_managed_policy_reference: Named,
    });
    let Named { name, path } = members.customer_managed_policy_reference;
    let reference = Reference { name, path };
    let content = content(state, request, &members.instance_arn, &members.permission_set_arn)?;
    let attached = &mut content.customer_managed_policies;
    let before = attached.len();
    attached.retain(|one| *one != reference);
    if attached.len() < before { Ok(json!({})) } else { Err(request.missing("the attached policy")) }
}

/// A member that is left out stays as it is. AWS documents no way to take one away.
pub(super) fn update_permission_set(state: &mut State, request: &Request) -> Answer {
    let members = members!(request {
        instance_arn: InstanceArn,
        permission_set_arn: PermissionSetArn,
        description: Option<String>,
        session_duration: Option<String>,
        relay_state: Option<String>,
    });
    for text in [&members.description, &members.relay_state].into_iter().flatten() {
        require_latin(request, text)?;
        if text.is_empty() {
            return Err(request.refuse(Problem::Invalid, "a text of at least one character"));
        }
    }
    let content = content(state, request, &members.instance_arn, &members.permission_set_arn)?;
    for (field, new) in [
        (&mut content.description, members.description),
        (&mut content.session_duration, members.session_duration),
        (&mut content.relay_state, members.relay_state),
    ] {
        if new.is_some() {
            *field = new;
        }
    }
    Ok(json!({}))
}

pub(super) fn tag_resource(state: &mut State, request: &Request) -> Answer {
    let members =
        members!(request { instance_arn: InstanceArn, resource_arn: PermissionSetArn, tags: Vec<Tag> });
    if members.tags.is_empty() || members.tags.iter().any(|tag| tag.key.starts_with("aws:")) {
        return Err(request.refuse(Problem::Invalid, "tags of which none is AWS's own"));
    }
    let content = content(state, request, &members.instance_arn, &members.resource_arn)?;
    content.tags.extend(members.tags.into_iter().map(|Tag { key, value }| (key, value)));
    if content.tags.len() > MOST_TAGS {
        return Err(request.refuse(Problem::Invalid, "too many tags"));
    }
    Ok(json!({}))
}

pub(super) fn untag_resource(state: &mut State, request: &Request) -> Answer {
    let members = members!(request {
        instance_arn: InstanceArn,
        resource_arn: PermissionSetArn,
        tag_keys: Vec<String>,
    });
    if members.tag_keys.is_empty() || members.tag_keys.iter().any(|key| key.starts_with("aws:")) {
        return Err(request.refuse(Problem::Invalid, "keys of which none is AWS's own"));
    }
    let content = content(state, request, &members.instance_arn, &members.resource_arn)?;
    content.tags.retain(|key, _| !members.tag_keys.contains(key));
    Ok(json!({}))
}

fn require_room(content: &SetContent) -> Result<(), Refusal> {
    match content.managed_policies.len() + content.customer_managed_policies.len() < MOST_POLICIES {
        true => Ok(()),
        false => Err(Refusal::new(400, "ServiceQuotaExceededException", "too many managed policies")),
    }
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
