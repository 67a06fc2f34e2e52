//! `assignctl check`: every fault of a table in its place, and every doubtful row. Needs no AWS for a file.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use assigner_core::{
    reading::{Fault, Part, RowRef},
    table::{self, MAX_BYTES, RowKind, Table, TableLocation},
};
use assigner_engine::error::Error;
use serde::Serialize;

use super::position::Text;
use crate::{
    exit::{Exit, Failure},
    session::Session,
    terminal::{ERROR, GOOD, WARNING, clean, plural},
};

/// A doubt about a row that is sound.
#[derive(Clone, Debug)]
pub struct Doubt {
    /// A stable word: scripts match on it.
    pub kind: &'static str,
    /// Index of the row, from 0.
    pub row: usize,
    /// From the row down, such as `accounts.except`.
    pub field: String,
    pub problem: String,
    pub remedy: String,
    /// Index of the other row that it is about.
    pub other: Option<usize>,
}

/// What `check --json` prints.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Checked {
    table: String,
    sound: bool,
    /// How many rows a sound table has.
    rows: usize,
    faults: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

/// A fault or a doubt, and where it is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Diagnostic {
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    /// Counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    field: String,
    problem: String,
    remedy: String,
    /// Line and column of the text, in characters, both from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    #[serde(skip)]
    span: Option<Range<usize>>,
    /// The row's id, if it helps to find the row.
    #[serde(skip)]
    row_span: Option<Range<usize>>,
    /// Id of another row that it is about, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    other: Option<String>,
    #[serde(skip)]
    other_span: Option<Range<usize>>,
}

/// Runs the check. `doubts` returns the doubts of a sound table.
pub async fn run<R: RowKind>(
    session: &Session,
    strict: bool,
    doubts: impl FnOnce(&Table<R>) -> Vec<Doubt>,
) -> Result<Exit, Failure> {
    let bytes = match &session.table {
        // One byte more than a table may have is enough to refuse it.
        TableLocation::File(path) => Some(session.read_first(path, MAX_BYTES)?),
        TableLocation::Embedded(_) | TableLocation::DynamoDb(_) => None,
    };
    let parsed = match &bytes {
        Some(bytes) => table::parse::<R>(bytes).and_then(|table| table::require_rows(table, &session.table)),
        None => match session.source(&session.table).await?.load_rows().await {
            Ok(table) => Ok(table),
            Err(Error::InvalidTable { faults, .. }) => Err(faults),
            Err(error) => return Err(error.into()),
        },
    };
    let text = bytes.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
    let text = Text::new(text, R::LIST);
    let mut checked = Checked {
        table: session.table.to_string(),
        sound: parsed.is_ok(),
        rows: parsed.as_ref().map_or(0, |table| table.rows.len()),
        faults: match &parsed {
            Ok(_) => Vec::new(),
            Err(faults) => faults.iter().map(|fault| of_fault(fault, &text)).collect(),
        },
        warnings: match &parsed {
            Ok(table) => doubts(table).into_iter().map(|doubt| of_doubt(doubt, table, &text)).collect(),
            Err(_) => Vec::new(),
        },
    };
    // In the order of the text.
    checked.faults.sort_by_key(|fault| (fault.row, fault.line, fault.column));
    if session.json {
        session.print_json(&checked);
    } else {
        print(session, &checked, &text);
    }
    Ok(match &checked {
        Checked { sound: false, .. } => Exit::Wrong,
        Checked { warnings, .. } if strict && !warnings.is_empty() => Exit::Missing,
        _ => Exit::Good,
    })
}

fn of_fault(fault: &Fault, text: &Text<'_>) -> Diagnostic {
    let Fault { row, field, part, problem, remedy } = fault;
    let number = row.as_ref().map(|row| row.number);
    let span = match number {
        // A text that is not JSON has one fault, at the place where the reading ended.
        None if field.is_empty() => text.syntax_error(),
        _ => text.find(number, field, *part),
    };
    Diagnostic {
        kind: None,
        row: number,
        id: row.clone().and_then(|RowRef { id, .. }| id),
        field: field.clone(),
        problem: problem.clone(),
        remedy: remedy.clone(),
        ..Diagnostic::at(span, text)
    }
    .in_row(text, None)
}

fn of_doubt<R: RowKind>(doubt: Doubt, table: &Table<R>, text: &Text<'_>) -> Diagnostic {
    let Doubt { kind, row, field, problem, remedy, other } = doubt;
    let id = |row: usize| table.rows.get(row).map(|row| row.id().to_owned());
    Diagnostic {
        kind: Some(kind),
        row: Some(row + 1),
        id: id(row),
        other: other.and_then(id),
        ..Diagnostic::at(text.find(Some(row + 1), &field, Part::Value), text)
    }
    .saying(field, problem, remedy)
    .in_row(text, other.map(|other| other + 1))
}

impl Diagnostic {
    fn at(span: Option<Range<usize>>, text: &Text<'_>) -> Diagnostic {
        let (line, column) = span.as_ref().map(|span| text.line_and_column(span.start)).unzip();
        Diagnostic {
            kind: None,
            row: None,
            id: None,
            field: String::new(),
            problem: String::new(),
            remedy: String::new(),
            line,
            column,
            span,
            row_span: None,
            other: None,
            other_span: None,
        }
    }

    fn saying(self, field: String, problem: String, remedy: String) -> Diagnostic {
        Diagnostic { field, problem, remedy, ..self }
    }

    fn in_row(mut self, text: &Text<'_>, other: Option<usize>) -> Diagnostic {
        let id = |row| text.find(Some(row), "id", Part::Value);
        self.row_span = self.row.and_then(id).filter(|span| Some(span) != self.span.as_ref());
        self.other_span = other.and_then(id);
        self
    }

    /// Returns where and what, in one line.
    fn title(&self) -> String {
        let mut title = match (self.row, &self.id) {
            (Some(row), Some(id)) => format!("row {row} ({})", clean(id)),
            (Some(row), None) => format!("row {row}"),
            (None, _) => "table".to_owned(),
        };
        if !self.field.is_empty() {
            title = format!("{title}, {}", clean(&self.field));
        }
        format!("{title}: {}", clean(&self.problem))
    }
}

fn print(session: &Session, checked: &Checked, text: &Text<'_>) {
    let Checked { table, faults, warnings, .. } = checked;
    let levels = [(Level::ERROR, faults), (Level::WARNING, warnings)];
    for (level, diagnostics) in levels {
        for diagnostic in diagnostics {
            session.print(&render(level.clone(), diagnostic, table, text));
            session.print("\n\n");
        }
    }
    let warned = plural(warnings.len(), "warning");
    session.print(&match (faults.len(), warnings.len()) {
        (0, 0) => format!("{GOOD}{table} is sound{GOOD:#}: {}\n", plural(checked.rows, "row")),
        (0, _) => {
            format!("{WARNING}{table} is sound, with {warned}{WARNING:#}: {}\n", plural(checked.rows, "row"))
        }
        (faults, _) => format!("{ERROR}{table} is refused, with {}{ERROR:#}\n", plural(faults, "fault")),
    });
}

fn render(level: Level<'_>, diagnostic: &Diagnostic, path: &str, text: &Text<'_>) -> String {
    let title = level.primary_title(diagnostic.title());
    let help = Level::HELP.message(clean(&diagnostic.remedy));
    let group = match &diagnostic.span {
        None => Group::with_title(title).element(help),
        Some(span) => {
            let mut group = Group::with_title(title);
            let near = [diagnostic.row_span.as_ref().map(|span| (span, "in this row"))];
            group = group.element(snippet(text, path, span, None, near.into_iter().flatten()));
            if let Some(other) = &diagnostic.other_span {
                group = group.element(snippet(text, path, other, Some("the other row"), std::iter::empty()));
            }
            group.element(help)
        }
    };
    Renderer::styled().render(&[group])
}

/// Returns the lines of a span, and of other spans if they are near.
fn snippet<'t>(
    text: &Text<'t>,
    path: &'t str,
    span: &Range<usize>,
    label: Option<&'static str>,
    near: impl Iterator<Item = (&'t Range<usize>, &'t str)>,
) -> Snippet<'t, annotate_snippets::Annotation<'t>> {
    let near: Vec<_> = near.filter(|(other, _)| text.is_near(other, span)).collect();
    let window = text.window(near.iter().map(|(other, _)| *other).chain([span]));
    let within = |span: &Range<usize>| span.start - window.bytes.start..span.end - window.bytes.start;
    let primary = AnnotationKind::Primary.span(within(span)).label(label);
    let context =
        near.into_iter().map(|(other, label)| AnnotationKind::Context.span(within(other)).label(label));
    Snippet::source(text.get(&window.bytes))
        .path(path)
        .line_start(window.line)
        .annotations(std::iter::once(primary).chain(context))
}
