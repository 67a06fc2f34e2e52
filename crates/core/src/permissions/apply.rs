//! What a policy file becomes: what is read from it and judged again, and the set that is to be. It writes nothing.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{
    draft,
    policy::{
        Document, Effect, Strictness,
        size::{INLINE, MANAGED, TooLarge, size, split},
    },
    today::Today,
    usage::{Boundary, CustomerManaged, InAccounts, PermissionSet},
};
use crate::{ids::AccountId, reading::Fault};

/// The tag of a set that was made here: from which set, by its ARN.
pub const MADE_FROM: &str = "assignctl:made-from";
/// The most managed policies that a role takes without a higher quota.
const MOST_PARTS: usize = 10;
/// Tags that begin with it are AWS's own, and cannot be given.
pub(super) const OF_AWS: &str = "aws:";

/// The policy file, as `draft` wrote it or a person edited it.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyFile {
    pub policy: Document,
    /// The set as it was read.
    pub permission_set: PermissionSet,
    /// The accounts whose use is in the draft.
    pub accounts: BTreeSet<AccountId>,
    /// The accounts that a person left out of the draft.
    pub without: BTreeSet<AccountId>,
}

/// How a set holds the policy.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    Inline,
    /// As policies that each account has by itself, by their names, at the path `/`.
    CustomerManaged(Vec<(String, Document)>),
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
            #[serde(default)]
            without: Vec<Covered>,
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
        let ids = |all: Vec<Covered>| all.into_iter().map(|covered| covered.account).collect();
        let (accounts, without): (BTreeSet<AccountId>, _) = (ids(file.accounts), ids(file.without));
        if accounts.is_empty() {
            return Err(vec!["the policy file names no account whose use is in it".to_owned()]);
        }
        Ok(PolicyFile { policy, permission_set: file.permission_set, accounts, without })
    }

    /// Returns the form of the policy: inline, or under this name in each account.
    ///
    /// # Errors
    /// Why the policy does not fit, one sentence each.
    pub fn form(&self, customer_managed: Option<&str>) -> Result<Form, Vec<String>> {
        let Some(name) = customer_managed else {
            return match size(&self.policy) {
                bytes if bytes > INLINE => Err(vec![format!(
                    "the policy has {bytes} bytes, and an inline policy at most {INLINE}; --customer-managed takes more"
                )]),
                _ => Ok(Form::Inline),
            };
        };
        let parts = split(&self.policy, MANAGED).map_err(|TooLarge| {
            vec![format!(
                "one of the lists of the policy cannot be divided into managed policies of {MANAGED} bytes"
            )]
        })?;
        if parts.len() > MOST_PARTS {
            return Err(vec![format!(
                "the policy would be {} managed policies, and a role takes {MOST_PARTS}",
                parts.len()
            )]);
        }
        let named = |(index, part)| match index {
            0 => (name.to_owned(), part),
            index => (format!("{name}-{}", index + 1), part),
        };
        let parts: Vec<(String, Document)> = parts.into_iter().enumerate().map(named).collect();
        let old = &self.permission_set.customer_managed_policies;
        let taken =
            parts.iter().filter(|(name, _)| old.iter().any(|old| old.path == "/" && old.name == *name));
        let taken: Vec<String> = taken
            .map(|(name, _)| format!("the set has a policy {name} already; choose another name"))
            .collect();
        if taken.is_empty() { Ok(Form::CustomerManaged(parts)) } else { Err(taken) }
    }

    /// Returns the set as it is in the end if it is edited in place. Only its policies change.
    pub fn in_place(&self, form: &Form) -> PermissionSet {
        PermissionSet { managed_policies: Vec::new(), ..self.holding(form, self.permission_set.clone()) }
    }

    fn holding(&self, form: &Form, set: PermissionSet) -> PermissionSet {
        let (inline_policy, parts) = match form {
            Form::Inline => (Some(self.policy.clone()), &[][..]),
            Form::CustomerManaged(parts) => (None, parts.as_slice()),
        };
        let own = |(name, document): &(String, Document)| CustomerManaged {
            name: name.clone(),
            path: "/".to_owned(),
            documents: vec![InAccounts { accounts: self.accounts.clone(), document: document.clone() }],
        };
        PermissionSet { inline_policy, customer_managed_policies: parts.iter().map(own).collect(), ..set }
    }

    /// Returns the accounts that have the set, and of whose use nothing is known.
    pub fn unknown<'a>(&self, accounts: &'a BTreeSet<AccountId>) -> Vec<&'a AccountId> {
        accounts.iter().filter(|id| !self.accounts.contains(*id) && !self.without.contains(*id)).collect()
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
    pub fn beside(&self, name: &str, form: &Form) -> PermissionSet {
        let old = &self.permission_set;
        let mut tags = old.tags.clone();
        tags.retain(|key, _| !key.starts_with(OF_AWS));
        tags.insert(MADE_FROM.to_owned(), old.arn.clone());
        let bare = PermissionSet { arn: String::new(), name: name.to_owned(), tags, ..bare(old) };
        self.holding(form, PermissionSet { boundary: old.boundary.clone(), ..bare })
    }
}

/// Returns the set without anything that allows or denies.
pub fn bare(set: &PermissionSet) -> PermissionSet {
    PermissionSet {
        inline_policy: None,
        managed_policies: Vec::new(),
        customer_managed_policies: Vec::new(),
        boundary: None,
        ..set.clone()
    }
}

/// Returns why AWS would refuse the policy in any form.
fn problems(policy: &Document) -> Vec<String> {
    let mut problems = Vec::new();
    if !policy.statements.iter().any(|statement| statement.effect == Effect::Allow) {
        problems.push("the policy allows nothing; an empty policy is not written".to_owned());
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

pub(super) fn reference(policy: &CustomerManaged) -> (String, String) {
    (policy.path.clone(), policy.name.clone())
}
