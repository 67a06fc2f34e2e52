//! The operations of the Identity Store: names to ids, by exact match. Never lists or describes.

use crate::identifier::IdentityStoreId;
use crate::request::{Answer, Operation, Problem, Refusal, Request, members};
use crate::state::State;
use serde::Deserialize;
use serde_json::json;

pub(crate) const OPERATIONS: &[Operation] =
    &[Operation::single("GetGroupId", get_group_id), Operation::single("GetUserId", get_user_id)];

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

fn unique_attribute(state: &State, request: &Request) -> Result<UniqueAttribute, Refusal> {
    let members =
        members!(request { identity_store_id: IdentityStoreId, alternate_identifier: AlternateIdentifier });
    let AlternateIdentifier::UniqueAttribute(attribute) = members.alternate_identifier;
    if *members.identity_store_id == state.world.organization.identity_store_id {
        Ok(attribute)
    } else {
        Err(request.missing(format_args!("the identity store {}", &*members.identity_store_id)))
    }
}
