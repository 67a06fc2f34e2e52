//! Which OUs there are, as far as they have been read. An OU that nobody has is no condition that is not met: it is a
//! mistake, and an `except` with it takes out nothing.

use std::collections::{HashMap, HashSet};

use super::{OrganizationalUnit, normal};
use crate::{cause::CallError, ids, organization::Parent};

/// An OU, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    pub id: String,
    pub name: String,
    /// The id of the root or of another OU.
    pub parent: String,
}

/// The OUs of an organization, or some of them.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    root: Option<String>,
    /// The id and the name of each OU by its parent and the normal form of its name. AWS allows a name once in a
    /// parent.
    units: HashMap<String, HashMap<String, (String, String)>>,
    /// Whether an OU with this id exists.
    ids: HashMap<String, bool>,
    /// Parents all of whose OUs are known.
    whole: HashSet<String>,
    /// Why the OUs of a parent, or the OU with an id, could not be read.
    failed: HashMap<String, CallError>,
    /// OUs that are taken to exist, because nothing is known of them.
    assumed: HashSet<OrganizationalUnit>,
}

/// What a tree says of an OU that a table names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look<'t> {
    There,
    /// The organization has none. `near` is the path of one whose name is alike.
    Absent {
        near: Option<String>,
    },
    /// It could not be found out.
    Failed(&'t CallError),
    /// The OUs of this parent have to be read first.
    Unlisted(&'t str),
    /// Whether this id exists has to be asked first.
    Unasked(String),
    /// The organization has no account that could show its root.
    Rootless,
}

impl Tree {
    /// Adds all OUs of the organization.
    pub fn add_all(&mut self, units: &[Unit]) {
        let root = units.iter().find(|unit| ids::is_root_id(&unit.parent)).map(|unit| unit.parent.clone());
        self.root = self.root.take().or(root);
        let parents = units.iter().map(|unit| unit.id.clone()).chain(self.root.clone());
        self.whole.extend(parents);
        units.iter().for_each(|unit| self.add(unit));
    }

    /// Takes it as given that an OU exists.
    pub fn assume(&mut self, unit: &OrganizationalUnit) {
        self.assumed.insert(unit.clone());
    }

    /// Adds what an account's parents, from the root down, show of the tree.
    pub fn add_parents(&mut self, parents: &[Parent]) {
        let Some(root) = parents.first().filter(|root| ids::is_root_id(&root.id)) else { return };
        self.root.get_or_insert_with(|| root.id.clone());
        for pair in parents.windows(2) {
            let [parent, unit] = pair else { continue };
            self.ids.insert(unit.id.clone(), true);
            if let Some(name) = &unit.name {
                self.add(&Unit { id: unit.id.clone(), name: name.clone(), parent: parent.id.clone() });
            }
        }
    }

    /// Adds all OUs of a parent.
    pub fn add_listed(&mut self, parent: &str, listed: Result<Vec<Unit>, CallError>) {
        match listed {
            Ok(units) => {
                units.iter().for_each(|unit| self.add(unit));
                self.whole.insert(parent.to_owned());
            }
            Err(error) => _ = self.failed.insert(parent.to_owned(), error),
        }
    }

    /// Adds whether an OU exists.
    pub fn add_answer(&mut self, id: &str, exists: Result<bool, CallError>) {
        match exists {
            Ok(exists) => _ = self.ids.insert(id.to_owned(), exists),
            Err(error) => _ = self.failed.insert(id.to_owned(), error),
        }
    }

    fn add(&mut self, unit: &Unit) {
        self.ids.insert(unit.id.clone(), true);
        let below = self.units.entry(unit.parent.clone()).or_default();
        below.insert(normal(&unit.name).into_owned(), (unit.id.clone(), unit.name.clone()));
    }

    /// Whether not even the root is known.
    pub fn is_rootless(&self) -> bool {
        self.root.is_none()
    }

    /// Whether the OU is only taken to exist.
    pub fn is_assumed(&self, unit: &OrganizationalUnit) -> bool {
        self.assumed.contains(unit)
    }

    /// Looks for an OU of a table.
    pub fn look(&self, unit: &OrganizationalUnit) -> Look<'_> {
        match unit {
            unit if self.assumed.contains(unit) => Look::There,
            OrganizationalUnit::Id(id) => self.look_for_id(id),
            OrganizationalUnit::Path(names) => self.look_for_path(names),
        }
    }

    fn look_for_id(&self, id: &str) -> Look<'_> {
        if ids::is_root_id(id) {
            return match &self.root {
                Some(root) if root == id => Look::There,
                Some(root) => Look::Absent { near: Some(root.clone()) },
                None => Look::Rootless,
            };
        }
        // All OUs may have been read, without a look for this one.
        let all = || self.root.as_ref().is_some_and(|root| self.whole.contains(root)) && self.is_whole();
        match self.ids.get(id) {
            Some(true) => Look::There,
            Some(false) => Look::Absent { near: None },
            None => match self.failed.get(id) {
                Some(error) => Look::Failed(error),
                None if all() => Look::Absent { near: None },
                None => Look::Unasked(id.to_owned()),
            },
        }
    }

    fn is_whole(&self) -> bool {
        self.ids.iter().all(|(id, exists)| !exists || self.whole.contains(id))
    }

    fn look_for_path(&self, names: &[String]) -> Look<'_> {
        let Some(root) = &self.root else { return Look::Rootless };
        let (mut parent, mut path) = (root.as_str(), Vec::new());
        for name in names {
            let below = self.units.get(parent);
            match below.and_then(|below| below.get(normal(name).as_ref())) {
                Some((id, name)) => {
                    parent = id;
                    path.push(name.as_str());
                }
                None => {
                    return match self.failed.get(parent) {
                        Some(error) => Look::Failed(error),
                        None if self.whole.contains(parent) => {
                            let near = below.and_then(|below| nearest(name, below.values()));
                            path.extend(near);
                            Look::Absent { near: near.map(|_| path.join("/")) }
                        }
                        None => Look::Unlisted(parent),
                    };
                }
            }
        }
        Look::There
    }
}

/// Returns the name that is most like the one that was not found, if any is like it.
fn nearest<'u>(name: &str, units: impl Iterator<Item = &'u (String, String)>) -> Option<&'u str> {
    const ALIKE: f64 = 0.8;
    let wanted = normal(name).to_lowercase();
    let likeness = |other: &str| strsim::jaro_winkler(&wanted, &normal(other).to_lowercase());
    let alike = units.map(|(_, other)| (likeness(other), other.as_str())).filter(|(like, _)| *like > ALIKE);
    alike.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, name)| name)
}

/// Returns what is wrong with an OU that no OU of the organization is.
pub fn absent(unit: &OrganizationalUnit, near: Option<&str>) -> String {
    let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
    format!("the organization has no OU {unit}{near}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cause::Cause, organization::Account};

    fn unit(id: &str, name: &str, parent: &str) -> Unit {
        Unit { id: id.into(), name: name.into(), parent: parent.into() }
    }

    fn parse(text: &str) -> OrganizationalUnit {
        OrganizationalUnit::parse(text).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"))
    }

    #[test]
    fn an_ou_is_found_by_id_or_by_path_or_the_nearest_one_is_named() {
        let mut tree = Tree::default();
        tree.add_all(&[
            unit("ou-ab12-22222222", "Workloads", "r-ab12"),
            unit("ou-ab12-33333333", "Prod", "ou-ab12-22222222"),
            unit("ou-ab12-44444444", "Prüfung", "ou-ab12-22222222"),
        ]);
        let absent = |near: Option<&str>| Look::Absent { near: near.map(str::to_owned) };
        let cases = [
            ("Workloads", Look::There),
            ("Workloads/Prod", Look::There),
            ("Workloads/Pru\u{308}fung", Look::There),
            ("r-ab12", Look::There),
            ("ou-ab12-33333333", Look::There),
            ("ou-ab12-00000000", absent(None)),
            ("r-cd34", absent(Some("r-ab12"))),
            ("workloads/Prod", absent(Some("Workloads"))),
            ("Workloads/Prd", absent(Some("Workloads/Prod"))),
            ("Workloads/Prod/Deep", absent(None)),
            ("Prod", absent(None)),
            ("Sandbox", absent(None)),
        ];
        for (text, expected) in cases {
            assert_eq!(tree.look(&parse(text)), expected, "{text}");
        }
    }

    #[test]
    fn what_was_not_read_is_asked_for_and_nothing_is_read_twice() {
        let mut tree = Tree::default();
        assert_eq!(tree.look(&parse("Education/Rust")), Look::Rootless);
        tree.add_parents(&Account::class_7().parents);
        for there in ["Education/Rust", "Education", "ou-ab12-66666666", "r-ab12"] {
            assert_eq!(tree.look(&parse(there)), Look::There, "{there}: the account shows it");
        }
        assert_eq!(tree.look(&parse("Workloads/Prod")), Look::Unlisted("r-ab12"));
        assert_eq!(tree.look(&parse("Education/Go")), Look::Unlisted("ou-ab12-55555555"));
        let id = "ou-ab12-22222222";
        assert_eq!(tree.look(&parse(id)), Look::Unasked(id.into()));
        tree.add_listed("r-ab12", Ok(vec![unit(id, "Workloads", "r-ab12")]));
        assert_eq!(tree.look(&parse(id)), Look::There);
        assert_eq!(tree.look(&parse("Workloads/Prod")), Look::Unlisted(id));
        let error = CallError {
            operation: "organizations:ListOrganizationalUnitsForParent",
            cause: Cause::Denied,
            code: None,
            message: "no".into(),
        };
        tree.add_listed(id, Err(error.clone()));
        assert_eq!(tree.look(&parse("Workloads/Prod")), Look::Failed(&error));
        tree.add_answer("ou-ab12-99999999", Ok(false));
        assert_eq!(tree.look(&parse("ou-ab12-99999999")), Look::Absent { near: None });
    }
}
