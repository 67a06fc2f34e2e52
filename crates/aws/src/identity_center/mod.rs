//! IAM Identity Center and its identity store: the only place naming `aws_sdk_ssoadmin` and
//! `aws_sdk_identitystore`.
//!
//! One function a call, SDK types translated at once. Nothing here decides, waits or remembers, except which
//! instance the organization has.

#[cfg(feature = "assignctl")]
use std::collections::BTreeMap;
use std::sync::Arc;

use aws_config::{Region, SdkConfig, retry::RetryConfig};
use aws_sdk_identitystore::types::{AlternateIdentifier, UniqueAttribute};
use aws_sdk_ssoadmin::types::{
    AccountAssignmentOperationStatus, OperationStatusFilter, PrincipalType, StatusValues, TargetType,
};
use aws_smithy_types::Document;
use tokio::sync::OnceCell;

use crate::{
    aws::{self, Paced, Tally, Watch, call_error},
    config::Config,
    error::Error,
    failure::{CallError, Cause},
    ids::AccountId,
    pace::Pace,
    plan::{Assignment, PrincipalId},
};

/// Clients of the organization's instance, sharing one pace.
#[derive(Debug)]
pub struct IdentityCenter {
    sso: aws_sdk_ssoadmin::Client,
    store: aws_sdk_identitystore::Client,
    tally: Arc<Tally>,
    wanted_instance: Option<String>,
    instance: OnceCell<Instance>,
}

/// The instance and the identity store behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Instance {
    arn: String,
    identity_store: String,
}

/// How far a creation is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    InProgress,
    Succeeded,
    /// With AWS's reason, which it does not always give.
    Failed(Option<String>),
}

/// A creation that was asked for, by us or by another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creation {
    pub request_id: Option<String>,
    pub progress: Progress,
    /// What is being created, where AWS told it.
    pub assignment: Option<Assignment>,
}

impl IdentityCenter {
    /// # Errors
    /// Where neither `IDENTITY_CENTER_REGION` nor the environment names a Region.
    pub fn new(config: &Config, sdk: &SdkConfig, tally: Arc<Tally>) -> Result<IdentityCenter, Error> {
        let region = config.identity_center_region.clone().map(Region::new).or_else(|| sdk.region().cloned());
        let missing = |what: &str| Error::InvalidConfig(vec![what.to_owned()]);
        let region = region.ok_or_else(|| missing("no Region: set AWS_REGION or IDENTITY_CENTER_REGION"))?;
        let http = sdk.http_client().ok_or_else(|| missing("no HTTP client"))?;
        // The identity store has a quota of its own, as high as Identity Center's.
        let (pace, store_pace) = (pace(config), pace(config));
        let paced = |pace: &Arc<Pace>| Paced { http: http.clone(), pace: pace.clone() };
        let sso = aws_sdk_ssoadmin::config::Builder::from(sdk)
            .region(region.clone())
            .http_client(paced(&pace))
            .interceptor(Watch { pace: Some(pace.clone()), tally: tally.clone() })
            .retry_partition(aws::retry_partition("identity-center"))
            .timeout_config(aws::timeouts())
            .build();
        let store = aws_sdk_identitystore::config::Builder::from(sdk)
            .region(region)
            .http_client(paced(&store_pace))
            .interceptor(Watch { pace: Some(store_pace), tally: tally.clone() })
            .retry_partition(aws::retry_partition("identity-store"))
            .timeout_config(aws::timeouts())
            .build();
        Ok(IdentityCenter {
            sso: aws_sdk_ssoadmin::Client::from_conf(sso),
            store: aws_sdk_identitystore::Client::from_conf(store),
            tally,
            wanted_instance: config.instance_arn.clone(),
            instance: OnceCell::new(),
        })
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Finds the instance, once. Nothing else works without it.
    pub async fn find_instance(&self) -> Result<(), Error> {
        self.instance().await.map(|_| ())
    }

    /// The ARN of the instance that was found.
    pub fn instance_arn(&self) -> Option<&str> {
        self.instance.get().map(|instance| instance.arn.as_str())
    }

    async fn instance(&self) -> Result<&Instance, Error> {
        self.instance
            .get_or_try_init(async || {
                let found = self.list_instances().await?;
                choose(found, self.wanted_instance.as_deref())
                    .map_err(|fault| Error::InvalidConfig(vec![fault]))
            })
            .await
    }

    async fn list_instances(&self) -> Result<Vec<Instance>, CallError> {
        let mut found = Vec::new();
        let mut pages = self.sso.list_instances().into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| call_error("sso:ListInstances", error))?;
            found.extend(page.instances.unwrap_or_default().into_iter().filter_map(|instance| {
                Some(Instance { arn: instance.instance_arn?, identity_store: instance.identity_store_id? })
            }));
        }
        Ok(found)
    }

    /// ARNs of all instances that can be seen in this Region.
    #[cfg(feature = "assignctl")]
    pub async fn instance_arns(&self) -> Result<Vec<String>, CallError> {
        Ok(self.list_instances().await?.into_iter().map(|instance| instance.arn).collect())
    }

    /// The id of the identity store behind the instance that was found.
    #[cfg(feature = "assignctl")]
    pub fn identity_store(&self) -> Option<&str> {
        self.instance.get().map(|instance| instance.identity_store.as_str())
    }

    /// The Region that is asked.
    #[cfg(feature = "assignctl")]
    pub fn region(&self) -> Option<String> {
        self.sso.config().region().map(ToString::to_string)
    }

    /// One group of the identity store, to see whether this identity may list them.
    #[cfg(feature = "assignctl")]
    pub async fn may_list_groups(&self) -> Result<(), CallError> {
        const OPERATION: &str = "identitystore:ListGroups";
        let store = &self.found(OPERATION)?.identity_store;
        let answer = self.store.list_groups().identity_store_id(store).max_results(1).send().await;
        answer.map(drop).map_err(|error| call_error(OPERATION, error))
    }

    /// As for groups.
    #[cfg(feature = "assignctl")]
    pub async fn may_list_users(&self) -> Result<(), CallError> {
        const OPERATION: &str = "identitystore:ListUsers";
        let store = &self.found(OPERATION)?.identity_store;
        let answer = self.store.list_users().identity_store_id(store).max_results(1).send().await;
        answer.map(drop).map_err(|error| call_error(OPERATION, error))
    }

    /// For calls that come after [`Self::find_instance`].
    fn found(&self, operation: &'static str) -> Result<&Instance, CallError> {
        self.instance.get().ok_or_else(|| CallError {
            operation,
            cause: Cause::Invalid,
            code: None,
            message: "the instance has not been looked for".into(),
        })
    }

    pub async fn list_permission_sets(&self) -> Result<Vec<String>, CallError> {
        const OPERATION: &str = "sso:ListPermissionSets";
        let instance = self.found(OPERATION)?;
        let mut arns = Vec::new();
        let mut pages = self
            .sso
            .list_permission_sets()
            .instance_arn(&instance.arn)
            .max_results(100)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| call_error(OPERATION, error))?;
            arns.extend(page.permission_sets.unwrap_or_default());
        }
        Ok(arns)
    }

    /// The permission set's name, or `None` where there is no such permission set.
    pub async fn permission_set_name(&self, arn: &str) -> Result<Option<String>, CallError> {
        const OPERATION: &str = "sso:DescribePermissionSet";
        let instance = self.found(OPERATION)?;
        let call = self.sso.describe_permission_set().instance_arn(&instance.arn).permission_set_arn(arn);
        match call.send().await {
            Ok(answer) => Ok(answer.permission_set.and_then(|set| set.name)),
            Err(error) => known(call_error(OPERATION, error)),
        }
    }

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
    #[cfg(feature = "assignctl")]
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
    #[cfg(feature = "assignctl")]
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

    /// ARNs of the permission sets that have at least one assignment in the account.
    pub async fn provisioned_permission_sets(&self, account: &AccountId) -> Result<Vec<String>, CallError> {
        const OPERATION: &str = "sso:ListPermissionSetsProvisionedToAccount";
        let instance = self.found(OPERATION)?;
        let mut arns = Vec::new();
        let mut pages = self
            .sso
            .list_permission_sets_provisioned_to_account()
            .instance_arn(&instance.arn)
            .account_id(account.as_str())
            .max_results(100)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| call_error(OPERATION, error))?;
            arns.extend(page.permission_sets.unwrap_or_default());
        }
        Ok(arns)
    }

    /// Who has the permission set in the account.
    pub async fn assigned(
        &self,
        account: &AccountId,
        permission_set: &str,
    ) -> Result<Vec<PrincipalId>, CallError> {
        const OPERATION: &str = "sso:ListAccountAssignments";
        let instance = self.found(OPERATION)?;
        let mut principals = Vec::new();
        let mut pages = self
            .sso
            .list_account_assignments()
            .instance_arn(&instance.arn)
            .account_id(account.as_str())
            .permission_set_arn(permission_set)
            .max_results(100)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| call_error(OPERATION, error))?;
            principals.extend(
                page.account_assignments
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(|found| principal(found.principal_type.as_ref(), found.principal_id)),
            );
        }
        Ok(principals)
    }

    /// Account and permission set of every assignment that the principal itself has, in all accounts. AWS answers
    /// in the management account only.
    pub async fn assignments_of(&self, principal: &PrincipalId) -> Result<Vec<(String, String)>, CallError> {
        const OPERATION: &str = "sso:ListAccountAssignmentsForPrincipal";
        let instance = self.found(OPERATION)?;
        let (kind, id) = typed(principal);
        let mut assignments = Vec::new();
        let mut pages = self
            .sso
            .list_account_assignments_for_principal()
            .instance_arn(&instance.arn)
            .principal_type(kind)
            .principal_id(id)
            .max_results(100)
            .into_paginator()
            .items()
            .send();
        while let Some(found) = pages.next().await {
            let found = found.map_err(|error| call_error(OPERATION, error))?;
            // A user's list also has what comes from the user's groups.
            if found.principal_id.as_deref() == Some(id) {
                assignments.extend(found.account_id.zip(found.permission_set_arn));
            }
        }
        Ok(assignments)
    }

    /// Asks for an assignment. Sent once: the caller judges a lost reply by evidence.
    pub async fn create(&self, assignment: &Assignment) -> Result<Creation, CallError> {
        const OPERATION: &str = "sso:CreateAccountAssignment";
        let instance = self.found(OPERATION)?;
        let (principal_type, principal_id) = typed(&assignment.principal);
        let once = aws_sdk_ssoadmin::config::Builder::new().retry_config(RetryConfig::disabled());
        let answer = self
            .sso
            .create_account_assignment()
            .instance_arn(&instance.arn)
            .target_id(assignment.account.as_str())
            .target_type(TargetType::AwsAccount)
            .permission_set_arn(&assignment.permission_set)
            .principal_type(principal_type)
            .principal_id(principal_id)
            .customize()
            .config_override(once)
            .send()
            .await
            .map_err(|error| call_error(OPERATION, error))?;
        Ok(creation(answer.account_assignment_creation_status))
    }

    /// How far a creation is, or `None` where its request id is not known (yet, or any more).
    pub async fn creation(&self, request_id: &str) -> Result<Option<Creation>, CallError> {
        const OPERATION: &str = "sso:DescribeAccountAssignmentCreationStatus";
        let instance = self.found(OPERATION)?;
        let answer = self
            .sso
            .describe_account_assignment_creation_status()
            .instance_arn(&instance.arn)
            .account_assignment_creation_request_id(request_id)
            .send()
            .await;
        match answer {
            Ok(answer) => Ok(Some(creation(answer.account_assignment_creation_status))),
            Err(error) => known(call_error(OPERATION, error)),
        }
    }

    /// Request ids and progress of up to 100 creations of the whole instance. Which ones, and in which order,
    /// is the service's choice.
    pub async fn some_creations(&self) -> Result<Vec<(String, Progress)>, CallError> {
        self.creations(None, 1).await
    }

    /// Request ids of the creations that are under way in the whole instance; none where AWS does not say. They only
    /// save creating twice.
    pub async fn creations_in_progress(&self) -> Vec<String> {
        match self.creations(Some(StatusValues::InProgress), 5).await {
            Ok(found) => found.into_iter().map(|(request_id, _)| request_id).collect(),
            Err(error) => {
                tracing::warn!(%error, "creations under way are not known");
                Vec::new()
            }
        }
    }

    /// Whoever asks can do without the answer, so few attempts must do.
    async fn creations(
        &self,
        status: Option<StatusValues>,
        most_pages: usize,
    ) -> Result<Vec<(String, Progress)>, CallError> {
        const OPERATION: &str = "sso:ListAccountAssignmentCreationStatus";
        let instance = self.found(OPERATION)?;
        let filter = status.map(|status| OperationStatusFilter::builder().status(status).build());
        let mut found = Vec::new();
        let mut token = None;
        for _ in 0..most_pages {
            let page = self
                .sso
                .list_account_assignment_creation_status()
                .instance_arn(&instance.arn)
                .max_results(100)
                .set_filter(filter.clone())
                .set_next_token(token)
                .customize()
                .config_override(aws_sdk_ssoadmin::config::Builder::new().retry_config(aws::few_attempts()))
                .send()
                .await
                .map_err(|error| call_error(OPERATION, error))?;
            let entries = page.account_assignments_creation_status.unwrap_or_default().into_iter();
            found.extend(
                entries.filter_map(|entry| Some((entry.request_id?, progress(entry.status.as_ref(), None)))),
            );
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        Ok(found)
    }
}

fn pace(config: &Config) -> Arc<Pace> {
    Arc::new(Pace::per_second(config.max_requests_per_second))
}

fn choose(mut found: Vec<Instance>, wanted: Option<&str>) -> Result<Instance, String> {
    let arns = found.iter().map(|instance| instance.arn.as_str()).collect::<Vec<_>>().join(", ");
    match wanted {
        Some(wanted) => found.into_iter().find(|instance| instance.arn == wanted).ok_or_else(|| {
            let others = if arns.is_empty() { "none".to_owned() } else { arns };
            format!(
                "IDENTITY_CENTER_INSTANCE_ARN is {wanted}, but the instances in this Region are: {others}; correct \
                 it, or set IDENTITY_CENTER_REGION to the instance's primary Region"
            )
        }),
        None if found.len() > 1 => Err(format!(
            "there is more than one Identity Center instance ({arns}); set IDENTITY_CENTER_INSTANCE_ARN to the \
             organization's"
        )),
        None => found.pop().ok_or_else(|| {
            "no Identity Center instance in this Region; set IDENTITY_CENTER_REGION to the instance's primary \
             Region, and run in the management account or the delegated administrator's"
                .to_owned()
        }),
    }
}

/// "Not found" is an answer, not a failure.
fn known<T>(error: CallError) -> Result<Option<T>, CallError> {
    if error.cause == Cause::NotFound { Ok(None) } else { Err(error) }
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

fn typed(principal: &PrincipalId) -> (PrincipalType, &str) {
    match principal {
        PrincipalId::Group(id) => (PrincipalType::Group, id),
        PrincipalId::User(id) => (PrincipalType::User, id),
    }
}

fn principal(kind: Option<&PrincipalType>, id: Option<String>) -> Option<PrincipalId> {
    match kind? {
        PrincipalType::Group => Some(PrincipalId::Group(id?)),
        PrincipalType::User => Some(PrincipalId::User(id?)),
        _ => None,
    }
}

fn creation(status: Option<AccountAssignmentOperationStatus>) -> Creation {
    let Some(status) = status else {
        return Creation { request_id: None, progress: Progress::InProgress, assignment: None };
    };
    let assignment = || {
        Some(Assignment {
            account: AccountId::parse(status.target_id.as_deref()?)?,
            permission_set: status.permission_set_arn.clone()?,
            principal: principal(status.principal_type.as_ref(), status.principal_id.clone())?,
        })
    };
    Creation {
        assignment: assignment(),
        progress: progress(status.status.as_ref(), status.failure_reason),
        request_id: status.request_id,
    }
}

/// A status that is missing or new is taken as unfinished: success is never assumed.
fn progress(status: Option<&StatusValues>, reason: Option<String>) -> Progress {
    match status {
        Some(StatusValues::Succeeded) => Progress::Succeeded,
        Some(StatusValues::Failed) => Progress::Failed(reason),
        _ => Progress::InProgress,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_instance_is_chosen_only_where_there_is_no_doubt() {
        let instance = |n: u8| Instance {
            arn: format!("arn:aws:sso:::instance/ssoins-7223f7eef79824e{n}"),
            identity_store: format!("d-123456789{n}"),
        };
        let (one, two) = (instance(1), instance(2));
        assert_eq!(choose(vec![one.clone()], None), Ok(one.clone()));
        assert_eq!(choose(vec![one.clone(), two.clone()], Some(&two.arn)), Ok(two.clone()));
        assert!(choose(vec![], None).unwrap_err().contains("no Identity Center instance"));
        assert!(choose(vec![one.clone(), two.clone()], None).unwrap_err().contains(&two.arn));
        assert!(choose(vec![one.clone()], Some(&two.arn)).unwrap_err().contains(&one.arn));
    }
}
