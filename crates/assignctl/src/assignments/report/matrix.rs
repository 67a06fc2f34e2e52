//! An overview as accounts by permission sets: what the page and the CSV file show. Pure.

use std::collections::BTreeMap;

use assigner_core::assignments::report::{GrantReport, PermissionSetReport, PrincipalReport, StatusReport};

use crate::assignments::overview::{AccountAccess, HeldAccess, Overview, Standing};

pub struct Matrix<'o> {
    /// Every permission set that a row wants or somebody has, by name.
    pub columns: Vec<Column<'o>>,
    /// By OU and name.
    pub applies: Vec<Line<'o>>,
    /// The accounts to which the table does not apply (now), with what they hold nevertheless.
    pub outside: Vec<Line<'o>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Column<'o> {
    /// The ARN if AWS gives no name.
    pub name: &'o str,
    pub arn: Option<&'o str>,
}

pub struct Line<'o> {
    pub access: &'o AccountAccess,
    /// One a column; most are empty.
    pub cells: Vec<Vec<Entry<'o>>>,
}

/// Who has a permission set, or should have it, in one account.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'o> {
    pub mark: Mark,
    pub principal: &'o PrincipalReport,
    /// Ids of the rows that want it.
    pub rows: &'o [String],
    /// Why it is unresolved or failed.
    pub reason: Option<&'o str>,
}

/// What an entry shows. Drift comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    Missing,
    Unexplained,
    /// Of a group or user that was deleted, in any account.
    Orphaned,
    Unresolved,
    Failed,
    Present,
    /// There, in an account to which the table does not apply.
    Outside,
}

impl Mark {
    pub const ALL: [Mark; 7] = [
        Mark::Present,
        Mark::Missing,
        Mark::Unexplained,
        Mark::Orphaned,
        Mark::Unresolved,
        Mark::Failed,
        Mark::Outside,
    ];

    /// Returns the `status` of the CSV file, which is also the word of the page.
    pub fn word(self) -> &'static str {
        match self {
            Mark::Missing => "missing",
            Mark::Unexplained => "unexplained",
            Mark::Orphaned => "orphaned",
            Mark::Unresolved => "unresolved",
            Mark::Failed => "failed",
            Mark::Present => "present",
            Mark::Outside => "outside",
        }
    }

    /// Returns the sign. It is that of `assignctl plan` if `plan` has one.
    pub fn sign(self) -> char {
        match self {
            Mark::Missing => '+',
            Mark::Unexplained => '~',
            Mark::Orphaned => '†',
            Mark::Unresolved => '?',
            Mark::Failed => '!',
            Mark::Present => '✓',
            Mark::Outside => '○',
        }
    }

    /// Returns how the page shows it.
    pub fn tone(self) -> &'static str {
        match self {
            Mark::Missing => "warn",
            Mark::Unexplained | Mark::Orphaned | Mark::Failed => "bad",
            Mark::Unresolved => "odd",
            Mark::Present => "good",
            Mark::Outside => "soft",
        }
    }

    pub fn meaning(self) -> &'static str {
        match self {
            Mark::Missing => "a row of the table wants it, AWS does not have it",
            Mark::Unexplained => "AWS has it, no row of the table explains it",
            Mark::Orphaned => "AWS lists it for a group or user that was deleted",
            Mark::Unresolved => "a row wants it and names something that does not exist",
            Mark::Failed => "a row wants it and AWS could not be asked about it",
            Mark::Present => "AWS has it, and the rows named next to it want it",
            Mark::Outside => "AWS has it in an account to which the table does not apply",
        }
    }

    /// Whether AWS and the table differ.
    pub fn is_drift(self) -> bool {
        !matches!(self, Mark::Present | Mark::Outside)
    }
}

impl<'o> Matrix<'o> {
    pub fn new(overview: &'o Overview) -> Matrix<'o> {
        let places = places(overview);
        let (outside, applies) = overview
            .accounts
            .iter()
            .map(|access| Line::new(access, &places))
            .partition(|line: &Line<'_>| !line.applies());
        let mut matrix = Matrix { columns: places.into_keys().collect(), applies, outside };
        let place = |line: &Line<'o>| {
            let account = &line.access.account;
            (!line.access.management, &account.ou, &account.name, &account.id)
        };
        matrix.applies.sort_by(|one, other| place(one).cmp(&place(other)));
        matrix.outside.sort_by(|one, other| place(one).cmp(&place(other)));
        matrix
    }

    pub fn lines(&self) -> impl Iterator<Item = &Line<'o>> {
        self.applies.iter().chain(&self.outside)
    }

    pub fn entries(&self) -> impl Iterator<Item = &Entry<'o>> {
        self.lines().flat_map(|line| line.cells.iter().flatten())
    }

    pub fn count(&self, mark: Mark) -> usize {
        self.entries().filter(|entry| entry.mark == mark).count()
    }
}

impl<'o> Line<'o> {
    fn new(access: &'o AccountAccess, places: &BTreeMap<Column<'o>, usize>) -> Line<'o> {
        let mut cells = vec![Vec::new(); places.len()];
        let applies = applies(access);
        let grants =
            access.grants.iter().map(|grant| (&grant.report.permission_set, Entry::of_grant(&grant.report)));
        let held =
            access.unexplained.iter().map(|held| (&held.permission_set, Entry::of_held(held, applies)));
        for (permission_set, entry) in grants.chain(held) {
            if let Some(place) = places.get(&Column::of(permission_set)) {
                cells[*place].push(entry);
            }
        }
        for cell in &mut cells {
            cell.sort_by_key(|entry| (entry.mark, entry.principal));
        }
        Line { access, cells }
    }

    pub fn applies(&self) -> bool {
        applies(self.access)
    }
}

fn applies(access: &AccountAccess) -> bool {
    match access.standing {
        Standing::Complete | Standing::Incomplete => true,
        Standing::Ignored | Standing::NotReady => false,
    }
}

/// Returns every permission set of the overview, by name, with its place.
fn places(overview: &Overview) -> BTreeMap<Column<'_>, usize> {
    let mut places = BTreeMap::new();
    for access in &overview.accounts {
        let wanted = access.grants.iter().map(|grant| &grant.report.permission_set);
        let held = access.unexplained.iter().map(|held| &held.permission_set);
        places.extend(wanted.chain(held).map(|permission_set| (Column::of(permission_set), 0)));
    }
    places.values_mut().enumerate().for_each(|(index, place)| *place = index);
    places
}

impl<'o> Column<'o> {
    fn of(PermissionSetReport { name, arn }: &'o PermissionSetReport) -> Column<'o> {
        let arn = arn.as_deref();
        Column { name: name.as_deref().or(arn).unwrap_or_default(), arn }
    }
}

impl<'o> Entry<'o> {
    fn of_grant(grant: &'o GrantReport) -> Entry<'o> {
        let (mark, reason) = match &grant.status {
            StatusReport::Created | StatusReport::Present => (Mark::Present, None),
            StatusReport::Planned => (Mark::Missing, None),
            StatusReport::Unresolved { reason, .. } => (Mark::Unresolved, Some(reason.as_str())),
            StatusReport::Failed { reason, .. } | StatusReport::Pending { reason } => {
                (Mark::Failed, Some(reason.as_str()))
            }
        };
        Entry { mark, principal: &grant.principal, rows: &grant.rules, reason }
    }

    fn of_held(held: &'o HeldAccess, applies: bool) -> Entry<'o> {
        let mark = match (held.orphaned, applies) {
            (true, _) => Mark::Orphaned,
            (false, true) => Mark::Unexplained,
            (false, false) => Mark::Outside,
        };
        Entry { mark, principal: &held.principal, rows: &[], reason: None }
    }
}
