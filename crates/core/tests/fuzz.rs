//! Whatever bytes come as an event, a table or a glob, the answer comes soon and is sound.
//!
//! `cargo test` runs a bounded number of random inputs. The same tests, guided by coverage, for as long as wanted:
//!
//! ```text
//! RUSTFLAGS="--cfg fuzzing --cfg fuzzing_libfuzzer -Cpasses=sancov-module \
//!   -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
//!   -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares \
//!   -Clink-arg=-Wl,--unresolved-symbols=ignore-all" \
//! BOLERO_LIBFUZZER_ARGS="-max_total_time=300 -max_len=512 -print_final_stats=1" \
//!   cargo test --target x86_64-unknown-linux-gnu --target-dir target/fuzz --package assigner-core --test fuzz \
//!   any_table_is_read_or_refused -- --exact --nocapture
//! ```
//!
//! An input is a script that makes a text: a sample with some of its values changed, so that most of it stays
//! meaningful, and then with some of its bytes changed; or the bytes themselves.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "what goes wrong in a test fails it"
)]

use std::{collections::BTreeSet, sync::LazyLock};

use assigner_core::{
    assignments::{
        PermissionSet, Row, Table,
        plan::{self, Plan},
    },
    day::Day,
    event::{self, Request},
    ids::AccountId,
    organization::{Account, AccountTags, Parent, State},
    reading::Fault,
    selector::tree::Tree,
    table::{self, MAX_BYTES, MAX_ROWS},
};
use bolero::check;
use serde_json::{Map, Value, json};

/// Texts that mean something to the parsers, and some that nearly do.
const WORDS: &[&str] = &[
    "id",
    "description",
    "permissionSet",
    "group",
    "user",
    "accounts",
    "ids",
    "names",
    "ous",
    "tags",
    "except",
    "assignments",
    "$schema",
    "accountId",
    "dryRun",
    "source",
    "detail",
    "detail-type",
    "eventName",
    "eventType",
    "serviceEventDetails",
    "createManagedAccountStatus",
    "updateManagedAccountStatus",
    "state",
    "account",
    "time",
    "completedTimestamp",
    "message",
    "SUCCEEDED",
    "FAILED",
    "CreateManagedAccount",
    "UpdateManagedAccount",
    "AwsApiCall",
    "aws.controltower",
    "aws.organizations",
    "MoveAccount",
    "requestParameters",
    "survey",
    "ou",
    "111122223333",
    "444455556666",
    "11112222333",
    "１１１１２２２２３３３３",
    "2026-11-02T09:30:18Z",
    "2026-11-02T09:30:18+0000",
    "+999999-99-99T99:99:99+2500",
    "auditors",
    "a",
    "b-1",
    "-a",
    "A",
    "ReadOnlyAccess",
    "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-ef450dbf3b354e78",
    "ou-ab12-1",
    "ou-ab12-11111111",
    "r-ab12",
    "Workloads/Prod",
    "Workloads//Prod",
    "/",
    "class-*",
    "*",
    "**",
    "a/**/b",
    "[",
    "[]",
    "[!a-z]",
    "[z-a]",
    "?",
    "",
    " ",
    "\u{0}",
    "\u{feff}",
    "\u{202e}",
    "🦀",
    "e\u{301}",
];

fn text(path: &str) -> Vec<u8> {
    let path = format!("{}/{path}", concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

static EVENTS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let folder =
        std::fs::read_dir(format!("{}/events", concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))).unwrap();
    let mut names: Vec<_> = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names.iter().map(|name| serde_json::from_slice(&text(&format!("events/{name}"))).unwrap()).collect()
});

static TABLES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let every_kind = json!({ "assignments": [
        { "id": "a", "permissionSet": "P", "user": "u@example.com", "accounts": {
            "ids": ["111122223333"], "names": ["class-[0-9]"], "ous": ["ou-ab12-11111111", "r-ab12", "A/B"],
            "tags": { "course": "*" }, "except": { "names": ["?"], "tags": { "isolated": "true" } } } },
        { "id": "b", "permissionSet": "P", "group": "g" },
    ] });
    vec![serde_json::from_slice(&text("examples/assignments.json")).unwrap(), every_kind]
});

static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    jsonschema::validator_for(&serde_json::from_slice(&text("assignments.schema.json")).unwrap()).unwrap()
});

/// The input, read as choices. At its end it always chooses 0, and 0 always ends.
struct Script<'b>(&'b [u8]);

impl Script<'_> {
    fn choose(&mut self, among: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first) % among
    }

    fn word(&mut self) -> String {
        WORDS[self.choose(WORDS.len())].to_owned()
    }

    fn value(&mut self, depth: usize) -> Value {
        let items = |script: &mut Self| 0..script.choose(4);
        match self.choose(if depth == 0 { 7 } else { 9 }) {
            0 => Value::Null,
            1 => Value::Bool(self.choose(2) == 1),
            2 => json!(111_122_223_333_u64 * self.choose(3) as u64),
            3 => json!(self.word().repeat(1 << (2 * self.choose(6)))),
            4..=6 => json!(self.word()),
            7 => items(self).map(|_| self.value(depth - 1)).collect(),
            _ => items(self).map(|_| (self.word(), self.value(depth - 1))).collect::<Map<_, _>>().into(),
        }
    }

    /// Changes, adds or removes one value somewhere in another.
    fn edit(&mut self, at: &mut Value) {
        let stop = self.choose(6) == 1;
        match at {
            Value::Array(items) if !stop && !items.is_empty() => {
                let index = self.choose(items.len());
                match self.choose(8) {
                    0 => items.push(items[index].clone()),
                    1 => _ = items.remove(index),
                    _ => self.edit(&mut items[index]),
                }
            }
            Value::Object(fields) if !stop && !fields.is_empty() => {
                let name = fields.keys().nth(self.choose(fields.len())).unwrap().clone();
                match self.choose(8) {
                    0 => _ = fields.insert(self.word(), self.value(2)),
                    1 => _ = fields.remove(&name),
                    _ => self.edit(&mut fields[&name]),
                }
            }
            other => *other = self.value(3),
        }
    }

    fn text(mut self, samples: &[Value]) -> Vec<u8> {
        let kind = self.choose(8);
        if kind == 7 {
            return self.0.to_vec();
        }
        let mut value = samples[self.choose(samples.len())].clone();
        for _ in 0..self.choose(4) {
            self.edit(&mut value);
        }
        let mut text = value.to_string().into_bytes();
        for _ in 0..if kind == 6 { self.choose(4) } else { 0 } {
            let at = (self.choose(256) * 256 + self.choose(256)) % text.len();
            match self.choose(3) {
                0 => text[at] = self.choose(256) as u8,
                1 => text.truncate(at + 1),
                // Repeats a part, and with it fields.
                _ => drop(text.splice(at..at, text[at.saturating_sub(self.choose(256))..at].to_vec())),
            }
        }
        text
    }
}

#[test]
fn any_table_is_read_or_refused() {
    check!().with_iterations(10_000).with_max_len(256).for_each(|script: &[u8]| {
        let text = Script(script).text(&TABLES);
        match table::parse::<Row>(&text) {
            Ok(table) => assert_sound(&table, &text),
            Err(faults) => assert_reported(&faults),
        }
    });
}

#[test]
fn any_event_is_understood_or_refused_with_what_was_expected() {
    check!().with_iterations(10_000).with_max_len(256).for_each(|script: &[u8]| {
        let Ok(payload) = serde_json::from_slice(&Script(script).text(&EVENTS)) else { return };
        assert_answered(&payload);
    });
}

fn assert_sound(table: &Table, text: &[u8]) {
    let document: Value = serde_json::from_slice(text).unwrap();
    assert!(SCHEMA.is_valid(&document), "accepted, but not by the schema");
    assert_eq!(table.rows.len(), document["assignments"].as_array().unwrap().len(), "no row is lost");
    let good = |id: &str| {
        (1..=64).contains(&id.len())
            && !id.starts_with('-')
            && id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    let ids: BTreeSet<&str> = table.rows.iter().map(|row| row.id.as_str()).collect();
    assert!(ids.len() == table.rows.len() && ids.iter().all(|id| good(id)), "{ids:?}");

    let account = account("class-7", "rust");
    let Plan::Ensure(grants) =
        plan::plan(table, &account, &Tree::default(), Day::parse("2027-01-01").unwrap())
    else {
        panic!("the account is active")
    };
    let planned: BTreeSet<&str> = grants.iter().flat_map(|grant| grant.rules.clone()).collect();
    let matching = table.rows.iter().filter(|row| row.accounts.matches(&account));
    assert_eq!(planned, matching.map(|row| row.id.as_str()).collect(), "each row that matches, and no other");
    let distinct: BTreeSet<_> = grants.iter().map(|grant| (grant.permission_set, grant.principal)).collect();
    assert!(distinct.len() == grants.len() && grants.iter().all(|grant| !grant.rules.is_empty()));
}

fn assert_reported(faults: &[Fault]) {
    assert!((1..=1_001).contains(&faults.len()), "{} faults", faults.len());
    for fault in faults {
        assert!(!fault.problem.is_empty() && !fault.remedy.is_empty(), "{fault:?}");
        assert!(fault.to_string().len() < 2_000, "{fault}");
    }
}

fn assert_answered(payload: &Value) {
    let lifecycle = ["source", "detail", "detail-type"].iter().any(|name| payload.get(name).is_some());
    match event::parse(payload) {
        Err(message) => {
            assert!(message.contains("expected"), "{message}");
            assert!(message.len() < 20_000, "{message}");
        }
        Ok(Request::Ignore { reason, .. }) => {
            assert!(lifecycle && !reason.is_empty() && reason.len() < 4_000, "{reason}");
        }
        Ok(Request::Survey { below, after }) => {
            let fields = payload.as_object().unwrap();
            let known = ["survey", "ou", "after"];
            assert!(fields.keys().all(|name| known.contains(&name.as_str())), "an unknown field");
            let given = fields.get("after").and_then(Value::as_str);
            assert_eq!(given, after.as_ref().map(|account| account.as_str()));
            assert_eq!(fields["survey"], Value::Bool(true));
            // An OU may be named by its ARN, which ends in the id.
            let given = fields.get("ou").and_then(Value::as_str);
            assert_eq!(given.and_then(|ou| ou.rsplit('/').next()), below.as_deref());
        }
        Ok(Request::Unexplained { .. }) => {
            let fields = payload.as_object().unwrap();
            let known = ["unexplained", "after", "counts"];
            assert!(fields.keys().all(|name| known.contains(&name.as_str())), "an unknown field");
            assert_eq!(fields["unexplained"], Value::Bool(true));
        }
        Ok(Request::Ensure(ensure)) if payload["source"] == "aws.organizations" => {
            assert_eq!(payload["detail"]["requestParameters"]["accountId"], ensure.account.as_str());
        }
        Ok(Request::Ensure(ensure)) if lifecycle => {
            let status = payload["detail"]["serviceEventDetails"].as_object().unwrap();
            let succeeded = |status: &Value| {
                let names =
                    |named: &Value| named.as_str().is_some_and(|it| it.ends_with(ensure.account.as_str()));
                let details = &status["enabledBaselineDetails"];
                (status["state"] == "SUCCEEDED"
                    && (names(&status["account"]["accountId"]) || names(&status["targetIdentifier"])))
                    || (details["statusSummary"]["status"] == "SUCCEEDED"
                        && names(&details["targetIdentifier"]))
            };
            assert!(status.values().any(succeeded) && !ensure.dry_run);
        }
        Ok(Request::Ensure(ensure)) => {
            let fields = payload.as_object().unwrap();
            assert!(fields.keys().all(|name| name == "accountId" || name == "dryRun"), "an unknown field");
            assert_eq!(fields["accountId"], ensure.account.as_str());
            assert_eq!(fields.get("dryRun").unwrap_or(&Value::Null) == &Value::Bool(true), ensure.dry_run);
            assert_eq!((ensure.management, ensure.vended_at), (None, None));
        }
    }
}

fn account(name: &str, course: &str) -> Account {
    let parent = |id: &str, name: &str| Parent { id: id.into(), name: Some(name.into()) };
    Account {
        id: AccountId::parse("111122223333").unwrap(),
        name: name.into(),
        state: State::Active,
        is_management: false,
        parents: vec![parent("r-ab12", "Root"), parent("ou-ab12-11111111", "Education")],
        tags: AccountTags::Read([("course".to_owned(), course.to_owned())].into()),
        unread: None,
    }
}

fn table_of_glob(glob: &str) -> Option<Table> {
    let row = json!({ "id": "a", "permissionSet": "P", "group": "g", "accounts": { "names": [glob] } });
    table::parse::<Row>(json!({ "assignments": [row] }).to_string().as_bytes()).ok()
}

fn selects(table: &Table, name: &str) -> bool {
    table.rows[0].accounts.matches(&account(name, ""))
}

/// Matches a glob by its definition: which prefixes of the name can the tokens so far match? The work is the product of
/// both lengths, whatever the tokens are.
fn matches(tokens: &[&str], name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let mut reached = vec![true];
    reached.resize(name.len() + 1, false);
    for token in tokens {
        let before = reached.clone();
        for end in 0..=name.len() {
            reached[end] = match *token {
                "*" => before[end] || end > 0 && reached[end - 1],
                _ => {
                    end > 0
                        && before[end - 1]
                        && match (*token, name[end - 1]) {
                            ("?", _) => true,
                            ("[ab]", c) => "ab".contains(c),
                            ("[!a]", c) => c != 'a',
                            ("[a-é]", c) => ('a'..='é').contains(&c),
                            (plain, c) => plain.starts_with(c),
                        }
                }
            };
        }
    }
    reached[name.len()]
}

#[test]
fn any_glob_matches_what_its_letters_say() {
    const TOKENS: [&str; 11] = ["*", "a", "b", "?", "[ab]", "[!a]", "[a-é]", "é", "/", ".", "-"];
    const LETTERS: [char; 7] = ['a', 'b', 'é', '/', '.', '-', 'z'];
    check!().with_iterations(10_000).with_max_len(160).for_each(|script: &[u8]| {
        let (glob, name) = script.split_at(script.len() / 2);
        let mut glob: Vec<&str> = glob.iter().map(|byte| TOKENS[usize::from(*byte) % TOKENS.len()]).collect();
        // Two in a row would mean folders, and names have no folders.
        glob.dedup_by(|one, other| *one == "*" && *other == "*");
        let name: String = name.iter().map(|byte| LETTERS[usize::from(*byte) % LETTERS.len()]).collect();
        let Some(table) = table_of_glob(&glob.concat()) else {
            assert!(glob.concat().is_empty() || glob.concat().len() > 256, "{} is not a glob", glob.concat());
            return;
        };
        assert_eq!(selects(&table, &name), matches(&glob, &name), "{} on {name:?}", glob.concat());
    });
}

/// A matcher that tries every way to divide the name among the stars would not end in a lifetime.
#[test]
fn many_stars_on_a_long_name_end() {
    let parts = ["*a", "*?", "*a*b", "*[ab]", "*aa", "?*", "*/", "[!b]*", "**/a/", "a*a?*"];
    let names = ["a".repeat(256), "ab".repeat(128), "/a".repeat(128), format!("{}b", "a".repeat(255))];
    for part in parts {
        for end in ["", "b", "c", "*", "?c", "a/**"] {
            let glob = part.repeat((256 - end.len()) / part.len()) + end;
            let Some(table) = table_of_glob(&glob) else { continue };
            for name in &names {
                selects(&table, name);
            }
        }
    }
}

/// Repeats `part` between the ends until the text is as large as a table may be.
fn full(start: &str, part: &str, end: &str) -> Vec<u8> {
    let times = (MAX_BYTES - start.len() - end.len()) / part.len();
    format!("{start}{}{end}", part.repeat(times)).into_bytes()
}

#[test]
fn the_largest_hostile_tables_are_refused_with_a_bounded_answer() {
    let row = r#"{"id":"a","permissionSet":"P","group":"g"},"#;
    let of_row =
        |field: &str| format!(r#"{{"assignments":[{{"id":"a","permissionSet":"P","group":"g",{field}"#);
    let texts = [
        full("", "[", ""),
        full("[", "[],", "0]"),
        full("[", "[[[[[[0]]]]]],", "0]"),
        full("[", r#"{"":0},"#, "0]"),
        full("", "9", ""),
        full("\"", "x", "\""),
        full("\"", r"\u0000", "\""),
        full("", " ", ""),
        full("", "\u{0}", ""),
        full("{", r#""":0,"#, r#""":0}"#),
        full("{", r#""assignments":[],"#, r#""assignments":[]}"#),
        full(r#"{"assignments":["#, "{},", "{}]}"),
        full(r#"{"assignments":["#, row, "0]}"),
        full(&of_row(r#""accounts":{"ids":["#), r#""x","#, r#"""]}}]}"#),
        full(&of_row(r#""accounts":{"names":["#), r#""[","#, r#"""]}}]}"#),
        full(&of_row(r#""accounts":{"ous":["#), r#""/","#, r#"""]}}]}"#),
        full(&of_row(r#""accounts":{"tags":{"#), r#""k":"v","#, r#""":""}}}]}"#),
        full(&of_row(r#""accounts":{"except":{"#), r#""tags":0,"#, r#""tags":0}}}]}"#),
        full(&of_row(r#""description":""#), "d", r#"","description":""}]}"#),
        full(r#"{"assignments":[{"id":""#, "a", r#""}]}"#),
        vec![b' '; MAX_BYTES + 1],
    ];
    for text in texts {
        let start = String::from_utf8_lossy(&text[..60]).into_owned();
        assert_reported(&table::parse::<Row>(&text).expect_err(&start));
    }
}

#[test]
fn the_largest_sound_tables_are_read_and_planned() {
    let rows = |accounts: &dyn Fn(usize) -> Value| {
        let row = |n| json!({ "id": format!("r{n}"), "permissionSet": "P", "group": format!("g{n}"), "accounts": accounts(n) });
        json!({ "assignments": (0..MAX_ROWS).map(row).collect::<Vec<_>>() }).to_string()
    };
    let stars = "*a".repeat(100) + "*b";
    let tables = [
        rows(&|_| json!({ "ids": ["111122223333"] })),
        rows(&|_| json!({ "tags": { "course": stars } })),
        rows(&|_| json!({ "names": [stars] })),
    ];
    for (text, expected) in tables.iter().zip([MAX_ROWS, 0, 0]) {
        let table = table::parse::<Row>(text.as_bytes()).unwrap();
        assert!(matches!(&table.rows[0].permission_set, PermissionSet::Name(name) if name == "P"));
        let account = account(&"a".repeat(50), &"a".repeat(256));
        let Plan::Ensure(grants) =
            plan::plan(&table, &account, &Tree::default(), Day::parse("2027-01-01").unwrap())
        else {
            panic!()
        };
        assert_eq!(grants.len(), expected);
    }
}
