//! A draft next to the use that it was made from: whether they belong together, what a person changed in the policy, and
//! what a reviewer has to decide.
//!
//! The policy is judged as it is in the file, which a person may have edited. It knows no day of its own: the same two
//! files say the same on any day.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    apply::PolicyFile,
    draft::{self, Draft, Sizes},
    gaps::{self, Gap},
    policy::{
        Actions, Condition, Document, Effect, Resources, Statement, condition_covers, pattern::Pattern,
    },
    services::{self, ServiceChange},
    today::Today,
    usage::{Account, Usage},
};
use crate::{day::Day, ids::AccountId};

/// What a reviewer sees.
#[derive(Debug)]
pub struct Review<'f> {
    pub usage: &'f Usage,
    pub draft: &'f Draft,
    /// Of the policy as it is now.
    pub sizes: Sizes,
    pub gaps: Vec<Gap>,
    pub services: Vec<ServiceChange>,
    /// Actions that the draft keeps and that the policy does not allow any more.
    pub removed: BTreeSet<String>,
    /// What the policy allows and the draft does not keep.
    pub added: BTreeSet<String>,
    /// What is allowed or denied on other resources or under other conditions than was drafted, a sentence each.
    pub edited: Vec<String>,
    /// Actions that were used only in accounts that the draft leaves out, with these accounts.
    pub uncounted: BTreeMap<String, BTreeSet<AccountId>>,
}

/// Something to decide.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    pub kind: Kind,
    /// One sentence each; never empty.
    pub items: Vec<String>,
}

/// In the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    TooLarge,
    Removed,
    Added,
    Edited,
    Without,
    Uncounted,
    PassRole,
    DataEvents,
    ServiceWithoutActions,
    NotWholly,
    GoesAway,
    Ended,
    Kept,
}

impl Kind {
    pub fn title(self) -> &'static str {
        match self {
            Kind::TooLarge => "The policy is too large",
            Kind::Removed => "Taken out of the policy by hand",
            Kind::Added => "Added to the policy by hand",
            Kind::Edited => "Resources, conditions and denials that were edited by hand",
            Kind::Without => "Accounts whose use is not in the draft",
            Kind::Uncounted => "Used only in accounts that are left out",
            Kind::PassRole => "Roles that may be passed to a service",
            Kind::DataEvents => "Data events, which no source shows",
            Kind::ServiceWithoutActions => "Services that were used, and nobody knows by which action",
            Kind::NotWholly => "Accounts of which a source did not see everything",
            Kind::GoesAway => "Services that were used and go away",
            Kind::Ended => "Rows of the keep file that have ended",
            Kind::Kept => "Kept by the keep file, whether it was used or not",
        }
    }

    /// Returns what there is to decide.
    pub fn question(self) -> &'static str {
        match self {
            Kind::TooLarge => "Which form shall it have, or what can it do without?",
            Kind::Removed => "It was used or kept, and will be denied. Is that meant?",
            Kind::Added => "Nobody was seen to use it. Is it needed?",
            Kind::Edited => "It is allowed or denied otherwise than was drafted. Is that meant?",
            Kind::Without => {
                "Who works there keeps only what is used elsewhere. Read its use again, or agree."
            }
            Kind::Uncounted => "It will be denied everywhere. Keep it, or agree.",
            Kind::PassRole => "Is a role passed? Then keep it on that role.",
            Kind::DataEvents => "Are they used? Then keep them.",
            Kind::ServiceWithoutActions => "Which actions are needed? Keep these.",
            Kind::NotWholly => "Is something used that was not seen? Then keep it.",
            Kind::GoesAway => "What was used there is not allowed today either. Is that meant?",
            Kind::Ended => "They do not count any more. Is that meant?",
            Kind::Kept => "Does each reason still hold?",
        }
    }

    /// Whether something is wrong, and not only unknown.
    pub fn is_fault(self) -> bool {
        matches!(self, Kind::TooLarge | Kind::Removed | Kind::Added | Kind::Edited)
    }
}

/// Reads a policy file whole.
///
/// # Errors
/// What is wrong with it, one sentence each; never empty.
pub fn parse(text: &[u8]) -> Result<Draft, Vec<String>> {
    PolicyFile::parse(text)?;
    serde_json::from_slice(text).map_err(|error| vec![format!("not a policy file: {error}")])
}

impl<'f> Review<'f> {
    /// # Errors
    /// Why the draft was not made from this use, one sentence each; never empty.
    pub fn new(usage: &'f Usage, draft: &'f Draft) -> Result<Review<'f>, Vec<String>> {
        let problems = apart(usage, draft);
        if !problems.is_empty() {
            return Err(problems);
        }
        let ids: BTreeSet<AccountId> = draft.accounts.iter().map(|of| of.account.clone()).collect();
        let today = Today::new(&usage.permission_set, &ids)?;
        let (accounts, others): (Vec<&Account>, Vec<&Account>) =
            usage.accounts.iter().partition(|account| ids.contains(&account.id));

        let allowed = allowed(draft);
        let patterns: Vec<Pattern> = allowed.iter().map(|action| Pattern::action(action)).collect();
        let lines: BTreeSet<&String> = draft.actions.iter().map(|line| &line.action).collect();
        let is_in_policy = |action: &str| {
            let action = Pattern::action(action);
            patterns.iter().any(|pattern| pattern.covers(&action))
        };
        let lower: BTreeSet<String> = lines.iter().map(|action| action.to_ascii_lowercase()).collect();
        let removed: BTreeSet<String> =
            lines.iter().filter(|action| !is_in_policy(action)).map(|action| (*action).clone()).collect();
        let added: BTreeSet<String> =
            allowed.into_iter().filter(|action| !lower.contains(&action.to_ascii_lowercase())).collect();
        let kept: BTreeSet<String> =
            lines.into_iter().filter(|action| !removed.contains(*action)).chain(&added).cloned().collect();

        let mut uncounted: BTreeMap<String, BTreeSet<AccountId>> = BTreeMap::new();
        for account in others {
            for used in &account.actions {
                if !is_in_policy(&used.action) {
                    uncounted.entry(used.action.clone()).or_default().insert(account.id.clone());
                }
            }
        }
        let used = draft.actions.iter().filter(|line| !line.uses.is_empty()).map(|line| line.action.as_str());
        let rows = draft.kept.iter().map(|row| &row.statement);
        let drafted = draft::policy(used, rows, &today, &ids);
        Ok(Review {
            edited: edited(&drafted, &draft.policy, &removed, &added),
            sizes: Sizes::of(&draft.policy),
            gaps: gaps::gaps(&accounts, &today, &ids, &draft.policy, &kept),
            services: services::changes(&accounts, &today, &kept),
            usage,
            draft,
            removed,
            added,
            uncounted,
        })
    }

    /// Returns what a reviewer has to decide, what is wrong first.
    pub fn decisions(&self) -> Vec<Decision> {
        let mut decisions = Vec::new();
        let mut decide = |kind: Kind, items: Vec<String>| {
            if !items.is_empty() {
                decisions.push(Decision { kind, items });
            }
        };
        decide(Kind::TooLarge, self.too_large());
        decide(Kind::Removed, self.removed.iter().cloned().collect());
        decide(Kind::Added, self.added.iter().cloned().collect());
        decide(Kind::Edited, self.edited.clone());
        let without = self.draft.without.iter().map(|left| {
            let why =
                if left.causes.is_empty() { "left out on demand".into() } else { left.causes.join("; ") };
            format!("{}: {why}", named(&left.account, &left.name))
        });
        decide(Kind::Without, without.collect());
        let uncounted =
            self.uncounted.iter().map(|(action, accounts)| format!("{action}, in {}", listed(accounts)));
        decide(Kind::Uncounted, uncounted.collect());
        for kind in [Kind::PassRole, Kind::DataEvents, Kind::ServiceWithoutActions, Kind::NotWholly] {
            let of_kind = self.gaps.iter().filter(|gap| of_gap(gap) == kind);
            decide(kind, of_kind.map(Gap::sentence).collect());
        }
        let is_gap = |name: &str| {
            let is = |gap: &Gap| matches!(gap, Gap::ServiceWithoutActions { service, .. } if service == name);
            self.gaps.iter().any(is)
        };
        let gone = self.services.iter().filter(|of| of.kept.is_empty() && !is_gap(&of.service));
        let gone = gone.filter_map(|of| Some(format!("{}, last used on {}", of.service, of.last?)));
        decide(Kind::GoesAway, gone.collect());
        let ended = self.draft.ended.iter();
        decide(
            Kind::Ended,
            ended.map(|row| format!("row {}, until {}: {}", row.row, row.until, row.reason)).collect(),
        );
        let kept = self.draft.kept.iter().map(|row| {
            let actions: Vec<&str> = row.statement.patterns().iter().map(String::as_str).collect();
            let until = row.until.map(|day| format!(", until {day}")).unwrap_or_default();
            format!("row {}, {}{until}: {}", row.row, actions.join(", "), row.reason)
        });
        decide(Kind::Kept, kept.collect());
        decisions
    }

    fn too_large(&self) -> Vec<String> {
        let Sizes { inline, inline_limit, managed, managed_limit } = &self.sizes;
        if self.sizes.fits_inline() {
            return Vec::new();
        }
        let instead = match managed {
            Some(parts) => {
                format!(
                    "it fits into {} customer managed policies: apply it with --customer-managed NAME",
                    parts.len()
                )
            }
            None => format!("nor into customer managed policies of {managed_limit} bytes: shorten it"),
        };
        vec![format!("{inline} bytes, and an inline policy takes {inline_limit}; {instead}")]
    }
}

fn of_gap(gap: &Gap) -> Kind {
    match gap {
        Gap::PassRole { .. } => Kind::PassRole,
        Gap::DataEvents { .. } => Kind::DataEvents,
        Gap::ServiceWithoutActions { .. } => Kind::ServiceWithoutActions,
        Gap::Incomplete { .. } | Gap::Regions { .. } => Kind::NotWholly,
    }
}

/// Returns the patterns of what the policy allows.
fn allowed(draft: &Draft) -> BTreeSet<String> {
    let allows = draft.policy.statements.iter().filter(|statement| statement.effect == Effect::Allow);
    let mut allowed = BTreeSet::new();
    for statement in allows {
        match &statement.actions {
            Actions::These(actions) => allowed.extend(actions.iter().cloned()),
            // No draft has it: a person wrote it, and it may be anything.
            Actions::AllBut(_) => _ = allowed.insert("*".to_owned()),
        }
    }
    allowed
}

/// What a statement says of one action, or of all but some, on one resource, or on all but some.
type Said<'d> = (Effect, Actions, Resources, &'d Condition);

/// Returns what a policy says, however it is divided into statements.
fn said(policy: &Document) -> BTreeSet<Said<'_>> {
    let mut said = BTreeSet::new();
    for Statement { effect, actions, resources, condition, .. } in &policy.statements {
        let actions = match actions {
            // IAM does not tell letters by their size.
            Actions::These(these) => these.iter().map(|one| Actions::These(lower([one]))).collect(),
            Actions::AllBut(these) => vec![Actions::AllBut(lower(these))],
        };
        let resources = match resources {
            Resources::These(these) => {
                these.iter().map(|one| Resources::These([one.clone()].into())).collect()
            }
            but @ Resources::AllBut(_) => vec![but.clone()],
        };
        for action in &actions {
            said.extend(resources.iter().map(|on| (*effect, action.clone(), on.clone(), condition)));
        }
    }
    said
}

/// Whether the one says all that the other says.
fn covers(one: &Said<'_>, other: &Said<'_>) -> bool {
    let ((effect, by, on, condition), (of_effect, of, of_on, of_condition)) = (one, other);
    let actions = match (by, of) {
        (Actions::These(by), Actions::These(of)) => of.iter().all(|action| {
            let action = Pattern::action(action);
            by.iter().any(|by| Pattern::action(by).covers(&action))
        }),
        _ => by == of,
    };
    actions && effect == of_effect && on.cover(of_on) && condition_covers(condition, of_condition)
}

fn lower<'t>(texts: impl IntoIterator<Item = &'t String>) -> BTreeSet<String> {
    texts.into_iter().map(|text| text.to_ascii_lowercase()).collect()
}

/// Returns what one policy says and the other does not, nor more. Actions that are `removed` or `added` are named as such.
fn edited(
    drafted: &Document,
    now: &Document,
    removed: &BTreeSet<String>,
    added: &BTreeSet<String>,
) -> Vec<String> {
    let (before, after) = (said(drafted), said(now));
    let (removed, added) = (lower(removed), lower(added));
    let mut sentences = Vec::new();
    for (one, other, named, words) in
        [(&after, &before, &added, "now"), (&before, &after, &removed, "no longer")]
    {
        let mut groups: BTreeMap<(Effect, bool, &Resources, &Condition), BTreeSet<&String>> = BTreeMap::new();
        for said in one.difference(other) {
            let (effect, actions, resources, condition) = said;
            let (but, patterns) = match actions {
                Actions::These(patterns) => (false, patterns),
                Actions::AllBut(patterns) => (true, patterns),
            };
            let is_named = *effect == Effect::Allow && !but && patterns.is_subset(named);
            if !is_named && !other.iter().any(|wider| covers(wider, said)) {
                groups.entry((*effect, but, resources, condition)).or_default().extend(patterns);
            }
        }
        for ((effect, but, resources, condition), patterns) in groups {
            sentences.push(sentence(words, effect, but, &patterns, resources, condition));
        }
    }
    sentences
}

fn sentence(
    words: &str,
    effect: Effect,
    but: bool,
    patterns: &BTreeSet<&String>,
    resources: &Resources,
    condition: &Condition,
) -> String {
    let joined =
        |texts: &mut dyn Iterator<Item = &String>| texts.map(String::as_str).collect::<Vec<_>>().join(", ");
    let effect = match effect {
        Effect::Allow => "allowed",
        Effect::Deny => "denied",
    };
    let all_but = if but { "all but " } else { "" };
    let actions = joined(&mut patterns.iter().copied());
    let on = match resources {
        Resources::These(these) => joined(&mut these.iter()),
        Resources::AllBut(these) => format!("all but {}", joined(&mut these.iter())),
    };
    let terms = condition.iter().flat_map(|(operator, keys)| {
        keys.iter().map(move |(key, values)| {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            format!("{operator} {key} {}", values.join(" or "))
        })
    });
    let terms = terms.collect::<Vec<_>>().join(" and ");
    let when = if terms.is_empty() { String::new() } else { format!(" if {terms}") };
    format!("{words} {effect}: {all_but}{actions} on {on}{when}")
}

/// Returns why the draft was not made from this use.
fn apart(usage: &Usage, draft: &Draft) -> Vec<String> {
    let mut problems = Vec::new();
    if usage.permission_set != draft.permission_set {
        problems.push(format!(
            "the usage file is about {} as it was read then, and the draft about {}",
            usage.permission_set.arn, draft.permission_set.arn
        ));
    }
    let of_usage: BTreeSet<&AccountId> = usage.accounts.iter().map(|account| &account.id).collect();
    let covered = draft.accounts.iter().map(|of| &of.account);
    let of_draft: BTreeSet<&AccountId> = covered.chain(draft.without.iter().map(|of| &of.account)).collect();
    for (one, other, file) in [(&of_usage, &of_draft, "draft"), (&of_draft, &of_usage, "usage file")] {
        let missing: Vec<&str> = one.difference(other).map(|id| id.as_str()).collect();
        if !missing.is_empty() {
            problems.push(format!("the {file} does not have account {}", missing.join(", ")));
        }
    }
    if !problems.is_empty() {
        return problems;
    }
    let by_id: BTreeMap<&AccountId, &Account> =
        usage.accounts.iter().map(|account| (&account.id, account)).collect();
    for of in &draft.accounts {
        let Some(account) = by_id.get(&of.account) else { continue };
        let same = account.sources.len() == of.sources.len()
            && of.sources.iter().all(|coverage| account.sources.contains(coverage));
        if !same {
            problems.push(format!("account {}: other days or sources than in the usage file", of.account));
        }
    }
    // What was used where, and when last; what is left out has no day in the draft.
    let mut used: BTreeMap<(String, &AccountId), Option<Day>> = BTreeMap::new();
    for of in &draft.accounts {
        let Some(account) = by_id.get(&of.account) else { continue };
        for action in &account.actions {
            let last = used.entry((action.action.to_ascii_lowercase(), &account.id)).or_default();
            *last = (*last).max(action.last);
        }
        for left in &account.left_out {
            used.entry((left.action.to_ascii_lowercase(), &account.id)).or_default();
        }
    }
    let mut seen: BTreeSet<(String, &AccountId)> = BTreeSet::new();
    let mut other = 0;
    for line in &draft.actions {
        for one in &line.uses {
            let key = (line.action.to_ascii_lowercase(), &one.account);
            other += usize::from(used.get(&key) != Some(&one.last));
            seen.insert(key);
        }
    }
    for left in &draft.left_out {
        for account in &left.accounts {
            let key = (left.action.to_ascii_lowercase(), account);
            other += usize::from(!used.contains_key(&key));
            seen.insert(key);
        }
    }
    other += used.keys().filter(|key| !seen.contains(*key)).count();
    if other > 0 {
        problems.push(format!("{other} of its actions in accounts are not as in the usage file"));
    }
    problems
}

fn listed(accounts: &BTreeSet<AccountId>) -> String {
    accounts.iter().map(AccountId::as_str).collect::<Vec<_>>().join(", ")
}

/// Returns an account as a sentence names it.
fn named(id: &AccountId, name: &str) -> String {
    if name.is_empty() { id.to_string() } else { format!("{id} ({name})") }
}
