//! The way from one state of a permission set to another, edit by edit: what is new comes in before what is old goes out,
//! and no state on the way allows what neither end allows. It writes nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    apply::{OF_AWS, differences, reference},
    policy::{
        Document, Effect, Statement,
        size::{INLINE, size},
    },
    usage::{Boundary, CustomerManaged, Managed, PermissionSet},
};

/// One call that changes a set.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    Boundary(Boundary),
    /// `None`: it stays as it is, because AWS knows no way to take it away.
    Details {
        description: Option<String>,
        session_duration: Option<String>,
        relay_state: Option<String>,
    },
    Tag(BTreeMap<String, String>),
    InlinePolicy(Document),
    AttachManaged(Managed),
    AttachCustomerManaged(CustomerManaged),
    DetachManaged(String),
    DetachCustomerManaged {
        path: String,
        name: String,
    },
    NoInlinePolicy,
    Untag(BTreeSet<String>),
    NoBoundary,
}

/// Edits, and the states between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    edits: Vec<Edit>,
    /// One more than edits: the first is where it begins, the last where it ends.
    states: Vec<PermissionSet>,
}

/// What denies has to stay while policies are exchanged, and does not fit into the inline policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge {
    pub bytes: usize,
}

/// Whether what denies at one end is held while policies are exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Denies {
    Held,
    NotHeld,
}

impl Way {
    /// # Errors
    /// If an inline policy on the way would be too large.
    pub fn new(from: &PermissionSet, to: &PermissionSet) -> Result<Way, TooLarge> {
        let way = Way::lay(from, to, Denies::Held);
        let inline = way.edits.iter().filter_map(|edit| match edit {
            Edit::InlinePolicy(document) => Some(size(document)),
            _ => None,
        });
        match inline.max() {
            Some(bytes) if bytes > INLINE => Err(TooLarge { bytes }),
            _ => Ok(way),
        }
    }

    /// Returns the way back to a state that a set had. If what denies does not fit on the way, the inline policy is
    /// exchanged first: people may lose what they have for the length of the edits, and nobody gets more.
    pub fn back(from: &PermissionSet, to: &PermissionSet) -> Way {
        Way::new(from, to).unwrap_or_else(|_| Way::lay(from, to, Denies::NotHeld))
    }

    fn lay(from: &PermissionSet, to: &PermissionSet, holding: Denies) -> Way {
        let mut way = Way { edits: Vec::new(), states: vec![from.clone()] };
        if let Some(boundary) = &to.boundary {
            way.edit(Edit::Boundary(boundary.clone()));
        }
        way.edit(Edit::Details {
            description: to.description.clone(),
            session_duration: to.session_duration.clone(),
            relay_state: to.relay_state.clone(),
        });
        let ours = |key: &String| !key.starts_with(OF_AWS);
        let differs = |(key, value): &(&String, &String)| ours(key) && from.tags.get(*key) != Some(*value);
        let tags = to.tags.iter().filter(differs);
        way.edit(Edit::Tag(tags.map(|(key, value)| (key.clone(), value.clone())).collect()));

        let attached = |set: &PermissionSet, policy: &Managed| {
            set.managed_policies.iter().any(|other| other.arn == policy.arn)
        };
        let named = |set: &PermissionSet, policy: &CustomerManaged| {
            set.customer_managed_policies.iter().any(|other| reference(other) == reference(policy))
        };
        let new = to.managed_policies.iter().filter(|policy| !attached(from, policy)).cloned();
        let own = to.customer_managed_policies.iter().filter(|policy| !named(from, policy)).cloned();
        let mut attach: Vec<Edit> = new.map(Edit::AttachManaged).collect();
        attach.extend(own.map(Edit::AttachCustomerManaged));
        let old = from.managed_policies.iter().filter(|policy| !attached(to, policy));
        let own = from.customer_managed_policies.iter().filter(|policy| !named(to, policy));
        let mut detach: Vec<Edit> = old.map(|policy| Edit::DetachManaged(policy.arn.clone())).collect();
        detach.extend(own.map(|CustomerManaged { path, name, .. }| Edit::DetachCustomerManaged {
            path: path.clone(),
            name: name.clone(),
        }));

        let (before, after) = (denies(from), denies(to));
        if holding == Denies::NotHeld {
            way.inline_policy(to.inline_policy.clone());
        } else if !attach.is_empty() && !is_bare(from) {
            let coming = after.difference(&before).cloned();
            way.inline_policy(with(from.inline_policy.as_ref(), coming.collect()));
        }
        attach.into_iter().for_each(|edit| way.edit(edit));
        if holding == Denies::Held && !detach.is_empty() {
            let going: Vec<Statement> = before.difference(&after).cloned().collect();
            let held = from.inline_policy.as_ref().map(of_document).unwrap_or_default();
            if to.inline_policy.is_some() || !going.iter().all(|deny| held.contains(deny)) {
                way.inline_policy(with(to.inline_policy.as_ref(), going));
            }
        }
        detach.into_iter().for_each(|edit| way.edit(edit));
        way.inline_policy(to.inline_policy.clone());
        let gone = from.tags.keys().filter(|key| ours(key) && !to.tags.contains_key(*key));
        way.edit(Edit::Untag(gone.cloned().collect()));
        if to.boundary.is_none() {
            way.edit(Edit::NoBoundary);
        }
        way
    }

    fn inline_policy(&mut self, policy: Option<Document>) {
        self.edit(policy.map_or(Edit::NoInlinePolicy, Edit::InlinePolicy));
    }

    /// Adds an edit, unless it changes nothing.
    fn edit(&mut self, edit: Edit) {
        let Some(now) = self.states.last() else { return };
        let next = after(now, &edit);
        if next != *now {
            self.edits.push(edit);
            self.states.push(next);
        }
    }

    /// Returns all edits.
    pub fn edits(&self) -> &[Edit] {
        &self.edits
    }

    /// Returns what is left to do.
    ///
    /// # Errors
    /// If the set is in no state of this way: what is otherwise than in the one that is nearest. Never empty.
    pub fn left(&self, now: &PermissionSet) -> Result<&[Edit], Vec<&'static str>> {
        let all: Vec<Vec<&'static str>> = self.states.iter().map(|state| differences(state, now)).collect();
        match all.iter().rposition(Vec::is_empty) {
            Some(done) => Ok(self.edits.get(done..).unwrap_or_default()),
            None => Err(all.into_iter().min_by_key(Vec::len).unwrap_or_default()),
        }
    }
}

/// Returns a state of a set that can be reached from `now`: tags of AWS's own cannot be given or taken.
pub fn within_reach(wanted: PermissionSet, now: &PermissionSet) -> PermissionSet {
    let of_aws = |set: &PermissionSet| {
        let tags = set.tags.iter().filter(|(key, _)| key.starts_with(OF_AWS));
        tags.map(|(key, value)| (key.clone(), value.clone())).collect::<BTreeMap<_, _>>()
    };
    let mut tags = wanted.tags.clone();
    tags.retain(|key, _| !key.starts_with(OF_AWS));
    tags.extend(of_aws(now));
    PermissionSet { tags, ..wanted }
}

/// Returns the set after an edit.
fn after(now: &PermissionSet, edit: &Edit) -> PermissionSet {
    let mut next = now.clone();
    match edit {
        Edit::Boundary(boundary) => next.boundary = Some(boundary.clone()),
        Edit::Details { description, session_duration, relay_state } => {
            for (field, value) in [
                (&mut next.description, description),
                (&mut next.session_duration, session_duration),
                (&mut next.relay_state, relay_state),
            ] {
                if value.is_some() {
                    field.clone_from(value);
                }
            }
        }
        Edit::Tag(tags) => next.tags.extend(tags.clone()),
        Edit::InlinePolicy(document) => next.inline_policy = Some(document.clone()),
        Edit::AttachManaged(policy) => next.managed_policies.push(policy.clone()),
        Edit::AttachCustomerManaged(policy) => next.customer_managed_policies.push(policy.clone()),
        Edit::DetachManaged(arn) => next.managed_policies.retain(|policy| policy.arn != *arn),
        Edit::DetachCustomerManaged { path, name } => {
            next.customer_managed_policies.retain(|policy| policy.path != *path || policy.name != *name);
        }
        Edit::NoInlinePolicy => next.inline_policy = None,
        Edit::Untag(keys) => next.tags.retain(|key, _| !keys.contains(key)),
        Edit::NoBoundary => next.boundary = None,
    }
    next
}

fn is_bare(set: &PermissionSet) -> bool {
    set.inline_policy.is_none() && set.managed_policies.is_empty() && set.customer_managed_policies.is_empty()
}

/// Returns a document with more statements; none if that is nothing.
fn with(document: Option<&Document>, more: Vec<Statement>) -> Option<Document> {
    let mut statements = document.map(|document| document.statements.clone()).unwrap_or_default();
    statements.extend(more);
    (!statements.is_empty()).then_some(Document { statements })
}

/// Returns everything that denies, without names.
fn denies(set: &PermissionSet) -> BTreeSet<Statement> {
    let managed = set.managed_policies.iter().map(|policy| &policy.document);
    let own = set.customer_managed_policies.iter().flat_map(|policy| &policy.documents);
    let documents = set.inline_policy.iter().chain(managed).chain(own.map(|of| &of.document));
    documents.flat_map(of_document).collect()
}

fn of_document(document: &Document) -> BTreeSet<Statement> {
    let denies = document.statements.iter().filter(|statement| statement.effect == Effect::Deny);
    // Two statements of one document must not have the same Sid.
    denies.map(|statement| Statement { sid: None, ..statement.clone() }).collect()
}
