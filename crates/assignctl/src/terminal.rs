//! The person: what is printed, what is asked, what is shown while it takes time, and Ctrl-C.

use std::{
    io::{IsTerminal, Write},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

pub use crate::style::{ERROR, FAINT, GOOD, STRONG, WARNING};
use crate::{exit::Failure, session::Session};

impl Session {
    /// Writes to standard output, with colours only if it is a terminal that wants them. A reader that went away, such
    /// as `head`, is not a failure.
    pub fn print(&self, text: &str) {
        let mut output = anstream::stdout().lock();
        let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    }

    /// Writes one JSON document to standard output.
    pub fn print_json(&self, document: &impl Serialize) {
        // Strings, numbers and lists cannot fail to be written.
        self.print(&(serde_json::to_string_pretty(document).unwrap_or_default() + "\n"));
    }

    /// Writes a note to the person. It is never part of the output.
    pub fn note(&self, text: &str) {
        anstream::eprintln!("{FAINT}{text}{FAINT:#}");
    }

    /// Asks before something is done.
    pub fn confirm(&self, question: &str) -> Result<bool, Failure> {
        if self.json || !std::io::stdin().is_terminal() {
            return Err(Failure::wrong(
                "cannot ask: standard input is not a terminal, or --json was given",
                "look at the plan first, then add --yes",
            ));
        }
        anstream::eprint!("{question} [y/N] ");
        let mut answer = String::new();
        std::io::stdin()
            .read_line(&mut answer)
            .map_err(|error| Failure::wrong(format!("no answer: {error}"), "run it again"))?;
        Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
    }

    /// Shows that work is going on, until it is cleared.
    pub fn spinner(&self) -> ProgressBar {
        let bar = ProgressBar::new_spinner();
        bar.set_draw_target(self.draw_target());
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }

    /// Shows how much of `all` is done.
    pub fn progress(&self, all: usize, template: &str) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(Some(all as u64), self.draw_target());
        bar.set_style(style(template));
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }

    fn draw_target(&self) -> ProgressDrawTarget {
        if self.json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() }
    }
}

/// Returns the style of a bar.
pub fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Returns when a person presses Ctrl-C, or something else asks the command to end.
pub async fn interrupted() {
    #[cfg(unix)]
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => _ = signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending();
    let ctrl_c = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = ctrl_c => {}
        () = terminated => {}
    }
}

/// Returns a text without control characters. Names come from others: what would move the cursor or colour the terminal
/// is spelt out.
pub fn clean(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

pub fn plural(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
