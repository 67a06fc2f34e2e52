//! Groups and users of the identity store behind the instance.

use std::collections::{BTreeMap, BTreeSet};

use assigner_core::{
    assignments::{PrincipalId, PrincipalKind},
    cause::{CallError, Cause},
};
use aws_sdk_identitystore::types::{AlternateIdentifier, GroupMembership, MemberId, UniqueAttribute};
use aws_smithy_types::Document;

use super::{IdentityCenter, known};
use crate::calls::Patience;

impl IdentityCenter {
    /// Returns the id of the group with this display name, or `None` if there is none.
    pub async fn group_id(&self, display_name: &str) -> Result<Option<String>, CallError> {
        const OPERATION: &str = "identitystore:GetGroupId";
        let instance = self.found(OPERATION)?;
        let store = &instance.identity_store;
        let by_name = unique(OPERATION, "displayName", display_name)?;
        let call = self.store.get_group_id().identity_store_id(store).alternate_identifier(by_name);
        match self.store_calls.ask(OPERATION, Patience::OfOne, || call.clone().send()).await {
            Ok(answer) => Ok(Some(answer.group_id)),
            Err(error) => known(error),
        }
    }

    /// Returns the id of the user with this user name, or `None` if there is none. E-mail addresses are not names: in
    /// many identity stores users can change their own.
    pub async fn user_id(&self, user_name: &str) -> Result<Option<String>, CallError> {
        const OPERATION: &str = "identitystore:GetUserId";
        let instance = self.found(OPERATION)?;
        let store = &instance.identity_store;
        let by_name = unique(OPERATION, "userName", user_name)?;
        let call = self.store.get_user_id().identity_store_id(store).alternate_identifier(by_name);
        match self.store_calls.ask(OPERATION, Patience::OfOne, || call.clone().send()).await {
            Ok(answer) => Ok(Some(answer.user_id)),
            Err(error) => known(error),
        }
    }

    /// Whether there is such a group or user.
    pub async fn has_principal(&self, principal: &PrincipalId) -> Result<bool, CallError> {
        let answer = match principal.kind {
            PrincipalKind::Group => {
                const OPERATION: &str = "identitystore:DescribeGroup";
                let instance = self.found(OPERATION)?;
                let call = self.store.describe_group().identity_store_id(&instance.identity_store);
                let call = call.group_id(&principal.id);
                self.store_calls.ask(OPERATION, Patience::OfOne, || call.clone().send()).await.map(drop)
            }
            PrincipalKind::User => {
                const OPERATION: &str = "identitystore:DescribeUser";
                let instance = self.found(OPERATION)?;
                let call = self.store.describe_user().identity_store_id(&instance.identity_store);
                let call = call.user_id(&principal.id);
                self.store_calls.ask(OPERATION, Patience::OfOne, || call.clone().send()).await.map(drop)
            }
        };
        match answer {
            Ok(()) => Ok(true),
            Err(error) => known::<()>(error).map(|_| false),
        }
    }

    /// Returns the display name of every group, by id.
    pub async fn groups(&self) -> Result<BTreeMap<String, String>, CallError> {
        const OPERATION: &str = "identitystore:ListGroups";
        let instance = self.found(OPERATION)?;
        let store = &instance.identity_store;
        let call = self.store.list_groups().identity_store_id(store).max_results(100);
        let page = |token| call.clone().set_next_token(token).send();
        let groups =
            self.store_calls.list(OPERATION, Patience::Needed, page, |page| (page.groups, page.next_token));
        let named = groups.await?.into_iter();
        Ok(named.map(|group| (group.group_id, group.display_name.unwrap_or_default())).collect())
    }

    /// Returns the user name of every user, by id.
    pub async fn users(&self) -> Result<BTreeMap<String, String>, CallError> {
        const OPERATION: &str = "identitystore:ListUsers";
        let instance = self.found(OPERATION)?;
        let store = &instance.identity_store;
        let call = self.store.list_users().identity_store_id(store).max_results(100);
        let page = |token| call.clone().set_next_token(token).send();
        let users =
            self.store_calls.list(OPERATION, Patience::Needed, page, |page| (page.users, page.next_token));
        Ok(users.await?.into_iter().map(|user| (user.user_id, user.user_name.unwrap_or_default())).collect())
    }

    /// Returns the ids of the users that are members of the group.
    ///
    /// # Errors
    /// Also if a member is of a kind that is not known here: what is left of the list would look complete.
    pub async fn members_of(&self, group: &str) -> Result<BTreeSet<String>, CallError> {
        const OPERATION: &str = "identitystore:ListGroupMemberships";
        let instance = self.found(OPERATION)?;
        let call = self.store.list_group_memberships().identity_store_id(&instance.identity_store);
        let call = call.group_id(group).max_results(100);
        let page = |token| call.clone().set_next_token(token).send();
        let memberships = self
            .store_calls
            .list(OPERATION, Patience::OfOne, page, |page| (page.group_memberships, page.next_token));
        let user = |membership: GroupMembership| match membership.member_id {
            Some(MemberId::UserId(id)) => Ok(id),
            _ => Err(unknown_kind(OPERATION, "a member")),
        };
        memberships.await?.into_iter().map(user).collect()
    }

    /// Returns the ids of the groups that have the user as a member.
    ///
    /// # Errors
    /// Also if a membership does not name its group.
    pub async fn groups_of(&self, user: &str) -> Result<BTreeSet<String>, CallError> {
        const OPERATION: &str = "identitystore:ListGroupMembershipsForMember";
        let instance = self.found(OPERATION)?;
        let call = self.store.list_group_memberships_for_member().identity_store_id(&instance.identity_store);
        let call = call.member_id(MemberId::UserId(user.to_owned())).max_results(100);
        let page = |token| call.clone().set_next_token(token).send();
        let memberships = self
            .store_calls
            .list(OPERATION, Patience::OfOne, page, |page| (page.group_memberships, page.next_token));
        let group = |membership: GroupMembership| {
            membership.group_id.ok_or_else(|| unknown_kind(OPERATION, "the group of a membership"))
        };
        memberships.await?.into_iter().map(group).collect()
    }

    /// Asks for one group of the identity store, to see whether this identity may list them.
    pub async fn may_list_groups(&self) -> Result<(), CallError> {
        const OPERATION: &str = "identitystore:ListGroups";
        let instance = self.found(OPERATION)?;
        let store = &instance.identity_store;
        let call = self.store.list_groups().identity_store_id(store).max_results(1);
        self.store_calls.ask(OPERATION, Patience::Needed, || call.clone().send()).await.map(drop)
    }

    /// Asks for one user, to see whether this identity may list them.
    pub async fn may_list_users(&self) -> Result<(), CallError> {
        const OPERATION: &str = "identitystore:ListUsers";
        let instance = self.found(OPERATION)?;
        let store = &instance.identity_store;
        let call = self.store.list_users().identity_store_id(store).max_results(1);
        self.store_calls.ask(OPERATION, Patience::Needed, || call.clone().send()).await.map(drop)
    }
}

fn unique(operation: &'static str, attribute: &str, value: &str) -> Result<AlternateIdentifier, CallError> {
    UniqueAttribute::builder()
        .attribute_path(attribute)
        .attribute_value(Document::String(value.to_owned()))
        .build()
        .map(AlternateIdentifier::UniqueAttribute)
        .map_err(|error| CallError {
            operation,
            cause: Cause::Invalid,
            code: None,
            message: error.to_string(),
        })
}

/// Returns the error of an answer that has more than is known here.
fn unknown_kind(operation: &'static str, what: &str) -> CallError {
    let message = format!("{what} is of a kind that is not known here, so the list cannot be read whole");
    CallError { operation, cause: Cause::Invalid, code: None, message }
}
