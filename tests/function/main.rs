//! The function: in process on a paused clock, and its program over the wire, against the stand-in. One program, so that
//! the SDK is linked once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "what goes wrong in a test fails it"
)]

mod binary;
mod cold;
mod dead_connections;
mod ensure;
mod faults;
mod faults_on_the_wire;
mod properties;
mod share;
mod survey;
mod unexplained;
mod unresolved;
