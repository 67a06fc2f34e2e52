//! A policy document from JSON, with every fault: any form that IAM takes for an identity, and no other.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Actions, Condition, Document, Effect, Resources, Statement,
    pattern::{is_placeholder, segments, variables},
};
use crate::reading::{Fault, Faults, Fields, Json, quote};

/// Who wrote a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// AWS has it: what it took is read, whatever it means.
    AsRead,
    /// A person wrote it, or may have edited it: what would match nothing is a fault.
    Written,
}

const OPERATORS: &[&str] = &[
    "ArnEquals",
    "ArnLike",
    "ArnNotEquals",
    "ArnNotLike",
    "BinaryEquals",
    "Bool",
    "DateEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateNotEquals",
    "IpAddress",
    "NotIpAddress",
    "Null",
    "NumericEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericNotEquals",
    "StringEquals",
    "StringEqualsIgnoreCase",
    "StringLike",
    "StringNotEquals",
    "StringNotEqualsIgnoreCase",
    "StringNotLike",
];

const PRINCIPAL: &str = "leave it out: the principal of a permission set is whoever has it";
const PLACEHOLDER: &str = "write the real value; IAM knows no such variable, so that it would match nothing";

/// What the values of a document are read with.
#[derive(Clone, Copy)]
struct Reading {
    strictness: Strictness,
    /// Whether `${` begins a variable, which it does since version 2012-10-17.
    variables: bool,
}

impl Document {
    /// Reads a document at this path. Returns `None` if it has added a fault to `faults`.
    pub fn read(path: &str, json: &Json, strictness: Strictness, faults: &mut Faults) -> Option<Document> {
        let before = faults.count();
        let mut fields = Fields::open(path, json, &["Version", "Id", "Statement"], faults);
        let place = fields.place("Version");
        let variables = match fields.text("Version", faults).as_deref() {
            Some("2012-10-17") => true,
            Some("2008-10-17") | None => false,
            Some(other) => {
                faults.add(&place, format!("is {}", quote(other)), "write 2012-10-17");
                true
            }
        };
        fields.text("Id", faults);
        let place = fields.place("Statement");
        let reading = Reading { strictness, variables };
        let statements: Vec<Statement> = match fields.required("Statement", faults) {
            None => Vec::new(),
            Some(Json::List(items)) => {
                if items.is_empty() {
                    faults.add(&place, "is empty", "write at least one statement");
                }
                let read = |(index, item)| reading.statement(&format!("{place}[{index}]"), item, faults);
                items.iter().enumerate().filter_map(read).collect()
            }
            Some(one @ Json::Object(_)) => reading.statement(&place, one, faults).into_iter().collect(),
            Some(other) => {
                faults.add(&place, format!("is {}", other.kind()), "write a list of statements");
                Vec::new()
            }
        };
        let mut sids = BTreeSet::new();
        for sid in statements.iter().filter_map(|statement| statement.sid.as_deref()) {
            if !sids.insert(sid) {
                faults.add(&place, format!("has the Sid {} twice", quote(sid)), "give each a Sid of its own");
            }
        }
        (faults.count() == before).then_some(Document { statements })
    }
}

impl Statement {
    /// Reads one statement, of version 2012-10-17, that a person wrote.
    pub fn read(path: &str, json: &Json, faults: &mut Faults) -> Option<Statement> {
        Reading { strictness: Strictness::Written, variables: true }.statement(path, json, faults)
    }
}

impl Reading {
    fn statement(self, path: &str, json: &Json, faults: &mut Faults) -> Option<Statement> {
        const FIELDS: &[&str] =
            &["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"];
        const KNOWN: &[&str] = &[
            "Sid",
            "Effect",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
            "Condition",
            "Principal",
            "NotPrincipal",
        ];
        let before = faults.count();
        // `Principal` is known, so that it gets a fault of its own. It is no suggestion for another field.
        let known = match json {
            Json::Object(fields) if fields.iter().any(|(name, _)| name.ends_with("Principal")) => KNOWN,
            _ => FIELDS,
        };
        let mut fields = Fields::open(path, json, known, faults);
        if !fields.opened() {
            return None;
        }
        for name in ["Principal", "NotPrincipal"] {
            let place = fields.place(name);
            if fields.take(name).is_some() {
                faults.add(&place, "is not allowed here", PRINCIPAL);
            }
        }
        let place = fields.place("Sid");
        let sid = fields.text("Sid", faults).filter(|sid| !sid.is_empty());
        if let Some(sid) = &sid
            && !sid.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            faults.add(&place, format!("is {}", quote(sid)), "write letters A-Z, a-z and digits only");
        }
        let place = fields.place("Effect");
        let effect = fields.required("Effect", faults).and_then(|value| match value {
            Json::Text(text) if text == "Allow" => Some(Effect::Allow),
            Json::Text(text) if text == "Deny" => Some(Effect::Deny),
            Json::Text(text) => {
                faults.add(&place, format!("is {}", quote(text)), "write Allow or Deny");
                None
            }
            other => {
                faults.add(&place, format!("is {}", other.kind()), "write Allow or Deny");
                None
            }
        });
        let actions = one_of(path, &mut fields, "Action", "NotAction", faults).map(|(not, place, value)| {
            let patterns = strings(&place, value, faults, |place, text, faults| {
                action(place, text, faults);
                text.to_owned()
            });
            if not { Actions::AllBut(patterns) } else { Actions::These(patterns) }
        });
        let resources =
            one_of(path, &mut fields, "Resource", "NotResource", faults).map(|(not, place, value)| {
                let patterns = strings(&place, value, faults, |place, text, faults| {
                    self.resource(place, text, faults);
                    self.value(text)
                });
                if not { Resources::AllBut(patterns) } else { Resources::These(patterns) }
            });
        let place = fields.place("Condition");
        let condition =
            fields.take("Condition").map(|value| self.condition(&place, value, faults)).unwrap_or_default();
        if faults.count() > before {
            return None;
        }
        Some(Statement { effect: effect?, actions: actions?, resources: resources?, condition, sid })
    }

    /// Returns the value in the meaning of version 2012-10-17: before it, `${` was plain text.
    fn value(self, text: &str) -> String {
        if self.variables { text.to_owned() } else { text.replace("${", "${$}{") }
    }

    fn resource(self, place: &str, text: &str, faults: &mut Faults) {
        const RIGHT: &str = "write an ARN such as arn:aws:s3:::bucket/*, or *";
        if text != "*" && !text.starts_with("arn:") && !text.starts_with(['*', '?']) {
            faults.add(place, format!("is {}", quote(text)), RIGHT);
        }
        if self.strictness == Strictness::AsRead {
            return;
        }
        self.placeholders(place, text, faults);
        let parts = segments(text);
        if let Some(name) = parts.iter().take(5).flat_map(|part| variables(part)).next() {
            faults.add(
                place,
                format!("has the variable ${{{name}}} before the fifth colon"),
                "write * or the value there; IAM takes variables in the last part of an ARN only",
            );
        }
    }

    fn placeholders(self, place: &str, text: &str, faults: &mut Faults) {
        if self.strictness == Strictness::AsRead {
            return;
        }
        for name in variables(text).filter(|name| is_placeholder(name)) {
            faults.add(place, format!("has the placeholder ${{{name}}}"), PLACEHOLDER);
        }
    }

    fn condition(self, path: &str, json: &Json, faults: &mut Faults) -> Condition {
        const RIGHT: &str = "write an object of operators, each with an object of keys and their values";
        let mut condition = Condition::new();
        let Json::Object(operators) = json else {
            faults.add(path, format!("is {}", json.kind()), RIGHT);
            return condition;
        };
        for (operator, keys) in operators {
            let place = format!("{path}.{}", short(operator));
            if !is_condition_operator(operator) {
                faults.add(&place, "is no operator", "write one of IAM's, such as StringEquals");
            }
            let Json::Object(keys) = keys else {
                faults.add(&place, format!("is {}", keys.kind()), RIGHT);
                continue;
            };
            if condition.contains_key(operator) {
                faults.add(&place, "is given twice", "write its keys into one");
                continue;
            }
            let mut read: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for (key, values) in keys {
                let place = format!("{place}.{}", short(key));
                if !key.contains(':') {
                    faults.add(&place, "is no condition key", "write one such as aws:SourceIp");
                }
                let values = self.values(&place, values, faults);
                if read.insert(key.clone(), values).is_some() {
                    faults.add(&place, "is given twice", "write its values into one list");
                }
            }
            condition.insert(operator.clone(), read);
        }
        condition.retain(|_, keys| !keys.is_empty());
        condition
    }

    fn values(self, place: &str, json: &Json, faults: &mut Faults) -> BTreeSet<String> {
        const RIGHT: &str = "write a string, a number, true or false, or a list of these";
        let items = match json {
            Json::List(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        };
        let mut values = BTreeSet::new();
        for item in items {
            match item {
                Json::Text(text) => {
                    self.placeholders(place, text, faults);
                    values.insert(self.value(text));
                }
                Json::Number(number) => _ = values.insert(number.to_string()),
                Json::Bool(value) => _ = values.insert(value.to_string()),
                other => faults.add(place, format!("has {}", other.kind()), RIGHT),
            }
        }
        if items.is_empty() {
            faults.add(place, "is empty", RIGHT);
        }
        values
    }
}

/// Returns which of two fields a statement has, of which it must have one, and its value.
fn one_of<'j>(
    path: &str,
    fields: &mut Fields<'j>,
    name: &str,
    opposite: &str,
    faults: &mut Faults,
) -> Option<(bool, String, &'j Json)> {
    let of = |not: bool, fields: &Fields<'_>| fields.place(if not { opposite } else { name });
    match (fields.take(name), fields.take(opposite)) {
        (Some(value), None) => Some((false, of(false, fields), value)),
        (None, Some(value)) => Some((true, of(true, fields), value)),
        (Some(_), Some(_)) => {
            faults.add(path, format!("has {name} and {opposite}"), "keep one of them");
            None
        }
        (None, None) => {
            faults.add(path, format!("has neither {name} nor {opposite}"), "add one of them");
            None
        }
    }
}

fn strings(
    place: &str,
    json: &Json,
    faults: &mut Faults,
    read: impl Fn(&str, &str, &mut Faults) -> String,
) -> BTreeSet<String> {
    let items = match json {
        Json::List(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    if items.is_empty() {
        faults.add(place, "is empty", "name at least one");
    }
    let mut all = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let place =
            if matches!(json, Json::List(_)) { format!("{place}[{index}]") } else { place.to_owned() };
        let Some(text) = faults.string(&place, item, "write a string or a list of strings") else { continue };
        all.insert(read(&place, text, faults));
    }
    all
}

fn action(place: &str, text: &str, faults: &mut Faults) {
    const RIGHT: &str = "write service:Action, such as s3:GetObject or s3:Get*, or *";
    let good = |text: &str, more: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    let sound = match text.split_once(':') {
        None => text == "*",
        Some((service, name)) => good(service, "-*?") && good(name, "*?-_."),
    };
    if !sound {
        faults.add(place, format!("is {}", quote(text)), RIGHT);
    }
}

/// Whether it names one action, such as `s3:GetObject`.
pub fn is_action(text: &str) -> bool {
    let word = |text: &str, more: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    text.split_once(':').is_some_and(|(service, name)| word(service, "-") && word(name, "-_."))
}

/// Whether IAM has a condition operator of this name.
pub fn is_condition_operator(name: &str) -> bool {
    let name =
        ["ForAllValues:", "ForAnyValue:"].iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    let name = name.strip_suffix("IfExists").unwrap_or(name);
    OPERATORS.iter().any(|operator| operator.eq_ignore_ascii_case(name))
}

/// Returns a fault in one sentence.
pub fn sentence(Fault { field, problem, remedy, .. }: &Fault) -> String {
    if field.is_empty() { format!("{problem}; {remedy}") } else { format!("{field}: {problem}; {remedy}") }
}

fn short(name: &str) -> String {
    name.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Document {
        Document::parse(text.as_bytes(), Strictness::Written)
            .unwrap_or_else(|faults| panic!("{text}: {faults:?}"))
    }

    #[test]
    fn every_legal_form_is_read_and_written_in_one() {
        let cases = [
            (
                r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"},"Version":"2012-10-17"}"#,
                r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#,
            ),
            (
                r#"{"Version":"2012-10-17","Id":"x","Statement":[{"Sid":"A1","Effect":"Deny","NotAction":["s3:b","iam:a","s3:b"],
                    "NotResource":["arn:aws:s3:::${aws:username}/*"]}]}"#,
                r#"{"Version":"2012-10-17","Statement":[{"Sid":"A1","Effect":"Deny","NotAction":["iam:a","s3:b"],"NotResource":"arn:aws:s3:::${aws:username}/*"}]}"#,
            ),
            (
                r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Sid":"",
                    "Condition":{"Bool":{"aws:SecureTransport":true},"NumericLessThan":{"s3:max-keys":10},
                    "ForAnyValue:StringLikeIfExists":{"aws:TagKeys":["b","a"]},"StringEquals":{}}}]}"#,
                r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"},"ForAnyValue:StringLikeIfExists":{"aws:TagKeys":["a","b"]},"NumericLessThan":{"s3:max-keys":"10"}}}]}"#,
            ),
            // Before 2012-10-17 there were no variables: what looks like one was plain text.
            (
                r#"{"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::${aws:username}",
                    "Condition":{"StringEquals":{"aws:a":"${b}"}}}]}"#,
                r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::${$}{aws:username}","Condition":{"StringEquals":{"aws:a":"${$}{b}"}}}]}"#,
            ),
        ];
        for (text, written) in cases {
            let document = Document::parse(text.as_bytes(), Strictness::AsRead).unwrap();
            assert_eq!(document.to_text(), written);
            assert_eq!(parsed(written), document, "what is written is read as the same");
        }
    }

    #[test]
    fn every_fault_is_named_with_its_place() {
        let statement = |inner: &str| format!(r#"{{"Version":"2012-10-17","Statement":[{{{inner}}}]}}"#);
        let allow =
            |inner: &str| statement(&format!(r#""Effect":"Allow","Action":"s3:*","Resource":"*",{inner}"#));
        let cases: Vec<(String, &[&str])> = vec![
            ("[".into(), &["not JSON"]),
            ("[]".into(), &["is a list"]),
            ("{}".into(), &["Statement: is missing"]),
            (r#"{"Version":"2013-10-17","Statement":[]}"#.into(), &["Version: is", "Statement: is empty"]),
            (r#"{"Statement":"x"}"#.into(), &["Statement: is a string"]),
            (r#"{"Statement":[7]}"#.into(), &["Statement[0]: is a number"]),
            (
                statement(""),
                &[
                    "Effect: is missing",
                    "has neither Action nor NotAction",
                    "has neither Resource nor NotResource",
                ],
            ),
            (
                statement(
                    r#""Effect":"allow","Action":["a"],"NotAction":"b","Resource":"b","NotResource":[1]"#,
                ),
                &["Effect: is \"allow\"", "has Action and NotAction", "has Resource and NotResource"],
            ),
            (
                statement(
                    r#""Effect":1,"Action":["s3","s3:","s3:a b",":a","*:*",{}],"Resource":["x","bucket/*"]"#,
                ),
                &[
                    "Effect: is a number",
                    "Action[0]",
                    "Action[1]",
                    "Action[2]",
                    "Action[3]",
                    "Action[5]: is an object",
                    "Resource[0]",
                    "Resource[1]",
                ],
            ),
            (
                statement(r#""Effect":"Allow","Action":[],"Resource":[]"#),
                &["Action: is empty", "Resource: is empty"],
            ),
            (
                statement(
                    r#""Effect":"Allow","Action":"s3:*","Resource":["arn:aws:s3:::${BucketName}","arn:aws:s3:${aws:a}::b"]"#,
                ),
                &["Resource[0]: has the placeholder ${BucketName}", "Resource[1]: has the variable ${aws:a}"],
            ),
            (
                allow(r#""Principal":"*","NotPrincipal":{"AWS":"*"}"#),
                &["Principal: is not allowed", "NotPrincipal: is not"],
            ),
            (allow(r#""Sid":"a b""#), &["Sid: is"]),
            (allow(r#""Sids":"a""#), &["Sids: is unknown"]),
            (allow(r#""Effect":"Deny""#), &["Effect: is given twice"]),
            (
                allow(
                    r#""Condition":{"StringEqual":{"aws:a":"b"},"Bool":{"a":"b"},"Null":7,"StringLike":{"aws:a":[]},
                         "StringEquals":{"aws:a":[null,"${Account}"]}}"#,
                ),
                &[
                    "StringEqual: is no operator",
                    "Bool.a: is no condition key",
                    "Null: is a number",
                    "StringLike.aws:a: is empty",
                    "StringEquals.aws:a: has null",
                    "has the placeholder ${Account}",
                ],
            ),
            (allow(r#""Condition":[]"#), &["Condition: is a list"]),
            (
                r#"{"Statement":[{"Sid":"a","Effect":"Allow","Action":"*","Resource":"*"},
                    {"Sid":"a","Effect":"Allow","Action":"*","Resource":"*"}]}"#
                    .into(),
                &["has the Sid \"a\" twice"],
            ),
        ];
        for (text, problems) in cases {
            let faults = Document::parse(text.as_bytes(), Strictness::Written).expect_err(&text);
            let sentences: Vec<String> = faults.iter().map(sentence).collect();
            assert_eq!(faults.len(), problems.len(), "{text}: {sentences:#?}");
            for problem in problems {
                assert!(
                    sentences.iter().any(|sentence| sentence.contains(problem)),
                    "{problem}: {sentences:#?}"
                );
            }
        }
    }

    #[test]
    fn what_aws_has_is_read_also_if_it_would_be_a_fault_to_write_it() {
        let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::${BucketName}"}}"#;
        assert!(Document::parse(text.as_bytes(), Strictness::AsRead).is_ok());
        assert!(Document::parse(text.as_bytes(), Strictness::Written).is_err());
    }
}
