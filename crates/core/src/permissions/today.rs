//! What a permission set allows today: its policies together, within its boundary. It does not know who used what.
//!
//! "Denied" is said only if it is certain: by a statement without conditions, about every resource in question. What is
//! denied for some resources or some requests only is allowed here, and the Deny statement is carried over.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    policy::{
        Compiled, Document, Effect, Resources, Statement, condition_covers,
        pattern::{Pattern, is_placeholder, variables},
    },
    usage::{Boundary, CustomerManaged, PermissionSet},
};
use crate::ids::AccountId;

/// The statements that count.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Today {
    pub allows: Vec<Compiled>,
    pub denies: Vec<Compiled>,
    boundary: Limit,
}

#[derive(Clone, Debug, Default, PartialEq)]
enum Limit {
    #[default]
    None,
    Everywhere(Boundaries),
    /// A customer managed policy may differ from account to account.
    ByAccount(BTreeMap<AccountId, Boundaries>),
}

/// The statements of a boundary.
#[derive(Clone, Debug, Default, PartialEq)]
struct Boundaries {
    allows: Vec<Compiled>,
    denies: Vec<Compiled>,
}

impl From<&Document> for Boundaries {
    fn from(document: &Document) -> Boundaries {
        let compiled = |effect| {
            let of = document.statements.iter().filter(|statement| statement.effect == effect);
            of.map(Compiled::new).collect()
        };
        Boundaries { allows: compiled(Effect::Allow), denies: compiled(Effect::Deny) }
    }
}

/// Why the set does not allow an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// No statement of the set allows it.
    NotAllowed,
    /// A statement of the set denies it.
    Denied,
    /// The boundary does not allow it, or denies it.
    Boundary,
}

impl Reason {
    pub fn sentence(self) -> &'static str {
        match self {
            Reason::NotAllowed => "no statement of the set allows it",
            Reason::Denied => "the set denies it",
            Reason::Boundary => "the boundary of the set does not allow it",
        }
    }
}

impl Today {
    /// Returns what the set allows in these accounts.
    ///
    /// # Errors
    /// What makes it unclear, one sentence each.
    pub fn new(set: &PermissionSet, accounts: &BTreeSet<AccountId>) -> Result<Today, Vec<String>> {
        let mut today = Today::default();
        let mut unclear = Vec::new();
        let inline = set.inline_policy.iter().map(|document| ("its inline policy".to_owned(), document));
        let managed = set.managed_policies.iter().map(|policy| (policy.arn.clone(), &policy.document));
        let mut documents: Vec<(String, &Document)> = inline.chain(managed).collect();
        for policy in &set.customer_managed_policies {
            match same_everywhere(policy, accounts) {
                Ok(document) => documents.push((named(policy), document)),
                Err(problem) => unclear.push(problem),
            }
        }
        for (name, document) in documents {
            for statement in &document.statements {
                match without_placeholders(statement) {
                    Ok(None) => {}
                    Ok(Some(statement)) => match statement.effect {
                        Effect::Allow => today.allows.push(Compiled::new(&statement)),
                        Effect::Deny => today.denies.push(Compiled::new(&statement)),
                    },
                    Err(placeholder) => unclear.push(format!(
                        "{name} has the placeholder ${{{placeholder}}}, which IAM does not know; write the real value into \
                         the set, then read it again"
                    )),
                }
            }
        }
        match &set.boundary {
            None => {}
            Some(Boundary::Managed(policy)) => today.boundary = Limit::Everywhere((&policy.document).into()),
            Some(Boundary::CustomerManaged(policy)) => {
                let mut by_account = BTreeMap::new();
                for account in accounts {
                    match document_in(policy, account) {
                        Some(document) => _ = by_account.insert(account.clone(), document.into()),
                        None => unclear.push(missing(policy, account)),
                    }
                }
                today.boundary = Limit::ByAccount(by_account);
            }
        }
        if unclear.is_empty() { Ok(today) } else { Err(unclear) }
    }

    /// Returns the statements that allow some of what `action` matches, without those that are denied as a whole.
    ///
    /// # Errors
    /// Why there is none, in this account.
    pub fn allowing(&self, action: &Pattern, account: &AccountId) -> Result<Vec<&Statement>, Reason> {
        let about: Vec<&Compiled> = self.allows.iter().filter(|allow| allow.touches(action)).collect();
        if about.is_empty() {
            return Err(Reason::NotAllowed);
        }
        let open: Vec<&Statement> = about
            .into_iter()
            .map(|allow| &allow.statement)
            .filter(|statement| !denied(&self.denies, action, &statement.resources))
            .collect();
        if open.is_empty() {
            return Err(Reason::Denied);
        }
        let within: Vec<&Statement> =
            open.into_iter().filter(|statement| self.within(statement, action, account)).collect();
        if within.is_empty() { Err(Reason::Boundary) } else { Ok(within) }
    }

    /// Whether accounts may differ in what the set allows there.
    pub fn differs_by_account(&self) -> bool {
        matches!(self.boundary, Limit::ByAccount(_))
    }

    /// Whether the boundary may allow what the statement says of the action, in this account.
    fn within(&self, statement: &Statement, action: &Pattern, account: &AccountId) -> bool {
        let boundary = match &self.boundary {
            Limit::None => return true,
            Limit::Everywhere(boundary) => Some(boundary),
            Limit::ByAccount(boundaries) => boundaries.get(account),
        };
        let Some(Boundaries { allows, denies }) = boundary else { return false };
        allows.iter().any(|allow| allow.touches(action) && !allow.statement.is_apart_from(statement))
            && !denied(denies, action, &statement.resources)
    }

    /// Returns why the set does not certainly allow all of what this statement, which a person wrote, allows.
    pub fn exceeds(
        &self,
        statement: &Statement,
        actions: &BTreeSet<String>,
        accounts: &BTreeSet<AccountId>,
    ) -> Vec<String> {
        let mut problems = Vec::new();
        for action in actions {
            let pattern = Pattern::action(action);
            if let Err(reason) = self.in_some(&pattern, accounts) {
                problems.push(format!("{action}: {}", reason.sentence()));
                continue;
            }
            let parts = match &statement.resources {
                Resources::These(these) => {
                    these.iter().map(|one| Resources::These(BTreeSet::from([one.clone()]))).collect()
                }
                Resources::AllBut(_) => vec![statement.resources.clone()],
            };
            for part in parts {
                let allowed = self.allows.iter().any(|allow| {
                    allow.is_about_all(&pattern)
                        && allow.statement.resources.cover(&part)
                        && condition_covers(&allow.statement.condition, &statement.condition)
                });
                let what = part.words();
                if !allowed {
                    problems.push(format!("{action} on {what}: no statement of the set allows all of it"));
                } else if denied(&self.denies, &pattern, &part) {
                    problems.push(format!("{action} on {what}: {}", Reason::Denied.sentence()));
                } else if !accounts.iter().any(|account| {
                    let part = Statement { resources: part.clone(), ..statement.clone() };
                    self.within(&part, &pattern, account)
                }) {
                    problems.push(format!("{action} on {what}: {}", Reason::Boundary.sentence()));
                }
            }
        }
        problems
    }

    /// Whether some account may do some of what `action` matches.
    pub fn in_some(&self, action: &Pattern, accounts: &BTreeSet<AccountId>) -> Result<(), Reason> {
        let mut last = Reason::NotAllowed;
        let most = if self.differs_by_account() { accounts.len() } else { 1 };
        for account in accounts.iter().take(most) {
            match self.allowing(action, account) {
                Ok(_) => return Ok(()),
                Err(reason) => last = reason,
            }
        }
        Err(last)
    }
}

/// Whether the action is denied on all of these resources, for certain.
fn denied(denies: &[Compiled], action: &Pattern, resources: &Resources) -> bool {
    let always: Vec<&Statement> = denies
        .iter()
        .filter(|deny| deny.statement.condition.is_empty() && deny.is_about_all(action))
        .map(|deny| &deny.statement)
        .collect();
    let covered = |part: &Resources| always.iter().any(|deny| deny.resources.cover(part));
    match resources {
        Resources::These(these) => {
            these.iter().all(|one| covered(&Resources::These(BTreeSet::from([one.clone()]))))
        }
        Resources::AllBut(_) => covered(resources),
    }
}

/// Returns the statement without resources that match nothing. `None`: nothing is left.
///
/// # Errors
/// The name of a placeholder whose meaning is not certain.
fn without_placeholders(statement: &Statement) -> Result<Option<Statement>, String> {
    let placeholder = |text: &String| variables(text).find(|name| is_placeholder(name)).map(str::to_owned);
    let values = statement.condition.values().flat_map(BTreeMap::values).flatten();
    if let Some(name) = values.filter_map(placeholder).next() {
        return Err(name);
    }
    let (Resources::These(all) | Resources::AllBut(all)) = &statement.resources;
    let Some(name) = all.iter().filter_map(placeholder).next() else { return Ok(Some(statement.clone())) };
    match (&statement.resources, statement.effect) {
        // An unknown variable matches no resource: what it would allow is not allowed.
        (Resources::These(all), Effect::Allow) => {
            let left: BTreeSet<String> =
                all.iter().filter(|text| placeholder(text).is_none()).cloned().collect();
            let resources = Resources::These(left);
            Ok((!resources.is_empty()).then(|| Statement { resources, ..statement.clone() }))
        }
        _ => Err(name),
    }
}

impl Resources {
    fn is_empty(&self) -> bool {
        let (Resources::These(all) | Resources::AllBut(all)) = self;
        all.is_empty()
    }

    /// Returns them as part of a sentence.
    pub fn words(&self) -> String {
        let list = |all: &BTreeSet<String>| all.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        match self {
            Resources::These(these) => list(these),
            Resources::AllBut(but) => format!("all but {}", list(but)),
        }
    }
}

fn named(policy: &CustomerManaged) -> String {
    format!("the customer managed policy {}{}", policy.path, policy.name)
}

fn missing(policy: &CustomerManaged, account: &AccountId) -> String {
    format!("{} was not read in account {account}; read the set again", named(policy))
}

fn document_in<'p>(policy: &'p CustomerManaged, account: &AccountId) -> Option<&'p Document> {
    let found = policy.documents.iter().find(|entry| entry.accounts.contains(account));
    found.map(|entry| &entry.document)
}

/// Returns the one document that all these accounts have under the name.
fn same_everywhere<'p>(
    policy: &'p CustomerManaged,
    accounts: &BTreeSet<AccountId>,
) -> Result<&'p Document, String> {
    let mut first: Option<(&AccountId, &Document)> = None;
    for account in accounts {
        let document = document_in(policy, account).ok_or_else(|| missing(policy, account))?;
        match first {
            None => first = Some((account, document)),
            Some((_, before)) if before == document => {}
            Some((before, _)) => {
                return Err(format!(
                    "{} is not the same in the accounts {before} and {account}, so that one draft would give one of \
                     them more than it has; make it the same, or leave one out with --without",
                    named(policy)
                ));
            }
        }
    }
    first.map(|(_, document)| document).ok_or_else(|| format!("{} was not read", named(policy)))
}
