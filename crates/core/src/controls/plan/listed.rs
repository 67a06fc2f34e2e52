//! What is to be done about a control that Control Tower lists on an OU, and about one that it does not list.

use super::{Action, Need, Place, Planner, Verdict, Wish};
use crate::controls::{
    catalogue::{Control, Mechanism},
    facts::{Drift, Enabled, Enablement, Fate, Operation, OperationKind, OperationStatus, RETRY_AFTER},
    parameters::Parameters,
};

const REPAIR_OF_SCP: &str = "AWS cannot reset a service control policy: register the OU again in Control Tower, or update \
                             the landing zone";

impl Planner<'_> {
    /// Returns what to do about a control that is listed; an error if nothing is to be done.
    pub(super) fn listed(
        &mut self,
        place: Place,
        wish: &Wish<'_>,
        enabled: &Enabled,
    ) -> Result<Action, Verdict> {
        let control = wish.control;
        let last = enabled.last_operation.as_deref();
        let fate = last.and_then(|last| self.facts.fate(last));
        let failure = match (&fate, enabled.status) {
            (Some(Fate::Known(operation)), _) if self.has_failed(operation) => Some(operation.clone()),
            (Some(Fate::Known(operation)), Enablement::Failed) => Some(operation.clone()),
            (None, Enablement::Failed) => match last {
                Some(last) => return Err(self.need(Need::Operation(last.to_owned()))),
                None => None,
            },
            _ => None,
        };
        if let Some(operation) = &failure
            && let Some(verdict) = self.too_early(operation)
        {
            return Err(verdict);
        }
        let is_repair = enabled.status == Enablement::Failed;
        if is_repair && !control.takes_parameters() {
            return Ok(self.enable(wish, &enabled.control, &enabled.target));
        }
        let present = if control.takes_parameters() && !is_repair {
            let asked = (enabled.arn.clone(), enabled.last_operation.clone());
            match self.facts.parameters.get(&asked) {
                Some(parameters) => parameters.clone(),
                None => return Err(self.need(Need::Parameters(asked.0, asked.1))),
            }
        } else {
            Parameters::default()
        };
        let differs = !present.is_like(&wish.parameters);
        match enabled.drift {
            Drift::None => {}
            drift => return self.drifted(enabled, control, drift, differs),
        }
        if is_repair || differs {
            let parameters = wish.parameters.instead_of(&present);
            return Ok(Action::Update { enabled: enabled.arn.clone(), parameters });
        }
        if let Some(verdict) = self.without_statement(place, control) {
            return Err(verdict);
        }
        Err(Verdict::Present { operation: enabled.last_operation.clone() })
    }

    /// Returns the verdict on a service control policy whose statement is not in the OU's policies, or of which that is
    /// not known. AWS reports no drift of these.
    fn without_statement(&mut self, place: Place, control: &Control) -> Option<Verdict> {
        if !self.rules.reads_policies || control.mechanism() != Mechanism::ServiceControlPolicy {
            return None;
        }
        let Some(sid) = control.sid() else {
            let note = format!(
                "whether the statement of {} is in the policies of {} cannot be told: the catalogue gives no name of it",
                control.name(),
                self.tree.path(place)
            );
            if !self.plan.notes.contains(&note) {
                self.plan.notes.push(note);
            }
            return None;
        };
        let asked = (self.tree.units()[place].id.clone(), sid);
        match self.facts.statements.get(&asked) {
            Some(true) => None,
            Some(false) => Some(Verdict::Drifted {
                reason: format!("no service control policy of the OU has its statement {} any more", asked.1),
                remedy: REPAIR_OF_SCP,
            }),
            None => Some(self.need(Need::Statement(asked.0, asked.1))),
        }
    }

    fn drifted(
        &self,
        enabled: &Enabled,
        control: &Control,
        drift: Drift,
        differs: bool,
    ) -> Result<Action, Verdict> {
        let also = if differs { ", and its parameters are not those of the table" } else { "" };
        let is_policy_of_scp = control.mechanism() == Mechanism::ServiceControlPolicy;
        let (reason, remedy) = match drift {
            Drift::Inheritance => (
                "accounts of this OU do not have what the OU has",
                "AWS cannot reset this: register the OU again in Control Tower, or move the account back",
            ),
            _ if is_policy_of_scp => ("its policy was changed or detached", REPAIR_OF_SCP),
            _ if self.rules.repair => return Ok(Action::Reset { enabled: enabled.arn.clone() }),
            _ => (
                "something else has changed what it consists of",
                "set REPAIR to true, or reset the control in Control Tower",
            ),
        };
        Err(Verdict::Drifted { reason: format!("{reason}{also}"), remedy })
    }

    pub(super) fn absent(&self, place: Place, wish: &Wish<'_>) -> Result<Action, Verdict> {
        let is_it = |operation: &&Operation| {
            self.tree.place(operation.unit()) == Some(place)
                && self.catalogue.identity(&operation.control) == wish.control.id()
        };
        let latest = self.facts.failed.iter().filter(is_it).max_by_key(|operation| operation.ended);
        if let Some(operation) = latest.filter(|operation| operation.kind == OperationKind::Enable)
            && let Some(verdict) = self.too_early(operation)
        {
            return Err(verdict);
        }
        Ok(self.enable(wish, &wish.control.arn, &self.tree.units()[place].arn))
    }

    fn enable(&self, wish: &Wish<'_>, control: &str, target: &str) -> Action {
        Action::Enable {
            control: control.to_owned(),
            target: target.to_owned(),
            parameters: Parameters(
                wish.parameters.given().map(|(name, value)| (name.clone(), value.clone())).collect(),
            ),
        }
    }

    fn has_failed(&self, operation: &Operation) -> bool {
        operation.status == OperationStatus::Failed
    }

    /// Returns the verdict of a control whose last operation failed, if it is too early to try again.
    fn too_early(&self, operation: &Operation) -> Option<Verdict> {
        let is_over = operation.ended.is_none_or(|ended| self.facts.now - ended > RETRY_AFTER);
        if self.rules.retry_now || is_over {
            return None;
        }
        Some(Verdict::Failed {
            message: operation.message.clone().unwrap_or_else(|| "AWS gave no reason".to_owned()),
            operation: Some(operation.id.clone()),
            since: operation.ended,
            remedy: "do what AWS says; it is tried again an hour after it failed",
        })
    }
}
