//! The matrix of actions and accounts as one self-contained page, with what a reviewer has to decide before it.

use std::{borrow::Cow, collections::BTreeSet};

use askama::Template;
use assigner_core::{
    ids::AccountId,
    permissions::{
        policy::Effect,
        review::{Decision, Review},
        usage::{Account, Coverage, Source},
    },
    shown::shown_json,
};

use super::matrix::{Entry, Line, Mark, Matrix};
use crate::page::{Frame, Words};

const WORDS: Words = Words {
    line: "action",
    lines: "actions",
    column: "account",
    column_title: "Account",
    drift: "only what is odd",
    // No service of IAM is called `in` or `last`, but one is called `account`.
    fields: "action use in last why mark",
    fields_told: "action, use, in (an account), last, why or mark",
    example: "in:class-7",
    example_whole: "action:=s3:GetObject",
    hint: "action, account, day, source, mark",
    kind: "",
    on_paper: "Account, last day of use, and sources",
};

/// What the page of this report adds to the frame's.
const STYLE: &str = include_str!("review.css");
const SCRIPT: &str = include_str!("review.js");
/// The column of what a person kept or changed.
const BY_HAND: &str = "by hand";

#[derive(Template)]
#[template(path = "review.html", config = "src/page/askama.toml")]
pub struct Page<'r> {
    review: &'r Review<'r>,
    decisions: &'r [Decision],
    matrix: &'r Matrix<'r>,
    /// The names of the columns.
    columns: Vec<String>,
    legend: Vec<(Mark, usize)>,
    /// The days that some source covered.
    covered: Option<(String, String)>,
    known: Vec<Known<'r>>,
    unused: usize,
    denies: usize,
    policy: Vec<String>,
    frame: Frame,
}

/// What is known of an account.
struct Known<'r> {
    account: &'r Account,
    is_left_out: bool,
    generated: String,
    accessed: String,
}

impl<'r> Page<'r> {
    pub fn new(review: &'r Review<'r>, decisions: &'r [Decision], matrix: &'r Matrix<'r>) -> Page<'r> {
        let name = &review.usage.permission_set.name;
        let footer = format!("What was used of the permission set {name}, and what a draft keeps of it");
        let mut columns = Vec::with_capacity(matrix.columns());
        columns.extend((matrix.by_hand() > 0).then(|| BY_HAND.to_owned()));
        columns.extend(matrix.accounts.iter().map(|account| named(account)));
        let without: BTreeSet<&AccountId> = review.draft.without.iter().map(|left| &left.account).collect();
        let mut accounts: Vec<&Account> = review.usage.accounts.iter().collect();
        accounts.sort_by_key(|account| &account.id);
        let known = accounts.into_iter().map(|account| Known {
            is_left_out: without.contains(&account.id),
            generated: coverage(account, Source::Generated),
            accessed: coverage(account, Source::LastAccessed),
            account,
        });
        let days = || review.draft.accounts.iter().flat_map(|account| &account.sources);
        let from = days().map(|of| of.from).min();
        let to = days().map(|of| of.to).max();
        // Strings, lists and objects cannot fail to be written.
        let policy = serde_json::to_string_pretty(&review.draft.policy).unwrap_or_default();
        let denies = review.draft.policy.statements.iter().filter(|of| of.effect == Effect::Deny).count();
        Page {
            review,
            decisions,
            matrix,
            legend: Mark::ALL.into_iter().map(|mark| (mark, matrix.count(mark))).collect(),
            covered: from.zip(to).map(|(from, to)| (from.to_string(), to.to_string())),
            known: known.collect(),
            unused: review.services.iter().map(|service| service.unused.len()).sum(),
            denies,
            policy: shown_json(&policy).lines().map(str::to_owned).collect(),
            frame: Frame::new(WORDS, columns.len(), &footer, STYLE, SCRIPT),
            columns,
        }
    }

    /// Returns which part of a long list is folded.
    fn folded(decision: &Decision) -> (&[String], &[String]) {
        const SHOWN: usize = 6;
        let shown = if decision.items.len() > SHOWN + 1 { SHOWN } else { decision.items.len() };
        decision.items.split_at(shown)
    }
}

/// Returns how a column names an account.
fn named(account: &Account) -> String {
    if account.name.is_empty() { account.id.to_string() } else { format!("{} {}", account.name, account.id) }
}

/// Returns what a source covered, or why it knows nothing.
fn coverage(account: &Account, source: Source) -> String {
    let covered = |of: &Coverage| {
        let mut text = format!("{} to {}", of.from, of.to);
        if !of.regions.is_empty() {
            let regions: Vec<&str> = of.regions.iter().map(String::as_str).collect();
            text += &format!(", only {}", regions.join(", "));
        }
        if of.complete == Some(false) {
            text += ", incomplete";
        }
        text
    };
    let mut parts: Vec<String> =
        account.sources.iter().filter(|of| of.source == source).map(covered).collect();
    let failed = account.failures.iter().filter(|of| of.source.is_none_or(|of| of == source));
    parts.extend(failed.map(|failure| format!("not known: {}; {}", failure.cause, failure.remedy)));
    if parts.is_empty() { "not asked".to_owned() } else { parts.join("; ") }
}

impl Line<'_> {
    /// Returns the words of its action, after each of which a narrow column may break it.
    fn words(&self) -> Vec<&str> {
        self.action.split_inclusive(':').collect()
    }

    /// Returns what is said below its action.
    fn told(&self) -> Cow<'static, str> {
        let of = match self.accounts() {
            0 => return "no use was seen".into(),
            1 => "1 account".to_owned(),
            count => format!("{count} accounts"),
        };
        match (self.left, self.last()) {
            (Some(reason), _) => format!("{of}: {}", reason.sentence()).into(),
            (None, Some(day)) => format!("{of}, last on {day}").into(),
            (None, None) => format!("{of}, day not known").into(),
        }
    }
}

impl Entry<'_> {
    /// Returns the name in an entry: the last day, as far as a source knows it.
    fn name(&self) -> Cow<'static, str> {
        match (self.mark, self.last) {
            (Mark::Kept | Mark::Added | Mark::Removed, _) => self.mark.word().into(),
            (_, Some(day)) => day.to_string().into(),
            (_, None) => "day not known".into(),
        }
    }
}
