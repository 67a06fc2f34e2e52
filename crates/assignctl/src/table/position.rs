//! Where in a table's text a row and a field are. Pure; judges nothing.

use std::ops::Range;

use assigner_core::reading::Part;
use jsonc_parser::{
    CollectOptions, CommentCollectionStrategy, ParseOptions,
    ast::{ObjectProp, Value},
    common::Ranged,
    parse_to_ast,
};

/// A text, and what it says if it is JSON.
pub struct Text<'t> {
    /// As far as it is UTF-8.
    text: &'t str,
    /// Whether something follows that is not.
    is_cut: bool,
    /// The field that lists the rows.
    list: &'static str,
    /// Where each line begins.
    lines: Vec<usize>,
    value: Option<Value<'t>>,
}

/// Some whole lines of a text, or a part of a line if it is very long.
pub struct Window {
    pub bytes: Range<usize>,
    /// Number of its first line, from 1.
    pub line: usize,
}

/// Lines farther away are not shown next to each other.
const NEAR: usize = 12;
/// How much of a long line is shown on either side of what is wrong in it.
const MARGIN: usize = 200;

impl<'t> Text<'t> {
    pub fn new(bytes: &'t [u8], list: &'static str) -> Text<'t> {
        let text = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        let is_cut = text.len() < bytes.len();
        let collect = CollectOptions { comments: CommentCollectionStrategy::Off, tokens: false };
        let strict = ParseOptions {
            allow_comments: false,
            allow_loose_object_property_names: false,
            allow_trailing_commas: false,
            allow_missing_commas: false,
            allow_single_quoted_strings: false,
            allow_hexadecimal_numbers: false,
            allow_unary_plus_numbers: false,
            allow_bare_decimal_point_numbers: false,
            allow_non_finite_numbers: false,
            allow_extended_string_escapes: false,
        };
        // The table's own reader bounds the depth; what it refuses is not read a second time.
        let is_json = !is_cut && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        let parsed = is_json.then(|| parse_to_ast(text, &collect, &strict).ok()).flatten();
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(index, _)| index + 1);
        let lines = std::iter::once(0).chain(ends).collect();
        Text { text, is_cut, list, lines, value: parsed.and_then(|parsed| parsed.value) }
    }

    pub fn get(&self, bytes: &Range<usize>) -> &'t str {
        self.text.get(bytes.clone()).unwrap_or_default()
    }

    /// Returns line and column, both from 1; the column is in characters.
    pub fn line_and_column(&self, at: usize) -> (usize, usize) {
        let line = self.line(at);
        (line + 1, self.get(&(self.lines[line]..at)).chars().count() + 1)
    }

    /// Returns the index of the line that holds the byte, from 0.
    fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at).saturating_sub(1)
    }

    /// Returns where the line ends, without its break.
    fn line_end(&self, line: usize) -> usize {
        let end = self.lines.get(line + 1).map_or(self.text.len(), |next| next - 1);
        end - usize::from(self.text[..end].ends_with('\r'))
    }

    pub fn is_near(&self, one: &Range<usize>, other: &Range<usize>) -> bool {
        self.line(one.start).abs_diff(self.line(other.start)) <= NEAR
            && one.start.abs_diff(other.start) <= NEAR * MARGIN
    }

    /// Returns the lines that hold all of these.
    pub fn window<'s>(&self, spans: impl Iterator<Item = &'s Range<usize>>) -> Window {
        let (start, end) =
            spans.fold((usize::MAX, 0), |(start, end), span| (start.min(span.start), end.max(span.end)));
        let (first, last) = (self.line(start), self.line(end));
        let begin = self.boundary(self.lines[first].max(start.saturating_sub(MARGIN)));
        let end = self.boundary(self.line_end(last).min(end + MARGIN));
        Window { bytes: begin..end, line: first + 1 }
    }

    fn boundary(&self, mut at: usize) -> usize {
        while at > 0 && !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    /// Returns where the text stops being UTF-8, or else JSON.
    pub fn broken(&self) -> Option<Range<usize>> {
        match self.is_cut {
            true => Some(self.text.len()..self.text.len()),
            false => self.syntax_error(),
        }
    }

    fn syntax_error(&self) -> Option<Range<usize>> {
        let error = serde_json::from_str::<serde::de::IgnoredAny>(self.text).err()?;
        let line = error.line().checked_sub(1)?;
        let at =
            self.boundary((self.lines.get(line)? + error.column().saturating_sub(1)).min(self.text.len()));
        let next = self.text[at..].chars().next().map_or(0, char::len_utf8);
        Some(at..at + next)
    }

    /// Returns the field of a row, counted from 1, or of the table. If the field is absent, it returns what should have
    /// it.
    pub fn find(&self, row: Option<usize>, field: &str, part: Part) -> Option<Range<usize>> {
        let mut value = self.value.as_ref()?;
        if let Some(row) = row {
            let rows = &last(value, self.list)?.value;
            value = rows.as_array()?.elements.get(row - 1)?;
            if field.is_empty() || part == Part::Absence && !field.contains('.') {
                let shown = last(value, "id").map_or(value, |property| &property.value);
                return Some(self.first_line(bytes(shown.range())));
            }
        }
        let found = descend(value, field, part).or_else(|| {
            let (before, _) = field.rsplit_once('.')?;
            descend(value, before, Part::Name)
        });
        Some(self.first_line(found.unwrap_or_else(|| bytes(value.range()))))
    }

    /// Returns where each row is.
    pub fn rows(&self) -> Option<Vec<Range<usize>>> {
        let rows = &last(self.value.as_ref()?, self.list)?.value;
        Some(rows.as_array()?.elements.iter().map(|row| bytes(row.range())).collect())
    }

    /// Returns the part of a range that lies in its first line.
    fn first_line(&self, range: Range<usize>) -> Range<usize> {
        let end = self.line_end(self.line(range.start));
        range.start..range.end.min(end)
    }
}

/// Returns the last field of this name: if there are two, it is the redundant one.
fn last<'v, 't>(value: &'v Value<'t>, name: &str) -> Option<&'v ObjectProp<'t>> {
    value.as_object()?.properties.iter().rev().find(|property| property.name.as_str() == name)
}

/// Follows a path such as `accounts.tags.a.b[0]`. Keys may contain dots and brackets, and are cut if they are long. So
/// each key that the path can begin with is tried.
fn descend(value: &Value<'_>, path: &str, part: Part) -> Option<Range<usize>> {
    if path.is_empty() {
        return Some(bytes(value.range()));
    }
    if let Some(rest) = path.strip_prefix('[') {
        let (index, rest) = rest.split_once(']')?;
        let element = value.as_array()?.elements.get(index.parse::<usize>().ok()?)?;
        return descend(element, rest.strip_prefix('.').unwrap_or(rest), part);
    }
    value.as_object()?.properties.iter().rev().find_map(|property| {
        let name: String = property.name.as_str().chars().take(80).collect();
        let rest = path.strip_prefix(&name)?;
        match (rest.chars().next(), part) {
            (None, Part::Name) => Some(bytes(property.name.range())),
            (None, _) => descend(&property.value, rest, part),
            (Some('.'), _) => descend(&property.value, &rest[1..], part),
            (Some('['), _) => descend(&property.value, rest, part),
            (Some(_), _) => None,
        }
    })
}

fn bytes(range: jsonc_parser::common::Range) -> Range<usize> {
    range.start..range.end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_is_found_where_it_is() {
        let text = r#"{ "assignments": [
  { "id": "é", "group": "a", "group": "b" },
  { "id": "b",
    "accounts": { "tags": { "a.b": "1", "a": { "b": "2" }, "x[0]": "3" }, "ous": ["A", "B"],
      "except": {
      } } }
], "more": 1 }"#;
        let cases = [
            (Some(1), "group", Part::Name, r#""group""#, (2, 30)),
            (Some(1), "group", Part::Value, r#""b""#, (2, 39)),
            (Some(1), "permissionSet", Part::Absence, r#""é""#, (2, 11)),
            (Some(1), "", Part::Value, r#""é""#, (2, 11)),
            (Some(2), "accounts.ous[1]", Part::Value, r#""B""#, (4, 88)),
            (Some(2), "accounts.tags.a.b", Part::Value, r#""2""#, (4, 53)),
            (Some(2), "accounts.tags.x[0]", Part::Value, r#""3""#, (4, 68)),
            (Some(2), "accounts.except", Part::Value, "{", (5, 17)),
            (Some(2), "accounts.except.ids", Part::Absence, r#""except""#, (5, 7)),
            (None, "more", Part::Name, r#""more""#, (7, 4)),
            (None, "assignments", Part::Absence, "[", (1, 18)),
        ];
        let found = Text::new(text.as_bytes(), "assignments");
        for (row, field, part, expected, place) in cases {
            let span = found.find(row, field, part).unwrap();
            assert_eq!(found.get(&span), expected, "{row:?} {field}");
            assert_eq!(found.line_and_column(span.start), place, "{row:?} {field}");
        }
    }

    #[test]
    fn a_text_that_is_not_json_is_wrong_at_the_place_where_reading_ended() {
        let cases = [
            ("{ \"a\": 1,\n  \"é\" 2 }", "2", (2, 7)),
            ("{ \"a\": [1, 2 }", "}", (1, 14)),
            ("{ \"a\": 1", "1", (1, 8)),
        ];
        for (text, expected, place) in cases {
            let found = Text::new(text.as_bytes(), "assignments");
            let span = found.broken().unwrap();
            assert_eq!((found.get(&span), found.line_and_column(span.start)), (expected, place), "{text}");
        }
        assert_eq!(Text::new(b"{}", "assignments").broken(), None);
        let latin = Text::new(b"{\n \"\xe9\" }", "assignments");
        assert_eq!(latin.line_and_column(latin.broken().unwrap().start), (2, 3));
    }
}
