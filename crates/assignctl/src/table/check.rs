//! `assignctl check`: every fault of a table in its place, and every doubtful row. Needs no AWS for a file.

use std::{borrow::Cow, ops::Range};

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};
use assigner_core::{
    reading::{self, Fault, Part, RowRef},
    shown::{is_hidden, shown},
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

/// What is found out about a table that can be read.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// What only AWS shows to be wrong.
    pub faults: Vec<Fault>,
    pub doubts: Vec<Doubt>,
}

/// What `check --json` prints.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Checked {
    table: String,
    sound: bool,
    /// How many rows the table has, if it is sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<usize>,
    counts: CheckCounts,
    faults: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

/// How many there are, also of those that are too many to list.
#[derive(Clone, Copy, Debug, Serialize)]
struct CheckCounts {
    faults: usize,
    warnings: usize,
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
    /// How many it stands for.
    #[serde(skip)]
    count: usize,
    /// The row's id, if it helps to find the row.
    #[serde(skip)]
    row_span: Option<Range<usize>>,
    /// Id of another row that it is about, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    other: Option<String>,
    #[serde(skip)]
    other_span: Option<Range<usize>>,
}

/// Runs the check. `judge` judges a table whose text is sound.
pub async fn run<R: RowKind>(
    session: &Session,
    strict: bool,
    judge: impl FnOnce(&Table<R>) -> Result<Judged, Failure>,
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
    let text = Text::new(bytes.as_deref().unwrap_or_default(), R::LIST);
    let (rows, faults, warnings) = match parsed {
        Ok(table) => {
            let Judged { faults, doubts } = judge(&table)?;
            let warnings = doubts.into_iter().map(|doubt| of_doubt(doubt, &table, &text)).collect();
            (Some(table.rows.len()), faults, warnings)
        }
        Err(faults) => (None, faults, Vec::new()),
    };
    let mut checked = Checked {
        table: session.table.to_string(),
        sound: faults.is_empty(),
        rows: rows.filter(|_| faults.is_empty()),
        counts: CheckCounts { faults: reading::count(&faults), warnings: warnings.len() },
        faults: faults.iter().map(|fault| of_fault(fault, &text)).collect(),
        warnings,
    };
    // In the order of the text. What stands for those that are not listed comes last.
    checked.faults.sort_by_key(|fault| (fault.count > 1, fault.row, fault.line, fault.column));
    checked.warnings.sort_by_key(|doubt| doubt.row);
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
    let Fault { row, field, part, problem, remedy, count } = fault;
    let number = row.as_ref().map(|row| row.number);
    let span = match number {
        // A text that is not JSON has one fault, at the place where the reading ended.
        None if field.is_empty() => text.broken(),
        _ => text.find(number, field, *part),
    };
    Diagnostic {
        kind: None,
        row: number,
        id: row.clone().and_then(|RowRef { id, .. }| id),
        field: field.clone(),
        problem: problem.clone(),
        remedy: remedy.clone(),
        count: *count,
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
            count: 1,
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
    let Checked { table, rows, counts, faults, warnings, .. } = checked;
    let table = &clean(table);
    let levels = [(Level::ERROR, faults), (Level::WARNING, warnings)];
    for (level, diagnostics) in levels {
        for diagnostic in diagnostics {
            session.print(&render(level.clone(), diagnostic, table, text));
            session.print("\n\n");
        }
    }
    let rows = plural(rows.unwrap_or_default(), "row");
    session.print(&match *counts {
        CheckCounts { faults: 0, warnings: 0 } => format!("{GOOD}{table} is sound{GOOD:#}: {rows}\n"),
        CheckCounts { faults: 0, warnings } => {
            let warned = plural(warnings, "warning");
            format!("{WARNING}{table} is sound, with {warned}{WARNING:#}: {rows}\n")
        }
        CheckCounts { faults, .. } => {
            format!("{ERROR}{table} is refused, with {}{ERROR:#}\n", plural(faults, "fault"))
        }
    });
}

fn render(level: Level<'_>, diagnostic: &Diagnostic, path: &str, text: &Text<'_>) -> String {
    let title = level.primary_title(diagnostic.title());
    let help = Level::HELP.message(clean(&diagnostic.remedy));
    let Some(span) = &diagnostic.span else {
        return Renderer::styled().render(&[Group::with_title(title).element(help)]);
    };
    let near = diagnostic.row_span.as_ref().map(|span| (span, "in this row"));
    let shown = Shown::new(text, path, span, None, near);
    let other = diagnostic.other_span.as_ref();
    let other = other.map(|other| Shown::new(text, path, other, Some("the other row"), None));
    let mut group = Group::with_title(title).element(shown.snippet);
    let mut places = vec![shown.place];
    if let Some(Shown { snippet, place }) = other {
        group = group.element(snippet);
        places.push(place);
    }
    let rendered = Renderer::styled().render(&[group.element(help)]);
    places
        .into_iter()
        .flatten()
        .fold(rendered, |rendered, (wrong, right)| rendered.replacen(&wrong, &right, 1))
}

/// The part of a text that holds a span.
struct Shown<'t> {
    snippet: Snippet<'t, Annotation<'t>>,
    /// The place as the renderer writes it, and as it is, if it is another one in the whole text.
    place: Option<(String, String)>,
}

impl<'t> Shown<'t> {
    /// Returns the lines of a span, and of another one if it is near, with every hidden character spelt out.
    fn new(
        text: &Text<'t>,
        path: &str,
        span: &Range<usize>,
        label: Option<&'static str>,
        near: Option<(&Range<usize>, &'static str)>,
    ) -> Shown<'t> {
        let near = near.filter(|(other, _)| text.is_near(other, span));
        let window = text.window(near.iter().map(|(other, _)| *other).chain([span]));
        let before = |at: usize| shown_source(text.get(&(window.bytes.start..at)));
        let within = |span: &Range<usize>| before(span.start).len()..before(span.end).len();
        let primary = AnnotationKind::Primary.span(within(span)).label(label);
        let context = near.map(|(other, label)| AnnotationKind::Context.span(within(other)).label(label));
        // The renderer counts from where the part begins, which may be in the middle of a long line.
        let (line, column) = text.line_and_column(span.start);
        let counted = before(span.start).chars().rev().take_while(|character| *character != '\n').count() + 1;
        let right = format!("{path}:{line}:{column}");
        let (path, place) = match counted == column {
            true => (path.to_owned(), None),
            false => (right.clone(), Some((format!("{right}:{line}:{counted}"), right))),
        };
        let snippet = Snippet::source(shown_source(text.get(&window.bytes)).into_owned())
            .path(path)
            .line_start(window.line)
            .annotations(std::iter::once(primary).chain(context));
        Shown { snippet, place }
    }
}

/// Returns a part of a text with its line breaks and tabs, which the renderer knows, and nothing else that is hidden.
fn shown_source(text: &str) -> Cow<'_, str> {
    let is_kept = |character| matches!(character, '\n' | '\t' | '\r');
    if !text.contains(|character| is_hidden(character) && !is_kept(character)) {
        return text.into();
    }
    let parts = text.split_inclusive(is_kept).flat_map(|part| {
        let end = part.len() - usize::from(part.ends_with(is_kept));
        [shown(&part[..end]), Cow::Borrowed(&part[end..])]
    });
    parts.collect::<String>().into()
}
