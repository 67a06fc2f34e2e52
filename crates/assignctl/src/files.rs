//! Files: read up to a bound, written whole or not at all.

use std::{io::Write, path::Path};

use assigner_core::assignments::snapshot::Snapshot;
use assigner_engine::files::{self, LARGEST_SNAPSHOT, Unread};

use crate::{exit::Failure, session::Session};

impl Session {
    /// Returns the bytes of a file of at most `most` bytes.
    pub fn read(&self, path: &Path, most: usize) -> Result<Vec<u8>, Failure> {
        files::whole(path, most).map_err(|error| unread(path, &error))
    }

    /// Returns the first bytes of a file: one more than `most` if it is longer.
    pub fn read_first(&self, path: &Path, most: usize) -> Result<Vec<u8>, Failure> {
        files::first(path, most).map_err(|error| unread(path, &error))
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

    /// Writes a file whole or not at all: a reader never sees half of it.
    pub fn write(&self, path: &Path, content: &[u8]) -> Result<(), Failure> {
        let existing = std::fs::metadata(path).ok();
        let written = match &existing {
            // A device or a pipe is written to, not replaced.
            Some(existing) if !existing.is_file() => std::fs::write(path, content),
            _ => replace(path, content, existing.map(|existing| existing.permissions())),
        };
        written.map_err(|error| Failure::file("write", path, error))
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
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    let new = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    #[cfg(unix)]
    builder.permissions(permissions.unwrap_or(new));
    let mut file = builder.tempfile_in(directory.unwrap_or(Path::new(".")))?;
    file.write_all(content)?;
    // Some file systems report a full disk only now. What is there must not be replaced by less.
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|error| error.error)
}
