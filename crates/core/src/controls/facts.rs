//! What is true in Control Tower at one moment.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::{catalogue::Mechanism, parameters::Parameters, plan::Need};
use crate::{day::moment, ids};

/// A control that Control Tower lists as enabled, whether or not it came to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Enabled {
    /// The ARN of the enabled control.
    pub arn: String,
    /// The control, in the form of the ARN by which it was enabled.
    pub control: String,
    /// The ARN of the OU.
    pub target: String,
    pub status: Enablement,
    pub last_operation: Option<String>,
    pub drift: Drift,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Enablement {
    Succeeded,
    Failed,
    /// An operation is under way. Also what AWS has added since: nothing is to be done about it.
    UnderChange,
}

/// Whether what a control consists of is still as Control Tower made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Drift {
    /// Or not checked, or not known.
    None,
    /// Something else has changed it.
    Changed,
    /// What accounts have does not match the OU that they are in.
    Inheritance,
}

impl Enabled {
    /// Returns the id of the OU.
    pub fn unit(&self) -> &str {
        ids::last_part(&self.target)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Operation {
    pub id: String,
    pub kind: OperationKind,
    pub status: OperationStatus,
    /// AWS's own words. AWS also says something about a success.
    pub message: Option<String>,
    #[serde(with = "moment::option")]
    pub started: Option<OffsetDateTime>,
    #[serde(with = "moment::option")]
    pub ended: Option<OffsetDateTime>,
    /// The control, in either form of its ARN.
    pub control: String,
    /// The ARN of the target.
    pub target: String,
}

impl Operation {
    /// Returns the id of the target.
    pub fn unit(&self) -> &str {
        ids::last_part(&self.target)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OperationKind {
    Enable,
    Disable,
    Update,
    Reset,
    /// One that AWS has added since.
    Other,
}

impl OperationKind {
    pub fn words(self) -> &'static str {
        match self {
            OperationKind::Enable => "it is being enabled",
            OperationKind::Disable => "it is being disabled",
            OperationKind::Update => "its parameters are being changed",
            OperationKind::Reset => "it is being reset",
            OperationKind::Other => "an operation is under way",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OperationStatus {
    InProgress,
    Succeeded,
    Failed,
}

/// What an operation became, as far as AWS knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    Known(Operation),
    /// AWS keeps operations for 90 days.
    Forgotten,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LandingZone {
    pub version: Version,
    pub is_processing: bool,
    /// The id of the OU that holds the log archive and audit accounts.
    pub security_unit: Option<String>,
}

/// Major and minor number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32);

impl Version {
    /// Reads `3.3`. What cannot be read counts as the newest: AWS answers what it refuses.
    pub fn parse(text: &str) -> Version {
        let mut numbers = text.split('.').map(|number| number.parse().ok());
        match (numbers.next().flatten(), numbers.next().flatten()) {
            (Some(major), minor) => Version(major, minor.unwrap_or(0)),
            (None, _) => Version(u32::MAX, 0),
        }
    }

    /// Whether controls need registered OUs, and the Security OU takes only some.
    pub fn is_strict(self) -> bool {
        self < Version(4, 0)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Version(u32::MAX, _) => formatter.write_str("unknown"),
            Version(major, minor) => write!(formatter, "{major}.{minor}"),
        }
    }
}

/// The policies of one kind that are attached to an OU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attached {
    pub count: usize,
    /// Whether one of them is Control Tower's, which may have room for another statement.
    pub has_control_towers: bool,
}

/// What is known. What a plan still has to know, it asks for; see [`super::plan::Need`].
#[derive(Clone, Debug)]
pub struct Facts {
    pub now: OffsetDateTime,
    pub landing_zone: LandingZone,
    /// Of OUs; not those that Control Tower made for accounts, and not those that it lists because an OU inherits them.
    pub enabled: Vec<Enabled>,
    /// Anyone's, on any target.
    pub under_way: Vec<Operation>,
    /// That failed, the newest first, as far back as an hour at least.
    pub failed: Vec<Operation>,
    /// By the id of an operation.
    pub fates: BTreeMap<String, Fate>,
    /// By the ARN of the enabled control and its last operation.
    pub parameters: BTreeMap<(String, Option<String>), Parameters>,
    /// By the id of an OU: whether Control Tower governs it.
    pub registered: BTreeMap<String, bool>,
    pub attached: BTreeMap<(String, Mechanism), Attached>,
    /// By the id of an OU and a Sid: whether a service control policy of the OU denies by such a statement.
    pub statements: BTreeMap<(String, String), bool>,
    /// What was asked for and could not be read, with the reason. It settles only what depends on it.
    pub unread: BTreeMap<Need, String>,
    /// OUs, by id, whose enabled controls could not be read, with the reason. Nothing is decided about them.
    pub unread_units: BTreeMap<String, String>,
}

/// An operation that failed is tried again when it ended longer ago than this.
pub const RETRY_AFTER: Duration = Duration::hours(1);

impl Facts {
    /// Returns facts of a landing zone without any control.
    pub fn new(now: OffsetDateTime, landing_zone: LandingZone) -> Facts {
        Facts {
            now,
            landing_zone,
            enabled: Vec::new(),
            under_way: Vec::new(),
            failed: Vec::new(),
            fates: BTreeMap::new(),
            parameters: BTreeMap::new(),
            registered: BTreeMap::new(),
            attached: BTreeMap::new(),
            statements: BTreeMap::new(),
            unread: BTreeMap::new(),
            unread_units: BTreeMap::new(),
        }
    }

    /// Returns what became of an operation; `None` if that was not read.
    pub fn fate(&self, id: &str) -> Option<Fate> {
        let failed = self.failed.iter().find(|operation| operation.id == id);
        failed.map(|operation| Fate::Known(operation.clone())).or_else(|| self.fates.get(id).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_compared_by_its_numbers() {
        let cases = [
            ("3.3", true),
            ("3.10", true),
            ("2.9", true),
            ("4.0", false),
            ("10.1", false),
            ("4", false),
            ("?", false),
        ];
        for (text, strict) in cases {
            assert_eq!(Version::parse(text).is_strict(), strict, "{text}");
        }
    }
}
