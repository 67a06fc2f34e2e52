//! The only reader of files. It never reads more than a bound, and never from a pipe that nobody writes to.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// A snapshot of 100,000 accounts has some 100 MB.
pub const LARGEST_SNAPSHOT: usize = 1024 * 1024 * 1024;
/// EventBridge and Lambda take far less.
pub const LARGEST_EVENT: usize = 16 * 1024 * 1024;

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A directory, a pipe or a device.
    #[error("it is not a file")]
    NotAFile,
    #[error("it has more than {0} bytes")]
    TooLarge(usize),
}

/// Returns the bytes of a file, or its first `most` bytes and one more if it is longer.
///
/// # Errors
/// If it cannot be read, or is not a regular file.
pub fn first(path: &Path, most: usize) -> Result<Vec<u8>, Unread> {
    // Opening a named pipe would wait for a writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(Unread::NotAFile);
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(most as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Returns the bytes of a file of at most `most` bytes.
///
/// # Errors
/// If it cannot be read, is not a regular file, or is longer.
pub fn whole(path: &Path, most: usize) -> Result<Vec<u8>, Unread> {
    let bytes = first(path, most)?;
    if bytes.len() > most { Err(Unread::TooLarge(most)) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_a_bound_and_nothing_else_is_read() {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let length = std::fs::metadata(&manifest).unwrap().len() as usize;
        assert_eq!(whole(&manifest, length).unwrap().len(), length);
        assert!(matches!(whole(&manifest, length - 1), Err(Unread::TooLarge(_))));
        assert_eq!(first(&manifest, 10).unwrap().len(), 11, "one more, so that it is seen to be too long");
        assert!(matches!(first(manifest.parent().unwrap(), 10), Err(Unread::NotAFile)));
        assert!(matches!(first(&manifest.join("no"), 10), Err(Unread::Io(_))));
    }
}
