//! The verbs of the capability *permission sets*: from what is used to a set that allows no more.

pub mod arguments;
mod draft;

use self::arguments::PermissionSet;
use crate::{
    exit::{Exit, Failure},
    session::Session,
};

pub fn run(session: &Session, arguments: PermissionSet) -> Result<Exit, Failure> {
    match arguments {
        PermissionSet::Draft(arguments) => draft::run(session, arguments),
    }
}
