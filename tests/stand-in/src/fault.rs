//! What can go wrong, on order: faults are drawn for each call and for each accepted creation. No fault
//! fires by a chance that the seed does not repeat.

use crate::services::{self, Problem, Refusal, Service};
use fastrand::Rng;
use serde::Deserialize;
use std::time::Duration;

/// One thing that goes wrong. As JSON: `{"operation": "*", "kind": "Throttle", "probability": 0.1}` or
/// `{"operation": "CreateAccountAssignment", "kind": {"Slow": {"millis": 5000}}, "count": 1}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The name of one operation, or `*` for every operation.
    pub operation: String,
    pub kind: FaultKind,
    #[serde(default = "certain")]
    pub probability: f64,
    /// How often it fires at most. Without it, it fires without end.
    #[serde(default)]
    pub count: Option<u32>,
    /// It fires only for requests that name this: an id, an ARN or a name, anywhere in the request. Without it, for
    /// every request.
    #[serde(default)]
    pub about: Option<String>,
}

fn certain() -> f64 {
    1.0
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum FaultKind {
    Throttle,
    Conflict,
    Internal,
    ServiceUnavailable,
    /// The connection is cut and nothing has happened.
    CutBefore,
    /// The connection is cut after the operation took effect.
    CutAfter,
    /// The operation takes effect at once; its answer comes this much later.
    Slow {
        millis: u64,
    },
    AccessDenied,
    QuotaExceeded,
    NotFound,
    Error {
        code: String,
        status: u16,
        message: String,
    },
    /// An accepted creation or deletion ends FAILED.
    FailedStatus {
        reason: Option<String>,
    },
    /// An accepted creation or deletion stays IN_PROGRESS forever.
    Stuck,
    /// A new assignment is missing from the lists for this long after it succeeded. A new request id is
    /// missing from the status operations for this long after it was accepted. If the fault names `*` or
    /// CreateAccountAssignment, it is drawn for each creation; if it names a read, for each such read.
    StaleReads {
        millis: u64,
    },
    /// AccessDeniedException with the reason that a customer-managed KMS key gives.
    KmsDenied,
    /// A throttle that says with `Retry-After` how many seconds to wait.
    ThrottleFor {
        seconds: u64,
    },
}

pub(crate) const CREATE: &str = "CreateAccountAssignment";
pub(crate) const DELETE: &str = "DeleteAccountAssignment";
pub(crate) const PROVISION: &str = "ProvisionPermissionSet";
/// The operations that start work that can fail later, besides creations.
const LATER_OPERATIONS: [&str; 6] =
    ["EnableControl", "DisableControl", "UpdateEnabledControl", "ResetEnabledControl", DELETE, PROVISION];

impl Fault {
    pub fn on(operation: &str, kind: FaultKind) -> Fault {
        Fault { operation: operation.to_owned(), kind, probability: certain(), count: None, about: None }
    }

    pub fn times(self, count: u32) -> Fault {
        Fault { count: Some(count), ..self }
    }

    /// Only for requests that name this resource.
    pub fn about(self, resource: &str) -> Fault {
        Fault { about: Some(resource.to_owned()), ..self }
    }

    pub fn with_probability(self, probability: f64) -> Fault {
        Fault { probability, ..self }
    }

    /// Returns why this fault can never fire, or not as it says.
    pub fn check(&self) -> Result<(), String> {
        let creation = matches!(self.kind, FaultKind::FailedStatus { .. } | FaultKind::Stuck);
        if self.operation != "*" && !services::knows(&self.operation) {
            Err(format!("no operation is named {:?}", self.operation))
        } else if creation
            && !self.names(CREATE)
            && !LATER_OPERATIONS.iter().any(|operation| self.names(operation))
        {
            Err(format!("{:?} is a fault of {CREATE}, not of {}", self.kind, self.operation))
        } else if !(0.0..=1.0).contains(&self.probability) {
            Err(format!("the probability {} of {:?} must be from 0 to 1", self.probability, self.kind))
        } else {
            match self.kind {
                FaultKind::Error { status, .. } if !(400..=599).contains(&status) => {
                    Err(format!("the status {status} is not that of an HTTP error"))
                }
                _ => Ok(()),
            }
        }
    }

    fn names(&self, operation: &str) -> bool {
        self.operation == "*" || self.operation == operation
    }

    fn of_creation(&self) -> bool {
        match self.kind {
            FaultKind::FailedStatus { .. } | FaultKind::Stuck => true,
            FaultKind::StaleReads { .. } => self.names(CREATE),
            _ => false,
        }
    }

    fn fires(&mut self, operation: &str, request: &str, rng: &mut Rng) -> bool {
        let fires = self.names(operation)
            && self.about.as_ref().is_none_or(|resource| request.contains(resource))
            && self.count != Some(0)
            && rng.f64() < self.probability;
        if fires {
            self.count = self.count.map(|count| count - 1);
        }
        fires
    }
}

/// Why a call gets no answer of its own.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    Refused(Refusal),
    Cut,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        Failure::Refused(refusal)
    }
}

/// What the faults do to one call.
#[derive(Default)]
pub(crate) struct Disturbance {
    pub(crate) before: Option<Failure>,
    pub(crate) cut_after: bool,
    pub(crate) delay: Duration,
    pub(crate) staleness: Duration,
}

/// What the faults do to one accepted creation.
#[derive(Default)]
pub(crate) struct Fate {
    pub(crate) stuck: bool,
    pub(crate) failure: Option<Option<String>>,
    pub(crate) staleness: Duration,
}

#[derive(Default)]
pub(crate) struct Faults(pub(crate) Vec<Fault>);

impl Faults {
    /// Draws the faults in their order, up to the first one that stops the call.
    pub(crate) fn of_call(
        &mut self,
        service: &Service,
        operation: &str,
        request: &str,
        rng: &mut Rng,
    ) -> Disturbance {
        let mut disturbance = Disturbance::default();
        for fault in self.0.iter_mut().filter(|fault| !fault.of_creation()) {
            if !fault.fires(operation, request, rng) {
                continue;
            }
            match &fault.kind {
                FaultKind::CutAfter => disturbance.cut_after = true,
                FaultKind::Slow { millis } => disturbance.delay += Duration::from_millis(*millis),
                FaultKind::StaleReads { millis } => disturbance.staleness = Duration::from_millis(*millis),
                FaultKind::CutBefore => disturbance.before = Some(Failure::Cut),
                kind => disturbance.before = refusal(kind, service).map(Failure::Refused),
            }
            if disturbance.before.is_some() {
                break;
            }
        }
        disturbance
    }

    pub(crate) fn of_creation(&mut self, assignment: &str, rng: &mut Rng) -> Fate {
        let mut fate = Fate::default();
        for fault in self.0.iter_mut().filter(|fault| fault.of_creation()) {
            if !fault.fires(CREATE, assignment, rng) {
                continue;
            }
            match &fault.kind {
                FaultKind::FailedStatus { reason } => fate.failure = Some(reason.clone()),
                FaultKind::Stuck => fate.stuck = true,
                FaultKind::StaleReads { millis } => fate.staleness = Duration::from_millis(*millis),
                _ => {}
            }
        }
        fate
    }
}

impl Faults {
    /// Draws what becomes of an accepted operation on a control, of a deletion, or of a provisioning. `described` is what
    /// it is about: the control, its target and its enabled control, the assignment, or the set and the account.
    pub(crate) fn of_operation(&mut self, operation: &str, described: &str, rng: &mut Rng) -> Fate {
        let mut fate = Fate::default();
        let later =
            |fault: &&mut Fault| matches!(fault.kind, FaultKind::FailedStatus { .. } | FaultKind::Stuck);
        for fault in self.0.iter_mut().filter(later) {
            if !fault.fires(operation, described, rng) {
                continue;
            }
            match &fault.kind {
                FaultKind::FailedStatus { reason } => fate.failure = Some(reason.clone()),
                FaultKind::Stuck => fate.stuck = true,
                _ => {}
            }
        }
        fate
    }
}

fn refusal(kind: &FaultKind, service: &Service) -> Option<Refusal> {
    Some(match kind {
        FaultKind::Throttle => service.refuse(Problem::Throttled, "Rate exceeded"),
        FaultKind::Conflict => {
            service.refuse(Problem::Conflict, "There is a conflicting operation in process")
        }
        FaultKind::Internal => {
            service.refuse(Problem::Internal, "An unexpected internal service exception was encountered")
        }
        FaultKind::ServiceUnavailable => {
            Refusal::new(503, "ServiceUnavailableException", "Service is unable to handle the request")
        }
        FaultKind::AccessDenied => {
            service.refuse(Problem::AccessDenied, "User is not authorized to perform this operation")
        }
        FaultKind::ThrottleFor { seconds } => {
            service.refuse(Problem::Throttled, "Rate exceeded").retry_after(*seconds)
        }
        FaultKind::QuotaExceeded => {
            Refusal::new(400, "ServiceQuotaExceededException", "A quota is exhausted")
        }
        FaultKind::NotFound => service.refuse(Problem::NotFound, "The resource does not exist"),
        FaultKind::KmsDenied => service
            .refuse(Problem::AccessDenied, "The KMS key denies access")
            .because("KMS_AccessDeniedException"),
        FaultKind::Error { code, status, message } => Refusal::new(*status, code, message),
        FaultKind::CutBefore
        | FaultKind::CutAfter
        | FaultKind::Slow { .. }
        | FaultKind::FailedStatus { .. }
        | FaultKind::Stuck
        | FaultKind::StaleReads { .. } => return None,
    })
}
