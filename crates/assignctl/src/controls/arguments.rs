//! What `assignctl controls` takes.

use std::path::PathBuf;

use assigner_core::selector::OrganizationalUnit;
use clap::{Args, Subcommand, ValueHint};

use crate::arguments::organizational_unit;

#[derive(Debug, Subcommand)]
pub enum Controls {
    /// Would the controls of the table have denied what is in use? From CloudTrail's files
    Impact(Impact),
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
