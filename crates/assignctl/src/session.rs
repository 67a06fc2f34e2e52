//! What was asked for, whatever the verb: which table, which form of answer, and until when.
//!
//! `terminal`, `files` and `facts` add what the verbs share.

use std::{
    io,
    sync::{Arc, OnceLock},
};

use assigner_aws::client::{self, Named};
use assigner_core::{
    assignments::Table,
    table::{self, MAX_BYTES, RowKind, TableLocation},
};
use assigner_engine::{error::Error, sdk, settings::Network, source::Source};
use aws_config::SdkConfig;
use tokio::time::Instant;

use crate::{
    exit::Failure,
    files::{is_standard_input, named},
};

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
    /// What `--profile` and `--region` name.
    pub named: Named,
    /// What was read of it, if a table is in it.
    pub standard_input: OnceLock<Vec<u8>>,
}

impl Session {
    pub fn new(table: TableLocation, json: bool, verbose: bool, until: Instant, named: Named) -> Session {
        Session {
            table,
            json,
            verbose,
            until,
            named,
            standard_input: OnceLock::new(),
            unwritten: OnceLock::new(),
        }
    }

    /// Returns the configuration of the clients of AWS.
    ///
    /// # Errors
    /// If no Region is set: no call could say where it goes.
    pub async fn sdk(&self) -> Result<SdkConfig, Failure> {
        let network = Network::from_environment().map_err(Failure::settings)?;
        let sdk = sdk::load_named(&network, client::attempts(ATTEMPTS), &self.named).await?;
        match sdk.region().is_some_and(|region| !region.as_ref().is_empty()) {
            true => Ok(sdk),
            false => Err(Failure::wrong(
                "no Region is set",
                "set AWS_REGION or --region, or name a profile with a region in AWS_PROFILE or --profile: the Region in \
                 which the function is deployed",
            )),
        }
    }

    /// Returns a table of assignments, from a file, without AWS, or from DynamoDB.
    pub async fn table(&self, location: &TableLocation) -> Result<Table, Failure> {
        self.table_of(location).await
    }

    /// Does the same for any kind of rows.
    pub async fn table_of<R: RowKind>(&self, location: &TableLocation) -> Result<table::Table<R>, Failure> {
        if let TableLocation::File(path) = location {
            if is_standard_input(path) {
                let table = table::parse(&self.read_first(path, MAX_BYTES)?);
                return Ok(table.map_err(|faults| Error::InvalidTable { table: named(location), faults })?);
            }
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
