//! What the command takes: every verb, option and example of `--help`, the completions and the manual.

use std::{io::ErrorKind, path::PathBuf};

use assigner_core::{
    assignments::reach::find::Asked, ids, organization::NamedAccount, selector::OrganizationalUnit,
    table::TableLocation,
};
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum, ValueHint};

use crate::table::digest::Digest;

use crate::{
    assignments, controls,
    exit::{Exit, Failure},
    permissions, terminal,
};

/// With the commit, if `make dist` built it.
const VERSION: &str = match option_env!("ASSIGNCTL_VERSION") {
    Some(version) => version,
    None => env!("CARGO_PKG_VERSION"),
};

/// Who gets which access to which AWS account, and why.
///
/// Reads the table that the function account-assigner reads, and the organization as it is: checks, plans,
/// explains, applies, reports. Only `revoke` takes an assignment away, and nothing touches the management account.
///
/// Credentials and Region come from where the AWS SDKs look for them: environment, profile, `aws sso login`.
#[derive(Debug, Parser)]
#[command(name = "assignctl", version = VERSION, max_term_width = 110, after_long_help = EXAMPLES)]
pub struct Arguments {
    /// The config table: a JSON file, - for standard input, or dynamodb:NAME [default: assignments.json, and controls.json
    /// for `controls`]
    #[arg(
        long, global = true, value_name = "FILE|-|dynamodb:NAME", env = "ASSIGNCTL_TABLE", value_parser = table,
        value_hint = ValueHint::FilePath
    )]
    pub table: Option<TableLocation>,
    /// Writes one JSON document to standard output, also for errors.
    #[arg(long, global = true)]
    pub json: bool,
    /// Gives up after this many minutes; what is not done by then is pending.
    #[arg(long, global = true, value_name = "MINUTES", default_value = "60", value_parser = clap::value_parser!(u32).range(1..=1440))]
    pub timeout: u32,
    /// Shows each call to AWS on standard error, with its answer and the time that it took.
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// Credentials of this profile, also if the environment has keys.
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// The Region, as AWS_REGION sets it; IDENTITY_CENTER_REGION of the environment still counts for Identity Center.
    #[arg(long, global = true, value_name = "REGION")]
    pub region: Option<String>,
    #[command(subcommand)]
    pub verb: Verb,
}

/// Prints the help or the version that was asked for, or says why the arguments cannot be understood.
pub fn refuse(error: &clap::Error) -> Exit {
    let text = error.render().ansi().to_string();
    if !error.use_stderr() {
        return match terminal::print(&text) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Failure::unwritten(&error).tell(false),
            _ => Exit::Good,
        };
    }
    // They were not understood, so nothing else says what was asked for.
    let arguments = std::env::args_os().skip(1).take_while(|argument| argument != "--");
    if arguments.into_iter().any(|argument| argument == "--json") {
        return wrong_use(&error.render().to_string()).tell(true);
    }
    terminal::say(&text);
    Exit::Wrong
}

/// Returns what clap says as a failure: its first paragraph, and what it suggests.
fn wrong_use(text: &str) -> Failure {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let message = text.split("\n\n").next().unwrap_or_default().trim_end();
    let tip = text.lines().find_map(|line| line.trim_start().strip_prefix("tip: "));
    Failure::wrong(message, tip.unwrap_or("see `assignctl --help`, or --help after the verb"))
}

const EXAMPLES: &str = "\
Examples:
  assignctl check                                    every fault of assignments.json, with its place
  assignctl plan --account 111122223333              what the account would get, and why
  assignctl plan --explain 111122223333              row by row, why it matches or does not
  assignctl plan --ou Workloads/Prod                 an OU and every OU below it
  assignctl who payments                             every group and user with access, and which row gives it
  assignctl why user:ann@example.com payments        the chain of access, or what would have to be different
  assignctl snapshot > org.json                      what `plan --snapshot org.json` reads, offline
  assignctl plan --snapshot org.json --against main.json --table assignments.json
  assignctl apply --all                              asks before it creates anything
  assignctl import --output imported.json            rows for what was assigned by hand
  assignctl --table dynamodb:NAME table push assignments.json
  assignctl report --html access.html

Exit status: 0 good, 1 something is missing or failed, 2 wrong use or bad input.";

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Is the table sound? Every fault and every doubtful row, with its place
    Check(Check),
    /// What would be created and which row causes it, and what no row explains
    Plan(Plan),
    /// Creates what is missing, after a confirmation
    Apply(Apply),
    /// Who reaches an account: every group and user, by which permission set and row
    Who(Who),
    /// What a group or user reaches: every account, through which group and row
    What(What),
    /// Why a group or user reaches an account; or what would have to be different
    Why(Why),
    /// Writes what is true in AWS now, for `--snapshot`
    Snapshot(Snapshot),
    /// The table that says what AWS has: rows for assignments that were made by hand
    Import(assignments::arguments::Import),
    /// Takes away what no row explains, after a confirmation, and records it
    Revoke(assignments::arguments::Revoke),
    /// Between a file and the DynamoDB table
    #[command(subcommand)]
    Table(Table),
    /// Can this identity, in this Region, do the job?
    Doctor(Doctor),
    /// The access matrix for auditors: accounts by permission sets
    Report(Report),
    /// Which Control Tower controls each OU has
    #[command(subcommand)]
    Controls(controls::arguments::Controls),
    /// From what is used in AWS to a permission set that allows no more
    #[command(subcommand)]
    PermissionSet(permissions::arguments::PermissionSet),
    /// Prints the completions of a shell
    Completions { shell: clap_complete::Shell },
    /// Writes the manual pages into a directory
    Man {
        #[arg(value_hint = ValueHint::DirPath)]
        directory: PathBuf,
    },
}

/// Which accounts.
#[derive(Clone, Debug, Default, Args)]
pub struct Selection {
    /// An account by id or by name; may be repeated.
    #[arg(long = "account", value_name = "ID|NAME", value_parser = account)]
    pub accounts: Vec<NamedAccount>,
    /// An OU by id or by its path of names from the root, with every OU below it; may be repeated.
    #[arg(long = "ou", value_name = "PATH|ID", value_parser = organizational_unit)]
    pub ous: Vec<OrganizationalUnit>,
    /// Every account of the organization.
    #[arg(long, conflicts_with_all = ["accounts", "ous"])]
    pub all: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  assignctl check
  assignctl --table dynamodb:NAME check
  assignctl check --snapshot org.json --strict       also rows that match no account of the organization")]
pub struct Check {
    /// Judges the rows against this organization too.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub snapshot: Option<PathBuf>,
    /// Exits with 1 if there are warnings.
    #[arg(long)]
    pub strict: bool,
}

#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("which").args(["accounts", "ous", "all", "event"]).multiple(true)),
    after_help = "\
Without a selection the plan is for every account.

Examples:
  assignctl plan --account 111122223333
  assignctl plan --event events/create-succeeded.json
  assignctl plan --explain 111122223333
  assignctl plan --snapshot org.json --against main.json > review.md
  assignctl plan --ou Education --out plan.json      what `assignctl apply plan.json` will do
  assignctl plan --fail-on missing,unexplained,orphaned

Exit status: 0 everything wanted is there, 1 something is missing or unresolved, or what --fail-on names is there; with
--against 0."
)]
pub struct Plan {
    #[command(flatten)]
    pub selection: Selection,
    /// Plans for a saved event, such as those of events/.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["accounts", "ous", "all"], value_hint = ValueHint::FilePath)]
    pub event: Option<PathBuf>,
    /// Works offline, from what `assignctl snapshot` wrote.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub snapshot: Option<PathBuf>,
    /// Explains row by row why it matches this account or does not. Shows no other account.
    #[arg(long, value_name = "ID|NAME", value_parser = account, conflicts_with_all = ["against", "which"])]
    pub explain: Option<NamedAccount>,
    /// Prints the difference in grants from this other table to --table, as Markdown.
    #[arg(long, value_name = "FILE|dynamodb:NAME", value_parser = table)]
    pub against: Option<TableLocation>,
    /// Lists every account, also those that lack nothing.
    #[arg(long)]
    pub full: bool,
    /// Keeps the plan in this file, for `assignctl apply FILE`.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["snapshot", "explain", "against"])]
    pub out: Option<PathBuf>,
    /// Exits with 1 only for these; what could not be found out always counts.
    #[arg(long, value_name = "WHAT", value_delimiter = ',', conflicts_with_all = ["explain", "against"])]
    pub fail_on: Vec<FailOn>,
}

/// What makes `plan` exit with 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Something wanted is missing or unresolved, or an account that was asked for is not ready.
    Missing,
    /// An assignment that no row explains.
    Unexplained,
    /// An assignment of a group or user that was deleted.
    Orphaned,
}

#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("which").args(["accounts", "ous", "all", "plan", "restore"]).required(true).multiple(true)),
    after_help = "\
Examples:
  assignctl apply --account 111122223333
  assignctl apply --ou Education --yes
  assignctl apply plan.json                          what `assignctl plan --out plan.json` showed
  assignctl apply --restore taken.json               gives back what `assignctl revoke --record taken.json` took

With a plan it refuses if the account of the credentials, the table, the instance, or anything of the accounts is not as
it was when the plan was made. After the question it looks again, and refuses if anything is not as it was shown.

Ctrl-C starts nothing new, waits for what is under way, and says what is pending; a second one waits no
longer. Run the same command again to go on.

Exit status: 0 everything wanted is there, 1 something is missing or failed."
)]
pub struct Apply {
    #[command(flatten)]
    pub selection: Selection,
    /// A plan that `assignctl plan --out FILE` made.
    #[arg(value_name = "FILE", conflicts_with_all = ["accounts", "ous", "all"], value_hint = ValueHint::FilePath)]
    pub plan: Option<PathBuf>,
    /// Gives back what this record of `assignctl revoke` says was taken, whatever the table says.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["accounts", "ous", "all", "plan"], value_hint = ValueHint::FilePath)]
    pub restore: Option<PathBuf>,
    /// Asks nothing.
    #[arg(long, short)]
    pub yes: bool,
    /// Creations in flight, 1 to 15 [default: MAX_OUTSTANDING of the environment, else 10]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=15))]
    pub max_outstanding: Option<u16>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  assignctl who payments
  assignctl who 444455556666 --members               also the people behind the groups
  assignctl who payments --snapshot org.json         offline

What the table wants and AWS does not have yet is shown as such. With --members and --snapshot, the snapshot must be one of
`assignctl snapshot --members`.

Exit status: 0 everything was read, 1 something could not be, which is said.")]
pub struct Who {
    /// The account's id or name.
    #[arg(value_name = "ACCOUNT", value_parser = account)]
    pub account: NamedAccount,
    /// Shows the members of the groups, each with every way into the account.
    #[arg(long)]
    pub members: bool,
    /// Works offline, from what `assignctl snapshot` wrote.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub snapshot: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  assignctl what user:ann@example.com
  assignctl what group:students
  assignctl what ann@example.com --snapshot org.json offline, from `assignctl snapshot --members`

A bare name will do if only a group or only a user has it. What a user has through groups is included.

Exit status: 0 everything was read, 1 something could not be, which is said.")]
pub struct What {
    /// user:NAME, group:NAME, an id, or a bare name.
    #[arg(value_name = "PRINCIPAL", value_parser = principal)]
    pub principal: Asked,
    /// Works offline, from what `assignctl snapshot` wrote.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub snapshot: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  assignctl why user:ann@example.com payments
  assignctl why ann@example.com 444455556666 --table changed.json     before a change of the table
  assignctl why group:students payments --snapshot org.json           offline

Exit status: 0 there is access in AWS now, 1 there is none; also if the table wants it and AWS does not have it yet, and if
something could not be read. The text says which, and so does `outcome` of --json: access, planned, none, unknown.")]
pub struct Why {
    /// user:NAME, group:NAME, an id, or a bare name.
    #[arg(value_name = "PRINCIPAL", value_parser = principal)]
    pub principal: Asked,
    /// The account's id or name.
    #[arg(value_name = "ACCOUNT", value_parser = account)]
    pub account: NamedAccount,
    /// Works offline, from what `assignctl snapshot` wrote.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub snapshot: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  assignctl snapshot > org.json
  assignctl snapshot --ou Education --output education.json
  assignctl snapshot --members --output org.json     for `what` and `why` offline
  assignctl snapshot --controls --output org.json    for `controls plan` too

The file holds the accounts with their OUs and tags, the names of permission sets, groups and users, and every
assignment; with --members also who is in which group; with --controls also all OUs, the controls that are enabled on
them, and what AWS's catalogue says of controls. Store it as you store data of this kind.

Exit status: 0 the file is written, 1 what --controls asks for could not be read, which the file says.")]
pub struct Snapshot {
    #[command(flatten)]
    pub selection: Selection,
    /// Keeps the members of every group, for `what`, `why` and `who --members` offline. Takes a call for each group.
    #[arg(long)]
    pub members: bool,
    /// Keeps what Control Tower has on every OU, for `controls plan` and `controls check` offline. With a table of controls
    /// also what each of its names means, for those that no list of AWS has: Regional ARNs, and AWS-GR_ names that are not
    /// enabled anywhere.
    #[arg(
        long, value_name = "FILE|dynamodb:NAME", value_parser = table, value_hint = ValueHint::FilePath,
        num_args = 0..=1, require_equals = true
    )]
    pub controls: Option<Option<TableLocation>>,
    /// Writes to this file instead of standard output.
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Table {
    /// Makes the DynamoDB table (--table dynamodb:NAME) the same as a file
    #[command(after_help = "\
Examples:
  assignctl --table dynamodb:NAME table push assignments.json
  assignctl --table dynamodb:NAME table push assignments.json --yes
  assignctl --table dynamodb:NAME table push assignments.json --yes --expect sha256:DIGITS
  assignctl --table dynamodb:NAME controls table push controls.json

Refuses a bad file whole, an empty one without --force, and to overwrite or remove rows that somebody changed since the
file was pulled or since the difference was shown. Where the file was neither pulled nor pushed, as in a pipeline's
checkout, it only adds rows: give the digest that `table pull` and `plan` print to --expect, or --force.

Ctrl-C and SIGTERM begin nothing new and undo what was written; the next one waits no longer.")]
    Push {
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Asks nothing.
        #[arg(long, short)]
        yes: bool,
        /// Also writes an empty table, and over what changed or was never seen here.
        #[arg(long)]
        force: bool,
        /// Writes only if the DynamoDB table still has this digest, as `table pull` and `plan` print it.
        #[arg(long, value_name = "DIGEST")]
        expect: Option<Digest>,
    },
    /// Makes a file the same as the DynamoDB table (--table dynamodb:NAME)
    #[command(after_help = "\
Examples:
  assignctl --table dynamodb:NAME table pull assignments.json
  assignctl --table dynamodb:NAME controls table pull controls.json")]
    Pull {
        /// Without a file the table goes to standard output.
        #[arg(value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
        /// Asks nothing.
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  assignctl doctor
  assignctl doctor --stack account-assigner --role arn:aws:iam::111122223333:role/NAME

Reads only. Exit status: 0 all is well or only doubtful, 1 at least one check failed or could not be made; with
--allow-unknown 0 if none failed.")]
pub struct Doctor {
    /// The CloudFormation stack of the deployed function.
    #[arg(long, value_name = "NAME", default_value = "account-assigner")]
    pub stack: String,
    /// Whose permissions to simulate; without it, this identity's.
    #[arg(long, value_name = "ARN")]
    pub role: Option<String>,
    /// Exits with 0 if no check failed, although some could not be made.
    #[arg(long)]
    pub allow_unknown: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Without a selection the report is of every account. With --json the overview goes to standard output, as `plan`
prints it, and no file is needed.

The CSV file has one line a grant or assignment; its status is present, missing, unexplained, orphaned (of a group or
user that was deleted), unresolved, failed, or outside (in an account to which the table does not apply). An entitlement
of account access manager is a line with the status entitlement and its IAM role; unread says that these are not known.
A cell that a spreadsheet would take for a formula, because
it begins with = + - @ (also full-width, or after blanks) or a hidden character, has a ' before it.

Examples:
  assignctl report --html access.html
  assignctl report --snapshot org.json --html access.html --csv access.csv
  assignctl report --members --html access.html      also what people have through groups
  assignctl report --ou Workloads/Prod --html prod.html

Exit status: 0 the report is written, whatever it says of differences between AWS and the table; `assignctl plan` exits
with 1 if something is missing.")]
pub struct Report {
    #[command(flatten)]
    pub selection: Selection,
    /// Shows in the page what users have through groups. With --snapshot, it must be one of `assignctl snapshot --members`.
    #[arg(long, requires = "html")]
    pub members: bool,
    /// A self-contained page: filters in a browser, prints as a list.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub html: Option<PathBuf>,
    /// One line a grant or assignment.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub csv: Option<PathBuf>,
    /// Works offline, from what `assignctl snapshot` wrote.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub snapshot: Option<PathBuf>,
}

pub fn organizational_unit(text: &str) -> Result<OrganizationalUnit, String> {
    OrganizationalUnit::parse(text).map_err(|(problem, right)| format!("it {problem}; {right}"))
}

pub fn account(text: &str) -> Result<NamedAccount, &'static str> {
    match text.trim() {
        "" => Err("give the account's id or its name"),
        _ => Ok(NamedAccount::parse(text)),
    }
}

fn principal(text: &str) -> Result<Asked, &'static str> {
    Asked::parse(text)
}

pub fn table(text: &str) -> Result<TableLocation, String> {
    match text.strip_prefix("dynamodb:") {
        Some(name) if ids::is_dynamodb_table_name(name) => Ok(TableLocation::DynamoDb(name.to_owned())),
        Some(name) => Err(format!("{name:?} cannot be the name of a DynamoDB table")),
        None => Ok(TableLocation::File(PathBuf::from(text))),
    }
}
