//! The SDK's configuration, with the network as the settings have it.

use assigner_aws::{
    client::{self, Named},
    http::{BadBundle, Trust},
};
use aws_config::{SdkConfig, retry::RetryConfig};

use crate::{
    error::Error,
    files::{self, LARGEST_BUNDLE, Unread},
    settings::Network,
};

/// Why a bundle of certificates is not used.
#[derive(Debug, thiserror::Error)]
enum NoBundle {
    #[error(transparent)]
    Unread(#[from] Unread),
    #[error(transparent)]
    Bad(#[from] BadBundle),
}

/// Loads the configuration for all clients.
///
/// # Errors
/// [`Error::InvalidConfig`] if the bundle of certificates cannot be used: trusting others instead would fail open.
pub async fn load(network: &Network, patience: RetryConfig) -> Result<SdkConfig, Error> {
    load_named(network, patience, &Named::default()).await
}

/// Does the same for what a person names.
///
/// # Errors
/// [`Error::InvalidConfig`] as for [`load`].
pub async fn load_named(network: &Network, patience: RetryConfig, named: &Named) -> Result<SdkConfig, Error> {
    Ok(client::load_named(patience, trust(network)?, named).await)
}

fn trust(network: &Network) -> Result<Trust, Error> {
    let Some(path) = &network.ca_bundle else { return Ok(Trust::default()) };
    let read = || Ok::<_, NoBundle>(Trust::only(&files::whole(path, LARGEST_BUNDLE)?)?);
    read().map_err(|problem| {
        Error::InvalidConfig(vec![format!(
            "AWS_CA_BUNDLE names {}, which cannot be used: {problem}; name a file of certificates in PEM",
            path.display()
        )])
    })
}
