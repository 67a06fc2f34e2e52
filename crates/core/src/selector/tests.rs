use super::*;
use crate::{
    organization::AccountTags,
    reading::{Faults, Json},
};

fn accounts(text: &str) -> Accounts {
    let json: Json = serde_json::from_str(text).unwrap();
    let mut faults = Faults::default();
    let accounts = Accounts::read("accounts", &json, &mut faults);
    accounts.unwrap_or_else(|| panic!("{text}: {:#?}", faults.or(()).unwrap_err()))
}

#[test]
fn an_account_matches_if_every_kind_given_matches() {
    let cases: &[(&str, Option<Mismatch<'_>>)] = &[
        (r#"{ "ids": ["111122223333"] }"#, None),
        (r#"{ "ids": ["444455556666", "111122223333"] }"#, None),
        (r#"{ "ids": ["444455556666"] }"#, Some(Mismatch::Ids)),
        (r#"{ "names": ["class-*"] }"#, None),
        (r#"{ "names": ["class-?"] }"#, None),
        (r#"{ "names": ["class-[0-9]"] }"#, None),
        (r#"{ "names": ["Class-*"] }"#, Some(Mismatch::Names)),
        (r#"{ "names": ["class"] }"#, Some(Mismatch::Names)),
        (r#"{ "names": ["lass-7", "class-"] }"#, Some(Mismatch::Names)),
        (r#"{ "ous": ["r-ab12"] }"#, None),
        (r#"{ "ous": ["ou-ab12-55555555"] }"#, None),
        (r#"{ "ous": ["ou-ab12-66666666"] }"#, None),
        (r#"{ "ous": ["ou-ab12-77777777"] }"#, Some(Mismatch::OrganizationalUnits)),
        (r#"{ "ous": ["Education"] }"#, None),
        (r#"{ "ous": ["Education/Rust"] }"#, None),
        (r#"{ "ous": ["Rust"] }"#, Some(Mismatch::OrganizationalUnits)),
        (r#"{ "ous": ["Education/Rust/Deeper"] }"#, Some(Mismatch::OrganizationalUnits)),
        (r#"{ "ous": ["education"] }"#, Some(Mismatch::OrganizationalUnits)),
        (r#"{ "ous": ["Workloads", "Education"] }"#, None),
        (r#"{ "tags": { "course": "*" } }"#, None),
        (r#"{ "tags": { "course": "ru*", "empty": "" } }"#, None),
        (r#"{ "tags": { "empty": "*" } }"#, None),
        (r#"{ "tags": { "course": "go" } }"#, Some(Mismatch::Tag("course"))),
        (r#"{ "tags": { "course": "rust", "term": "*" } }"#, Some(Mismatch::Tag("term"))),
        (r#"{ "tags": { "Course": "rust" } }"#, Some(Mismatch::Tag("Course"))),
        (r#"{ "ous": ["Education"], "names": ["class-*"], "tags": { "course": "*" } }"#, None),
        (r#"{ "ous": ["Education"], "names": ["prod-*"] }"#, Some(Mismatch::Names)),
        (r#"{ "except": { "ous": ["Education"] } }"#, Some(Mismatch::Except)),
        (r#"{ "except": { "ous": ["Education"], "names": ["prod-*"] } }"#, None),
        (r#"{ "except": { "tags": { "isolated": "true" } } }"#, None),
        (r#"{ "ous": ["Education"], "except": { "names": ["class-7"] } }"#, Some(Mismatch::Except)),
        (r#"{ "ids": ["444455556666"], "except": { "names": ["x"] } }"#, Some(Mismatch::Ids)),
    ];
    for (text, expected) in cases {
        assert_eq!(accounts(text).mismatches(&Account::class_7()).next(), *expected, "{text}");
    }
}

#[test]
fn every_reason_against_an_account_is_given_in_the_order_of_the_kinds() {
    let accounts = accounts(
        r#"{ "ids": ["444455556666"], "names": ["x"], "ous": ["Workloads"],
             "tags": { "course": "go", "empty": "", "term": "*" }, "except": { "ous": ["Education"] } }"#,
    );
    let reasons: Vec<_> = accounts.mismatches(&Account::class_7()).collect();
    assert_eq!(
        reasons,
        [
            Mismatch::Ids,
            Mismatch::Names,
            Mismatch::OrganizationalUnits,
            Mismatch::Tag("course"),
            Mismatch::Tag("term"),
            Mismatch::Except
        ]
    );
}

#[test]
fn an_ou_whose_name_has_a_slash_is_not_taken_for_a_path() {
    let accounts = accounts(r#"{ "ous": ["Education/Rust"] }"#);
    let mut account = Account::class_7();
    account.parents.pop();
    account.parents[1].name = Some("Education/Rust".into());
    assert_eq!(accounts.mismatches(&account).next(), Some(Mismatch::OrganizationalUnits));
}

#[test]
fn tags_are_asked_for_only_if_they_can_decide() {
    let cases = [
        (r#"{ "ous": ["Education"] }"#, false),
        (r#"{ "tags": { "course": "*" } }"#, true),
        (r#"{ "ous": ["Education"], "tags": { "course": "*" } }"#, true),
        (r#"{ "ous": ["Workloads"], "tags": { "course": "*" } }"#, false),
        (r#"{ "except": { "tags": { "isolated": "true" } } }"#, true),
        (r#"{ "except": { "names": ["prod-*"], "tags": { "isolated": "true" } } }"#, false),
        // The OU may not exist, and then the tags say whether the account was meant.
        (r#"{ "except": { "ous": ["Renamed"], "tags": { "course": "*" } } }"#, true),
        (r#"{ "except": { "ous": ["Renamed"], "names": ["prod-*"], "tags": { "course": "*" } } }"#, false),
        (r#"{ "ous": ["Education"], "except": { "names": ["class-*"] } }"#, false),
    ];
    for (text, expected) in cases {
        let without_tags = Account { tags: AccountTags::NotRead, ..Account::class_7() };
        assert_eq!(accounts(text).asks_for_tags(&without_tags), expected, "{text}");
    }
    assert!(!Accounts::default().asks_for_tags(&Account::class_7()));
}

#[test]
fn what_can_never_have_been_meant_is_a_fault_with_what_to_write() {
    let cases = [
        (r#"{ "ous": ["Workloads/Prod "] }"#, "accounts.ous[0]", "blank"),
        (r#"{ "ous": [" Workloads"] }"#, "accounts.ous[0]", "blank"),
        (r#"{ "ous": ["Workloads/ Prod"] }"#, "accounts.ous[0]", "blank"),
        (r#"{ "ous": ["Workloads/*"] }"#, "accounts.ous[0]", "every OU below"),
        (r#"{ "ous": ["Workloads", "Team ?"] }"#, "accounts.ous[1]", "every OU below"),
        (r#"{ "ous": ["Root/Workloads"] }"#, "accounts.ous[0]", "leave the root out"),
        (r#"{ "names": ["class-* "] }"#, "accounts.names[0]", "blank"),
        (r#"{ "tags": { " course": "*" } }"#, "accounts.tags. course", "blank"),
        (r#"{ "except": { "ous": ["Prod "] } }"#, "accounts.except.ous[0]", "blank"),
        (r#"{ "except": { "names": ["[^0-9]*"] } }"#, "accounts.except.names[0]", "[!"),
        (r#"{ "tags": { "course": "{a,b}" } }"#, "accounts.tags.course", "one glob for each"),
    ];
    for (text, field, remedy) in cases {
        let json: Json = serde_json::from_str(text).unwrap();
        let mut faults = Faults::default();
        assert_eq!(Accounts::read("accounts", &json, &mut faults), None, "{text}");
        let faults = faults.or(()).unwrap_err();
        assert_eq!((faults.len(), faults[0].field.as_str()), (1, field), "{text}: {faults:?}");
        assert!(faults[0].remedy.contains(remedy), "{text}: {}", faults[0]);
    }
    // Names with blanks inside, and what only looks like a root or a glob.
    for text in [r#"{ "ous": ["Team One/Prod"] }"#, r#"{ "ous": ["Root"] }"#, r#"{ "ous": ["A [old]"] }"#] {
        accounts(text);
    }
}

#[test]
fn what_depends_on_tags_that_were_not_read_is_not_known() {
    let cases = [
        (r#"{ "ous": ["Education"] }"#, Match::Yes),
        (r#"{ "tags": { "course": "*" } }"#, Match::NotRead),
        (r#"{ "ous": ["Workloads"], "tags": { "course": "*" } }"#, Match::No),
        (r#"{ "except": { "tags": { "isolated": "true" } } }"#, Match::NotRead),
        (r#"{ "except": { "names": ["prod-*"], "tags": { "isolated": "true" } } }"#, Match::Yes),
        (r#"{ "names": ["x"], "except": { "tags": { "isolated": "true" } } }"#, Match::No),
        (r#"{ "tags": { "course": "*" }, "except": { "names": ["class-*"] } }"#, Match::No),
    ];
    let unread = Account { tags: AccountTags::NotRead, ..Account::class_7() };
    for (text, expected) in cases {
        assert_eq!(accounts(text).judge(&unread), expected, "{text}");
        assert_eq!(accounts(text).matches(&unread), expected == Match::Yes, "{text}");
    }
    for text in [r#"{ "tags": { "course": "*" } }"#, r#"{ "except": { "tags": { "course": "*" } } }"#] {
        let unmet = words::unmet(&accounts(text), &unread);
        assert_eq!(unmet[0].actual, "its tag course was not read", "{text}");
    }
}

#[test]
fn a_selection_is_beyond_what_was_read_unless_it_is_certain_to_be_within() {
    let selection = |ids: &[&str], ous: &[&str]| Selection {
        accounts: ids.iter().map(|id| AccountId::parse(id).unwrap()).collect(),
        ous: ous.iter().map(|ou| OrganizationalUnit::parse(ou).unwrap()).collect(),
    };
    let education = selection(&[], &["Education"]);
    let cases = [
        (selection(&[], &[]), selection(&["999999999999"], &["Nowhere"]), vec![]),
        (education.clone(), selection(&["111122223333"], &["Education"]), vec![]),
        (
            education.clone(),
            selection(&[], &["ou-ab12-55555555", "ou-ab12-66666666", "Education/Rust"]),
            vec![],
        ),
        (education.clone(), selection(&[], &["r-ab12"]), vec!["OU r-ab12"]),
        (education.clone(), selection(&[], &["Workloads"]), vec!["OU Workloads"]),
        (education, selection(&["444455556666"], &[]), vec!["account 444455556666"]),
        (selection(&[], &["ou-ab12-66666666"]), selection(&[], &["Education"]), vec!["OU Education"]),
        (selection(&["111122223333"], &[]), selection(&[], &["Education"]), vec!["OU Education"]),
    ];
    for (read, asked, expected) in cases {
        assert_eq!(asked.beyond(&read, &[Account::class_7()]), expected, "{asked:?} of {read:?}");
    }
}
