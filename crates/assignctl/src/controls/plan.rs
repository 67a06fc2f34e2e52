//! `assignctl controls plan`: what would be done on which OU, and because of which row. Sends nothing.

use assigner_core::controls::report::Mode;

use super::{
    arguments, show,
    steps::{Failed, Steps},
};
use crate::{
    exit::{Exit, Failure},
    session::Session,
};

pub async fn run(session: &Session, arguments: arguments::Plan) -> Result<Exit, Failure> {
    let arguments::Plan { selection, explain } = arguments;
    let units = match &explain {
        Some(unit) => std::slice::from_ref(unit),
        None => &selection.ous[..],
    };
    let report = Steps::of(session, units).await?.take(Mode::Plan, Failed::Again).await?;
    let shown = if explain.is_some() { show::Shown::Everything } else { show::Shown::Open };
    show::report(session, &report, shown);
    Ok(show::exit(&report))
}
