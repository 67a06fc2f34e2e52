//! A moment as text.

use std::time::{Duration, SystemTime};

use assigner_core::day::Day;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Returns the moment in RFC 3339, UTC, to the second.
pub fn rfc3339(moment: SystemTime) -> String {
    let moment = OffsetDateTime::from(moment);
    // A moment of this era can be written.
    moment.replace_nanosecond(0).unwrap_or(moment).format(&Rfc3339).unwrap_or_default()
}

/// Returns the moment as the core takes it.
pub fn moment(moment: SystemTime) -> OffsetDateTime {
    OffsetDateTime::from(moment)
}

/// Returns the day of the moment, UTC.
pub fn day(moment: SystemTime) -> Day {
    Day::of(OffsetDateTime::from(moment))
}

/// Returns how long before `now` a moment in RFC 3339 was. `None`: it is no such text, or lies ahead.
pub fn since(moment: &str, now: SystemTime) -> Option<Duration> {
    let moment = OffsetDateTime::parse(moment, &Rfc3339).ok()?;
    Duration::try_from(OffsetDateTime::from(now) - moment).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_that_was_written_is_read_again() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let then = now - Duration::from_secs(3 * 86_400);
        assert_eq!(since(&rfc3339(then), now), Some(Duration::from_secs(3 * 86_400)));
        assert_eq!(since(&rfc3339(now), then), None, "it lies ahead");
        assert_eq!(since("yesterday", now), None);
    }
}
