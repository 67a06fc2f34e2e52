//! The stand-in as its users meet it: by raw JSON, by the SDK, over sockets, and the runtime API with a real
//! function in it. One program, so that the SDK is linked once.

mod controls;
mod lambda;
mod operations;
mod permission_sets;
mod provisioning;
mod server;
mod support;
