//! What `import` and `revoke` take: their options and examples.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueHint};

use crate::arguments::Selection;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  assignctl import --output imported.json
  assignctl import --ou Education --output education.json
  assignctl import --snapshot org.json

Each permission set of a group or user is described by everywhere, by OUs, or by ids, with exceptions, whichever is the
shortest. The table is compared with AWS before it is written: nothing missing, nothing unexplained. It leaves out, and
says so: the management account, accounts that are not active, the groups of Control Tower, and groups and users that
were deleted.")]
pub struct Import {
    #[command(flatten)]
    pub selection: Selection,
    /// Works offline, from what `assignctl snapshot` wrote.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub snapshot: Option<PathBuf>,
    /// Writes to this file, which must not exist yet, instead of standard output.
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("which").args(["accounts", "ous", "all"]).required(true).multiple(true)),
    after_help = "\
Examples:
  assignctl revoke --unexplained --ou Sandbox --record taken.json
  assignctl revoke --unexplained --all --record taken.json --max 20 --yes
  assignctl apply --restore taken.json               gives it back

It shows what would be taken, by account, and asks for the number to be typed. Where nobody can be asked, it needs --yes
and --max. If there is more than --max, nothing is taken. What it takes is in the record before the first call.

It never takes anything in the management account, of a group that Control Tower makes, of your own access, or the last
principal of an administrator's permission set in an account, and it takes nothing while a name or an OU of the table
does not exist or could not be read.

Ctrl-C starts nothing new, waits for what is under way, and says what is pending; a second one waits no longer.

Exit status: 0 nothing is left to take, 1 something failed or is pending, 2 wrong use, or more than --max."
)]
pub struct Revoke {
    /// What no row of the table explains.
    #[arg(long, required = true)]
    pub unexplained: bool,
    #[command(flatten)]
    pub selection: Selection,
    /// Writes what is taken to this file, which must not exist yet, before anything is.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub record: PathBuf,
    /// Takes nothing at all if there is more than this.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub max: Option<u32>,
    /// Asks nothing.
    #[arg(long, short)]
    pub yes: bool,
    /// Also of groups and users that no row names.
    #[arg(long)]
    pub all_principals: bool,
    /// Deletions in flight, 1 to 15 [default: MAX_OUTSTANDING of the environment, else 10]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=15))]
    pub max_outstanding: Option<u16>,
}
