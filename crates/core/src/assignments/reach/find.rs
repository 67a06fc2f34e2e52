//! Whom a person means: `user:NAME`, `group:NAME`, an id, or a bare name that only one group or one user has.

use crate::{
    assignments::{
        Named, PrincipalId, PrincipalKind,
        facts::{NamesById, likest},
    },
    ids,
    selector::same,
};

/// A group or a user as a person names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// `None` for a bare name or id.
    pub kind: Option<PrincipalKind>,
    pub named: Named,
}

/// Why it is not clear who is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unclear {
    /// Nobody has the name or id. `near` is who is named most like it.
    Nobody { near: Option<(PrincipalKind, String)> },
    /// A group and a user have the name, or several names look the same.
    Several(Vec<PrincipalId>),
    /// Groups or users could not be listed, so that somebody may have it.
    NotListed { kind: PrincipalKind, why: String },
}

const KINDS: [PrincipalKind; 2] = [PrincipalKind::Group, PrincipalKind::User];

impl Asked {
    /// # Errors
    /// If there is no name.
    pub fn parse(text: &str) -> Result<Asked, &'static str> {
        let prefixed = KINDS
            .iter()
            .find_map(|kind| Some((Some(*kind), text.strip_prefix(kind.field())?.strip_prefix(':')?)));
        let (kind, name) = prefixed.unwrap_or((None, text));
        if name.trim().is_empty() {
            return Err("write user:NAME or group:NAME, or an id");
        }
        let named = match ids::is_principal_id(name) {
            // AWS writes ids in small letters.
            true => Named::Id(name.to_ascii_lowercase()),
            false => Named::Name(name.to_owned()),
        };
        Ok(Asked { kind, named })
    }

    /// Returns who is meant, by the names that were read. One that is given with kind and id need not exist: what is left
    /// of a group that was deleted can be asked for.
    pub fn find(&self, names: &NamesById) -> Result<PrincipalId, Unclear> {
        let kinds: Vec<PrincipalKind> =
            KINDS.into_iter().filter(|kind| self.kind.is_none_or(|asked| asked == *kind)).collect();
        let mut found: Vec<PrincipalId> = match (&self.named, self.kind) {
            (Named::Id(id), Some(kind)) => return Ok(PrincipalId { kind, id: id.clone() }),
            (Named::Id(id), None) => {
                let known = |kind: &PrincipalKind| of_kind(names, *kind).any(|(other, _)| other == id);
                kinds
                    .iter()
                    .filter(|kind| known(kind))
                    .map(|kind| PrincipalId { kind: *kind, id: id.clone() })
                    .collect()
            }
            (Named::Name(name), _) => kinds.iter().flat_map(|kind| of_name(names, *kind, name)).collect(),
        };
        // A bare name may be that of somebody who could not be listed.
        let unlisted = |kind: &PrincipalKind| Some((*kind, names.unlisted.of(*kind)?.to_owned()));
        let not_listed = |(kind, why)| Unclear::NotListed { kind, why };
        match (found.pop(), found.is_empty()) {
            (Some(one), true) => {
                let other = kinds.iter().filter(|kind| **kind != one.kind).find_map(unlisted);
                other.map_or(Ok(one), |other| Err(not_listed(other)))
            }
            (Some(one), false) => {
                found.push(one);
                Err(Unclear::Several(found))
            }
            (None, _) => Err(match kinds.iter().find_map(unlisted) {
                Some(one) => not_listed(one),
                None => Unclear::Nobody { near: self.near(names, &kinds) },
            }),
        }
    }

    fn near(&self, names: &NamesById, kinds: &[PrincipalKind]) -> Option<(PrincipalKind, String)> {
        let Named::Name(name) = &self.named else { return None };
        let near = |kind: PrincipalKind| {
            let like = likest(name, of_kind(names, kind).map(|(_, known)| known.as_str()))?;
            Some((kind, like.to_owned()))
        };
        // Also of the kind that was not asked for: the kind may be what is wrong.
        let other = KINDS.into_iter().filter(|kind| !kinds.contains(kind));
        let same_name = other.clone().find(|kind| of_name(names, *kind, name).next().is_some());
        same_name
            .map(|kind| (kind, name.clone()))
            .or_else(|| kinds.iter().copied().chain(other).find_map(near))
    }
}

fn of_kind(names: &NamesById, kind: PrincipalKind) -> impl Iterator<Item = (&String, &String)> {
    match kind {
        PrincipalKind::Group => names.groups.iter(),
        PrincipalKind::User => names.users.iter(),
    }
}

/// Returns who of a kind has the name: as it is written, or else who has one that looks the same.
fn of_name(names: &NamesById, kind: PrincipalKind, name: &str) -> impl Iterator<Item = PrincipalId> {
    let all = || of_kind(names, kind);
    let mut found: Vec<&String> = all().filter(|(_, known)| *known == name).map(|(id, _)| id).collect();
    if found.is_empty() {
        found = all().filter(|(_, known)| same(known, name)).map(|(id, _)| id).collect();
    }
    let found: Vec<PrincipalId> = found.into_iter().map(|id| PrincipalId { kind, id: id.clone() }).collect();
    found.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assignments::facts::Unlisted;

    const GROUP: &str = "52d5f4a4-70b1-7016-4f5a-0c9be1c3d8f2";
    const USER: &str = "9267a4d4-c0f1-70a8-b3d5-6e1f28c47a90";
    const BOTH: &str = "11111111-70b1-7016-4f5a-0c9be1c3d8f2";

    fn names() -> NamesById {
        let of =
            |names: &[(&str, &str)]| names.iter().map(|(id, name)| ((*id).into(), (*name).into())).collect();
        NamesById {
            groups: of(&[(GROUP, "students"), (BOTH, "ann"), ("g3", "user:odd")]),
            users: of(&[(USER, "bob@example.com"), ("u2", "ann"), ("u3", "Pr\u{fc}fer")]),
            ..NamesById::default()
        }
    }

    fn find(text: &str, names: &NamesById) -> Result<(PrincipalKind, String), Unclear> {
        Asked::parse(text).unwrap().find(names).map(|PrincipalId { kind, id }| (kind, id))
    }

    #[test]
    fn somebody_is_meant_by_kind_and_name_by_id_or_by_a_name_that_one_has() {
        use PrincipalKind::{Group, User};
        let nobody = |near: Option<(PrincipalKind, &str)>| {
            Err(Unclear::Nobody { near: near.map(|(kind, name)| (kind, name.to_owned())) })
        };
        let unknown = "99999999-70b1-7016-4f5a-0c9be1c3d8f2";
        let cases = [
            ("students", Ok((Group, GROUP.to_owned()))),
            ("group:students", Ok((Group, GROUP.to_owned()))),
            ("user:students", nobody(Some((Group, "students")))),
            ("bob@example.com", Ok((User, USER.to_owned()))),
            ("user:ann", Ok((User, "u2".to_owned()))),
            ("group:ann", Ok((Group, BOTH.to_owned()))),
            ("ann", Err(Unclear::Several(vec![PrincipalId::group(BOTH), PrincipalId::user("u2")]))),
            ("Pru\u{308}fer", Ok((User, "u3".to_owned()))),
            ("group:user:odd", Ok((Group, "g3".to_owned()))),
            ("Students", nobody(Some((Group, "students")))),
            ("user:bob@exmple.com", nobody(Some((User, "bob@example.com")))),
            ("nothing like it", nobody(None)),
            (&GROUP.to_uppercase(), Ok((Group, GROUP.to_owned()))),
            (unknown, nobody(None)),
        ];
        for (text, expected) in cases {
            assert_eq!(find(text, &names()), expected, "{text}");
        }
        let deleted = format!("group:{unknown}");
        assert_eq!(
            find(&deleted, &names()),
            Ok((Group, unknown.to_owned())),
            "what was deleted can be asked for"
        );
        for nothing in ["", "user:", "group: "] {
            assert!(Asked::parse(nothing).is_err(), "{nothing:?}");
        }
    }

    #[test]
    fn a_name_is_not_clear_while_somebody_else_may_have_it() {
        use PrincipalKind::{Group, User};
        let names = NamesById {
            users: [].into(),
            unlisted: Unlisted { groups: None, users: Some("denied".into()) },
            ..names()
        };
        let unlisted = Err(Unclear::NotListed { kind: User, why: "denied".into() });
        let cases = [
            ("group:students", Ok((Group, GROUP.to_owned()))),
            ("students", unlisted.clone()),
            ("user:bob@example.com", unlisted.clone()),
            ("nobody", unlisted),
            ("group:nobody", Err(Unclear::Nobody { near: None })),
            ("user:9267a4d4-c0f1-70a8-b3d5-6e1f28c47a90", Ok((User, USER.to_owned()))),
        ];
        for (text, expected) in cases {
            assert_eq!(find(text, &names), expected, "{text}");
        }
        let unlisted = Unlisted { groups: Some("denied".into()), users: None };
        let names = NamesById { unlisted, ..self::names() };
        assert_eq!(
            find("group:students", &names),
            Ok((Group, GROUP.to_owned())),
            "names of tables are known"
        );
    }
}
