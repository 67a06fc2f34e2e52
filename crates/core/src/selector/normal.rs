//! One normal form of names. `ü` can be one character or two, people cannot see which, and AWS keeps what it was given.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// Returns the text in Unicode's normal form C.
pub fn normal(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfc().collect())
    }
}

/// Whether people see the same text.
pub fn same(one: &str, other: &str) -> bool {
    one == other || (!(one.is_ascii() && other.is_ascii()) && normal(one) == normal(other))
}

/// Returns the other ways to write the same text: composed, and decomposed.
pub fn others(text: &str) -> Vec<String> {
    if text.is_ascii() {
        return Vec::new();
    }
    let mut others = vec![text.nfc().collect::<String>(), text.nfd().collect()];
    others.retain(|other| other != text);
    others.dedup();
    others
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_look_the_same_are_the_same() {
        let cases = [
            ("Prüfung", "Pru\u{308}fung", true),
            ("Prod", "Prod", true),
            ("Prod", "prod", false),
            // A ligature is another text, and so is a letter of another script.
            ("ﬁ", "fi", false),
            ("a", "а", false),
            // The order of marks does not matter, and one letter may have two.
            ("q\u{307}\u{323}", "q\u{323}\u{307}", true),
            ("\u{1e69}", "s\u{307}\u{323}", true),
        ];
        for (one, other, expected) in cases {
            assert_eq!(same(one, other), expected, "{one} and {other}");
            assert_eq!(normal(one) == normal(other), expected, "{one} and {other}");
        }
    }

    #[test]
    fn the_other_ways_to_write_a_name_are_few() {
        assert_eq!(others("auditors"), Vec::<String>::new());
        assert_eq!(others("Prüfer"), ["Pru\u{308}fer"]);
        assert_eq!(others("Pru\u{308}fer"), ["Prüfer"]);
        assert_eq!(others("\u{1e69}\u{307}s\u{323}\u{307}").len(), 2, "mixed");
        assert_eq!(others("部署"), Vec::<String>::new());
    }
}
