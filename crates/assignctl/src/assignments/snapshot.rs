//! `assignctl snapshot`: what is true in AWS now, as a file.

use std::process::ExitCode;

use crate::{
    arguments,
    failure::Failure,
    session::{Facts, Session},
};

pub async fn run(session: &Session, arguments: arguments::Snapshot) -> Result<ExitCode, Failure> {
    let arguments::Snapshot { selection, output } = arguments;
    let aws = session.aws().await?;
    // Every tag: the tables that will be planned with it are not known yet.
    let Facts { snapshot, .. } = session.facts_from_aws(&aws, &selection.into(), &[], true).await?;
    match output {
        None => session.print_json(&snapshot),
        Some(path) => {
            let text = serde_json::to_string_pretty(&snapshot).unwrap_or_default() + "\n";
            session.write(&path, text.as_bytes())?;
            let (accounts, assignments) = (snapshot.accounts.len(), snapshot.count());
            session
                .note(&format!("{accounts} accounts with {assignments} assignments in {}", path.display()));
        }
    }
    Ok(ExitCode::SUCCESS)
}
