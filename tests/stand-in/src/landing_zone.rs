//! Control Tower as the document of the world describes it: the landing zone, which OUs it governs, and the catalogue of
//! controls. Knows no operation, and never holds an enabled control.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LandingZone {
    /// Such as `3.3` or `4.0`.
    pub version: String,
    pub status: LandingZoneStatus,
    /// Whether it is not as Control Tower set it up.
    pub drifted: bool,
    /// Ids of the OUs that are registered; all if it is absent.
    pub registered: Option<Vec<String>>,
    /// The name of the OU that holds the log archive and audit accounts.
    pub security_unit: String,
    /// Policies on OUs that Control Tower did not make, by the OU's id and the type of the policy.
    pub policies: BTreeMap<String, BTreeMap<String, usize>>,
    pub controls: Vec<Control>,
    /// Ids of controls that exclude each other.
    pub exclusive: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LandingZoneStatus {
    Active,
    Processing,
    Failed,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Control {
    pub id: String,
    #[serde(default)]
    pub aliases: Vec<String>,
    /// The last part of its Regional ARN, if it has one.
    #[serde(default)]
    pub regional: Option<String>,
    pub behavior: String,
    pub implementation: String,
    /// Names; those that end in `!` are required.
    #[serde(default)]
    pub parameters: Vec<String>,
    #[serde(default)]
    pub mandatory: bool,
}

impl Control {
    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:controlcatalog:::control/{}", self.id)
    }

    /// Returns the type of the policy that it consists of; `None` if it is none.
    pub(crate) fn policy_type(&self) -> Option<&str> {
        self.implementation.strip_prefix("AWS::Organizations::Policy::")
    }

    pub(crate) fn parameters(&self) -> impl Iterator<Item = (&str, bool)> {
        self.parameters.iter().map(|name| (name.trim_end_matches('!'), name.ends_with('!')))
    }
}

impl Default for LandingZone {
    fn default() -> LandingZone {
        #[derive(Deserialize)]
        struct Catalogue {
            controls: Vec<Control>,
            exclusive: Vec<(String, String)>,
        }
        let Catalogue { controls, exclusive } =
            serde_json::from_str(include_str!("../controls.json")).expect("the sample controls are sound");
        LandingZone {
            version: "4.0".to_owned(),
            status: LandingZoneStatus::Active,
            drifted: false,
            registered: None,
            security_unit: "Security".to_owned(),
            policies: BTreeMap::new(),
            controls,
            exclusive,
        }
    }
}

impl LandingZone {
    /// Whether it is of version 3.3 or earlier.
    pub(crate) fn is_old(&self) -> bool {
        let major = self.version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        major.is_some_and(|major| major < 4)
    }

    /// Returns the control that an ARN names, in either form.
    pub(crate) fn control(&self, arn: &str) -> Option<&Control> {
        let last = arn.rsplit('/').next()?;
        if arn.contains(":controlcatalog:::control/") {
            self.controls.iter().find(|control| control.id == last)
        } else {
            self.controls.iter().find(|control| control.regional.as_deref() == Some(last))
        }
    }

    pub(crate) fn exclude_each_other(&self, one: &str, other: &str) -> bool {
        self.exclusive.iter().any(|(a, b)| (a == one && b == other) || (a == other && b == one))
    }
}
