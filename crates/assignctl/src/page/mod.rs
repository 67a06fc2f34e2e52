//! The frame of a report's page: a matrix that can be filtered, in one self-contained file. It asks nothing of any
//! network: the policy in its head names the style and the script that are in it, and forbids everything else.
//!
//! A report fills the blocks of `frame.html`. A cell of the matrix holds a list; the class of an item is its tone, of which
//! `good` and `soft` are no difference, and its parts are the mark, a name, and the ids of rows. A report may add choices to
//! the bar, and other views of the same: its script enters them in `frame`, which then filters, keeps and recalls them.

use std::fmt::{self, Write};

use askama::{
    Template,
    filters::{Escaper, Html},
};
use assigner_core::shown::shown;
use aws_smithy_types::base64;
use sha2::{Digest, Sha256};

use crate::exit::Failure;

const STYLE: &str = include_str!("frame.css");
const SCRIPT: &str = include_str!("frame.js");

/// What a page calls the parts of its matrix.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// One line of the matrix, and several.
    pub line: &'static str,
    pub lines: &'static str,
    pub column: &'static str,
    pub column_title: &'static str,
    /// What the filter for differences says.
    pub drift: &'static str,
    /// What can be written before a colon, for each part in this order: the line's name and id, its place, the column, the
    /// name in an item, the rows, the mark, and what a column's head says besides.
    pub fields: &'static str,
    pub fields_told: &'static str,
    pub example: &'static str,
    pub example_whole: &'static str,
    pub hint: &'static str,
    /// What a name in an item is if the item does not say it; empty if there are no kinds.
    pub kind: &'static str,
    /// Heads the lists on paper, where there are no columns.
    pub on_paper: &'static str,
}

pub struct Frame {
    pub words: Words,
    pub style: String,
    pub style_hash: String,
    pub script: String,
    pub script_hash: String,
}

impl Frame {
    /// Returns the frame of a matrix with so many columns. `footer` stands at the foot of every sheet of paper; `style` and
    /// `script` are what the report adds, both of which may be empty.
    pub fn new(words: Words, columns: usize, footer: &str, style: &str, script: &str) -> Frame {
        let style = format!(
            "{STYLE}{style}:root {{ --columns: {columns} }}\n\
             @media print, (max-width: 48rem) {{ #matrix thead tr::after {{ content: {} }} }}\n\
             @page {{ @bottom-left {{ content: {} }} }}\n",
            quoted(words.on_paper),
            quoted(footer)
        );
        let script = format!("{SCRIPT}{script}frame.start();\n");
        Frame { words, style_hash: hash(&style), style, script_hash: hash(&script), script }
    }
}

/// Returns the bytes of a page.
pub fn render(page: &impl Template) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    Template::write_into(page, &mut bytes).map_err(unwritten)?;
    Ok(bytes)
}

/// Returns the failure of a report that could not be put together.
pub fn unwritten(error: impl fmt::Display) -> Failure {
    Failure::wrong(
        format!("the report could not be made: {error}"),
        "this is a fault of assignctl; report it",
    )
}

/// Returns what a policy names a style or a script by.
fn hash(text: &str) -> String {
    format!("sha256-{}", base64::encode(Sha256::digest(text)))
}

/// Returns a CSS string, in which everything but letters, digits and spaces is escaped.
fn quoted(text: &str) -> String {
    let mut string = String::from('"');
    for character in text.chars() {
        let _ = match character {
            ' ' | '0'..='9' | 'a'..='z' | 'A'..='Z' => write!(string, "{character}"),
            other => write!(string, "\\{:x} ", u32::from(other)),
        };
    }
    string + "\""
}

/// How a page shows texts of others: without markup, and with what nobody would see spelt out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shown;

impl Escaper for Shown {
    fn write_escaped_str<W: Write>(&self, dest: W, text: &str) -> fmt::Result {
        Html.write_escaped_str(dest, &shown(text))
    }
}
