//! What `assignctl permission-set` takes.

use std::path::PathBuf;

use assigner_core::organization::NamedAccount;
use clap::{Args, Subcommand, ValueEnum, ValueHint};

use crate::arguments::account;

#[derive(Debug, Subcommand)]
pub enum PermissionSet {
    /// Reads what the roles of a set did, in every account that has it
    Usage(Usage),
    /// Drafts the policy that allows what was used, offline
    Draft(Draft),
    /// Writes a page for reviewers: who used what where, what a draft keeps and drops
    Report(Report),
    /// Makes a set of the policy file, next to the old one or in its place
    Apply(Apply),
    /// Gives a set back what `apply --replace` took from it
    Restore(Restore),
    /// Lets Access Analyzer read the organization's log bucket, or no longer
    #[command(subcommand)]
    Logs(Logs),
}

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  assignctl permission-set logs open
  assignctl permission-set logs status

One statement of the bucket's policy lets the roles of Access Analyzer read the log of their own accounts. AWS advises
against editing this policy: close the bucket as soon as you can. `assignctl permission-set usage --open-logs` does both.

Exit status: 0 done, or it was so before, 1 the policy cannot be read or written, or somebody changed the statement.")]
pub enum Logs {
    /// Shows whether the bucket is open
    Status,
    /// Adds the statement
    Open,
    /// Takes the statement away
    Close,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  assignctl permission-set usage PowerUserAccess --output poweruser.usage.json
  assignctl permission-set usage PowerUserAccess --source last-accessed --days 30 --output poweruser.usage.json

In each account a role is assumed, and its session narrowed to what is read. Policy generations of the last seven days
are taken instead of new ones.

Exit status: 0 every account was read, 1 a source failed in an account; the file is written all the same.")]
pub struct Usage {
    /// The permission set: its name or its ARN.
    pub set: String,
    /// How far to look back, 1 to 90.
    #[arg(long, value_name = "NUMBER", default_value = "90", value_parser = clap::value_parser!(u32).range(1..=90))]
    pub days: u32,
    /// Asks this source alone; without it, both.
    #[arg(long, value_enum)]
    pub source: Option<SourceName>,
    /// The role that is assumed in the accounts of the set.
    #[arg(long, value_name = "NAME", default_value = "AWSControlTowerExecution")]
    pub role: String,
    /// Opens the log bucket for Access Analyzer meanwhile, as `assignctl permission-set logs` does, and makes the role that
    /// reads it in accounts that have none. Both are taken away again.
    #[arg(long)]
    pub open_logs: bool,
    /// Writes the usage file.
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum SourceName {
    /// Policy generations of IAM Access Analyzer, from CloudTrail's log
    Generated,
    /// IAM's last-accessed data
    LastAccessed,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  assignctl permission-set draft poweruser.usage.json --output poweruser.policy.json
  assignctl permission-set draft poweruser.usage.json --keep keep.json --strict --output poweruser.policy.json

An action that was used keeps the resources and conditions with which the set allows it today. What no source can show
is listed as a gap; add what is needed to the keep file:
  { \"keep\": [{ \"statement\": { \"Effect\": \"Allow\", \"Action\": \"s3:GetObject\", \"Resource\": \"*\" },
              \"reason\": \"read by the nightly job\", \"until\": \"2027-03-31\" }] }

Exit status: 0 drafted, 1 use is missing, the policy is too large, or --strict and there are gaps, 2 bad input.")]
pub struct Draft {
    /// What `assignctl permission-set usage` wrote.
    #[arg(value_hint = ValueHint::FilePath)]
    pub usage: PathBuf,
    /// What to keep although nobody was seen to use it, each with a reason.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub keep: Option<PathBuf>,
    /// Writes the policy file. Without it nothing is written.
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Fails, and writes nothing, if there are gaps.
    #[arg(long)]
    pub strict: bool,
    /// Drafts without the use of this account, by id or by name; may be repeated.
    #[arg(long, value_name = "ID|NAME", value_parser = account)]
    pub without: Vec<NamedAccount>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  assignctl permission-set report --usage poweruser.usage.json --draft poweruser.policy.json --html poweruser.html
  assignctl permission-set report --usage poweruser.usage.json --draft poweruser.policy.json --csv poweruser.csv

The page begins with what has to be decided. It works offline, names accounts and no persons, and the same files make the
same page. If the policy was edited by hand, the page says what was added and removed.

Exit status: 0 written, also if there is something to decide, 2 bad input, or the files do not belong together.")]
pub struct Report {
    /// What `assignctl permission-set usage` wrote.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub usage: PathBuf,
    /// What `assignctl permission-set draft` made of it.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub draft: PathBuf,
    /// Writes the page.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub html: Option<PathBuf>,
    /// Writes a line for each action and account, for a spreadsheet.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub csv: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  assignctl permission-set apply poweruser.policy.json --as PowerUser-least
  assignctl permission-set apply poweruser.policy.json --replace --canary 111122223333

With --as the old set stays as it is, and nobody is assigned. With --replace the live set is edited, new in and old out,
and provisioned: in one account first, where its role is looked at, then in the others. Before that, a file next to the
policy file remembers every field of the old set, for `assignctl permission-set restore`.

Access Analyzer's CheckNoNewAccess must prove that the new set allows nothing that the old one does not ($0.002 a call).
Run again, it goes on where it ended; with nothing left to do it writes nothing.

Exit status: 0 done, or so before, 1 refused, nothing was agreed to, or a call or an account failed, 2 the policy file is
refused, or nobody can be asked.")]
#[command(group(clap::ArgGroup::new("how").required(true).args(["name", "replace"])))]
pub struct Apply {
    /// What `assignctl permission-set draft` wrote.
    #[arg(value_hint = ValueHint::FilePath)]
    pub policy: PathBuf,
    /// The name of the new set.
    #[arg(long = "as", value_name = "NAME", value_parser = set_name)]
    pub name: Option<String>,
    /// Edits the set itself, and provisions it.
    #[arg(long)]
    pub replace: bool,
    /// The account in which it is provisioned first, by id or by name; without it, the first one by its id.
    #[arg(long, value_name = "ID|NAME", value_parser = account, requires = "replace")]
    pub canary: Option<NamedAccount>,
    /// Keeps the policy under this name in each account, instead of inline in the set, and creates it where it is
    /// missing.
    #[arg(long, value_name = "NAME", value_parser = policy_name)]
    pub customer_managed: Option<String>,
    /// The role that is assumed in the accounts of the set.
    #[arg(long, value_name = "NAME", default_value = "AWSControlTowerExecution")]
    pub role: String,
    /// Does not ask.
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  assignctl permission-set restore poweruser.before.json

Gives the set back every field that the file has, provisions it in its accounts, and looks at its roles there. Run again,
it goes on where it ended; with nothing left to do it writes nothing.

Exit status: 0 everything is as it was, 1 refused, nothing was agreed to, or a call or an account failed, 2 the file is
refused, or nobody can be asked.")]
pub struct Restore {
    /// What `assignctl permission-set apply` wrote before it changed anything.
    #[arg(value_hint = ValueHint::FilePath)]
    pub before: PathBuf,
    /// The role that is assumed in the accounts of the set.
    #[arg(long, value_name = "NAME", default_value = "AWSControlTowerExecution")]
    pub role: String,
    /// Does not ask.
    #[arg(long)]
    pub yes: bool,
}

fn policy_name(text: &str) -> Result<String, &'static str> {
    let takes = |letter: char| letter.is_ascii_alphanumeric() || "+=,.@-_".contains(letter);
    // Room for the numbers of its parts.
    match (1..=120).contains(&text.len()) && text.chars().all(takes) {
        true => Ok(text.to_owned()),
        false => Err("a name has 1 to 120 letters, digits and + = , . @ - _"),
    }
}

fn set_name(text: &str) -> Result<String, &'static str> {
    let takes = |letter: char| letter.is_ascii_alphanumeric() || "+=,.@-_".contains(letter);
    match (1..=32).contains(&text.len()) && text.chars().all(takes) {
        true => Ok(text.to_owned()),
        false => Err("a name has 1 to 32 letters, digits and + = , . @ - _"),
    }
}
