//! AWS Control Tower: enabled controls, operations on them, the landing zone. Called in the management account, in the
//! home Region.
//!
//! Nothing here decides, and a write is sent once: whether it took effect, the caller has to read. It cannot disable a
//! control.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use assigner_core::{
    cause::{CallError, Cause},
    controls::{
        facts::{Drift, Enabled, Enablement, Fate, Operation, OperationKind, OperationStatus, Version},
        parameters::{Parameters, Value},
        plan::Action,
    },
    ids::{self, AccountId},
};
use aws_config::{SdkConfig, retry::RetryConfig};
use aws_sdk_controltower::{
    Client,
    types::{
        self, ControlOperationFilter, ControlOperationStatus, ControlOperationType, DriftStatus,
        EnabledControlParameter, EnabledControlSummary, EnablementStatus, LandingZoneDriftStatus,
        LandingZoneStatus,
    },
};
use aws_smithy_types::{DateTime, Document, Number};
use time::{Duration, OffsetDateTime};
use tokio::time::Instant;

use crate::{
    calls::{Calls, Patience},
    client::{self, Tally, Watch},
};

/// The largest pages that AWS gives.
const ENABLED_A_PAGE: i32 = 200;
const OPERATIONS_A_PAGE: i32 = 100;
/// How far back failed operations are read: an hour, and some minutes for clocks that differ.
const FAILED_SINCE: Duration = Duration::minutes(90);

/// A client of AWS Control Tower.
#[derive(Debug)]
pub struct ControlTower {
    client: Client,
    calls: Calls,
    /// The ARN of the landing zone: an account has one.
    landing_zone: Mutex<Option<String>>,
}

/// The landing zone as Control Tower describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LandingZone {
    pub version: Version,
    /// The newest version that AWS offers, if it says so.
    pub latest: Option<Version>,
    pub is_processing: bool,
    /// Whether the last change of it failed.
    pub has_failed: bool,
    /// Whether it is not as Control Tower set it up.
    pub has_drifted: bool,
    /// The name of the Security OU, below the root, if the manifest has one.
    pub security_unit: Option<String>,
    /// The account that has the organization's logs, if the manifest has one.
    pub log_archive: Option<AccountId>,
}

impl ControlTower {
    pub fn new(sdk: &SdkConfig, tally: Arc<Tally>) -> ControlTower {
        let config = aws_sdk_controltower::config::Builder::from(sdk)
            .retry_config(RetryConfig::disabled())
            .timeout_config(client::timeouts())
            .interceptor(Watch { pace: None, tally: tally.clone() })
            .build();
        ControlTower {
            client: Client::from_conf(config),
            calls: Calls::new(sdk, tally).obedient(),
            landing_zone: Mutex::default(),
        }
    }

    /// Returns until when Control Tower has asked to be left alone, if that is still to come.
    pub fn not_before(&self) -> Option<Instant> {
        self.calls.not_before()
    }

    /// Returns the landing zone; `None` if there is none. Its ARN is asked for once.
    pub async fn landing_zone(&self) -> Result<Option<LandingZone>, CallError> {
        const OPERATION: &str = "controltower:GetLandingZone";
        let known = self.landing_zone.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let arn = match known {
            Some(arn) => arn,
            None => {
                let call = self.client.list_landing_zones();
                let page = |token| call.clone().set_next_token(token).send();
                let found = self.calls.list(
                    "controltower:ListLandingZones",
                    Patience::Needed,
                    page,
                    |page: aws_sdk_controltower::operation::list_landing_zones::ListLandingZonesOutput| {
                        (page.landing_zones, page.next_token)
                    },
                );
                let Some(arn) = found.await?.into_iter().find_map(|zone| zone.arn) else { return Ok(None) };
                *self.landing_zone.lock().unwrap_or_else(PoisonError::into_inner) = Some(arn.clone());
                arn
            }
        };
        let call = self.client.get_landing_zone().landing_zone_identifier(&arn);
        let answer = self.calls.ask(OPERATION, Patience::Needed, || call.clone().send()).await;
        if let Err(CallError { cause: Cause::NotFound, .. }) = &answer {
            // It was removed, or made again.
            *self.landing_zone.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        let Some(zone) = answer?.landing_zone else { return Ok(None) };
        let security = member(&zone.manifest, &["organizationStructure", "security", "name"]);
        let logs = member(&zone.manifest, &["centralizedLogging", "accountId"]);
        Ok(Some(LandingZone {
            version: Version::parse(&zone.version),
            latest: zone.latest_available_version.as_deref().map(Version::parse),
            is_processing: zone.status == Some(LandingZoneStatus::Processing),
            has_failed: zone.status == Some(LandingZoneStatus::Failed),
            has_drifted: zone.drift_status.and_then(|drift| drift.status)
                == Some(LandingZoneDriftStatus::Drifted),
            security_unit: security.and_then(Document::as_string).map(str::to_owned),
            log_archive: logs.and_then(Document::as_string).and_then(AccountId::parse),
        }))
    }

    /// Returns the controls of OUs that are listed as enabled: of one OU by its ARN, or of the whole organization. Those
    /// of accounts, and those that belong to another enabled control, are left out.
    pub async fn enabled(&self, target: Option<&str>) -> Result<Vec<Enabled>, CallError> {
        let call = self.client.list_enabled_controls().set_target_identifier(target.map(str::to_owned));
        let call = call.max_results(ENABLED_A_PAGE);
        let page = |token| call.clone().set_next_token(token).send();
        let patience = if target.is_some() { Patience::OfOne } else { Patience::Needed };
        let found = self.calls.list(
            "controltower:ListEnabledControls",
            patience,
            page,
            |page: aws_sdk_controltower::operation::list_enabled_controls::ListEnabledControlsOutput| {
                (page.enabled_controls, page.next_token)
            },
        );
        Ok(found.await?.into_iter().filter_map(enabled).collect())
    }

    /// Returns the operations that are under way, anyone's. Those that wait count too.
    pub async fn under_way(&self) -> Result<Vec<Operation>, CallError> {
        let filter = ControlOperationFilter::builder().statuses(ControlOperationStatus::InProgress).build();
        let call = self.client.list_control_operations().filter(filter).max_results(OPERATIONS_A_PAGE);
        let page = |token| call.clone().set_next_token(token).send();
        let found = self.calls.list(
            "controltower:ListControlOperations",
            Patience::Needed,
            page,
            |page: aws_sdk_controltower::operation::list_control_operations::ListControlOperationsOutput| {
                (page.control_operations, page.next_token)
            },
        );
        Ok(found.await?.into_iter().filter_map(listed).collect())
    }

    /// Returns the operations that failed, as far back as an hour at least. The list begins with the newest.
    pub async fn failed(&self, now: OffsetDateTime) -> Result<Vec<Operation>, CallError> {
        let filter = ControlOperationFilter::builder().statuses(ControlOperationStatus::Failed).build();
        let call = self.client.list_control_operations().filter(filter).max_results(OPERATIONS_A_PAGE);
        let (mut found, mut token): (Vec<Operation>, Option<String>) = (Vec::new(), None);
        loop {
            let send = || call.clone().set_next_token(token.clone()).send();
            let page = self.calls.ask("controltower:ListControlOperations", Patience::Needed, send).await?;
            let operations: Vec<Operation> = page.control_operations.into_iter().filter_map(listed).collect();
            let moment = |operation: Option<&Operation>| operation.and_then(|one| one.ended.or(one.started));
            let (newest, oldest) = (moment(operations.first()), moment(operations.last()));
            found.extend(operations);
            let is_old = oldest.is_some_and(|oldest| now - oldest > FAILED_SINCE);
            // If the list turns out to begin with the oldest, all of it is read.
            let is_newest_first = newest >= oldest;
            match page.next_token.filter(|next| !next.is_empty()) {
                Some(next) if !(is_old && is_newest_first) && token.as_ref() != Some(&next) => {
                    token = Some(next)
                }
                _ => return Ok(found),
            }
        }
    }

    /// Returns what became of an operation.
    pub async fn operation(&self, id: &str) -> Result<Fate, CallError> {
        let call = self.client.get_control_operation().operation_identifier(id);
        let send = || call.clone().send();
        match self.calls.ask("controltower:GetControlOperation", Patience::OfOne, send).await {
            Ok(answer) => {
                Ok(answer.control_operation.and_then(described).map_or(Fate::Forgotten, Fate::Known))
            }
            Err(CallError { cause: Cause::NotFound, .. }) => Ok(Fate::Forgotten),
            Err(error) => Err(error),
        }
    }

    /// Returns the parameters of an enabled control; `None` if there is no such control any more.
    pub async fn parameters(&self, enabled: &str) -> Result<Option<Parameters>, CallError> {
        let call = self.client.get_enabled_control().enabled_control_identifier(enabled);
        let send = || call.clone().send();
        let answer = self.calls.ask("controltower:GetEnabledControl", Patience::OfOne, send).await;
        let details = match answer {
            Ok(answer) => answer.enabled_control_details,
            Err(CallError { cause: Cause::NotFound, .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let parameters = details.and_then(|details| details.parameters).unwrap_or_default();
        let read = parameters.into_iter().map(|one| (one.key, value(&one.value)));
        Ok(Some(Parameters(read.collect::<BTreeMap<_, _>>())))
    }

    /// Sends a write once. Returns the id of the operation that it started.
    pub async fn send(&self, action: &Action) -> Result<String, CallError> {
        match action {
            Action::Enable { control, target, parameters } => {
                let call = self.client.enable_control().control_identifier(control).target_identifier(target);
                let given =
                    (!parameters.0.is_empty()).then(|| written("controltower:EnableControl", parameters));
                let call = call.set_parameters(given.transpose()?);
                let answer = self.calls.once("controltower:EnableControl", || call.send()).await?;
                Ok(answer.operation_identifier)
            }
            Action::Update { enabled, parameters } => {
                const OPERATION: &str = "controltower:UpdateEnabledControl";
                let call = self.client.update_enabled_control().enabled_control_identifier(enabled);
                let call = call.set_parameters(Some(written(OPERATION, parameters)?));
                Ok(self.calls.once(OPERATION, || call.send()).await?.operation_identifier)
            }
            Action::Reset { enabled } => {
                let call = self.client.reset_enabled_control().enabled_control_identifier(enabled);
                let answer = self.calls.once("controltower:ResetEnabledControl", || call.send()).await?;
                Ok(answer.operation_identifier)
            }
        }
    }
}

fn enabled(summary: EnabledControlSummary) -> Option<Enabled> {
    let target = summary.target_identifier?;
    let is_own = summary.parent_identifier.is_none();
    if !is_own || !ids::is_organizational_unit_id(ids::last_part(&target)) {
        return None;
    }
    let status = summary.status_summary;
    let drift = summary.drift_status_summary;
    let of = |status: Option<&DriftStatus>| status == Some(&DriftStatus::Drifted);
    let kinds = drift.as_ref().and_then(|drift| drift.types.as_ref());
    let resource = of(kinds.and_then(|kinds| kinds.resource.as_ref()).and_then(|one| one.status.as_ref()));
    let inheritance =
        of(kinds.and_then(|kinds| kinds.inheritance.as_ref()).and_then(|one| one.status.as_ref()));
    let drifted = of(drift.as_ref().and_then(|drift| drift.drift_status.as_ref()));
    Some(Enabled {
        arn: summary.arn?,
        control: summary.control_identifier?,
        target,
        status: match status.as_ref().and_then(|status| status.status.as_ref()) {
            Some(EnablementStatus::Succeeded) => Enablement::Succeeded,
            Some(EnablementStatus::Failed) => Enablement::Failed,
            _ => Enablement::UnderChange,
        },
        last_operation: status.and_then(|status| status.last_operation_identifier),
        drift: match (resource, inheritance, drifted) {
            (true, ..) | (false, false, true) => Drift::Changed,
            (false, true, _) => Drift::Inheritance,
            (false, false, false) => Drift::None,
        },
    })
}

fn listed(summary: types::ControlOperationSummary) -> Option<Operation> {
    Some(Operation {
        id: summary.operation_identifier?,
        kind: kind(summary.operation_type.as_ref()),
        status: status(summary.status.as_ref()),
        message: summary.status_message,
        started: moment(summary.start_time),
        ended: moment(summary.end_time),
        control: summary.control_identifier.unwrap_or_default(),
        target: summary.target_identifier.unwrap_or_default(),
    })
}

fn described(operation: types::ControlOperation) -> Option<Operation> {
    Some(Operation {
        id: operation.operation_identifier?,
        kind: kind(operation.operation_type.as_ref()),
        status: status(operation.status.as_ref()),
        message: operation.status_message,
        started: moment(operation.start_time),
        ended: moment(operation.end_time),
        control: operation.control_identifier.unwrap_or_default(),
        target: operation.target_identifier.unwrap_or_default(),
    })
}

fn kind(kind: Option<&ControlOperationType>) -> OperationKind {
    match kind {
        Some(ControlOperationType::EnableControl) => OperationKind::Enable,
        Some(ControlOperationType::DisableControl) => OperationKind::Disable,
        Some(ControlOperationType::UpdateEnabledControl) => OperationKind::Update,
        Some(ControlOperationType::ResetEnabledControl) => OperationKind::Reset,
        _ => OperationKind::Other,
    }
}

fn status(status: Option<&ControlOperationStatus>) -> OperationStatus {
    match status {
        Some(ControlOperationStatus::Succeeded) => OperationStatus::Succeeded,
        Some(ControlOperationStatus::Failed) => OperationStatus::Failed,
        _ => OperationStatus::InProgress,
    }
}

fn moment(time: Option<DateTime>) -> Option<OffsetDateTime> {
    let time = time?;
    let whole = OffsetDateTime::from_unix_timestamp(time.secs()).ok()?;
    Some(whole + Duration::nanoseconds(i64::from(time.subsec_nanos())))
}

/// Returns a member of a document, by the names that lead to it.
fn member<'d>(document: &'d Document, path: &[&str]) -> Option<&'d Document> {
    path.iter().try_fold(document, |document, name| document.as_object()?.get(*name))
}

fn value(document: &Document) -> Value {
    match document {
        Document::Bool(flag) => Value::Flag(*flag),
        Document::String(text) => Value::Text(text.clone()),
        Document::Array(items) => Value::List(items.iter().map(text).collect()),
        other => Value::Text(text(other)),
    }
}

fn text(document: &Document) -> String {
    match document {
        Document::String(text) => text.clone(),
        Document::Bool(flag) => flag.to_string(),
        Document::Number(Number::PosInt(number)) => number.to_string(),
        Document::Number(Number::NegInt(number)) => number.to_string(),
        Document::Number(Number::Float(number)) => number.to_string(),
        Document::Null => "null".to_owned(),
        // No parameter is known that has one.
        other => format!("{other:?}"),
    }
}

fn written(
    operation: &'static str,
    parameters: &Parameters,
) -> Result<Vec<EnabledControlParameter>, CallError> {
    let document = |value: &Value| match value {
        Value::Flag(flag) => Document::Bool(*flag),
        Value::Text(text) => Document::String(text.clone()),
        Value::List(items) => Document::Array(items.iter().cloned().map(Document::String).collect()),
    };
    let write = |(name, value): (&String, &Value)| {
        EnabledControlParameter::builder().key(name).value(document(value)).build().map_err(|error| {
            CallError { operation, cause: Cause::Invalid, code: None, message: error.to_string() }
        })
    };
    parameters.0.iter().map(write).collect()
}
