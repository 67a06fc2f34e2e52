//! Permission sets from real use: what their roles did, in every account that has the set.

mod account;
pub mod logs;
pub mod usage;
