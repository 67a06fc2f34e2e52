//! What a text that is not JSON seems to be. Only says so: nothing else than JSON is read.

use super::Wrong;

const CORRECT: &str = "correct the text at that place";

/// Returns what is wrong with a text that the reader of JSON has refused, and what would be right.
pub fn not_json(text: &[u8], error: &serde_json::Error) -> Wrong {
    let text = match std::str::from_utf8(text) {
        Ok(text) => text,
        Err(broken) => return not_utf8(text, broken.valid_up_to()),
    };
    let begin = text.trim_start();
    let without_comments = || {
        let mut lines = begin.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.find(|line| !line.starts_with('#')).unwrap_or_default()
    };
    if begin.is_empty() {
        return ("not JSON: it is empty".into(), "write a table, or name another file");
    }
    if begin.starts_with('<') && !begin.starts_with("<<<<<<<") {
        return ("not JSON: it seems to be HTML or XML".into(), "see where the file comes from");
    }
    if is_yaml(without_comments()) {
        return (
            "not JSON: it seems to be YAML".into(),
            "write it as JSON, for example with `yq --output-format json`",
        );
    }
    let (line, column) = (error.line(), error.column());
    let rest = rest(text, line, column);
    let at = |what: &str| format!("not JSON: {what} at line {line} column {column}");
    let begins = |texts: &[&str]| texts.iter().any(|text| rest.starts_with(text));
    if begins(&["//", "/*", "#"]) {
        (at("it has a comment"), "take it out; the `description` of a row is for people")
    } else if begins(&["<<<<<<<", "|||||||", "=======", ">>>>>>>"]) {
        (at("it has the mark of a merge conflict"), "resolve the conflict")
    } else if begins(&["'", "\u{2018}", "\u{2019}", "\u{201c}", "\u{201d}", "\u{201e}"]) {
        (at("it has a quote that is none in JSON"), "write texts in double quotes: \"")
    } else if begins(&["}", "]"]) && before(text, rest).ends_with(',') {
        (
            format!("not JSON: it has a comma too many before line {line} column {column}"),
            "take the comma away that comes before",
        )
    } else if error.to_string().starts_with("key must be a string")
        && rest.starts_with(|character: char| character.is_ascii_alphabetic() || character == '$')
    {
        (at("it has a name without quotes"), "write names of fields in double quotes: \"")
    } else {
        (format!("not JSON: {error}"), CORRECT)
    }
}

/// Returns the text from a place on, both numbers from 1 and the column in bytes, as the reader of JSON counts.
fn rest(text: &str, line: usize, column: usize) -> &str {
    let line = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum::<usize>();
    let mut at = (line + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    &text[at..]
}

/// Returns what comes before the rest, without blanks at its end.
fn before<'t>(text: &'t str, rest: &str) -> &'t str {
    text[..text.len() - rest.len()].trim_end()
}

/// Whether a line that is neither empty nor a comment begins a document of YAML.
fn is_yaml(line: &str) -> bool {
    let name = |line: &str| {
        let (name, rest) = line.split_once(':')?;
        let plain = name.chars().all(|character| character.is_alphanumeric() || "$_-\"'".contains(character));
        (plain && !name.is_empty() && (rest.is_empty() || rest.starts_with(' '))).then_some(())
    };
    line == "---"
        || line.starts_with("--- ")
        || line.starts_with("%YAML")
        || line.starts_with("- ")
        || name(line).is_some()
}

fn not_utf8(text: &[u8], at: usize) -> Wrong {
    let before = &text[..at];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let column = String::from_utf8_lossy(&before[start..]).chars().count() + 1;
    let byte = text.get(at).copied().unwrap_or_default();
    (
        format!("is not UTF-8: the byte 0x{byte:02x} at line {line} column {column}"),
        "save it as UTF-8; it may be Latin-1 or Windows-1252, or no text at all",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &[u8]) -> Wrong {
        not_json(text, &serde_json::from_slice::<crate::reading::Json>(text).expect_err("it is not JSON"))
    }

    #[test]
    fn a_text_that_is_not_json_is_called_what_it_is() {
        let cases: [(&str, &str); 21] = [
            ("", "it is empty"),
            (" \n", "it is empty"),
            ("---\nassignments: []", "YAML"),
            ("assignments:\n  - id: a", "YAML"),
            ("# a table\n\nassignments:\n", "YAML"),
            ("- id: a", "YAML"),
            ("\"$schema\": x", "YAML"),
            ("<!doctype html>", "HTML or XML"),
            ("// a table\n{}", "a comment at line 1 column 1"),
            ("# a table\n{}", "a comment at line 1 column 1"),
            ("{\n  // why\n}", "a comment at line 2 column 3"),
            ("{ \"a\": 1, /* why */ \"b\": 2 }", "a comment at line 1 column 11"),
            ("{ \"a\": [1] # why\n}", "a comment at line 1 column 12"),
            ("{\n<<<<<<< HEAD\n}", "a merge conflict at line 2 column 1"),
            ("{ 'a': 1 }", "a quote that is none in JSON at line 1 column 3"),
            ("{ \u{201c}a\u{201d}: 1 }", "a quote that is none in JSON at line 1 column 3"),
            ("{ a: 1 }", "a name without quotes at line 1 column 3"),
            ("{ \"a\": 1, }", "a comma too many before line 1 column 11"),
            ("[1, ]", "a comma too many before line 1 column 5"),
            ("{} {}", "trailing characters at line 1 column 4"),
            ("{ \"a\" 1 }", "expected `:` at line 1 column 7"),
        ];
        for (text, expected) in cases {
            let (problem, remedy) = wrong(text.as_bytes());
            assert!(problem.starts_with("not JSON: ") && problem.ends_with(expected), "{text:?}: {problem}");
            assert!(!remedy.is_empty());
        }
    }

    #[test]
    fn a_text_in_another_encoding_is_named_with_its_place() {
        let (problem, remedy) = wrong(b"{ \"a\": \"\xc3\xa9\",\n \"\xe9\": 1 }");
        assert_eq!(problem, "is not UTF-8: the byte 0xe9 at line 2 column 3");
        assert!(remedy.contains("Latin-1"));
        assert!(wrong(b"\x1f\x8b\x08\0").0.contains("0x8b"), "a text that was packed");
    }
}
