//! Files and standard input: read up to a bound, written whole or not at all.

use std::{
    io::{Read, Write},
    path::Path,
};

use assigner_core::{
    assignments::snapshot,
    controls::snapshot::Part,
    table::{MAX_BYTES, TableLocation},
};
use assigner_engine::files::{self, LARGEST_SNAPSHOT, Unread};

use crate::{exit::Failure, session::Session, terminal::clean};

/// A file of `assignctl snapshot`.
pub type Snapshot = snapshot::Snapshot<Part>;

impl Session {
    /// Returns the bytes of a file of at most `most` bytes.
    pub fn read(&self, path: &Path, most: usize) -> Result<Vec<u8>, Failure> {
        files::whole(path, most).map_err(|error| unread(path, &error))
    }

    /// Returns the first bytes of a file, or of standard input: one more than `most` if it is longer.
    pub fn read_first(&self, path: &Path, most: usize) -> Result<Vec<u8>, Failure> {
        if is_standard_input(path) {
            let text = self.standard_input()?;
            return Ok(text[..text.len().min(most + 1)].to_owned());
        }
        files::first(path, most).map_err(|error| unread(path, &error))
    }

    /// Returns what standard input has, up to the size of a table. It is read once, however often it is asked for.
    fn standard_input(&self) -> Result<&[u8], Failure> {
        if let Some(text) = self.standard_input.get() {
            return Ok(text);
        }
        let mut text = Vec::new();
        let most = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
        let read = std::io::stdin().lock().take(most).read_to_end(&mut text);
        read.map_err(|error| Failure::file("read", Path::new("standard input"), error))?;
        Ok(self.standard_input.get_or_init(|| text))
    }

    /// Refuses what is not a regular file, and what cannot be read.
    pub fn require_file(&self, path: &Path) -> Result<(), Failure> {
        self.read_first(path, 0).map(drop)
    }

    pub fn snapshot(&self, path: &Path) -> Result<Snapshot, Failure> {
        Snapshot::parse(&self.read(path, LARGEST_SNAPSHOT)?).map_err(|problem| {
            Failure::wrong(
                format!("{}: {problem}", path.display()),
                "write a new one with `assignctl snapshot`",
            )
        })
    }

    /// Writes a file whole or not at all: a reader never sees half of it. A link stays, and what it leads to is written.
    pub fn write(&self, path: &Path, content: &[u8]) -> Result<(), Failure> {
        let existing = std::fs::metadata(path).ok();
        let is_link = std::fs::symlink_metadata(path).is_ok_and(|path| path.is_symlink());
        let written = match &existing {
            // A device or a pipe is written to, not replaced.
            Some(existing) if !existing.is_file() => std::fs::write(path, content),
            // So is what a link leads to if it is not there yet.
            None if is_link => std::fs::write(path, content),
            _ => std::fs::canonicalize(path)
                .or_else(|_| Ok(path.to_owned()))
                .and_then(|path| replace(&path, content, existing.map(|existing| existing.permissions()))),
        };
        written.map_err(|error| Failure::file("write", path, error))
    }

    /// Refuses a file that is there, also one that only a link leads to.
    pub fn require_new(&self, path: &Path) -> Result<(), Failure> {
        match std::fs::symlink_metadata(path) {
            Err(_) => Ok(()),
            Ok(_) => Err(Failure::wrong(
                format!("{} is there already", clean(&path.display().to_string())),
                "name a file that does not exist yet",
            )),
        }
    }

    /// Writes a file that is not there yet, whole or not at all.
    pub fn write_new(&self, path: &Path, content: &[u8]) -> Result<(), Failure> {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let written = written(directory, None, content)
            .and_then(|file| file.persist_noclobber(path).map(drop).map_err(|error| error.error));
        written.map_err(|error| Failure::file("write", path, error))
    }
}

/// Whether it is what a person writes for standard input.
pub fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}

/// # Errors
/// If both tables would be read from standard input, which there is only once.
pub fn require_one_input(table: &TableLocation, against: &TableLocation) -> Result<(), Failure> {
    let is_input =
        |table: &TableLocation| matches!(table, TableLocation::File(path) if is_standard_input(path));
    if is_input(table) && is_input(against) {
        return Err(Failure::wrong(
            "standard input cannot be both tables",
            "name a file for --table or for --against",
        ));
    }
    Ok(())
}

/// Returns the name of a table for a person.
pub fn named(table: &TableLocation) -> String {
    match table {
        TableLocation::File(path) if is_standard_input(path) => "standard input".to_owned(),
        other => other.to_string(),
    }
}

fn unread(path: &Path, error: &Unread) -> Failure {
    match error {
        Unread::NotAFile => Failure::wrong(format!("{} is not a file", path.display()), "name a file"),
        error => Failure::file("read", path, error),
    }
}

fn replace(path: &Path, content: &[u8], permissions: Option<std::fs::Permissions>) -> std::io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    written(directory, permissions, content)?.persist(path).map(drop).map_err(|error| error.error)
}

/// Returns a file without a name that has this content, to be put where it belongs.
fn written(
    directory: Option<&Path>,
    permissions: Option<std::fs::Permissions>,
    content: &[u8],
) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    let new = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    #[cfg(unix)]
    builder.permissions(permissions.unwrap_or(new));
    let mut file = builder.tempfile_in(directory.unwrap_or(Path::new(".")))?;
    file.write_all(content)?;
    // Some file systems report a full disk only now. What is there must not be replaced by less.
    file.as_file().sync_all()?;
    Ok(file)
}
