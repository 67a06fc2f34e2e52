//! A day, UTC, as the files write it: `2027-03-31`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::{Date, macros::format_description};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(Date);

impl Day {
    pub const RIGHT: &'static str = "write a day such as 2027-03-31";

    pub fn parse(text: &str) -> Option<Day> {
        // Ten characters: neither a sign nor a year of five digits.
        let ten = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let day = Date::parse(text, format_description!("[year]-[month]-[day]")).ok()?;
        ten.then_some(Day(day))
    }

    /// Returns the day so many days before.
    pub fn back(self, days: u32) -> Day {
        Day(self.0.saturating_sub(time::Duration::days(i64::from(days))))
    }

    pub fn of(date: Date) -> Day {
        Day(date)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_ten_characters() {
        for text in ["2027-03-31", "2024-02-29", "0001-01-01"] {
            assert_eq!(Day::parse(text).unwrap().to_string(), text);
        }
        for text in
            ["", "2027-3-31", "2027-02-29", "31.03.2027", "2027-03-31T00:00:00Z", "+2027-3-31", "-2027-3-31"]
        {
            assert_eq!(Day::parse(text), None, "{text}");
        }
        assert_eq!(Day::parse("2026-03-01").map(|day| day.back(60)), Day::parse("2025-12-31"));
        assert!(Day::parse("2026-12-31") < Day::parse("2027-01-01"));
    }
}
