//! The assignments of an instance, and the creations and deletions that lead to them. No task waits for one: it settles
//! at the first look after its time has come.

use crate::state::State;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;
use tokio::time::Instant;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Assignment {
    pub account: String,
    /// The ARN of the permission set.
    pub permission_set: String,
    /// `GROUP` or `USER`.
    pub principal_type: String,
    pub principal_id: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CreationStatus {
    InProgress,
    Succeeded,
    Failed,
}

/// An accepted CreateAccountAssignment or DeleteAccountAssignment.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Creation {
    pub request_id: String,
    pub assignment: Assignment,
    pub status: CreationStatus,
    pub failure_reason: Option<String>,
    /// In seconds since the stand-in was made, when serialized.
    #[serde(serialize_with = "crate::seconds")]
    pub accepted_at: Duration,
}

#[derive(Clone, Debug)]
pub(crate) enum Ending {
    Succeeds,
    Fails(Option<String>),
}

#[derive(Clone, Debug)]
pub(crate) struct AcceptedCreation {
    pub(crate) request_id: String,
    pub(crate) assignment: Assignment,
    pub(crate) accepted_at: Instant,
    /// `None` for one that stays in progress.
    pub(crate) settles_at: Option<Instant>,
    pub(crate) ending: Ending,
    /// How long reads miss it after its acceptance, and its assignment after its success.
    pub(crate) staleness: Duration,
}

impl AcceptedCreation {
    pub(crate) fn seen(&self, state: &State, now: Instant) -> Creation {
        Creation {
            request_id: self.request_id.clone(),
            assignment: self.assignment.clone(),
            status: self.status(now),
            failure_reason: self.failure_reason(now).map(str::to_owned),
            accepted_at: state.since_start(self.accepted_at),
        }
    }

    pub(crate) fn status(&self, now: Instant) -> CreationStatus {
        match &self.ending {
            _ if !self.is_settled(now) => CreationStatus::InProgress,
            Ending::Succeeds => CreationStatus::Succeeded,
            Ending::Fails(_) => CreationStatus::Failed,
        }
    }

    pub(crate) fn failure_reason(&self, now: Instant) -> Option<&str> {
        match &self.ending {
            Ending::Fails(reason) if self.is_settled(now) => reason.as_deref(),
            _ => None,
        }
    }

    fn is_settled(&self, now: Instant) -> bool {
        self.settles_at.is_some_and(|instant| instant <= now)
    }

    pub(crate) fn is_known(&self, now: Instant, staleness: Duration) -> bool {
        self.accepted_at + self.staleness.max(staleness) <= now
    }
}

/// When an assignment came to be, as reads see it.
#[derive(Clone, Copy)]
struct Provisioned {
    /// `None` for one that was there before.
    succeeded_at: Option<Instant>,
    staleness: Duration,
}

#[derive(Default)]
pub(crate) struct Ledger {
    provisioned: BTreeMap<Assignment, Provisioned>,
    /// The accounts and permission sets of each principal.
    by_principal: HashMap<(String, String), BTreeSet<(String, String)>>,
    creations: Vec<AcceptedCreation>,
    by_request_id: HashMap<String, usize>,
    in_progress: Vec<usize>,
    peak_outstanding: usize,
    /// Accepted deletions, in the order of their acceptance.
    deletions: Vec<AcceptedCreation>,
    deletions_in_progress: Vec<usize>,
}

impl Ledger {
    /// Settles the creations and deletions whose time has come.
    pub(crate) fn settle(&mut self, now: Instant) {
        let Ledger { deletions_in_progress, deletions, .. } = self;
        let settled = deletions_in_progress.extract_if(.., |position| deletions[*position].is_settled(now));
        let settled: Vec<AcceptedCreation> = settled.map(|position| deletions[position].clone()).collect();
        for deletion in settled.iter().filter(|deletion| matches!(deletion.ending, Ending::Succeeds)) {
            self.remove(&deletion.assignment);
        }
        let Ledger { in_progress, creations, .. } = self;
        let settled = in_progress.extract_if(.., |position| creations[*position].is_settled(now));
        let settled: Vec<AcceptedCreation> = settled.map(|position| creations[position].clone()).collect();
        for creation in settled {
            if let Ending::Succeeds = creation.ending {
                let provisioned =
                    Provisioned { succeeded_at: creation.settles_at, staleness: creation.staleness };
                self.provision(creation.assignment, provisioned);
            }
        }
    }

    fn provision(&mut self, assignment: Assignment, provisioned: Provisioned) {
        let principal = (assignment.principal_type.clone(), assignment.principal_id.clone());
        let grant = (assignment.account.clone(), assignment.permission_set.clone());
        self.by_principal.entry(principal).or_default().insert(grant);
        self.provisioned.entry(assignment).or_insert(provisioned);
    }

    pub(crate) fn put(&mut self, assignment: Assignment) {
        self.provision(assignment, Provisioned { succeeded_at: None, staleness: Duration::ZERO });
    }

    pub(crate) fn remove(&mut self, assignment: &Assignment) {
        self.provisioned.remove(assignment);
        let principal = (assignment.principal_type.clone(), assignment.principal_id.clone());
        if let Some(grants) = self.by_principal.get_mut(&principal) {
            grants.remove(&(assignment.account.clone(), assignment.permission_set.clone()));
        }
    }

    pub(crate) fn assignments(&self) -> BTreeSet<Assignment> {
        self.provisioned.keys().cloned().collect()
    }

    fn is_visible(&self, assignment: &Assignment, now: Instant, staleness: Duration) -> bool {
        self.provisioned.get(assignment).is_some_and(|provisioned| {
            provisioned
                .succeeded_at
                .is_none_or(|instant| instant + provisioned.staleness.max(staleness) <= now)
        })
    }

    /// Returns what a read sees of one account.
    pub(crate) fn in_account(
        &self,
        account: &str,
        now: Instant,
        staleness: Duration,
    ) -> impl Iterator<Item = &Assignment> {
        let first = Assignment {
            account: account.to_owned(),
            permission_set: String::new(),
            principal_type: String::new(),
            principal_id: String::new(),
        };
        self.provisioned
            .range(first..)
            .map(|(assignment, _)| assignment)
            .take_while(move |assignment| assignment.account == account)
            .filter(move |assignment| self.is_visible(assignment, now, staleness))
    }

    /// Returns what a read sees of one permission set, by account.
    pub(crate) fn of_permission_set(
        &self,
        permission_set: &str,
        now: Instant,
        staleness: Duration,
    ) -> impl Iterator<Item = &Assignment> {
        self.provisioned
            .keys()
            .filter(move |assignment| assignment.permission_set == permission_set)
            .filter(move |assignment| self.is_visible(assignment, now, staleness))
    }

    /// Returns what a read sees of one principal.
    pub(crate) fn of_principal(
        &self,
        principal: (String, String),
        now: Instant,
        staleness: Duration,
    ) -> impl Iterator<Item = Assignment> {
        self.by_principal
            .get(&principal)
            .into_iter()
            .flatten()
            .map(move |(account, permission_set)| Assignment {
                account: account.clone(),
                permission_set: permission_set.clone(),
                principal_type: principal.0.clone(),
                principal_id: principal.1.clone(),
            })
            .filter(move |assignment| self.is_visible(assignment, now, staleness))
    }

    pub(crate) fn accept(&mut self, creation: AcceptedCreation) {
        let position = self.creations.len();
        self.by_request_id.insert(creation.request_id.clone(), position);
        self.creations.push(creation);
        self.in_progress.push(position);
        self.peak_outstanding = self.peak_outstanding.max(self.outstanding());
    }

    pub(crate) fn accept_deletion(&mut self, deletion: AcceptedCreation) {
        self.deletions_in_progress.push(self.deletions.len());
        self.deletions.push(deletion);
    }

    pub(crate) fn deletions_outstanding(&self) -> usize {
        self.deletions_in_progress.len()
    }

    /// Returns them in the order of their acceptance.
    pub(crate) fn deletions(&self) -> impl DoubleEndedIterator<Item = &AcceptedCreation> {
        self.deletions.iter()
    }

    pub(crate) fn has(&self, assignment: &Assignment) -> bool {
        self.provisioned.contains_key(assignment)
    }

    pub(crate) fn outstanding(&self) -> usize {
        self.in_progress.len()
    }

    pub(crate) fn peak_outstanding(&self) -> usize {
        self.peak_outstanding
    }

    pub(crate) fn forget_peak(&mut self) {
        self.peak_outstanding = self.outstanding();
    }

    /// Returns what is being created or deleted.
    fn under_way(&self) -> impl Iterator<Item = &Assignment> {
        let creations = self.in_progress.iter().map(|&position| &self.creations[position].assignment);
        creations
            .chain(self.deletions_in_progress.iter().map(|&position| &self.deletions[position].assignment))
    }

    pub(crate) fn is_in_progress(&self, assignment: &Assignment) -> bool {
        self.under_way().any(|one| one == assignment)
    }

    /// Returns whether anything is being created or deleted in the account.
    pub(crate) fn is_busy(&self, account: &str) -> bool {
        self.under_way().any(|one| one.account == account)
    }

    pub(crate) fn creation(&self, request_id: &str) -> Option<&AcceptedCreation> {
        self.by_request_id.get(request_id).map(|&position| &self.creations[position])
    }

    /// Returns them in the order of their acceptance.
    pub(crate) fn creations(&self) -> impl DoubleEndedIterator<Item = &AcceptedCreation> {
        self.creations.iter()
    }
}
