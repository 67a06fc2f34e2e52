//! A day, UTC, and moments as text. Without a clock: now is an argument.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::{Date, OffsetDateTime, PrimitiveDateTime, Time, macros::format_description};

pub const SHAPE: &str = r"^\d{4}-\d{2}-\d{2}$";

/// A day, UTC, written `2027-03-31`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(Date);

impl Day {
    /// What to write instead of what is no day.
    pub const RIGHT: &'static str = "write a day such as 2027-03-31";

    pub fn parse(text: &str) -> Option<Day> {
        const FORMAT: &[time::format_description::BorrowedFormatItem<'_>] =
            format_description!("[year]-[month]-[day]");
        // The parser also takes a sign before the year.
        let plain = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        Date::parse(text, FORMAT).ok().filter(|_| plain).map(Day)
    }

    pub fn of(moment: OffsetDateTime) -> Day {
        Day(moment.to_offset(time::UtcOffset::UTC).date())
    }

    /// Returns the day so many days before.
    pub fn back(self, days: u32) -> Day {
        Day(self.0.saturating_sub(time::Duration::days(i64::from(days))))
    }

    /// Returns a number that grows by one each day.
    pub fn number(self) -> i32 {
        self.0.to_julian_day()
    }

    /// Whether the day has passed whole.
    pub fn has_passed(self, now: OffsetDateTime) -> bool {
        let end = self.0.next_day().map(|next| PrimitiveDateTime::new(next, Time::MIDNIGHT).assume_utc());
        end.is_some_and(|end| now >= end)
    }

    /// Returns how many days it lies ahead of that moment's day; negative if it has passed.
    pub fn days_ahead(self, now: OffsetDateTime) -> i64 {
        i64::from(self.0.to_julian_day()) - i64::from(Day::of(now).0.to_julian_day())
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0.year(), u8::from(self.0.month()), self.0.day())
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Day, D::Error> {
        let text = String::deserialize(deserializer)?;
        Day::parse(&text).ok_or_else(|| de::Error::custom(format!("{text:?} is not a day; {}", Day::RIGHT)))
    }
}

/// Returns a moment in RFC 3339, UTC, to the second.
pub fn rfc3339(moment: OffsetDateTime) -> String {
    let moment = moment.to_offset(time::UtcOffset::UTC);
    let (hour, minute, second) = moment.to_hms();
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", Day(moment.date()))
}

/// A moment in a file: RFC 3339, UTC, to the second.
pub mod moment {
    use serde::{Deserialize, Deserializer, Serializer, de};
    use time::{OffsetDateTime, format_description::well_known::Rfc3339};

    pub fn serialize<S: Serializer>(moment: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::rfc3339(*moment))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OffsetDateTime, D::Error> {
        // Hours and days are added to it, which must not lead beyond the last moment that there is.
        const LAST_YEAR: i32 = 9_000;
        let text = String::deserialize(deserializer)?;
        let moment = OffsetDateTime::parse(&text, &Rfc3339).ok().filter(|moment| moment.year() <= LAST_YEAR);
        moment.ok_or_else(|| {
            de::Error::custom(format!("{text:?} is not a moment such as 2027-03-31T12:00:00Z"))
        })
    }

    /// One that is not always known.
    pub mod option {
        use serde::{Deserialize, Deserializer, Serialize, Serializer};
        use time::OffsetDateTime;

        #[derive(Deserialize)]
        struct Known(#[serde(with = "super")] OffsetDateTime);

        pub fn serialize<S: Serializer>(
            moment: &Option<OffsetDateTime>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            moment.map(crate::day::rfc3339).serialize(serializer)
        }

        pub fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<OffsetDateTime>, D::Error> {
            Ok(Option::<Known>::deserialize(deserializer)?.map(|Known(moment)| moment))
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_day_is_read_as_it_is_written_and_nothing_else_is() {
        for text in ["2027-03-31", "2024-02-29", "0001-01-01"] {
            assert_eq!(Day::parse(text).unwrap().to_string(), text);
        }
        for bad in [
            "2027-02-29",
            "2027-3-31",
            "31-03-2027",
            "31.03.2027",
            "2027-03-31T00:00:00Z",
            "",
            "+227-03-31",
            "+2027-3-31",
            "-2027-3-31",
        ] {
            assert_eq!(Day::parse(bad), None, "{bad}");
        }
        assert_eq!(Day::parse("2026-03-01").map(|day| day.back(60)), Day::parse("2025-12-31"));
        assert!(Day::parse("2026-12-31") < Day::parse("2027-01-01"));
    }

    #[test]
    fn a_day_counts_to_its_end_in_utc() {
        let day = Day::parse("2027-03-31").unwrap();
        let cases = [
            (datetime!(2027-03-31 23:59:59 UTC), false, 0),
            (datetime!(2027-04-01 00:00 UTC), true, -1),
            (datetime!(2027-04-01 01:00 +2), false, 0),
            (datetime!(2027-03-01 00:00 UTC), false, 30),
        ];
        for (now, passed, ahead) in cases {
            assert_eq!((day.has_passed(now), day.days_ahead(now)), (passed, ahead), "{now}");
        }
        assert_eq!(rfc3339(datetime!(2027-04-01 01:02:03.9 +2)), "2027-03-31T23:02:03Z");
    }
}
