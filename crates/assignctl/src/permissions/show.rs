//! What is about to change in a set, and what became of it in each account, for a person and as JSON.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use assigner_aws::permissions::Finding;
use assigner_core::{
    ids::AccountId,
    permissions::{
        change::{Edit, Way},
        policy::size::{INLINE, size},
        usage::Boundary,
    },
};
use assigner_engine::permissions::rollout::End;
use serde::Serialize;

use crate::terminal::{ERROR, FAINT, GOOD, STRONG, WARNING, clean, plural};

/// Returns what the edits of a way come to, a line each.
pub fn changes(way: &Way) -> String {
    let mut text = String::new();
    let mut line = |sign: &str, what: &str| {
        let colour = if sign == "-" { WARNING } else { GOOD };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{colour}{sign} {}{colour:#}", clean(what));
    };
    let inline = |edit: &&Edit| matches!(edit, Edit::InlinePolicy(_) | Edit::NoInlinePolicy);
    let last_inline = way.edits().iter().rfind(inline);
    for edit in way.edits() {
        match edit {
            // What is there on the way only is not what it comes to.
            Edit::InlinePolicy(_) | Edit::NoInlinePolicy if last_inline != Some(edit) => {}
            Edit::InlinePolicy(policy) => {
                let statements = plural(policy.statements.len(), "statement");
                line("+", &format!("inline policy, {statements}, {} of {INLINE} bytes", size(policy)));
            }
            Edit::NoInlinePolicy => line("-", "the inline policy"),
            Edit::Boundary(Boundary::Managed(policy)) => line("+", &format!("boundary {}", policy.arn)),
            Edit::Boundary(Boundary::CustomerManaged(of)) => {
                line("+", &format!("boundary {}{}", of.path, of.name));
            }
            Edit::NoBoundary => line("-", "the boundary"),
            Edit::Details { description, session_duration, relay_state } => {
                let fields = [
                    ("description", description),
                    ("session duration", session_duration),
                    ("relay state", relay_state),
                ];
                for (what, value) in fields {
                    if let Some(value) = value {
                        line("+", &format!("{what} {value}"));
                    }
                }
            }
            Edit::Tag(tags) => {
                tags.iter().for_each(|(key, value)| line("+", &format!("tag {key} = {value}")));
            }
            Edit::Untag(keys) => keys.iter().for_each(|key| line("-", &format!("tag {key}"))),
            Edit::AttachManaged(policy) => line("+", &policy.arn),
            Edit::AttachCustomerManaged(policy) => {
                line("+", &format!("customer managed policy {}{}", policy.path, policy.name));
            }
            Edit::DetachManaged(arn) => line("-", arn),
            Edit::DetachCustomerManaged { path, name } => {
                line("-", &format!("customer managed policy {path}{name}"));
            }
        }
    }
    text
}

/// Returns what was proven, and what ValidatePolicy only warns of.
pub fn judged(findings: &[Finding]) -> String {
    let mut text =
        format!("CheckNoNewAccess: {GOOD}PASS{GOOD:#}, it allows nothing that the old set does not\n");
    for finding in findings {
        let (code, details) = (clean(&finding.code), clean(&finding.details));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{WARNING}ValidatePolicy{WARNING:#} {code}: {details}");
    }
    text
}

/// Returns which accounts, a few by name.
pub fn accounts(ids: &BTreeSet<AccountId>) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<&str> = ids.iter().take(SHOWN).map(AccountId::as_str).collect();
    match ids.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer<'a> {
    pub name: &'a str,
    pub arn: &'a str,
    pub writes: usize,
    pub accounts: Vec<InAccount<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InAccount<'a> {
    id: &'a AccountId,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'a str>,
}

/// Returns what became of each account, as JSON has it.
pub fn in_accounts(ends: &BTreeMap<AccountId, End>) -> Vec<InAccount<'_>> {
    ends.iter().map(|(id, end)| in_account(id, end)).collect()
}

fn in_account<'e>(id: &'e AccountId, end: &'e End) -> InAccount<'e> {
    let plain = |status| InAccount { id, status, reason: None, remedy: None };
    match end {
        End::Provisioned => plain("provisioned"),
        End::Present => plain("present"),
        End::Pending => plain("pending"),
        End::NotBegun => plain("notBegun"),
        End::Failed { reason, remedy } => {
            InAccount { reason: Some(reason), remedy: Some(remedy), ..plain("failed") }
        }
    }
}

/// Returns a summary, and a line for each account in which it is not proven to be there.
pub fn ended(name: &str, ends: &BTreeMap<AccountId, End>) -> String {
    let count = |wanted: fn(&End) -> bool| ends.values().filter(|end| wanted(end)).count();
    let (new, there) = (count(|end| *end == End::Provisioned), count(|end| *end == End::Present));
    let mut text = format!(
        "{STRONG}{}{STRONG:#}: provisioned in {}, there before in {there}\n",
        clean(name),
        plural(new, "account")
    );
    for (id, end) in ends {
        // Writing to a string cannot fail.
        let _ = match end {
            End::Provisioned | End::Present => Ok(()),
            End::Failed { reason, remedy } => {
                writeln!(text, "{ERROR}{id} failed{ERROR:#}: {}; {}", clean(reason), clean(remedy))
            }
            End::Pending => writeln!(
                text,
                "{WARNING}{id} is not finished{WARNING:#}: the time ran out, or it was stopped"
            ),
            End::NotBegun => writeln!(text, "{FAINT}{id} was not begun{FAINT:#}"),
        };
    }
    text
}

/// Whether it is proven to be everywhere.
pub fn is_everywhere(ends: &BTreeMap<AccountId, End>) -> bool {
    ends.values().all(|end| matches!(end, End::Provisioned | End::Present))
}
