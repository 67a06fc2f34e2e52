//! Controls: reads what Control Tower has, sends what may be sent now, and answers. Writes are sent once, and never again
//! before Control Tower was read. Only [`disable`] can disable a control, and no function uses it.
//!
//! | room | what |
//! |---|---|
//! | [`known`] | what is remembered between steps, because it does not change |
//! | [`present`] | the facts of one step, by few calls |
//! | [`keep`] | one step |
//! | [`everything`] | what any table could ask for, at one moment |
//! | [`disable`] | the one room that disables, for a person |
//! | `statements` | what the policies of OUs deny |

pub mod disable;
pub mod everything;
pub mod keep;
pub mod known;
pub mod present;
mod statements;

use assigner_core::controls::{
    plan::{Quotas, Rules},
    report::Mode,
};

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

impl Limits {
    /// Returns how a plan is made. Only a look at drift reads the policies of every OU.
    pub fn rules(&self, mode: Mode) -> Rules {
        let Limits { max_operations: _, repair, retry_now, quotas } = *self;
        Rules { repair, retry_now, quotas, reads_policies: mode == Mode::Look }
    }
}
