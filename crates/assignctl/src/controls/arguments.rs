//! What `assignctl controls` takes.

use std::path::PathBuf;

use assigner_core::{selector::OrganizationalUnit, table::TableLocation};
use clap::{Args, Subcommand, ValueHint};

use crate::arguments::{Table, organizational_unit, table};

#[derive(Debug, Subcommand)]
pub enum Controls {
    /// Is the table of controls sound? Every fault and every doubtful row
    Check(Check),
    /// What would be enabled, updated or reset, on which OU, and because of which row
    Plan(Plan),
    /// Makes every OU have the controls that the table says
    Apply(Apply),
    /// What is not as the table says, whoever changed it
    Drift(Drift),
    /// Would the controls of the table have denied what is in use? From CloudTrail's files
    Impact(Impact),
    /// Between a file and the DynamoDB table of controls
    #[command(subcommand)]
    Table(Table),
    /// OUs by controls for auditors: a page, or a CSV file
    Report(Report),
    /// Disables enabled controls that no row wants, after a confirmation
    Disable(Disable),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Without --ou the report is of every OU. With --json the function's result goes to standard output, and no file is needed.

The CSV file has one line for each OU and control: the OU's path, the control, the status, the ids of the rows, and the items \
of the framework that the control serves. The statuses are those of `controls plan`, with missing for what would be enabled; \
unread says that it is not known what the OU has, and unserved is an item that no control on any of the OUs serves. A cell \
that a spreadsheet would take for a formula has a ' before it.

Examples:
  assignctl controls report --html controls.html
  assignctl controls report --html nist.html --csv nist.csv --framework NIST-SP-800-53-r5
  assignctl controls report --ou Workloads --html workloads.html

Exit status: 0 the report is written, whatever it says of differences between AWS and the table; `assignctl controls drift` \
exits with 1 if there are any. 2 wrong use, a bad table, or a framework that does not exist.")]
pub struct Report {
    #[command(flatten)]
    pub selection: Ous,
    /// A self-contained page: filters in a browser, prints as a list.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub html: Option<PathBuf>,
    /// One line for each OU and control.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub csv: Option<PathBuf>,
    /// Also the items of this framework of the Control Catalog that each control serves.
    #[arg(long, value_name = "NAME")]
    pub framework: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  assignctl controls plan                            prints the ARN of what is `extra`
  assignctl controls disable arn:aws:controltower:eu-west-1:123456789012:enabledcontrol/A1B2C3D4E5F6G7H8
  assignctl controls disable A1B2C3D4E5F6G7H8 H8G7F6E5D4C3B2A1 --yes

Nothing else disables a control. All of them are refused while a row of the table wants one, or if the landing zone needs \
one. It says what becomes possible again, asks, and follows each operation to its end. If it is stopped, Control Tower goes \
on; the same command follows what is under way.

Exit status: 0 all of them are disabled, 1 one failed or is not at its end, or nothing was wanted after the question, 2 \
refused, wrong use or a bad table.")]
pub struct Disable {
    /// The ARN of an enabled control, or its last part.
    #[arg(value_name = "ID", required = true)]
    pub ids: Vec<String>,
    /// Asks nothing.
    #[arg(long, short)]
    pub yes: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  aws s3 sync s3://BUCKET/o-a1b2c3d4e5/AWSLogs trail --exclude '*' --include '*/CloudTrail/*/2026/11/*'
  assignctl controls impact --events trail
  assignctl controls impact --events trail --days 30 --snapshot org.json --json
  assignctl controls impact --events trail --canary Sandbox
  assignctl controls impact --events trail --status-report ec2_r-ab12_report.csv

What was not seen may still be in use: no verdict says that a control is safe.

Exit status: 0 no use was seen anywhere, 1 something is in use, cannot be told or could not be read, 2 wrong use, or no \
record at all.")]
pub struct Impact {
    /// CloudTrail's files: a file, or a folder with everything below it, compressed or not.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub events: PathBuf,
    /// Only what was recorded in the last days counts.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub days: Option<u32>,
    /// A service control policy as it stands on an OU: its statements are those of the controls whose names are their
    /// Sids, instead of the ones of AWS's guide.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub policy: Option<PathBuf>,
    /// The same, of Control Tower's policies on an OU that has the controls already, by its id or its path.
    #[arg(long, value_name = "PATH|ID", value_parser = organizational_unit, conflicts_with_all = ["policy", "snapshot"])]
    pub canary: Option<OrganizationalUnit>,
    /// EC2's account status report for declarative policies, as CSV.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub status_report: Option<PathBuf>,
    /// OUs and accounts as `assignctl snapshot` wrote them, instead of those that AWS Organizations has now.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub snapshot: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Needs no AWS for a file. What only the catalogue and the OUs show, such as an unknown control or a missing parameter, \
`plan` reports, and --snapshot.

Examples:
  assignctl controls check
  assignctl controls check --snapshot org.json --strict

Exit status: 0 the table is sound, 1 it is sound with warnings and --strict is given, 2 it is refused.")]
pub struct Check {
    /// Judges the rows also against the catalogue and the OUs that `assignctl snapshot --controls` wrote.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub snapshot: Option<PathBuf>,
    /// Exits with 1 if there are warnings.
    #[arg(long)]
    pub strict: bool,
}

#[derive(Debug, Args)]
pub struct Ous {
    /// Only this OU and the OUs below it: a path of names or an id. Can be given more than once.
    #[arg(long = "ou", value_name = "PATH|ID", value_parser = organizational_unit)]
    pub ous: Vec<OrganizationalUnit>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  assignctl controls plan
  assignctl controls plan --ou Workloads
  assignctl controls plan --explain Workloads/Prod
  assignctl controls plan --against main.json > review.md
  assignctl controls plan --snapshot org.json        offline, from `assignctl snapshot --controls`
  assignctl controls plan --json                     the function's result

Exit status: 0 nothing is to be done but what waits for its wave, 1 something is to be done, is under way or cannot be \
done, 2 wrong use or a bad table; with --against 0, or 2.")]
pub struct Plan {
    #[command(flatten)]
    pub selection: Ous,
    /// Shows everything of one OU: what it has, from where, and why.
    #[arg(long, value_name = "PATH|ID", value_parser = organizational_unit, conflicts_with = "ous")]
    pub explain: Option<OrganizationalUnit>,
    /// Prints which OUs get or lose a control if --table takes the place of this other table, as Markdown.
    #[arg(long, value_name = "FILE|dynamodb:NAME", value_parser = table, conflicts_with = "explain")]
    pub against: Option<TableLocation>,
    /// Works offline, from what `assignctl snapshot --controls` wrote. Everything is as of that moment, also the ends of
    /// exemptions and waves.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub snapshot: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
It enables, updates and, with REPAIR=true, resets. It never disables. What failed before is tried again at once. Operations \
take a minute or so each; ten run at a time.

Ctrl-C starts nothing new and says what is under way: Control Tower goes on with that. Run the same command again to go on.

Exit status: 0 nothing is left to do but what waits for its wave, 1 something is missing, under way or failed, 2 wrong use \
or a bad table.")]
pub struct Apply {
    #[command(flatten)]
    pub selection: Ous,
    /// Asks nothing.
    #[arg(long, short)]
    pub yes: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
What is wanted and not there, what has other parameters, what Control Tower calls DRIFTED, and service control policies \
whose statement is in none of the OU's policies any more. Control Tower reports no drift of these, so the policies of each \
OU are read; what cannot be read is `failed`, with the reason.

Exit status: 0 nothing differs, 1 something does, 2 wrong use or a bad table.")]
pub struct Drift {
    #[command(flatten)]
    pub selection: Ous,
}
