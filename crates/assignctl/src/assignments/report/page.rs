//! The matrix of accounts and permission sets as one self-contained page, which has the same by group and user.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use assigner_core::assignments::{PrincipalKind, Row, Table, facts::Facts, members::Memberships};

use super::{
    matrix::{Column, Entry, Mark, Matrix},
    people::{self, Holding},
};
use crate::{
    assignments::{overview::Overview, show},
    page::{Frame, Words},
};

const WORDS: Words = Words {
    line: "account",
    lines: "accounts",
    column: "permission set",
    column_title: "Permission set",
    drift: "only drift",
    fields: "account ou set who row mark",
    fields_told: "account, ou, set, who, row or mark",
    example: "row:students",
    example_whole: "who:=students",
    hint: "account, OU, permission set, group, user, row",
    kind: "group",
    on_paper: "Permission set, who has it, and the rows of the table that want it",
};

/// What the page of this report adds to the frame's.
const STYLE: &str = include_str!("access.css");
const SCRIPT: &str = include_str!("access.js");

#[derive(Template)]
#[template(path = "access.html", config = "src/page/askama.toml")]
pub struct Page<'o> {
    overview: &'o Overview,
    matrix: &'o Matrix<'o>,
    /// Which accounts were asked for, if not all were.
    asked_for: Option<String>,
    /// How assignments were read.
    method: String,
    /// What could not be read.
    notes: &'o [String],
    /// Why members of groups are not known.
    unread: Vec<String>,
    legend: Vec<(Mark, usize)>,
    /// Whether what users have through groups is there.
    has_members: bool,
    holdings: Vec<Holding<'o>>,
    drifting: usize,
    permission_sets: Vec<Usage<'o>>,
    rows: Vec<Wanting<'o>>,
    frame: Frame,
}

/// A permission set, and how much it is used.
struct Usage<'o> {
    column: Column<'o>,
    accounts: usize,
    entries: usize,
}

/// A row of the table, and how many accounts it matches.
struct Wanting<'o> {
    row: &'o Row,
    selector: String,
    accounts: usize,
}

impl<'o> Page<'o> {
    pub fn new(
        overview: &'o Overview,
        matrix: &'o Matrix<'o>,
        table: &'o Table,
        facts: &'o Facts,
        members: Option<&Memberships>,
        asked_for: Option<String>,
    ) -> Page<'o> {
        // The text at the foot of every sheet of paper.
        let footer = format!("Access to AWS accounts, as AWS had it at {}", overview.read_at);
        let groups = if members.is_some() { people::groups(overview) } else { Vec::new() };
        let unread =
            |group: &String| members.and_then(|members| members.unread_of(group, &facts.names_by_id));
        Page {
            unread: groups.iter().filter_map(unread).collect(),
            has_members: members.is_some(),
            holdings: people::holdings(matrix, members, &facts.names_by_id),
            overview,
            matrix,
            asked_for,
            method: show::method(overview),
            notes: &facts.notes,
            legend: Mark::ALL.into_iter().map(|mark| (mark, matrix.count(mark))).collect(),
            drifting: matrix.lines().filter(|line| line.cells.iter().flatten().any(Entry::is_drift)).count(),
            permission_sets: permission_sets(matrix, facts),
            rows: rows(overview, table),
            frame: Frame::new(WORDS, matrix.columns.len(), &footer, STYLE, SCRIPT),
        }
    }
}

/// Returns the permission sets of the matrix and those that nobody has.
fn permission_sets<'o>(matrix: &Matrix<'o>, facts: &'o Facts) -> Vec<Usage<'o>> {
    let used = matrix.columns.iter().enumerate().map(|(place, column)| {
        let cells = matrix.lines().map(|line| line.cells[place].len());
        let (accounts, entries) =
            cells.fold((0, 0), |(some, all), count| (some + usize::from(count > 0), all + count));
        Usage { column: *column, accounts, entries }
    });
    let known: BTreeSet<&str> = matrix.columns.iter().filter_map(|column| column.arn).collect();
    let unused = facts.names_by_id.permission_sets.iter().filter(|(arn, _)| !known.contains(arn.as_str()));
    let unused =
        unused.map(|(arn, name)| Usage { column: Column { name, arn: Some(arn) }, accounts: 0, entries: 0 });
    let mut all: Vec<Usage<'o>> = used.chain(unused).collect();
    all.sort_by_key(|usage| usage.column);
    all
}

fn rows<'o>(overview: &Overview, table: &'o Table) -> Vec<Wanting<'o>> {
    let mut accounts: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for access in &overview.accounts {
        for rule in access.grants.iter().flat_map(|grant| &grant.report.rules) {
            accounts.entry(rule).or_default().insert(access.account.id.as_str());
        }
    }
    let wanting = |row: &'o Row| Wanting {
        row,
        // Strings, numbers and lists cannot fail to be written.
        selector: serde_json::to_string(&row.accounts).unwrap_or_default(),
        accounts: accounts.get(row.id.as_str()).map_or(0, BTreeSet::len),
    };
    table.rows.iter().map(wanting).collect()
}

impl Entry<'_> {
    fn is_drift(&self) -> bool {
        self.mark.is_drift()
    }

    fn is_user(&self) -> bool {
        self.principal.kind == PrincipalKind::User
    }

    fn who(&self) -> &str {
        people::who(self.principal)
    }
}

impl Column<'_> {
    /// Splits `ReadOnlyAccess` into `Read`, `Only`, `Access`: a narrow column breaks it there.
    fn words(&self) -> Vec<&str> {
        let starts =
            self.name.char_indices().zip(self.name.chars().skip(1)).filter_map(|((at, one), next)| {
                (one.is_lowercase() && next.is_uppercase()).then_some(at + one.len_utf8())
            });
        let mut words = Vec::new();
        let mut rest = 0;
        for start in starts {
            words.push(&self.name[rest..start]);
            rest = start;
        }
        words.push(&self.name[rest..]);
        words
    }
}
