//! The services that the stand-in serves, each with its operations.

mod identity_center;
mod identity_store;
mod organizations;
pub(crate) mod request;
