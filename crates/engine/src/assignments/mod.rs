//! The capability *assignments*: what it asks of AWS.

pub mod create;
pub mod ensure;
pub mod members;
pub mod present;
pub mod resolve;
pub mod unexplained;
