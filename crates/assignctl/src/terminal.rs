//! The person: what is printed, what is asked, what is shown while it takes time, and Ctrl-C.
//!
//! Whatever goes to a terminal passes [`harmless`]. A write to standard output that fails is remembered, so that no verb
//! can end well without what it had to say.

use std::{
    borrow::Cow,
    io::{self, ErrorKind, IsTerminal, Write},
    time::Duration,
};

use assigner_core::{
    shown::{is_hidden, shown, shown_json},
    work::{Count, Wish},
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use tokio::sync::watch;

pub use crate::style::{ERROR, FAINT, GOOD, STRONG, WARNING};
use crate::{exit::Failure, session::Session};

/// The version of every document that `--json` prints. It changes if a field changes its meaning or goes away.
pub const DOCUMENTS: u32 = 1;

/// A document with its version.
#[derive(Serialize)]
struct Versioned<'d, T> {
    version: u32,
    #[serde(flatten)]
    document: &'d T,
}

/// Returns a document as `--json` prints it.
pub fn document(document: &impl Serialize) -> String {
    as_it_is(&Versioned { version: DOCUMENTS, document })
}

/// Returns JSON that others define, such as a table or a snapshot: without a version of ours.
pub fn as_it_is(document: &impl Serialize) -> String {
    // Strings, numbers, lists and objects cannot fail to be written.
    let text = serde_json::to_string_pretty(document).unwrap_or_default() + "\n";
    shown_json(&text).into_owned()
}

impl Session {
    /// Writes to standard output, with colours only if it is a terminal that wants them.
    pub fn print(&self, text: &str) {
        if self.unwritten.get().is_none()
            && let Err(error) = print(text)
        {
            // It is empty, so it can be set.
            let _ = self.unwritten.set(error);
        }
    }

    /// Writes one JSON document to standard output.
    pub fn print_json(&self, answer: &impl Serialize) {
        self.print(&document(answer));
    }

    /// Returns the failure of a write to standard output. Nothing may be done on the strength of what nobody can read.
    ///
    /// # Errors
    /// A reader that went away, such as `head`, is no failure.
    pub fn written(&self) -> Result<(), Failure> {
        match self.unwritten.get() {
            Some(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::unwritten(error)),
            _ => Ok(()),
        }
    }

    /// Writes a note to the person. It is never part of the output.
    pub fn note(&self, text: &str) {
        say(&format!("{FAINT}{text}{FAINT:#}\n"));
    }

    /// Asks before something is done.
    pub fn confirm(&self, question: &str) -> Result<bool, Failure> {
        if !self.can_ask() {
            return Err(Failure::wrong(
                "cannot ask: standard input is not a terminal, or --json was given",
                "look at the plan first, then add --yes",
            ));
        }
        say(&format!("{question} [y/N] "));
        let mut answer = String::new();
        std::io::stdin()
            .read_line(&mut answer)
            .map_err(|error| Failure::wrong(format!("no answer: {error}"), "run it again"))?;
        Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
    }

    /// Whether there is somebody to ask.
    pub fn can_ask(&self) -> bool {
        !self.json && std::io::stdin().is_terminal()
    }

    /// Asks for a number to be typed. A habit of answering yes is not enough to take something away.
    pub fn confirm_by_number(&self, question: &str, number: usize) -> Result<bool, Failure> {
        say(&format!("{question} "));
        let mut answer = String::new();
        std::io::stdin()
            .read_line(&mut answer)
            .map_err(|error| Failure::wrong(format!("no answer: {error}"), "run it again"))?;
        Ok(answer.trim() == number.to_string())
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
        bar.set_style(bar_style(template));
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }

    fn draw_target(&self) -> ProgressDrawTarget {
        // A bar would be drawn over the calls.
        if self.json || self.verbose { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() }
    }
}

/// Returns the style of a bar.
pub fn bar_style(template: &str) -> ProgressStyle {
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

/// Obeys signals. After the first one nothing new is started; after the second one nothing is waited for.
pub async fn obey_signals(wish: &watch::Sender<Wish>, bar: &ProgressBar) {
    interrupted().await;
    wish.send_replace(Wish::StartNothing);
    bar.suspend(|| {
        say("Nothing new is started; what is under way is waited for. Ctrl-C again waits no longer.\n");
    });
    interrupted().await;
    wish.send_replace(Wish::Stop);
}

/// Shows how far work is.
pub fn show_progress(bar: &ProgressBar, Count { done, failed, outstanding }: Count) {
    bar.set_position(done as u64);
    let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
    bar.set_message(format!(", {outstanding} under way{failed}"));
}

/// What asks the command to end, from when this was made: Ctrl-C, SIGTERM, a terminal that is closed. Nothing of it ends the
/// command by itself any more.
pub struct Signals {
    #[cfg(unix)]
    streams: Vec<tokio::signal::unix::Signal>,
}

impl Signals {
    #[cfg(unix)]
    pub fn listen() -> Signals {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [SignalKind::interrupt(), SignalKind::terminate()];
        let hangup = (!is_hangup_ignored()).then(SignalKind::hangup);
        Signals { streams: kinds.into_iter().chain(hangup).filter_map(|kind| signal(kind).ok()).collect() }
    }

    #[cfg(not(unix))]
    pub fn listen() -> Signals {
        Signals {}
    }

    /// Returns at the next one, or at one that came since the last look.
    #[cfg(unix)]
    pub async fn next(&mut self) {
        let streams = &mut self.streams;
        std::future::poll_fn(|context| {
            match streams.iter_mut().any(|one| one.poll_recv(context).is_ready()) {
                true => std::task::Poll::Ready(()),
                false => std::task::Poll::Pending,
            }
        })
        .await;
    }

    #[cfg(not(unix))]
    pub async fn next(&mut self) {
        interrupted().await;
    }
}

/// Whether the command was started so that it goes on when its terminal is closed, as by `nohup`. Linux says so.
#[cfg(unix)]
fn is_hangup_ignored() -> bool {
    let status = std::path::Path::new("/proc/self/status");
    let status = assigner_engine::files::first(status, 10_000).unwrap_or_default();
    let status = String::from_utf8_lossy(&status);
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // One bit for each signal, and SIGHUP is the first.
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

/// Writes to standard output.
pub fn print(text: &str) -> io::Result<()> {
    let mut output = anstream::stdout().lock();
    output.write_all(harmless(text).as_bytes())?;
    output.flush()
}

/// Writes to standard error. If nobody can be reached there, nobody can be reached.
pub fn say(text: &str) {
    let mut output = anstream::stderr().lock();
    let _ = output.write_all(harmless(text).as_bytes()).and_then(|()| output.flush());
}

/// Returns a text of others in one line, with what nobody would see spelt out.
pub fn clean(text: &str) -> String {
    shown(text).into_owned()
}

/// Returns a text that can do nothing to a terminal but colour it, whoever forgot to [`clean`] a part of it: only line
/// breaks and the sequences of our own styles pass.
pub fn harmless(text: &str) -> Cow<'_, str> {
    if !text.contains(|character| character != '\n' && is_hidden(character)) {
        return text.into();
    }
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let length = style(rest).unwrap_or(character.len_utf8());
        match &rest[..length] {
            "\n" => clean.push('\n'),
            one if length == character.len_utf8() => clean.push_str(&shown(one)),
            style => clean.push_str(style),
        }
        rest = &rest[length..];
    }
    clean.into()
}

/// Returns the length of the style that a text begins with, such as `ESC [ 1 m`.
fn style(text: &str) -> Option<usize> {
    let numbers = text.strip_prefix("\u{1b}[")?;
    let end = numbers.find(|character: char| !matches!(character, '0'..='9' | ';'))?;
    numbers[end..].starts_with('m').then_some(end + 3)
}

/// Returns how many of each there are. What there is none of is left out.
pub fn counted(counts: &[(usize, &str)]) -> String {
    let some = counts.iter().filter(|(count, _)| *count > 0);
    let some: Vec<String> = some.map(|(count, what)| format!("{count} {what}")).collect();
    if some.is_empty() { "nothing".to_owned() } else { some.join(", ") }
}

pub fn plural(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_colours_and_line_breaks_reaches_a_terminal() {
        let cases = [
            ("a\nb", "a\nb"),
            ("\u{1b}[1m\u{1b}[31mbold\u{1b}[0m", "\u{1b}[1m\u{1b}[31mbold\u{1b}[0m"),
            ("\u{1b}[38;5;12mblue", "\u{1b}[38;5;12mblue"),
            ("\u{1b}[2J", r"\u{1b}[2J"),
            ("\u{1b}[", r"\u{1b}["),
            ("\u{1b}[1", r"\u{1b}[1"),
            ("\u{1b}]0;title\u{7}", r"\u{1b}]0;title\u{7}"),
            ("\u{9b}2J", r"\u{9b}2J"),
            ("a\r\tb\u{202e}é\u{200b}", r"a\r\tb\u{202e}é\u{200b}"),
        ];
        for (text, expected) in cases {
            assert_eq!(harmless(text), expected, "{text:?}");
        }
    }
}
