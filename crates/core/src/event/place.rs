//! The place that an event names. An account's place is never taken from it. It only shows that AWS Organizations, which is
//! eventually consistent, still gives the place before.

use serde_json::Value;
use time::{Duration, OffsetDateTime};

use crate::{ids, organization::Parent};

/// For how long an account is expected in the place of an event. Lambda's last attempt comes three minutes after the
/// first, so that an account that was moved on in the meantime never ends as a failure.
pub const AWAITED: Duration = Duration::minutes(2);

/// Where an account was put, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The id of an OU or of the root.
    pub id: String,
    pub at: OffsetDateTime,
}

impl Place {
    /// Returns nothing if the event gives no id, as with `Not Available`, or no time.
    pub(super) fn read(id: Option<&Value>, at: Option<OffsetDateTime>) -> Option<Place> {
        let id = id.and_then(Value::as_str);
        let id = id.filter(|id| ids::is_organizational_unit_id(id) || ids::is_root_id(id))?;
        Some(Place { id: id.to_owned(), at: at? })
    }

    /// Whether the account, which has these parents now, is still expected there. Later it was moved on.
    pub fn is_awaited(&self, parents: &[Parent], now: OffsetDateTime) -> bool {
        let age = (now - self.at).abs();
        age < AWAITED && !parents.iter().any(|parent| parent.id == self.id)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;
    use crate::organization::Account;

    #[test]
    fn an_account_is_expected_in_its_new_place_for_a_while_and_not_for_ever() {
        let at = datetime!(2026-11-02 09:30:20 UTC);
        let (rust, elsewhere) = ("ou-ab12-66666666", "ou-ab12-22222222");
        let cases = [
            (elsewhere, Duration::seconds(5), true),
            (elsewhere, Duration::seconds(119), true),
            (elsewhere, Duration::minutes(2), false),
            (elsewhere, Duration::days(1), false),
            // A clock that is a little ahead, and one that is wrong.
            (elsewhere, Duration::seconds(-5), true),
            (elsewhere, Duration::days(-1), false),
            (rust, Duration::seconds(5), false),
            // The OU above, and the root.
            ("ou-ab12-55555555", Duration::seconds(5), false),
            ("r-ab12", Duration::seconds(5), false),
        ];
        let parents = Account::class_7().parents;
        for (id, age, expected) in cases {
            let place = Place { id: id.into(), at };
            assert_eq!(place.is_awaited(&parents, at + age), expected, "{id} after {age}");
        }
    }

    #[test]
    fn what_is_not_an_id_or_has_no_time_is_no_place() {
        let at = Some(datetime!(2026-11-02 09:30:20 UTC));
        assert!(Place::read(Some(&json!("ou-ab12-66666666")), at).is_some());
        assert!(Place::read(Some(&json!("r-ab12")), at).is_some());
        assert!(Place::read(Some(&json!("ou-ab12-66666666")), None).is_none());
        for id in [json!("Not Available"), json!(""), json!(null), json!(7)] {
            assert!(Place::read(Some(&id), at).is_none(), "{id}");
        }
        assert!(Place::read(None, at).is_none());
    }
}
