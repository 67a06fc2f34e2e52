//! The matrix of OUs and controls as one self-contained page.

use askama::Template;
use assigner_core::{
    controls::{
        Row, Table,
        picture::Picture,
        report::{Report, Status},
    },
    day::rfc3339,
};

use super::{
    framework::Framework,
    matrix::{Column, Mark, Matrix},
};
use crate::page::{Frame, Words};

const WORDS: Words = Words {
    line: "OU",
    lines: "OUs",
    column: "control",
    column_title: "Control",
    drift: "only differences",
    fields: "ou ou control from row mark item",
    fields_told: "ou, control, from, row, mark or item",
    example: "row:root-keys",
    example_whole: "control:=CT.EC2.PV.1",
    hint: "OU, control, row, mark, item of the framework",
    kind: "",
    on_paper: "Control, its status, and the rows of the table that want it",
};

/// How the page of this report differs from the frame's.
const STYLE: &str = include_str!("controls.css");

/// What a report is about.
pub struct About<'r> {
    pub table: &'r str,
    /// The OUs that were asked for; empty for all.
    pub asked_for: Vec<String>,
    pub rows: &'r Table,
    pub picture: &'r Picture,
    pub report: &'r Report,
    pub framework: Option<&'r Framework>,
}

#[derive(Template)]
#[template(path = "controls.html", config = "src/page/askama.toml")]
pub struct Page<'r> {
    matrix: &'r Matrix<'r>,
    about: &'r About<'r>,
    read_at: String,
    legend: Vec<(Mark, usize)>,
    differing: usize,
    waiting: usize,
    controls: Vec<Usage<'r>>,
    rows: Vec<Wanting<'r>>,
    items: Vec<Item<'r>>,
    frame: Frame,
}

/// A control, and how many OUs have it.
struct Usage<'r> {
    column: &'r Column<'r>,
    enabled: usize,
    inherited: usize,
}

/// A row of the table.
struct Wanting<'r> {
    row: &'r Row,
    ous: String,
    exempted: usize,
}

/// An item of the framework, and the controls of the matrix that serve it.
struct Item<'r> {
    name: &'r str,
    controls: Vec<&'r str>,
    /// How many OUs have at least one of the controls.
    units: usize,
}

impl<'r> Page<'r> {
    pub fn new(about: &'r About<'r>, matrix: &'r Matrix<'r>) -> Page<'r> {
        let facts = &about.picture.facts;
        let read_at = rfc3339(facts.now);
        let footer = format!("Controls of organizational units, as AWS had them at {read_at}");
        let wanting = |row: &'r Row| Wanting {
            row,
            ous: row.ous.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            exempted: row.exempt.len(),
        };
        Page {
            matrix,
            about,
            read_at,
            legend: Mark::ALL.into_iter().map(|mark| (mark, matrix.count(mark))).collect(),
            differing: matrix.lines().filter(|line| line.differs()).count(),
            waiting: matrix.count(Mark(Status::Waiting)),
            controls: usages(matrix),
            rows: about.rows.rows.iter().map(wanting).collect(),
            items: items(matrix),
            frame: Frame::new(WORDS, matrix.columns.len(), &footer, STYLE, ""),
        }
    }
}

fn usages<'r>(matrix: &'r Matrix<'r>) -> Vec<Usage<'r>> {
    let usage = |(place, column): (usize, &'r Column<'r>)| {
        let of = |words: &[&str]| {
            let has = |entry: &super::matrix::Entry<'_>| words.contains(&entry.mark.word());
            matrix.units.iter().filter(|line| line.cells[place].iter().any(has)).count()
        };
        Usage {
            column,
            enabled: of(&["present", "differs", "drifted", "extra"]),
            inherited: of(&["inherited"]),
        }
    };
    matrix.columns.iter().enumerate().map(usage).collect()
}

fn items<'r>(matrix: &'r Matrix<'r>) -> Vec<Item<'r>> {
    let item = |name: &'r String| {
        let serving: Vec<usize> =
            (0..matrix.columns.len()).filter(|place| matrix.columns[*place].items.contains(name)).collect();
        let has = |place: &usize, line: &super::matrix::Line<'_>| {
            line.cells[*place]
                .iter()
                .any(|entry| matches!(entry.mark.word(), "present" | "inherited" | "extra"))
        };
        let units = matrix.units.iter().filter(|line| serving.iter().any(|place| has(place, line))).count();
        Item { name, controls: serving.iter().map(|place| matrix.columns[*place].name).collect(), units }
    };
    matrix.items.iter().map(item).collect()
}
