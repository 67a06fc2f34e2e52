//! What the table wants of each OU, when the catalogue and the tree of OUs are known, and every fault that they show.
//!
//! A control that OUs inherit is wanted on the OU that a row names, and the OUs below inherit it. Any other is wanted
//! on each OU below as well.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{
    Table, apart,
    catalogue::{Catalogue, Control},
    guide::PARAMETER_OF_EXEMPTIONS,
    parameters::{Parameters, covers},
    row::{Row, Target},
    tree::{Place, Tree},
};
use crate::reading::{Fault, Faults, RowRef};

/// A control that an OU shall have of its own.
#[derive(Clone, Debug)]
pub struct Wish<'t> {
    pub control: &'t Control,
    /// Indices of the rows that want it, from 0.
    pub rows: Vec<usize>,
    pub parameters: Parameters,
    /// Whether a row names the OU. Otherwise the OU was only reached: by `*`, or below an OU that is named.
    pub is_named: bool,
}

/// A control that an OU has from an OU above.
#[derive(Clone, Debug)]
pub struct Inherited<'t> {
    pub control: &'t Control,
    pub rows: Vec<usize>,
    /// The nearest OU above that shall have it.
    pub from: Place,
}

/// An OU that a row names and that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved<'t> {
    pub row: usize,
    pub controls: Vec<&'t Control>,
    /// As the row names it.
    pub unit: String,
}

/// Everything that the table wants. The keys are an OU and the id of a control.
#[derive(Clone, Debug, Default)]
pub struct Wishes<'t> {
    pub own: BTreeMap<(Place, &'t str), Wish<'t>>,
    pub inherited: BTreeMap<(Place, &'t str), Inherited<'t>>,
    pub unresolved: Vec<Unresolved<'t>>,
}

/// An account, for naming those that a change would leave uncovered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Member {
    pub id: String,
    pub name: String,
    /// The id of the OU that holds it.
    pub unit: String,
}

/// The most OUs and accounts that a fault lists.
const MOST_LISTED: usize = 20;

/// Whether the faults of the table can name accounts, which have to be read for it.
pub fn asks_for_accounts(table: &Table, catalogue: &Catalogue) -> bool {
    let inherited = |row: &Row| {
        row.controls().iter().any(|name| catalogue.named(name).is_some_and(Control::is_inherited))
    };
    table.rows.iter().any(|row| row.except.is_some() && inherited(row))
}

/// Returns what is wanted, or every fault that the catalogue and the tree show. `accounts` is `None` if they were not
/// read. Each control of the table must have been looked for in the catalogue.
pub fn wishes<'t>(
    table: &'t Table,
    catalogue: &'t Catalogue,
    tree: &Tree,
    accounts: Option<&[Member]>,
    now: OffsetDateTime,
) -> Result<Wishes<'t>, Vec<Fault>> {
    let mut faults = Faults::default();
    let mut wishes = Wishes::default();
    let mut unlike: BTreeSet<(usize, usize)> = BTreeSet::new();
    for (index, row) in table.rows.iter().enumerate() {
        faults.in_row(Some(reference(table, index)));
        let controls = controls(row, catalogue, now, &mut faults);
        if let Some(except) = &row.except
            && let Some(control) = controls.iter().find(|control| control.is_inherited())
        {
            let (problem, remedy) = taken_out(control, row, &except.ous, tree, accounts);
            faults.add("except", problem, &remedy);
            continue;
        }
        let parameters = row.parameters_at(now);
        let except = row.except.iter().flat_map(|except| &except.ous);
        let mut excepted: Vec<Place> = Vec::new();
        for unit in except {
            match tree.find(unit) {
                Some(place) => excepted.push(place),
                None => wishes.unresolved.push(Unresolved {
                    row: index,
                    controls: controls.clone(),
                    unit: unit.to_string(),
                }),
            }
        }
        for target in &row.ous {
            let Some(units) = units(target, tree) else {
                wishes.unresolved.push(Unresolved {
                    row: index,
                    controls: controls.clone(),
                    unit: target.to_string(),
                });
                continue;
            };
            let is_named = *target != Target::EveryTop;
            for unit in units {
                for control in &controls {
                    let below =
                        if control.is_inherited() { unit..unit + 1 } else { unit..tree.below(unit).end };
                    for place in
                        below.filter(|place| !excepted.iter().any(|out| tree.is_within(*place, *out)))
                    {
                        let wish = Wish {
                            control,
                            rows: vec![index],
                            parameters: parameters.clone(),
                            is_named: is_named && place == unit,
                        };
                        if let Some(before) = add(&mut wishes, place, wish) {
                            unlike.insert((index, before));
                        }
                    }
                }
            }
        }
    }
    for (row, before) in unlike {
        faults.in_row(Some(reference(table, row)));
        let problem = format!(
            "wants other parameters than row {} of the same control on the same OU",
            name(table, before)
        );
        faults.add("parameters", problem, apart::UNLIKE);
    }
    inherit(&mut wishes, tree);
    lacking(&wishes, table, tree, &mut faults);
    exclusive(&wishes, table, catalogue, tree, &mut faults);
    faults.in_row(None);
    faults.or(wishes)
}

/// Adds a wish. Returns the row that wants the same control there with unlike parameters.
fn add<'t>(wishes: &mut Wishes<'t>, place: Place, wish: Wish<'t>) -> Option<usize> {
    let Some(there) = wishes.own.get_mut(&(place, wish.control.id())) else {
        wishes.own.insert((place, wish.control.id()), wish);
        return None;
    };
    let first = there.rows.first().copied();
    let unlike = !there.parameters.is_like(&wish.parameters);
    there.is_named |= wish.is_named;
    there.rows.extend(wish.rows.iter().filter(|row| !there.rows.contains(row)).copied().collect::<Vec<_>>());
    first.filter(|_| unlike)
}

/// Returns the OUs that a row means; `None` if there is no such OU.
pub fn units(target: &Target, tree: &Tree) -> Option<Vec<Place>> {
    match target {
        Target::EveryTop => Some(tree.tops().collect()),
        Target::Unit(unit) => tree.find(unit).map(|place| vec![place]),
    }
}

/// Returns the controls of a row, and reports what is wrong with them and with their parameters.
fn controls<'t>(
    row: &Row,
    catalogue: &'t Catalogue,
    now: OffsetDateTime,
    faults: &mut Faults,
) -> Vec<&'t Control> {
    let mut found = Vec::new();
    for name in row.controls() {
        let Some(control) = catalogue.named(&name) else {
            let remedy = match catalogue.is_unknown(name.as_str()).flatten() {
                Some(nearest) => format!("did you mean {nearest}?"),
                None => "correct it: the Control Catalog lists every control".to_owned(),
            };
            faults.add("control", format!("{} is not in the Control Catalog", name.as_str()), &remedy);
            continue;
        };
        if let Some(forbidden) = control.forbidden() {
            faults.add("control", format!("{} {}", control.name(), forbidden.problem()), forbidden.remedy());
            continue;
        }
        let exempts = !row.exempt.is_empty();
        let given = row.parameters_at(now);
        for parameter in control.parameters.iter().flatten().filter(|parameter| parameter.is_required) {
            let is_given = given.given().any(|(name, _)| *name == parameter.name)
                || (exempts && parameter.name == PARAMETER_OF_EXEMPTIONS);
            if !is_given {
                let problem = format!("has no {}, which {} requires", parameter.name, control.name());
                faults.add("parameters", problem, "add it");
            }
        }
        let taken = || match &control.parameters {
            Some(parameters) if !parameters.is_empty() => {
                let names: Vec<&str> = parameters.iter().map(|one| one.name.as_str()).collect();
                format!("it takes {}", names.join(", "))
            }
            _ => "it takes none".to_owned(),
        };
        for name in row.parameters.0.keys().filter(|name| !control.takes(name)) {
            let problem = format!("is not a parameter of {}", control.name());
            faults.add(&format!("parameters.{name}"), problem, &format!("take it out: {}", taken()));
        }
        if exempts && !control.takes(PARAMETER_OF_EXEMPTIONS) {
            let problem = format!("{} exempts nobody", control.name());
            faults.add("exempt", problem, &format!("take it out: {}", taken()));
        }
        found.push(control);
    }
    found
}

/// Returns what is wrong with `except` of a control that OUs inherit: which OUs to list instead, and which accounts
/// that leaves without it.
fn taken_out(
    control: &Control,
    row: &Row,
    except: &[crate::selector::OrganizationalUnit],
    tree: &Tree,
    accounts: Option<&[Member]>,
) -> (String, String) {
    let problem = format!(
        "{} is {}, which every OU below inherits, so no OU below can be taken out",
        control.name(),
        control.mechanism().words()
    );
    let out: Vec<Place> = except.iter().filter_map(|unit| tree.find(unit)).collect();
    let mut instead: Vec<Place> = Vec::new();
    // The OUs that are named or reached, and hold one that is taken out: accounts directly in them are left uncovered.
    let mut split: Vec<Place> = Vec::new();
    let mut open: Vec<Place> =
        row.ous.iter().rev().flat_map(|target| units(target, tree)).flatten().collect();
    while let Some(place) = open.pop() {
        if out.iter().any(|out| tree.is_within(place, *out)) {
            continue;
        }
        if out.iter().any(|out| tree.is_within(*out, place)) {
            split.push(place);
            let mut children: Vec<Place> = tree.children(place).collect();
            children.reverse();
            open.extend(children);
        } else {
            instead.push(place);
        }
    }
    let paths = list(instead.iter().map(|place| tree.path(*place)));
    let uncovered = accounts.map(|accounts| {
        let within = |account: &&Member| split.iter().any(|place| tree.units()[*place].id == account.unit);
        list(accounts.iter().filter(within).map(|account| format!("{} ({})", account.id, account.name)))
    });
    let listed = if paths.is_empty() {
        "take the row out: no OU is left".to_owned()
    } else {
        format!("list these OUs in `ous` instead of `except`: {paths}")
    };
    let left = match uncovered {
        Some(accounts) if accounts.is_empty() => "; that leaves no other account uncovered".to_owned(),
        Some(accounts) => {
            format!("; that leaves uncovered, besides the OUs taken out, the accounts {accounts}")
        }
        None => String::new(),
    };
    (problem, listed + &left)
}

fn list(items: impl Iterator<Item = String>) -> String {
    let mut items: Vec<String> = items.collect();
    let more = items.len().saturating_sub(MOST_LISTED);
    items.truncate(MOST_LISTED);
    if more > 0 {
        items.push(format!("and {more} more"));
    }
    items.join(", ")
}

/// Adds what OUs have from above.
fn inherit(wishes: &mut Wishes<'_>, tree: &Tree) {
    let own: Vec<_> = wishes.own.iter().filter(|(_, wish)| wish.control.is_inherited()).collect();
    let mut inherited = BTreeMap::new();
    // In the order of the tree, so that the nearest OU above comes last.
    for ((place, id), wish) in own {
        for below in tree.below(*place) {
            if !wishes.own.contains_key(&(below, *id)) {
                let rows = wish.rows.clone();
                inherited.insert((below, *id), Inherited { control: wish.control, rows, from: *place });
            }
        }
    }
    wishes.inherited = inherited;
}

/// Reports exemptions that do not count, because an OU above denies all the same.
fn lacking(wishes: &Wishes<'_>, table: &Table, tree: &Tree, faults: &mut Faults) {
    let mut found = BTreeSet::new();
    for ((place, id), wish) in wishes.own.iter().filter(|(_, wish)| wish.control.is_inherited()) {
        for above in tree.above(*place) {
            let Some(outer) = wishes.own.get(&(above, *id)) else { continue };
            let exempted = outer.parameters.exempted();
            for principal in wish.parameters.exempted() {
                if !exempted.iter().any(|outer| covers(outer, principal))
                    && let (Some(row), Some(before)) = (wish.rows.first(), outer.rows.first())
                {
                    found.insert((*row, *before, principal.to_owned(), *place, above));
                }
            }
        }
    }
    for (row, before, principal, place, above) in found {
        let exempt = table.rows[row].exempt.iter().position(|exemption| exemption.principal == principal);
        let field = match exempt {
            Some(index) => format!("exempt[{index}]"),
            None => format!("parameters.{PARAMETER_OF_EXEMPTIONS}"),
        };
        faults.in_row(Some(reference(table, row)));
        let problem = format!(
            "exempts {principal} on {}, but row {} does not on {} above it",
            tree.path(place),
            name(table, before),
            tree.path(above)
        );
        faults.add(&field, problem, apart::LACKING);
    }
}

/// Reports controls that exclude each other and meet on an OU.
fn exclusive(wishes: &Wishes<'_>, table: &Table, catalogue: &Catalogue, tree: &Tree, faults: &mut Faults) {
    let mut of_unit: BTreeMap<Place, Vec<(&Control, usize)>> = BTreeMap::new();
    let own = wishes.own.iter().map(|((place, _), wish)| (*place, wish.control, &wish.rows));
    let inherited = wishes.inherited.iter().map(|((place, _), one)| (*place, one.control, &one.rows));
    for (place, control, rows) in own.chain(inherited) {
        of_unit.entry(place).or_default().extend(rows.first().map(|row| (control, *row)));
    }
    let mut found = BTreeSet::new();
    for (place, controls) in of_unit {
        for (index, (one, row)) in controls.iter().enumerate() {
            for (other, other_row) in &controls[index + 1..] {
                let (first, last) = ((*row).min(*other_row), (*row).max(*other_row));
                let pair = (first, last, one.name().min(other.name()), one.name().max(other.name()));
                if catalogue.exclude_each_other(one, other) && found.insert(pair) {
                    faults.in_row(Some(reference(table, last)));
                    let problem = format!(
                        "{} and {} of row {} exclude each other, and both are wanted on {}",
                        if *row == last { one.name() } else { other.name() },
                        if *row == last { other.name() } else { one.name() },
                        name(table, first),
                        tree.path(place)
                    );
                    faults.add("control", problem, "keep one of the two on this OU and above it");
                }
            }
        }
    }
}

fn reference(table: &Table, row: usize) -> RowRef {
    RowRef { number: row + 1, id: table.rows.get(row).map(|row| row.id.clone()) }
}

fn name(table: &Table, row: usize) -> String {
    match table.rows.get(row) {
        Some(found) => format!("{} ({})", row + 1, found.id),
        None => (row + 1).to_string(),
    }
}

#[cfg(test)]
mod tests;
