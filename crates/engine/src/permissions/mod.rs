//! Permission sets from real use: what their roles did, in every account that has the set; the log bucket that is read for
//! it; and the set that is made of a draft, next to the old one or in its place.

pub mod access_role;
mod account;
pub mod apply;
pub mod edit;
pub mod logs;
pub mod policies;
pub mod rollout;
pub mod usage;
mod way;
