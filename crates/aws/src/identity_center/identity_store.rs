//! Groups and users of the identity store behind the instance.

use std::collections::BTreeMap;

use assigner_core::cause::{CallError, Cause};
use aws_sdk_identitystore::types::{AlternateIdentifier, UniqueAttribute};
use aws_smithy_types::Document;

use super::{IdentityCenter, known};
use crate::client::call_error;

impl IdentityCenter {
    /// The id of the group with this display name, or `None` where there is none.
    pub async fn group_id(&self, display_name: &str) -> Result<Option<String>, CallError> {
        const OPERATION: &str = "identitystore:GetGroupId";
        let store = &self.found(OPERATION)?.identity_store;
        let call = self.store.get_group_id().identity_store_id(store).alternate_identifier(unique(
            OPERATION,
            "displayName",
            display_name,
        )?);
        match call.send().await {
            Ok(answer) => Ok(Some(answer.group_id)),
            Err(error) => known(call_error(OPERATION, error)),
        }
    }

    /// The id of the user with this user name, or `None` where there is none. E-mail addresses are no names:
    /// in many identity stores a user can change their own.
    pub async fn user_id(&self, user_name: &str) -> Result<Option<String>, CallError> {
        const OPERATION: &str = "identitystore:GetUserId";
        let store = &self.found(OPERATION)?.identity_store;
        let call = self
            .store
            .get_user_id()
            .identity_store_id(store)
            .alternate_identifier(unique(OPERATION, "userName", user_name)?);
        match call.send().await {
            Ok(answer) => Ok(Some(answer.user_id)),
            Err(error) => known(call_error(OPERATION, error)),
        }
    }

    /// The display name of every group, by id.
    pub async fn groups(&self) -> Result<BTreeMap<String, String>, CallError> {
        let store = &self.found("identitystore:ListGroups")?.identity_store;
        let call = self.store.list_groups().identity_store_id(store).max_results(100);
        let mut pages = call.into_paginator().items().send();
        let mut groups = BTreeMap::new();
        while let Some(group) = pages.next().await {
            let group = group.map_err(|error| call_error("identitystore:ListGroups", error))?;
            groups.insert(group.group_id, group.display_name.unwrap_or_default());
        }
        Ok(groups)
    }

    /// The user name of every user, by id.
    pub async fn users(&self) -> Result<BTreeMap<String, String>, CallError> {
        let store = &self.found("identitystore:ListUsers")?.identity_store;
        let call = self.store.list_users().identity_store_id(store).max_results(100);
        let mut pages = call.into_paginator().items().send();
        let mut users = BTreeMap::new();
        while let Some(user) = pages.next().await {
            let user = user.map_err(|error| call_error("identitystore:ListUsers", error))?;
            users.insert(user.user_id, user.user_name.unwrap_or_default());
        }
        Ok(users)
    }

    /// One group of the identity store, to see whether this identity may list them.
    pub async fn may_list_groups(&self) -> Result<(), CallError> {
        const OPERATION: &str = "identitystore:ListGroups";
        let store = &self.found(OPERATION)?.identity_store;
        let answer = self.store.list_groups().identity_store_id(store).max_results(1).send().await;
        answer.map(drop).map_err(|error| call_error(OPERATION, error))
    }

    /// As for groups.
    pub async fn may_list_users(&self) -> Result<(), CallError> {
        const OPERATION: &str = "identitystore:ListUsers";
        let store = &self.found(OPERATION)?.identity_store;
        let answer = self.store.list_users().identity_store_id(store).max_results(1).send().await;
        answer.map(drop).map_err(|error| call_error(OPERATION, error))
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
