//! What AWS's guide says about controls and no API does: which are mandatory, and which form a set. Facts of the guide
//! with the day on which they were taken from it.

/// A set of controls that the guide gives a name to.
#[derive(Debug, PartialEq, Eq)]
pub struct Set {
    /// As a table writes it after `set:`.
    pub name: &'static str,
    /// The day on which the guide was read.
    pub date: &'static str,
    /// Names of the guide.
    pub controls: &'static [&'static str],
}

pub static SETS: &[Set] = &[Set {
    name: "strongly-recommended-preventive",
    date: "2026-11-27",
    controls: &["AWS-GR_RESTRICT_ROOT_USER", "AWS-GR_RESTRICT_ROOT_USER_ACCESS_KEYS"],
}];

pub fn set(name: &str) -> Option<&'static Set> {
    SETS.iter().find(|set| set.name == name)
}

/// The setting of the landing zone that the guide lists among the controls.
pub const REGION_DENY: &str = "AWS-GR_REGION_DENY";

/// The controls that Control Tower enables by itself, as of 2026-11-27. The control operations refuse them.
const MANDATORY: &[&str] = &[
    "AWS-GR_AUDIT_BUCKET_DELETION_PROHIBITED",
    "AWS-GR_AUDIT_BUCKET_PUBLIC_READ_PROHIBITED",
    "AWS-GR_AUDIT_BUCKET_PUBLIC_WRITE_PROHIBITED",
    "AWS-GR_CLOUDTRAIL_CHANGE_PROHIBITED",
    "AWS-GR_CLOUDTRAIL_CLOUDWATCH_LOGS_ENABLED",
    "AWS-GR_CLOUDTRAIL_ENABLED",
    "AWS-GR_CLOUDTRAIL_VALIDATION_ENABLED",
    "AWS-GR_CLOUDWATCH_EVENTS_CHANGE_PROHIBITED",
    "AWS-GR_CONFIG_AGGREGATION_AUTHORIZATION_POLICY",
    "AWS-GR_CONFIG_AGGREGATION_CHANGE_PROHIBITED",
    "AWS-GR_CONFIG_CHANGE_PROHIBITED",
    "AWS-GR_CONFIG_ENABLED",
    "AWS-GR_CONFIG_RULE_CHANGE_PROHIBITED",
    "AWS-GR_CT_AUDIT_BUCKET_ENCRYPTION_CHANGES_PROHIBITED",
    "AWS-GR_CT_AUDIT_BUCKET_LIFECYCLE_CONFIGURATION_CHANGES_PROHIBITED",
    "AWS-GR_CT_AUDIT_BUCKET_LOGGING_CONFIGURATION_CHANGES_PROHIBITED",
    "AWS-GR_CT_AUDIT_BUCKET_POLICY_CHANGES_PROHIBITED",
    "AWS-GR_DETECT_CLOUDTRAIL_ENABLED_ON_SHARED_ACCOUNTS",
    "AWS-GR_IAM_ROLE_CHANGE_PROHIBITED",
    "AWS-GR_LAMBDA_CHANGE_PROHIBITED",
    "AWS-GR_LOG_GROUP_POLICY",
    "AWS-GR_SNS_CHANGE_PROHIBITED",
    "AWS-GR_SNS_SUBSCRIPTION_CHANGE_PROHIBITED",
];

/// Why no table may want a control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forbidden {
    Mandatory,
    RegionDeny,
}

impl Forbidden {
    pub fn problem(self) -> &'static str {
        match self {
            Forbidden::Mandatory => "is mandatory: Control Tower enables it by itself",
            Forbidden::RegionDeny => {
                "is a setting of the landing zone, not a control that an OU can be given"
            }
        }
    }

    pub fn remedy(self) -> &'static str {
        match self {
            Forbidden::Mandatory => "take the row out",
            Forbidden::RegionDeny => {
                "set it in the landing zone's settings, or use CT.MULTISERVICE.PV.1 with AllowedRegions"
            }
        }
    }
}

/// Returns why no table may want a control of this name.
pub fn forbidden(name: &str) -> Option<Forbidden> {
    if name.eq_ignore_ascii_case(REGION_DENY) {
        Some(Forbidden::RegionDeny)
    } else {
        MANDATORY.iter().any(|one| name.eq_ignore_ascii_case(one)).then_some(Forbidden::Mandatory)
    }
}

/// Names of the guide and global ids that two captures of the catalogue agree on (April 2025). They only let a text
/// show that two rows mean one control; what a name means is asked of the catalogue.
const KNOWN: &[(&str, &str)] = &[
    ("AWS-GR_RESTRICT_ROOT_USER_ACCESS_KEYS", "8ui9y3oace2513xarz8aqojl7"),
    ("AWS-GR_RESTRICT_ROOT_USER", "5kvme4m5d2b4d7if2fs5yg2ui"),
    ("AWS-GR_AUDIT_BUCKET_LOGGING_ENABLED", "kr15xvw9oltta064g3o80ppk"),
    ("CT.S3.PV.5", "7mo7a2h2ebsq71l8k6uzr96ou"),
    ("CT.EC2.PV.7", "ek6wc2bmgzmho1kk6bn236mqt"),
    ("CT.EC2.PV.11", "clmlaa2in1wkntwekh7uw2jyx"),
    ("AWS-GR_DISALLOW_VPC_INTERNET_ACCESS", "41ngl8m5c4eb1myoz0t707n7h"),
    ("CT.EC2.PV.8", "acfp8qjz7eggnursu5pfw7q2w"),
    ("CT.MULTISERVICE.PV.1", "ka8e3pkqefnjsxuyc26ji580"),
];

/// Returns the names of the guide that are part of a Regional ARN, as far as they are known without the catalogue.
pub fn known_names_of_arns() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|(name, _)| *name).filter(|name| is_part_of_arn(name))
}

/// Whether a name of the guide is the last part of a Regional ARN. AWS does not say whether the catalogue lists it as an
/// alias too.
pub fn is_part_of_arn(name: &str) -> bool {
    name.starts_with("AWS-GR_")
}

/// Returns the guide's name of a global id, if it is one of the few that are known without the catalogue.
pub fn known_name(id: &str) -> Option<&'static str> {
    KNOWN.iter().find(|(_, known)| *known == id).map(|(name, _)| *name)
}

/// Whether the OUs below inherit the control, if its name shows that.
pub fn is_inherited(name: &str) -> Option<bool> {
    let parts: Vec<&str> = name.split('.').collect();
    match parts[..] {
        ["CT", _, "PV", _] => Some(true),
        ["CT", _, "PR", _] => Some(false),
        ["SH", ..] | ["CONFIG", ..] => Some(false),
        _ if KNOWN.iter().any(|(known, _)| *known == name) => Some(true),
        _ => None,
    }
}

/// Returns the Sid that Control Tower gives to the statement of a control: `GRRESTRICTROOTUSER`, `CTS3PV5`.
pub fn sid_of(control: &str) -> String {
    let name = control.strip_prefix("AWS-").unwrap_or(control);
    name.chars().filter(char::is_ascii_alphanumeric).map(|one| one.to_ascii_uppercase()).collect()
}

/// The parameter that exemptions join.
pub const PARAMETER_OF_EXEMPTIONS: &str = "ExemptedPrincipalArns";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_table_may_want_is_known_by_name() {
        let cases = [
            ("AWS-GR_REGION_DENY", Some(Forbidden::RegionDeny)),
            ("AWS-GR_CLOUDTRAIL_ENABLED", Some(Forbidden::Mandatory)),
            ("aws-gr_cloudtrail_enabled", Some(Forbidden::Mandatory)),
            ("AWS-GR_AUDIT_BUCKET_LOGGING_ENABLED", None),
            ("CT.S3.PV.5", None),
        ];
        for (name, expected) in cases {
            assert_eq!(forbidden(name), expected, "{name}");
        }
    }

    #[test]
    fn a_name_shows_whether_ous_inherit_the_control_or_it_shows_nothing() {
        let cases = [
            ("CT.S3.PV.5", Some(true)),
            ("CT.LAMBDA.PR.2", Some(false)),
            ("SH.S3.1", Some(false)),
            ("AWS-GR_RESTRICT_ROOT_USER", Some(true)),
            ("AWS-GR_ENCRYPTED_VOLUMES", None),
        ];
        for (name, expected) in cases {
            assert_eq!(is_inherited(name), expected, "{name}");
        }
    }

    #[test]
    fn sets_hold_names_that_a_table_may_want() {
        for set in SETS {
            assert!(set.controls.iter().all(|name| forbidden(name).is_none()), "{}", set.name);
            assert!(crate::day::Day::parse(set.date).is_some(), "{}", set.name);
        }
    }
}
