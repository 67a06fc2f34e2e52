//! The verbs of the capability *permission sets*: from what is used to a set that allows no more.

pub mod arguments;
mod draft;
mod logs;
mod usage;

use self::arguments::PermissionSet;
use crate::{
    exit::{Exit, Failure},
    session::Session,
};

pub async fn run(session: &Session, arguments: PermissionSet) -> Result<Exit, Failure> {
    match arguments {
        PermissionSet::Usage(arguments) => usage::run(session, arguments).await,
        PermissionSet::Draft(arguments) => draft::run(session, arguments),
        PermissionSet::Logs(arguments) => logs::run(session, arguments).await,
    }
}
