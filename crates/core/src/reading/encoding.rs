//! How the text of a file is encoded. Editors and shells on Windows write a byte order mark, or UTF-16.

use std::fmt;

const MARK: &[u8] = b"\xef\xbb\xbf";

/// The text is UTF-16.
#[derive(Debug, PartialEq)]
pub struct Utf16;

impl fmt::Display for Utf16 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is UTF-16; save it as UTF-8")
    }
}

impl std::error::Error for Utf16 {}

/// Returns the text without its byte order mark. Whether it is UTF-8 throughout, the reader of JSON says.
///
/// # Errors
/// If it is UTF-16, in either order, with or without its mark.
pub fn utf8(text: &[u8]) -> Result<&[u8], Utf16> {
    match text {
        // JSON begins with an ASCII character, and has no NUL.
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..] => Err(Utf16),
        text => Ok(text.strip_prefix(MARK).unwrap_or(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_taken_off_and_utf_16_is_named() {
        let read: [(&[u8], &[u8]); 6] = [
            (b"", b""),
            (b"{", b"{"),
            (b"{}", b"{}"),
            (b"\xef\xbb\xbf{}", b"{}"),
            (b"\xef\xbb\xbf\xef\xbb\xbf{}", b"\xef\xbb\xbf{}"),
            (b"\xef\xbb", b"\xef\xbb"),
        ];
        for (text, expected) in read {
            assert_eq!(utf8(text), Ok(expected), "{text:?}");
        }
        let utf_16: [&[u8]; 5] = [b"\xff\xfe", b"\xff\xfe{\0}\0", b"\xfe\xff\0{\0}", b"{\0}\0", b"\0{\0}"];
        for text in utf_16 {
            assert_eq!(utf8(text), Err(Utf16), "{text:?}");
        }
    }
}
