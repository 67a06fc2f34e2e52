//! One account: its roles, policies, trails and last-accessed data.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use assigner_core::{
    cause::{CallError, Cause},
    day::Day,
    permissions::{policy::Document, sources::Accessed},
};
use aws_config::{Region, SdkConfig, retry::RetryConfig};
use aws_sdk_iam::types::{
    AccessAdvisorUsageGranularityType, ContextEntry, ContextKeyTypeEnum, JobStatusType,
    PolicyEvaluationDecisionType, Tag,
};
use aws_smithy_types::{DateTime, date_time::Format};

use super::{nothing, quiet};
use crate::{
    calls::{Calls, Patience},
    client::{self, Tally, Watch},
};

/// The clients of one account.
#[derive(Debug)]
pub struct Member {
    iam: aws_sdk_iam::Client,
    cloudtrail: aws_sdk_cloudtrail::Client,
    pub(super) analyzer: aws_sdk_accessanalyzer::Client,
    pub(super) calls: Calls,
    sdk: SdkConfig,
    tally: Arc<Tally>,
}

/// A role of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    pub path: String,
    pub name: String,
    pub arn: String,
}

/// What one role has besides its policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleDetails {
    pub arn: String,
    /// The trust policy, a text of JSON.
    pub trust: String,
    /// The ARN of its permissions boundary.
    pub boundary: Option<String>,
    pub tags: BTreeMap<String, String>,
}

/// An action that a role is not allowed, as IAM's simulator says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub action: String,
    /// Condition keys of which the simulator lacks the values: whether they would allow it is not known.
    pub missing: Vec<String>,
}

/// A trail that the account sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trail {
    pub arn: String,
    pub of_organization: bool,
    pub bucket: String,
    /// The prefix of its keys.
    pub prefix: Option<String>,
    pub home_region: Option<String>,
    pub key: Option<String>,
}

impl Member {
    pub(super) fn new(sdk: &SdkConfig, tally: Arc<Tally>) -> Member {
        let watch = || Watch { pace: None, tally: tally.clone() };
        let iam = aws_sdk_iam::config::Builder::from(sdk)
            .retry_config(RetryConfig::disabled())
            .timeout_config(client::timeouts())
            .interceptor(watch())
            .build();
        let cloudtrail = aws_sdk_cloudtrail::config::Builder::from(sdk)
            .retry_config(RetryConfig::disabled())
            .timeout_config(client::timeouts())
            .interceptor(watch())
            .build();
        Member {
            iam: aws_sdk_iam::Client::from_conf(iam),
            cloudtrail: aws_sdk_cloudtrail::Client::from_conf(cloudtrail),
            analyzer: analyzer(sdk, &tally),
            calls: Calls::new(sdk, tally.clone()).obedient(),
            sdk: sdk.clone(),
            tally,
        }
    }

    /// Asks Access Analyzer in this Region from now on.
    pub fn analyze_in(&mut self, region: &str) {
        let sdk = self.sdk.to_builder().region(Region::new(region.to_owned())).build();
        self.analyzer = analyzer(&sdk, &self.tally);
    }

    /// Returns the roles below a path.
    pub async fn roles(&self, path: &str) -> Result<Vec<Role>, CallError> {
        let call = self.iam.list_roles().path_prefix(path);
        let roles = self.calls.list(
            "iam:ListRoles",
            Patience::OfOne,
            |marker| call.clone().set_marker(marker).send(),
            |page| (page.roles, page.marker),
        );
        let role =
            |role: aws_sdk_iam::types::Role| Role { path: role.path, name: role.role_name, arn: role.arn };
        Ok(quiet(roles.await)?.into_iter().map(role).collect())
    }

    /// Returns one role, or `None` if there is none of this name.
    pub async fn role(&self, name: &str) -> Result<Option<RoleDetails>, CallError> {
        const OPERATION: &str = "iam:GetRole";
        let call = self.iam.get_role().role_name(name);
        let role = match quiet(self.calls.ask(OPERATION, Patience::OfOne, || call.clone().send()).await) {
            Ok(answer) => answer.role.ok_or_else(|| nothing(OPERATION, "role"))?,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some(RoleDetails {
            arn: role.arn,
            trust: decoded(&role.assume_role_policy_document.unwrap_or_default()),
            boundary: role.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn),
            tags: role.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect(),
        }))
    }

    /// Returns which of some actions a role is not allowed on a resource, as IAM's simulator says. `context` has the
    /// condition keys of the request.
    pub async fn refused(
        &self,
        role: &str,
        actions: &[&str],
        resource: &str,
        context: &[(&str, &str)],
    ) -> Result<Vec<Refused>, CallError> {
        let entry = |(key, value): &(&str, &str)| {
            ContextEntry::builder()
                .context_key_name(*key)
                .context_key_type(ContextKeyTypeEnum::String)
                .context_key_values(*value)
                .build()
        };
        let call = self
            .iam
            .simulate_principal_policy()
            .policy_source_arn(role)
            .set_action_names(Some(actions.iter().map(|action| (*action).to_owned()).collect()))
            .resource_arns(resource)
            .set_context_entries(
                (!context.is_empty()).then(|| context.iter().map(entry).collect::<Vec<_>>()),
            );
        let results = self.calls.list(
            "iam:SimulatePrincipalPolicy",
            Patience::OfOne,
            |marker| call.clone().set_marker(marker).send(),
            |page| (page.evaluation_results.unwrap_or_default(), page.marker),
        );
        let results = quiet(results.await)?;
        let mut refused = Vec::new();
        for action in actions {
            let result = results.iter().find(|result| result.eval_action_name == *action);
            let result = result.ok_or_else(|| nothing("iam:SimulatePrincipalPolicy", action))?;
            if result.eval_decision != PolicyEvaluationDecisionType::Allowed {
                let missing = result.missing_context_values.clone().unwrap_or_default();
                refused.push(Refused { action: (*action).to_owned(), missing });
            }
        }
        Ok(refused)
    }

    /// Creates a role without policies, with these tags. It is asked for once; after an error the role may be there.
    pub async fn create_role(
        &self,
        (path, name): (&str, &str),
        trust: &str,
        tags: &[(&str, &str)],
    ) -> Result<(), CallError> {
        const OPERATION: &str = "iam:CreateRole";
        let wrong = |error: aws_smithy_types::error::operation::BuildError| CallError {
            operation: OPERATION,
            cause: Cause::Invalid,
            code: None,
            message: error.to_string(),
        };
        let tags = tags.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build());
        let tags = tags.collect::<Result<Vec<_>, _>>().map_err(wrong)?;
        let call = self.iam.create_role().path(path).role_name(name).assume_role_policy_document(trust);
        let call = call.set_tags(Some(tags));
        quiet(self.calls.once(OPERATION, || call.send()).await).map(drop)
    }

    /// Gives a role an inline policy.
    pub async fn put_role_policy(&self, role: &str, name: &str, policy: &str) -> Result<(), CallError> {
        let call = self.iam.put_role_policy().role_name(role).policy_name(name).policy_document(policy);
        let put = self.calls.ask("iam:PutRolePolicy", Patience::OfOne, || call.clone().send());
        quiet(put.await).map(drop)
    }

    /// Takes an inline policy away from a role. It is no error if there is none.
    pub async fn delete_role_policy(&self, role: &str, name: &str) -> Result<(), CallError> {
        let call = self.iam.delete_role_policy().role_name(role).policy_name(name);
        let deleted = self.calls.ask("iam:DeleteRolePolicy", Patience::OfOne, || call.clone().send());
        match quiet(deleted.await) {
            Err(error) if !is_missing(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Deletes a role. It is no error if there is none.
    pub async fn delete_role(&self, name: &str) -> Result<(), CallError> {
        let call = self.iam.delete_role().role_name(name);
        let deleted = self.calls.ask("iam:DeleteRole", Patience::OfOne, || call.clone().send());
        match quiet(deleted.await) {
            Err(error) if !is_missing(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Returns the inline policy of a role by its name, or `None` if the role has none of that name.
    pub async fn role_policy(&self, role: &str, name: &str) -> Result<Option<Document>, CallError> {
        const OPERATION: &str = "iam:GetRolePolicy";
        let call = self.iam.get_role_policy().role_name(role).policy_name(name);
        match quiet(self.calls.ask(OPERATION, Patience::OfOne, || call.clone().send()).await) {
            Ok(answer) => document(OPERATION, role, &answer.policy_document).map(Some),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the ARNs of the managed policies that a role has.
    pub async fn attached_policies(&self, role: &str) -> Result<BTreeSet<String>, CallError> {
        let call = self.iam.list_attached_role_policies().role_name(role);
        let attached = self.calls.list(
            "iam:ListAttachedRolePolicies",
            Patience::OfOne,
            |marker| call.clone().set_marker(marker).send(),
            |page| (page.attached_policies.unwrap_or_default(), page.marker),
        );
        Ok(quiet(attached.await)?.into_iter().filter_map(|policy| policy.policy_arn).collect())
    }

    /// Creates a managed policy of the account, at the path `/`. It is sent once.
    pub async fn create_policy(&self, name: &str, policy: &Document) -> Result<(), CallError> {
        const OPERATION: &str = "iam:CreatePolicy";
        let call = self.iam.create_policy().policy_name(name).policy_document(policy.to_text());
        quiet(self.calls.once(OPERATION, || call.send()).await).map(drop)
    }

    /// Returns the document of a managed policy in its default version, or `None` if there is no such policy.
    pub async fn policy(&self, arn: &str) -> Result<Option<Document>, CallError> {
        const OPERATION: &str = "iam:GetPolicyVersion";
        let policy = self.iam.get_policy().policy_arn(arn);
        let answer = quiet(self.calls.ask("iam:GetPolicy", Patience::OfOne, || policy.clone().send()).await);
        let policy = match answer {
            Ok(answer) => answer.policy,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let version = policy.and_then(|policy| policy.default_version_id);
        let version = version.ok_or_else(|| nothing("iam:GetPolicy", "default version"))?;
        let call = self.iam.get_policy_version().policy_arn(arn).version_id(version);
        let answer = quiet(self.calls.ask(OPERATION, Patience::OfOne, || call.clone().send()).await)?;
        let text = answer.policy_version.and_then(|version| version.document);
        document(OPERATION, arn, &text.ok_or_else(|| nothing(OPERATION, "document"))?).map(Some)
    }

    /// Returns the trails, also those of the organization.
    pub async fn trails(&self) -> Result<Vec<Trail>, CallError> {
        const OPERATION: &str = "cloudtrail:DescribeTrails";
        let call = self.cloudtrail.describe_trails().include_shadow_trails(true);
        let answer = quiet(self.calls.ask(OPERATION, Patience::OfOne, || call.clone().send()).await)?;
        let trail = |trail: aws_sdk_cloudtrail::types::Trail| {
            Some(Trail {
                arn: trail.trail_arn?,
                of_organization: trail.is_organization_trail == Some(true),
                bucket: trail.s3_bucket_name?,
                prefix: trail.s3_key_prefix.filter(|prefix| !prefix.is_empty()),
                home_region: trail.home_region,
                key: trail.kms_key_id,
            })
        };
        Ok(answer.trail_list.unwrap_or_default().into_iter().filter_map(trail).collect())
    }

    /// Asks for what a role last did, by actions. Returns the id of the request.
    pub async fn ask_last_accessed(&self, role: &str) -> Result<String, CallError> {
        const OPERATION: &str = "iam:GenerateServiceLastAccessedDetails";
        let call = self
            .iam
            .generate_service_last_accessed_details()
            .arn(role)
            .granularity(AccessAdvisorUsageGranularityType::ActionLevel);
        let answer = quiet(self.calls.ask(OPERATION, Patience::OfOne, || call.clone().send()).await)?;
        answer.job_id.ok_or_else(|| nothing(OPERATION, "job id"))
    }

    /// Returns what the role last did, or `None` while it is being found out.
    pub async fn last_accessed(&self, job: &str) -> Result<Option<Vec<Accessed>>, CallError> {
        const OPERATION: &str = "iam:GetServiceLastAccessedDetails";
        let mut services = Vec::new();
        let mut marker: Option<String> = None;
        loop {
            let call = self.iam.get_service_last_accessed_details().job_id(job).set_marker(marker.clone());
            let page = quiet(self.calls.ask(OPERATION, Patience::OfOne, || call.clone().send()).await)?;
            match page.job_status {
                JobStatusType::InProgress => return Ok(None),
                JobStatusType::Completed => {}
                other => {
                    let why = page.error.map(|error| error.message).unwrap_or_default();
                    let message = format!("the request ended as {}: {why}", other.as_str());
                    return Err(CallError {
                        operation: OPERATION,
                        cause: Cause::Unavailable,
                        code: None,
                        message,
                    });
                }
            }
            services.extend(page.services_last_accessed.into_iter().map(accessed));
            let next = page.marker.filter(|_| page.is_truncated);
            if next.is_none() {
                return Ok(Some(services));
            }
            if next == marker {
                return Err(nothing(OPERATION, "new marker, so that the list cannot be read whole"));
            }
            marker = next;
        }
    }
}

fn analyzer(sdk: &SdkConfig, tally: &Arc<Tally>) -> aws_sdk_accessanalyzer::Client {
    let config = aws_sdk_accessanalyzer::config::Builder::from(sdk)
        .retry_config(RetryConfig::disabled())
        .timeout_config(client::timeouts())
        .interceptor(Watch { pace: None, tally: tally.clone() })
        .build();
    aws_sdk_accessanalyzer::Client::from_conf(config)
}

/// Translates one service. Who used it is not looked at.
fn accessed(service: aws_sdk_iam::types::ServiceLastAccessed) -> Accessed {
    let actions = service.tracked_actions_last_accessed.unwrap_or_default();
    Accessed {
        service: service.service_namespace,
        last: service.last_authenticated.as_ref().and_then(day),
        actions: actions
            .into_iter()
            .filter_map(|action| {
                Some((action.action_name?, action.last_accessed_time.as_ref().and_then(day)))
            })
            .collect(),
    }
}

/// Returns the day of a moment, UTC.
pub(super) fn day(moment: &DateTime) -> Option<Day> {
    let text = moment.fmt(Format::DateTime).ok()?;
    Day::parse(text.get(..10)?)
}

fn is_missing(error: &CallError) -> bool {
    error.cause == Cause::NotFound || error.code.as_deref() == Some("NoSuchEntity")
}

/// Reads a document of `what` as IAM answers it.
fn document(operation: &'static str, what: &str, text: &str) -> Result<Document, CallError> {
    serde_json::from_str(&decoded(text)).map_err(|error| CallError {
        operation,
        cause: Cause::Invalid,
        code: None,
        message: format!("{what}: {error}"),
    })
}

/// Returns a text that is URL-encoded as RFC 3986 says.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        match byte {
            b'%' => {
                let (high, low) = (digit(rest.next()), digit(rest.next()));
                bytes.extend(high.zip(low).and_then(|(high, low)| u8::try_from(high * 16 + low).ok()));
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_decoded_and_moments_are_days() {
        assert_eq!(decoded("%7B%22a%22%3A%20%22%C3%A4%2B%22%7D"), r#"{"a": "ä+"}"#);
        assert_eq!(decoded("{}"), "{}");
        let moment = DateTime::from_secs(1_795_823_999);
        assert_eq!(day(&moment).unwrap().to_string(), "2026-11-27");
    }
}
