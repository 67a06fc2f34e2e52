//! The operations of the Identity Store: names to ids by exact match, and lists without filters.

use crate::identifier::{IdentityStoreId, PrincipalId};
use crate::services::{
    Answer, Operation, Problem, Refusal, Request, Service, SignedIn, members, usual_error,
};
use crate::state::State;
use crate::world::{Group, User};
use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) static SERVICE: Service = Service {
    target_prefix: "AWSIdentityStore",
    signing_name: "identitystore",
    signed_in: SignedIn::RegionOfTheInstance,
    requests_per_second: |settings| Some(settings.identity_store_requests_per_second),
    error: usual_error,
    operations: &[
        Operation::single("DescribeGroup", describe_group),
        Operation::single("DescribeUser", describe_user),
        Operation::single("GetGroupId", get_group_id),
        Operation::single("GetUserId", get_user_id),
        Operation::paged("ListGroupMemberships", 100, list_group_memberships),
        Operation::paged("ListGroupMembershipsForMember", 100, list_group_memberships_for_member),
        Operation::paged("ListGroups", 100, list_groups),
        Operation::paged("ListUsers", 100, list_users),
    ],
};

#[derive(Deserialize)]
enum AlternateIdentifier {
    UniqueAttribute(UniqueAttribute),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct UniqueAttribute {
    attribute_path: String,
    attribute_value: String,
}

fn get_group_id(state: &mut State, request: &Request) -> Answer {
    let UniqueAttribute { attribute_path, attribute_value } = unique_attribute(state, request)?;
    let group = match attribute_path.as_str() {
        "displayName" => state.world.group(&attribute_value),
        path => return Err(request.refuse(Problem::Invalid, format!("{path:?} is not displayName"))),
    };
    let group = group.ok_or_else(|| request.missing(format_args!("a group named {attribute_value:?}")))?;
    Ok(json!({ "GroupId": group.id, "IdentityStoreId": state.world.organization.identity_store_id }))
}

fn get_user_id(state: &mut State, request: &Request) -> Answer {
    let UniqueAttribute { attribute_path, attribute_value } = unique_attribute(state, request)?;
    let user = match attribute_path.as_str() {
        "userName" => state.world.user_named(&attribute_value),
        "emails.value" => state.world.user_with_email(&attribute_value),
        path => {
            let message = format!("{path:?} is neither userName nor emails.value");
            return Err(request.refuse(Problem::Invalid, message));
        }
    };
    let user = user.ok_or_else(|| {
        request.missing(format_args!("a user with the {attribute_path} {attribute_value:?}"))
    })?;
    Ok(json!({ "UserId": user.id, "IdentityStoreId": state.world.organization.identity_store_id }))
}

fn describe_group(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { identity_store_id: IdentityStoreId, group_id: PrincipalId });
    require_store(state, request, &members.identity_store_id)?;
    let id = &*members.group_id;
    let group = state.world.organization.groups.iter().find(|group| group.id == id);
    let group = group.ok_or_else(|| request.missing(format_args!("a group with the id {id}")))?;
    let store = &state.world.organization.identity_store_id;
    Ok(json!({ "GroupId": group.id, "DisplayName": group.name, "IdentityStoreId": store }))
}

fn describe_user(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { identity_store_id: IdentityStoreId, user_id: PrincipalId });
    require_store(state, request, &members.identity_store_id)?;
    let id = &*members.user_id;
    let user = state.world.organization.users.iter().find(|user| user.id == id);
    let user = user.ok_or_else(|| request.missing(format_args!("a user with the id {id}")))?;
    let store = &state.world.organization.identity_store_id;
    Ok(json!({ "UserId": user.id, "UserName": user.name, "IdentityStoreId": store }))
}

fn list_groups(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { identity_store_id: IdentityStoreId });
    require_store(state, request, &members.identity_store_id)?;
    let store = &state.world.organization.identity_store_id;
    let show =
        |group: &Group| json!({ "GroupId": group.id, "DisplayName": group.name, "IdentityStoreId": store });
    request.page("Groups", &state.world.organization.groups, show)
}

fn list_group_memberships(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { identity_store_id: IdentityStoreId, group_id: PrincipalId });
    require_store(state, request, &members.identity_store_id)?;
    let id = &*members.group_id;
    let group = state.world.organization.groups.iter().find(|group| group.id == id);
    let group = group.ok_or_else(|| request.missing(format_args!("a group with the id {id}")))?;
    let store = &state.world.organization.identity_store_id;
    request.page("GroupMemberships", &group.members, |user| membership(store, &group.id, user))
}

fn list_group_memberships_for_member(state: &mut State, request: &Request) -> Answer {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase", deny_unknown_fields)]
    struct Member {
        user_id: PrincipalId,
    }
    let members = members!(request { identity_store_id: IdentityStoreId, member_id: Member });
    require_store(state, request, &members.identity_store_id)?;
    let id = &*members.member_id.user_id;
    if !state.world.organization.users.iter().any(|user| user.id == id) {
        return Err(request.missing(format_args!("a user with the id {id}")));
    }
    let store = &state.world.organization.identity_store_id;
    let has = |group: &&Group| group.members.iter().any(|member| member == id);
    let groups = state.world.organization.groups.iter().filter(has);
    request.page("GroupMemberships", groups, |group| membership(store, &group.id, id))
}

fn membership(store: &str, group: &str, user: &str) -> Value {
    // An id is 36 letters at its end, with or without what is before it.
    let tail = |id: &str| id.chars().skip(id.chars().count().saturating_sub(18)).collect::<String>();
    json!({
        "IdentityStoreId": store,
        "MembershipId": format!("{}{}", tail(group), tail(user)),
        "MembershipArn": format!("arn:aws:identitystore:::membership/{}{}", tail(group), tail(user)),
        "GroupId": group,
        "MemberId": { "UserId": user },
    })
}

fn list_users(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { identity_store_id: IdentityStoreId });
    require_store(state, request, &members.identity_store_id)?;
    let store = &state.world.organization.identity_store_id;
    let show = |user: &User| json!({ "UserId": user.id, "UserName": user.name, "IdentityStoreId": store });
    request.page("Users", &state.world.organization.users, show)
}

fn unique_attribute(state: &State, request: &Request) -> Result<UniqueAttribute, Refusal> {
    let members =
        members!(request { identity_store_id: IdentityStoreId, alternate_identifier: AlternateIdentifier });
    let AlternateIdentifier::UniqueAttribute(attribute) = members.alternate_identifier;
    require_store(state, request, &members.identity_store_id)?;
    Ok(attribute)
}

fn require_store(state: &State, request: &Request, id: &str) -> Result<(), Refusal> {
    if *id == state.world.organization.identity_store_id {
        Ok(())
    } else {
        Err(request.missing(format_args!("the identity store {id}")))
    }
}
