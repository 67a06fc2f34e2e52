//! IAM Identity Center and the identity store behind it.

mod assignments;
mod identity_store;
mod permission_sets;

use std::sync::Arc;

use assigner_core::cause::{CallError, Cause};
use aws_config::{Region, SdkConfig, retry::RetryConfig};
use tokio::sync::OnceCell;

pub use self::assignments::Creation;
use crate::{
    calls::{Calls, Patience},
    client::{self, Paced, Tally, Watch},
    pace::Pace,
};

/// Which instance, where, and how fast.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The instance's ARN; if it is not given, ListInstances finds it.
    pub instance_arn: Option<String>,
    /// The instance's primary Region; else the one of the SDK's configuration.
    pub region: Option<String>,
    /// Identity Center requests, all kinds together.
    pub max_requests_per_second: u32,
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
    /// What there is leaves a doubt; with what to do.
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
    wanted_instance: Option<String>,
    instance: OnceCell<Instance>,
}

/// The instance and the identity store behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Instance {
    arn: String,
    identity_store: String,
}

impl IdentityCenter {
    /// # Errors
    /// If neither the options nor the SDK's configuration name a Region.
    pub fn new(options: &Options, sdk: &SdkConfig, tally: Arc<Tally>) -> Result<IdentityCenter, NoClient> {
        let region = options.region.clone().map(Region::new).or_else(|| sdk.region().cloned());
        let region = region.ok_or(NoClient::Region)?;
        let http = sdk.http_client().ok_or(NoClient::HttpClient)?;
        // The identity store has a quota of its own, as high as Identity Center's.
        let pace = || Arc::new(Pace::per_second(options.max_requests_per_second));
        let (pace, store_pace) = (pace(), pace());
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
            wanted_instance: options.instance_arn.clone(),
            instance: OnceCell::new(),
        })
    }

    pub fn tally(&self) -> &Tally {
        self.calls.tally()
    }

    /// Finds the instance, once. Nothing else works without it.
    pub async fn find_instance(&self) -> Result<(), NoInstance> {
        self.instance().await.map(|_| ())
    }

    /// The ARN of the instance that was found.
    pub fn instance_arn(&self) -> Option<&str> {
        self.instance.get().map(|instance| instance.arn.as_str())
    }

    async fn instance(&self) -> Result<&Instance, NoInstance> {
        self.instance
            .get_or_try_init(async || {
                let found = self.list_instances().await?;
                choose(found, self.wanted_instance.as_deref()).map_err(NoInstance::Doubt)
            })
            .await
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
                Some(Instance { arn: instance.instance_arn?, identity_store: instance.identity_store_id? })
            })
            .collect())
    }

    /// ARNs of all instances that can be seen in this Region.
    pub async fn instance_arns(&self) -> Result<Vec<String>, CallError> {
        Ok(self.list_instances().await?.into_iter().map(|instance| instance.arn).collect())
    }

    /// The id of the identity store behind the instance that was found.
    pub fn identity_store(&self) -> Option<&str> {
        self.instance.get().map(|instance| instance.identity_store.as_str())
    }

    /// The Region that is asked.
    pub fn region(&self) -> Option<String> {
        self.sso.config().region().map(ToString::to_string)
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
}

/// "Not found" is an answer, not a failure.
fn known<T>(error: CallError) -> Result<Option<T>, CallError> {
    if error.cause == Cause::NotFound { Ok(None) } else { Err(error) }
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
