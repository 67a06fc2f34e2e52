//! Who asks, where, and for which organization.

use assigner_aws::client::{Named, call_error};
use assigner_core::cause::Cause;
use assigner_engine::{
    error::Error,
    sdk,
    settings::{Network, Settings},
};
use aws_config::{SdkConfig, retry::RetryConfig};
use aws_sdk_sts::config::ProvideCredentials;

use super::{
    Examined,
    check::{Check, Group, MUCH_PATIENCE, PATIENCE, Status, Topic, ask, topic, within},
};
use crate::session::Session;

/// The service principal that an administrator of Identity Center is registered for.
const SERVICE: &str = "sso.amazonaws.com";

/// The identity that makes the calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub account: String,
    pub arn: String,
}

impl Caller {
    /// Returns the partition: `aws`, `aws-us-gov` and so on.
    pub fn partition(&self) -> &str {
        self.arn.split(':').nth(1).unwrap_or("aws")
    }
}

/// Whether the caller's account may administer Identity Center, and as what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Administrator {
    Management,
    Delegated,
    Neither,
    Unknown,
}

fn identity(id: &str, title: &str) -> Topic {
    topic(Group::Identity, id, title)
}

/// Returns the topics that need a Region and credentials.
pub fn topics() -> Vec<Topic> {
    vec![
        identity("organization", "organization"),
        identity("instance", "Identity Center instance"),
        identity("administrator", "administrator of Identity Center"),
    ]
}

/// Checks the settings of the function, as far as this environment has them. The third part is missing if they do not
/// say how to reach AWS.
pub async fn settings(patience: RetryConfig, named: &Named) -> (Check, Option<Settings>, Option<SdkConfig>) {
    let failed = |faults: Vec<String>| {
        let topic = identity("settings", "settings in this environment");
        topic.failed(faults.join("\n"), "correct them, or unset them")
    };
    let settings = Settings::from_environment();
    let sdk = async {
        let network = Network::from_environment().map_err(Error::InvalidConfig)?;
        sdk::load_named(&network, patience, named).await
    };
    match (settings, sdk.await) {
        (Ok(settings), Ok(sdk)) => {
            let topic = identity("settings", "settings in this environment");
            (topic.ok("sound, or not set"), Some(settings), Some(sdk))
        }
        (Err(faults), sdk) => (failed(faults), None, sdk.ok()),
        (Ok(_), Err(error)) => (failed(vec![error.to_string()]), None, None),
    }
}

/// Returns the Region. A variable that is empty counts as not set.
fn named(sdk: &SdkConfig) -> Option<&str> {
    sdk.region().map(AsRef::as_ref).filter(|region: &&str| !region.is_empty())
}

pub fn region(sdk: &SdkConfig, settings: Option<&Settings>) -> Check {
    let topic = identity("region", "Region");
    match (named(sdk), settings.and_then(|settings| settings.identity_center_region.as_ref())) {
        (None, _) => topic.failed(
            "none is set",
            "set AWS_REGION, --region, or a region in the profile: the Region in which the function is deployed",
        ),
        (Some(region), None) => topic.ok(region.to_string()),
        (Some(region), Some(center)) => topic.ok(format!("{region}; Identity Center in {center}")),
    }
}

pub async fn caller(session: &Session, sdk: &SdkConfig) -> (Check, Option<Caller>) {
    const OPERATION: &str = "sts:GetCallerIdentity";
    let topic = identity("credentials", "credentials");
    let sign_in = "sign in (`aws sso login`), or set AWS_PROFILE or the keys of an identity";
    if named(sdk).is_none() {
        return (topic.depends_on("Region"), None);
    }
    if let Err(why) = has_credentials(session, sdk).await {
        return (topic.failed(why, sign_in), None);
    }
    let client = aws_sdk_sts::Client::new(sdk);
    let call =
        async { client.get_caller_identity().send().await.map_err(|error| call_error(OPERATION, error)) };
    match ask(session, OPERATION, call).await {
        Ok(answer) => match (answer.account, answer.arn) {
            (Some(account), Some(arn)) => {
                (topic.ok(format!("{arn} in account {account}")), Some(Caller { account, arn }))
            }
            _ => (topic.unknown("the answer names no account and no ARN", "run it again"), None),
        },
        Err(error) if error.cause == Cause::Denied => (topic.failed(error.to_string(), sign_in), None),
        Err(error) => (topic.not_answered(&error, Status::Failed), None),
    }
}

/// Looks for credentials first, because a call without them looks like one that nobody answered.
async fn has_credentials(session: &Session, sdk: &SdkConfig) -> Result<(), String> {
    let Some(provider) = sdk.credentials_provider() else { return Err("none are configured".into()) };
    match within(session, PATIENCE, provider.provide_credentials()).await {
        Some(Ok(_)) => Ok(()),
        Some(Err(error)) => {
            let mut causes = error.to_string();
            let mut inner = std::error::Error::source(&error);
            while let Some(source) = inner {
                causes += &format!(": {source}");
                inner = source.source();
            }
            Err(causes)
        }
        None => Err("the source of credentials did not answer in time".into()),
    }
}

/// Finds the management account, from Organizations or else from the settings.
pub async fn organization(examined: &Examined<'_>) -> (Check, Option<String>) {
    let topic = identity("organization", "organization");
    let set = examined.management.clone();
    let call = examined.organizations.management_account();
    match (ask(examined.session, "organizations:DescribeOrganization", call).await, set) {
        (Ok(management), Some(set)) if set != management => (
            topic.failed(
                format!("its management account is {management}, but MANAGEMENT_ACCOUNT_ID is {set}"),
                "correct MANAGEMENT_ACCOUNT_ID, or use credentials of that organization",
            ),
            Some(management),
        ),
        (Ok(management), _) => {
            (topic.ok(format!("its management account is {management}")), Some(management))
        }
        (Err(error), Some(set)) => (topic.not_answered(&error, Status::Unknown), Some(set)),
        (Err(error), None) if error.cause == Cause::Denied => (
            topic.failed(
                error.to_string(),
                "use an account of the organization, and allow organizations:DescribeOrganization or set \
                 MANAGEMENT_ACCOUNT_ID",
            ),
            None,
        ),
        (Err(error), None) => (topic.not_answered(&error, Status::Failed), None),
    }
}

/// Looks for the instance. `true`: it is there.
pub async fn instance(examined: &Examined<'_>) -> (Check, bool) {
    let topic = identity("instance", "Identity Center instance");
    let center = &examined.center;
    let region = center.region().unwrap_or_default();
    // This comes first: a call that is denied must not be taken for a Region without an instance.
    if let Err(error) = ask(examined.session, "sso:ListInstances", center.instance_arns()).await {
        return (topic.not_answered(&error, Status::Failed), false);
    }
    let found = within(examined.session, MUCH_PATIENCE, center.find_instance()).await;
    match found {
        Some(Ok(())) => {
            let arn = center.instance_arn().unwrap_or_default();
            (topic.ok(format!("{arn} in {region}")), true)
        }
        Some(Err(error)) => {
            let remedy = format!(
                "look in other Regions than {region}: `aws sso-admin list-instances --region REGION`, and set \
                 IDENTITY_CENTER_REGION to the one that has it"
            );
            (topic.failed(error.to_string(), remedy), false)
        }
        None => (topic.unknown("no answer in time", "run it again later"), false),
    }
}

pub async fn administrator(examined: &Examined<'_>) -> (Check, Administrator) {
    let topic = identity("administrator", "administrator of Identity Center");
    let Some(Caller { account, .. }) = &examined.caller else {
        return (topic.depends_on("credentials"), Administrator::Unknown);
    };
    if examined.management.as_ref() == Some(account) {
        return (topic.ok(format!("{account} is the management account")), Administrator::Management);
    }
    let Some(management) = &examined.management else {
        return (topic.depends_on("organization"), Administrator::Unknown);
    };
    let delegated = || format!("{account} is a delegated administrator");
    let neither = || {
        (
            format!(
                "{account} is neither the management account ({management}) nor a delegated administrator"
            ),
            format!(
                "use credentials of {management}, or register the account there: `aws organizations \
                 register-delegated-administrator --account-id {account} --service-principal {SERVICE}`"
            ),
        )
    };
    let asked = |administers: bool, topic: Topic| {
        if administers {
            return (topic.ok(delegated()), Administrator::Delegated);
        }
        let (detail, remedy) = neither();
        (topic.failed(detail, remedy), Administrator::Neither)
    };
    let (session, organization) = (examined.session, &examined.organizations);
    let list = organization.delegated_administrators(SERVICE);
    let denied = match ask(session, "organizations:ListDelegatedAdministrators", list).await {
        Ok(administrators) => return asked(administrators.contains(account), topic),
        Err(error) => error,
    };
    let list = organization.delegated_services(account);
    match ask(session, "organizations:ListDelegatedServicesForAccount", list).await {
        Ok(services) => asked(services.iter().any(|service| service == SERVICE), topic),
        Err(error) if error.code.as_deref() == Some("AccountNotRegisteredException") => asked(false, topic),
        Err(_) => {
            let detail = format!(
                "{account} is not the management account ({management}), and may not ask whether it is a \
                 delegated administrator: {denied}"
            );
            let remedy = format!(
                "ask in {management}: `aws organizations list-delegated-administrators --service-principal {SERVICE}`"
            );
            (topic.unknown(detail, remedy), Administrator::Unknown)
        }
    }
}
