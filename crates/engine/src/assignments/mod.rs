//! The capability *assignments*: what it asks of AWS.

pub mod create;
#[cfg(feature = "revoke")]
pub mod delete;
pub mod ensure;
pub mod members;
pub mod present;
pub mod resolve;
#[cfg(feature = "revoke")]
pub mod restore;
pub mod unexplained;
