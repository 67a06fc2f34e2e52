//! Actions by accounts: what the page and the CSV file show. Pure.

use std::collections::{BTreeMap, BTreeSet};

use assigner_core::{
    day::Day,
    ids::AccountId,
    permissions::{
        review::Review,
        today::Reason,
        usage::{Account, Action, Source},
    },
};

pub struct Matrix<'r> {
    /// Whether something is kept or changed by hand, which has a column before those of the accounts.
    has_hand: bool,
    /// The accounts of which some use is known, by id.
    pub accounts: Vec<&'r Account>,
    /// What the policy allows, by action.
    pub kept: Vec<Line<'r>>,
    /// What was used and the policy does not allow.
    pub dropped: Vec<Line<'r>>,
}

pub struct Line<'r> {
    pub action: &'r str,
    /// Why the set does not allow it today.
    pub left: Option<Reason>,
    /// At most one an account, by column.
    pub entries: Vec<Entry<'r>>,
}

pub struct Entry<'r> {
    pub column: usize,
    pub mark: Mark,
    pub last: Option<Day>,
    pub sources: Vec<Source>,
    /// What a person wrote.
    pub reason: Option<&'r str>,
    pub row: Option<usize>,
    pub until: Option<Day>,
}

/// What an entry shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Used,
    Kept,
    LeftOut,
    Uncounted,
    Added,
    Removed,
}

impl Mark {
    pub const ALL: [Mark; 6] =
        [Mark::Used, Mark::Kept, Mark::LeftOut, Mark::Uncounted, Mark::Added, Mark::Removed];

    /// Returns the `status` of the CSV file, which is also the word of the page.
    pub fn word(self) -> &'static str {
        match self {
            Mark::Used => "used",
            Mark::Kept => "kept",
            Mark::LeftOut => "left out",
            Mark::Uncounted => "not counted",
            Mark::Added => "added",
            Mark::Removed => "removed",
        }
    }

    pub fn sign(self) -> char {
        match self {
            Mark::Used => '✓',
            Mark::Kept => '●',
            Mark::LeftOut => '×',
            Mark::Uncounted => '?',
            Mark::Added => '+',
            Mark::Removed => '−',
        }
    }

    /// Returns how the page shows it.
    pub fn tone(self) -> &'static str {
        match self {
            Mark::Used => "good",
            Mark::Kept => "soft",
            Mark::LeftOut => "odd",
            Mark::Uncounted => "warn",
            Mark::Added | Mark::Removed => "bad",
        }
    }

    pub fn meaning(self) -> &'static str {
        match self {
            Mark::Used => {
                "it was used in the account, last on this day, and the draft keeps it in every account"
            }
            Mark::Kept => "a row of the keep file keeps it, with this reason",
            Mark::LeftOut => "it was used or tried, and the set does not allow it today: it stays forbidden",
            Mark::Uncounted => "it was used in an account that the draft leaves out",
            Mark::Added => "the policy allows it, and the draft does not keep it: a person added it",
            Mark::Removed => "the draft keeps it, and the policy does not allow it: a person removed it",
        }
    }
}

impl<'r> Matrix<'r> {
    pub fn new(review: &'r Review<'r>) -> Matrix<'r> {
        let draft = review.draft;
        let has_hand = !draft.kept.is_empty() || !review.added.is_empty() || !review.removed.is_empty();
        let has_use = |account: &&Account| !account.actions.is_empty() || !account.left_out.is_empty();
        let mut accounts: Vec<&Account> = review.usage.accounts.iter().filter(has_use).collect();
        accounts.sort_by_key(|account| &account.id);
        let first = usize::from(has_hand);
        let places: BTreeMap<&AccountId, usize> =
            accounts.iter().enumerate().map(|(place, account)| (&account.id, place + first)).collect();
        let left_out: BTreeSet<&AccountId> = draft.without.iter().map(|left| &left.account).collect();

        let mut kept: BTreeMap<String, Line<'r>> = BTreeMap::new();
        let mut dropped: BTreeMap<String, Line<'r>> = BTreeMap::new();
        for line in &draft.actions {
            let is_removed = review.removed.contains(&line.action);
            let lines = if is_removed { &mut dropped } else { &mut kept };
            let into =
                lines.entry(line.action.to_ascii_lowercase()).or_insert_with(|| Line::of(&line.action));
            if is_removed {
                into.entries.push(Entry::of(0, Mark::Removed));
            }
            for row in draft
                .kept
                .iter()
                .filter(|row| row.statement.patterns().iter().any(|of| of.eq_ignore_ascii_case(&line.action)))
            {
                let reason = Some(row.reason.as_str());
                into.entries.push(Entry {
                    reason,
                    row: Some(row.row),
                    until: row.until,
                    ..Entry::of(0, Mark::Kept)
                });
            }
            for used in &line.uses {
                let Some(column) = places.get(&used.account) else { continue };
                let sources = used.sources.iter().copied().collect();
                into.entries.push(Entry { last: used.last, sources, ..Entry::of(*column, Mark::Used) });
            }
        }
        for action in &review.added {
            let line = kept.entry(action.to_ascii_lowercase()).or_insert_with(|| Line::of(action));
            line.entries.push(Entry::of(0, Mark::Added));
        }
        let actions = |account: &&'r Account| {
            let account: &'r Account = account;
            account.actions.iter().map(|used| ((&account.id, used.action.to_ascii_lowercase()), used))
        };
        let used: BTreeMap<(&AccountId, String), &Action> = accounts.iter().flat_map(actions).collect();
        for left in &draft.left_out {
            let line =
                dropped.entry(left.action.to_ascii_lowercase()).or_insert_with(|| Line::of(&left.action));
            line.left = line.left.or(Some(left.reason));
            for account in &left.accounts {
                let Some(column) = places.get(account) else { continue };
                // What was left out when it was read has neither day nor source.
                let used = used.get(&(account, left.action.to_ascii_lowercase()));
                line.entries.push(Entry {
                    last: used.and_then(|used| used.last),
                    sources: used.map(|used| used.sources.iter().copied().collect()).unwrap_or_default(),
                    ..Entry::of(*column, Mark::LeftOut)
                });
            }
        }
        for account in accounts.iter().filter(|account| left_out.contains(&account.id)) {
            for used in &account.actions {
                let lower = used.action.to_ascii_lowercase();
                let lines = if kept.contains_key(&lower) { &mut kept } else { &mut dropped };
                let line = lines.entry(lower).or_insert_with(|| Line::of(&used.action));
                let sources = used.sources.iter().copied().collect();
                let entry = Entry::of(places[&account.id], Mark::Uncounted);
                line.entries.push(Entry { last: used.last, sources, ..entry });
            }
        }
        let mut lines = [kept, dropped].map(|lines| lines.into_values().collect::<Vec<_>>());
        lines.iter_mut().flatten().for_each(|line| line.entries.sort_by_key(|entry| entry.column));
        let [kept, dropped] = lines;
        Matrix { has_hand, accounts, kept, dropped }
    }

    /// Returns how many columns are before those of the accounts.
    pub fn by_hand(&self) -> usize {
        usize::from(self.has_hand)
    }

    pub fn lines(&self) -> impl Iterator<Item = &Line<'r>> {
        self.kept.iter().chain(&self.dropped)
    }

    pub fn columns(&self) -> usize {
        self.accounts.len() + self.by_hand()
    }

    pub fn count(&self, mark: Mark) -> usize {
        self.lines().flat_map(|line| &line.entries).filter(|entry| entry.mark == mark).count()
    }
}

impl<'r> Line<'r> {
    fn of(action: &'r str) -> Line<'r> {
        Line { action, left: None, entries: Vec::new() }
    }

    /// Returns in how many accounts it was used or tried.
    pub fn accounts(&self) -> usize {
        let uses = |entry: &&Entry<'_>| matches!(entry.mark, Mark::Used | Mark::LeftOut | Mark::Uncounted);
        self.entries.iter().filter(uses).count()
    }

    pub fn last(&self) -> Option<Day> {
        self.entries.iter().filter_map(|entry| entry.last).max()
    }

    /// Returns the entries of each column of so many.
    pub fn cells(&self, columns: usize) -> Vec<&[Entry<'r>]> {
        let mut rest = self.entries.as_slice();
        let cell = |column| {
            let (cell, others) =
                rest.split_at(rest.iter().take_while(|entry| entry.column == column).count());
            rest = others;
            cell
        };
        (0..columns).map(cell).collect()
    }
}

impl Entry<'_> {
    fn of(column: usize, mark: Mark) -> Entry<'static> {
        Entry { column, mark, last: None, sources: Vec::new(), reason: None, row: None, until: None }
    }

    pub fn sources(&self) -> String {
        self.sources.iter().map(|source| source.as_str()).collect::<Vec<_>>().join(", ")
    }
}
