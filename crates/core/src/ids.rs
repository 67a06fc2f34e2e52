//! The shapes of identifiers, as the AWS service models document them.
//!
//! Shapes only: nothing here knows whether what an identifier names exists.

use std::{fmt, sync::LazyLock};

use regex_lite::Regex;
use serde::Serialize;

pub const ACCOUNT_ID: &str = r"^\d{12}$";
pub const INSTANCE_ARN: &str = r"^arn:aws(-[a-z]{1,5}){0,3}:sso:::instance/(sso)?ins-[a-zA-Z0-9-.]{16}$";
pub const PERMISSION_SET_ARN: &str =
    r"^arn:aws(-[a-z]{1,5}){0,3}:sso:::permissionSet/(sso)?ins-[a-zA-Z0-9-.]{16}/ps-[a-zA-Z0-9-./]{16}$";
pub const PERMISSION_SET_NAME: &str = r"^[\w+=,.@-]{1,32}$";
pub const PRINCIPAL_ID: &str =
    r"^([0-9a-f]{10}-|)[A-Fa-f0-9]{8}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{12}$";
pub const ORGANIZATIONAL_UNIT_ID: &str = r"^ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}$";
pub const ROOT_ID: &str = r"^r-[0-9a-z]{4,32}$";
/// What Organizations calls an account or an OU outside its own API, for example in events of Control Tower.
pub const ACCOUNT_ARN: &str =
    r"^arn:aws(-[a-z]{1,5}){0,3}:organizations::\d{12}:account/o-[a-z0-9]{10,32}/\d{12}$";
pub const ORGANIZATIONAL_UNIT_ARN: &str = r"^arn:aws(-[a-z]{1,5}){0,3}:organizations::\d{12}:ou/o-[a-z0-9]{10,32}/ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}$";
/// Of the Control Catalog, the same in every Region. AWS's model bounds neither length nor letters; 760 ids were counted.
pub const GLOBAL_CONTROL_ID: &str = r"^[a-z0-9]{23,25}$";
pub const GLOBAL_CONTROL_ARN: &str = r"^arn:aws(-[a-z]{1,5}){0,3}:controlcatalog:::control/[0-9a-zA-Z_-]+$";
pub const REGIONAL_CONTROL_ARN: &str =
    r"^arn:aws(-[a-z]{1,5}){0,3}:controltower:[a-z0-9-]+::control/[0-9a-zA-Z_-]+$";
/// A name of AWS's guide, such as `AWS-GR_RESTRICT_ROOT_USER`, `CT.S3.PV.5` or `SH.EC2.1`.
pub const CONTROL_NAME: &str = r"^(AWS-GR_[A-Z0-9_]+|[A-Z][A-Z0-9]*(\.[A-Za-z0-9-]+){1,4})$";
pub const DYNAMODB_TABLE_NAME: &str = r"^[a-zA-Z0-9_.-]{3,255}$";
pub const REGION: &str = r"^[a-z]{2,4}(-[a-z]+){1,3}-\d{1,2}$";

macro_rules! shapes {
    ($($(#[$doc:meta])* $name:ident: $pattern:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(text: &str) -> bool {
            // The patterns are constants, and a test compiles each of them: a `None` cannot occur.
            static SHAPE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new($pattern).ok());
            SHAPE.as_ref().is_some_and(|shape| shape.is_match(text))
        }
    )*};
}

shapes! {
    is_account_id: ACCOUNT_ID;
    is_instance_arn: INSTANCE_ARN;
    is_permission_set_arn: PERMISSION_SET_ARN;
    is_permission_set_name: PERMISSION_SET_NAME;
    /// The id of a group or of a user in the identity store.
    is_principal_id: PRINCIPAL_ID;
    is_organizational_unit_id: ORGANIZATIONAL_UNIT_ID;
    is_root_id: ROOT_ID;
    is_account_arn: ACCOUNT_ARN;
    is_organizational_unit_arn: ORGANIZATIONAL_UNIT_ARN;
    is_global_control_id: GLOBAL_CONTROL_ID;
    is_global_control_arn: GLOBAL_CONTROL_ARN;
    is_regional_control_arn: REGIONAL_CONTROL_ARN;
    is_control_name: CONTROL_NAME;
    is_dynamodb_table_name: DYNAMODB_TABLE_NAME;
    is_region: REGION;
}

/// Returns the account that an ARN of Organizations names.
pub fn account_of_arn(arn: &str) -> Option<AccountId> {
    is_account_arn(arn).then(|| last_part(arn)).and_then(AccountId::parse)
}

/// Returns the OU that an ARN of Organizations names, by its id.
pub fn organizational_unit_of_arn(arn: &str) -> Option<&str> {
    is_organizational_unit_arn(arn).then(|| last_part(arn))
}

/// Returns the id in a global ARN of a control.
pub fn global_control(arn: &str) -> Option<&str> {
    is_global_control_arn(arn).then(|| last_part(arn))
}

/// Returns the last part of a Regional ARN of a control.
pub fn regional_control(arn: &str) -> Option<&str> {
    is_regional_control_arn(arn).then(|| last_part(arn))
}

/// Returns what follows the last slash of an ARN.
pub fn last_part(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// Twelve digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct AccountId(String);

impl AccountId {
    pub fn parse(text: &str) -> Option<AccountId> {
        is_account_id(text).then(|| AccountId(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> serde::Deserialize<'de> for AccountId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<AccountId, D::Error> {
        let text = String::deserialize(deserializer)?;
        AccountId::parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("{text:?} is not an account id of 12 digits")))
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_accept_what_the_models_document_and_nothing_around_it() {
        type Shape = fn(&str) -> bool;
        let cases: &[(Shape, &str, &str)] = &[
            (is_account_id, "111122223333", "11112222333a"),
            (is_account_id, "000000000001", "111122223333\n"),
            (
                is_instance_arn,
                "arn:aws:sso:::instance/ssoins-7223f7eef79824e1",
                "arn:aws:sso:::instance/ssoins-7223f7eef79824e",
            ),
            (
                is_instance_arn,
                "arn:aws-us-gov:sso:::instance/ins-7223f7eef79824e1",
                "arn:aws:sso:eu-west-1::instance/ssoins-7223f7eef79824e1",
            ),
            (
                is_permission_set_arn,
                "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-ef450dbf3b354e78",
                "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-ef450dbf3b354e7",
            ),
            (
                is_instance_arn,
                "arn:aws-eusc:sso:::instance/ssoins-7223f7eef79824e1",
                "arn:aws-:sso:::instance/ssoins-7223f7eef79824e1",
            ),
            (
                is_permission_set_arn,
                "arn:aws-iso-b:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-ef450dbf3b354e78",
                "arn:gcp:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-ef450dbf3b354e78",
            ),
            (is_permission_set_name, "Read_Only+=,.@-", "Read Only"),
            (is_permission_set_name, "a", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
            (is_permission_set_name, "A1", "Ä1"),
            (
                is_principal_id,
                "906756a2c4-5f2a0e1b-1111-2222-3333-444455556666",
                "906756A2C4-5f2a0e1b-1111-2222-3333-444455556666",
            ),
            (is_principal_id, "5F2A0E1B-1111-2222-3333-444455556666", "5f2a0e1b-1111-2222-3333-44445555666"),
            (is_organizational_unit_id, "ou-ab12-33333333", "ou-ab12-3333"),
            (is_root_id, "r-ab12", "r-ab1"),
            (
                is_account_arn,
                "arn:aws:organizations::123456789012:account/o-a1b2c3d4e5/111122223333",
                "arn:aws:organizations::123456789012:account/o-a1b2c3d4e5/111122223333/x",
            ),
            (
                is_organizational_unit_arn,
                "arn:aws:organizations::123456789012:ou/o-a1b2c3d4e5/ou-ab12-33333333",
                "arn:aws:organizations::123456789012:root/o-a1b2c3d4e5/r-ab12",
            ),
            (is_global_control_id, "5kvme4m5d2b4d7if2fs5yg2ui", "5kvme4m5d2b4d7if2fs5yg"),
            (
                is_global_control_arn,
                "arn:aws:controlcatalog:::control/5kvme4m5d2b4d7if2fs5yg2ui",
                "arn:aws:controltower:eu-west-1::control/AWS-GR_A",
            ),
            (
                is_regional_control_arn,
                "arn:aws-us-gov:controltower:us-gov-west-1::control/WTDSMKDKDNLE",
                "arn:aws:controlcatalog:::control/5kvme4m5d2b4d7if2fs5yg2ui",
            ),
            (is_control_name, "AWS-GR_RESTRICT_ROOT_USER", "AWS-GR_"),
            (is_control_name, "CT.S3.PV.5", "CT"),
            (is_control_name, "SH.EC2.1", "ct.s3.pv.5"),
            (is_dynamodb_table_name, "assignments", "a b"),
            (is_region, "eu-west-1", "eu-west"),
            (is_region, "us-gov-east-1", "EU-WEST-1"),
            (is_region, "eusc-de-east-1", "eusc"),
            (is_region, "us-isob-east-1", "us-isob-east-1a"),
        ];
        for (shape, good, bad) in cases {
            assert!(shape(good), "{good} should be accepted");
            assert!(!shape(bad), "{bad} should be refused");
        }
    }
}
