//! Which rows, OUs and accounts are asked about.

use std::collections::{BTreeMap, HashMap};

use time::OffsetDateTime;

use super::{
    denies::{Basis, Denies, arn_covers},
    record::{Caller, account},
};
use crate::controls::{
    Table,
    parameters::Value,
    tree::{Place, Tree},
    wish::{Member, units},
};

/// One control of one row.
#[derive(Clone, Debug)]
pub struct Question {
    pub id: String,
    /// As the row names it, or the guide's name if that is known.
    pub control: String,
    pub basis: Basis,
    /// Principals, with wildcards.
    exempted: Vec<String>,
    exempts_assumed_root: bool,
    pub units: Vec<Unit>,
}

/// An OU that a row names, with the accounts in it and below it.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Empty if there is no such OU.
    pub id: String,
    pub path: String,
    /// Names by id.
    pub accounts: BTreeMap<u64, String>,
}

/// Where an account is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Spot {
    pub deny: usize,
    pub question: usize,
    pub unit: usize,
}

/// Everything that is asked.
#[derive(Clone, Debug, Default)]
pub struct Asks {
    pub denies: Denies,
    pub questions: Vec<Question>,
    /// Of each account of an OU that is asked about.
    spots: HashMap<u64, Vec<Spot>>,
}

impl Asks {
    /// Returns what a table asks. `members` are the active accounts, without the management account, which no control
    /// restricts.
    pub fn new(table: &Table, denies: Denies, tree: &Tree, members: &[Member], now: OffsetDateTime) -> Asks {
        let mut by_unit: BTreeMap<Place, Vec<&Member>> = BTreeMap::new();
        for member in members {
            if let Some(place) = tree.place(&member.unit) {
                by_unit.entry(place).or_default().push(member);
            }
        }
        let unit = |place: Place| {
            let below = by_unit.range(place..tree.below(place).end).flat_map(|(_, members)| members);
            let accounts = below.filter_map(|member| Some((account(&member.id)?, member.name.clone())));
            Unit { id: tree.units()[place].id.clone(), path: tree.path(place), accounts: accounts.collect() }
        };
        let mut questions = Vec::new();
        for row in &table.rows {
            let parameters = row.parameters_at(now);
            let found: Vec<Unit> = row
                .ous
                .iter()
                .flat_map(|target| match units(target, tree) {
                    Some(places) => places.into_iter().map(unit).collect(),
                    None => {
                        vec![Unit { id: String::new(), path: target.to_string(), accounts: BTreeMap::new() }]
                    }
                })
                .collect();
            for name in row.controls() {
                questions.push(Question {
                    id: row.id.clone(),
                    basis: denies.basis(&name),
                    control: name.known().as_str().to_owned(),
                    exempted: parameters.exempted().into_iter().map(str::to_owned).collect(),
                    exempts_assumed_root: parameters.0.get("ExemptAssumeRoot").is_some_and(is_true),
                    units: found.clone(),
                });
            }
        }
        let mut spots: HashMap<u64, Vec<Spot>> = HashMap::new();
        for (question, asked) in questions.iter().enumerate() {
            for (unit, found) in asked.units.iter().enumerate() {
                for &account in found.accounts.keys() {
                    let of_account = spots.entry(account).or_default();
                    if let Basis::Denies(deny) = asked.basis {
                        of_account.push(Spot { deny, question, unit });
                    }
                }
            }
        }
        Asks { denies, questions, spots }
    }

    /// Returns where an account is asked about; `None` if it is in no OU that is.
    pub fn spots(&self, account: u64) -> Option<&[Spot]> {
        self.spots.get(&account).map(Vec::as_slice)
    }
}

impl Question {
    /// Whether the row leaves this caller alone.
    pub fn exempts(&self, caller: &Caller<'_>) -> bool {
        (self.exempts_assumed_root && caller.is_assumed_root)
            || self.exempted.iter().any(|pattern| arn_covers(pattern, &caller.arn))
    }
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Flag(flag) => *flag,
        Value::Text(text) => text.eq_ignore_ascii_case("true"),
        Value::List(_) => false,
    }
}
