//! AWS as account-assigner calls it: the only crate below the shells that names `aws_sdk_*`.
//!
//! One function a call, SDK types translated at once. Nothing here decides or remembers, except which Identity Center
//! instance the organization has.
//!
//! | room | what |
//! |---|---|
//! | [`client`] | how all clients behave, and how their errors become ours |
//! | [`http`] | authorities, proxies, and connections that go dead |
//! | [`calls`] | how a call is repeated, and how lists are read |
//! | [`pace`] | one pace for all requests to a service |
//! | [`organizations`] | accounts, OUs, tags |
//! | [`identity_center`] | the instance, permission sets, assignments, groups and users |
//! | `control_tower`, `control_catalog` | controls, behind the feature `controls` |
//! | `control_disable` | the one call that disables a control |
//! | `permissions` | sessions in accounts, and what permission sets from real use ask there; a feature |
//! | [`dynamodb`] | a table's items, and writing them all or not at all |

pub mod calls;
pub mod client;
#[cfg(feature = "controls")]
pub mod control_catalog;
#[cfg(feature = "controls")]
pub mod control_disable;
#[cfg(feature = "controls")]
pub mod control_tower;
pub mod dynamodb;
pub mod http;
pub mod identity_center;
pub mod organizations;
pub mod pace;
#[cfg(feature = "permissions")]
pub mod permissions;
