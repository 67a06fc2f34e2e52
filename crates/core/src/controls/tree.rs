//! The OUs of an organization as a tree. Knows no accounts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    organization::{Parent, likest},
    selector::OrganizationalUnit,
};

/// An OU as AWS Organizations lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Unit {
    pub id: String,
    pub arn: String,
    pub name: String,
    /// The id of the root or of another OU.
    pub parent: String,
}

/// Index of an OU in [`Tree::units`].
pub type Place = usize;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    root: String,
    /// Each after its parent: a parent's subtree is one stretch.
    units: Vec<Unit>,
    /// By place: the place of the parent, if that is not the root.
    parents: Vec<Option<Place>>,
    /// By place: the first place that is no longer below.
    ends: Vec<Place>,
    places: BTreeMap<String, Place>,
}

impl Tree {
    /// Returns the tree. An OU whose parents do not lead to the root is left out.
    pub fn new(root: impl Into<String>, units: Vec<Unit>) -> Tree {
        let mut tree = Tree { root: root.into(), ..Tree::default() };
        let mut children: BTreeMap<String, Vec<Unit>> = BTreeMap::new();
        for unit in units {
            children.entry(unit.parent.clone()).or_default().push(unit);
        }
        let root = tree.root.clone();
        tree.add(&root, None, &mut children);
        tree
    }

    fn add(&mut self, parent: &str, place: Option<Place>, children: &mut BTreeMap<String, Vec<Unit>>) {
        // Taken out, so that a circle cannot go on.
        let mut units = children.remove(parent).unwrap_or_default();
        units.sort_by(|one, other| one.name.cmp(&other.name));
        for unit in units {
            let (id, own) = (unit.id.clone(), self.units.len());
            self.places.insert(id.clone(), own);
            self.units.push(unit);
            self.parents.push(place);
            self.ends.push(own + 1);
            self.add(&id, Some(own), children);
            self.ends[own] = self.units.len();
        }
    }

    pub fn root(&self) -> &str {
        &self.root
    }

    /// Returns the OUs, each after its parent.
    pub fn units(&self) -> &[Unit] {
        &self.units
    }

    pub fn place(&self, id: &str) -> Option<Place> {
        self.places.get(id).copied()
    }

    /// Returns the OU that is meant; `None` if there is none.
    pub fn find(&self, unit: &OrganizationalUnit) -> Option<Place> {
        match unit {
            OrganizationalUnit::Id(id) => self.place(id),
            OrganizationalUnit::Path(names) => names.iter().try_fold(None, |parent, name| {
                let child =
                    |place: &Place| self.parents[*place] == parent && self.units[*place].name == *name;
                (0..self.units.len()).find(child).map(Some)
            })?,
        }
    }

    /// Returns the path of the OU that was probably meant by one that does not exist; nothing is like an id.
    pub fn like(&self, unit: &OrganizationalUnit) -> Option<String> {
        let OrganizationalUnit::Path(names) = unit else { return None };
        let paths: Vec<String> = (0..self.units.len()).map(|place| self.path(place)).collect();
        likest(&names.join("/"), paths.iter().map(String::as_str)).map(str::to_owned)
    }

    /// Returns the OUs directly below the root.
    pub fn tops(&self) -> impl Iterator<Item = Place> {
        (0..self.units.len()).filter(|place| self.parents[*place].is_none())
    }

    pub fn children(&self, place: Place) -> impl Iterator<Item = Place> {
        self.below(place).filter(move |below| self.parents[*below] == Some(place))
    }

    /// Returns every OU below, at any depth.
    pub fn below(&self, place: Place) -> std::ops::Range<Place> {
        place + 1..self.ends[place]
    }

    /// Whether the OU is `above` or below it.
    pub fn is_within(&self, place: Place, above: Place) -> bool {
        (above..self.ends[above]).contains(&place)
    }

    /// Returns whether an OU has one of these ids or is below one that has. Without ids every OU is meant; an id that no OU
    /// has means none.
    pub fn selection<'t>(&'t self, ids: &'t [String]) -> impl Fn(Place) -> bool + Copy + 't {
        move |place| {
            let is_meant = |id: &String| self.place(id).is_some_and(|above| self.is_within(place, above));
            ids.is_empty() || ids.iter().any(is_meant)
        }
    }

    /// Returns the OUs above, the nearest first.
    pub fn above(&self, place: Place) -> impl Iterator<Item = Place> {
        std::iter::successors(self.parents[place], |above| self.parents[*above])
    }

    /// Returns the names from the root down, joined by slashes.
    pub fn path(&self, place: Place) -> String {
        let mut names: Vec<&str> = self.above(place).map(|above| self.units[above].name.as_str()).collect();
        names.reverse();
        names.push(&self.units[place].name);
        names.join("/")
    }

    /// Returns the root and the OUs down to this one, as selectors read them.
    pub fn chain(&self, place: Place) -> Vec<Parent> {
        let parent = |place: Place| {
            let unit = &self.units[place];
            Parent { id: unit.id.clone(), name: Some(unit.name.clone()) }
        };
        let mut chain: Vec<Parent> = std::iter::once(place).chain(self.above(place)).map(parent).collect();
        chain.push(Parent { id: self.root.clone(), name: None });
        chain.reverse();
        chain
    }
}

#[cfg(test)]
impl Tree {
    /// Returns a tree of these paths, each after its parent. The ids are `ou-ab12-` and the number of the path.
    pub fn of(paths: &[&str]) -> Tree {
        let id = |path: &str| {
            let number = paths.iter().position(|one| *one == path).expect("a parent is among the paths");
            format!("ou-ab12-{:08}", number + 1)
        };
        let unit = |path: &&str| {
            let (parent, name) = match path.rsplit_once('/') {
                Some((parent, name)) => (id(parent), name),
                None => ("r-ab12".to_owned(), *path),
            };
            let arn = format!("arn:aws:organizations::123456789012:ou/o-a1b2c3d4e5/{}", id(path));
            Unit { id: id(path), arn, name: name.to_owned(), parent }
        };
        Tree::new("r-ab12", paths.iter().map(unit).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_read_by_paths_and_ids_and_a_circle_is_left_out() {
        let tree = Tree::of(&["W", "W/P", "W/P/A", "E", "W/S"]);
        let paths = |places: &mut dyn Iterator<Item = Place>| -> Vec<String> {
            places.map(|place| tree.path(place)).collect()
        };
        assert_eq!(paths(&mut (0..tree.units().len())), ["E", "W", "W/P", "W/P/A", "W/S"]);
        assert_eq!(paths(&mut tree.tops()), ["E", "W"]);
        let find = |path: &str| tree.find(&OrganizationalUnit::parse(path).unwrap());
        let w = find("W").unwrap();
        assert_eq!(paths(&mut tree.below(w)), ["W/P", "W/P/A", "W/S"]);
        assert_eq!(paths(&mut tree.children(w)), ["W/P", "W/S"]);
        let a = find("ou-ab12-00000003").unwrap();
        assert_eq!(paths(&mut tree.above(a)), ["W/P", "W"]);
        assert!(tree.is_within(a, w) && tree.is_within(a, a) && !tree.is_within(w, a));
        assert_eq!((find("P"), find("W/A"), find("ou-ab12-99999999")), (None, None, None));
        let id = |path: &str| tree.units()[find(path).unwrap()].id.clone();
        let selected = |ids: &[String]| paths(&mut (0..5).filter(|place| tree.selection(ids)(*place)));
        assert_eq!(selected(&[id("E"), id("W/P")]), ["E", "W/P", "W/P/A"]);
        assert_eq!(selected(&[]).len(), 5);
        assert_eq!(
            selected(&["ou-ab12-99999999".to_owned()]),
            [""; 0],
            "one that is gone is not all of them"
        );
        let parent = |id: &str| Unit {
            id: id.into(),
            arn: String::new(),
            name: id.into(),
            parent: if id == "ou-1" { "ou-2" } else { "ou-1" }.into(),
        };
        assert!(Tree::new("r-ab12", vec![parent("ou-1"), parent("ou-2")]).units().is_empty());
    }
}
