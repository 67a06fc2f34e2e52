//! Names of rows, permission sets and principals that a person would choose.

use std::collections::{BTreeSet, HashMap};

use super::{NamesById, PrincipalId};
use crate::{
    assignments::{Named, PermissionSet, Principal, PrincipalKind},
    ids,
    selector::normal,
};

/// In characters; a suffix and a number have room.
const LONGEST: usize = 40;

pub struct Names<'n> {
    by_id: &'n NamesById,
    /// How many permission sets have a name, and how many of each kind of principals, in the form in which they are
    /// compared.
    known: HashMap<(Option<PrincipalKind>, String), usize>,
    /// Ids of rows that were given.
    rows: BTreeSet<String>,
}

impl<'n> Names<'n> {
    pub fn new(by_id: &'n NamesById) -> Names<'n> {
        let mut known = HashMap::new();
        let kinds = [
            (None, &by_id.permission_sets),
            (Some(PrincipalKind::Group), &by_id.groups),
            (Some(PrincipalKind::User), &by_id.users),
        ];
        for (kind, name) in
            kinds.into_iter().flat_map(|(kind, names)| names.values().map(move |name| (kind, name)))
        {
            *known.entry((kind, normal(name).into_owned())).or_insert(0) += 1;
        }
        Names { by_id, known, rows: BTreeSet::new() }
    }

    fn is_only_one(&self, kind: Option<PrincipalKind>, name: &str) -> bool {
        self.known.get(&(kind, normal(name).into_owned())) == Some(&1)
    }

    pub fn permission_set(&self, arn: &str) -> PermissionSet {
        match self.by_id.permission_set(arn) {
            Some(name) if ids::is_permission_set_name(name) && self.is_only_one(None, name) => {
                PermissionSet::Name(name.to_owned())
            }
            _ => PermissionSet::Arn(arn.to_owned()),
        }
    }

    pub fn principal(&self, principal: &PrincipalId) -> Principal {
        let kind = principal.kind;
        // A name that looks like an id would be read as one, and a blank at an end is refused.
        let name = self.by_id.principal(principal).filter(|name| {
            !ids::is_principal_id(name) && name.trim() == *name && self.is_only_one(Some(kind), name)
        });
        let id = || Named::Id(principal.id.clone());
        Principal { kind, named: name.map_or_else(id, |name| Named::Name(name.to_owned())) }
    }

    pub fn permission_set_name<'s>(&'s self, arn: &'s str) -> &'s str {
        self.by_id.permission_set(arn).unwrap_or(arn)
    }

    pub fn principal_name<'s>(&'s self, principal: &'s PrincipalId) -> &'s str {
        self.by_id.principal(principal).unwrap_or(&principal.id)
    }

    /// Returns what rows are ordered by.
    pub fn order(
        &self,
        arn: &str,
        principal: &PrincipalId,
    ) -> (String, PrincipalKind, String, String, String) {
        let (set, name) = (self.permission_set_name(arn), self.principal_name(principal));
        (set.to_owned(), principal.kind, name.to_owned(), arn.to_owned(), principal.id.clone())
    }

    /// Returns an id that no row has yet, such as `auditors-read-only-access`. `suffix` tells a row from others for the
    /// same grant.
    pub fn row(&mut self, arn: &str, principal: &PrincipalId, suffix: Option<&str>) -> String {
        // A person's user name is often an address.
        let name = self.principal_name(principal);
        let name = name.split_once('@').map_or(name, |(name, _)| name);
        let id = slug(&format!("{name} {}", self.permission_set_name(arn)));
        let id = suffix.map_or(id.clone(), |suffix| format!("{id}-{suffix}"));
        let numbered = (2..).map(|number| format!("{id}-{number}"));
        let free = std::iter::once(id.clone()).chain(numbered).find(|id| !self.rows.contains(id));
        let free = free.unwrap_or(id);
        self.rows.insert(free.clone());
        free
    }
}

/// Returns a text as ids are written: small letters and digits, a hyphen between words, at most [`LONGEST`] of them.
fn slug(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut slug = String::new();
    for (at, character) in characters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| characters.get(before));
        let is_small = |character: Option<&char>| character.is_some_and(char::is_ascii_lowercase);
        let is_capital = |character: Option<&char>| character.is_some_and(char::is_ascii_uppercase);
        // ReadOnlyAccess and AWSReadOnly have words, too.
        let begins_a_word = character.is_ascii_uppercase()
            && (is_small(before) || is_capital(before) && is_small(characters.get(at + 1)));
        let divides = begins_a_word || !character.is_ascii_alphanumeric();
        if divides && !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if character.is_ascii_alphanumeric() {
            slug.push(character.to_ascii_lowercase());
        }
    }
    slug.truncate(LONGEST);
    match slug.trim_end_matches('-') {
        "" => "row".to_owned(),
        slug => slug.to_owned(),
    }
}
