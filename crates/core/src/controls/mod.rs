//! The capability *controls*: which Control Tower controls each OU has. Pure.
//!
//! | room | what |
//! |---|---|
//! | [`row`] | one row of the table: one control, or a set, for every OU that it names; waves |
//! | [`parameters`] | the parameters of a control, and when two are the same |
//! | [`guide`] | what AWS's guide says and no API does |
//! | [`apart`] | faults that no row has alone and the text shows |
//! | [`catalogue`] | what the Control Catalog says of controls, and when two ARNs mean one |
//! | [`tree`] | the OUs of an organization |
//! | [`wish`] | what the table wants of each OU, and the faults that catalogue and tree show |
//! | [`facts`] | what is true in Control Tower at one moment |
//! | [`plan`] | what has to be done about each OU and control, and what keeps it from being done |
//! | [`picture`] | everything that a decision rests on |
//! | [`snapshot`] | all of this as a part of a file |
//! | [`statements`] | which statements the service control policies of OUs have |
//! | [`step`] | which writes may be sent now, and what a refused one means |
//! | [`impact`] | what of the calls that CloudTrail recorded a control would have denied |
//! | [`disable`] | which enabled controls may be disabled because a person named them |
//! | [`event`] | which payload means what |
//! | [`report`] | the function's answer |
//! | [`lint`] | rows that are sound and yet doubtful |

pub mod apart;
pub mod catalogue;
pub mod disable;
pub mod event;
pub mod facts;
pub mod guide;
pub mod impact;
pub mod lint;
pub mod parameters;
pub mod picture;
pub mod plan;
pub mod report;
pub mod row;
pub mod snapshot;
pub mod statements;
pub mod step;
pub mod tree;
pub mod wish;

pub use row::{ControlName, Named, Row, Target, Waves};

/// The config table of controls.
pub type Table = crate::table::Table<Row>;
