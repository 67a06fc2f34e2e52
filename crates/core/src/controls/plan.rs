//! What has to be done about each OU and control: pure. The plan decides from facts, and asks for those that it lacks.
//!
//! It never wants a control disabled, and never aims at a root or an account. OUs of earlier waves are judged first,
//! because those of later waves wait for them.

mod gates;
mod listed;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{
    catalogue::{Catalogue, Control, Mechanism},
    facts::{Enabled, Enablement, Facts, Operation, OperationKind},
    guide,
    parameters::Parameters,
    row::Waves,
    tree::{Place, Tree},
    wish::{Wish, Wishes},
};
use crate::ids;

/// How a plan is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What AWS can reset is reset if it drifted.
    pub repair: bool,
    /// What failed is tried again at once.
    pub retry_now: bool,
    /// The most policies of a kind that AWS takes on an OU.
    pub quotas: Quotas,
    /// Whether a service control policy counts as there only if its statement is in the OU's policies, which have to be
    /// read for that.
    pub reads_policies: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    pub service_control_policies: usize,
    pub resource_control_policies: usize,
    pub declarative_policies: usize,
}

impl Quotas {
    pub fn of(&self, mechanism: Mechanism) -> Option<usize> {
        match mechanism {
            Mechanism::ServiceControlPolicy => Some(self.service_control_policies),
            Mechanism::ResourceControlPolicy => Some(self.resource_control_policies),
            Mechanism::DeclarativePolicy => Some(self.declarative_policies),
            Mechanism::ConfigRule | Mechanism::Hook | Mechanism::SecurityHub | Mechanism::Other => None,
        }
    }
}

/// One OU and one control.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub unit: Place,
    /// Indices of the rows that want it.
    pub rows: Vec<usize>,
    /// Whether a row names the OU. Otherwise it was only reached.
    pub is_named: bool,
    /// The guide's name, or the last part of the ARN.
    pub name: String,
    /// As it is enabled, or as it would be.
    pub arn: String,
    pub verdict: Verdict,
}

/// How it is with a control on an OU.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It is there as it is wanted. `operation` was the last one.
    Present {
        operation: Option<String>,
    },
    Inherited {
        from: Place,
        reason: Option<String>,
    },
    Due(Action),
    /// An operation is under way, anyone's.
    UnderWay {
        operation: Option<String>,
        since: Option<OffsetDateTime>,
        reason: &'static str,
    },
    /// Nothing can be sent now, and it passes by itself.
    Held {
        reason: String,
        action: Option<Kind>,
    },
    /// For an earlier wave. `until`: since when it may go on, if that is certain.
    Waiting {
        until: Option<OffsetDateTime>,
        reason: String,
        action: Kind,
    },
    Drifted {
        reason: String,
        remedy: &'static str,
    },
    Failed {
        message: String,
        operation: Option<String>,
        since: Option<OffsetDateTime>,
        remedy: &'static str,
    },
    /// AWS would refuse it.
    Blocked {
        reason: String,
        remedy: String,
    },
    Extra {
        reason: Option<String>,
    },
    /// A fact is missing; see [`Plan::needs`].
    Unknown,
}

impl Verdict {
    /// Whether AWS has the control there, as it is wanted.
    fn is_in_place(&self) -> bool {
        matches!(self, Verdict::Present { .. })
    }
}

/// A write.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Enable { control: String, target: String, parameters: Parameters },
    Update { enabled: String, parameters: Parameters },
    Reset { enabled: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Enable,
    Update,
    Reset,
}

impl Action {
    pub fn kind(&self) -> Kind {
        match self {
            Action::Enable { .. } => Kind::Enable,
            Action::Update { .. } => Kind::Update,
            Action::Reset { .. } => Kind::Reset,
        }
    }
}

/// A fact that the plan lacks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Need {
    /// Which control a Regional ARN means.
    Control(String),
    /// The parameters of an enabled control, by its ARN, after its last operation.
    Parameters(String, Option<String>),
    /// What became of an operation.
    Operation(String),
    /// Whether Control Tower governs the OU with this id.
    Registered(String),
    /// How many policies are attached to the OU with this id.
    Attached(String, Mechanism),
    /// Whether the service control policies of the OU with this id deny by a statement with this Sid.
    Statement(String, String),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// In the order of the tree, then of the rows.
    pub items: Vec<Item>,
    /// OUs that were only reached, and that AWS excludes.
    pub notes: Vec<String>,
    /// If any is left, the verdicts that depend on it are [`Verdict::Unknown`].
    pub needs: BTreeSet<Need>,
}

struct Planner<'p> {
    catalogue: &'p Catalogue,
    tree: &'p Tree,
    facts: &'p Facts,
    rules: Rules,
    waves: &'p Waves,
    /// The best enabled control of each OU and control: one that succeeded before one that did not.
    enabled: BTreeMap<(Place, &'p str), &'p Enabled>,
    under_way: BTreeMap<(Place, &'p str), &'p Operation>,
    /// The OUs and controls that are wanted.
    wanted: BTreeSet<(Place, &'p str)>,
    plan: Plan,
}

/// Returns the plan for the whole organization.
pub fn plan<'p>(
    wishes: &'p Wishes<'_>,
    waves: &'p Waves,
    catalogue: &'p Catalogue,
    tree: &'p Tree,
    facts: &'p Facts,
    rules: Rules,
) -> Plan {
    let mut planner = Planner {
        catalogue,
        tree,
        facts,
        rules,
        waves,
        enabled: BTreeMap::new(),
        under_way: BTreeMap::new(),
        wanted: wishes.own.keys().copied().collect(),
        plan: Plan::default(),
    };
    planner.index();
    if planner.plan.needs.is_empty() {
        planner.judge(wishes);
        planner.inherited(wishes);
        planner.extra(wishes);
    }
    let mut plan = planner.plan;
    plan.items.sort_by(|one, other| {
        let key =
            |item: &Item| (item.unit, item.rows.first().copied().unwrap_or(usize::MAX), item.name.clone());
        key(one).cmp(&key(other))
    });
    plan
}

/// Returns the verdict on what depends on a fact that could not be read: nothing is written.
fn unread(reason: &str) -> Verdict {
    Verdict::Failed {
        message: format!("what is there could not be read: {reason}"),
        operation: None,
        since: None,
        remedy: "see why the call fails; the next run reads it again",
    }
}

impl<'p> Planner<'p> {
    fn index(&mut self) {
        for enabled in &self.facts.enabled {
            self.need_control(&enabled.control);
            let Some(place) = self.tree.place(enabled.unit()) else { continue };
            let key = (place, self.catalogue.identity(&enabled.control));
            let rank = |enabled: &Enabled| match enabled.status {
                Enablement::UnderChange => 2,
                Enablement::Succeeded => 1,
                Enablement::Failed => 0,
            };
            match self.enabled.get(&key) {
                Some(before) if rank(before) >= rank(enabled) => {}
                _ => _ = self.enabled.insert(key, enabled),
            }
        }
        for operation in &self.facts.under_way {
            self.need_control(&operation.control);
            let Some(place) = self.tree.place(operation.unit()) else { continue };
            self.under_way.insert((place, self.catalogue.identity(&operation.control)), operation);
        }
    }

    /// Asks which control an ARN means. If that cannot be read, the ARN stands for itself: enabling the same control by
    /// another form of its ARN is refused by AWS.
    fn need_control(&mut self, arn: &str) {
        let need = Need::Control(arn.to_owned());
        if self.catalogue.must_ask(arn) && !self.facts.unread.contains_key(&need) {
            self.plan.needs.insert(need);
        }
    }

    /// Asks for a fact. Returns the verdict without it: unknown for now, or failed if it could not be read.
    fn need(&mut self, need: Need) -> Verdict {
        match self.facts.unread.get(&need) {
            Some(reason) => unread(reason),
            None => {
                self.plan.needs.insert(need);
                Verdict::Unknown
            }
        }
    }

    fn judge(&mut self, wishes: &Wishes<'_>) {
        let wave = |place: Place| gates::wave(self.waves, self.tree, place);
        let mut ordered: Vec<(usize, &(Place, &str), &Wish<'_>)> =
            wishes.own.iter().map(|(key, wish)| (wave(key.0), key, wish)).collect();
        ordered.sort_by_key(|(wave, key, _)| (*wave, **key));
        // By control: the OUs of each wave, with their verdicts.
        let mut earlier: BTreeMap<&str, Vec<gates::Earlier>> = BTreeMap::new();
        for (wave, (place, id), wish) in ordered {
            let before: Vec<_> = earlier
                .get(id)
                .map(|all| all.iter().filter(|one| one.wave < wave).cloned().collect())
                .unwrap_or_default();
            let Some(verdict) = self.verdict(*place, wish, &before) else { continue };
            earlier.entry(id).or_default().push(gates::Earlier {
                wave,
                place: *place,
                is_in_place: verdict.is_in_place(),
                operation: match &verdict {
                    Verdict::Present { operation } => operation.clone(),
                    _ => None,
                },
            });
            let enabled = self.enabled.get(&(*place, *id));
            self.plan.items.push(Item {
                unit: *place,
                rows: wish.rows.clone(),
                is_named: wish.is_named,
                name: wish.control.name().to_owned(),
                arn: enabled.map_or(&wish.control.arn, |enabled| &enabled.control).clone(),
                verdict,
            });
        }
    }

    /// Returns how it is with a wish; `None` if the OU was only reached and AWS excludes it, which is noted.
    fn verdict(&mut self, place: Place, wish: &Wish<'_>, earlier: &[gates::Earlier]) -> Option<Verdict> {
        if let Some(reason) = self.facts.unread_units.get(&self.tree.units()[place].id) {
            return Some(unread(reason));
        }
        let key = (place, wish.control.id());
        if let Some(operation) = self.under_way.get(&key) {
            return Some(Verdict::UnderWay {
                operation: Some(operation.id.clone()),
                since: operation.started,
                reason: operation.kind.words(),
            });
        }
        let action = match self.enabled.get(&key).copied() {
            Some(enabled) if enabled.status == Enablement::UnderChange => {
                return Some(Verdict::UnderWay {
                    operation: enabled.last_operation.clone(),
                    since: None,
                    reason: OperationKind::Other.words(),
                });
            }
            Some(enabled) => self.listed(place, wish, enabled),
            None => self.absent(place, wish),
        };
        match action {
            Ok(action) => self.gated(place, wish, action, earlier),
            Err(verdict) => Some(verdict),
        }
    }

    /// Adds what OUs have from above, unless they have it of their own as well.
    fn inherited(&mut self, wishes: &Wishes<'_>) {
        for ((place, id), one) in &wishes.inherited {
            if self.is_enabled(*place, id).is_some() {
                continue;
            }
            let above = self
                .plan
                .items
                .iter()
                .find(|item| item.unit == one.from && self.catalogue.identity(&item.arn) == *id);
            let held = above.is_some_and(|item| self.is_enabled(item.unit, id).is_some());
            let Some(above) = above else { continue };
            let reason = (!held).then(|| format!("once it is enabled on {}", self.tree.path(one.from)));
            let item = Item {
                unit: *place,
                rows: one.rows.clone(),
                is_named: false,
                name: one.control.name().to_owned(),
                arn: above.arn.clone(),
                verdict: Verdict::Inherited { from: one.from, reason },
            };
            self.plan.items.push(item);
        }
    }

    /// Adds what is enabled and no row wants. Mandatory controls are Control Tower's own.
    fn extra(&mut self, wishes: &Wishes<'_>) {
        let enabled: Vec<(Place, &str, &Enabled)> =
            self.enabled.iter().map(|((place, id), enabled)| (*place, *id, *enabled)).collect();
        for (place, id, enabled) in enabled {
            let last = ids::last_part(&enabled.control);
            let control = self.catalogue.find(id);
            let name = control.map(Control::name).or(guide::known_name(id)).unwrap_or(last);
            let is_forbidden = guide::forbidden(last).is_some()
                || control.is_some_and(|control| control.forbidden().is_some());
            if self.is_wanted(place, id) || is_forbidden || enabled.status != Enablement::Succeeded {
                continue;
            }
            let above = wishes.inherited.get(&(place, id));
            self.plan.items.push(Item {
                unit: place,
                rows: Vec::new(),
                is_named: false,
                name: name.to_owned(),
                arn: enabled.arn.clone(),
                verdict: Verdict::Extra {
                    reason: above.map(|above| {
                        format!("the OU inherits it from {} as well", self.tree.path(above.from))
                    }),
                },
            });
        }
    }

    fn is_wanted(&self, place: Place, id: &str) -> bool {
        self.wanted.contains(&(place, id))
    }

    fn is_enabled(&self, place: Place, id: &str) -> Option<&'p Enabled> {
        let enabled = self.enabled.get(&(place, id)).copied();
        enabled.filter(|enabled| enabled.status == Enablement::Succeeded)
    }
}

#[cfg(test)]
mod tests;
