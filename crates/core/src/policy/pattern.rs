//! What a pattern of actions or resources matches, and how two patterns relate. It does not know statements.
//!
//! Two questions are asked of patterns, and each is answered on the safe side: [`Pattern::covers`] says yes only if it
//! is certain, [`Pattern::meets`] says no only if it is certain.

/// A pattern of IAM: `*` is any text, `?` is any one character, `${name}` is a policy variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<Token>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Character(char),
    /// `?`
    One,
    /// `*`
    Any,
    /// A policy variable: some text that the request decides.
    Variable(String),
}

impl Pattern {
    /// Reads a pattern of actions, which have no variables and ignore case.
    pub fn action(text: &str) -> Pattern {
        let token = |character: char| match character {
            '*' => Token::Any,
            '?' => Token::One,
            other => Token::Character(other.to_ascii_lowercase()),
        };
        Pattern(text.chars().map(token).collect())
    }

    /// Reads a pattern of resources. Case matters.
    pub fn resource(text: &str) -> Pattern {
        let mut tokens = Vec::new();
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            if let Some((name, after)) = variable(rest) {
                tokens.push(match name {
                    "*" | "?" | "$" => Token::Character(name.chars().next().unwrap_or('$')),
                    name => Token::Variable(name.to_ascii_lowercase()),
                });
                rest = after;
                continue;
            }
            tokens.push(match character {
                '*' => Token::Any,
                '?' => Token::One,
                other => Token::Character(other),
            });
            rest = &rest[character.len_utf8()..];
        }
        Pattern(tokens)
    }

    /// Whether it is certain that it matches everything that `inner` matches.
    pub fn covers(&self, inner: &Pattern) -> bool {
        if self.differs_from(inner) {
            return false;
        }
        // `reachable[j]`: the outer tokens so far can match exactly the first `j` inner ones.
        let inner = &inner.0;
        let mut reachable = vec![false; inner.len() + 1];
        reachable[0] = true;
        for outer in &self.0 {
            let mut next = vec![false; inner.len() + 1];
            for from in 0..=inner.len() {
                match outer {
                    Token::Any => next[from] = reachable[from] || (from > 0 && next[from - 1]),
                    _ => next[from] = from > 0 && reachable[from - 1] && outer.is_at_least(&inner[from - 1]),
                }
            }
            reachable = next;
        }
        reachable[inner.len()]
    }

    /// Whether some text may match both.
    pub fn meets(&self, other: &Pattern) -> bool {
        if self.differs_from(other) {
            return false;
        }
        let (one, other) = (&self.0, &other.0);
        // `open[j]`: the tokens of one so far and the first `j` of the other can be the same text.
        let mut open = vec![false; other.len() + 1];
        open[0] = true;
        for length in 1..=other.len() {
            open[length] = open[length - 1] && other[length - 1].is_elastic();
        }
        for token in one {
            let mut next = vec![false; other.len() + 1];
            next[0] = open[0] && token.is_elastic();
            for length in 1..=other.len() {
                let against = &other[length - 1];
                let stretches = token.is_elastic() || against.is_elastic();
                next[length] = (stretches && (open[length] || next[length - 1]))
                    || (open[length - 1] && token.is_like(against));
            }
            open = next;
        }
        open[other.len()]
    }

    /// Whether the two begin with plain characters that are not the same. That answers most questions, and soon.
    fn differs_from(&self, other: &Pattern) -> bool {
        self.0.iter().zip(&other.0).find_map(|pair| match pair {
            (Token::Character(one), Token::Character(other)) if one == other => None,
            (Token::Character(_), Token::Character(_)) => Some(true),
            _ => Some(false),
        }) == Some(true)
    }

    /// Whether it matches one text only.
    pub fn is_literal(&self) -> bool {
        self.0.iter().all(|token| matches!(token, Token::Character(_)))
    }
}

impl Token {
    /// Whether this one token matches whatever the inner one stands for.
    fn is_at_least(&self, inner: &Token) -> bool {
        match self {
            Token::Any => true,
            Token::One => matches!(inner, Token::One | Token::Character(_)),
            Token::Character(_) | Token::Variable(_) => self == inner,
        }
    }

    /// Whether it can stand for texts of several lengths.
    fn is_elastic(&self) -> bool {
        matches!(self, Token::Any | Token::Variable(_))
    }

    /// Whether both can stand for the same character.
    fn is_like(&self, other: &Token) -> bool {
        match (self, other) {
            (Token::Character(one), Token::Character(other)) => one == other,
            _ => true,
        }
    }
}

/// Whether the resource pattern `outer` certainly matches everything that `inner` matches, also if a wildcard does not
/// reach past the colons of an ARN.
pub fn resource_covers(outer: &str, inner: &str) -> bool {
    if outer == "*" || outer == inner {
        return true;
    }
    let (outer, inner): (Vec<&str>, Vec<&str>) = (segments(outer), segments(inner));
    outer.len() == 6
        && inner.len() == 6
        && outer
            .iter()
            .zip(inner)
            .all(|(outer, inner)| Pattern::resource(outer).covers(&Pattern::resource(inner)))
}

/// Returns the six parts of an ARN. The colons of a variable, such as `${aws:username}`, do not count.
pub fn segments(text: &str) -> Vec<&str> {
    let (mut parts, mut from, mut at) = (Vec::new(), 0, 0);
    while parts.len() < 5 && at < text.len() {
        if let Some((_, after)) = variable(&text[at..]) {
            at = text.len() - after.len();
        } else if text[at..].starts_with(':') {
            parts.push(&text[from..at]);
            at += 1;
            from = at;
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    parts.push(&text[from..]);
    parts
}

/// Returns the name of the variable with which the text begins, and what follows it.
pub fn variable(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix("${")?.split_once('}')
}

/// Returns the names of all variables of a text.
pub fn variables(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (name, after) = variable(&rest[rest.find("${")?..])?;
        rest = after;
        Some(name)
    })
}

/// Whether the name of a variable is a placeholder of a generated policy, such as `BucketName`: a name without a
/// namespace. IAM knows no such variable, so that it would match nothing.
pub fn is_placeholder(name: &str) -> bool {
    // What follows a comma is a default value.
    let name = name.split(',').next().unwrap_or_default();
    !matches!(name, "*" | "?" | "$") && !name.contains(':')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn actions_ignore_case_and_resources_do_not() {
        let matches = |outer: &str, inner: &str| Pattern::action(outer).covers(&Pattern::action(inner));
        assert!(matches("S3:get*", "s3:GetObject"));
        assert!(matches("s3:Get?bject", "s3:getobject"));
        assert!(matches("*", "s3:GetObject"));
        assert!(!matches("s3:Get", "s3:GetObject"));
        assert!(!matches("s3:*", "s3-object-lambda:GetObject"));
        assert!(!resource_covers("arn:aws:s3:::A", "arn:aws:s3:::a"));
    }

    #[test]
    fn covering_is_certain_and_meeting_is_possible() {
        // outer, inner, covers, meets
        let cases = [
            ("*", "*", true, true),
            ("*", "", true, true),
            ("a*", "a", true, true),
            ("a", "a*", false, true),
            ("a*b", "a*c*b", true, true),
            ("a*b", "a*c", false, false),
            ("a*", "*b", false, true),
            ("a?", "a*", false, true),
            ("a*", "a?", true, true),
            ("a??", "a?", false, false),
            ("?", "*", false, true),
            ("ab", "ac", false, false),
            ("**", "*", true, true),
            ("*a*", "b", false, false),
            ("${aws:username}", "${AWS:UserName}", true, true),
            ("${aws:username}", "${aws:userid}", false, true),
            ("${aws:username}", "bob", false, true),
            ("u-${aws:username}", "bob", false, false),
            ("*", "${aws:username}", true, true),
            ("?", "${aws:username}", false, true),
            ("${*}", "*", false, true),
            ("${*}", "${*}", true, true),
            ("${*}", "a", false, false),
            ("a${$}{b}", "a${$}{b}", true, true),
            ("a${", "a${", true, true),
        ];
        for (outer, inner, covers, meets) in cases {
            let (one, other) = (Pattern::resource(outer), Pattern::resource(inner));
            assert_eq!(one.covers(&other), covers, "{outer} covers {inner}");
            assert_eq!(one.meets(&other), meets, "{outer} meets {inner}");
            assert_eq!(other.meets(&one), meets, "{inner} meets {outer}");
        }
    }

    #[test]
    fn resources_are_compared_part_by_part() {
        let cases = [
            ("*", "arn:aws:s3:::b/*", true),
            ("arn:aws:s3:::*", "arn:aws:s3:::b/*", true),
            ("arn:*:s3:::b*", "arn:aws:s3:::b/*", true),
            ("arn:aws:s3:*", "arn:aws:s3:::b/*", false),
            ("arn:aws:iam::*:role/a", "arn:aws:iam::111122223333:role/a", true),
            ("arn:aws:iam::*", "arn:aws:iam::111122223333:role/a", false),
            ("arn:aws:s3:::b/a:*", "arn:aws:s3:::b/a:b:c", true),
            ("arn:aws:s3:::b/*", "arn:aws:s3:::b/${aws:username}/*", true),
            ("arn:aws:s3:::b", "*", false),
        ];
        for (outer, inner, covers) in cases {
            assert_eq!(resource_covers(outer, inner), covers, "{outer} and {inner}");
        }
        assert_eq!(segments("arn:aws:s3:::${aws:username}:x").len(), 6);
    }

    #[test]
    fn placeholders_are_no_variables() {
        let names =
            "arn:${Partition}:s3:::${aws:username}/${*}${s3:prefix}${BucketName}${aws:PrincipalTag/a, 'b'}";
        let found: Vec<&str> = variables(names).filter(|name| is_placeholder(name)).collect();
        assert_eq!(found, ["Partition", "BucketName"]);
        assert_eq!(variables("${a").count(), 0);
    }

    fn naive(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|skipped| naive(rest, &text[skipped..])),
            Some(('?', rest)) => !text.is_empty() && naive(rest, &text[1..]),
            Some((one, rest)) => text.first() == Some(one) && naive(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn patterns_relate_as_their_texts_do(one in "[ab*?]{0,5}", other in "[ab*?]{0,5}", text in "[abc]{0,6}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            let (in_one, in_other) =
                (naive(&chars(&one), &chars(&text)), naive(&chars(&other), &chars(&text)));
            let (one, other, literal) =
                (Pattern::resource(&one), Pattern::resource(&other), Pattern::resource(&text));
            prop_assert_eq!(one.covers(&literal), in_one);
            prop_assert_eq!(one.meets(&literal), in_one);
            prop_assert!(!(one.covers(&other) && in_other) || in_one);
            prop_assert!(!(in_one && in_other) || one.meets(&other));
        }
    }
}
