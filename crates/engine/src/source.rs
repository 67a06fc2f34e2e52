//! A table, read from its location, whatever its rows are.
//!
//! It is read whole, and again for every event, so that the next event sees an edit.

use std::sync::Arc;

use assigner_aws::{client::Tally, dynamodb::DynamoDbTable};
use assigner_core::table::{self, MAX_BYTES, RowKind, Table, TableLocation};
use aws_config::SdkConfig;

use crate::{error::Error, files};

/// The table's location, with a client if that is needed.
#[derive(Clone, Debug)]
pub struct Source {
    location: TableLocation,
    embedded: &'static [u8],
    dynamodb: Option<DynamoDbTable>,
}

impl Source {
    /// Returns a source. `embedded` is the table that was compiled in.
    pub fn new(
        location: TableLocation,
        embedded: &'static [u8],
        sdk: &SdkConfig,
        tally: Arc<Tally>,
    ) -> Source {
        let dynamodb = match &location {
            TableLocation::DynamoDb(name) => Some(DynamoDbTable::new(name.clone(), sdk, tally)),
            TableLocation::Embedded(_) | TableLocation::File(_) => None,
        };
        Source { location, embedded, dynamodb }
    }

    pub fn location(&self) -> &TableLocation {
        &self.location
    }

    /// Returns the table, for the function. If it is the compiled-in one it must have rows: without them nobody has
    /// written a table, and every account would be `ready` with nobody in it. Elsewhere somebody has emptied it, or is
    /// about to fill it; the accounts that it leaves out are counted.
    ///
    /// # Errors
    /// As [`Source::load`].
    pub async fn load_to_act<R: RowKind>(&self) -> Result<Table<R>, Error> {
        match self.location {
            TableLocation::Embedded(_) => self.load_rows().await,
            TableLocation::File(_) | TableLocation::DynamoDb(_) => self.load().await,
        }
    }

    /// Returns the table, for a person. One without rows is a fault wherever it is.
    ///
    /// # Errors
    /// As [`Source::load`].
    pub async fn load_rows<R: RowKind>(&self) -> Result<Table<R>, Error> {
        table::require_rows(self.load().await?, &self.location)
            .map_err(|faults| Error::InvalidTable { table: self.location.to_string(), faults })
    }

    /// # Errors
    /// [`Error::InvalidTable`] with every fault, or another error if the table cannot be read.
    pub async fn load<R: RowKind>(&self) -> Result<Table<R>, Error> {
        let table = match (&self.location, &self.dynamodb) {
            (_, Some(table)) => match table.rows().await? {
                Some(rows) => table::parse_items(rows),
                None => Err(table::too_large::<R>()),
            },
            (TableLocation::File(path), None) => {
                let unread = |error| {
                    let path = path.display();
                    Error::InvalidConfig(vec![format!("the table {path} cannot be read: {error}")])
                };
                // One byte more than a table may have is enough to refuse it.
                table::parse(&files::first(path, MAX_BYTES).map_err(unread)?)
            }
            (TableLocation::Embedded(_) | TableLocation::DynamoDb(_), None) => table::parse(self.embedded),
        };
        table.map_err(|faults| Error::InvalidTable { table: self.location.to_string(), faults })
    }
}
