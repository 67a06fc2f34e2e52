//! From what was used to one policy: what is kept, what goes away, and what nobody can know.
//!
//! The meaning of the draft: an action that was used, and that the set allows today, is allowed exactly as today, on the
//! same resources and under the same conditions. What the keep file names is allowed as it says. Nothing else is.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    gaps::{self, Gap},
    keep::{self, Kept, KeptRow},
    policy::{
        Actions, Condition, Document, Effect, Resources, Statement, condition_covers,
        pattern::Pattern,
        size::{INLINE, MANAGED, size, split},
    },
    services::{self, ServiceChange},
    today::{Reason, Today},
    usage::{Account, Coverage, PermissionSet, Source, Usage},
};
use crate::day::Day;
use crate::{ids::AccountId, reading::Fault};

/// The format of the policy file.
pub const VERSION: u32 = 1;

/// The policy file. It has no time of its own, so that the same input makes the same bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Draft {
    pub version: u32,
    pub policy: Document,
    /// Accounts whose use is not in the draft.
    pub without: Vec<Without>,
    pub accounts: Vec<Covered>,
    /// What is kept, and why.
    pub actions: Vec<Line>,
    /// What was used and is not kept, because the set does not allow it.
    pub left_out: Vec<LeftOut>,
    /// Rows of the keep file that count.
    pub kept: Vec<KeptRow>,
    /// Rows of the keep file whose `until` has passed.
    pub ended: Vec<Ended>,
    pub gaps: Vec<Gap>,
    pub services: Vec<ServiceChange>,
    pub sizes: Sizes,
    /// The set as it was read.
    pub permission_set: PermissionSet,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Without {
    pub account: AccountId,
    pub name: String,
    /// What is wrong with its use, if something is.
    pub causes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Covered {
    pub account: AccountId,
    pub name: String,
    pub sources: Vec<Coverage>,
}

/// An action, or a pattern of the keep file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    pub action: String,
    pub uses: Vec<Use>,
    /// The reasons of the keep file.
    pub keep: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Use {
    pub account: AccountId,
    /// `None`: no source knows the day.
    pub last: Option<Day>,
    pub sources: BTreeSet<Source>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    pub action: String,
    pub accounts: BTreeSet<AccountId>,
    pub reason: Reason,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    /// Counted from 1.
    pub row: usize,
    pub reason: String,
    pub until: Day,
}

/// Sizes in bytes as AWS counts them, white space not counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sizes {
    pub inline: usize,
    pub inline_limit: usize,
    /// The sizes as customer managed policies. `None`: a part of it does not fit into one.
    pub managed: Option<Vec<usize>>,
    pub managed_limit: usize,
}

impl Sizes {
    pub fn of(document: &Document) -> Sizes {
        let managed = split(document, MANAGED).ok().map(|parts| parts.iter().map(size).collect());
        Sizes { inline: size(document), inline_limit: INLINE, managed, managed_limit: MANAGED }
    }

    pub fn fits_inline(&self) -> bool {
        self.inline <= self.inline_limit
    }
}

/// Why there is no draft.
#[derive(Debug, PartialEq)]
pub enum Refusal {
    /// Which use is missing, one sentence each; never empty.
    Use(Vec<String>),
    /// What is wrong with the set or the choice of accounts, and which use is missing; never empty.
    Input(Vec<String>),
    /// Faults of the keep file; never empty.
    Keep(Vec<Fault>),
}

/// Makes the draft.
///
/// # Errors
/// If an account that is not in `without` has no use, if the set is not clear, if the keep file has a fault, or if nothing
/// would be left.
pub fn draft(
    usage: &Usage,
    keep: Option<&[u8]>,
    without: &BTreeSet<AccountId>,
    day: Day,
) -> Result<Draft, Refusal> {
    let (accounts, left) = choose(usage, without)?;
    let ids: BTreeSet<AccountId> = accounts.iter().map(|account| account.id.clone()).collect();
    let today = Today::new(&usage.permission_set, &ids).map_err(Refusal::Input)?;
    let rows = match keep {
        None => Vec::new(),
        Some(text) => keep::parse(text, &today, &ids, day).map_err(Refusal::Keep)?,
    };
    let (ended, rows): (Vec<_>, Vec<_>) =
        rows.into_iter().enumerate().partition(|(_, row)| row.has_ended(day));
    let kept_rows = rows.iter().map(|(index, row)| KeptRow::of(*index, row)).collect();
    let rows: Vec<Kept> = rows.into_iter().map(|(_, row)| row).collect();

    let (used, left_out) = sort_out(&accounts, &today);
    let names = used.values().map(|used| used.name.as_str());
    let policy = policy(names, rows.iter().map(|row| &row.statement), &today, &ids);
    if policy.statements.is_empty() {
        return Err(Refusal::Use(vec![
            "nothing would be left: no action that was used is allowed by the set; an empty policy is not written".into(),
        ]));
    }
    let lines = lines(used, &rows);
    let kept: BTreeSet<String> = lines.iter().map(|line| line.action.clone()).collect();
    Ok(Draft {
        version: VERSION,
        without: left,
        gaps: gaps::gaps(&accounts, &today, &ids, &policy, &kept),
        services: services::changes(&accounts, &today, &kept),
        sizes: Sizes::of(&policy),
        accounts: accounts.into_iter().map(covered).collect(),
        actions: lines,
        left_out,
        kept: kept_rows,
        ended: ended
            .into_iter()
            .filter_map(|(index, Kept { reason, until, .. })| {
                Some(Ended { row: index + 1, reason, until: until? })
            })
            .collect(),
        policy,
        permission_set: usage.permission_set.clone(),
    })
}

/// Returns the policy: what allows these actions in one of the accounts, and what is kept as it says.
pub(super) fn policy<'p>(
    used: impl Iterator<Item = &'p str>,
    kept: impl Iterator<Item = &'p Statement>,
    today: &Today,
    accounts: &BTreeSet<AccountId>,
) -> Document {
    let mut wanted = Wanted::default();
    for name in used {
        let pattern = Pattern::action(name);
        // As in every account, not only where it was used: each kept action means what it means today.
        let most = if today.differs_by_account() { accounts.len() } else { 1 };
        let statements: BTreeSet<&Statement> = accounts
            .iter()
            .take(most)
            .filter_map(|account| today.allowing(&pattern, account).ok())
            .flatten()
            .collect();
        for statement in statements {
            wanted.add(&statement.resources, &statement.condition, name);
        }
    }
    for statement in kept {
        for action in statement.patterns() {
            wanted.add(&statement.resources, &statement.condition, action);
        }
    }
    document(wanted, today)
}

fn covered(account: &Account) -> Covered {
    let mut sources = account.sources.clone();
    sources.sort_by_key(|coverage| (coverage.source, coverage.from, coverage.to, coverage.job.clone()));
    Covered { account: account.id.clone(), name: account.name.clone(), sources }
}

/// Returns the accounts whose use counts, in the order of their ids, and those that are left out on demand.
fn choose<'u>(
    usage: &'u Usage,
    without: &BTreeSet<AccountId>,
) -> Result<(Vec<&'u Account>, Vec<Without>), Refusal> {
    let all: BTreeMap<&AccountId, &Account> =
        usage.accounts.iter().map(|account| (&account.id, account)).collect();
    let mut problems: Vec<String> = without
        .iter()
        .filter(|id| !all.contains_key(id))
        .map(|id| format!("account {id}, to be left out, is not in the usage file; correct the id"))
        .collect();
    let refusal = if problems.is_empty() { Refusal::Use } else { Refusal::Input };
    let (mut chosen, mut left) = (Vec::new(), Vec::new());
    for (id, account) in all {
        let causes = causes(account);
        if without.contains(id) {
            left.push(Without { account: id.clone(), name: account.name.clone(), causes });
        } else if causes.is_empty() {
            chosen.push(account);
        } else {
            let name = if account.name.is_empty() { String::new() } else { format!(" ({})", account.name) };
            problems.extend(causes.into_iter().map(|cause| format!("account {id}{name}: {cause}")));
        }
    }
    if problems.is_empty() && chosen.is_empty() {
        problems.push("no account is left, so that nothing is known of the use".to_owned());
    }
    if problems.is_empty() { Ok((chosen, left)) } else { Err(refusal(problems)) }
}

/// Returns why nothing may be concluded from what is known of an account.
fn causes(account: &Account) -> Vec<String> {
    let mut causes: Vec<String> = account
        .failures
        .iter()
        .map(|failure| match failure.source {
            Some(source) => format!("{}: {}; {}", source.as_str(), failure.cause, failure.remedy),
            None => format!("{}; {}", failure.cause, failure.remedy),
        })
        .collect();
    causes.sort();
    if causes.is_empty() && account.actions.is_empty() {
        causes.push("no action was seen, which does not mean that none is needed".to_owned());
    }
    causes
}

struct Used {
    name: String,
    uses: BTreeMap<AccountId, Use>,
}

/// Returns the used actions that the set allows, by their names in lower case, and the others.
fn sort_out(accounts: &[&Account], today: &Today) -> (BTreeMap<String, Used>, Vec<LeftOut>) {
    let mut used: BTreeMap<String, Used> = BTreeMap::new();
    let mut left_out: BTreeMap<(String, Reason), LeftOut> = BTreeMap::new();
    // The same question comes from many accounts.
    let mut verdicts: BTreeMap<(String, Option<&AccountId>), Result<(), Reason>> = BTreeMap::new();
    for account in accounts {
        for action in &account.actions {
            let lower = action.action.to_ascii_lowercase();
            let asked = (lower.clone(), today.differs_by_account().then_some(&account.id));
            let verdict = verdicts
                .entry(asked)
                .or_insert_with(|| today.allowing(&Pattern::action(&lower), &account.id).map(drop));
            match *verdict {
                Ok(()) => {
                    let entry = used
                        .entry(lower)
                        .or_insert_with(|| Used { name: action.action.clone(), uses: BTreeMap::new() });
                    // One spelling, whichever file or order it comes in.
                    entry.name = entry.name.clone().min(action.action.clone());
                    let of_account = entry.uses.entry(account.id.clone()).or_insert_with(|| Use {
                        account: account.id.clone(),
                        last: None,
                        sources: BTreeSet::new(),
                    });
                    of_account.last = of_account.last.max(action.last);
                    of_account.sources.extend(&action.sources);
                }
                Err(reason) => leave_out(&mut left_out, &action.action, reason, &account.id),
            }
        }
        for left in &account.left_out {
            leave_out(&mut left_out, &left.action, left.reason, &account.id);
        }
    }
    (used, left_out.into_values().collect())
}

fn leave_out(
    left_out: &mut BTreeMap<(String, Reason), LeftOut>,
    action: &str,
    reason: Reason,
    account: &AccountId,
) {
    let entry = left_out.entry((action.to_ascii_lowercase(), reason)).or_insert_with(|| LeftOut {
        action: action.to_owned(),
        accounts: BTreeSet::new(),
        reason,
    });
    entry.action = entry.action.clone().min(action.to_owned());
    entry.accounts.insert(account.clone());
}

/// Which actions are wanted on which resources under which condition.
#[derive(Default)]
struct Wanted(BTreeMap<(Resources, Condition), BTreeSet<String>>);

/// One entry of them, its patterns read.
struct Entry<'w> {
    resources: &'w Resources,
    condition: &'w Condition,
    actions: Vec<(&'w String, Pattern)>,
}

impl Wanted {
    fn add(&mut self, resources: &Resources, condition: &Condition, action: &str) {
        self.0.entry((resources.clone(), condition.clone())).or_default().insert(action.to_owned());
    }

    /// Takes out what another entry allows anyway, so that the policy is shorter and means the same.
    fn without_repetition(self) -> Wanted {
        let entries: Vec<Entry<'_>> = self
            .0
            .iter()
            .map(|((resources, condition), actions)| Entry {
                resources,
                condition,
                actions: actions.iter().map(|action| (action, Pattern::action(action))).collect(),
            })
            .collect();
        let covers = |outer: usize, inner: usize| {
            let (of, by) = (&entries[inner], &entries[outer]);
            outer == inner
                || (condition_covers(by.condition, of.condition) && by.resources.cover(of.resources))
        };
        let mut left = Wanted::default();
        for (inner, entry) in entries.iter().enumerate() {
            let outers: Vec<usize> = (0..entries.len()).filter(|outer| covers(*outer, inner)).collect();
            for (action, pattern) in &entry.actions {
                let repeated = outers.iter().any(|outer| {
                    entries[*outer].actions.iter().any(|(other, over)| {
                        let same_place = *outer == inner && other == action;
                        // Of two that mean the same, the first one stays.
                        let first = (*outer, *other) < (inner, *action);
                        let mutual = || covers(inner, *outer) && pattern.covers(over);
                        !same_place && over.covers(pattern) && (first || !mutual())
                    })
                });
                if !repeated {
                    left.add(entry.resources, entry.condition, action);
                }
            }
        }
        left
    }
}

/// Writes the statements: each once, in one order.
fn document(wanted: Wanted, today: &Today) -> Document {
    let patterns: Vec<Pattern> = wanted.0.values().flatten().map(|action| Pattern::action(action)).collect();
    // The same actions under the same condition: one statement about the resources of both.
    let mut merged: BTreeMap<(BTreeSet<String>, Condition), BTreeSet<String>> = BTreeMap::new();
    let mut statements = BTreeSet::new();
    let allow = |actions, resources, condition| Statement {
        effect: Effect::Allow,
        actions: Actions::These(actions),
        resources,
        condition,
        sid: None,
    };
    for ((resources, condition), actions) in wanted.without_repetition().0 {
        match resources {
            Resources::These(these) => merged.entry((actions, condition)).or_default().extend(these),
            but @ Resources::AllBut(_) => _ = statements.insert(allow(actions, but, condition)),
        }
    }
    for ((actions, condition), these) in merged {
        statements.insert(allow(actions, Resources::These(these), condition));
    }
    let mut denies: BTreeMap<Statement, Option<String>> = BTreeMap::new();
    for deny in &today.denies {
        if patterns.iter().any(|pattern| deny.touches(pattern)) {
            let sid = denies.entry(Statement { sid: None, ..deny.statement.clone() }).or_default();
            *sid = sid.take().into_iter().chain(deny.statement.sid.clone()).min();
        }
    }
    let mut sids: BTreeSet<String> = BTreeSet::new();
    let denies = denies.into_iter().map(|(deny, sid)| {
        // Statements of several policies may have the same Sid.
        let sid = sid.filter(|sid| sids.insert(sid.clone()));
        Statement { sid, ..deny }
    });
    Document { statements: statements.into_iter().chain(denies).collect() }
}

fn lines(used: BTreeMap<String, Used>, rows: &[Kept]) -> Vec<Line> {
    let mut lines: BTreeMap<String, Line> = used
        .into_iter()
        .map(|(lower, Used { name, uses })| {
            (lower, Line { action: name, uses: uses.into_values().collect(), keep: Vec::new() })
        })
        .collect();
    for row in rows {
        for action in row.actions() {
            let line = lines.entry(action.to_ascii_lowercase()).or_insert_with(|| Line {
                action: action.clone(),
                uses: Vec::new(),
                keep: Vec::new(),
            });
            if !line.keep.contains(&row.reason) {
                line.keep.push(row.reason.clone());
            }
        }
    }
    lines.into_values().collect()
}
