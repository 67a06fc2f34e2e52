//! Controls: reads what Control Tower has, sends what may be sent now, and answers. Writes are sent once, and never again
//! before Control Tower was read. It cannot disable a control.
//!
//! | room | what |
//! |---|---|
//! | [`known`] | what is remembered between steps, because it does not change |
//! | [`present`] | the facts of one step, by few calls |
//! | [`keep`] | one step |

pub mod keep;
pub mod known;
pub mod present;

use assigner_core::controls::plan::Quotas;

/// The settings of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `MAX_CONTROL_OPERATIONS`: operations under way at once, those of others included.
    pub max_operations: usize,
    /// `REPAIR`: what AWS can reset is reset if it drifted.
    pub repair: bool,
    /// What failed is tried again at once, without waiting for an hour.
    pub retry_now: bool,
    pub quotas: Quotas,
}
