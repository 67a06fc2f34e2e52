//! Who is a member of which group, as far as it was read. A group whose members could not be read is kept with the
//! reason: nobody may be said to have nothing through it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::facts::NamesById;

/// The members of groups, by the id of the group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Memberships {
    pub groups: BTreeMap<String, Members>,
}

/// The members of a group, or why they are not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Members {
    /// Ids of users. A group cannot be a member of a group.
    Read(BTreeSet<String>),
    Unread {
        unread: String,
    },
}

/// The groups of one user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Belongs {
    /// Ids of groups that have the user as a member for certain.
    pub groups: BTreeSet<String>,
    /// Why there may be others.
    pub unread: Vec<String>,
}

const NOT_ASKED: &str = "they were not asked for";

impl Memberships {
    /// Returns the groups of a user. `names` has every group, or says that it has not.
    pub fn of_user(&self, user: &str, names: &NamesById) -> Belongs {
        let mut belongs = Belongs::default();
        for (group, members) in &self.groups {
            match members {
                Members::Read(users) if users.contains(user) => _ = belongs.groups.insert(group.clone()),
                Members::Read(_) => {}
                Members::Unread { unread } => belongs.unread.push(unread_group(group, names, unread)),
            }
        }
        let missing = names.groups.keys().filter(|group| !self.groups.contains_key(*group));
        belongs.unread.extend(missing.map(|group| unread_group(group, names, NOT_ASKED)));
        belongs
            .unread
            .extend(names.unlisted.groups.as_ref().map(|why| format!("not every group is known: {why}")));
        belongs
    }

    /// Returns why the members of a group are not known, in a sentence; `None` if they are.
    pub fn unread_of(&self, group: &str, names: &NamesById) -> Option<String> {
        match self.groups.get(group) {
            Some(Members::Read(_)) => None,
            Some(Members::Unread { unread }) => Some(unread_group(group, names, unread)),
            None => Some(unread_group(group, names, NOT_ASKED)),
        }
    }
}

fn unread_group(group: &str, names: &NamesById, why: &str) -> String {
    let name = names.groups.get(group).filter(|name| !name.is_empty()).map_or(group, String::as_str);
    format!("the members of group {name} are not known: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_in_no_other_group_only_if_every_group_was_read() {
        let read = |users: &[&str]| Members::Read(users.iter().map(|id| (*id).to_owned()).collect());
        let named = |ids: &[&str]| ids.iter().map(|id| ((*id).to_owned(), format!("n-{id}"))).collect();
        let names = NamesById { groups: named(&["a", "b", "c"]), ..NamesById::default() };
        let mut known = Memberships::default();
        known.groups.extend([
            ("a".into(), read(&["u", "v"])),
            ("b".into(), read(&["v"])),
            ("c".into(), read(&[])),
        ]);
        let of = |known: &Memberships, names: &NamesById| known.of_user("u", names);
        assert_eq!(of(&known, &names), Belongs { groups: ["a".to_owned()].into(), unread: vec![] });

        known.groups.insert("b".into(), Members::Unread { unread: "denied".into() });
        assert_eq!(of(&known, &names).unread, ["the members of group n-b are not known: denied"]);
        assert_eq!(known.unread_of("b", &names).unwrap(), "the members of group n-b are not known: denied");
        assert_eq!(known.unread_of("a", &names), None);
        known.groups.remove("b");
        assert_eq!(
            of(&known, &names).unread,
            ["the members of group n-b are not known: they were not asked for"]
        );
        let mut names = names;
        names.groups.remove("b");
        names.unlisted.groups = Some("denied".into());
        assert_eq!(of(&known, &names).unread, ["not every group is known: denied"]);
    }

    #[test]
    fn a_file_keeps_what_was_read_and_why_the_rest_was_not() {
        let text = r#"{"a":["u"],"b":{"unread":"denied"}}"#;
        let read: Memberships = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        assert!(serde_json::from_str::<Memberships>(r#"{"a":{"unread":"no","more":1}}"#).is_err());
    }
}
