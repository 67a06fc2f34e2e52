//! The verbs of the capability *permission sets*: from what is used to a set that allows no more.

mod apply;
pub mod arguments;
mod draft;
mod live;
pub mod logs;
mod replace;
mod report;
mod restore;
mod show;
mod usage;

use assigner_core::permissions::privacy;

use self::arguments::PermissionSet;
use crate::{
    exit::{Exit, Failure},
    session::Session,
};

pub async fn run(session: &Session, arguments: PermissionSet) -> Result<Exit, Failure> {
    let ended = match arguments {
        PermissionSet::Usage(arguments) => usage::run(session, arguments).await,
        PermissionSet::Draft(arguments) => draft::run(session, arguments),
        PermissionSet::Report(arguments) => report::run(session, arguments),
        PermissionSet::Apply(arguments) if arguments.replace => replace::run(session, arguments).await,
        PermissionSet::Apply(arguments) => apply::run(session, arguments).await,
        PermissionSet::Restore(arguments) => restore::run(session, arguments).await,
        PermissionSet::Logs(arguments) => logs::run(session, arguments).await,
    };
    // Also what AWS says of a call that other verbs make too.
    ended.map_err(|failure| Failure { message: privacy::hide(&failure.message), ..failure })
}
