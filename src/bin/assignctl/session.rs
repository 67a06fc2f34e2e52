//! What all verbs share: the table's place, how output is written, and the clients of AWS.

use std::{io::Write, sync::Arc};

use account_assigner::{
    aws::{self, Tally},
    config::Config,
    error::Error,
    identity_center::IdentityCenter,
    names::Names,
    organization::Organization,
    source::Source,
    table::{Place, Table},
};
use aws_config::SdkConfig;
use serde::Serialize;

use crate::failure::Failure;

pub struct Session {
    pub table: Place,
    pub json: bool,
}

/// The clients of AWS, with the settings of the function where the environment has them.
pub struct Aws {
    pub sdk: SdkConfig,
    pub config: Config,
    pub organization: Organization,
    pub center: IdentityCenter,
    pub names: Names,
}

impl Session {
    /// Writes to standard output; colours only where it is a terminal that wants them. A reader that went away, such
    /// as `head`, is no failure.
    pub fn print(&self, text: &str) {
        let _ = anstream::stdout().write_all(text.as_bytes());
    }

    /// One JSON document on standard output.
    pub fn print_json(&self, document: &impl Serialize) {
        // Strings, numbers and lists cannot fail to be written.
        self.print(&(serde_json::to_string_pretty(document).unwrap_or_default() + "\n"));
    }

    /// A word to the person, never part of the output.
    pub fn note(&self, text: &str) {
        anstream::eprintln!("{text}");
    }

    pub async fn aws(&self) -> Result<Aws, Failure> {
        let config = Config::read(|name| std::env::var(name).ok()).map_err(Error::InvalidConfig)?;
        let sdk = aws::load().await;
        let tally = Arc::new(Tally::default());
        Ok(Aws {
            organization: Organization::new(&sdk, tally.clone()),
            center: IdentityCenter::new(&config, &sdk, tally)?,
            names: Names::default(),
            config,
            sdk,
        })
    }

    /// A table from a file, without AWS; or from DynamoDB.
    pub async fn table(&self, place: &Place) -> Result<Table, Failure> {
        let sdk = match place {
            Place::DynamoDb(_) => aws::load().await,
            Place::Embedded | Place::File(_) => SdkConfig::builder().build(),
        };
        Ok(Source::new(place.clone(), &sdk, Arc::default()).load().await?)
    }
}
