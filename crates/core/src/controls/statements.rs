//! Which statements the service control policies of OUs have: read from the texts of the policies, each text once.
//!
//! Control Tower reports no drift of controls that are service control policies, so only the policies tell. A statement is
//! known by its Sid, never by the policy that holds it: Control Tower packs statements as it likes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// A service control policy that is attached to an OU.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    pub id: String,
    pub name: String,
    /// Whether its name is one that Control Tower gives.
    pub is_control_towers: bool,
}

/// What was read so far. What could not be read has its reason.
#[derive(Clone, Debug, Default)]
pub struct Statements {
    /// By the id of an OU.
    pub lists: BTreeMap<String, Result<Vec<Listed>, String>>,
    /// By the id of a policy: the Sids of its Deny statements.
    pub sids: BTreeMap<String, Result<BTreeSet<String>, String>>,
}

/// An OU, by its id, and a Sid.
pub type Asked = (String, String);

impl Statements {
    /// Returns the ids of the policies whose texts have to be read next. Control Tower's come first: those of others are
    /// read only if a statement is in none of them.
    pub fn next(&self, asked: &BTreeSet<Asked>) -> BTreeSet<String> {
        for are_control_towers in [true, false] {
            let open = asked.iter().filter(|asked| self.has(asked) != Ok(true));
            let listed = open.filter_map(|(unit, _)| self.lists.get(unit)?.as_ref().ok()).flatten();
            let unread = listed.filter(|policy| {
                policy.is_control_towers == are_control_towers && !self.sids.contains_key(&policy.id)
            });
            let next: BTreeSet<String> = unread.map(|policy| policy.id.clone()).collect();
            if !next.is_empty() {
                return next;
            }
        }
        BTreeSet::new()
    }

    /// Whether a policy of the OU denies by the statement.
    ///
    /// # Errors
    /// If it was seen in no policy and one could not be read, the reason.
    pub fn has(&self, (unit, sid): &Asked) -> Result<bool, String> {
        let listed = self.lists.get(unit).ok_or("the policies of the OU were not listed")?.as_ref()?;
        let mut unread = None;
        for policy in listed {
            match self.sids.get(&policy.id) {
                Some(Ok(sids)) if sids.contains(sid) => return Ok(true),
                Some(Err(reason)) => {
                    unread = unread.or(Some(format!("the policy {}: {reason}", policy.name)))
                }
                Some(Ok(_)) | None => {}
            }
        }
        unread.map_or(Ok(false), Err)
    }
}

/// Returns the Sids of the Deny statements of a policy.
///
/// # Errors
/// If the text is no policy document.
pub fn denied(text: &str) -> Result<BTreeSet<String>, String> {
    let document: Value =
        serde_json::from_str(text).map_err(|error| format!("its text is not JSON: {error}"))?;
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) => statements.as_slice(),
        Some(one @ Value::Object(_)) => std::slice::from_ref(one),
        _ => return Err("its text has no statements".to_owned()),
    };
    let denies = statements.iter().filter(|one| one.get("Effect").and_then(Value::as_str) == Some("Deny"));
    Ok(denies.filter_map(|one| Some(one.get("Sid")?.as_str()?.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(id: &str, is_control_towers: bool) -> Listed {
        Listed { id: id.into(), name: format!("name of {id}"), is_control_towers }
    }

    fn asked(of: &[(&str, &str)]) -> BTreeSet<Asked> {
        of.iter().map(|(unit, sid)| ((*unit).to_owned(), (*sid).to_owned())).collect()
    }

    #[test]
    fn each_text_is_read_once_and_those_of_others_only_if_they_matter() {
        let mut known = Statements::default();
        known.lists.insert("a".into(), Ok(vec![policy("shared", true), policy("own", false)]));
        known.lists.insert("b".into(), Ok(vec![policy("shared", true)]));
        known.lists.insert("c".into(), Err("denied".into()));
        let all = asked(&[("a", "ONE"), ("a", "TWO"), ("b", "ONE"), ("b", "TWO"), ("c", "ONE")]);
        let next = |known: &Statements| known.next(&all).into_iter().collect::<Vec<_>>();
        assert_eq!(next(&known), ["shared"]);
        known.sids.insert("shared".into(), Ok(["ONE".to_owned()].into()));
        assert_eq!(next(&known), ["own"]);
        assert_eq!(known.next(&asked(&[("a", "ONE"), ("b", "ONE")])), BTreeSet::new(), "found already");
        known.sids.insert("own".into(), Err("denied".into()));
        assert_eq!(next(&known), [""; 0]);
        let has = |unit: &str, sid: &str| known.has(&(unit.to_owned(), sid.to_owned()));
        assert_eq!(has("a", "ONE"), Ok(true), "one that cannot be read does not matter if it was found");
        assert_eq!(has("a", "TWO"), Err("the policy name of own: denied".into()), "it may be in that one");
        assert_eq!(has("b", "TWO"), Ok(false));
        assert_eq!(has("c", "ONE"), Err("denied".into()));
        assert!(has("d", "ONE").is_err());
    }

    #[test]
    fn only_a_deny_with_the_sid_counts() {
        let deny = r#"{ "Sid": "GRRESTRICTROOTUSER", "Effect": "Deny", "Action": "*", "Resource": "*" }"#;
        let allow = deny.replace("Deny", "Allow");
        let cases = [
            (format!(r#"{{ "Statement": [{deny}] }}"#), Some(1)),
            (format!(r#"{{ "Statement": {deny} }}"#), Some(1)),
            (format!(r#"{{ "Statement": [{allow}] }}"#), Some(0)),
            (r#"{ "Statement": [{ "Effect": "Deny", "Action": "*" }] }"#.to_owned(), Some(0)),
            (r#"{ "Version": "2012-10-17" }"#.to_owned(), None),
            ("no policy".to_owned(), None),
        ];
        for (text, count) in cases {
            assert_eq!(denied(&text).ok().map(|sids| sids.len()), count, "{text}");
        }
    }
}
