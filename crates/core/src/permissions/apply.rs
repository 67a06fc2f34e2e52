//! What a policy file becomes: what is read from it and judged again, the set that is to be made, and what is left to do.
//! It writes nothing.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{
    draft,
    policy::{
        Document, Effect, Strictness,
        size::{INLINE, size},
    },
    today::Today,
    usage::{Boundary, CustomerManaged, PermissionSet},
};
use crate::{ids::AccountId, reading::Fault};

/// The tag of a set that was made here: from which set, by its ARN.
pub const MADE_FROM: &str = "assignctl:made-from";
/// Tags that begin with it are AWS's own, and cannot be given.
const OF_AWS: &str = "aws:";

/// The policy file, as `draft` wrote it or a person edited it.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyFile {
    pub policy: Document,
    /// The set as it was read.
    pub permission_set: PermissionSet,
    /// The accounts whose use is in the draft.
    pub accounts: BTreeSet<AccountId>,
}

/// What is left to do, in this order: a set without its boundary must not allow anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Boundary,
    InlinePolicy,
}

impl PolicyFile {
    /// # Errors
    /// What is wrong with it, one sentence each; never empty.
    pub fn parse(text: &[u8]) -> Result<PolicyFile, Vec<String>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct File {
            version: u32,
            policy: serde_json::Value,
            permission_set: PermissionSet,
            accounts: Vec<Covered>,
        }
        #[derive(Deserialize)]
        struct Covered {
            account: AccountId,
        }
        let file: File =
            serde_json::from_slice(text).map_err(|error| vec![format!("not a policy file: {error}")])?;
        if file.version != draft::VERSION {
            return Err(vec![format!(
                "a policy file of version {}; this command reads version {}",
                file.version,
                draft::VERSION
            )]);
        }
        let policy = Document::parse(file.policy.to_string().as_bytes(), Strictness::Written)
            .map_err(|faults| faults.iter().map(sentence).collect::<Vec<_>>())?;
        let problems = problems(&policy);
        if !problems.is_empty() {
            return Err(problems);
        }
        let accounts = file.accounts.into_iter().map(|covered| covered.account).collect();
        Ok(PolicyFile { policy, permission_set: file.permission_set, accounts })
    }

    /// Returns one document of everything that the set allows and denies today, without its boundary.
    ///
    /// # Errors
    /// What makes it unclear, one sentence each.
    pub fn existing(&self, now: &PermissionSet) -> Result<Document, Vec<String>> {
        // The accounts' own policies are in the file alone.
        let set = PermissionSet {
            customer_managed_policies: self.permission_set.customer_managed_policies.clone(),
            boundary: None,
            ..now.clone()
        };
        let Today { allows, denies, .. } = Today::new(&set, &self.accounts)?;
        let statements = allows.into_iter().chain(denies).map(|compiled| compiled.statement);
        // Two statements of one document must not have the same Sid.
        let statements = statements.map(|statement| super::policy::Statement { sid: None, ..statement });
        Ok(Document { statements: statements.collect() })
    }

    /// Returns the set that is made next to the old one. It has its description, duration, relay state, tags and boundary.
    pub fn beside(&self, name: &str) -> PermissionSet {
        let old = &self.permission_set;
        let mut tags = old.tags.clone();
        tags.retain(|key, _| !key.starts_with(OF_AWS));
        tags.insert(MADE_FROM.to_owned(), old.arn.clone());
        PermissionSet {
            arn: String::new(),
            name: name.to_owned(),
            description: old.description.clone(),
            session_duration: old.session_duration.clone(),
            relay_state: old.relay_state.clone(),
            tags,
            inline_policy: Some(self.policy.clone()),
            managed_policies: Vec::new(),
            customer_managed_policies: Vec::new(),
            boundary: old.boundary.clone(),
        }
    }
}

/// Returns why Identity Center would refuse the policy as an inline policy.
fn problems(policy: &Document) -> Vec<String> {
    let mut problems = Vec::new();
    if !policy.statements.iter().any(|statement| statement.effect == Effect::Allow) {
        problems.push("the policy allows nothing; an empty policy is not written".to_owned());
    }
    let bytes = size(policy);
    if bytes > INLINE {
        problems.push(format!("the policy has {bytes} bytes, and an inline policy at most {INLINE}"));
    }
    // Latin-1, as Identity Center takes it.
    let beyond = |letter: &char| !matches!(letter, ' '..='~' | '\u{a1}'..='\u{ff}');
    if let Some(letter) = policy.to_text().chars().find(beyond) {
        problems.push(format!(
            "the policy has the character U+{:04X}, and Identity Center takes letters of Latin-1 only",
            u32::from(letter)
        ));
    }
    problems
}

fn sentence(fault: &Fault) -> String {
    let text = fault.to_string();
    match text.strip_prefix("table") {
        Some(rest) => format!("the policy{rest}"),
        None => text,
    }
}

/// Returns what is not as it was read, in a person's words; empty if nothing changed.
pub fn differences(read: &PermissionSet, now: &PermissionSet) -> Vec<&'static str> {
    let managed = |set: &PermissionSet| -> BTreeSet<String> {
        set.managed_policies.iter().map(|policy| policy.arn.clone()).collect()
    };
    let documents_differ = || {
        now.managed_policies.iter().any(|policy| read.managed_policies.iter().all(|other| other != policy))
    };
    let customer = |set: &PermissionSet| -> BTreeSet<(String, String)> {
        set.customer_managed_policies.iter().map(reference).collect()
    };
    let mut differ = Vec::new();
    let mut compare = |same: bool, what| {
        if !same {
            differ.push(what);
        }
    };
    compare(read.name == now.name, "its name");
    compare(read.description == now.description, "its description");
    let duration = &read.session_duration;
    compare(duration.is_none() || *duration == now.session_duration, "its session duration");
    compare(read.relay_state == now.relay_state, "its relay state");
    compare(read.tags == now.tags, "its tags");
    compare(read.inline_policy == now.inline_policy, "its inline policy");
    if managed(read) == managed(now) {
        compare(!documents_differ(), "what AWS's managed policies say");
    } else {
        compare(false, "its managed policies");
    }
    compare(customer(read) == customer(now), "its customer managed policies");
    compare(same_boundary(read, now), "its boundary");
    differ
}

/// Returns what is left to do until a set is as wanted.
///
/// # Errors
/// What is otherwise than it would be on the way there; never empty.
pub fn steps(wanted: &PermissionSet, now: &PermissionSet) -> Result<Vec<Step>, Vec<&'static str>> {
    let missing_boundary = now.boundary.is_none() && wanted.boundary.is_some();
    let missing_policy = now.inline_policy.is_none() && wanted.inline_policy.is_some();
    let mut filled = now.clone();
    if missing_boundary {
        filled.boundary.clone_from(&wanted.boundary);
    }
    if missing_policy {
        filled.inline_policy.clone_from(&wanted.inline_policy);
    }
    let differ = differences(wanted, &filled);
    // A policy before its boundary is not how it is made.
    if !differ.is_empty() || (missing_boundary && !missing_policy) {
        return Err(if differ.is_empty() { vec!["its boundary"] } else { differ });
    }
    let open = [(missing_boundary, Step::Boundary), (missing_policy, Step::InlinePolicy)];
    Ok(open.into_iter().filter(|(is_open, _)| *is_open).map(|(_, step)| step).collect())
}

fn same_boundary(one: &PermissionSet, other: &PermissionSet) -> bool {
    match (&one.boundary, &other.boundary) {
        (None, None) => true,
        (Some(Boundary::Managed(one)), Some(Boundary::Managed(other))) => one.arn == other.arn,
        (Some(Boundary::CustomerManaged(one)), Some(Boundary::CustomerManaged(other))) => {
            reference(one) == reference(other)
        }
        _ => false,
    }
}

fn reference(policy: &CustomerManaged) -> (String, String) {
    (policy.path.clone(), policy.name.clone())
}
