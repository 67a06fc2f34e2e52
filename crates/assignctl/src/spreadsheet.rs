//! CSV files that a spreadsheet may open.

use std::borrow::Cow;

use assigner_core::shown::{is_hidden, shown};

/// Returns a cell in which every character shows, and that is not a formula. Spreadsheets take a cell that begins with
/// one of these signs for a formula, also if blanks come before it or a sign is as wide as an ideograph, and names come
/// from others.
pub fn cell(text: &str) -> Cow<'_, str> {
    const SIGNS: [char; 13] = [
        '=', '+', '-', '@', '＝', '＋', '－', '＠', '\u{2212}', '\u{fe62}', '\u{fe63}', '\u{fe66}',
        '\u{fe6b}',
    ];
    let blank = |character| character == ' ' || is_hidden(character);
    match text.starts_with(is_hidden) || text.trim_start_matches(blank).starts_with(SIGNS) {
        true => format!("'{}", shown(text)).into(),
        false => shown(text),
    }
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn no_cell_is_a_formula_or_hides_a_character() {
        let cases = [
            ("", ""),
            ("class-7", "class-7"),
            ("a=b", "a=b"),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("＝1", "'＝1"),
            ("＋1", "'＋1"),
            ("－1", "'－1"),
            ("＠A", "'＠A"),
            ("\u{2212}1", "'\u{2212}1"),
            ("  =1", "'  =1"),
            ("\t=1", r"'\t=1"),
            ("\r=1", r"'\r=1"),
            ("\n=1", r"'\n=1"),
            ("\0=1", r"'\u{0}=1"),
            ("\u{feff}=1", r"'\u{feff}=1"),
            ("\ta", r"'\ta"),
            ("a\u{202e}\u{0}\tb", r"a\u{202e}\u{0}\tb"),
        ];
        for (text, expected) in cases {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }
}
