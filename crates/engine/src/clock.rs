//! A moment as text.

use std::time::SystemTime;

use assigner_core::permissions::day::Day;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Returns the moment in RFC 3339, UTC, to the second.
pub fn rfc3339(moment: SystemTime) -> String {
    let moment = OffsetDateTime::from(moment);
    // A moment of this era can be written.
    moment.replace_nanosecond(0).unwrap_or(moment).format(&Rfc3339).unwrap_or_default()
}

/// Returns the day of the moment, UTC.
pub fn day(moment: SystemTime) -> Day {
    Day::of(OffsetDateTime::from(moment).date())
}
