//! Markdown for a comment of GitHub or GitLab, in which texts of others are only text.

use std::fmt::Write;

use crate::terminal::clean;

/// The longest comment that GitHub takes, in characters. GitLab takes longer ones.
pub const MOST: usize = 65_536;

/// Room for the sentence that says what is not shown.
const LAST_SENTENCE: usize = 200;

/// The most notes that are shown, so that there is room for lines.
const NOTES: usize = 20;

/// Returns a length that is never less than what a service counts, whichever characters it counts.
pub fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Returns a code span, in which names are only text: no links, no mentions, no HTML.
pub fn code(text: &str) -> String {
    let text = clean(text).replace('|', "\\|");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if longest > 0 { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Returns code spans with commas between them.
pub fn codes(texts: &[String]) -> String {
    texts.iter().map(|text| code(text)).collect::<Vec<_>>().join(", ")
}

/// Returns code spans with commas between them: so many that a line stays short, and how many are left out.
pub fn first_codes(texts: &[String], most: usize) -> String {
    match texts.len().checked_sub(most) {
        Some(more @ 1..) => format!("{} and {more} more", codes(&texts[..most])),
        _ => codes(texts),
    }
}

/// Appends what is not known, each after `what`.
pub fn notes(text: &mut String, what: &str, notes: &[String]) {
    for note in notes.iter().take(NOTES) {
        _ = writeln!(text, "> {what}: {}\n", escape(note));
    }
    if let Some(more @ 1..) = notes.len().checked_sub(NOTES) {
        _ = writeln!(text, "> {what}, for {more} other reasons.\n");
    }
}

/// Appends the first lines, as many as fit, with room for a sentence about the others. Returns how many.
pub fn first_lines(text: &mut String, lines: impl Iterator<Item = String>) -> usize {
    let mut room = MOST.saturating_sub(length(text) + LAST_SENTENCE);
    let mut shown = 0;
    for line in lines {
        match room.checked_sub(length(&line)) {
            Some(left) => room = left,
            None => break,
        }
        text.push_str(&line);
        shown += 1;
    }
    shown
}

pub fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in clean(text).chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            // An empty comment keeps an @ from mentioning somebody.
            '@' => escaped.push_str("@<!-- -->"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '#' | '~' => {
                escaped.push('\\');
                escaped.push(c);
            }
            _ => escaped.push(c),
        }
    }
    escaped
}
