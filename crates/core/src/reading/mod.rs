//! A JSON document field by field, with every fault that it has. It does not know rows or tables.
//!
//! A derived deserializer stops at the first fault. This reader goes on, so that a person corrects a table in one
//! round. Each kind of row says which fields it has and what their values must be.

mod encoding;
mod fault;
mod json;
mod syntax;

pub use encoding::{Utf16, utf8};
pub use fault::{Fault, Faults, Part, RowRef, Wrong, count, longer, quote};
pub use json::Json;
pub use syntax::not_json;

/// The most characters of a field's name that a fault repeats.
const NAME_LENGTH: usize = 80;

/// The fields of one object, its unknown and repeated fields already reported.
pub struct Fields<'j> {
    path: String,
    fields: Vec<(&'j str, &'j Json)>,
    /// Whether it is an object. If it is not, that is the fault, and its fields are not reported as missing.
    opened: bool,
    empty: bool,
}

impl<'j> Fields<'j> {
    /// Reports what is not an object, and every field that is not `known` or is given twice.
    pub fn open(path: &str, value: &'j Json, known: &[&str], faults: &mut Faults) -> Fields<'j> {
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
            let place = opened.place(&name.chars().take(NAME_LENGTH).collect::<String>());
            if !known.contains(&name.as_str()) {
                faults.add_about(Part::Name, &place, "is unknown", &suggestion(name, known));
            } else if opened.fields.iter().any(|(before, _)| before == name) {
                faults.add_about(Part::Name, &place, "is given twice", "keep one");
            } else {
                opened.fields.push((name, value));
            }
        }
        opened
    }

    /// Whether it is an object. If not, that is reported already.
    pub fn opened(&self) -> bool {
        self.opened
    }

    /// Whether it is an object without any field.
    pub fn is_empty(&self) -> bool {
        self.opened && self.empty
    }

    /// Returns the whole path of a field.
    pub fn place(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Takes a field. Each can be taken once.
    pub fn take(&mut self, name: &str) -> Option<&'j Json> {
        let index = self.fields.iter().position(|(field, _)| *field == name)?;
        Some(self.fields.swap_remove(index).1)
    }

    pub fn required(&mut self, name: &str, faults: &mut Faults) -> Option<&'j Json> {
        let value = self.take(name);
        if value.is_none() && self.opened {
            faults.add_about(Part::Absence, &self.place(name), "is missing", "add it");
        }
        value
    }

    pub fn text(&mut self, name: &str, faults: &mut Faults) -> Option<String> {
        let value = self.take(name)?;
        faults.string(&self.place(name), value, "write a string, or leave it out").map(str::to_owned)
    }

    /// Takes a list of strings, each read by `read`. It is empty if the field is absent.
    pub fn list<T>(
        &mut self,
        name: &str,
        faults: &mut Faults,
        read: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Vec<T> {
        let place = self.place(name);
        let value = self.take(name);
        value.map_or_else(Vec::new, |value| strings(&place, value, faults, read))
    }

    /// Takes a list of strings that must be there, each read by `read`.
    pub fn required_list<T>(
        &mut self,
        name: &str,
        faults: &mut Faults,
        read: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Vec<T> {
        let place = self.place(name);
        let value = self.required(name, faults);
        value.map_or_else(Vec::new, |value| strings(&place, value, faults, read))
    }

    /// Takes a list of objects with these fields, each read by `read`. It is empty if the field is absent.
    pub fn objects<T>(
        &mut self,
        name: &str,
        known: &[&str],
        faults: &mut Faults,
        mut read: impl FnMut(Fields<'j>, &mut Faults) -> Option<T>,
    ) -> Vec<T> {
        let place = self.place(name);
        let Some(value) = self.take(name) else { return Vec::new() };
        let items = items(&place, value, "write a list of objects", faults);
        let mut read_items = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let fields = Fields::open(&format!("{place}[{index}]"), item, known, faults);
            read_items.extend(read(fields, faults));
        }
        read_items
    }

    /// Takes an object of at most `most` strings, each pair read by `read`. It is empty if the field is absent. `right`
    /// says what the strings are.
    pub fn pairs<T>(
        &mut self,
        name: &str,
        most: usize,
        right: &str,
        faults: &mut Faults,
        read: impl Fn(&str, &str) -> Result<T, Wrong>,
    ) -> Vec<(String, T)> {
        let Some(value) = self.take(name) else { return Vec::new() };
        let place = self.place(name);
        let pairs = match value {
            Json::Object(pairs) if pairs.len() > most => {
                faults.add(&place, format!("has {} keys", pairs.len()), &format!("name at most {most}"));
                return Vec::new();
            }
            Json::Object(pairs) if !pairs.is_empty() => pairs,
            Json::Object(_) => {
                faults.add(&place, "is empty", "leave it out, or name at least one");
                return Vec::new();
            }
            other => {
                faults.add(
                    &place,
                    format!("is {}", other.kind()),
                    &format!("write an object of keys, each with {right}"),
                );
                return Vec::new();
            }
        };
        let mut read_pairs: Vec<(String, T)> = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let place = format!("{place}.{}", key.chars().take(NAME_LENGTH).collect::<String>());
            if read_pairs.iter().any(|(before, _)| before == key) {
                faults.add_about(Part::Name, &place, "is given twice", "keep one");
                continue;
            }
            let Some(text) = faults.string(&place, value, &format!("write {right}")) else {
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

/// Returns the items of a list that has some.
fn items<'j>(place: &str, value: &'j Json, right: &str, faults: &mut Faults) -> &'j [Json] {
    match value {
        Json::List(items) if !items.is_empty() => items,
        Json::List(_) => {
            faults.add(place, "is empty", "leave it out, or name at least one");
            &[]
        }
        other => {
            faults.add(place, format!("is {}", other.kind()), right);
            &[]
        }
    }
}

/// Returns the strings of a list that has some, each read by `read`.
pub fn strings<T>(
    place: &str,
    value: &Json,
    faults: &mut Faults,
    read: impl Fn(&str) -> Result<T, Wrong>,
) -> Vec<T> {
    let items = items(place, value, "write a list of strings", faults);
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

impl Faults {
    /// Returns the value if it is a string; `right` says what would be right.
    pub fn string<'j>(&mut self, field: &str, value: &'j Json, right: &str) -> Option<&'j str> {
        match value {
            Json::Text(text) => Some(text),
            other => {
                self.add(field, format!("is {}", other.kind()), right);
                None
            }
        }
    }
}

/// Returns the known field that was probably meant, and all of them.
fn suggestion(name: &str, known: &[&str]) -> String {
    let fields = format!("the fields here are {}", known.join(", "));
    let name = name.chars().take(NAME_LENGTH).collect::<String>().to_lowercase();
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
