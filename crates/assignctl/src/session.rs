//! What was asked for, whatever the verb: which table, which form of answer, and until when.
//!
//! `terminal`, `files` and `facts` add what the verbs share.

use std::{
    io,
    sync::{Arc, OnceLock},
};

use assigner_aws::client;
use assigner_core::{assignments::Table, table::TableLocation};
use assigner_engine::{sdk, settings::Network, source::Source};
use aws_config::SdkConfig;
use tokio::time::Instant;

use crate::exit::Failure;

/// Attempts at one read. If nothing answers they take about 15 seconds, because a person waits.
pub const ATTEMPTS: u32 = 8;

pub struct Session {
    pub table: TableLocation,
    pub json: bool,
    /// Whether each call to AWS is shown.
    pub verbose: bool,
    /// When everything ends that has not ended before.
    pub until: Instant,
    /// Why standard output could not be written.
    pub unwritten: OnceLock<io::Error>,
}

impl Session {
    pub fn new(table: TableLocation, json: bool, verbose: bool, until: Instant) -> Session {
        Session { table, json, verbose, until, unwritten: OnceLock::new() }
    }

    /// Returns the configuration of the clients of AWS.
    ///
    /// # Errors
    /// If no Region is set: no call could say where it goes.
    pub async fn sdk(&self) -> Result<SdkConfig, Failure> {
        let network = Network::from_environment().map_err(Failure::settings)?;
        let sdk = sdk::load(&network, client::attempts(ATTEMPTS)).await?;
        match sdk.region().is_some_and(|region| !region.as_ref().is_empty()) {
            true => Ok(sdk),
            false => Err(Failure::wrong(
                "no Region is set",
                "set AWS_REGION, or name a profile with a region in AWS_PROFILE: the Region in which the function is \
                 deployed",
            )),
        }
    }

    /// Returns a table of assignments, from a file, without AWS, or from DynamoDB.
    pub async fn table(&self, location: &TableLocation) -> Result<Table, Failure> {
        if let TableLocation::File(path) = location {
            self.require_file(path)?;
        }
        Ok(self.source(location).await?.load().await?)
    }

    pub async fn source(&self, location: &TableLocation) -> Result<Source, Failure> {
        let sdk = match location {
            TableLocation::DynamoDb(_) => self.sdk().await?,
            TableLocation::Embedded(_) | TableLocation::File(_) => SdkConfig::builder().build(),
        };
        // The command reads no embedded table: without --table it reads assignments.json of the working directory.
        Ok(Source::new(location.clone(), b"", &sdk, Arc::default()))
    }
}
