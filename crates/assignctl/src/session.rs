//! What was asked for, whatever the verb: which table, which form of answer, and until when.
//!
//! `terminal`, `files` and `facts` add what the verbs share.

use std::sync::Arc;

use assigner_aws::client;
use assigner_core::{assignments::Table, table::TableLocation};
use assigner_engine::{error::Error, sdk, settings::Network, source::Source};
use aws_config::SdkConfig;
use tokio::time::Instant;

use crate::exit::Failure;

/// Attempts at one read. If nothing answers they take about 15 seconds, because a person waits.
pub const ATTEMPTS: u32 = 8;

pub struct Session {
    pub table: TableLocation,
    pub json: bool,
    /// When everything ends that has not ended before.
    pub until: Instant,
}

impl Session {
    /// Returns a table of assignments, from a file, without AWS, or from DynamoDB.
    pub async fn table(&self, location: &TableLocation) -> Result<Table, Failure> {
        if let TableLocation::File(path) = location {
            self.require_file(path)?;
        }
        Ok(self.source(location).await?.load().await?)
    }

    pub async fn source(&self, location: &TableLocation) -> Result<Source, Error> {
        let sdk = match location {
            TableLocation::DynamoDb(_) => sdk().await?,
            TableLocation::Embedded(_) | TableLocation::File(_) => SdkConfig::builder().build(),
        };
        // The command reads no embedded table: without --table it reads assignments.json of the working directory.
        Ok(Source::new(location.clone(), b"", &sdk, Arc::default()))
    }
}

/// Loads the SDK's configuration for a verb that needs none of the function's settings.
pub async fn sdk() -> Result<SdkConfig, Error> {
    let network = Network::from_environment().map_err(Error::InvalidConfig)?;
    sdk::load(&network, client::attempts(ATTEMPTS)).await
}
