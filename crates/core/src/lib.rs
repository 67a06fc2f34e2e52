//! What account-assigner decides. Pure: no I/O, no clock, no environment, no async and no AWS SDK; `clippy.toml` next
//! to this crate's manifest enforces this, and so does the list of its dependencies.
//!
//! # The map of the house
//!
//! ```text
//!    account-assigner (src/)   control-keeper   assignctl (crates/...)        shells: speak to Lambda or to a person
//!           └───────────────┬────────┴─────────────┘
//!                        engine (crates/engine)       awaits: reads facts, drives work to its end
//!                         │   │
//!        (crates/aws)    aws  │                       the only crate below the shells that names aws_sdk_*
//!                         └─┬─┘
//!                         core (crates/core)          this crate
//! ```
//!
//! **Three questions place any line.** Does it name `aws_sdk_*`? `aws`. Does it `await`? `engine`. Does it speak to a
//! person or to Lambda? A shell. Otherwise `core`. **Two rules keep capabilities apart.** Rooms called `assignments`
//! (and those of later capabilities) never import each other; what two of them need moves up into the trunk.
//!
//! | which rule | where it is |
//! |---|---|
//! | which payload means what | [`event`] |
//! | which accounts or OUs are meant | [`selector`] |
//! | how a table is read, its faults, its limits | [`reading`], [`table`], and the rows in [`assignments::row`] |
//! | what an account gets | [`assignments::plan`] |
//! | what the table wants next to what AWS has | [`assignments::compare`], summed up in [`assignments::survey`] |
//! | which table says what AWS has | [`assignments::import`] |
//! | what may be taken away, and what was | [`assignments::revoke`]; by `engine::assignments::delete` |
//! | which rows are doubtful | [`assignments::lint`] |
//! | what a failed call means and what has to be done | [`cause`]; its words in `words.rs` of each shell |
//! | which controls an OU shall have, and every fault of the table | [`controls::row`], [`controls::apart`], [`controls::wish`] |
//! | what has to be done about each OU and control | [`controls::plan`], and what may be sent now in [`controls::step`] |
//! | what a file of `assignctl snapshot` has | [`assignments::snapshot`], and its part of controls [`controls::snapshot`] |
//! | which controls a person may disable | [`controls::disable`], the only way that anything is disabled |
//! | which payload means what to `control-keeper`, and its answer | [`controls::event`], [`controls::report`] |
//! | how an IAM policy is read, written and compared; what a pattern matches; sizes | [`policy`] |
//! | what of the calls that CloudTrail recorded a control would have denied | [`controls::impact`]; files by `engine::trail` |
//! | what a permission set needs from real use | [`permissions`], a room for each rule; read by `engine::permissions` |
//! | what is asked of AWS next, and when; polls, retries, adoption | [`work`], driven by `engine::drive` |
//! | what became of a grant, and the function's answer | [`outcome`], [`assignments::report`] |
//! | how a text of others may be shown | [`shown`] |
//! | shapes of identifiers, and days | [`ids`], [`day`] |
//! | how a request is paced, repeated, and translated | `aws::pace`, `aws::calls`, `aws::client`, and a room a service |
//! | which authorities are trusted, which proxies used | `aws::http`, from `engine::sdk` |
//! | settings and their defaults | `engine::settings`, the only room that reads the environment |
//! | where a table comes from | `engine::source`; the one bounded reader of files is `engine::files` |
//! | how facts are read, by how few calls | `engine::facts`, `engine::assignments::present` |
//! | how names become ids, what is remembered and confirmed | `engine::assignments::resolve` |
//! | one account from names to outcomes | `engine::assignments::ensure` |
//! | one step towards the controls of each OU | `engine::controls`; the shell is `crates/control-keeper` |
//! | what a verb of the command does | `assignctl`, one file a verb |
//!
//! # One event, one row, one grant
//!
//! ```text
//! event    src/main ─► src/lib (Function) ─► core event ─► engine source, organization facts ─► core plan ─► engine ensure
//! row      core reading ─► table ─► assignments::row ─► selector ─► plan
//! grant    core plan ─► engine resolve ─► present ─► create (core work, engine drive) ─► core outcome ─► report ─► src/words
//! ```
//!
//! # What the house never does
//!
//! Delete an assignment (only `assignctl revoke` does, after it asked and wrote a record), disable a control that nobody
//! named, touch the management account, take an account's place or name from an event, say `ready` while something is
//! missing, or run past its deadline.

#![forbid(unsafe_code)]

pub mod assignments;
pub mod cause;
pub mod controls;
pub mod day;
pub mod event;
pub mod ids;
pub mod organization;
pub mod outcome;
pub mod permissions;
pub mod policy;
pub mod reading;
pub mod selector;
pub mod shown;
pub mod table;
pub mod work;
