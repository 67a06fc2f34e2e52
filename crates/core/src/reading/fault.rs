//! What is wrong with a table, where, and what would be right.

use std::fmt;

use crate::shown::shown;

/// The most faults that are reported one by one. Any more are counted.
const MAX_FAULTS: usize = 1_000;

/// What is wrong with a value, and what would be right.
pub type Wrong = (String, &'static str);

/// What is wrong with a table, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// `None`: the fault is outside every row.
    pub row: Option<RowRef>,
    /// The field, from the row down, such as `accounts.ous[0]`; empty for the row or the table as a whole.
    pub field: String,
    pub part: Part,
    pub problem: String,
    /// What would be right.
    pub remedy: String,
    /// How many faults it stands for: more than one if there are too many to list.
    pub count: usize,
}

/// Returns how many faults there are, also those that are not listed.
pub fn count(faults: &[Fault]) -> usize {
    faults.iter().map(|fault| fault.count).sum()
}

/// What of a field is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The name: there should be no such field, or not a second one.
    Name,
    Value,
    /// The field is missing.
    Absence,
}

/// Which row of the table, counted from 1, and its id if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowRef {
    pub number: usize,
    pub id: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.row {
            Some(RowRef { number, id: Some(id) }) => write!(f, "row {number} ({})", shown(id))?,
            Some(RowRef { number, id: None }) => write!(f, "row {number}")?,
            None => f.write_str("table")?,
        }
        if !self.field.is_empty() {
            write!(f, ", {}", shown(&self.field))?;
        }
        write!(f, ": {}; {}", shown(&self.problem), shown(&self.remedy))
    }
}

/// The faults found so far. The first thousand are kept, the others counted.
#[derive(Debug, Default)]
pub struct Faults {
    /// The row that is being read.
    row: Option<RowRef>,
    found: Vec<Fault>,
    count: usize,
}

impl Faults {
    pub fn count(&self) -> usize {
        self.count
    }

    /// Sets the row of the faults that are added from now on.
    pub fn in_row(&mut self, row: Option<RowRef>) {
        self.row = row;
    }

    /// Adds a fault of a field's value.
    pub fn add(&mut self, field: &str, problem: impl Into<String>, remedy: &str) {
        self.add_about(Part::Value, field, problem, remedy);
    }

    pub fn add_about(&mut self, part: Part, field: &str, problem: impl Into<String>, remedy: &str) {
        self.count += 1;
        if self.found.len() < MAX_FAULTS {
            let (row, field, remedy) = (self.row.clone(), field.to_owned(), remedy.to_owned());
            self.found.push(Fault { row, field, part, problem: problem.into(), remedy, count: 1 });
        }
    }

    /// Returns `value` if there are no faults, else every fault.
    pub fn or<T>(mut self, value: T) -> Result<T, Vec<Fault>> {
        let unlisted = self.count - self.found.len();
        if unlisted > 0 {
            self.found.push(Fault {
                row: None,
                field: String::new(),
                part: Part::Value,
                problem: format!("{unlisted} more faults"),
                remedy: "correct these first".into(),
                count: unlisted,
            });
        }
        if self.found.is_empty() { Ok(value) } else { Err(self.found) }
    }
}

/// Whether the text has more than `most` characters.
pub fn longer(text: &str, most: usize) -> bool {
    text.chars().nth(most).is_some()
}

/// Returns a value of the table in quotes, cut if it is too long to help.
pub fn quote(text: &str) -> String {
    let short: String = text.chars().take(100).collect();
    let quoted = format!("{short:?}");
    let quoted = shown(&quoted);
    if short.len() < text.len() { format!("{quoted}…") } else { quoted.into_owned() }
}
