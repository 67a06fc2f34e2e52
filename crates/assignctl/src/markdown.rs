//! Markdown for a comment of GitHub or GitLab, in which texts of others are only text.

use crate::terminal::clean;

/// The longest comment that GitHub takes, in characters. GitLab takes longer ones.
pub const MOST: usize = 65_536;

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
