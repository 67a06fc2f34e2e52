//! Text to a sound [`Table`], or every fault of it.
//!
//! Unlike a derived deserializer it goes on after a fault, so that a table is mended in one round.

use std::{collections::HashMap, fmt};

use glob::Pattern;

use super::{
    Accounts, Named, OrganizationalUnit, PermissionSet, Principal, Row, Selector, Table, json::Json,
};
use crate::ids::{self, AccountId};

/// Largest table, in bytes of JSON. Read whole into memory, it must stay small beside the function's.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Most rows in a table.
pub const MAX_ROWS: usize = 10_000;

/// The fields of a row.
pub const FIELDS: [&str; 6] = ["id", "description", "permissionSet", "group", "user", "accounts"];

/// Limits of single values, in characters.
pub mod shape {
    /// The longest display name of a group; a user name is shorter.
    pub const PRINCIPAL_NAME_LENGTH: usize = 1024;
    /// The longest tag value has 256 characters; an account's name is shorter.
    pub const GLOB_LENGTH: usize = 256;
    pub const TAG_KEY_LENGTH: usize = 128;
    /// An account has at most 50 tags.
    pub const TAGS: usize = 50;
}

/// Most faults that are told one by one; the others are counted.
const MAX_FAULTS: usize = 1_000;

/// What is wrong with a table, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// `None`: the fault is outside every row.
    pub row: Option<RowPlace>,
    /// The field, from the row down, such as `accounts.ous[0]`; empty for the row or the table as a whole.
    pub field: String,
    pub part: Part,
    pub problem: String,
    /// What would be right.
    pub remedy: String,
}

/// What of a field is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The name: there should be no such field, or not once more.
    Name,
    Value,
    /// It is not there.
    Absence,
}

/// Which row of the table, counted from 1, and its id where it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowPlace {
    pub number: usize,
    pub id: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.row {
            Some(RowPlace { number, id: Some(id) }) => write!(f, "row {number} ({id})")?,
            Some(RowPlace { number, id: None }) => write!(f, "row {number}")?,
            None => f.write_str("table")?,
        }
        if !self.field.is_empty() {
            write!(f, ", {}", self.field)?;
        }
        write!(f, ": {}; {}", self.problem, self.remedy)
    }
}

/// Reads a table. The error lists every fault; the text is never empty.
pub fn parse(text: &[u8]) -> Result<Table, Vec<Fault>> {
    let mut faults = Faults::default();
    if text.len() > MAX_BYTES {
        faults.add("", format!("larger than {MAX_BYTES} bytes"), "use fewer or shorter rows");
        return Err(faults.told());
    }
    let document: Json = match serde_json::from_slice(text) {
        Ok(document) => document,
        Err(error) => {
            faults.add("", format!("not JSON: {error}"), "correct the text at that place");
            return Err(faults.told());
        }
    };
    let mut fields = Fields::open("", &document, &["$schema", "assignments"], &mut faults);
    fields.text("$schema", &mut faults);
    let rows = match fields.required("assignments", &mut faults) {
        Some(Json::List(items)) => rows(items, &mut faults),
        Some(other) => {
            faults.add("assignments", format!("is {}", other.kind()), "write a list of rows");
            Vec::new()
        }
        None => Vec::new(),
    };
    if faults.count == 0 { Ok(Table { rows }) } else { Err(faults.told()) }
}

/// Reads a table given as one item a row. A scan has no order, so the rows are ordered by id.
pub fn parse_items(mut items: Vec<Json>) -> Result<Table, Vec<Fault>> {
    let mut faults = Faults::default();
    items.sort_by_cached_key(written_id);
    let rows = rows(&items, &mut faults);
    if faults.count == 0 { Ok(Table { rows }) } else { Err(faults.told()) }
}

fn rows(items: &[Json], faults: &mut Faults) -> Vec<Row> {
    if items.len() > MAX_ROWS {
        let problem = format!("more than {MAX_ROWS} rows");
        faults.add("assignments", problem, "give one row for several accounts by `ous`, `names` or `tags`");
        return Vec::new();
    }
    let mut rows = Vec::with_capacity(items.len());
    let mut first: HashMap<String, usize> = HashMap::new();
    for (index, item) in items.iter().enumerate() {
        let number = index + 1;
        faults.row = Some(RowPlace { number, id: written_id(item) });
        let row = row(item, faults);
        if let Some(id) = written_id(item) {
            match first.get(&id) {
                Some(before) => faults.add(
                    "id",
                    format!("is also the id of row {before}"),
                    "give each row an id of its own, since reports name rows by it",
                ),
                None => _ = first.insert(id, number),
            }
        }
        rows.extend(row);
    }
    faults.row = None;
    rows
}

/// The id as it stands, so that a row with other faults can still be named; cut where it is far too long.
fn written_id(item: &Json) -> Option<String> {
    let Json::Object(fields) = item else { return None };
    fields.iter().find_map(|(name, value)| match value {
        Json::Text(id) if name == "id" && !id.is_empty() => Some(id.chars().take(80).collect()),
        _ => None,
    })
}

fn row(item: &Json, faults: &mut Faults) -> Option<Row> {
    let mut fields = Fields::open("", item, &FIELDS, faults);
    let id = fields.required("id", faults).and_then(|id| row_id(id, faults));
    let description = fields.text("description", faults);
    let permission_set = fields.required("permissionSet", faults).and_then(|set| permission_set(set, faults));
    let group = fields.take("group").map(|value| principal("group", value, faults).map(Principal::Group));
    let user = fields.take("user").map(|value| principal("user", value, faults).map(Principal::User));
    let principal = match (group, user) {
        (Some(group), None) => group,
        (None, Some(user)) => user,
        (Some(_), Some(_)) => {
            faults.add(
                "",
                "both `group` and `user` are given".into(),
                "keep one; write a second row for the other",
            );
            None
        }
        (None, None) if fields.opened => {
            faults.add(
                "",
                "neither `group` nor `user` is given".into(),
                "name the one that receives the grant",
            );
            None
        }
        (None, None) => None,
    };
    let accounts = match fields.take("accounts") {
        None => Some(Accounts::default()),
        Some(value) => accounts(value, faults),
    };
    Some(Row {
        id: id?,
        description,
        permission_set: permission_set?,
        principal: principal?,
        accounts: accounts?,
    })
}

fn row_id(value: &Json, faults: &mut Faults) -> Option<String> {
    let good = |id: &str| {
        id.len() <= 64
            && !id.starts_with('-')
            && id.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    let right = "write up to 64 of a-z, 0-9 and -, the first not -";
    match faults.string("id", value, right)? {
        id if !id.is_empty() && good(id) => Some(id.to_owned()),
        id => {
            faults.add("id", format!("is {}", quote(id)), right);
            None
        }
    }
}

fn permission_set(value: &Json, faults: &mut Faults) -> Option<PermissionSet> {
    let right = "write the permission set's name (up to 32 of letters, digits and _+=,.@-) or its ARN";
    match faults.string("permissionSet", value, right)? {
        arn if ids::is_permission_set_arn(arn) => Some(PermissionSet::Arn(arn.to_owned())),
        name if ids::is_permission_set_name(name) => Some(PermissionSet::Name(name.to_owned())),
        other => {
            faults.add("permissionSet", format!("is {}", quote(other)), right);
            None
        }
    }
}

fn principal(field: &str, value: &Json, faults: &mut Faults) -> Option<Named> {
    let right = match field {
        "group" => "write the group's display name or its id",
        _ => "write the user's user name or its id",
    };
    match faults.string(field, value, right)? {
        id if ids::is_principal_id(id) => Some(Named::Id(id.to_owned())),
        "" => {
            faults.add(field, "is empty".into(), right);
            None
        }
        name if longer(name, shape::PRINCIPAL_NAME_LENGTH) => {
            faults.add(field, format!("has more than {} characters", shape::PRINCIPAL_NAME_LENGTH), right);
            None
        }
        name => Some(Named::Name(name.to_owned())),
    }
}

const KINDS: [&str; 4] = ["ids", "names", "ous", "tags"];

fn accounts(value: &Json, faults: &mut Faults) -> Option<Accounts> {
    let known = ["ids", "names", "ous", "tags", "except"];
    let mut fields = Fields::open("accounts", value, &known, faults);
    if fields.opened && fields.empty {
        faults.add("accounts", "selects nothing".into(), "leave `accounts` out to mean every account");
    }
    let only = selector(&mut fields, faults);
    let except = fields.take("except").map(|value| {
        let mut fields = Fields::open("accounts.except", value, &KINDS, faults);
        if fields.opened && fields.empty {
            faults.add(
                "accounts.except",
                "takes out every account".into(),
                "name what it takes out, or leave it out",
            );
        }
        selector(&mut fields, faults)
    });
    Some(Accounts { only: only?, except: except.map_or(Some(None), |except| except.map(Some))? })
}

/// The four kinds. `None`: at least one fault was found.
fn selector(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Selector> {
    let before = faults.count;
    let ids = fields.list("ids", faults, |id| {
        AccountId::parse(id).ok_or((format!("is {}", quote(id)), "write an account id, 12 digits"))
    });
    let names = fields.list("names", faults, |text| match text {
        "" => Err(("is empty".into(), "write a glob for account names, such as class-*")),
        _ => pattern(text),
    });
    let ous = fields.list("ous", faults, OrganizationalUnit::parse);
    let tags = fields.pairs("tags", faults, |key, text| {
        if key.is_empty() || longer(key, shape::TAG_KEY_LENGTH) {
            return Err((
                format!("is no tag key: it must have 1 to {} characters", shape::TAG_KEY_LENGTH),
                "correct it",
            ));
        }
        pattern(text)
    });
    (faults.count == before && fields.opened).then(|| Selector {
        ids,
        names,
        ous,
        tags: tags.into_iter().collect(),
    })
}

/// What is wrong with a value, and what would be right.
pub type Wrong = (String, &'static str);

fn pattern(text: &str) -> Result<Pattern, Wrong> {
    let right = "write a glob of *, ? and [a-z]; a plain [ is written [[]";
    if longer(text, shape::GLOB_LENGTH) {
        return Err((format!("has more than {} characters", shape::GLOB_LENGTH), right));
    }
    Pattern::new(text).map_err(|error| (format!("is {}, no glob: {}", quote(text), error.msg), right))
}

impl OrganizationalUnit {
    /// An id, or a path of names. The error says what is wrong, and what would be right.
    pub fn parse(text: &str) -> Result<OrganizationalUnit, Wrong> {
        if ids::is_organizational_unit_id(text) || ids::is_root_id(text) {
            return Ok(OrganizationalUnit::Id(text.to_owned()));
        }
        if text.starts_with("ou-") || text.starts_with("r-") {
            return Err((
                format!("is {}, which begins like an id but is none", quote(text)),
                "correct the id; an OU whose name begins so is given by its id",
            ));
        }
        let names: Vec<_> = text.split('/').map(str::to_owned).collect();
        if names.iter().any(|name| name.is_empty()) {
            return Err((
                format!("is {}, with an empty OU name", quote(text)),
                "write OU names from the root down, such as Workloads/Prod, or an id",
            ));
        }
        Ok(OrganizationalUnit::Path(names))
    }
}

/// What a field that is not known may have been meant to be.
fn suggestion(name: &str, known: &[&str]) -> String {
    let fields = format!("the fields here are {}", known.join(", "));
    let name = name.chars().take(80).collect::<String>().to_lowercase();
    let near = |field: &&&str| strsim::jaro_winkler(&name, &field.to_lowercase()) > 0.8;
    let by_likeness = |one: &&&str, other: &&&str| {
        let likeness = |field: &str| strsim::jaro_winkler(&name, &field.to_lowercase());
        likeness(one).total_cmp(&likeness(other))
    };
    match known.iter().filter(near).max_by(by_likeness) {
        Some(field) => format!("did you mean `{field}`? {fields}"),
        None => fields,
    }
}

fn longer(text: &str, most: usize) -> bool {
    text.chars().nth(most).is_some()
}

/// A value of the table's own, cut where it is too long to help.
fn quote(text: &str) -> String {
    let short: String = text.chars().take(100).collect();
    if short.len() < text.len() { format!("{short:?}…") } else { format!("{short:?}") }
}

#[derive(Default)]
struct Faults {
    row: Option<RowPlace>,
    found: Vec<Fault>,
    count: usize,
}

impl Faults {
    fn add(&mut self, field: &str, problem: String, remedy: &str) {
        self.add_about(Part::Value, field, problem, remedy);
    }

    fn add_about(&mut self, part: Part, field: &str, problem: String, remedy: &str) {
        self.count += 1;
        if self.found.len() < MAX_FAULTS {
            let (row, field, remedy) = (self.row.clone(), field.to_owned(), remedy.to_owned());
            self.found.push(Fault { row, field, part, problem, remedy });
        }
    }

    fn told(mut self) -> Vec<Fault> {
        let untold = self.count - self.found.len();
        if untold > 0 {
            let problem = format!("{untold} more faults");
            self.found.push(Fault {
                row: None,
                field: String::new(),
                part: Part::Value,
                problem,
                remedy: "mend these first".into(),
            });
        }
        self.found
    }

    fn string<'j>(&mut self, field: &str, value: &'j Json, right: &str) -> Option<&'j str> {
        match value {
            Json::Text(text) => Some(text),
            other => {
                self.add(field, format!("is {}", other.kind()), right);
                None
            }
        }
    }
}

/// The fields of one object, its unknown and repeated fields already reported.
struct Fields<'j> {
    path: String,
    fields: Vec<(&'j str, &'j Json)>,
    /// Whether it was an object at all; if not, that is reported and nothing more is said of its fields.
    opened: bool,
    empty: bool,
}

impl<'j> Fields<'j> {
    fn open(path: &str, value: &'j Json, known: &[&str], faults: &mut Faults) -> Fields<'j> {
        let mut opened = Fields { path: path.to_owned(), fields: Vec::new(), opened: false, empty: false };
        let Json::Object(fields) = value else {
            faults.add(
                path,
                format!("is {}", value.kind()),
                &format!("write an object of {}", known.join(", ")),
            );
            return opened;
        };
        opened.opened = true;
        opened.empty = fields.is_empty();
        for (name, value) in fields {
            let place = opened.place(&name.chars().take(80).collect::<String>());
            if !known.contains(&name.as_str()) {
                faults.add_about(Part::Name, &place, "is unknown".into(), &suggestion(name, known));
            } else if opened.fields.iter().any(|(before, _)| before == name) {
                faults.add_about(Part::Name, &place, "is given twice".into(), "keep one");
            } else {
                opened.fields.push((name, value));
            }
        }
        opened
    }

    fn place(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    fn take(&mut self, name: &str) -> Option<&'j Json> {
        let index = self.fields.iter().position(|(field, _)| *field == name)?;
        Some(self.fields.swap_remove(index).1)
    }

    fn required(&mut self, name: &str, faults: &mut Faults) -> Option<&'j Json> {
        let value = self.take(name);
        if value.is_none() && self.opened {
            faults.add_about(Part::Absence, &self.place(name), "is missing".into(), "add it");
        }
        value
    }

    fn text(&mut self, name: &str, faults: &mut Faults) -> Option<String> {
        let value = self.take(name)?;
        faults.string(&self.place(name), value, "write a string, or leave it out").map(str::to_owned)
    }

    /// A list of strings, each read by `read`; empty when the field is not there.
    fn list<T>(
        &mut self,
        name: &str,
        faults: &mut Faults,
        read: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Vec<T> {
        let Some(value) = self.take(name) else { return Vec::new() };
        let place = self.place(name);
        let items = match value {
            Json::List(items) if !items.is_empty() => items,
            Json::List(_) => {
                faults.add(&place, "is empty".into(), "leave it out, or name at least one");
                return Vec::new();
            }
            other => {
                faults.add(&place, format!("is {}", other.kind()), "write a list of strings");
                return Vec::new();
            }
        };
        let mut read_items = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let place = format!("{place}[{index}]");
            let Some(text) = faults.string(&place, item, "write a string") else { continue };
            match read(text) {
                Ok(item) => read_items.push(item),
                Err((problem, remedy)) => faults.add(&place, problem, remedy),
            }
        }
        read_items
    }

    /// An object of strings, each pair read by `read`; empty when the field is not there.
    fn pairs<T>(
        &mut self,
        name: &str,
        faults: &mut Faults,
        read: impl Fn(&str, &str) -> Result<T, Wrong>,
    ) -> Vec<(String, T)> {
        let Some(value) = self.take(name) else { return Vec::new() };
        let place = self.place(name);
        let pairs = match value {
            Json::Object(pairs) if pairs.len() > shape::TAGS => {
                let problem = format!("has {} keys", pairs.len());
                faults.add(&place, problem, "name at most 50, which is as many tags as an account has");
                return Vec::new();
            }
            Json::Object(pairs) if !pairs.is_empty() => pairs,
            Json::Object(_) => {
                faults.add(&place, "is empty".into(), "leave it out, or name at least one");
                return Vec::new();
            }
            other => {
                faults.add(&place, format!("is {}", other.kind()), "write an object of keys and globs");
                return Vec::new();
            }
        };
        let mut read_pairs: Vec<(String, T)> = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let place = format!("{place}.{}", key.chars().take(80).collect::<String>());
            if read_pairs.iter().any(|(before, _)| before == key) {
                faults.add_about(Part::Name, &place, "is given twice".into(), "keep one");
                continue;
            }
            let Some(text) = faults.string(&place, value, "write a glob for the tag's value") else {
                continue;
            };
            match read(key, text) {
                Ok(value) => read_pairs.push((key.clone(), value)),
                Err((problem, remedy)) => faults.add(&place, problem, remedy),
            }
        }
        read_pairs
    }
}
