//! Groups and users of the identity store behind the instance.

use std::collections::BTreeMap;

use assigner_core::{
    assignments::{PrincipalId, PrincipalKind},
    cause::{CallError, Cause},
};
use aws_sdk_identitystore::types::{AlternateIdentifier, UniqueAttribute};
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
