//! `assignctl controls drift`: what is not as the table says, whoever changed it. Sends nothing.

use assigner_core::controls::report::Mode;

use super::{
    arguments, show,
    steps::{Failed, Steps},
};
use crate::{
    exit::{Exit, Failure},
    session::Session,
};

pub async fn run(session: &Session, arguments: arguments::Drift) -> Result<Exit, Failure> {
    let report = Steps::of(session, &arguments.selection.ous).await?.take(Mode::Look, Failed::Stands).await?;
    show::report(session, &report, show::Shown::Open);
    Ok(show::exit(&report))
}
