//! A table's text with other rows: what has not changed keeps every character, so that version control shows only what
//! changed. Pure.

use std::{collections::HashMap, ops::Range};

use assigner_core::table::{self, RowKind, Table};
use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

use super::{position::Text, rows};

/// Returns the text with the rows of `after`: rows stay at their places, and new ones come at the end. `None` if the
/// text is not one that can be edited so; then it has to be written whole.
pub fn edited<R: RowKind>(text: &str, before: &Table<R>, after: &Table<R>) -> Option<String> {
    let bom = text.strip_prefix('\u{feff}').map_or(0, |_| '\u{feff}'.len_utf8());
    let (start, text) = text.split_at(bom);
    let places = Text::new(text.as_bytes(), R::LIST).rows()?;
    if places.is_empty() || places.len() != before.rows.len() {
        return None;
    }
    let old = rows(before);
    let new: HashMap<&str, &R> = after.rows.iter().map(|row| (row.id(), row)).collect();
    let values = rows(after);
    let style = Style::of(text, places.last()?);
    let mut edited = String::from(start);
    let mut begun = false;
    for (index, (row, place)) in before.rows.iter().zip(&places).enumerate() {
        let Some(kept) = new.get(row.id()) else { continue };
        let before_it = match index {
            // What is before the first row is kept whichever row comes first now.
            _ if !begun => &text[..places[0].start],
            _ => &text[places[index - 1].end..place.start],
        };
        edited.push_str(before_it);
        if old.get(row.id()) == values.get(row.id()) {
            edited.push_str(&text[place.clone()]);
        } else {
            edited.push_str(&Style::of(text, place).write(*kept)?);
        }
        begun = true;
    }
    let between = match &places[..] {
        [.., last_but_one, last] => text[last_but_one.end..last.start].to_owned(),
        _ => format!(",{}{}", style.line_end, style.indent),
    };
    for row in after.rows.iter().filter(|row| !old.contains_key(row.id())) {
        edited.push_str(if begun { &between } else { &text[..places[0].start] });
        edited.push_str(&style.write(row)?);
        begun = true;
    }
    if !begun {
        return None;
    }
    edited.push_str(&text[places.last()?.end..]);
    // The text that is written says what the table says, or is not written.
    let read = table::parse::<R>(edited.as_bytes()).ok()?;
    (rows(&read) == values).then_some(edited)
}

/// How a row is written.
struct Style {
    one_line: bool,
    /// Whether braces and brackets have spaces inside, as in `{ "id": "a" }`.
    spaced: bool,
    /// What is before the row on its line.
    indent: String,
    /// What is added to it inside the row.
    more: String,
    line_end: &'static str,
}

impl Style {
    fn of(text: &str, place: &Range<usize>) -> Style {
        let row = &text[place.clone()];
        let line = text[..place.start].rfind('\n').map_or(0, |at| at + 1);
        let leading = |text: &str| text.chars().take_while(|c| *c == ' ' || *c == '\t').collect::<String>();
        let indent = leading(&text[line..place.start]);
        let inner = row.split_once('\n').map_or(String::new(), |(_, rest)| leading(rest));
        let more = inner.strip_prefix(indent.as_str()).filter(|more| !more.is_empty()).unwrap_or("  ");
        Style {
            one_line: !row.contains('\n'),
            spaced: row.starts_with("{ "),
            more: more.to_owned(),
            indent,
            line_end: if text.contains("\r\n") { "\r\n" } else { "\n" },
        }
    }

    fn write<R: Serialize>(&self, row: &R) -> Option<String> {
        let mut written = Vec::new();
        if self.one_line {
            row.serialize(&mut Serializer::with_formatter(&mut written, OneLine { spaced: self.spaced }))
                .ok()?;
            return String::from_utf8(written).ok();
        }
        let pretty = PrettyFormatter::with_indent(self.more.as_bytes());
        row.serialize(&mut Serializer::with_formatter(&mut written, pretty)).ok()?;
        let next = format!("{}{}", self.line_end, self.indent);
        Some(String::from_utf8(written).ok()?.replace('\n', &next))
    }
}

/// Writes `{ "id": "a", "ous": ["b"] }`, or the same without the spaces inside the braces.
struct OneLine {
    spaced: bool,
}

impl Formatter for OneLine {
    fn begin_object<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        writer.write_all(if self.spaced { b"{ " } else { b"{" })
    }

    fn end_object<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        writer.write_all(if self.spaced { b" }" } else { b"}" })
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        writer.write_all(b": ")
    }

    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }
}

#[cfg(test)]
mod tests {
    use assigner_core::assignments::{Row, Table};

    use super::*;

    fn table(text: &str) -> Table {
        table::parse::<Row>(text.as_bytes()).unwrap()
    }

    fn of(rows: &[&str]) -> Table {
        table(&format!(r#"{{ "assignments": [{}] }}"#, rows.join(",")))
    }

    const A: &str = r#"{ "id": "a", "permissionSet": "P", "group": "g" }"#;
    const B: &str = r#"{ "id": "b", "permissionSet": "P", "user": "u" }"#;
    const C: &str = r#"{ "id": "c", "permissionSet": "P", "group": "g" }"#;
    const EDITED: &str =
        r#"{ "id": "b", "permissionSet": "P", "group": "G", "accounts": { "ous": ["X", "Y"] } }"#;

    #[test]
    fn only_what_changed_is_written() {
        let compact = format!("{{\n  \"assignments\": [\n    {A},\n    {B}\n  ]\n}}\n");
        let cases: &[(&str, &[&str], String)] = &[
            ("one is edited", &[A, EDITED], compact.replace(B, EDITED)),
            ("one is added", &[C, B, A], compact.replace(B, &format!("{B},\n    {C}"))),
            ("the first is gone", &[B], compact.replace(&format!("{A},\n    "), "")),
            ("the last is gone", &[A], compact.replace(&format!(",\n    {B}"), "")),
            ("all are others", &[C], compact.replace(&format!("{A},\n    {B}"), C)),
        ];
        for (case, after, expected) in cases {
            assert_eq!(edited(&compact, &table(&compact), &of(after)).as_ref(), Some(expected), "{case}");
        }
    }

    #[test]
    fn a_row_of_several_lines_is_written_like_the_others() {
        let text = "\u{feff}{\r\n\t\"assignments\": [\r\n\t\t{\r\n\t\t\t\"group\": \"g\", \"id\": \"a\",\r\n\t\t\t\
                    \"permissionSet\": \"P\"\r\n\t\t}\r\n\t],\r\n\t\"$schema\": \"s\"\r\n}";
        let expected = text.replace(
            "\r\n\t\t}\r\n",
            "\r\n\t\t},\r\n\t\t{\r\n\t\t\t\"id\": \"b\",\r\n\t\t\t\"permissionSet\": \"P\",\r\n\t\t\t\"user\": \"u\"\
             \r\n\t\t}\r\n",
        );
        assert_eq!(edited(text, &table(text), &of(&[A, B])), Some(expected));
    }

    #[test]
    fn a_text_without_rows_is_written_whole() {
        let empty = r#"{ "assignments": [] }"#;
        assert_eq!(edited(empty, &table(empty), &of(&[A])), None);
        let full = format!(r#"{{ "assignments": [{A}] }}"#);
        assert_eq!(edited(&full, &table(&full), &of(&[])), None);
    }
}
