//! The records of a file of CloudTrail, one after the other, from pieces of any size. It holds one record at a time,
//! and never more than [`LONGEST`] bytes.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Deserializer, error::Category};

use super::record::{Record, Text};

/// In bytes. CloudTrail cuts records at 256 KB, or at 1 MB where somebody asks for more.
pub const LONGEST: usize = 8 * 1024 * 1024;

/// A file that is being read.
#[derive(Debug, Default)]
pub struct Stream {
    /// What was given and not used yet, from `at` on.
    buffer: Vec<u8>,
    at: usize,
    state: State,
    /// Records that are none: their fields have other types.
    pub odd: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Start,
    /// Before a field, or the end of the object.
    Field,
    /// Before a record, or the end of the list.
    Record,
    /// After the object.
    End,
    /// The same, of an object that had no list `Records`.
    EndWithout,
}

/// Why the rest of a file was not read.
#[derive(Debug, PartialEq, Eq)]
pub struct Broken(pub String);

impl Stream {
    /// Takes a piece, and hands on every record that is whole now.
    ///
    /// # Errors
    /// If the text is none of CloudTrail's. What was handed on before was read.
    pub fn push(&mut self, piece: &[u8], each: &mut impl FnMut(&Record<'_>)) -> Result<(), Broken> {
        self.buffer.drain(..self.at);
        self.at = 0;
        self.buffer.extend_from_slice(piece);
        while self.step(each)? {}
        match self.buffer.len() - self.at > LONGEST {
            true => Err(Broken(format!("it has a record of more than {LONGEST} bytes"))),
            false => Ok(()),
        }
    }

    /// Says that no piece follows.
    ///
    /// # Errors
    /// If the text ends too soon, or had no records at all.
    pub fn finish(&self) -> Result<(), Broken> {
        match self.state {
            State::End => Ok(()),
            State::EndWithout => Err(Broken("it has no list of Records, so it is not CloudTrail's".into())),
            State::Start if self.buffer.is_empty() => Err(Broken("it is empty".into())),
            State::Start | State::Field | State::Record => Err(Broken("it ends too soon".into())),
        }
    }

    /// Goes one part further. Returns false if that needs more of the text.
    fn step(&mut self, each: &mut impl FnMut(&Record<'_>)) -> Result<bool, Broken> {
        let blanks = |byte: &&u8| byte.is_ascii_whitespace() || **byte == b',';
        self.at += self.buffer[self.at..].iter().take_while(blanks).count();
        let rest = &self.buffer[self.at..];
        let Some(&next) = rest.first() else { return Ok(false) };
        match (self.state, next) {
            (State::Start, b'{') => self.enter(1, State::Field),
            (State::Field, b'}') => self.enter(1, State::EndWithout),
            (State::Field, b'"') => return self.field(),
            // Whatever else the object has, the records have been read.
            (State::Record, b']') => self.enter(1, State::End),
            (State::Record, b'{') => return self.record(each),
            (State::End, _) => self.at = self.buffer.len(),
            _ => return Err(Broken("it is not a JSON object with a list of Records".into())),
        }
        Ok(true)
    }

    fn enter(&mut self, used: usize, state: State) {
        self.at += used;
        self.state = state;
    }

    /// Reads a name, and skips what it names if that is not the records.
    fn field(&mut self) -> Result<bool, Broken> {
        let rest = &self.buffer[self.at..];
        let Some((name, used)) = whole::<Text<'_>>(rest)? else { return Ok(false) };
        let after = &rest[used..];
        let blank = |from: usize| after[from..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let colon = blank(0);
        match after.get(colon) {
            None => return Ok(false),
            Some(b':') => {}
            Some(_) => return Err(Broken("it is not JSON".into())),
        }
        let value = colon + 1 + blank(colon + 1);
        let Some(&first) = after.get(value) else { return Ok(false) };
        if &*name == "Records" && first == b'[' {
            self.enter(used + value + 1, State::Record);
            return Ok(true);
        }
        let Some((_, length)) = whole::<IgnoredAny>(&after[value..])? else { return Ok(false) };
        // A number may go on in the next piece.
        if !matches!(first, b'{' | b'[' | b'"') && value + length == after.len() {
            return Ok(false);
        }
        self.enter(used + value + length, State::Field);
        Ok(true)
    }

    fn record(&mut self, each: &mut impl FnMut(&Record<'_>)) -> Result<bool, Broken> {
        let rest = &self.buffer[self.at..];
        let used = match whole::<Record<'_>>(rest) {
            Ok(None) => return Ok(false),
            Ok(Some((record, used))) => {
                each(&record);
                used
            }
            Err(_) => match whole::<IgnoredAny>(rest)? {
                None => return Ok(false),
                Some((_, used)) => {
                    self.odd += 1;
                    used
                }
            },
        };
        self.at += used;
        Ok(true)
    }
}

/// Returns the value that the text begins with, and its length; `None` if the text ends within it.
fn whole<'t, T: Deserialize<'t>>(text: &'t [u8]) -> Result<Option<(T, usize)>, Broken> {
    let mut values = Deserializer::from_slice(text).into_iter::<T>();
    match values.next() {
        Some(Ok(value)) => Ok(Some((value, values.byte_offset()))),
        Some(Err(error)) if error.classify() != Category::Eof => {
            Err(Broken(format!("it is not JSON: {error}")))
        }
        Some(Err(_)) | None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Reads a text in pieces of so many bytes. Returns the ids of its events, and whether it was sound.
    fn read(text: &[u8], size: usize) -> (Vec<String>, u64, Result<(), Broken>) {
        let mut ids = Vec::new();
        let mut stream = Stream::default();
        let mut each = |record: &Record<'_>| ids.push(record.event_id.to_string());
        let pushed = text.chunks(size).try_for_each(|piece| stream.push(piece, &mut each));
        let odd = stream.odd;
        let ended = pushed.and_then(|()| stream.finish());
        (ids, odd, ended)
    }

    #[test]
    fn records_are_read_in_pieces_of_any_size() {
        let text = json!({ "a": 12, "b": { "Records": [1] }, "Records": [{ "eventID": "d1", "x": ["]", "}"] }, { "eventID": "d\"2", "y": { "Records": [] } }] });
        let sound = [
            text.to_string(),
            serde_json::to_string_pretty(&text).unwrap(),
            r#"{"Records":[{"eventID":"d1"},{"eventID":"d\"2"}],"b":[]}"#.to_owned() + "\n",
        ];
        for text in sound {
            for size in (1..40).chain([text.len()]) {
                let (ids, odd, ended) = read(text.as_bytes(), size);
                assert_eq!(
                    (ids, odd, ended),
                    (vec!["d1".to_owned(), "d\"2".to_owned()], 0, Ok(())),
                    "{size}: {text}"
                );
            }
        }
    }

    #[test]
    fn what_is_not_cloudtrail_s_is_said_and_what_was_read_before_counts() {
        let cases = [
            ("", 0, "it is empty"),
            ("[]", 0, "it is not a JSON object"),
            ("{}", 0, "no list of Records"),
            (r#"{"digestEndTime":"x"}"#, 0, "no list of Records"),
            (r#"{"Records":{}}"#, 0, "no list of Records"),
            (r#"{"Records":[{"eventID":"a"}"#, 1, "it ends too soon"),
            (r#"{"Records":[{"eventID":"a"},{"eventID"#, 1, "it ends too soon"),
            (r#"{"Records":[{"eventID":"a"},{"eventID" "b"}]}"#, 1, "it is not JSON"),
            (r#"{"Records":[7]}"#, 0, "it is not a JSON object with a list of Records"),
            ("<html>", 0, "it is not a JSON object"),
        ];
        for (text, count, expected) in cases {
            for size in [1, 3, 1000] {
                let (ids, _, ended) = read(text.as_bytes(), size);
                assert_eq!(ids.len(), count, "{text}");
                assert!(ended.as_ref().is_err_and(|Broken(why)| why.contains(expected)), "{text}: {ended:?}");
            }
        }
        let (ids, odd, ended) = read(br#"{"Records":[{"eventID":["a"]},{"eventID":"b"}]}"#, 7);
        assert_eq!((ids, odd, ended), (vec!["b".to_owned()], 1, Ok(())));
        let long = format!(r#"{{"Records":[{{"a":"{}""#, "x".repeat(9 * 1024 * 1024));
        assert!(
            read(long.as_bytes(), 1 << 20).2.is_err_and(|Broken(why)| why.contains("a record of more than"))
        );
    }
}
