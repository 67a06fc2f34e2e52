//! The parameters of a control: read from a table, compared with what AWS has.
//!
//! Lists are compared as sets, and an empty list is like none: AWS gives both.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::guide::PARAMETER_OF_EXEMPTIONS;
use crate::reading::{Faults, Json, quote};

/// The longest name of a parameter that a table may have, in characters.
const NAME_LENGTH: usize = 128;
/// The most parameters of a row; no control has more than five.
pub(super) const MOST: usize = 50;

/// A value as the guide gives it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    Flag(bool),
    Text(String),
    List(Vec<String>),
}

/// Parameters by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Parameters(pub BTreeMap<String, Value>);

/// A value as it is compared.
#[derive(PartialEq)]
enum Compared<'v> {
    /// `true` and `"true"` are the same.
    One(&'v str),
    Set(BTreeSet<&'v str>),
}

impl Value {
    fn is_nothing(&self) -> bool {
        matches!(self, Value::List(items) if items.is_empty())
    }

    fn compared(&self) -> Compared<'_> {
        match self {
            Value::Flag(true) => Compared::One("true"),
            Value::Flag(false) => Compared::One("false"),
            Value::Text(text) => Compared::One(text),
            Value::List(items) => Compared::Set(items.iter().map(String::as_str).collect()),
        }
    }
}

impl Parameters {
    /// Reads the field `parameters`.
    pub fn read(at: &str, value: &Json, faults: &mut Faults) -> Option<Parameters> {
        const RIGHT: &str = "write each value as AWS's guide gives it: true, a string, or a list of strings";
        let before = faults.count();
        let Json::Object(pairs) = value else {
            faults.add(at, format!("is {}", value.kind()), "write an object of parameters by name");
            return None;
        };
        if pairs.is_empty() {
            faults.add(at, "is empty", "leave it out, or name at least one");
        }
        if pairs.len() > MOST {
            faults.add(at, format!("has {} names", pairs.len()), "no control has as many parameters");
            return None;
        }
        let mut read = BTreeMap::new();
        for (name, value) in pairs {
            let place = format!("{at}.{}", name.chars().take(NAME_LENGTH).collect::<String>());
            if name.is_empty() || name.chars().count() > NAME_LENGTH || name.trim() != name {
                faults.add(&place, format!("{} is not a parameter's name", quote(name)), "correct it");
                continue;
            }
            let value = match value {
                Json::Bool(flag) => Value::Flag(*flag),
                Json::Text(text) => Value::Text(text.clone()),
                Json::List(items) => {
                    let mut texts = Vec::with_capacity(items.len());
                    for (index, item) in items.iter().enumerate() {
                        let place = format!("{place}[{index}]");
                        texts.extend(faults.string(&place, item, "write a string").map(str::to_owned));
                    }
                    Value::List(texts)
                }
                other => {
                    faults.add(&place, format!("is {}", other.kind()), RIGHT);
                    continue;
                }
            };
            if name == "ExemptAssumeRoot" && value.compared() != Compared::One("true") {
                faults.add(
                    &place,
                    "is not true, and AWS takes nothing else",
                    "write true, or leave it out: then central root access is denied too",
                );
            }
            if read.insert(name.clone(), value).is_some() {
                faults.add_about(crate::reading::Part::Name, &place, "is given twice", "keep one");
            }
        }
        (faults.count() == before).then_some(Parameters(read))
    }

    pub fn is_empty(&self) -> bool {
        self.given().next().is_none()
    }

    /// Returns the parameters that say something.
    pub fn given(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0.iter().filter(|(_, value)| !value.is_nothing())
    }

    /// Whether AWS would do the same with both.
    pub fn is_like(&self, other: &Parameters) -> bool {
        let compared = |parameters: &'_ Parameters| {
            parameters.given().map(|(name, value)| (name.clone(), format_compared(value))).collect::<Vec<_>>()
        };
        compared(self) == compared(other)
    }

    /// Adds principals to those that are exempted.
    pub fn exempt<'p>(&mut self, principals: impl Iterator<Item = &'p str>) {
        let mut all: Vec<String> = self.exempted().into_iter().map(str::to_owned).collect();
        for principal in principals {
            if !all.iter().any(|one| one == principal) {
                all.push(principal.to_owned());
            }
        }
        if !all.is_empty() {
            self.0.insert(PARAMETER_OF_EXEMPTIONS.to_owned(), Value::List(all));
        }
    }

    pub fn exempted(&self) -> Vec<&str> {
        match self.0.get(PARAMETER_OF_EXEMPTIONS) {
            Some(Value::List(items)) => items.iter().map(String::as_str).collect(),
            Some(Value::Text(one)) => vec![one],
            Some(Value::Flag(_)) | None => Vec::new(),
        }
    }

    /// Returns what has to be sent so that AWS has these instead of `present`. A list that has to go is sent empty:
    /// that is right whether AWS replaces all parameters or only those that it gets.
    pub fn instead_of(&self, present: &Parameters) -> Parameters {
        let mut sent = self.clone();
        for (name, value) in present.given() {
            if let (Value::List(_), false) = (value, sent.0.contains_key(name)) {
                sent.0.insert(name.clone(), Value::List(Vec::new()));
            }
        }
        sent
    }
}

fn format_compared(value: &Value) -> String {
    match value.compared() {
        Compared::One(text) => format!("{text:?}"),
        Compared::Set(texts) => format!("{texts:?}"),
    }
}

/// Whether an exemption of `outer` exempts every principal that `inner` exempts: they are equal, or the wildcards of
/// `outer` match `inner` as a text.
pub fn covers(outer: &str, inner: &str) -> bool {
    fn matches(pattern: &[u8], text: &[u8]) -> bool {
        // The last `*` and where its match began: what is behind it is tried again one byte further on.
        let (mut at, mut read, mut star) = (0, 0, None);
        while read < text.len() {
            match pattern.get(at) {
                Some(b'*') => {
                    star = Some((at, read));
                    at += 1;
                }
                Some(byte) if *byte == text[read] || (*byte == b'?' && text[read] != b'*') => {
                    at += 1;
                    read += 1;
                }
                _ => match star {
                    Some((place, from)) => {
                        at = place + 1;
                        read = from + 1;
                        star = Some((place, from + 1));
                    }
                    None => return false,
                },
            }
        }
        pattern[at..].iter().all(|byte| *byte == b'*')
    }
    matches(outer.as_bytes(), inner.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(json: &str) -> Parameters {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn lists_are_sets_and_an_empty_list_is_like_none() {
        let cases = [
            ("{}", "{}", true),
            (r#"{"A": ["x", "y"]}"#, r#"{"A": ["y", "x", "y"]}"#, true),
            (r#"{"A": ["x"]}"#, r#"{"A": ["x", "y"]}"#, false),
            (r#"{"A": []}"#, "{}", true),
            (r#"{"A": [], "B": true}"#, r#"{"B": "true"}"#, true),
            (r#"{"A": ["x"]}"#, r#"{"A": "x"}"#, false),
            (r#"{"A": ["x"]}"#, r#"{"B": ["x"]}"#, false),
            (r#"{"A": "x"}"#, "{}", false),
        ];
        for (one, other, like) in cases {
            assert_eq!(parameters(one).is_like(&parameters(other)), like, "{one} {other}");
            assert_eq!(parameters(other).is_like(&parameters(one)), like, "{other} {one}");
        }
    }

    #[test]
    fn exemptions_join_and_go() {
        let mut wanted = parameters(r#"{"ExemptedPrincipalArns": ["a"], "B": true}"#);
        wanted.exempt(["b", "a"].into_iter());
        assert_eq!(wanted, parameters(r#"{"ExemptedPrincipalArns": ["a", "b"], "B": true}"#));
        let none = Parameters::default();
        assert_eq!(none.instead_of(&wanted), parameters(r#"{"ExemptedPrincipalArns": []}"#));
        assert_eq!(wanted.instead_of(&none), wanted);
        let mut nobody = Parameters::default();
        nobody.exempt(std::iter::empty());
        assert!(nobody.is_empty() && nobody.0.is_empty());
    }

    #[test]
    fn an_exemption_covers_what_its_wildcards_match() {
        let cases = [
            ("arn:aws:iam::1:role/a", "arn:aws:iam::1:role/a", true),
            ("arn:aws:iam::*:role/a", "arn:aws:iam::1:role/a", true),
            ("arn:aws:iam::*:role/a", "arn:aws:iam::*:role/a", true),
            ("arn:aws:iam::1:role/a", "arn:aws:iam::*:role/a", false),
            ("arn:aws:iam::*:role/*", "arn:aws:iam::*:role/x/y", true),
            ("arn:aws:iam::1:role/?", "arn:aws:iam::1:role/*", false),
            ("arn:aws:iam::1:role/a*b", "arn:aws:iam::1:role/aXbXb", true),
            ("arn:aws:iam::1:role/a*b", "arn:aws:iam::1:role/aXbX", false),
            ("*", "anything", true),
            ("a", "", false),
        ];
        for (outer, inner, covered) in cases {
            assert_eq!(covers(outer, inner), covered, "{outer} {inner}");
        }
    }
}
