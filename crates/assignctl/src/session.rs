//! What all verbs share: the table's place, how output is written, the clients of AWS, and the facts that a verb needs,
//! from AWS or from a snapshot.

use std::{
    io::{IsTerminal, Write},
    path::Path,
    sync::Arc,
    time::Duration,
};

use account_assigner::{
    aws::{self, Tally},
    config::Config,
    directory::Directory,
    error::Error,
    identity_center::IdentityCenter,
    names::Names,
    organization::Organization,
    snapshot::{Reader, Reading, Selection, Snapshot, Step},
    source::Source,
    table::{OrganizationalUnit, Place, Table},
};
use aws_config::SdkConfig;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tokio::time::Instant;

use crate::failure::{FAINT, Failure};

/// Attempts at one read: about a quarter of a minute where nothing answers, since a person waits.
const ATTEMPTS: u32 = 8;

pub struct Session {
    pub table: Place,
    pub json: bool,
    /// When everything ends that has not ended by itself.
    pub until: Instant,
}

/// The clients of AWS, with the settings of the function where the environment has them.
pub struct Aws {
    pub config: Config,
    pub organization: Organization,
    pub center: IdentityCenter,
    pub names: Names,
}

/// What is true, and what the names of the tables mean.
pub struct Facts {
    pub snapshot: Snapshot,
    pub directory: Directory,
}

impl Session {
    /// Writes to standard output; colours only where it is a terminal that wants them. A reader that went away, such
    /// as `head`, is no failure.
    pub fn print(&self, text: &str) {
        let mut output = anstream::stdout().lock();
        let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    }

    /// One JSON document on standard output.
    pub fn print_json(&self, document: &impl Serialize) {
        // Strings, numbers and lists cannot fail to be written.
        self.print(&(serde_json::to_string_pretty(document).unwrap_or_default() + "\n"));
    }

    /// A word to the person, never part of the output.
    pub fn note(&self, text: &str) {
        anstream::eprintln!("{FAINT}{text}{FAINT:#}");
    }

    /// Writes a file whole or not at all: a reader never sees half of it.
    pub fn write(&self, path: &Path, content: &[u8]) -> Result<(), Failure> {
        let existing = std::fs::metadata(path).ok();
        let written = match &existing {
            // A device or a pipe is written to, not replaced.
            Some(existing) if !existing.is_file() => std::fs::write(path, content),
            _ => replace(path, content, existing.map(|existing| existing.permissions())),
        };
        written.map_err(|error| Failure::file("write", path, &error))
    }

    /// Asks before something is done. Without a terminal nobody can answer, and `what` says what to add.
    pub fn confirm(&self, question: &str) -> Result<bool, Failure> {
        if self.json || !std::io::stdin().is_terminal() {
            return Err(Failure::wrong(
                "nobody can be asked: standard input is no terminal, or --json was given",
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

    pub async fn aws(&self) -> Result<Aws, Failure> {
        let config = Config::read(|name| std::env::var(name).ok()).map_err(Error::InvalidConfig)?;
        let sdk = aws::load(aws::attempts(ATTEMPTS)).await;
        let tally = Arc::new(Tally::default());
        Ok(Aws {
            organization: Organization::new(&sdk, tally.clone()),
            center: IdentityCenter::new(&config, &sdk, tally)?,
            names: Names::default(),
            config,
        })
    }

    /// A table from a file, without AWS; or from DynamoDB.
    pub async fn table(&self, place: &Place) -> Result<Table, Failure> {
        if let Place::File(path) = place {
            self.require_file(path)?;
        }
        Ok(self.source(place).await.load().await?)
    }

    /// Opening a named pipe would wait for a writer.
    pub fn require_file(&self, path: &Path) -> Result<(), Failure> {
        match std::fs::metadata(path) {
            Ok(found) if found.is_file() => Ok(()),
            Ok(_) => Err(Failure::wrong(format!("{} is not a file", path.display()), "name a file")),
            Err(error) => Err(Failure::file("read", path, &error)),
        }
    }

    pub async fn source(&self, place: &Place) -> Source {
        let sdk = match place {
            Place::DynamoDb(_) => aws::load(aws::attempts(ATTEMPTS)).await,
            Place::Embedded | Place::File(_) => SdkConfig::builder().build(),
        };
        Source::new(place.clone(), &sdk, Arc::default())
    }

    pub fn snapshot(&self, path: &Path) -> Result<Snapshot, Failure> {
        let text = std::fs::read(path).map_err(|error| Failure::file("read", path, &error))?;
        Snapshot::parse(&text).map_err(|problem| {
            Failure::wrong(
                format!("{}: {problem}", path.display()),
                "write a new one with `assignctl snapshot`",
            )
        })
    }

    /// What was read before, for these accounts.
    pub fn facts_from_snapshot(
        &self,
        path: &Path,
        selection: &Selection,
        tables: &[&Table],
    ) -> Result<Facts, Failure> {
        let mut snapshot = self.snapshot(path)?;
        let unknown = selection.unknown(&snapshot.accounts);
        if !unknown.is_empty() {
            return Err(Failure::wrong(
                format!("{} has no account {}", path.display(), unknown.join(", ")),
                "correct the id, or write a new snapshot",
            ));
        }
        snapshot.accounts.retain(|account| selection.covers(account));
        somebody(selection, &snapshot)?;
        let directory = snapshot.directory(tables);
        Ok(Facts { snapshot, directory })
    }

    /// What AWS says now of these accounts.
    pub async fn facts_from_aws(
        &self,
        aws: &Aws,
        selection: &Selection,
        tables: &[&Table],
        every_tag: bool,
    ) -> Result<Facts, Failure> {
        let bar = ProgressBar::new_spinner();
        if self.json {
            bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        let management: Vec<_> = aws.config.management_account.iter().collect();
        let watch = |step| watch(&bar, step);
        let reader = Reader {
            organization: &aws.organization,
            center: &aws.center,
            names: &aws.names,
            management: &management,
            selection,
            tables,
            every_tag,
            watch: &watch,
        };
        let read = tokio::time::timeout_at(self.until, reader.read()).await;
        bar.finish_and_clear();
        let late = || Error::ServiceUnavailable("the time ran out while AWS was read".to_owned());
        let Reading { snapshot, directory } = read.map_err(|_| late())??;
        snapshot.notes.iter().for_each(|note| self.note(&format!("note: {note}")));
        somebody(selection, &snapshot)?;
        Ok(Facts { snapshot, directory })
    }

    /// From the file where there is one, else from AWS.
    pub async fn facts(
        &self,
        file: Option<&Path>,
        selection: &Selection,
        tables: &[&Table],
    ) -> Result<Facts, Failure> {
        match file {
            Some(path) => self.facts_from_snapshot(path, selection, tables),
            None => self.facts_from_aws(&self.aws().await?, selection, tables, false).await,
        }
    }
}

fn replace(path: &Path, content: &[u8], permissions: Option<std::fs::Permissions>) -> std::io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    let new = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    #[cfg(unix)]
    builder.permissions(permissions.unwrap_or(new));
    let mut file = builder.tempfile_in(directory.unwrap_or(Path::new(".")))?;
    file.write_all(content)?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// An OU in which no account is has been misspelt, as a rule.
fn somebody(selection: &Selection, snapshot: &Snapshot) -> Result<(), Failure> {
    if !snapshot.accounts.is_empty() || selection.is_everything() {
        return Ok(());
    }
    let ous: Vec<String> = selection.ous.iter().map(OrganizationalUnit::to_string).collect();
    Err(Failure::wrong(
        format!("no active account is in {} or below it", ous.join(" or ")),
        "give the path of names from the root down, such as Workloads/Prod, or the OU's id",
    ))
}

fn watch(bar: &ProgressBar, step: Step) {
    let counted = |read: usize, all: usize, what: &str| {
        if bar.length() != Some(all as u64) {
            let style = ProgressStyle::with_template("{spinner} {msg} {bar:30} {pos} of {len}, {eta} left");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_length(all as u64);
        }
        bar.set_message(format!("Reading {what}"));
        bar.set_position(read as u64);
    };
    match step {
        Step::Names => bar.set_message("Reading names of permission sets, groups and users"),
        Step::Accounts => bar.set_message("Reading names and accounts"),
        Step::Tags { read, all } => counted(read, all, "tags of accounts"),
        Step::Assignments { read, all, .. } => counted(read, all, "assignments"),
    }
}
