use std::process::ExitCode;

use crate::{arguments, failure::Failure, session::Session};

pub async fn run(_session: &Session, _arguments: arguments::Table) -> Result<ExitCode, Failure> {
    todo!()
}
