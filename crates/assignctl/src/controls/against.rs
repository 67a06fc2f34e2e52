//! `controls plan --against`: which OUs get or lose a control if one table takes the place of another, in words for a
//! review. Pure.
//!
//! Both tables are judged against the same facts, so the difference is that of the tables alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use assigner_core::{
    controls::{
        ControlName, Table,
        catalogue::Control,
        impact::denies::{Basis, Denies},
        parameters::Parameters,
        picture::Picture,
        plan::{Plan, Rules, Verdict},
        tree::Place,
        wish::Wishes,
    },
    day::rfc3339,
};
use serde::Serialize;

use crate::{
    markdown::{code, codes, escape, first_codes, first_lines, notes as noted},
    terminal::plural,
};

/// What `controls plan --against --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// The table before.
    pub before: String,
    pub after: String,
    pub read_at: String,
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Wanted by the table after and not by the one before.
    pub added: Vec<Changed>,
    /// The reverse. What is enabled stays enabled until somebody runs `controls disable`.
    pub removed: Vec<Changed>,
    /// Wanted by both, with other parameters.
    pub updated: Vec<Changed>,
    /// Wanted by both with the same parameters, for other rows.
    pub explained_by_others: Vec<Changed>,
}

/// The same control, for the same rows, on some OUs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    pub control: String,
    /// The rows that cause it, or caused it.
    pub rules: Vec<String>,
    /// The rows of the table before, if both tables want it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules_before: Vec<String>,
    /// Paths of the OUs on which it is enabled, or would be.
    pub ous: Vec<String>,
    /// Paths of the OUs below that inherit it because of that, and had or have it in no other way.
    pub inherited_by: Vec<String>,
    /// On how many of the OUs it is enabled now.
    pub present: usize,
    /// Why AWS would refuse it, or has failed, on some of the OUs.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub obstacles: BTreeSet<String>,
    /// What the control denies, as far as it is known here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denies: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters_before: Option<Parameters>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Parameters>,
}

/// A table, where it is, and what follows from it.
pub struct Side<'s> {
    pub table: &'s Table,
    pub location: String,
    pub wishes: &'s Wishes<'s>,
    pub plan: &'s Plan,
}

/// What makes two changes one line: the control, and the rows of both tables.
type Groups = BTreeMap<(String, Vec<String>, Vec<String>), Changed>;

impl Difference {
    /// Returns the difference on the OUs that are `selected`, and on those above from which they inherit.
    pub fn new(
        picture: &Picture,
        before: &Side<'_>,
        after: &Side<'_>,
        selected: impl Fn(Place) -> bool,
    ) -> Difference {
        let (mut added, mut removed) = (Groups::new(), Groups::new());
        let (mut updated, mut others) = (Groups::new(), Groups::new());
        let keys: BTreeSet<(Place, &str)> =
            before.wishes.own.keys().chain(after.wishes.own.keys()).copied().collect();
        let concerns = |key: &(Place, &str)| {
            selected(key.0) || [before, after].iter().any(|side| side.heirs(*key).any(&selected))
        };
        for key @ (place, id) in keys.into_iter().filter(concerns) {
            match (before.wishes.own.get(&key), after.wishes.own.get(&key)) {
                (None, Some(new)) => {
                    let changed = group(&mut added, new.control, after.rows(&new.rows), Vec::new());
                    changed.put(picture, place, after, id);
                    changed.parameters = given(&new.parameters);
                    changed.inherited_by.extend(gained(picture, key, after, before, &selected));
                }
                (Some(old), None) => {
                    let changed = group(&mut removed, old.control, before.rows(&old.rows), Vec::new());
                    changed.put(picture, place, before, id);
                    changed.inherited_by.extend(gained(picture, key, before, after, &selected));
                }
                (Some(old), Some(new)) => {
                    let (was, is) = (before.rows(&old.rows), after.rows(&new.rows));
                    if !old.parameters.is_like(&new.parameters) {
                        let changed = group(&mut updated, new.control, is, was);
                        changed.put(picture, place, after, id);
                        changed.parameters_before = given(&old.parameters);
                        changed.parameters = given(&new.parameters);
                    } else if was != is {
                        group(&mut others, new.control, is, was).put(picture, place, after, id);
                    }
                }
                (None, None) => {}
            }
        }
        let all = |groups: Groups| groups.into_values().collect();
        Difference {
            before: before.location.clone(),
            after: after.location.clone(),
            read_at: rfc3339(picture.facts.now),
            notes: notes(picture, after),
            added: all(added),
            removed: all(removed),
            updated: all(updated),
            explained_by_others: all(others),
        }
    }

    /// Returns Markdown for a comment of GitHub or GitLab. If not all lines fit, it says how many are left out.
    pub fn to_markdown(&self) -> String {
        let Difference { before, after, read_at, notes, added, removed, updated, explained_by_others } = self;
        let mut text = String::new();
        _ = writeln!(text, "### Effect on controls: {} → {}\n", code(before), code(after));
        _ = writeln!(
            text,
            "**+{}**, **−{}**, **~{}** (as of {read_at}).\n",
            count(added),
            count(removed),
            count(updated)
        );
        noted(&mut text, "Not everything is known", notes);
        if [added, removed, updated, explained_by_others].iter().all(|changes| changes.is_empty()) {
            text.push_str("No OU gains or loses a control.\n");
            return text;
        }
        text.push_str(
            "| | control | row | OUs | below | in AWS | what it denies |\n|---|---|---|---|---|---|---|\n",
        );
        let signed = [("+", added), ("−", removed), ("~", updated), ("=", explained_by_others)];
        let lines = signed.iter().flat_map(|(sign, changes)| changes.iter().map(move |one| line(sign, one)));
        let all: usize = signed.iter().map(|(_, changes)| changes.len()).sum();
        let left = all - first_lines(&mut text, lines);
        if left > 0 {
            _ = writeln!(
                text,
                "\nNot shown: {}. `assignctl controls plan --against ... --json` has everything.",
                plural(left, "line")
            );
        }
        text
    }
}

/// More OUs than this are counted.
const SHOWN: usize = 8;

impl Side<'_> {
    fn rows(&self, indices: &[usize]) -> Vec<String> {
        indices.iter().filter_map(|index| self.table.rows.get(*index)).map(|row| row.id.clone()).collect()
    }

    /// Returns the OUs below that inherit a control from this OU.
    fn heirs<'h>(&'h self, (place, id): (Place, &'h str)) -> impl Iterator<Item = Place> + 'h {
        let inherited = self.wishes.inherited.iter();
        inherited.filter(move |((_, of), one)| *of == id && one.from == place).map(|((below, _), _)| *below)
    }

    fn has(&self, key: &(Place, &str)) -> bool {
        self.wishes.own.contains_key(key) || self.wishes.inherited.contains_key(key)
    }

    /// Returns the verdict on a control that the table wants on an OU.
    fn verdict(&self, picture: &Picture, place: Place, id: &str) -> Option<&Verdict> {
        let is_it = |item: &&assigner_core::controls::plan::Item| {
            item.unit == place && picture.catalogue.identity(&item.arn) == id
        };
        self.plan.items.iter().find(is_it).map(|item| &item.verdict)
    }
}

impl Changed {
    fn put(&mut self, picture: &Picture, place: Place, side: &Side<'_>, id: &str) {
        self.ous.push(picture.tree.path(place));
        let unit = &picture.tree.units()[place].id;
        let is_enabled = picture
            .facts
            .enabled
            .iter()
            .any(|one| one.unit() == unit && picture.catalogue.identity(&one.control) == id);
        self.present += usize::from(is_enabled);
        match side.verdict(picture, place, id) {
            Some(Verdict::Blocked { reason, .. }) => _ = self.obstacles.insert(reason.clone()),
            Some(Verdict::Failed { message, .. }) => _ = self.obstacles.insert(message.clone()),
            _ => {}
        }
    }
}

fn group<'g>(
    groups: &'g mut Groups,
    control: &Control,
    rules: Vec<String>,
    rules_before: Vec<String>,
) -> &'g mut Changed {
    let name = control.name().to_owned();
    groups.entry((name.clone(), rules.clone(), rules_before.clone())).or_insert_with(|| Changed {
        denies: denies(&name),
        control: name,
        rules,
        rules_before,
        ous: Vec::new(),
        inherited_by: Vec::new(),
        present: 0,
        obstacles: BTreeSet::new(),
        parameters_before: None,
        parameters: None,
    })
}

/// Returns the `selected` OUs below that inherit the control from this one by `side`, and have it in no way by `other`.
fn gained(
    picture: &Picture,
    key: (Place, &str),
    side: &Side<'_>,
    other: &Side<'_>,
    selected: &impl Fn(Place) -> bool,
) -> Vec<String> {
    let below = side.heirs(key).filter(|below| selected(*below) && !other.has(&(*below, key.1)));
    below.map(|below| picture.tree.path(below)).collect()
}

fn given(parameters: &Parameters) -> Option<Parameters> {
    let given: Parameters =
        Parameters(parameters.given().map(|(name, value)| (name.clone(), value.clone())).collect());
    (!given.0.is_empty()).then_some(given)
}

fn denies(name: &str) -> Option<String> {
    let denies = Denies::of_the_guide();
    match denies.basis(&ControlName::Guide(name.to_owned())) {
        Basis::Denies(index) => Some(denies.all[index].words().join("; ")),
        Basis::Setting(setting) => Some(format!("a setting: {}", setting.attribute)),
        Basis::Unknown(_) => None,
    }
}

/// Returns what is not known of the OUs, and which OUs of the table there are not.
fn notes(picture: &Picture, after: &Side<'_>) -> Vec<String> {
    let tree = &picture.tree;
    let unread = picture.facts.unread_units.iter().map(|(id, reason)| {
        let path = tree.place(id).map_or(id.clone(), |place| tree.path(place));
        format!("what is enabled on {path}: {reason}")
    });
    let missing = after.wishes.unresolved.iter().map(|one| {
        format!("row {} names the OU {}, which does not exist", after.rows(&[one.row]).join(""), one.unit)
    });
    unread.chain(missing).chain(after.plan.notes.iter().cloned()).collect()
}

fn count(changes: &[Changed]) -> String {
    // Each is counted once, whatever other rows or controls it comes with.
    let controls: BTreeSet<&String> = changes.iter().map(|one| &one.control).collect();
    let ous: BTreeSet<&String> = changes.iter().flat_map(|one| &one.ous).collect();
    let below: BTreeSet<&String> = changes.iter().flat_map(|one| &one.inherited_by).collect();
    let below = if below.is_empty() { String::new() } else { format!(" and {} below", below.len()) };
    format!("{} on {}{below}", plural(controls.len(), "control"), plural(ous.len(), "OU"))
}

fn line(sign: &str, changed: &Changed) -> String {
    let Changed { control, rules, rules_before, ous, inherited_by, obstacles, denies, .. } = changed;
    let rows = match &rules_before[..] {
        [] => codes(rules),
        before => format!("{} instead of {}", codes(rules), codes(before)),
    };
    let mut what: Vec<String> = denies.iter().map(|denies| code(denies)).collect();
    if let (Some(before), after) = (&changed.parameters_before, &changed.parameters) {
        what.push(format!("{} instead of {}", written(after.as_ref()), written(Some(before))));
    } else if let Some(parameters) = &changed.parameters {
        what.push(format!("with {}", written(Some(parameters))));
    }
    let mut in_aws = in_aws(sign, changed);
    for obstacle in obstacles {
        _ = write!(in_aws, ", **{}**", escape(obstacle));
    }
    format!(
        "| {sign} | {} | {rows} | {} | {} | {in_aws} | {} |\n",
        code(control),
        first_codes(ous, SHOWN),
        first_codes(inherited_by, SHOWN),
        what.join(" ")
    )
}

fn written(parameters: Option<&Parameters>) -> String {
    match parameters {
        // Strings, lists and objects cannot fail to be written.
        Some(parameters) => code(&serde_json::to_string(parameters).unwrap_or_default()),
        None => "none".to_owned(),
    }
}

fn in_aws(sign: &str, changed: &Changed) -> String {
    let absent = changed.ous.len() - changed.present;
    match (sign, changed.present) {
        ("+", _) if absent == 0 => "there already".to_owned(),
        ("+", _) => format!("{absent} to enable"),
        ("−", 0) => "not there".to_owned(),
        ("−", present) => format!("**{present} stay** until `controls disable`"),
        ("~", present) => format!("{present} to update"),
        (_, present) => format!("on {present}"),
    }
}

/// Returns both sides, each with what follows from it.
///
/// # Errors
/// Every fault of either table, with the place of the table.
pub fn difference(
    picture: &Picture,
    (before, before_at): (&Table, String),
    (after, after_at): (&Table, String),
    rules: Rules,
    selected: impl Fn(Place) -> bool,
) -> Result<Difference, (String, Vec<assigner_core::reading::Fault>)> {
    let (old, old_plan) = picture.decide(before, rules).map_err(|faults| (before_at.clone(), faults))?;
    let (new, new_plan) = picture.decide(after, rules).map_err(|faults| (after_at.clone(), faults))?;
    let before = Side { table: before, location: before_at, wishes: &old, plan: &old_plan };
    let after = Side { table: after, location: after_at, wishes: &new, plan: &new_plan };
    Ok(Difference::new(picture, &before, &after, selected))
}
