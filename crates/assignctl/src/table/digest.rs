//! The digest of a table, as people and pipelines have it: the same for the same rows, wherever they are and however they are written. A pipeline keeps
//! it, and `table push --expect` refuses if the table is another one by then. Pure.

use std::str::FromStr;

use assigner_core::table::{self, RowKind};
use serde::{Deserialize, Serialize};

use super::Rows;

/// `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest(String);

const KIND: &str = "sha256:";
const DIGITS: usize = 64;

impl Digest {
    /// Returns the digest of rows. The order of rows, of fields and of strings in a list means nothing to a table, and
    /// nothing here.
    pub fn of<R: RowKind>(rows: &Rows) -> Digest {
        Digest(KIND.to_owned() + &table::digest::<R>(rows))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Digest, String> {
        let digits = text.strip_prefix(KIND).unwrap_or_default();
        if digits.len() == DIGITS && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            Ok(Digest(text.to_owned()))
        } else {
            Err(format!("a digest is {KIND} and {DIGITS} digits, as `table pull` and `plan` print it"))
        }
    }
}

#[cfg(test)]
mod tests {
    use assigner_core::assignments::Row;
    use serde_json::{Value, json};

    use super::*;

    fn of(rows: &[Value]) -> Digest {
        let id = |row: &Value| row["id"].as_str().unwrap().to_owned();
        Digest::of::<Row>(&rows.iter().map(|row| (id(row), row.clone())).collect())
    }

    #[test]
    fn the_same_rows_have_the_same_digest_and_any_other_have_another() {
        let a = json!({ "id": "a", "group": "g", "accounts": { "ous": ["A", "B"] } });
        let b = json!({ "id": "b", "group": "g" });
        let same = of(&[a.clone(), b.clone()]);
        assert_eq!(same, of(&[b.clone(), a.clone()]));
        let reordered = json!({ "accounts": { "ous": ["B", "A"] }, "group": "g", "id": "a" });
        assert_eq!(same, of(&[reordered, b.clone()]));
        assert_eq!(same.as_str().parse(), Ok(same.clone()));
        let others = [
            vec![a.clone()],
            vec![],
            vec![a.clone(), json!({ "id": "b", "user": "g" })],
            vec![b, json!({ "id": "a", "group": "g", "accounts": { "ous": ["A"] } })],
        ];
        for other in others {
            assert_ne!(same, of(&other), "{other:?}");
        }
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        let digits = "0".repeat(DIGITS);
        for text in
            ["", "sha256:", &digits, &format!("sha256:{digits}0"), &format!("sha256:{}G", &digits[1..])]
        {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }
}
