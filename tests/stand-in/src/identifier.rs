//! The identifiers of AWS, each by its documented pattern. A text that does not match never becomes one.

use regex::Regex;
use serde::Deserialize;
use std::sync::LazyLock;

macro_rules! identifiers {
    ($($name:ident = $pattern:expr;)*) => {$(
        #[derive(Clone, Debug, Deserialize)]
        #[serde(try_from = "String")]
        pub(crate) struct $name(String);

        impl $name {
            pub(crate) fn check(text: &str) -> Result<(), String> {
                static PATTERN: LazyLock<Regex> =
                    LazyLock::new(|| Regex::new(concat!("^(?:", $pattern, ")$")).expect("a sound pattern"));
                if PATTERN.is_match(text) {
                    Ok(())
                } else {
                    Err(format!("{} {text:?} must match {}", stringify!($name), $pattern))
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<$name, String> {
                $name::check(&text).map(|()| $name(text))
            }
        }

        impl From<$name> for String {
            fn from(identifier: $name) -> String {
                identifier.0
            }
        }

        impl std::ops::Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }
    )*};
}

macro_rules! arn {
    ($rest:literal) => {
        concat!("arn:aws(?:-[a-z]{1,5}){0,3}:sso:::", $rest)
    };
}

identifiers! {
    AccountId = "[0-9]{12}";
    ControlArn = "arn:aws(?:[-a-z]*)?:(?:controlcatalog|controltower):[a-zA-Z0-9-]*::control/[0-9a-zA-Z_-]+";
    ControlTowerArn = r"arn:aws[0-9a-zA-Z_\-:/]{13,2041}";
    ChildId = "[0-9]{12}|ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}";
    IdentityStoreId = "d-[0-9a-f]{10}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
    InstanceArn = arn!("instance/(?:sso)?ins-[a-zA-Z0-9-.]{16}");
    NextToken = "[-a-zA-Z0-9+=/_]{1,2048}";
    OrganizationalUnitId = "ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}";
    OrganizationId = "o-[a-z0-9]{10,32}";
    ParentId = "r-[0-9a-z]{4,32}|ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}";
    PermissionSetArn = arn!("permissionSet/(?:sso)?ins-[a-zA-Z0-9-.]{16}/ps-[a-zA-Z0-9-./]{16}");
    PermissionSetName = "[0-9A-Za-z_+=,.@-]{1,32}";
    PrincipalId = "(?:[0-9a-f]{10}-)?[A-Fa-f0-9]{8}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{12}";
    Region = "[a-z]{2,3}(?:-[a-z]+)+-[0-9]";
    RequestId = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
    RootId = "r-[0-9a-z]{4,32}";
    TaggableResourceId = "r-[0-9a-z]{4,32}|[0-9]{12}|ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}";
}
