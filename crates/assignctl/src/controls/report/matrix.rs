//! OUs by controls: what the page and the CSV file show. Pure.

use std::collections::BTreeMap;

use assigner_core::controls::{
    catalogue::Control,
    picture::Picture,
    report::{ControlReport, Report, Status, UnitReport},
    tree::Place,
};

use super::framework::Framework;

pub struct Matrix<'r> {
    /// Every control that a row wants or an OU has, by name.
    pub columns: Vec<Column<'r>>,
    /// The OUs that were asked for, each after its parent.
    pub units: Vec<Line<'r>>,
    /// What rows name and the organization does not have.
    pub missing: Vec<Line<'r>>,
    /// Every item of the framework.
    pub items: Vec<String>,
}

pub struct Column<'r> {
    pub name: &'r str,
    /// `None`: the catalogue does not know it.
    pub control: Option<&'r Control>,
    /// The items of the framework that it serves.
    pub items: Vec<String>,
}

pub struct Line<'r> {
    /// The OU's own name; the path if there is no such OU.
    pub name: String,
    pub path: String,
    pub id: Option<&'r str>,
    /// How many OUs are above.
    pub depth: usize,
    /// Why it is not known what is enabled on it.
    pub unread: Option<&'r str>,
    /// One a column; most are empty.
    pub cells: Vec<Vec<Entry<'r>>>,
}

#[derive(Clone, Copy)]
pub struct Entry<'r> {
    pub mark: Mark,
    pub control: &'r ControlReport,
}

/// What an entry shows: a status of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(pub Status);

impl Mark {
    /// In the order of the legend. What a run has just done is not among them: a report does nothing.
    pub const ALL: [Mark; 11] = [
        Mark(Status::Present),
        Mark(Status::Inherited),
        Mark(Status::Planned),
        Mark(Status::Differs),
        Mark(Status::Drifted),
        Mark(Status::Failed),
        Mark(Status::Blocked),
        Mark(Status::Pending),
        Mark(Status::Waiting),
        Mark(Status::Unresolved),
        Mark(Status::Extra),
    ];

    /// Returns the `status` of the CSV file, which is also the word of the page.
    pub fn word(self) -> &'static str {
        match self.0 {
            Status::Present | Status::Enabled | Status::Updated | Status::Reset => "present",
            Status::Inherited => "inherited",
            // Nothing was asked to be done: it is wanted and not there.
            Status::Planned => "missing",
            Status::Pending => "pending",
            Status::Waiting => "waiting",
            Status::Drifted => "drifted",
            Status::Differs => "differs",
            Status::Failed => "failed",
            Status::Blocked => "blocked",
            Status::Unresolved => "unresolved",
            Status::Extra => "extra",
        }
    }

    pub fn sign(self) -> char {
        match self.0 {
            Status::Present | Status::Enabled | Status::Updated | Status::Reset => '✓',
            Status::Inherited => '↑',
            Status::Planned => '+',
            Status::Pending => '…',
            Status::Waiting => '»',
            Status::Drifted => '≠',
            Status::Differs => '~',
            Status::Failed => '!',
            Status::Blocked => '×',
            Status::Unresolved => '?',
            Status::Extra => '○',
        }
    }

    /// Returns how the page shows it.
    pub fn tone(self) -> &'static str {
        match self.0 {
            Status::Present | Status::Enabled | Status::Updated | Status::Reset => "good",
            Status::Inherited | Status::Waiting => "soft",
            Status::Planned | Status::Pending => "warn",
            Status::Drifted | Status::Differs | Status::Failed | Status::Blocked => "bad",
            Status::Unresolved | Status::Extra => "odd",
        }
    }

    pub fn meaning(self) -> &'static str {
        match self.0 {
            Status::Present | Status::Enabled | Status::Updated | Status::Reset => {
                "a row wants it, and it is enabled on the OU as the row says"
            }
            Status::Inherited => "an OU above that a row names has it",
            Status::Planned => {
                "a row wants it, and it is not enabled on the OU, or on the one above from which it would be inherited"
            }
            Status::Pending => "something is under way, or has to wait",
            Status::Waiting => "it waits for an earlier wave",
            Status::Drifted => "something else has changed what it consists of",
            Status::Differs => "it has other parameters than the row says",
            Status::Failed => "its last operation failed, or it could not be read",
            Status::Blocked => "AWS would refuse it",
            Status::Unresolved => "a row wants it on an OU that does not exist",
            Status::Extra => "it is enabled, and no row wants it",
        }
    }

    /// Whether AWS and the table differ.
    pub fn is_difference(self) -> bool {
        !matches!(self.tone(), "good" | "soft")
    }
}

impl<'r> Matrix<'r> {
    /// `whole` is the report of every OU, of which `report` may be a part.
    pub fn new(
        report: &'r Report,
        whole: &Report,
        picture: &'r Picture,
        framework: Option<&Framework>,
        selected: impl Fn(Place) -> bool,
    ) -> Matrix<'r> {
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let all = report.ous.iter().flat_map(|unit| &unit.controls);
        places.extend(all.map(|one| (one.control.name.as_str(), 0)));
        places.values_mut().enumerate().for_each(|(index, place)| *place = index);
        let column = |name: &&'r str| {
            let control = picture.catalogue.find(name);
            let items = match (framework, control) {
                (Some(framework), Some(control)) => framework.of(control.id()),
                _ => Vec::new(),
            };
            Column { name, control, items }
        };
        let above = above(whole);
        let of: BTreeMap<&str, &UnitReport> =
            report.ous.iter().filter_map(|unit| Some((unit.id.as_deref()?, unit))).collect();
        let tree = &picture.tree;
        let units = (0..tree.units().len()).filter(|place| selected(*place)).map(|place| {
            let unit = &tree.units()[place];
            Line {
                name: unit.name.clone(),
                path: tree.path(place),
                id: Some(&unit.id),
                depth: tree.above(place).count(),
                unread: picture.facts.unread_units.get(&unit.id).map(String::as_str),
                cells: cells(of.get(unit.id.as_str()).copied(), &places, &above),
            }
        });
        let missing = report.ous.iter().filter(|unit| unit.id.is_none()).map(|unit| Line {
            name: unit.path.clone(),
            path: unit.path.clone(),
            id: None,
            depth: 0,
            unread: None,
            cells: cells(Some(unit), &places, &above),
        });
        Matrix {
            columns: places.keys().map(column).collect(),
            units: units.collect(),
            missing: missing.collect(),
            items: framework.map(|framework| framework.items.keys().cloned().collect()).unwrap_or_default(),
        }
    }

    pub fn lines(&self) -> impl Iterator<Item = &Line<'r>> {
        self.units.iter().chain(&self.missing)
    }

    pub fn count(&self, mark: Mark) -> usize {
        let entries = self.lines().flat_map(|line| line.cells.iter().flatten());
        entries.filter(|entry| entry.mark.word() == mark.word()).count()
    }
}

/// By the path of an OU and the name of a control: what is true of it there, where it is not only inherited.
type Above<'r> = BTreeMap<(&'r str, &'r str), Status>;

fn above(whole: &Report) -> Above<'_> {
    let mut above = Above::new();
    for unit in whole.ous.iter().filter(|unit| unit.id.is_some()) {
        let own = unit.controls.iter().filter(|control| control.status != Status::Inherited);
        above.extend(own.map(|one| ((unit.path.as_str(), one.control.name.as_str()), one.status)));
    }
    above
}

/// Returns what a cell shows. What an OU would inherit and the OU above does not have, with the reason, is as it is above.
fn mark(control: &ControlReport, above: &Above<'_>) -> Mark {
    match (control.status, &control.from, &control.reason) {
        (Status::Inherited, Some(from), Some(_)) => {
            let above = above.get(&(from.as_str(), control.control.name.as_str()));
            Mark(above.copied().unwrap_or(Status::Planned))
        }
        (status, ..) => Mark(status),
    }
}

fn cells<'r>(
    unit: Option<&'r UnitReport>,
    places: &BTreeMap<&str, usize>,
    above: &Above<'_>,
) -> Vec<Vec<Entry<'r>>> {
    let mut cells = vec![Vec::new(); places.len()];
    for control in unit.into_iter().flat_map(|unit| &unit.controls) {
        if let Some(place) = places.get(control.control.name.as_str()) {
            cells[*place].push(Entry { mark: mark(control, above), control });
        }
    }
    cells
}

impl Line<'_> {
    pub fn is_empty(&self) -> bool {
        self.cells.iter().all(Vec::is_empty)
    }

    pub fn differs(&self) -> bool {
        self.unread.is_some() || self.cells.iter().flatten().any(|entry| entry.mark.is_difference())
    }
}

impl Column<'_> {
    /// Splits `AWS-GR_RESTRICT_ROOT_USER` after each sign: a narrow column breaks it there.
    pub fn words(&self) -> Vec<&str> {
        self.name.split_inclusive(['_', '.', '-']).collect()
    }
}
