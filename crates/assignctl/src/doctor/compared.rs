//! Whether a function reads the table that somebody has before them. Pure.

use assigner_core::table::TableLocation;

/// A table that was looked at: where it is, and its digest if it is sound.
#[derive(Clone, Debug)]
pub struct Read {
    pub location: TableLocation,
    /// An error says why it is not known.
    pub digest: Result<String, String>,
}

/// Whether a function reads the table that this run is about, in a sentence.
pub enum Same {
    Yes(String),
    No(String),
    NotKnown(String),
}

/// Compares by digest: the same rows in another place are the same table.
pub fn reads_the_same(its: &TableLocation, ours: &Read, theirs: &[Read]) -> Same {
    if let (TableLocation::DynamoDb(_), true) = (its, *its == ours.location) {
        return Same::Yes(format!("it reads {its}"));
    }
    let theirs = theirs.iter().find(|read| read.location == *its);
    let read = match theirs.map(|read| &read.digest) {
        Some(Ok(digest)) => digest,
        Some(Err(why)) => {
            return Same::NotKnown(format!(
                "it reads {its}, and whether that is {} is not known: {why}",
                ours.location
            ));
        }
        None => {
            return Same::NotKnown(format!("it reads {its}, and which rows that had is not known"));
        }
    };
    match &ours.digest {
        Ok(digest) if digest == read => Same::Yes(format!(
            "it reads {its}, which has the rows of {} (digest {})",
            ours.location,
            short(digest)
        )),
        Ok(digest) => Same::No(format!(
            "it reads {its} with digest {}, and {} has digest {}: the rows are not the same",
            short(read),
            ours.location,
            short(digest)
        )),
        Err(why) => Same::NotKnown(format!("it reads {its}; {} cannot be compared: {why}", ours.location)),
    }
}

/// Returns as much of a digest as people compare.
pub fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
