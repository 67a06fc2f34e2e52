//! Texts that others wrote, as they may be shown: names, tags, what a table or an event holds, messages of AWS, texts
//! of files. The only room for that question; every output asks it.
//!
//! What nobody would see is spelt out, such as `\u{202e}`: a character that moves the cursor, that has no width, that
//! changes the direction of reading, that only looks like a blank, or that no font has. JSON stays JSON: there it is
//! escaped as JSON escapes.

use std::{borrow::Cow, fmt::Write};

/// Returns a text in one line, with every hidden character spelt out.
pub fn shown(text: &str) -> Cow<'_, str> {
    spelt_out(text, is_hidden)
}

/// Returns a text with every hidden character spelt out but line breaks, for what was put together from several lines.
pub fn shown_lines(text: &str) -> Cow<'_, str> {
    spelt_out(text, |character| character != '\n' && is_hidden(character))
}

/// Returns a JSON document with every hidden character escaped. It says the same: in JSON such characters are in strings
/// only, and its own line breaks stay.
pub fn shown_json(document: &str) -> Cow<'_, str> {
    if !document.contains(is_hidden) {
        return document.into();
    }
    let mut escaped = String::with_capacity(document.len() + 16);
    for character in document.chars() {
        if character == '\n' || !is_hidden(character) {
            escaped.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing into a string cannot fail.
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    }
    escaped.into()
}

/// Whether nobody would see that the character is there, or what it does to the others.
pub fn is_hidden(character: char) -> bool {
    match character {
        ' '..='~' => false,
        '\0'..='\u{a0}' => true,
        other => !is_printable(other) || is_ignorable(other),
    }
}

/// Whether Unicode has the character as one with a form of its own. The standard library has the table, and escapes what
/// is a control, a format, a separator, private, a surrogate or not assigned.
fn is_printable(character: char) -> bool {
    // Behind a letter: at the start of a text, marks such as accents are escaped too.
    let mut text = String::from('a');
    text.push(character);
    text.escape_debug().nth(2).is_none()
}

/// Whether Unicode says that it is not to be drawn (`Default_Ignorable_Code_Point`), although it is a letter or a mark,
/// or that it is drawn as a blank.
fn is_ignorable(character: char) -> bool {
    matches!(
        character,
        // A joiner of graphemes; fillers of Hangul; vowels of Khmer that are implied; selectors of variants.
        '\u{34f}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{ffa0}'
            | '\u{e0000}'..='\u{e0fff}'
            // A pattern of Braille without a dot.
            | '\u{2800}'
    )
}

fn spelt_out(text: &str, hidden: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&hidden) {
        return text.into();
    }
    let spelt = |character: char| match hidden(character) {
        true => character.escape_default().collect(),
        false => String::from(character),
    };
    text.chars().map(spelt).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each kind.
    const HIDDEN: [(char, &str); 40] = [
        ('\0', r"\u{0}"),
        ('\u{7}', r"\u{7}"),
        ('\t', r"\t"),
        ('\n', r"\n"),
        ('\r', r"\r"),
        ('\u{1b}', r"\u{1b}"),
        ('\u{7f}', r"\u{7f}"),
        ('\u{85}', r"\u{85}"),
        ('\u{9b}', r"\u{9b}"),
        ('\u{a0}', r"\u{a0}"),
        ('\u{ad}', r"\u{ad}"),
        ('\u{34f}', r"\u{34f}"),
        ('\u{61c}', r"\u{61c}"),
        ('\u{115f}', r"\u{115f}"),
        ('\u{17b4}', r"\u{17b4}"),
        ('\u{180e}', r"\u{180e}"),
        ('\u{2003}', r"\u{2003}"),
        ('\u{200b}', r"\u{200b}"),
        ('\u{200d}', r"\u{200d}"),
        ('\u{200e}', r"\u{200e}"),
        ('\u{2028}', r"\u{2028}"),
        ('\u{2029}', r"\u{2029}"),
        ('\u{202a}', r"\u{202a}"),
        ('\u{202e}', r"\u{202e}"),
        ('\u{2060}', r"\u{2060}"),
        ('\u{2066}', r"\u{2066}"),
        ('\u{2069}', r"\u{2069}"),
        ('\u{206a}', r"\u{206a}"),
        ('\u{2800}', r"\u{2800}"),
        ('\u{3000}', r"\u{3000}"),
        ('\u{3164}', r"\u{3164}"),
        ('\u{e000}', r"\u{e000}"),
        ('\u{fe0f}', r"\u{fe0f}"),
        ('\u{feff}', r"\u{feff}"),
        ('\u{ffa0}', r"\u{ffa0}"),
        ('\u{fff9}', r"\u{fff9}"),
        ('\u{ffff}', r"\u{ffff}"),
        ('\u{e0001}', r"\u{e0001}"),
        ('\u{e0041}', r"\u{e0041}"),
        ('\u{e0100}', r"\u{e0100}"),
    ];

    #[test]
    fn what_nobody_would_see_is_spelt_out() {
        for (character, spelt) in HIDDEN {
            assert!(is_hidden(character), "{spelt}");
            assert_eq!(shown(&format!("a{character}b")), format!("a{spelt}b"));
            let kept = if character == '\n' { "a\nb".to_owned() } else { format!("a{spelt}b") };
            assert_eq!(shown_lines(&format!("a{character}b")), kept);
        }
    }

    #[test]
    fn what_everybody_sees_stays_in_any_script() {
        let texts = [
            "",
            "platform-admins",
            r#"a\b"c"#,
            "Zürich, Łódź",
            "tiê\u{301}ng",
            "日本語",
            "한국어",
            "हिन्दी",
            "עברית",
            "العربية",
            "Ελληνικά",
            "🚀",
            "+1 <b>",
        ];
        for text in texts {
            assert!(matches!(shown(text), Cow::Borrowed(same) if same == text), "{text}");
            assert_eq!(shown_json(text), text);
        }
    }

    #[test]
    fn json_says_the_same_after_it_was_escaped() {
        let texts: Vec<String> = HIDDEN.iter().map(|(character, _)| format!("a{character}\u{e9}b")).collect();
        let document = serde_json::to_string_pretty(&texts).unwrap();
        let escaped = shown_json(&document);
        assert!(!escaped.contains(|character| character != '\n' && is_hidden(character)), "{escaped}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&escaped).unwrap(), texts);
        assert!(escaped.contains(r"a\udb40\udc01éb"), "{escaped}");
    }
}
