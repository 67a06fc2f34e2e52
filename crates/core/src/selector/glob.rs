//! Patterns of names and tag values: `*`, `?`, `[a-z]` and `[!a-z]`, over the whole text, case matters.
//!
//! What other tools understand and this one does not is refused, not read as something else: `[^a]` would mean its
//! opposite, and `{a,b}` would match only itself.

use std::fmt;

use crate::reading::{Wrong, longer, quote};

use super::{normal, parse::GLOB_LENGTH};

/// A pattern that is known to mean what it seems to mean. Patterns and texts are compared in one normal form.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Glob {
    pattern: glob::Pattern,
    /// As it was written, if that is not its normal form.
    written: Option<Box<str>>,
    /// How many bytes stand before the first wildcard, and after the last.
    head: usize,
    tail: usize,
}

const WILDCARDS: [char; 3] = ['*', '?', '['];

const RIGHT: &str = "write a glob of *, ?, [a-z] and [!a-z]; a plain *, ?, [, {, } or \\ is written [*], [?], [[], \
                     [{], [}] or [\\]";

impl Glob {
    /// Reads a pattern. The error says what is wrong, and what would be right.
    pub fn parse(text: &str) -> Result<Glob, Wrong> {
        if longer(text, GLOB_LENGTH) {
            return Err((format!("has more than {GLOB_LENGTH} characters"), RIGHT));
        }
        let form = normal(text);
        if let Some((problem, right)) = unsupported(&form) {
            return Err((format!("is {}, {problem}", quote(text)), right));
        }
        let no_glob = |error: glob::PatternError| format!("is {}, not a glob: {}", quote(text), error.msg);
        let written = (form != text).then(|| text.into());
        let pattern = glob::Pattern::new(&form).map_err(|error| (no_glob(error), RIGHT))?;
        let head = form.find(WILDCARDS).unwrap_or(form.len());
        // A plain bracket at the end makes what is known to follow shorter, and nothing wrong.
        let tail = form.rfind(['*', '?', ']']).map_or(form.len(), |last| form.len() - last - 1);
        Ok(Glob { pattern, written, head, tail })
    }

    pub fn matches(&self, text: &str) -> bool {
        let text = normal(text);
        let (head, tail) = (self.head(), self.tail());
        // Most texts differ at one of the ends, and most patterns have one `*`.
        text.starts_with(head)
            && text.ends_with(tail)
            && match self.pattern.as_str().get(self.head..self.pattern.as_str().len() - tail.len()) {
                Some("*") => text.len() >= head.len() + tail.len(),
                _ => self.pattern.matches(&text),
            }
    }

    /// Returns what every text that it matches begins with, in normal form.
    pub fn head(&self) -> &str {
        self.pattern.as_str().get(..self.head).unwrap_or_default()
    }

    /// Returns what every text that it matches ends with, in normal form.
    pub fn tail(&self) -> &str {
        let pattern = self.pattern.as_str();
        pattern.len().checked_sub(self.tail).and_then(|from| pattern.get(from..)).unwrap_or_default()
    }

    /// Returns it as it was written.
    pub fn as_str(&self) -> &str {
        self.written.as_deref().unwrap_or(self.pattern.as_str())
    }

    /// Whether it matches every text.
    pub fn is_any(&self) -> bool {
        self.pattern.as_str() == "*"
    }

    /// Whether it matches all that `inner` matches, as far as that is plain.
    pub fn is_implied_by(&self, inner: &Glob) -> bool {
        self.pattern == inner.pattern
            || self.is_any()
            || inner.literal().is_some_and(|text| self.matches(text))
    }

    /// Whether it is certain that no text matches both.
    pub fn is_apart_from(&self, other: &Glob) -> bool {
        match (self.literal(), other.literal()) {
            (Some(text), _) => !other.matches(text),
            (_, Some(text)) => !self.matches(text),
            (None, None) => false,
        }
    }

    /// Returns the one text that a pattern without wildcards matches.
    pub fn literal(&self) -> Option<&str> {
        Some(self.pattern.as_str()).filter(|text| !text.contains(WILDCARDS))
    }
}

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// Returns what another tool would read in another way, and what to write instead.
fn unsupported(text: &str) -> Option<Wrong> {
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if rest.starts_with("**") {
            return Some(("with `**`, which is not supported".into(), "write one *"));
        }
        rest = match character {
            '[' => match class(rest) {
                Ok(after) => after,
                Err(wrong) => return Some(wrong),
            },
            '{' | '}' => {
                return Some((
                    "with braces, which are not supported".into(),
                    "write one glob for each alternative; a plain brace is written [{] or [}]",
                ));
            }
            '\\' => {
                return Some((
                    "with a backslash, which escapes nothing here".into(),
                    "write a plain *, ? or [ as [*], [?] or [[], and a plain backslash as [\\]",
                ));
            }
            _ => &rest[character.len_utf8()..],
        };
    }
    None
}

/// Returns what follows a class such as `[a-z]`. If the class is not closed, the parser reports it.
fn class(text: &str) -> Result<&str, Wrong> {
    let inner = &text[1..];
    if inner.starts_with('^') {
        return Err((
            "with `[^`, which is not supported".into(),
            "write [!...] for what is not in the class; a plain ^ needs no brackets",
        ));
    }
    let inner = inner.strip_prefix('!').unwrap_or(inner);
    // A bracket that comes first is a plain bracket.
    let from = inner.chars().next().filter(|first| *first == ']').map_or(0, char::len_utf8);
    let Some(end) = inner[from..].find(']').map(|end| from + end) else { return Ok("") };
    let members: Vec<char> = inner[..end].chars().collect();
    if members.starts_with(&['[']) && matches!(members.get(1), Some(':' | '.' | '=')) {
        return Err((
            "with a named class such as [[:digit:]], which is not supported".into(),
            "write its characters, such as [0-9]",
        ));
    }
    let backwards = |range: &[char]| matches!(range, [low, '-', high] if low > high);
    if members.windows(3).any(backwards) {
        return Err((
            "with a range that runs backwards, so that it matches nothing".into(),
            "write the lower character first, such as [a-z]",
        ));
    }
    Ok(&inner[end + 1..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_glob_means_what_it_seems_to_mean() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("class-*", &["class-", "class-7", "class-a/b"], &["Class-7", "xclass-7"]),
            ("class-?", &["class-7", "class-ä"], &["class-", "class-77"]),
            ("class-[0-9]", &["class-7"], &["class-x"]),
            ("class-[!0-9]", &["class-x"], &["class-7"]),
            ("[[]a]", &["[a]"], &["a"]),
            ("[]]", &["]"], &["["]),
            ("[!]]", &["["], &["]"]),
            ("[{]a[}]", &["{a}"], &["a"]),
            (r"a[\]b", &[r"a\b"], &["ab"]),
            ("[*]", &["*"], &["a"]),
            ("a^b", &["a^b"], &["ab"]),
            ("(EU)*", &["(EU) one"], &["EU"]),
            ("[-a]", &["-", "a"], &["b"]),
            ("", &[""], &["a"]),
            ("äö*", &["äöü"], &["aou"]),
            ("Prüf*", &["Pru\u{308}fung", "Prüfung"], &["Prufung"]),
            ("Pru\u{308}f?", &["Prüfe"], &["Prüf"]),
            ("[u\u{308}]", &["ü", "u\u{308}"], &["u"]),
            ("class-?", &["class-u\u{308}"], &["class-uu"]),
        ];
        for (pattern, good, bad) in cases {
            let glob = Glob::parse(pattern).unwrap_or_else(|wrong| panic!("{pattern}: {wrong:?}"));
            assert_eq!(glob.as_str(), *pattern, "as it was written");
            for text in *good {
                assert!(glob.matches(text), "{pattern} should match {text}");
            }
            for text in *bad {
                assert!(!glob.matches(text), "{pattern} should not match {text}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn what_is_seen_at_the_ends_is_what_the_pattern_says(pattern in "[ab*?\\[\\]!ü]{0,5}", text in "[ab\\]!ü*]{0,5}") {
            let Ok(glob) = Glob::parse(&pattern) else { return Ok(()) };
            prop_assert_eq!(glob.matches(&text), glob.pattern.matches(&text));
        }
    }

    #[test]
    fn what_would_mean_something_else_is_refused_with_what_to_write() {
        let cases = [
            ("[^0-9]*", "[!"),
            ("a[^b]", "[!"),
            ("[a][^b]", "[!"),
            ("{a,b}", "one glob for each"),
            ("a}", "[}]"),
            ("a**", "one *"),
            ("**", "one *"),
            ("a**/b", "one *"),
            (r"a\*", "[*]"),
            ("[[:digit:]]*", "[0-9]"),
            ("[z-a]", "lower character first"),
            ("[!9-0]", "lower character first"),
            ("[a", "glob of"),
            ("[", "glob of"),
            ("[]", "glob of"),
            ("[!", "glob of"),
        ];
        for (pattern, right) in cases {
            let (problem, remedy) = Glob::parse(pattern).expect_err(pattern);
            assert!(remedy.contains(right), "{pattern}: {problem}; {remedy}");
            assert!(problem.starts_with("is \""), "{pattern}: {problem}");
        }
        assert!(Glob::parse(&"a".repeat(256)).is_ok() && Glob::parse(&"a".repeat(257)).is_err());
    }

    #[test]
    fn implication_and_disjointness_are_said_only_of_what_is_certain() {
        // outer, inner, outer is implied by inner, the two are apart
        let cases = [
            ("*", "a*", true, false),
            ("a*", "a*", true, false),
            ("a*", "ab", true, false),
            ("a*", "b", false, true),
            ("a*", "b*", false, false),
            ("a", "b", false, true),
            ("a", "a", true, false),
            ("a?", "a*", false, false),
        ];
        for (outer, inner, implied, apart) in cases {
            let (one, other) = (Glob::parse(outer).unwrap(), Glob::parse(inner).unwrap());
            assert_eq!(one.is_implied_by(&other), implied, "{outer} by {inner}");
            assert_eq!(one.is_apart_from(&other), apart, "{outer} and {inner}");
            assert_eq!(other.is_apart_from(&one), apart, "{inner} and {outer}");
        }
    }
}
