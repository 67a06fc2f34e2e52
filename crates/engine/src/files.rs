//! The only reader of files. It never reads more than a bound, and never from a pipe that nobody writes to.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use assigner_core::reading::{Utf16, utf8};

/// A snapshot of 100,000 accounts has some 100 MB.
pub const LARGEST_SNAPSHOT: usize = 1024 * 1024 * 1024;
/// EventBridge and Lambda take far less.
pub const LARGEST_EVENT: usize = 16 * 1024 * 1024;
/// The authorities of a system have some 200 KB.
pub const LARGEST_BUNDLE: usize = 4 * 1024 * 1024;

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
    #[error(transparent)]
    Utf16(#[from] Utf16),
}

/// Returns the text of a file without its byte order mark, or its first `most` bytes and one more if it is longer.
/// Text that is UTF-16 is returned as it is.
///
/// # Errors
/// If it cannot be read, or is not a regular file.
pub fn first(path: &Path, most: usize) -> Result<Vec<u8>, Unread> {
    // Opening a named pipe would wait for a writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(Unread::NotAFile);
    }
    let mut bytes = Vec::new();
    // The mark, of three bytes, does not count.
    File::open(path)?.take(most as u64 + 4).read_to_end(&mut bytes)?;
    if let Ok(text) = utf8(&bytes) {
        let mark = bytes.len() - text.len();
        bytes.drain(..mark);
    }
    bytes.truncate(most + 1);
    Ok(bytes)
}

/// Returns the text of a file of at most `most` bytes, without its byte order mark.
///
/// # Errors
/// If it cannot be read, is not a regular file, is longer, or is UTF-16.
pub fn whole(path: &Path, most: usize) -> Result<Vec<u8>, Unread> {
    let bytes = first(path, most)?;
    if bytes.len() > most {
        return Err(Unread::TooLarge(most));
    }
    utf8(&bytes)?;
    Ok(bytes)
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

    #[test]
    fn a_byte_order_mark_does_not_count_and_utf_16_is_named() {
        let file = std::env::temp_dir().join(format!("account-assigner-{}.json", std::process::id()));
        std::fs::write(&file, "\u{feff}abc").unwrap();
        assert_eq!(whole(&file, 3).unwrap(), b"abc");
        assert!(matches!(whole(&file, 2), Err(Unread::TooLarge(2))));
        assert_eq!(first(&file, 1).unwrap(), b"ab");
        std::fs::write(&file, "\u{feff}abcdefghi").unwrap();
        assert_eq!(first(&file, 3).unwrap(), b"abcd", "what is too long is seen to be");
        std::fs::write(&file, b"{\0}\0").unwrap();
        assert!(matches!(whole(&file, 9), Err(Unread::Utf16(_))));
        assert_eq!(first(&file, 9).unwrap(), b"{\0}\0");
        std::fs::remove_file(&file).unwrap();
    }
}
