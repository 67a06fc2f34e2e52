//! What keeps a write from being sent now: what AWS would refuse, the landing zone, and earlier waves.

use time::Duration;

use super::{Action, Kind, Need, Planner, Verdict};
use crate::controls::{
    catalogue::Mechanism,
    facts::{Drift, Enablement, Fate},
    row::Waves,
    tree::{Place, Tree},
    wish::{self, Wish},
};
use crate::day::rfc3339;

/// An OU of a wave, judged already.
#[derive(Clone, Debug)]
pub(super) struct Earlier {
    pub wave: usize,
    pub place: Place,
    pub is_in_place: bool,
    /// The last operation on the enabled control.
    pub operation: Option<String>,
}

/// Returns the index of the first wave that has the OU; the number of waves if none has.
pub(super) fn wave(waves: &Waves, tree: &Tree, place: Place) -> usize {
    let has = |wave: &crate::controls::row::Wave| {
        let units = wave.ous.iter().filter_map(|target| wish::units(target, tree)).flatten();
        units.into_iter().any(|unit| tree.is_within(place, unit))
    };
    waves.0.iter().position(has).unwrap_or(waves.0.len())
}

impl Planner<'_> {
    /// Returns the verdict on a write: due, or what keeps it from being sent. `None`: AWS excludes the OU, which was only
    /// reached; that is noted.
    pub(super) fn gated(
        &mut self,
        place: Place,
        wish: &Wish<'_>,
        action: Action,
        earlier: &[Earlier],
    ) -> Option<Verdict> {
        let kind = action.kind();
        match self.excluded(place, wish, kind) {
            Gate::Open => {}
            Gate::Unknown(verdict) => return Some(verdict),
            Gate::Shut(reason, remedy) if wish.is_named => return Some(Verdict::Blocked { reason, remedy }),
            Gate::Shut(reason, _) => {
                let note =
                    format!("{} is left out on {}: {reason}", wish.control.name(), self.tree.path(place));
                self.plan.notes.push(note);
                return None;
            }
        }
        // What drifted is put back as it was, for which nobody has to wait.
        if kind != Kind::Reset
            && let Some(waiting) = self.waiting(kind, earlier)
        {
            return Some(waiting);
        }
        if self.facts.landing_zone.is_processing {
            let reason = "the landing zone is being changed".to_owned();
            return Some(Verdict::Held { reason, action: Some(kind) });
        }
        if kind == Kind::Enable {
            if let Some(verdict) = self.kept_out(place, wish) {
                return Some(verdict);
            }
            match self.full(place, wish) {
                Gate::Open => {}
                Gate::Unknown(verdict) => return Some(verdict),
                Gate::Shut(reason, remedy) => return Some(Verdict::Blocked { reason, remedy }),
            }
        }
        Some(Verdict::Due(action))
    }

    /// Whether AWS excludes the OU from this control.
    fn excluded(&mut self, place: Place, wish: &Wish<'_>, kind: Kind) -> Gate {
        let zone = &self.facts.landing_zone;
        if !zone.version.is_strict() || kind != Kind::Enable {
            return Gate::Open;
        }
        let unit = &self.tree.units()[place];
        if zone.security_unit.as_deref() == Some(unit.id.as_str()) {
            let mechanism = wish.control.mechanism();
            let taken = matches!(
                mechanism,
                Mechanism::ServiceControlPolicy | Mechanism::ConfigRule | Mechanism::Other
            );
            if !taken {
                return Gate::Shut(
                    format!(
                        "the Security OU of a landing zone before version 4.0 takes no control by {}",
                        mechanism.words()
                    ),
                    "take the OU out of the row, or update the landing zone".to_owned(),
                );
            }
        }
        // An OU that has a control is governed.
        let has_control = self
            .enabled
            .iter()
            .any(|((unit, _), enabled)| *unit == place && enabled.status == Enablement::Succeeded);
        if has_control {
            return Gate::Open;
        }
        match self.facts.registered.get(&unit.id) {
            Some(true) => Gate::Open,
            Some(false) => Gate::Shut(
                "the OU is not registered with Control Tower, which a landing zone before version 4.0 needs"
                    .to_owned(),
                "register the OU in Control Tower, or update the landing zone".to_owned(),
            ),
            None => Gate::Unknown(self.need(Need::Registered(unit.id.clone()))),
        }
    }

    /// Returns the verdict if an earlier wave holds this OU.
    fn waiting(&mut self, action: Kind, earlier: &[Earlier]) -> Option<Verdict> {
        let mut until = None;
        let mut unknown = None;
        for one in earlier {
            let number = one.wave + 1;
            let path = self.tree.path(one.place);
            if !one.is_in_place {
                let reason = format!("waits for wave {number}: {path} does not have it yet");
                return Some(Verdict::Waiting { until: None, reason, action });
            }
            let Some(operation) = &one.operation else { continue };
            let hours = self.waves.0.get(one.wave).map_or(0, |wave| wave.soak_hours);
            match self.facts.fate(operation) {
                Some(Fate::Known(operation)) => {
                    let soaked = operation.ended.map(|ended| ended + Duration::hours(i64::from(hours)));
                    // Without its end, an operation that succeeded ended at this moment at the latest.
                    let soaked = soaked.unwrap_or(self.facts.now + Duration::hours(i64::from(hours)));
                    if soaked > self.facts.now && until.as_ref().is_none_or(|(latest, _)| *latest < soaked) {
                        let reason = format!(
                            "waits for wave {number}: {path} has it for {hours} hours at {}",
                            rfc3339(soaked)
                        );
                        until = Some((soaked, reason));
                    }
                }
                Some(Fate::Forgotten) => {}
                None => unknown = Some(self.need(Need::Operation(operation.clone()))),
            }
        }
        if unknown.is_some() {
            return unknown;
        }
        until.map(|(until, reason)| Verdict::Waiting { until: Some(until), reason, action })
    }

    /// Returns the verdict if something on the OU keeps another control out.
    fn kept_out(&self, place: Place, wish: &Wish<'_>) -> Option<Verdict> {
        let here = |place: Place| {
            self.enabled
                .iter()
                .filter(move |((unit, _), enabled)| *unit == place && enabled.status == Enablement::Succeeded)
        };
        for unit in std::iter::once(place).chain(self.tree.above(place)) {
            for ((_, id), _) in here(unit) {
                let other = self.catalogue.find(id);
                if let Some(other) =
                    other.filter(|other| self.catalogue.exclude_each_other(other, wish.control))
                    && (unit == place || other.is_inherited())
                {
                    return Some(Verdict::Blocked {
                        reason: format!(
                            "{} excludes it and is enabled on {}",
                            other.name(),
                            self.tree.path(unit)
                        ),
                        remedy: "disable the other one, or take this one out of the table".to_owned(),
                    });
                }
            }
        }
        let ((_, id), enabled) = here(place).find(|(_, enabled)| enabled.drift != Drift::None)?;
        let control = self.catalogue.find(id);
        let name = control.map_or(*id, |control| control.name());
        let is_scp = control.is_some_and(|control| control.mechanism() == Mechanism::ServiceControlPolicy);
        if self.rules.repair && enabled.drift == Drift::Changed && !is_scp && self.is_wanted(place, id) {
            let reason = format!("waits until {name} on the same OU is reset, which drifted");
            return Some(Verdict::Held { reason, action: Some(Kind::Enable) });
        }
        Some(Verdict::Blocked {
            reason: format!("the OU is drifted: {name} is not as Control Tower made it"),
            remedy: "repair the drift first: set REPAIR to true, or register the OU again in Control Tower"
                .to_owned(),
        })
    }

    /// Whether there is room for another policy on the OU.
    fn full(&mut self, place: Place, wish: &Wish<'_>) -> Gate {
        let mechanism = wish.control.mechanism();
        let Some(quota) = self.rules.quotas.of(mechanism) else { return Gate::Open };
        let id = &self.tree.units()[place].id;
        let Some(attached) = self.facts.attached.get(&(id.clone(), mechanism)) else {
            return Gate::Unknown(self.need(Need::Attached(id.clone(), mechanism)));
        };
        // Control Tower may put the statement into a policy of its own that is attached already.
        if attached.count < quota || attached.has_control_towers {
            return Gate::Open;
        }
        Gate::Shut(
            format!(
                "{} policies of this kind are attached to the OU, and {quota} are allowed; none of them is Control \
                 Tower's, which could take another statement",
                attached.count
            ),
            "detach a policy, enable the control on an OU above, or raise the setting if AWS's quota is higher".to_owned(),
        )
    }
}

enum Gate {
    Open,
    /// Why, and what to do.
    Shut(String, String),
    /// A fact is missing. The verdict says whether it is asked for, or could not be read.
    Unknown(Verdict),
}
