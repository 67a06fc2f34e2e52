//! What `assignctl permission-set` takes.

use std::path::PathBuf;

use assigner_core::ids::AccountId;
use clap::{Args, Subcommand, ValueHint};

use crate::arguments::account;

#[derive(Debug, Subcommand)]
pub enum PermissionSet {
    /// Drafts the policy that allows what was used, offline
    Draft(Draft),
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
    /// What was used, and the set as it was read; docs/permission-sets.md says what is in it.
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
    /// Drafts without the use of this account; may be repeated.
    #[arg(long, value_name = "ACCOUNT", value_parser = account)]
    pub without: Vec<AccountId>,
}
