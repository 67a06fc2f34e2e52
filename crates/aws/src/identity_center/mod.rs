//! IAM Identity Center and the identity store behind it.

mod assignments;
#[cfg(feature = "revoke")]
mod deletions;
mod identity_store;
#[cfg(feature = "permissions")]
mod permission_content;
#[cfg(feature = "permissions")]
mod permission_edit;
#[cfg(feature = "permissions")]
mod permission_provision;
mod permission_sets;
mod under_way;

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use assigner_core::{
    cause::{CallError, Cause},
    work::Manners,
};
use aws_config::{Region, SdkConfig, retry::RetryConfig};
use aws_sdk_ssoadmin::types::InstanceStatus;
use tokio::time::Instant;

pub use self::assignments::Creation;
#[cfg(feature = "revoke")]
pub use self::deletions::Deletion;
#[cfg(feature = "permissions")]
pub use self::{
    permission_content::{BoundaryReference, PermissionSetContent, PolicyReference},
    permission_edit::NewSet,
};
use crate::{
    calls::{Calls, Patience},
    client::{self, Paced, Tally, Watch},
    pace::Pace,
};

/// How long it is remembered which instance there is.
const REMEMBERED: Duration = Duration::from_secs(15 * 60);

/// The pace that is left to the identity store after a throttle. Nothing shows whether others look up names, so that it
/// means that several do. With seven tenths, five accounts at once have half as many more of them refused.
const OF_STORE_AFTER_THROTTLE: f64 = 0.35;

/// Which instance, where, and how fast.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The instance's ARN; if it is not given, ListInstances finds it.
    pub instance_arn: Option<String>,
    /// The instance's primary Region; if it is not given, the Region of the SDK's configuration.
    pub region: Option<String>,
    /// The management account, if it is known. Its instance is the organization's.
    pub management_account: Option<String>,
    /// Identity Center requests, all kinds together.
    pub max_requests_per_second: u32,
    /// Whether others go first.
    pub manners: Manners,
}

/// Why there is no client.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum NoClient {
    #[error("no Region: set AWS_REGION or IDENTITY_CENTER_REGION")]
    Region,
    #[error("no HTTP client")]
    HttpClient,
}

/// Why there is no instance to work with.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NoInstance {
    #[error("{0}")]
    Call(#[from] CallError),
    /// It is not clear which instance is meant. The text says what to do.
    #[error("{0}")]
    Doubt(String),
}

/// Clients of the organization's instance, sharing one pace.
#[derive(Debug)]
pub struct IdentityCenter {
    sso: aws_sdk_ssoadmin::Client,
    store: aws_sdk_identitystore::Client,
    calls: Calls,
    store_calls: Calls,
    pace: Arc<Pace>,
    wanted_instance: Option<String>,
    management_account: Option<String>,
    /// With the time at which it was found.
    instance: RwLock<Option<(Arc<Instance>, Instant)>>,
}

/// The instance and the identity store behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Instance {
    arn: String,
    identity_store: String,
    /// The account that owns it: the management account, or another one if it is an account instance.
    owner: Option<String>,
    /// `false` while it is being created or deleted.
    is_active: bool,
    primary_region: Option<String>,
}

impl IdentityCenter {
    /// # Errors
    /// If neither the options nor the SDK's configuration name a Region.
    pub fn new(options: &Options, sdk: &SdkConfig, tally: Arc<Tally>) -> Result<IdentityCenter, NoClient> {
        let region = options.region.clone().map(Region::new).or_else(|| sdk.region().cloned());
        let region = region.ok_or(NoClient::Region)?;
        let http = sdk.http_client().ok_or(NoClient::HttpClient)?;
        // The identity store's quota is as high as Identity Center's. Nothing shows who else draws on it, so that what
        // yields takes half of it at most.
        let requests = options.max_requests_per_second;
        let of_store = match options.manners {
            Manners::GoesFirst => requests,
            Manners::Yields => requests.div_ceil(2),
        };
        let pace = Arc::new(Pace::per_second(requests));
        let store_pace = Arc::new(Pace::per_second(of_store).slowing_to(OF_STORE_AFTER_THROTTLE));
        let paced = |pace: &Arc<Pace>| Paced { http: http.clone(), pace: pace.clone() };
        let sso = aws_sdk_ssoadmin::config::Builder::from(sdk)
            .region(region.clone())
            .http_client(paced(&pace))
            .interceptor(Watch { pace: Some(pace.clone()), tally: tally.clone() })
            .retry_config(RetryConfig::disabled())
            .timeout_config(client::timeouts())
            .build();
        let store = aws_sdk_identitystore::config::Builder::from(sdk)
            .region(region)
            .http_client(paced(&store_pace))
            .interceptor(Watch { pace: Some(store_pace), tally: tally.clone() })
            .retry_config(RetryConfig::disabled())
            .timeout_config(client::timeouts())
            .build();
        Ok(IdentityCenter {
            sso: aws_sdk_ssoadmin::Client::from_conf(sso),
            store: aws_sdk_identitystore::Client::from_conf(store),
            calls: Calls::new(sdk, tally.clone()),
            store_calls: Calls::new(sdk, tally),
            pace,
            wanted_instance: options.instance_arn.clone(),
            management_account: options.management_account.clone(),
            instance: RwLock::default(),
        })
    }

    pub fn tally(&self) -> &Tally {
        self.calls.tally()
    }

    /// Begins anew with a fair share of the requests, because others may have begun too.
    pub fn begin(&self) {
        self.pace.begin();
    }

    /// Takes this part of the requests a second, now that it is known who else is at work. The identity store has a quota
    /// of its own, and nothing shows who else draws on it.
    pub fn share_requests(&self, part: f64) {
        self.pace.share(part);
    }

    /// Finds the instance. Nothing else works without it. It is remembered for a while only, so that a warm function
    /// finds one that was deleted and recreated.
    pub async fn find_instance(&self) -> Result<(), NoInstance> {
        let remembered = |found: &(Arc<Instance>, Instant)| found.1.elapsed() < REMEMBERED;
        if self.read().as_ref().is_some_and(remembered) {
            return Ok(());
        }
        let found = self.list_instances().await?;
        let region = self.region();
        let chosen = choose(
            found,
            self.wanted_instance.as_deref(),
            self.management_account.as_deref(),
            region.as_deref(),
        );
        let chosen = chosen.map_err(NoInstance::Doubt)?;
        let mut instance = self.instance.write().unwrap_or_else(PoisonError::into_inner);
        *instance = Some((Arc::new(chosen), Instant::now()));
        Ok(())
    }

    /// Returns the ARN of the instance that was found.
    pub fn instance_arn(&self) -> Option<String> {
        self.read().as_ref().map(|(instance, _)| instance.arn.clone())
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Option<(Arc<Instance>, Instant)>> {
        self.instance.read().unwrap_or_else(PoisonError::into_inner)
    }

    async fn list_instances(&self) -> Result<Vec<Instance>, CallError> {
        let call = self.sso.list_instances();
        let found = self.calls.list(
            "sso:ListInstances",
            Patience::Needed,
            |token| call.clone().set_next_token(token).send(),
            |page| (page.instances.unwrap_or_default(), page.next_token),
        );
        Ok(found
            .await?
            .into_iter()
            .filter_map(|instance| {
                Some(Instance {
                    is_active: matches!(instance.status, None | Some(InstanceStatus::Active)),
                    arn: instance.instance_arn?,
                    identity_store: instance.identity_store_id?,
                    owner: instance.owner_account_id,
                    primary_region: instance.primary_region,
                })
            })
            .collect())
    }

    /// Returns the ARNs of all instances that can be seen in this Region.
    pub async fn instance_arns(&self) -> Result<Vec<String>, CallError> {
        Ok(self.list_instances().await?.into_iter().map(|instance| instance.arn).collect())
    }

    /// Returns the id of the identity store behind the instance that was found.
    pub fn identity_store(&self) -> Option<String> {
        self.read().as_ref().map(|(instance, _)| instance.identity_store.clone())
    }

    /// Returns the Region whose endpoints are called.
    pub fn region(&self) -> Option<String> {
        self.sso.config().region().map(ToString::to_string)
    }

    /// Returns the instance, for calls that come after [`Self::find_instance`].
    fn found(&self, operation: &'static str) -> Result<Arc<Instance>, CallError> {
        self.read().as_ref().map(|(instance, _)| instance.clone()).ok_or_else(|| CallError {
            operation,
            cause: Cause::Invalid,
            code: None,
            message: "the instance has not been looked for".into(),
        })
    }
}

/// Turns "not found" into `None`: it is an answer, not a failure.
fn known<T>(error: CallError) -> Result<Option<T>, CallError> {
    if error.cause == Cause::NotFound { Ok(None) } else { Err(error) }
}

/// Returns the organization's instance, or what leaves a doubt and what to do.
fn choose(
    found: Vec<Instance>,
    wanted: Option<&str>,
    management: Option<&str>,
    region: Option<&str>,
) -> Result<Instance, String> {
    let arns = |instances: &[Instance]| {
        let arns: Vec<&str> = instances.iter().map(|instance| instance.arn.as_str()).collect();
        if arns.is_empty() { "none".to_owned() } else { arns.join(", ") }
    };
    let all = arns(&found);
    let mut candidates = match wanted {
        Some(wanted) => found.into_iter().filter(|instance| instance.arn == wanted).collect(),
        None => found,
    };
    if candidates.is_empty() {
        return Err(match wanted {
            Some(wanted) => format!(
                "IDENTITY_CENTER_INSTANCE_ARN is {wanted}, but the instances in this Region are: {all}; correct it, or \
                 set IDENTITY_CENTER_REGION to the instance's primary Region"
            ),
            None => {
                "no Identity Center instance in this Region; set IDENTITY_CENTER_REGION to the instance's \
                     primary Region, and run in the management account or the delegated administrator's"
                    .to_owned()
            }
        });
    }
    if candidates.len() > 1 {
        // An instance of one account may be next to the organization's.
        let of_management =
            |instance: &Instance| instance.owner.is_some() && instance.owner.as_deref() == management;
        let (organizations, others): (Vec<_>, Vec<_>) = candidates.into_iter().partition(of_management);
        candidates = if organizations.is_empty() { others } else { organizations };
    }
    if candidates.len() > 1 {
        // One that is being deleted makes room for the next.
        let (active, others): (Vec<_>, Vec<_>) =
            candidates.into_iter().partition(|instance| instance.is_active);
        candidates = if active.is_empty() { others } else { active };
    }
    let chosen = match (candidates.pop(), candidates.is_empty()) {
        (Some(chosen), true) => chosen,
        _ => {
            return Err(format!(
                "there is more than one Identity Center instance ({all}); set IDENTITY_CENTER_INSTANCE_ARN to the \
                 organization's"
            ));
        }
    };
    if !chosen.is_active {
        return Err(format!(
            "the instance {} is being created or deleted; wait until it is ACTIVE",
            chosen.arn
        ));
    }
    match (chosen.primary_region.as_deref(), region) {
        // A copy in another Region answers reads, and refuses what is to be created.
        (Some(primary), Some(region)) if primary != region => Err(format!(
            "{region} has a copy of the instance {}, whose primary Region is {primary}; set IDENTITY_CENTER_REGION to \
             {primary}",
            chosen.arn
        )),
        _ => Ok(chosen),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(n: u8) -> Instance {
        Instance {
            arn: format!("arn:aws:sso:::instance/ssoins-7223f7eef79824e{n}"),
            identity_store: format!("d-123456789{n}"),
            owner: None,
            is_active: true,
            primary_region: None,
        }
    }

    #[test]
    fn the_instance_is_chosen_only_without_any_doubt() {
        let (one, two) = (instance(1), instance(2));
        let choose = |found: &[&Instance], wanted: Option<&str>| {
            choose(
                found.iter().map(|one| (*one).clone()).collect(),
                wanted,
                Some("123456789012"),
                Some("eu-west-1"),
            )
        };
        assert_eq!(choose(&[&one], None), Ok(one.clone()));
        assert_eq!(choose(&[&one, &two], Some(&two.arn)), Ok(two.clone()));
        assert!(choose(&[], None).unwrap_err().contains("no Identity Center instance"));
        assert!(choose(&[&one, &two], None).unwrap_err().contains(&two.arn));
        assert!(choose(&[&one], Some(&two.arn)).unwrap_err().contains(&one.arn));
        // Next to an account instance, and next to one that is being deleted.
        let organizations = Instance { owner: Some("123456789012".into()), ..instance(3) };
        let of_account = Instance { owner: Some("111122223333".into()), ..instance(4) };
        let gone = Instance { is_active: false, ..organizations.clone() };
        let recreated = Instance { owner: Some("123456789012".into()), ..instance(5) };
        assert_eq!(choose(&[&of_account, &organizations], None), Ok(organizations.clone()));
        assert_eq!(choose(&[&gone, &recreated], None), Ok(recreated));
        assert!(choose(&[&gone], None).unwrap_err().contains("ACTIVE"));
        // A copy in this Region, and the instance itself.
        let primary = |region: &str| Instance { primary_region: Some(region.into()), ..instance(6) };
        assert_eq!(choose(&[&primary("eu-west-1")], None), Ok(primary("eu-west-1")));
        let doubt = choose(&[&primary("us-east-1")], None).unwrap_err();
        assert!(doubt.contains("IDENTITY_CENTER_REGION to us-east-1"), "{doubt}");
    }
}
