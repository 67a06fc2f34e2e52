//! How large a document is for AWS, and how one that is too large becomes several that mean the same.

use std::collections::BTreeSet;

use super::{Actions, Document, Resources, Statement};

/// The most bytes of the inline policy of a permission set, white space not counted.
pub const INLINE: usize = 10_240;
/// The most bytes of a managed policy, white space not counted.
pub const MANAGED: usize = 6_144;

/// Returns the size as AWS counts it: bytes, white space not counted.
pub fn size(document: &Document) -> usize {
    document.to_text().bytes().filter(|byte| !byte.is_ascii_whitespace()).count()
}

/// A statement that does not fit into a document of its own, however it is divided.
#[derive(Debug, PartialEq)]
pub struct TooLarge;

/// Returns documents of at most `most` bytes that together mean the same as this one. Nothing is widened: lists of
/// actions and resources are divided, and no pattern is shortened.
///
/// # Errors
/// If a part that cannot be divided is larger than that.
pub fn split(document: &Document, most: usize) -> Result<Vec<Document>, TooLarge> {
    let mut documents = vec![Document::default()];
    let mut rest: Vec<Statement> = document.statements.iter().rev().cloned().collect();
    while let Some(statement) = rest.pop() {
        if let Some(document) = documents.iter_mut().find(|document| fits(document, &statement, most)) {
            document.statements.push(statement);
            continue;
        }
        // What does not fit as a whole is divided, beginning in the last one.
        let last = documents.last().cloned().unwrap_or_default();
        if let Some((part, others)) = divide(&statement, |part| fits(&last, part, most)) {
            match documents.last_mut() {
                Some(document) => document.statements.push(part),
                None => documents.push(Document { statements: vec![part] }),
            }
            rest.push(others);
        } else if last.statements.is_empty() {
            return Err(TooLarge);
        } else {
            documents.push(Document::default());
            rest.push(statement);
        }
    }
    documents.retain(|document| !document.statements.is_empty());
    Ok(documents)
}

fn fits(document: &Document, statement: &Statement, most: usize) -> bool {
    let mut statements = document.statements.clone();
    statements.push(statement.clone());
    size(&Document { statements }) <= most
}

/// Divides a statement into as much as fits, and the rest.
fn divide(statement: &Statement, fits: impl Fn(&Statement) -> bool) -> Option<(Statement, Statement)> {
    // Two statements of one document must not have the same Sid.
    let part = Statement { sid: None, ..statement.clone() };
    let by_actions = |actions| Statement { actions: Actions::These(actions), ..part.clone() };
    let by_resources = |resources| Statement { resources: Resources::These(resources), ..part.clone() };
    // All but these cannot be divided: each part would mean more.
    let of_actions = match &statement.actions {
        Actions::These(actions) => divide_list(actions, |list| fits(&by_actions(list))),
        Actions::AllBut(_) => None,
    };
    if let Some((first, rest)) = of_actions {
        return Some((by_actions(first), by_actions(rest)));
    }
    let (first, rest) = match &statement.resources {
        Resources::These(resources) => divide_list(resources, |list| fits(&by_resources(list)))?,
        Resources::AllBut(_) => return None,
    };
    Some((by_resources(first), by_resources(rest)))
}

/// Returns the longest beginning of the list that fits, and the rest, neither of them empty.
fn divide_list(
    list: &BTreeSet<String>,
    fits: impl Fn(BTreeSet<String>) -> bool,
) -> Option<(BTreeSet<String>, BTreeSet<String>)> {
    let first = |length: usize| list.iter().take(length).cloned().collect::<BTreeSet<_>>();
    let (mut good, mut bad) = (0, list.len());
    while bad - good > 1 {
        let middle = good.midpoint(bad);
        if fits(first(middle)) {
            good = middle;
        } else {
            bad = middle;
        }
    }
    (good > 0).then(|| (first(good), list.iter().skip(good).cloned().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Strictness;

    fn document(statements: &str) -> Document {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
        Document::parse(text.as_bytes(), Strictness::Written).unwrap()
    }

    #[test]
    fn white_space_does_not_count() {
        let with = document(
            r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/a":"b c"}}}"#,
        );
        let without = document(
            r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/a":"bc"}}}"#,
        );
        assert_eq!(size(&with), size(&without));
        assert_eq!(size(&with), without.to_text().len());
    }

    #[test]
    fn what_is_too_large_is_divided_and_means_the_same() {
        let actions: Vec<String> = (0..500).map(|n| format!("\"service{}:Action{n}\"", n % 7)).collect();
        let list = actions.join(",");
        let whole = document(&format!(
            r#"{{"Effect":"Allow","Action":[{list}],"Resource":["arn:aws:s3:::a","arn:aws:s3:::b"],
                "Condition":{{"Bool":{{"aws:SecureTransport":"true"}}}}}},
               {{"Sid":"Guard","Effect":"Deny","NotAction":["s3:*"],"Resource":"*"}}"#
        ));
        assert!(size(&whole) > INLINE);
        let parts = split(&whole, MANAGED).unwrap();
        assert!(parts.len() >= 2 && parts.len() <= 3, "{}", parts.len());
        let mut found = BTreeSet::new();
        for part in &parts {
            assert!(size(part) <= MANAGED);
            assert!(!part.statements.is_empty());
            for statement in &part.statements {
                match &statement.actions {
                    Actions::These(actions) => {
                        assert_eq!(statement.resources, whole.statements[0].resources);
                        assert_eq!(statement.condition, whole.statements[0].condition);
                        assert!(actions.iter().all(|action| found.insert(action.clone())), "no action twice");
                    }
                    Actions::AllBut(_) => assert_eq!(statement, &whole.statements[1]),
                }
            }
        }
        assert_eq!(Actions::These(found), whole.statements[0].actions);
        assert_eq!(split(&whole, MANAGED), Ok(parts), "the same again");
        assert_eq!(split(&whole, size(&whole)), Ok(vec![whole.clone()]), "what fits is not divided");
        assert_eq!(split(&whole, size(&whole) - 1).unwrap().len(), 2);
    }

    #[test]
    fn lists_of_resources_are_divided_too_and_all_but_these_never() {
        let names: Vec<String> = (0..200).map(|n| format!("\"arn:aws:s3:::bucket-{n:0>40}\"")).collect();
        let list = names.join(",");
        let these = document(&format!(r#"{{"Effect":"Allow","Action":"s3:GetObject","Resource":[{list}]}}"#));
        let parts = split(&these, MANAGED).unwrap();
        assert_eq!(parts.len(), 3);
        let but =
            document(&format!(r#"{{"Effect":"Allow","Action":"s3:GetObject","NotResource":[{list}]}}"#));
        assert_eq!(split(&but, MANAGED), Err(TooLarge));
        assert_eq!(split(&Document::default(), MANAGED), Ok(Vec::new()));
    }
}
