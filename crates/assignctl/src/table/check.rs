//! `assignctl check`: every fault of a table in its place, and every doubtful row. Needs no AWS for a file.

mod place;

use std::{io::Read, ops::Range, path::Path, process::ExitCode};

use account_assigner::{
    error::Error,
    table::{self, Fault, MAX_BYTES, Part, Place, RowPlace, Table},
};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;

use crate::{
    arguments,
    failure::{ERROR, Failure, GOOD, MISSING, WARNING, WRONG},
    lint::{self, Kind},
    session::Session,
    show::{clean, plural},
};
use place::Text;

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
    kind: Option<Kind>,
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
    /// The row's id, where it helps to find the row.
    #[serde(skip)]
    row_span: Option<Range<usize>>,
    /// Id of another row that it is about, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    other: Option<String>,
    #[serde(skip)]
    other_span: Option<Range<usize>>,
}

pub async fn run(session: &Session, arguments: arguments::Check) -> Result<ExitCode, Failure> {
    let arguments::Check { snapshot, strict } = arguments;
    let bytes = match &session.table {
        Place::File(path) => {
            session.require_file(path)?;
            Some(read(path)?)
        }
        Place::Embedded | Place::DynamoDb(_) => None,
    };
    let parsed = match &bytes {
        Some(bytes) => table::parse(bytes),
        None => match session.source(&session.table).await.load().await {
            Ok(table) => Ok(table),
            Err(Error::InvalidTable { faults, .. }) => Err(faults),
            Err(error) => return Err(error.into()),
        },
    };
    let organization = snapshot.as_deref().map(|path| session.snapshot(path)).transpose()?;
    let text = bytes.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
    let text = Text::new(text);
    let mut checked = Checked {
        table: session.table.to_string(),
        sound: parsed.is_ok(),
        rows: parsed.as_ref().map_or(0, |table| table.rows.len()),
        faults: match &parsed {
            Ok(_) => Vec::new(),
            Err(faults) => faults.iter().map(|fault| of_fault(fault, &text)).collect(),
        },
        warnings: match &parsed {
            Ok(table) => lint::lint(table, organization.as_ref())
                .iter()
                .map(|warning| of_warning(warning, table, &text))
                .collect(),
            Err(_) => Vec::new(),
        },
    };
    // In the order in which a person comes upon them.
    checked.faults.sort_by_key(|fault| (fault.row, fault.line, fault.column));
    if session.json {
        session.print_json(&checked);
    } else {
        print(session, &checked, &text);
    }
    Ok(match &checked {
        Checked { sound: false, .. } => ExitCode::from(WRONG),
        Checked { warnings, .. } if strict && !warnings.is_empty() => ExitCode::from(MISSING),
        _ => ExitCode::SUCCESS,
    })
}

/// One byte more than a table may have is enough to refuse it.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| Failure::file("read", path, &error))?;
    Ok(bytes)
}

fn of_fault(fault: &Fault, text: &Text<'_>) -> Diagnostic {
    let Fault { row, field, part, problem, remedy } = fault;
    let number = row.as_ref().map(|row| row.number);
    let span = match number {
        // A text that is no JSON has one fault, which is where the reading ended.
        None if field.is_empty() => text.syntax_error(),
        _ => text.find(number, field, *part),
    };
    Diagnostic {
        kind: None,
        row: number,
        id: row.clone().and_then(|RowPlace { id, .. }| id),
        field: field.clone(),
        problem: problem.clone(),
        remedy: remedy.clone(),
        ..Diagnostic::at(span, text)
    }
    .in_row(text, None)
}

fn of_warning(warning: &lint::Warning, table: &Table, text: &Text<'_>) -> Diagnostic {
    let lint::Warning { kind, row, field, problem, remedy, other } = warning;
    Diagnostic {
        kind: Some(*kind),
        row: Some(row + 1),
        id: table.rows.get(*row).map(|row| row.id.clone()),
        field: field.clone(),
        problem: problem.clone(),
        remedy: remedy.clone(),
        other: other.and_then(|other| table.rows.get(other)).map(|row| row.id.clone()),
        ..Diagnostic::at(text.find(Some(row + 1), field, Part::Value), text)
    }
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

    fn in_row(mut self, text: &Text<'_>, other: Option<usize>) -> Diagnostic {
        let id = |row| text.find(Some(row), "id", Part::Value);
        self.row_span = self.row.and_then(id).filter(|span| Some(span) != self.span.as_ref());
        self.other_span = other.and_then(id);
        self
    }

    /// Where and what, in one line.
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

/// The lines of a span, and of others where they are near.
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
