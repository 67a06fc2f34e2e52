//! What the Control Catalog says of controls: both forms of their ARN, how they are implemented, their parameters, and
//! which exclude each other.
//!
//! A control is one control in whatever form its ARN comes. Never by its display name: AWS has given one id another
//! name.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{guide, row::ControlName};
use crate::ids;

/// The types of preventive controls.
pub const PREVENTIVE: [&str; 3] = [
    "AWS::Organizations::Policy::SERVICE_CONTROL_POLICY",
    "AWS::Organizations::Policy::RESOURCE_CONTROL_POLICY",
    "AWS::Organizations::Policy::DECLARATIVE_POLICY_EC2",
];

/// A control as the catalogue describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Control {
    /// The global ARN, or the only one that AWS gives.
    pub arn: String,
    /// Names of the guide.
    pub aliases: Vec<String>,
    pub behavior: Behavior,
    /// Such as `AWS::Organizations::Policy::SERVICE_CONTROL_POLICY`; empty if AWS does not tell.
    pub implementation: String,
    /// `None`: AWS does not tell, so nothing can be said about a parameter.
    pub parameters: Option<Vec<Parameter>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Behavior {
    Preventive,
    Detective,
    Proactive,
    /// One that AWS has added since, or none.
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parameter {
    pub name: String,
    pub is_required: bool,
}

/// How a control is made effective.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mechanism {
    ServiceControlPolicy,
    ResourceControlPolicy,
    DeclarativePolicy,
    ConfigRule,
    Hook,
    SecurityHub,
    Other,
}

impl Mechanism {
    /// Whether the OUs below inherit it.
    pub fn is_inherited(self) -> bool {
        self.is_policy()
    }

    /// Whether it is a policy of AWS Organizations, which takes a place on the OU.
    pub fn is_policy(self) -> bool {
        match self {
            Mechanism::ServiceControlPolicy
            | Mechanism::ResourceControlPolicy
            | Mechanism::DeclarativePolicy => true,
            Mechanism::ConfigRule | Mechanism::Hook | Mechanism::SecurityHub | Mechanism::Other => false,
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Mechanism::ServiceControlPolicy => "a service control policy",
            Mechanism::ResourceControlPolicy => "a resource control policy",
            Mechanism::DeclarativePolicy => "a declarative policy",
            Mechanism::ConfigRule => "an AWS Config rule",
            Mechanism::Hook => "a CloudFormation hook",
            Mechanism::SecurityHub => "a Security Hub control",
            Mechanism::Other => "a kind that is not known here",
        }
    }
}

impl Control {
    pub fn mechanism(&self) -> Mechanism {
        let kind = self.implementation.as_str();
        let last = kind.rsplit("::").next().unwrap_or_default();
        match last {
            "SERVICE_CONTROL_POLICY" => Mechanism::ServiceControlPolicy,
            "RESOURCE_CONTROL_POLICY" => Mechanism::ResourceControlPolicy,
            _ if last.starts_with("DECLARATIVE_POLICY") => Mechanism::DeclarativePolicy,
            "ConfigRule" => Mechanism::ConfigRule,
            "HOOK" => Mechanism::Hook,
            "SecurityControl" => Mechanism::SecurityHub,
            // Every preventive control is a policy of some kind.
            _ if self.behavior == Behavior::Preventive => Mechanism::ServiceControlPolicy,
            _ => Mechanism::Other,
        }
    }

    pub fn is_inherited(&self) -> bool {
        self.mechanism().is_inherited()
    }

    /// Returns the last part of its ARN, the same for everybody who means this control.
    pub fn id(&self) -> &str {
        ids::last_part(&self.arn)
    }

    /// Returns the guide's name if it is known, else the last part of the ARN.
    pub fn name(&self) -> &str {
        self.aliases.first().map(String::as_str).or(guide::known_name(self.id())).unwrap_or(self.id())
    }

    /// Returns the Sid of its statement in a policy of Control Tower's; `None` if no name of the guide is known.
    pub fn sid(&self) -> Option<String> {
        let aliases = self.aliases.iter().map(String::as_str);
        let mut names = aliases.chain(guide::known_name(self.id()));
        names.find(|name| ids::is_control_name(name)).map(guide::sid_of)
    }

    /// Whether a parameter may be set. If AWS does not tell, it may.
    pub fn takes(&self, name: &str) -> bool {
        self.parameters.as_ref().is_none_or(|parameters| parameters.iter().any(|one| one.name == name))
    }

    /// Whether AWS takes any parameter, and so has some to be read.
    pub fn takes_parameters(&self) -> bool {
        self.parameters.as_ref().is_none_or(|parameters| !parameters.is_empty())
    }

    pub fn forbidden(&self) -> Option<guide::Forbidden> {
        std::iter::once(self.name())
            .chain(self.aliases.iter().map(String::as_str))
            .chain([self.id()])
            .find_map(guide::forbidden)
    }
}

/// What is known of the catalogue. It grows: only what is asked for is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    controls: Vec<Control>,
    /// By the last part of an ARN in either form, and by names of the guide in capitals.
    known: BTreeMap<String, usize>,
    /// What the catalogue does not have, with the name that is nearest.
    unknown: BTreeMap<String, Option<String>>,
    /// Ids of controls that exclude each other, in order.
    exclusive: BTreeSet<(String, String)>,
}

impl Catalogue {
    /// Adds a control, or replaces what is known of it. `asked` are the names by which it was asked for.
    pub fn add(&mut self, control: Control, asked: &[&str]) {
        let place = match self.known.get(&key(control.id())) {
            Some(&place) => {
                let known = &mut self.controls[place];
                let parameters = control.parameters.clone().or(known.parameters.take());
                let aliases = if control.aliases.is_empty() {
                    std::mem::take(&mut known.aliases)
                } else {
                    control.aliases
                };
                *known = Control { parameters, aliases, ..control };
                place
            }
            None => {
                self.controls.push(control);
                self.controls.len() - 1
            }
        };
        let control = &self.controls[place];
        let names: Vec<String> = [control.id()]
            .into_iter()
            .chain(control.aliases.iter().map(String::as_str))
            .chain(asked.iter().copied())
            .map(key)
            .collect();
        for name in names {
            self.unknown.remove(&name);
            self.known.insert(name, place);
        }
        // A control that AWS gives no alias for is called as somebody called it.
        let guided = asked.iter().find(|name| ids::is_control_name(name));
        if let (true, Some(name)) = (self.controls[place].aliases.is_empty(), guided) {
            self.controls[place].aliases.push((*name).to_owned());
        }
    }

    /// Remembers that the catalogue has no such control.
    pub fn lacks(&mut self, name: &str) {
        let nearest = self.nearest(name);
        self.unknown.insert(key(name), nearest);
    }

    pub fn exclude(&mut self, one: &str, other: &str) {
        let (one, other) = (ids::last_part(one).to_owned(), ids::last_part(other).to_owned());
        self.exclusive.insert(if one < other { (one, other) } else { (other, one) });
    }

    pub fn exclude_each_other(&self, one: &Control, other: &Control) -> bool {
        let (one, other) = (one.id().to_owned(), other.id().to_owned());
        self.exclusive.contains(&if one < other { (one, other) } else { (other, one) })
    }

    /// Returns a control by a name of the guide, or by the last part of its ARN in either form.
    pub fn find(&self, name: &str) -> Option<&Control> {
        self.known.get(&key(name)).map(|&place| &self.controls[place])
    }

    pub fn named(&self, name: &ControlName) -> Option<&Control> {
        self.find(name.as_str())
    }

    /// Returns the nearest name if the catalogue has been asked for this one in vain.
    pub fn is_unknown(&self, name: &str) -> Option<Option<&str>> {
        self.unknown.get(&key(name)).map(Option::as_deref)
    }

    /// Returns the id of the control that an ARN names in either form; the ARN's last part if the control is not known.
    pub fn identity<'a>(&'a self, arn: &'a str) -> &'a str {
        let last = ids::last_part(arn);
        self.find(last).map_or(last, Control::id)
    }

    /// Whether the catalogue has to be asked before it is known which control an ARN means. A global id means itself.
    pub fn must_ask(&self, arn: &str) -> bool {
        let last = ids::last_part(arn);
        ids::is_regional_control_arn(arn)
            && guide::forbidden(last).is_none()
            && self.find(last).is_none()
            && self.is_unknown(last).is_none()
    }

    pub fn controls(&self) -> &[Control] {
        &self.controls
    }

    /// Returns it as a file has it: always in the same order.
    pub fn saved(&self) -> Saved {
        let mut controls = self.controls.clone();
        controls.sort_by(|one, other| one.arn.cmp(&other.arn));
        let plain = Catalogue::with(controls.clone());
        let id = |place: &usize| self.controls[*place].id();
        let is_plain = |name: &str, place: &usize| plain.find(name).is_some_and(|one| one.id() == id(place));
        let others = self.known.iter().filter(|(name, place)| !is_plain(name, place));
        Saved {
            names: others.map(|(name, place)| (name.clone(), id(place).to_owned())).collect(),
            controls,
            unknown: self.unknown.clone(),
            exclusive: self.exclusive.clone(),
        }
    }

    /// Returns the catalogue of these controls.
    pub fn with(controls: Vec<Control>) -> Catalogue {
        let mut catalogue = Catalogue::default();
        controls.into_iter().for_each(|control| catalogue.add(control, &[]));
        catalogue
    }

    /// Remembers which controls exclude each other, as `other` knows it.
    pub fn take_exclusive(&mut self, other: &Catalogue) {
        self.exclusive.clone_from(&other.exclusive);
    }

    /// Returns the name that was probably meant.
    fn nearest(&self, name: &str) -> Option<String> {
        const LIKE: f64 = 0.8;
        let wanted = key(name);
        let names = self.controls.iter().flat_map(|control| {
            let aliases = control.aliases.iter().map(String::as_str);
            aliases.chain(guide::known_name(control.id()))
        });
        names
            .map(|name| (strsim::jaro_winkler(&wanted, &key(name)), name))
            .filter(|(likeness, _)| *likeness > LIKE)
            // Of two that are as near, always the same, in whatever order they were read.
            .max_by(|one, other| one.0.total_cmp(&other.0).then_with(|| other.1.cmp(one.1)))
            .map(|(_, name)| name.to_owned())
    }
}

/// A catalogue in a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Saved {
    controls: Vec<Control>,
    /// Ids by other names than a control's own id and aliases.
    names: BTreeMap<String, String>,
    unknown: BTreeMap<String, Option<String>>,
    exclusive: BTreeSet<(String, String)>,
}

impl Saved {
    /// # Errors
    /// If a name leads to no control. The error is for people.
    pub fn catalogue(self) -> Result<Catalogue, String> {
        let Saved { controls, names, unknown, exclusive } = self;
        let mut catalogue = Catalogue { unknown, exclusive, ..Catalogue::with(controls) };
        for (name, id) in names {
            let place = catalogue.known.get(&key(&id)).copied();
            let place = place.ok_or_else(|| format!("the name {name} leads to no control"))?;
            catalogue.known.insert(name, place);
        }
        Ok(catalogue)
    }
}

/// Capitals do not matter in names, and ids have none.
fn key(name: &str) -> String {
    name.to_ascii_uppercase()
}

#[cfg(test)]
impl Control {
    /// Returns a control of this name with the parameters that are optional, and required if they end in `!`.
    pub fn of(name: &str, implementation: &str, parameters: &[&str]) -> Control {
        let known = ["AWS-GR_RESTRICT_ROOT_USER", "CT.S3.PV.5"].iter().position(|known| *known == name);
        let id = match known {
            Some(0) => "5kvme4m5d2b4d7if2fs5yg2ui".to_owned(),
            Some(_) => "7mo7a2h2ebsq71l8k6uzr96ou".to_owned(),
            None => format!("{:0<25}", name.to_ascii_lowercase().replace(['.', '_', '-'], "")),
        };
        let parameter = |name: &&str| Parameter {
            name: name.trim_end_matches('!').to_owned(),
            is_required: name.ends_with('!'),
        };
        Control {
            arn: format!("arn:aws:controlcatalog:::control/{id}"),
            aliases: vec![name.to_owned()],
            behavior: if implementation.contains("Policy") {
                Behavior::Preventive
            } else {
                Behavior::Detective
            },
            implementation: implementation.to_owned(),
            parameters: Some(parameters.iter().map(parameter).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_is_one_in_whatever_form_it_comes() {
        let mut catalogue = Catalogue::default();
        let regional = "arn:aws:controltower:eu-west-1::control/WTDSMKDKDNLE";
        assert!(catalogue.must_ask(regional));
        let control = Control::of("CT.S3.PV.5", "AWS::Organizations::Policy::RESOURCE_CONTROL_POLICY", &[]);
        catalogue.add(control.clone(), &["WTDSMKDKDNLE"]);
        assert!(!catalogue.must_ask(regional));
        let id = control.id();
        for arn in [
            regional,
            control.arn.as_str(),
            "ct.s3.pv.5",
            "arn:aws:controltower:us-east-1::control/CT.S3.PV.5",
        ] {
            assert_eq!(catalogue.identity(arn), id, "{arn}");
        }
        let other = "arn:aws:controlcatalog:::control/acfp8qjz7eggnursu5pfw7q2w";
        assert!(!catalogue.must_ask(other));
        assert_eq!(catalogue.identity(other), "acfp8qjz7eggnursu5pfw7q2w");
        catalogue.lacks("CT.S3.PV.55");
        assert_eq!(catalogue.is_unknown("CT.S3.PV.55"), Some(Some("CT.S3.PV.5")));
        assert_eq!(catalogue.is_unknown("CT.S3.PV.5"), None);
    }

    #[test]
    fn what_is_read_later_does_not_lose_what_was_known() {
        let mut catalogue = Catalogue::default();
        let control =
            Control::of("CT.S3.PV.5", "AWS::Organizations::Policy::RESOURCE_CONTROL_POLICY", &["A"]);
        catalogue.add(control.clone(), &[]);
        catalogue.add(Control { parameters: None, aliases: Vec::new(), ..control.clone() }, &[]);
        assert_eq!(catalogue.controls(), [control]);
    }

    #[test]
    fn a_control_without_alias_is_called_as_it_was_asked_for() {
        let mut catalogue = Catalogue::default();
        let control = Control { aliases: Vec::new(), ..Control::of("X", "AWS::Config::ConfigRule", &[]) };
        catalogue.add(control.clone(), &["AWS-GR_ENCRYPTED_VOLUMES"]);
        assert_eq!(catalogue.find(control.id()).map(Control::name), Some("AWS-GR_ENCRYPTED_VOLUMES"));
    }

    #[test]
    fn the_implementation_says_whether_ous_inherit() {
        let cases = [
            ("AWS::Organizations::Policy::SERVICE_CONTROL_POLICY", Mechanism::ServiceControlPolicy, true),
            ("AWS::Organizations::Policy::RESOURCE_CONTROL_POLICY", Mechanism::ResourceControlPolicy, true),
            ("AWS::Organizations::Policy::DECLARATIVE_POLICY_EC2", Mechanism::DeclarativePolicy, true),
            ("AWS::Config::ConfigRule", Mechanism::ConfigRule, false),
            ("AWS::CloudFormation::Type::HOOK", Mechanism::Hook, false),
            ("AWS::SecurityHub::SecurityControl", Mechanism::SecurityHub, false),
            ("", Mechanism::Other, false),
        ];
        for (implementation, mechanism, inherited) in cases {
            let control = Control::of("CT.X.1", implementation, &[]);
            assert_eq!(
                (control.mechanism(), control.is_inherited()),
                (mechanism, inherited),
                "{implementation}"
            );
        }
    }
}
