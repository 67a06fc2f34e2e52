//! What AWS says, without who said it: no e-mail address and no name of a session gets into a file, a log or the
//! terminal, also if a message of AWS has one.

use std::sync::LazyLock;

use regex_lite::Regex;

/// What stands for a name that was taken out.
const HIDDEN: &str = "…";

/// Returns the text without e-mail addresses and without the names of sessions, which follow the role in the ARN of an
/// assumed role and the id of a role in its user id.
pub fn hide(text: &str) -> String {
    // The patterns are constants, and a test uses each of them: a `None` cannot occur.
    static SESSION: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r#"(assumed-role/[\w+=,.@-]+/|federated-user/|\bA(?:RO|ID|SC)A[A-Z0-9]{4,}:)[^\s"',;)\]]+"#,
        )
        .ok()
    });
    static ADDRESS: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r#"[^\s"'<>(),:;/\[\]]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"#).ok());
    let (Some(session), Some(address)) = (SESSION.as_ref(), ADDRESS.as_ref()) else {
        return HIDDEN.to_owned();
    };
    let without_sessions = session.replace_all(text, format!("${{1}}{HIDDEN}"));
    address.replace_all(&without_sessions, HIDDEN).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_people_and_sessions_are_taken_out_and_nothing_else_is() {
        let cases = [
            (
                "User: arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Power_0123456789abcdef/operator@example.com is not \
                 authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/X",
                "User: arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Power_0123456789abcdef/… is not authorized to \
                 perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/X",
            ),
            ("assumed-role/A/first.", "assumed-role/A/…"),
            (r#"{"arn":"assumed-role/A/First_Last","x":1}"#, r#"{"arn":"assumed-role/A/…","x":1}"#),
            ("AROAEXAMPLEID:first and AIDAEXAMPLEID", "AROAEXAMPLEID:… and AIDAEXAMPLEID"),
            ("arn:aws:sts::1:federated-user/second did", "arn:aws:sts::1:federated-user/… did"),
            ("ask <first.last+aws@mail.example.co.uk>, or second@example.com.", "ask <…>, or …."),
            ("mailto:operator@example.com", "mailto:…"),
            (
                "arn:aws:iam::111122223333:role/a/b: s3:GetObject",
                "arn:aws:iam::111122223333:role/a/b: s3:GetObject",
            ),
            ("a role name with @ in it: Team@home", "a role name with @ in it: Team@home"),
            ("jürgen@example.com", "…"),
        ];
        for (text, expected) in cases {
            assert_eq!(hide(text), expected, "{text}");
            assert_eq!(hide(expected), expected, "twice is once: {text}");
        }
    }
}
