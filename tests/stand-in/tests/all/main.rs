//! The stand-in as its users meet it: by raw JSON, by the SDK, over sockets. One program, so that the
//! SDK is linked once.

mod operations;
mod provisioning;
mod server;
mod support;
