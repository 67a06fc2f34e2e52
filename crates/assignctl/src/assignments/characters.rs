//! Texts of a table that do not show what they are: with characters that nobody sees, or with letters of several
//! scripts in one word, as if `а` were `a`. Such a name is taken for another one in a review.

use std::collections::BTreeSet;

use assigner_core::{
    assignments::{Row, Table},
    selector::{OrganizationalUnit, Selector},
    shown::{is_hidden, shown},
};
use unicode_script::{Script, UnicodeScript};
use unicode_security::MixedScript;

use crate::table::check::Doubt;

/// Returns a doubt for each such text, in the order of the rows.
pub fn doubts(table: &Table) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    for (index, row) in table.rows.iter().enumerate() {
        doubts.extend(texts(row).into_iter().filter_map(|(field, text)| doubt(index, field, text)));
    }
    doubts
}

fn doubt(row: usize, field: String, text: &str) -> Option<Doubt> {
    let (kind, problem) = if text.contains(is_hidden) {
        ("hidden-character", format!("has a character that does not show: \"{}\"", shown(text)))
    } else {
        let scripts = mixed(text)?;
        ("mixed-script", format!("mixes letters of {} in one word: \"{text}\"", scripts.join(" and ")))
    };
    let remedy =
        "see that it is the name that you mean, and type it again; if AWS has it like this, give its id";
    Some(Doubt { kind, row, field, problem, remedy: remedy.to_owned(), other: None })
}

/// Returns the scripts of the first word that has letters of several that are not written together.
fn mixed(text: &str) -> Option<Vec<&'static str>> {
    let mut words = text.split(|character: char| !character.is_alphanumeric());
    let word = words.find(|word| !word.is_single_script())?;
    let scripts: BTreeSet<&str> = word
        .chars()
        .map(|character| character.script())
        .filter(|script| !matches!(script, Script::Common | Script::Inherited | Script::Unknown))
        .map(|script| script.full_name())
        .collect();
    Some(scripts.into_iter().collect())
}

/// Returns what people have written in a row, each text with its field. The rest has ASCII only.
fn texts(row: &Row) -> Vec<(String, &str)> {
    let mut texts = vec![(row.principal.kind.field().to_owned(), row.principal.named.as_str())];
    let prose = [("description", &row.description), ("owner", &row.owner), ("reason", &row.reason)];
    texts.extend(prose.into_iter().filter_map(|(field, text)| Some((field.to_owned(), text.as_deref()?))));
    let selectors =
        [("accounts", Some(&row.accounts.only)), ("accounts.except", row.accounts.except.as_ref())];
    for (place, selector) in selectors {
        let Some(Selector { ids: _, names, ous, tags }) = selector else { continue };
        let names = names.iter().enumerate();
        texts.extend(names.map(|(n, name)| (format!("{place}.names[{n}]"), name.as_str())));
        for (n, ou) in ous.iter().enumerate() {
            if let OrganizationalUnit::Path(names) = ou {
                texts.extend(names.iter().map(|name| (format!("{place}.ous[{n}]"), name.as_str())));
            }
        }
        for (key, value) in tags {
            texts.extend([key.as_str(), value.as_str()].map(|text| (format!("{place}.tags.{key}"), text)));
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use assigner_core::table;

    use super::*;

    #[test]
    fn a_name_that_does_not_show_what_it_is_is_doubted() {
        let cases = [
            ("platform-admins", None),
            ("Zürich tiê\u{301}ng", None),
            ("開発-admins", None),
            ("ひらがなと漢字", None),
            ("β-testers", None),
            ("админы", None),
            ("platform\u{200b}-admins", Some("hidden-character")),
            ("snimda\u{202e}", Some("hidden-character")),
            ("a\u{a0}b", Some("hidden-character")),
            ("\u{430}dmins", Some("mixed-script")),
            ("adm\u{3b9}ns", Some("mixed-script")),
        ];
        for (name, expected) in cases {
            let row = serde_json::json!({ "id": "a", "permissionSet": "P", "group": name, "description": name,
                "owner": name, "reason": name,
                "accounts": { "names": [name], "ous": [name], "tags": { name: name },
                    "except": { "names": [name] } } });
            let text = serde_json::json!({ "assignments": [row] }).to_string();
            let table: Table =
                table::parse(text.as_bytes()).unwrap_or_else(|faults| panic!("{name}: {faults:#?}"));
            let found: Vec<_> = doubts(&table).into_iter().map(|doubt| (doubt.kind, doubt.field)).collect();
            let fields = [
                "group",
                "description",
                "owner",
                "reason",
                "accounts.names[0]",
                "accounts.ous[0]",
                "accounts.tags.NAME",
                "accounts.tags.NAME",
                "accounts.except.names[0]",
            ];
            let expected: Vec<_> = expected
                .into_iter()
                .flat_map(|kind| fields.map(|field| (kind, field.replace("NAME", name))))
                .collect();
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn the_scripts_that_are_mixed_are_named() {
        assert_eq!(mixed("\u{430}dmins"), Some(vec!["Cyrillic", "Latin"]));
    }
}
