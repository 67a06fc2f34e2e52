//! The enabled controls, and the operations that change them over time: at most so many run at once, and the others
//! wait in a queue. It does not know requests.

use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Parameters by their keys, as they were given.
pub type Parameters = BTreeMap<String, Value>;

/// A control that is listed as enabled, whether or not it came to be.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EnabledControl {
    pub arn: String,
    /// In the form of the ARN by which it was enabled.
    pub control: String,
    /// The id of the control, whatever the form.
    pub control_id: String,
    /// The ARN of the OU.
    pub target: String,
    pub parameters: Parameters,
    pub status: EnablementStatus,
    pub drifted: bool,
    pub last_operation: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EnablementStatus {
    Succeeded,
    Failed,
    UnderChange,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OperationType {
    EnableControl,
    DisableControl,
    UpdateEnabledControl,
    ResetEnabledControl,
}

#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub id: String,
    pub kind: OperationType,
    pub accepted_at: Instant,
    /// `None`: never.
    pub ends_at: Option<Instant>,
    /// Why it will have failed.
    pub failure: Option<String>,
    pub control: String,
    pub target: String,
    pub enabled: String,
    /// What an update sets.
    parameters: Option<Parameters>,
    settled: bool,
}

impl Operation {
    pub(crate) fn is_in_progress(&self, now: Instant) -> bool {
        self.ends_at.is_none_or(|ends| now < ends)
    }
}

/// What an operation is to do.
pub(crate) struct Order {
    pub id: String,
    pub kind: OperationType,
    pub control: String,
    pub control_id: String,
    pub target: String,
    pub enabled: String,
    pub parameters: Option<Parameters>,
    pub failure: Option<String>,
    pub stuck: bool,
}

#[derive(Default)]
pub(crate) struct Enablement {
    enabled: BTreeMap<String, EnabledControl>,
    operations: Vec<Operation>,
    peak: usize,
}

impl Enablement {
    /// Returns what is enabled, ordered by ARN.
    pub(crate) fn enabled(&self) -> impl Iterator<Item = &EnabledControl> {
        self.enabled.values()
    }

    pub(crate) fn find(&self, arn: &str) -> Option<&EnabledControl> {
        self.enabled.get(arn)
    }

    /// Returns the enabled control of an OU, in whatever form it was enabled.
    pub(crate) fn on(&self, target: &str, control_id: &str) -> Option<&EnabledControl> {
        self.enabled.values().find(|one| one.target == target && one.control_id == control_id)
    }

    pub(crate) fn put(&mut self, enabled: EnabledControl) {
        self.enabled.insert(enabled.arn.clone(), enabled);
    }

    pub(crate) fn edit(&mut self, change: impl FnOnce(&mut BTreeMap<String, EnabledControl>)) {
        change(&mut self.enabled);
    }

    /// Returns the operations, the oldest first.
    pub(crate) fn operations(&self) -> &[Operation] {
        &self.operations
    }

    pub(crate) fn in_progress(&self, now: Instant) -> impl Iterator<Item = &Operation> {
        self.operations.iter().filter(move |operation| operation.is_in_progress(now))
    }

    pub(crate) fn peak(&self) -> usize {
        self.peak
    }

    /// Accepts an operation. It begins when fewer than `running` others run, and takes so long.
    pub(crate) fn accept(&mut self, order: Order, now: Instant, takes: Duration, running: usize) {
        let mut ends: Vec<Option<Instant>> =
            self.in_progress(now).map(|operation| operation.ends_at).collect();
        // Without an end comes last: it never makes room.
        ends.sort_by_key(|end| (end.is_none(), *end));
        let begins = match ends.len().checked_sub(running) {
            None => Some(now),
            Some(waits) => ends[waits],
        };
        let Order { id, kind, control, control_id, target, enabled, parameters, failure, stuck } = order;
        let ends_at = begins.filter(|_| !stuck).map(|begins| begins + takes);
        if kind == OperationType::EnableControl {
            let before = self.enabled.get(&enabled);
            let parameters =
                parameters.clone().or(before.map(|one| one.parameters.clone())).unwrap_or_default();
            self.put(EnabledControl {
                arn: enabled.clone(),
                control: control.clone(),
                control_id,
                target: target.clone(),
                parameters,
                status: EnablementStatus::UnderChange,
                drifted: false,
                last_operation: id.clone(),
            });
        } else if let Some(one) = self.enabled.get_mut(&enabled) {
            one.status = EnablementStatus::UnderChange;
            one.last_operation = id.clone();
        }
        self.operations.push(Operation {
            id,
            kind,
            accepted_at: now,
            ends_at,
            failure,
            control,
            target,
            enabled,
            parameters,
            settled: false,
        });
        self.peak = self.peak.max(self.in_progress(now).count());
    }

    /// Lets the operations that have ended by now take effect.
    pub(crate) fn settle(&mut self, now: Instant) {
        for operation in self.operations.iter_mut().filter(|one| !one.settled && !one.is_in_progress(now)) {
            operation.settled = true;
            let Some(one) = self.enabled.get_mut(&operation.enabled) else { continue };
            if operation.failure.is_some() {
                one.status = EnablementStatus::Failed;
                continue;
            }
            one.status = EnablementStatus::Succeeded;
            match operation.kind {
                OperationType::EnableControl => {}
                OperationType::UpdateEnabledControl => {
                    one.parameters = operation.parameters.clone().unwrap_or_default();
                }
                OperationType::ResetEnabledControl => one.drifted = false,
                OperationType::DisableControl => _ = self.enabled.remove(&operation.enabled),
            }
        }
    }

    pub(crate) fn forget_peak(&mut self) {
        self.peak = 0;
    }
}
