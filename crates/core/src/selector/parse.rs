//! A selector from JSON, with every fault of it.

use crate::{
    ids::{self, AccountId},
    reading::{Faults, Fields, Json, Wrong, longer, quote},
};

use super::{Accounts, Glob, OrganizationalUnit, Selector};

/// The longest tag value has 256 characters; an account's name is shorter.
pub(super) const GLOB_LENGTH: usize = 256;
/// In characters.
pub(super) const TAG_KEY_LENGTH: usize = 128;
/// As many tags as an account can have.
pub(super) const TAGS: usize = 50;

const KINDS: [&str; 4] = ["ids", "names", "ous", "tags"];
const WITH_EXCEPT: [&str; 5] = ["ids", "names", "ous", "tags", "except"];

impl Accounts {
    /// Reads the field `at`. `None`: `faults` has at least one more fault.
    pub fn read(at: &str, value: &Json, faults: &mut Faults) -> Option<Accounts> {
        let mut fields = Fields::open(at, value, &WITH_EXCEPT, faults);
        if fields.is_empty() {
            let remedy = format!("leave `{at}` out to mean every account");
            faults.add(at, "selects nothing", &remedy);
        }
        let only = selector(&mut fields, faults);
        let except = fields.take("except").map(|value| {
            let at = fields.place("except");
            let mut fields = Fields::open(&at, value, &KINDS, faults);
            if fields.is_empty() {
                faults.add(&at, "takes out every account", "name what it takes out, or leave it out");
            }
            selector(&mut fields, faults)
        });
        Some(Accounts { only: only?, except: except.map_or(Some(None), |except| except.map(Some))? })
    }
}

/// Reads the four kinds. `None`: at least one fault was found.
fn selector(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Selector> {
    let before = faults.count();
    let ids = fields.list("ids", faults, |id| {
        AccountId::parse(id).ok_or((format!("is {}", quote(id)), "write an account id, 12 digits"))
    });
    let names = fields.list("names", faults, |text| match text {
        "" => Err(("is empty".into(), "write a glob for account names, such as class-*")),
        _ if has_blanks_around(text) => Err(blanks_around(text)),
        _ => Glob::parse(text),
    });
    let ous = fields.list("ous", faults, OrganizationalUnit::parse);
    let tags = fields.pairs("tags", TAGS, "a glob for the tag's value", faults, |key, text| {
        if key.is_empty() || longer(key, TAG_KEY_LENGTH) {
            let problem = format!("is not a tag key: it must have 1 to {TAG_KEY_LENGTH} characters");
            return Err((problem, "correct it"));
        }
        if has_blanks_around(key) {
            return Err((
                format!("has the key {}, with a blank at an end", quote(key)),
                "take the blank away",
            ));
        }
        Glob::parse(text)
    });
    (faults.count() == before && fields.opened()).then(|| Selector {
        ids,
        names,
        ous,
        tags: tags.into_iter().collect(),
    })
}

impl OrganizationalUnit {
    /// Reads an id, or a path of names. The error says what is wrong, and what would be right.
    pub fn parse(text: &str) -> Result<OrganizationalUnit, Wrong> {
        if ids::is_organizational_unit_id(text) || ids::is_root_id(text) {
            return Ok(OrganizationalUnit::Id(text.to_owned()));
        }
        if text.starts_with("ou-") || text.starts_with("r-") {
            return Err((
                format!("is {}, which begins like an id but is not one", quote(text)),
                "correct the id; an OU whose name begins like that is given by its id",
            ));
        }
        let names: Vec<_> = text.split('/').map(str::to_owned).collect();
        if names.iter().any(|name| name.is_empty()) {
            return Err((
                format!("is {}, with an empty OU name", quote(text)),
                "write OU names from the root down, such as Workloads/Prod, or an id",
            ));
        }
        if names.iter().any(|name| has_blanks_around(name)) {
            return Err(blanks_around(text));
        }
        if text.contains(['*', '?']) {
            return Err((
                format!("is {}, but a path takes no globs", quote(text)),
                "write the OU's names as they are: a row for an OU covers every OU below it",
            ));
        }
        if names.len() > 1 && names[0].eq_ignore_ascii_case("root") {
            return Err((
                format!("is {}, which begins with the root", quote(text)),
                "leave the root out: a path begins with the OU below it; an OU called Root is given by its id",
            ));
        }
        Ok(OrganizationalUnit::Path(names))
    }
}

/// A name that begins or ends with a blank is hardly meant, and matches nothing.
fn has_blanks_around(text: &str) -> bool {
    text.trim() != text
}

fn blanks_around(text: &str) -> Wrong {
    (format!("is {}, with a blank at an end", quote(text)), "take the blank away")
}
