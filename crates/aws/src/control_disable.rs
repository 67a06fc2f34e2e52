//! DisableControl. It has a client of its own, so that what only enables cannot disable: of all programs only `assignctl
//! controls disable` makes one.

use std::sync::Arc;

use assigner_core::cause::CallError;
use aws_config::{SdkConfig, retry::RetryConfig};
use aws_sdk_controltower::Client;

use crate::{
    calls::Calls,
    client::{self, Tally, Watch},
};

/// A client of AWS Control Tower that disables.
#[derive(Debug)]
pub struct ControlDisabler {
    client: Client,
    calls: Calls,
}

impl ControlDisabler {
    pub fn new(sdk: &SdkConfig, tally: Arc<Tally>) -> ControlDisabler {
        let config = aws_sdk_controltower::config::Builder::from(sdk)
            .retry_config(RetryConfig::disabled())
            .timeout_config(client::timeouts())
            .interceptor(Watch { pace: None, tally: tally.clone() })
            .build();
        ControlDisabler { client: Client::from_conf(config), calls: Calls::new(sdk, tally).obedient() }
    }

    /// Disables an enabled control by its ARN. Sent once: whether it took effect after an error, the caller has to read.
    /// Returns the id of the operation that it started.
    pub async fn disable(&self, enabled: &str) -> Result<String, CallError> {
        let call = self.client.disable_control().enabled_control_identifier(enabled);
        let answer = self.calls.once("controltower:DisableControl", || call.send()).await?;
        Ok(answer.operation_identifier)
    }
}
