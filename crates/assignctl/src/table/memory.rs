//! What a file was pulled from: the rows of the DynamoDB table as they were, in a small file next to it.
//!
//! A push uses it to see which rows somebody else has changed since. It belongs to one working copy; do not commit it.

use std::path::{Path, PathBuf};

use assigner_engine::files;
use serde::{Deserialize, Serialize};

use super::Rows;
use crate::{files::is_standard_input, session::Session};

/// A few times the size of a table, because it is indented.
const LARGEST: usize = 64 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
struct Memory {
    table: String,
    /// Tables of the same name in two Regions are two tables.
    region: Option<String>,
    rows: Rows,
}

/// Returns what this table was, or a text for a person that says why that is not known.
pub fn recall(file: &Path, table: &str, region: Option<&String>) -> Result<Rows, String> {
    let text = path(file).and_then(|path| files::whole(&path, LARGEST).ok());
    let text = text.ok_or_else(|| format!("{} was not pulled or pushed here", file.display()))?;
    let memory: Memory = serde_json::from_slice(&text)
        .map_err(|error| format!("what {} was pulled from cannot be read ({error})", file.display()))?;
    if memory.table == table && memory.region.as_ref() == region {
        Ok(memory.rows)
    } else {
        let region = memory.region.unwrap_or_default();
        Err(format!("{} was pulled from the DynamoDB table {} in {region}", file.display(), memory.table))
    }
}

/// Writes the memory. If that fails, the next push is only less careful.
pub fn remember(session: &Session, file: &Path, table: &str, region: Option<String>, rows: Rows) {
    let Some(path) = path(file) else { return };
    let memory = Memory { table: table.to_owned(), region, rows };
    let text = serde_json::to_vec_pretty(&memory).unwrap_or_default();
    if let Err(failure) = session.write(&path, &text) {
        session.note(&format!(
            "note: {}; the next push cannot see what others change from now on",
            failure.message
        ));
    }
}

/// Returns the path, such as `.assignments.json.pulled`. Standard input, a device or a pipe has none.
fn path(file: &Path) -> Option<PathBuf> {
    if is_standard_input(file) || std::fs::metadata(file).is_ok_and(|file| !file.is_file()) {
        return None;
    }
    Some(file.with_file_name(format!(".{}.pulled", file.file_name()?.to_string_lossy())))
}
